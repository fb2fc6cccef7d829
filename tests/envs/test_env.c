// The conformance suite: what env.h promises, held against every registered environment.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/rng.h"
#include "envs/env.h"

#include <math.h>
#include <mujoco/mujoco.h>
#include <stdio.h>
#include <string.h>

enum { NZ_MAX = 64, NU_MAX = 20, STATE_MAX = 1024 };

static tz_env *make(const tz_env_def *def) {
    tz_env *env = NULL;
    tz_error error = {.text = ""};
    if (tz_env_create(&env, def, &error) != TZ_OK) {
        fail_msg("%s: %s", def->name, error.text);
    }
    assert_true(tz_task_nz(tz_env_task(env)) <= NZ_MAX && tz_env_task(env)->nu <= NU_MAX);
    assert_true(tz_env_state_size(env) <= STATE_MAX);
    return env;
}

// Environment i of both versions: 2 k is entry k of the registry, 2 k + 1 its version 4.
static tz_env_def definition(int i) {
    tz_env_def def = tz_env_def_default();
    const tz_env_info *info = tz_env_info_at(i / 2);
    def.name = info->name;
    def.version = i % 2 == 1 && info->gymnasium_id[0] != '\0' ? 4 : 0;
    return def;
}

static int n_definitions(void) {
    return 2 * tz_env_count();
}

// Runs `body` for every registered environment: `env`, its `task` and `nz` are in scope.
#define FOR_EACH_ENV(env, task, nz, ...)                                                           \
    for (int env_i_ = 0; env_i_ < n_definitions(); env_i_++) {                                     \
        tz_env_def env_def_ = definition(env_i_);                                                  \
        tz_env *env = make(&env_def_);                                                             \
        const tz_task *task = tz_env_task(env);                                                    \
        const int nz = tz_task_nz(task);                                                           \
        (void)task, (void)nz;                                                                      \
        __VA_ARGS__                                                                                \
        tz_env_destroy(env);                                                                       \
    }

// A uniform control within the limits.
static void draw_control(const tz_task *task, double *u, tz_rng *rng) {
    for (int i = 0; i < task->nu; i++) {
        const double low = task->control_low[i], high = task->control_high[i];
        u[i] = low + (high - low) * tz_rng_uniform(rng);
    }
}

static void expect_finite(const double *x, int n) {
    for (int i = 0; i < n; i++) {
        assert_true(isfinite(x[i]));
    }
}

// ---- registry ---------------------------------------------------------------------------------

static void test_task(void **state) {
    (void)state;
    FOR_EACH_ENV(env, task, nz, {
        const tz_env_info *info = tz_env_info_find(task->name);
        assert_non_null(info);
        assert_ptr_equal(info, tz_env_info_find(task->gymnasium_id));
        assert_ptr_equal(info, tz_env_info_of(env));
        assert_int_equal(strncmp(info->name, task->name, strlen(info->name)), 0);
        assert_int_equal(info->max_episode_steps, task->max_episode_steps);
        assert_true(task->nq > 0 && task->nv > 0 && task->dt_s > 0.0);
        int n_quaternion = 0;
        for (int i = 0; i < task->nq; i++) {
            n_quaternion += task->coordinate[i] == TZ_COORDINATE_QUATERNION;
            assert_true(strlen(task->coordinate_name[i]) > 0);
            assert_true(!task->cyclic[i] || task->coordinate[i] == TZ_COORDINATE_LINEAR);
            assert_true(!task->unbounded[i] || task->coordinate[i] == TZ_COORDINATE_ANGLE);
            // the root's pitch turns over, the joints of a leg do not
            assert_true(strcmp(info->name, "hopper") != 0 || task->unbounded[i] == (i == 2));
        }
        assert_int_equal(n_quaternion, 4 * (task->nq - task->nv));
        for (int i = 0; i < task->nv; i++) {
            assert_true(strlen(task->velocity_name[i]) > 0);
        }
        for (int i = 0; i < task->nu; i++) {
            assert_true(task->control_low[i] < task->control_high[i]);
        }
    })
}

