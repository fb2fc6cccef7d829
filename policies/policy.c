// The registry of built-in policies, and what every policy shares.
#include "policies/policy.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/memory.h"
#include "policies/policy_ops.h"

#include <stdio.h>
#include <string.h>

static const tz_policy_ops *const builtins[] = {&tz_policy_random, &tz_policy_zero};

// Finds a file of this name, or one that is shipped under it.
static bool find_file(char path[TZ_PATH_MAX], const char *name_or_path) {
    if (tz_file_exists(name_or_path) || strchr(name_or_path, '/') != NULL) {
        return tz_path_join(path, "", name_or_path, NULL) == TZ_OK;
    }
    char relative[TZ_PATH_MAX];
    snprintf(relative, sizeof relative, "policies/%s.safetensors", name_or_path);
    return tz_find_shipped(relative, path, NULL) == TZ_OK;
}

// `others` are further words that would have been taken: "random, zero, ".
static tz_status fail_unknown(const char *name_or_path, const char *others, tz_error *error) {
    return tz_fail(error, TZ_ERR_IO,
                   "%s: %s; expected %sa shipped policy (half_cheetah-expert) or a policy file",
                   name_or_path, tz_folder_exists(name_or_path) ? "is a folder" : "no such policy",
                   others);
}

tz_status tz_policy_find_file(char path[TZ_PATH_MAX], const char *name_or_path, tz_error *error) {
    return find_file(path, name_or_path) ? TZ_OK : fail_unknown(name_or_path, "", error);
}

// NULL: none of this name.
static const tz_policy_ops *find_builtin(const char *name) {
    for (size_t i = 0; i < TZ_COUNTOF(builtins); i++) {
        if (strcmp(name, builtins[i]->name) == 0) {
            return builtins[i];
        }
    }
    return NULL;
}

bool tz_policy_is_builtin(const char *name_or_path) {
    return find_builtin(name_or_path) != NULL;
}

static tz_status create_self(tz_policy *policy, const char *name_or_path, tz_error *error) {
    policy->ops = find_builtin(name_or_path);
    if (policy->ops != NULL) {
        snprintf(policy->name, sizeof policy->name, "%s", policy->ops->name);
        return TZ_OK;
    }
    char path[TZ_PATH_MAX];
    if (!find_file(path, name_or_path)) {
        return fail_unknown(name_or_path, "random, zero, ", error);
    }
    tz_path_stem(path, policy->name, TZ_NAME_MAX);
    policy->ops = &tz_policy_mlp;
    return tz_actor_read(&policy->actor, &policy->block, policy->sha256, path, &policy->task,
                         error);
}

tz_status tz_policy_create(tz_policy **out, const char *name_or_path, const tz_task *task,
                           tz_error *error) {
    *out = NULL;
    tz_policy *policy = tz_alloc(1, sizeof *policy);
    if (policy == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: policy '%s'", name_or_path);
    }
    policy->task = *task;
    const tz_status status = create_self(policy, name_or_path, error);
    if (status != TZ_OK) {
        tz_policy_destroy(policy);
        return status;
    }
    *out = policy;
    return TZ_OK;
}

void tz_policy_destroy(tz_policy *policy) {
    if (policy != NULL) {
        tz_free(policy->block);
        tz_free(policy);
    }
}

bool tz_policy_needs_rng(const tz_policy *policy) {
    return policy->ops == &tz_policy_random;
}

bool tz_policy_sees_state(const tz_policy *policy) {
    return policy->actor.layout.source == TZ_OBSERVATION_STATE;
}

const char *tz_policy_name(const tz_policy *policy) {
    return policy->name;
}

const char *tz_policy_sha256(const tz_policy *policy) {
    return policy->sha256;
}

tz_status tz_policy_workspace_create(tz_policy_workspace **out, const tz_policy *policy,
                                     int max_batch, tz_error *error) {
    TZ_ASSERT(max_batch > 0);
    *out = NULL;
    tz_policy_workspace *workspace = tz_alloc(1, sizeof *workspace);
    if (workspace == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: workspace of policy '%s'",
                       policy->name);
    }
    workspace->max_batch = max_batch;
    const tz_status status = policy->ops->workspace_create(workspace, policy, error);
    if (status != TZ_OK) {
        tz_policy_workspace_destroy(workspace);
        return status;
    }
    *out = workspace;
    return TZ_OK;
}

void tz_policy_workspace_destroy(tz_policy_workspace *workspace) {
    if (workspace != NULL) {
        tz_free(workspace->block);
        tz_free(workspace);
    }
}

void tz_policy_act(const tz_policy *policy, tz_policy_workspace *workspace, float *u,
                   const double *z, tz_rng *rng, int B) {
    TZ_ASSERT(B <= workspace->max_batch && tz_policy_sees_state(policy));
    policy->ops->act(policy, workspace, u, z, rng, B);
}

void tz_policy_act_in(const tz_policy *policy, tz_policy_workspace *workspace, float *u,
                      const tz_env *env, tz_rng *rng) {
    double source[TZ_OBSERVATION_MAX];
    tz_env_observe_source(env, policy->actor.layout.source, source);
    policy->ops->act(policy, workspace, u, source, rng, 1);
}
