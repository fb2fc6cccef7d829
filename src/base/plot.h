// Line plots, bars and scatters through gnuplot as a child process, PNG and SVG at once. Missing
// gnuplot is TZ_ERR_UNSUPPORTED with a sentence; callers warn and go on.
#ifndef TRAPEZE_BASE_PLOT_H
#define TRAPEZE_BASE_PLOT_H

#include "base/status.h"

#include <stdbool.h>

typedef struct tz_series {
    const char *title;
    const double *x, *y;          // (n)
    const double *y_low, *y_high; // band or error bars (n); Nullable
    int n;
    bool points; // points instead of a line
    int color;   // 1, 2, ... of the palette; 0: by its place
} tz_series;

typedef struct tz_plot {
    const char *title, *x_label, *y_label;
    bool log_x, log_y;
    const tz_series *series;
    int n_series;
    const char *const *bar_labels; // (series[0].n) group names: bars instead of lines; Nullable
    double y_low, y_high;          // ends of the y axis; both 0: from the data
} tz_plot;

// Writes <stem>.png and <stem>.svg. Non-finite values are left out of lines.
TZ_API tz_status tz_plot_write(const tz_plot *plot, const char *stem, tz_error *error);

// The same of several plots in one picture, panels (n_rows, n_cols). Lines with
// the titles of the first panel share its key.
enum { TZ_PANELS_MAX = 12 };
TZ_API tz_status tz_plot_write_panels(const tz_plot *panels, int n_rows, int n_cols,
                                      const char *stem, tz_error *error);

#endif
