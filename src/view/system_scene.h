// Draws the physical systems, which have no MuJoCo model: rods, bobs, springs and solids as geoms
// added to a scene, placed by the coordinates q.
#ifndef TRAPEZE_VIEW_SYSTEM_SCENE_H
#define TRAPEZE_VIEW_SYSTEM_SCENE_H

#include "envs/hamiltonian/system.h"

#include <mujoco/mujoco.h>

// Height of the floor below (or under) the system (m).
double tz_system_floor(const tz_system *system);

// Appends the system at q (n) to the scene.
void tz_system_draw(mjvScene *scene, const tz_system *system, const double *q);

#endif
