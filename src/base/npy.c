#include "base/npy.h"

#include "base/assert.h"
#include "base/file.h"

#include <stdio.h>
#include <string.h>

enum { HEADER_BLOCK = 64, PREFIX = 10, HEADER_MAX = 256 };

// Writes magic, version, length and dictionary into `header` and returns their size, which is a
// multiple of 64.
static size_t write_header(char header[HEADER_MAX], const char *type, const size_t *shape,
                           int ndim) {
    char dictionary[HEADER_MAX - PREFIX];
    size_t n = (size_t)snprintf(dictionary, sizeof dictionary,
                                "{'descr': '%s', 'fortran_order': False, 'shape': (", type);
    for (int i = 0; i < ndim; i++) {
        n += (size_t)snprintf(dictionary + n, sizeof dictionary - n, "%zu,%s", shape[i],
                              i + 1 < ndim ? " " : "");
    }
    n += (size_t)snprintf(dictionary + n, sizeof dictionary - n, "), }");
    const size_t size = (PREFIX + n + 1 + HEADER_BLOCK - 1) / HEADER_BLOCK * HEADER_BLOCK;
    TZ_ASSERT(size <= HEADER_MAX);
    const size_t length = size - PREFIX;
    memset(header, ' ', size);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (char)(length & 0xff);
    header[9] = (char)(length >> 8);
    memcpy(header + PREFIX, dictionary, n);
    header[size - 1] = '\n';
    return size;
}

tz_status tz_npy_write(const char *path, tz_npy_type type, const void *values, const size_t *shape,
                       int ndim, tz_error *error) {
    static const struct {
        const char *name;
        size_t bytes;
    } types[] = {[TZ_NPY_F32] = {"<f4", 4},
                 [TZ_NPY_F64] = {"<f8", 8},
                 [TZ_NPY_I64] = {"<i8", 8},
                 [TZ_NPY_U8] = {"|u1", 1}};
    TZ_ASSERT(ndim >= 1 && ndim <= TZ_NPY_NDIM_MAX);
    char header[HEADER_MAX];
    size_t bytes = types[type].bytes;
    for (int i = 0; i < ndim; i++) {
        bytes *= shape[i];
    }
    const tz_file_part parts[2] = {{header, write_header(header, types[type].name, shape, ndim)},
                                   {values, bytes}};
    return tz_file_write_parts(path, parts, 2, error);
}
