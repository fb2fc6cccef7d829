// The runs of the figures: their number, what they share, and the work they are.
#include "paper/plan.h"

#include "base/memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int count(tz_figure figure, tz_budget budget) {
    tz_run_list list = {0};
    assert_int_equal(tz_plan_append(&list, figure, budget, NULL), TZ_OK);
    const int n = list.n;
    tz_run_list_destroy(&list);
    return n;
}

static void runs_of_the_figures(void **state) {
    (void)state;
    assert_int_equal(count(TZ_FIG1, TZ_QUICK), 6 * 3 * 3);
    assert_int_equal(count(TZ_FIG2, TZ_CLOSE), 10 * 3 * 5);
    assert_int_equal(count(TZ_FIG3, TZ_QUICK), 6 * 3 * 3);
    assert_int_equal(count(TZ_FIG3, TZ_FULL), 6 * 6 * 5);
    assert_int_equal(count(TZ_FIG4, TZ_FULL), 6 * 4 * 5);
    assert_int_equal(count(TZ_FIG7, TZ_QUICK), 3 * 4 * 2 * 3);
    assert_int_equal(count(TZ_FIG7, TZ_CLOSE), 3 * 4 * 2 * 5);
    assert_int_equal(count(TZ_FIG7, TZ_FULL), 3 * 4 * 2 * 4);
    assert_int_equal(count(TZ_FIG8, TZ_CLOSE), 2 * 3 * 2 * 5);
    assert_int_equal(count(TZ_FIG9, TZ_CLOSE), 3 * 3 * 4 * 5);
    assert_int_equal(count(TZ_CALIBRATION, TZ_QUICK), 19 * 5);
}

// Figures 1 and 2 take the runs that 4 and 5 made; the reference's rows are those of `close`.
static void figures_share_runs(void **state) {
    (void)state;
    tz_run_list list = {0};
    assert_int_equal(tz_plan_append(&list, TZ_FIG4, TZ_CLOSE, NULL), TZ_OK);
    assert_int_equal(tz_plan_append(&list, TZ_FIG5, TZ_CLOSE, NULL), TZ_OK);
    const int n = list.n;
    assert_int_equal(tz_plan_append(&list, TZ_FIG1, TZ_CLOSE, NULL), TZ_OK);
    assert_int_equal(list.n, n);
    assert_int_equal(tz_plan_append(&list, TZ_CALIBRATION, TZ_QUICK, NULL), TZ_OK);
    assert_int_equal(list.n, n + 5 * 5); // the damped systems are new
    tz_run_list_destroy(&list);
}

// One step and one test of the study's settings, beside counts worked out from the sizes of the
// networks: for chain-2 and h = 128, a batch of 200 chunks is 3.4e8 operations of NODE, 7.9e8 of
// NODE+SO and 1.4e9 of HNN.
static void work_of_a_run(void **state) {
    (void)state;
    static const struct {
        const char *model;
        double step;
    } expected[] = {{TZ_STUDY_NODE, 3.4e8},
                    {TZ_STUDY_NODE_SO, 7.9e8},
                    {TZ_STUDY_HNN, 1.4e9},
                    {TZ_STUDY_HNN_NONSEPARABLE, 7.9e8},
                    {TZ_STUDY_SYMODEN, 1.8e9}};
    for (size_t i = 0; i < TZ_COUNTOF(expected); i++) {
        tz_study_run run = tz_plan_run(TZ_FIG4, TZ_CLOSE, "chain-2", expected[i].model, 0);
        const double at_1000 = tz_run_flops(&run);
        run.epochs = 2000;
        // the 20 evaluations are the same in both
        const double step = (tz_run_flops(&run) - at_1000) / 4000.0;
        assert_true(fabs(step / expected[i].step - 1.0) < 0.05);
    }
}

// 20 during training, fewer where there are few epochs.
static void evaluations(void **state) {
    (void)state;
    tz_study_run run = tz_plan_run(TZ_FIG4, TZ_QUICK, "chain-2", TZ_STUDY_NODE, 0);
    assert_int_equal(tz_run_evaluations(&run), 20);
    run.epochs = 4;
    assert_int_equal(tz_run_evaluations(&run), 4);
    run = tz_plan_run(TZ_FIG7, TZ_FULL, "hopper", TZ_ROBOT_NODE_SO, 0);
    assert_int_equal(tz_run_evaluations(&run), 20);
    run = tz_plan_run(TZ_FIG7, TZ_CLOSE, "hopper", TZ_ROBOT_NODE_SO, 0);
    assert_int_equal(tz_run_evaluations(&run), 8);
    run = tz_plan_run(TZ_FIG7, TZ_QUICK, "hopper", TZ_ROBOT_NODE_SO, 0);
    assert_int_equal(tz_run_evaluations(&run), 5);
    // twice the epochs, twice the evaluations: twice the work
    tz_study_run longer = run;
    longer.epochs = 80;
    const double at_40 = tz_run_flops(&run), at_80 = tz_run_flops(&longer);
    assert_true(fabs(at_80 / at_40 - 2.0) < 1e-9);
    run = tz_plan_run(TZ_FIG7, TZ_TINY, "hopper", TZ_ROBOT_NODE_SO, 0);
    assert_int_equal(tz_run_evaluations(&run), 1);
}

static void names(void **state) {
    (void)state;
    char name[TZ_RUN_NAME_MAX], title[TZ_NAME_MAX];
    tz_study_run run = tz_plan_run(TZ_FIG3, TZ_QUICK, "spring-3", TZ_STUDY_NODE_SO, 2);
    run.symplectic = 0.1;
    tz_run_name(name, &run);
    assert_string_equal(name, "spring-3_node-so-mass_h128_e500_l2_lr0.005_w0.1_n1000_s2");
    tz_system_title(title, "chain-3-damped");
    assert_string_equal(title, "Chain 3");
    assert_string_equal(tz_model_title(TZ_STUDY_HNN_NONSEPARABLE), "HNN without SO");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_of_the_figures),
        cmocka_unit_test(figures_share_runs),
        cmocka_unit_test(work_of_a_run),
        cmocka_unit_test(evaluations),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
