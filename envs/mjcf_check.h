// A look at an MJCF file from outside before MuJoCo parses it: what would read files elsewhere, or
// ask for absurd amounts, is refused with a sentence.
#ifndef TRAPEZE_ENVS_MJCF_CHECK_H
#define TRAPEZE_ENVS_MJCF_CHECK_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

// Another MJCF file that one names.
typedef struct tz_mjcf_reference {
    const char *file;
    bool is_model; // <model file>, a model of its own, and not an <include>
    double copies; // that the elements around it, and <attach>, may make of what is in it
} tz_mjcf_reference;
typedef tz_status (*tz_mjcf_reference_fn)(void *context, const tz_mjcf_reference *reference,
                                          tz_error *error);

// Checks the text of one file (text[size] is zero), called `path` in sentences, of which `copies`
// are made; *n_elements counts those of all files, with their copies. `refer` (Nullable) is called
// with every MJCF file that it names; its failure is handed on. TZ_ERR_FORMAT, TZ_ERR_UNSUPPORTED.
TZ_API tz_status tz_mjcf_check_text(const char *text, size_t size, const char *path, double copies,
                                    double *n_elements, tz_mjcf_reference_fn refer, void *context,
                                    tz_error *error);

// Checks a file and all that it includes. TZ_ERR_IO too.
tz_status tz_mjcf_check(const char *path, tz_error *error);

#endif
