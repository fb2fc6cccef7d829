// Layout of a file: N as an unsigned little-endian 64-bit integer, N bytes of JSON that describe
// each tensor by dtype, shape and the bytes [begin, end) that it takes of the buffer, then the
// buffer. The buffer has no holes, no overlaps and no trailing bytes.
#include "base/safetensors.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/sha256.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "buffers are little-endian");

static const struct {
    const char *name;
    size_t size; // bytes of an element
    int rank;    // place in the format's list of dtypes
} dtypes[] = {[TZ_DTYPE_F32] = {"F32", 4, 3},
              [TZ_DTYPE_F64] = {"F64", 8, 4},
              [TZ_DTYPE_I64] = {"I64", 8, 5},
              [TZ_DTYPE_U8] = {"U8", 1, 2},
              [TZ_DTYPE_BOOL] = {"BOOL", 1, 1}};

#define DTYPES_READ "F32, F64, I64, U8 or BOOL"
#define METADATA_KEY "__metadata__"

enum {
    PREFIX_SIZE = 8,            // N itself
    HEADER_SIZE_MAX = 16 << 20, // a header of ours has a few kB; the format allows 100 MB
    HEADER_DEPTH_MAX = 8,
    ALIGNMENT = 64
};
static const size_t FILE_SIZE_MAX = (size_t)1 << 36;

// A described tensor, before its bytes are taken.
typedef struct described {
    tz_tensor tensor;
    size_t begin, end; // in the buffer
} described;

struct tz_safetensors {
    struct json_object *header; // owns names and metadata
    tz_tensor *tensors;         // (n_tensors)
    int n_tensors;
    unsigned char *data; // all tensors, each aligned to ALIGNMENT
    char digest[65];
    char path[TZ_PATH_MAX];
};

// ---- the header as text

static const struct lh_entry *first_member(struct json_object *object) {
    return json_object_get_object(object)->head;
}

// Pairs of key and value in the whole tree.
static size_t count_pairs(struct json_object *value) {
    size_t n = 0;
    if (json_object_is_type(value, json_type_object)) {
        for (const struct lh_entry *entry = first_member(value); entry != NULL;
             entry = entry->next) {
            n += 1 + count_pairs(lh_entry_v(entry));
        }
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            n += count_pairs(json_object_array_get_idx(value, i));
        }
    }
    return n;
}

// Colons outside strings of a valid JSON text: one for each pair, also those that share a key.
static size_t count_colons(const char *text, size_t size) {
    size_t n = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        if (in_string && text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            in_string = !in_string;
        } else if (text[i] == ':' && !in_string) {
            n++;
        }
    }
    return n;
}

// Parses the N bytes of the header into an object.
static tz_status parse_header(struct json_object **header, const char *text, size_t size,
                              const char *path, tz_error *error) {
    *header = NULL;
    // the parser would take a NUL for the end
    if (size == 0 || text[0] != '{' || memchr(text, '\0', size) != NULL) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: not a safetensors file: expected a JSON object at byte %d", path,
                       PREFIX_SIZE);
    }
    if (!tz_json_is_small(text, size)) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: its header describes too many tensors", path);
    }
    // the padding
    while (text[size - 1] == ' ') {
        size--;
    }
    struct json_tokener *tokener = json_tokener_new_ex(HEADER_DEPTH_MAX);
    if (tokener == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory to parse the header", path);
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *parsed = json_tokener_parse_ex(tokener, text, (int)size);
    const enum json_tokener_error outcome = json_tokener_get_error(tokener);
    const size_t end = json_tokener_get_parse_end(tokener);
    json_tokener_free(tokener);

    if (outcome != json_tokener_success || end != size) {
        json_object_put(parsed);
        return tz_fail(error, TZ_ERR_FORMAT, "%s: the header is not one JSON object: %s", path,
                       outcome == json_tokener_continue  ? "it ends too early"
                       : outcome == json_tokener_success ? "more text follows"
                                                         : json_tokener_error_desc(outcome));
    }
    if (count_colons(text, size) != count_pairs(parsed)) {
        json_object_put(parsed);
        return tz_fail(error, TZ_ERR_FORMAT, "%s: a key stands twice in the header", path);
    }
    *header = parsed;
    return TZ_OK;
}

