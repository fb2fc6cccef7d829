// The answers of the HDF5 library.
#include "base/memory.h"
#include "data/h5.h"
#include "data/source.h"

#include <stdio.h>
#include <string.h>

typedef struct source_hdf5 {
    tz__source base;
    hid_t file;
} source_hdf5;

// Compression of HDF5's own filters gains at most about 1030 to 1; a file that claims more than
// this many bytes of data per byte of its own is not believed.
static const double MAX_EXPANSION = 1100;

static hid_t object_of(const tz__source *source, tz__node node) {
    return node == TZ__ROOT ? ((const source_hdf5 *)source)->file : (hid_t)node;
}

static void close_source(tz__source *source) {
    H5Fclose(((source_hdf5 *)source)->file);
    tz__h5_end();
    tz_free(source);
}

static herr_t count_episode(hid_t group, const char *name, const H5L_info_t *info, void *context) {
    (void)group, (void)info;
    *(long long *)context += strncmp(name, "episode_", 8) == 0;
    return 0;
}

static long long count_episodes(tz__source *source) {
    long long n = 0;
    hsize_t from = 0;
    const hid_t root = object_of(source, TZ__ROOT);
    return H5Literate(root, H5_INDEX_NAME, H5_ITER_NATIVE, &from, count_episode, &n) < 0 ? -1 : n;
}

static tz__node open_episode(tz__source *source, int episode) {
    char name[32];
    snprintf(name, sizeof name, "episode_%d", episode);
    const hid_t root = object_of(source, TZ__ROOT);
    return tz__h5_is_hard_link(root, name) ? H5Gopen2(root, name, H5P_DEFAULT) : -1;
}

static void close_episode(tz__source *source, tz__node node) {
    (void)source;
    H5Gclose((hid_t)node);
}

static tz__found get_number(tz__source *source, tz__node node, const char *name, tz__number type,
                            void *value) {
    return tz__h5_get_number(object_of(source, node), name, type, value);
}

static tz__found get_text(tz__source *source, tz__node node, const char *name, char **text) {
    return tz__h5_get_text(object_of(source, node), name, text);
}

// The type and shape of an open array.
static bool describe(hid_t opened, tz__array *array) {
    const hid_t type = H5Dget_type(opened), space = H5Dget_space(opened);
    const H5T_class_t class = H5Tget_class(type);
    const size_t size = H5Tget_size(type);
    hsize_t dims[2] = {0, 1};
    const int ndim = H5Sget_simple_extent_ndims(space);
    if (ndim == 1 || ndim == 2) {
        H5Sget_simple_extent_dims(space, dims, NULL);
    }
    *array = (tz__array){.handle = opened,
                         .type = TZ__OTHER,
                         .item_bytes = size,
                         .ndim = ndim,
                         .rows = dims[0],
                         .cols = dims[1]};
    if (class == H5T_FLOAT && (size == 4 || size == 8)) {
        array->type = size == 8 ? TZ__F64 : TZ__F32;
    } else if ((class == H5T_ENUM || class == H5T_INTEGER) && size == 1) {
        array->type = TZ__BYTE;
    }
    H5Sclose(space);
    H5Tclose(type);
    return ndim >= 0;
}

static tz__found open_array(tz__source *source, tz__node node, const char *name, tz__array *array) {
    const hid_t group = object_of(source, node);
    if (!tz__h5_is_hard_link(group, name)) {
        return TZ__ABSENT;
    }
    const hid_t opened = H5Dopen2(group, name, H5P_DEFAULT);
    if (opened >= 0 && tz__h5_is_stored_here(opened) && describe(opened, array)) {
        return TZ__READ;
    }
    if (opened >= 0) {
        H5Dclose(opened);
    }
    return TZ__UNREADABLE;
}

static void close_array(tz__source *source, const tz__array *array) {
    (void)source;
    H5Dclose((hid_t)array->handle);
}

static bool read_array(tz__source *source, const tz__array *array, tz__number type, void *values) {
    (void)source;
    const hid_t opened = (hid_t)array->handle;
    // Bytes are read as they stand: HDF5 does not convert enumerations to numbers.
    const hid_t stored = type == TZ__BYTE ? H5Dget_type(opened) : -1;
    const hid_t wanted = type == TZ__BYTE  ? stored
                         : type == TZ__F64 ? H5T_NATIVE_DOUBLE
                                           : H5T_NATIVE_FLOAT;
    const bool ok = H5Dread(opened, wanted, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
    if (stored >= 0) {
        H5Tclose(stored);
    }
    return ok;
}

static void reason(tz__source *source, char *text, size_t size) {
    (void)source;
    tz__h5_reason(text, size);
}

static const tz__source_ops ops = {
    .close = close_source,
    .count_episodes = count_episodes,
    .open_episode = open_episode,
    .close_episode = close_episode,
    .get_number = get_number,
    .get_text = get_text,
    .open_array = open_array,
    .close_array = close_array,
    .read_array = read_array,
    .reason = reason,
};

tz_status tz__source_open_hdf5(tz__source **source, const char *path, tz_error *error) {
    source_hdf5 *s = tz_alloc(1, sizeof *s);
    *source = NULL;
    if (!s) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory to read it", path);
    }
    s->base = (tz__source){&ops, MAX_EXPANSION};
    tz__h5_begin();
    const tz_status status = tz__h5_open(&s->file, path, error);
    if (status != TZ_OK) {
        tz__h5_end();
        tz_free(s);
        return status;
    }
    *source = &s->base;
    return TZ_OK;
}
