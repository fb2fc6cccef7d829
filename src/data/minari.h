// Writing Minari's layout (docs/formats.md): episodes into main_data.hdf5, and metadata.json beside
// it. The bytes depend only on what is passed in. Internal to this room.
#ifndef TRAPEZE_DATA_MINARI_H
#define TRAPEZE_DATA_MINARI_H

#include "data/writer.h"

// One main_data.hdf5 being made. It is made in memory: HDF5 1.10 does not survive a write that
// fails (a full disk ends in a crash when the array is closed), so the disk is met in one write at
// the end.
typedef struct tz__minari_file tz__minari_file;

// Between create and destroy no other HDF5 call may be made. `task` is borrowed until then.
tz_status tz__minari_create(tz__minari_file **file, const tz_task *task, const char *mujoco,
                            const char *config_json, tz_error *error);
void tz__minari_destroy(tz__minari_file *file); // Nullable

// Appends the next episode.
tz_status tz__minari_append(tz__minari_file *file, const tz_episode *episode, tz_error *error);

// Writes the file as it is now to `path`, atomically. *bytes is its size.
tz_status tz__minari_write(const tz__minari_file *file, const char *path, size_t *bytes,
                           tz_error *error);

typedef struct tz__minari_metadata {
    const tz_task *task;
    const char *folder;     // the dataset's folder
    const char *dataset_id; // "": the folder's name
    int n_episodes;
    size_t n_steps;
    size_t file_bytes;  // of main_data.hdf5
    const char *mujoco; // version that made the states
    const char *description, *algorithm_name, *config_json;
} tz__minari_metadata;

tz_status tz__minari_write_metadata(const char *path, const tz__minari_metadata *metadata,
                                    tz_error *error);

#endif
