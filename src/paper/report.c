#include "paper/report.h"

#include "base/file.h"
#include "base/table.h"
#include "base/text.h"
#include "paper/report_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- the table

static const char table_head[] =
    "system,model,seed,hidden,epochs,loss,lr,weight,trajectories,rollout_error,"
    "rollout_error_no_t0,rollout_error_code,rollout_error_stays,test_mse,test_median,"
    "energy_violation,energy_violation_code,symplectic_error,train_loss,parameters,diverged,"
    "rollout_error_min,"
    "test_mse_min,outcome,source\n";

// An empty field where nothing was measured.
static void put_number(FILE *table, double value) {
    fputc(',', table);
    tz_csv_put_number(table, value);
}

static void put_row(FILE *table, const tz_study_result *result) {
    const tz_study_run *run = &result->run;
    fprintf(table, "%s,%s,%d,%d,%d,%s,%g,%g,%d", run->system, run->model, run->seed, run->n_hidden,
            run->epochs, run->loss == TZ_LOSS_L1 ? "l1" : "l2", run->lr, run->symplectic,
            run->n_systems);
    put_number(table, result->rollout_error);
    put_number(table, result->rollout_error_no_t0);
    put_number(table, result->rollout_error_code);
    put_number(table, result->rollout_error_stays);
    put_number(table, result->test_mse);
    put_number(table, result->test_median);
    put_number(table, result->energy);
    put_number(table, result->energy_code);
    put_number(table, result->symplectic_error);
    put_number(table, result->train_loss);
    fprintf(table, ",%d,%d", result->parameters, result->diverged);
    put_number(table, result->rollout_error_min);
    put_number(table, result->test_mse_min);
    fprintf(table, ",%s,", result->finite ? "ok" : "nonfinite");
    tz_csv_put_text(table, result->source);
    fputc('\n', table);
}

// Path of the figure's table or page: <out>/fig4.csv.
static tz_status locate(char path[TZ_PATH_MAX], const tz_reporter *r, const char *suffix,
                        tz_error *error) {
    char name[64];
    snprintf(name, sizeof name, "%s.%s", tz_figure_name(r->figure), suffix);
    return tz_path_join(path, r->out, name, error);
}

static tz_status write_table(const tz_reporter *r, tz_error *error) {
    char path[TZ_PATH_MAX];
    tz_text table;
    TZ_CHECK(locate(path, r, "csv", error));
    TZ_CHECK(tz_text_open(&table, error));
    fputs(table_head, table.stream);
    for (int i = 0; i < r->results->n; i++) {
        put_row(table.stream, &r->results->result[i]);
    }
    return tz_text_write(&table, path, error);
}

// ---- figures of bars and comparisons

static const tz_side node = {TZ_STUDY_NODE, 0}, node_so = {TZ_STUDY_NODE_SO, 0},
                     hnn = {TZ_STUDY_HNN, 0}, nonseparable = {TZ_STUDY_HNN_NONSEPARABLE, 0},
                     symoden = {TZ_STUDY_SYMODEN, 0};

static void report_fig4(tz_reporter *r) {
    const char *const *systems = tz_plan_systems(TZ_FIG4);
    const tz_side left[] = {node, node_so}, right[] = {nonseparable, hnn};
    tz_bar_panel panels[2];
    tz_bar_fill(r, &panels[0], "NODE models", systems, left, 2, tz_measure_rollout);
    tz_bar_fill(r, &panels[1], "HNN models", systems, right, 2, tz_measure_rollout);
    tz_bar_draw(r, panels, 2, false, "fig4");
    tz_report_compare(r, "NODE+SO beats NODE", TZ_CLAIM_BEATS, systems, node_so, node,
                      tz_measure_rollout);
    tz_report_compare(r, "HNN beats HNN without second-order structure", TZ_CLAIM_BEATS, systems,
                      hnn, nonseparable, tz_measure_rollout);
}

static const char *const fig5_chains[] = {"chain-1", "chain-2", "chain-3", "chain-4", NULL};
static const char *const fig5_springs[] = {"spring-1", "spring-2", "spring-3", "spring-4", NULL};

static void draw_fig5(tz_reporter *r, tz_measure measure, const char *y_label, const char *stem) {
    const tz_side sides[] = {node_so, hnn};
    tz_bar_panel panels[2];
    tz_bar_fill(r, &panels[0], "Chain (complex coordinates)", fig5_chains, sides, 2, measure);
    tz_bar_fill(r, &panels[1], "Spring (simple coordinates)", fig5_springs, sides, 2, measure);
    panels[0].y_label = panels[1].y_label = y_label;
    tz_bar_draw(r, panels, 2, false, stem);
}

