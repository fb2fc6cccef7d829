// Archives of Stable-Baselines3: real ones act as at home (written by
// tests/golden/make_policies.py), broken and hostile ones are refused with a sentence, and nothing
// leaks.
#include "folder.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/safetensors.h"
#include "policies/policy.h"
#include "policies/policy_file.h"
#include "policies/zip.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#define GOLDEN TZ_SOURCE_DIR "/tests/golden/sb3/"

enum { NZ = 10, NU = 2, D = 8, ROWS = 32 }; // Swimmer

static char path[TZ_PATH_MAX];
static tz_env *env;

static int set_up(void **state) {
    (void)state;
    tz_env_def def = tz_env_def_default();
    def.name = "swimmer";
    if (make_folder(state) != 0 || tz_env_create(&env, &def, NULL) != TZ_OK) {
        return -1;
    }
    return tz_path_join(path, test_folder, "policy.zip", NULL) == TZ_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    tz_env_destroy(env);
    unlink(path);
    return rmdir(test_folder);
}

// ---- real archives

static void check_actions(const char *archive, const float *expected, const double *obs) {
    tz_policy *policy;
    tz_policy_workspace *workspace;
    tz_error error;
    if (tz_policy_create(&policy, archive, tz_env_task(env), &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(tz_policy_workspace_create(&workspace, policy, ROWS, NULL), TZ_OK);
    double z[ROWS * NZ];
    float u[ROWS * NU];
    for (int b = 0; b < ROWS; b++) {
        z[b * NZ] = z[b * NZ + 1] = 55.0; // root x, y: not seen
        memcpy(&z[b * NZ + 2], &obs[b * D], D * sizeof *z);
    }
    const size_t allocations = tz_alloc_count();
    tz_policy_act(policy, workspace, u, z, NULL, ROWS);
    assert_int_equal(tz_alloc_count(), allocations);
    for (int i = 0; i < ROWS * NU; i++) {
        assert_true(fabsf(u[i] - expected[i]) <= 1e-5f);
    }
    tz_policy_workspace_destroy(workspace);
    tz_policy_destroy(policy);
}

static void archives_act_as_at_home(void **state) {
    (void)state;
    tz_safetensors *golden;
    assert_int_equal(tz_safetensors_read(&golden, GOLDEN "actions.safetensors", NULL), TZ_OK);
    const double *obs = tz_safetensors_find(golden, "obs")->data;
    check_actions(GOLDEN "sac.zip", tz_safetensors_find(golden, "sac")->data, obs);
    check_actions(GOLDEN "td3.zip", tz_safetensors_find(golden, "td3")->data, obs); // deflated
    check_actions(GOLDEN "ppo.zip", tz_safetensors_find(golden, "ppo")->data, obs); // normalised
    tz_safetensors_destroy(golden);
}

// ---- hostile ones

// Reads the file; a refusal must name it and leave nothing behind.
static tz_status read_policy(char text[1024]) {
    tz_policy *policy;
    tz_error error = {0};
    const size_t live = tz_alloc_live();
    const tz_status status = tz_policy_create(&policy, path, tz_env_task(env), &error);
    tz_policy_destroy(policy);
    assert_int_equal(tz_alloc_live(), live);
    if (status != TZ_OK && strstr(error.text, path) == NULL) {
        fail_msg("'%s' does not name the file", error.text);
    }
    snprintf(text, 1024, "%s", error.text);
    return status;
}

static void expect_refused(const void *bytes, size_t size, const char *part_of_sentence) {
    char text[1024];
    assert_int_equal(tz_file_write(path, bytes, size, NULL), TZ_OK);
    assert_int_not_equal(read_policy(text), TZ_OK);
    if (strstr(text, part_of_sentence) == NULL) {
        fail_msg("'%s' does not say '%s'", text, part_of_sentence);
    }
}

static void truncated_archives_are_refused(void **state) {
    (void)state;
    static const char *const archives[] = {GOLDEN "sac.zip", GOLDEN "td3.zip"};
    for (size_t i = 0; i < TZ_COUNTOF(archives); i++) {
        char *bytes;
        size_t size;
        assert_int_equal(tz_file_read(archives[i], &bytes, &size, 1 << 20, NULL), TZ_OK);
        for (size_t kept = 0; kept < size; kept += 997) {
            expect_refused(bytes, kept, "");
        }
        tz_free(bytes);
    }
}

// One wrong byte anywhere is refused, or lies where nothing of a policy is read.
static void damaged_archives_do_no_harm(void **state) {
    (void)state;
    char *bytes, text[1024];
    size_t size;
    int n_refused = 0;
    assert_int_equal(tz_file_read(GOLDEN "ppo.zip", &bytes, &size, 1 << 20, NULL), TZ_OK);
    for (size_t at = 0; at < size; at += 157) {
        bytes[at] ^= 0x55;
        assert_int_equal(tz_file_write(path, bytes, size, NULL), TZ_OK);
        n_refused += read_policy(text) != TZ_OK;
        bytes[at] ^= 0x55;
    }
    assert_true(n_refused > 20);
    tz_free(bytes);
}

// ---- archives made here

typedef struct buffer {
    unsigned char bytes[1 << 21];
    size_t size;
} buffer;

static void put(buffer *to, uint64_t x, int n_bytes) {
    for (int i = 0; i < n_bytes; i++) {
        to->bytes[to->size++] = (unsigned char)(x >> 8 * i);
    }
}

static void put_bytes(buffer *to, const void *bytes, size_t size) {
    assert_true(to->size + size <= sizeof to->bytes);
    memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
}

typedef struct part {
    const char *name;
    const void *bytes;
    size_t size;
    size_t claimed; // size that the directory says; 0: the true one
    int place;      // local header of this earlier part instead of its own; -1: its own
} part;

// A zip of stored members, as true or false as its parts say.
static void make_zip(buffer *zip, const part *parts, int n) {
    size_t local[8];
    zip->size = 0;
    for (int i = 0; i < n; i++) {
        local[i] = zip->size;
        put(zip, 0x04034b50, 4), put(zip, 20, 2), put(zip, 0, 2), put(zip, 0, 2), put(zip, 0, 4);
        put(zip, 0, 4), put(zip, 0, 4), put(zip, 0, 4);
        put(zip, strlen(parts[i].name), 2), put(zip, 0, 2);
        put_bytes(zip, parts[i].name, strlen(parts[i].name));
        put_bytes(zip, parts[i].bytes, parts[i].size);
    }
    const size_t directory = zip->size;
    for (int i = 0; i < n; i++) {
        const size_t size = parts[i].claimed != 0 ? parts[i].claimed : parts[i].size;
        const bool is_packed = parts[i].claimed != 0;
        put(zip, 0x02014b50, 4), put(zip, 20, 2), put(zip, 20, 2), put(zip, 0, 2);
        put(zip, is_packed ? 8 : 0, 2), put(zip, 0, 4);
        put(zip, crc32(0, parts[i].bytes, (uInt)parts[i].size), 4);
        put(zip, parts[i].size, 4), put(zip, size, 4), put(zip, strlen(parts[i].name), 2);
        put(zip, 0, 2), put(zip, 0, 2), put(zip, 0, 2), put(zip, 0, 2), put(zip, 0, 4);
        put(zip, parts[i].place < 0 ? local[i] : local[parts[i].place], 4);
        put_bytes(zip, parts[i].name, strlen(parts[i].name));
    }
    const size_t end = zip->size;
    put(zip, 0x06054b50, 4), put(zip, 0, 4), put(zip, (uint64_t)n, 2), put(zip, (uint64_t)n, 2);
    put(zip, end - directory, 4), put(zip, directory, 4), put(zip, 0, 2);
}

static void hostile_zips_are_refused(void **state) {
    (void)state;
    static buffer zip;
    static const struct {
        part parts[2];
        int n;
        const char *sentence;
    } bad[] = {
        {{{"../../etc/data.pkl", "x", 1, 0, -1}}, 1, "leaves its folder"},
        {{{"/etc/data.pkl", "x", 1, 0, -1}}, 1, "leaves its folder"},
        {{{"a\\..\\data.pkl", "x", 1, 0, -1}}, 1, "leaves its folder"},
        {{{"", "x", 1, 0, -1}}, 1, "empty"},
        {{{"data", "x", 1, 0, -1}, {"data", "y", 1, 0, -1}}, 2, "one name"},
        {{{"data", "x", 1, 0, -1}, {"date", "y", 1, 0, 0}}, 2, "disagrees"},
        {{{"policy.pth", "xxxx", 4, 0xfffffff0, -1}}, 1, "cannot hold its size"},
        {{{"policy.pth", "xxxx", 4, 4000, -1}, {"data", "{}", 2, 0, -1}}, 2, "damaged"},
        {{{"policy.pth", "xxxx", 4, 0, -1}, {"data", "{}", 2, 0, -1}}, 2, "end record"},
        {{{"policy.pth", "xxxx", 4, 0, -1}}, 1, "'data'"},
        {{{"weights", "xxxx", 4, 0, -1}}, 1, "data.pkl"},
    };
    for (size_t i = 0; i < TZ_COUNTOF(bad); i++) {
        make_zip(&zip, bad[i].parts, bad[i].n);
        expect_refused(zip.bytes, zip.size, bad[i].sentence);
    }
}

// VecNormalize's file beside a policy is that of an archive of Stable-Baselines3, and of no other
// file that PyTorch writes.
static void statistics_belong_to_archives(void **state) {
    (void)state;
    static buffer zip;
    char statistics[TZ_PATH_MAX], found[TZ_PATH_MAX];
    assert_int_equal(tz_path_join(statistics, test_folder, "vecnormalize.pkl", NULL), TZ_OK);
    assert_int_equal(tz_file_write(statistics, "x", 1, NULL), TZ_OK);
    const part of_sb3[] = {{"data", "{}", 2, 0, -1}, {"policy.pth", "xxxx", 4, 0, -1}};
    make_zip(&zip, of_sb3, 2);
    assert_int_equal(tz_file_write(path, zip.bytes, zip.size, NULL), TZ_OK);
    tz_policy_find_statistics(found, path);
    assert_string_equal(found, statistics);
    const part of_torch[] = {{"actor/data.pkl", "xxxx", 4, 0, -1}, {"data", "{}", 2, 0, -1}};
    make_zip(&zip, of_torch, 2);
    assert_int_equal(tz_file_write(path, zip.bytes, zip.size, NULL), TZ_OK);
    tz_policy_find_statistics(found, path);
    assert_string_equal(found, "");
    unlink(statistics);
}

// A megabyte of empty objects would take a third of a gigabyte.
static void hostile_json_is_refused(void **state) {
    (void)state;
    static buffer zip;
    static char json[3 * 350000 + 16];
    size_t size = (size_t)snprintf(json, sizeof json, "{\"a\":[");
    for (int i = 0; i < 350000; i++) {
        memcpy(json + size, "{},", 3);
        size += 3;
    }
    memcpy(json + size - 1, "]}", 2);

    // beside weights that are sound
    char *whole, *weights;
    size_t whole_size, weights_size;
    tz_zip *sound;
    assert_int_equal(tz_file_read(GOLDEN "sac.zip", &whole, &whole_size, 1 << 20, NULL), TZ_OK);
    assert_int_equal(tz_zip_open(&sound, whole, whole_size, "sac.zip", NULL), TZ_OK);
    assert_int_equal(tz_zip_read(sound, tz_zip_find(sound, "policy.pth"), &weights, &weights_size,
                                 1 << 20, NULL),
                     TZ_OK);
    const part parts[] = {{"data", json, size + 1, 0, -1},
                          {"policy.pth", weights, weights_size, 0, -1}};
    make_zip(&zip, parts, 2);
    tz_zip_close(sound);
    tz_free(weights);
    tz_free(whole);
    expect_refused(zip.bytes, zip.size, "more JSON values");
}

static void expect_pickle_refused(const void *pickle, size_t size, const char *sentence) {
    static buffer zip;
    const part parts[] = {{"archive/data.pkl", pickle, size, 0, -1},
                          {"archive/data/0", "abcdefgh", 8, 0, -1}};
    make_zip(&zip, parts, 2);
    expect_refused(zip.bytes, zip.size, sentence);
}

// A state dict with one tensor: storage of 2 floats, then offset, sizes and strides.
#define TENSOR(offset, sizes, strides)                                                             \
    "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0"     \
    "0X\x03\0\0\0cpuK\x02tQ" offset sizes strides "\x89}tR"
#define STATE_DICT(offset, sizes, strides)                                                         \
    "\x80\x02}X\x0f\0\0\0actor.mu.weight" TENSOR(offset, sizes, strides) "s."

static void hostile_pickles_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *pickle;
        size_t size;
        const char *sentence;
    } bad[] = {
#define PICKLE(text) text, sizeof text - 1
        {PICKLE("\x80\x02"
                "cos\nsystem\nX\x02\0\0\0id\x85R."),
         "nothing was run"},
        {PICKLE("\x80\x04\x8c\x08"
                "builtins\x8c\x04"
                "eval\x93\x8c\x01"
                "1\x85R."),
         "'builtins eval'"},
        {PICKLE("\x80\x02}."), "known actor"},
        {PICKLE("\x80\x02N."), "no state dict"},
        {PICKLE("\x80\x09N."), "protocol"},
        {PICKLE("\x80\x02(lp0\n."), "opcode"},
        {PICKLE("\x80\x02}"), "cut short"},
        {PICKLE("\x80\x02X\xff\xff\xff\x7fx."), "cut short"},
        {PICKLE("\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff."), "cut short"},
        {PICKLE("\x80\x02s."), "cannot hold"},
        {PICKLE("\x80\x02t."), "mark"},
        {PICKLE("\x80\x02h\x07."), "never kept"},
        {PICKLE("\x80\x02Nr\xff\xff\xff\xff."), "memo"},
        {PICKLE("\x80\x02NN."), "several objects"},
        {PICKLE("\x80\x02K\x01N\x86K\x02R."), "a call"},
        {PICKLE(STATE_DICT("K\x00", "K\x01K\x02\x86", "K\x02K\x01\x86")), "actor.mu"},
        {PICKLE(STATE_DICT("K\x00", "K\x01K\x03\x86", "K\x02K\x01\x86")), "leave its storage"},
        {PICKLE(STATE_DICT("K\x02", "K\x01K\x01\x86", "K\x02K\x01\x86")), "leave its storage"},
        {PICKLE(STATE_DICT("J\xff\xff\xff\xff", "K\x01K\x01\x86", "K\x02K\x01\x86")), "offset"},
        {PICKLE(STATE_DICT("K\x00", "J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86", "K\x00K\x00\x86")),
         "larger than"},
        {PICKLE(STATE_DICT("K\x00", "\x8a\x08\0\0\0\0\0\0\0\x40K\x04\x86", "K\x00K\x00\x86")),
         "leave its storage"},
        {PICKLE(STATE_DICT("K\x00", "K\x01\x85", "K\x02K\x01\x86")), "strides"},
        // one number, 2^26 times, twice
        {PICKLE("\x80\x02}X\x0f\0\0\0actor.mu.weight" TENSOR(
             "K\x00", "J\0\0\0\x04\x85",
             "K\x00\x85") "sX\x0d\0\0\0actor.mu.bias" TENSOR("K\x00", "J\0\0\0\x04\x85",
                                                             "K\x00\x85") "s."),
         "actor.mu.bias"},
    };
    for (size_t i = 0; i < TZ_COUNTOF(bad); i++) {
        expect_pickle_refused(bad[i].pickle, bad[i].size, bad[i].sentence);
    }

    // a hundred thousand open marks and lists
    char *deep = tz_alloc(60000, 1);
    memset(deep, ']', 60000);
    deep[0] = (char)0x80, deep[1] = 2;
    expect_pickle_refused(deep, 60000, "too deep");
    tz_free(deep);
}

