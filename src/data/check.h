// What a dataset is worth: its statistics, the rules it keeps, and how far the simulator reproduces
// it.
#ifndef TRAPEZE_DATA_CHECK_H
#define TRAPEZE_DATA_CHECK_H

#include "base/parallel.h"
#include "data/dataset.h"

// ---- statistics

// One coordinate of z or u over all states or transitions.
typedef struct tz_range {
    double low, high, mean, std; // population standard deviation
} tz_range;

typedef struct tz_dataset_summary {
    int episodes;
    size_t steps;
    double return_mean, return_std, return_low, return_high; // over episodes
    double length_mean;
    int length_low, length_high;
    int terminated, truncated; // episodes whose last step says so
    int unstable;              // episodes that were cut where the simulation became unstable
    int bad_reward;            // and where the reward was not finite
    tz_range z[TZ_NZ_MAX];     // (nz)
    tz_range u[TZ_NU_MAX];     // (nu)
} tz_dataset_summary;

// `dataset` has an episode or more. Returns are sums of rewards, lengths are in steps, z and u in
// the units of the dataset.
TZ_API void tz_dataset_summarise(const tz_dataset *dataset, tz_dataset_summary *summary);

// Sum of the rewards of an episode (0 to n_episodes - 1).
TZ_API double tz_dataset_return(const tz_dataset *dataset, int episode);

// ---- rules

// Checks a dataset of a known environment against the environment's own task and hands each broken
// rule to `fault`: "control_range" (controls inside the range), "reward" (recomputed from
// (z, u, z'), to 1e-9 of its size, or 1e-6 where no seed tells that the episode is ours: Gymnasium
// computes with float32 controls), "terminated" (the task's rule at z'), "ends" (the last step
// ends the episode and no other does; the time limit truncates), "quaternion" (unit length but at
// the reset, no change of sign). tz_dataset_read_tolerant checks the rest. `path` (Nullable) is
// where it was read from, for sentences: the errors of tz_dataset_need_env.
TZ_API tz_status tz_dataset_validate(const tz_dataset *dataset, const char *path, tz_fault_fn fault,
                                     void *context, tz_error *error);

// ---- replay

enum { TZ_N_REPLAY_BOUNDS = 3 };
static const double tz_replay_bounds[TZ_N_REPLAY_BOUNDS] = {1e-9, 1e-6, 1e-3};

// How one episode went when it was simulated again with the stored controls.
typedef struct tz_replayed {
    bool from_reset;  // the episode has a seed, and was started by it
    bool start_equal; // which gave the stored first state exactly; else it was put there, without
                      // the simulator's warm start
    int T;            // transitions of the episode
    int steps_within[TZ_N_REPLAY_BOUNDS]; // leading steps with max |z - z_stored| <= bound
    double max_difference;                // largest max |z - z_stored| on the way
    double final_difference;              // max |z - z_stored| after the last step
} tz_replayed;

// Replays all episodes; replays (n_episodes), `path` (Nullable) where the dataset was read from,
// for sentences. The errors of tz_dataset_need_env.
TZ_API tz_status tz_dataset_replay(const tz_dataset *dataset, const char *path,
                                   tz_replayed *replays, tz_team *team, tz_error *error);

#endif
