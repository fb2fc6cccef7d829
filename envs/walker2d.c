// Walker2d. r = dx/dt + healthy - 1e-3 |u|^2, each with its weight; it ends when it is not healthy.
// In version 4 the right foot has less friction.
#include "envs/mujoco_env.h"

static const tz_argument arguments[] = {
    TZ_NUMBER(forward_reward_weight, 1.0, TZ_V4_AND_V5),
    TZ_NUMBER(ctrl_cost_weight, 1e-3, TZ_V4_AND_V5),
    TZ_NUMBER(healthy_reward, 1.0, TZ_V4_AND_V5),
    TZ_TERMINATE_WHEN_UNHEALTHY,
    TZ_RANGE(healthy_z_range, 0.8, 2.0, TZ_V4_AND_V5),
    TZ_RANGE(healthy_angle_range, -1.0, 1.0, TZ_V4_AND_V5),
    TZ_RESET_NOISE_SCALE(5e-3, TZ_V4_AND_V5),
};

// Height and pitch are inside their ranges.
static bool is_healthy(const tz_task *task, const double *z) {
    const tz_argument_values *a = &task->argument;
    return tz_is_inside(z[1], a->healthy_z_range) && tz_is_inside(z[2], a->healthy_angle_range);
}

static bool terminated(const tz_task *task, const double *z_next) {
    return !is_healthy(task, z_next);
}

static double reward(const tz_task *task, const double *z, const double *u, const double *z_next) {
    return tz_hop_reward(task, z, u, z_next, is_healthy(task, z_next));
}

const tz_mujoco_env_type tz_walker2d = {
    .env = {.info = {.name = "walker2d",
                     .gymnasium_id = "Walker2d-v5",
                     .summary = "two legs of three joints walk forward without falling",
                     .max_episode_steps = 1000,
                     .camera_track_body = 2,
                     .camera_distance = 4.0,
                     .camera_lookat = {0.0, 0.0, 1.15},
                     .camera_elevation = -20.0,
                     TZ_ARGUMENT_TABLE(arguments)},
            .ops = &tz_mujoco_ops},
    .asset = "walker2d.xml",
    .asset_v4 = "walker2d_v4.xml",
    .nq = 9,
    .nv = 9,
    .nu = 6,
    .frame_skip = 4,
    .n_cyclic = 1,
    .observation_skip = 1,
    .observation_v_clip = 10.0,
    .reward = reward,
    .terminated = terminated,
    .draw_reset = tz_reset_uniform,
};
