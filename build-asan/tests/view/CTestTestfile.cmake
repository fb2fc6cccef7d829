# CMake generated Testfile for 
# Source directory: /work/wt/data/tests/view
# Build directory: /work/wt/data/build-asan/tests/view
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test("test_recorder" "/work/wt/data/build-asan/tests/view/test_recorder")
set_tests_properties("test_recorder" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/view/CMakeLists.txt;1;tz_add_test;/work/wt/data/tests/view/CMakeLists.txt;0;")
add_test("test_window" "xvfb-run" "-a" "-s" "-screen 0 800x600x24" "/work/wt/data/build-asan/tests/view/test_window")
set_tests_properties("test_window" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/view/CMakeLists.txt;6;tz_add_test_command;/work/wt/data/tests/view/CMakeLists.txt;0;")
