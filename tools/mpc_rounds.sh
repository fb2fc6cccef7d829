#!/bin/sh
# Rounds of control and learning: a model's planner drives the robot, its episodes join the data, and
# training continues from the model's weights. What the planner exploits in one round is data in the
# next.
#
#   tools/mpc_rounds.sh ENV DATA MODEL OUT [ROUNDS]
#
# OUT/round-R/mpc holds the episodes and the report of round R, OUT/round-R/model the model learned
# after it; a round whose model is there is kept. OUT/model.safetensors is the model that earned the
# most in its round: rounds do not improve steadily, and the last model has not been tried. The
# episodes of all rounds together are drawn as often as DATA. Set by the environment:
#   TRAPEZE       the program                          MPC    options of `trapeze mpc`
#   EPISODES      of a round                           STEPS  of an episode
#   EPOCHS, LR    of the training after a round        SEED   of the first round
#   TRAIN         more options of `trapeze train`
set -eu
if [ $# -lt 4 ]; then
    sed -n '2,16s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
env=$1 data=$2 model=$3 out=$4 rounds=${5:-3}
trapeze=${TRAPEZE:-trapeze}
episodes=${EPISODES:-2} steps=${STEPS:-500} epochs=${EPOCHS:-30} lr=${LR:-1e-3} seed=${SEED:-1000}

best= best_return=
# keeps the model that drove round $1 when no earlier one earned more
judge() {
    earned=$(sed -n 's/.*"return_mean": *\([-+.0-9e]*\).*/\1/p' "$out/round-$1/mpc/results.json")
    echo "round $1 of $rounds: mean return $earned"
    if [ -z "$best" ] || awk "BEGIN { exit !($earned > $best_return) }"; then
        best=$model best_return=$earned
    fi
}

round=1
while [ "$round" -le "$rounds" ]; do
    folder=$out/round-$round
    if [ -e "$folder/model/model.safetensors" ]; then
        judge "$round"
        model=$folder/model/model.safetensors
        round=$((round + 1))
        continue
    fi
    mkdir -p "$out"
    # shellcheck disable=SC2086
    "$trapeze" mpc --env "$env" --model "$model" --episodes "$episodes" --steps "$steps" \
        --seed $((seed + round)) --out "$folder/mpc" --quiet ${MPC:-} >"$out/mpc-$round.log"
    judge "$round"
    sources="--data $data --weight $round"
    earlier=1
    while [ "$earlier" -le "$round" ]; do
        sources="$sources --data $out/round-$earlier/mpc/dataset --weight 1"
        earlier=$((earlier + 1))
    done
    # shellcheck disable=SC2086
    "$trapeze" train $sources --init "$model" --epochs "$epochs" --lr "$lr" --test-fraction 0.1 \
        --seed $((seed + round)) --out "$folder/model" --quiet ${TRAIN:-} >"$out/train-$round.log"
    model=$folder/model/model.safetensors
    round=$((round + 1))
done
cp "$best" "$out/model.safetensors"
echo "best: $best, mean return $best_return"
