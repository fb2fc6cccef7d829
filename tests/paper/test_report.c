// What a figure's page says of its runs, on results that nobody trained.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "folder.h"

#include "base/file.h"
#include "base/memory.h"
#include "paper/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// Writes a result for every run of the figure. Those that are `idle` but for their seed, which is 0
// or 1, are no better than a state that stays.
static void write_results(tz_figure figure, tz_budget budget, const tz_study_run *idle) {
    tz_run_list runs = {0};
    tz_error error = {.text = ""};
    assert_int_equal(tz_plan_append(&runs, figure, budget, &error), TZ_OK);
    assert_int_equal(tz_make_folders("runs", &error), TZ_OK);
    for (int i = 0; i < runs.n; i++) {
        tz_study_run same = *idle;
        same.seed = runs.run[i].seed;
        const bool is_idle = same.seed < 2 && tz_run_equal(&same, &runs.run[i]);
        tz_study_result result = {.run = runs.run[i],
                                  .finite = true,
                                  .train_loss = 0.1,
                                  .rollout_error = is_idle ? 0.5 : 0.1,
                                  .rollout_error_no_t0 = 0.1,
                                  .rollout_error_code = 0.1,
                                  .rollout_error_stays = 0.5,
                                  .rollout_error_min = 0.1,
                                  .symplectic_error = 0.1,
                                  .energy = 0.1,
                                  .energy_code = 0.1,
                                  .test_mse = NAN,
                                  .test_median = NAN,
                                  .test_mse_min = NAN,
                                  .parameters = 10};
        char name[TZ_RUN_NAME_MAX], path[TZ_PATH_MAX];
        tz_run_name(name, &runs.run[i]);
        snprintf(path, sizeof path, "runs/%s.json", name);
        if (tz_result_write(path, &result, &error) != TZ_OK) {
            fail_msg("%s", error.text);
        }
    }
    tz_run_list_destroy(&runs);
}

// The page names the setting of a run wherever its figure has several.
static void idle_runs_name_their_variant(void **state) {
    (void)state;
    const struct {
        tz_figure figure;
        tz_budget budget;
        int variant;
        const char *page, *sentence;
    } cases[] = {
        {TZ_FIG3, TZ_QUICK, 1, "fig3.md", " (weight 0.1), seed 0, 1."},
        {TZ_FIG8, TZ_QUICK, 0, "fig8.md", " (l1), seed 0, 1."},
        {TZ_FIG9, TZ_FULL, 2, "fig9.md", " (l2, lr 0.0003), seed 0, 1."},
        {TZ_FIG9, TZ_QUICK, 0, "fig9.md", ", seed 0, 1."},
        {TZ_FIG1, TZ_QUICK, 0, "fig1.md", ", seed 0, 1."},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        const tz_figure figure = cases[i].figure;
        tz_variant variants[TZ_VARIANTS_MAX];
        assert_true(tz_plan_variants(variants, figure, cases[i].budget) > cases[i].variant);
        const tz_variant *variant = &variants[cases[i].variant];
        tz_study_run idle = tz_plan_run(figure, cases[i].budget, tz_plan_systems(figure)[0],
                                        tz_plan_models(figure)[0], 0);
        idle.loss = variant->loss;
        idle.lr = variant->lr;
        idle.symplectic = variant->symplectic;
        write_results(figure, cases[i].budget, &idle);

        tz_report report;
        tz_error error = {.text = ""};
        if (tz_report_write(&report, figure, cases[i].budget, ".", ".", &error) != TZ_OK) {
            fail_msg("%s", error.text);
        }
        char *text, title[TZ_NAME_MAX], expected[2 * TZ_NAME_MAX + 128];
        size_t size;
        tz_system_title(title, idle.system);
        snprintf(expected, sizeof expected,
                 "\nNo better than a state that stays where it is: %s on %s%s\n",
                 tz_model_title(idle.model), title, cases[i].sentence);
        assert_int_equal(tz_file_read(cases[i].page, &text, &size, 1 << 20, &error), TZ_OK);
        if (strstr(text, expected) == NULL) {
            fail_msg("expected%s\nin\n%s", expected, text);
        }
        tz_free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(idle_runs_name_their_variant)};
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
