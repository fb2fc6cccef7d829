// InvertedDoublePendulum. r = alive - (0.01 x^2 + (y - 2)^2) - (1e-3 v1^2 + 5e-3 v2^2) with (x, y)
// the tip of the upper pole and v1, v2 the poles' angular velocities; alive is healthy_reward, 10
// by default, but 0 on the step that terminates (not in version 4). It ends when the tip sinks to 1
// m.
#include "envs/mujoco_env.h"

#include <math.h>

enum { NQ = 3, NV = 3, TIP_SITE = 0 };
enum { TIP_X, TIP_Y, N_MEASURED };

static const tz_argument arguments[] = {
    TZ_NUMBER(healthy_reward, 10.0, TZ_V5),
    TZ_RESET_NOISE_SCALE(0.1, TZ_V5),
};

static void measure(const tz_task *task, const mjModel *model, const mjData *data, double *m) {
    (void)task, (void)model;
    m[TIP_X] = data->site_xpos[3 * TIP_SITE];
    m[TIP_Y] = data->site_xpos[3 * TIP_SITE + 2];
}

static bool ends(const tz_task *task, tz_moment after) {
    (void)task;
    return after.m[TIP_Y] <= 1.0;
}

static double reward(const tz_task *task, tz_moment before, const double *u, tz_moment after) {
    (void)before, (void)u;
    const double x = after.m[TIP_X], y = after.m[TIP_Y];
    const double v1 = after.z[NQ + 1], v2 = after.z[NQ + 2];
    const bool is_paid = task->version == 4 || !ends(task, after);
    const double alive = is_paid ? task->argument.healthy_reward : 0.0;
    return alive - (0.01 * x * x + (y - 2.0) * (y - 2.0)) - (1e-3 * v1 * v1 + 5e-3 * v2 * v2);
}

// x, sines and cosines of the angles, v, the force of the rail's ends (version 4: and of the
// joints).
static void observe(const tz_task *task, const mjModel *model, const mjData *data, double *o) {
    (void)model;
    *o++ = data->qpos[0];
    for (int i = 1; i < NQ; i++) {
        *o++ = sin(data->qpos[i]);
    }
    for (int i = 1; i < NQ; i++) {
        *o++ = cos(data->qpos[i]);
    }
    for (int i = 0; i < NV; i++) {
        *o++ = tz_clip(data->qvel[i], 10.0);
    }
    for (int i = 0; i < (task->version == 4 ? NV : 1); i++) {
        *o++ = tz_clip(data->qfrc_constraint[i], 10.0);
    }
}

const tz_mujoco_env_type tz_inverted_double_pendulum = {
    .env = {.info = {.name = "inverted_double_pendulum",
                     .gymnasium_id = "InvertedDoublePendulum-v5",
                     .summary = "a cart on a rail keeps two poles upright",
                     .max_episode_steps = 1000,
                     .camera_track_body = 0,
                     .camera_distance = 4.1225,
                     .camera_lookat = {0.0, 0.0, 0.1225},
                     .camera_elevation = -20.0,
                     TZ_ARGUMENT_TABLE(arguments)},
            .ops = &tz_mujoco_ops},
    .asset = "inverted_double_pendulum.xml",
    .nq = NQ,
    .nv = NV,
    .nu = 1,
    .frame_skip = 5,
    .observe = observe,
    .n_observation = 9,
    .n_observation_v4 = 11,
    .n_measured = N_MEASURED,
    .measure = measure,
    .measured_reward = reward,
    .measured_end = ends,
    .draw_reset = tz_reset_normal,
};
