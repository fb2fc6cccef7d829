# CMake generated Testfile for 
# Source directory: /work/wt/data/tests/policies
# Build directory: /work/wt/data/build-asan/tests/policies
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test("test_policy" "/work/wt/data/build-asan/tests/policies/test_policy")
set_tests_properties("test_policy" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/policies/CMakeLists.txt;1;tz_add_test;/work/wt/data/tests/policies/CMakeLists.txt;0;")