static tz_status check_metadata(struct json_object *metadata, const char *path, tz_error *error) {
    if (!json_object_is_type(metadata, json_type_object)) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: " METADATA_KEY " is not an object", path);
    }
    for (const struct lh_entry *entry = first_member(metadata); entry != NULL;
         entry = entry->next) {
        const char *key = lh_entry_k(entry);
        struct json_object *value = lh_entry_v(entry);
        if (!json_object_is_type(value, json_type_string) ||
            strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value)) {
            return tz_fail(error, TZ_ERR_FORMAT,
                           "%s: metadata '%s' is not a string (without NUL characters)", path, key);
        }
    }
    return TZ_OK;
}

// ---- one tensor's description

static bool get_size(struct json_object *value, size_t *size) {
    if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0) {
        return false;
    }
    *size = json_object_get_uint64(value);
    return true;
}

static bool parse_dtype(struct json_object *value, tz_dtype *dtype) {
    for (size_t i = 0; i < TZ_COUNTOF(dtypes); i++) {
        if (strcmp(json_object_get_string(value), dtypes[i].name) == 0) {
            *dtype = (tz_dtype)i;
            return true;
        }
    }
    return false;
}

static tz_status parse_shape(struct json_object *value, tz_tensor *tensor, const char *path,
                             tz_error *error) {
    const size_t ndim = json_object_array_length(value);
    if (ndim > TZ_TENSOR_NDIM_MAX) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "%s: tensor %s has %zu dimensions, expected at most %d", path, tensor->name,
                       ndim, TZ_TENSOR_NDIM_MAX);
    }
    tensor->ndim = (int)ndim;
    for (size_t i = 0; i < ndim; i++) {
        if (!get_size(json_object_array_get_idx(value, i), &tensor->shape[i])) {
            return tz_fail(error, TZ_ERR_FORMAT,
                           "%s: the shape of tensor %s holds something else than sizes", path,
                           tensor->name);
        }
    }
    return TZ_OK;
}

// Bytes of a tensor; false when they do not fit in size_t.
static bool tensor_size(const tz_tensor *tensor, size_t *size) {
    *size = dtypes[tensor->dtype].size;
    bool is_empty = false, overflows = false;
    for (int i = 0; i < tensor->ndim; i++) {
        is_empty = is_empty || tensor->shape[i] == 0;
        overflows = __builtin_mul_overflow(*size, tensor->shape[i], size) || overflows;
    }
    *size = is_empty ? 0 : *size;
    return is_empty || !overflows;
}

static tz_status parse_tensor(described *out, const char *name, struct json_object *entry,
                              const char *path, tz_error *error) {
    tz_tensor *tensor = &out->tensor;
    tensor->name = name;
    struct json_object *dtype = NULL, *shape = NULL, *offsets = NULL;
    if (!json_object_is_type(entry, json_type_object) ||
        !json_object_object_get_ex(entry, "dtype", &dtype) ||
        !json_object_object_get_ex(entry, "shape", &shape) ||
        !json_object_object_get_ex(entry, "data_offsets", &offsets) ||
        !json_object_is_type(dtype, json_type_string) ||
        !json_object_is_type(shape, json_type_array) ||
        !json_object_is_type(offsets, json_type_array) || json_object_array_length(offsets) != 2 ||
        !get_size(json_object_array_get_idx(offsets, 0), &out->begin) ||
        !get_size(json_object_array_get_idx(offsets, 1), &out->end)) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: tensor %s is not described by a dtype, a shape and two data_offsets",
                       path, name);
    }
    if (!parse_dtype(dtype, &tensor->dtype)) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "%s: tensor %s has dtype %.32s, expected " DTYPES_READ, path, name,
                       json_object_get_string(dtype));
    }
    TZ_CHECK(parse_shape(shape, tensor, path, error));

    size_t size = 0;
    if (!tensor_size(tensor, &size) || out->end < out->begin || out->end - out->begin != size) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: tensor %s takes bytes %zu to %zu, which its shape does not fill", path,
                       name, out->begin, out->end);
    }
    return TZ_OK;
}

