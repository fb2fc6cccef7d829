// A pull by the mouse: a damped spring from a point of a body, where it was grasped, to where the
// mouse is in the picture. It acts on the simulation itself, so a planner has to cope with it.
#ifndef TRAPEZE_VIEW_PULL_H
#define TRAPEZE_VIEW_PULL_H

#include "view/scene.h"

typedef struct tz_pull {
    int body;          // that is grasped; 0: none
    double local[3];   // the grasped point in the body's frame (m)
    double stretch[3]; // from there to the spring's other end, in the world (m)
    int followed;      // the body that the camera follows, -1: none
} tz_pull;

// Grasps what the last picture shows at a pixel (x to the right, y down from the top). False, and
// nothing grasped: there is no body that can move.
TZ_API bool tz_pull_grasp(tz_pull *pull, tz_scene *scene, mjrRect viewport, const double pixel[2]);

// Stretches the spring to a pixel of the last picture, as far from the eye as the grasped point.
TZ_API void tz_pull_follow(tz_pull *pull, const tz_scene *scene, mjrRect viewport,
                           const double pixel[2]);

// Writes the force on the grasped body into data->xfrc_applied, and no force on all others.
TZ_API void tz_pull_apply(const tz_pull *pull, const mjModel *model, mjData *data);

// Where the spring begins and ends in the scene's pose: points (2, 3), m.
TZ_API void tz_pull_line(const tz_pull *pull, const tz_scene *scene, double points[6]);

#endif
