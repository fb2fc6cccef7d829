// How candidates are drawn, and what they earn: the sums of the task's own rewards, to the last
// bit, at any number of threads, where MuJoCo derives the reward of a state as well, less what
// leaving the range of the data costs; and a scoring loop that makes nothing and derives each state
// once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "folder.h"
#include "toy.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/rng.h"
#include "models/ensemble.h"
#include "plan/planner_kind.h"
#include "plan/sim_model.h"

#include <math.h>
#include <mujoco/mujoco.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { T = 6, N = 120 }; // three tiles, the last one short

// An arm whose reward and end are sensors', that ends in some of the rollouts, and a sensor of the
// user's, which MuJoCo asks for whenever it derives sensors.
static const char arm[] =
    "<mujoco><compiler autolimits='true'/><option timestep='0.02'/>"
    "<custom><numeric name='trapeze_frame_skip' data='5'/>"
    "<text name='trapeze_reward' data='tip[2] - before(tip[2]) + spin - 0.1 * control'/>"
    "<text name='trapeze_end' data='tip[2] &gt; 0.02'/></custom>"
    "<worldbody><body><joint name='hinge' axis='0 1 0'/><geom size='0.1' pos='0.3 0 0'/>"
    "<site name='tip' pos='0.5 0 0'/></body></worldbody>"
    "<actuator><motor name='motor' joint='hinge' gear='20' ctrlrange='-1 1'/></actuator>"
    "<sensor><framepos name='tip' objtype='site' objname='tip'/>"
    "<jointvel name='spin' joint='hinge'/><user name='count' objtype='site' objname='tip' dim='1' "
    "datatype='real' needstage='pos'/></sensor>"
    "</mujoco>";

// A cart that is to go to a place on a rail, along which nothing changes.
static const char cart[] =
    "<mujoco><compiler autolimits='true'/><option timestep='0.02' gravity='0 0 0'/>"
    "<custom><text name='trapeze_reward' data='0 - abs(q.rail - 1)'/>"
    "<text name='trapeze_end' data='q.rail &lt; 2.9'/>"
    "<text name='trapeze_cyclic' data='rail'/></custom>"
    "<worldbody><body><joint name='rail' type='slide' axis='1 0 0'/><geom size='0.1' mass='1'/>"
    "</body></worldbody>"
    "<actuator><motor name='motor' joint='rail' gear='20' ctrlrange='-1 1'/></actuator>"
    "</mujoco>";

static int enter_with_robots(void **state) {
    tz_error error;
    enter_folder(state);
    return tz_file_write("arm.xml", arm, strlen(arm), &error) == TZ_OK &&
                   tz_file_write("cart.xml", cart, strlen(cart), &error) == TZ_OK
               ? 0
               : -1;
}

static tz_env *make_env(const char *name) {
    tz_env *env = NULL;
    tz_error error = {.text = ""};
    tz_env_def def = tz_env_def_default();
    def.name = name;
    if (tz_env_create(&env, &def, &error) != TZ_OK) {
        fail_msg("%s: %s", name, error.text);
    }
    return env;
}

static tz_planner *make_planner(const tz_task *task, const tz_model *model, tz_team *team) {
    tz_planner *planner = NULL;
    tz_error error;
    tz_planner_def def = tz_planner_def_default();
    def.kind = TZ_PLANNER_RANDOM;
    def.horizon = T;
    def.samples = N;
    def.iterations = 1;
    def.discount = 0.9;
    assert_int_equal(tz_planner_create(&planner, &def, task, model, team, &error), TZ_OK);
    return planner;
}

// ---- what MuJoCo makes and derives

static atomic_int n_made, n_derived;

static void *count_made(size_t size) {
    atomic_fetch_add(&n_made, 1);
    return aligned_alloc(64, (size + 63) / 64 * 64);
}

static void count_derived(const mjModel *model, mjData *data, int stage) {
    (void)model, (void)data;
    atomic_fetch_add(&n_derived, stage == mjSTAGE_POS);
}