// ---- all tensors

static int compare_offsets(const void *a_in, const void *b_in) {
    const described *a = a_in, *b = b_in;
    if (a->begin != b->begin) {
        return a->begin < b->begin ? -1 : 1;
    }
    if (a->end != b->end) {
        return a->end < b->end ? -1 : 1;
    }
    return strcmp(a->tensor.name, b->tensor.name);
}

// Sorts by place and demands that the tensors tile the buffer.
static tz_status check_places(described *list, size_t n, size_t buffer_size, const char *path,
                              tz_error *error) {
    qsort(list, n, sizeof *list, compare_offsets);
    size_t place = 0;
    for (size_t i = 0; i < n; i++) {
        if (list[i].begin != place) {
            return tz_fail(error, TZ_ERR_FORMAT,
                           "%s: tensor %s begins at byte %zu of the buffer, expected %zu: the file "
                           "has a hole or an overlap",
                           path, list[i].tensor.name, list[i].begin, place);
        }
        place = list[i].end;
    }
    if (place != buffer_size) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: the buffer has %zu bytes, expected %zu: the file is truncated or has "
                       "trailing bytes",
                       path, buffer_size, place);
    }
    return TZ_OK;
}

static size_t align(size_t size) {
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

// Copies the tensors out of the buffer, each to an aligned place.
static tz_status take_tensors(tz_safetensors *file, const described *list, size_t n,
                              const char *buffer, tz_error *error) {
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        total += align(list[i].end - list[i].begin);
    }
    file->tensors = tz_alloc(n, sizeof *file->tensors);
    file->data = tz_alloc(total, 1);
    if (file->tensors == NULL || file->data == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for %zu bytes of tensors", file->path,
                       total);
    }

    unsigned char *place = file->data;
    for (size_t i = 0; i < n; i++) {
        const size_t size = list[i].end - list[i].begin;
        memcpy(place, buffer + list[i].begin, size);
        file->tensors[i] = list[i].tensor;
        file->tensors[i].data = place;
        // another byte is no value of a bool
        for (size_t k = 0; k < size && list[i].tensor.dtype == TZ_DTYPE_BOOL; k++) {
            if (place[k] > 1) {
                return tz_fail(error, TZ_ERR_FORMAT,
                               "%s: tensor %s of dtype BOOL holds byte %d, expected 0 or 1",
                               file->path, list[i].tensor.name, place[k]);
            }
        }
        place += align(size);
    }
    file->n_tensors = (int)n;
    return TZ_OK;
}

// Reads the descriptions into `list`, which has room for every member of the header.
static tz_status parse_tensors(tz_safetensors *file, described *list, size_t *n, tz_error *error) {
    *n = 0;
    for (const struct lh_entry *entry = first_member(file->header); entry != NULL;
         entry = entry->next) {
        const char *name = lh_entry_k(entry);
        if (strcmp(name, METADATA_KEY) == 0) {
            TZ_CHECK(check_metadata(lh_entry_v(entry), file->path, error));
        } else {
            TZ_CHECK(parse_tensor(&list[*n], name, lh_entry_v(entry), file->path, error));
            (*n)++;
        }
    }
    return TZ_OK;
}

