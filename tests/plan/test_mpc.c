// The control loop on real environments: who is told what and in which order, restarts and stops,
// and that it is nothing but the environment's steps under the planner's controls.
#include "plan/mpc.h"
#include "plan/sim_model.h"

#include "base/memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 4 };

typedef struct fixture {
    tz_env *env;
    tz_model *model;
    tz_team *team;
    tz_planner *planner;
    tz_policy *policy;
} fixture;

static fixture open_fixture_of(const char *env) {
    tz_error error;
    fixture f;
    tz_env_def env_def = tz_env_def_default();
    env_def.name = env;
    env_def.max_episode_steps = STEPS;
    tz_planner_def def = tz_planner_def_default();
    def.horizon = 3;
    def.samples = 10;
    def.elites = 2;
    def.keep_elites = 0;
    def.iterations = 1;
    assert_int_equal(tz_env_create(&f.env, &env_def, &error), TZ_OK);
    const tz_task *task = tz_env_task(f.env);
    assert_int_equal(tz_sim_model_create(&f.model, f.env, &error), TZ_OK);
    assert_int_equal(tz_team_create(&f.team, 1, &error), TZ_OK);
    assert_int_equal(tz_planner_create(&f.planner, &def, task, f.model, f.team, &error), TZ_OK);
    assert_int_equal(tz_policy_create(&f.policy, "zero", task, &error), TZ_OK);
    return f;
}

static fixture open_fixture(void) {
    return open_fixture_of("inverted_pendulum");
}

static void close_fixture(fixture *f) {
    tz_policy_destroy(f->policy);
    tz_planner_destroy(f->planner);
    tz_team_destroy(f->team);
    tz_model_destroy(f->model);
    tz_env_destroy(f->env);
}

// ---- an observer that writes down what it is told, and asks for something once

typedef struct diary {
    char text[512];          // "b0 p s0 p s1 e0/2 ": begin, planned, stepped, end/length
    char ask_at;             // 'b', 'p' or 's'
    int ask_episode, ask_t;  // when
    tz_loop_request request; // what; asked once
    bool policy_acts;        // no plans are made
    int episode, t;
    double sum;
} diary;

static tz_loop_request note(diary *d, char what, const char *format, int number) {
    const size_t used = strlen(d->text);
    snprintf(d->text + used, sizeof d->text - used, format, number);
    if (d->ask_at == what && d->episode == d->ask_episode && d->t == d->ask_t) {
        d->ask_at = '\0';
        return d->request;
    }
    return TZ_LOOP_CONTINUE;
}

static tz_loop_request on_begin(void *context, tz_env *env, int episode, const double *z) {
    diary *d = context;
    double now[TZ_NZ_MAX];
    tz_env_observe(env, now);
    assert_memory_equal(now, z, (size_t)tz_task_nz(tz_env_task(env)) * sizeof *z);
    d->episode = episode;
    d->t = 0;
    d->sum = 0.0;
    return note(d, 'b', "b%d ", episode);
}

static tz_loop_request on_plan(void *context, tz_env *env, const tz_plan *plan) {
    (void)env;
    diary *d = context;
    assert_true(plan == NULL ? d->policy_acts : plan->horizon == 3);
    return note(d, 'p', "p ", 0);
}

static tz_loop_request on_step(void *context, tz_env *env, const tz_loop_step *step) {
    (void)env;
    diary *d = context;
    assert_int_equal(step->t, d->t);
    d->sum += step->step.reward;
    assert_true(step->return_so_far == d->sum);
    const tz_loop_request request = note(d, 's', "s%d ", step->t);
    d->t++;
    return request;
}

static void on_end(void *context, tz_env *env, int episode, double episode_return, int length) {
    (void)env;
    diary *d = context;
    assert_true(episode_return == d->sum);
    char text[32];
    snprintf(text, sizeof text, "e%d/%%d ", episode);
    note(d, 'e', text, length);
}

static tz_observer observe(diary *d) {
    return (tz_observer){.context = d,
                         .episode_begin = on_begin,
                         .planned = on_plan,
                         .stepped = on_step,
                         .episode_end = on_end};
}