// A free joint's quaternion comes after its position; its angular velocity has three numbers.
static void test_free_joint(void **state) {
    (void)state;
    tz_env_def def = tz_env_def_default();
    def.name = "ant";
    tz_env *env = make(&def);
    const tz_task *task = tz_env_task(env);
    assert_true(task->nq == 15 && task->nv == 14);
    assert_string_equal(task->coordinate_name[1], "root_y");
    assert_string_equal(task->coordinate_name[3], "root_qw");
    assert_int_equal(task->coordinate[6], TZ_COORDINATE_QUATERNION);
    assert_string_equal(task->coordinate_name[7], "front_left_hip");
    assert_int_equal(task->coordinate[7], TZ_COORDINATE_ANGLE);
    assert_string_equal(task->velocity_name[5], "root_wz");
    assert_string_equal(task->velocity_name[6], "front_left_hip");
    tz_env_destroy(env);
}

// The dynamics do not depend on a cyclic coordinate: shifted there, the same step comes out
// shifted.
static void test_cyclic(void **state) {
    (void)state;
    FOR_EACH_ENV(env, task, nz, {
        tz_rng rng = tz_rng_stream(1, TZ_PURPOSE_TEST, 0);
        double z[NZ_MAX], z_next[NZ_MAX], z_shifted[NZ_MAX], u[NU_MAX];
        tz_step step;
        tz_env_reset(env, z, 1, 0);
        draw_control(task, u, &rng);
        tz_env_step(env, &step, z_next, u);
        for (int i = 0; i < task->nq; i++) {
            z[i] += task->cyclic[i] ? 3.0 : 0.0;
        }
        tz_env_set_z(env, z);
        tz_env_step(env, &step, z_shifted, u);
        for (int i = 0; i < nz; i++) {
            const double shift = i < task->nq && task->cyclic[i] ? 3.0 : 0.0;
            assert_true(fabs(z_shifted[i] - z_next[i] - shift) < 1e-9);
        }
    })
}

static void test_bad_definitions(void **state) {
    (void)state;
    tz_env *env;
    tz_error error;

    // An unknown name: the sentence repeats it and lists the known ones.
    tz_env_def def = tz_env_def_default();
    def.name = "half_cheeta";
    assert_int_equal(tz_env_create(&env, &def, &error), TZ_ERR_ARGUMENT);
    assert_null(env);
    assert_non_null(strstr(error.text, "half_cheeta\""));
    for (int i = 0; i < tz_env_count(); i++) {
        assert_non_null(strstr(error.text, tz_env_info_at(i)->name));
    }
    def.name = NULL;
    assert_int_equal(tz_env_create(&env, &def, &error), TZ_ERR_ARGUMENT);

    def.name = tz_env_info_at(0)->name;
    def.max_episode_steps = -1;
    assert_int_equal(tz_env_create(&env, &def, &error), TZ_ERR_ARGUMENT);
    assert_non_null(strstr(error.text, "-1"));

    def = (tz_env_def){.name = tz_env_info_at(0)->name};
    assert_int_equal(tz_env_create(&env, &def, &error), TZ_ERR_ARGUMENT);
    assert_null(env);
    assert_null(tz_env_info_find("half_cheeta"));
}

// "hopper" with version 4, "hopper-v4" and "Hopper-v4" are one environment, whose task says so.
static void test_versions(void **state) {
    (void)state;
    const struct {
        const char *name;
        int version;
        const char *task_name, *gymnasium_id; // NULL: refused
    } cases[] = {
        {"hopper", 0, "hopper", "Hopper-v5"},
        {"Hopper-v5", 5, "hopper", "Hopper-v5"},
        {"hopper", 4, "hopper-v4", "Hopper-v4"},
        {"hopper-v4", 0, "hopper-v4", "Hopper-v4"},
        {"Hopper-v4", 4, "hopper-v4", "Hopper-v4"},
        {"hopper-v4", 5, NULL, NULL},
        {"Hopper-v5", 4, NULL, NULL},
        {"hopper", 3, NULL, NULL},
        {"hopper-v3", 0, NULL, NULL},
        {"Hopper", 0, NULL, NULL},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        tz_env_def def = tz_env_def_default();
        def.name = cases[i].name;
        def.version = cases[i].version;
        tz_env *env;
        tz_error error;
        if (!cases[i].task_name) {
            assert_int_equal(tz_env_create(&env, &def, &error), TZ_ERR_ARGUMENT);
            assert_null(env);
            continue;
        }
        assert_int_equal(tz_env_create(&env, &def, &error), TZ_OK);
        const tz_task *task = tz_env_task(env);
        assert_string_equal(task->name, cases[i].task_name);
        assert_string_equal(task->gymnasium_id, cases[i].gymnasium_id);
        assert_int_equal(task->version, task->gymnasium_id[strlen("Hopper-v")] - '0');
        assert_ptr_equal(tz_env_info_of(env), tz_env_info_find(task->name));
        char name[TZ_NAME_MAX];
        assert_true(tz_env_task_name(name, task->gymnasium_id));
        assert_string_equal(name, task->name);
        tz_env_destroy(env);
    }
}

