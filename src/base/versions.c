#include "base/versions.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char SEPARATOR[] = ", ";

// The length of the first version of a list.
static size_t first_length(const char *list) {
    const char *end = strstr(list, SEPARATOR);
    return end != NULL ? (size_t)(end - list) : strlen(list);
}

// What follows the first version, "" at the end.
static const char *after_first(const char *list) {
    const char *end = list + first_length(list);
    return *end != '\0' ? end + strlen(SEPARATOR) : end;
}

static bool has(const char *list, const char *version, size_t length) {
    for (; *list != '\0'; list = after_first(list)) {
        if (first_length(list) == length && strncmp(list, version, length) == 0) {
            return true;
        }
    }
    return false;
}

void tz_versions_add(char list[TZ_VERSIONS_MAX], const char *more) {
    for (more = *more != '\0' ? more : "unknown"; *more != '\0'; more = after_first(more)) {
        const size_t length = first_length(more), used = strlen(list);
        const char *separator = used > 0 ? SEPARATOR : "";
        if (!has(list, more, length) &&
            used + strlen(separator) + length < (size_t)TZ_VERSIONS_MAX) {
            snprintf(list + used, TZ_VERSIONS_MAX - used, "%s%.*s", separator, (int)length, more);
        }
    }
}
