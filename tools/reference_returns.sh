#!/bin/sh
# Returns of random controls and of the shipped experts, which `trapeze data scores` counts from (docs/datasets.md).
#
#   tools/reference_returns.sh PROGRAM OUT [ENV...]
#
# Each is measured over 200 episodes of seed 1000, whose starts no training saw, under the rules of both versions; an
# expert is trained under version 5. OUT/ENV-VERSION-POLICY-v0 is the dataset of one measurement; those that are there
# are kept, so the same command continues. Prints a row of a table for each. THREADS=N in the environment: not one a CPU.
set -eu
usage="usage: tools/reference_returns.sh PROGRAM OUT [ENV...]"
trapeze=${1:?$usage} out=${2:?$usage}
shift 2
policies=$(dirname "$0")/../policies
[ $# -gt 0 ] || set -- half_cheetah hopper walker2d ant swimmer reacher pusher inverted_pendulum inverted_double_pendulum \
    humanoid humanoid_standup

for env; do
    for version in v5 v4; do
        for policy in random "$env-expert"; do
            [ "$policy" = random ] || [ -e "$policies/$policy.safetensors" ] || continue
            data=$out/$env-$version-$policy-v0
            "$trapeze" collect --env "$env" --version $version --policy "$policy" --episodes 200 --seed 1000 --out "$data" \
                --threads "${THREADS:-0}" --quiet --resume >/dev/null
            info=$("$trapeze" data info "$data")
            echo "$info" | sed -n "s/^return *\\([-0-9.]*\\) +- \\([0-9.]*\\) .*/| $env $version | $policy | \\1 | \\2 |/p"
        done
    done
done
