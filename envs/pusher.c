// Pusher. r = -(distance of the object from the goal) - 0.1 |u|^2 - 0.5 (distance of the object
// from the arm's tip), each with its weight, after the step, in version 4 before it; it never ends
// before the time limit. The object of version 4 is lighter.
#include "envs/mujoco_env.h"

#include <math.h>

enum { NQ = 11, NV = 11, NU = 7, TIP = 10, OBJECT = 11, GOAL = 12 };
enum { OBJECT_GOAL, OBJECT_TIP, N_MEASURED };

static const tz_argument arguments[] = {
    TZ_NUMBER(reward_near_weight, 0.5, TZ_V5),
    TZ_NUMBER(reward_dist_weight, 1.0, TZ_V5),
    TZ_NUMBER(reward_control_weight, 0.1, TZ_V5),
};

static void measure(const tz_task *task, const mjModel *model, const mjData *data, double *m) {
    (void)task, (void)model;
    m[OBJECT_GOAL] = tz_body_distance(data, OBJECT, GOAL);
    m[OBJECT_TIP] = tz_body_distance(data, OBJECT, TIP);
}

static double reward(const tz_task *task, tz_moment before, const double *u, tz_moment after) {
    const double *m = task->version == 4 ? before.m : after.m;
    const tz_argument_values *a = &task->argument;
    return -a->reward_dist_weight * m[OBJECT_GOAL] -
           a->reward_control_weight * tz_control_cost(u, NU) -
           a->reward_near_weight * m[OBJECT_TIP];
}

// The arm's q and v, where its tip, the object and the goal are.
static void observe(const tz_task *task, const mjModel *model, const mjData *data, double *o) {
    (void)task, (void)model;
    mju_copy(o, data->qpos, NU);
    mju_copy(o + NU, data->qvel, NU);
    mju_copy3(o + 2 * NU, data->xpos + 3 * TIP);
    mju_copy3(o + 2 * NU + 3, data->xpos + 3 * OBJECT);
    mju_copy3(o + 2 * NU + 6, data->xpos + 3 * GOAL);
}

// The arm is stretched out; the object is drawn from a rectangle, farther than 0.17 m from the
// goal, and both rest.
static void draw_reset(const tz_task *task, double *q, double *v, tz_rng *rng) {
    (void)task;
    double *object = q + NQ - 4, *goal = q + NQ - 2;
    do {
        object[0] = -0.3 * tz_rng_uniform(rng);
        object[1] = 0.4 * tz_rng_uniform(rng) - 0.2;
    } while (!(hypot(object[0], object[1]) > 0.17));
    goal[0] = goal[1] = 0.0;
    tz_add_uniform(v, NV, 0.005, rng);
    mju_zero(v + NV - 4, 4);
}

const tz_mujoco_env_type tz_pusher = {
    .env = {.info = {.name = "pusher",
                     .gymnasium_id = "Pusher-v5",
                     .summary = "an arm of seven joints pushes an object to a goal",
                     .max_episode_steps = 100,
                     .camera_track_body = -1,
                     .camera_distance = 4.0,
                     .camera_lookat = {0.3, -0.3, -0.2},
                     .camera_elevation = -30.0,
                     TZ_ARGUMENT_TABLE(arguments)},
            .ops = &tz_mujoco_ops},
    .asset = "pusher.xml",
    .asset_v4 = "pusher_v4.xml",
    .nq = NQ,
    .nv = NV,
    .nu = NU,
    .frame_skip = 5,
    .observe = observe,
    .n_observation = 23,
    .n_observation_v4 = 23,
    .n_measured = N_MEASURED,
    .measure = measure,
    .measured_reward = reward,
    .draw_reset = draw_reset,
};
