// All memory of the library goes through these two calls: 64-byte aligned, zeroed, counted.
// The counters let a test show that step, forward, backward and plan allocate nothing; the failure
// switch lets a test walk every out-of-memory path.
#ifndef TRAPEZE_BASE_MEMORY_H
#define TRAPEZE_BASE_MEMORY_H

#include "base/export.h"

#include <stddef.h>

// Returns `count * size` zeroed bytes aligned to 64, or NULL (also when the product overflows).
TZ_API void *tz_alloc(size_t count, size_t size);

// Frees memory of tz_alloc. Nullable.
TZ_API void tz_free(void *memory);

// Number of successful tz_alloc calls in this process so far.
TZ_API size_t tz_alloc_count(void);

// Number of blocks of tz_alloc that are not freed yet.
TZ_API size_t tz_alloc_live(void);

// Makes the n-th following tz_alloc (1 = the next) and all after it fail; 0 switches this off.
TZ_API void tz_alloc_fail_after(size_t n);

#endif
