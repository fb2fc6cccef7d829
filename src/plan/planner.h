// Planners: task + model + options -> next control, with a warm start kept between calls.
//
// A planner draws candidate control sequences, rolls them out through the model, scores them with
// the task's reward, and refines. A policy may propose candidates, and its critic tell what the
// state at the horizon is worth. How, and which settings serve which task: docs/planning.md.
#ifndef TRAPEZE_PLAN_PLANNER_H
#define TRAPEZE_PLAN_PLANNER_H

#include "base/parallel.h"
#include "base/status.h"
#include "envs/env.h"
#include "models/model.h"
#include "policies/critic.h"
#include "policies/policy.h"

typedef enum tz_planner_kind {
    TZ_PLANNER_RANDOM,
    TZ_PLANNER_CEM,
    TZ_PLANNER_MPPI,
    TZ_N_PLANNERS
} tz_planner_kind;

// What to do with candidates whose predicted states leave the range of the training data.
typedef enum tz_range_mode {
    TZ_RANGE_OFF,     // nothing
    TZ_RANGE_PENALTY, // reward is lost in proportion to the distance
    TZ_RANGE_REJECT   // such a candidate is worse than any that stays inside
} tz_range_mode;

enum { TZ_POLICY_SAMPLES_MAX = 50 }; // most candidates of a policy

// In brackets: the value of tz_planner_def_default. `trapeze mpc` derives some from others where
// they are not given: elites a tenth of the samples (at least 2), keep_elites a fifth of the
// elites, policy_samples half of the samples, at most 50; with a policy noise_std 0.05, with a
// critic discount 0.99. A program does so itself: elites above `samples` and keep_elites of
// `elites` or more are refused, and a policy wants policy_samples of 1 or more.
typedef struct tz_planner_def {
    uint32_t cookie;      // set by tz_planner_def_default, checked at create
    tz_planner_kind kind; // [TZ_PLANNER_CEM]
    int horizon;          // control steps looked ahead, T [30]
    int samples;          // candidates per iteration [100]
    int iterations;      // refinements per plan (random shooting: fresh draws, the best of all) [3]
    int elites;          // CEM: best candidates that form the next distribution [10]
    int keep_elites;     // CEM: elites that are candidates of the next iteration and plan again [2]
    double smoothing;    // share of the old mean and std in the new ones, [0, 1) [0.1]
    double temperature;  // of MPPI's weights, in std of the better half's returns, > 0 [1]
    double sample_decay; // each iteration draws this many times fewer candidates, CEM at least two
                         // for each elite, >= 1 [1]
    double noise_std;    // initial standard deviation, in units of the control half-range [0.5]
    double noise_color;  // correlation of the noise of consecutive steps (AR(1)), [0, 1) [0.5]
    double discount;     // per step, (0, 1] [1]
    tz_range_mode range_mode; // [TZ_RANGE_OFF]
    double range_margin;      // tolerated outside [z_low, z_high], in widths of the range [0.1]
    double range_penalty;     // reward lost per step and width of the range outside [10]
    double disagreement;      // ensembles: reward lost per standard deviation of what the members
                              // promise of a candidate, >= 0 [0]
    const tz_policy *policy;  // nullable, borrowed for the planner's life: proposes candidates
    int policy_samples;       // that follow it through the model, of those of every iteration [0]
    const tz_critic *critic;  // nullable, borrowed likewise, needs the policy: value at the horizon
    uint64_t seed;            // [0]
} tz_planner_def;
TZ_API tz_planner_def tz_planner_def_default(void);

// "random", "cem", "mppi"; NULL-terminated, in the order of tz_planner_kind.
TZ_API const char *const *tz_planner_names(void);

typedef struct tz_planner tz_planner;

// One plan, borrowed from the planner until its next call. Candidates are counted over all
// iterations.
typedef struct tz_plan {
    int horizon;
    const float *u;          // controls: the first is to be applied          (horizon, nu)
    const float *z;          // states predicted along them               (horizon + 1, nz)
    double predicted_reward; // of the first step, by the task's own weights; NaN, as the next,
                             // where the prediction diverges
    double predicted_return; // of the whole horizon, discounted, without penalties and value
    const float *sample_z;   // states of a few candidates    (n_sample_z, horizon + 1, nz)
    int n_sample_z;
    int n_candidates;   // candidates that were rolled out in this call; 0 of tz_planner_coast
    int n_diverged;     // of them, with non-finite predictions
    int n_out_of_range; // of them, that left the (widened) range of the data; 0 when range_mode off
    double plan_s;      // wall time of this call (seconds)
} tz_plan;

// model, task and team are borrowed and must outlive the planner. Errors: a setting out of its
// bounds (TZ_ERR_ARGUMENT), a model of other dimensions (TZ_ERR_MISMATCH), a range asked of a model
// without one, a disagreement of a model without members, or a policy that a predicted state does
// not suffice for (TZ_ERR_UNSUPPORTED), memory. The caller destroys it.
TZ_API tz_status tz_planner_create(tz_planner **planner, const tz_planner_def *def,
                                   const tz_task *task, const tz_model *model, tz_team *team,
                                   tz_error *error);
TZ_API void tz_planner_destroy(tz_planner *planner); // Nullable

// Forgets the warm start; the random streams of the next episode start at (seed, episode).
TZ_API void tz_planner_reset(tz_planner *planner, uint64_t episode);

// The settings in force.
TZ_API tz_planner_def tz_planner_settings(const tz_planner *planner);

// Goes on with other settings from the next plan on, for which the warm start is kept as far as
// both horizons reach; weights stay. No plan may be borrowed. Errors as of tz_planner_create;
// nothing changes then.
TZ_API tz_status tz_planner_change(tz_planner *planner, const tz_planner_def *def, tz_error *error);

// Changes what is sought from the next plan on: the weight of a term of the reward, as
// tz_task_weigh does, in a copy of the task that the planner keeps; the warm start goes on. What a
// plan predicts is told by the task itself, as what its environment pays. A weight of contact
// forces changes no plan: no predicted step has any. No plan may be borrowed. TZ_ERR_ARGUMENT: as
// of tz_task_weigh; TZ_ERR_MEMORY; nothing changes then.
TZ_API tz_status tz_planner_weigh(tz_planner *planner, const char *weight, double value,
                                  tz_error *error);

// Plans from z (nz) and shifts the warm start by one step. Allocates nothing. The same seed,
// episode and states give the same bytes at any size of the team.
TZ_API void tz_planner_plan(tz_planner *planner, tz_plan *plan, const double *z);

// Plans nothing: the last plan and the warm start go on by one step, and past the end of the plan
// (at once in an episode without one) the controls are zero. The prediction is the model's, from z
// (nz) along them. Allocates nothing.
TZ_API void tz_planner_coast(tz_planner *planner, tz_plan *plan, const double *z);

#endif
