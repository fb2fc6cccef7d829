// NumPy arrays inside pickles, of NumPy 1 and 2: what Stable-Baselines3 keeps of spaces and running
// statistics.
#ifndef TRAPEZE_POLICIES_NUMPY_PICKLE_H
#define TRAPEZE_POLICIES_NUMPY_PICKLE_H

#include "policies/pickle.h"

// Reads an array of float32 or float64 of any shape, or a scalar of them, as doubles: x (*n), at
// most max of them. False when the value is nothing of the kind.
bool tz_numpy_get(const tz_pickle_value *value, double *x, size_t *n, size_t max);

// The globals that arrays, spaces and random generators in such pickles name, for tz_pickle_read.
enum { TZ_NUMPY_NAMES = 20 };
extern const char *const tz_numpy_names[TZ_NUMPY_NAMES];

// Statistics of VecNormalize: an observation is clip((o - mean) / sqrt(var + epsilon), -clip,
// clip).
enum { TZ_NORMALISER_MAX = 512 };
typedef struct tz_normaliser {
    int n;                          // 0: observations stay as they are
    double mean[TZ_NORMALISER_MAX]; //                                                (n)
    double var[TZ_NORMALISER_MAX];  //                                                (n)
    double epsilon, clip;
} tz_normaliser;

// Demands finite numbers and positive variances. TZ_ERR_FORMAT.
tz_status tz_normaliser_check(const tz_normaliser *normaliser, const char *path, tz_error *error);

// Reads the file that VecNormalize.save writes. n is 0 when it normalises rewards only.
// TZ_ERR_IO, TZ_ERR_FORMAT, TZ_ERR_UNSUPPORTED, TZ_ERR_MEMORY.
tz_status tz_vecnormalize_read(tz_normaliser *normaliser, const char *path, tz_error *error);

#endif
