// Works through a list of runs, several at a time, each on one thread of its own (two runs on two
// threads are faster than one run on both).
#ifndef TRAPEZE_PAPER_WORK_H
#define TRAPEZE_PAPER_WORK_H

#include "paper/execute.h"
#include "paper/plan.h"

#include <stdatomic.h>

// Where numbers of runs come from, and where it is told what became of them. Called from any
// thread.
typedef struct tz_run_source {
    void *context;
    int (*next)(void *context); // -1: none is left
    void (*finished)(void *context, int run);
} tz_run_source;

typedef struct tz_work_def {
    const char *folder; // of the results; borrowed
    const tz_run_list *runs;
    const double *seconds;       // what each is expected to take                 (runs->n)
    const tz_robot_data *robots; // borrowed
    int n_robots;
    int threads;
    const tz_run_source *source; // Nullable: all runs, in the order of the list
    const atomic_bool
        *done_elsewhere; // for the progress, written by the source; Nullable (runs->n)
    const char *label;   // of the progress
    bool quiet;
} tz_work_def;

// Executes the runs that the source gives. The first failure is returned; runs under way beside it
// write a checkpoint and stop. TZ_ERR_INTERRUPTED when tz_interrupted.
TZ_API tz_status tz_work(const tz_work_def *def, tz_error *error);

// Puts the longest runs first, so that no long one is left for the end.
TZ_API void tz_sort_runs(tz_run_list *runs);

#endif
