// The registry, the verbs of env.h handed to the kind of environment, and a task's functions on a
// scratch.
#include "envs/env.h"

#include "base/assert.h"
#include "base/file.h"
#include "envs/env_ops.h"
#include "envs/hamiltonian/system_env.h"
#include "envs/mjcf_env.h"
#include "envs/mujoco_env.h"

#include <stdio.h>
#include <string.h>

enum { DEF_COOKIE = 0x7a5e0e4d };

// ---- registry ---------------------------------------------------------------------------------

static const tz_env_type *const registry[] = {
    &tz_half_cheetah.env,
    &tz_hopper.env,
    &tz_swimmer.env,
    &tz_walker2d.env,
    &tz_inverted_pendulum.env,
    &tz_inverted_double_pendulum.env,
    &tz_reacher.env,
    &tz_pusher.env,
    &tz_ant.env,
    &tz_humanoid.env,
    &tz_humanoid_standup.env,
};

int tz_env_count(void) {
    return (int)TZ_COUNTOF(registry);
}

const tz_env_info *tz_env_info_at(int index) {
    TZ_ASSERT(index >= 0 && index < tz_env_count());
    return &registry[index]->info;
}

// "hopper", "hopper-v4" and "Hopper-v4" name one entry; *version is what the name says, or 0.
const tz_env_type *tz_env_type_find(const char *name, int *version) {
    size_t length = strlen(name);
    *version = 0;
    if (length > 3 &&
        (strcmp(name + length - 3, "-v4") == 0 || strcmp(name + length - 3, "-v5") == 0)) {
        *version = name[length - 1] - '0';
        length -= 3;
    }
    for (size_t i = 0; i < TZ_COUNTOF(registry); i++) {
        const tz_env_info *info = &registry[i]->info;
        const size_t id_length = strcspn(info->gymnasium_id, "-");
        const bool is_name = strlen(info->name) == length && strncmp(info->name, name, length) == 0;
        const bool is_id =
            *version != 0 && id_length == length && strncmp(info->gymnasium_id, name, length) == 0;
        if ((is_name && (*version == 0 || id_length > 0)) || is_id) {
            return registry[i];
        }
    }
    return tz_system_env_type_find(name);
}

const tz_env_info *tz_env_info_find(const char *name) {
    int version;
    const tz_env_type *type = tz_env_type_find(name, &version);
    return type ? &type->info : NULL;
}

const tz_env_info *tz_env_info_of(const tz_env *env) {
    return &env->type->info;
}

const char *tz_step_trouble(tz_step_outcome outcome) {
    switch (outcome) {
    case TZ_STEP_OK:
        break;
    case TZ_STEP_UNSTABLE:
        return "the simulation became unstable";
    case TZ_STEP_BAD_REWARD:
        return "the reward was not a finite number";
    }
    return "";
}

bool tz_env_exists(const char *name) {
    char task_name[TZ_NAME_MAX];
    return tz_env_task_name(task_name, name);
}

bool tz_env_task_name(char task_name[TZ_NAME_MAX], const char *name) {
    if (tz_is_mjcf_name(name) && strlen(name) <= TZ_ENV_LETTERS_MAX && tz_file_exists(name)) {
        snprintf(task_name, TZ_NAME_MAX, "%s", name);
        return true;
    }
    int version;
    const tz_env_type *type = tz_env_type_find(name, &version);
    snprintf(task_name, TZ_NAME_MAX, "%s%s", type ? type->info.name : "",
             type && version == 4 ? "-v4" : "");
    return type != NULL;
}

// ---- create -----------------------------------------------------------------------------------

tz_env_def tz_env_def_default(void) {
    return (tz_env_def){.cookie = DEF_COOKIE, .ends_early = true};
}

static tz_status unknown_name(const char *name, tz_error *error) {
    char known[sizeof error->text] = "";
    size_t n = 0;
    for (int i = 0; i < tz_env_count(); i++) {
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "",
                              tz_env_info_at(i)->name);
        TZ_ASSERT(n < sizeof known);
    }
    return tz_fail(error, TZ_ERR_ARGUMENT,
                   "there is no environment named \"%.64s\"; expected one of %s, a physical "
                   "system such as chain-2 (`trapeze envs` lists them), or an MJCF file (.xml)",
                   name, known);
}

// The version that the definition and the name together ask for: 0 for a type without one.
static tz_status choose_version(int *version, const tz_env_type *type, int asked, int named,
                                tz_error *error) {
    const bool has_versions = type->info.gymnasium_id[0] != '\0';
    if (asked != 0 && (!has_versions || (asked != 4 && asked != 5))) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "%s has no version %d; expected %s", type->info.name,
                       asked, has_versions ? "4 or 5" : "none");
    }
    if (asked != 0 && named != 0 && asked != named) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s-v%d is asked for with version %d (expected the same twice, or one of "
                       "them)",
                       type->info.name, named, asked);
    }
    *version = asked != 0 ? asked : named != 0 ? named : has_versions ? 5 : 0;
    return TZ_OK;
}

