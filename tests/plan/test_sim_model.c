// The simulator behind the model interface: its rollouts are the environment's own steps, and a
// planner on it balances a pole.
#include "plan/sim_model.h"

#include "base/memory.h"
#include "base/rng.h"
#include "plan/planner.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static tz_env *make_env_with(const char *name, const char *arguments) {
    tz_error error;
    tz_env *env = NULL;
    tz_env_def def = tz_env_def_default();
    def.name = name;
    def.arguments = arguments;
    assert_int_equal(tz_env_create(&env, &def, &error), TZ_OK);
    return env;
}

static tz_env *make_env(const char *name) {
    return make_env_with(name, NULL);
}

static void rollouts_are_the_environments_steps(void **state) {
    (void)state;
    enum { T = 10, B = 3 };
    tz_error error;
    for (int e = 0; e < tz_env_count(); e++) {
        tz_env *env = make_env(tz_env_info_at(e)->name);
        const tz_task *task = tz_env_task(env);
        const int nz = tz_task_nz(task), nu = task->nu;
        tz_model *model = NULL;
        tz_model_workspace *workspace = NULL;
        assert_int_equal(tz_sim_model_create(&model, env, &error), TZ_OK);
        assert_int_equal(tz_model_check_task(model, task, "sim", &error), TZ_OK);
        assert_int_equal(tz_model_workspace_create(&workspace, model, B, T, false, &error), TZ_OK);

        // starts and controls
        float *z0 = tz_alloc((size_t)(B * nz), sizeof *z0);
        float *u = tz_alloc((size_t)(T * B * nu), sizeof *u);
        float *z = tz_alloc((size_t)((T + 1) * B * nz), sizeof *z);
        double z_now[TZ_NZ_MAX], u_now[TZ_NU_MAX];
        tz_rng rng = tz_rng_stream(1, TZ_PURPOSE_TEST, (uint64_t)e);
        for (int row = 0; row < B; row++) {
            tz_env_reset(env, z_now, 3, (uint64_t)row);
            for (int i = 0; i < nz; i++) {
                z0[row * nz + i] = (float)z_now[i];
            }
        }
        for (int i = 0; i < T * B * nu; i++) {
            u[i] = (float)(2.0 * tz_rng_uniform(&rng) - 1.0);
        }
        const size_t before = tz_alloc_count();
        tz_model_rollout(model, workspace, z, z0, u, T, B);
        assert_int_equal(tz_alloc_count(), before);

        // the environment itself, one row after the other
        for (int row = 0; row < B; row++) {
            for (int i = 0; i < nz; i++) {
                z_now[i] = (double)z0[row * nz + i];
            }
            tz_env_set_z(env, z_now);
            for (int t = 0; t < T; t++) {
                tz_step step;
                for (int j = 0; j < nu; j++) {
                    u_now[j] = (double)u[(t * B + row) * nu + j];
                }
                tz_env_step(env, &step, z_now, u_now);
                for (int i = 0; i < nz; i++) {
                    assert_true(z[((t + 1) * B + row) * nz + i] == (float)z_now[i]);
                }
            }
        }
        tz_free(z0);
        tz_free(u);
        tz_free(z);
        tz_model_workspace_destroy(model, workspace);
        tz_model_destroy(model);
        tz_env_destroy(env);
    }
}