static void test_out_of_memory(void **state) {
    (void)state;
    const size_t live = tz_alloc_live();
    FOR_EACH_ENV(env, task, nz, {
        const size_t live_one = tz_alloc_live();
        tz_error error;

        // Every allocation of create and of clone fails once; nothing is leaked.
        tz_status status = TZ_ERR_MEMORY;
        for (size_t n = 1; status != TZ_OK; n++) {
            tz_env *other;
            tz_alloc_fail_after(n);
            status = tz_env_create(&other, &env_def_, &error);
            tz_alloc_fail_after(0);
            assert_true(status == TZ_OK || status == TZ_ERR_MEMORY);
            assert_true((other == NULL) == (status != TZ_OK));
            tz_env_destroy(other);
            assert_int_equal(tz_alloc_live(), live_one);
        }
        status = TZ_ERR_MEMORY;
        for (size_t n = 1; status != TZ_OK; n++) {
            tz_env *other;
            tz_alloc_fail_after(n);
            status = tz_env_clone(&other, env, &error);
            tz_alloc_fail_after(0);
            assert_true(status == TZ_OK || status == TZ_ERR_MEMORY);
            tz_env_destroy(other);
            assert_int_equal(tz_alloc_live(), live_one);
        }
    })
    assert_int_equal(tz_alloc_live(), live);
}

// ---- reset ------------------------------------------------------------------------------------

static void test_reset_repeats(void **state) {
    (void)state;
    FOR_EACH_ENV(env, task, nz, {
        double z[NZ_MAX], again[NZ_MAX], u[NU_MAX] = {0};
        tz_step step;
        tz_env_reset(env, z, 7, 3);
        expect_finite(z, nz);

        // Whatever happened in between, the same seed and episode give the same bytes.
        tz_env_step(env, &step, again, u);
        tz_env_reset(env, again, 7, 3);
        assert_memory_equal(z, again, (size_t)nz * sizeof *z);
        tz_env *other = make(&env_def_);
        tz_env_reset(other, again, 7, 3);
        assert_memory_equal(z, again, (size_t)nz * sizeof *z);
        tz_env_destroy(other);

        tz_env_reset(env, again, 7, 4);
        assert_memory_not_equal(z, again, (size_t)nz * sizeof *z);
        tz_env_reset(env, again, 8, 3);
        assert_memory_not_equal(z, again, (size_t)nz * sizeof *z);
    })
}

// Published reset noise: q0 + uniform(-a_q, a_q); v uniform(-a_v, a_v), or normal with deviation
// a_v.
static const struct reset_noise {
    const char *name;
    double q0[8]; // the others are zero
    double a_q, a_v;
    bool v_normal;
    int n_placed; // last coordinates that are placed otherwise, see test_placed
} reset_noise[] = {
    {"half_cheetah", {0}, 0.1, 0.1, true, 0},
    {"hopper", {0, 1.25}, 5e-3, 5e-3, false, 0},
    {"swimmer", {0}, 0.1, 0.1, false, 0},
    {"walker2d", {0, 1.25}, 5e-3, 5e-3, false, 0},
    {"inverted_pendulum", {0}, 0.01, 0.01, false, 0},
    {"inverted_double_pendulum", {0}, 0.1, 0.1, true, 0},
    {"reacher", {0}, 0.1, 0.005, false, 2},
    {"pusher", {0}, 0.0, 0.005, false, 4},
    {"ant", {0, 0, 0.75, 1}, 0.1, 0.1, true, 0},
    {"humanoid", {0, 0, 1.4, 1}, 0.01, 0.01, false, 0},
    {"humanoid_standup", {0, 0, 0.105, 1}, 0.01, 0.01, false, 0},
};