static tz_status parse_file(tz_safetensors *file, const char *bytes, size_t size, tz_error *error) {
    // the header's size
    uint64_t header_size = 0;
    if (size < PREFIX_SIZE) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: not a safetensors file: it has only %zu bytes",
                       file->path, size);
    }
    memcpy(&header_size, bytes, PREFIX_SIZE);
    if (header_size > size - PREFIX_SIZE || header_size > HEADER_SIZE_MAX) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: not a whole safetensors file: a header of %" PRIu64
                       " bytes in a file of %zu bytes (at most %d are read)",
                       file->path, header_size, size, HEADER_SIZE_MAX);
    }
    const char *header = bytes + PREFIX_SIZE, *buffer = header + header_size;
    TZ_CHECK(parse_header(&file->header, header, header_size, file->path, error));

    // what it says, against the bytes that are there
    described *list = tz_alloc((size_t)json_object_object_length(file->header), sizeof *list);
    if (list == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for its tensors", file->path);
    }
    size_t n = 0;
    tz_status status = parse_tensors(file, list, &n, error);
    if (status == TZ_OK) {
        status = check_places(list, n, size - PREFIX_SIZE - header_size, file->path, error);
    }
    if (status == TZ_OK) {
        status = take_tensors(file, list, n, buffer, error);
    }
    tz_free(list);
    return status;
}

tz_status tz_safetensors_read(tz_safetensors **file_out, const char *path, tz_error *error) {
    *file_out = NULL;
    char *bytes = NULL;
    size_t size = 0;
    TZ_CHECK(tz_file_read(path, &bytes, &size, FILE_SIZE_MAX, error));
    tz_safetensors *file = tz_alloc(1, sizeof *file);
    tz_status status = TZ_OK;
    if (file == NULL) {
        status = tz_fail(error, TZ_ERR_MEMORY, "%s: no memory to read it", path);
    } else {
        snprintf(file->path, sizeof file->path, "%s", path);
        status = parse_file(file, bytes, size, error);
    }
    if (status == TZ_OK) {
        tz__sha256_of(bytes, size, file->digest);
        *file_out = file;
    } else {
        tz_safetensors_destroy(file);
    }
    tz_free(bytes);
    return status;
}

void tz_safetensors_destroy(tz_safetensors *file) {
    if (file != NULL) {
        json_object_put(file->header);
        tz_free(file->tensors);
        tz_free(file->data);
        tz_free(file);
    }
}

// ---- looking things up

int tz_safetensors_count(const tz_safetensors *file) {
    return file->n_tensors;
}

const tz_tensor *tz_safetensors_at(const tz_safetensors *file, int index) {
    return &file->tensors[index];
}

const tz_tensor *tz_safetensors_find(const tz_safetensors *file, const char *name) {
    for (int i = 0; i < file->n_tensors; i++) {
        if (strcmp(file->tensors[i].name, name) == 0) {
            return &file->tensors[i];
        }
    }
    return NULL;
}

const char *tz_safetensors_metadata(const tz_safetensors *file, const char *key) {
    struct json_object *metadata = NULL, *value = NULL;
    if (json_object_object_get_ex(file->header, METADATA_KEY, &metadata) &&
        json_object_object_get_ex(metadata, key, &value)) {
        return json_object_get_string(value);
    }
    return NULL;
}

const char *tz_safetensors_sha256(const tz_safetensors *file) {
    return file->digest;
}

const char *tz_safetensors_path(const tz_safetensors *file) {
    return file->path;
}

// "F32 (128, 17)"
static void describe(char *text, size_t size, tz_dtype dtype, int ndim, const size_t *shape) {
    size_t length = (size_t)snprintf(text, size, "%s (", dtypes[dtype].name);
    for (int i = 0; i < ndim && length < size; i++) {
        length +=
            (size_t)snprintf(text + length, size - length, "%s%zu", i > 0 ? ", " : "", shape[i]);
    }
    if (length < size) {
        snprintf(text + length, size - length, ")");
    }
}

