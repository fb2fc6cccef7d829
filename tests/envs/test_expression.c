// Rewards and end rules of MJCF files: values, precedence, names, and what is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "envs/expression.h"

#include <math.h>
#include <string.h>

// Hopper has coordinates and an actuator to name; its sensors come from the file in
// test_mjcf_env.c.
static tz_env *env;
static double z[12] = {1.0, 2.0, 3.0}, z_next[12] = {1.5, 4.0, -3.0, [6] = 7.0}, u[3] = {1, 2, -3};

static int setup(void **state) {
    (void)state;
    tz_env_def def = tz_env_def_default();
    def.name = "hopper";
    return tz_env_create(&env, &def, NULL);
}

static int teardown(void **state) {
    (void)state;
    tz_env_destroy(env);
    return 0;
}

static tz_status parse(tz_expression *e, const char *text, tz_error *error) {
    return tz_expression_parse(e, text, "trapeze_reward", "file.xml", tz_env_task(env),
                               tz_env_mj_model(env), error);
}

// What is not a number is told as that, whatever it is compared with.
static void test_min_and_max_hide_no_nan(void **state) {
    (void)state;
    static const char *const texts[] = {"min(sqrt(-1), 1)", "min(1, sqrt(-1))", "max(sqrt(-1), 1)",
                                        "max(1, sqrt(-1))"};
    for (size_t i = 0; i < TZ_COUNTOF(texts); i++) {
        tz_expression e;
        assert_int_equal(parse(&e, texts[i], NULL), TZ_OK);
        assert_true(isnan(tz_expression_value(&e, tz_env_task(env), (tz_moment){.z = z}, u,
                                              (tz_moment){.z = z_next})));
    }
}

static void test_values(void **state) {
    (void)state;
    const struct {
        const char *text;
        double value;
    } cases[] = {
        {"1 + 2 * 3", 7},
        {"(1 + 2) * 3", 9},
        {"7 - 2 - 1", 4},
        {"8 / 4 / 2", 1},
        {"2 ^ 3 ^ 2", 512},
        {"-2 ^ 2", -4},
        {"2 ^ -1", 0.5},
        {"- - 3", 3},
        {"1e-3 * .5", 5e-4},
        {"min(3, max(1, 2)) + abs(-4) + sqrt(9)", 9},
        {"exp(0) + sin(0) + cos(0)", 2},
        {"1 < 2", 1},
        {"2 <= 2 and not 3 > 4", 1},
        {"0 or 1 and 0", 0},
        {"not 0 or 0", 1},
        {"not not 5", 1},
        {"1 >= 2", 0},
        {"q.root_x", 1.5},
        {"v.root_x", 7},
        {"(q.root_x - before(q.root_x)) / dt", 0.5 / 0.008},
        {"before(q.root_z + q.root_pitch)", 5},
        {"u.foot", -3},
        {"control", 14},
        {"  q.root_z\n+ 1 ", 5},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        tz_expression e;
        tz_error error;
        if (parse(&e, cases[i].text, &error) != TZ_OK) {
            fail_msg("%s: %s", cases[i].text, error.text);
        }
        const double value = tz_expression_value(&e, tz_env_task(env), (tz_moment){.z = z}, u,
                                                 (tz_moment){.z = z_next});
        if (!(fabs(value - cases[i].value) <= 1e-12 * fabs(cases[i].value))) {
            fail_msg("%s is %.17g, expected %.17g", cases[i].text, value, cases[i].value);
        }
    }
}

static void test_refused(void **state) {
    (void)state;
    char deep[200], long_sum[2000] = "1";
    memset(deep, '(', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    while (strlen(long_sum) < 1900) {
        strcat(long_sum, "+1");
    }
    const struct {
        const char *text, *word; // and what the sentence names
    } cases[] = {
        {"", "the end"},        {"1 +", "the end"},       {"1 2", "'2'"},
        {"(1", "')'"},          {"q.rot_x", "q.rot_x"},   {"speed", "speed"},
        {"sqr(2)", "sqr"},      {"min(1)", "','"},        {"1e999", "finite"},
        {"1 $ 2", "$"},         {"u.knee", "u.knee"},     {"before(before(1))", "before"},
        {"sin 1", "sin"},       {deep, "deeper"},         {long_sum, "too long"},
        {"1 < 2 < 3", "'< 3'"}, {"q.root_x[0]", "'[0]'"},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        tz_expression e;
        tz_error error;
        assert_int_equal(parse(&e, cases[i].text, &error), TZ_ERR_FORMAT);
        if (!strstr(error.text, cases[i].word) || !strstr(error.text, "file.xml")) {
            fail_msg("%s: %s", cases[i].text, error.text);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_min_and_max_hide_no_nan),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
