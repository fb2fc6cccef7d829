// Writing Minari's layout (docs/formats.md): episodes into main_data.hdf5, and metadata.json beside
// it. The bytes depend only on what is passed in. Internal to this room.
#ifndef TRAPEZE_DATA_MINARI_H
#define TRAPEZE_DATA_MINARI_H

#include "data/writer.h"

// One main_data.hdf5 being written.
typedef struct tz__minari_file tz__minari_file;

// Creates (replaces) the file at `path`. Between create and close no other HDF5 call may be made.
// `task` and `path` are borrowed until close.
tz_status tz__minari_create(tz__minari_file **file, const char *path, const tz_task *task,
                            const char *config_json, tz_error *error);

// Appends the next episode.
tz_status tz__minari_append(tz__minari_file *file, const tz_episode *episode, tz_error *error);

// Closes and frees in any case; what cannot be written is an error here at the latest.
tz_status tz__minari_close(tz__minari_file *file, tz_error *error);

// Reads the attribute `config` of a main_data.hdf5. *config is freed by the caller with tz_free,
// NULL when the file has none.
tz_status tz__minari_read_config(char **config, const char *path, tz_error *error);

typedef struct tz__minari_metadata {
    const tz_task *task;
    const char *folder; // the dataset's folder: its name becomes the dataset's id
    int n_episodes;
    size_t n_steps;
    size_t file_bytes; // of main_data.hdf5
    const char *description, *algorithm_name, *config_json;
} tz__minari_metadata;

tz_status tz__minari_write_metadata(const char *path, const tz__minari_metadata *metadata,
                                    tz_error *error);

#endif