static void wrong_statistics_are_refused(void **state) {
    (void)state;
    char *bytes, text[1024], statistics[TZ_PATH_MAX];
    size_t size;
    assert_int_equal(tz_file_read(GOLDEN "sac.zip", &bytes, &size, 1 << 20, NULL), TZ_OK);
    assert_int_equal(tz_file_write(path, bytes, size, NULL), TZ_OK);
    tz_free(bytes);
    assert_int_equal(read_policy(text), TZ_OK);

    snprintf(statistics, sizeof statistics, "%s/vecnormalize.pkl", test_folder);
    assert_int_equal(tz_file_read(GOLDEN "ppo/vecnormalize.pkl", &bytes, &size, 1 << 20, NULL),
                     TZ_OK);
    static const char *const sentences[] = {"cut short", "vecnormalize.pkl"};
    for (size_t kept = 1; kept < size; kept += 97) {
        assert_int_equal(tz_file_write(statistics, bytes, kept, NULL), TZ_OK);
        tz_policy *policy;
        tz_error error;
        assert_int_not_equal(tz_policy_create(&policy, path, tz_env_task(env), &error), TZ_OK);
        for (size_t i = 0; i < TZ_COUNTOF(sentences); i++) {
            assert_non_null(strstr(error.text, sentences[i]));
        }
    }
    tz_free(bytes);
    unlink(statistics);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(archives_act_as_at_home),
        cmocka_unit_test(truncated_archives_are_refused),
        cmocka_unit_test(damaged_archives_do_no_harm),
        cmocka_unit_test(hostile_zips_are_refused),
        cmocka_unit_test(hostile_json_is_refused),
        cmocka_unit_test(statistics_belong_to_archives),
        cmocka_unit_test(hostile_pickles_are_refused),
        cmocka_unit_test(wrong_statistics_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
