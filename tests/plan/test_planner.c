// Planners on a double integrator: they find the known optimum, are never fooled by rollouts that
// diverge or leave the data's range, and give the same bytes at any number of threads.
#include "plan/planner.h"

#include "base/memory.h"
#include "plan/planner_kind.h"
#include "toy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { T = 12 };

// Kinds that refine a distribution; random shooting does not.
static const tz_planner_kind refining[] = {TZ_PLANNER_CEM, TZ_PLANNER_MPPI};

static const double Z0[TOY_NZ] = {0.15, -0.2};
static const double NEAR_END[TOY_NZ] = {0.5, -0.2}; // of the data's range

static tz_planner_def toy_def(tz_planner_kind kind) {
    tz_planner_def def = tz_planner_def_default();
    def.kind = kind;
    def.horizon = T;
    def.samples = 220; // five tiles, the last one short
    def.elites = 20;
    def.keep_elites = 4;
    def.iterations = 4;
    def.noise_color = 0.3;
    def.seed = 7;
    return def;
}

static tz_planner *make(const tz_planner_def *def, const tz_task *task, tz_toy *toy,
                        tz_team *team) {
    tz_error error;
    tz_planner *planner = NULL;
    toy->model.z_low = toy->z_low;
    toy->model.z_high = toy->z_high;
    assert_int_equal(tz_planner_create(&planner, def, task, &toy->model, team, &error), TZ_OK);
    return planner;
}

static tz_team *make_team(int n) {
    tz_error error;
    tz_team *team = NULL;
    assert_int_equal(tz_team_create(&team, n, &error), TZ_OK);
    return team;
}

// One plan of a fresh planner. The plan's arrays go with the planner: only numbers are returned.
static tz_plan plan_once(const tz_planner_def *def, const tz_task *task, tz_toy *toy,
                         const double *start, float *u, float *z) {
    tz_team *team = make_team(2);
    tz_planner *planner = make(def, task, toy, team);
    tz_plan plan;
    tz_planner_plan(planner, &plan, start);
    memcpy(u, plan.u, (size_t)def->horizon * sizeof *u);
    memcpy(z, plan.z, (size_t)(def->horizon + 1) * TOY_NZ * sizeof *z);
    tz_planner_destroy(planner);
    tz_team_destroy(team);
    return plan;
}

// ---- quality

static void refining_finds_the_optimum(void **state) {
    (void)state;
    const tz_task task = toy_task();
    for (size_t k = 0; k < TZ_COUNTOF(refining); k++) {
        tz_toy toy = toy_model();
        tz_planner_def def = toy_def(refining[k]);
        def.samples = 400;
        def.iterations = 12;
        float u[T], z[(T + 1) * TOY_NZ];
        const tz_plan plan = plan_once(&def, &task, &toy, Z0, u, z);

        double u_best;
        const double best = toy_optimum(&u_best, Z0, T);
        assert_true(fabs(u_best) < 2.0); // the bounds are not active at first
        assert_true(plan.predicted_return <= best + 1e-5);
        assert_true(plan.predicted_return >= best - 0.01 * fabs(best));
        assert_true(fabs((double)u[0] - u_best) < 0.15);
    }
}

static void refining_beats_random_shooting(void **state) {
    (void)state;
    const tz_task task = toy_task();
    float u[T], z[(T + 1) * TOY_NZ];
    for (uint64_t seed = 0; seed < 10; seed++) {
        tz_toy toy = toy_model();
        tz_planner_def shooting = toy_def(TZ_PLANNER_RANDOM);
        shooting.seed = seed;
        const tz_plan b = plan_once(&shooting, &task, &toy, Z0, u, z);
        for (size_t k = 0; k < TZ_COUNTOF(refining); k++) {
            tz_planner_def def = toy_def(refining[k]);
            def.seed = seed;
            const tz_plan a = plan_once(&def, &task, &toy, Z0, u, z);
            assert_int_equal(a.n_candidates, b.n_candidates);
            assert_true(a.predicted_return > b.predicted_return);
        }
    }
}

