// `trapeze bench env` and `bench sac` from outside: the fields of their objects, and one sentence
// for what they cannot measure. bench env itself fails when both sides end in different states.
#include "base/export.h"
#include "command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_positive(struct json_object *o, const char *const *keys, size_t n) {
    for (size_t k = 0; k < n; k++) {
        if (!(number(o, keys[k]) > 0.0)) {
            fail_msg("%s is not positive in %s", keys[k], printed);
        }
    }
}

static void env_reports_both_sides(void **state) {
    (void)state;
    static const char *const keys[] = {"bare_steps_per_s",    "steps_per_s",     "of_bare",
                                       "threads_steps_per_s", "threads_of_bare", "vector_of_bare"};
    assert_int_equal(trapeze("bench env --env hopper --worlds 3 --seconds 0 --json"), 0);
    struct json_object *o = printed_json(), *envs = field(o, "envs");
    assert_int_equal(json_object_array_length(envs), 1);
    assert_positive(json_object_array_get_idx(envs, 0), keys, TZ_COUNTOF(keys));
    json_object_put(o);
}

static void sac_reports_updates_and_peak(void **state) {
    (void)state;
    static const char *const keys[] = {"update_ms", "updates_per_s", "peak_gflops", "peak_fraction",
                                       "threads"};
    assert_int_equal(trapeze("bench sac --hidden 48 --batch 70 --threads 2 --seconds 0.01 --json"),
                     0);
    struct json_object *o = printed_json();
    assert_positive(o, keys, TZ_COUNTOF(keys));
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
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        assert_refused(cases[i].sentence, "bench %s", cases[i].arguments);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(env_reports_both_sides),
        cmocka_unit_test(sac_reports_updates_and_peak),
        cmocka_unit_test(what_cannot_be_measured_is_one_sentence),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
