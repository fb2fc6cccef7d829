// The physical systems as environments: every one keeps the rules of env.h, and its steps are
// samples of the trajectory that the integrator gives in one go.
#include "base/assert.h"
#include "base/memory.h"
#include "envs/env.h"
#include "envs/hamiltonian/system.h"
#include "envs/hamiltonian/trajectory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <string.h>

#include <cmocka.h>

enum { NZ_MAX = 2 * TZ_SYSTEM_N_MAX };

static tz_env *create(const char *name) {
    tz_env_def def = tz_env_def_default();
    def.name = name;
    tz_env *env = NULL;
    assert_int_equal(tz_env_create(&env, &def, NULL), TZ_OK);
    return env;
}

static void every_system_is_an_environment(void **state) {
    (void)state;
    for (int s = 0; s < tz_system_count(); s++) {
        char name[32];
        tz_system_name_at(s, name);
        tz_system system;
        assert_int_equal(tz_system_find(&system, name, NULL), TZ_OK);
        tz_env *env = create(name);
        const tz_task *task = tz_env_task(env);
        assert_string_equal(task->name, name);
        assert_int_equal(task->nq, system.n);
        assert_int_equal(task->nv, system.n);
        assert_int_equal(task->nu, 0);
        assert_true(task->dt_s == system.dt_s);
        assert_true(fabs((task->max_episode_steps + 1) * task->dt_s - TZ_STUDY_SPAN_S) <
                    task->dt_s);
        assert_null(tz_env_mj_model(env));
        tz_env_destroy(env);
    }
}

static void coordinates_have_names(void **state) {
    (void)state;
    static const struct {
        const char *system;
        int i;
        const char *name;
        bool cyclic;
    } expected[] = {
        {"chain-3", 2, "theta2", false}, {"spring-2-drag", 5, "z1", false},
        {"gyroscope", 0, "phi", true},   {"gyroscope", 2, "psi", false},
        {"rotor", 2, "z", true},         {"rotor", 3, "phi", true},
        {"magnet", 1, "theta", false},   {"coupled", 2, "phi1", false},
    };
    for (size_t s = 0; s < TZ_COUNTOF(expected); s++) {
        tz_env *env = create(expected[s].system);
        const tz_task *task = tz_env_task(env);
        assert_string_equal(task->coordinate_name[expected[s].i], expected[s].name);
        assert_string_equal(task->velocity_name[expected[s].i], expected[s].name);
        assert_int_equal(task->cyclic[expected[s].i], expected[s].cyclic);
        tz_env_destroy(env);
    }
}

static void steps_are_samples_of_one_trajectory(void **state) {
    (void)state;
    enum { T = 20 };
    for (int s = 0; s < tz_system_count(); s++) {
        char name[32];
        tz_system_name_at(s, name);
        tz_system system;
        assert_int_equal(tz_system_find(&system, name, NULL), TZ_OK);
        const int nz = 2 * system.n;
        double z[T * NZ_MAX], whole[T * NZ_MAX], largest = 0.0; // (T, nz)
        tz_env *env = create(name);
        tz_env_reset(env, z, 3, (uint64_t)s);
        memcpy(whole, z, (size_t)nz * sizeof *z);
        const size_t before = tz_alloc_count();
        for (int t = 1; t < T; t++) {
            tz_step step;
            tz_env_step(env, &step, z + t * nz, NULL);
            assert_int_equal(step.outcome, TZ_STEP_OK);
            assert_true(step.reward == 0.0 && !step.terminated && !step.truncated);
        }
        assert_int_equal(tz_alloc_count(), before);
        assert_int_equal(tz_system_trajectory(&system, whole, T, system.dt_s, NULL), TZ_OK);
        for (int k = 0; k < T * nz; k++) {
            largest = fmax(largest, fabs(whole[k]));
        }
        for (int k = 0; k < T * nz; k++) {
            assert_true(fabs(z[k] - whole[k]) <= 1e-8 * largest);
        }
        tz_env_destroy(env);
    }
}

// Starts depend on (seed, episode) alone, a clone goes its own way, and a saved state goes on bit
// for bit; for rigid bodies it is more than z.
static void starts_clones_and_states(void **state) {
    (void)state;
    static const char *const names[] = {"chain-3-drag", "spring-2", "gyroscope", "rotor", "magnet"};
    for (size_t s = 0; s < TZ_COUNTOF(names); s++) {
        tz_env *env = create(names[s]), *clone = NULL;
        const size_t size = (size_t)tz_task_nz(tz_env_task(env)) * sizeof(double);
        double z[NZ_MAX], other[NZ_MAX], saved[2 * NZ_MAX + 8];
        tz_step step;
        assert_true(tz_env_state_size(env) <= TZ_COUNTOF(saved));
        assert_int_equal(tz_env_clone(&clone, env, NULL), TZ_OK);
        tz_env_reset(env, z, 1, 5);
        tz_env_reset(clone, other, 1, 6);
        assert_memory_not_equal(z, other, size);
        tz_env_reset(clone, other, 1, 5);
        assert_memory_equal(z, other, size);
        for (int t = 0; t < 7; t++) {
            tz_env_step(env, &step, z, NULL);
        }
        tz_env_get_state(env, saved);
        tz_env_set_state(clone, saved);
        for (int t = 0; t < 7; t++) {
            tz_env_step(env, &step, z, NULL);
            tz_env_step(clone, &step, other, NULL);
            assert_memory_equal(z, other, size);
        }
        tz_env_set_z(clone, z);
        tz_env_observe(clone, other);
        assert_memory_equal(z, other, size);
        tz_env_destroy(env);
        tz_env_destroy(clone);
    }
}

static void an_episode_lasts_the_study_s_span(void **state) {
    (void)state;
    tz_env *env = create("rotor");
    double z[NZ_MAX];
    tz_step step = {0};
    int steps = 0;
    for (tz_env_reset(env, z, 0, 0); !step.truncated; steps++) {
        tz_env_step(env, &step, z, NULL);
    }
    assert_int_equal(steps, 199);
    tz_env_destroy(env);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_system_is_an_environment),
        cmocka_unit_test(coordinates_have_names),
        cmocka_unit_test(steps_are_samples_of_one_trajectory),
        cmocka_unit_test(starts_clones_and_states),
        cmocka_unit_test(an_episode_lasts_the_study_s_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
