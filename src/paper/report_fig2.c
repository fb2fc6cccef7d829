// Figure 2: energy violation follows the rollout error, whatever the model; and it grows with time,
// for HNN too.
#include "paper/report_parts.h"

#include <math.h>

enum { N_MODELS = 3, N_SYSTEMS = 10, N_PANELS = 6, RUNS_MAX = N_SYSTEMS * TZ_SEEDS_MAX };

static const char *const models[N_MODELS] = {TZ_STUDY_HNN, TZ_STUDY_NODE_SO, TZ_STUDY_NODE};

// ---- left: one point a run

// All runs of the figure: log error and log violation, [model][system][seed].
typedef struct points {
    int n_systems, n_seeds;
    double log_error[N_MODELS][RUNS_MAX], log_violation[N_MODELS][RUNS_MAX];
} points;

static void gather(const tz_reporter *r, points *p) {
    const char *const *systems = tz_plan_systems(TZ_FIG2);
    p->n_seeds = tz_plan_seeds(r->figure, r->budget);
    for (p->n_systems = 0; systems[p->n_systems] != NULL; p->n_systems++) {
        for (int m = 0; m < N_MODELS; m++) {
            for (int s = 0; s < p->n_seeds; s++) {
                const tz_study_result *result =
                    tz_report_result(r, systems[p->n_systems], (tz_side){models[m], 0}, s);
                const int at = p->n_systems * p->n_seeds + s;
                p->log_error[m][at] = log(result->rollout_error);
                p->log_violation[m][at] = log(result->energy);
            }
        }
    }
}

// The line through all points of all models.
static tz_line fit_all(const points *p) {
    double x[N_MODELS * RUNS_MAX], y[N_MODELS * RUNS_MAX];
    int n = 0;
    for (int m = 0; m < N_MODELS; m++) {
        for (int i = 0; i < p->n_systems * p->n_seeds; i++, n++) {
            x[n] = p->log_error[m][i];
            y[n] = p->log_violation[m][i];
        }
    }
    return tz_fit_line(x, y, n);
}

// A model's residual on one system for a seed.
static double residual_on(const points *p, tz_line line, int model, int system, int seed) {
    const int at = system * p->n_seeds + seed;
    return p->log_violation[model][at] - line.intercept - line.slope.mean * p->log_error[model][at];
}

// The same, mean over the systems.
static double residual(const points *p, tz_line line, int model, int seed) {
    double sum = 0.0;
    for (int k = 0; k < p->n_systems; k++) {
        sum += residual_on(p, line, model, k, seed);
    }
    return sum / p->n_systems;
}

static void draw_left(tz_reporter *r, const points *p) {
    static double x[N_MODELS][RUNS_MAX], y[N_MODELS][RUNS_MAX];
    tz_series series[N_MODELS] = {0};
    const int n = p->n_systems * p->n_seeds;
    for (int m = 0; m < N_MODELS; m++) {
        for (int i = 0; i < n; i++) {
            x[m][i] = exp(p->log_error[m][i]);
            y[m][i] = exp(p->log_violation[m][i]);
        }
        const char *title = tz_model_title(models[m]);
        series[m] = (tz_series){.title = title,
                                .color = tz_title_color(title),
                                .x = x[m],
                                .y = y[m],
                                .n = n,
                                .points = true};
    }
    const tz_plot plot = {.title = "Energy conservation and rollout error",
                          .x_label = "rollout error",
                          .y_label = "energy violation",
                          .log_x = true,
                          .log_y = true,
                          .series = series,
                          .n_series = N_MODELS};
    tz_report_draw(r, &plot, 1, 1, "fig2");
}