// ---- earnings

static void widen(double *y, const float *x, int n) {
    for (int i = 0; i < n; i++) {
        y[i] = (double)x[i];
    }
}

// Return of candidate i by single calls of the task's own functions; *n_states is how many states
// that takes.
static double earned_by_single_calls(const tz_planner *planner, int i, int *n_states) {
    const tz_candidates *c = &planner->candidates;
    const tz_task *task = planner->task;
    float z[(T + 1) * TZ_NZ_MAX], u[T * TZ_NU_MAX];
    candidate_states(c, z, i);
    candidate_controls(c, u, i);
    double sum = 0.0, weight = 1.0;
    bool over = false;
    *n_states = 1;
    for (int t = 0; t < T && !over; t++) {
        double a[TZ_NZ_MAX], b[TZ_NZ_MAX], u_t[TZ_NU_MAX];
        widen(a, z + t * c->nz, c->nz);
        widen(b, z + (t + 1) * c->nz, c->nz);
        for (int k = 0; c->rewards_places && k < c->nz; k++) {
            a[k] += c->shift[k];
            b[k] += c->shift[k];
        }
        widen(u_t, u + t * c->nu, c->nu);
        sum += weight * task->reward(task, a, u_t, b);
        over = task->ends_early && task->terminated && task->terminated(task, b);
        weight *= 0.9;
        ++*n_states;
    }
    return sum;
}

static void plan(tz_planner *planner, tz_env *env) {
    double z[TZ_NZ_MAX];
    tz_plan plan;
    tz_env_reset(env, z, 1, 0);
    tz_planner_plan(planner, &plan, z);
    assert_int_equal(plan.n_candidates, N);
}

// Plans with the simulator as the model at 1 and 2 threads.
static void expect_the_tasks_rewards(const char *name) {
    tz_error error;
    double earned[N];
    for (int n_threads = 1; n_threads <= 2; n_threads++) {
        tz_env *env = make_env(name);
        const tz_task *task = tz_env_task(env);
        tz_model *model = NULL;
        tz_team *team = NULL;
        assert_int_equal(tz_sim_model_create(&model, env, &error), TZ_OK);
        assert_int_equal(tz_team_create(&team, n_threads, &error), TZ_OK);
        tz_planner *planner = make_planner(task, model, team);

        mju_user_malloc = count_made;
        const int n_before = atomic_load(&n_made);
        const size_t n_allocated = tz_alloc_count();
        plan(planner, env);
        assert_int_equal(tz_alloc_count(), n_allocated);
        assert_int_equal(atomic_load(&n_made), n_before);
        mju_user_malloc = NULL;

        for (int i = 0; i < N; i++) {
            int n_states;
            const tz_score *score = &planner->candidates.score[i];
            assert_int_equal(score->outcome, TZ_ROLLOUT_SOUND);
            assert_true(score->earned == earned_by_single_calls(planner, i, &n_states));
            assert_true(n_threads == 1 || score->earned == earned[i]);
            earned[i] = score->earned;
        }
        tz_planner_destroy(planner);
        tz_team_destroy(team);
        tz_model_destroy(model);
        tz_env_destroy(env);
    }
}

static void candidates_earn_the_tasks_rewards(void **state) {
    (void)state;
    int n_measured = 0;
    for (int e = 0; e < tz_env_count(); e++) {
        tz_env *env = make_env(tz_env_info_at(e)->name);
        n_measured += tz_env_task(env)->scratch_create != NULL;
        tz_env_destroy(env);
        expect_the_tasks_rewards(tz_env_info_at(e)->name);
    }
    assert_int_equal(n_measured, 6);
}

static void candidates_earn_the_rewards_of_a_file(void **state) {
    (void)state;
    expect_the_tasks_rewards("arm.xml");
    expect_the_tasks_rewards(TZ_SOURCE_DIR "/assets/examples/balancer.xml");
}

