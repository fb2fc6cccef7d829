// What the reports of all figures are made of, for the files of this room.
#ifndef TRAPEZE_PAPER_REPORT_PARTS_H
#define TRAPEZE_PAPER_REPORT_PARTS_H

#include "base/plot.h"
#include "paper/report.h"
#include "paper/results.h"

#include <stdio.h>

// A figure at work.
typedef struct tz_reporter {
    tz_figure figure;
    tz_budget budget;
    const char *out; // folder
    const tz_results *results;
    FILE *text;
    tz_report *report;
} tz_reporter;

// A number of a result that is compared and drawn.
typedef double (*tz_measure)(const tz_study_result *result);
double tz_measure_rollout(const tz_study_result *result);
double tz_measure_no_t0(const tz_study_result *result);
double tz_measure_mse(const tz_study_result *result);
double tz_measure_median(const tz_study_result *result);
double tz_measure_train(const tz_study_result *result);

// What one side of a comparison, or a bar, is: all seeds of a model in a variant.
typedef struct tz_side {
    const char *model;
    int variant;
} tz_side;

const tz_study_result *tz_report_result(const tz_reporter *r, const char *system, tz_side side,
                                        int seed);
// The measure for each seed; returns their number.
int tz_report_seeds(const tz_reporter *r, double x[TZ_SEEDS_MAX], const char *system, tz_side side,
                    tz_measure measure);

// Judges "A (claim) B" over systems (ends with NULL) and writes it, for rollout errors also what
// leaving out t = 0 changes. `claim` is what the sentence says.
tz_finding tz_report_compare(tz_reporter *r, const char *claim, tz_claim kind,
                             const char *const *systems, tz_side a, tz_side b, tz_measure measure);
// Says what becomes of a finding when it is judged in another way, if anything does; `how` begins
// the sentence.
void tz_report_put_other(tz_reporter *r, const char *how, const tz_finding *finding,
                         const tz_finding *other);
// Keeps a statement for the program and writes its beginning, "**claim: holds.** ".
void tz_report_state(tz_reporter *r, const char *claim, tz_outcome outcome);

// What a verdict on "A against B" is called in a list of data sets: "better", "equal", ...
const char *tz_verdict_text(tz_verdict verdict);
// "0.41 (0.35 to 0.52)": the interval of a log-ratio as a ratio.
void tz_report_put_ratio(FILE *text, tz_interval log_ratio);

// ---- pictures

enum { TZ_BARS_MAX = 8 };
typedef struct tz_bar_panel {
    const char *title, *y_label;
    int n_groups, n_bars;
    char label[TZ_GROUPS_MAX][TZ_NAME_MAX];
    char bar_title[TZ_BARS_MAX][TZ_NAME_MAX];
    double y[TZ_BARS_MAX][TZ_GROUPS_MAX], low[TZ_BARS_MAX][TZ_GROUPS_MAX],
        high[TZ_BARS_MAX][TZ_GROUPS_MAX];
} tz_bar_panel;

// Mean and standard error of a bar from the seeds' values x (n).
void tz_bar_set(tz_bar_panel *panel, int bar, int group, const double *x, int n);
// Bars of a measure: a group for each system, a bar for each side.
void tz_bar_fill(const tz_reporter *r, tz_bar_panel *panel, const char *title,
                 const char *const *systems, const tz_side *sides, int n_sides, tz_measure measure);
// Draws panels, two in a row, as <stem>.png and .svg, on logarithmic axes (linear on demand) that
// are the same for the same label. What cannot be drawn becomes the report's warning.
void tz_bar_draw(tz_reporter *r, const tz_bar_panel *panels, int n_panels, bool linear,
                 const char *stem);
void tz_report_draw(tz_reporter *r, const tz_plot *panels, int n_rows, int n_cols,
                    const char *stem);

// ---- the figures with more than bars and comparisons

void tz_report_fig1(tz_reporter *r);
void tz_report_fig2(tz_reporter *r);
void tz_report_fig3(tz_reporter *r);
void tz_report_calibration(tz_reporter *r);

#endif
