// The archive holds <any>/data.pkl, a state dict whose tensors are calls of _rebuild_tensor_v2
// (storage, offset, size, stride, ...), and a member <any>/data/<key> for each storage
// (torch/serialization.py, torch/_utils.py). Storages may be shared by tensors and seen by strides.
#include "policies/torch_file.h"

#include "base/memory.h"
#include "policies/pickle.h"
#include "policies/zip.h"

#include <stdio.h>
#include <string.h>

enum {
    PICKLE_SIZE_MAX = 16 << 20,
    STORAGE_SIZE_MAX = 1 << 28,
    ELEMENTS_MAX = 1 << 26, // of all tensors
    TENSORS_MAX = 256,
    KEY_MAX = 128,
    PREFIX_MAX = 256
};

static const char *const names_allowed[] = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch FloatStorage",
    "torch DoubleStorage",
};

struct tz_torch_file {
    tz_tensor tensors[TENSORS_MAX];
    char names[TENSORS_MAX][KEY_MAX];
    float *data[TENSORS_MAX]; // owned
    int n;
};

typedef struct reader {
    const tz_zip *zip;
    const char *path;
    char prefix[PREFIX_MAX]; // of the members: "archive/"
    tz_torch_file *file;
    size_t n_elements; // taken so far
    tz_error *error;
} reader;

// A tensor as the pickle describes it; counts in elements.
typedef struct view {
    char key[KEY_MAX]; // of its storage
    bool is_double;
    size_t n_storage, offset, n;
    int ndim;
    size_t size[TZ_TENSOR_NDIM_MAX], stride[TZ_TENSOR_NDIM_MAX];
} view;

static tz_status odd(const reader *r, const char *name, const char *what) {
    return tz_fail(r->error, TZ_ERR_FORMAT, "%s: tensor '%.*s': %s", r->path, KEY_MAX, name, what);
}

// ---- where things are

// Finds the pickle, <prefix>data.pkl.
static tz_status find_pickle(reader *r, int *member) {
    static const char last[] = "/data.pkl";
    for (int i = 0; i < tz_zip_count(r->zip); i++) {
        const char *name = tz_zip_name(r->zip, i);
        const size_t length = strlen(name);
        if (length >= strlen(last) && strcmp(name + length - strlen(last), last) == 0) {
            snprintf(r->prefix, sizeof r->prefix, "%.*s", (int)(length - strlen("data.pkl")), name);
            *member = i;
            return TZ_OK;
        }
    }
    return tz_fail(r->error, TZ_ERR_FORMAT,
                   "%s: a zip archive without data.pkl; expected a file that torch.save wrote",
                   r->path);
}

static int find_member(const reader *r, const char *name) {
    char whole[PREFIX_MAX + KEY_MAX + 16];
    snprintf(whole, sizeof whole, "%s%s", r->prefix, name);
    return tz_zip_find(r->zip, whole);
}

static tz_status check_byte_order(const reader *r) {
    const int member = find_member(r, "byteorder");
    if (member < 0) {
        return TZ_OK;
    }
    char *text;
    size_t size;
    TZ_CHECK(tz_zip_read(r->zip, member, &text, &size, KEY_MAX, r->error));
    const bool is_little = strcmp(text, "little") == 0;
    tz_free(text);
    return is_little ? TZ_OK
                     : tz_fail(r->error, TZ_ERR_UNSUPPORTED,
                               "%s: its numbers are not little-endian", r->path);
}

// ---- one tensor

static bool read_sizes(size_t *x, int *n, const tz_pickle_value *tuple) {
    if (tuple == NULL || tuple->kind != TZ_PICKLE_TUPLE || tuple->n_items > TZ_TENSOR_NDIM_MAX) {
        return false;
    }
    *n = 0;
    for (const tz_pickle_item *item = tuple->items; item != NULL; item = item->next) {
        int64_t value;
        if (!tz_pickle_get_int(item->value, &value) || value < 0) {
            return false;
        }
        x[(*n)++] = (size_t)value;
    }
    return true;
}

