// Outcome of a call that can fail at run time: a status, and one sentence for a person.
//
// Three kinds of trouble, three mechanisms: a programmer's error is an assertion (assert.h),
// trouble at run time (file, parse, memory, device) is a tz_status with a tz_error, and a numerical
// outcome (diverged, unstable) is an enum of its own next to the code that meets it.
#ifndef TRAPEZE_BASE_STATUS_H
#define TRAPEZE_BASE_STATUS_H

#include "base/export.h"

// X(enumerator, text)
#define TZ_STATUS_LIST(X)                                                                          \
    X(TZ_OK, "ok")                                                                                 \
    X(TZ_ERR_ARGUMENT, "bad argument")                                                             \
    X(TZ_ERR_IO, "input/output error")                                                             \
    X(TZ_ERR_FORMAT, "bad format")                                                                 \
    X(TZ_ERR_MEMORY, "out of memory")                                                              \
    X(TZ_ERR_MISMATCH, "parts do not fit together")                                                \
    X(TZ_ERR_UNSUPPORTED, "not supported")                                                         \
    X(TZ_ERR_DEVICE, "device error")                                                               \
    X(TZ_ERR_NUMERIC, "numerical failure")                                                         \
    X(TZ_ERR_INTERRUPTED, "interrupted")

#define TZ_STATUS_ENUMERATOR(name, text) name,
typedef enum tz_status { TZ_STATUS_LIST(TZ_STATUS_ENUMERATOR) TZ_N_STATUS } tz_status;
#undef TZ_STATUS_ENUMERATOR

// What went wrong, for the person at the screen. Filled by the call that fails first.
typedef struct tz_error {
    tz_status status;
    char text[1024]; // one sentence: the file, what was found, what was expected
} tz_error;

// Returns the short text of a status ("bad format"); never NULL.
TZ_API const char *tz_status_text(tz_status status);

// Writes the formatted sentence into `error` (Nullable) and returns `status`, so that a failing
// function ends with `return tz_fail(error, TZ_ERR_IO, "%s: ...", path);`.
TZ_API tz_status tz_fail(tz_error *error, tz_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Leaves the calling function with the status of a failed call; `call` is evaluated once.
#define TZ_CHECK(call)                                                                             \
    do {                                                                                           \
        const tz_status tz_check_status_ = (call);                                                 \
        if (tz_check_status_ != TZ_OK) {                                                           \
            return tz_check_status_;                                                               \
        }                                                                                          \
    } while (0)

#endif
