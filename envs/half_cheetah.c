// HalfCheetah. r = forward_reward_weight dx/dt - ctrl_cost_weight |u|^2, 1 and 0.1 by default; it
// never ends before the time limit.
#include "envs/mujoco_env.h"

#include <math.h>

static const tz_argument arguments[] = {
    TZ_NUMBER(forward_reward_weight, 1.0, TZ_V4_AND_V5),
    TZ_NUMBER(ctrl_cost_weight, 0.1, TZ_V4_AND_V5),
    TZ_RESET_NOISE_SCALE(0.1, TZ_V4_AND_V5),
};

const tz_mujoco_env_type tz_half_cheetah = {
    .env = {.info = {.name = "half_cheetah",
                     .gymnasium_id = "HalfCheetah-v5",
                     .summary = "a trunk on two legs of three joints runs forward",
                     .max_episode_steps = 1000,
                     .camera_track_body = 1,
                     .camera_distance = 4.0,
                     .camera_lookat = {0.0, 0.0, 0.5},
                     .camera_elevation = -12.0,
                     TZ_ARGUMENT_TABLE(arguments)},
            .ops = &tz_mujoco_ops},
    .asset = "half_cheetah.xml",
    .nq = 9,
    .nv = 9,
    .nu = 6,
    .frame_skip = 5,
    .n_cyclic = 1,
    .observation_skip = 1,
    .observation_v_clip = INFINITY,
    .reward = tz_run_reward,
    .draw_reset = tz_reset_normal,
};
