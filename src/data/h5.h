// HDF5 as the dataset's reader and writer need it: one caller at a time, silent, every failure a
// sentence with the library's own reason. Internal to this room.
#ifndef TRAPEZE_DATA_H5_H
#define TRAPEZE_DATA_H5_H

#include "base/status.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

// Takes the process-wide lock (HDF5's usual build is not thread-safe) and silences HDF5's printing
// until tz__h5_end. Not nested.
void tz__h5_begin(void);
void tz__h5_end(void);

// "<path>: <what> (<HDF5's innermost reason>)".
tz_status tz__h5_fail(tz_error *error, tz_status status, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

// Only hard links are followed: others may lead out of the file.
bool tz__h5_is_hard_link(hid_t group, const char *name);
// Whether an array's data lie inside the file itself, as chunks or in one piece.
bool tz__h5_is_stored_here(hid_t array);
// Refuses a file whose arrays claim more bytes than its size can hold, before memory is asked for.
tz_status tz__h5_check_claim(const char *path, double bytes, tz_error *error);

// h5py's bool: an enumeration FALSE = 0, TRUE = 1 on 8 bits. The caller closes it.
hid_t tz__h5_bool_type(void);

// Writes a scalar attribute of a file or group. False: HDF5 failed.
bool tz__h5_put_i64(hid_t object, const char *name, int64_t value);
bool tz__h5_put_u64(hid_t object, const char *name, uint64_t value);
bool tz__h5_put_f64(hid_t object, const char *name, double value);
bool tz__h5_put_bool(hid_t object, const char *name, bool value);
bool tz__h5_put_text(hid_t object, const char *name, const char *value);

// Reads a scalar attribute: what was found there decides the answer.
typedef enum tz__h5_found { TZ__H5_ABSENT, TZ__H5_READ, TZ__H5_UNREADABLE } tz__h5_found;
tz__h5_found tz__h5_get_i64(hid_t object, const char *name, int64_t *value);
tz__h5_found tz__h5_get_u64(hid_t object, const char *name, uint64_t *value);
tz__h5_found tz__h5_get_f64(hid_t object, const char *name, double *value);
tz__h5_found tz__h5_get_bool(hid_t object, const char *name, bool *value);
// text (size) is cut to fit and ends in NUL.
tz__h5_found tz__h5_get_text(hid_t object, const char *name, char *text, size_t size);
// For text of any length: *text is freed by the caller with tz_free, NULL when absent.
tz_status tz__h5_get_long_text(hid_t object, const char *name, char **text, const char *path,
                               tz_error *error);

#endif
