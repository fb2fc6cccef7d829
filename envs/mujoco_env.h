// What environments simulated by MuJoCo share. One file per environment holds a constant
// tz_mujoco_env_type: data and the few functions in which it differs; mujoco_env.c does the rest.
#ifndef TRAPEZE_ENVS_MUJOCO_ENV_H
#define TRAPEZE_ENVS_MUJOCO_ENV_H

#include "base/rng.h"
#include "envs/env_ops.h"

#include <mujoco/mujoco.h>

enum {
    TZ_MEASURED_MAX = 64,    // numbers that an environment measures beside z
    TZ_ENV_LETTERS_MAX = 120 // of an environment's name, which "-v4" may follow
};

// A moment that a reward is given for: the state, and what was measured of the world there.
typedef struct tz_moment {
    const double *z; // (nz)
    const double *m; // (n_measured)
} tz_moment;

typedef struct tz_mujoco_env_type {
    tz_env_type env;
    const char *asset;    // MJCF file in assets/
    const char *asset_v4; // of version 4; NULL: the same
    int nq, nv, nu;       // must be those of the compiled model
    int frame_skip;       // physics steps per control period
    int n_cyclic; // q[0..n_cyclic-1] are root translations that the dynamics do not depend on

    // Gymnasium's observation. Where `observe` is NULL it is q from observation_skip on, then v
    // within +-observation_v_clip (INFINITY: unclipped). Else observe writes it, n_observation
    // numbers (n_observation_v4 in version 4), and policies see it by default, or only the part of
    // z just named where observes_state is set.
    int observation_skip;
    double observation_v_clip;
    void (*observe)(const tz_task *task, const mjModel *model, const mjData *data, double *o);
    int n_observation, n_observation_v4;
    bool observes_state;

    // Reward and end as pure functions of the task, see env.h.
    double (*reward)(const tz_task *task, const double *z, const double *u, const double *z_next);
    bool (*terminated)(const tz_task *task, const double *z_next); // Nullable: never ends

    // Or, where Gymnasium's depend on quantities that MuJoCo derives from the state (n_measured of
    // them, 0: none): one formula, with two ways to measure. A step measures mjData as the physics
    // left it, which is Gymnasium's reward: positions belong to the last evaluation inside
    // mj_step, a little behind the state, and contact forces are there. The task's pure functions
    // measure the kinematics of z and z' themselves, where contact forces are zero. A type of a
    // file (env.info.gymnasium_id "") has sensors measured, and both ways are the second one.
    int n_measured;
    void (*measure)(const tz_task *task, const mjModel *model, const mjData *data, double *m);
    double (*measured_reward)(const tz_task *task, tz_moment before, const double *u,
                              tz_moment after);
    bool (*measured_end)(const tz_task *task, tz_moment after); // Nullable: never ends

    // Adds the reset noise to q (nq) and v (nv), which hold the model's initial state. NULL:
    // uniform within +-reset_noise, of q and of v, and unit quaternions again.
    double reset_noise[2];
    void (*draw_reset)(const tz_task *task, double *q, double *v, tz_rng *rng);
} tz_mujoco_env_type;

extern const tz_mujoco_env_type tz_half_cheetah, tz_hopper, tz_swimmer, tz_walker2d,
    tz_inverted_pendulum, tz_inverted_double_pendulum, tz_reacher, tz_pusher, tz_ant, tz_humanoid,
    tz_humanoid_standup;

extern const tz_env_ops tz_mujoco_ops;

// Whether a type was made of a file (mjcf_env.h) rather than being one of Gymnasium's.
static inline bool tz_mujoco_is_of_file(const tz_mujoco_env_type *type) {
    return type->env.info.gymnasium_id[0] == '\0';
}

// The type of a task that MuJoCo simulates.
const tz_mujoco_env_type *tz_mujoco_type_of(const tz_task *task);

// Makes an environment of a compiled model, which it takes over together with `owned` (Nullable;
// freed by tz_free), also when it fails. `type` lives as long as they do. `complete` (Nullable) is
// called with `owned` when the task has its names. See mjcf_env.h.
tz_status tz_mujoco_env_create(tz_env **env, const tz_mujoco_env_type *type, mjModel *model,
                               void *owned,
                               tz_status (*complete)(void *owned, tz_task *task,
                                                     const mjModel *model, tz_error *error),
                               const tz_env_def *def, int version, tz_error *error);