static int n_gymnasium(void) {
    int n = 0;
    for (int i = 0; i < tz_env_count(); i++) {
        n += tz_env_info_at(i)->gymnasium_id[0] != '\0';
    }
    return n;
}

// Over many resets: uniform noise fills its range and no more, and deviates by a/sqrt(3); normal
// noise has its deviation.
static void test_reset_noise(void **state) {
    (void)state;
    enum { N = 4000 };
    assert_int_equal(TZ_COUNTOF(reset_noise), n_gymnasium());
    for (size_t r = 0; r < TZ_COUNTOF(reset_noise); r++) {
        const struct reset_noise *expected = &reset_noise[r];
        tz_env_def def = tz_env_def_default();
        def.name = expected->name;
        tz_env *env = make(&def);
        const int nq = tz_env_task(env)->nq, nz = tz_task_nz(tz_env_task(env));

        double sum[NZ_MAX] = {0}, square[NZ_MAX] = {0}, largest[NZ_MAX] = {0};
        for (int n = 0; n < N; n++) {
            double z[NZ_MAX];
            tz_env_reset(env, z, 5, (uint64_t)n);
            for (int i = 0; i < nz; i++) {
                const double x = z[i] - (i < nq && i < 8 ? expected->q0[i] : 0.0);
                sum[i] += x;
                square[i] += x * x;
                largest[i] = fmax(largest[i], fabs(x));
            }
        }
        for (int i = 0; i < nz; i++) {
            const double a = i < nq ? expected->a_q : expected->a_v;
            const bool placed =
                (i < nq && i >= nq - expected->n_placed) || i >= nz - expected->n_placed;
            // MuJoCo 2.2.2 makes quaternions unit ones where later versions leave them
            const bool normalised = mj_version() == 222 && i < nq &&
                                    tz_env_task(env)->coordinate[i] == TZ_COORDINATE_QUATERNION;
            if (normalised) {
                continue;
            }
            if (placed || a == 0.0) {
                assert_true(placed || largest[i] == 0.0);
                continue;
            }
            const bool normal = i >= nq && expected->v_normal;
            const double deviation = normal ? a : a / sqrt(3.0);
            assert_true(fabs(sum[i] / N) < 5.0 * deviation / sqrt(N));
            assert_true(fabs(sqrt(square[i] / N) / deviation - 1.0) < 0.06);
            assert_true(normal ? largest[i] > 2.5 * a
                               : largest[i] <= a * (1.0 + 1e-9) && largest[i] > 0.99 * a);
        }
        tz_env_destroy(env);
    }
}

// Where a reset puts Reacher's target, Pusher's object and goal; they rest.
static void test_placed(void **state) {
    (void)state;
    enum { N = 2000 };
    const char *const names[] = {"reacher", "pusher"};
    for (int k = 0; k < 2; k++) {
        tz_env_def def = tz_env_def_default();
        def.name = names[k];
        tz_env *env = make(&def);
        const int nq = tz_env_task(env)->nq, nz = tz_task_nz(tz_env_task(env));
        double farthest = 0.0, nearest = 1.0, z[NZ_MAX];
        for (int n = 0; n < N; n++) {
            tz_env_reset(env, z, 6, (uint64_t)n);
            const double *target = z + (k == 0 ? nq - 2 : nq - 4);
            const double r = hypot(target[0], target[1]);
            farthest = fmax(farthest, r);
            nearest = fmin(nearest, r);
            for (int i = nz - (k == 0 ? 2 : 4); i < nz; i++) {
                assert_true(z[i] == 0.0);
            }
            if (k == 1) {
                assert_true(target[0] <= 0.0 && target[0] >= -0.3 && fabs(target[1]) <= 0.2);
                assert_true(z[nq - 2] == 0.0 && z[nq - 1] == 0.0);
            }
        }
        // the disc of 0.2 m, or the corners of the rectangle outside that of 0.17 m
        assert_true(k == 0 ? farthest < 0.2 && farthest > 0.199 && nearest < 0.02
                           : nearest > 0.17 && nearest < 0.172 && farthest > 0.33);
        tz_env_destroy(env);
    }
}

