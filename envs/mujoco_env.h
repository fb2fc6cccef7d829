// What environments simulated by MuJoCo share. One file per environment holds a constant
// tz_mujoco_env_type: data and the few functions in which it differs; mujoco_env.c does the rest.
#ifndef TRAPEZE_ENVS_MUJOCO_ENV_H
#define TRAPEZE_ENVS_MUJOCO_ENV_H

#include "base/rng.h"
#include "envs/env_ops.h"

typedef struct tz_mujoco_env_type {
    tz_env_type env;
    const char *asset; // MJCF file in assets/
    int nq, nv, nu;    // must be those of the compiled model
    int frame_skip;    // physics steps per control period
    int n_cyclic;      // q[0..n_cyclic-1] are root translations that the dynamics do not depend on

    // Gymnasium's observation: q from observation_skip on, then v within +-observation_v_clip.
    int observation_skip;
    double observation_v_clip; // INFINITY: unclipped

    // Pure functions of the task, see env.h.
    double (*reward)(const tz_task *task, const double *z, const double *u, const double *z_next);
    bool (*terminated)(const tz_task *task, const double *z_next); // Nullable: never ends

    // Adds the reset noise to q (nq) and v (nv), which hold the model's initial state.
    void (*draw_reset)(double *q, double *v, int nq, int nv, tz_rng *rng);
} tz_mujoco_env_type;

extern const tz_mujoco_env_type tz_half_cheetah, tz_hopper, tz_swimmer, tz_walker2d,
    tz_inverted_pendulum;

extern const tz_env_ops tz_mujoco_ops;

// ---- pieces that several environments are made of ----

// x (n) += uniform(-a, a), each on its own.
void tz_add_uniform(double *x, int n, double a, tz_rng *rng);

// x (n) += s * standard normal, each on its own.
void tz_add_normal(double *x, int n, double s, tz_rng *rng);

// Sum of u_i^2 (nu), in the order of the controls.
double tz_control_cost(const double *u, int nu);

// (x_next - x) / dt of the first coordinate.
double tz_forward_velocity(const tz_task *task, const double *z, const double *z_next);

#endif
