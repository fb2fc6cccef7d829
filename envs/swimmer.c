// Swimmer-v5. r = dx/dt - 1e-4 |u|^2; it never ends before the time limit.
#include "envs/mujoco_env.h"

#include <math.h>

static double reward(const tz_task *task, const double *z, const double *u, const double *z_next) {
    return tz_forward_velocity(task, z, z_next) - 1e-4 * tz_control_cost(u, task->nu);
}

static void draw_reset(double *q, double *v, int nq, int nv, tz_rng *rng) {
    tz_add_uniform(q, nq, 0.1, rng);
    tz_add_uniform(v, nv, 0.1, rng);
}

const tz_mujoco_env_type tz_swimmer = {
    .env = {.info = {.name = "swimmer",
                     .gymnasium_id = "Swimmer-v5",
                     .summary = "three links swim forward through a thick fluid",
                     .max_episode_steps = 1000,
                     .camera_track_body = 2,
                     .camera_distance = 6.0,
                     .camera_lookat = {0.0, 0.0, 0.0},
                     .camera_elevation = -55.0},
            .ops = &tz_mujoco_ops},
    .asset = "swimmer.xml",
    .nq = 5,
    .nv = 5,
    .nu = 2,
    .frame_skip = 4,
    .n_cyclic = 2,
    .observation_skip = 2,
    .observation_v_clip = INFINITY,
    .reward = reward,
    .draw_reset = draw_reset,
};
