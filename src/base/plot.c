// The whole script, data included, is written in memory and then fed to gnuplot: blocks $p0s0,
// $p0s1... hold the series of the panels, and a plot command for each panel draws them once for
// each format.
#include "base/plot.h"

#include "base/child.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

// Okabe and Ito's palette, which colour-blind people can tell apart, dark colours first.
static const char *const palette[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                      "#E69F00", "#56B4E9", "#000000"};

static const struct {
    const char *extension, *terminal;
    const char *end; // in the last bytes of a whole file
} formats[] = {
    {".png", "pngcairo size 1280,800 font 'sans,16' linewidth 2 background rgb 'white' noenhanced",
     "IEND"},
    {".svg",
     "svg size 960,600 font 'sans-serif,14' linewidth 1.5 background rgb 'white' noenhanced",
     "</svg>"},
};
enum { N_FORMATS = TZ_COUNTOF(formats) };

// ---- pieces of the script

// A string of gnuplot: what is special in it (the quote, the backslash, and the backquote, which
// would run a command) in octal, line ends as blanks; where it is a format, % doubled.
static void put_escaped(FILE *script, const char *text, bool is_format) {
    fputc('"', script);
    for (const char *c = text != NULL ? text : ""; *c != '\0'; c++) {
        if (strchr("\"\\`", *c) != NULL) {
            fprintf(script, "\\%03o", (unsigned)*c);
        } else {
            fprintf(script, "%s", is_format && *c == '%' ? "%" : "");
            fputc(iscntrl((unsigned char)*c) ? ' ' : *c, script);
        }
    }
    fputc('"', script);
}

static void put_string(FILE *script, const char *text) {
    put_escaped(script, text, false);
}

static bool is_drawable(double value, bool log_axis) {
    return isfinite(value) && (!log_axis || value > 0.0);
}

static bool has_band(const tz_series *series) {
    return series->y_low != NULL && series->y_high != NULL;
}

// Writes rows "x y low high"; a blank line, a gap in the drawn line, stands for a row that cannot
// be drawn. Returns the number of rows.
static int put_data(FILE *script, const tz_plot *plot, int panel, int index) {
    const tz_series *series = &plot->series[index];
    const bool bars = plot->bar_labels != NULL;
    // bars of a group stand side by side and fill four fifths of it
    const double width = 0.8 / plot->n_series;
    const double offset = (index - 0.5 * (plot->n_series - 1)) * width;
    int rows = 0;
    fprintf(script, "$p%ds%d << END\n", panel, index);
    for (int i = 0; i < series->n; i++) {
        const double x = bars ? i + offset : series->x[i], y = series->y[i];
        if (!is_drawable(x, plot->log_x && !bars) || !is_drawable(y, plot->log_y)) {
            fprintf(script, "\n");
            continue;
        }
        double low = has_band(series) ? series->y_low[i] : y;
        double high = has_band(series) ? series->y_high[i] : y;
        low = is_drawable(low, plot->log_y) ? low : y;
        high = is_drawable(high, plot->log_y) ? high : y;
        fprintf(script, "%.10g %.10g %.10g %.10g\n", x, y, low, high);
        rows++;
    }
    fprintf(script, "END\n");
    return rows;
}