static void run(fixture *f, bool planning, int n_episodes, const tz_observer *observers,
                int n_observers, tz_loop_result *results, int *n_done) {
    tz_error error;
    const tz_controller controller = {.planner = planning ? f->planner : NULL,
                                      .policy = planning ? NULL : f->policy};
    assert_int_equal(tz_control_loop(f->env, &controller, 5, 0, n_episodes, observers, n_observers,
                                     results, n_done, &error),
                     TZ_OK);
}

static void observers_are_told_in_order(void **state) {
    (void)state;
    fixture f = open_fixture();
    diary a = {0}, b = {0};
    const tz_observer observers[] = {observe(&a), {0}, observe(&b)}; // one has no callbacks
    tz_loop_result results[2];
    int n_done;
    run(&f, true, 2, observers, 3, results, &n_done);
    assert_int_equal(n_done, 2);
    const char *expected = "b0 p s0 p s1 p s2 p s3 e0/4 b1 p s0 p s1 p s2 p s3 e1/4 ";
    assert_string_equal(a.text, expected);
    assert_string_equal(b.text, expected);
    assert_int_equal(results[1].length, STEPS);
    assert_true(results[1].episode_return == 4.0);
    assert_true(results[1].predicted_reward_sum == 4.0);

    // a policy makes no plans, but there is the moment before a step
    diary c = {.policy_acts = true};
    const tz_observer alone = observe(&c);
    run(&f, false, 1, &alone, 1, results, &n_done);
    assert_string_equal(c.text, "b0 p s0 p s1 p s2 p s3 e0/4 ");
    close_fixture(&f);
}

// What plans predict of their first steps, which f32 keeps a little apart from what these earn.
typedef struct foresight {
    double next, sum; // of the plan at hand, of all that were acted on
} foresight;

static tz_loop_request foresee(void *context, tz_env *env, const tz_plan *plan) {
    (void)env;
    ((foresight *)context)->next = plan->predicted_reward;
    return TZ_LOOP_CONTINUE;
}

static tz_loop_request add_foreseen(void *context, tz_env *env, const tz_loop_step *step) {
    (void)env, (void)step;
    foresight *f = context;
    f->sum += f->next;
    return TZ_LOOP_CONTINUE;
}

static void predicted_rewards_are_summed_apart(void **state) {
    (void)state;
    fixture f = open_fixture_of("half_cheetah");
    foresight seen = {0};
    const tz_observer observer = {.context = &seen, .planned = foresee, .stepped = add_foreseen};
    tz_loop_result result;
    int n_done;
    run(&f, true, 1, &observer, 1, &result, &n_done);
    assert_int_equal(result.length, STEPS);
    assert_true(result.predicted_reward_sum == seen.sum);
    assert_true(result.predicted_reward_sum != result.episode_return);
    assert_true(fabs(result.predicted_reward_sum - result.episode_return) < 1e-3);
    close_fixture(&f);
}

// Looks one step further at every plan.
static void look_further(void *context, tz_planner *planner) {
    int *n_asked = context;
    tz_planner_def settings = tz_planner_settings(planner);
    settings.horizon = 3 + (*n_asked)++;
    assert_int_equal(tz_planner_change(planner, &settings, NULL), TZ_OK);
}

static tz_loop_request expect_horizon(void *context, tz_env *env, const tz_plan *plan) {
    (void)env;
    assert_true(plan == NULL || plan->horizon == 3 + *(int *)context - 1);
    return TZ_LOOP_CONTINUE;
}

static void settings_change_before_a_plan(void **state) {
    (void)state;
    fixture f = open_fixture();
    int n_asked = 0, n_done;
    const tz_observer observer = {
        .context = &n_asked, .planning = look_further, .planned = expect_horizon};
    tz_loop_result result;
    run(&f, true, 1, &observer, 1, &result, &n_done);
    assert_int_equal(n_asked, STEPS);

    // a policy plans nothing
    run(&f, false, 1, &observer, 1, &result, &n_done);
    assert_int_equal(n_asked, STEPS);
    close_fixture(&f);
}

