#include "view/scene.h"

#include "base/memory.h"
#include "envs/mujoco_compat.h"
#include "view/offscreen.h"
#include "view/system_scene.h"

#include <math.h>
#include <string.h>

enum { SCENE_GEOMS_MAX = 4000, LINE_PIXELS = 1 };

// ---- lifetime

static void place_camera(tz_scene *scene, const tz_env_info *info) {
    mjv_defaultCamera(&scene->camera);
    const bool tracks = info->camera_track_body > 0;
    scene->tracked_body = tracks ? info->camera_track_body : scene->is_system ? 0 : 1;
    scene->camera.type = tracks ? mjCAMERA_TRACKING : mjCAMERA_FREE;
    scene->camera.trackbodyid = tracks ? info->camera_track_body : -1;
    scene->camera.fixedcamid = -1;
    scene->camera.azimuth = 90.0;
    scene->camera.elevation = info->camera_elevation;
    scene->camera.distance = info->camera_distance;
    memcpy(scene->camera.lookat, info->camera_lookat, sizeof info->camera_lookat);
}

static void choose_quality(tz_scene *scene, tz_quality quality) {
    if (quality == TZ_QUALITY_AUTO) {
        quality = tz_gl_is_software() ? TZ_QUALITY_LOW : TZ_QUALITY_HIGH;
    }
    if (quality == TZ_QUALITY_LOW) {
        scene->model->vis.quality.offsamples = 0;
        scene->scene.flags[mjRND_SHADOW] = 0;
        scene->scene.flags[mjRND_REFLECTION] = 0;
    }
}

static bool same_colour(const mjModel *model, int a, int b) {
    const float *colour = model->geom_rgba;
    return model->geom_matid[a] == model->geom_matid[b] &&
           memcmp(colour + 4 * a, colour + 4 * b, 4 * sizeof *colour) == 0;
}

// Where a limb meets the next one, two capsules of one radius end in one and the same sphere: both
// surfaces have the same depth, and the joint is speckled with both colours. There the outer limb
// is drawn one percent thicker, a little more than the facets of a capsule cut off (1 - cos(pi /
// 28) of its radius), and covers the inner one.
static void part_limbs(mjModel *model) {
    for (int outer = 0; outer < (int)model->ngeom; outer++) {
        const int parent = model->body_parentid[model->geom_bodyid[outer]];
        const int first = model->body_geomadr[parent], n = model->body_geomnum[parent];
        mjtNum *radius = model->geom_size + 3 * outer;
        for (int inner = first; inner < first + n && inner != outer; inner++) {
            const mjtNum apart = fabs(model->geom_size[3 * inner] - *radius);
            if (model->geom_type[outer] == mjGEOM_CAPSULE &&
                model->geom_type[inner] == mjGEOM_CAPSULE && apart < 0.005 * *radius &&
                !same_colour(model, inner, outer)) {
                *radius *= 1.01;
            }
        }
    }
}

// What MuJoCo may find no memory for, which is a fatal error to it.
static void make_data(void *context) {
    tz_scene *scene = context;
    scene->data = mj_makeData(scene->model);
}

// The model that is drawn: the environment's own, or floor and sky around a physical system.
static tz_status make_model(tz_scene *scene, const tz_env *env, tz_error *error) {
    const tz_task *task = scene->task;
    const mjModel *model = tz_env_mj_model(env);
    if (model != NULL) {
        TZ_CHECK(tz_mujoco_copy(&scene->model, model, error));
    } else if (tz_system_find(&scene->system, task->name, NULL) == TZ_OK) {
        scene->is_system = true;
        TZ_CHECK(tz_mujoco_compile_asset(&scene->model, "systems.xml", error));
        scene->model->geom_pos[2] = tz_system_floor(&scene->system);
    } else {
        return tz_fail(error, TZ_ERR_UNSUPPORTED, "%s has no MuJoCo model to draw", task->name);
    }
    TZ_CHECK(tz_scene_try(scene, make_data, scene, error));
    if (scene->data == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "no memory for the scene of %s", task->name);
    }
    part_limbs(scene->model);
    return TZ_OK;
}

