// InvertedPendulum. r = 1 while the pole is within 0.2 rad of upright (version 4: also where it is
// not); it ends when it is not.
#include "envs/mujoco_env.h"

#include <math.h>

static const tz_argument arguments[] = {
    TZ_RESET_NOISE_SCALE(0.01, TZ_V5),
};

static bool terminated(const tz_task *task, const double *z_next) {
    for (int i = 0; i < tz_task_nz(task); i++) {
        if (!isfinite(z_next[i])) {
            return true;
        }
    }
    return fabs(z_next[1]) > 0.2;
}

static double reward(const tz_task *task, const double *z, const double *u, const double *z_next) {
    (void)z;
    (void)u;
    return terminated(task, z_next) && task->version != 4 ? 0.0 : 1.0;
}

const tz_mujoco_env_type tz_inverted_pendulum = {
    .env = {.info = {.name = "inverted_pendulum",
                     .gymnasium_id = "InvertedPendulum-v5",
                     .summary = "a cart on a rail keeps a pole upright",
                     .max_episode_steps = 1000,
                     .camera_track_body = 0,
                     .camera_distance = 2.04,
                     .camera_lookat = {0.0, 0.0, 0.2},
                     .camera_elevation = -10.0,
                     TZ_ARGUMENT_TABLE(arguments)},
            .ops = &tz_mujoco_ops},
    .asset = "inverted_pendulum.xml",
    .nq = 2,
    .nv = 2,
    .nu = 1,
    .frame_skip = 2,
    .observation_v_clip = INFINITY,
    .reward = reward,
    .terminated = terminated,
    .draw_reset = tz_reset_uniform,
};
