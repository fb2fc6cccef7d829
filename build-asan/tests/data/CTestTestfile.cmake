# CMake generated Testfile for 
# Source directory: /work/wt/data/tests/data
# Build directory: /work/wt/data/build-asan/tests/data
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test("test_dataset" "/work/wt/data/build-asan/tests/data/test_dataset")
set_tests_properties("test_dataset" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/data/CMakeLists.txt;1;tz_add_test;/work/wt/data/tests/data/CMakeLists.txt;0;")
add_test("test_writer" "/work/wt/data/build-asan/tests/data/test_writer")
set_tests_properties("test_writer" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/data/CMakeLists.txt;2;tz_add_test;/work/wt/data/tests/data/CMakeLists.txt;0;")
add_test("test_check" "/work/wt/data/build-asan/tests/data/test_check")
set_tests_properties("test_check" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/data/CMakeLists.txt;3;tz_add_test;/work/wt/data/tests/data/CMakeLists.txt;0;")
add_test("test_collect" "/work/wt/data/build-asan/tests/data/test_collect")
set_tests_properties("test_collect" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/data/CMakeLists.txt;4;tz_add_test;/work/wt/data/tests/data/CMakeLists.txt;0;")