static void test_set_z(void **state) {
    (void)state;
    FOR_EACH_ENV(env, task, nz, {
        double z[NZ_MAX], z_next[NZ_MAX], again[NZ_MAX], u[NU_MAX] = {0};
        tz_step step;
        tz_env_reset(env, z, 7, 0);
        tz_env_step(env, &step, z_next, u);

        // The same start gives the same step; velocities come back unclipped.
        tz_env_set_z(env, z);
        tz_env_step(env, &step, again, u);
        assert_memory_equal(z_next, again, (size_t)nz * sizeof *z);
        z[nz - 1] = 25.0;
        tz_env_set_z(env, z);
        tz_env_observe(env, again);
        assert_memory_equal(z, again, (size_t)nz * sizeof *z);
    })
}

// ---- step -------------------------------------------------------------------------------------

// Where a step's reward knows more than z: how far lagging positions take it from the task's, twice
// the largest difference of docs/environments.md, and the most that contacts cost, which are zero
// for the task.
static const struct lagging_reward {
    const char *name;
    double lag, contact_cost;
} lagging_rewards[] = {
    {"inverted_double_pendulum", 0.048, 0.0},
    {"reacher", 0.0076, 0.0},
    {"pusher", 0.0126, 0.0},
    {"ant", 0.092, 5e-4 * 6 * 14}, // forces within +-1 on 14 bodies
    {"humanoid", 0.01, 10.0},
    {"humanoid_standup", 1e-9, 10.0}, // q alone, and forces
};

static const struct lagging_reward *lagging_reward_of(const char *name) {
    for (size_t i = 0; i < TZ_COUNTOF(lagging_rewards); i++) {
        if (strcmp(lagging_rewards[i].name, name) == 0) {
            return &lagging_rewards[i];
        }
    }
    fail_msg("the reward of %s is not exact, and no bound is known", name);
    return NULL;
}

// Version 4 of Ant and Humanoid has no contact cost.
static void expect_near_reward(const tz_env *env, double of_step, double of_task) {
    const tz_task *task = tz_env_task(env);
    const struct lagging_reward *r = lagging_reward_of(tz_env_info_of(env)->name);
    const bool is_free = task->version == 4 && strcmp(r->name, "humanoid_standup") != 0;
    const double above = of_task - of_step, most = is_free ? 0.0 : r->contact_cost;
    if (!(above >= -r->lag && above <= r->lag + most)) {
        fail_msg("%s: a step earns %g, the task says %g", task->name, of_step, of_task);
    }
}

static void test_step_is_the_task(void **state) {
    (void)state;
    FOR_EACH_ENV(env, task, nz, {
        tz_rng rng = tz_rng_stream(2, TZ_PURPOSE_TEST, 0);
        double z[NZ_MAX], z_next[NZ_MAX], u[NU_MAX];
        tz_step step;
        int n_terminated = 0;
        uint64_t episode = 0;
        tz_env_reset(env, z, 2, 0);
        for (int t = 0; t < 400 || (task->terminated && n_terminated == 0 && t < 6000); t++) {
            draw_control(task, u, &rng);
            tz_env_step(env, &step, z_next, u);
            assert_int_equal(step.outcome, TZ_STEP_OK);
            expect_finite(z_next, nz);

            // The step's reward and end are the pure functions of the task, to the last bit, or
            // near them where the step knows more.
            const double reward = task->reward(task, z, u, z_next);
            if (task->is_exact) {
                assert_true(step.reward == reward);
                assert_int_equal(step.terminated, tz_task_terminated(task, NULL, z_next));
            } else {
                expect_near_reward(env, step.reward, reward);
            }

            n_terminated += step.terminated;
            memcpy(z, z_next, sizeof z);
            if (step.terminated || step.truncated) {
                tz_env_reset(env, z, 2, ++episode);
            }
        }
        assert_true(n_terminated > 0 || !task->terminated);
    })
}

