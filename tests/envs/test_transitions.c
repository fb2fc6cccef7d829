// Single steps of Gymnasium's environments, committed in tests/golden/transitions (their full state
// before the step, the control, what came of it), reproduced by ours.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "envs/env.h"
#include "golden.h"

#include <math.h>
#include <mujoco/mujoco.h>
#include <string.h>

// Measured: 4e-13 at most under 4.0.1 and under 2.2.2.
static const double tolerance = 1e-9;

// MuJoCo 2.2.2 gives a contact the larger of its two geoms' margins, 4.0.1 their sum. In these
// models the two are equal where they are not zero (hopper, 0.001), so doubled margins make 2.2.2
// compute what 4.0.1 computed; with them every transition agrees to the same tolerance.
static void use_summed_margins(mjModel *model) {
    if (mj_version() == 222) {
        for (int i = 0; i < (int)model->ngeom; i++) {
            model->geom_margin[i] *= 2.0;
        }
    }
}

static void expect_close(const char *environment, int transition, const char *what,
                         const double *found, const double *expected, int n) {
    for (int i = 0; i < n; i++) {
        if (!(fabs(found[i] - expected[i]) <= tolerance)) {
            fail_msg("%s: transition %d: %s[%d] is %.17g, expected %.17g", environment, transition,
                     what, i, found[i], expected[i]);
        }
    }
}

// Puts the environment where the line's q, v, warm start and n_lagging positions say, with
// everything else as after a reset.
static void inject(tz_env *env, const double *x, int n_lagging) {
    const tz_task *task = tz_env_task(env);
    const size_t size = tz_env_state_size(env), n = (size_t)(task->nq + 2 * task->nv);
    double state[1024] = {0};
    assert_true(size <= TZ_COUNTOF(state));
    memcpy(state + 2, x, n * sizeof *state);
    memcpy(state + size - n_lagging, x + n, (size_t)n_lagging * sizeof *state);
    tz_env_set_state(env, state);
}

// MuJoCo 4.0.0 made RK4 fourth-order accurate for the orientations of free joints, and 3 finds the
// contacts of cylinders by another algorithm: before, these robots move differently.
static bool moves_differently(const mjModel *model) {
    bool cylinders = false;
    for (int i = 0; i < (int)model->ngeom; i++) {
        cylinders =
            cylinders || (model->geom_type[i] == mjGEOM_CYLINDER && model->geom_contype[i] != 0);
    }
    const bool turns = model->opt.integrator == mjINT_RK4 && model->nq != model->nv;
    return mj_version() == 222 ? turns || cylinders : mj_version() < 4000000 && turns;
}

static void test_transitions(void **state) {
    (void)state;
    for (int i = 0; i < 2 * tz_env_count(); i++) {
        tz_env_def def = tz_env_def_default();
        def.name = tz_env_info_at(i / 2)->name;
        def.version = i % 2 == 0 ? 5 : 4;
        if (tz_env_info_at(i / 2)->gymnasium_id[0] == '\0') {
            continue;
        }
        tz_env *env;
        assert_int_equal(tz_env_create(&env, &def, NULL), TZ_OK);
        use_summed_margins((mjModel *)tz_env_mj_model(env));
        const tz_task *task = tz_env_task(env);
        const char *name = task->name;
        const int nz = tz_task_nz(task);
        const bool differs = moves_differently(tz_env_mj_model(env));

        FILE *file = golden_open("transitions", name);
        golden_line line;
        int n = 0, n_terminated = 0;
        for (; golden_read(file, &line); n++) {
            const int n_lagging = line.n - (nz + task->nv + task->nu + nz + 2);
            assert_true(n_lagging >= 0 && (n_lagging > 0) == !task->is_exact);
            const double *u = line.x + nz + task->nv + n_lagging, *z_next = u + task->nu;
            const double reward = z_next[nz];
            const bool terminated = z_next[nz + 1] != 0.0;
            if (differs) {
                continue;
            }

            inject(env, line.x, n_lagging);
            double z[64];
            tz_step step;
            tz_env_step(env, &step, z, u);
            expect_close(name, n, "state", z, z_next, nz);
            expect_close(name, n, "reward", &step.reward, &reward, 1);
            assert_int_equal(step.outcome, TZ_STEP_OK);
            assert_int_equal(step.terminated, terminated);
            n_terminated += terminated;
        }
        fclose(file);
        assert_int_equal(n, task->version == 5 ? 48 : 16);
        assert_true(n_terminated > 0 || !task->terminated || differs);
        tz_env_destroy(env);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