static void options_of_icem_keep_the_quality(void **state) {
    (void)state;
    const tz_task task = toy_task();
    tz_toy toy = toy_model();
    tz_planner_def def = toy_def(TZ_PLANNER_CEM);
    def.sample_decay = 1.5;
    def.iterations = 8;
    float u[T], z[(T + 1) * TOY_NZ];
    const tz_plan plan = plan_once(&def, &task, &toy, Z0, u, z);
    // 220 + 147 + 98 + 65 + 43, then twice the elites
    assert_int_equal(plan.n_candidates, 220 + 147 + 98 + 65 + 43 + 3 * 40);
    double u_best;
    const double best = toy_optimum(&u_best, Z0, T);
    assert_true(plan.predicted_return >= best - 0.05 * fabs(best));
}

static void the_prediction_is_the_models(void **state) {
    (void)state;
    tz_toy toy = toy_model();
    const tz_task task = toy_task();
    const tz_planner_def def = toy_def(TZ_PLANNER_CEM);
    float u[T], z[(T + 1) * TOY_NZ], expected[(T + 1) * TOY_NZ];
    const tz_plan plan = plan_once(&def, &task, &toy, Z0, u, z);
    const float z0[TOY_NZ] = {(float)Z0[0], (float)Z0[1]};
    tz_model_rollout(&toy.model, NULL, expected, z0, u, T, 1);
    assert_memory_equal(z, expected, sizeof z);

    double sum = 0.0;
    for (int t = 0; t < T; t++) {
        const double a[TOY_NZ] = {(double)z[2 * t], (double)z[2 * t + 1]}, f = (double)u[t];
        const double b[TOY_NZ] = {(double)z[2 * t + 2], (double)z[2 * t + 3]};
        const double reward = task.reward(&task, a, &f, b);
        sum += reward;
        if (t == 0) {
            assert_true(plan.predicted_reward == reward);
        }
    }
    assert_true(fabs(plan.predicted_return - sum) < 1e-12);
}

// ---- the weights of MPPI

static double factor; // of the reward below, a power of two

static double scaled(const tz_task *task, const double *z, const double *u, const double *z_next) {
    (void)task, (void)z;
    return -factor * (z_next[0] * z_next[0] + 0.1 * z_next[1] * z_next[1] + 0.01 * u[0] * u[0]);
}

static double none(const tz_task *task, const double *z, const double *u, const double *z_next) {
    (void)task, (void)z, (void)u, (void)z_next;
    return 0.0;
}

// One of six falls, and pays `factor` for it.
static double falls(const tz_task *task, const double *z, const double *u, const double *z_next) {
    (void)task, (void)z, (void)z_next;
    return u[0] > -1.0 ? u[0] : -factor;
}

// Control of candidate i at step t; they are one tile.
static double control_of(const tz_planner *planner, int i, int t) {
    const tz_candidates *candidates = &planner->candidates;
    assert_true(candidates->n <= TZ_CANDIDATE_TILE);
    return (double)candidates->u[t * candidates->n + i];
}

// One draw of n candidates, whose weighted mean is the plan.
static tz_planner_def one_draw(int horizon, int n) {
    tz_planner_def def = toy_def(TZ_PLANNER_MPPI);
    def.horizon = horizon;
    def.samples = n;
    def.elites = 1;
    def.keep_elites = 0;
    def.iterations = 1;
    def.smoothing = 0.0;
    return def;
}

// Four candidates: the spread is that of the best three.
static void mppi_is_the_weighted_mean(void **state) {
    (void)state;
    tz_toy toy = toy_model();
    const tz_task task = toy_task();
    tz_planner_def def = one_draw(T, 4);
    def.temperature = 0.75;
    tz_team *team = make_team(1);
    tz_planner *planner = make(&def, &task, &toy, team);
    tz_plan plan;
    tz_planner_plan(planner, &plan, Z0);

    double R[4], worst = INFINITY, best = -INFINITY;
    for (int i = 0; i < 4; i++) {
        R[i] = planner->candidates.score[i].value;
        worst = fmin(worst, R[i]);
        best = fmax(best, R[i]);
    }
    double mean = 0.0, variance = 0.0;
    for (int i = 0; i < 4; i++) {
        mean += R[i] > worst ? R[i] / 3.0 : 0.0;
    }
    for (int i = 0; i < 4; i++) {
        variance += R[i] > worst ? (R[i] - mean) * (R[i] - mean) / 3.0 : 0.0;
    }
    const double lambda = 0.75 * sqrt(variance);
    for (int t = 0; t < T; t++) {
        double W = 0.0, m = 0.0, s = 0.0;
        for (int i = 0; i < 4; i++) {
            const double w = exp((R[i] - best) / lambda), u = control_of(planner, i, t);
            W += w;
            m += w * u;
            s += w * u * u;
        }
        m /= W;
        s = sqrt(s / W - m * m);
        assert_true(fabs((double)plan.u[t] - m) < 1e-6); // f32
        assert_true(fabs((double)planner->std[t] - s) < 1e-5);
    }
    tz_planner_destroy(planner);
    tz_team_destroy(team);
}

