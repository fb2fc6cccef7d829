// With M the mass of the whole robot, s the stretch of the spring and v the velocity of the grasped
// point, relative to the body that the camera follows if it follows one, the force is
//
//   F = M (omega^2 s - 2 omega v),        omega^2 = 2 g / (1 m)
//
// so a spring of one metre pulls with twice the robot's weight and does not make it swing. It is
// held for a control period, a fifth of 1 / omega at most with the shipped robots.
#include "view/pull.h"

#include "envs/mujoco_compat.h"

#include <math.h>
#include <string.h>

static const double OMEGA_SQUARED = 2.0 * 9.81; // 1/s^2

// p = x + R local
static void grasped_point(const tz_pull *pull, const mjData *data, double p[3]) {
    const double *R = data->xmat + 9 * pull->body, *x = data->xpos + 3 * pull->body;
    for (int i = 0; i < 3; i++) {
        p[i] = x[i];
        for (int j = 0; j < 3; j++) {
            p[i] += R[3 * i + j] * pull->local[j];
        }
    }
}

bool tz_pull_grasp(tz_pull *pull, tz_scene *scene, mjrRect viewport, const double pixel[2]) {
    *pull = (tz_pull){0};
    if (scene->is_system) {
        return false;
    }
    double point[3];
    const double x = pixel[0] / viewport.width, y = 1.0 - pixel[1] / viewport.height;
    const int body =
        tz_mujoco_select(scene->model, scene->data, &scene->option,
                         (double)viewport.width / viewport.height, x, y, &scene->scene, point);
    if (body <= 0 || scene->model->body_weldid[body] == 0) {
        return false;
    }
    const double *R = scene->data->xmat + 9 * body, *origin = scene->data->xpos + 3 * body;
    for (int j = 0; j < 3; j++) {
        for (int i = 0; i < 3; i++) {
            pull->local[j] += R[3 * i + j] * (point[i] - origin[i]);
        }
    }
    pull->body = body;
    return true;
}

void tz_pull_follow(tz_pull *pull, const tz_scene *scene, mjrRect viewport, const double pixel[2]) {
    double p[3], end[3];
    grasped_point(pull, scene->data, p);
    memcpy(end, p, sizeof end);
    tz_scene_unproject(scene, viewport, end, pixel);
    for (int i = 0; i < 3; i++) {
        pull->stretch[i] = end[i] - p[i];
    }
    const mjvCamera *camera = &scene->camera;
    pull->followed = camera->type == mjCAMERA_TRACKING ? camera->trackbodyid : -1;
}

// The velocity of a point p of a body.
static void point_velocity(const mjModel *model, const mjData *data, int body, const double p[3],
                           double v[3]) {
    double w[6]; // angular, then linear velocity of the body's origin
    mj_objectVelocity(model, data, mjOBJ_XBODY, body, w, 0);
    double d[3], turning[3];
    for (int i = 0; i < 3; i++) {
        d[i] = p[i] - data->xpos[3 * body + i];
    }
    mju_cross(turning, w, d);
    mju_add3(v, w + 3, turning);
}

void tz_pull_apply(const tz_pull *pull, const mjModel *model, mjData *data) {
    memset(data->xfrc_applied, 0, 6 * (size_t)model->nbody * sizeof *data->xfrc_applied);
    if (pull->body == 0) {
        return;
    }
    double p[3], v[3], v_followed[3] = {0};
    grasped_point(pull, data, p);
    point_velocity(model, data, pull->body, p, v);
    if (pull->followed >= 0) {
        const int body = pull->followed;
        point_velocity(model, data, body, data->xpos + 3 * body, v_followed);
    }

    // a force at p is the same force at the centre of mass, and a torque
    const double mass = model->body_subtreemass[model->body_rootid[pull->body]];
    const double omega = sqrt(OMEGA_SQUARED);
    double *force = data->xfrc_applied + 6 * pull->body, arm[3];
    for (int i = 0; i < 3; i++) {
        force[i] = mass * (OMEGA_SQUARED * pull->stretch[i] - 2.0 * omega * (v[i] - v_followed[i]));
        arm[i] = p[i] - data->xipos[3 * pull->body + i];
    }
    mju_cross(force + 3, arm, force);
}

void tz_pull_line(const tz_pull *pull, const tz_scene *scene, double points[6]) {
    grasped_point(pull, scene->data, points);
    mju_add3(points + 3, points, pull->stretch);
}
