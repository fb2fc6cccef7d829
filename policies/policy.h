// Policies: state -> control. A policy applies the observation layout that it was trained on
// (indices into the raw z = [q, v], or into Gymnasium's observation, with clip bounds), so that one
// dataset of raw states serves policies of any layout of z.
#ifndef TRAPEZE_POLICIES_POLICY_H
#define TRAPEZE_POLICIES_POLICY_H

#include "base/rng.h"
#include "base/status.h"
#include "envs/env.h"

typedef struct tz_policy tz_policy;                     // immutable after load, shared by threads
typedef struct tz_policy_workspace tz_policy_workspace; // scratch, one per thread

// Loads by name ("random", "zero", a shipped policy) or from a policy file: Trapeze's, bare weights
// in safetensors, or an archive of Stable-Baselines3 (docs/policies.md). It must fit the task:
// observation, controls, and the environment it names; else TZ_ERR_MISMATCH with a sentence.
TZ_API tz_status tz_policy_create(tz_policy **policy, const char *name_or_path, const tz_task *task,
                                  tz_error *error);
TZ_API void tz_policy_destroy(tz_policy *policy); // Nullable

// Whether the name is a built-in's: "random", "zero".
TZ_API bool tz_policy_is_builtin(const char *name_or_path);

// Whether it draws every control ("random"): tz_policy_act then needs rng.
TZ_API bool tz_policy_needs_rng(const tz_policy *policy);

// Whether z is all that it sees, so that tz_policy_act serves; else only tz_policy_act_in does.
TZ_API bool tz_policy_sees_state(const tz_policy *policy);

TZ_API const char *tz_policy_name(const tz_policy *policy); // "random", or the file's base name
TZ_API const char *
tz_policy_sha256(const tz_policy *policy); // hex digest of the file, "" for built-ins

// Memory of one thread for at most max_batch states at a time. TZ_ERR_MEMORY. The caller destroys
// it.
TZ_API tz_status tz_policy_workspace_create(tz_policy_workspace **workspace,
                                            const tz_policy *policy, int max_batch,
                                            tz_error *error);
TZ_API void tz_policy_workspace_destroy(tz_policy_workspace *workspace); // Nullable

// u (B, nu) in the environment's units for z (B, nz). rng NULL: the deterministic control (mean);
// else one stream per row, rng (B), for sampled controls. "random" needs rng. Allocates nothing.
TZ_API void tz_policy_act(const tz_policy *policy, tz_policy_workspace *workspace, float *u,
                          const double *z, tz_rng *rng, int B);

// The same for the one state that `env` is in. Policies that see Gymnasium's observation rather
// than a part of z (docs/environments.md) can act only here.
TZ_API void tz_policy_act_in(const tz_policy *policy, tz_policy_workspace *workspace, float *u,
                             const tz_env *env, tz_rng *rng);

#endif