// How far HNN and NODE, first and last of the models, lie apart on each system.
static void put_systems(tz_reporter *r, const points *p, tz_line line) {
    const char *const *systems = tz_plan_systems(TZ_FIG2);
    fprintf(r->text, "Of NODE over HNN that is");
    for (int k = 0; k < p->n_systems; k++) {
        double difference[TZ_SEEDS_MAX];
        char title[TZ_NAME_MAX];
        for (int s = 0; s < p->n_seeds; s++) {
            difference[s] =
                residual_on(p, line, N_MODELS - 1, k, s) - residual_on(p, line, 0, k, s);
        }
        tz_system_title(title, systems[k]);
        fprintf(r->text, "%s %s ", k == 0 ? ":" : ";", title);
        tz_report_put_ratio(r->text, tz_mean_interval(difference, p->n_seeds));
    }
    fprintf(r->text, ".\n");
}

static void report_left(tz_reporter *r, const points *p) {
    const tz_line line = fit_all(p);
    bool all_equal = true, apart = false;
    tz_interval interval[N_MODELS];
    for (int m = 0; m < N_MODELS; m++) {
        double difference[TZ_SEEDS_MAX];
        const int other = (m + 1) % N_MODELS;
        for (int s = 0; s < p->n_seeds; s++) {
            difference[s] = residual(p, line, m, s) - residual(p, line, other, s);
        }
        interval[m] = tz_mean_interval(difference, p->n_seeds);
        const tz_verdict verdict = tz_judge(interval[m]);
        all_equal = all_equal && verdict == TZ_EQUAL;
        apart = apart || verdict == TZ_BETTER || verdict == TZ_WORSE;
    }
    tz_report_state(r, "energy violation follows rollout error whatever the model",
                    line.r2 < 0.5 || apart        ? TZ_DOES_NOT_HOLD
                    : line.r2 >= 0.8 && all_equal ? TZ_HOLDS
                                                  : TZ_FINDING_UNDECIDED);
    fprintf(
        r->text,
        "Over all runs log violation = %.2f + %.2f (%.2f to %.2f) log error, R^2 = %.2f. At equal "
        "error the violation of",
        line.intercept, line.slope.mean, line.slope.low, line.slope.high, line.r2);
    for (int m = 0; m < N_MODELS; m++) {
        fprintf(r->text, "%s %s is ", m == 0 ? "" : ", of", tz_model_title(models[m]));
        tz_report_put_ratio(r->text, interval[m]);
        fprintf(r->text, " times that of %s", tz_model_title(models[(m + 1) % N_MODELS]));
    }
    fprintf(r->text, ".\n");
    put_systems(r, p, line);
}

// ---- right: over time

static const char *const panels[N_PANELS] = {"chain-2",  "chain-3",  "chain-4",
                                             "spring-2", "spring-3", "spring-4"};
static const char *const lines[2] = {TZ_STUDY_HNN, TZ_STUDY_NODE};

typedef struct curve {
    double t[TZ_CURVE_TIMES], mean[TZ_CURVE_TIMES], low[TZ_CURVE_TIMES], high[TZ_CURVE_TIMES];
} curve;

// Geometric mean over seeds and rollouts, and a band of one standard deviation of the logarithm.
static void fill_curve(const tz_reporter *r, curve *c, const char *system, const char *model) {
    const int n_seeds = tz_plan_seeds(r->figure, r->budget);
    for (int t = 0; t < TZ_CURVE_TIMES; t++) {
        double mean = 0.0, square = 0.0;
        for (int s = 0; s < n_seeds; s++) {
            const tz_study_result *result = tz_report_result(r, system, (tz_side){model, 0}, s);
            const double m = result->curve_mean[t], d = result->curve_std[t];
            mean += m / n_seeds;
            square += (m * m + d * d) / n_seeds;
        }
        const double band = sqrt(fmax(square - mean * mean, 0.0));
        c->t[t] = (double)t / (TZ_CURVE_TIMES - 1);
        c->mean[t] = exp(mean);
        c->low[t] = exp(mean - band);
        c->high[t] = exp(mean + band);
    }
}