// On a scratch the functions are the task's own, along a rollout and in any other order.
static void test_scratch(void **state) {
    (void)state;
    enum { N = 6 };
    FOR_EACH_ENV(env, task, nz, {
        tz_rng rng = tz_rng_stream(3, TZ_PURPOSE_TEST, 0);
        double z[N * NZ_MAX], u[N * NU_MAX], expected[N * N];
        tz_task_scratch *scratch;
        tz_error error;
        assert_int_equal(tz_task_scratch_create(&scratch, task, &error), TZ_OK);
        assert_int_equal(scratch != NULL, !task->is_exact);
        tz_env_reset(env, z, 3, 0);
        for (int t = 0; t + 1 < N; t++) {
            tz_step step;
            draw_control(task, u + t * task->nu, &rng);
            tz_env_step(env, &step, z + (t + 1) * nz, u + t * task->nu);
        }
        for (int i = 0; i < N * N; i++) {
            expected[i] = task->reward(task, z + i / N * nz, u, z + i % N * nz);
        }
        const size_t n = tz_alloc_count();
        for (int i = 0; i < N * N; i++) {
            const double *from = z + i / N * nz, *to = z + i % N * nz;
            assert_true(tz_task_reward(task, scratch, from, u, to) == expected[i]);
            assert_true(tz_task_reward(task, NULL, from, u, to) == expected[i]);
            const bool ends = task->terminated && task->terminated(task, to);
            assert_int_equal(tz_task_terminated(task, scratch, to), ends);
        }
        assert_int_equal(tz_alloc_count(), n);
        tz_task_scratch_destroy(scratch);
    })
}

static double constant_reward(const tz_task *task, const double *z, const double *u,
                              const double *z_next) {
    (void)task, (void)z, (void)u, (void)z_next;
    return 7.0;
}

static void test_replaced_reward(void **state) {
    (void)state;
    tz_env_def def = tz_env_def_default();
    def.name = "reacher";
    tz_env *env = make(&def);
    tz_task task = *tz_env_task(env);
    task.reward = constant_reward;
    tz_task_scratch *scratch;
    tz_error error;
    assert_int_equal(tz_task_scratch_create(&scratch, &task, &error), TZ_OK);
    double z[NZ_MAX] = {0.0}, u[NU_MAX] = {0.0};
    assert_true(tz_task_reward(&task, scratch, z, u, z) == 7.0);
    assert_false(tz_task_terminated(&task, scratch, z));
    tz_task_scratch_destroy(scratch);
    tz_env_destroy(env);
}

// The simulation clamps a control, the reward sees the raw one (nowhere is it cheaper to ask for
// more).
static void test_raw_control(void **state) {
    (void)state;
    FOR_EACH_ENV(env, task, nz, {
        double z[NZ_MAX], at_limit[NZ_MAX], beyond[NZ_MAX], u[NU_MAX];
        tz_step step_at_limit, step_beyond;
        tz_env_reset(env, z, 4, 0);
        tz_env_step(env, &step_at_limit, at_limit, task->control_high);
        for (int i = 0; i < task->nu; i++) {
            u[i] = 2.0 * task->control_high[i];
        }
        tz_env_reset(env, z, 4, 0);
        tz_env_step(env, &step_beyond, beyond, u);
        assert_memory_equal(at_limit, beyond, (size_t)nz * sizeof *z);
        if (!strstr(task->name, "inverted")) { // whose rewards do not see the control
            assert_true(step_beyond.reward < step_at_limit.reward);
        }
    })
}

static void test_step_allocates_nothing(void **state) {
    (void)state;
    FOR_EACH_ENV(env, task, nz, {
        tz_rng rng = tz_rng_stream(5, TZ_PURPOSE_TEST, 0);
        double z[NZ_MAX], u[NU_MAX], full[STATE_MAX];
        tz_step step;
        const size_t n = tz_alloc_count();
        for (int t = 0; t < 50; t++) {
            tz_env_reset(env, z, 5, (uint64_t)t);
            draw_control(task, u, &rng);
            tz_env_step(env, &step, z, u);
            tz_env_get_state(env, full);
            tz_env_set_state(env, full);
            tz_env_set_z(env, z);
        }
        assert_int_equal(tz_alloc_count(), n);
    })
}

// ---- ends -------------------------------------------------------------------------------------

