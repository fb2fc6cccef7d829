#include "cli/mpc_report.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/sort.h"
#include "base/table.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

tz_status tz_mpc_report_create(tz_mpc_report *report, const tz_task *task,
                               const tz_planner_def *planner, tz_error *error) {
    *report = (tz_mpc_report){.max_steps = task->max_episode_steps,
                              .period_ms = 1e3 * task->dt_s,
                              .discount = planner->discount,
                              .counts_range = planner->range_mode != TZ_RANGE_OFF};
    return tz_mpc_report_make_room(report, error);
}

// Doubles what does not suffice, so that rows move seldom.
tz_status tz_mpc_report_make_room(tz_mpc_report *report, tz_error *error) {
    const size_t needed = report->n_rows + (size_t)report->max_steps;
    if (needed <= report->n_room) {
        return TZ_OK;
    }
    const size_t n_room = needed < 2 * report->n_room ? 2 * report->n_room : needed;
    tz_mpc_row *row = tz_alloc(n_room, sizeof *row);
    if (row == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: an episode of %d steps behind %zu",
                       report->max_steps, report->n_rows);
    }
    if (report->n_rows > 0) {
        memcpy(row, report->row, report->n_rows * sizeof *row);
    }
    tz_free(report->row);
    report->row = row;
    report->n_room = n_room;
    return TZ_OK;
}

void tz_mpc_report_destroy(tz_mpc_report *report) {
    tz_free(report->row);
}

// ---- recording

static tz_loop_request begin(void *context, tz_env *env, int episode, const double *z) {
    (void)env, (void)episode, (void)z;
    tz_mpc_report *report = context;
    report->n_rows = report->n_finished; // a restarted episode leaves nothing
    report->trouble = tz_mpc_report_make_room(report, &report->trouble_error);
    return report->trouble == TZ_OK ? TZ_LOOP_CONTINUE : TZ_LOOP_STOP;
}

static tz_loop_request record(void *context, tz_env *env, const tz_loop_step *step) {
    (void)env;
    tz_mpc_report *report = context;
    if (step->step.outcome == TZ_STEP_OK) {
        report->row[report->n_rows++] = (tz_mpc_row){
            .episode = step->episode,
            .t = step->t,
            .reward = step->step.reward,
            .predicted_reward = step->plan->predicted_reward,
            .predicted_return = step->plan->predicted_return,
            .horizon = step->plan->horizon,
            .plan_ms = 1e3 * step->plan->plan_s,
            .n_candidates = step->plan->n_candidates,
            .n_diverged = step->plan->n_diverged,
            .n_out_of_range = step->plan->n_out_of_range,
        };
    }
    return TZ_LOOP_CONTINUE;
}

// Fills in what was obtained over each plan's horizon.
static void end(void *context, tz_env *env, int episode, double episode_return, int length) {
    (void)env, (void)episode, (void)episode_return;
    tz_mpc_report *report = context;
    tz_mpc_row *row = report->row + report->n_finished;
    for (int t = 0; t < length; t++) {
        const bool is_complete = t + row[t].horizon <= length;
        row[t].obtained_return = is_complete ? 0.0 : (double)NAN;
        double weight = 1.0;
        for (int k = 0; k < row[t].horizon && is_complete; k++) {
            row[t].obtained_return += weight * row[t + k].reward;
            weight *= report->discount;
        }
    }
    report->n_finished = report->n_rows;
}

tz_observer tz_mpc_report_observer(tz_mpc_report *report) {
    return (tz_observer){
        .context = report, .episode_begin = begin, .stepped = record, .episode_end = end};
}

// ---- summary

// sum / n; NaN when nothing was summed.
static double mean_or_nan(double sum, double n) {
    return n > 0.0 ? sum / n : (double)NAN;
}

static double mean_of(const tz_loop_result *results, int n, double *std) {
    double mean = n > 0 ? 0.0 : (double)NAN, square = mean;
    for (int i = 0; i < n; i++) {
        mean += results[i].episode_return / n;
    }
    for (int i = 0; i < n; i++) {
        square += pow(results[i].episode_return - mean, 2.0) / n;
    }
    *std = sqrt(square);
    return mean;
}

