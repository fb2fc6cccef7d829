// Figure 1: which share of the gap between NODE and HNN second-order structure closes by itself.
#include "paper/report_parts.h"

#include <math.h>

enum { N_STEPS = 4 };

// What the paper draws: "performance" after each inductive bias, on a scale of its own.

static const char *const steps[N_STEPS] = {"+ODE", "+Second order", "+Symplectic", "HNN"};
static const double expected[N_STEPS] = {0.20, 0.30, 0.95, 1.00};
static const double paper_reality[N_STEPS] = {0.20, 0.90, 0.95, 1.00};

// The run in the plan of figure 4, which holds all models of the systems of figure 1.
static double log_error(const tz_reporter *r, const char *system, const char *model, int seed) {
    return log(tz_report_result(r, system, (tz_side){model, 0}, seed)->rollout_error);
}

void tz_report_fig1(tz_reporter *r) {
    const char *const *systems = tz_plan_systems(TZ_FIG1);
    tz_finding f = {.claim = TZ_CLAIM_BEATS, .n_seeds = tz_plan_seeds(r->figure, r->budget)};
    // what is closed of the gaps: a sum over the seeds of each data set, over the data sets of a
    // seed
    double closed[TZ_GROUPS_MAX] = {0}, gap[TZ_GROUPS_MAX] = {0};
    double closed_by[TZ_SEEDS_MAX] = {0}, gap_of[TZ_SEEDS_MAX] = {0}, share_of[TZ_SEEDS_MAX];
    for (; systems[f.n_groups] != NULL; f.n_groups++) {
        const int g = f.n_groups;
        for (int s = 0; s < f.n_seeds; s++) {
            const double node = log_error(r, systems[g], TZ_STUDY_NODE, s);
            const double node_so = log_error(r, systems[g], TZ_STUDY_NODE_SO, s);
            const double hnn = log_error(r, systems[g], TZ_STUDY_HNN, s);
            f.log_ratio[g][s] = node_so - 0.5 * (node + hnn);
            closed[g] += node - node_so;
            gap[g] += node - hnn;
            closed_by[s] += node - node_so;
            gap_of[s] += node - hnn;
        }
    }
    tz_decide(&f);
    for (int s = 0; s < f.n_seeds; s++) {
        share_of[s] = closed_by[s] / gap_of[s];
    }
    const tz_interval share = tz_mean_interval(share_of, f.n_seeds);

    // NODE stands at the paper's 0.2 and HNN at 1; between them, what was measured
    tz_bar_panel panel = {.title = "Expectation and reality",
                          .y_label = "performance",
                          .n_groups = N_STEPS,
                          .n_bars = 3};
    snprintf(panel.bar_title[0], TZ_NAME_MAX, "expectation (paper)");
    snprintf(panel.bar_title[1], TZ_NAME_MAX, "reality (paper)");
    snprintf(panel.bar_title[2], TZ_NAME_MAX, "measured here");
    const double measured[N_STEPS] = {0.20, 0.20 + 0.80 * share.mean, NAN, 1.00};
    for (int g = 0; g < N_STEPS; g++) {
        snprintf(panel.label[g], TZ_NAME_MAX, "%s", steps[g]);
        tz_bar_set(&panel, 0, g, &expected[g], 1);
        tz_bar_set(&panel, 1, g, &paper_reality[g], 1);
        tz_bar_set(&panel, 2, g, &measured[g], 1);
    }
    panel.low[2][1] = 0.20 + 0.80 * share.low;
    panel.high[2][1] = 0.20 + 0.80 * share.high;
    tz_bar_draw(r, &panel, 1, true, "fig1");

    tz_report_state(r, "NODE+SO closes most of the gap between NODE and HNN", f.outcome);
    fprintf(r->text,
            "Over chains and springs of 2 to 4 it closes %.0f %% (%.0f to %.0f) of the gap in log "
            "rollout error",
            100.0 * share.mean, 100.0 * share.low, 100.0 * share.high);
    for (int g = 0; g < f.n_groups; g++) {
        char title[TZ_NAME_MAX];
        tz_system_title(title, systems[g]);
        fprintf(r->text, "%s %s %.0f %%", g == 0 ? ":" : ";", title, 100.0 * closed[g] / gap[g]);
    }
    fprintf(r->text, ". Its error is ");
    tz_report_put_ratio(r->text, f.pooled);
    fprintf(r->text, " times the geometric mean of NODE's and HNN's");
    for (int g = 0; g < f.n_groups; g++) {
        char title[TZ_NAME_MAX];
        tz_system_title(title, systems[g]);
        fprintf(r->text, "%s %s ", g == 0 ? ":" : ";", title);
        tz_report_put_ratio(r->text, f.group[g]);
    }
    fprintf(r->text,
            ". Performance is 0.2 at NODE's error and 1 at HNN's; the symplectic step alone "
            "is not measured here (figure 3).\n");
}
