# CMake generated Testfile for 
# Source directory: /work/wt/data/tests/envs
# Build directory: /work/wt/data/build-asan/tests/envs
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test("test_env" "/work/wt/data/build-asan/tests/envs/test_env")
set_tests_properties("test_env" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/envs/CMakeLists.txt;1;tz_add_test;/work/wt/data/tests/envs/CMakeLists.txt;0;")
add_test("test_env_vec" "/work/wt/data/build-asan/tests/envs/test_env_vec")
set_tests_properties("test_env_vec" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/envs/CMakeLists.txt;2;tz_add_test;/work/wt/data/tests/envs/CMakeLists.txt;0;")
add_test("test_observation" "/work/wt/data/build-asan/tests/envs/test_observation")
set_tests_properties("test_observation" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/envs/CMakeLists.txt;3;tz_add_test;/work/wt/data/tests/envs/CMakeLists.txt;0;")
add_test("test_mjcf" "/work/wt/data/build-asan/tests/envs/test_mjcf")
set_tests_properties("test_mjcf" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/envs/CMakeLists.txt;4;tz_add_test;/work/wt/data/tests/envs/CMakeLists.txt;0;")
add_test("test_transitions" "/work/wt/data/build-asan/tests/envs/test_transitions")
set_tests_properties("test_transitions" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/envs/CMakeLists.txt;5;tz_add_test;/work/wt/data/tests/envs/CMakeLists.txt;0;")
