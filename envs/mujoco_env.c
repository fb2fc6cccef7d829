// An environment on MuJoCo: the verbs of env.h over a compiled model and one mjData.
//
// A step is what Gymnasium's v5 environments do: the raw control goes into mjData.ctrl (MuJoCo
// itself clamps it to the actuator's range), frame_skip physics steps, one mj_rnePostConstraint,
// and no further mj_forward: quantities derived from the state (body positions) belong to the last
// evaluation inside mj_step, as they do there.
#include "envs/mujoco_env.h"

#include "base/assert.h"
#include "base/memory.h"
#include "envs/mujoco_compat.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { DEF_COOKIE = 0x7a5e0e4d };

// What clones share. Immutable after create but for the count.
typedef struct shared {
    atomic_int n_envs;
    const tz_mujoco_env_type *type;
    mjModel *model; // owned
    tz_task task;
} shared;

struct tz_env {
    shared *shared; // one reference
    mjData *data;   // owned
    double *z;      // state before a step          (nq + nv)
    int elapsed;    // control steps since the reset
};

// ---- create -----------------------------------------------------------------------------------

tz_env_def tz_env_def_default(void) {
    return (tz_env_def){.cookie = DEF_COOKIE, .ends_early = true};
}

static int asset_index(const char *name) {
    int i = 0;
    while (i < tz_n_embedded_assets && strcmp(tz_embedded_assets[i].name, name) != 0) {
        i++;
    }
    TZ_ASSERT(i < tz_n_embedded_assets);
    return i;
}

// Everything in the task that the compiled model knows.
static void fill_task(tz_task *task, const tz_mujoco_env_type *type, const tz_env_def *def,
                      const mjModel *model) {
    snprintf(task->name, sizeof task->name, "%s", type->info.name);
    snprintf(task->gymnasium_id, sizeof task->gymnasium_id, "%s", type->info.gymnasium_id);
    task->nq = type->nq;
    task->nv = type->nv;
    task->nu = type->nu;
    task->frame_skip = type->frame_skip;
    task->dt_s = model->opt.timestep * type->frame_skip;
    task->max_episode_steps =
        def->max_episode_steps > 0 ? def->max_episode_steps : type->info.max_episode_steps;
    task->ends_early = def->ends_early;
    task->reward = type->reward;
    task->terminated = type->terminated;

    // Every joint is a slide or a hinge, so joint i is coordinate i.
    for (int i = 0; i < task->nq; i++) {
        TZ_ASSERT(model->jnt_type[i] == mjJNT_SLIDE || model->jnt_type[i] == mjJNT_HINGE);
        task->coordinate[i] =
            model->jnt_type[i] == mjJNT_SLIDE ? TZ_COORDINATE_LINEAR : TZ_COORDINATE_ANGLE;
        task->cyclic[i] = i < type->n_cyclic;
        snprintf(task->coordinate_name[i], TZ_NAME_MAX, "%s", mj_id2name(model, mjOBJ_JOINT, i));
    }
    for (int i = 0; i < task->nu; i++) {
        task->control_low[i] = model->actuator_ctrlrange[2 * i];
        task->control_high[i] = model->actuator_ctrlrange[2 * i + 1];
    }
}

static void release(shared *s) {
    if (atomic_fetch_sub(&s->n_envs, 1) == 1) {
        mj_deleteModel(s->model);
        tz_free(s);
    }
}

// Makes a world on `s`, whose reference it takes over, also when it fails.
static tz_status create_on(tz_env **env, shared *s, tz_error *error) {
    const char *name = s->type->info.name;
    tz_env *e = tz_alloc(1, sizeof *e);
    if (!e) {
        release(s);
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for an environment", name);
    }
    e->shared = s;
    e->z = tz_alloc((size_t)tz_task_nz(&s->task), sizeof *e->z);
    e->data = e->z ? mj_makeData(s->model) : NULL;
    if (!e->data) {
        tz_env_destroy(e);
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for the simulation state", name);
    }
    mj_forward(s->model, e->data);
    *env = e;
    return TZ_OK;
}

static tz_status unknown_name(const char *name, tz_error *error) {
    char known[512] = "";
    size_t n = 0;
    for (int i = 0; i < tz_env_count(); i++) {
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "",
                              tz_env_info_at(i)->name);
        TZ_ASSERT(n < sizeof known);
    }
    return tz_fail(error, TZ_ERR_ARGUMENT,
                   "there is no environment named \"%.64s\"; expected one of %s", name, known);
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
    const tz_mujoco_env_type *type = def->name ? tz_mujoco_env_type_find(def->name) : NULL;
    if (!type) {
        return unknown_name(def->name ? def->name : "", error);
    }
    shared *s = tz_alloc(1, sizeof *s);
    if (!s) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for an environment", type->info.name);
    }

    // Compile the model and hold it against what the type says.
    tz_mujoco_silence();
    const tz_status status = tz_mujoco_compile(&s->model, tz_embedded_assets, tz_n_embedded_assets,
                                               asset_index(type->asset), error);
    if (status != TZ_OK) {
        tz_free(s);
        return status;
    }
    TZ_ASSERT((int)s->model->nq == type->nq && (int)s->model->nv == type->nv &&
              (int)s->model->nu == type->nu && (int)s->model->na == 0);

    s->type = type;
    atomic_init(&s->n_envs, 1);
    fill_task(&s->task, type, def, s->model);
    return create_on(env, s, error);
}

tz_status tz_env_clone(tz_env **clone, const tz_env *env, tz_error *error) {
    *clone = NULL;
    atomic_fetch_add(&env->shared->n_envs, 1);
    return create_on(clone, env->shared, error);
}

