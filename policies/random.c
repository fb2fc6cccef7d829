// The policies that need no file: controls uniform over their range, and no control at all.
#include "base/assert.h"
#include "policies/policy_ops.h"

#include <string.h>

static tz_status no_workspace(tz_policy_workspace *workspace, const tz_policy *policy,
                              tz_error *error) {
    (void)workspace, (void)policy, (void)error;
    return TZ_OK;
}

static void act_random(const tz_policy *policy, tz_policy_workspace *workspace, float *u,
                       const double *z, tz_rng *rng, int B) {
    (void)workspace, (void)z;
    TZ_ASSERT(rng != NULL);
    const tz_task *task = &policy->task;
    for (int b = 0; b < B; b++) {
        for (int j = 0; j < task->nu; j++) {
            const double range = task->control_high[j] - task->control_low[j];
            u[b * task->nu + j] = (float)(task->control_low[j] + range * tz_rng_uniform(&rng[b]));
        }
    }
}

static void act_zero(const tz_policy *policy, tz_policy_workspace *workspace, float *u,
                     const double *z, tz_rng *rng, int B) {
    (void)workspace, (void)z, (void)rng;
    memset(u, 0, (size_t)B * (size_t)policy->task.nu * sizeof *u);
}

const tz_policy_ops tz_policy_random = {
    .name = "random", .workspace_create = no_workspace, .act = act_random};

const tz_policy_ops tz_policy_zero = {
    .name = "zero", .workspace_create = no_workspace, .act = act_zero};
