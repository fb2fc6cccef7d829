// Assertions for programmer's errors (wrong dimensions, NULL where none is allowed). They stay on
// in release builds: they stand at create time and at the borders of calls, never in inner loops.
#ifndef TRAPEZE_BASE_ASSERT_H
#define TRAPEZE_BASE_ASSERT_H

#include "base/export.h"

// Called with the failed condition and its place. If it returns, the program aborts.
typedef void (*tz_assert_handler)(const char *condition, const char *file, int line);

// Installs a handler (NULL: print to stderr and abort) and returns the one before.
TZ_API tz_assert_handler tz_set_assert_handler(tz_assert_handler handler);

// Tells the handler, and ends the program when that returns.
TZ_API void tz_assert_failed(const char *condition, const char *file, int line)
    __attribute__((noreturn));

#define TZ_ASSERT(condition)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            tz_assert_failed(#condition, __FILE__, __LINE__);                                      \
        }                                                                                          \
    } while (0)

#endif
