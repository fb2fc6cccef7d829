#!/usr/bin/env bash
# Builds and runs every test: with the pinned MuJoCo and the checks against other implementations, with the
# distribution's MuJoCo, under the address and undefined-behaviour sanitizers, and the parsers on inputs that libFuzzer
# makes up for a minute each. The last line says
# "N passed, N failed" over all of them. With CI=true warnings are errors, and a check that cannot run
# (no package index) counts as a failure.
set -u
cd "$(dirname "$0")/.." || exit

passed=0
failed=0
ci=${CI:-false}
jobs=$(nproc)
options=()
[ "$ci" = true ] && options+=(-DTRAPEZE_WERROR=ON)

# absent SENTENCE: a part of the tests cannot run here.
absent() {
    echo "$1" >&2
    [ "$ci" = true ] && failed=$((failed + 1))
}

# configure PRESET [OPTION...]; a failure counts as one.
configure() {
    cmake --preset "$1" "${options[@]}" "${@:2}" && return
    failed=$((failed + 1))
    return 1
}

# run PRESET: builds and tests what was configured, and adds to the sums.
run() {
    if ! cmake --build --preset "$1" -j "$jobs"; then
        failed=$((failed + 1))
        return
    fi
    local report=build/$1/tests.xml good all
    rm -f "$report"
    ctest --preset "$1" -j "$jobs" --output-junit "$PWD/$report"
    all=$(grep -c '<testcase ' "$report")
    good=$(grep -c '<testcase .*status="run"' "$report")
    passed=$((passed + good))
    # A run without any test is a failure too.
    failed=$((failed + (all > 0 ? all - good : 1)))
}

peers=$(tools/peers.sh) || peers=
[ -n "$peers" ] || absent 'The checks against other implementations are left out: their Python packages cannot be installed.'

# Ask anew for the pinned MuJoCo, also where an earlier build had to do without.
if configure release -UTRAPEZE_MUJOCO -DTRAPEZE_PEERS_PYTHON="$peers"; then
    if grep -q '^TRAPEZE_MUJOCO:STRING=wheel$' build/release/CMakeCache.txt; then
        run release
    else
        absent "The pinned MuJoCo cannot be fetched: only the distribution's is tested."
    fi
fi
configure release-system && run release-system
configure asan-ubsan && run asan-ubsan
configure fuzz && run fuzz

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
