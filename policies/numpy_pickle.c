// An array is a call of _reconstruct with the state (version, shape, dtype, Fortran order, bytes),
// or, in protocol 5, a call of _frombuffer(bytes, dtype, shape, order); a scalar is scalar(dtype,
// bytes). A dtype is dtype('f8', ...) with the state (version, byte order, ...).
#include "policies/numpy_pickle.h"

#include "base/file.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

const char *const tz_numpy_names[TZ_NUMPY_NAMES] = {
    "stable_baselines3.common.vec_env.vec_normalize VecNormalize",
    "stable_baselines3.common.running_mean_std RunningMeanStd",
    "gymnasium.spaces.box Box",
    "gym.spaces.box Box",
    "numpy dtype",
    "numpy ndarray",
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray _reconstruct",
    "numpy.core.multiarray scalar",
    "numpy._core.multiarray scalar",
    "numpy.core.numeric _frombuffer",
    "numpy._core.numeric _frombuffer",
    "numpy.random._pickle __generator_ctor",
    "numpy.random._pickle __bit_generator_ctor",
    "numpy.random._pickle __randomstate_ctor",
    "numpy.random._pcg64 PCG64",
    "numpy.random._mt19937 MT19937",
    "numpy.random.bit_generator SeedSequence",
    "numpy.random.bit_generator __pyx_unpickle_SeedSequence",
    "collections deque",
};

// The same function under the module names of NumPy 1 and 2.
static bool calls(const tz_pickle_value *value, const char *name_1, const char *name_2) {
    return value != NULL && value->kind == TZ_PICKLE_CALL &&
           (tz_pickle_is_global(value->callable, name_1) ||
            tz_pickle_is_global(value->callable, name_2));
}

// Bytes of an element of a little-endian float dtype, else 0.
static size_t element_size(const tz_pickle_value *dtype) {
    if (!calls(dtype, "numpy dtype", "numpy dtype") ||
        !tz_pickle_is_text(tz_pickle_at(dtype->state, 1), "<")) {
        return 0;
    }
    const tz_pickle_value *code = tz_pickle_at(dtype->arguments, 0);
    return tz_pickle_is_text(code, "f8") ? 8 : tz_pickle_is_text(code, "f4") ? 4 : 0;
}

bool tz_numpy_get(const tz_pickle_value *value, double *x, size_t *n, size_t max) {
    const tz_pickle_value *bytes = NULL, *dtype = NULL;
    if (calls(value, "numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct")) {
        dtype = tz_pickle_at(value->state, 2);
        bytes = tz_pickle_at(value->state, 4);
    } else if (calls(value, "numpy.core.numeric _frombuffer", "numpy._core.numeric _frombuffer")) {
        bytes = tz_pickle_at(value->arguments, 0);
        dtype = tz_pickle_at(value->arguments, 1);
    } else if (calls(value, "numpy.core.multiarray scalar", "numpy._core.multiarray scalar")) {
        dtype = tz_pickle_at(value->arguments, 0);
        bytes = tz_pickle_at(value->arguments, 1);
    }
    const size_t size = element_size(dtype);
    if (size == 0 || bytes == NULL || bytes->kind != TZ_PICKLE_BYTES || bytes->size % size != 0 ||
        bytes->size / size > max) {
        return false;
    }
    *n = bytes->size / size;
    for (size_t i = 0; i < *n; i++) {
        float single;
        if (size == 8) {
            memcpy(&x[i], bytes->bytes + 8 * i, 8);
        } else {
            memcpy(&single, bytes->bytes + 4 * i, 4);
            x[i] = (double)single;
        }
    }
    return true;
}

// ---- VecNormalize

// A number of Python or of NumPy.
static bool get_number(const tz_pickle_value *value, double *x) {
    size_t n;
    return tz_pickle_get_real(value, x) || (tz_numpy_get(value, x, &n, 1) && n == 1);
}

static tz_status read_statistics(tz_normaliser *out, const tz_pickle_value *root, const char *path,
                                 tz_error *error) {
    *out = (tz_normaliser){0};
    const tz_pickle_value *norm_obs = tz_pickle_find(root, "norm_obs"),
                          *rms = tz_pickle_find(root, "obs_rms");
    if (root->kind != TZ_PICKLE_CALL || norm_obs == NULL || norm_obs->kind != TZ_PICKLE_BOOL) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: holds no VecNormalize; expected the file of VecNormalize.save", path);
    }
    if (!norm_obs->integer) {
        return TZ_OK;
    }
    size_t n, n_var;
    if (!tz_numpy_get(tz_pickle_find(rms, "mean"), out->mean, &n, TZ_NORMALISER_MAX) ||
        !tz_numpy_get(tz_pickle_find(rms, "var"), out->var, &n_var, TZ_NORMALISER_MAX) ||
        n != n_var || n == 0 || !get_number(tz_pickle_find(root, "epsilon"), &out->epsilon) ||
        !get_number(tz_pickle_find(root, "clip_obs"), &out->clip)) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: expected mean and var of at most %d observations, epsilon and clip_obs",
                       path, TZ_NORMALISER_MAX);
    }
    out->n = (int)n;
    return tz_normaliser_check(out, path, error);
}

tz_status tz_normaliser_check(const tz_normaliser *normaliser, const char *path, tz_error *error) {
    bool sound = normaliser->epsilon >= 0.0 && normaliser->clip > 0.0;
    for (int i = 0; i < normaliser->n; i++) {
        const double variance = normaliser->var[i] + normaliser->epsilon;
        sound = sound && isfinite(normaliser->mean[i]) && isfinite(variance) && variance > 0.0;
    }
    return sound ? TZ_OK
                 : tz_fail(error, TZ_ERR_FORMAT,
                           "%s: statistics of observations that are not finite, or variances, "
                           "epsilon or clip that are not positive",
                           path);
}

tz_status tz_vecnormalize_read(tz_normaliser *normaliser, const char *path, tz_error *error) {
    enum { FILE_SIZE_MAX = 16 << 20 };
    char *bytes;
    size_t size;
    TZ_CHECK(tz_file_read(path, &bytes, &size, FILE_SIZE_MAX, error));
    tz_pickle *pickle;
    tz_status status =
        tz_pickle_read(&pickle, bytes, size, tz_numpy_names, TZ_NUMPY_NAMES, path, error);
    tz_free(bytes);
    if (status == TZ_OK) {
        status = read_statistics(normaliser, tz_pickle_root(pickle), path, error);
        tz_pickle_destroy(pickle);
    }
    return status;
}
