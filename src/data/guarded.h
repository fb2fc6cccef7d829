// The guard's inner side: readers that use HDF5 in this process, and the one that has a child do
// it. Internal to this room.
#ifndef TRAPEZE_DATA_GUARDED_H
#define TRAPEZE_DATA_GUARDED_H

#include "data/dataset.h"

typedef enum tz__layout { TZ__MINARI, TZ__D4RL } tz__layout;

// Reads like tz_dataset_read_tolerant or tz_d4rl_read, by HDF5 in this process and without the
// file's digest.
tz_status tz__dataset_read_hdf5(tz_dataset **dataset, const char *path, const char *env,
                                tz_fault_fn fault, void *context, tz_error *error);
tz_status tz__d4rl_read_hdf5(tz_dataset **dataset, const char *path, const char *env,
                             tz_error *error);

// What is read, and who wants to know of broken rules.
typedef struct tz__reading {
    tz__layout layout;
    const char *path, *env; // env: Nullable
    const char *file;       // the HDF5 file of `path`
    tz_fault_fn fault;      // Nullable
    void *context;
} tz__reading;

// One of the two and the digest of the file: side by side in a child and here where there is a
// guard, else one after the other.
tz_status tz__guarded_read(tz_dataset **dataset, const tz__reading *reading, tz_error *error);

#endif
