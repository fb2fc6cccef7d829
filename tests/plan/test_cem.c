// The cross-entropy method step by step: what it refits its distribution to, which candidates it
// keeps, and where a policy's controls enter.
#include "plan/planner_kind.h"

#include "base/memory.h"
#include "plan/sim_model.h"
#include "toy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { T = 7, SAMPLES = 120, ELITES = 9, KEPT = 3 };

static const double Z0[TOY_NZ] = {0.15, -0.2};

// One refinement a plan, so that the last draw is all that the plan came from.
static tz_planner_def one_refinement(void) {
    tz_planner_def def = tz_planner_def_default();
    def.horizon = T;
    def.samples = SAMPLES;
    def.elites = ELITES;
    def.keep_elites = KEPT;
    def.iterations = 1;
    def.seed = 7;
    return def;
}

static tz_planner *make(const tz_planner_def *def, const tz_task *task, const tz_model *model,
                        tz_team **team) {
    tz_planner *planner = NULL;
    assert_int_equal(tz_team_create(team, 1, NULL), TZ_OK);
    assert_int_equal(tz_planner_create(&planner, def, task, model, *team, NULL), TZ_OK);
    return planner;
}

// Indices of the ELITES candidates of the last draw that are worth the most, best first.
static void find_elites(int elite[ELITES], const tz_candidates *candidates) {
    bool taken[SAMPLES] = {false};
    for (int e = 0; e < ELITES; e++) {
        elite[e] = -1;
        for (int i = 0; i < candidates->n; i++) {
            const bool is_better =
                elite[e] < 0 || candidates->score[i].value > candidates->score[elite[e]].value;
            elite[e] = !taken[i] && is_better ? i : elite[e];
        }
        taken[elite[e]] = true;
    }
}

// mean <- (1 - a) m + a mean, std <- (1 - a) s + a std, with m and s those of the elites and std
// the noise in half-ranges, 2 here.
static void distribution_moves_towards_the_elites(void **state) {
    (void)state;
    static const double smoothing[] = {0.0, 0.1, 0.7};
    tz_toy toy = toy_model();
    const tz_task task = toy_task();
    for (size_t k = 0; k < TZ_COUNTOF(smoothing); k++) {
        tz_planner_def def = one_refinement();
        def.smoothing = smoothing[k];
        tz_team *team;
        tz_planner *planner = make(&def, &task, &toy.model, &team);
        for (int i = 0; i < 3; i++) {
            float mean[T], u[ELITES][T];
            int elite[ELITES];
            tz_plan plan;
            memcpy(mean, planner->mean, sizeof mean);
            assert_true((mean[0] != 0.0f) == (i > 0));
            tz_planner_plan(planner, &plan, Z0);
            find_elites(elite, &planner->candidates);
            for (int e = 0; e < ELITES; e++) {
                candidate_controls(&planner->candidates, u[e], elite[e]);
            }
            for (int t = 0; t < T; t++) {
                double m = 0.0, square = 0.0;
                for (int e = 0; e < ELITES; e++) {
                    m += (double)u[e][t] / ELITES;
                }
                for (int e = 0; e < ELITES; e++) {
                    square += ((double)u[e][t] - m) * ((double)u[e][t] - m) / ELITES;
                }
                const double a = smoothing[k], first = 2.0 * def.noise_std;
                const double expected = (1.0 - a) * m + a * (double)mean[t];
                assert_true(fabs((double)plan.u[t] - expected) < 1e-6);
                const double std = (1.0 - a) * sqrt(square) + a * first;
                assert_true(fabs((double)planner->std[t] - std) < 1e-6);
            }
        }
        tz_planner_destroy(planner);
        tz_team_destroy(team);
    }
}

