// Writing datasets so that nothing finished is ever lost: each finished episode becomes one renamed
// file of a journal beside the dataset, and the journal is assembled, in episode order, into
// <folder>/data/main_data.hdf5 and metadata.json at the end. The bytes of the result depend only on
// the episodes and the metadata (no dates, HDF5 time stamps off).
//
// A folder named <name>-v<number> under $MINARI_DATASETS_PATH is what minari.load_dataset opens.
#ifndef TRAPEZE_DATA_WRITER_H
#define TRAPEZE_DATA_WRITER_H

#include "base/status.h"
#include "data/dataset.h"

typedef struct tz_writer tz_writer;

// One finished episode, borrowed by the call that takes it. T transitions, T >= 1.
typedef struct tz_episode {
    int T;
    const double *z;                             // states                     (T + 1, nz)
    const float *u;                              // controls as applied        (T, nu)
    const double *reward;                        //                            (T)
    const unsigned char *terminated, *truncated; //      (T)
    uint64_t seed; // seed and episode index that reproduce its start by tz_env_reset
    uint64_t episode;
    bool unseeded;   // they do not: the start came from elsewhere
    int policy;      // index into the list of policies in the configuration; -1: none
    double noise;    // std of the control noise, in half-ranges
    bool unstable;   // cut before the step where the simulation became unstable
    bool bad_reward; // cut before the step whose reward was not finite
} tz_episode;

// Episode e of a dataset as it would be written again; its arrays are the dataset's.
TZ_API tz_episode tz_dataset_episode(const tz_dataset *dataset, int e);

typedef struct tz_writer_def {
    uint32_t cookie;         // set by tz_writer_def_default, checked at create
    const char *folder;      // the dataset's folder; all texts are borrowed during create
    const char *config_json; // what made it (one JSON object, less than 1 MiB, 32 levels): a
                             // journal of another configuration is refused
    const char *dataset_id;  // Nullable: the folder's name
    const char *mujoco; // Nullable: version of MuJoCo that made the states, else the library's;
                        // a journal of another one is refused
    const char *description;    // Nullable: free text for metadata.json
    const char *algorithm_name; // Nullable: "policy half_cheetah-expert + noise 0.1"
    bool resume;                // go on from the journal that a killed run left
} tz_writer_def;
TZ_API tz_writer_def tz_writer_def_default(void);

// Refuses a folder that already holds a finished dataset or the journal of another run
// (TZ_ERR_ARGUMENT). With `resume` both are taken over if the configuration is the same, and of a
// journal MuJoCo's version (else TZ_ERR_MISMATCH); a finished dataset then has every slot.
// TZ_ERR_ARGUMENT too without a folder, with a configuration that is no JSON object, and while
// another writer, of any process, has the folder. `task` is copied.
TZ_API tz_status tz_writer_create(tz_writer **writer, const tz_writer_def *def, const tz_task *task,
                                  tz_error *error);

// What create without `resume` demands of the folder, for work that writes at its end and asks at
// its beginning: TZ_ERR_ARGUMENT when it holds a finished dataset or a journal.
TZ_API tz_status tz_writer_expect_unused(const char *folder, tz_error *error);

// The half of it that work which goes on with a journal demands: no finished dataset.
TZ_API tz_status tz_writer_expect_unfinished(const char *folder, tz_error *error);

// Whether the folder holds a finished dataset and no journal of one that goes on: it is there to be
// read, and needs no writer.
TZ_API bool tz_writer_is_finished(const char *folder);

// True when create took over a journal or a finished dataset.
TZ_API bool tz_writer_was_resumed(const tz_writer *writer);

// True when the journal already holds this episode (only after resume). A finished dataset has
// every slot, whatever its number.
TZ_API bool tz_writer_has(const tz_writer *writer, int slot);

// Stores a finished episode in slot 0, 1, 2, ...; thread-safe for different slots. TZ_ERR_IO,
// TZ_ERR_MEMORY.
TZ_API tz_status tz_writer_put(tz_writer *writer, int slot, const tz_episode *episode,
                               tz_error *error);

// Assembles slots 0..n_slots-1 (missing slots, e.g. unstable episodes, are left out and numbered
// on) and keeps the journal: a dataset of the episodes so far, which can be read and resumed.
// TZ_ERR_NUMERIC when not one slot is stored; TZ_ERR_IO, TZ_ERR_MEMORY, TZ_ERR_FORMAT (a slot of
// the journal is damaged). After an error the journal is whole, and an earlier dataset either
// stands as it was or is not finished.
TZ_API tz_status tz_writer_publish(tz_writer *writer, int n_slots, tz_error *error);

// The same when no more episodes come: removes the journal, last of all (TZ_ERR_IO when it cannot
// be removed), and also when not one slot is stored.
TZ_API tz_status tz_writer_finish(tz_writer *writer, int n_slots, tz_error *error);
// Nullable; leaves an unfinished journal for resume.
TZ_API void tz_writer_destroy(tz_writer *writer);

// ---- recording one episode at a time

// Collects the steps of an episode. Sized at create; recording allocates nothing.
typedef struct tz_episode_recorder tz_episode_recorder;
TZ_API tz_status tz_episode_recorder_create(tz_episode_recorder **recorder, const tz_task *task,
                                            int max_steps, tz_error *error);
TZ_API void tz_episode_recorder_destroy(tz_episode_recorder *recorder); // Nullable

// Starts over at the first state z (nz), which tz_env_reset(seed, episode) gave.
TZ_API void tz_episode_recorder_begin(tz_episode_recorder *recorder, const double *z, uint64_t seed,
                                      uint64_t episode);

// Adds the transition to z_next (nz) under the applied control u (nu). A step that is unstable or
// has no finite reward is not stored: it cuts the episode, which takes no further steps.
TZ_API void tz_episode_recorder_add(tz_episode_recorder *recorder, const float *u,
                                    const double *z_next, const tz_step *step);

// The episode so far, borrowed until the next begin; an episode that was cut or stopped is marked
// truncated, as Minari does, so no step may be added after it. T is 0 when nothing was stored.
// `policy` is -1, `noise` 0.
TZ_API tz_episode tz_episode_recorder_view(tz_episode_recorder *recorder);

#endif
