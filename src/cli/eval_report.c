#include "cli/eval_report.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/printable.h"
#include "base/run_folder.h"
#include "base/table.h"
#include "base/text.h"
#include "cli/model_versions.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_TRIVIAL = 2, N_MARKS = 5 };

// True when the mean and the median of a model are below those of both trivial predictors and no
// rollout diverged.
static bool beats_trivial(const tz_eval_report *report, const tz_eval_entry *entry) {
    bool beats = entry->evaluation->n_diverged == 0;
    for (int i = report->n_entries - N_TRIVIAL; i < report->n_entries; i++) {
        const tz_evaluation *trivial = report->entries[i].evaluation;
        beats = beats && entry->evaluation->mean < trivial->mean &&
                entry->evaluation->median < trivial->median;
    }
    return beats;
}

// ---- table

// Steps at which the table shows the error; those beyond the horizon are left out.
static int marks(int step[N_MARKS], int horizon) {
    static const int wanted[N_MARKS] = {1, 10, 50, 100, 200};
    int n = 0;
    for (int i = 0; i < N_MARKS; i++) {
        if (wanted[i] < horizon) {
            step[n++] = wanted[i];
        }
    }
    if (n < N_MARKS) {
        step[n++] = horizon;
    }
    return n;
}

// Of the longest label, `least` or more.
static int label_width(const tz_eval_report *report, int least) {
    int width = least;
    for (int i = 0; i < report->n_entries; i++) {
        const int length = (int)strlen(report->entries[i].label);
        width = length > width ? length : width;
    }
    return width;
}

static void print_summary(const tz_eval_report *report) {
    int step[N_MARKS];
    const int n_marks = marks(step, report->rollouts->horizon), width = label_width(report, 9);
    printf("%-*s  %-8s %10s %10s %9s  ", width, "predictor", "kind", "mean", "median", "diverged");
    for (int k = 0; k < n_marks; k++) {
        printf("  at %5d", step[k]);
    }
    printf("\n");
    for (int i = 0; i < report->n_entries; i++) {
        const tz_eval_entry *entry = &report->entries[i];
        const tz_evaluation *e = entry->evaluation;
        printf("%-*s  %-8s %10.4g %10.4g %5d/%-3d  ", width, entry->label, entry->kind, e->mean,
               e->median, e->n_diverged, e->n);
        for (int k = 0; k < n_marks; k++) {
            printf("  %8.3g", e->step_mean[step[k]]);
        }
        printf("\n");
    }
}

// How well the models with variances know their errors; nothing when there is none.
static void print_calibration(const tz_eval_report *report) {
    const int width = label_width(report, 9);
    bool any = false;
    for (int i = 0; i < report->n_entries; i++) {
        const tz_evaluation *e = report->entries[i].evaluation;
        if (e->step_nll == NULL) {
            continue;
        }
        if (!any) {
            printf("\n%-*s  %10s %12s %12s  (right: 0.683, 0.954)\n", width, "variances", "NLL",
                   "within 1 sd", "within 2 sd");
            any = true;
        }
        printf("%-*s  %10.4g %12.3f %12.3f\n", width, report->entries[i].label, e->nll,
               e->within[0], e->within[1]);
    }
}

static void print_components(const tz_eval_report *report) {
    const int width = label_width(report, 14);
    printf("\n%-16s", "component");
    for (int i = 0; i < report->n_entries; i++) {
        printf(" %*s", width, report->entries[i].label);
    }
    printf("      sigma_z\n");
    for (int c = 0; c < report->rollouts->nz; c++) {
        const int length = (int)strlen(report->component_name[c]);
        tz_put_printable(stdout, report->component_name[c]);
        printf("%*s", length < 16 ? 16 - length : 0, "");
        for (int i = 0; i < report->n_entries; i++) {
            printf(" %*.4g", width, report->entries[i].evaluation->component[c]);
        }
        printf(" %12.4g\n", (double)report->sigma_z[c]);
    }
}

static void print_integrators(const tz_eval_report *report) {
    printf("\n");
    for (int i = 0; i < report->n_entries - N_TRIVIAL; i++) {
        const tz_eval_entry *entry = &report->entries[i];
        printf("%s: %s, %d step%s a transition\n", entry->label, entry->integrator, entry->substeps,
               entry->substeps == 1 ? "" : "s");
    }
}

