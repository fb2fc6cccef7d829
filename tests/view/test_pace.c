// The clock of a window, on a clock of the test's own: what keeps real time, and what is to blame
// when nothing does.
#include "view/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { STEPS = 2000 };

// A loop whose parts always take the same time (s).
typedef struct loop {
    double period_s, plan_s, simulate_s, frame_s;
} loop;

// How it went.
typedef struct outcome {
    tz_pace pace;
    double end_s;         // when the last step was over
    double longest_gap_s; // between two pictures
} outcome;

static void draw(outcome *o, double frame_s) {
    const double gap_s = o->end_s - o->pace.drawn_s;
    o->longest_gap_s = gap_s > o->longest_gap_s ? gap_s : o->longest_gap_s;
    tz_pace_drawn(&o->pace, o->end_s, o->end_s + frame_s);
    o->end_s += frame_s;
}

static outcome run(const loop *l) {
    outcome o = {.end_s = 100.0};
    tz_pace_begin(&o.pace, o.end_s);
    for (int t = 0; t < STEPS; t++) {
        o.end_s += l->plan_s + l->simulate_s;
        if (tz_pace_step(&o.pace, o.end_s, l->period_s, l->plan_s)) {
            while (o.end_s < o.pace.due_s) {
                draw(&o, l->frame_s);
            }
        } else if (tz_pace_shows_late(&o.pace, o.end_s)) {
            draw(&o, l->frame_s);
        }
    }
    o.end_s -= 100.0;
    return o;
}

// Pictures that take ten steps, or more than a plan leaves, are drawn now and then.
static void slow_pictures_keep_real_time(void **state) {
    (void)state;
    static const loop loops[] = {{.period_s = 0.008, .simulate_s = 0.0002, .frame_s = 0.085},
                                 {.period_s = 0.05, .plan_s = 0.035, .frame_s = 0.03},
                                 {.period_s = 0.05, .plan_s = 0.001, .frame_s = 0.016},
                                 {.period_s = 0.02, .plan_s = 0.001, .frame_s = 0.3}};
    for (size_t i = 0; i < TZ_COUNTOF(loops); i++) {
        const outcome o = run(&loops[i]);
        const double wanted_s = STEPS * loops[i].period_s;
        assert_true(o.end_s > wanted_s - 0.5 && o.end_s < wanted_s + 0.5);
        assert_true(tz_pace_lateness(&o.pace) < 1.1);
        assert_true(o.longest_gap_s < 0.25);
    }
}

// Nothing keeps real time where one part alone takes longer than there is; the window stays alive.
static void the_culprit_is_named(void **state) {
    (void)state;
    static const struct {
        loop loop;
        const char *culprit;
        double lateness;
    } cases[] = {
        {{.period_s = 0.05, .plan_s = 0.2, .frame_s = 0.01}, "planning", 4.2},
        {{.period_s = 0.05, .plan_s = 0.2, .frame_s = 0.15}, "planning", 7.0},
        {{.period_s = 0.05, .plan_s = 0.045, .frame_s = 0.09}, "drawing", 1.5},
        {{.period_s = 0.001, .simulate_s = 0.004, .frame_s = 0.01}, "the loop", 5.0},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        const outcome o = run(&cases[i].loop);
        const double lateness = tz_pace_lateness(&o.pace), expected = cases[i].lateness;
        assert_string_equal(tz_pace_culprit(&o.pace), cases[i].culprit);
        assert_true(lateness > 0.8 * expected && lateness < 1.2 * expected);
        assert_true(o.longest_gap_s < 0.25);
    }
}

// Time that was lost is not run after: the steps after a standstill are not shown faster for long.
static void lost_time_is_not_caught_up(void **state) {
    (void)state;
    tz_pace pace = {0};
    tz_pace_begin(&pace, 0.0);
    tz_pace_drawn(&pace, 0.0, 0.01);
    assert_false(tz_pace_step(&pace, 60.0, 0.05, 60.0));
    assert_true(pace.due_s > 60.0 - 0.1);
    tz_pace_begin(&pace, 70.0);
    assert_true(tz_pace_lateness(&pace) == 1.0);
    assert_true(tz_pace_step(&pace, 70.01, 0.05, 0.01));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_pictures_keep_real_time),
        cmocka_unit_test(the_culprit_is_named),
        cmocka_unit_test(lost_time_is_not_caught_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