// From the best candidate alone to the mean of all.
static void temperature_goes_from_the_best_to_all(void **state) {
    (void)state;
    tz_toy toy = toy_model();
    const tz_task task = toy_task();
    tz_planner_def def = one_draw(T, 40);
    tz_team *team = make_team(1);
    tz_plan plan;
    def.temperature = 1e-6;
    tz_planner *planner = make(&def, &task, &toy, team);
    tz_planner_plan(planner, &plan, Z0);
    assert_memory_equal(plan.u, planner->best_u, T * sizeof *plan.u);
    tz_planner_destroy(planner);

    def.temperature = 1e6;
    planner = make(&def, &task, &toy, team);
    tz_planner_plan(planner, &plan, Z0);
    for (int t = 0; t < T; t++) {
        double m = 0.0;
        for (int i = 0; i < 40; i++) {
            m += control_of(planner, i, t) / 40.0;
        }
        assert_true(fabs((double)plan.u[t] - m) < 1e-4); // weights are 1 - 1e-5 at least
    }
    tz_planner_destroy(planner);
    tz_team_destroy(team);
}

// Returns of any size give the same plan, to the last bit.
static void the_scale_of_rewards_does_not_matter(void **state) {
    (void)state;
    tz_toy toy = toy_model();
    tz_task task = toy_task();
    task.reward = scaled;
    const tz_planner_def def = toy_def(TZ_PLANNER_MPPI);
    const double factors[] = {ldexp(1.0, 40), ldexp(1.0, 1015), ldexp(1.0, -900)};
    float u[T], expected[T], z[(T + 1) * TOY_NZ];
    factor = 1.0;
    plan_once(&def, &task, &toy, Z0, expected, z);
    for (size_t i = 0; i < TZ_COUNTOF(factors); i++) {
        factor = factors[i];
        const tz_plan plan = plan_once(&def, &task, &toy, Z0, u, z);
        assert_true(isfinite(plan.predicted_return));
        assert_memory_equal(u, expected, sizeof u);
    }
}

static void equal_returns_have_equal_weights(void **state) {
    (void)state;
    tz_toy toy = toy_model();
    tz_task task = toy_task();
    task.reward = none;
    const tz_planner_def def = one_draw(T, 60);
    tz_team *team = make_team(1);
    tz_planner *planner = make(&def, &task, &toy, team);
    tz_plan plan;
    tz_planner_plan(planner, &plan, Z0);
    for (int i = 0; i < 60; i++) {
        assert_true(planner->weight[i] == 1.0f);
    }
    assert_true(isfinite(plan.u[0]) && plan.u[0] != 0.0f);
    tz_planner_destroy(planner);
    tz_team_destroy(team);
}

// How far some candidates fall does not change how the others are weighed.
static void a_few_wild_returns_do_not_level_the_others(void **state) {
    (void)state;
    tz_toy toy = toy_model();
    tz_task task = toy_task();
    task.reward = falls;
    const tz_planner_def def = one_draw(1, 220);
    float near[1], far[1], z[2 * TOY_NZ];
    factor = 50.0;
    plan_once(&def, &task, &toy, Z0, near, z);
    factor = 1e300;
    plan_once(&def, &task, &toy, Z0, far, z);
    assert_true(fabsf(near[0] - far[0]) < 1e-6f);
    assert_true(far[0] > 1.0f); // nearer to the best, 2, than to the mean of those that stand
}

