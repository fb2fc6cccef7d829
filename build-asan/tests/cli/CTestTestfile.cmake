# CMake generated Testfile for 
# Source directory: /work/wt/data/tests/cli
# Build directory: /work/wt/data/build-asan/tests/cli
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test("test_envs" "/work/wt/data/build-asan/tests/cli/test_envs")
set_tests_properties("test_envs" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/cli/CMakeLists.txt;1;tz_add_test;/work/wt/data/tests/cli/CMakeLists.txt;0;")
add_test("test_doctor" "/work/wt/data/build-asan/tests/cli/test_doctor")
set_tests_properties("test_doctor" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/cli/CMakeLists.txt;2;tz_add_test;/work/wt/data/tests/cli/CMakeLists.txt;0;")
add_test("test_options" "/work/wt/data/build-asan/tests/cli/test_options")
set_tests_properties("test_options" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/cli/CMakeLists.txt;3;tz_add_test;/work/wt/data/tests/cli/CMakeLists.txt;0;")
