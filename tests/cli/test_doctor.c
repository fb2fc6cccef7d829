// `trapeze doctor` run as a person or a script runs it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

// Runs a shell command and keeps what it printed on stdout; returns its exit status.
static int run(const char *command, char *text, size_t size) {
    FILE *output = popen(command, "r");
    assert_non_null(output);
    text[fread(text, 1, size - 1, output)] = '\0';
    return WEXITSTATUS(pclose(output));
}

static struct json_object *field(struct json_object *object, const char *key) {
    struct json_object *value = NULL;
    assert_true(json_object_object_get_ex(object, key, &value));
    return value;
}

static bool array_holds(struct json_object *array, const char *key, const char *text) {
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        struct json_object *entry = json_object_array_get_idx(array, i);
        entry = key != NULL ? field(entry, key) : entry;
        if (strcmp(json_object_get_string(entry), text) == 0) {
            return true;
        }
    }
    return false;
}

static char text[1 << 16];

// The test machine has everything: `make test` installs it.
static void test_complete_machine(void **state) {
    (void)state;
    assert_int_equal(run(TZ_PROGRAM " doctor --json", text, sizeof text), 0);
    struct json_object *report = json_tokener_parse(text);
    assert_non_null(report);

    static const char *const versions[] = {"version", "compiler", "mujoco", "openblas",
                                           "hdf5",    "json_c",   "ffmpeg", "gnuplot"};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        const char *version = json_object_get_string(field(report, versions[i]));
        assert_non_null(version);
        assert_true(strlen(version) > 0);
    }

    struct json_object *cpu = field(report, "cpu");
    const int usable = json_object_get_int(field(cpu, "usable_cpus"));
    assert_in_range(usable, 1, json_object_get_int(field(cpu, "cpus")));

    struct json_object *products = field(report, "products");
    assert_false(json_object_get_boolean(field(products, "core_mismatch")));
    assert_true(json_object_get_double(field(products, "fma_peak_gflops")) > 1.0);
    assert_true(json_object_get_double(field(products, "tile_gflops")) > 1.0);

    assert_true(array_holds(field(report, "environments"), NULL, "half_cheetah"));
    assert_true(strlen(json_object_get_string(field(field(report, "graphics"), "renderer"))) > 0);
    assert_int_equal(json_object_array_length(field(report, "missing")), 0);
    json_object_put(report);

    assert_int_equal(run(TZ_PROGRAM " doctor", text, sizeof text), 0);
    assert_non_null(strstr(text, "Nothing is missing."));
}

// Programs that are not in PATH are named with what they are for and how to get them.
static void test_missing_programs(void **state) {
    (void)state;
    assert_int_equal(run("PATH=/nonexistent " TZ_PROGRAM " doctor --json", text, sizeof text), 1);
    struct json_object *report = json_tokener_parse(text);
    assert_non_null(report);
    assert_null(field(report, "ffmpeg"));
    assert_null(field(report, "gnuplot"));
    struct json_object *missing = field(report, "missing");
    assert_int_equal(json_object_array_length(missing), 2);
    assert_true(array_holds(missing, "what", "ffmpeg"));
    assert_true(array_holds(missing, "remedy", "apt-get install ffmpeg"));
    assert_true(array_holds(missing, "what", "gnuplot"));
    assert_true(array_holds(missing, "remedy", "apt-get install gnuplot-nox"));
    json_object_put(report);

    assert_int_equal(run("PATH=/nonexistent " TZ_PROGRAM " doctor", text, sizeof text), 1);
    assert_non_null(strstr(text, "ffmpeg (for videos): apt-get install ffmpeg"));
}

// A core type that is older than the CPU, forced by the user, is shown with its remedy.
static void test_old_core(void **state) {
    (void)state;
    assert_int_equal(
        run("OPENBLAS_CORETYPE=Nehalem " TZ_PROGRAM " doctor --json", text, sizeof text), 1);
    struct json_object *report = json_tokener_parse(text);
    assert_non_null(report);
    struct json_object *products = field(report, "products");
    assert_string_equal(json_object_get_string(field(products, "openblas_core")), "Nehalem");
    assert_true(json_object_get_boolean(field(products, "core_mismatch")));
    assert_true(array_holds(field(report, "missing"), "what", "OpenBLAS kernels for this CPU"));
    json_object_put(report);
}

static void test_bad_option(void **state) {
    (void)state;
    assert_int_equal(run(TZ_PROGRAM " doctor --jsno 2>&1", text, sizeof text), 2);
    assert_non_null(strstr(text, "--jsno"));
    assert_null(strchr(strchr(text, '\n') + 1, '\n')); // one line
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complete_machine),
        cmocka_unit_test(test_missing_programs),
        cmocka_unit_test(test_old_core),
        cmocka_unit_test(test_bad_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