// ---- candidates that must not win

static void diverged_candidates_never_win(void **state) {
    (void)state;
    const tz_task task = toy_race(); // wants the largest controls, which diverge
    for (int kind = 0; kind < TZ_N_PLANNERS; kind++) {
        tz_toy toy = toy_model();
        toy.diverges_above = 0.8f;
        tz_planner_def def = toy_def((tz_planner_kind)kind);
        def.noise_std = 0.2;
        float u[T], z[(T + 1) * TOY_NZ];
        const tz_plan plan = plan_once(&def, &task, &toy, Z0, u, z);
        assert_true(plan.n_diverged > 0);
        assert_true(plan.n_diverged < plan.n_candidates);
        for (int t = 0; t < T; t++) {
            assert_true(u[t] <= 0.8f);
        }
        assert_true(isfinite(plan.predicted_return));
    }
}

static void without_a_finite_candidate_the_warm_start_is_kept(void **state) {
    (void)state;
    const tz_task task = toy_race();
    for (int kind = 0; kind < TZ_N_PLANNERS; kind++) {
        tz_toy toy = toy_model();
        toy.diverges_above = -INFINITY;
        const tz_planner_def def = toy_def((tz_planner_kind)kind);
        float u[T], z[(T + 1) * TOY_NZ];
        const tz_plan plan = plan_once(&def, &task, &toy, Z0, u, z);
        assert_int_equal(plan.n_diverged, plan.n_candidates);
        for (int t = 0; t < T; t++) {
            assert_true(u[t] == 0.0f);
        }
        assert_true(isnan(plan.predicted_return) && isnan(plan.predicted_reward));
    }
}

// Far outside a narrow range of data every candidate pays more than a float holds. What the next
// plans start from is none the worse.
static void a_wild_state_leaves_no_trace(void **state) {
    (void)state;
    const tz_task task = toy_race();
    const double wild[TOY_NZ] = {3e38, 0.0};
    for (int kind = 0; kind < TZ_N_PLANNERS; kind++) {
        tz_toy toy = toy_model();
        toy.z_low[0] = -1e-7f;
        toy.z_high[0] = 1e-7f;
        tz_planner_def def = toy_def((tz_planner_kind)kind);
        def.range_mode = TZ_RANGE_PENALTY;
        tz_team *team = make_team(2);
        tz_planner *planner = make(&def, &task, &toy, team);
        tz_plan plan;
        tz_planner_plan(planner, &plan, wild);
        assert_int_equal(plan.n_diverged, 0);
        for (int t = 0; t < T; t++) {
            assert_true(isfinite(planner->mean[t]));
        }
        tz_planner_destroy(planner);
        tz_team_destroy(team);
    }
}

static float furthest(const float *z) {
    float far = 0.0f;
    for (int t = 0; t <= T; t++) {
        far = fmaxf(far, z[t * TOY_NZ]);
    }
    return far;
}

static void plans_stay_in_the_range_of_the_data(void **state) {
    (void)state;
    const tz_task task = toy_race();
    float u[T], z[(T + 1) * TOY_NZ];
    for (size_t k = 0; k < TZ_COUNTOF(refining); k++) {
        tz_planner_def def = toy_def(refining[k]);
        def.range_margin = 0.1; // up to 1.2: the range is 2 wide

        tz_toy toy = toy_model();
        tz_plan plan = plan_once(&def, &task, &toy, NEAR_END, u, z);
        assert_true(furthest(z) > 1.25f);
        assert_int_equal(plan.n_out_of_range, 0);

        def.range_mode = TZ_RANGE_REJECT;
        plan = plan_once(&def, &task, &toy, NEAR_END, u, z);
        assert_true(plan.n_out_of_range > 0);
        for (int t = 0; t <= T; t++) {
            assert_true(fabsf(z[t * TOY_NZ]) <= 1.2f && fabsf(z[t * TOY_NZ + 1]) <= 1.2f);
        }

        def.range_mode = TZ_RANGE_PENALTY;
        def.range_penalty = 1000.0;
        plan = plan_once(&def, &task, &toy, NEAR_END, u, z);
        assert_true(plan.n_out_of_range > 0);
        assert_true(furthest(z) <= 1.2f + 0.01f);
    }
}