static void draw_right(tz_reporter *r) {
    static curve curves[N_PANELS][2];
    static char titles[N_PANELS][TZ_NAME_MAX];
    tz_series series[N_PANELS][2] = {0};
    tz_plot plots[N_PANELS];
    for (int p = 0; p < N_PANELS; p++) {
        tz_system_title(titles[p], panels[p]);
        for (int m = 0; m < 2; m++) {
            curve *c = &curves[p][m];
            fill_curve(r, c, panels[p], lines[m]);
            // time 0 has no place on a logarithmic axis
            series[p][m] = (tz_series){.title = tz_model_title(lines[m]),
                                       .color = tz_title_color(tz_model_title(lines[m])),
                                       .x = c->t + 1,
                                       .y = c->mean + 1,
                                       .y_low = c->low + 1,
                                       .y_high = c->high + 1,
                                       .n = TZ_CURVE_TIMES - 1};
        }
        plots[p] = (tz_plot){.title = titles[p],
                             .x_label = p < 3 ? "" : "t",
                             .y_label = p % 3 == 0 ? "energy error" : "",
                             .log_x = true,
                             .log_y = true,
                             .series = series[p],
                             .n_series = 2,
                             .y_low = 5e-6,
                             .y_high = 1e1};
    }
    tz_report_draw(r, plots, 2, 3, "fig2-time");
}

// The slope of log violation against log t over t in [0.1, 1], for a run.
static double slope_of(const tz_study_result *result) {
    double x[TZ_CURVE_TIMES], y[TZ_CURVE_TIMES];
    int n = 0;
    for (int t = TZ_CURVE_TIMES / 10; t < TZ_CURVE_TIMES; t++, n++) {
        x[n] = log((double)t / (TZ_CURVE_TIMES - 1));
        y[n] = result->curve_mean[t];
    }
    return tz_fit_line(x, y, n).slope.mean;
}

// Slopes of a model, pooled over the data sets.
static tz_interval pooled_slope(const tz_reporter *r, const char *model, tz_interval *group) {
    const int n_seeds = tz_plan_seeds(r->figure, r->budget);
    double pooled[TZ_SEEDS_MAX] = {0};
    for (int p = 0; p < N_PANELS; p++) {
        double slope[TZ_SEEDS_MAX];
        for (int s = 0; s < n_seeds; s++) {
            slope[s] = slope_of(tz_report_result(r, panels[p], (tz_side){model, 0}, s));
            pooled[s] += slope[s] / N_PANELS;
        }
        group[p] = tz_mean_interval(slope, n_seeds);
    }
    return tz_mean_interval(pooled, n_seeds);
}

static void report_right(tz_reporter *r) {
    tz_interval group[2][N_PANELS];
    const tz_interval hnn = pooled_slope(r, lines[0], group[0]);
    const tz_interval node = pooled_slope(r, lines[1], group[1]);
    tz_report_state(r, "the energy error of HNN is not flat: it grows with time",
                    hnn.low > 0.0    ? TZ_HOLDS
                    : hnn.high < 0.0 ? TZ_DOES_NOT_HOLD
                                     : TZ_FINDING_UNDECIDED);
    fprintf(r->text,
            "Violation grows like t to the power of %.2f (%.2f to %.2f) for HNN and %.2f (%.2f to "
            "%.2f) for NODE",
            hnn.mean, hnn.low, hnn.high, node.mean, node.low, node.high);
    for (int p = 0; p < N_PANELS; p++) {
        char title[TZ_NAME_MAX];
        tz_system_title(title, panels[p]);
        fprintf(r->text, "%s %s %.2f (%.2f to %.2f) and %.2f (%.2f to %.2f)", p == 0 ? ":" : ";",
                title, group[0][p].mean, group[0][p].low, group[0][p].high, group[1][p].mean,
                group[1][p].low, group[1][p].high);
    }
    fprintf(r->text, ".\n");
}

void tz_report_fig2(tz_reporter *r) {
    points p;
    gather(r, &p);
    draw_left(r, &p);
    report_left(r, &p);
    draw_right(r);
    fprintf(r->text, "\n![over time](fig2-time.png)\n\n");
    report_right(r);
}
