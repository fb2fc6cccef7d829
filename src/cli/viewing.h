// The options and observers by which a subcommand shows its control loop: a live window, a video.
#ifndef TRAPEZE_CLI_VIEWING_H
#define TRAPEZE_CLI_VIEWING_H

#include "cli/cli.h"
#include "view/recorder.h"
#include "view/window.h"

typedef struct tz_viewing {
    bool view, paused;
    const char *video; // path, NULL: none
    int quality;       // tz_quality
    int width, height;
    double fps, speed;
    bool is_recorded; // the episodes are stored as data
    tz_window *window;
    tz_recorder *recorder;
} tz_viewing;

#define TZ_VIEWING_DEFAULT                                                                         \
    { .quality = TZ_QUALITY_AUTO, .width = 640, .height = 480, .fps = 30.0, .speed = 1.0 }

extern const char *const tz_quality_choices[];

// Rows for an option table; `v` is the caller's tz_viewing.
#define TZ_VIEWING_OPTIONS(v)                                                                      \
    {.name = "--view",                                                                             \
     .type = TZ_OPTION_FLAG,                                                                       \
     .value = &(v).view,                                                                           \
     .help = "show it live in a window (keys: press H)"},                                          \
        {.name = "--paused",                                                                       \
         .type = TZ_OPTION_FLAG,                                                                   \
         .value = &(v).paused,                                                                     \
         .help = "open the window paused"},                                                        \
        {.name = "--video",                                                                        \
         .type = TZ_OPTION_TEXT,                                                                   \
         .value = &(v).video,                                                                      \
         .metavar = "FILE",                                                                        \
         .help = "film it into an mp4 file, without a display"},                                   \
        {.name = "--quality",                                                                      \
         .type = TZ_OPTION_CHOICE,                                                                 \
         .value = &(v).quality,                                                                    \
         .choices = tz_quality_choices,                                                            \
         .help = "shadows, reflections, multisampling; auto: not on a software renderer"},         \
        {.name = "--width",                                                                        \
         .type = TZ_OPTION_INT,                                                                    \
         .value = &(v).width,                                                                      \
         .metavar = "PIXELS",                                                                      \
         .min = 16,                                                                                \
         .max = 7680,                                                                              \
         .help = "of the window and the video"},                                                   \
        {.name = "--height",                                                                       \
         .type = TZ_OPTION_INT,                                                                    \
         .value = &(v).height,                                                                     \
         .metavar = "PIXELS",                                                                      \
         .min = 16,                                                                                \
         .max = 4320,                                                                              \
         .help = "of the window and the video"},                                                   \
        {.name = "--fps",                                                                          \
         .type = TZ_OPTION_REAL,                                                                   \
         .value = &(v).fps,                                                                        \
         .metavar = "HZ",                                                                          \
         .min = 1,                                                                                 \
         .max = 240,                                                                               \
         .help = "frames of the video per second of simulated time"},                              \
    {                                                                                              \
        .name = "--speed", .type = TZ_OPTION_REAL, .value = &(v).speed, .metavar = "X",            \
        .min = 0.01, .max = 100, .help = "of the window, in multiples of real time"                \
    }

enum { TZ_VIEWING_OBSERVERS_MAX = 2 };

// Refuses a film that is not MP4 by its name: no other kind is made.
tz_status tz_viewing_check(const tz_viewing *viewing, tz_error *error);

// Opens what was asked for and appends its observers; *n counts them. `out` is the folder for
// screenshots.
tz_status tz_viewing_open(tz_viewing *viewing, const tz_env *env, const char *title,
                          const char *out, tz_observer observers[TZ_VIEWING_OBSERVERS_MAX], int *n,
                          tz_error *error);

// Completes the video and closes the window.
tz_status tz_viewing_close(tz_viewing *viewing, tz_error *error);

// Closes the window and removes a video that was not completed; nothing is left to do after close.
void tz_viewing_abandon(tz_viewing *viewing);

#endif
