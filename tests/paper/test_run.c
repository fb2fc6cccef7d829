// A run from data to result: it is the same after an interruption, and a result that is not of this
// run, or of this program, is refused.
#include "paper/execute.h"

#include "base/memory.h"
#include "folder.h"
#include "paper/plan.h"
#include "paper/results.h"
#include "paper/robots.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static tz_team *team;

static void make_results_folder(const char *name) {
    static const char *const subfolders[] = {"runs", "data", "checkpoints"};
    for (size_t i = 0; i < TZ_COUNTOF(subfolders); i++) {
        char path[TZ_PATH_MAX];
        snprintf(path, sizeof path, "%s/%s/%s", test_folder, name, subfolders[i]);
        assert_int_equal(tz_make_folders(path, NULL), TZ_OK);
    }
}

static int set_up(void **state) {
    return make_folder(state) != 0 || tz_team_create(&team, 1, NULL) != TZ_OK ? -1 : 0;
}

static int tear_down(void **state) {
    tz_team_destroy(team);
    return remove_folder(state);
}

static tz_study_run tiny_run(void) {
    return tz_plan_run(TZ_FIG4, TZ_TINY, "chain-2", TZ_STUDY_HNN, 1);
}

// Stops at half of the run as often as *context says.
static bool stop_at_half(void *context, double share) {
    int *stops = context;
    if (share == 0.5 && *stops > 0) {
        (*stops)--;
        return false;
    }
    return true;
}

static tz_status execute(const char *name, int *stops, tz_error *error) {
    char folder[TZ_PATH_MAX];
    snprintf(folder, sizeof folder, "%s/%s", test_folder, name);
    const tz_run_host host = {
        .folder = folder, .team = team, .progress = stop_at_half, .context = stops};
    const tz_study_run run = tiny_run();
    return tz_run_execute(&host, &run, error);
}

static void result_path(char path[TZ_PATH_MAX], const char *name) {
    char folder[TZ_PATH_MAX];
    snprintf(folder, sizeof folder, "%s/%s", test_folder, name);
    const tz_study_run run = tiny_run();
    assert_int_equal(tz_run_result_path(path, folder, &run, NULL), TZ_OK);
}

static tz_study_result read(const char *name) {
    char path[TZ_PATH_MAX];
    tz_study_result result;
    tz_error error;
    const tz_study_run run = tiny_run();
    result_path(path, name);
    if (tz_result_read(path, &result, &run, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    return result;
}

static void goes_on_after_an_interruption(void **state) {
    (void)state;
    make_results_folder("whole");
    make_results_folder("broken");
    int stops = 0;
    tz_error error = {0};
    assert_int_equal(execute("whole", &stops, &error), TZ_OK);
    stops = 1;
    assert_int_equal(execute("broken", &stops, &error), TZ_ERR_INTERRUPTED);
    assert_int_equal(execute("broken", &stops, &error), TZ_OK);

    const tz_study_result a = read("whole"), b = read("broken");
    assert_true(a.rollout_error == b.rollout_error && a.test_mse == b.test_mse);
    assert_true(a.energy == b.energy && a.train_loss == b.train_loss);
    assert_true(a.rollout_error_min == b.rollout_error_min);
    assert_memory_equal(a.curve_mean, b.curve_mean, sizeof a.curve_mean);
    assert_true(a.finite && a.diverged == b.diverged);

    // what stands there is what the study measures
    assert_true(a.rollout_error > 0.0 && a.rollout_error < 1.0);
    assert_true(a.rollout_error_min <= a.rollout_error);
    assert_true(a.rollout_error_no_t0 > a.rollout_error);
    assert_true(a.rollout_error_stays > 0.0 && a.rollout_error_stays < 1.0);
    assert_true(a.rollout_error_stays == b.rollout_error_stays);
    assert_true(isnan(a.test_median) && isnan(a.symplectic_error));
    assert_true(a.curve_mean[50] > a.curve_mean[0]);
}

// Replaces the first `from` in the result file by `to`, which is as long, and expects a sentence.
static void refuses(const char *from, const char *to, tz_status expected, const char *sentence) {
    char path[TZ_PATH_MAX], *data = NULL;
    size_t size = 0;
    tz_study_result result;
    tz_error error = {0};
    const tz_study_run run = tiny_run();
    result_path(path, "whole");
    assert_int_equal(tz_file_read(path, &data, &size, 1 << 20, NULL), TZ_OK);
    char *found = strstr(data, from);
    assert_non_null(found);
    memcpy(found, to, strlen(to));
    snprintf(path, sizeof path, "%s/changed.json", test_folder);
    assert_int_equal(tz_file_write(path, data, size, NULL), TZ_OK);
    assert_int_equal(tz_result_read(path, &result, &run, &error), expected);
    if (strstr(error.text, sentence) == NULL || strstr(error.text, "changed.json") == NULL) {
        fail_msg("'%s' does not say '%s'", error.text, sentence);
    }
    tz_free(data);
}

static void other_results_are_refused(void **state) {
    (void)state;
    refuses("trapeze 0.", "trapeze 9.", TZ_ERR_MISMATCH, "a run of trapeze 9.");
    refuses("chain-2_hnn", "chain-3_hnn", TZ_ERR_MISMATCH, "expected chain-2_hnn");
    refuses("trapeze-study", "trapeze-other", TZ_ERR_FORMAT, "not the result");
    refuses("\"energy\"", "\"energi\"", TZ_ERR_FORMAT, "missing");
    refuses("curve_std", "curve_sum", TZ_ERR_FORMAT, "missing");
    refuses("{", "[", TZ_ERR_FORMAT, "not JSON");
}

// Results of a robot that learned from other data are not compared, and none is added to them.
static void data_are_not_mixed(void **state) {
    (void)state;
    make_results_folder("mixed");
    char folder[TZ_PATH_MAX], path[TZ_PATH_MAX];
    snprintf(folder, sizeof folder, "%s/mixed", test_folder);
    tz_run_list runs = {0};
    tz_results results;
    tz_error error;
    for (int i = 0; i < 2; i++) {
        const tz_study_run run =
            tz_plan_run(TZ_FIG7, TZ_TINY, "hopper", i == 0 ? TZ_ROBOT_NODE : TZ_ROBOT_NODE_SO, 0);
        tz_study_result result = {.run = run, .finite = true};
        snprintf(result.source, sizeof result.source, "dataset %s", i == 0 ? "aaaa" : "bbbb");
        assert_int_equal(tz_run_list_add(&runs, &run, &error), TZ_OK);
        assert_int_equal(tz_run_result_path(path, folder, &run, &error), TZ_OK);
        assert_int_equal(tz_result_write(path, &result, &error), TZ_OK);
    }
    assert_int_equal(tz_results_read(&results, folder, &runs, &error), TZ_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "dataset bbbb, but other runs of the figure from dataset "
                                       "aaaa"));
    tz_results_destroy(&results);

    const tz_robot_data now = {.env = "hopper", .source = "dataset aaaa"};
    assert_int_equal(tz_robots_check(&now, 1, folder, &runs, &error), TZ_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "learned from dataset bbbb, but the data of hopper now are "
                                       "dataset aaaa"));
    runs.n = 1;
    assert_int_equal(tz_robots_check(&now, 1, folder, &runs, &error), TZ_OK);
    tz_run_list_destroy(&runs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_after_an_interruption),
        cmocka_unit_test(other_results_are_refused),
        cmocka_unit_test(data_are_not_mixed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
