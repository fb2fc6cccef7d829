// Gymnasium's observation layouts, and the gathering of observations.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "envs/observation.h"

#include <math.h>

// Published: size of the observation, first position in it, bound on the velocities.
static const struct expected {
    const char *name;
    int nq, n, first;
    double v_clip;
} expected[] = {
    {"half_cheetah", 9, 17, 1, INFINITY},     {"hopper", 6, 11, 1, 10.0},
    {"swimmer", 5, 8, 2, INFINITY},           {"walker2d", 9, 17, 1, 10.0},
    {"inverted_pendulum", 2, 4, 0, INFINITY},
};

static void test_gymnasium(void **state) {
    (void)state;
    assert_int_equal(TZ_COUNTOF(expected), tz_env_count());
    for (size_t k = 0; k < TZ_COUNTOF(expected); k++) {
        const struct expected *e = &expected[k];
        tz_observation_layout layout;
        assert_true(tz_observation_layout_gymnasium(&layout, e->name));
        assert_int_equal(layout.n, e->n);
        for (int i = 0; i < layout.n; i++) {
            const bool is_velocity = layout.index[i] >= e->nq;
            assert_int_equal(layout.index[i], e->first + i);
            assert_true(layout.high[i] == (is_velocity ? e->v_clip : INFINITY));
            assert_true(layout.low[i] == -layout.high[i]);
        }
        assert_true(
            tz_observation_layout_gymnasium(&layout, tz_env_info_find(e->name)->gymnasium_id));
    }
    tz_observation_layout layout;
    assert_false(tz_observation_layout_gymnasium(&layout, "hoper"));
}

static void test_gather(void **state) {
    (void)state;
    tz_observation_layout layout;
    assert_true(tz_observation_layout_gymnasium(&layout, "hopper"));
    const double z[12] = {5, 1.2, 0.1, 0.2, 0.3, 0.4, 30, -30, 9.5, NAN, INFINITY, -INFINITY};
    double o[11];
    tz_observation_gather(&layout, o, z);
    const double clipped[8] = {1.2, 0.1, 0.2, 0.3, 0.4, 10, -10, 9.5};
    assert_memory_equal(o, clipped, sizeof clipped);
    assert_true(isnan(o[8]) && o[9] == 10.0 && o[10] == -10.0);

    double all[12];
    tz_observation_layout_identity(&layout, 12);
    tz_observation_gather(&layout, all, z);
    assert_memory_equal(all, z, sizeof all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gymnasium),
        cmocka_unit_test(test_gather),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
