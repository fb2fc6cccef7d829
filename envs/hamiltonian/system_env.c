#include "envs/hamiltonian/system_env.h"

#include "base/memory.h"
#include "envs/hamiltonian/integrator.h"
#include "envs/hamiltonian/system.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

// What clones share. Immutable after create but for the count.
typedef struct shared {
    atomic_int n_envs;
    tz_system system;
    tz_task task;
} shared;

typedef struct system_env {
    tz_env env;                       // must be first
    shared *shared;                   // one reference
    tz_system_integrator *integrator; // owned
    double x[TZ_SYSTEM_X_MAX];        // where it is; for rigid bodies not a function of z alone
    double z[2 * TZ_SYSTEM_N_MAX];    // the same in learning coordinates, angles continuous
} system_env;

// ---- create -----------------------------------------------------------------------------------

static double no_reward(const tz_task *task, const double *z, const double *u,
                        const double *z_next) {
    (void)task, (void)z, (void)u, (void)z_next;
    return 0.0;
}

static tz_status fill_task(tz_task *task, const tz_env_type *type, const tz_env_def *def,
                           const tz_system *system, tz_error *error) {
    snprintf(task->name, sizeof task->name, "%s", system->name);
    task->nq = task->nv = system->n;
    task->dt_s = system->dt_s;
    task->frame_skip = 1;
    task->max_episode_steps =
        def->max_episode_steps > 0 ? def->max_episode_steps : type->info.max_episode_steps;
    task->ends_early = def->ends_early;
    task->reward = no_reward;
    task->is_exact = true;
    for (int i = 0; i < system->n; i++) {
        task->coordinate[i] = system->is_angle[i] ? TZ_COORDINATE_ANGLE : TZ_COORDINATE_LINEAR;
        task->unbounded[i] = system->is_angle[i];
        task->cyclic[i] = system->is_cyclic[i];
        tz_system_coordinate_name(system, task->coordinate_name[i], TZ_NAME_MAX, i);
        tz_system_coordinate_name(system, task->velocity_name[i], TZ_NAME_MAX, i);
    }
    return tz_arguments_apply(task, NULL, 0, def->arguments, error);
}

static void release(shared *s) {
    if (atomic_fetch_sub(&s->n_envs, 1) == 1) {
        tz_free(s);
    }
}

static void destroy(tz_env *env) {
    system_env *self = (system_env *)env;
    tz_system_integrator_destroy(self->integrator);
    release(self->shared);
    tz_free(self);
}

static void set_z(tz_env *env, const double *z) {
    system_env *self = (system_env *)env;
    const tz_system *system = &self->shared->system;
    memcpy(self->z, z, 2 * (size_t)system->n * sizeof *z);
    tz_system_to_x(system, self->x, z);
}

static void reset(tz_env *env, double *z, uint64_t seed, uint64_t episode) {
    system_env *self = (system_env *)env;
    double start[2 * TZ_SYSTEM_N_MAX];
    tz_rng rng = tz_rng_stream(seed, TZ_PURPOSE_RESET, episode);
    tz_system_start(&self->shared->system, start, &rng);
    tz_system_unwrap(&self->shared->system, start, 1);
    set_z(env, start);
    memcpy(z, self->z, 2 * (size_t)self->shared->system.n * sizeof *z);
}

// Makes a world on `s`, whose reference it takes over, also when it fails.
static tz_status create_on(tz_env **env, const tz_env_type *type, shared *s, tz_error *error) {
    system_env *self = tz_alloc(1, sizeof *self);
    if (self == NULL) {
        release(s);
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for an environment", type->info.name);
    }
    self->env = (tz_env){.type = type, .task = &s->task};
    self->shared = s;
    const tz_status status = tz_system_integrator_create(&self->integrator, &s->system, error);
    if (status != TZ_OK) {
        destroy(&self->env);
        return status;
    }
    double z[2 * TZ_SYSTEM_N_MAX];
    reset(&self->env, z, 0, 0);
    *env = &self->env;
    return TZ_OK;
}

static tz_status create(tz_env **env, const tz_env_type *type, const tz_env_def *def, int version,
                        tz_error *error) {
    (void)version; // these have none
    shared *s = tz_alloc(1, sizeof *s);
    if (s == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for an environment", type->info.name);
    }
    tz_status status = tz_system_find(&s->system, type->info.name, error);
    if (status == TZ_OK) {
        status = fill_task(&s->task, type, def, &s->system, error);
    }
    if (status != TZ_OK) {
        tz_free(s);
        return status;
    }
    atomic_init(&s->n_envs, 1);
    return create_on(env, type, s, error);
}

static tz_status clone(tz_env **copy, const tz_env *env, tz_error *error) {
    shared *s = ((const system_env *)env)->shared;
    atomic_fetch_add(&s->n_envs, 1);
    return create_on(copy, env->type, s, error);
}

// ---- step -------------------------------------------------------------------------------------

static void observe(const tz_env *env, double *z) {
    const system_env *self = (const system_env *)env;
    memcpy(z, self->z, 2 * (size_t)self->shared->system.n * sizeof *z);
}