// The id of a storage: ('storage', torch.FloatStorage, key, device, number of elements).
static bool read_storage(view *v, const tz_pickle_value *persistent) {
    if (persistent == NULL || persistent->kind != TZ_PICKLE_PERSISTENT) {
        return false;
    }
    const tz_pickle_value *id = persistent->arguments, *type = tz_pickle_at(id, 1),
                          *key = tz_pickle_at(id, 2);
    int64_t n;
    v->is_double = tz_pickle_is_global(type, "torch DoubleStorage");
    if (!tz_pickle_is_text(tz_pickle_at(id, 0), "storage") ||
        (!v->is_double && !tz_pickle_is_global(type, "torch FloatStorage")) || key == NULL ||
        key->kind != TZ_PICKLE_TEXT || key->size >= sizeof v->key ||
        !tz_pickle_get_int(tz_pickle_at(id, 4), &n) || n < 0) {
        return false;
    }
    memcpy(v->key, key->bytes, key->size);
    v->n_storage = (size_t)n;
    return true;
}

// Number of elements, and whether the last of them lies in the storage.
static bool measure(view *v) {
    v->n = 1;
    size_t last = v->offset;
    bool fits = true, is_empty = false;
    for (int i = 0; i < v->ndim; i++) {
        is_empty = is_empty || v->size[i] == 0;
        size_t reach = 0;
        fits = fits && !__builtin_mul_overflow(v->n, v->size[i], &v->n) &&
               !__builtin_mul_overflow(v->size[i] - 1, v->stride[i], &reach) &&
               !__builtin_add_overflow(last, reach, &last);
    }
    v->n = is_empty ? 0 : v->n;
    return is_empty || (fits && last < v->n_storage);
}

static tz_status read_view(const reader *r, view *v, const char *name,
                           const tz_pickle_value *tensor) {
    *v = (view){0};
    const tz_pickle_value *a = tensor->arguments;
    int64_t offset;
    int n_strides;
    if (!read_storage(v, tz_pickle_at(a, 0)) || !tz_pickle_get_int(tz_pickle_at(a, 1), &offset) ||
        offset < 0 || !read_sizes(v->size, &v->ndim, tz_pickle_at(a, 2)) ||
        !read_sizes(v->stride, &n_strides, tz_pickle_at(a, 3)) || n_strides != v->ndim) {
        return odd(r, name, "not a storage of float32 or float64 with offset, sizes and strides");
    }
    v->offset = (size_t)offset;
    if (!measure(v)) {
        return odd(r, name, "its sizes and strides leave its storage");
    }
    return TZ_OK;
}

static float element(const char *storage, bool is_double, size_t index) {
    if (is_double) {
        double x;
        memcpy(&x, storage + index * sizeof x, sizeof x);
        return (float)x;
    }
    float x;
    memcpy(&x, storage + index * sizeof x, sizeof x);
    return x;
}

// out (v->n) <- the elements in C order.
static void copy_elements(float *out, const view *v, const char *storage) {
    size_t place[TZ_TENSOR_NDIM_MAX] = {0};
    for (size_t i = 0; i < v->n; i++) {
        size_t index = v->offset;
        for (int d = 0; d < v->ndim; d++) {
            index += place[d] * v->stride[d];
        }
        out[i] = element(storage, v->is_double, index);
        for (int d = v->ndim - 1; d >= 0 && ++place[d] == v->size[d]; d--) {
            place[d] = 0;
        }
    }
}

static tz_status copy_storage(const reader *r, float *out, const view *v, const char *name) {
    char member_name[KEY_MAX + 8];
    snprintf(member_name, sizeof member_name, "data/%s", v->key);
    const int member = find_member(r, member_name);
    if (member < 0) {
        return odd(r, name, "the archive lacks its storage");
    }
    char *storage;
    size_t size;
    TZ_CHECK(tz_zip_read(r->zip, member, &storage, &size, STORAGE_SIZE_MAX, r->error));
    const size_t element_size = v->is_double ? sizeof(double) : sizeof(float);
    const bool fits = size % element_size == 0 && size / element_size == v->n_storage;
    if (fits) {
        copy_elements(out, v, storage);
    }
    tz_free(storage);
    return fits ? TZ_OK : odd(r, name, "its storage has another size than the pickle says");
}

