// Round trips, the bytes that the format's rules demand, and a table of hostile files.
#include "folder.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/safetensors.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[TZ_PATH_MAX];

static int set_up(void **state) {
    (void)state;
    return make_folder(state) != 0 ||
           tz_path_join(path, test_folder, "file.safetensors", NULL) != TZ_OK;
}

static int tear_down(void **state) {
    (void)state;
    unlink(path);
    return rmdir(test_folder);
}

// ---- writing and reading

static const float weight[2][3] = {{1.0f, -2.0f, 3.5f}, {0.0f, 1e-40f, -0.0f}};
static const double scale = 0.1;
static const int64_t steps[2] = {-1, INT64_MAX};
static const uint8_t letters[3] = {'a', 'b', 'c'}, flags[2] = {1, 0};

static const tz_tensor tensors[] = {
    {"letters", TZ_DTYPE_U8, 1, {3}, letters},      {"weight", TZ_DTYPE_F32, 2, {2, 3}, weight},
    {"flags", TZ_DTYPE_BOOL, 1, {2}, flags},        {"steps", TZ_DTYPE_I64, 1, {2}, steps},
    {"\"scale\"/\n", TZ_DTYPE_F64, 0, {0}, &scale}, {"empty", TZ_DTYPE_F32, 2, {0, 7}, NULL},
};
static const tz_metadata metadata[] = {{"kind", "node-so"}, {"env", "\xc3\xa4\\ \"quoted\"\t"}};

static void write_sample(void) {
    tz_error error = {0};
    assert_int_equal(tz_safetensors_write(path, tensors, TZ_COUNTOF(tensors), metadata,
                                          TZ_COUNTOF(metadata), &error),
                     TZ_OK);
}

static void round_trip(void **state) {
    (void)state;
    write_sample();
    tz_safetensors *file = NULL;
    tz_error error = {0};
    assert_int_equal(tz_safetensors_read(&file, path, &error), TZ_OK);
    assert_int_equal(tz_safetensors_count(file), TZ_COUNTOF(tensors));
    for (size_t i = 0; i < TZ_COUNTOF(tensors); i++) {
        const tz_tensor *found = tz_safetensors_find(file, tensors[i].name);
        assert_non_null(found);
        assert_int_equal(found->dtype, tensors[i].dtype);
        assert_int_equal(found->ndim, tensors[i].ndim);
        assert_memory_equal(found->shape, tensors[i].shape, sizeof found->shape);
        assert_int_equal((uintptr_t)found->data % 64, 0);
    }
    assert_memory_equal(tz_safetensors_find(file, "weight")->data, weight, sizeof weight);
    assert_memory_equal(tz_safetensors_find(file, "\"scale\"/\n")->data, &scale, sizeof scale);
    assert_memory_equal(tz_safetensors_find(file, "steps")->data, steps, sizeof steps);
    assert_memory_equal(tz_safetensors_find(file, "letters")->data, letters, sizeof letters);
    assert_memory_equal(tz_safetensors_find(file, "flags")->data, flags, sizeof flags);
    assert_null(tz_safetensors_find(file, "absent"));
    assert_string_equal(tz_safetensors_metadata(file, "kind"), "node-so");
    assert_string_equal(tz_safetensors_metadata(file, "env"), metadata[1].value);
    assert_null(tz_safetensors_metadata(file, "absent"));
    assert_string_equal(tz_safetensors_path(file), path);

    char digest[65];
    assert_int_equal(tz_file_sha256(path, digest, &error), TZ_OK);
    assert_string_equal(tz_safetensors_sha256(file), digest);
    tz_safetensors_destroy(file);
}

