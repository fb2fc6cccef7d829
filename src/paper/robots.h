// Data of the robots of figure 7: named by the user, or collected by the shipped policies.
#ifndef TRAPEZE_PAPER_ROBOTS_H
#define TRAPEZE_PAPER_ROBOTS_H

#include "paper/execute.h"
#include "paper/plan.h"

// Reads the data of every robot of `runs` that `missing` ones need, or that is named, into robots
// (room for all), *n of them. `named` (n_named) are texts "ENV=DATASET"; what is not named is read
// from <folder>/data/ENV-<episodes>, where that many episodes are collected first when they are not
// there, on n_threads (0: one a CPU). Not from several threads at once (HDF5).
TZ_API tz_status tz_robots_get(tz_robot_data *robots, int *n, const tz_run_list *missing,
                               const tz_run_list *runs, const char *const *named, int n_named,
                               int episodes, int n_threads, const char *folder, tz_error *error);

// TZ_ERR_MISMATCH when a run of the list has a result in the folder that learned from other data
// than these.
TZ_API tz_status tz_robots_check(const tz_robot_data *robots, int n, const char *folder,
                                 const tz_run_list *runs, tz_error *error);
TZ_API void tz_robots_destroy(tz_robot_data *robots, int n);

// The path in a text "ENV=DATASET", borrowed from it; NULL when it speaks of another environment.
TZ_API const char *tz_robot_path(const char *named, const char *env);

enum { TZ_ROBOTS_MAX = 8 };

#endif
