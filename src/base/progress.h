// Progress of long work: a bar with rate and time left on a terminal, plain lines at intervals in a
// pipe, nothing when quiet. Writes to stderr. Not thread-safe: report from one thread.
#ifndef TRAPEZE_BASE_PROGRESS_H
#define TRAPEZE_BASE_PROGRESS_H

#include "base/export.h"

#include <stdbool.h>

typedef struct tz_progress {
    const char *label, *unit; // borrowed
    double total;             // 0: unknown
    double started_s, last_shown_s, base;
    bool quiet, on_terminal;
} tz_progress;

// Starts at `done_before` of `total` (work that a resumed run had finished).
TZ_API tz_progress tz_progress_start(const char *label, const char *unit, double done_before,
                                     double total, bool quiet);
// Shows when due. `note` (Nullable) is appended: "loss 0.012".
TZ_API void tz_progress_update(tz_progress *progress, double done, const char *note);
TZ_API void tz_progress_finish(tz_progress *progress, double done, const char *note);

#endif