// Where the robot is counts for the reward and the end of one's own MJCF, though not for its
// dynamics, along which planning starts at 0.
static void a_reward_may_read_a_cyclic_coordinate(void **state) {
    (void)state;
    tz_error error;
    tz_env *env = make_env("cart.xml");
    const tz_task *task = tz_env_task(env);
    tz_model *model = NULL;
    tz_team *team = NULL;
    assert_int_equal(tz_sim_model_create(&model, env, &error), TZ_OK);
    assert_int_equal(tz_team_create(&team, 1, &error), TZ_OK);
    tz_planner *planner = make_planner(task, model, team);
    const double z[] = {3.0, 0.0};
    tz_plan plan;
    tz_planner_plan(planner, &plan, z);
    assert_true(plan.z[0] == 3.0f);

    int n_over = 0;
    for (int i = 0; i < N; i++) {
        float states[(T + 1) * 2];
        double expected = 0.0, weight = 1.0;
        candidate_states(&planner->candidates, states, i);
        bool over = false;
        for (int t = 0; t < T && !over; t++) {
            const double q = 3.0 + (double)states[2 * (t + 1)];
            expected -= weight * fabs(q - 1.0);
            weight *= 0.9;
            over = q < 2.9;
        }
        n_over += over;
        assert_true(fabs(planner->candidates.score[i].earned - expected) < 1e-9);
    }
    assert_in_range(n_over, 1, N - 1);
    tz_planner_destroy(planner);
    tz_team_destroy(team);
    tz_model_destroy(model);
    tz_env_destroy(env);
}

// With a model that is no simulator, so that all that is derived is derived for rewards.
static void a_state_is_derived_once(void **state) {
    (void)state;
    tz_error error;
    for (int n_threads = 1; n_threads <= 2; n_threads++) {
        tz_env *env = make_env("arm.xml");
        const tz_task *task = tz_env_task(env);
        tz_toy toy = toy_model();
        tz_team *team = NULL;
        assert_int_equal(tz_team_create(&team, n_threads, &error), TZ_OK);
        tz_planner *planner = make_planner(task, &toy.model, team);

        mjcb_sensor = count_derived;
        atomic_store(&n_derived, 0);
        double z[TOY_NZ] = {0.0, 0.0};
        tz_plan plan;
        tz_planner_plan(planner, &plan, z);
        mjcb_sensor = NULL;

        // the candidates, and the best of them once more for the prediction
        int n_expected = 0, n_over = 0, n_states, best = 0;
        for (int i = 0; i < N; i++) {
            const tz_score *score = planner->candidates.score;
            earned_by_single_calls(planner, i, &n_states);
            n_expected += n_states;
            n_over += n_states < T + 1;
            best = tz_score_better(&score[i], &score[best]) ? i : best;
        }
        earned_by_single_calls(planner, best, &n_states);
        n_expected += n_states;
        // but for a start that the scratch still knows, of a candidate that ended at once
        assert_true(n_over > 0 && n_over < N);
        assert_in_range(atomic_load(&n_derived), n_expected - n_over, n_expected);

        tz_planner_destroy(planner);
        tz_team_destroy(team);
        tz_env_destroy(env);
    }
}

// ---- noise