static void test_truncation(void **state) {
    (void)state;
    for (int i = 0; i < n_definitions(); i++) {
        tz_env_def def = definition(i);
        def.max_episode_steps = 7;
        def.ends_early = false;
        tz_env *env = make(&def);
        assert_int_equal(tz_env_task(env)->max_episode_steps, 7);

        double z[NZ_MAX], u[NU_MAX] = {0};
        tz_step step;
        for (uint64_t episode = 0; episode < 2; episode++) {
            tz_env_reset(env, z, 6, episode);
            for (int t = 1; t <= 8; t++) {
                tz_env_step(env, &step, z, u);
                assert_int_equal(step.truncated, t >= 7);
                assert_false(step.terminated);
            }
        }
        tz_env_destroy(env);
    }
}

// A task that ends does so, unless the definition says otherwise; its rule stays readable.
static void test_ends_early(void **state) {
    (void)state;
    for (int i = 0; i < tz_env_count(); i++) {
        for (int ends_early = 0; ends_early < 2; ends_early++) {
            tz_env_def def = tz_env_def_default();
            def.name = tz_env_info_at(i)->name;
            def.ends_early = ends_early;
            tz_env *env = make(&def);
            const tz_task *task = tz_env_task(env);
            tz_rng rng = tz_rng_stream(9, TZ_PURPOSE_TEST, 0);
            double z[NZ_MAX], u[NU_MAX];
            tz_step step;
            bool rule = false, terminated = false;
            tz_env_reset(env, z, 9, 0);
            for (int t = 0; t < 400; t++) {
                draw_control(task, u, &rng);
                tz_env_step(env, &step, z, u);
                rule = rule || (task->terminated && task->terminated(task, z));
                terminated = terminated || step.terminated;
            }
            assert_int_equal(rule, task->terminated != NULL);
            assert_int_equal(terminated, ends_early && rule);
            tz_env_destroy(env);
        }
    }
}

// Terminated and truncated are apart and may come together.
static void test_ends_together(void **state) {
    (void)state;
    tz_env_def def = tz_env_def_default();
    def.name = "inverted_pendulum";
    def.max_episode_steps = 1;
    tz_env *env = make(&def);
    const double z[4] = {0.0, 0.3, 0.0, 0.0}, u[1] = {0.0};
    double z_next[4];
    tz_step step;
    tz_env_set_z(env, z);
    tz_env_step(env, &step, z_next, u);
    assert_true(step.terminated && step.truncated);
    assert_true(step.reward == 0.0);
    tz_env_destroy(env);
}

static void test_unstable(void **state) {
    (void)state;
    FOR_EACH_ENV(env, task, nz, {
        double z[NZ_MAX], z_bad[NZ_MAX], z_next[NZ_MAX], u[NU_MAX] = {0};
        const double bad[] = {NAN, INFINITY, 1e9, 1e300};
        tz_step step;
        for (size_t k = 0; k < TZ_COUNTOF(bad); k++) {
            // A bad velocity, then a bad control (which MuJoCo would quietly take for zero).
            tz_env_reset(env, z, 10, 0);
            memcpy(z_bad, z, sizeof z);
            z_bad[nz - 1] = bad[k];
            tz_env_set_z(env, z_bad);
            tz_env_step(env, &step, z_next, u);
            assert_int_equal(step.outcome, TZ_STEP_UNSTABLE);

            // A reset clears it.
            tz_env_reset(env, z_next, 10, 0);
            assert_memory_equal(z, z_next, (size_t)nz * sizeof *z);
            tz_env_step(env, &step, z_next, u);
            assert_int_equal(step.outcome, TZ_STEP_OK);
        }
        u[0] = NAN;
        tz_env_reset(env, z, 10, 0);
        tz_env_step(env, &step, z_next, u);
        assert_int_equal(step.outcome, TZ_STEP_UNSTABLE);
    })
}

// ---- state and clones -------------------------------------------------------------------------

// Steps n random controls from where env is; writes all states (n, nz).
static void record(tz_env *env, double *z, int n, uint64_t index) {
    const tz_task *task = tz_env_task(env);
    tz_rng rng = tz_rng_stream(11, TZ_PURPOSE_TEST, index);
    double u[NU_MAX];
    tz_step step;
    for (int t = 0; t < n; t++) {
        draw_control(task, u, &rng);
        tz_env_step(env, &step, z + t * tz_task_nz(task), u);
    }
}

