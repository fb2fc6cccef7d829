// Walker2d. r = dx/dt + alive - 1e-3 |u|^2; it ends when it is not healthy. In version 4 the right
// foot has less friction.
#include "envs/mujoco_env.h"

// Between 0.8 and 2 m high, within 1 rad of upright.
static bool is_healthy(const double *z) {
    return 0.8 < z[1] && z[1] < 2.0 && -1.0 < z[2] && z[2] < 1.0;
}

static bool terminated(const tz_task *task, const double *z_next) {
    (void)task;
    return !is_healthy(z_next);
}

static double reward(const tz_task *task, const double *z, const double *u, const double *z_next) {
    return tz_hop_reward(task, z, u, z_next, is_healthy(z_next));
}

const tz_mujoco_env_type tz_walker2d = {
    .env = {.info = {.name = "walker2d",
                     .gymnasium_id = "Walker2d-v5",
                     .summary = "two legs of three joints walk forward without falling",
                     .max_episode_steps = 1000,
                     .camera_track_body = 2,
                     .camera_distance = 4.0,
                     .camera_lookat = {0.0, 0.0, 1.15},
                     .camera_elevation = -20.0},
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
    .draw_reset = tz_hop_reset,
};
