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
#include "envs/mujoco_scratch.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { IDLE_MAX = 64 };

// What clones share. Immutable after create but for the count and the idle data.
typedef struct shared {
    atomic_int n_envs;
    const tz_mujoco_env_type *type;
    mjModel *model; // owned
    void *owned;    // what lives as long; Nullable
    tz_task task;

    // on which the task's own functions measure states; one for each thread that ever did so at the
    // same time as another
    pthread_mutex_t idle_lock;
    tz_task_scratch *idle[IDLE_MAX]; // owned               (n_idle)
    int n_idle;
} shared;

typedef struct mujoco_env {
    tz_env env;
    shared *shared;                   // one reference
    mjData *data;                     // owned
    double *z;                        // state before a step          (nq + nv)
    double m[TZ_MEASURED_MAX];        // measured of the world as it stands (n_measured)
    double m_before[TZ_MEASURED_MAX]; // and before the step
    double *o;                        // Gymnasium's observation of it      (n_observed)
    tz_task_scratch *scratch;         // owned; for exact rewards that measure, else NULL
} mujoco_env;

static inline mujoco_env *self_of(tz_env *env) {
    return (mujoco_env *)env;
}

static inline const mujoco_env *const_self_of(const tz_env *env) {
    return (const mujoco_env *)env;
}

// ---- reward and end of predicted states -------------------------------------------------------

// Also of a copy of the task.
static shared *shared_of(const tz_task *task) {
    return (shared *)task->world;
}

// A scratch that no other thread measures on; NULL when there is no memory for it.
static tz_task_scratch *take_idle(shared *s) {
    pthread_mutex_lock(&s->idle_lock);
    tz_task_scratch *scratch = s->n_idle > 0 ? s->idle[--s->n_idle] : NULL;
    pthread_mutex_unlock(&s->idle_lock);
    if (!scratch) {
        tz_error error;
        tz_mujoco_scratch_create(&scratch, &s->task, s->type, s->model, &error);
    }
    return scratch;
}

static void put_idle(shared *s, tz_task_scratch *scratch) {
    pthread_mutex_lock(&s->idle_lock);
    const bool fits = s->n_idle < IDLE_MAX;
    if (fits) {
        s->idle[s->n_idle++] = scratch;
    }
    pthread_mutex_unlock(&s->idle_lock);
    if (!fits) {
        tz_task_scratch_destroy(scratch);
    }
}

static double reward_of_states(const tz_task *task, const double *z, const double *u,
                               const double *z_next) {
    tz_task_scratch *scratch = take_idle(shared_of(task));
    if (!scratch) {
        return NAN;
    }
    const double reward = scratch->reward(scratch, task, z, u, z_next);
    put_idle(shared_of(task), scratch);
    return reward;
}

static bool end_of_state(const tz_task *task, const double *z_next) {
    tz_task_scratch *scratch = take_idle(shared_of(task));
    if (!scratch) {
        return true;
    }
    const bool ends = scratch->terminated(scratch, z_next);
    put_idle(shared_of(task), scratch);
    return ends;
}

// A copy of a task whose reward was replaced is its maker's.
static tz_status create_scratch(tz_task_scratch **scratch, const tz_task *task, tz_error *error) {
    if (task->reward != reward_of_states) {
        return TZ_OK;
    }
    const shared *s = shared_of(task);
    return tz_mujoco_scratch_create(scratch, task, s->type, s->model, error);
}

const tz_mujoco_env_type *tz_mujoco_type_of(const tz_task *task) {
    return shared_of(task)->type;
}

// ---- task -------------------------------------------------------------------------------------

static int gym_observation_size(const tz_mujoco_env_type *type, int version) {
    return tz_mujoco_is_of_file(type) ? 0
           : !type->observe           ? type->nq - type->observation_skip + type->nv
           : version == 4             ? type->n_observation_v4
                                      : type->n_observation;
}

// Numbers of Gymnasium's observation that a world keeps: all, or none where it is a part of z.
static int n_observed(const shared *s) {
    return s->type->observe ? s->task.n_gym_observation : 0;
}