static void test_state_continues(void **state) {
    (void)state;
    enum { N = 30 };
    FOR_EACH_ENV(env, task, nz, {
        double z[NZ_MAX], before[N * NZ_MAX], first[N * NZ_MAX], second[N * NZ_MAX];
        double full[STATE_MAX], full_again[STATE_MAX];
        const size_t size = tz_env_state_size(env);
        tz_env_reset(env, z, 11, 0);
        record(env, before, N, 0);
        tz_env_get_state(env, full);
        record(env, first, N, 1);

        // Back to the saved state, here and in a world with another past.
        tz_env_set_state(env, full);
        tz_env_get_state(env, full_again);
        assert_memory_equal(full, full_again, size * sizeof *full);
        record(env, second, N, 1);
        assert_memory_equal(first, second, (size_t)(N * nz) * sizeof *first);
        tz_env *other = make(&env_def_);
        tz_env_reset(other, z, 99, 5);
        record(other, second, N, 2);
        tz_env_set_state(other, full);
        record(other, second, N, 1);
        assert_memory_equal(first, second, (size_t)(N * nz) * sizeof *first);
        tz_env_get_state(env, full);
        tz_env_get_state(other, full_again);
        assert_memory_equal(full, full_again, size * sizeof *full);
        tz_env_destroy(other);
    })
}

// The time limit counts on from a restored state.
static void test_state_keeps_elapsed(void **state) {
    (void)state;
    tz_env_def def = tz_env_def_default();
    def.name = "half_cheetah";
    def.max_episode_steps = 5;
    tz_env *env = make(&def);
    double z[NZ_MAX], u[NU_MAX] = {0}, full[STATE_MAX];
    tz_step step;
    tz_env_reset(env, z, 12, 0);
    for (int t = 0; t < 4; t++) {
        tz_env_step(env, &step, z, u);
    }
    tz_env_get_state(env, full);
    tz_env_reset(env, z, 12, 1);
    tz_env_set_state(env, full);
    tz_env_step(env, &step, z, u);
    assert_true(step.truncated);
    tz_env_destroy(env);
}

static void test_clones_are_apart(void **state) {
    (void)state;
    enum { N = 20 };
    FOR_EACH_ENV(env, task, nz, {
        double z[NZ_MAX], alone[N * NZ_MAX], beside[N * NZ_MAX], other[N * NZ_MAX];
        tz_env_reset(env, z, 13, 0);
        record(env, alone, N, 0);

        // A clone that goes its own way does not disturb, shares the model, and outlives its
        // origin.
        tz_env *clone;
        assert_int_equal(tz_env_clone(&clone, env, NULL), TZ_OK);
        assert_ptr_equal(tz_env_mj_model(clone), tz_env_mj_model(env));
        assert_ptr_equal(tz_env_task(clone), task);
        tz_env_reset(env, z, 13, 0);
        for (int t = 0; t < N; t++) {
            tz_rng rng = tz_rng_stream(14, TZ_PURPOSE_TEST, (uint64_t)t);
            double u[NU_MAX];
            tz_step step;
            draw_control(task, u, &rng);
            tz_env_step(clone, &step, other, u);
        }
        record(env, beside, N, 0);
        assert_memory_equal(alone, beside, (size_t)(N * nz) * sizeof *alone);
        tz_env *origin = env;
        env = clone;
        tz_env_destroy(origin);
        tz_env_reset(env, z, 13, 0);
        record(env, beside, N, 0);
        assert_memory_equal(alone, beside, (size_t)(N * nz) * sizeof *alone);
    })
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_task),
        cmocka_unit_test(test_free_joint),
        cmocka_unit_test(test_cyclic),
        cmocka_unit_test(test_bad_definitions),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_reset_repeats),
        cmocka_unit_test(test_reset_noise),
        cmocka_unit_test(test_placed),
        cmocka_unit_test(test_set_z),
        cmocka_unit_test(test_step_is_the_task),
        cmocka_unit_test(test_scratch),
        cmocka_unit_test(test_replaced_reward),
        cmocka_unit_test(test_raw_control),
        cmocka_unit_test(test_step_allocates_nothing),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_ends_early),
        cmocka_unit_test(test_ends_together),
        cmocka_unit_test(test_unstable),
        cmocka_unit_test(test_state_continues),
        cmocka_unit_test(test_state_keeps_elapsed),
        cmocka_unit_test(test_clones_are_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
