// An observer that leaves N pictures of the first episode of the control loop, evenly spaced from
// its first state to its last, without a display. Where an episode ends is known at its end only:
// until then the steps are kept, not the pictures.
#ifndef TRAPEZE_VIEW_STILLS_H
#define TRAPEZE_VIEW_STILLS_H

#include "plan/mpc.h"
#include "view/quality.h"

typedef struct tz_stills tz_stills;

typedef struct tz_stills_def {
    uint32_t cookie;    // set by tz_stills_def_default, checked at create
    const char *folder; // made if need be; "still-001.png", ... in it are replaced; borrowed
                        // during create
    const char *title;  // shown in the corner; borrowed during create
    int n;              // pictures; one: of the middle
    int width, height;  // pixels
    tz_quality quality;
} tz_stills_def;
TZ_API tz_stills_def tz_stills_def_default(void);

// Opens the off-screen context on this thread, on which the loop must run. TZ_ERR_ARGUMENT when no
// episode has n states, or without a size, TZ_ERR_IO when the folder cannot be written to,
// TZ_ERR_DEVICE without OpenGL.
TZ_API tz_status tz_stills_create(tz_stills **stills, const tz_stills_def *def, const tz_env *env,
                                  tz_error *error);

// The observer to hand to the control loop; borrowed, lives with the stills. The pictures are drawn
// when the episode ends; where one fails, those before it are removed.
TZ_API tz_observer tz_stills_observer(tz_stills *stills);

// Trouble inside a callback, which stopped the loop; TZ_ERR_ARGUMENT when the episode had fewer
// states than pictures were asked for. An episode that was not finished has no pictures.
TZ_API tz_status tz_stills_finish(tz_stills *stills, tz_error *error);
TZ_API void tz_stills_destroy(tz_stills *stills); // Nullable

#endif
