// Programs that are started beside ours (ffmpeg, gnuplot) and fed through their standard input.
// A child that dies early is a failed write with a sentence, never a SIGPIPE. A terminal's Ctrl-C
// does not reach it, so that it can finish its file.
#ifndef TRAPEZE_BASE_CHILD_H
#define TRAPEZE_BASE_CHILD_H

#include "base/status.h"

#include <stddef.h>

typedef struct tz_child tz_child;

// Starts argv[0] (looked up in PATH) with the NULL-terminated words argv. Its standard output is
// dropped; what it writes to standard error is kept for the sentence of a failure. A program that
// is not installed is TZ_ERR_UNSUPPORTED.
TZ_API tz_status tz_child_start(tz_child **child, const char *const *argv, tz_error *error);

// The same with its standard output going to a file (borrowed: a descriptor).
TZ_API tz_status tz_child_start_to(tz_child **child, const char *const *argv, int output,
                                   tz_error *error);

// Writes to its standard input; waits while the child is busy.
TZ_API tz_status tz_child_write(tz_child *child, const void *data, size_t size, tz_error *error);

// Closes its standard input, waits for its end and frees `child`. An exit status other than 0 is
// TZ_ERR_IO with the last line that the child wrote to standard error.
TZ_API tz_status tz_child_finish(tz_child *child, tz_error *error);

// Closes its standard input, waits for its end, frees `child` and returns how it ended, as waitpid
// tells it.
TZ_API int tz_child_wait(tz_child *child);

// Kills it and frees `child`. Nullable.
TZ_API void tz_child_abandon(tz_child *child);

#endif
