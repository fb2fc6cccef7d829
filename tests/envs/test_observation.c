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
    {"inverted_pendulum", 2, 4, 0, INFINITY}, {"ant", 15, 27, 2, INFINITY},
    {"humanoid", 24, 45, 2, INFINITY},        {"humanoid_standup", 24, 45, 2, INFINITY},
};

// What is no part of z: sizes in versions 5 and 4.
static const struct whole {
    const char *name;
    int n, n_v4;
} whole[] = {{"inverted_double_pendulum", 9, 11},
             {"reacher", 10, 11},
             {"pusher", 23, 23},
             {"ant", 105, 27},
             {"humanoid", 348, 376},
             {"humanoid_standup", 348, 376}};

static void test_gymnasium(void **state) {
    (void)state;
    for (size_t k = 0; k < TZ_COUNTOF(expected); k++) {
        const struct expected *e = &expected[k];
        tz_observation_layout layout;
        assert_true(tz_observation_layout_gymnasium(&layout, e->name));
        assert_int_equal(layout.n, e->n);
        assert_int_equal(layout.source, TZ_OBSERVATION_STATE);
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

// Gymnasium's whole observation: its size, and that a layout takes it from the environment. What is
// in it is compared with Gymnasium's (parity.py).
static void test_whole(void **state) {
    (void)state;
    for (size_t k = 0; k < 2 * TZ_COUNTOF(whole); k++) {
        const struct whole *e = &whole[k / 2];
        tz_env_def def = tz_env_def_default();
        def.name = e->name;
        def.version = k % 2 == 0 ? 5 : 4;
        tz_env *env;
        assert_int_equal(tz_env_create(&env, &def, NULL), TZ_OK);
        const tz_task *task = tz_env_task(env);
        const int n = def.version == 5 ? e->n : e->n_v4;
        assert_int_equal(task->n_gym_observation, n);

        tz_observation_layout layout;
        tz_observation_layout_full(&layout, task);
        assert_int_equal(layout.n, n);
        double z[64], u[20] = {0}, o[TZ_OBSERVATION_MAX], laid[TZ_OBSERVATION_MAX];
        tz_step step;
        tz_env_reset(env, z, 1, 0);
        tz_env_step(env, &step, z, u);
        tz_env_gym_observation(env, o);
        tz_env_observe_layout(env, &layout, laid);
        assert_memory_equal(o, laid, (size_t)n * sizeof *o);

        // by default a policy sees all of it, or a part of z
        assert_true(tz_observation_layout_gymnasium(&layout, task->name));
        assert_true(layout.source == TZ_OBSERVATION_STATE || layout.n == n);

        // it belongs to the full state: restored with it, without a step
        double full[1024];
        tz_env_get_state(env, full);
        tz_env_step(env, &step, z, u);
        tz_env_set_state(env, full);
        tz_env_gym_observation(env, laid);
        assert_memory_equal(o, laid, (size_t)n * sizeof *o);
        tz_env_destroy(env);
    }
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
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_gather),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
