#include "paper/report_parts.h"

#include "base/file.h"
#include "train/evaluation.h"

#include <math.h>
#include <string.h>

// ---- numbers

double tz_measure_rollout(const tz_study_result *result) {
    return result->rollout_error;
}

double tz_measure_no_t0(const tz_study_result *result) {
    return result->rollout_error_no_t0;
}

double tz_measure_mse(const tz_study_result *result) {
    return result->test_mse;
}

double tz_measure_median(const tz_study_result *result) {
    // the median of diverged rollouts is infinite
    return fmin(result->test_median, TZ_DIVERGED_SIGMAS * TZ_DIVERGED_SIGMAS);
}

double tz_measure_train(const tz_study_result *result) {
    return result->train_loss;
}

const tz_study_result *tz_report_result(const tz_reporter *r, const char *system, tz_side side,
                                        int seed) {
    tz_variant variants[TZ_VARIANTS_MAX];
    tz_plan_variants(variants, r->figure, r->budget);
    tz_study_run run = tz_plan_run(r->figure, r->budget, system, side.model, seed);
    run.loss = variants[side.variant].loss;
    run.lr = variants[side.variant].lr;
    run.symplectic = variants[side.variant].symplectic;
    return tz_results_find(r->results, &run);
}

int tz_report_seeds(const tz_reporter *r, double x[TZ_SEEDS_MAX], const char *system, tz_side side,
                    tz_measure measure) {
    const int n = tz_plan_seeds(r->figure, r->budget);
    for (int seed = 0; seed < n; seed++) {
        x[seed] = measure(tz_report_result(r, system, side, seed));
    }
    return n;
}

// ---- comparisons

void tz_report_put_ratio(FILE *text, tz_interval log_ratio) {
    fprintf(text, "%.3g (%.3g to %.3g)", exp(log_ratio.mean), exp(log_ratio.low),
            exp(log_ratio.high));
}

void tz_report_state(tz_reporter *r, const char *claim, tz_outcome outcome) {
    if (r->report->n < TZ_STATEMENTS_MAX) {
        tz_statement *s = &r->report->statement[r->report->n++];
        snprintf(s->claim, sizeof s->claim, "%s", claim);
        s->outcome = outcome;
    }
    fprintf(r->text, "\"%s\" **%s**. ", claim, tz_outcome_text(outcome));
}

const char *tz_verdict_text(tz_verdict verdict) {
    static const char *const texts[TZ_N_VERDICTS] = {[TZ_UNDECIDED] = "undecided",
                                                     [TZ_EQUAL] = "equal",
                                                     [TZ_BETTER] = "better",
                                                     [TZ_WORSE] = "worse"};
    return texts[verdict];
}

static tz_finding judge(const tz_reporter *r, tz_claim kind, const char *const *systems, tz_side a,
                        tz_side b, tz_measure measure) {
    tz_finding f = {.claim = kind, .n_seeds = tz_plan_seeds(r->figure, r->budget)};
    for (; systems[f.n_groups] != NULL; f.n_groups++) {
        double x[TZ_SEEDS_MAX], y[TZ_SEEDS_MAX];
        tz_report_seeds(r, x, systems[f.n_groups], a, measure);
        tz_report_seeds(r, y, systems[f.n_groups], b, measure);
        for (int s = 0; s < f.n_seeds; s++) {
            f.log_ratio[f.n_groups][s] = log(x[s]) - log(y[s]);
        }
    }
    tz_decide(&f);
    return f;
}

void tz_report_put_other(tz_reporter *r, const char *how, const tz_finding *finding,
                         const tz_finding *other) {
    if (other->outcome != finding->outcome) {
        fprintf(r->text, " %s the factor is ", how);
        tz_report_put_ratio(r->text, other->pooled);
        fprintf(r->text, ", and the finding %s.", tz_outcome_text(other->outcome));
    }
}

tz_finding tz_report_compare(tz_reporter *r, const char *claim, tz_claim kind,
                             const char *const *systems, tz_side a, tz_side b, tz_measure measure) {
    const tz_finding f = judge(r, kind, systems, a, b, measure);
    tz_report_state(r, claim, f.outcome);
    fprintf(r->text, "The error of %s is ", tz_model_title(a.model));
    tz_report_put_ratio(r->text, f.pooled);
    fprintf(r->text, " times that of %s over all data sets (%s)", tz_model_title(b.model),
            tz_verdict_text(f.pooled_verdict));
    for (int g = 0; f.n_groups > 1 && g < f.n_groups; g++) {
        char title[TZ_NAME_MAX];
        tz_system_title(title, systems[g]);
        fprintf(r->text, "%s %s ", g == 0 ? ":" : ";", title);
        tz_report_put_ratio(r->text, f.group[g]);
        fprintf(r->text, " %s", tz_verdict_text(f.group_verdict[g]));
    }
    fprintf(r->text, ".");
    if (measure == tz_measure_rollout) {
        const tz_finding other = judge(r, kind, systems, a, b, tz_measure_no_t0);
        tz_report_put_other(r, "Without t = 0", &f, &other);
    }
    fprintf(r->text, "\n");
    return f;
}

// ---- pictures