static tz_status add_tensor(reader *r, const tz_pickle_value *key, const tz_pickle_value *tensor) {
    tz_torch_file *file = r->file;
    if (file->n == TENSORS_MAX || key->size >= KEY_MAX) {
        return tz_fail(r->error, TZ_ERR_FORMAT,
                       "%s: a state dict of more than %d tensors or with a name of more than %d "
                       "bytes",
                       r->path, TENSORS_MAX, KEY_MAX - 1);
    }
    char *name = file->names[file->n];
    memcpy(name, key->bytes, key->size);
    view v;
    TZ_CHECK(read_view(r, &v, name, tensor));
    // each tensor unpacks its storage, however little it takes of it, and may take a number of it
    // often
    const size_t taken = v.n > v.n_storage ? v.n : v.n_storage;
    if (taken > ELEMENTS_MAX - r->n_elements) {
        return odd(r, name, "larger than any network of a policy");
    }
    r->n_elements += taken;
    float *data = file->data[file->n] = tz_alloc(v.n + 1, sizeof *data);
    tz_tensor *out = &file->tensors[file->n++];
    if (data == NULL) {
        return tz_fail(r->error, TZ_ERR_MEMORY, "%s: out of memory while reading", r->path);
    }
    *out = (tz_tensor){.name = name, .dtype = TZ_DTYPE_F32, .ndim = v.ndim, .data = data};
    memcpy(out->shape, v.size, sizeof v.size);
    return v.n == 0 ? TZ_OK : copy_storage(r, data, &v, name);
}

// ---- the state dict

// A parameter is a call around the call of its tensor.
static const tz_pickle_value *tensor_of(const tz_pickle_value *value) {
    if (value->kind == TZ_PICKLE_CALL &&
        tz_pickle_is_global(value->callable, "torch._utils _rebuild_parameter")) {
        value = tz_pickle_at(value->arguments, 0);
    }
    const bool is_tensor = value != NULL && value->kind == TZ_PICKLE_CALL &&
                           tz_pickle_is_global(value->callable, "torch._utils _rebuild_tensor_v2");
    return is_tensor ? value : NULL;
}

static tz_status read_state_dict(reader *r, const tz_pickle_value *root) {
    if (root->kind == TZ_PICKLE_TUPLE && root->items != NULL) {
        root = root->items->value;
    }
    const bool is_dict = root->kind == TZ_PICKLE_DICT ||
                         (root->kind == TZ_PICKLE_CALL &&
                          tz_pickle_is_global(root->callable, "collections OrderedDict"));
    if (!is_dict) {
        return tz_fail(r->error, TZ_ERR_FORMAT, "%s: holds no state dict", r->path);
    }
    for (const tz_pickle_item *item = root->items; item != NULL; item = item->next) {
        const tz_pickle_value *tensor = tensor_of(item->value);
        if (tensor != NULL && item->key != NULL && item->key->kind == TZ_PICKLE_TEXT) {
            TZ_CHECK(add_tensor(r, item->key, tensor));
        }
    }
    return TZ_OK;
}

static tz_status read_archive(reader *r) {
    int member = 0;
    TZ_CHECK(find_pickle(r, &member));
    TZ_CHECK(check_byte_order(r));
    char *bytes;
    size_t size;
    TZ_CHECK(tz_zip_read(r->zip, member, &bytes, &size, PICKLE_SIZE_MAX, r->error));
    tz_pickle *pickle;
    tz_status status = tz_pickle_read(&pickle, bytes, size, names_allowed,
                                      TZ_COUNTOF(names_allowed), r->path, r->error);
    tz_free(bytes);
    if (status == TZ_OK) {
        status = read_state_dict(r, tz_pickle_root(pickle));
        tz_pickle_destroy(pickle);
    }
    return status;
}

tz_status tz_torch_read(tz_torch_file **out, const void *bytes, size_t size, const char *path,
                        tz_error *error) {
    *out = NULL;
    tz_zip *zip;
    TZ_CHECK(tz_zip_open(&zip, bytes, size, path, error));
    reader r = {.zip = zip, .path = path, .file = tz_alloc(1, sizeof *r.file), .error = error};
    const tz_status status =
        r.file == NULL ? tz_fail(error, TZ_ERR_MEMORY, "%s: out of memory while reading", path)
                       : read_archive(&r);
    tz_zip_close(zip);
    if (status != TZ_OK) {
        tz_torch_destroy(r.file);
        return status;
    }
    *out = r.file;
    return TZ_OK;
}

void tz_torch_destroy(tz_torch_file *file) {
    if (file != NULL) {
        for (int i = 0; i < file->n; i++) {
            tz_free(file->data[i]);
        }
        tz_free(file);
    }
}

const tz_tensor *tz_torch_tensors(const tz_torch_file *file, int *n) {
    *n = file->n;
    return file->tensors;
}
