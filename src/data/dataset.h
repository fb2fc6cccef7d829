// Datasets: whole episodes of (z, u, reward, ends) in Minari's HDF5 layout (docs/formats.md).
//
// In memory a dataset is a few flat arrays with episode offsets; it is read once, then shared
// read-only by trainers and evaluations.
#ifndef TRAPEZE_DATA_DATASET_H
#define TRAPEZE_DATA_DATASET_H

#include "base/status.h"
#include "envs/env.h"

typedef struct tz_dataset {
    char env[TZ_NAME_MAX]; // registry name of the environment, "" if unknown
    int nq, nv, nu;        // nz = nq + nv; nq is -1 when the file does not say and env is unknown
    int nz;
    double dt_s;
    int n_episodes;
    size_t n_steps;      // transitions in all episodes
    size_t *step_offset; // first transition of each episode                    (n_episodes + 1)
    // Episode e has T_e = step_offset[e+1] - step_offset[e] transitions and T_e + 1 states; its
    // states start at row step_offset[e] + e.
    double *z;      // states                                 (n_steps + n_episodes, nz)
    float *u;       // controls as applied                                    (n_steps, nu)
    double *reward; //                                                           (n_steps)
    unsigned char *terminated, *truncated; //                                         (n_steps)
    char sha256[65];                       // of the HDF5 file it was read from, or ""
} tz_dataset;

// Opens a Minari folder or a bare HDF5 file; `env` (Nullable) names the environment for a bare
// file. Every value is checked: shapes, counts, non-finite numbers (TZ_ERR_FORMAT names the place).
TZ_API tz_status tz_dataset_read(tz_dataset **dataset, const char *path, const char *env,
                                 tz_error *error);
TZ_API void tz_dataset_destroy(tz_dataset *dataset); // Nullable

static inline int tz_dataset_length(const tz_dataset *dataset, int episode) {
    return (int)(dataset->step_offset[episode + 1] - dataset->step_offset[episode]);
}

// First state row (of z) of an episode.
static inline const double *tz_dataset_states(const tz_dataset *dataset, int episode) {
    return dataset->z + (dataset->step_offset[episode] + (size_t)episode) * (size_t)dataset->nz;
}

static inline const float *tz_dataset_controls(const tz_dataset *dataset, int episode) {
    return dataset->u + dataset->step_offset[episode] * (size_t)dataset->nu;
}

// Split by whole episodes: writes 1 into is_test (n_episodes) for round(fraction * n_episodes)
// episodes (at least 1 and at most n-1 when n > 1), chosen by (seed, TZ_PURPOSE_SPLIT).
TZ_API void tz_dataset_split(const tz_dataset *dataset, unsigned char *is_test, double fraction,
                             uint64_t seed);

#endif