// Makes the y axis logarithmic. Where the values span few decades it gets tics at 1, 2 and 5 of
// each: gnuplot alone labels only the powers of ten, of which such a range may hold none. Within a
// factor of five the axis stays linear.
static void put_log_axis(FILE *script, const tz_plot *plot) {
    static const double mantissas[] = {1.0, 2.0, 5.0};
    double low = INFINITY, high = 0.0;
    for (int i = 0; i < plot->n_series; i++) {
        const tz_series *series = &plot->series[i];
        for (int k = 0; k < series->n; k++) {
            if (is_drawable(series->y[k], true)) {
                low = fmin(low, series->y[k]);
                high = fmax(high, series->y[k]);
            }
        }
    }
    if (plot->y_low != plot->y_high) {
        low = plot->y_low;
        high = plot->y_high;
    } else if (high < 5.0 * low) {
        return;
    }
    fprintf(script, "set logscale y\n");
    if (high < 1000.0 * low) {
        const char *separator = "set ytics (";
        for (int decade = (int)floor(log10(low)) - 1; decade <= (int)ceil(log10(high)); decade++) {
            for (size_t i = 0; i < TZ_COUNTOF(mantissas); i++) {
                fprintf(script, "%s%.0fe%d", separator, mantissas[i], decade);
                separator = ", ";
            }
        }
        fprintf(script, ")\n");
    }
}

static void put_style(FILE *script, const tz_plot *plot) {
    // lines may begin on the axis, points would be cut
    double margin = 0.0;
    for (int i = 0; i < plot->n_series; i++) {
        margin = plot->series[i].points ? 0.03 : margin;
    }
    fprintf(script,
            "set encoding utf8\n"
            "set border 3 lc rgb '#606060'\n"
            "set tics nomirror out\n"
            "set grid lc rgb '#d8d8d8' lw 0.5 lt 1\n"
            "set key outside right top vertical Left reverse samplen 1.5\n"
            "set style fill solid 0.85 noborder\n"
            "set format '%%g'\n"
            "set autoscale noextend\n"
            "set offsets graph %g, graph %g, graph 0.05, graph 0.05\n"
            "set title ",
            margin, margin);
    put_string(script, plot->title);
    fprintf(script, " font ',18'\nset xlabel ");
    put_string(script, plot->x_label);
    fprintf(script, "\nset ylabel ");
    put_string(script, plot->y_label);
    fprintf(script, "\n%s", plot->log_x && plot->bar_labels == NULL ? "set logscale x\n" : "");
    if (plot->log_y) {
        put_log_axis(script, plot);
    }
}

// One name under each group of bars; a tic's name is a format of its place.
static void put_bar_labels(FILE *script, const tz_plot *plot, int n_cols) {
    const int n = plot->series[0].n;
    fprintf(script, "set xtics (");
    for (int i = 0; i < n; i++) {
        fprintf(script, "%s", i > 0 ? ", " : "");
        put_escaped(script, plot->bar_labels[i], true);
        fprintf(script, " %d", i);
    }
    fprintf(script, ")%s\nset xrange [-0.6:%g]\nset boxwidth %g\n%s",
            n * n_cols > 8 ? " rotate by -35" : "", n - 0.4, 0.8 / plot->n_series,
            plot->log_y ? "" : "set yrange [*<0:0<*]\n");
}

static void put_title(FILE *script, const tz_series *series) {
    if (series->title != NULL) {
        fprintf(script, " title ");
        put_string(script, series->title);
    } else {
        fprintf(script, " notitle");
    }
}

// The elements of the plot command that draw one series: its band or error bars, and itself.
static void put_series(FILE *script, const tz_plot *plot, int panel, int index) {
    const tz_series *series = &plot->series[index];
    const int colored = series->color > 0 ? series->color - 1 : index;
    const char *color = palette[(size_t)colored % TZ_COUNTOF(palette)];
    const bool bars = plot->bar_labels != NULL;
    if (has_band(series) && !bars && !series->points) {
        fprintf(script,
                "$p%ds%d using 1:3:4 with filledcurves fs transparent solid 0.2 lc rgb '%s' "
                "notitle, ",
                panel, index, color);
    }
    fprintf(script, "$p%ds%d using 1:2 with %s lc rgb '%s'", panel, index,
            bars             ? "boxes"
            : series->points ? "points pt 7 ps 0.7"
                             : "lines lw 1.5",
            color);
    put_title(script, series);
    if (has_band(series) && (bars || series->points)) {
        fprintf(script,
                ", $p%ds%d using 1:3:(0):($4-$3) with vectors nohead lw 1.5 lc rgb '%s' notitle",
                panel, index, bars ? "#404040" : color);
    }
}