static void report_fig5(tz_reporter *r) {
    draw_fig5(r, tz_measure_rollout, "rollout error", "fig5");
    draw_fig5(r, tz_measure_mse, "test MSE", "fig5-mse");
    tz_report_compare(r, "on chains HNN beats NODE+SO", TZ_CLAIM_BEATS, fig5_chains, hnn, node_so,
                      tz_measure_rollout);
    tz_report_compare(r, "on springs HNN is no better than NODE+SO", TZ_CLAIM_NO_BETTER,
                      fig5_springs, hnn, node_so, tz_measure_rollout);
}

static void report_fig6(tz_reporter *r) {
    static const char *const chains[] = {"chain-1-damped", "chain-2-damped", "chain-3-damped",
                                         NULL};
    static const char *const springs[] = {"spring-1-damped", "spring-2-damped", "spring-3-damped",
                                          NULL};
    const char *const *systems = tz_plan_systems(TZ_FIG6);
    const tz_side sides[] = {node, node_so, hnn, symoden};
    tz_bar_panel panels[2];
    tz_bar_fill(r, &panels[0], "Chain with drag", chains, sides, 4, tz_measure_rollout);
    tz_bar_fill(r, &panels[1], "Spring with drag", springs, sides, 4, tz_measure_rollout);
    tz_bar_draw(r, panels, 2, false, "fig6");
    tz_report_compare(r, "with drag NODE+SO equals SymODEN", TZ_CLAIM_EQUALS, systems, node_so,
                      symoden, tz_measure_rollout);
    tz_report_compare(r, "with drag NODE+SO beats HNN", TZ_CLAIM_BEATS, systems, node_so, hnn,
                      tz_measure_rollout);
    fprintf(r->text, "On Chain 2 NODE+SO has %d parameters, SymODEN %d.\n",
            tz_report_result(r, "chain-2-damped", node_so, 0)->parameters,
            tz_report_result(r, "chain-2-damped", symoden, 0)->parameters);
}

static void report_fig7(tz_reporter *r) {
    static const char *const models[] = {TZ_ROBOT_NODE, TZ_ROBOT_NODE_SO, TZ_ROBOT_SYMODEN_CODE,
                                         TZ_ROBOT_SYMODEN};
    const char *const *systems = tz_plan_systems(TZ_FIG7);
    tz_variant variants[TZ_VARIANTS_MAX];
    const int n_variants = tz_plan_variants(variants, r->figure, r->budget);
    // a row for each learning rate
    tz_bar_panel panels[4];
    char titles[4][TZ_NAME_MAX];
    for (int v = 0; v < n_variants; v++) {
        tz_side sides[TZ_COUNTOF(models)];
        for (size_t m = 0; m < TZ_COUNTOF(models); m++) {
            sides[m] = (tz_side){models[m], v};
        }
        snprintf(titles[2 * v], TZ_NAME_MAX, "Test, lr %g", variants[v].lr);
        snprintf(titles[2 * v + 1], TZ_NAME_MAX, "Train, lr %g", variants[v].lr);
        tz_bar_fill(r, &panels[2 * v], titles[2 * v], systems, sides, TZ_COUNTOF(models),
                    tz_measure_median);
        tz_bar_fill(r, &panels[2 * v + 1], titles[2 * v + 1], systems, sides, TZ_COUNTOF(models),
                    tz_measure_train);
        panels[2 * v].y_label = "median test MSE";
        panels[2 * v + 1].y_label = "training MSE";
    }
    tz_bar_draw(r, panels, 2 * n_variants, false, "fig7");

    for (int v = 0; v < n_variants; v++) {
        const tz_side a = {TZ_ROBOT_NODE_SO, v}, b = {TZ_ROBOT_NODE, v};
        const tz_side code = {TZ_ROBOT_SYMODEN_CODE, v}, faithful = {TZ_ROBOT_SYMODEN, v};
        char claim[128];
        snprintf(claim, sizeof claim, "at lr %g NODE+SO beats NODE", variants[v].lr);
        tz_report_compare(r, claim, TZ_CLAIM_BEATS, systems, a, b, tz_measure_median);
        snprintf(claim, sizeof claim, "at lr %g NODE beats SymODEN as in the code", variants[v].lr);
        tz_report_compare(r, claim, TZ_CLAIM_BEATS, systems, b, code, tz_measure_median);
        snprintf(claim, sizeof claim, "at lr %g NODE beats the faithful SymODEN", variants[v].lr);
        tz_report_compare(r, claim, TZ_CLAIM_BEATS, systems, b, faithful, tz_measure_median);
    }
    for (int s = 0; systems[s] != NULL; s++) {
        char title[TZ_NAME_MAX];
        tz_system_title(title, systems[s]);
        fprintf(r->text, "%s %s: %s", s == 0 ? "Data:" : ";", title,
                tz_report_result(r, systems[s], (tz_side){TZ_ROBOT_NODE, 0}, 0)->source);
    }
    fprintf(r->text, ".\n");
}

