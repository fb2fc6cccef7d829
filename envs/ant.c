// Ant. r = dx/dt + alive - 0.5 |u|^2 - 5e-4 |contact forces within +-1|^2, the last not in version
// 4, with x of the torso; it ends when it is not healthy.
#include "envs/mujoco_env.h"

#include <math.h>

enum { NQ = 15, NV = 14, NU = 8, N_BODIES = 14, TORSO = 1 };
enum { TORSO_X, CONTACT, N_MEASURED };

// Finite, and the torso between 0.2 and 1 m high.
static bool is_healthy(const double *z) {
    for (int i = 0; i < NQ + NV; i++) {
        if (!isfinite(z[i])) {
            return false;
        }
    }
    return 0.2 <= z[2] && z[2] <= 1.0;
}

static void measure(const mjModel *model, const mjData *data, double *m) {
    (void)model;
    m[TORSO_X] = data->xpos[3 * TORSO];
    m[CONTACT] = 0.0;
    for (int i = 0; i < 6 * N_BODIES; i++) {
        const double force = tz_clip(data->cfrc_ext[i], 1.0);
        m[CONTACT] += force * force;
    }
}

static double reward(const tz_task *task, tz_moment before, const double *u, tz_moment after) {
    const double velocity = (after.m[TORSO_X] - before.m[TORSO_X]) / task->dt_s;
    const double contact_cost = task->version == 4 ? 0.0 : 5e-4 * after.m[CONTACT];
    const double cost = 0.5 * tz_control_cost(u, NU) + contact_cost;
    return velocity + tz_alive(task, is_healthy(after.z)) - cost;
}

static bool ends(const tz_task *task, tz_moment after) {
    (void)task;
    return !is_healthy(after.z);
}

// Without x and y; version 5 adds the contact forces on the bodies.
static void observe(const tz_task *task, const mjModel *model, const mjData *data, double *o) {
    (void)model;
    mju_copy(o, data->qpos + 2, NQ - 2);
    mju_copy(o + NQ - 2, data->qvel, NV);
    for (int i = 6; i < 6 * N_BODIES && task->version != 4; i++) {
        o[NQ - 2 + NV + i - 6] = tz_clip(data->cfrc_ext[i], 1.0);
    }
}

static void draw_reset(double *q, double *v, int nq, int nv, tz_rng *rng) {
    tz_add_uniform(q, nq, 0.1, rng);
    tz_add_normal(v, nv, 0.1, rng);
}

const tz_mujoco_env_type tz_ant = {
    .env = {.info = {.name = "ant",
                     .gymnasium_id = "Ant-v5",
                     .summary = "a torso on four legs of two joints runs forward",
                     .max_episode_steps = 1000,
                     .camera_track_body = TORSO,
                     .camera_distance = 4.0,
                     .camera_lookat = {0.0, 0.0, 0.5},
                     .camera_elevation = -20.0},
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
    .draw_reset = draw_reset,
};
