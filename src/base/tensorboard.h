// Event files of TensorBoard: scalars over steps, beside the CSV of a run, for watching it live.
//
// An event file only grows, one record at a time, because readers keep it open; a record cut by a
// kill is a tail that they leave out. A resumed run begins the file anew from the rows it has kept.
#ifndef TRAPEZE_BASE_TENSORBOARD_H
#define TRAPEZE_BASE_TENSORBOARD_H

#include "base/status.h"

#include <stdint.h>

// Readers know event files by "tfevents" in the name.
#define TZ_TENSORBOARD_FILE "events.out.tfevents.trapeze"

enum { TZ_SCALARS_MAX = 16, TZ_SCALAR_TAG_MAX = 63 };

typedef struct tz_scalar {
    const char *tag; // "loss/train": the part before the slash groups; at most TZ_SCALAR_TAG_MAX
    double value;    // stored in float; NaN: not measured, left out
} tz_scalar;

// Makes <folder>/TZ_TENSORBOARD_FILE with no scalars in it, in place of one that is there.
TZ_API tz_status tz_tensorboard_begin(const char *folder, tz_error *error);

// Appends the n scalars (at most TZ_SCALARS_MAX) of one step to that file.
TZ_API tz_status tz_tensorboard_append(const char *folder, int64_t step, const tz_scalar *scalars,
                                       int n, tz_error *error);

#endif