tz_status tz_safetensors_expect_f32(const tz_safetensors *file, const char *name, int ndim,
                                    const size_t *shape, const float **data, tz_error *error) {
    *data = NULL;
    char expected[256], found[256];
    describe(expected, sizeof expected, TZ_DTYPE_F32, ndim, shape);
    const tz_tensor *tensor = tz_safetensors_find(file, name);
    if (tensor == NULL) {
        return tz_fail(error, TZ_ERR_MISMATCH, "%s: has no tensor %s, expected %s", file->path,
                       name, expected);
    }
    describe(found, sizeof found, tensor->dtype, tensor->ndim, tensor->shape);
    if (strcmp(found, expected) != 0) {
        return tz_fail(error, TZ_ERR_MISMATCH, "%s: tensor %s is %s, expected %s", file->path, name,
                       found, expected);
    }
    *data = tensor->data;
    return TZ_OK;
}

tz_status tz_safetensors_expect_text(const tz_safetensors *file, const char *key,
                                     const char *expected, tz_error *error) {
    const char *found = tz_safetensors_metadata(file, key);
    if (found == NULL || !tz_json_text_is(found, expected)) {
        return tz_fail(error, TZ_ERR_MISMATCH, "%s: its %s is '%.300s', expected '%s'", file->path,
                       key, found != NULL ? found : "", expected);
    }
    return TZ_OK;
}

tz_status tz_tensor_expect_finite(const char *path, const char *name, const float *x, size_t n,
                                  tz_error *error) {
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) {
            return tz_fail(error, TZ_ERR_FORMAT, "%s: %s[%zu] is %g, expected a finite number",
                           path, name, i, (double)x[i]);
        }
    }
    return TZ_OK;
}

// ---- writing

// The order of the format's own writer: dtypes from the end of its list, where large elements
// stand, so that all are aligned; then by name.
static int compare_tensors(const void *a_in, const void *b_in) {
    const tz_tensor *a = *(const tz_tensor *const *)a_in, *b = *(const tz_tensor *const *)b_in;
    const int by_rank = dtypes[b->dtype].rank - dtypes[a->dtype].rank;
    return by_rank != 0 ? by_rank : strcmp(a->name, b->name);
}

static int compare_keys(const void *a_in, const void *b_in) {
    const tz_metadata *a = *(const tz_metadata *const *)a_in,
                      *b = *(const tz_metadata *const *)b_in;
    return strcmp(a->key, b->key);
}

// Adds a member, or fails when the key is there already.
static tz_status add_member(struct json_object *object, const char *key, struct json_object *value,
                            const char *path, tz_error *error) {
    if (json_object_object_get_ex(object, key, NULL)) {
        json_object_put(value);
        return tz_fail(error, TZ_ERR_ARGUMENT, "%s: '%s' is to be written twice", path, key);
    }
    if (json_object_object_add(object, key, value) != 0) {
        json_object_put(value);
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for '%s'", path, key);
    }
    return TZ_OK;
}

static tz_status add_metadata(struct json_object *header, const tz_metadata *const *sorted, int n,
                              const char *path, tz_error *error) {
    struct json_object *metadata = json_object_new_object();
    TZ_CHECK(add_member(header, METADATA_KEY, metadata, path, error));
    for (int i = 0; i < n; i++) {
        TZ_CHECK(add_member(metadata, sorted[i]->key, tz_json_text(sorted[i]->value), path, error));
    }
    return TZ_OK;
}

static struct json_object *describe_tensor(const tz_tensor *tensor, size_t begin, size_t end) {
    struct json_object *entry = json_object_new_object();
    struct json_object *shape = json_object_new_array();
    struct json_object *offsets = json_object_new_array();
    for (int i = 0; i < tensor->ndim; i++) {
        json_object_array_add(shape, json_object_new_uint64(tensor->shape[i]));
    }
    json_object_array_add(offsets, json_object_new_uint64(begin));
    json_object_array_add(offsets, json_object_new_uint64(end));
    json_object_object_add(entry, "dtype", json_object_new_string(dtypes[tensor->dtype].name));
    json_object_object_add(entry, "shape", shape);
    json_object_object_add(entry, "data_offsets", offsets);
    return entry;
}

