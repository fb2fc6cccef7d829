// The differences between MuJoCo 2.2.2 and 4.0.1, all of them: one source serves both.
#ifndef TRAPEZE_ENVS_MUJOCO_COMPAT_H
#define TRAPEZE_ENVS_MUJOCO_COMPAT_H

#include "base/status.h"
#include "envs/embedded.h"

#include <mujoco/mujoco.h>
#include <stdbool.h>

// Compiles an embedded asset (an MJCF file that may include the other ones) by its name
// ("systems.xml"), which must exist, without touching the disk. The caller deletes the model.
// TZ_ERR_MEMORY, TZ_ERR_FORMAT with MuJoCo's complaint.
tz_status tz_mujoco_compile_asset(mjModel **model, const char *name, tz_error *error);

// The same for a file on the disk, whose errors do not end the program.
tz_status tz_mujoco_load(mjModel **model, const char *path, tz_error *error);

// Runs `body`; false when MuJoCo met a fatal error in it (mju_error), which by itself would end the
// program. What body was doing is then half done: its mjData may be reset or freed, nothing else.
// `complaint` (size) gets MuJoCo's words.
TZ_API bool tz_mujoco_try(void (*body)(void *context), void *context, char *complaint, size_t size);

// A copy of a model, which the caller deletes. TZ_ERR_MEMORY.
TZ_API tz_status tz_mujoco_copy(mjModel **copy, const mjModel *model, tz_error *error);

// Numbers of the state that are neither in qpos, qvel nor act: of plugins, delays and springs that
// yield.
long tz_mujoco_n_hidden(const mjModel *model);

// Whether sensors are given noise, as MuJoCo before 3 does where its flag asks for it.
bool tz_mujoco_has_noisy_sensors(const mjModel *model);

// Whether bodies may fall asleep, which is a state of theirs, too.
bool tz_mujoco_can_sleep(const mjModel *model);

// The controls that an actuator takes: u[*first], ..., *n of them. Each takes one before 3.11;
// since then orientations and PID controllers take several.
static inline void tz_mujoco_controls_of(const mjModel *model, int actuator, int *first, int *n) {
#if mjVERSION_HEADER < 3011000
    (void)model;
    *first = actuator;
    *n = 1;
#else
    *first = model->actuator_ctrladr[actuator];
    *n = model->actuator_ctrlnum[actuator];
#endif
}

// The actuator that takes u[control], which must be one of the model's.
int tz_mujoco_actuator_of(const mjModel *model, int control);

// Bytes of a simulation's scratch memory.
double tz_mujoco_arena_bytes(const mjModel *model);

// The digest of a compiled model as text: of everything that its file and those that it names say,
// wherever they lie: without the resolved paths of meshes, textures and other files. *has_paths is
// whether there were any.
tz_status tz_mujoco_digest(const mjModel *model, char sha256[65], bool *has_paths, tz_error *error);

// Gives `geom` (initialised) the place of a capsule or line between two points (m).
void tz_mujoco_connect(mjvGeom *geom, int type, double width, const double from[3],
                       const double to[3]);

// Moves the camera by a mouse action, in shares of the window's height.
void tz_mujoco_move_camera(const mjModel *model, int action, double dx, double dy,
                           const mjvScene *scene, mjvCamera *camera);

// The body that the picture shows at (x, y), shares of its width and height from the lower left
// corner, and the point of it (m); -1: none.
int tz_mujoco_select(const mjModel *model, const mjData *data, const mjvOption *option,
                     double aspect, double x, double y, const mjvScene *scene, double point[3]);

#endif
