// The picture of one state: the robot posed at z, with paths drawn into the world.
//
// A scene works on its own copy of the model and its own mjData, so drawing never touches the
// simulation, and positions are those of z itself rather than of MuJoCo's last internal evaluation.
// Every call needs the OpenGL context that was current at create. A physical system, which has no
// MuJoCo model, is drawn from its coordinates (system_scene.h) over a model of floor and sky.
#ifndef TRAPEZE_VIEW_SCENE_H
#define TRAPEZE_VIEW_SCENE_H

#include "base/status.h"
#include "envs/env.h"
#include "envs/hamiltonian/system.h"
#include "view/quality.h"

#include <mujoco/mujoco.h>

typedef struct tz_scene {
    const tz_task *task; // borrowed from the environment
    mjModel *model;      // own copy
    mjData *data;        // posed at the state to draw
    bool is_system;      // a physical system: `system` at q
    tz_system system;
    double q[TZ_SYSTEM_N_MAX];
    mjvScene scene;
    mjvOption option;
    mjvCamera camera;
    mjrContext context;
    bool offscreen;    // draw into MuJoCo's off-screen buffer
    int tracked_body;  // its path is what paths are of; a system's is its last body
    double tracked[3]; // where that is at the pose (m)
    int width, height; // of the off-screen buffer (pixels)
    double text_scale; // of a display whose pixels are finer than usual; 1 at create
} tz_scene;

// A line through the world.
typedef struct tz_path {
    const double *point; // world positions (m)      (n, 3)
    int n;
    const float *rgba; //                          (4)
    double radius_m;   // of a tube; 0: a line, which costs next to nothing to draw
} tz_path;

// Makes the scene of the environment's robot with its registered camera. offscreen: for pictures
// and videos of width x height; else for the window's framebuffer. TZ_ERR_UNSUPPORTED when the
// environment is neither simulated by MuJoCo nor a physical system, or MuJoCo cannot draw it.
TZ_API tz_status tz_scene_create(tz_scene **scene, const tz_env *env, bool offscreen, int width,
                                 int height, tz_quality quality, tz_error *error);
TZ_API void tz_scene_destroy(tz_scene *scene); // Nullable

// Runs `body`, which draws or asks MuJoCo's renderer: its fatal errors, which would end the
// program, are TZ_ERR_UNSUPPORTED. Nothing more can be drawn then, and what there is can be
// destroyed.
TZ_API tz_status tz_scene_try(const tz_scene *scene, void (*body)(void *context), void *context,
                              tz_error *error);

// Chooses the size of the text: half of the usual one in a small viewport.
TZ_API void tz_scene_fit_text(tz_scene *scene, mjrRect viewport);

// Poses the robot at z (nz).
TZ_API void tz_scene_pose(tz_scene *scene, const double *z);

// World position of the tracked body at each of n states: point (n, 3), z (n, nz). Changes the
// pose.
TZ_API void tz_scene_body_path(tz_scene *scene, double *point, const float *z, int n);

// Draws the posed robot and the paths into the buffer; the caller adds overlays.
TZ_API void tz_scene_render(tz_scene *scene, mjrRect viewport, const tz_path *paths, int n_paths);

// Reads the drawn picture: rgb (height, width, 3), first row at the top. Errors as of tz_scene_try.
TZ_API tz_status tz_scene_read_rgb(const tz_scene *scene, mjrRect viewport, unsigned char *rgb,
                                   tz_error *error);

// Pixel (x to the right, y down from the top) where a world position was drawn by the last render.
// False behind the camera.
TZ_API bool tz_scene_project(const tz_scene *scene, mjrRect viewport, double pixel[2],
                             const double point[3]);

// Moves a world position parallel to the last picture until it is drawn at the pixel.
TZ_API void tz_scene_unproject(const tz_scene *scene, mjrRect viewport, double point[3],
                               const double pixel[2]);

#endif