static void report_fig8(tz_reporter *r) {
    static const char *const models[] = {TZ_STUDY_NODE, TZ_STUDY_NODE_SO, TZ_STUDY_HNN};
    static const char *const loss[] = {"l1", "l2"};
    const char *const *systems = tz_plan_systems(TZ_FIG8);
    tz_bar_panel panel = {.title = "Loss function", .n_bars = 3};
    for (int s = 0; systems[s] != NULL; s++) {
        for (int v = 0; v < 2; v++, panel.n_groups++) {
            char title[TZ_NAME_MAX - 8];
            tz_system_title(panel.label[panel.n_groups], systems[s]);
            snprintf(title, sizeof title, "%.40s", panel.label[panel.n_groups]);
            snprintf(panel.label[panel.n_groups], TZ_NAME_MAX, "%s (%s)", title, loss[v]);
            for (int m = 0; m < 3; m++) {
                double x[TZ_SEEDS_MAX];
                const int n =
                    tz_report_seeds(r, x, systems[s], (tz_side){models[m], v}, tz_measure_rollout);
                tz_bar_set(&panel, m, panel.n_groups, x, n);
                snprintf(panel.bar_title[m], TZ_NAME_MAX, "%s", tz_model_title(models[m]));
            }
        }
    }
    tz_bar_draw(r, &panel, 1, false, "fig8");

    // the verdict of each system between HNN and NODE+SO, with both losses
    tz_finding of_loss[2];
    for (int v = 0; v < 2; v++) {
        char claim[128];
        snprintf(claim, sizeof claim, "with %s NODE+SO beats NODE", loss[v]);
        tz_report_compare(r, claim, TZ_CLAIM_BEATS, systems, (tz_side){TZ_STUDY_NODE_SO, v},
                          (tz_side){TZ_STUDY_NODE, v}, tz_measure_rollout);
        snprintf(claim, sizeof claim, "with %s HNN beats NODE+SO", loss[v]);
        of_loss[v] =
            tz_report_compare(r, claim, TZ_CLAIM_BEATS, systems, (tz_side){TZ_STUDY_HNN, v},
                              (tz_side){TZ_STUDY_NODE_SO, v}, tz_measure_rollout);
    }
    bool same = true, decided = true;
    for (int g = 0; g < of_loss[0].n_groups; g++) {
        const tz_verdict a = of_loss[0].group_verdict[g], b = of_loss[1].group_verdict[g];
        same = same && a == b;
        decided = decided && a != TZ_UNDECIDED && b != TZ_UNDECIDED;
    }
    tz_report_state(r, "the verdict between HNN and NODE+SO is the same with l1 and l2",
                    !decided ? TZ_FINDING_UNDECIDED
                    : same   ? TZ_HOLDS
                             : TZ_DOES_NOT_HOLD);
    for (int g = 0; g < of_loss[0].n_groups; g++) {
        char title[TZ_NAME_MAX];
        tz_system_title(title, systems[g]);
        fprintf(r->text, "%s%s %s with l1, %s with l2", g == 0 ? "HNN is: " : "; ", title,
                tz_verdict_text(of_loss[0].group_verdict[g]),
                tz_verdict_text(of_loss[1].group_verdict[g]));
    }
    fprintf(r->text, ".\n");
}

// ---- figure 9: for each run the minimum over training, for each seed the minimum over the grid

static double measure_min(const tz_study_result *result) {
    return result->rollout_error_min;
}