static void an_unstable_rollout_is_not_finite(void **state) {
    (void)state;
    enum { T = 4 };
    tz_error error;
    tz_env *env = make_env("half_cheetah");
    const int nz = tz_task_nz(tz_env_task(env));
    tz_model *model = NULL;
    tz_model_workspace *workspace = NULL;
    assert_int_equal(tz_sim_model_create(&model, env, &error), TZ_OK);
    assert_int_equal(tz_model_workspace_create(&workspace, model, 1, T, false, &error), TZ_OK);
    float z0[TZ_NZ_MAX] = {0}, u[T * TZ_NU_MAX] = {0}, z[(T + 1) * TZ_NZ_MAX];
    z0[nz - 1] = 1e12f; // a joint faster than MuJoCo accepts
    tz_model_rollout(model, workspace, z, z0, u, T, 1);
    for (int i = nz; i < (T + 1) * nz; i++) {
        assert_true(isnan(z[i]));
    }
    // and the workspace is none the worse for it
    z0[nz - 1] = 0.0f;
    tz_model_rollout(model, workspace, z, z0, u, T, 1);
    for (int i = 0; i < (T + 1) * nz; i++) {
        assert_true(isfinite(z[i]));
    }
    tz_model_workspace_destroy(model, workspace);
    tz_model_destroy(model);
    tz_env_destroy(env);
}

// Upright, in the middle of the rail, at rest. The task's own reward, 1 until the fall, does not
// tell a horizon of 0.8 s that the cart drifts to the end of the rail.
static double upright(const tz_task *task, const double *z, const double *u, const double *z_next) {
    (void)task, (void)z;
    return 1.0 - z_next[0] * z_next[0] - 10.0 * z_next[1] * z_next[1] -
           0.1 * (z_next[2] * z_next[2] + z_next[3] * z_next[3]) - 0.001 * u[0] * u[0];
}

static void cem_balances_a_pole(void **state) {
    (void)state;
    tz_error error;
    tz_env *env = make_env("inverted_pendulum");
    tz_task task = *tz_env_task(env);
    task.reward = upright;
    tz_model *model = NULL;
    tz_team *team = NULL;
    tz_planner *planner = NULL;
    tz_planner_def def = tz_planner_def_default();
    def.horizon = 20;
    def.samples = 30;
    def.elites = 6;
    def.keep_elites = 2;
    def.iterations = 1;
    def.noise_std = 0.05;
    assert_int_equal(tz_sim_model_create(&model, env, &error), TZ_OK);
    assert_int_equal(tz_team_create(&team, 0, &error), TZ_OK);
    assert_int_equal(tz_planner_create(&planner, &def, &task, model, team, &error), TZ_OK);

    double z[TZ_NZ_MAX], u[TZ_NU_MAX];
    tz_step step = {0};
    int length = 0;
    tz_env_reset(env, z, 0, 0);
    while (!step.terminated && !step.truncated) {
        tz_plan plan;
        tz_planner_plan(planner, &plan, z);
        u[0] = (double)plan.u[0];
        tz_env_step(env, &step, z, u);
        length++;
    }
    assert_int_equal(length, 1000);
    assert_false(step.terminated);
    tz_planner_destroy(planner);
    tz_team_destroy(team);
    tz_model_destroy(model);
    tz_env_destroy(env);
}

// ---- weights

// An environment and who plans in it.
typedef struct driver {
    tz_env *env;
    tz_model *model;
    tz_team *team;
    tz_planner *planner;
} driver;

static driver make_driver(const char *name, const char *arguments, int n_threads) {
    tz_error error;
    driver d = {.env = make_env_with(name, arguments)};
    tz_planner_def def = tz_planner_def_default();
    def.horizon = 8;
    def.samples = 60;
    def.iterations = 2;
    assert_int_equal(tz_sim_model_create(&d.model, d.env, &error), TZ_OK);
    assert_int_equal(tz_team_create(&d.team, n_threads, &error), TZ_OK);
    assert_int_equal(
        tz_planner_create(&d.planner, &def, tz_env_task(d.env), d.model, d.team, &error), TZ_OK);
    return d;
}

static void destroy_driver(driver *d) {
    tz_planner_destroy(d->planner);
    tz_team_destroy(d->team);
    tz_model_destroy(d->model);
    tz_env_destroy(d->env);
}