// Large elements stand first, then names decide; keys of metadata are sorted; spaces pad the
// header.
static void bytes_are_canonical(void **state) {
    (void)state;
    const float x[1] = {1.0f};
    const double y[1] = {2.0};
    const tz_tensor list[] = {{"b", TZ_DTYPE_F32, 1, {1}, x},
                              {"a", TZ_DTYPE_F32, 1, {1}, x},
                              {"z", TZ_DTYPE_F64, 1, {1}, y}};
    const tz_metadata keys[] = {{"k2", "v"}, {"k1", "/"}};
    tz_error error = {0};
    assert_int_equal(tz_safetensors_write(path, list, 3, keys, 2, &error), TZ_OK);
    const char expected[] = "{\"__metadata__\":{\"k1\":\"/\",\"k2\":\"v\"},"
                            "\"z\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]},"
                            "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]},"
                            "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[12,16]}}";
    const size_t length = sizeof expected - 1, padded = (length + 7) / 8 * 8;
    char *bytes = NULL;
    size_t size = 0;
    assert_int_equal(tz_file_read(path, &bytes, &size, 4096, &error), TZ_OK);
    assert_int_equal(size, 8 + padded + 16);
    assert_int_equal((unsigned char)bytes[0], padded);
    assert_memory_equal(bytes + 8, expected, length);
    for (size_t i = length; i < padded; i++) {
        assert_int_equal(bytes[8 + i], ' ');
    }
    assert_memory_equal(bytes + 8 + padded, y, 8);
    tz_free(bytes);
}

static void refuses_to_write_a_name_twice(void **state) {
    (void)state;
    const float x[1] = {1.0f};
    const tz_tensor list[] = {{"a", TZ_DTYPE_F32, 1, {1}, x}, {"a", TZ_DTYPE_F32, 1, {1}, x}};
    tz_error error = {0};
    unlink(path);
    assert_int_equal(tz_safetensors_write(path, list, 2, NULL, 0, &error), TZ_ERR_ARGUMENT);
    assert_false(tz_file_exists(path));
}

static void expect_names_file_tensor_and_shapes(void **state) {
    (void)state;
    write_sample();
    tz_safetensors *file = NULL;
    tz_error error = {0};
    assert_int_equal(tz_safetensors_read(&file, path, &error), TZ_OK);
    const float *data = NULL;
    assert_int_equal(tz_safetensors_expect_f32(file, "weight", 2, (size_t[]){2, 3}, &data, &error),
                     TZ_OK);
    assert_memory_equal(data, weight, sizeof weight);

    assert_int_equal(tz_safetensors_expect_f32(file, "weight", 2, (size_t[]){3, 2}, &data, &error),
                     TZ_ERR_MISMATCH);
    assert_non_null(strstr(error.text, path));
    assert_non_null(strstr(error.text, "weight is F32 (2, 3), expected F32 (3, 2)"));
    assert_null(data);
    assert_int_equal(tz_safetensors_expect_f32(file, "steps", 1, (size_t[]){2}, &data, &error),
                     TZ_ERR_MISMATCH);
    assert_int_equal(tz_safetensors_expect_f32(file, "absent", 1, (size_t[]){2}, &data, &error),
                     TZ_ERR_MISMATCH);

    assert_int_equal(tz_safetensors_expect_text(file, "kind", "node-so", &error), TZ_OK);
    assert_int_equal(tz_safetensors_expect_text(file, "kind", "hnn", &error), TZ_ERR_MISMATCH);
    assert_non_null(strstr(error.text, path));
    assert_non_null(strstr(error.text, ": its kind is 'node-so', expected 'hnn'"));
    assert_int_equal(tz_safetensors_expect_text(file, "absent", "hnn", &error), TZ_ERR_MISMATCH);
    assert_non_null(strstr(error.text, ": its absent is '', expected 'hnn'"));
    tz_safetensors_destroy(file);
}

static void finite_values(void **state) {
    (void)state;
    const float x[] = {1.0f, -FLT_MAX, -INFINITY};
    tz_error error = {0};
    assert_int_equal(tz_tensor_expect_finite("f", "w", x, 2, &error), TZ_OK);
    assert_int_equal(tz_tensor_expect_finite("f", "w", x, 3, &error), TZ_ERR_FORMAT);
    assert_string_equal(error.text, "f: w[2] is -inf, expected a finite number");
}