static tz_status summarise_times(const tz_mpc_report *report, tz_mpc_summary *summary,
                                 tz_error *error) {
    const size_t n = report->n_finished;
    double *ms = tz_alloc(n + 1, sizeof *ms);
    if (ms == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: the summary of %zu steps", n);
    }
    size_t n_plans = 0;
    for (size_t i = 0; i < n; i++) {
        if (report->row[i].n_candidates > 0) { // where the planner was not off
            ms[n_plans++] = report->row[i].plan_ms;
        }
    }
    tz_sort(ms, n_plans);
    summary->plan_ms_median = n_plans > 0 ? ms[n_plans / 2] : (double)NAN;
    summary->plan_ms_p95 = n_plans > 0 ? ms[(n_plans * 95 + 99) / 100 - 1] : (double)NAN;
    summary->has_plans = n_plans > 0;
    summary->is_real_time = summary->plan_ms_p95 <= report->period_ms;
    tz_free(ms);
    return TZ_OK;
}

tz_status tz_mpc_report_summarise(const tz_mpc_report *report, tz_mpc_summary *summary,
                                  const tz_loop_result *results, int n, tz_error *error) {
    *summary = (tz_mpc_summary){.predicted_mean = n > 0 ? 0.0 : (double)NAN};
    summary->return_mean = mean_of(results, n, &summary->return_std);
    for (int i = 0; i < n; i++) {
        summary->predicted_mean += results[i].predicted_reward_sum / n;
        summary->n_unstable += results[i].outcome == TZ_STEP_UNSTABLE;
        summary->n_bad_reward += results[i].outcome == TZ_STEP_BAD_REWARD;
    }

    // sums over steps
    double square = 0.0, predicted = 0.0, obtained = 0.0;
    double n_candidates = 0.0, n_diverged = 0.0, n_outside = 0.0, n_predicted = 0.0;
    double n_complete = 0.0;
    summary->horizon = report->n_finished > 0 ? report->row[0].horizon : 0;
    for (size_t i = 0; i < report->n_finished; i++) {
        const tz_mpc_row *row = &report->row[i];
        summary->horizon = row->horizon == summary->horizon ? row->horizon : 0;
        if (isfinite(row->predicted_reward)) {
            square += pow(row->predicted_reward - row->reward, 2.0);
            n_predicted += 1.0;
        }
        n_candidates += row->n_candidates;
        n_diverged += row->n_diverged;
        n_outside += row->n_out_of_range;
        if (isfinite(row->predicted_return) && isfinite(row->obtained_return)) {
            predicted += row->predicted_return;
            obtained += row->obtained_return;
            n_complete += 1.0;
        }
    }
    summary->reward_rmse = sqrt(mean_or_nan(square, n_predicted));
    summary->horizon_predicted_mean = mean_or_nan(predicted, n_complete);
    summary->horizon_obtained_mean = mean_or_nan(obtained, n_complete);
    summary->diverged_share = mean_or_nan(n_diverged, n_candidates);
    summary->outside_share = mean_or_nan(n_outside, report->counts_range ? n_candidates : 0.0);
    return summarise_times(report, summary, error);
}

// ---- files

static tz_status write_csv(const tz_mpc_report *report, const char *path, tz_error *error) {
    tz_text text;
    TZ_CHECK(tz_text_open(&text, error));
    FILE *stream = text.stream;
    fprintf(stream, "episode,t,reward,predicted_reward,predicted_return,obtained_return,plan_ms,"
                    "candidates,diverged,out_of_range\n");
    for (size_t i = 0; i < report->n_finished; i++) {
        const tz_mpc_row *r = &report->row[i];
        fprintf(stream, "%d,%d,%.9g,", r->episode, r->t, r->reward);
        tz_csv_put_number(stream, r->predicted_reward);
        fputc(',', stream);
        tz_csv_put_number(stream, r->predicted_return);
        fputc(',', stream);
        tz_csv_put_number(stream, r->obtained_return);
        fprintf(stream, ",%.3f,%d,%d,", r->plan_ms, r->n_candidates, r->n_diverged);
        if (report->counts_range) {
            fprintf(stream, "%d", r->n_out_of_range);
        }
        fputc('\n', stream);
    }
    return tz_text_write(&text, path, error);
}

tz_status tz_mpc_report_write(const tz_mpc_report *report, const char *folder, tz_error *error) {
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, folder, "metrics.csv", error));
    return write_csv(report, path, error);
}
