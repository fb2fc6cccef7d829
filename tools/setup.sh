#!/bin/sh
# Installs the Debian packages that one purpose needs and this machine lacks:
#   tools/setup.sh build|demo|test|lint
# Does nothing when all are there. Uses root's apt-get, or sudo.
set -eu

tools='cmake ninja-build gcc libc6-dev pkg-config python3 python3-pip ca-certificates'
libraries='libopenblas-dev libxsmm-dev libhdf5-dev libjson-c-dev libglfw3-dev libegl-dev libgl-dev libpng-dev
    libmd-dev zlib1g-dev librandom123-dev libmujoco-dev'
programs='ffmpeg gnuplot-nox libegl1 libgl1 libgl1-mesa-dri'
case ${1:-} in
build) packages="$tools $libraries libcmocka-dev" ;;
demo) packages="$tools $libraries libcmocka-dev $programs" ;;
test) packages="$tools $libraries libcmocka-dev $programs libsundials-dev libopenmpi-dev openmpi-bin clang
    libclang-rt-14-dev xvfb xdotool python3-venv" ;;
lint) packages='git clang-format' ;;
*)
    echo "usage: tools/setup.sh build|demo|test|lint" >&2
    exit 2
    ;;
esac

# A tool that is in PATH need not come from a package.
is_there() {
    case $1 in
    cmake | gcc | clang | pkg-config | python3 | ffmpeg | git | clang-format) command -v "$1" ;;
    ninja-build) command -v ninja ;;
    gnuplot-nox) command -v gnuplot ;;
    xvfb) command -v Xvfb ;;
    python3-pip) python3 -m pip --version ;;
    *) dpkg-query -W -f '${db:Status-Status}\n' "$1" | grep -qx installed ;;
    esac >/dev/null 2>&1
}

list_missing() {
    for package in $packages; do
        is_there "$package" || printf ' %s' "$package"
    done
}

missing=$(list_missing)
[ -n "$missing" ] || exit 0

command="apt-get install --no-install-recommends$missing"
if ! command -v apt-get >/dev/null; then
    echo "trapeze: this system has no apt-get; install what these Debian packages hold:$missing" >&2
    exit 1
fi
as_root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "trapeze: packages are missing and there is no sudo; as root, run: $command" >&2
        exit 1
    fi
    as_root='sudo'
fi

echo "Installing$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # one word a package
if ! { $as_root apt-get update -q && $as_root apt-get install -q -y --no-install-recommends $missing; }; then
    echo "trapeze: packages could not be installed; see apt's message above, then run: $command" >&2
    exit 1
fi
