// Humanoid and HumanoidStandup: one robot, standing or lying. With F^2 the sum of the squared
// contact forces on all bodies and x of the centre of mass,
//
//     humanoid           r = 1.25 dx/dt + 5 alive - 0.1 |u|^2 - min(5e-7 F^2, 10)
//     humanoid_standup   r = q[2] / timestep + 1 - 0.1 |u|^2 - min(5e-7 F^2, 10)
//
// with the default weights. Humanoid's contact cost is not in version 4. Humanoid ends when it is
// not healthy.
#include "envs/mujoco_env.h"

#include <math.h>

enum { NQ = 24, NV = 23, NU = 17, N_BODIES = 14, TORSO = 1 };
enum { CENTRE_X, CONTACT, N_MEASURED };

static const tz_argument arguments[] = {
    TZ_NUMBER(forward_reward_weight, 1.25, TZ_V4_AND_V5),
    TZ_NUMBER(ctrl_cost_weight, 0.1, TZ_V4_AND_V5),
    TZ_CONTACT_NUMBER(contact_cost_weight, 5e-7, TZ_V5, 0),
    TZ_RANGE(contact_cost_range, -INFINITY, 10.0, TZ_V5),
    TZ_NUMBER(healthy_reward, 5.0, TZ_V4_AND_V5),
    TZ_TERMINATE_WHEN_UNHEALTHY,
    TZ_RANGE(healthy_z_range, 1.0, 2.0, TZ_V4_AND_V5),
    TZ_RESET_NOISE_SCALE(0.01, TZ_V4_AND_V5),
};

static const tz_argument standup_arguments[] = {
    TZ_IDLE_NUMBER(uph_cost_weight, 1.0, TZ_V5, TZ_V5),
    TZ_NUMBER(ctrl_cost_weight, 0.1, TZ_V5),
    TZ_CONTACT_NUMBER(impact_cost_weight, 5e-7, TZ_V5, 0),
    TZ_RANGE(impact_cost_range, -INFINITY, 10.0, TZ_V5),
    TZ_RESET_NOISE_SCALE(0.01, TZ_V5),
};

static bool is_healthy(const tz_task *task, const double *z) {
    return tz_is_inside(z[2], task->argument.healthy_z_range);
}

static void measure(const tz_task *task, const mjModel *model, const mjData *data, double *m) {
    (void)task;
    double mass = 0.0, moment = 0.0;
    for (int i = 0; i < N_BODIES; i++) {
        mass += model->body_mass[i];
        moment += model->body_mass[i] * data->xipos[3 * i];
    }
    m[CENTRE_X] = moment / mass;
    m[CONTACT] = mju_dot(data->cfrc_ext, data->cfrc_ext, 6 * N_BODIES);
}

static double reward(const tz_task *task, tz_moment before, const double *u, tz_moment after) {
    const double velocity = (after.m[CENTRE_X] - before.m[CENTRE_X]) / task->dt_s;
    const tz_argument_values *a = &task->argument;
    const double contact_cost =
        task->version == 4
            ? 0.0
            : tz_clip_to(a->contact_cost_weight * after.m[CONTACT], a->contact_cost_range);
    const double cost = a->ctrl_cost_weight * tz_control_cost(u, NU) + contact_cost;
    return a->forward_reward_weight * velocity +
           tz_healthy_reward(task, is_healthy(task, after.z)) - cost;
}

static bool ends(const tz_task *task, tz_moment after) {
    return !is_healthy(task, after.z);
}

static double standup_reward(const tz_task *task, tz_moment before, const double *u,
                             tz_moment after) {
    (void)before;
    const tz_argument_values *a = &task->argument;
    const double timestep_s = task->dt_s / task->frame_skip;
    const double impact_cost =
        tz_clip_to(a->impact_cost_weight * after.m[CONTACT], a->impact_cost_range);
    return after.z[2] / timestep_s - a->ctrl_cost_weight * tz_control_cost(u, NU) - impact_cost +
           1.0;
}

// Without x and y: q, v, then of each body its inertia (10) and velocity (6) about the centre of
// mass, the actuators' forces on the joints, and the contact forces (6). Version 4 has the world
// and the root's six degrees of freedom among them, which are zero.
static void observe(const tz_task *task, const mjModel *model, const mjData *data, double *o) {
    (void)model;
    const int body = task->version == 4 ? 0 : 1, dof = task->version == 4 ? 0 : 6;
    const struct {
        const mjtNum *x;
        int n;
    } parts[] = {{data->qpos + 2, NQ - 2},
                 {data->qvel, NV},
                 {data->cinert + 10 * body, 10 * (N_BODIES - body)},
                 {data->cvel + 6 * body, 6 * (N_BODIES - body)},
                 {data->qfrc_actuator + dof, NV - dof},
                 {data->cfrc_ext + 6 * body, 6 * (N_BODIES - body)}};
    for (size_t i = 0; i < TZ_COUNTOF(parts); i++) {
        mju_copy(o, parts[i].x, parts[i].n);
        o += parts[i].n;
    }
}

// What the two have in common.
#define HUMANOID                                                                                   \
    .nq = NQ, .nv = NV, .nu = NU, .frame_skip = 5, .n_cyclic = 2, .observation_skip = 2,           \
    .observation_v_clip = INFINITY, .observe = observe, .n_observation = 348,                      \
    .n_observation_v4 = 376, .observes_state = true, .n_measured = N_MEASURED, .measure = measure, \
    .draw_reset = tz_reset_uniform

const tz_mujoco_env_type tz_humanoid = {
    .env = {.info = {.name = "humanoid",
                     .gymnasium_id = "Humanoid-v5",
                     .summary = "a body of seventeen joints walks forward without falling",
                     .max_episode_steps = 1000,
                     .camera_track_body = TORSO,
                     .camera_distance = 4.0,
                     .camera_lookat = {0.0, 0.0, 2.0},
                     .camera_elevation = -20.0,
                     TZ_ARGUMENT_TABLE(arguments)},
            .ops = &tz_mujoco_ops},
    .asset = "humanoid.xml",
    .measured_reward = reward,
    .measured_end = ends,
    HUMANOID,
};

const tz_mujoco_env_type tz_humanoid_standup = {
    .env = {.info = {.name = "humanoid_standup",
                     .gymnasium_id = "HumanoidStandup-v5",
                     .summary = "the same body, lying, stands up",
                     .max_episode_steps = 1000,
                     .camera_track_body = TORSO,
                     .camera_distance = 4.0,
                     .camera_lookat = {0.0, 0.0, 0.8925},
                     .camera_elevation = -20.0,
                     TZ_ARGUMENT_TABLE(standup_arguments)},
            .ops = &tz_mujoco_ops},
    .asset = "humanoid_standup.xml",
    .measured_reward = standup_reward,
    HUMANOID,
};
