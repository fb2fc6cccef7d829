# CMake generated Testfile for 
# Source directory: /work/wt/data/tests/train
# Build directory: /work/wt/data/build-asan/tests/train
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test("test_evaluation" "/work/wt/data/build-asan/tests/train/test_evaluation")
set_tests_properties("test_evaluation" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/train/CMakeLists.txt;1;tz_add_test;/work/wt/data/tests/train/CMakeLists.txt;0;")
add_test("test_optimiser" "/work/wt/data/build-asan/tests/train/test_optimiser")
set_tests_properties("test_optimiser" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/train/CMakeLists.txt;2;tz_add_test;/work/wt/data/tests/train/CMakeLists.txt;0;")
add_test("test_sequences" "/work/wt/data/build-asan/tests/train/test_sequences")
set_tests_properties("test_sequences" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/train/CMakeLists.txt;3;tz_add_test;/work/wt/data/tests/train/CMakeLists.txt;0;")
add_test("test_trainer" "/work/wt/data/build-asan/tests/train/test_trainer")
set_tests_properties("test_trainer" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/train/CMakeLists.txt;4;tz_add_test;/work/wt/data/tests/train/CMakeLists.txt;0;")
add_test("test_training" "/work/wt/data/build-asan/tests/train/test_training")
set_tests_properties("test_training" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/train/CMakeLists.txt;5;tz_add_test;/work/wt/data/tests/train/CMakeLists.txt;0;")
add_test("test_sac" "/work/wt/data/build-asan/tests/train/test_sac")
set_tests_properties("test_sac" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/train/CMakeLists.txt;6;tz_add_test;/work/wt/data/tests/train/CMakeLists.txt;0;")
add_test("test_training_golden" "/work/wt/data/build-asan/tests/train/test_training_golden")
set_tests_properties("test_training_golden" PROPERTIES  LABELS "" TIMEOUT "600" _BACKTRACE_TRIPLES "/work/wt/data/tests/CMakeLists.txt;21;add_test;/work/wt/data/tests/CMakeLists.txt;11;tz_add_test_command;/work/wt/data/tests/train/CMakeLists.txt;7;tz_add_test;/work/wt/data/tests/train/CMakeLists.txt;0;")