static void put_plot(FILE *script, const tz_plot *plot, int panel, const int *rows) {
    int drawn = 0;
    for (int i = 0; i < plot->n_series; i++) {
        if (rows[i] > 0) {
            fprintf(script, "%s", drawn++ > 0 ? ", " : "plot ");
            put_series(script, plot, panel, i);
        }
    }
    // an empty frame that says so, in place of gnuplot's error
    if (drawn == 0) {
        fprintf(script, "unset logscale\nset xrange [0:1]\nset yrange [0:1]\n"
                        "set label 1 'no finite values' at graph 0.5, graph 0.5 center\n"
                        "plot NaN notitle");
    }
    fprintf(script, "\n");
}

// ---- the picture

enum { SERIES_MAX = 72 }; // as many models as `eval` takes, and the trivial predictors

// Plots in a grid.
typedef struct grid {
    const tz_plot *panel; // (n_rows, n_cols)
    int n_rows, n_cols;
} grid;

static bool same_titles(const tz_plot *a, const tz_plot *b) {
    bool same = a->n_series == b->n_series;
    for (int i = 0; same && i < a->n_series; i++) {
        const char *p = a->series[i].title, *q = b->series[i].title;
        same = p == q || (p != NULL && q != NULL && strcmp(p, q) == 0);
    }
    return same;
}

static void put_panel(FILE *script, const grid *g, int panel, const int *rows) {
    const tz_plot *plot = &g->panel[panel];
    if (g->n_rows * g->n_cols > 1 && plot->n_series == 0) {
        fprintf(script, "set multiplot next\n"); // the place stays empty
        return;
    }
    put_style(script, plot);
    if (g->n_rows * g->n_cols > 1 && plot->bar_labels != NULL) {
        // above every panel, so that all stay equally high
        fprintf(script, "set key above horizontal center maxrows 2 samplen 1 width 1 font ',13'\n");
    } else if (g->n_rows * g->n_cols > 1) {
        const bool needed = panel == 0 || !same_titles(plot, &g->panel[0]);
        fprintf(script, "%s", needed ? "set key inside left top\n" : "unset key\n");
    }
    if (plot->y_low != plot->y_high) {
        fprintf(script, "set yrange [%.10g:%.10g]\n", plot->y_low, plot->y_high);
    }
    if (plot->bar_labels != NULL && plot->n_series > 0) {
        put_bar_labels(script, plot, g->n_cols);
    }
    put_plot(script, plot, panel, rows);
}

static void put_script(FILE *script, const grid *g, char temporary[N_FORMATS][TZ_PATH_MAX]) {
    const int n_panels = g->n_rows * g->n_cols;
    int rows[TZ_PANELS_MAX][SERIES_MAX];
    for (int p = 0; p < n_panels; p++) {
        for (int i = 0; i < g->panel[p].n_series; i++) {
            rows[p][i] = put_data(script, &g->panel[p], p, i);
        }
    }
    for (int i = 0; i < N_FORMATS; i++) {
        fprintf(script, "reset\nset terminal %s\nset output ", formats[i].terminal);
        put_string(script, temporary[i]);
        fprintf(script, "\n");
        if (n_panels > 1) {
            fprintf(script, "set multiplot layout %d,%d\n", g->n_rows, g->n_cols);
        }
        for (int p = 0; p < n_panels; p++) {
            fprintf(script, "%s", p > 0 ? "reset\n" : "");
            put_panel(script, g, p, rows[p]);
        }
        fprintf(script, "%sunset output\n", n_panels > 1 ? "unset multiplot\n" : "");
    }
}

