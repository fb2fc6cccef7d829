// The differences between MuJoCo 2.2.2 and 4.0.1, all of them: one source serves both.
#ifndef TRAPEZE_ENVS_MUJOCO_COMPAT_H
#define TRAPEZE_ENVS_MUJOCO_COMPAT_H

#include "base/status.h"
#include "envs/embedded.h"

#include <mujoco/mujoco.h>

// Compiles files[i] (an MJCF file that may include the other ones) without touching the disk. The
// caller deletes the model. TZ_ERR_MEMORY, TZ_ERR_FORMAT with MuJoCo's complaint.
tz_status tz_mujoco_compile(mjModel **model, const tz_embedded_file *files, int n_files, int i,
                            tz_error *error);

// The same for an embedded asset by its name ("systems.xml"), which must exist.
tz_status tz_mujoco_compile_asset(mjModel **model, const char *name, tz_error *error);

// Keeps MuJoCo from writing warnings to stderr and MUJOCO_LOG.TXT: the library reads
// mjData.warning. Leaves a handler that the program has installed alone.
void tz_mujoco_silence(void);

// Gives `geom` (initialised) the place of a capsule or line between two points (m).
void tz_mujoco_connect(mjvGeom *geom, int type, double width, const double from[3],
                       const double to[3]);

// Moves the camera by a mouse action, in shares of the window's height.
void tz_mujoco_move_camera(const mjModel *model, int action, double dx, double dy,
                           const mjvScene *scene, mjvCamera *camera);

#endif