static int best_of_grid(const tz_reporter *r, double x[TZ_SEEDS_MAX], const char *system,
                        const char *model, tz_measure measure) {
    tz_variant variants[TZ_VARIANTS_MAX];
    const int n_variants = tz_plan_variants(variants, r->figure, r->budget);
    int n = tz_report_seeds(r, x, system, (tz_side){model, 0}, measure);
    for (int v = 1; v < n_variants; v++) {
        double y[TZ_SEEDS_MAX];
        n = tz_report_seeds(r, y, system, (tz_side){model, v}, measure);
        for (int s = 0; s < n; s++) {
            x[s] = fmin(x[s], y[s]);
        }
    }
    return n;
}

// One system's comparison, of what the grid gave.
static tz_finding judge_best(const tz_reporter *r, tz_claim kind, const char *system, const char *a,
                             const char *b, tz_measure measure) {
    double x[TZ_SEEDS_MAX], y[TZ_SEEDS_MAX];
    tz_finding f = {.claim = kind, .n_groups = 1};
    f.n_seeds = best_of_grid(r, x, system, a, measure);
    best_of_grid(r, y, system, b, measure);
    for (int s = 0; s < f.n_seeds; s++) {
        f.log_ratio[0][s] = log(x[s]) - log(y[s]);
    }
    tz_decide(&f);
    return f;
}

static void compare_best(tz_reporter *r, const char *claim, tz_claim kind, const char *system,
                         const char *a, const char *b) {
    const tz_finding f = judge_best(r, kind, system, a, b, measure_min);
    const tz_finding last = judge_best(r, kind, system, a, b, tz_measure_rollout);
    tz_report_state(r, claim, f.outcome);
    fprintf(r->text, "The error of %s is ", tz_model_title(a));
    tz_report_put_ratio(r->text, f.pooled);
    fprintf(r->text, " times that of %s.", tz_model_title(b));
    tz_report_put_other(r, "By the last values", &f, &last);
    fprintf(r->text, "\n");
}

static void report_fig9(tz_reporter *r) {
    static const char *const models[] = {TZ_STUDY_NODE, TZ_STUDY_NODE_SO, TZ_STUDY_HNN};
    const char *const *systems = tz_plan_systems(TZ_FIG9);
    tz_bar_panel panel = {
        .title = "Other systems", .y_label = "smallest rollout error over training", .n_bars = 3};
    for (; systems[panel.n_groups] != NULL; panel.n_groups++) {
        tz_system_title(panel.label[panel.n_groups], systems[panel.n_groups]);
        for (int m = 0; m < 3; m++) {
            double x[TZ_SEEDS_MAX];
            const int n = best_of_grid(r, x, systems[panel.n_groups], models[m], measure_min);
            tz_bar_set(&panel, m, panel.n_groups, x, n);
            snprintf(panel.bar_title[m], TZ_NAME_MAX, "%s", tz_model_title(models[m]));
        }
    }
    tz_bar_draw(r, &panel, 1, false, "fig9");
    fprintf(r->text,
            "Smallest errors over training%s: chosen on the test set, as in the "
            "original.\n",
            r->budget <= TZ_QUICK ? "" : " and over the grid of settings");
    compare_best(r, "on the gyroscope NODE+SO beats NODE", TZ_CLAIM_BEATS, "gyroscope",
                 TZ_STUDY_NODE_SO, TZ_STUDY_NODE);
    for (int m = 1; m < 3; m++) {
        for (int s = 1; systems[s] != NULL; s++) {
            char claim[128];
            snprintf(claim, sizeof claim, "on the %s %s is no better than NODE",
                     s == 1 ? "magnet pendulum" : "rotor", tz_model_title(models[m]));
            compare_best(r, claim, TZ_CLAIM_NO_BETTER, systems[s], models[m], TZ_STUDY_NODE);
        }
    }
}

// ---- the page

// The settings that vary within the figure: " (l1, lr 0.003)", or nothing.
static void put_variant(tz_reporter *r, const tz_study_run *run) {
    tz_variant variants[TZ_VARIANTS_MAX];
    const int n = tz_plan_variants(variants, r->figure, r->budget);
    bool losses = false, rates = false, weights = false;
    for (int v = 1; v < n; v++) {
        losses = losses || variants[v].loss != variants[0].loss;
        rates = rates || variants[v].lr != variants[0].lr;
        weights = weights || variants[v].symplectic != variants[0].symplectic;
    }
    const char *mark = " (";
    if (losses) {
        fprintf(r->text, "%s%s", mark, run->loss == TZ_LOSS_L1 ? "l1" : "l2");
        mark = ", ";
    }
    if (rates) {
        fprintf(r->text, "%slr %g", mark, run->lr);
        mark = ", ";
    }
    if (weights) {
        fprintf(r->text, "%sweight %g", mark, run->symplectic);
    }
    fprintf(r->text, "%s", losses || rates || weights ? ")" : "");
}

