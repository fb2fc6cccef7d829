// The environment of a dataset, where it can be had: the registry's by name, a user's MJCF where it
// was when the episodes were recorded, and as it was.
#include "data/dataset.h"
#include "envs/env_match.h"
#include "envs/mjcf_env.h"

static tz_status create(tz_env **env, const tz_dataset *dataset, tz_error *error) {
    tz_env_def def = tz_env_def_default();
    def.name = dataset->env;
    def.arguments = dataset->env_arguments;
    def.ends_early = dataset->ends_early;
    def.max_episode_steps = dataset->max_episode_steps;
    return tz_env_create(env, &def, error);
}

static tz_env_match compare(const tz_dataset *dataset, const tz_task *task) {
    return tz_env_compare(dataset->env, dataset->env_digest, task->name, task->digest);
}

tz_status tz_dataset_need_env(tz_env **env, const tz_dataset *dataset, const char *path,
                              tz_error *error) {
    const char *subject = path ? path : "the dataset";
    *env = NULL;
    if (dataset->env[0] == '\0') {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s: does not say its environment (give it with --env)", subject);
    }
    if (tz_is_mjcf_name(dataset->env) && !tz_env_exists(dataset->env)) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s: recorded with %s, which is not there: name the file by --env", subject,
                       dataset->env);
    }
    TZ_CHECK(create(env, dataset, error));
    if (compare(dataset, tz_env_task(*env)) == TZ_ENV_CHANGED) {
        tz_env_destroy(*env);
        *env = NULL;
        return tz_env_fail_changed(subject, "data", dataset->env, dataset->env, error);
    }
    return TZ_OK;
}

tz_status tz_dataset_find_env(tz_env **env, const tz_dataset *dataset, tz_error *error) {
    *env = NULL;
    if (dataset->env[0] == '\0' || !tz_env_exists(dataset->env)) {
        return TZ_OK;
    }
    TZ_CHECK(create(env, dataset, error));
    if (compare(dataset, tz_env_task(*env)) == TZ_ENV_CHANGED) {
        tz_env_destroy(*env);
        *env = NULL;
    }
    return TZ_OK;
}

bool tz_dataset_same_env(const tz_dataset *dataset, const tz_dataset *other) {
    return tz_env_compare(dataset->env, dataset->env_digest, other->env, other->env_digest) ==
           TZ_ENV_SAME;
}
