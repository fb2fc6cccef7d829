// trapeze paper: the figures of the study, from what is missing to tables, pictures and findings.
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/run_folder.h"
#include "cli/cli.h"
#include "cli/ranks.h"
#include "paper/forecast.h"
#include "paper/report.h"
#include "paper/results.h"
#include "paper/robots.h"
#include "paper/work.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

typedef struct arguments {
    const char *out;
    int budget, threads;
    tz_text_list figures, data;
    bool json, quiet;
} arguments;

typedef struct run {
    arguments arguments;
    bool wanted[TZ_N_FIGURES];
    tz_run_list runs, missing;
    double *seconds; // that each missing run is expected to take             (missing.n)
    tz_robot_data robots[TZ_ROBOTS_MAX];
    int n_robots;
    int argc;
    char **argv;
} run;

static const char *const budgets[] = {"tiny", "quick", "close", "full", NULL};

// ---- what is asked for

static tz_status want(run *r, const char *word, tz_error *error) {
    if (strcmp(word, "all") == 0) {
        for (int f = 0; f < TZ_CALIBRATION; f++) {
            r->wanted[f] = true;
        }
        return TZ_OK;
    }
    for (int f = 0; f < TZ_N_FIGURES; f++) {
        if (strcmp(word, tz_figure_name(f)) == 0) {
            r->wanted[f] = true;
            return TZ_OK;
        }
    }
    return tz_fail(error, TZ_ERR_ARGUMENT,
                   "no figure '%.64s', expected fig1 to fig9, calibration or all", word);
}

static tz_status parse_figures(run *r, tz_error *error) {
    if (r->arguments.figures.n == 0) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "a figure is missing, expected fig1 to fig9, calibration or all");
    }
    for (int i = 0; i < r->arguments.figures.n; i++) {
        TZ_CHECK(want(r, r->arguments.figures.item[i], error));
    }
    return TZ_OK;
}

// The robot whose data an item ENV=DATASET names, NULL when there is none.
static const char *robot_of(const char *item) {
    for (const char *const *env = tz_plan_systems(TZ_FIG7); *env != NULL; env++) {
        if (tz_robot_path(item, *env) != NULL) {
            return *env;
        }
    }
    return NULL;
}

static tz_status check_data(const run *r, tz_error *error) {
    const tz_text_list *data = &r->arguments.data;
    for (int i = 0; i < data->n; i++) {
        const char *env = robot_of(data->item[i]);
        if (env == NULL) {
            return tz_fail(error, TZ_ERR_ARGUMENT,
                           "--data '%.200s': expected ENV=DATASET with half_cheetah, hopper or "
                           "swimmer",
                           data->item[i]);
        }
        for (int k = 0; k < i; k++) {
            if (robot_of(data->item[k]) == env) {
                return tz_fail(error, TZ_ERR_ARGUMENT,
                               "--data names data of %s twice, '%.100s' and '%.100s', expected one",
                               env, data->item[k], data->item[i]);
            }
        }
    }
    if (data->n > 0 && !r->wanted[TZ_FIG7]) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "--data '%.200s': fig7 alone learns from robots, and it is not asked for",
                       data->item[0]);
    }
    return TZ_OK;
}

// ---- the folder

static tz_status make_folders(const char *out, tz_error *error) {
    static const char *const names[] = {"runs", "data", "checkpoints"};
    for (size_t i = 0; i < TZ_COUNTOF(names); i++) {
        char path[TZ_PATH_MAX];
        TZ_CHECK(tz_path_join(path, out, names[i], error));
        TZ_CHECK(tz_make_folders(path, error));
    }
    return TZ_OK;
}

// Also finds out, before any work, whether the folder can be written.
static tz_status write_config(const run *r, tz_error *error) {
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, r->arguments.out, "config.json", error));
    struct json_object *config = tz_config_new(r->argc, r->argv, 0);
    tz_json_add_text(config, "budget", budgets[r->arguments.budget]);
    const tz_status status = tz_json_write(path, config, error);
    json_object_put(config);
    return status;
}

