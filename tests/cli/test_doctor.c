// `trapeze doctor` run as a person or a script runs it.
#include "command.h"
#include "envs/hamiltonian/system.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>

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

// The test machine has everything: `make test` installs it.
static void test_complete_machine(void **state) {
    (void)state;
    if (!TZ_HAS_SYSTEMS) {
        skip();
    }
    assert_int_equal(trapeze("doctor --json"), 0);
    struct json_object *report = printed_json();

    static const char *const versions[] = {"version", "compiler", "mujoco", "openblas", "sundials",
                                           "hdf5",    "json_c",   "ffmpeg", "gnuplot"};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        const char *version = words(report, versions[i]);
        assert_non_null(version);
        assert_true(strlen(version) > 0);
    }

    struct json_object *cpu = field(report, "cpu");
    const int usable = (int)number(cpu, "usable_cpus");
    assert_in_range(usable, 1, (int)number(cpu, "cpus"));

    struct json_object *products = field(report, "products");
    assert_false(json_object_get_boolean(field(products, "core_mismatch")));
    assert_true(number(products, "fma_peak_gflops") > 0.0); // how much is the machine's
    assert_true(number(products, "tile_gflops") > 0.0);
    const bool has_avx2 = array_holds(field(cpu, "features"), NULL, "avx2");
    assert_int_equal(strcmp(words(products, "layer_kernels"), "none") != 0, has_avx2);

    assert_true(array_holds(field(report, "environments"), NULL, "half_cheetah"));
    assert_int_equal((int)number(report, "systems"), tz_system_count());
    const bool has_mpi = json_object_get_boolean(field(report, "mpi"));
    assert_true(strlen(json_object_get_string(field(field(report, "graphics"), "renderer"))) > 0);
    assert_int_equal(json_object_array_length(field(report, "missing")), 0);
    json_object_put(report);

    assert_int_equal(trapeze("doctor"), 0);
    assert_non_null(strstr(printed, "Nothing is missing."));
    assert_non_null(strstr(printed, has_mpi ? "built with it" : "built without it"));
}

// Programs that are not in PATH are named with what they are for and how to get them.
static void test_missing_programs(void **state) {
    (void)state;
    assert_int_equal(shell("PATH=/nonexistent " TZ_PROGRAM " doctor --json"), 1);
    struct json_object *report = printed_json();
    assert_null(field(report, "ffmpeg"));
    assert_null(field(report, "gnuplot"));
    struct json_object *missing = field(report, "missing");
    assert_int_equal(json_object_array_length(missing), 2 + !TZ_HAS_SYSTEMS);
    assert_true(array_holds(missing, "what", "ffmpeg"));
    assert_true(array_holds(missing, "remedy", "apt-get install ffmpeg"));
    assert_true(array_holds(missing, "what", "gnuplot"));
    assert_true(array_holds(missing, "remedy", "apt-get install gnuplot-nox"));
    json_object_put(report);

    assert_int_equal(shell("PATH=/nonexistent " TZ_PROGRAM " doctor"), 1);
    assert_non_null(strstr(printed, "ffmpeg (for videos): apt-get install ffmpeg"));
}

// A core type that is older than the CPU, forced by the user, is shown with its remedy.
static void test_old_core(void **state) {
    (void)state;
    assert_int_equal(shell("OPENBLAS_CORETYPE=Nehalem " TZ_PROGRAM " doctor --json"), 1);
    struct json_object *report = printed_json();
    struct json_object *products = field(report, "products");
    assert_string_equal(words(products, "openblas_core"), "Nehalem");
    assert_true(json_object_get_boolean(field(products, "core_mismatch")));
    assert_true(array_holds(field(report, "missing"), "what", "OpenBLAS kernels for this CPU"));
    json_object_put(report);
}

static void test_bad_option(void **state) {
    (void)state;
    assert_refused("--jsno", "doctor --jsno");
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