// Whether two runs differ in their seed alone.
static bool is_sibling(const tz_study_run *a, const tz_study_run *b) {
    tz_study_run other = *b;
    other.seed = a->seed;
    return tz_run_equal(a, &other);
}

// Which runs learned nothing that shows: a bar says no more of a model than these let it.
static void put_idle_runs(tz_reporter *r) {
    const tz_study_result *last = NULL;
    for (int i = 0; i < r->results->n; i++) {
        const tz_study_result *result = &r->results->result[i];
        if (!(result->rollout_error >= result->rollout_error_stays)) {
            continue;
        }
        char title[TZ_NAME_MAX];
        tz_system_title(title, result->run.system);
        if (last != NULL && is_sibling(&last->run, &result->run)) {
            fprintf(r->text, ", %d", result->run.seed);
        } else {
            const bool has_drag = strstr(result->run.system, "-damped") != NULL;
            fprintf(r->text, "%s %s on %s%s",
                    last == NULL ? "\nNo better than a state that stays where it is:" : ";",
                    tz_model_title(result->run.model), title,
                    has_drag && r->figure == TZ_CALIBRATION ? ", drag" : "");
            put_variant(r, &result->run);
            fprintf(r->text, ", seed %d", result->run.seed);
        }
        last = result;
    }
    fprintf(r->text, "%s", last != NULL ? ".\n" : "");
}

static void put_page(tz_reporter *r) {
    static void (*const reports[TZ_N_FIGURES])(tz_reporter *) = {
        [TZ_FIG1] = tz_report_fig1, [TZ_FIG2] = tz_report_fig2,
        [TZ_FIG3] = tz_report_fig3, [TZ_FIG4] = report_fig4,
        [TZ_FIG5] = report_fig5,    [TZ_FIG6] = report_fig6,
        [TZ_FIG7] = report_fig7,    [TZ_FIG8] = report_fig8,
        [TZ_FIG9] = report_fig9,    [TZ_CALIBRATION] = tz_report_calibration,
    };
    const tz_study_run *run = &r->results->result[0].run;
    const char *name = tz_figure_name(r->figure);
    if (r->figure == TZ_CALIBRATION) {
        fprintf(r->text, "# Calibration\n\n%d seeds, h = %d, %d epochs.\n\n",
                tz_plan_seeds(r->figure, r->budget), run->n_hidden, run->epochs);
    } else {
        fprintf(r->text,
                "# Figure %s, budget %s\n\n%d seeds, h = %d, %d epochs.\n\n![%s](%s.png)\n\n",
                name + strlen("fig"), tz_budget_name(r->budget),
                tz_plan_seeds(r->figure, r->budget), run->n_hidden, run->epochs, name, name);
    }
    reports[r->figure](r);
    int n_diverged = 0, n_nonfinite = 0;
    for (int i = 0; i < r->results->n; i++) {
        n_diverged += r->results->result[i].diverged;
        n_nonfinite += !r->results->result[i].finite;
    }
    fprintf(r->text,
            "%d runs, %d diverged rollouts in all, %d runs ended by a loss that was not "
            "finite.\n",
            r->results->n, n_diverged, n_nonfinite);
    put_idle_runs(r);
}

static tz_status write_page(tz_reporter *r, tz_error *error) {
    char path[TZ_PATH_MAX];
    tz_text page;
    TZ_CHECK(locate(path, r, "md", error));
    TZ_CHECK(tz_text_open(&page, error));
    r->text = page.stream;
    put_page(r);
    return tz_text_write(&page, path, error);
}

tz_status tz_report_write(tz_report *report, tz_figure figure, tz_budget budget, const char *folder,
                          const char *out, tz_error *error) {
    *report = (tz_report){0};
    tz_run_list runs = {0};
    tz_results results = {0};
    tz_status status = tz_plan_append(&runs, figure, budget, error);
    if (status == TZ_OK) {
        status = tz_results_read(&results, folder, &runs, error);
    }
    tz_reporter r = {
        .figure = figure, .budget = budget, .out = out, .results = &results, .report = report};
    if (status == TZ_OK) {
        status = write_table(&r, error);
    }
    if (status == TZ_OK) {
        status = write_page(&r, error);
    }
    tz_results_destroy(&results);
    tz_run_list_destroy(&runs);
    return status;
}