// The integrator begins anew each step, so a step depends on the state alone.
static void step(tz_env *env, tz_step *step, double *z_next, const double *u) {
    (void)u; // nu = 0
    system_env *self = (system_env *)env;
    const tz_system *system = &self->shared->system;
    const size_t nz = 2 * (size_t)system->n, nx = (size_t)tz_system_nx(system);
    double *x = tz_system_integrator_x(self->integrator); // (nx)
    memcpy(x, self->x, nx * sizeof *x);
    tz_system_integrator_start(self->integrator);
    *step = (tz_step){.outcome = TZ_STEP_OK};
    if (!tz_system_integrator_move(self->integrator, system->dt_s)) {
        step->outcome = TZ_STEP_UNSTABLE;
        memcpy(z_next, self->z, nz * sizeof *z_next);
        return;
    }
    memcpy(self->x, x, nx * sizeof *x);
    tz_system_from_x(system, z_next, x);
    for (int i = 0; i < system->n; i++) {
        if (system->is_angle[i]) {
            z_next[i] = self->z[i] + remainder(z_next[i] - self->z[i], 2.0 * M_PI);
        }
    }
    for (size_t i = 0; i < nz; i++) {
        if (!isfinite(z_next[i])) {
            step->outcome = TZ_STEP_UNSTABLE;
        }
    }
    memcpy(self->z, z_next, nz * sizeof *z_next);
}

// ---- full state: x, then z --------------------------------------------------------------------

static size_t state_size(const tz_env *env) {
    const tz_system *system = &((const system_env *)env)->shared->system;
    return (size_t)tz_system_nx(system) + 2 * (size_t)system->n;
}

static void get_state(const tz_env *env, double *state) {
    const system_env *self = (const system_env *)env;
    const size_t nx = (size_t)tz_system_nx(&self->shared->system);
    memcpy(state, self->x, nx * sizeof *state);
    observe(env, state + nx);
}

static void set_state(tz_env *env, const double *state) {
    system_env *self = (system_env *)env;
    const tz_system *system = &self->shared->system;
    const size_t nx = (size_t)tz_system_nx(system);
    memcpy(self->x, state, nx * sizeof *state);
    memcpy(self->z, state + nx, 2 * (size_t)system->n * sizeof *state);
}

static const tz_env_ops ops = {
    .create = create,
    .clone = clone,
    .destroy = destroy,
    .reset = reset,
    .step = step,
    .observe = observe,
    .set_z = set_z,
    .state_size = state_size,
    .get_state = get_state,
    .set_state = set_state,
};

// ---- types ------------------------------------------------------------------------------------

// The picture: from the side, `distance` away from a point at `height`.
#define SYSTEM(name_, summary_, steps, distance, height)                                           \
    {                                                                                              \
        .info = {.name = name_,                                                                    \
                 .gymnasium_id = "",                                                               \
                 .summary = summary_,                                                              \
                 .max_episode_steps = steps,                                                       \
                 .camera_track_body = -1,                                                          \
                 .camera_distance = distance,                                                      \
                 .camera_lookat = {0.0, 0.0, height},                                              \
                 .camera_elevation = -8},                                                          \
        .ops = &ops                                                                                \
    }
// Chains of one to five bodies that stay above -depth.
#define HANGING(name, summary, depth)                                                              \
    SYSTEM(name, summary, 333, ((depth) + 2.0) / 0.8, 0.3 - 0.5 * (depth))
#define CHAINS(suffix, summary)                                                                    \
    HANGING("chain-1" suffix, summary, 1.2), HANGING("chain-2" suffix, summary, 2.2),              \
        HANGING("chain-3" suffix, summary, 3.1), HANGING("chain-4" suffix, summary, 4.4),          \
        HANGING("chain-5" suffix, summary, 5.5)
#define SPRINGS(suffix, summary)                                                                   \
    HANGING("spring-1" suffix, summary, 3.5), HANGING("spring-2" suffix, summary, 7.5),            \
        HANGING("spring-3" suffix, summary, 12.0), HANGING("spring-4" suffix, summary, 18.5),      \
        HANGING("spring-5" suffix, summary, 26.0)

static const tz_env_type types[] = {
    CHAINS("", "links of a planar pendulum swing without loss"),
    CHAINS("-damped", "links of a planar pendulum lose momentum to drag"),
    CHAINS("-drag", "links of a planar pendulum under drag on their velocities"),
    SPRINGS("", "bobs on springs, one below the other, without loss"),
    SPRINGS("-damped", "bobs on springs lose momentum to drag"),
    SPRINGS("-drag", "bobs on springs under drag on their velocities"),
    SYSTEM("gyroscope", "a heavy top spins on its point", 499, 2.6, 0.4),
    SYSTEM("rotor", "a free T-shaped body tumbles", 199, 4.0, 0.0),
    SYSTEM("magnet", "a dipole swings over two magnets", 199, 4.0, -0.45),
    {.info = {.name = "coupled",
              .gymnasium_id = "",
              .summary = "two spherical pendulums joined by a spring",
              .max_episode_steps = 199,
              .camera_track_body = -1,
              .camera_distance = 4.5,
              .camera_lookat = {0.5, 0.0, -0.5},
              .camera_elevation = -8},
     .ops = &ops},
};

const tz_env_type *tz_system_env_type_find(const char *name) {
    for (size_t i = 0; i < TZ_COUNTOF(types); i++) {
        if (strcmp(types[i].info.name, name) == 0) {
            return &types[i];
        }
    }
    return NULL;
}
