// Hopper. r = dx/dt + healthy - 1e-3 |u|^2, each with its weight; it ends when it is not healthy.
#include "envs/mujoco_env.h"

#include <math.h>

static const tz_argument arguments[] = {
    TZ_NUMBER(forward_reward_weight, 1.0, TZ_V4_AND_V5),
    TZ_NUMBER(ctrl_cost_weight, 1e-3, TZ_V4_AND_V5),
    TZ_NUMBER(healthy_reward, 1.0, TZ_V4_AND_V5),
    TZ_TERMINATE_WHEN_UNHEALTHY,
    TZ_RANGE(healthy_state_range, -100.0, 100.0, TZ_V4_AND_V5),
    TZ_RANGE(healthy_z_range, 0.7, INFINITY, TZ_V4_AND_V5),
    TZ_RANGE(healthy_angle_range, -0.2, 0.2, TZ_V4_AND_V5),
    TZ_RESET_NOISE_SCALE(5e-3, TZ_V4_AND_V5),
};

// All of z but x and height, then the height, then the pitch are inside their ranges. Comparisons
// with NaN are false, so a state that is not a number is not healthy.
static bool is_healthy(const tz_task *task, const double *z) {
    const tz_argument_values *a = &task->argument;
    for (int i = 2; i < tz_task_nz(task); i++) {
        if (!tz_is_inside(z[i], a->healthy_state_range)) {
            return false;
        }
    }
    return tz_is_inside(z[1], a->healthy_z_range) && tz_is_inside(z[2], a->healthy_angle_range);
}

static bool terminated(const tz_task *task, const double *z_next) {
    return !is_healthy(task, z_next);
}

static double reward(const tz_task *task, const double *z, const double *u, const double *z_next) {
    return tz_hop_reward(task, z, u, z_next, is_healthy(task, z_next));
}

const tz_mujoco_env_type tz_hopper = {
    .env = {.info = {.name = "hopper",
                     .gymnasium_id = "Hopper-v5",
                     .summary = "one leg of three joints hops forward without falling",
                     .max_episode_steps = 1000,
                     .camera_track_body = 2,
                     .camera_distance = 3.0,
                     .camera_lookat = {0.0, 0.0, 1.15},
                     .camera_elevation = -20.0,
                     TZ_ARGUMENT_TABLE(arguments)},
            .ops = &tz_mujoco_ops},
    .asset = "hopper.xml",
    .nq = 6,
    .nv = 6,
    .nu = 3,
    .frame_skip = 4,
    .n_cyclic = 1,
    .observation_skip = 1,
    .observation_v_clip = 10.0,
    .reward = reward,
    .terminated = terminated,
    .draw_reset = tz_reset_uniform,
};
