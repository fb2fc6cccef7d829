// Reacher. r = -(distance of the fingertip from the target) - |u|^2, each with its weight, after
// the step, in version 4 before it; it never ends before the time limit.
#include "envs/mujoco_env.h"

#include <math.h>

enum { NQ = 4, FINGERTIP = 3, TARGET = 4 };
enum { DISTANCE, N_MEASURED };

static const tz_argument arguments[] = {
    TZ_NUMBER(reward_dist_weight, 1.0, TZ_V5),
    TZ_NUMBER(reward_control_weight, 1.0, TZ_V5),
};

static void measure(const tz_task *task, const mjModel *model, const mjData *data, double *m) {
    (void)task, (void)model;
    m[DISTANCE] = tz_body_distance(data, FINGERTIP, TARGET);
}

static double reward(const tz_task *task, tz_moment before, const double *u, tz_moment after) {
    const tz_moment judged = task->version == 4 ? before : after;
    const tz_argument_values *a = &task->argument;
    return -a->reward_dist_weight * judged.m[DISTANCE] -
           a->reward_control_weight * tz_control_cost(u, task->nu);
}

// Cosines and sines of the angles, the target's position, the arm's v, from the target to the
// fingertip in x and y (version 4: and z).
static void observe(const tz_task *task, const mjModel *model, const mjData *data, double *o) {
    (void)model;
    const double *q = data->qpos, *tip = data->xpos + 3 * FINGERTIP;
    const double *target = data->xpos + 3 * TARGET;
    const double first[] = {cos(q[0]), cos(q[1]), sin(q[0]),     sin(q[1]),
                            q[2],      q[3],      data->qvel[0], data->qvel[1]};
    mju_copy(o, first, TZ_COUNTOF(first));
    for (int i = 0; i < (task->version == 4 ? 3 : 2); i++) {
        o[TZ_COUNTOF(first) + (size_t)i] = tip[i] - target[i];
    }
}

// The target is drawn uniformly from a disc of 0.2 m and rests.
static void draw_reset(const tz_task *task, double *q, double *v, tz_rng *rng) {
    tz_add_uniform(q, task->nq, 0.1, rng);
    do {
        q[2] = q[3] = 0.0;
        tz_add_uniform(q + 2, 2, 0.2, rng);
    } while (!(hypot(q[2], q[3]) < 0.2));
    tz_add_uniform(v, task->nv, 0.005, rng);
    v[2] = v[3] = 0.0;
}

const tz_mujoco_env_type tz_reacher = {
    .env = {.info = {.name = "reacher",
                     .gymnasium_id = "Reacher-v5",
                     .summary = "an arm of two joints brings its tip to a target",
                     .max_episode_steps = 50,
                     .camera_track_body = 0,
                     .camera_distance = 1.0,
                     .camera_lookat = {0.0, 0.0, 0.0},
                     .camera_elevation = -60.0,
                     TZ_ARGUMENT_TABLE(arguments)},
            .ops = &tz_mujoco_ops},
    .asset = "reacher.xml",
    .nq = NQ,
    .nv = 4,
    .nu = 2,
    .frame_skip = 2,
    .observe = observe,
    .n_observation = 10,
    .n_observation_v4 = 11,
    .n_measured = N_MEASURED,
    .measure = measure,
    .measured_reward = reward,
    .draw_reset = draw_reset,
};