// Names and kinds of joint j's coordinates. A slide or hinge is one of each, called as the joint;
// a ball or free joint has a unit quaternion (w, x, y, z) and the angular velocity of the body
// (radians/s), a free joint before them a position and its velocity.
static void describe_joint(tz_task *task, const mjModel *model, int j) {
    static const char *const position[] = {"x", "y", "z"};
    static const char *const quaternion[] = {"qw", "qx", "qy", "qz"};
    static const char *const angular[] = {"wx", "wy", "wz"};
    const char *name = mj_id2name(model, mjOBJ_JOINT, j);
    char numbered[32];
    if (!name) {
        snprintf(numbered, sizeof numbered, "joint%d", j);
        name = numbered;
    }

    int q = (int)model->jnt_qposadr[j], v = (int)model->jnt_dofadr[j];
    if (model->jnt_type[j] == mjJNT_SLIDE || model->jnt_type[j] == mjJNT_HINGE) {
        task->coordinate[q] =
            model->jnt_type[j] == mjJNT_SLIDE ? TZ_COORDINATE_LINEAR : TZ_COORDINATE_ANGLE;
        task->unbounded[q] = model->jnt_type[j] == mjJNT_HINGE && !model->jnt_limited[j];
        snprintf(task->coordinate_name[q], TZ_NAME_MAX, "%s", name);
        snprintf(task->velocity_name[v], TZ_NAME_MAX, "%s", name);
        return;
    }
    for (int k = 0; k < 3 && model->jnt_type[j] == mjJNT_FREE; k++, q++, v++) {
        task->coordinate[q] = TZ_COORDINATE_LINEAR;
        snprintf(task->coordinate_name[q], TZ_NAME_MAX, "%.120s_%s", name, position[k]);
        snprintf(task->velocity_name[v], TZ_NAME_MAX, "%.120s_%s", name, position[k]);
    }
    for (int k = 0; k < 4; k++) {
        task->coordinate[q + k] = TZ_COORDINATE_QUATERNION;
        snprintf(task->coordinate_name[q + k], TZ_NAME_MAX, "%.120s_%s", name, quaternion[k]);
    }
    for (int k = 0; k < 3; k++) {
        snprintf(task->velocity_name[v + k], TZ_NAME_MAX, "%.120s_%s", name, angular[k]);
    }
}

// Everything in the task that the compiled model and the definition know.
static tz_status fill_task(tz_task *task, const tz_mujoco_env_type *type, const tz_env_def *def,
                           int version, const mjModel *model, tz_error *error) {
    const tz_env_info *info = &type->env.info;
    snprintf(task->name, sizeof task->name, "%.*s%s", TZ_ENV_LETTERS_MAX, info->name,
             version == 4 ? "-v4" : "");
    snprintf(task->gymnasium_id, sizeof task->gymnasium_id, "%s", info->gymnasium_id);
    char *digit = strrchr(task->gymnasium_id, '5');
    if (version == 4 && digit) {
        *digit = '4';
    }
    task->version = version;
    task->nq = type->nq;
    task->nv = type->nv;
    task->nu = type->nu;
    task->frame_skip = type->frame_skip;
    task->dt_s = model->opt.timestep * type->frame_skip;
    task->max_episode_steps =
        def->max_episode_steps > 0 ? def->max_episode_steps : info->max_episode_steps;
    task->ends_early = def->ends_early;

    for (int j = 0; j < (int)model->njnt; j++) {
        describe_joint(task, model, j);
    }
    for (int i = 0; i < type->n_cyclic; i++) {
        task->cyclic[i] = true;
    }
    for (int i = 0; i < task->nu; i++) {
        task->control_low[i] = model->actuator_ctrlrange[2 * i];
        task->control_high[i] = model->actuator_ctrlrange[2 * i + 1];
    }
    return tz_arguments_apply(task, info->arguments, info->n_arguments, def->arguments, error);
}

