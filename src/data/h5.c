#include "data/h5.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static pthread_mutex_t h5_lock = PTHREAD_MUTEX_INITIALIZER;
static H5E_auto2_t h5_printer;
static void *h5_printer_data;

void tz__h5_begin(void) {
    pthread_mutex_lock(&h5_lock);
    // Everything is closed by hand. At exit HDF5 would try once more, for ever and on stderr, to
    // close the handles that a damaged file or a full disk left it with.
    H5dont_atexit();
    H5open();
    H5Eget_auto2(H5E_DEFAULT, &h5_printer, &h5_printer_data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void tz__h5_end(void) {
    H5Eset_auto2(H5E_DEFAULT, h5_printer, h5_printer_data);
    pthread_mutex_unlock(&h5_lock);
}

// Keeps the description of the first record of an upward walk: the innermost call that failed.
static herr_t keep_reason(unsigned n, const H5E_error2_t *record, void *context) {
    if (n == 0 && record->desc) {
        snprintf(context, 256, "%s", record->desc);
    }
    return 0;
}

tz_status tz__h5_fail(tz_error *error, tz_status status, const char *path, const char *format,
                      ...) {
    char reason[256] = "", what[512];
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_reason, reason);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (reason[0] == '\0') {
        return tz_fail(error, status, "%s: %s", path, what);
    }
    return tz_fail(error, status, "%s: %s (HDF5: %s)", path, what, reason);
}

// ---- what may be read

// Compression of HDF5's own filters gains at most about 1030 to 1; a file that claims more than
// this many bytes of data per byte of its own is not believed.
enum { MAX_EXPANSION = 1100 };

bool tz__h5_is_hard_link(hid_t group, const char *name) {
    H5L_info_t info;
    return H5Lget_info(group, name, &info, H5P_DEFAULT) >= 0 && info.type == H5L_TYPE_HARD;
}

bool tz__h5_is_stored_here(hid_t array) {
    const hid_t plist = H5Dget_create_plist(array);
    const bool here =
        plist >= 0 && H5Pget_external_count(plist) == 0 && H5Pget_layout(plist) != H5D_VIRTUAL;
    if (plist >= 0) {
        H5Pclose(plist);
    }
    return here;
}

tz_status tz__h5_check_claim(const char *path, double bytes, tz_error *error) {
    struct stat status;
    if (stat(path, &status) != 0 || bytes > MAX_EXPANSION * (double)status.st_size) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: claims %.3g bytes of data in a smaller file",
                       path, bytes);
    }
    return TZ_OK;
}

// ---- types

hid_t tz__h5_bool_type(void) {
    const hid_t type = H5Tenum_create(H5T_STD_I8LE);
    const signed char no = 0, yes = 1;
    H5Tenum_insert(type, "FALSE", &no);
    H5Tenum_insert(type, "TRUE", &yes);
    return type;
}

// A variable-length UTF-8 string. The caller closes it.
static hid_t make_text_type(void) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

// ---- attributes

static bool put(hid_t object, const char *name, hid_t file_type, hid_t memory_type,
                const void *value) {
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool ok = attribute >= 0 && H5Awrite(attribute, memory_type, value) >= 0;
    if (attribute >= 0) {
        H5Aclose(attribute);
    }
    H5Sclose(space);
    return ok;
}

