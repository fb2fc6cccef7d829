// Lists of versions, "2.2.2, 4.0.1": of MuJoCo, that made the data of a file.
#ifndef TRAPEZE_BASE_VERSIONS_H
#define TRAPEZE_BASE_VERSIONS_H

#include "base/export.h"

enum { TZ_VERSIONS_MAX = 256 };

// Appends the versions of `more`, a list itself, that `list` ("" at first) does not have yet. An
// empty `more` is "unknown". What the list has no room for is left out.
TZ_API void tz_versions_add(char list[TZ_VERSIONS_MAX], const char *more);

#endif
