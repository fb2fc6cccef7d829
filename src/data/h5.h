// HDF5 as the dataset's reader and writer need it: one caller at a time, silent, every failure a
// sentence with the library's own reason. Internal to this room.
#ifndef TRAPEZE_DATA_H5_H
#define TRAPEZE_DATA_H5_H

#include "data/source.h"

#include <hdf5.h>

// Takes the process-wide lock (HDF5's usual build is not thread-safe) and silences HDF5's printing
// until tz__h5_end. Not nested.
void tz__h5_begin(void);
void tz__h5_end(void);

// Opens a file for reading; the caller closes it, and with it whatever of it is still open.
tz_status tz__h5_open(hid_t *file, const char *path, tz_error *error);

// HDF5's innermost reason for the last failure, "" when it gives none.
void tz__h5_reason(char *text, size_t size);
// "<path>: <what> (<HDF5's innermost reason>)".
tz_status tz__h5_fail(tz_error *error, tz_status status, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

// Only hard links are followed: others may lead out of the file.
bool tz__h5_is_hard_link(hid_t group, const char *name);
// Whether an array's data lie inside the file itself, as chunks or in one piece.
bool tz__h5_is_stored_here(hid_t array);

// h5py's bool: an enumeration FALSE = 0, TRUE = 1 on 8 bits. The caller closes it.
hid_t tz__h5_bool_type(void);
// A variable-length UTF-8 string. The caller closes it.
hid_t tz__h5_text_type(void);

// Writes a scalar attribute of a file or group. False: HDF5 failed.
bool tz__h5_put_i64(hid_t object, const char *name, int64_t value);
bool tz__h5_put_u64(hid_t object, const char *name, uint64_t value);
bool tz__h5_put_f64(hid_t object, const char *name, double value);
bool tz__h5_put_bool(hid_t object, const char *name, bool value);
bool tz__h5_put_text(hid_t object, const char *name, const char *value);

// Reads a scalar attribute: int64_t, uint64_t, double or bool.
tz__found tz__h5_get_number(hid_t object, const char *name, tz__number type, void *value);
// Reads a scalar attribute that is text of any length, freed by the caller with tz_free.
tz__found tz__h5_get_text(hid_t object, const char *name, char **text);

#endif
