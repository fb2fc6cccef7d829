// What a trained policy and its critic tell a planner. Private to the planners.
//
//     proposals   u_t = pi(z_t) along the model's own predictions: sequences that a search around
//                 the middle of the control range would hardly find
//     value       V(z) = min(Q_0, Q_1)(z, pi(z)): what can still be earned after the horizon
#ifndef TRAPEZE_PLAN_GUIDE_H
#define TRAPEZE_PLAN_GUIDE_H

#include "plan/planner.h"

#include "base/rng.h"

typedef struct tz_guide {
    const tz_policy *policy; // borrowed; NULL: there is no guide
    const tz_critic *critic; // borrowed; NULL: there are no values
    const tz_task *task;     // borrowed
    int nz, nu, max_batch;
    int n_workers;                          // threads of the team
    tz_policy_workspace **policy_workspace; // of each worker                     (n_workers)
    tz_critic_workspace **critic_workspace; // of each worker                     (n_workers)
    double *z;                              // owned                 (n_workers, max_batch, nz)
    float *u;                               // owned                 (n_workers, max_batch, nu)
} tz_guide;

// Guides up to max_batch states at once on each of n_workers threads. Without a policy in `def`
// nothing is made. TZ_ERR_UNSUPPORTED: a policy that a predicted state does not suffice for, or
// that knows nothing ("random"). TZ_ERR_MEMORY. The caller destroys it, also on failure.
tz_status tz_guide_create(tz_guide *guide, const tz_planner_def *def, const tz_task *task,
                          int max_batch, int n_workers, tz_error *error);
void tz_guide_destroy(tz_guide *guide);

// u (B, nu) <- the policy's controls at z (B, nz) + shift (nz), in the task's range: deterministic
// with rng NULL, else drawn, rng (B). The middle of the range where the state diverged and the
// policy knows none.
void tz_guide_act(const tz_guide *guide, int worker, float *u, const float *z, const double *shift,
                  tz_rng *rng, int B);

// V (B) <- values of z (B, nz) + shift (nz). With a critic only.
void tz_guide_value(const tz_guide *guide, int worker, float *V, const float *z,
                    const double *shift, int B);

#endif
