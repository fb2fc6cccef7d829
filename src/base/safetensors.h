// The safetensors format (docs/formats.md): named dense tensors and string metadata in one file.
// Input is hostile until checked: header size, JSON, dtypes, shapes, overflow, holes and overlaps.
#ifndef TRAPEZE_BASE_SAFETENSORS_H
#define TRAPEZE_BASE_SAFETENSORS_H

#include "base/status.h"

#include <stddef.h>

typedef enum tz_dtype {
    TZ_DTYPE_F32,
    TZ_DTYPE_F64,
    TZ_DTYPE_I64,
    TZ_DTYPE_U8,
    TZ_DTYPE_BOOL
} tz_dtype;

enum { TZ_TENSOR_NDIM_MAX = 8 };

typedef struct tz_tensor {
    const char *name; // borrowed: from the file object, or from the caller when writing
    tz_dtype dtype;
    int ndim;
    size_t shape[TZ_TENSOR_NDIM_MAX];
    const void *data; // little-endian, C order; read: 64-byte aligned
} tz_tensor;

typedef struct tz_metadata {
    const char *key, *value;
} tz_metadata;

typedef struct tz_safetensors tz_safetensors;

TZ_API tz_status tz_safetensors_read(tz_safetensors **file, const char *path, tz_error *error);
TZ_API void tz_safetensors_destroy(tz_safetensors *file); // Nullable

TZ_API int tz_safetensors_count(const tz_safetensors *file);
TZ_API const tz_tensor *tz_safetensors_at(const tz_safetensors *file, int index);
TZ_API const tz_tensor *tz_safetensors_find(const tz_safetensors *file,
                                            const char *name); // NULL: absent
TZ_API const char *tz_safetensors_metadata(const tz_safetensors *file,
                                           const char *key);          // NULL: absent
TZ_API const char *tz_safetensors_sha256(const tz_safetensors *file); // of the whole file
TZ_API const char *tz_safetensors_path(const tz_safetensors *file);

// Looks up a tensor and demands dtype F32 and this shape; the sentence names file, tensor, found,
// expected.
TZ_API tz_status tz_safetensors_expect_f32(const tz_safetensors *file, const char *name, int ndim,
                                           const size_t *shape, const float **data,
                                           tz_error *error);

// Demands that a metadata string is this; TZ_ERR_MISMATCH.
TZ_API tz_status tz_safetensors_expect_text(const tz_safetensors *file, const char *key,
                                            const char *expected, tz_error *error);

// Demands that the n values of tensor `name` of the file `path` are finite; TZ_ERR_FORMAT.
TZ_API tz_status tz_tensor_expect_finite(const char *path, const char *name, const float *x,
                                         size_t n, tz_error *error);

// Writes atomically; same input, same bytes. Tensors and keys are sorted as the format's own writer
// does.
TZ_API tz_status tz_safetensors_write(const char *path, const tz_tensor *tensors, int n_tensors,
                                      const tz_metadata *metadata, int n_metadata, tz_error *error);

#endif