void tz_env_destroy(tz_env *env) {
    if (env) {
        mj_deleteData(env->data);
        tz_free(env->z);
        release(env->shared);
        tz_free(env);
    }
}

const tz_task *tz_env_task(const tz_env *env) {
    return &env->shared->task;
}

// ---- reset and step ---------------------------------------------------------------------------

void tz_env_reset(tz_env *env, double *z, uint64_t seed, uint64_t episode) {
    const shared *s = env->shared;
    tz_rng rng = tz_rng_stream(seed, TZ_PURPOSE_RESET, episode);
    mj_resetData(s->model, env->data);
    s->type->draw_reset(env->data->qpos, env->data->qvel, s->type->nq, s->type->nv, &rng);
    mj_forward(s->model, env->data);
    env->elapsed = 0;
    tz_env_observe(env, z);
}

void tz_env_set_z(tz_env *env, const double *z) {
    const shared *s = env->shared;
    mj_resetData(s->model, env->data);
    memcpy(env->data->qpos, z, (size_t)s->type->nq * sizeof *z);
    memcpy(env->data->qvel, z + s->type->nq, (size_t)s->type->nv * sizeof *z);
    mj_forward(s->model, env->data);
    env->elapsed = 0;
}

void tz_env_observe(const tz_env *env, double *z) {
    const tz_mujoco_env_type *type = env->shared->type;
    memcpy(z, env->data->qpos, (size_t)type->nq * sizeof *z);
    memcpy(z + type->nq, env->data->qvel, (size_t)type->nv * sizeof *z);
}

// MuJoCo meets a bad number by warning and starting over from qpos0 in the middle of a step; a
// state that went bad in the last physics step is one that the next step would warn about.
static bool is_stable(const mjData *data, const double *z, int nz) {
    if (data->warning[mjWARN_BADQPOS].number || data->warning[mjWARN_BADQVEL].number ||
        data->warning[mjWARN_BADQACC].number || data->warning[mjWARN_BADCTRL].number) {
        return false;
    }
    for (int i = 0; i < nz; i++) {
        if (!(fabs(z[i]) <= mjMAXVAL)) {
            return false;
        }
    }
    return true;
}

void tz_env_step(tz_env *env, tz_step *step, double *z_next, const double *u) {
    const shared *s = env->shared;
    const tz_task *task = &s->task;
    mjData *data = env->data;

    // One control period.
    tz_env_observe(env, env->z);
    memcpy(data->ctrl, u, (size_t)task->nu * sizeof *u);
    for (int k = 0; k < task->frame_skip; k++) {
        mj_step(s->model, data);
    }
    mj_rnePostConstraint(s->model, data);
    tz_env_observe(env, z_next);
    env->elapsed++;

    // What came of it.
    step->reward = task->reward(task, env->z, u, z_next);
    step->terminated = task->ends_early && task->terminated && task->terminated(task, z_next);
    step->truncated = env->elapsed >= task->max_episode_steps;
    step->outcome = is_stable(data, z_next, tz_task_nz(task)) && isfinite(step->reward)
                        ? TZ_STEP_OK
                        : TZ_STEP_UNSTABLE;
}

// ---- full state -------------------------------------------------------------------------------

// The parts of the full state in their order: X(mjData field, number of doubles).
#define STATE_PARTS(X)                                                                             \
    X(qpos, model->nq)                                                                             \
    X(qvel, model->nv)                                                                             \
    X(act, model->na)                                                                              \
    X(qacc_warmstart, model->nv)                                                                   \
    X(ctrl, model->nu)                                                                             \
    X(qfrc_applied, model->nv)                                                                     \
    X(xfrc_applied, 6 * model->nbody)

size_t tz_env_state_size(const tz_env *env) {
    const mjModel *model = env->shared->model;
    size_t n = 2; // elapsed steps and time
#define ADD_SIZE(field, size) n += (size_t)(size);
    STATE_PARTS(ADD_SIZE)
#undef ADD_SIZE
    return n;
}

void tz_env_get_state(const tz_env *env, double *state) {
    const mjModel *model = env->shared->model;
    *state++ = env->elapsed;
    *state++ = env->data->time;
#define GET_PART(field, size)                                                                      \
    memcpy(state, env->data->field, (size_t)(size) * sizeof *state);                               \
    state += (size);
    STATE_PARTS(GET_PART)
#undef GET_PART
}

void tz_env_set_state(tz_env *env, const double *state) {
    const mjModel *model = env->shared->model;
    env->elapsed = (int)*state++;
    env->data->time = *state++;
#define SET_PART(field, size)                                                                      \
    memcpy(env->data->field, state, (size_t)(size) * sizeof *state);                               \
    state += (size);
    STATE_PARTS(SET_PART)
#undef SET_PART
    memset(env->data->warning, 0, sizeof env->data->warning);
}

const void *tz_env_mj_model(const tz_env *env) {
    return env->shared->model;
}

void *tz_env_mj_data(tz_env *env) {
    return env->data;
}

// ---- pieces of environments -------------------------------------------------------------------

void tz_add_uniform(double *x, int n, double a, tz_rng *rng) {
    for (int i = 0; i < n; i++) {
        x[i] += a * (2.0 * tz_rng_uniform(rng) - 1.0);
    }
}

void tz_add_normal(double *x, int n, double s, tz_rng *rng) {
    for (int i = 0; i < n; i++) {
        x[i] += s * tz_rng_normal(rng);
    }
}

double tz_control_cost(const double *u, int nu) {
    double sum = 0.0;
    for (int i = 0; i < nu; i++) {
        sum += u[i] * u[i];
    }
    return sum;
}

double tz_forward_velocity(const tz_task *task, const double *z, const double *z_next) {
    return (z_next[0] - z[0]) / task->dt_s;
}