// Whose functions the task's are. A file's sensors are measured by its pure functions alone.
static void choose_rules(tz_task *task, const tz_mujoco_env_type *type) {
    const bool is_measured = type->n_measured > 0;
    task->n_gym_observation = gym_observation_size(type, task->version);
    task->is_exact = !is_measured || tz_mujoco_is_of_file(type);
    task->reward = is_measured ? reward_of_states : type->reward;
    task->terminated = !is_measured ? type->terminated : type->measured_end ? end_of_state : NULL;
    task->scratch_create = is_measured ? create_scratch : NULL;
}

static void release(shared *s) {
    if (atomic_fetch_sub(&s->n_envs, 1) == 1) {
        while (s->n_idle > 0) {
            tz_task_scratch_destroy(s->idle[--s->n_idle]);
        }
        pthread_mutex_destroy(&s->idle_lock);
        mj_deleteModel(s->model);
        tz_free(s->owned);
        tz_free(s);
    }
}

static void destroy(tz_env *env) {
    mujoco_env *self = self_of(env);
    mj_deleteData(self->data);
    tz_task_scratch_destroy(self->scratch);
    tz_free(self->z);
    tz_free(self->o);
    release(self->shared);
    tz_free(self);
}

// Takes what derived quantities are needed for from the world as the physics left it.
static void measure(mujoco_env *self) {
    const shared *s = self->shared;
    if (!s->task.is_exact) {
        s->type->measure(&s->task, s->model, self->data, self->m);
    }
    if (s->type->observe) {
        s->type->observe(&s->task, s->model, self->data, self->o);
    }
}

static void start(void *context) {
    mujoco_env *self = context;
    self->data = mj_makeData(self->shared->model);
    if (self->data) {
        mj_forward(self->shared->model, self->data);
    }
}

// Makes a world on `s`, whose reference it takes over, also when it fails.
static tz_status create_on(tz_env **env, shared *s, tz_error *error) {
    const char *name = s->task.name;
    mujoco_env *e = tz_alloc(1, sizeof *e);
    if (!e) {
        const tz_status status =
            tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for an environment", name);
        release(s); // with the name
        return status;
    }
    e->env = (tz_env){.type = &s->type->env, .task = &s->task};
    e->shared = s;
    e->z = tz_alloc((size_t)tz_task_nz(&s->task), sizeof *e->z);
    e->o = tz_alloc((size_t)n_observed(s) + 1, sizeof *e->o);
    char complaint[256] = "no memory";
    if (!e->z || !e->o || !tz_mujoco_try(start, e, complaint, sizeof complaint) || !e->data) {
        const tz_status status =
            tz_fail(error, TZ_ERR_MEMORY, "%s: the simulation cannot start: %s", name, complaint);
        destroy(&e->env);
        return status;
    }
    const tz_status status =
        s->task.is_exact ? tz_task_scratch_create(&e->scratch, &s->task, error) : TZ_OK;
    if (status != TZ_OK) {
        destroy(&e->env);
        return status;
    }
    measure(e);
    *env = &e->env;
    return TZ_OK;
}

tz_status tz_mujoco_env_create(tz_env **env, const tz_mujoco_env_type *type, mjModel *model,
                               void *owned,
                               tz_status (*complete)(void *owned, tz_task *task,
                                                     const mjModel *model, tz_error *error),
                               const tz_env_def *def, int version, tz_error *error) {
    shared *s = tz_alloc(1, sizeof *s);
    if (!s) {
        const tz_status status =
            tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for an environment", type->env.info.name);
        mj_deleteModel(model);
        tz_free(owned);
        return status;
    }
    s->type = type;
    s->model = model;
    s->owned = owned;
    s->task.world = s;
    atomic_init(&s->n_envs, 1);
    pthread_mutex_init(&s->idle_lock, NULL);
    tz_status status = fill_task(&s->task, type, def, version, model, error);
    if (status == TZ_OK && complete) {
        status = complete(owned, &s->task, model, error);
    }
    if (status != TZ_OK) {
        release(s);
        return status;
    }
    choose_rules(&s->task, type);
    return create_on(env, s, error);
}

