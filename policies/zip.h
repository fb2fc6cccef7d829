// Zip archives in memory: what checkpoints of PyTorch and Stable-Baselines3 are. Stored and
// deflated members, zip64. Input is hostile until checked: directory, names, places, sizes,
// checksums; nothing is ever written to disk.
#ifndef TRAPEZE_POLICIES_ZIP_H
#define TRAPEZE_POLICIES_ZIP_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct tz_zip tz_zip;

// Whether the bytes begin as a zip archive does.
bool tz_zip_is(const void *bytes, size_t size);

// Reads the directory. `bytes` (size) is borrowed and must outlive the archive; `path` is copied
// and names the archive in sentences. TZ_ERR_FORMAT, TZ_ERR_UNSUPPORTED, TZ_ERR_MEMORY.
TZ_API tz_status tz_zip_open(tz_zip **zip, const void *bytes, size_t size, const char *path,
                             tz_error *error);
TZ_API void tz_zip_close(tz_zip *zip); // Nullable

int tz_zip_count(const tz_zip *zip);
const char *tz_zip_name(const tz_zip *zip, int index);       // borrowed
TZ_API int tz_zip_find(const tz_zip *zip, const char *name); // -1: no such member

// Unpacks a member of at most max_size bytes and checks its CRC-32. *data is freed by the caller
// with tz_free and is followed by a NUL that *size does not count.
TZ_API tz_status tz_zip_read(const tz_zip *zip, int index, char **data, size_t *size,
                             size_t max_size, tz_error *error);

#endif
