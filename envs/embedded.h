// The MJCF files of assets/, carried inside the library (written by cmake/embed.cmake at build).
#ifndef TRAPEZE_ENVS_EMBEDDED_H
#define TRAPEZE_ENVS_EMBEDDED_H

#include <stddef.h>

typedef struct tz_embedded_file {
    const char *name;          // "hopper.xml"
    const unsigned char *data; // (size), and a zero byte after it
    size_t size;               // bytes
} tz_embedded_file;

extern const tz_embedded_file tz_embedded_assets[];
extern const int tz_n_embedded_assets;

#endif
