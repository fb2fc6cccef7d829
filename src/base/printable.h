// Text from files for a person's terminal.
#ifndef TRAPEZE_BASE_PRINTABLE_H
#define TRAPEZE_BASE_PRINTABLE_H

#include "base/export.h"

#include <stdio.h>

// Writes `text` to the stream with its control characters, which a terminal would obey, as \x1b.
// Those of Unicode (U+0080 to U+009F) too.
TZ_API void tz_put_printable(FILE *stream, const char *text);

#endif
