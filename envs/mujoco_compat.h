// The differences between MuJoCo 2.2.2 and 4.0.1, all of them: one source serves both.
#ifndef TRAPEZE_ENVS_MUJOCO_COMPAT_H
#define TRAPEZE_ENVS_MUJOCO_COMPAT_H

#include "envs/embedded.h"

#include <mujoco/mujoco.h>

// mj_version() as major * 10^6 + minor * 10^3 + patch: 222 (of 2.2.2) becomes 2002002.
int tz_mujoco_version(void);

// Compiles files[i] (an MJCF file that may include the other ones) without touching the disk.
// On failure returns NULL and writes MuJoCo's complaint into error (error_size).
mjModel *tz_mujoco_compile(const tz_embedded_file *files, int n_files, int i, char *error,
                           int error_size);

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
