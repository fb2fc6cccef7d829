// The options and observers by which a subcommand shows its control loop: a live window, a video,
// pictures.
#ifndef TRAPEZE_CLI_VIEWING_H
#define TRAPEZE_CLI_VIEWING_H

#include "cli/cli.h"
#include "view/recorder.h"
#include "view/stills.h"
#include "view/window.h"

typedef struct tz_viewing {
    bool view, paused;
    const char *video;       // path, NULL: none
    int stills;              // pictures, 0: none
    const char *screenshots; // folder of the window's and these; NULL: the subcommand's
    int quality;             // tz_quality
    int width, height;
    double fps, speed;
    bool is_recorded; // the episodes are stored as data
    tz_window *window;
    tz_recorder *recorder;
    tz_stills *pictures;
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
        {.name = "--stills",                                                                       \
         .type = TZ_OPTION_INT,                                                                    \
         .value = &(v).stills,                                                                     \
         .metavar = "N",                                                                           \
         .min = 1,                                                                                 \
         .max = 1000,                                                                              \
         .help = "leave N pictures of the first episode (PNG), evenly spaced, without a display; " \
                 "not given: none",                                                                \
         .is_computed = true},                                                                     \
        {.name = "--screenshots",                                                                  \
         .type = TZ_OPTION_TEXT,                                                                   \
         .value = &(v).screenshots,                                                                \
         .metavar = "FOLDER",                                                                      \
         .help = "for the pictures of --stills and of the window's key P; not given: that of "     \
                 "--out, or the current one"},                                                     \
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
         .help = "of the window, the video and the pictures"},                                     \
        {.name = "--height",                                                                       \
         .type = TZ_OPTION_INT,                                                                    \
         .value = &(v).height,                                                                     \
         .metavar = "PIXELS",                                                                      \
         .min = 16,                                                                                \
         .max = 4320,                                                                              \
         .help = "of the window, the video and the pictures"},                                     \
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

enum { TZ_VIEWING_OBSERVERS_MAX = 3 };

// Refuses a film that is not MP4 by its name, as no other kind is made, and those of the n options
// that would change nothing: --fps without a film.
tz_status tz_viewing_check(const tz_viewing *viewing, const tz_option *options, size_t n,
                           tz_error *error);

// Opens what was asked for and appends its observers; *n counts them. `out` is the folder for
// pictures where none was given.
tz_status tz_viewing_open(tz_viewing *viewing, const tz_env *env, const char *title,
                          const char *out, tz_observer observers[TZ_VIEWING_OBSERVERS_MAX], int *n,
                          tz_error *error);

// Completes the video and closes the window. Returns the first trouble of any of them.
tz_status tz_viewing_close(tz_viewing *viewing, tz_error *error);

// Closes the window and removes a video that was not completed; nothing is left to do after close.
void tz_viewing_abandon(tz_viewing *viewing);

#endif