typedef struct context_call {
    tz_scene *scene;
    tz_quality quality;
} context_call;

// What is drawn and OpenGL's objects for it, by MuJoCo, which may meet a fatal error in it.
static void make_context(void *context) {
    const context_call *call = context;
    tz_scene *scene = call->scene;
    mjv_makeScene(scene->model, &scene->scene, SCENE_GEOMS_MAX);
    choose_quality(scene, call->quality);
    mjr_makeContext(scene->model, &scene->context, mjFONTSCALE_100);
    mjr_setBuffer(scene->offscreen ? mjFB_OFFSCREEN : mjFB_WINDOW, &scene->context);
}

static tz_status fill_scene(tz_scene *scene, const tz_env *env, tz_quality quality,
                            tz_error *error) {
    TZ_CHECK(make_model(scene, env, error));
    // the size and samples of the off-screen buffer are read from the model
    scene->model->vis.global.offwidth = scene->width;
    scene->model->vis.global.offheight = scene->height;
    context_call call = {scene, quality};
    TZ_CHECK(tz_scene_try(scene, make_context, &call, error));
    place_camera(scene, tz_env_info_of(env));
    return TZ_OK;
}

tz_status tz_scene_create(tz_scene **scene_out, const tz_env *env, bool offscreen, int width,
                          int height, tz_quality quality, tz_error *error) {
    *scene_out = NULL;
    tz_scene *scene = tz_alloc(1, sizeof *scene);
    if (scene == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "no memory for a scene");
    }
    mjv_defaultScene(&scene->scene);
    mjr_defaultContext(&scene->context);
    mjv_defaultOption(&scene->option);
    scene->task = tz_env_task(env);
    scene->offscreen = offscreen;
    scene->width = width;
    scene->height = height;
    scene->text_scale = 1.0;
    const tz_status status = fill_scene(scene, env, quality, error);
    if (status != TZ_OK) {
        tz_scene_destroy(scene);
        return status;
    }
    *scene_out = scene;
    return TZ_OK;
}

void tz_scene_destroy(tz_scene *scene) {
    if (scene == NULL) {
        return;
    }
    mjr_freeContext(&scene->context);
    mjv_freeScene(&scene->scene);
    mj_deleteData(scene->data);
    mj_deleteModel(scene->model);
    tz_free(scene);
}

tz_status tz_scene_try(const tz_scene *scene, void (*body)(void *context), void *context,
                       tz_error *error) {
    char complaint[256];
    return tz_mujoco_try(body, context, complaint, sizeof complaint)
               ? TZ_OK
               : tz_fail(error, TZ_ERR_UNSUPPORTED, "%s cannot be drawn: MuJoCo says: %s",
                         scene->task->name, complaint);
}

// ---- poses and paths

// A level plane of the world that has an end (a size of 0: it has none) and is no table.
static bool is_floor(const tz_scene *scene, int geom) {
    const double table_m = 10.0;
    const mjModel *model = scene->model;
    const mjtNum *half = model->geom_size + 3 * geom; // along x and y
    return model->geom_type[geom] == mjGEOM_PLANE && model->geom_bodyid[geom] == 0 &&
           scene->data->geom_xmat[9 * geom + 8] > 1.0 - 1e-9 && half[0] >= table_m &&
           half[1] >= table_m;
}

// The models' floors have an end that a fast robot passes within an episode. So a floor keeps below
// the tracked body, moved by whole periods of its pattern so that it stands still.
static void move_floor(tz_scene *scene) {
    const double period_m = 2.0;
    for (int i = 0; i < (int)scene->model->ngeom; i++) {
        if (is_floor(scene, i)) {
            mjtNum *at = scene->data->geom_xpos + 3 * i;
            at[0] += period_m * round((scene->tracked[0] - at[0]) / period_m);
            at[1] += period_m * round((scene->tracked[1] - at[1]) / period_m);
        }
    }
}

