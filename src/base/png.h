// Pictures as PNG files.
#ifndef TRAPEZE_BASE_PNG_H
#define TRAPEZE_BASE_PNG_H

#include "base/status.h"

// Writes rgb (height, width, 3), 8 bits a channel, first row at the top, atomically.
TZ_API tz_status tz_png_write(const char *path, const unsigned char *rgb, int width, int height,
                              tz_error *error);

#endif
