// Executes a run of the study: trains, measures, and writes its result; goes on from its checkpoint
// when it was interrupted. What comes out depends on the run alone.
#ifndef TRAPEZE_PAPER_EXECUTE_H
#define TRAPEZE_PAPER_EXECUTE_H

#include "base/file.h"
#include "base/parallel.h"
#include "data/dataset.h"
#include "paper/run.h"
#include "train/evaluation.h"

// Data of a robot, read once for all runs.
typedef struct tz_robot_data {
    char env[TZ_NAME_MAX];
    char source[64];        // for tables: what the data are
    tz_dataset *dataset;    // owned
    unsigned char *is_test; // held-out episodes, owned                         (n_episodes)
    tz_rollouts *rollouts;  // stretches of them that all runs are tested on, owned
} tz_robot_data;

// Where runs are executed; all borrowed.
typedef struct tz_run_host {
    const char *folder; // of the results
    tz_team *team;      // of one thread or more
    const tz_robot_data *robots;
    int n_robots;
    // (Nullable) called after each epoch with the share of the run that is done; false: the run
    // stops after a checkpoint
    bool (*progress)(void *context, double share);
    void *context;
} tz_run_host;

// TZ_ERR_INTERRUPTED, after writing a checkpoint, when `progress` stops it; TZ_ERR_MISMATCH when
// the checkpoint is of something else.
TZ_API tz_status tz_run_execute(const tz_run_host *host, const tz_study_run *run, tz_error *error);

// Paths of a run's files in the folder.
TZ_API tz_status tz_run_result_path(char path[TZ_PATH_MAX], const char *folder,
                                    const tz_study_run *run, tz_error *error);

#endif