// The place of a system's last body at q.
static void last_body(const tz_system *system, double place[3], const double *q) {
    double points[3 * TZ_BODIES_MAX]; // (k, 3)
    tz_system_points(system, points, q);
    memcpy(place, points + 3 * (system->k - 1), 3 * sizeof *place);
}

void tz_scene_pose(tz_scene *scene, const double *z) {
    const tz_task *task = scene->task;
    if (scene->is_system) {
        memcpy(scene->q, z, (size_t)task->nq * sizeof *z);
        last_body(&scene->system, scene->tracked, z);
        mj_kinematics(scene->model, scene->data);
        mj_camlight(scene->model, scene->data);
        return;
    }
    memcpy(scene->data->qpos, z, (size_t)task->nq * sizeof *z);
    memcpy(scene->data->qvel, z + task->nq, (size_t)task->nv * sizeof *z);
    mj_kinematics(scene->model, scene->data);
    mj_comPos(scene->model, scene->data);
    mj_camlight(scene->model, scene->data);
    memcpy(scene->tracked, scene->data->xpos + 3 * scene->tracked_body, sizeof scene->tracked);
    move_floor(scene);
}

void tz_scene_body_path(tz_scene *scene, double *point, const float *z, int n) {
    const int nz = tz_task_nz(scene->task);
    for (int i = 0; i < n; i++) {
        double *q = scene->is_system ? scene->q : scene->data->qpos; // (nq)
        for (int j = 0; j < scene->task->nq; j++) {
            q[j] = (double)z[i * nz + j];
        }
        if (scene->is_system) {
            last_body(&scene->system, point + 3 * i, q);
            continue;
        }
        mj_kinematics(scene->model, scene->data);
        memcpy(point + 3 * i, scene->data->xpos + 3 * scene->tracked_body, 3 * sizeof *point);
    }
}

static bool is_finite_point(const double *point) {
    return isfinite(point[0]) && isfinite(point[1]) && isfinite(point[2]);
}

static void add_path(mjvScene *scene, const tz_path *path) {
    const bool is_line = path->radius_m == 0.0;
    const int type = is_line ? mjGEOM_LINE : mjGEOM_CAPSULE;
    const double width = is_line ? LINE_PIXELS : path->radius_m;
    for (int i = 0; i + 1 < path->n && scene->ngeom < scene->maxgeom; i++) {
        const double *from = path->point + 3 * i;
        const double *to = from + 3;
        if (!is_finite_point(from) || !is_finite_point(to)) {
            continue;
        }
        mjvGeom *geom = &scene->geoms[scene->ngeom++];
        *geom = (mjvGeom){0}; // the bound by which what is transparent is ordered is not set below
        mjv_initGeom(geom, type, NULL, NULL, NULL, path->rgba);
        tz_mujoco_connect(geom, type, width, from, to);
        geom->category = mjCAT_DECOR;
    }
}

// ---- pictures

void tz_scene_fit_text(tz_scene *scene, mjrRect viewport) {
    const double scale = scene->text_scale;
    const bool is_small = viewport.width < 480.0 * scale || viewport.height < 400.0 * scale;
    const double percent = 50.0 * round(2.0 * scale * (is_small ? 0.5 : 1.0));
    const int font = (int)fmin(fmax(percent, mjFONTSCALE_50), mjFONTSCALE_300);
    if (font != scene->context.fontScale) {
        mjr_changeFont(font, &scene->context);
    }
}

void tz_scene_render(tz_scene *scene, mjrRect viewport, const tz_path *paths, int n_paths) {
    // MuJoCo 2.2.2 lets a tracking camera lag behind by what it drew before: start where it belongs
    if (scene->camera.type == mjCAMERA_TRACKING) {
        memcpy(scene->camera.lookat, scene->data->subtree_com + 3 * scene->camera.trackbodyid,
               sizeof scene->camera.lookat);
    }
    mjv_updateScene(scene->model, scene->data, &scene->option, NULL, &scene->camera, mjCAT_ALL,
                    &scene->scene);
    if (scene->is_system) {
        tz_system_draw(&scene->scene, &scene->system, scene->q);
    }
    for (int i = 0; i < n_paths; i++) {
        add_path(&scene->scene, &paths[i]);
    }
    mjr_render(viewport, &scene->scene, &scene->context);
}