static tz_status create(tz_env **env, const tz_env_type *env_type, const tz_env_def *def,
                        int version, tz_error *error) {
    const tz_mujoco_env_type *type = (const tz_mujoco_env_type *)env_type;
    const char *asset = version == 4 && type->asset_v4 ? type->asset_v4 : type->asset;
    mjModel *model;
    TZ_CHECK(tz_mujoco_compile_asset(&model, asset, error));
    TZ_ASSERT((int)model->nq == type->nq && (int)model->nv == type->nv &&
              (int)model->nu == type->nu && (int)model->na == 0);
    return tz_mujoco_env_create(env, type, model, NULL, NULL, def, version, error);
}

static tz_status clone_env(tz_env **clone, const tz_env *env, tz_error *error) {
    shared *s = const_self_of(env)->shared;
    atomic_fetch_add(&s->n_envs, 1);
    return create_on(clone, s, error);
}

// ---- reset and step ---------------------------------------------------------------------------

static void observe(const tz_env *env, double *z) {
    const mujoco_env *self = const_self_of(env);
    memcpy(z, self->data->qpos, (size_t)env->task->nq * sizeof *z);
    memcpy(z + env->task->nq, self->data->qvel, (size_t)env->task->nv * sizeof *z);
}

static void forward(void *context) {
    mj_forward(((mujoco_env *)context)->shared->model, ((mujoco_env *)context)->data);
}

// Brings derived quantities up to a state that was put there. What MuJoCo cannot do here it cannot
// do in the next step either, which then is unstable.
static void derive(mujoco_env *self) {
    char complaint[64];
    tz_mujoco_try(forward, self, complaint, sizeof complaint);
    measure(self);
}

static void reset(tz_env *env, double *z, uint64_t seed, uint64_t episode) {
    const shared *s = self_of(env)->shared;
    mjData *data = self_of(env)->data;
    tz_rng rng = tz_rng_stream(seed, TZ_PURPOSE_RESET, episode);
    mj_resetData(s->model, data);
    if (s->type->draw_reset) {
        s->type->draw_reset(&s->task, data->qpos, data->qvel, &rng);
    } else {
        tz_add_uniform(data->qpos, s->type->nq, s->type->reset_noise[0], &rng);
        tz_add_uniform(data->qvel, s->type->nv, s->type->reset_noise[1], &rng);
        mj_normalizeQuat(s->model, data->qpos);
    }
    derive(self_of(env));
    observe(env, z);
}

static void set_z(tz_env *env, const double *z) {
    const shared *s = self_of(env)->shared;
    mjData *data = self_of(env)->data;
    mj_resetData(s->model, data);
    memcpy(data->qpos, z, (size_t)s->type->nq * sizeof *z);
    memcpy(data->qvel, z + s->type->nq, (size_t)s->type->nv * sizeof *z);
    derive(self_of(env));
}

// MuJoCo meets a bad number by warning and starting over from qpos0 in the middle of a step; a
// state that went bad in the last physics step is one that the next step would warn about. Contacts
// and constraints that find no memory it leaves out: bodies fall through each other.
static bool is_stable(const mjData *data, const double *z, int nz) {
    static const mjtWarning signs[] = {mjWARN_BADQPOS, mjWARN_BADQVEL,     mjWARN_BADQACC,
                                       mjWARN_BADCTRL, mjWARN_CONTACTFULL, mjWARN_CNSTRFULL};
    for (size_t i = 0; i < TZ_COUNTOF(signs); i++) {
        if (data->warning[signs[i]].number > 0) {
            return false;
        }
    }
    for (int i = 0; i < nz; i++) {
        if (!(fabs(z[i]) <= mjMAXVAL)) {
            return false;
        }
    }
    return true;
}

// The reward of the step from self->z, self->m_before to z_next, self->m, by the environment's task
// or a copy with other weights.
static double reward_of_step(const mujoco_env *self, const tz_task *task, const double *u,
                             const double *z_next) {
    return task->is_exact
               ? tz_task_reward(task, self->scratch, self->z, u, z_next)
               : self->shared->type->measured_reward(task, (tz_moment){self->z, self->m_before}, u,
                                                     (tz_moment){z_next, self->m});
}