static void cyclic_coordinates_have_no_range(void **state) {
    (void)state;
    tz_task task = toy_race();
    task.cyclic[0] = true;
    tz_toy toy = toy_model();
    toy.z_low[1] = -100.0f; // nor is the velocity in the way
    toy.z_high[1] = 100.0f;
    tz_planner_def def = toy_def(TZ_PLANNER_CEM);
    def.range_mode = TZ_RANGE_REJECT;
    float u[T], z[(T + 1) * TOY_NZ];
    const tz_plan plan = plan_once(&def, &task, &toy, NEAR_END, u, z);
    assert_int_equal(plan.n_out_of_range, 0);
    assert_true(furthest(z) > 1.25f);
}

static bool beyond_a_half(const tz_task *task, const double *z_next) {
    (void)task;
    return z_next[0] > 0.55;
}

static double pays_late(const tz_task *task, const double *z, const double *u,
                        const double *z_next) {
    (void)task, (void)z, (void)u;
    return z_next[0] > 0.55 ? 0.5 : 1.0;
}

static void after_an_end_nothing_is_earned(void **state) {
    (void)state;
    tz_task task = toy_task();
    task.reward = pays_late;
    task.terminated = beyond_a_half;
    tz_planner_def def = toy_def(TZ_PLANNER_CEM);
    float u[T], z[(T + 1) * TOY_NZ];

    // start beyond the end: the first step is the last that pays
    tz_toy toy = toy_model();
    tz_team *team = make_team(1);
    task.ends_early = true;
    tz_planner *planner = make(&def, &task, &toy, team);
    const double beyond[TOY_NZ] = {0.9, 0.0};
    tz_plan plan;
    tz_planner_plan(planner, &plan, beyond);
    assert_true(plan.predicted_return == 0.5);
    tz_planner_destroy(planner);

    // the rule is off
    task.ends_early = false;
    planner = make(&def, &task, &toy, team);
    tz_planner_plan(planner, &plan, beyond);
    assert_true(plan.predicted_return > 5.0);
    tz_planner_destroy(planner);
    tz_team_destroy(team);

    // from inside, ends are avoided
    task.ends_early = true;
    plan = plan_once(&def, &task, &toy, Z0, u, z);
    assert_true(plan.predicted_return == (double)T);
}

// ---- bookkeeping

static void the_warm_start_is_shifted(void **state) {
    (void)state;
    tz_toy toy = toy_model();
    const tz_task task = toy_task();
    tz_team *team = make_team(1);
    for (size_t k = 0; k < TZ_COUNTOF(refining); k++) {
        const tz_planner_def def = toy_def(refining[k]);
        tz_planner *planner = make(&def, &task, &toy, team);
        tz_plan plan;
        tz_planner_plan(planner, &plan, Z0);
        assert_memory_equal(planner->mean, plan.u + 1, (T - 1) * sizeof(float));
        assert_true(planner->mean[T - 1] == 0.0f);
        assert_int_equal(planner->n_kept, def.kind == TZ_PLANNER_CEM ? def.keep_elites : 0);

        // and forgotten at a reset
        tz_planner_reset(planner, 1);
        for (int t = 0; t < T; t++) {
            assert_true(planner->mean[t] == 0.0f);
        }
        assert_int_equal(planner->n_kept, 0);
        tz_planner_destroy(planner);
    }
    tz_team_destroy(team);
}