void tz_eval_print_table(const tz_eval_report *report) {
    const tz_rollouts *r = report->rollouts;
    tz_put_printable(stdout, report->env);
    printf(", %s: %d rollouts of %d steps from %d %s", report->data, r->n, r->horizon,
           r->n_episodes - r->n_short, report->episodes);
    if (r->n_short > 0) {
        printf(" (%d shorter ones left out)", r->n_short);
    }
    if (report->unsaid != NULL) {
        printf(report->is_replaced
                   ? "; %s: %s is another file now than the one that was gone on from"
                   : "; %s: no config.json beside %s says which were held out",
               report->is_held_out ? "held out from the others" : "all episodes", report->unsaid);
    }
    printf("\nnormalised MSE over steps 0 to %d, in units of sigma_z of %s\n\n", r->horizon,
           report->sigma_path);
    print_summary(report);
    print_calibration(report);
    print_components(report);
    if (report->shows_integrators) {
        print_integrators(report);
    }
    for (int i = 0; i < report->n_entries - N_TRIVIAL; i++) {
        char name[TZ_LABEL_SIZE + 1];
        snprintf(name, sizeof name, "\n%s", report->entries[i].label);
        tz_print_model_versions(name, report->entries[i].model);
    }
    for (int i = 0; i < report->n_entries - N_TRIVIAL; i++) {
        if (!beats_trivial(report, &report->entries[i])) {
            printf("\n%s does not beat both trivial predictors\n", report->entries[i].label);
        }
    }
}

// ---- JSON

// What is not finite (all rollouts diverged) is null.
static struct json_object *real(double value) {
    return isfinite(value) ? tz_json_real(value) : NULL;
}

static struct json_object *reals(const double *x, int n) {
    struct json_object *array = json_object_new_array();
    for (int i = 0; i < n; i++) {
        json_object_array_add(array, real(x[i]));
    }
    return array;
}

static struct json_object *entry_json(const tz_eval_report *report, const tz_eval_entry *entry) {
    const tz_evaluation *e = entry->evaluation;
    struct json_object *o = json_object_new_object();
    char key[32];
    tz_json_add_text(o, "label", entry->label);
    tz_json_add_text(o, "kind", entry->kind);
    if (entry->path != NULL) {
        tz_json_add_text(o, "model", entry->path);
        tz_json_add_text(o, "sha256", entry->model->sha256);
        tz_add_model_versions(o, entry->model);
        tz_json_add_text(o, "integrator", entry->integrator);
        tz_json_add_int(o, "substeps", entry->substeps);
    }
    snprintf(key, sizeof key, "nmse_%d", e->horizon);
    json_object_object_add(o, key, real(e->mean));
    snprintf(key, sizeof key, "nmse_%d_median", e->horizon);
    json_object_object_add(o, key, real(e->median));
    tz_json_add_int(o, "diverged", e->n_diverged);
    if (entry->path != NULL) {
        tz_json_add_bool(o, "beats_trivial", beats_trivial(report, entry));
    }
    json_object_object_add(o, "step_mean", reals(e->step_mean, e->horizon + 1));
    json_object_object_add(o, "step_median", reals(e->step_median, e->horizon + 1));
    json_object_object_add(o, "rollout", reals(e->rollout, e->n));
    json_object_object_add(o, "component", reals(e->component, e->nz));
    if (e->step_nll != NULL) {
        json_object_object_add(o, "nll", real(e->nll));
        json_object_object_add(o, "within_1sd", real(e->within[0]));
        json_object_object_add(o, "within_2sd", real(e->within[1]));
        json_object_object_add(o, "step_nll", reals(e->step_nll, e->horizon + 1));
        json_object_object_add(o, "step_within_1sd", reals(e->step_within, e->horizon + 1));
    }
    return o;
}