// Turns the planner off after the first plan, and the controls while a step waits to be executed.
typedef struct switchboard {
    int t, n_asked;    // the step under way; how often a plan was about to be made
    bool waits;        // the controls of the step are chosen
    float planned[3];  // the controls of the last plan
    bool turns_off[2]; // planner, controls
    float applied[STEPS];
} switchboard;

static tz_loop_off turn_off(void *context) {
    const switchboard *board = context;
    return (tz_loop_off){.planner = board->turns_off[0] && board->t > 0,
                         .controls = board->turns_off[1] && board->t == 2 && board->waits};
}

static void count_planning(void *context, tz_planner *planner) {
    (void)planner;
    ((switchboard *)context)->n_asked++;
}

static tz_loop_request remember_plan(void *context, tz_env *env, const tz_plan *plan) {
    (void)env;
    switchboard *board = context;
    board->waits = true;
    if (plan != NULL && board->t == 0) {
        memcpy(board->planned, plan->u, sizeof board->planned);
    }
    return TZ_LOOP_CONTINUE;
}

static tz_loop_request remember_control(void *context, tz_env *env, const tz_loop_step *step) {
    (void)env;
    switchboard *board = context;
    board->applied[board->t++] = step->u[0];
    board->waits = false;
    return TZ_LOOP_CONTINUE;
}

static void planner_and_controls_are_turned_off(void **state) {
    (void)state;
    for (int case_ = 0; case_ < 3; case_++) {
        fixture f = open_fixture();
        switchboard board = {.turns_off = {case_ != 1, case_ != 0}};
        const tz_observer observer = {.context = &board,
                                      .off = turn_off,
                                      .planning = count_planning,
                                      .planned = remember_plan,
                                      .stepped = remember_control};
        tz_loop_result result;
        int n_done;
        run(&f, true, 1, &observer, 1, &result, &n_done);
        assert_int_equal(board.t, STEPS);
        assert_int_equal(board.n_asked, board.turns_off[0] ? 1 : STEPS);
        assert_true(board.planned[0] != 0.0f && board.applied[0] == board.planned[0]);
        if (board.turns_off[0]) {
            assert_true(board.applied[1] == board.planned[1]);
            assert_true(board.applied[3] == 0.0f); // the horizon is 3
        }
        const float last = board.turns_off[0] ? board.planned[2] : board.applied[2];
        assert_true(board.applied[2] == (board.turns_off[1] ? 0.0f : last));
        assert_true(board.turns_off[1] || board.applied[2] != 0.0f);
        close_fixture(&f);
    }

    // a policy has no plans, but controls
    fixture f = open_fixture();
    tz_policy_destroy(f.policy);
    assert_int_equal(tz_policy_create(&f.policy, "random", tz_env_task(f.env), NULL), TZ_OK);
    switchboard board = {.turns_off = {true, true}};
    const tz_observer observer = {
        .context = &board, .off = turn_off, .planned = remember_plan, .stepped = remember_control};
    tz_loop_result result;
    int n_done;
    run(&f, false, 1, &observer, 1, &result, &n_done);
    for (int t = 0; t < board.t; t++) {
        assert_true((board.applied[t] == 0.0f) == (t == 2));
    }
    assert_true(board.t > 2);
    close_fixture(&f);
}

// "random" has no deterministic control to take instead.
static void a_policy_that_draws_need_not_be_asked_to(void **state) {
    (void)state;
    fixture f = open_fixture();
    tz_loop_result results[1];
    int n_done;
    tz_policy_destroy(f.policy);
    assert_int_equal(tz_policy_create(&f.policy, "random", tz_env_task(f.env), NULL), TZ_OK);
    run(&f, false, 1, NULL, 0, results, &n_done);
    assert_int_equal(n_done, 1);
    assert_true(results[0].length > 0);
    close_fixture(&f);
}