// A plan that is followed goes on by a step at a time and ends in zero controls; the prediction is
// the model's from the state where the robot is. Planning begins again where the warm start is.
static void the_last_plan_is_followed_to_its_end(void **state) {
    (void)state;
    tz_toy toy = toy_model();
    const tz_task task = toy_task();
    for (int kind = 0; kind < TZ_N_PLANNERS; kind++) {
        const tz_planner_def def = toy_def((tz_planner_kind)kind);
        tz_team *team = make_team(1);
        tz_planner *planner = make(&def, &task, &toy, team);
        tz_plan plan;

        // nothing is there to follow before the first plan
        tz_planner_coast(planner, &plan, Z0);
        assert_true(plan.u[0] == 0.0f && plan.u[T - 1] == 0.0f);

        float last[T], mean[T];
        tz_planner_plan(planner, &plan, Z0);
        memcpy(last, plan.u, sizeof last);
        memcpy(mean, planner->mean, sizeof mean);
        assert_true(last[0] != 0.0f && last[T - 1] != 0.0f);
        for (int step = 1; step <= T + 1; step++) {
            const double here[TOY_NZ] = {0.3 * step, -0.1};
            tz_planner_coast(planner, &plan, here);
            for (int t = 0; t < T; t++) {
                assert_true(plan.u[t] == (t + step < T ? last[t + step] : 0.0f));
                assert_true(t + step >= T || planner->mean[t] == mean[t + step]);
            }
            assert_int_equal(plan.horizon, T);
            assert_int_equal(plan.n_candidates + plan.n_sample_z, 0);
            assert_true(plan.plan_s == 0.0);
            const double u = (double)plan.u[0];
            const double v_next = here[1] + TOY_DT_S * u;
            const double q_next = here[0] + TOY_DT_S * (here[1] + 0.5 * TOY_DT_S * u);
            assert_true(plan.z[0] == (float)here[0]);
            assert_true(fabs((double)plan.z[TOY_NZ] - q_next) < 1e-6);
            assert_true(fabs((double)plan.z[TOY_NZ + 1] - v_next) < 1e-6);
            const double reward = -(q_next * q_next + 0.1 * v_next * v_next + 0.01 * u * u);
            assert_true(fabs(plan.predicted_reward - reward) < 1e-5);
        }

        // an episode does not follow the plan of another one
        tz_planner_plan(planner, &plan, Z0);
        tz_planner_reset(planner, 1);
        const size_t allocated = tz_alloc_count();
        tz_planner_coast(planner, &plan, Z0);
        assert_int_equal(tz_alloc_count(), allocated);
        assert_true(plan.u[0] == 0.0f);
        tz_planner_destroy(planner);
        tz_team_destroy(team);
    }
}

// Two planners make a plan; then one of them changes its settings.
static void settings_change_between_plans(void **state) {
    (void)state;
    tz_toy toy = toy_model();
    const tz_task task = toy_task();
    tz_planner_def def = toy_def(TZ_PLANNER_CEM);
    def.keep_elites = 0; // elites do not outlive a change
    tz_team *team = make_team(2);
    tz_planner *planner = make(&def, &task, &toy, team), *other = make(&def, &task, &toy, team);
    tz_plan plan, expected;
    tz_error error;
    tz_planner_plan(planner, &plan, Z0);
    tz_planner_plan(other, &expected, Z0);

    // settings that are refused change nothing, nor do the present ones
    tz_planner_def settings = tz_planner_settings(planner);
    assert_memory_equal(&settings, &def, sizeof def);
    settings.elites = settings.samples + 1;
    assert_int_equal(tz_planner_change(planner, &settings, &error), TZ_ERR_ARGUMENT);
    assert_int_equal(tz_planner_change(planner, &def, &error), TZ_OK);
    tz_planner_plan(planner, &plan, Z0);
    tz_planner_plan(other, &expected, Z0);
    assert_memory_equal(plan.u, expected.u, T * sizeof *plan.u);

    // a longer horizon begins with the warm start that there was
    def.horizon = 2 * T;
    def.samples = 300;
    assert_int_equal(tz_planner_change(planner, &def, &error), TZ_OK);
    assert_memory_equal(planner->mean, other->mean, T * sizeof *planner->mean);
    assert_true(planner->mean[T] == 0.0f);
    tz_planner_plan(planner, &plan, Z0);
    assert_int_equal(plan.horizon, 2 * T);
    assert_int_equal(plan.n_candidates, 300 * def.iterations);

    // and a shorter one
    def.horizon = T / 2;
    assert_int_equal(tz_planner_change(planner, &def, &error), TZ_OK);
    tz_planner_plan(planner, &plan, Z0);
    assert_int_equal(plan.horizon, T / 2);

    // random shooting draws around the middle, whatever was planned before
    assert_true(planner->mean[0] != 0.0f);
    def.kind = TZ_PLANNER_RANDOM;
    assert_int_equal(tz_planner_change(planner, &def, &error), TZ_OK);
    for (int t = 0; t < T / 2; t++) {
        assert_true(planner->mean[t] == 0.0f);
    }
    tz_planner_destroy(planner);
    tz_planner_destroy(other);
    tz_team_destroy(team);
}