struct json_object *tz_eval_json(const tz_eval_report *report) {
    const tz_rollouts *r = report->rollouts;
    struct json_object *o = json_object_new_object();
    tz_json_add_text(o, "data", report->data);
    tz_json_add_text(o, "data_sha256", report->data_sha256);
    tz_json_add_text(o, "env", report->env);
    tz_json_add_text(o, "episodes_from", report->episodes);
    json_object_object_add(o, "without_config",
                           report->unsaid != NULL ? tz_json_text(report->unsaid) : NULL);
    tz_json_add_int(o, "episodes", r->n_episodes - r->n_short);
    tz_json_add_int(o, "short_episodes", r->n_short);
    tz_json_add_int(o, "rollouts", r->n);
    tz_json_add_int(o, "horizon", r->horizon);
    tz_json_add_text(o, "sigma_z_of", report->sigma_path);
    struct json_object *sigma = json_object_new_array(), *names = json_object_new_array();
    for (int i = 0; i < r->nz; i++) {
        json_object_array_add(sigma, real((double)report->sigma_z[i]));
        json_object_array_add(names, tz_json_text(report->component_name[i]));
    }
    json_object_object_add(o, "sigma_z", sigma);
    json_object_object_add(o, "components", names);
    struct json_object *episode = json_object_new_array(), *start = json_object_new_array();
    for (int i = 0; i < r->n; i++) {
        json_object_array_add(episode, json_object_new_int(r->episode[i]));
        json_object_array_add(start, json_object_new_int(r->start[i]));
    }
    json_object_object_add(o, "episode", episode);
    json_object_object_add(o, "start", start);
    struct json_object *models = json_object_new_array(), *trivial = json_object_new_array();
    for (int i = 0; i < report->n_entries; i++) {
        json_object_array_add(i < report->n_entries - N_TRIVIAL ? models : trivial,
                              entry_json(report, &report->entries[i]));
    }
    json_object_object_add(o, "models", models);
    json_object_object_add(o, "trivial", trivial);
    return o;
}

// ---- CSV

// Prints one file's lines.
typedef void (*print_fn)(FILE *stream, const tz_eval_report *report);

static void print_summary_csv(FILE *stream, const tz_eval_report *report) {
    fprintf(stream, "label,kind,rollouts,horizon,nmse,nmse_median,diverged\n");
    for (int i = 0; i < report->n_entries; i++) {
        const tz_evaluation *e = report->entries[i].evaluation;
        tz_csv_put_text(stream, report->entries[i].label);
        fprintf(stream, ",%s,%d,%d,", report->entries[i].kind, e->n, e->horizon);
        tz_csv_put_number(stream, e->mean);
        fputc(',', stream);
        tz_csv_put_number(stream, e->median);
        fprintf(stream, ",%d\n", e->n_diverged);
    }
}

static void print_horizon_csv(FILE *stream, const tz_eval_report *report) {
    fprintf(stream, "step");
    for (int i = 0; i < report->n_entries; i++) {
        char median[TZ_LABEL_SIZE + 8];
        snprintf(median, sizeof median, "%s median", report->entries[i].label);
        fputc(',', stream);
        tz_csv_put_text(stream, report->entries[i].label);
        fputc(',', stream);
        tz_csv_put_text(stream, median);
    }
    for (int t = 0; t <= report->rollouts->horizon; t++) {
        fprintf(stream, "\n%d", t);
        for (int i = 0; i < report->n_entries; i++) {
            const tz_evaluation *e = report->entries[i].evaluation;
            fputc(',', stream);
            tz_csv_put_number(stream, e->step_mean[t]);
            fputc(',', stream);
            tz_csv_put_number(stream, e->step_median[t]);
        }
    }
    fprintf(stream, "\n");
}

static void print_components_csv(FILE *stream, const tz_eval_report *report) {
    fprintf(stream, "component,sigma_z");
    for (int i = 0; i < report->n_entries; i++) {
        fputc(',', stream);
        tz_csv_put_text(stream, report->entries[i].label);
    }
    for (int c = 0; c < report->rollouts->nz; c++) {
        fputc('\n', stream);
        tz_csv_put_text(stream, report->component_name[c]);
        fprintf(stream, ",%.9g", (double)report->sigma_z[c]);
        for (int i = 0; i < report->n_entries; i++) {
            fputc(',', stream);
            tz_csv_put_number(stream, report->entries[i].evaluation->component[c]);
        }
    }
    fprintf(stream, "\n");
}

static tz_status write_csv(const tz_eval_report *report, const char *folder, const char *name,
                           print_fn print, tz_error *error) {
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, folder, name, error));
    tz_text text;
    TZ_CHECK(tz_text_open(&text, error));
    print(text.stream, report);
    return tz_text_write(&text, path, error);
}

tz_status tz_eval_write(const tz_eval_report *report, const char *folder, tz_error *error) {
    TZ_CHECK(write_csv(report, folder, "summary.csv", print_summary_csv, error));
    TZ_CHECK(write_csv(report, folder, "horizon.csv", print_horizon_csv, error));
    TZ_CHECK(write_csv(report, folder, "components.csv", print_components_csv, error));
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, folder, "metrics.json", error));
    struct json_object *object = tz_eval_json(report);
    const tz_status status = tz_json_write(path, object, error);
    json_object_put(object);
    return status;
}
