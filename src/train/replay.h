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
#include <stdint.h>

// Arrays of transitions, rows side by side. Used for the ring itself and for batches.
typedef struct tz_transitions {
    float *obs;      // observations                                        (n, n_obs)
    float *action;   // squashed actions in [-1, 1]                         (n, nu)
    float *reward;   //                                                     (n)
    float *next_obs; // true next observations                              (n, n_obs)
    float *done;     // 1 where the task ended, else 0                      (n)
} tz_transitions;

// Why an episode was cut after a step. The step that broke the simulation, or whose reward was not
// a finite number, is not in the memory.
typedef enum tz_replay_cut {
    TZ_CUT_NOT, // the task ended, or the episode goes on
    TZ_CUT_TIME_LIMIT,
    TZ_CUT_UNSTABLE,
    TZ_CUT_BAD_REWARD
} tz_replay_cut;

// What the learner does not need, but a dataset of the memory's episodes does.
typedef struct tz_raw_transitions {
    double *z_next;     // raw states after the step                          (n, nz)
    double *reward;     //                                                    (n)
    int64_t *episode;   // tz_env_reset with this number gave the first state (n)
    int64_t *t;         // steps of the episode before this one               (n)
    unsigned char *cut; // tz_replay_cut                                      (n)
} tz_raw_transitions;

typedef struct tz_replay {
    int n_obs, nu;
    int nz;          // 0: no raw part
    size_t capacity; // rows
    size_t size;     // rows filled, at most capacity
    size_t next;     // row that the next transition takes
    tz_transitions rows;
    tz_raw_transitions raw; // same rows; NULLs when nz is 0
    float *block;           // owns the rows' memory
    double *raw_block;      // owns the raw part's memory
} tz_replay;

// Errors: TZ_ERR_MEMORY names the size in bytes.
TZ_API tz_status tz_replay_create(tz_replay *replay, int n_obs, int nu, int nz, size_t capacity,
                                  tz_error *error);
TZ_API void tz_replay_destroy(tz_replay *replay); // accepts a zeroed struct

// One step of the environment; all pointers borrowed.
typedef struct tz_transition {
    const float *obs, *next_obs; //                                                 (n_obs)
    const float *action;         //                                                 (nu)
    double reward;
    bool terminated, truncated;
    const double *z_next; // ignored, as what follows, when the memory has no raw part (nz)
    uint64_t episode, t;
} tz_transition;

// Stores one transition over the oldest one when full.
TZ_API void tz_replay_add(tz_replay *replay, const tz_transition *transition);

// Says why the episode of the newest transition goes no further. Ignored without a raw part.
TZ_API void tz_replay_cut_newest(tz_replay *replay, tz_replay_cut why);

// Copies B rows drawn uniformly from the filled ones into `batch`.
TZ_API void tz_replay_sample(const tz_replay *replay, tz_transitions *batch, int B, tz_rng *rng);

// Steps of one episode that lie in the memory one after the other.
typedef struct tz_replay_episode {
    size_t first; // row of the first step; later rows follow, modulo the capacity
    size_t n;     // steps
} tz_replay_episode;

// The episode whose first row is `row`-th from the oldest (0: the oldest).
TZ_API tz_replay_episode tz_replay_episode_at(const tz_replay *replay, size_t row);

#endif
