#!/bin/sh
# Rounds of control and learning: a model's planner drives the robot, its episodes join the data, and
# training continues from the model's weights. What the planner exploits in one round is data in the
# next.
#
#   tools/mpc_rounds.sh ENV DATA MODEL OUT [ROUNDS]
#
# OUT/round-R/mpc holds the episodes and the report of round R, OUT/round-R/model the model learned
# after it; what is there already is kept, and an interrupted round goes on. OUT/model.safetensors is the
# best model: rounds do not improve steadily. It is the one that earned the most in its round, or with TRY in
# trials: then the models after the second half of the rounds drive once more, all from the same starts. The
# episodes of all rounds together are drawn as often as DATA. Set by the environment:
#   TRAPEZE       the program                          MPC    options of `trapeze mpc`
#   EPISODES      of a round                           STEPS  of an episode
#   EPOCHS, LR    of the training after a round        SEED   of the first round
#   TRAIN         more options of `trapeze train`
#   TRY           options of `trapeze mpc` for the trials
set -eu
if [ $# -lt 4 ]; then
    sed -n '2,17s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
env=$1 data=$2 model=$3 out=$4 rounds=${5:-3}
trapeze=${TRAPEZE:-trapeze}
episodes=${EPISODES:-2} steps=${STEPS:-500} epochs=${EPOCHS:-30} lr=${LR:-1e-3} seed=${SEED:-1000}

best='' best_return=''
# keeps the model $2 when the run with the results $3 earned more than those before; $1 says which run
judge() {
    earned=$(sed -n 's/.*"return_mean": *\([-+.0-9e]*\).*/\1/p' "$3")
    echo "$1: mean return $earned"
    if [ -z "$best" ] || awk "BEGIN { exit !($earned > $best_return) }"; then
        best=$2 best_return=$earned
    fi
}

round=1
while [ "$round" -le "$rounds" ]; do
    folder=$out/round-$round
    if [ -e "$folder/model/model.safetensors" ]; then
        judge "round $round of $rounds" "$model" "$folder/mpc/results.json"
        model=$folder/model/model.safetensors
        round=$((round + 1))
        continue
    fi
    mkdir -p "$out"
    # beside a journal the results are those of a part
    if [ ! -e "$folder/mpc/results.json" ] || [ -e "$folder/mpc/dataset/journal" ]; then
        # shellcheck disable=SC2086 # one word an option
        "$trapeze" mpc --env "$env" --model "$model" --episodes "$episodes" --steps "$steps" \
            --seed $((seed + round)) --out "$folder/mpc" --resume --quiet ${MPC:-} >"$out/mpc-$round.log"
    fi
    judge "round $round of $rounds" "$model" "$folder/mpc/results.json"
    sources="--data $data --weight $round"
    earlier=1
    while [ "$earlier" -le "$round" ]; do
        sources="$sources --data $out/round-$earlier/mpc/dataset --weight 1"
        earlier=$((earlier + 1))
    done
    # shellcheck disable=SC2086
    "$trapeze" train $sources --init "$model" --epochs "$epochs" --lr "$lr" --test-fraction 0.1 \
        --seed $((seed + round)) --out "$folder/model" --resume --quiet ${TRAIN:-} >"$out/train-$round.log"
    model=$folder/model/model.safetensors
    round=$((round + 1))
done

# trials, from starts that no round sees
after=$(((rounds + 1) / 2))
[ -z "${TRY:-}" ] || best=''
while [ -n "${TRY:-}" ] && [ "$after" -le "$rounds" ]; do
    model=$out/round-$after/model/model.safetensors results=$out/trial-$after.json
    if [ ! -e "$results" ]; then
        # shellcheck disable=SC2086 # one word an option
        "$trapeze" mpc --env "$env" --model "$model" --seed $((seed - 1)) --quiet --json $TRY >"$results.part"
        mv "$results.part" "$results"
    fi
    judge "the model after round $after" "$model" "$results"
    after=$((after + 1))
done
cp "$best" "$out/model.safetensors"
echo "best: $best, mean return $best_return"
