// `trapeze bench env` and `bench sac` from outside: the fields of their objects, and one sentence
// for what they cannot measure. bench env itself fails when both sides end in different states.
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char text[1 << 16];

static int run(const char *arguments) {
    char command[1024];
    snprintf(command, sizeof command, "%s bench %s", TZ_PROGRAM, arguments);
    FILE *output = popen(command, "r");
    assert_non_null(output);
    text[fread(text, 1, sizeof text - 1, output)] = '\0';
    return WEXITSTATUS(pclose(output));
}

static void assert_positive(struct json_object *o, const char *const *keys, size_t n) {
    for (size_t k = 0; k < n; k++) {
        struct json_object *value = NULL;
        if (!json_object_object_get_ex(o, keys[k], &value) ||
            !(json_object_get_double(value) > 0.0)) {
            fail_msg("%s is missing or not positive in %s", keys[k], text);
        }
    }
}

static void env_reports_both_sides(void **state) {
    (void)state;
    static const char *const keys[] = {"bare_steps_per_s",    "steps_per_s",     "of_bare",
                                       "threads_steps_per_s", "threads_of_bare", "vector_of_bare"};
    assert_int_equal(run("env --env hopper --worlds 3 --seconds 0 --json"), 0);
    struct json_object *o = json_tokener_parse(text), *envs = NULL;
    assert_true(json_object_object_get_ex(o, "envs", &envs));
    assert_int_equal(json_object_array_length(envs), 1);
    assert_positive(json_object_array_get_idx(envs, 0), keys, COUNT(keys));
    json_object_put(o);
}

static void sac_reports_updates_and_peak(void **state) {
    (void)state;
    static const char *const keys[] = {"update_ms", "updates_per_s", "peak_gflops", "peak_fraction",
                                       "threads"};
    assert_int_equal(run("sac --hidden 48 --batch 70 --threads 2 --seconds 0.01 --json"), 0);
    struct json_object *o = json_tokener_parse(text);
    assert_positive(o, keys, COUNT(keys));
    json_object_put(o);
}

static void what_cannot_be_measured_is_one_sentence(void **state) {
    (void)state;
    static const struct {
        const char *arguments, *sentence;
    } cases[] = {{"env --env chain-1", "not simulated by MuJoCo"},
                 {"env --env half_horse", "half_horse"},
                 {"env --worlds 0", "--worlds"},
                 {"sac --env chain-1", "no controls"},
                 {"sac --hidden 40", "multiple of 16"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char arguments[256];
        snprintf(arguments, sizeof arguments, "%s 2>&1 >/dev/null", cases[i].arguments);
        const int status = run(arguments);
        if (status != 2 || strstr(text, cases[i].sentence) == NULL ||
            strchr(text, '\n') != text + strlen(text) - 1) {
            fail_msg("%s: exit %d, '%s'", cases[i].arguments, status, text);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(env_reports_both_sides),
        cmocka_unit_test(sac_reports_updates_and_peak),
        cmocka_unit_test(what_cannot_be_measured_is_one_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
