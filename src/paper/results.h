// Results of many runs, read from the folder and found by what they are.
#ifndef TRAPEZE_PAPER_RESULTS_H
#define TRAPEZE_PAPER_RESULTS_H

#include "paper/plan.h"

typedef struct tz_results {
    tz_study_result *result; // in the order of the list that was read, owned  (n)
    int n;
} tz_results;

// Reads the results of all runs of the list; every one must be there. The errors are those of
// tz_result_read, and TZ_ERR_MISMATCH for runs on one system that learned from different data.
TZ_API tz_status tz_results_read(tz_results *results, const char *folder, const tz_run_list *runs,
                                 tz_error *error);
TZ_API void tz_results_destroy(tz_results *results); // accepts a zeroed struct

// Adds the runs of the list without a result in the folder to `missing`. A result that does not fit
// the program is an error.
TZ_API tz_status tz_results_missing(tz_run_list *missing, const char *folder,
                                    const tz_run_list *runs, tz_error *error);

// The result of a run; asserts that it was read.
TZ_API const tz_study_result *tz_results_find(const tz_results *results, const tz_study_run *run);

#endif