static tz_status plan(run *r, tz_error *error) {
    for (int f = 0; f < TZ_N_FIGURES; f++) {
        if (r->wanted[f]) {
            TZ_CHECK(tz_plan_append(&r->runs, f, r->arguments.budget, error));
        }
    }
    if (tz_ranks_rank() == 0) { // whose list is that of the others
        TZ_CHECK(tz_results_missing(&r->missing, r->arguments.out, &r->runs, error));
        tz_sort_runs(&r->missing);
    }
    r->seconds = tz_alloc((size_t)r->missing.n, sizeof *r->seconds);
    return r->seconds != NULL ? TZ_OK : tz_fail(error, TZ_ERR_MEMORY, "out of memory: a forecast");
}

// ---- the work

// "12 min" or "3.4 h"
static void put_duration(FILE *stream, double seconds) {
    if (seconds < 5400.0) {
        fprintf(stream, "%.0f min", seconds / 60.0 + 0.5);
    } else {
        fprintf(stream, "%.1f h", seconds / 3600.0);
    }
}

static tz_status forecast(run *r, tz_error *error) {
    TZ_CHECK(tz_forecast(r->seconds, &r->missing, error));
    double total = 0.0, longest = 0.0;
    for (int i = 0; i < r->missing.n; i++) {
        total += r->seconds[i];
        longest = r->seconds[i] > longest ? r->seconds[i] : longest;
    }
    if (r->arguments.quiet) {
        return TZ_OK;
    }
    const int workers = tz_ranks_size() > 1 ? tz_ranks_size() : r->arguments.threads;
    fprintf(stderr, "%d runs, %d of them done; ", r->runs.n, r->runs.n - r->missing.n);
    put_duration(stderr, total / workers > longest ? total / workers : longest);
    fprintf(stderr, " to go, %d at a time\n", workers);
    return TZ_OK;
}

static tz_status do_missing(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    tz_work_def def = {.folder = a->out,
                       .runs = &r->missing,
                       .seconds = r->seconds,
                       .robots = r->robots,
                       .n_robots = r->n_robots,
                       .threads = a->threads,
                       .label = "paper",
                       .quiet = a->quiet};
    return tz_ranks_size() > 1 ? tz_ranks_work(&def, error) : tz_work(&def, error);
}

// ---- the result

static struct json_object *report_json(tz_figure figure, const tz_report *report) {
    struct json_object *object = json_object_new_object();
    struct json_object *findings = json_object_new_array();
    tz_json_add_text(object, "figure", tz_figure_name(figure));
    for (int i = 0; i < report->n; i++) {
        struct json_object *finding = json_object_new_object();
        tz_json_add_text(finding, "claim", report->statement[i].claim);
        tz_json_add_text(finding, "outcome", tz_outcome_text(report->statement[i].outcome));
        json_object_array_add(findings, finding);
    }
    json_object_object_add(object, "findings", findings);
    return object;
}

static void print_report(const run *r, tz_figure figure, const tz_report *report) {
    if (report->warning[0] != '\0') {
        fprintf(stderr, "trapeze paper: no picture of %s: %s\n", tz_figure_name(figure),
                report->warning);
    }
    for (int i = 0; i < report->n && !r->arguments.json; i++) {
        printf("%s: \"%s\" %s\n", tz_figure_name(figure), report->statement[i].claim,
               tz_outcome_text(report->statement[i].outcome));
    }
}

static tz_status write_reports(const run *r, tz_error *error) {
    struct json_object *object = json_object_new_object();
    struct json_object *figures = json_object_new_array();
    tz_json_add_text(object, "out", r->arguments.out);
    tz_json_add_text(object, "budget", budgets[r->arguments.budget]);
    tz_json_add_int(object, "runs", r->runs.n);
    tz_json_add_int(object, "trained", r->missing.n);
    json_object_object_add(object, "figures", figures);
    tz_status status = TZ_OK;
    for (int f = 0; f < TZ_N_FIGURES && status == TZ_OK; f++) {
        if (r->wanted[f]) {
            tz_report report;
            status = tz_report_write(&report, f, r->arguments.budget, r->arguments.out,
                                     r->arguments.out, error);
            if (status == TZ_OK) {
                print_report(r, f, &report);
                json_object_array_add(figures, report_json(f, &report));
            }
        }
    }
    if (status == TZ_OK && r->arguments.json) {
        tz_json_print(object);
    }
    json_object_put(object);
    return status;
}

