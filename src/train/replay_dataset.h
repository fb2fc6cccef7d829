// The episodes of a replay memory as a dataset: what the study learns its MuJoCo models from.
#ifndef TRAPEZE_TRAIN_REPLAY_DATASET_H
#define TRAPEZE_TRAIN_REPLAY_DATASET_H

#include "data/writer.h"
#include "envs/env.h"
#include "train/replay.h"

// Writes every episode of `replay`, which has a raw part, oldest first. `env` (borrowed, reset on
// the way) and `seed` give the episodes' first states. An episode whose beginning was overwritten
// starts at the first state that is left, unseeded; one that was cut (the newest, or one that
// broke) is marked truncated, and why it broke. TZ_ERR_ARGUMENT when there is no whole transition;
// the errors of tz_writer_*.
TZ_API tz_status tz_replay_write_dataset(const tz_replay *replay, tz_env *env, uint64_t seed,
                                         const tz_writer_def *def, tz_error *error);

#endif