// Reward and end of the step from self->z, self->m to z_next and the world as it stands.
static void judge(mujoco_env *self, tz_step *step, const double *u, const double *z_next) {
    const tz_mujoco_env_type *type = self->shared->type;
    const tz_task *task = &self->shared->task;
    bool ends;
    if (task->is_exact) {
        ends = tz_task_terminated(task, self->scratch, z_next);
    } else {
        memcpy(self->m_before, self->m, sizeof self->m_before);
        measure(self);
        ends = type->measured_end && type->measured_end(task, (tz_moment){z_next, self->m});
    }
    step->reward = reward_of_step(self, task, u, z_next);
    step->terminated = task->ends_early && ends;
}

// The physics of one control period.
static void simulate(void *context) {
    const mujoco_env *self = context;
    const mjModel *model = self->shared->model;
    for (int k = 0; k < self->shared->task.frame_skip; k++) {
        mj_step(model, self->data);
    }
    mj_rnePostConstraint(model, self->data);
}

static void step(tz_env *env, tz_step *step, double *z_next, const double *u) {
    mujoco_env *self = self_of(env);
    const tz_task *task = env->task;
    mjData *data = self->data;

    // One control period.
    char complaint[64];
    observe(env, self->z);
    memcpy(data->ctrl, u, (size_t)task->nu * sizeof *u);
    const bool survived = tz_mujoco_try(simulate, self, complaint, sizeof complaint);
    if (!survived) {
        mj_resetData(self->shared->model, data);
        for (int i = 0; i < task->nq; i++) {
            data->qpos[i] = NAN;
        }
    }
    observe(env, z_next);

    // What came of it.
    judge(self, step, u, z_next);
    step->outcome = !is_stable(data, z_next, tz_task_nz(task)) ? TZ_STEP_UNSTABLE
                    : !isfinite(step->reward)                  ? TZ_STEP_BAD_REWARD
                                                               : TZ_STEP_OK;
}