// ---- the command

// What all ranks need before the first run: rank 0 makes it, the others read it.
static tz_status prepare(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    TZ_CHECK(parse_figures(r, error));
    TZ_CHECK(check_data(r, error));
    TZ_CHECK(tz_run_folder_expect(a->out, "paper", false, error));
    TZ_CHECK(make_folders(a->out, error));
    TZ_CHECK(plan(r, error));
    if (tz_ranks_rank() == 0) {
        TZ_CHECK(write_config(r, error));
        TZ_CHECK(forecast(r, error));
    }
    const int episodes = a->budget == TZ_TINY ? 5 : 100;
    TZ_CHECK(tz_robots_get(r->robots, &r->n_robots, &r->missing, &r->runs, a->data.item, a->data.n,
                           episodes, a->threads, a->out, error));
    return tz_robots_check(r->robots, r->n_robots, a->out, &r->runs, error);
}

static tz_status run_paper(run *r, tz_error *error) {
    const bool first = tz_ranks_rank() == 0;
    TZ_CHECK(tz_ranks_agree(first ? prepare(r, error) : TZ_OK, error));
    TZ_CHECK(tz_ranks_share(&r->missing, error));
    TZ_CHECK(tz_ranks_agree(first ? TZ_OK : prepare(r, error), error));
    if (r->missing.n > 0) {
        TZ_CHECK(do_missing(r, error));
    }
    return tz_ranks_rank() == 0 ? write_reports(r, error) : TZ_OK;
}

static void clean_up(run *r) {
    tz_robots_destroy(r->robots, r->n_robots);
    tz_run_list_destroy(&r->runs);
    tz_run_list_destroy(&r->missing);
    tz_free(r->seconds);
}

static int paper_main(int argc, char **argv) {
    run r = {.arguments = {.budget = TZ_QUICK}, .argc = argc, .argv = argv};
    arguments *a = &r.arguments;
    tz_option options[] = {
        {"--budget", TZ_OPTION_CHOICE, &a->budget, .choices = budgets,
         .help = "how much is trained (docs/paper.md)"},
        {"--out", TZ_OPTION_TEXT, &a->out, "D",
         .help = "folder of the runs, tables and pictures; what is there is not trained again",
         .required = true},
        {"--threads", TZ_OPTION_INT, &a->threads, "N", .min = 0, .max = 1024,
         .help = "runs at a time, one thread each; 0: as many as CPUs; under mpirun one a "
                 "rank" TZ_RANKS_NOTE},
        {"--data", TZ_OPTION_LIST, &a->data, "ENV=DATASET",
         .help = "episodes of a robot for fig7; without it the shipped policies collect them"},
        {"--json", TZ_OPTION_FLAG, &a->json, .help = "print the findings as one JSON object"},
        {"--quiet", TZ_OPTION_FLAG, &a->quiet, .help = "no forecast and no progress"},
    };
    tz_error error = {0};
    bool help = false;
    tz_status status = tz_ranks_start(&error);
    if (status == TZ_OK) {
        status = tz_options_parse(&tz_command_paper, options, TZ_COUNTOF(options), argc, argv,
                                  &a->figures, &help, &error);
    }
    if (status == TZ_OK && !help) {
        a->threads = a->threads > 0 ? a->threads : tz_cpu_count();
        a->quiet = a->quiet || tz_ranks_rank() > 0;
        status = run_paper(&r, &error);
    }
    clean_up(&r);
    // every rank fails, but one sentence is enough
    const int exit_status = status == TZ_OK        ? TZ_EXIT_OK
                            : tz_ranks_rank() == 0 ? tz_cli_fail(&tz_command_paper, &error)
                                                   : TZ_EXIT_TROUBLE;
    tz_ranks_end();
    return exit_status;
}

const tz_command tz_command_paper = {
    .name = "paper",
    .summary = "rerun the study: its figures, and whether its findings hold",
    .usage = "trapeze paper fig1|...|fig9|calibration|all [FIGURE...] [--budget B] --out D",
    .example = "trapeze paper fig4 --budget quick --out study",
    .run = paper_main,
    .stops_itself = true,
};
