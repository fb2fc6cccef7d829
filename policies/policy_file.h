// Policy files: safetensors with the tensor names of Stable-Baselines3's SAC actor, so that its
// weights load as they are, and metadata that says what the policy sees and drives
// (docs/policies.md).
#ifndef TRAPEZE_POLICIES_POLICY_FILE_H
#define TRAPEZE_POLICIES_POLICY_FILE_H

#include "base/safetensors.h"
#include "base/status.h"
#include "envs/env.h"
#include "envs/observation.h"

enum { TZ_ACTOR_LAYERS_MAX = 8 };

// A squashed Gaussian actor: hidden layers of ReLU units, then one layer with mu and log sigma side
// by side. Weights are (in, out) and row-major.
typedef struct tz_actor {
    tz_observation_layout layout;        // what it sees of z; layout.n = D
    int n_layers;                        // hidden layers and the head, at least 1
    int n_out[TZ_ACTOR_LAYERS_MAX];      // units of each; of the head 2 nu         (n_layers)
    const float *W[TZ_ACTOR_LAYERS_MAX]; // (n_in, n_out) each
    const float *b[TZ_ACTOR_LAYERS_MAX]; // (n_out) each
    double control_low[TZ_NU_MAX];       // control of action -1                    (nu)
    double control_high[TZ_NU_MAX];      // control of action +1                    (nu)
} tz_actor;

static inline int tz_actor_n_in(const tz_actor *actor, int layer) {
    return layer == 0 ? actor->layout.n : actor->n_out[layer - 1];
}

// Writes the file. `notes` are further metadata (command, seed, steps, ...); the keys of the format
// are added. Errors: TZ_ERR_IO, TZ_ERR_MEMORY.
TZ_API tz_status tz_actor_write(const char *path, const tz_actor *actor, const tz_task *task,
                                const tz_metadata *notes, int n_notes, tz_error *error);

// Reads a file for a task. A file without metadata gets Gymnasium's observation layout of the
// task's environment and the task's control range. The weights live in *block, which the caller
// frees with tz_free; sha256 is the file's hex digest. Errors: TZ_ERR_IO, TZ_ERR_FORMAT,
// TZ_ERR_MISMATCH (another environment or other shapes), TZ_ERR_MEMORY.
TZ_API tz_status tz_actor_read(tz_actor *actor, float **block, char sha256[65], const char *path,
                               const tz_task *task, tz_error *error);

#endif