static tz_status run_gnuplot(const char *script, size_t size, tz_error *error) {
    // -d: no start-up files of the user
    const char *const argv[] = {"gnuplot", "-d", NULL};
    tz_child *child = NULL;
    TZ_CHECK(tz_child_start(&child, argv, error));
    // when it takes no more input, its own complaint says why
    const tz_status written = tz_child_write(child, script, size, error);
    const tz_status finished = tz_child_finish(child, error);
    return finished != TZ_OK ? finished : written;
}

static tz_status draw(const grid *g, char temporary[N_FORMATS][TZ_PATH_MAX], tz_error *error) {
    tz_text script;
    TZ_CHECK(tz_text_open(&script, error));
    put_script(script.stream, g, temporary);
    TZ_CHECK(tz_text_close(&script, error));
    const tz_status status = run_gnuplot(script.text, script.size, error);
    tz_free(script.text);
    return status;
}

tz_status tz_plot_write(const tz_plot *plot, const char *stem, tz_error *error) {
    return tz_plot_write_panels(plot, 1, 1, stem, error);
}

// gnuplot does not notice that a disk is full: a file that it has cut off has lost its end.
static tz_status check_whole(const char *file, const char *end, const char *path, tz_error *error) {
    char tail[17] = "";
    FILE *stream = fopen(file, "rb");
    if (stream != NULL && fseek(stream, -(long)(sizeof tail - 1), SEEK_END) == 0) {
        tail[fread(tail, 1, sizeof tail - 1, stream)] = '\0';
    }
    if (stream != NULL) {
        fclose(stream);
    }
    if (memmem(tail, sizeof tail, end, strlen(end)) == NULL) {
        return tz_fail(error, TZ_ERR_IO,
                       "%s: gnuplot has not written all of it, is there no space left?", path);
    }
    return TZ_OK;
}

tz_status tz_plot_write_panels(const tz_plot *panels, int n_rows, int n_cols, const char *stem,
                               tz_error *error) {
    const grid g = {panels, n_rows, n_cols};
    if (n_rows < 1 || n_cols < 1 || n_rows * n_cols > TZ_PANELS_MAX) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "%s: %d x %d panels, expected 1 to %d", stem, n_rows,
                       n_cols, TZ_PANELS_MAX);
    }
    for (int p = 0; p < n_rows * n_cols; p++) {
        if (panels[p].n_series > SERIES_MAX) {
            return tz_fail(error, TZ_ERR_ARGUMENT, "%s: a plot of %d series, expected at most %d",
                           stem, panels[p].n_series, SERIES_MAX);
        }
    }
    for (const char *c = stem; *c != '\0'; c++) {
        if (iscntrl((unsigned char)*c)) {
            return tz_fail(error, TZ_ERR_ARGUMENT,
                           "%s: control characters in the name of a picture", stem);
        }
    }

    // draw beside the files' places
    char path[N_FORMATS][TZ_PATH_MAX], temporary[N_FORMATS][TZ_PATH_MAX];
    int n_begun = 0;
    tz_status status = TZ_OK;
    for (int i = 0; i < N_FORMATS && status == TZ_OK; i++) {
        if (snprintf(path[i], TZ_PATH_MAX, "%s%s", stem, formats[i].extension) >= TZ_PATH_MAX) {
            status = tz_fail(error, TZ_ERR_ARGUMENT, "%.64s...: the path is too long", stem);
        } else {
            status = tz_file_begin(path[i], temporary[i], error);
            n_begun += status == TZ_OK;
        }
    }
    if (status == TZ_OK) {
        status = draw(&g, temporary, error);
    }

    for (int i = 0; i < n_begun && status == TZ_OK; i++) {
        status = check_whole(temporary[i], formats[i].end, path[i], error);
    }

    // move them there, or none where one is not whole
    for (int i = 0; i < n_begun; i++) {
        if (status == TZ_OK) {
            status = tz_file_commit(temporary[i], path[i], error);
        } else {
            tz_file_abandon(temporary[i]);
        }
    }
    return status;
}
