# A thin front of the CMake presets (cmake --list-presets). Each target first installs the Debian packages
# that it needs and that are missing.
PREFIX ?= /usr/local

help:
	@echo 'make demo      build, then learn a model of HalfCheetah and drive the robot with it (runs/demo)'
	@echo 'make test      build and run every test, with both MuJoCo versions and under sanitizers'
	@echo 'make build     build the program: build/release/src/cli/trapeze'
	@echo 'make install   install it below PREFIX=$(PREFIX)'
	@echo 'make lint      check the formatting;  make format: mend it'
	@echo 'make clean     remove the build folders'

build: setup-build
	cmake --preset release
	cmake --build --preset release --target trapeze-cli

demo: setup-demo build
	tools/demo.sh build/release/src/cli/trapeze

test: setup-test
	tools/test.sh

install: build
	cmake --install build/release --prefix "$(PREFIX)"

setup-%:
	@tools/setup.sh $*

sources = build/sources.txt
$(sources):
	@mkdir -p build
	git ls-files -z '*.c' '*.h' >$@

lint: setup-lint $(sources)
	xargs -0 -a $(sources) clang-format --dry-run --Werror

format: setup-lint $(sources)
	xargs -0 -a $(sources) clang-format -i

clean:
	rm -rf build

# each target installs packages first, one at a time
.NOTPARALLEL:
.PHONY: help build demo test install lint format clean $(sources)
