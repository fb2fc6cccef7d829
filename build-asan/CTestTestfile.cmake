# CMake generated Testfile for 
# Source directory: /work/wt/data
# Build directory: /work/wt/data/build-asan
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
subdirs("src/base")
subdirs("envs")
subdirs("policies")
subdirs("models")
subdirs("src/data")
subdirs("src/train")
subdirs("src/plan")
subdirs("src/view")
subdirs("src/cli")
subdirs("tests")
