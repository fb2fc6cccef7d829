// HalfCheetah-v5. r = dx/dt - 0.1 |u|^2; it never ends before the time limit.
#include "envs/mujoco_env.h"

#include <math.h>

static double reward(const tz_task *task, const double *z, const double *u, const double *z_next) {
    return tz_forward_velocity(task, z, z_next) - 0.1 * tz_control_cost(u, task->nu);
}

static void draw_reset(double *q, double *v, int nq, int nv, tz_rng *rng) {
    tz_add_uniform(q, nq, 0.1, rng);
    tz_add_normal(v, nv, 0.1, rng);
}

const tz_mujoco_env_type tz_half_cheetah = {
    .env = {.info = {.name = "half_cheetah",
                     .gymnasium_id = "HalfCheetah-v5",
                     .summary = "a trunk on two legs of three joints runs forward",
                     .max_episode_steps = 1000,
                     .camera_track_body = 1,
                     .camera_distance = 4.0,
                     .camera_lookat = {0.0, 0.0, 0.5},
                     .camera_elevation = -12.0},
            .ops = &tz_mujoco_ops},
    .asset = "half_cheetah.xml",
    .nq = 9,
    .nv = 9,
    .nu = 6,
    .frame_skip = 5,
    .n_cyclic = 1,
    .observation_skip = 1,
    .observation_v_clip = INFINITY,
    .reward = reward,
    .draw_reset = draw_reset,
};
