// Sorting of numbers.
#ifndef TRAPEZE_BASE_SORT_H
#define TRAPEZE_BASE_SORT_H

#include "base/export.h"

#include <stddef.h>

// Sorts x (n), rising; n may be 0. Not for NaN.
TZ_API void tz_sort(double *x, size_t n);

#endif