enum { N_PLANS = 4 };
typedef struct record {
    float u[N_PLANS][T], z[N_PLANS][(T + 1) * TOY_NZ];
    double predicted[N_PLANS];
} record;

static void run_plans(record *r, tz_planner_kind kind, int n_threads, uint64_t seed,
                      uint64_t episode) {
    memset(r, 0, sizeof *r);
    tz_toy toy = toy_model();
    const tz_task task = toy_task();
    tz_planner_def def = toy_def(kind);
    def.seed = seed;
    tz_team *team = make_team(n_threads);
    tz_planner *planner = make(&def, &task, &toy, team);
    tz_planner_reset(planner, episode);
    double z[TOY_NZ] = {Z0[0], Z0[1]};
    for (int i = 0; i < N_PLANS; i++) {
        tz_plan plan;
        tz_planner_plan(planner, &plan, z);
        memcpy(r->u[i], plan.u, sizeof r->u[i]);
        memcpy(r->z[i], plan.z, sizeof r->z[i]);
        r->predicted[i] = plan.predicted_return;
        z[0] = (double)plan.z[TOY_NZ];
        z[1] = (double)plan.z[TOY_NZ + 1];
    }
    tz_planner_destroy(planner);
    tz_team_destroy(team);
}

static void the_same_bytes_at_any_number_of_threads(void **state) {
    (void)state;
    for (int kind = 0; kind < TZ_N_PLANNERS; kind++) {
        record one, other;
        run_plans(&one, (tz_planner_kind)kind, 1, 3, 5);
        for (int n_threads = 2; n_threads <= 3; n_threads++) {
            run_plans(&other, (tz_planner_kind)kind, n_threads, 3, 5);
            assert_memory_equal(&one, &other, sizeof one);
        }
        // and other bytes from another seed or episode
        run_plans(&other, (tz_planner_kind)kind, 1, 4, 5);
        assert_memory_not_equal(&one, &other, sizeof one);
        run_plans(&other, (tz_planner_kind)kind, 1, 3, 6);
        assert_memory_not_equal(&one, &other, sizeof one);
    }
}

static void a_plan_allocates_nothing(void **state) {
    (void)state;
    tz_toy toy = toy_model();
    const tz_task task = toy_task();
    tz_team *team = make_team(2);
    for (int kind = 0; kind < TZ_N_PLANNERS; kind++) {
        const tz_planner_def def = toy_def((tz_planner_kind)kind);
        tz_planner *planner = make(&def, &task, &toy, team);
        const size_t before = tz_alloc_count();
        tz_plan plan;
        for (int i = 0; i < 3; i++) {
            tz_planner_plan(planner, &plan, Z0);
        }
        tz_planner_reset(planner, 1);
        assert_int_equal(tz_alloc_count(), before);
        tz_planner_destroy(planner);
    }
    tz_team_destroy(team);
}

static void cyclic_coordinates_are_shifted_and_shifted_back(void **state) {
    (void)state;
    tz_toy toy = toy_model();
    tz_task task = toy_race();
    task.cyclic[0] = true;
    const tz_planner_def def = toy_def(TZ_PLANNER_CEM);
    tz_team *team = make_team(1);
    tz_planner *planner = make(&def, &task, &toy, team);
    const double here[TOY_NZ] = {0.0, 0.2}, far[TOY_NZ] = {4096.0, 0.2};
    float u[T];
    tz_plan plan;
    tz_planner_plan(planner, &plan, here);
    memcpy(u, plan.u, sizeof u);
    tz_planner_reset(planner, 0);
    tz_planner_plan(planner, &plan, far);
    assert_memory_equal(u, plan.u, sizeof u);
    assert_true(plan.z[0] == 4096.0f && plan.sample_z[0] == 4096.0f);
    tz_planner_destroy(planner);
    tz_team_destroy(team);
}

// ---- bad input

