// A look at an MJCF file from outside before MuJoCo parses it: what would read files elsewhere, or
// ask for absurd amounts, is refused with a sentence.
#ifndef TRAPEZE_ENVS_MJCF_CHECK_H
#define TRAPEZE_ENVS_MJCF_CHECK_H

#include "base/status.h"

#include <stddef.h>

// Checks the text of one file, called `path` in sentences. `include` (Nullable) is called with the
// file of every <include>; its failure is handed on. TZ_ERR_FORMAT, TZ_ERR_UNSUPPORTED.
typedef tz_status (*tz_mjcf_include_fn)(void *context, const char *file, tz_error *error);
TZ_API tz_status tz_mjcf_check_text(const char *text, size_t size, const char *path,
                                    tz_mjcf_include_fn include, void *context, tz_error *error);

// Checks a file and all that it includes. TZ_ERR_IO too.
tz_status tz_mjcf_check(const char *path, tz_error *error);

#endif
