// Arrays for NumPy: files of its format 1.0 (magic, version, a Python dictionary as header, then
// the values in C order), which numpy.load opens.
#ifndef TRAPEZE_BASE_NPY_H
#define TRAPEZE_BASE_NPY_H

#include "base/status.h"

#include <stddef.h>

enum { TZ_NPY_NDIM_MAX = 4 };

typedef enum tz_npy_type { TZ_NPY_F32, TZ_NPY_F64, TZ_NPY_I64, TZ_NPY_U8 } tz_npy_type;

// Writes values of this type and shape (ndim) to a file, atomically.
TZ_API tz_status tz_npy_write(const char *path, tz_npy_type type, const void *values,
                              const size_t *shape, int ndim, tz_error *error);

#endif
