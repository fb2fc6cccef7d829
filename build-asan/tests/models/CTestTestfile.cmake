# CMake generated Testfile for 
# Source directory: /work/wt/data/tests/models
# Build directory: /work/wt/data/build-asan/tests/models
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test("test_derivatives" "/work/wt/data/build-asan/tests/models/test_derivatives")
set_tests_properties("test_derivatives" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/models/CMakeLists.txt;1;tz_add_test;/work/wt/data/tests/models/CMakeLists.txt;0;")
add_test("test_golden" "/work/wt/data/build-asan/tests/models/test_golden")
set_tests_properties("test_golden" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/models/CMakeLists.txt;2;tz_add_test;/work/wt/data/tests/models/CMakeLists.txt;0;")
add_test("test_kinds" "/work/wt/data/build-asan/tests/models/test_kinds")
set_tests_properties("test_kinds" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/models/CMakeLists.txt;3;tz_add_test;/work/wt/data/tests/models/CMakeLists.txt;0;")
add_test("test_model_file" "/work/wt/data/build-asan/tests/models/test_model_file")
set_tests_properties("test_model_file" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/models/CMakeLists.txt;4;tz_add_test;/work/wt/data/tests/models/CMakeLists.txt;0;")
