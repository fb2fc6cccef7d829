// An observer that shows the control loop live in a GLFW window, in real time. Where drawing takes
// too long for that, it draws fewer steps; what is late all the same, it says. Keys: see the help
// overlay (H).
#ifndef TRAPEZE_VIEW_WINDOW_H
#define TRAPEZE_VIEW_WINDOW_H

#include "plan/mpc.h"
#include "view/quality.h"

typedef struct tz_window tz_window;

typedef struct tz_window_def {
    uint32_t cookie;               // set by tz_window_def_default, checked at create
    const char *title;             // borrowed during create
    const char *screenshot_folder; // where P puts its PNG files; borrowed, must outlive the window
    int width, height;             // pixels
    double speed;                  // simulated seconds per second
    bool starts_paused;
    bool is_recorded; // the episodes are stored as data: no mouse pulls, sliders and switches
    tz_quality quality;
} tz_window_def;
TZ_API tz_window_def tz_window_def_default(void);

// Opens the window on this thread, on which the loop must run. TZ_ERR_DEVICE without a display,
// TZ_ERR_ARGUMENT, TZ_ERR_MEMORY.
TZ_API tz_status tz_window_create(tz_window **window, const tz_window_def *def, const tz_env *env,
                                  tz_error *error);
// Nullable. Ends GLFW, and with it any other window that the program has opened by it.
TZ_API void tz_window_destroy(tz_window *window);

// The observer to hand to the control loop; borrowed, lives with the window.
TZ_API tz_observer tz_window_observer(tz_window *window);

// The trouble inside a callback that stopped the loop, when there was any: MuJoCo's renderer
// failed.
TZ_API tz_status tz_window_trouble(const tz_window *window, tz_error *error);

// True when a display can be reached (DISPLAY or WAYLAND_DISPLAY is set).
TZ_API bool tz_window_is_possible(void);

#endif
