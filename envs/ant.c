// Ant. r = dx/dt + healthy - 0.5 |u|^2 - 5e-4 |contact forces within +-1|^2, each with its weight,
// the last not in version 4, with x of the torso; it ends when it is not healthy.
#include "envs/mujoco_env.h"

#include <math.h>

enum { NQ = 15, NV = 14, NU = 8, N_BODIES = 14, TORSO = 1 };
enum { TORSO_X, CONTACT, N_MEASURED };

// Version 4 counts contact forces only with use_contact_forces, which is another observation and is
// not offered here.
static const tz_argument arguments[] = {
    TZ_NUMBER(forward_reward_weight, 1.0, TZ_V5),
    TZ_NUMBER(ctrl_cost_weight, 0.5, TZ_V4_AND_V5),
    TZ_CONTACT_NUMBER(contact_cost_weight, 5e-4, TZ_V4_AND_V5, TZ_V4),
    TZ_NUMBER(healthy_reward, 1.0, TZ_V4_AND_V5),
    TZ_TERMINATE_WHEN_UNHEALTHY,
    TZ_RANGE(healthy_z_range, 0.2, 1.0, TZ_V4_AND_V5),
    TZ_IDLE_RANGE(contact_force_range, -1.0, 1.0, TZ_V4_AND_V5, TZ_V4),
    TZ_RESET_NOISE_SCALE(0.1, TZ_V4_AND_V5),
};

// Finite, and the height of the torso in its range, ends included.
static bool is_healthy(const tz_task *task, const double *z) {
    const double *height = task->argument.healthy_z_range;
    for (int i = 0; i < NQ + NV; i++) {
        if (!isfinite(z[i])) {
            return false;
        }
    }
    return height[0] <= z[2] && z[2] <= height[1];
}

static void measure(const tz_task *task, const mjModel *model, const mjData *data, double *m) {
    (void)model;
    m[TORSO_X] = data->xpos[3 * TORSO];
    m[CONTACT] = 0.0;
    for (int i = 0; i < 6 * N_BODIES; i++) {
        const double force = tz_clip_to(data->cfrc_ext[i], task->argument.contact_force_range);
        m[CONTACT] += force * force;
    }
}

static double reward(const tz_task *task, tz_moment before, const double *u, tz_moment after) {
    const double velocity = (after.m[TORSO_X] - before.m[TORSO_X]) / task->dt_s;
    const tz_argument_values *a = &task->argument;
    const double contact_cost =
        task->version == 4 ? 0.0 : a->contact_cost_weight * after.m[CONTACT];
    const double cost = a->ctrl_cost_weight * tz_control_cost(u, NU) + contact_cost;
    return a->forward_reward_weight * velocity +
           tz_healthy_reward(task, is_healthy(task, after.z)) - cost;
}

static bool ends(const tz_task *task, tz_moment after) {
    return !is_healthy(task, after.z);
}

// Without x and y; version 5 adds the contact forces on the bodies.
static void observe(const tz_task *task, const mjModel *model, const mjData *data, double *o) {
    (void)model;
    mju_copy(o, data->qpos + 2, NQ - 2);
    mju_copy(o + NQ - 2, data->qvel, NV);
    for (int i = 6; i < 6 * N_BODIES && task->version != 4; i++) {
        o[NQ - 2 + NV + i - 6] = tz_clip_to(data->cfrc_ext[i], task->argument.contact_force_range);
    }
}

const tz_mujoco_env_type tz_ant = {
    .env = {.info = {.name = "ant",
                     .gymnasium_id = "Ant-v5",
                     .summary = "a torso on four legs of two joints runs forward",
                     .max_episode_steps = 1000,
                     .camera_track_body = TORSO,
                     .camera_distance = 4.0,
                     .camera_lookat = {0.0, 0.0, 0.5},
                     .camera_elevation = -20.0,
                     TZ_ARGUMENT_TABLE(arguments)},
            .ops = &tz_mujoco_ops},
    .asset = "ant.xml",
    .nq = NQ,
    .nv = NV,
    .nu = NU,
    .frame_skip = 5,
    .n_cyclic = 2,
    .observation_skip = 2,
    .observation_v_clip = INFINITY,
    .observe = observe,
    .n_observation = NQ - 2 + NV + 6 * (N_BODIES - 1),
    .n_observation_v4 = NQ - 2 + NV,
    .observes_state = true,
    .n_measured = N_MEASURED,
    .measure = measure,
    .measured_reward = reward,
    .measured_end = ends,
    .draw_reset = tz_reset_normal,
};
