// Many worlds: row i is world i, whatever the number of threads.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/rng.h"
#include "envs/env_vec.h"

#include <string.h>

enum { N = 9, T = 40, NZ_MAX = 64, NU_MAX = 20, N_THREADS_MAX = 3 };

typedef struct trace {
    double z[(T + 1) * N * NZ_MAX]; // (T + 1, N, nz)
    double reward[T * N];           // (T, N)
} trace;

// Controls of all worlds at time t: u (N, nu).
static void controls(const tz_task *task, double *u, int t) {
    tz_rng rng = tz_rng_stream(3, TZ_PURPOSE_TEST, (uint64_t)t);
    for (int k = 0; k < N * task->nu; k++) {
        u[k] = 2.0 * tz_rng_uniform(&rng) - 1.0;
    }
}

static void run(const char *name, int n_threads, trace *out) {
    tz_env_def def = tz_env_def_default();
    def.name = name;
    def.ends_early = false;
    tz_team *team;
    tz_env_vec *vec;
    assert_int_equal(tz_team_create(&team, n_threads, NULL), TZ_OK);
    assert_int_equal(tz_env_vec_create(&vec, &def, N, team, NULL), TZ_OK);
    assert_int_equal(tz_env_vec_size(vec), N);
    const tz_task *task = tz_env_task(tz_env_vec_at(vec, 0));
    const int nz = tz_task_nz(task);

    double u[N * NU_MAX];
    tz_step steps[N];
    memset(out, 0, sizeof *out);
    tz_env_vec_reset(vec, out->z, 1, 20);
    const size_t n_allocated = tz_alloc_count();
    for (int t = 0; t < T; t++) {
        controls(task, u, t);
        tz_env_vec_step(vec, steps, out->z + (t + 1) * N * nz, u);
        for (int i = 0; i < N; i++) {
            out->reward[t * N + i] = steps[i].reward;
        }
    }
    assert_int_equal(tz_alloc_count(), n_allocated);
    tz_env_vec_destroy(vec);
    tz_team_destroy(team);
}

static void test_threads(void **state) {
    (void)state;
    static trace one, several;
    for (int k = 0; k < tz_env_count(); k++) {
        const char *name = tz_env_info_at(k)->name;
        run(name, 1, &one);
        for (int n_threads = 2; n_threads <= N_THREADS_MAX; n_threads++) {
            run(name, n_threads, &several);
            assert_memory_equal(&one, &several, sizeof one);
        }
    }
}

static void test_rows_are_worlds(void **state) {
    (void)state;
    static trace all;
    for (int k = 0; k < tz_env_count(); k++) {
        tz_env_def def = tz_env_def_default();
        def.name = tz_env_info_at(k)->name;
        def.ends_early = false;
        run(def.name, 2, &all);

        // World i starts episode 20 + i and gets row i of the controls.
        tz_env *env;
        assert_int_equal(tz_env_create(&env, &def, NULL), TZ_OK);
        const tz_task *task = tz_env_task(env);
        const int nz = tz_task_nz(task);
        for (int i = 0; i < N; i++) {
            double z[NZ_MAX], u[N * NU_MAX];
            tz_step step;
            tz_env_reset(env, z, 1, (uint64_t)(20 + i));
            assert_memory_equal(z, all.z + i * nz, (size_t)nz * sizeof *z);
            for (int t = 0; t < T; t++) {
                controls(task, u, t);
                tz_env_step(env, &step, z, u + i * task->nu);
                assert_memory_equal(z, all.z + ((t + 1) * N + i) * nz, (size_t)nz * sizeof *z);
                assert_true(step.reward == all.reward[t * N + i]);
            }
        }
        tz_env_destroy(env);
    }
}

static void test_bad_arguments(void **state) {
    (void)state;
    tz_team *team;
    tz_env_vec *vec;
    tz_error error;
    assert_int_equal(tz_team_create(&team, 1, NULL), TZ_OK);
    tz_env_def def = tz_env_def_default();
    def.name = "hopper";
    assert_int_equal(tz_env_vec_create(&vec, &def, 0, team, &error), TZ_ERR_ARGUMENT);
    assert_null(vec);
    def.name = "hoper";
    assert_int_equal(tz_env_vec_create(&vec, &def, 2, team, &error), TZ_ERR_ARGUMENT);
    assert_non_null(strstr(error.text, "hoper"));

    // Every allocation fails once; nothing is leaked.
    def.name = "hopper";
    const size_t live = tz_alloc_live();
    tz_status status = TZ_ERR_MEMORY;
    for (size_t n = 1; status != TZ_OK; n++) {
        tz_alloc_fail_after(n);
        status = tz_env_vec_create(&vec, &def, 3, team, &error);
        tz_alloc_fail_after(0);
        tz_env_vec_destroy(vec);
        assert_int_equal(tz_alloc_live(), live);
    }
    tz_team_destroy(team);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_rows_are_worlds),
        cmocka_unit_test(test_bad_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
