// Sliders for the settings of a planner and for the weights of the reward that it seeks, in the
// corner of a window: MuJoCo's own user interface.
// Drawing and events need the OpenGL context of the window, and are called inside of tz_scene_try.
#ifndef TRAPEZE_VIEW_PANEL_H
#define TRAPEZE_VIEW_PANEL_H

#include "plan/planner.h"

#include <mujoco/mujoco.h>

typedef struct tz_panel tz_panel;

// What the mouse does, in pixels of the window's framebuffer from the lower left corner.
typedef struct tz_panel_mouse {
    mjtEvent event;   // mjEVENT_MOVE, mjEVENT_PRESS or mjEVENT_RELEASE; mjEVENT_SCROLL
    bool left_button; // is down, after the event
    double x, y;      // position
    double scroll;    // upwards
} tz_panel_mouse;

// A closed panel that shows `settings` and the weights of `task` that predicted steps depend on;
// without any it has no section for them. TZ_ERR_MEMORY. The caller destroys it.
tz_status tz_panel_create(tz_panel **panel, const tz_planner_def *settings, const tz_task *task,
                          tz_error *error);
void tz_panel_destroy(tz_panel *panel); // Nullable

void tz_panel_toggle(tz_panel *panel); // opens or closes it

// Draws the panel, when it is open, over the upper right corner of the viewport (pixels), and
// returns what it covers there: nothing (of no width) while it is closed.
mjrRect tz_panel_draw(tz_panel *panel, mjrRect viewport, mjrContext *context);

// True when the event is for the panel and not for the picture behind it.
bool tz_panel_mouse_event(tz_panel *panel, const tz_panel_mouse *mouse, const mjrContext *context);

// Writes the settings that the sliders show into `settings`, whose other members stay; true when a
// slider of theirs has moved since the call before.
bool tz_panel_take(tz_panel *panel, tz_planner_def *settings);

// The next weight whose slider is not where it was when the weight was last taken: its name and its
// value. False when there is none.
bool tz_panel_take_weight(tz_panel *panel, const char **weight, double *value);

// Whether the weights that the sliders show are other than the task's.
bool tz_panel_is_weighed(const tz_panel *panel);

#endif
