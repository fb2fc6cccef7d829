#!/bin/sh
# The main job from start to end, on HalfCheetah: collect episodes, learn three kinds of transition
# model from them, compare them on held-out episodes, and drive the robot with NODE+SO.
#   tools/demo.sh build/release/src/cli/trapeze
# Leaves runs/demo. A stage whose result is there already is kept; remove the folder to begin anew.
set -eu
cd "$(dirname "$0")/.."
trapeze=${1:?usage: tools/demo.sh PROGRAM}
out=runs/demo

# Budgets for two cores and ten to twelve minutes with AVX-512 (docs/performance.md).
episodes=120
epochs=40
rounds=10
plan="--samples 100 --iterations 3"
# The rounds may fall: the model learns from that. The drive sees a fall coming, in half of the substeps that the
# model learned with, in half of the time; trials tell which model drives best so.
round="--episodes 5 --steps 200 --horizon 25 --epochs 15"
trial="--trial-episodes 2 --trial-steps 300 --trial-horizon 40 --trial-substeps 4"
drive="$plan --horizon 40 --substeps 4"

stage() { # stage NAME RESULT COMMAND...: runs the command unless its result is there
    name=$1 result=$2
    shift 2
    if [ -e "$result" ]; then
        echo "== $name: kept, $result is there"
    else
        echo "== $name"
        "$@"
    fi
}

mkdir -p "$out"
stage "collect $episodes episodes under policies of four skills, with noise" "$out/data/data/main_data.hdf5" \
    "$trapeze" collect --env half_cheetah --episodes $episodes --seed 0 --out "$out/data" --resume \
    --policy half_cheetah-skilled --policy half_cheetah-medium --policy half_cheetah-novice --policy random \
    --noise 0.5 --noise-min 0 --noise-color 0.8

for kind in node-so node hnn; do
    stage "learn $kind" "$out/$kind/model.safetensors" \
        "$trapeze" train --data "$out/data" --model $kind --epochs $epochs --seed 0 --out "$out/$kind" --resume
done

stage "compare on held-out episodes" "$out/eval/metrics.json" \
    "$trapeze" eval --data "$out/data" --out "$out/eval" \
    --model "$out/node/model.safetensors" --model "$out/node-so/model.safetensors" \
    --model "$out/hnn/model.safetensors"

# shellcheck disable=SC2086 # one word an option
stage "$rounds rounds: the planner's own episodes join the data of NODE+SO" "$out/rounds/model.safetensors" \
    "$trapeze" rounds --env half_cheetah --data "$out/data" --model "$out/node-so/model.safetensors" \
    --out "$out/rounds" --rounds $rounds --resume $plan $round $trial

drive_robot() { # drive_robot [--view]
    rm -rf "$out/mpc" # of a drive that was cut short
    # shellcheck disable=SC2086 # one word an option
    "$trapeze" mpc --env half_cheetah --model "$out/rounds/model.safetensors" $drive --episodes 1 --seed 0 \
        --out "$out/mpc" --video "$out/mpc.mp4" "$@"
}
drive_in_sight() { # in a window, and without one where none opens
    status=2
    if [ -n "${DISPLAY:-}" ]; then
        status=0
        drive_robot --view || status=$?
    fi
    if [ $status -eq 2 ] && [ ! -e "$out/mpc/results.json" ]; then
        drive_robot
    else
        return $status
    fi
}
stage "drive the robot through NODE+SO" "$out/mpc/results.json" drive_in_sight

echo "== done: $out"
echo "live, with sliders (Tab) and pulls (Ctrl and the mouse):"
echo "  $trapeze mpc --env half_cheetah --model $out/rounds/model.safetensors $drive --view"