// Candidates of random shooting around zero: the noise has its standard deviation in half-ranges (2
// here) in every step, and its colour's power as the correlation of steps any time apart.
static void noise_has_its_size_and_colour(void **state) {
    (void)state;
    enum { STEPS = 8, SAMPLES = 20000 };
    static const double colors[] = {0.0, 0.6};
    tz_error error;
    tz_toy toy = toy_model();
    const tz_task task = toy_task();
    for (size_t k = 0; k < TZ_COUNTOF(colors); k++) {
        tz_team *team = NULL;
        tz_planner *planner = NULL;
        tz_planner_def def = tz_planner_def_default();
        def.kind = TZ_PLANNER_RANDOM;
        def.horizon = STEPS;
        def.samples = SAMPLES;
        def.iterations = 1;
        def.noise_std = 0.1; // ten standard deviations to the bounds
        def.noise_color = colors[k];
        assert_int_equal(tz_team_create(&team, 1, &error), TZ_OK);
        assert_int_equal(tz_planner_create(&planner, &def, &task, &toy.model, team, &error), TZ_OK);
        const double z[TOY_NZ] = {0.0, 0.0};
        double product[STEPS][STEPS] = {{0.0}};
        tz_plan plan;
        tz_planner_plan(planner, &plan, z);
        for (int i = 0; i < SAMPLES; i++) {
            float u[STEPS];
            candidate_controls(&planner->candidates, u, i);
            for (int s = 0; s < STEPS; s++) {
                for (int t = 0; t < STEPS; t++) {
                    product[s][t] += (double)u[s] * (double)u[t];
                }
            }
        }
        // variances have a standard error of sqrt(2 / n), correlations one of at most 1 / sqrt(n);
        // five of them
        const double variance = pow(2.0 * def.noise_std, 2.0);
        for (int s = 0; s < STEPS; s++) {
            for (int t = 0; t < STEPS; t++) {
                const double expected = s == t ? 1.0 : pow(colors[k], abs(s - t));
                const double found = product[s][t] / SAMPLES / variance;
                assert_true(fabs(found - expected) < 5.0 * sqrt(2.0 / SAMPLES));
            }
        }
        tz_planner_destroy(planner);
        tz_team_destroy(team);
    }
}

// ---- the range of the data

// Each step outside loses the penalty for every width of the range that it is beyond the margin,
// discounted like its reward; what is earned stays what it is.
static void what_leaves_the_range_pays_by_widths(void **state) {
    (void)state;
    static const double z_low[TOY_NZ] = {-0.2, -0.5}, z_high[TOY_NZ] = {0.2, 1.5};
    tz_error error;
    tz_toy toy = toy_model();
    for (int i = 0; i < TOY_NZ; i++) {
        toy.z_low[i] = (float)z_low[i];
        toy.z_high[i] = (float)z_high[i];
    }
    toy.model.z_low = toy.z_low;
    toy.model.z_high = toy.z_high;
    const tz_task task = toy_task();
    tz_team *team = NULL;
    tz_planner *planner = NULL;
    tz_planner_def def = tz_planner_def_default();
    def.kind = TZ_PLANNER_RANDOM;
    def.horizon = T;
    def.samples = TZ_CANDIDATE_TILE; // one tile
    def.iterations = 1;
    def.discount = 0.9;
    def.range_mode = TZ_RANGE_PENALTY;
    def.range_margin = 0.25;
    def.range_penalty = 3.0;
    assert_int_equal(tz_team_create(&team, 1, &error), TZ_OK);
    assert_int_equal(tz_planner_create(&planner, &def, &task, &toy.model, team, &error), TZ_OK);
    const double start[TOY_NZ] = {0.25, -0.6};
    tz_plan plan;
    tz_planner_plan(planner, &plan, start);
    int n_outside = 0;
    for (int i = 0; i < def.samples; i++) {
        const tz_score *score = &planner->candidates.score[i];
        float z[(T + 1) * TOY_NZ];
        double penalty = 0.0;
        candidate_states(&planner->candidates, z, i);
        for (int k = TOY_NZ; k < (T + 1) * TOY_NZ; k++) {
            const int j = k % TOY_NZ, t = k / TOY_NZ - 1;
            const double width = z_high[j] - z_low[j], margin = def.range_margin * width;
            const double beyond =
                fmax(z_low[j] - margin - (double)z[k], (double)z[k] - z_high[j] - margin);
            penalty += pow(0.9, t) * def.range_penalty * fmax(beyond, 0.0) / width;
        }
        assert_true(fabs(score->earned - score->value - penalty) < 1e-5);
        assert_int_equal(score->left_range, penalty > 0.0);
        n_outside += score->left_range;
    }
    assert_true(n_outside > 0 && n_outside < def.samples);
    assert_int_equal(plan.n_out_of_range, n_outside);
    tz_planner_destroy(planner);
    tz_team_destroy(team);
}