// ---- hostile files

// Every failed read frees what it took, says one sentence that names the file, and gives no file.
static tz_status read_hostile(const void *bytes, size_t size) {
    unlink(path);
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
    tz_safetensors *file = NULL;
    tz_error error = {0};
    const size_t live = tz_alloc_live();
    const tz_status status = tz_safetensors_read(&file, path, &error);
    if (status == TZ_OK) {
        tz_safetensors_destroy(file);
    } else {
        assert_null(file);
        assert_non_null(strstr(error.text, path));
        assert_int_equal(error.status, status);
    }
    assert_int_equal(tz_alloc_live(), live);
    return status;
}

static tz_status read_parts(const char *header, size_t header_size, size_t buffer_size) {
    char bytes[8192] = {0};
    const size_t length = strlen(header);
    const uint64_t n = header_size;
    assert_true(8 + length + buffer_size <= sizeof bytes);
    memcpy(bytes, &n, 8);
    memcpy(bytes + 8, header, length);
    return read_hostile(bytes, 8 + length + buffer_size);
}

static void refuses_every_truncation(void **state) {
    (void)state;
    write_sample();
    char *bytes = NULL;
    size_t size = 0;
    tz_error error = {0};
    assert_int_equal(tz_file_read(path, &bytes, &size, 4096, &error), TZ_OK);
    assert_int_equal(read_hostile(bytes, size), TZ_OK);
    for (size_t n = 0; n < size; n++) {
        assert_int_equal(read_hostile(bytes, n), TZ_ERR_FORMAT);
    }
    tz_free(bytes);
}

// Every byte of a small file changed in every bit: read or refused, never a fault or a leak.
static void survives_every_flipped_bit(void **state) {
    (void)state;
    const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    char bytes[8 + sizeof header - 1 + 8] = {sizeof header - 1};
    memcpy(bytes + 8, header, sizeof header - 1);
    assert_int_equal(read_hostile(bytes, sizeof bytes), TZ_OK);
    for (size_t i = 0; i < sizeof bytes; i++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes[i] ^= (char)(1 << bit);
            const tz_status status = read_hostile(bytes, sizeof bytes);
            assert_true(status == TZ_OK || status == TZ_ERR_FORMAT || status == TZ_ERR_UNSUPPORTED);
            bytes[i] ^= (char)(1 << bit);
        }
    }
}

#define F32(name, shape, begin, end)                                                               \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end "]}"

