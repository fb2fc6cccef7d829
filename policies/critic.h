// Critics: Q(z, u), the discounted return that a trained policy still expects (the temperature's
// entropy included, as soft actor-critic counts it). For planners that want a value at their
// horizon.
#ifndef TRAPEZE_POLICIES_CRITIC_H
#define TRAPEZE_POLICIES_CRITIC_H

#include "base/status.h"
#include "envs/env.h"

typedef struct tz_critic tz_critic;                     // immutable after load, shared by threads
typedef struct tz_critic_workspace tz_critic_workspace; // scratch, one per thread

// Loads the twin critics of a safetensors file, critic.qf0.* and critic.qf1.*: what `trapeze sac`
// writes as critics.safetensors, Stable-Baselines3's tensors under their names, or shipped ones by
// name ("hopper-critics", found as tz_policy_find_file does). They see the
// observation that policies of the task see by default. TZ_ERR_IO, TZ_ERR_FORMAT, TZ_ERR_MISMATCH,
// TZ_ERR_UNSUPPORTED (an observation that a bare z does not give), TZ_ERR_MEMORY.
TZ_API tz_status tz_critic_load(tz_critic **critic, const char *name_or_path, const tz_task *task,
                                tz_error *error);
TZ_API void tz_critic_destroy(tz_critic *critic); // Nullable

// Memory of one thread for at most max_batch rows at a time. TZ_ERR_MEMORY. The caller destroys it.
TZ_API tz_status tz_critic_workspace_create(tz_critic_workspace **workspace,
                                            const tz_critic *critic, int max_batch,
                                            tz_error *error);
TZ_API void tz_critic_workspace_destroy(tz_critic_workspace *workspace); // Nullable

// q (B) <- the smaller of both critics at z (B, nz) and u (B, nu), u in the environment's units.
// Allocates nothing.
TZ_API void tz_critic_q(const tz_critic *critic, tz_critic_workspace *workspace, float *q,
                        const double *z, const float *u, int B);

#endif