// Describes the tensors in the header and lists their bytes in parts (n).
static tz_status add_tensors(struct json_object *header, tz_file_part *parts,
                             const tz_tensor *const *sorted, int n, const char *path,
                             tz_error *error) {
    size_t begin = 0;
    for (int i = 0; i < n; i++) {
        size_t size = 0, end = 0;
        if (!tensor_size(sorted[i], &size) || __builtin_add_overflow(begin, size, &end)) {
            return tz_fail(error, TZ_ERR_ARGUMENT, "%s: tensor %s is too large to be written", path,
                           sorted[i]->name);
        }
        TZ_CHECK(add_member(header, sorted[i]->name, describe_tensor(sorted[i], begin, end), path,
                            error));
        parts[i] = (tz_file_part){sorted[i]->data, size};
        begin = end;
    }
    return TZ_OK;
}

// Writes the header's size, the header padded to whole words, and the buffer: parts[1..n];
// parts[0] is filled here.
static tz_status write_parts(const char *path, struct json_object *header, tz_file_part *parts,
                             int n, tz_error *error) {
    const char *json = json_object_to_json_string_ext(header, JSON_C_TO_STRING_NOSLASHESCAPE);
    const size_t length = strlen(json);
    const uint64_t padded = (length + PREFIX_SIZE - 1) / PREFIX_SIZE * PREFIX_SIZE;
    char *text = tz_alloc(PREFIX_SIZE + padded, 1);
    if (text == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for the header", path);
    }
    memcpy(text, &padded, PREFIX_SIZE);
    memcpy(text + PREFIX_SIZE, json, length);
    memset(text + PREFIX_SIZE + length, ' ', padded - length);
    parts[0] = (tz_file_part){text, PREFIX_SIZE + padded};
    const tz_status status = tz_file_write_parts(path, parts, (size_t)n + 1, error);
    tz_free(text);
    return status;
}

tz_status tz_safetensors_write(const char *path, const tz_tensor *tensors, int n_tensors,
                               const tz_metadata *metadata, int n_metadata, tz_error *error) {
    // sorted views, so that equal content gives equal bytes
    const tz_tensor **by_size = tz_alloc((size_t)n_tensors, sizeof(tz_tensor *));
    const tz_metadata **by_key = tz_alloc((size_t)n_metadata, sizeof(tz_metadata *));
    tz_file_part *parts = tz_alloc((size_t)n_tensors + 1, sizeof *parts);
    struct json_object *header = json_object_new_object();
    tz_status status = TZ_OK;
    if (by_size == NULL || by_key == NULL || parts == NULL || header == NULL) {
        status = tz_fail(error, TZ_ERR_MEMORY, "%s: no memory to write it", path);
    } else {
        for (int i = 0; i < n_tensors; i++) {
            by_size[i] = &tensors[i];
        }
        for (int i = 0; i < n_metadata; i++) {
            by_key[i] = &metadata[i];
        }
        qsort(by_size, (size_t)n_tensors, sizeof *by_size, compare_tensors);
        qsort(by_key, (size_t)n_metadata, sizeof *by_key, compare_keys);
    }

    if (status == TZ_OK && n_metadata > 0) {
        status = add_metadata(header, by_key, n_metadata, path, error);
    }
    if (status == TZ_OK) {
        status = add_tensors(header, parts + 1, by_size, n_tensors, path, error);
    }
    if (status == TZ_OK) {
        status = write_parts(path, header, parts, n_tensors, error);
    }
    json_object_put(header);
    tz_free(parts);
    tz_free(by_key);
    tz_free(by_size);
    return status;
}
