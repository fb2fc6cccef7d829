// The collector: episodes of an environment under policies with noise, in parallel, into a writer.
//
// Episode e depends on (seed, e) alone: its reset, its policy (e modulo the number of policies),
// its noise. So the dataset is the same at any number of threads, and a run that was killed goes on
// where its journal ends.
#ifndef TRAPEZE_DATA_COLLECT_H
#define TRAPEZE_DATA_COLLECT_H

#include "base/parallel.h"
#include "data/writer.h"
#include "policies/policy.h"

// The control is u = clip(policy(z) + half_range * x), rounded to float before it is applied. The
// noise x is Gaussian with x_0 = s n_0, x_{t+1} = c x_t + s sqrt(1 - c^2) n_{t+1}, n ~ N(0, I), so
// its standard deviation is s at all times. Each episode draws its s from [noise_min, noise].
typedef struct tz_collect_def {
    uint32_t cookie; // set by tz_collect_def_default, checked
    int episodes;
    uint64_t seed;
    double noise, noise_min; // in half-ranges of the control, 0 <= noise_min <= noise
    double noise_color;      // c in [0, 1): 0 is white
    bool sampled;            // sampled instead of deterministic controls of the policies
} tz_collect_def;
TZ_API tz_collect_def tz_collect_def_default(void);

typedef struct tz_collect_progress {
    void *context;
    // (optional) now and then, on the calling thread, with what this run has collected so far
    void (*report)(void *context, int episodes, size_t steps);
    // (optional) from any thread: true ends the run, episodes in flight are lost
    bool (*stop)(void *context);
} tz_collect_progress;

typedef struct tz_collect_result {
    int episodes; // of this run, without those that the journal had
    size_t steps;
    int unstable;   // episodes cut, or dropped at their first step, because the simulation broke
    int bad_reward; // the same because a reward was not finite
    int dropped_unstable, dropped_bad_reward; // those of them that were dropped
} tz_collect_result;

// Puts every episode that the writer has not yet into its slot. `env` (borrowed, cloned for the
// threads) and the policies (n_policies) fit each other. `result` (Nullable) is written whatever
// happens. TZ_ERR_ARGUMENT, TZ_ERR_MEMORY, TZ_ERR_IO; TZ_ERR_INTERRUPTED when stopped. What was put
// stays in the journal. The caller finishes the writer.
TZ_API tz_status tz_collect(tz_writer *writer, const tz_env *env, const tz_policy *const *policies,
                            int n_policies, const tz_collect_def *def, tz_team *team,
                            const tz_collect_progress *progress, tz_collect_result *result,
                            tz_error *error);

#endif
