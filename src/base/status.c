#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

#define STATUS_TEXT(name, text) [name] = text,
static const char *const status_text[] = {TZ_STATUS_LIST(STATUS_TEXT)};
#undef STATUS_TEXT
_Static_assert(TZ_COUNTOF(status_text) == TZ_N_STATUS, "one text per status");

const char *tz_status_text(tz_status status) {
    return (unsigned)status < TZ_N_STATUS ? status_text[status] : "unknown status";
}

tz_status tz_fail(tz_error *error, tz_status status, const char *format, ...) {
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        error->status = status;
        vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
    }
    return status;
}
