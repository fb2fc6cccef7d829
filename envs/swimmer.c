// Swimmer. r = forward_reward_weight dx/dt - ctrl_cost_weight |u|^2, 1 and 1e-4 by default; it
// never ends before the time limit.
#include "envs/mujoco_env.h"

#include <math.h>

static const tz_argument arguments[] = {
    TZ_NUMBER(forward_reward_weight, 1.0, TZ_V4_AND_V5),
    TZ_NUMBER(ctrl_cost_weight, 1e-4, TZ_V4_AND_V5),
    TZ_RESET_NOISE_SCALE(0.1, TZ_V4_AND_V5),
};

const tz_mujoco_env_type tz_swimmer = {
    .env = {.info = {.name = "swimmer",
                     .gymnasium_id = "Swimmer-v5",
                     .summary = "three links swim forward through a thick fluid",
                     .max_episode_steps = 1000,
                     .camera_track_body = 2,
                     .camera_distance = 6.0,
                     .camera_lookat = {0.0, 0.0, 0.0},
                     .camera_elevation = -55.0,
                     TZ_ARGUMENT_TABLE(arguments)},
            .ops = &tz_mujoco_ops},
    .asset = "swimmer.xml",
    .nq = 5,
    .nv = 5,
    .nu = 2,
    .frame_skip = 4,
    .n_cyclic = 2,
    .observation_skip = 2,
    .observation_v_clip = INFINITY,
    .reward = tz_run_reward,
    .draw_reset = tz_reset_uniform,
};