static void bad_settings_are_refused(void **state) {
    (void)state;
    tz_toy toy = toy_model();
    const tz_task task = toy_task();
    tz_team *team = make_team(1);
    tz_error error;
    tz_planner *planner = NULL;

    tz_planner_def defs[11];
    for (size_t i = 0; i < TZ_COUNTOF(defs); i++) {
        defs[i] = toy_def(TZ_PLANNER_CEM);
    }
    defs[0].cookie = 0;
    defs[1].horizon = 0;
    defs[2].samples = 1;
    defs[3].iterations = 0;
    defs[4].elites = defs[4].samples + 1;
    defs[5].keep_elites = defs[5].elites;
    defs[6].noise_color = 1.0;
    defs[7].noise_std = (double)NAN;
    defs[8].discount = 0.0;
    defs[9].temperature = 0.0;
    defs[10].temperature = (double)NAN;
    for (size_t i = 0; i < TZ_COUNTOF(defs); i++) {
        assert_int_equal(tz_planner_create(&planner, &defs[i], &task, &toy.model, team, &error),
                         TZ_ERR_ARGUMENT);
        assert_null(planner);
    }

    // a model of other sizes, a model without a range
    tz_planner_def def = toy_def(TZ_PLANNER_CEM);
    toy.model.nu = 2;
    assert_int_equal(tz_planner_create(&planner, &def, &task, &toy.model, team, &error),
                     TZ_ERR_MISMATCH);
    toy.model.nu = 1;
    def.range_mode = TZ_RANGE_REJECT;
    assert_int_equal(tz_planner_create(&planner, &def, &task, &toy.model, team, &error),
                     TZ_ERR_UNSUPPORTED);
    tz_team_destroy(team);
}

static void every_failed_allocation_is_reported(void **state) {
    (void)state;
    tz_toy toy = toy_model();
    const tz_task task = toy_task();
    const tz_planner_def def = toy_def(TZ_PLANNER_CEM);
    tz_team *team = make_team(1);
    tz_error error;
    tz_planner *planner = NULL;
    const size_t live = tz_alloc_live();
    tz_status status = TZ_ERR_MEMORY;
    size_t n = 0;
    while (status != TZ_OK) {
        tz_alloc_fail_after(++n);
        status = tz_planner_create(&planner, &def, &task, &toy.model, team, &error);
        tz_alloc_fail_after(0);
        if (status != TZ_OK) {
            assert_int_equal(status, TZ_ERR_MEMORY);
            assert_int_equal(tz_alloc_live(), live);
        }
    }
    assert_true(n > 3);
    tz_planner_destroy(planner);
    assert_int_equal(tz_alloc_live(), live);
    tz_team_destroy(team);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refining_finds_the_optimum),
        cmocka_unit_test(refining_beats_random_shooting),
        cmocka_unit_test(options_of_icem_keep_the_quality),
        cmocka_unit_test(the_prediction_is_the_models),
        cmocka_unit_test(mppi_is_the_weighted_mean),
        cmocka_unit_test(temperature_goes_from_the_best_to_all),
        cmocka_unit_test(the_scale_of_rewards_does_not_matter),
        cmocka_unit_test(equal_returns_have_equal_weights),
        cmocka_unit_test(a_few_wild_returns_do_not_level_the_others),
        cmocka_unit_test(diverged_candidates_never_win),
        cmocka_unit_test(without_a_finite_candidate_the_warm_start_is_kept),
        cmocka_unit_test(a_wild_state_leaves_no_trace),
        cmocka_unit_test(plans_stay_in_the_range_of_the_data),
        cmocka_unit_test(cyclic_coordinates_have_no_range),
        cmocka_unit_test(after_an_end_nothing_is_earned),
        cmocka_unit_test(the_warm_start_is_shifted),
        cmocka_unit_test(the_last_plan_is_followed_to_its_end),
        cmocka_unit_test(settings_change_between_plans),
        cmocka_unit_test(the_same_bytes_at_any_number_of_threads),
        cmocka_unit_test(a_plan_allocates_nothing),
        cmocka_unit_test(cyclic_coordinates_are_shifted_and_shifted_back),
        cmocka_unit_test(bad_settings_are_refused),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
