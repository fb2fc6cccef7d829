# CMake generated Testfile for 
# Source directory: /work/wt/data/tests/plan
# Build directory: /work/wt/data/build-asan/tests/plan
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test("test_planner" "/work/wt/data/build-asan/tests/plan/test_planner")
set_tests_properties("test_planner" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/plan/CMakeLists.txt;1;tz_add_test;/work/wt/data/tests/plan/CMakeLists.txt;0;")
add_test("test_sim_model" "/work/wt/data/build-asan/tests/plan/test_sim_model")
set_tests_properties("test_sim_model" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/plan/CMakeLists.txt;2;tz_add_test;/work/wt/data/tests/plan/CMakeLists.txt;0;")
