// Writing datasets so that nothing finished is ever lost: each finished episode becomes one renamed
// file of a journal beside the dataset, and the journal is assembled, in episode order, into
// <folder>/data/main_data.hdf5 and metadata.json at the end. The bytes of the result depend only on
// the episodes and the metadata (no dates, HDF5 time stamps off).
#ifndef TRAPEZE_DATA_WRITER_H
#define TRAPEZE_DATA_WRITER_H

#include "base/status.h"
#include "envs/env.h"

typedef struct tz_writer tz_writer;

// One finished episode, borrowed by the call that takes it. T transitions, T >= 1.
typedef struct tz_episode {
    int T;
    const double *z;                             // states                     (T + 1, nz)
    const float *u;                              // controls as applied        (T, nu)
    const double *reward;                        //                            (T)
    const unsigned char *terminated, *truncated; //      (T)
    uint64_t seed;                               // seed and episode index that reproduce its start
    uint64_t episode;
} tz_episode;

typedef struct tz_writer_def {
    uint32_t cookie;
    const char *folder;      // the dataset's folder; borrowed during create
    const char *config_json; // what made it (one JSON object): a journal of another configuration
                             // is refused
    const char *description; // free text for metadata.json
    const char *algorithm_name; // "policy half_cheetah-expert + noise 0.1"
    bool resume;                // go on from the journal that a killed run left
} tz_writer_def;
TZ_API tz_writer_def tz_writer_def_default(void);

// Refuses a folder that already holds a finished dataset (TZ_ERR_ARGUMENT).
TZ_API tz_status tz_writer_create(tz_writer **writer, const tz_writer_def *def, const tz_task *task,
                                  tz_error *error);

// True when the journal already holds this episode (only after resume).
TZ_API bool tz_writer_has(const tz_writer *writer, int slot);

// Stores a finished episode in slot 0, 1, 2, ...; thread-safe for different slots.
TZ_API tz_status tz_writer_put(tz_writer *writer, int slot, const tz_episode *episode,
                               tz_error *error);

// Assembles slots 0..n_slots-1 (missing slots, e.g. unstable episodes, are left out and numbered
// on) and removes the journal.
TZ_API tz_status tz_writer_finish(tz_writer *writer, int n_slots, tz_error *error);
TZ_API void
tz_writer_destroy(tz_writer *writer); // Nullable; leaves an unfinished journal for resume

#endif
