#include "base/assert.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static _Atomic(tz_assert_handler) current_handler;

tz_assert_handler tz_set_assert_handler(tz_assert_handler handler) {
    return atomic_exchange(&current_handler, handler);
}

void tz_assert_failed(const char *condition, const char *file, int line) {
    const tz_assert_handler handler = atomic_load(&current_handler);
    if (handler != NULL) {
        handler(condition, file, line);
    } else {
        fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
    }
    abort();
}