// ---- pieces that several environments are made of ----

// x (n) += uniform(-a, a), each on its own.
void tz_add_uniform(double *x, int n, double a, tz_rng *rng);

// x within +-limit; NaN stays.
double tz_clip(double x, double limit);

// x within a range; NaN stays.
double tz_clip_to(double x, const double range[2]);

// Whether x lies inside a range, its ends left out; not where it is not a number.
bool tz_is_inside(double x, const double range[2]);

// healthy_reward while healthy. Version 4 with early ends pays it on the terminal step too.
double tz_healthy_reward(const tz_task *task, bool is_healthy);

// Distance of two bodies' frames (m).
double tz_body_distance(const mjData *data, int a, int b);

// Sum of u_i^2 (nu), in the order of the controls.
double tz_control_cost(const double *u, int nu);

// forward_reward_weight dx/dt - ctrl_cost_weight |u|^2: the whole reward of those that cannot fall.
double tz_run_reward(const tz_task *task, const double *z, const double *u, const double *z_next);

// What Hopper and Walker2d share: forward_reward_weight dx/dt + healthy - ctrl_cost_weight |u|^2.
double tz_hop_reward(const tz_task *task, const double *z, const double *u, const double *z_next,
                     bool is_healthy);

// Noise on the start for draw_reset, with s = reset_noise_scale: uniform within +-s on q and on v,
// or uniform within +-s on q and normal with deviation s on v.
void tz_reset_uniform(const tz_task *task, double *q, double *v, tz_rng *rng);
void tz_reset_normal(const tz_task *task, double *q, double *v, tz_rng *rng);

// ---- tables of arguments ----

// A row of a table: a field of tz_argument_values, its default, the versions that have it.
#define TZ_NUMBER(field, number, versions)                                                         \
    {                                                                                              \
        .name = #field, .kind = TZ_ARGUMENT_NUMBER, .of = (versions), .value = {(number)},         \
        .offset = offsetof(tz_argument_values, field)                                              \
    }
#define TZ_RANGE(field, low, high, versions)                                                       \
    {                                                                                              \
        .name = #field, .kind = TZ_ARGUMENT_RANGE, .of = (versions), .value = {(low), (high)},     \
        .offset = offsetof(tz_argument_values, field)                                              \
    }
// The same of an argument that changes nothing in the versions `idle`.
#define TZ_IDLE_NUMBER(field, number, versions, idle)                                              \
    {                                                                                              \
        .name = #field, .kind = TZ_ARGUMENT_NUMBER, .of = (versions), .idle_in = (idle),           \
        .value = {(number)}, .offset = offsetof(tz_argument_values, field)                         \
    }
// The same of a weight of contact forces; `idle` may be 0.
#define TZ_CONTACT_NUMBER(field, number, versions, idle)                                           \
    {                                                                                              \
        .name = #field, .kind = TZ_ARGUMENT_NUMBER, .of = (versions), .idle_in = (idle),           \
        .of_contacts = true, .value = {(number)}, .offset = offsetof(tz_argument_values, field)    \
    }
#define TZ_IDLE_RANGE(field, low, high, versions, idle)                                            \
    {                                                                                              \
        .name = #field, .kind = TZ_ARGUMENT_RANGE, .of = (versions), .idle_in = (idle),            \
        .value = {(low), (high)}, .offset = offsetof(tz_argument_values, field)                    \
    }
#define TZ_RESET_NOISE_SCALE(scale, versions)                                                      \
    {                                                                                              \
        .name = "reset_noise_scale", .kind = TZ_ARGUMENT_SCALE, .of = (versions),                  \
        .value = {(scale)}, .offset = offsetof(tz_argument_values, reset_noise_scale)              \
    }
#define TZ_TERMINATE_WHEN_UNHEALTHY                                                                \
    {                                                                                              \
        .name = "terminate_when_unhealthy", .kind = TZ_ARGUMENT_FLAG, .of = TZ_V4_AND_V5,          \
        .value = {                                                                                 \
            1.0                                                                                    \
        }                                                                                          \
    }
// A type's table, for its tz_env_info.
#define TZ_ARGUMENT_TABLE(table) .arguments = (table), .n_arguments = (int)TZ_COUNTOF(table)

#endif
