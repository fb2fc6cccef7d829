#include "base/progress.h"

#include "base/clock.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

// Time between two showings (s): a terminal's bar moves, a log's lines do not crowd.
static const double TERMINAL_PERIOD_S = 0.1;
static const double PIPE_PERIOD_S = 10.0;

enum { BAR_WIDTH = 20, LINE_MAX = 256 };

tz_progress tz_progress_start(const char *label, const char *unit, double done_before, double total,
                              bool quiet) {
    return (tz_progress){.label = label,
                         .unit = unit,
                         .total = total,
                         .started_s = tz_now_s(),
                         .last_shown_s = tz_now_s(),
                         .base = done_before,
                         .quiet = quiet,
                         .on_terminal = isatty(STDERR_FILENO) == 1};
}

static int terminal_columns(void) {
    struct winsize size = {0};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

__attribute__((format(printf, 2, 3))) static void append(char line[LINE_MAX], const char *format,
                                                         ...) {
    const size_t length = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + length, LINE_MAX - length, format, arguments);
    va_end(arguments);
}

// 3:07 or 1:02:07
static void append_duration(char line[LINE_MAX], double seconds) {
    const long s = lround(fmin(seconds, 1e7));
    if (s >= 3600) {
        append(line, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    } else {
        append(line, "%ld:%02ld", s / 60, s % 60);
    }
}

static void append_bar(char line[LINE_MAX], double fraction) {
    const int full = (int)(fmin(fmax(fraction, 0.0), 1.0) * BAR_WIDTH);
    append(line, " [");
    for (int i = 0; i < BAR_WIDTH; i++) {
        append(line, "%c", i < full ? '#' : '.');
    }
    append(line, "]");
}

// "collect [######..............]  120/400 episodes, 30% | 8.1 episodes/s | 0:35 left | loss 0.01"
static void show(tz_progress *progress, double done, const char *note, bool finished) {
    const double elapsed_s = tz_now_s() - progress->started_s;
    const double rate = elapsed_s > 0.0 ? (done - progress->base) / elapsed_s : 0.0;
    char line[LINE_MAX] = "";

    // how far
    append(line, "%s", progress->label);
    if (progress->total > 0.0) {
        if (progress->on_terminal) {
            append_bar(line, done / progress->total);
        }
        append(line, " %.0f/%.0f %s, %.0f%%", done, progress->total, progress->unit,
               floor(100.0 * done / progress->total));
    } else {
        append(line, " %.0f %s", done, progress->unit);
    }

    // how fast, and how long still
    append(line, " | %.3g %s/s | ", rate, progress->unit);
    if (finished || progress->total <= 0.0 || rate <= 0.0) {
        append_duration(line, elapsed_s);
    } else {
        append_duration(line, (progress->total - done) / rate);
        append(line, " left");
    }
    if (note != NULL) {
        append(line, " | %s", note);
    }

    if (progress->on_terminal) {
        fprintf(stderr, "\r%.*s\033[K%s", terminal_columns() - 1, line, finished ? "\n" : "");
    } else {
        fprintf(stderr, "%s\n", line);
    }
    progress->last_shown_s = tz_now_s();
}

void tz_progress_update(tz_progress *progress, double done, const char *note) {
    const double period_s = progress->on_terminal ? TERMINAL_PERIOD_S : PIPE_PERIOD_S;
    if (!progress->quiet && tz_now_s() - progress->last_shown_s >= period_s) {
        show(progress, done, note, false);
    }
}

void tz_progress_finish(tz_progress *progress, double done, const char *note) {
    if (!progress->quiet) {
        show(progress, done, note, true);
    }
}