// The step left its controls in mjData.
static double reward_by(const tz_env *env, const tz_task *task) {
    const mujoco_env *self = const_self_of(env);
    double z_next[TZ_NZ_MAX];
    observe(env, z_next);
    return reward_of_step(self, task, self->data->ctrl, z_next);
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

static size_t state_size(const tz_env *env) {
    const mjModel *model = const_self_of(env)->shared->model;
    const shared *s = const_self_of(env)->shared;
    size_t n = 1 + (size_t)n_observed(s) + (size_t)s->type->n_measured; // and time
#define ADD_SIZE(field, size) n += (size_t)(size);
    STATE_PARTS(ADD_SIZE)
#undef ADD_SIZE
    return n;
}

static void get_state(const tz_env *env, double *state) {
    const mjModel *model = const_self_of(env)->shared->model;
    const mjData *data = const_self_of(env)->data;
    *state++ = data->time;
#define GET_PART(field, size)                                                                      \
    memcpy(state, data->field, (size_t)(size) * sizeof *state);                                    \
    state += (size);
    STATE_PARTS(GET_PART)
#undef GET_PART
    const mujoco_env *self = const_self_of(env);
    memcpy(state, self->o, (size_t)n_observed(self->shared) * sizeof *state);
    state += n_observed(self->shared);
    memcpy(state, self->m, (size_t)self->shared->type->n_measured * sizeof *state);
}

static void set_state(tz_env *env, const double *state) {
    const mjModel *model = self_of(env)->shared->model;
    mjData *data = self_of(env)->data;
    data->time = *state++;
#define SET_PART(field, size)                                                                      \
    memcpy(data->field, state, (size_t)(size) * sizeof *state);                                    \
    state += (size);
    STATE_PARTS(SET_PART)
#undef SET_PART
    mujoco_env *self = self_of(env);
    memcpy(self->o, state, (size_t)n_observed(self->shared) * sizeof *state);
    state += n_observed(self->shared);
    memcpy(self->m, state, (size_t)self->shared->type->n_measured * sizeof *state);
    memset(data->warning, 0, sizeof data->warning);
}

// ---- beyond the common verbs ------------------------------------------------------------------

static void gym_observation(const tz_env *env, double *o) {
    const mujoco_env *self = const_self_of(env);
    const tz_mujoco_env_type *type = self->shared->type;
    const mjData *data = self->data;
    if (type->observe) {
        memcpy(o, self->o, (size_t)n_observed(self->shared) * sizeof *o);
        return;
    }
    const int n_q = type->nq - type->observation_skip;
    memcpy(o, data->qpos + type->observation_skip, (size_t)n_q * sizeof *o);
    for (int i = 0; i < type->nv; i++) {
        o[n_q + i] = tz_clip(data->qvel[i], type->observation_v_clip);
    }
}

static const void *get_model(const tz_env *env) {
    return const_self_of(env)->shared->model;
}

static void *get_data(tz_env *env) {
    return self_of(env)->data;
}

const tz_env_ops tz_mujoco_ops = {
    .create = create,
    .clone = clone_env,
    .destroy = destroy,
    .reset = reset,
    .step = step,
    .reward_by = reward_by,
    .observe = observe,
    .set_z = set_z,
    .state_size = state_size,
    .get_state = get_state,
    .set_state = set_state,
    .gym_observation = gym_observation,
    .mj_model = get_model,
    .mj_data = get_data,
};

// ---- pieces of environments -------------------------------------------------------------------

void tz_add_uniform(double *x, int n, double a, tz_rng *rng) {
    for (int i = 0; i < n; i++) {
        x[i] += a * (2.0 * tz_rng_uniform(rng) - 1.0);
    }
}

// x (n) += s * standard normal, each on its own.
static void add_normal(double *x, int n, double s, tz_rng *rng) {
    for (int i = 0; i < n; i++) {
        x[i] += s * tz_rng_normal(rng);
    }
}

double tz_clip(double x, double limit) {
    return x < -limit ? -limit : x > limit ? limit : x;
}

double tz_clip_to(double x, const double range[2]) {
    return x < range[0] ? range[0] : x > range[1] ? range[1] : x;
}

bool tz_is_inside(double x, const double range[2]) {
    return range[0] < x && x < range[1];
}

double tz_healthy_reward(const tz_task *task, bool is_healthy) {
    const bool is_paid = is_healthy || (task->version == 4 && task->ends_early);
    return is_paid ? task->argument.healthy_reward : 0.0;
}

double tz_body_distance(const mjData *data, int a, int b) {
    return mju_dist3(data->xpos + 3 * a, data->xpos + 3 * b);
}

double tz_control_cost(const double *u, int nu) {
    double sum = 0.0;
    for (int i = 0; i < nu; i++) {
        sum += u[i] * u[i];
    }
    return sum;
}

// (x_next - x) / dt of the first coordinate.
static double forward_velocity(const tz_task *task, const double *z, const double *z_next) {
    return (z_next[0] - z[0]) / task->dt_s;
}

double tz_run_reward(const tz_task *task, const double *z, const double *u, const double *z_next) {
    const tz_argument_values *a = &task->argument;
    return a->forward_reward_weight * forward_velocity(task, z, z_next) -
           a->ctrl_cost_weight * tz_control_cost(u, task->nu);
}

double tz_hop_reward(const tz_task *task, const double *z, const double *u, const double *z_next,
                     bool is_healthy) {
    const tz_argument_values *a = &task->argument;
    return a->forward_reward_weight * forward_velocity(task, z, z_next) +
           tz_healthy_reward(task, is_healthy) - a->ctrl_cost_weight * tz_control_cost(u, task->nu);
}

void tz_reset_uniform(const tz_task *task, double *q, double *v, tz_rng *rng) {
    tz_add_uniform(q, task->nq, task->argument.reset_noise_scale, rng);
    tz_add_uniform(v, task->nv, task->argument.reset_noise_scale, rng);
}

void tz_reset_normal(const tz_task *task, double *q, double *v, tz_rng *rng) {
    tz_add_uniform(q, task->nq, task->argument.reset_noise_scale, rng);
    add_normal(v, task->nv, task->argument.reset_noise_scale, rng);
}
