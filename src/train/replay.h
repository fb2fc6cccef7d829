// Replay memory: a ring of transitions in float, sized at create. Sampling is with replacement and
// addressed by a random stream, so a batch depends on the stream and the content alone.
//
// `done` marks a true end (terminated): a truncated episode is not an end, its next observation is
// stored as it was and the learner bootstraps from it.
#ifndef TRAPEZE_TRAIN_REPLAY_H
#define TRAPEZE_TRAIN_REPLAY_H

#include "base/rng.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

// Arrays of transitions, rows side by side. Used for the ring itself and for batches.
typedef struct tz_transitions {
    float *obs;      // observations                                        (n, n_obs)
    float *action;   // squashed actions in [-1, 1]                         (n, nu)
    float *reward;   //                                                     (n)
    float *next_obs; // true next observations                              (n, n_obs)
    float *done;     // 1 where the task ended, else 0                      (n)
} tz_transitions;

typedef struct tz_replay {
    int n_obs, nu;
    size_t capacity; // rows
    size_t size;     // rows filled, at most capacity
    size_t next;     // row that the next transition takes
    tz_transitions rows;
    float *block; // owns the rows' memory
} tz_replay;

// Errors: TZ_ERR_MEMORY names the size in bytes.
TZ_API tz_status tz_replay_create(tz_replay *replay, int n_obs, int nu, size_t capacity,
                                  tz_error *error);
TZ_API void tz_replay_destroy(tz_replay *replay); // accepts a zeroed struct

// Stores one transition over the oldest one when full.
TZ_API void tz_replay_add(tz_replay *replay, const float *obs, const float *action, double reward,
                          const float *next_obs, bool terminated);

// Copies B rows drawn uniformly from the filled ones into `batch`.
TZ_API void tz_replay_sample(const tz_replay *replay, tz_transitions *batch, int B, tz_rng *rng);

#endif