static void judges_headers(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t buffer_size;
        tz_status expected;
    } cases[] = {
        // what is allowed
        {"{}", 0, TZ_OK},
        {"{}     ", 0, TZ_OK},
        {"{ }\n", 0, TZ_OK},
        {"{" F32("a", "[2]", 0, 8) "}", 8, TZ_OK},
        {"{" F32("a", "[]", 0, 4) "}", 4, TZ_OK},
        {"{" F32("a", "[0,18446744073709551615]", 0, 0) "}", 0, TZ_OK},
        {"{" F32("b", "[1]", 4, 8) "," F32("a", "[1]", 0, 4) "}", 8, TZ_OK},
        {"{\"a\":{\"data_offsets\":[0,4],\"shape\":[1],\"dtype\":\"F32\"}}", 4, TZ_OK},
        {"{\"__metadata__\":{},\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}," F32(
             "b", "[1]", 3, 7) "}",
         7, TZ_OK},
        {"{\"__metadata__\":{\"a:b\":\"{\\\"c\\\":1}\"}}", 0, TZ_OK},
        // what is not an object
        {"", 0, TZ_ERR_FORMAT},
        {" {}", 0, TZ_ERR_FORMAT},
        {"[]", 0, TZ_ERR_FORMAT},
        {"null", 0, TZ_ERR_FORMAT},
        {"{}{}", 0, TZ_ERR_FORMAT},
        {"{\"a\":}", 0, TZ_ERR_FORMAT},
        {"{'a':1}", 0, TZ_ERR_FORMAT},
        {"{/**/}", 0, TZ_ERR_FORMAT},
        {"{\"\xff\":1}", 0, TZ_ERR_FORMAT},
        // offsets: outside, holes, overlaps, backwards, of another size, not whole numbers
        {"{" F32("a", "[2]", 0, 8) "}", 7, TZ_ERR_FORMAT},
        {"{" F32("a", "[2]", 0, 8) "}", 9, TZ_ERR_FORMAT},
        {"{" F32("a", "[2]", 4, 12) "}", 12, TZ_ERR_FORMAT},
        {"{" F32("a", "[1]", 0, 4) "," F32("b", "[1]", 8, 12) "}", 12, TZ_ERR_FORMAT},
        {"{" F32("a", "[2]", 0, 8) "," F32("b", "[2]", 4, 12) "}", 12, TZ_ERR_FORMAT},
        {"{" F32("a", "[2]", 0, 8) "," F32("b", "[2]", 0, 8) "}", 8, TZ_ERR_FORMAT},
        {"{" F32("a", "[2]", 8, 0) "}", 8, TZ_ERR_FORMAT},
        {"{" F32("a", "[3]", 0, 8) "}", 8, TZ_ERR_FORMAT},
        {"{" F32("a", "[2]", -8, 0) "}", 8, TZ_ERR_FORMAT},
        {"{" F32("a", "[2]", 0, 8.0) "}", 8, TZ_ERR_FORMAT},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", 8, TZ_ERR_FORMAT},
        {"{" F32("a", "[2]", 0, "8") "}", 8, TZ_ERR_FORMAT},
        {"{" F32("a", "[2]", 18446744073709551608, 0) "}", 8, TZ_ERR_FORMAT},
        {"{" F32("a", "[2]", 0, 99999999999999999999999) "}", 8, TZ_ERR_FORMAT},
        // keys that stand twice, at each depth
        {"{" F32("a", "[1]", 0, 4) "," F32("a", "[1]", 0, 4) "}", 4, TZ_ERR_FORMAT},
        {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, TZ_ERR_FORMAT},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, TZ_ERR_FORMAT},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
         TZ_ERR_FORMAT},
        // shapes: products that overflow to the right size, negative, not numbers, too deep
        {"{" F32("a", "[4611686018427387904,4]", 0, 0) "}", 0, TZ_ERR_FORMAT},
        {"{" F32("a", "[4611686018427387905]", 0, 4) "}", 4, TZ_ERR_FORMAT},
        {"{" F32("a", "[4294967296,4294967296]", 0, 0) "}", 0, TZ_ERR_FORMAT},
        {"{" F32("a", "[-1,-2]", 0, 8) "}", 8, TZ_ERR_FORMAT},
        {"{" F32("a", "[2.0]", 0, 8) "}", 8, TZ_ERR_FORMAT},
        {"{" F32("a", "[true]", 0, 4) "}", 4, TZ_ERR_FORMAT},
        {"{" F32("a", "[[2]]", 0, 8) "}", 8, TZ_ERR_FORMAT},
        {"{" F32("a", "2", 0, 8) "}", 8, TZ_ERR_FORMAT},
        {"{" F32("a", "[1,1,1,1,1,1,1,1,1]", 0, 4) "}", 4, TZ_ERR_UNSUPPORTED},
        {"{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", 0, TZ_ERR_FORMAT},
        // members of another type, or missing
        {"{\"a\":1}", 0, TZ_ERR_FORMAT},
        {"{\"a\":null}", 0, TZ_ERR_FORMAT},
        {"{\"a\":{}}", 0, TZ_ERR_FORMAT},
        {"{\"a\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, TZ_ERR_FORMAT},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, TZ_ERR_FORMAT},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, TZ_ERR_FORMAT},
        {"{\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4,
         TZ_ERR_UNSUPPORTED},
        {"{\"a\":{\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, TZ_ERR_UNSUPPORTED},
        // metadata that is not strings
        {"{\"__metadata__\":1}", 0, TZ_ERR_FORMAT},
        {"{\"__metadata__\":null}", 0, TZ_ERR_FORMAT},
        {"{\"__metadata__\":{\"k\":1}}", 0, TZ_ERR_FORMAT},
        {"{\"__metadata__\":{\"k\":null}}", 0, TZ_ERR_FORMAT},
        {"{\"__metadata__\":{\"k\":\"a\\u0000b\"}}", 0, TZ_ERR_FORMAT},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        const tz_status status =
            read_parts(cases[i].header, strlen(cases[i].header), cases[i].buffer_size);
        if (status != cases[i].expected) {
            fail_msg("case %zu %s: %s, expected %s", i, cases[i].header, tz_status_text(status),
                     tz_status_text(cases[i].expected));
        }
    }
}

