// Datasets: whole episodes of (z, u, reward, ends) in Minari's HDF5 layout (docs/formats.md).
//
// In memory a dataset is a few flat arrays with episode offsets; it is read once, then shared
// read-only by trainers and evaluations.
#ifndef TRAPEZE_DATA_DATASET_H
#define TRAPEZE_DATA_DATASET_H

#include "base/status.h"
#include "base/versions.h"
#include "envs/env.h"

// Where an episode came from, as far as its file says.
typedef struct tz_origin {
    bool known;             // seed and episode below are stored
    uint64_t seed, episode; // tz_env_reset with these two gives the first state
    int policy;             // index into the list of policies that made the dataset; -1: not stored
    double noise;           // std of the control noise, in half-ranges
    bool unstable;          // cut before the step where the simulation became unstable
    bool bad_reward;        // cut before the step whose reward was not finite
} tz_origin;

typedef struct tz_dataset {
    char env[TZ_NAME_MAX];          // the environment: registry name or MJCF file, "" if unknown
    char env_digest[TZ_DIGEST_MAX]; // of an MJCF file (docs/formats.md), "" if not known
    char env_arguments[TZ_ENV_ARGUMENTS_MAX]; // that are not the default (envs/arguments.h), or ""
    char mujoco[TZ_VERSIONS_MAX]; // versions of MuJoCo that made the states, "" if not known
    int nq, nv, nu; // nz = nq + nv; nq, nv are -1 if neither file nor environment says
    int nz;
    double dt_s;           // control period (seconds), 0 if unknown
    int max_episode_steps; // limit of the episodes, 0 if unknown
    bool ends_early;       // episodes end where the task's termination rule says so
    int n_episodes;
    size_t n_steps;      // transitions in all episodes
    size_t *step_offset; // first transition of each episode                    (n_episodes + 1)
    // Episode e has T_e = step_offset[e+1] - step_offset[e] transitions and T_e + 1 states; its
    // states start at row step_offset[e] + e.
    double *z;      // states                                 (n_steps + n_episodes, nz)
    float *u;       // controls as applied                                    (n_steps, nu)
    double *reward; //                                                           (n_steps)
    unsigned char *terminated, *truncated; //                                         (n_steps)
    tz_origin *origin;                     //                                        (n_episodes)
    char *config;    // the configuration that made it (JSON text), NULL if the file does not say
    char sha256[65]; // of the HDF5 file it was read from
    void *mapped;    // where the arrays lie if a child read them (data/guard.h), else NULL
    size_t mapped_bytes;
} tz_dataset;

// Reads a Minari folder or a bare HDF5 file; `env` (Nullable) names the environment of a file that
// does not, or the place of the MJCF file that it was recorded with: a file that is not there, or
// has changed, is an error where `env` names it; without, the dataset speaks for itself. Every
// value is checked: types, shapes, counts, non-finite numbers (TZ_ERR_FORMAT names the place), and
// an environment that is known fixes the dimensions (TZ_ERR_MISMATCH). Controls of other writers
// may be in double: they are rounded to float.
TZ_API tz_status tz_dataset_read(tz_dataset **dataset, const char *path, const char *env,
                                 tz_error *error);

// One broken rule.
typedef struct tz_fault {
    const char *rule; // "finite", "shape", "reward", ... (docs/datasets.md); static
    int episode;      // -1: the dataset as a whole
    long step;        // -1: the episode as a whole
    char text[512];   // what was found and what was expected
} tz_fault;
typedef void (*tz_fault_fn)(void *context, const tz_fault *fault);

// Like tz_dataset_read, but hands each broken rule to `fault` and goes on: numbers that are not
// finite and flags that are none as one fault for each array of an episode. An episode whose arrays
// are missing or do not fit each other keeps zero transitions (and one state row); damaged bytes of
// an array are an error as in tz_dataset_read.
TZ_API tz_status tz_dataset_read_tolerant(tz_dataset **dataset, const char *path, const char *env,
                                          tz_fault_fn fault, void *context, tz_error *error);
TZ_API void tz_dataset_destroy(tz_dataset *dataset); // Nullable

static inline int tz_dataset_length(const tz_dataset *dataset, int episode) {
    return (int)(dataset->step_offset[episode + 1] - dataset->step_offset[episode]);
}

// Transitions of the longest episode of those in is_used (n_episodes); 0: there is none.
static inline int tz_dataset_longest(const tz_dataset *dataset, const unsigned char *is_used) {
    int longest = 0;
    for (int e = 0; e < dataset->n_episodes; e++) {
        const int T = tz_dataset_length(dataset, e);
        longest = is_used[e] && T > longest ? T : longest;
    }
    return longest;
}

// First state row (of z) of an episode.
static inline const double *tz_dataset_states(const tz_dataset *dataset, int episode) {
    return dataset->z + (dataset->step_offset[episode] + (size_t)episode) * (size_t)dataset->nz;
}

static inline const float *tz_dataset_controls(const tz_dataset *dataset, int episode) {
    return dataset->u + dataset->step_offset[episode] * (size_t)dataset->nu;
}

// Makes the environment of a dataset that was read from `path` (Nullable, for sentences), with its
// arguments, time limit and end rule. TZ_ERR_ARGUMENT when the dataset names none or its MJCF file
// is not where it was, TZ_ERR_MISMATCH when that has changed, and the errors of tz_env_create.
TZ_API tz_status tz_dataset_need_env(tz_env **env, const tz_dataset *dataset, const char *path,
                                     tz_error *error);

// The same where names of coordinates are all that is wanted: NULL in the first two cases, and for
// a name that is unknown.
TZ_API tz_status tz_dataset_find_env(tz_env **env, const tz_dataset *dataset, tz_error *error);

// Whether two datasets are of one environment, however their files call it; its arguments, on which
// the dynamics do not depend, may differ.
TZ_API bool tz_dataset_same_env(const tz_dataset *dataset, const tz_dataset *other);

// Split by whole episodes: writes 1 into is_test (n_episodes) for round(fraction * n_episodes)
// episodes (at least 1 and at most n-1 when n > 1), chosen by (seed, TZ_PURPOSE_SPLIT).
TZ_API void tz_dataset_split(const tz_dataset *dataset, unsigned char *is_test, double fraction,
                             uint64_t seed);

#endif
