// Hopper. r = dx/dt + alive - 1e-3 |u|^2; it ends when it is not healthy.
#include "envs/mujoco_env.h"

// All of z but x and z within +-100, higher than 0.7 m, within 0.2 rad of upright. Comparisons with
// NaN are false, so a state that is not a number is not healthy.
static bool is_healthy(const tz_task *task, const double *z) {
    for (int i = 2; i < tz_task_nz(task); i++) {
        if (!(-100.0 < z[i] && z[i] < 100.0)) {
            return false;
        }
    }
    return z[1] > 0.7 && -0.2 < z[2] && z[2] < 0.2;
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
                     .camera_elevation = -20.0},
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
    .draw_reset = tz_hop_reset,
};