// ---- the best of a draw

// Whether candidate a comes before b: outcome, then value, then index.
static bool comes_before(const tz_score *score, int a, int b) {
    if (score[a].outcome != score[b].outcome) {
        return score[a].outcome < score[b].outcome;
    }
    return score[a].value != score[b].value ? score[a].value > score[b].value : a < b;
}

// Of scores with many ties the first k are chosen, in their order, none that diverged and none
// behind the best outcome.
static void the_best_come_first(void **state) {
    (void)state;
    enum { N_SCORES = 157 };
    static const int wanted[] = {1, 2, 10, 64, N_SCORES - 1, N_SCORES};
    static const int sound_percent[] = {100, 40, 0}; // the others diverged or left the range
    tz_score score[N_SCORES];
    const tz_candidates candidates = {.n = N_SCORES, .score = score};
    tz_rng rng = tz_rng_stream(3, TZ_PURPOSE_TEST, 0);
    for (size_t k = 0; k < TZ_COUNTOF(wanted) * TZ_COUNTOF(sound_percent); k++) {
        const int sound = sound_percent[k / TZ_COUNTOF(wanted)];
        for (int i = 0; i < N_SCORES; i++) {
            const bool is_sound = (int)tz_rng_below(&rng, 100) < sound;
            score[i].value = (double)tz_rng_below(&rng, 40);
            score[i].outcome = is_sound                    ? TZ_ROLLOUT_SOUND
                               : tz_rng_below(&rng, 2) > 0 ? TZ_ROLLOUT_OUT_OF_RANGE
                                                           : TZ_ROLLOUT_DIVERGED;
        }
        // each one's place is the number of those that come before it
        int expected[N_SCORES], n_expected = 0, best[N_SCORES];
        const int top = sound > 0 ? TZ_ROLLOUT_SOUND : TZ_ROLLOUT_OUT_OF_RANGE;
        for (int i = 0; i < N_SCORES; i++) {
            int place = 0;
            for (int j = 0; j < N_SCORES; j++) {
                place += comes_before(score, j, i);
            }
            const bool counts = (int)score[i].outcome == top;
            expected[counts ? place : N_SCORES - 1] = i;
            n_expected += counts;
        }
        const int n = wanted[k % TZ_COUNTOF(wanted)];
        assert_int_equal(tz_candidates_select(&candidates, best, n),
                         n < n_expected ? n : n_expected);
        assert_memory_equal(best, expected,
                            (size_t)(n < n_expected ? n : n_expected) * sizeof *best);
    }
}

// ---- ensembles

// Scores of one draw through a model, (N).
static void score_draw(tz_score *score, const tz_model *model, const tz_task *task, tz_team *team,
                       double disagreement) {
    tz_planner_def def = tz_planner_def_default();
    def.kind = TZ_PLANNER_RANDOM;
    def.horizon = T;
    def.samples = N;
    def.discount = 0.9;
    def.disagreement = disagreement;
    tz_planner *planner = NULL;
    tz_error error;
    assert_int_equal(tz_planner_create(&planner, &def, task, model, team, &error), TZ_OK);
    const double z_start[TOY_NZ] = {0.25, -0.125};
    const float z0[TOY_NZ] = {0.25f, -0.125f};
    tz_plan plan;
    tz_planner_plan(planner, &plan, z_start);
    memcpy(score, planner->candidates.score, N * sizeof *score);
    if (tz_ensemble_count(model) > 0) {
        // the states of a candidate are those of the ensemble
        float z[(T + 1) * TOY_NZ], u[T], z_model[(T + 1) * TOY_NZ];
        tz_model_workspace *ws = NULL;
        candidate_states(&planner->candidates, z, N - 1);
        candidate_controls(&planner->candidates, u, N - 1);
        assert_int_equal(tz_model_workspace_create(&ws, model, 1, T, false, &error), TZ_OK);
        tz_model_rollout(model, ws, z_model, z0, u, T, 1);
        assert_memory_equal(z, z_model, sizeof z);
        tz_model_workspace_destroy(model, ws);
    }
    tz_planner_destroy(planner);
}