void tz_bar_set(tz_bar_panel *panel, int bar, int group, const double *x, int n) {
    double mean = 0.0, sum2 = 0.0;
    for (int i = 0; i < n; i++) {
        mean += x[i] / n;
    }
    for (int i = 0; i < n; i++) {
        sum2 += (x[i] - mean) * (x[i] - mean);
    }
    const double error = n > 1 ? sqrt(sum2 / (n - 1) / n) : 0.0;
    panel->y[bar][group] = mean;
    panel->low[bar][group] = mean - error;
    panel->high[bar][group] = mean + error;
}

// "NODE", and what its variant is where a figure has several
static void bar_title(char title[TZ_NAME_MAX], const tz_reporter *r, tz_side side) {
    tz_variant variants[TZ_VARIANTS_MAX];
    tz_plan_variants(variants, r->figure, r->budget);
    const char *model = tz_model_title(side.model);
    if (r->figure == TZ_FIG3) {
        snprintf(title, TZ_NAME_MAX, "1/alpha = %g", variants[side.variant].symplectic);
    } else {
        snprintf(title, TZ_NAME_MAX, "%s", model);
    }
}

void tz_bar_fill(const tz_reporter *r, tz_bar_panel *panel, const char *title,
                 const char *const *systems, const tz_side *sides, int n_sides,
                 tz_measure measure) {
    *panel = (tz_bar_panel){.title = title, .n_bars = n_sides};
    for (; systems[panel->n_groups] != NULL; panel->n_groups++) {
        tz_system_title(panel->label[panel->n_groups], systems[panel->n_groups]);
        for (int b = 0; b < n_sides; b++) {
            double x[TZ_SEEDS_MAX];
            const int n = tz_report_seeds(r, x, systems[panel->n_groups], sides[b], measure);
            tz_bar_set(panel, b, panel->n_groups, x, n);
            bar_title(panel->bar_title[b], r, sides[b]);
        }
    }
}

void tz_report_draw(tz_reporter *r, const tz_plot *panels, int n_rows, int n_cols,
                    const char *stem) {
    char path[TZ_PATH_MAX];
    tz_error error = {0};
    if (tz_path_join(path, r->out, stem, &error) != TZ_OK ||
        tz_plot_write_panels(panels, n_rows, n_cols, path, &error) != TZ_OK) {
        snprintf(r->report->warning, sizeof r->report->warning, "%.250s", error.text);
    }
}

enum { BAR_PANELS_MAX = 4 };

// What a panel's axis stands for.
static const char *label_of(const tz_bar_panel *panel) {
    return panel->y_label != NULL ? panel->y_label : "rollout error";
}

// The same axis for all panels of the same label: the smallest and largest values, a little apart.
static void common_axis(double *low, double *high, const tz_bar_panel *panels, int n_panels,
                        const char *label) {
    *low = INFINITY;
    *high = 0.0;
    for (int p = 0; p < n_panels; p++) {
        for (int b = 0; b < panels[p].n_bars && strcmp(label_of(&panels[p]), label) == 0; b++) {
            for (int g = 0; g < panels[p].n_groups; g++) {
                const double y = panels[p].y[b][g];
                if (isfinite(y) && y > 0.0) {
                    *low = fmin(*low, y);
                    *high = fmax(*high, y);
                }
            }
        }
    }
    *low = *high > 0.0 ? *low / 2.0 : 0.0;
    *high *= 2.0;
}

void tz_bar_draw(tz_reporter *r, const tz_bar_panel *panels, int n_panels, bool linear,
                 const char *stem) {
    const char *labels[BAR_PANELS_MAX][TZ_GROUPS_MAX];
    double x[TZ_GROUPS_MAX];
    tz_series series[BAR_PANELS_MAX][TZ_BARS_MAX] = {0};
    tz_plot plots[BAR_PANELS_MAX] = {0};
    for (int g = 0; g < TZ_GROUPS_MAX; g++) {
        x[g] = g;
    }
    for (int p = 0; p < n_panels; p++) {
        const tz_bar_panel *panel = &panels[p];
        double low = 0.0, high = 0.0;
        common_axis(&low, &high, panels, n_panels, label_of(panel));
        for (int b = 0; b < panel->n_bars; b++) {
            series[p][b] = (tz_series){.title = panel->bar_title[b],
                                       .color = tz_title_color(panel->bar_title[b]),
                                       .x = x,
                                       .y = panel->y[b],
                                       .y_low = panel->low[b],
                                       .y_high = panel->high[b],
                                       .n = panel->n_groups};
        }
        for (int g = 0; g < panel->n_groups; g++) {
            labels[p][g] = panel->label[g];
        }
        plots[p] = (tz_plot){.title = panel->title,
                             .x_label = "",
                             .y_label = label_of(panel),
                             .log_y = !linear,
                             .series = series[p],
                             .n_series = panel->n_bars,
                             .bar_labels = labels[p],
                             .y_low = linear ? 0.0 : low,
                             .y_high = linear ? 0.0 : high};
    }
    const int n_rows = (n_panels + 1) / 2;
    tz_report_draw(r, plots, n_rows, n_panels / n_rows, stem);
}