// Both find the same controls.
static tz_plan plan_alike(driver *a, driver *b, const double *z) {
    tz_plan plan, expected;
    tz_planner_plan(a->planner, &plan, z);
    tz_planner_plan(b->planner, &expected, z);
    const size_t n = (size_t)(plan.horizon * tz_env_task(a->env)->nu);
    assert_int_equal(plan.horizon, expected.horizon);
    assert_memory_equal(plan.u, expected.u, n * sizeof *plan.u);
    return plan;
}

// What the task itself pays along a plan.
static double earned(const tz_task *task, const tz_plan *plan) {
    const int nz = tz_task_nz(task);
    double z[2][TZ_NZ_MAX], u[TZ_NU_MAX], sum = 0.0;
    for (int t = 0; t < plan->horizon; t++) {
        for (int i = 0; i < nz; i++) {
            z[0][i] = (double)plan->z[t * nz + i];
            z[1][i] = (double)plan->z[(t + 1) * nz + i];
        }
        for (int j = 0; j < task->nu; j++) {
            u[j] = (double)plan->u[t * task->nu + j];
        }
        sum += task->reward(task, z[0], u, z[1]);
    }
    return sum;
}

// A planner with another weight plans as one whose environment was made with it, also after its
// settings have changed, from the warm start that there was; what it predicts is paid by its own
// environment. The reacher's reward is derived on scratches.
static void weights_change_what_is_sought(void **state) {
    (void)state;
    static const struct {
        const char *name, *weight, *arguments;
        double first, other;
    } cases[] = {
        {"half_cheetah", "forward_reward_weight", "forward_reward_weight=-1", 1.0, -1.0},
        {"reacher", "reward_dist_weight", "reward_dist_weight=-40", 1.0, -40.0},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        tz_error error;
        double z[TZ_NZ_MAX];
        driver own = make_driver(cases[i].name, NULL, 2),
               twin = make_driver(cases[i].name, NULL, 1),
               other = make_driver(cases[i].name, cases[i].arguments, 1);
        tz_env_reset(own.env, z, 0, 0);
        assert_int_equal(tz_planner_weigh(own.planner, cases[i].weight, cases[i].other, &error),
                         TZ_OK);
        tz_plan plan = plan_alike(&own, &other, z);
        const double return_of_other = earned(tz_env_task(own.env), &plan);
        assert_true(fabs(plan.predicted_return - return_of_other) < 1e-4);
        tz_planner_plan(twin.planner, &plan, z);
        assert_true(plan.predicted_return > return_of_other + 1e-2);

        // other settings; a weight that is refused
        tz_planner_def settings = tz_planner_settings(own.planner);
        settings.horizon = 10;
        assert_int_equal(tz_planner_change(own.planner, &settings, &error), TZ_OK);
        assert_int_equal(tz_planner_change(other.planner, &settings, &error), TZ_OK);
        assert_int_equal(tz_planner_weigh(own.planner, "gravity", 1.0, &error), TZ_ERR_ARGUMENT);
        assert_non_null(strstr(error.text, cases[i].weight));
        assert_int_equal(tz_planner_weigh(own.planner, cases[i].weight, (double)NAN, &error),
                         TZ_ERR_ARGUMENT);
        plan_alike(&own, &other, z);

        // and back, without a word from the heap
        assert_int_equal(tz_planner_weigh(other.planner, cases[i].weight, cases[i].first, &error),
                         TZ_OK);
        const size_t before = tz_alloc_count();
        assert_int_equal(tz_planner_weigh(own.planner, cases[i].weight, cases[i].first, &error),
                         TZ_OK);
        plan = plan_alike(&own, &other, z);
        assert_int_equal(tz_alloc_count(), before);
        assert_true(plan.predicted_return > return_of_other);
        destroy_driver(&other);
        destroy_driver(&twin);
        destroy_driver(&own);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rollouts_are_the_environments_steps),
        cmocka_unit_test(an_unstable_rollout_is_not_finite),
        cmocka_unit_test(cem_balances_a_pole),
        cmocka_unit_test(weights_change_what_is_sought),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