tz_status tz_env_create(tz_env **env, const tz_env_def *def, tz_error *error) {
    *env = NULL;
    if (def->cookie != DEF_COOKIE) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "the environment's definition was not made by tz_env_def_default");
    }
    if (def->max_episode_steps < 0) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "max_episode_steps is %d; expected 0 (the registered limit) or more",
                       def->max_episode_steps);
    }
    if (def->name && tz_is_mjcf_name(def->name)) {
        return def->version == 0 ? tz_mjcf_env_create(env, def, error)
                                 : tz_fail(error, TZ_ERR_ARGUMENT, "%s has no versions", def->name);
    }
    int named = 0, version = 0;
    const tz_env_type *type = def->name ? tz_env_type_find(def->name, &named) : NULL;
    if (!type) {
        return unknown_name(def->name ? def->name : "", error);
    }
    TZ_CHECK(choose_version(&version, type, def->version, named, error));
    return type->ops->create(env, type, def, version, error);
}

tz_status tz_env_clone(tz_env **clone, const tz_env *env, tz_error *error) {
    *clone = NULL;
    return env->type->ops->clone(clone, env, error);
}

void tz_env_destroy(tz_env *env) {
    if (env) {
        env->type->ops->destroy(env);
    }
}

// ---- verbs ------------------------------------------------------------------------------------

const tz_task *tz_env_task(const tz_env *env) {
    return env->task;
}

void tz_env_reset(tz_env *env, double *z, uint64_t seed, uint64_t episode) {
    env->elapsed = 0;
    env->type->ops->reset(env, z, seed, episode);
}

void tz_env_step(tz_env *env, tz_step *step, double *z_next, const double *u) {
    env->type->ops->step(env, step, z_next, u);
    env->elapsed++;
    step->truncated = env->elapsed >= env->task->max_episode_steps;
}

int tz_env_reward_terms(const tz_env *env, double term[TZ_WEIGHTS_MAX]) {
    const tz_argument *weight[TZ_WEIGHTS_MAX];
    const int n = tz_task_weights(weight, env->task);
    if (n == 0) {
        return 0;
    }
    TZ_ASSERT(env->elapsed > 0 && env->type->ops->reward_by);
    const double reward = env->type->ops->reward_by(env, env->task);
    tz_task without = *env->task;
    for (int i = 0; i < n; i++) {
        tz_task_weigh(&without, weight[i]->name, 0.0, NULL);
        term[i] = reward - env->type->ops->reward_by(env, &without);
        without.argument = env->task->argument;
    }
    return n;
}

void tz_env_observe(const tz_env *env, double *z) {
    env->type->ops->observe(env, z);
}

void tz_env_set_z(tz_env *env, const double *z) {
    env->elapsed = 0;
    env->type->ops->set_z(env, z);
}

size_t tz_env_state_size(const tz_env *env) {
    return 1 + env->type->ops->state_size(env);
}

void tz_env_get_state(const tz_env *env, double *state) {
    state[0] = env->elapsed;
    env->type->ops->get_state(env, state + 1);
}

void tz_env_set_state(tz_env *env, const double *state) {
    env->elapsed = (int)state[0];
    env->type->ops->set_state(env, state + 1);
}

void tz_env_gym_observation(const tz_env *env, double *o) {
    TZ_ASSERT(env->type->ops->gym_observation && env->task->n_gym_observation > 0);
    env->type->ops->gym_observation(env, o);
}

const void *tz_env_mj_model(const tz_env *env) {
    return env->type->ops->mj_model ? env->type->ops->mj_model(env) : NULL;
}

void *tz_env_mj_data(tz_env *env) {
    return env->type->ops->mj_data ? env->type->ops->mj_data(env) : NULL;
}

// ---- a task's functions on a scratch ----------------------------------------------------------

tz_status tz_task_scratch_create(tz_task_scratch **scratch, const tz_task *task, tz_error *error) {
    *scratch = NULL;
    return task->scratch_create ? task->scratch_create(scratch, task, error) : TZ_OK;
}

void tz_task_scratch_destroy(tz_task_scratch *scratch) {
    if (scratch) {
        scratch->destroy(scratch);
    }
}

double tz_task_reward(const tz_task *task, tz_task_scratch *scratch, const double *z,
                      const double *u, const double *z_next) {
    return scratch ? scratch->reward(scratch, task, z, u, z_next)
                   : task->reward(task, z, u, z_next);
}

bool tz_task_terminated(const tz_task *task, tz_task_scratch *scratch, const double *z_next) {
    return task->terminated &&
           (scratch ? scratch->terminated(scratch, z_next) : task->terminated(task, z_next));
}
