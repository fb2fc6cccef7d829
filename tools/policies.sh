#!/bin/sh
# The shipped policies, again: trains each by soft actor-critic, measures it on starts that no training saw, and puts
# policy, critics and learning curve in their places (policies/README.md).
#
#   tools/policies.sh PROGRAM OUT [ENV...]
#
# OUT/ENV is the training run, OUT/ENV-replay-v0 its replay memory as a dataset, OUT/ENV-returns.txt the 20 episodes
# that the table shows. A finished run is kept and an interrupted one goes on, so the same command continues.
set -eu
usage="usage: tools/policies.sh PROGRAM OUT [ENV...]"
trapeze=${1:?$usage} out=${2:?$usage}
shift 2
policies=$(dirname "$0")/../policies
[ $# -gt 0 ] || set -- half_cheetah ant hopper walker2d swimmer reacher pusher inverted_pendulum inverted_double_pendulum \
    humanoid_standup

half="--hidden 128 --batch 128" # of the default sizes

# Options of the training of one environment, beside its seed.
options() {
    case $1 in
    half_cheetah) echo "--steps 1000000" ;;
    ant) echo "--steps 1000000 --lr 0.001 --lr-end 0.0001" ;;
    reacher) echo "--steps 300000 --lr 0.001 --lr-end 0.0001" ;;
    hopper) echo "--steps 1000000 $half" ;;
    walker2d) echo "--steps 1000000 $half --lr 0.001 --lr-end 0.0001" ;;
    swimmer) echo "--steps 1000000 $half --gamma 0.999" ;;
    humanoid_standup) echo "--steps 605000 $half" ;;
    pusher) echo "--steps 500000 $half" ;;
    inverted_double_pendulum) echo "--steps 300000 $half" ;;
    inverted_pendulum) echo "--steps 100000" ;;
    *) echo "tools/policies.sh: no policy of $1 is shipped" >&2 && exit 2 ;;
    esac
}

for env; do
    settings=$(options "$env")
    run=$out/$env
    # shellcheck disable=SC2086 # one word an option
    "$trapeze" sac --env "$env" --seed 0 $settings --threads 1 --out "$run" --resume --save-replay "$run-replay-v0"
    "$trapeze" collect --env "$env" --policy "$run/best.safetensors" --episodes 20 --seed 1000 --out "$run-episodes-v0" \
        --resume >"$run-returns.txt"
    cat "$run-returns.txt"
    cp "$run/best.safetensors" "$policies/$env-expert.safetensors"
    if [ "$env" = half_cheetah ]; then
        # shellcheck disable=SC2086 # one word an option
        "$trapeze" sac --env "$env" --seed 0 --steps 1000000 $half --snapshot-at 1500,3500 \
            --threads 1 --out "$run-skilled" --resume
        cp "$run-skilled/snapshots/return-1500.safetensors" "$policies/half_cheetah-novice.safetensors"
        cp "$run-skilled/snapshots/return-3500.safetensors" "$policies/half_cheetah-medium.safetensors"
        cp "$run-skilled/best.safetensors" "$policies/half_cheetah-skilled.safetensors"
    fi
    cp "$run/best-critics.safetensors" "$policies/$env-critics.safetensors"
    cp "$run/metrics.csv" "$policies/curves/$env.csv"
    cp "$run/return.png" "$policies/curves/$env.png"
done
