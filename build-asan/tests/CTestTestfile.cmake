# CMake generated Testfile for 
# Source directory: /work/wt/data/tests
# Build directory: /work/wt/data/build-asan/tests
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
subdirs("base")
subdirs("envs")
subdirs("policies")
subdirs("models")
subdirs("data")
subdirs("train")
subdirs("plan")
subdirs("view")
subdirs("cli")
