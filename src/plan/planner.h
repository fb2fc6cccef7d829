// Planners: task + model + options -> next control, with a warm start kept between calls.
#ifndef TRAPEZE_PLAN_PLANNER_H
#define TRAPEZE_PLAN_PLANNER_H

#include "base/parallel.h"
#include "base/status.h"
#include "envs/env.h"
#include "models/model.h"

typedef enum tz_planner_kind { TZ_PLANNER_RANDOM, TZ_PLANNER_CEM, TZ_N_PLANNERS } tz_planner_kind;

// What to do with candidates whose predicted states leave the range of the training data.
typedef enum tz_range_mode { TZ_RANGE_OFF, TZ_RANGE_PENALTY, TZ_RANGE_REJECT } tz_range_mode;

typedef struct tz_planner_def {
    uint32_t cookie;
    tz_planner_kind kind;
    int horizon;        // control steps looked ahead, T
    int samples;        // candidates per iteration
    int iterations;     // refinements per plan (1 for random shooting)
    int elites;         // best candidates that form the next distribution
    double noise_std;   // initial standard deviation, in units of the control half-range
    double noise_color; // AR(1) coefficient or power-law exponent: see docs; 0 is white
    double discount;    // per step
    tz_range_mode range_mode;
    double range_margin;  // how far outside [z_low, z_high] is tolerated, in widths of the range
    double range_penalty; // reward lost per step and unit outside
    uint64_t seed;
} tz_planner_def;
TZ_API tz_planner_def tz_planner_def_default(void);

typedef struct tz_planner tz_planner;

// One plan, borrowed from the planner until its next call.
typedef struct tz_plan {
    int horizon;
    const float *u;          // best controls                             (horizon, nu)
    const float *z;          // states predicted along them               (horizon + 1, nz)
    double predicted_reward; // of the first step
    double predicted_return; // of the whole horizon
    const float
        *sample_z; // states of a few sampled candidates        (n_sample_z, horizon + 1, nz)
    int n_sample_z;
    int n_diverged; // candidates with non-finite predictions in this call
    double plan_s;  // wall time of this call
} tz_plan;

// model, task and team are borrowed and must outlive the planner.
TZ_API tz_status tz_planner_create(tz_planner **planner, const tz_planner_def *def,
                                   const tz_task *task, const tz_model *model, tz_team *team,
                                   tz_error *error);
TZ_API void tz_planner_destroy(tz_planner *planner); // Nullable

// Forgets the warm start; the random streams of the next episode start at (seed, episode).
TZ_API void tz_planner_reset(tz_planner *planner, uint64_t episode);

// Plans from z (nz) and shifts the warm start by one step. Allocates nothing.
TZ_API void tz_planner_plan(tz_planner *planner, tz_plan *plan, const double *z);

#endif
