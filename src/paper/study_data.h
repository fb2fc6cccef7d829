// Data of the study on a system: training chunks of 5 states and test rollouts of 100, made once
// for a (system, number of trajectories, seed) and kept in the results folder for all models.
#ifndef TRAPEZE_PAPER_STUDY_DATA_H
#define TRAPEZE_PAPER_STUDY_DATA_H

#include "base/parallel.h"
#include "envs/hamiltonian/system.h"
#include "paper/metrics.h"
#include "train/sequences.h"

enum { TZ_CHUNK_TRAIN = 5, TZ_CHUNK_TEST = 100 };

typedef struct tz_study_data {
    tz_system *system;              // owned
    tz_task task;                   // dimensions, period and kinds of coordinates; no reward
    tz_sequences train;             // (n, 5, nz), no controls; owned
    tz_model_statistics statistics; // of the training states
    float *truth;                   // of the test rollouts, owned        (100, n, nz)
    tz_test_rollouts test;          // all but the predictions
} tz_study_data;

// Trajectories that are not in the folder yet are integrated on `team`. The caller destroys the
// data, also after a failure. TZ_ERR_ARGUMENT for an unknown system; TZ_ERR_FORMAT,
// TZ_ERR_MISMATCH and TZ_ERR_IO for what stands in the folder.
TZ_API tz_status tz_study_data_get(tz_study_data **data, const char *folder, const char *system,
                                   int n_trajectories, int seed, tz_team *team, tz_error *error);
TZ_API void tz_study_data_destroy(tz_study_data *data); // Nullable

#endif
