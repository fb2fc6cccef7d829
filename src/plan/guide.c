#include "plan/guide.h"

#include "base/assert.h"
#include "base/memory.h"

#include <math.h>

static tz_status check(const tz_planner_def *def, tz_error *error) {
    if (tz_policy_needs_rng(def->policy) || !tz_policy_sees_state(def->policy)) {
        return tz_fail(
            error, TZ_ERR_UNSUPPORTED,
            "policy '%s' cannot guide a planner: %s; expected one that acts on the state "
            "z = [q, v]",
            tz_policy_name(def->policy),
            tz_policy_needs_rng(def->policy)
                ? "it does not look at the state"
                : "it sees quantities that a predicted state does not hold");
    }
    return TZ_OK;
}

static tz_status create_workspaces(tz_guide *guide, tz_error *error) {
    const size_t n = (size_t)guide->n_workers, B = (size_t)guide->max_batch;
    guide->policy_workspace = tz_alloc(n, sizeof(tz_policy_workspace *));
    guide->critic_workspace = tz_alloc(n, sizeof(tz_critic_workspace *));
    guide->z = tz_alloc(n * B, (size_t)guide->nz * sizeof *guide->z);
    guide->u = tz_alloc(n * B, (size_t)guide->nu * sizeof *guide->u);
    if (guide->policy_workspace == NULL || guide->critic_workspace == NULL || guide->z == NULL ||
        guide->u == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: the policy of a planner");
    }
    for (int i = 0; i < guide->n_workers; i++) {
        TZ_CHECK(tz_policy_workspace_create(&guide->policy_workspace[i], guide->policy,
                                            guide->max_batch, error));
        if (guide->critic != NULL) {
            TZ_CHECK(tz_critic_workspace_create(&guide->critic_workspace[i], guide->critic,
                                                guide->max_batch, error));
        }
    }
    return TZ_OK;
}

tz_status tz_guide_create(tz_guide *guide, const tz_planner_def *def, const tz_task *task,
                          int max_batch, int n_workers, tz_error *error) {
    *guide = (tz_guide){0};
    if (def->policy == NULL) {
        return TZ_OK;
    }
    TZ_CHECK(check(def, error));
    *guide = (tz_guide){.policy = def->policy,
                        .critic = def->critic,
                        .task = task,
                        .nz = tz_task_nz(task),
                        .nu = task->nu,
                        .max_batch = max_batch,
                        .n_workers = n_workers};
    return create_workspaces(guide, error);
}

void tz_guide_destroy(tz_guide *guide) {
    for (int i = 0; guide->policy_workspace != NULL && i < guide->n_workers; i++) {
        tz_policy_workspace_destroy(guide->policy_workspace[i]);
    }
    for (int i = 0; guide->critic_workspace != NULL && i < guide->n_workers; i++) {
        tz_critic_workspace_destroy(guide->critic_workspace[i]);
    }
    tz_free(guide->policy_workspace);
    tz_free(guide->critic_workspace);
    tz_free(guide->z);
    tz_free(guide->u);
}

// The worker's copy of z (B, nz) + shift (nz) in double, as policies take it.
static const double *widen(const tz_guide *guide, int worker, const float *z, const double *shift,
                           int B) {
    TZ_ASSERT(B <= guide->max_batch);
    double *wide = guide->z + (size_t)worker * (size_t)(guide->max_batch * guide->nz);
    for (int i = 0; i < B * guide->nz; i++) {
        wide[i] = (double)z[i] + shift[i % guide->nz];
    }
    return wide;
}

void tz_guide_act(const tz_guide *guide, int worker, float *u, const float *z, const double *shift,
                  tz_rng *rng, int B) {
    tz_policy_act(guide->policy, guide->policy_workspace[worker], u,
                  widen(guide, worker, z, shift, B), rng, B);
    for (int i = 0; i < B * guide->nu; i++) {
        const int j = i % guide->nu;
        const double middle = 0.5 * (guide->task->control_low[j] + guide->task->control_high[j]);
        u[i] = tz_task_clip_control(guide->task, j, isfinite(u[i]) ? u[i] : (float)middle);
    }
}

void tz_guide_value(const tz_guide *guide, int worker, float *V, const float *z,
                    const double *shift, int B) {
    const double *wide = widen(guide, worker, z, shift, B);
    float *u = guide->u + (size_t)worker * (size_t)(guide->max_batch * guide->nu);
    tz_policy_act(guide->policy, guide->policy_workspace[worker], u, wide, NULL, B);
    tz_critic_q(guide->critic, guide->critic_workspace[worker], V, wide, u, B);
}
