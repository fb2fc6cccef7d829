#include "base/png.h"

#include "base/file.h"

#include <png.h>

tz_status tz_png_write(const char *path, const unsigned char *rgb, int width, int height,
                       tz_error *error) {
    char temporary[TZ_PATH_MAX];
    TZ_CHECK(tz_file_begin(path, temporary, error));

    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = PNG_FORMAT_RGB};
    if (!png_image_write_to_file(&image, temporary, 0, rgb, 0, NULL)) {
        tz_file_abandon(temporary);
        return tz_fail(error, TZ_ERR_IO, "%s: cannot write the picture: %s", path, image.message);
    }
    return tz_file_commit(temporary, path, error);
}