static double pays_beyond_squares(const tz_task *task, const double *z, const double *u,
                                  const double *z_next) {
    (void)task, (void)z, (void)u;
    return 1e200 * z_next[0];
}

// What an ensemble promises is the mean of its members' promises, less what they disagree by; a
// member that diverged speaks for all.
static void members_are_asked_one_by_one(void **state) {
    (void)state;
    const tz_task task = toy_task();
    tz_toy toy[2] = {toy_model(), toy_model()};
    tz_model *members[2] = {&toy[0].model, &toy[1].model}, *ensemble = NULL;
    tz_team *team = NULL;
    tz_error error;
    toy[1].gain = 0.25f;
    toy[1].diverges_above = 1.9f;
    assert_int_equal(tz_team_create(&team, 2, &error), TZ_OK);
    static tz_score alone[2][N], mean[N], wary[N];
    for (int k = 0; k < 2; k++) {
        score_draw(alone[k], members[k], &task, team, 0.0);
        members[k]->n_parameters = 1; // an ensemble's members are learned
    }
    assert_int_equal(tz_ensemble_create(&ensemble, members, 2, &error), TZ_OK);
    score_draw(mean, ensemble, &task, team, 0.0);
    score_draw(wary, ensemble, &task, team, 3.0);
    int n_diverged = 0;
    for (int i = 0; i < N; i++) {
        const tz_score *a = &alone[0][i], *b = &alone[1][i];
        assert_int_equal(mean[i].outcome, b->outcome);
        assert_int_equal(wary[i].outcome, b->outcome);
        if (b->outcome == TZ_ROLLOUT_DIVERGED) {
            assert_true(mean[i].value == b->value && wary[i].value == b->value);
            n_diverged++;
            continue;
        }
        const double middle = 0.5 * (a->value + b->value);
        const double std = 0.5 * fabs(a->value - b->value); // of two
        assert_true(fabs(mean[i].value - middle) < 1e-12);
        assert_true(fabs(wary[i].value - (middle - 3.0 * std)) < 1e-12);
        assert_true(fabs(mean[i].earned - 0.5 * (a->earned + b->earned)) < 1e-12);
        assert_true(wary[i].earned == mean[i].earned);
        assert_true(fabs(mean[i].first_reward - 0.5 * (a->first_reward + b->first_reward)) < 1e-12);
    }
    assert_true(n_diverged > 0 && n_diverged < N / 2);

    // where the members' returns are too far apart for a number, the candidate is none
    tz_task rich = task;
    rich.reward = pays_beyond_squares;
    score_draw(mean, ensemble, &rich, team, 0.0);
    n_diverged = 0;
    for (int i = 0; i < N; i++) {
        n_diverged += mean[i].outcome == TZ_ROLLOUT_DIVERGED;
        assert_true(isfinite(mean[i].value));
    }
    assert_true(n_diverged > N / 2);
    tz_model_destroy(ensemble);

    // one model has nobody to disagree with
    tz_planner *planner = NULL;
    tz_planner_def def = tz_planner_def_default();
    def.disagreement = 1.0;
    assert_int_equal(tz_planner_create(&planner, &def, &task, members[0], team, &error),
                     TZ_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.text, "has no members that could disagree"));
    tz_team_destroy(team);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_asked_one_by_one),
        cmocka_unit_test(noise_has_its_size_and_colour),
        cmocka_unit_test(the_best_come_first),
        cmocka_unit_test(what_leaves_the_range_pays_by_widths),
        cmocka_unit_test(candidates_earn_the_tasks_rewards),
        cmocka_unit_test(candidates_earn_the_rewards_of_a_file),
        cmocka_unit_test(a_reward_may_read_a_cyclic_coordinate),
        cmocka_unit_test(a_state_is_derived_once),
    };
    return cmocka_run_group_tests(tests, enter_with_robots, leave_folder);
}
