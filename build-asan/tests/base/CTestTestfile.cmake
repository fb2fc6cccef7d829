# CMake generated Testfile for 
# Source directory: /work/wt/data/tests/base
# Build directory: /work/wt/data/build-asan/tests/base
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test("test_activation" "/work/wt/data/build-asan/tests/base/test_activation")
set_tests_properties("test_activation" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/base/CMakeLists.txt;1;tz_add_test;/work/wt/data/tests/base/CMakeLists.txt;0;")
add_test("test_blas" "/work/wt/data/build-asan/tests/base/test_blas")
set_tests_properties("test_blas" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/base/CMakeLists.txt;2;tz_add_test;/work/wt/data/tests/base/CMakeLists.txt;0;")
add_test("test_child" "/work/wt/data/build-asan/tests/base/test_child")
set_tests_properties("test_child" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/base/CMakeLists.txt;3;tz_add_test;/work/wt/data/tests/base/CMakeLists.txt;0;")
add_test("test_file" "/work/wt/data/build-asan/tests/base/test_file")
set_tests_properties("test_file" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/base/CMakeLists.txt;4;tz_add_test;/work/wt/data/tests/base/CMakeLists.txt;0;")
add_test("test_memory" "/work/wt/data/build-asan/tests/base/test_memory")
set_tests_properties("test_memory" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/base/CMakeLists.txt;5;tz_add_test;/work/wt/data/tests/base/CMakeLists.txt;0;")
add_test("test_parallel" "/work/wt/data/build-asan/tests/base/test_parallel")
set_tests_properties("test_parallel" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/base/CMakeLists.txt;6;tz_add_test;/work/wt/data/tests/base/CMakeLists.txt;0;")
add_test("test_plot" "/work/wt/data/build-asan/tests/base/test_plot")
set_tests_properties("test_plot" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/base/CMakeLists.txt;7;tz_add_test;/work/wt/data/tests/base/CMakeLists.txt;0;")
add_test("test_progress" "/work/wt/data/build-asan/tests/base/test_progress")
set_tests_properties("test_progress" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/base/CMakeLists.txt;8;tz_add_test;/work/wt/data/tests/base/CMakeLists.txt;0;")
add_test("test_rng" "/work/wt/data/build-asan/tests/base/test_rng")
set_tests_properties("test_rng" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/base/CMakeLists.txt;9;tz_add_test;/work/wt/data/tests/base/CMakeLists.txt;0;")
add_test("test_run_folder" "/work/wt/data/build-asan/tests/base/test_run_folder")
set_tests_properties("test_run_folder" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/base/CMakeLists.txt;10;tz_add_test;/work/wt/data/tests/base/CMakeLists.txt;0;")
add_test("test_safetensors" "/work/wt/data/build-asan/tests/base/test_safetensors")
set_tests_properties("test_safetensors" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/base/CMakeLists.txt;11;tz_add_test;/work/wt/data/tests/base/CMakeLists.txt;0;")
add_test("test_json" "/work/wt/data/build-asan/tests/base/test_json")
set_tests_properties("test_json" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/base/CMakeLists.txt;16;tz_add_test;/work/wt/data/tests/base/CMakeLists.txt;0;")