static void a_restart_begins_the_episode_again(void **state) {
    (void)state;
    fixture f = open_fixture();
    tz_loop_result results[2];
    int n_done;
    static const struct {
        char at;
        int t;
        const char *expected;
    } cases[] = {
        {'b', 0, "b0 b0 p s0 p s1 p s2 p s3 e0/4 b1 p s0 p s1 p s2 p s3 e1/4 "},
        {'p', 1, "b0 p s0 p b0 p s0 p s1 p s2 p s3 e0/4 b1 p s0 p s1 p s2 p s3 e1/4 "},
        {'s', 1, "b0 p s0 p s1 b0 p s0 p s1 p s2 p s3 e0/4 b1 p s0 p s1 p s2 p s3 e1/4 "},
        {'s', 3, "b0 p s0 p s1 p s2 p s3 b0 p s0 p s1 p s2 p s3 e0/4 b1 p s0 p s1 p s2 p s3 e1/4 "},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        diary d = {.ask_at = cases[i].at, .ask_t = cases[i].t, .request = TZ_LOOP_RESTART};
        const tz_observer observer = observe(&d);
        run(&f, true, 2, &observer, 1, results, &n_done);
        assert_string_equal(d.text, cases[i].expected);
        assert_int_equal(n_done, 2);
    }
    close_fixture(&f);
}

static void a_stop_drops_the_episode_in_flight(void **state) {
    (void)state;
    fixture f = open_fixture();
    diary a = {.ask_at = 's', .ask_episode = 1, .ask_t = 1, .request = TZ_LOOP_STOP};
    diary b = {.ask_at = 's', .ask_episode = 1, .ask_t = 1, .request = TZ_LOOP_RESTART};
    const tz_observer observers[] = {observe(&a), observe(&b)}; // a stop is stronger
    tz_loop_result results[5];
    int n_done;
    run(&f, true, 5, observers, 2, results, &n_done);
    assert_int_equal(n_done, 1);
    assert_string_equal(b.text, "b0 p s0 p s1 p s2 p s3 e0/4 b1 p s0 p s1 ");
    close_fixture(&f);
}

// ---- the loop is the environment under the planner

typedef struct trace {
    double z[(STEPS + 1) * 4];
    float u[STEPS];
} trace;

static tz_loop_request trace_begin(void *context, tz_env *env, int episode, const double *z) {
    (void)env, (void)episode;
    memcpy(((trace *)context)->z, z, 4 * sizeof *z);
    return TZ_LOOP_CONTINUE;
}

static tz_loop_request trace_step(void *context, tz_env *env, const tz_loop_step *step) {
    (void)env;
    trace *t = context;
    assert_memory_equal(step->z, t->z + 4 * step->t, 4 * sizeof *step->z);
    memcpy(t->z + 4 * (step->t + 1), step->z_next, 4 * sizeof *step->z);
    t->u[step->t] = step->u[0];
    assert_true(step->u[0] == step->plan->u[0]);
    return TZ_LOOP_CONTINUE;
}

static void the_loop_is_plan_and_step(void **state) {
    (void)state;
    fixture f = open_fixture();
    trace looped = {0}, by_hand = {0};
    const tz_observer observer = {
        .context = &looped, .episode_begin = trace_begin, .stepped = trace_step};
    tz_loop_result result;
    int n_done;
    const size_t before = tz_alloc_count();
    run(&f, true, 1, &observer, 1, &result, &n_done);
    assert_int_equal(tz_alloc_count(), before);

    tz_env_reset(f.env, by_hand.z, 5, 0);
    tz_planner_reset(f.planner, 0);
    for (int t = 0; t < STEPS; t++) {
        tz_plan plan;
        tz_step step;
        tz_planner_plan(f.planner, &plan, by_hand.z + 4 * t);
        by_hand.u[t] = plan.u[0];
        const double u = (double)plan.u[0];
        tz_env_step(f.env, &step, by_hand.z + 4 * (t + 1), &u);
    }
    assert_memory_equal(&looped, &by_hand, sizeof looped);
    close_fixture(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(observers_are_told_in_order),
        cmocka_unit_test(predicted_rewards_are_summed_apart),
        cmocka_unit_test(settings_change_before_a_plan),
        cmocka_unit_test(planner_and_controls_are_turned_off),
        cmocka_unit_test(a_policy_that_draws_need_not_be_asked_to),
        cmocka_unit_test(a_restart_begins_the_episode_again),
        cmocka_unit_test(a_stop_drops_the_episode_in_flight),
        cmocka_unit_test(the_loop_is_plan_and_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