// The best elites of a plan are, a step shorter, the first candidates of the next one; the mean
// comes after them.
static void elites_stay_candidates(void **state) {
    (void)state;
    tz_toy toy = toy_model();
    const tz_task task = toy_task();
    const tz_planner_def def = one_refinement();
    tz_team *team;
    tz_planner *planner = make(&def, &task, &toy.model, &team);
    const tz_candidates *candidates = &planner->candidates;
    float kept[KEPT][T], mean[T], u[T];
    int elite[ELITES];
    tz_plan plan;
    tz_planner_plan(planner, &plan, Z0);
    find_elites(elite, candidates);
    for (int e = 0; e < KEPT; e++) {
        candidate_controls(candidates, kept[e], elite[e]);
    }
    assert_memory_not_equal(kept[0], kept[1], sizeof kept[0]);
    memcpy(mean, planner->mean, sizeof mean);

    tz_planner_plan(planner, &plan, Z0);
    for (int e = 0; e < KEPT; e++) {
        candidate_controls(candidates, u, e);
        assert_memory_equal(u, kept[e] + 1, (T - 1) * sizeof *u);
        assert_true(u[T - 1] == 0.0f);
    }
    candidate_controls(candidates, u, KEPT);
    assert_memory_equal(u, mean, sizeof mean);

    // in the refinements of one plan they stay as they are
    tz_planner_destroy(planner);
    tz_team_destroy(team);
    tz_planner_def twice = def;
    twice.iterations = 2;
    planner = make(&twice, &task, &toy.model, &team);
    tz_planner_plan(planner, &plan, Z0); // whose first draw is the one above
    for (int e = 0; e < KEPT; e++) {
        candidate_controls(&planner->candidates, u, e);
        assert_memory_equal(u, kept[e], sizeof u);
    }
    tz_planner_destroy(planner);
    tz_team_destroy(team);
}

// A policy's mean controls are the first warm start of an episode; later its control at the last
// predicted state is what the warm start is longer by.
static void a_policy_is_the_first_warm_start(void **state) {
    (void)state;
    tz_env *env = NULL;
    tz_env_def env_def = tz_env_def_default();
    env_def.name = "hopper";
    assert_int_equal(tz_env_create(&env, &env_def, NULL), TZ_OK);
    const tz_task *task = tz_env_task(env);
    enum { NU = 3, PROPOSED = 4 };
    tz_model *model = NULL;
    tz_policy *policy = NULL;
    tz_policy_workspace *workspace = NULL;
    assert_int_equal(tz_sim_model_create(&model, env, NULL), TZ_OK);
    assert_int_equal(tz_policy_create(&policy, "hopper-expert", task, NULL), TZ_OK);
    assert_int_equal(tz_policy_workspace_create(&workspace, policy, 1, NULL), TZ_OK);
    tz_planner_def def = one_refinement();
    def.samples = 30;
    def.noise_std = 0.05;
    def.policy = policy;
    def.policy_samples = PROPOSED;
    tz_team *team;
    tz_planner *planner = make(&def, task, model, &team);
    double z[TZ_NZ_MAX], last[TZ_NZ_MAX];
    float proposed[T][NU], mean[T][NU], expected[NU];
    tz_plan plan;
    tz_env_reset(env, z, 1, 0);
    for (int i = 0; i < 2; i++) {
        tz_planner_plan(planner, &plan, z);
        candidate_controls(&planner->candidates, proposed[0], 0);
        candidate_controls(&planner->candidates, mean[0], PROPOSED + i * KEPT);
        const bool is_policy = memcmp(proposed, mean, sizeof mean) == 0;
        assert_true(is_policy == (i == 0));

        for (int j = 0; j < tz_task_nz(task); j++) {
            last[j] = (double)plan.z[T * tz_task_nz(task) + j];
        }
        tz_policy_act(policy, workspace, expected, last, NULL, 1);
        for (int j = 0; j < NU; j++) {
            assert_true(fabsf(planner->mean[(T - 1) * NU + j] - expected[j]) < 1e-5f);
        }
    }
    tz_planner_destroy(planner);
    tz_team_destroy(team);
    tz_policy_workspace_destroy(workspace);
    tz_policy_destroy(policy);
    tz_model_destroy(model);
    tz_env_destroy(env);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distribution_moves_towards_the_elites),
        cmocka_unit_test(elites_stay_candidates),
        cmocka_unit_test(a_policy_is_the_first_warm_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
