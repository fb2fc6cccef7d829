// Wall time for rates, pacing and measurements.
#ifndef TRAPEZE_BASE_CLOCK_H
#define TRAPEZE_BASE_CLOCK_H

#include "base/export.h"

// Monotonic clock (seconds, from an arbitrary start).
TZ_API double tz_now_s(void);

#endif
