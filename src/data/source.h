// What the reader of datasets asks of an HDF5 file, and the two that answer: HDF5 itself, for any
// file, and our own reader of the plain layout that we, h5py and Minari write. The latter knows no
// more than that layout and never asks twice: what it does not know it cannot read, and the caller
// turns to HDF5. Internal to this room.
#ifndef TRAPEZE_DATA_SOURCE_H
#define TRAPEZE_DATA_SOURCE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tz__source tz__source;

// A group of the file; negative: there is none.
typedef int64_t tz__node;

// What was found where an attribute or an array was looked for.
typedef enum tz__found { TZ__ABSENT, TZ__READ, TZ__UNREADABLE } tz__found;

// Types of numbers: of attributes as they are asked for, of arrays as they are stored or read.
typedef enum tz__number {
    TZ__I64,
    TZ__U64,
    TZ__F64,
    TZ__F32,
    TZ__BYTE, // an integer or enumeration of one byte; as attribute: 0 or 1, a bool
    TZ__OTHER // stored, and nothing that we read
} tz__number;

typedef struct tz__array {
    int64_t handle;
    tz__number type;     // F64, F32, BYTE or OTHER
    size_t item_bytes;   // of a value in the file
    int ndim;            // any; rows and cols are meant where it is 1 or 2
    uint64_t rows, cols; // cols is 1 where ndim is 1
} tz__array;

typedef struct tz__source_ops {
    void (*close)(tz__source *source);
    // Number of links "episode_..." of the root, -1: its list is damaged.
    long long (*count_episodes)(tz__source *source);
    // One group is open at a time, apart from the root.
    tz__node (*open_episode)(tz__source *source, int episode);
    void (*close_episode)(tz__source *source, tz__node node);
    // Reads an attribute that is one number: int64_t, uint64_t, double, float or bool.
    tz__found (*get_number)(tz__source *source, tz__node node, const char *name, tz__number type,
                            void *value);
    // Reads an attribute that is one text; it is freed by the caller with tz_free.
    tz__found (*get_text)(tz__source *source, tz__node node, const char *name, char **text);
    // Opens an array of a group whose values lie in the file itself, one at a time; closed where it
    // was TZ__READ.
    tz__found (*open_array)(tz__source *source, tz__node node, const char *name, tz__array *array);
    void (*close_array)(tz__source *source, const tz__array *array);
    // Reads all values (rows, cols) as F64, F32 or BYTE.
    bool (*read_array)(tz__source *source, const tz__array *array, tz__number type, void *values);
    // Writes why the last call failed, "" if nobody knows.
    void (*reason)(tz__source *source, char *text, size_t size);
} tz__source_ops;

struct tz__source {
    const tz__source_ops *ops;
    double max_expansion; // bytes of values in a byte of the file, at most
};

enum { TZ__ROOT = 0 };

// Through the HDF5 library, whose lock is held until close. The caller closes.
tz_status tz__source_open_hdf5(tz__source **source, const char *path, tz_error *error);

// Through our own reader. TZ_ERR_UNSUPPORTED: not a file of that layout. Reads what it is asked for
// in bounded time and memory, whatever the bytes of the file are.
tz_status tz__source_open_plain(tz__source **source, const char *path, tz_error *error);

#endif