typedef struct pixels_call {
    const tz_scene *scene;
    mjrRect viewport;
    unsigned char *rgb;
} pixels_call;

static void read_pixels(void *context) {
    const pixels_call *call = context;
    mjr_readPixels(call->rgb, NULL, call->viewport, &call->scene->context);
}

tz_status tz_scene_read_rgb(const tz_scene *scene, mjrRect viewport, unsigned char *rgb,
                            tz_error *error) {
    pixels_call call = {scene, viewport, rgb};
    TZ_CHECK(tz_scene_try(scene, read_pixels, &call, error));

    // OpenGL's first row is at the bottom
    const size_t row = 3 * (size_t)viewport.width;
    for (int i = 0; i < viewport.height / 2; i++) {
        unsigned char *upper = rgb + (size_t)i * row;
        unsigned char *lower = rgb + (size_t)(viewport.height - 1 - i) * row;
        for (size_t j = 0; j < row; j++) {
            const unsigned char swap = upper[j];
            upper[j] = lower[j];
            lower[j] = swap;
        }
    }
    return TZ_OK;
}

// The pinhole camera of the last render: the mean of the two eyes.
typedef struct pinhole {
    double eye[3], forward[3], up[3], right[3];
    double half_height; // of the picture plane at depth 1: it spans [bottom, top] / near
} pinhole;

static pinhole pinhole_of(const mjvScene *scene) {
    const mjvGLCamera *left = &scene->camera[0], *right = &scene->camera[1];
    const float *f = left->forward, *u = left->up;
    pinhole camera = {
        .right = {f[1] * u[2] - f[2] * u[1], f[2] * u[0] - f[0] * u[2], f[0] * u[1] - f[1] * u[0]},
        .half_height =
            0.5 * (double)(left->frustum_top - left->frustum_bottom) / (double)left->frustum_near,
    };
    for (int i = 0; i < 3; i++) {
        camera.eye[i] = 0.5 * (double)(left->pos[i] + right->pos[i]);
        camera.forward[i] = f[i];
        camera.up[i] = u[i];
    }
    return camera;
}

// How far `point` lies from the eye along a direction.
static double along(const pinhole *camera, const double direction[3], const double point[3]) {
    double sum = 0.0;
    for (int i = 0; i < 3; i++) {
        sum += (point[i] - camera->eye[i]) * direction[i];
    }
    return sum;
}

// Where the frustum leaves the horizontal extent open, it follows from the aspect ratio.
bool tz_scene_project(const tz_scene *scene, mjrRect viewport, double pixel[2],
                      const double point[3]) {
    const pinhole camera = pinhole_of(&scene->scene);
    const double depth = along(&camera, camera.forward, point);
    if (depth <= 0.0) {
        return false;
    }
    const double half_width = camera.half_height * viewport.width / viewport.height;
    const double across = along(&camera, camera.right, point) / depth / half_width;
    const double up = along(&camera, camera.up, point) / depth / camera.half_height;
    pixel[0] = viewport.width * (0.5 + 0.5 * across);
    pixel[1] = viewport.height * (0.5 - 0.5 * up);
    return true;
}

void tz_scene_unproject(const tz_scene *scene, mjrRect viewport, double point[3],
                        const double pixel[2]) {
    const pinhole camera = pinhole_of(&scene->scene);
    const double depth = along(&camera, camera.forward, point);
    const double height = 2.0 * camera.half_height * depth; // of the picture there (m)
    const double across = height * (pixel[0] - 0.5 * viewport.width) / viewport.height;
    const double up = height * (0.5 - pixel[1] / viewport.height);
    for (int i = 0; i < 3; i++) {
        point[i] = camera.eye[i] + depth * camera.forward[i] + across * camera.right[i] +
                   up * camera.up[i];
    }
}
