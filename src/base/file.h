// Files, written so that a kill at any moment leaves either the old or the new content: beside
// their place, flushed, then renamed into it.
#ifndef TRAPEZE_BASE_FILE_H
#define TRAPEZE_BASE_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { TZ_PATH_MAX = 4096 };

// path <- "a/b" (a may be ""); TZ_ERR_ARGUMENT when it does not fit.
TZ_API tz_status tz_path_join(char path[TZ_PATH_MAX], const char *a, const char *b,
                              tz_error *error);

// Writes the folder part of `path` ("." when it has none) and returns where its last name begins.
TZ_API const char *tz_path_split(const char *path, char folder[TZ_PATH_MAX]);

// Writes the last name of `path` without its suffix, cut to `size` with its NUL.
TZ_API void tz_path_stem(const char *path, char *stem, size_t size);

TZ_API bool tz_file_exists(const char *path); // regular file
TZ_API bool tz_folder_exists(const char *path);
TZ_API bool tz_is_same_file(const char *a, const char *b); // or folder: both exist and are one

// Makes the folder and its parents.
TZ_API tz_status tz_make_folders(const char *path, tz_error *error);

// Reads a whole regular file of at most max_size bytes. *data is freed by the caller with tz_free
// and is followed by a NUL that *size does not count.
TZ_API tz_status tz_file_read(const char *path, char **data, size_t *size, size_t max_size,
                              tz_error *error);

// Replaces the file atomically.
TZ_API tz_status tz_file_write(const char *path, const void *data, size_t size, tz_error *error);

// The same from several pieces, one after the other.
typedef struct tz_file_part {
    const void *data;
    size_t size;
} tz_file_part;
TZ_API tz_status tz_file_write_parts(const char *path, const tz_file_part *parts, size_t n_parts,
                                     tz_error *error);

// For writers that need a path (HDF5, ffmpeg, gnuplot): `temporary` is a fresh empty file in the
// same folder, with the same last letters of its name. commit flushes it and renames it to `path`
// (on failure it is removed), abandon removes it.
TZ_API tz_status tz_file_begin(const char *path, char temporary[TZ_PATH_MAX], tz_error *error);
TZ_API tz_status tz_file_commit(const char *temporary, const char *path, tz_error *error);
TZ_API void tz_file_abandon(const char *temporary);

// Hex SHA-256 of a file's content.
TZ_API tz_status tz_file_sha256(const char *path, char digest[65], tz_error *error);

// Finds a shipped file: $TRAPEZE_DATA, then the share folder installed with this library, then the
// source tree.
// `relative` is like "policies/hopper.safetensors".
TZ_API tz_status tz_find_shipped(const char *relative, char path[TZ_PATH_MAX], tz_error *error);

#endif