bool tz__h5_put_i64(hid_t object, const char *name, int64_t value) {
    return put(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

bool tz__h5_put_u64(hid_t object, const char *name, uint64_t value) {
    return put(object, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, &value);
}

bool tz__h5_put_f64(hid_t object, const char *name, double value) {
    return put(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

bool tz__h5_put_bool(hid_t object, const char *name, bool value) {
    const signed char byte = value;
    const hid_t type = tz__h5_bool_type();
    const bool ok = put(object, name, type, type, &byte);
    H5Tclose(type);
    return ok;
}

bool tz__h5_put_text(hid_t object, const char *name, const char *value) {
    const hid_t type = make_text_type();
    const bool ok = put(object, name, type, type, &value);
    H5Tclose(type);
    return ok;
}

// Opens an attribute that is one value; *type is its type in the file. The caller closes both.
static tz__h5_found open_scalar(hid_t object, const char *name, hid_t *attribute, hid_t *type) {
    const htri_t exists = H5Aexists(object, name);
    if (exists == 0) {
        return TZ__H5_ABSENT;
    }
    *attribute = exists > 0 ? H5Aopen(object, name, H5P_DEFAULT) : -1;
    if (*attribute < 0) {
        return TZ__H5_UNREADABLE;
    }
    const hid_t space = H5Aget_space(*attribute);
    *type = H5Aget_type(*attribute);
    const bool one = space >= 0 && *type >= 0 && H5Sget_simple_extent_npoints(space) == 1;
    if (space >= 0) {
        H5Sclose(space);
    }
    if (one) {
        return TZ__H5_READ;
    }
    if (*type >= 0) {
        H5Tclose(*type);
    }
    H5Aclose(*attribute);
    return TZ__H5_UNREADABLE;
}

// Reads a number of class `wanted` (integers also pass where a float is wanted).
static tz__h5_found get_number(hid_t object, const char *name, H5T_class_t wanted,
                               hid_t memory_type, void *value) {
    hid_t attribute, type;
    const tz__h5_found found = open_scalar(object, name, &attribute, &type);
    if (found != TZ__H5_READ) {
        return found;
    }
    const H5T_class_t class = H5Tget_class(type);
    const bool fits = class == wanted || (class == H5T_INTEGER && wanted == H5T_FLOAT);
    const bool ok = fits && H5Aread(attribute, memory_type, value) >= 0;
    H5Tclose(type);
    H5Aclose(attribute);
    return ok ? TZ__H5_READ : TZ__H5_UNREADABLE;
}

tz__h5_found tz__h5_get_i64(hid_t object, const char *name, int64_t *value) {
    return get_number(object, name, H5T_INTEGER, H5T_NATIVE_INT64, value);
}

tz__h5_found tz__h5_get_u64(hid_t object, const char *name, uint64_t *value) {
    return get_number(object, name, H5T_INTEGER, H5T_NATIVE_UINT64, value);
}

tz__h5_found tz__h5_get_f64(hid_t object, const char *name, double *value) {
    return get_number(object, name, H5T_FLOAT, H5T_NATIVE_DOUBLE, value);
}

tz__h5_found tz__h5_get_bool(hid_t object, const char *name, bool *value) {
    hid_t attribute, type;
    const tz__h5_found found = open_scalar(object, name, &attribute, &type);
    if (found != TZ__H5_READ) {
        return found;
    }
    // One byte of either class is read as it stands: HDF5 does not convert enumerations to numbers.
    unsigned char byte = 2;
    const H5T_class_t class = H5Tget_class(type);
    const bool fits = (class == H5T_ENUM || class == H5T_INTEGER) && H5Tget_size(type) == 1;
    const bool ok = fits && H5Aread(attribute, type, &byte) >= 0 && byte <= 1;
    *value = byte == 1;
    H5Tclose(type);
    H5Aclose(attribute);
    return ok ? TZ__H5_READ : TZ__H5_UNREADABLE;
}

// Reads a string as HDF5 allocates it (H5free_memory), of variable or fixed length.
static tz__h5_found get_string(hid_t object, const char *name, char **text) {
    hid_t attribute, type;
    *text = NULL;
    const tz__h5_found found = open_scalar(object, name, &attribute, &type);
    if (found != TZ__H5_READ) {
        return found;
    }
    bool ok = H5Tget_class(type) == H5T_STRING;
    if (ok && H5Tis_variable_str(type) > 0) {
        ok = H5Aread(attribute, type, text) >= 0;
    } else if (ok) {
        *text = H5allocate_memory(H5Tget_size(type) + 1, true);
        ok = *text && H5Aread(attribute, type, *text) >= 0;
    }
    H5Tclose(type);
    H5Aclose(attribute);
    if (ok && *text) {
        return TZ__H5_READ;
    }
    H5free_memory(*text);
    *text = NULL;
    return TZ__H5_UNREADABLE;
}

tz__h5_found tz__h5_get_text(hid_t object, const char *name, char *text, size_t size) {
    char *value;
    const tz__h5_found found = get_string(object, name, &value);
    snprintf(text, size, "%s", found == TZ__H5_READ ? value : "");
    H5free_memory(value);
    return found;
}

tz_status tz__h5_get_long_text(hid_t object, const char *name, char **text, const char *path,
                               tz_error *error) {
    char *value;
    *text = NULL;
    switch (get_string(object, name, &value)) {
    case TZ__H5_ABSENT:
        return TZ_OK;
    case TZ__H5_UNREADABLE:
        return tz__h5_fail(error, TZ_ERR_FORMAT, path, "attribute %s is not text", name);
    case TZ__H5_READ:
        break;
    }
    const size_t size = strlen(value) + 1;
    *text = tz_alloc(size, 1);
    if (*text) {
        memcpy(*text, value, size);
    }
    H5free_memory(value);
    return *text ? TZ_OK : tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for %s", path, name);
}
