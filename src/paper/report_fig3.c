// Figure 3: what a symplectic regulariser on NODE+SO brings.
#include "paper/report_parts.h"

#include <math.h>

enum { N_SYSTEMS = 6, POINTS_MAX = TZ_VARIANTS_MAX * TZ_SEEDS_MAX };

static double measure_symplectic(const tz_study_result *result) {
    return result->symplectic_error;
}

// ---- left: a bar a weight

// The weight with the smallest mean log error.
static int best_weight(const tz_reporter *r, const char *system, int n_weights) {
    int best = 0;
    double least = INFINITY;
    for (int v = 0; v < n_weights; v++) {
        double x[TZ_SEEDS_MAX], sum = 0.0;
        const int n =
            tz_report_seeds(r, x, system, (tz_side){TZ_STUDY_NODE_SO, v}, tz_measure_rollout);
        for (int s = 0; s < n; s++) {
            sum += log(x[s]);
        }
        if (sum < least) {
            least = sum;
            best = v;
        }
    }
    return best;
}

static void report_left(tz_reporter *r, const tz_variant *weights, int n_weights) {
    const char *const *systems = tz_plan_systems(TZ_FIG3);
    int best[N_SYSTEMS], n_claim = 0, n_contradict = 0;
    tz_interval interval[N_SYSTEMS];
    for (int k = 0; k < N_SYSTEMS; k++) {
        double x[TZ_SEEDS_MAX], y[TZ_SEEDS_MAX];
        best[k] = best_weight(r, systems[k], n_weights);
        const int n = tz_report_seeds(r, x, systems[k], (tz_side){TZ_STUDY_NODE_SO, best[k]},
                                      tz_measure_rollout);
        tz_report_seeds(r, y, systems[k], (tz_side){TZ_STUDY_NODE_SO, 0}, tz_measure_rollout);
        for (int s = 0; s < n; s++) {
            x[s] = log(x[s]) - log(y[s]);
        }
        interval[k] = tz_mean_interval(x, n);
        const tz_verdict verdict = tz_judge(interval[k]);
        n_claim += best[k] == 0 || verdict == TZ_EQUAL || verdict == TZ_WORSE;
        n_contradict += best[k] != 0 && verdict == TZ_BETTER;
    }
    tz_report_state(r, "symplectic regularisation does not help",
                    2 * n_contradict >= N_SYSTEMS                   ? TZ_DOES_NOT_HOLD
                    : n_contradict == 0 && 2 * n_claim >= N_SYSTEMS ? TZ_HOLDS
                    : n_contradict > 0 && n_claim > n_contradict    ? TZ_HOLDS_IN_PART
                                                                    : TZ_FINDING_UNDECIDED);
    fprintf(r->text, "The best weight and its error relative to that of the smallest one");
    for (int k = 0; k < N_SYSTEMS; k++) {
        char title[TZ_NAME_MAX];
        tz_system_title(title, systems[k]);
        fprintf(r->text, "%s %s: %g", k == 0 ? ":" : ";", title, weights[best[k]].symplectic);
        if (best[k] != 0) {
            fprintf(r->text, ", ");
            tz_report_put_ratio(r->text, interval[k]);
        } else {
            fprintf(r->text, ", the smallest itself");
        }
    }
    fprintf(r->text, ".\n");
}

// ---- right: rollout error over symplectic error

typedef struct cloud {
    double x[POINTS_MAX], y[POINTS_MAX];
    double line_x[2], line_y[2];
    int n;
    tz_line line; // of the logarithms
} cloud;

static void fill_cloud(const tz_reporter *r, cloud *c, const char *system, int n_weights) {
    double log_x[POINTS_MAX], log_y[POINTS_MAX], low = INFINITY, high = -INFINITY;
    c->n = 0;
    for (int v = 0; v < n_weights; v++) {
        const tz_side side = {TZ_STUDY_NODE_SO, v};
        double S[TZ_SEEDS_MAX], e[TZ_SEEDS_MAX];
        const int n = tz_report_seeds(r, S, system, side, measure_symplectic);
        tz_report_seeds(r, e, system, side, tz_measure_rollout);
        for (int s = 0; s < n; s++, c->n++) {
            c->x[c->n] = S[s];
            c->y[c->n] = e[s];
            log_x[c->n] = log(S[s]);
            log_y[c->n] = log(e[s]);
            low = fmin(low, log_x[c->n]);
            high = fmax(high, log_x[c->n]);
        }
    }
    c->line = tz_fit_line(log_x, log_y, c->n);
    const double ends[2] = {low, high};
    for (int i = 0; i < 2; i++) {
        c->line_x[i] = exp(ends[i]);
        c->line_y[i] = exp(c->line.intercept + c->line.slope.mean * ends[i]);
    }
}

static void report_right(tz_reporter *r, int n_weights) {
    static cloud clouds[N_SYSTEMS];
    static char titles[N_SYSTEMS][TZ_NAME_MAX];
    const char *const *systems = tz_plan_systems(TZ_FIG3);
    tz_series series[2 * N_SYSTEMS] = {0};
    int n_positive = 0, n_negative = 0;
    for (int k = 0; k < N_SYSTEMS; k++) {
        cloud *c = &clouds[k];
        fill_cloud(r, c, systems[k], n_weights);
        n_positive += c->line.slope.low > 0.0;
        n_negative += c->line.slope.high < 0.0;
        tz_system_title(titles[k], systems[k]);
        series[k] = (tz_series){
            .title = titles[k], .color = k + 1, .x = c->x, .y = c->y, .n = c->n, .points = true};
        series[N_SYSTEMS + k] = (tz_series){.color = k + 1, .x = c->line_x, .y = c->line_y, .n = 2};
    }
    const tz_plot plot = {.title = "Symplectic error and rollout error",
                          .x_label = "symplectic error",
                          .y_label = "rollout error",
                          .log_x = true,
                          .log_y = true,
                          .series = series,
                          .n_series = 2 * N_SYSTEMS};
    tz_report_draw(r, &plot, 1, 1, "fig3-scatter");
    fprintf(r->text, "\n![scatter](fig3-scatter.png)\n\n");
    tz_report_state(r, "a small symplectic error does not mean a small rollout error",
                    2 * n_positive >= N_SYSTEMS                      ? TZ_DOES_NOT_HOLD
                    : n_positive == 0 && 2 * n_negative >= N_SYSTEMS ? TZ_HOLDS
                                                                     : TZ_FINDING_UNDECIDED);
    fprintf(r->text, "Slopes of log rollout error against log symplectic error");
    for (int k = 0; k < N_SYSTEMS; k++) {
        const tz_interval slope = clouds[k].line.slope;
        fprintf(r->text, "%s %s %.3f (%.3f to %.3f)", k == 0 ? ":" : ";", titles[k], slope.mean,
                slope.low, slope.high);
    }
    fprintf(r->text, ".\n");
}

void tz_report_fig3(tz_reporter *r) {
    tz_variant weights[TZ_VARIANTS_MAX];
    const int n_weights = tz_plan_variants(weights, r->figure, r->budget);
    tz_side sides[TZ_VARIANTS_MAX];
    for (int v = 0; v < n_weights; v++) {
        sides[v] = (tz_side){TZ_STUDY_NODE_SO, v};
    }
    tz_bar_panel panel;
    tz_bar_fill(r, &panel, "Symplectic regularisation", tz_plan_systems(TZ_FIG3), sides, n_weights,
                tz_measure_rollout);
    tz_bar_draw(r, &panel, 1, false, "fig3");
    report_left(r, weights, n_weights);
    report_right(r, n_weights);
}