static void judges_header_sizes(void **state) {
    (void)state;
    static const uint64_t lies[] = {0, 1, 3, 9, 1 << 20, 100000001, 1ull << 63, UINT64_MAX};
    for (size_t i = 0; i < TZ_COUNTOF(lies); i++) {
        assert_int_equal(read_parts("{}", lies[i], 0), TZ_ERR_FORMAT);
    }
}

static void refuses_a_bool_that_is_none(void **state) {
    (void)state;
    const char header[] = "{\"a\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[0,1]}}";
    char bytes[8 + sizeof header] = {sizeof header - 1};
    memcpy(bytes + 8, header, sizeof header - 1);
    bytes[sizeof bytes - 1] = 1;
    assert_int_equal(read_hostile(bytes, sizeof bytes), TZ_OK);
    bytes[sizeof bytes - 1] = 2;
    assert_int_equal(read_hostile(bytes, sizeof bytes), TZ_ERR_FORMAT);
}

static void says_what_is_not_a_file(void **state) {
    (void)state;
    tz_safetensors *file = NULL;
    tz_error error = {0};
    assert_int_equal(tz_safetensors_read(&file, test_folder, &error), TZ_ERR_IO);
    assert_non_null(strstr(error.text, "is a folder"));
    unlink(path);
    assert_int_equal(tz_safetensors_read(&file, path, &error), TZ_ERR_IO);
    assert_non_null(strstr(error.text, "No such file"));
}

// Each allocation fails once: a sentence, no leak, and the old file stays.
static void survives_failing_memory(void **state) {
    (void)state;
    write_sample();
    char before[65], after[65];
    tz_error error = {0};
    assert_int_equal(tz_file_sha256(path, before, &error), TZ_OK);
    const size_t live = tz_alloc_live();
    int failures = 0;
    for (size_t n = 1;; n++) {
        tz_safetensors *file = NULL;
        tz_alloc_fail_after(n);
        const tz_status status = tz_safetensors_read(&file, path, &error);
        tz_alloc_fail_after(0);
        tz_safetensors_destroy(file);
        assert_int_equal(tz_alloc_live(), live);
        if (status == TZ_OK) {
            break;
        }
        assert_int_equal(status, TZ_ERR_MEMORY);
        failures++;
    }
    assert_in_range(failures, 3, 20);
    for (size_t n = 1; n <= 4; n++) {
        tz_alloc_fail_after(n);
        assert_int_equal(tz_safetensors_write(path, tensors, 1, NULL, 0, &error), TZ_ERR_MEMORY);
        tz_alloc_fail_after(0);
        assert_int_equal(tz_alloc_live(), live);
    }
    assert_int_equal(tz_file_sha256(path, after, &error), TZ_OK);
    assert_string_equal(before, after);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(bytes_are_canonical),
        cmocka_unit_test(refuses_to_write_a_name_twice),
        cmocka_unit_test(expect_names_file_tensor_and_shapes),
        cmocka_unit_test(finite_values),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(survives_every_flipped_bit),
        cmocka_unit_test(judges_headers),
        cmocka_unit_test(judges_header_sizes),
        cmocka_unit_test(refuses_a_bool_that_is_none),
        cmocka_unit_test(says_what_is_not_a_file),
        cmocka_unit_test(survives_failing_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
