// Pictures of what a run folder's tables say. The commands draw them when they end, `trapeze plot`
// at any time, also while a run goes on.
#ifndef TRAPEZE_CLI_RUN_PLOTS_H
#define TRAPEZE_CLI_RUN_PLOTS_H

#include "base/plot.h"
#include "base/status.h"

#include <json-c/json_object.h>

// Where pictures go, and how many have been drawn there.
typedef struct tz_pictures {
    const char *folder;       // borrowed
    struct json_object *list; // Nullable, borrowed: their paths without .png and .svg
    int n;
} tz_pictures;

// Draws one more picture, <folder>/<name>.png and .svg.
tz_status tz_pictures_add(tz_pictures *out, const tz_plot *plot, const char *name, tz_error *error);

// Counts and lists one that was drawn.
tz_status tz_pictures_note(tz_pictures *out, const char *name, tz_error *error);

// Draws the curves of a folder of `trapeze train`, `sac`, `mpc`, `rounds` or `eval`, as PNG and SVG
// (docs/plots.md). `config` is the folder's config.json; a folder of another command has no curves.
// What has no values yet is left out. The first failure is returned.
tz_status tz_draw_curves(const char *folder, struct json_object *config, tz_pictures *out,
                         tz_error *error);

// The same at the end of a command, into the folder itself. That gnuplot is not installed is a line
// on stderr, not a failure; so is any trouble with the pictures of a run that is a part of another
// one, which goes on without them.
tz_status tz_draw_finished_run(const char *command, const char *folder, bool is_part,
                               tz_error *error);

#endif
