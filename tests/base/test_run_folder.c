// The configuration of a run, and JSON as files.
#include "folder.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/run_folder.h"

#include <json-c/json.h>
#include <math.h>
#include <mujoco/mujoco.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[TZ_PATH_MAX];

static int set_up(void **state) {
    (void)state;
    return make_folder(state) != 0 || tz_path_join(path, test_folder, "config.json", NULL) != TZ_OK;
}

static int tear_down(void **state) {
    (void)state;
    unlink(path);
    return rmdir(test_folder);
}

static const char *text_at(struct json_object *object, const char *key) {
    return json_object_get_string(json_object_object_get(object, key));
}

static void configuration_says_what_ran(void **state) {
    (void)state;
    char *argv[] = {"collect", "--env", "hopper"};
    tz_error error = {0};
    struct json_object *config = tz_config_new(3, argv, UINT64_MAX);
    assert_int_equal(tz_file_write(path, "abc", 3, &error), TZ_OK);
    assert_int_equal(tz_config_add_input(config, "policy", path, &error), TZ_OK);
    assert_int_equal(tz_config_add_input(config, "absent", "/nowhere", &error), TZ_ERR_IO);
    assert_int_equal(tz_json_write(path, config, &error), TZ_OK);
    json_object_put(config);

    assert_int_equal(tz_json_read(path, &config, &error), TZ_OK);
    assert_string_equal(text_at(config, "program"), "trapeze");
    char version[64];
    snprintf(version, sizeof version, "trapeze %s", text_at(config, "version"));
    assert_string_equal(version, tz_version());
    assert_string_equal(text_at(config, "mujoco"), mj_versionString());
    assert_true(json_object_get_uint64(json_object_object_get(config, "seed")) == UINT64_MAX);
    struct json_object *command = json_object_object_get(config, "command");
    assert_int_equal(json_object_array_length(command), 4);
    assert_string_equal(json_object_get_string(json_object_array_get_idx(command, 0)), "trapeze");
    assert_string_equal(json_object_get_string(json_object_array_get_idx(command, 3)), "hopper");
    static const char *const versions[] = {"hdf5", "openblas", "compiler"};
    for (size_t i = 0; i < TZ_COUNTOF(versions); i++) {
        assert_true(strlen(text_at(config, versions[i])) > 0);
    }
    struct json_object *inputs = json_object_object_get(config, "inputs");
    struct json_object *input = json_object_object_get(inputs, "policy");
    assert_string_equal(text_at(input, "path"), path);
    assert_string_equal(text_at(input, "sha256"),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    json_object_put(config);
}

// Doubles read back as they were, in the fewest digits that allow it.
static void doubles_survive(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"},
                 {1.0, "1.0"},
                 {-2.5e-300, "-2.5e-300"},
                 {1.0 / 3.0, "0.3333333333333333"},
                 {5e-324, "4.94065645841247e-324"},
                 {INFINITY, "Infinity"},
                 {-INFINITY, "-Infinity"},
                 {NAN, "NaN"}};
    tz_error error = {0};
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        struct json_object *object = json_object_new_object();
        struct json_object *list = json_object_new_array();
        json_object_array_add(list, json_object_new_double(cases[i].value));
        json_object_object_add(object, "list", list);
        assert_int_equal(tz_json_write(path, object, &error), TZ_OK);
        json_object_put(object);

        char *text = NULL;
        size_t size = 0;
        assert_int_equal(tz_file_read(path, &text, &size, 4096, &error), TZ_OK);
        if (strstr(text, cases[i].text) == NULL) {
            fail_msg("%s, expected %s", text, cases[i].text);
        }
        tz_free(text);
        assert_int_equal(tz_json_read(path, &object, &error), TZ_OK);
        const double value = json_object_get_double(
            json_object_array_get_idx(json_object_object_get(object, "list"), 0));
        assert_true(value == cases[i].value || (isnan(value) && isnan(cases[i].value)));
        json_object_put(object);
    }
}

static void judges_files(void **state) {
    (void)state;
    static const struct {
        const char *text;
        tz_status expected;
        const char *sentence;
    } cases[] = {
        {"{}", TZ_OK, ""},
        {" {\"low\": [-Infinity, Infinity, NaN]}\n\n", TZ_OK, ""},
        {"", TZ_ERR_FORMAT, "unexpected end of data"},
        {"{\"a\": 1", TZ_ERR_FORMAT, "unexpected end of data"},
        {"{\"a\" 1}", TZ_ERR_FORMAT, "not JSON at byte 5"},
        {"{\"a", TZ_ERR_FORMAT, "unexpected end of data"},
        {"{} x", TZ_ERR_FORMAT, "more text after the JSON value, at byte"},
        {"null", TZ_ERR_FORMAT, "holds null, expected an object"},
        {"12", TZ_OK, ""},
    };
    tz_error error = {0};
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        assert_int_equal(tz_file_write(path, cases[i].text, strlen(cases[i].text), &error), TZ_OK);
        struct json_object *object = NULL;
        error.text[0] = '\0';
        const tz_status status = tz_json_read(path, &object, &error);
        if (status != cases[i].expected || strstr(error.text, cases[i].sentence) == NULL) {
            fail_msg("'%s': %s, %s", cases[i].text, tz_status_text(status), error.text);
        }
        assert_true(status == TZ_OK || strstr(error.text, path) != NULL);
        json_object_put(object);
    }

    // deeper than any file of ours
    char deep[2000];
    memset(deep, '[', 1000);
    memset(deep + 1000, ']', 1000);
    struct json_object *object = NULL;
    assert_int_equal(tz_file_write(path, deep, sizeof deep, &error), TZ_OK);
    assert_int_equal(tz_json_read(path, &object, &error), TZ_ERR_FORMAT);
    assert_int_equal(tz_json_read("/nowhere", &object, &error), TZ_ERR_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configuration_says_what_ran),
        cmocka_unit_test(doubles_survive),
        cmocka_unit_test(judges_files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
