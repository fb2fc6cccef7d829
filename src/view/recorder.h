// An observer that films the control loop into a video file, without a display: frames on a regular
// grid of simulated time go to ffmpeg, which starts with the observer.
#ifndef TRAPEZE_VIEW_RECORDER_H
#define TRAPEZE_VIEW_RECORDER_H

#include "plan/mpc.h"
#include "view/quality.h"

typedef struct tz_recorder tz_recorder;

typedef struct tz_recorder_def {
    uint32_t cookie;  // set by tz_recorder_def_default, checked at create
    const char *path; // "run.mp4"; written beside and renamed when complete; borrowed during create
    const char *title; // shown in the corner; borrowed during create
    int width, height; // pixels, even
    double fps;        // frames per second of simulated time, up to 1000
    tz_quality quality;
} tz_recorder_def;
TZ_API tz_recorder_def tz_recorder_def_default(void);

// Opens the off-screen context on this thread, on which the loop must run. TZ_ERR_DEVICE without
// OpenGL, TZ_ERR_UNSUPPORTED without ffmpeg, each with what to install; TZ_ERR_ARGUMENT for odd
// sizes and another rate, TZ_ERR_MEMORY.
TZ_API tz_status tz_recorder_create(tz_recorder **recorder, const tz_recorder_def *def,
                                    const tz_env *env, tz_error *error);

// The observer to hand to the control loop; borrowed, lives with the recorder.
TZ_API tz_observer tz_recorder_observer(tz_recorder *recorder);

// Ends the video and puts it in its place. An error inside a callback (a full disk, ffmpeg gone)
// stopped the loop and is reported here.
TZ_API tz_status tz_recorder_finish(tz_recorder *recorder, tz_error *error);
TZ_API void tz_recorder_destroy(tz_recorder *recorder); // Nullable; an unfinished video is removed

#endif
