// trapeze plot: the pictures of a run folder, of what there is of it so far; of a study's folder
// the figures whose runs are all there.
#include "base/file.h"
#include "base/json.h"
#include "base/printable.h"
#include "base/run_folder.h"
#include "cli/cli.h"
#include "cli/run_plots.h"
#include "cli/state_plots.h"
#include "paper/report.h"
#include "paper/results.h"

#include <json-c/json_object.h>
#include <stdio.h>
#include <string.h>

// Commands whose folders can be drawn.
static const char *const drawn[] = {"collect", "train", "sac", "eval", "mpc", "rounds"};

static bool can_draw(const char *command) {
    for (size_t i = 0; i < TZ_COUNTOF(drawn); i++) {
        if (strcmp(command, drawn[i]) == 0) {
            return true;
        }
    }
    return false;
}

// ---- a study

// Whether all runs of a figure are there.
static tz_status is_complete(bool *complete, tz_figure figure, tz_budget budget, const char *folder,
                             tz_error *error) {
    tz_run_list runs = {0}, missing = {0};
    tz_status status = tz_plan_append(&runs, figure, budget, error);
    if (status == TZ_OK) {
        status = tz_results_missing(&missing, folder, &runs, error);
    }
    *complete = missing.n == 0;
    tz_run_list_destroy(&runs);
    tz_run_list_destroy(&missing);
    return status;
}

static tz_status draw_study(const char *folder, struct json_object *config, tz_pictures *out,
                            tz_error *error) {
    const char *name = tz_config_text(config, "budget");
    tz_budget budget = TZ_TINY;
    while (budget < TZ_N_BUDGETS && strcmp(name, tz_budget_name(budget)) != 0) {
        budget++;
    }
    if (budget == TZ_N_BUDGETS) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s/config.json: the budget '%.32s', expected tiny, quick, close or full",
                       folder, name);
    }
    for (tz_figure figure = TZ_FIG1; figure < TZ_N_FIGURES; figure++) {
        bool complete = false;
        tz_report report;
        TZ_CHECK(is_complete(&complete, figure, budget, folder, error));
        if (complete) {
            TZ_CHECK(tz_make_folders(out->folder, error));
            TZ_CHECK(tz_report_write(&report, figure, budget, folder, out->folder, error));
            if (report.warning[0] != '\0') {
                return tz_fail(error, TZ_ERR_IO, "no picture of %s: %s", tz_figure_name(figure),
                               report.warning);
            }
            TZ_CHECK(tz_pictures_note(out, tz_figure_name(figure), error));
        }
    }
    return out->n > 0 ? TZ_OK
                      : tz_fail(error, TZ_ERR_UNSUPPORTED,
                                "%s: no figure whose runs of budget %s are all there, expected "
                                "one: `trapeze paper` trains them",
                                folder, name);
}

// ---- any folder

static tz_status draw(const char *folder, struct json_object *config, tz_pictures *out,
                      tz_error *error) {
    const char *command = tz_config_command(config);
    if (strcmp(command, "paper") == 0) {
        return draw_study(folder, config, out, error);
    }
    if (!can_draw(command)) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "%s: a folder of '%.32s', expected one of collect, train, sac, eval, mpc, "
                       "rounds or paper",
                       folder, command);
    }
    TZ_CHECK(tz_make_folders(out->folder, error));
    TZ_CHECK(tz_draw_curves(folder, config, out, error));
    tz_error cause;
    const tz_status states = tz_draw_states(folder, config, out, &cause);
    if (states != TZ_OK && (states != TZ_ERR_IO || out->n == 0)) {
        return tz_fail(error, states, "%s", cause.text);
    }
    if (states != TZ_OK) { // the data are elsewhere now
        fprintf(stderr, "trapeze plot: no pictures of states: ");
        tz_put_printable(stderr, cause.text);
        fputc('\n', stderr);
    }
    return out->n > 0 ? TZ_OK
                      : tz_fail(error, TZ_ERR_UNSUPPORTED,
                                "%s: nothing to draw in this folder of '%.32s', expected rows "
                                "of metrics, or states of a system of up to three coordinates",
                                folder, command);
}

// Draws into `out`, and appends the paths of the pictures to the list.
static tz_status plot(const char *folder, const char *out, struct json_object *list,
                      tz_error *error) {
    char path[TZ_PATH_MAX];
    if (!tz_folder_exists(folder)) {
        return tz_fail(error, TZ_ERR_IO, "%s: no such folder, expected one that a run has left",
                       folder);
    }
    TZ_CHECK(tz_path_join(path, folder, "config.json", error));
    if (!tz_file_exists(path)) {
        return tz_fail(error, TZ_ERR_IO, "%s: no config.json in it, expected a run's folder",
                       folder);
    }
    struct json_object *config = NULL;
    TZ_CHECK(tz_json_read(path, &config, error));
    const tz_status status =
        draw(folder, config, &(tz_pictures){.folder = out, .list = list}, error);
    json_object_put(config);
    return status;
}

// A folder of an ensemble's training holds a run for each member, below it.
static tz_status plot_all(const char *folder, const char *out, struct json_object *list,
                          tz_error *error) {
    char first[TZ_PATH_MAX], member[TZ_PATH_MAX], member_out[TZ_PATH_MAX], metrics[TZ_PATH_MAX];
    char name[32];
    TZ_CHECK(tz_path_join(first, folder, "member-0/config.json", error));
    if (!tz_file_exists(first)) {
        return plot(folder, out, list, error);
    }
    for (int i = 0;; i++) {
        snprintf(name, sizeof name, "member-%d", i);
        TZ_CHECK(tz_path_join(member, folder, name, error));
        TZ_CHECK(tz_path_join(member_out, out, name, error));
        TZ_CHECK(tz_path_join(metrics, member, "metrics.csv", error));
        // of a member that is trained now there may be nothing yet
        if (!tz_folder_exists(member) || (i > 0 && !tz_file_exists(metrics))) {
            return TZ_OK;
        }
        TZ_CHECK(plot(member, member_out, list, error));
    }
}

static void print_json(const char *folder, const char *out, struct json_object *list) {
    struct json_object *o = json_object_new_object();
    tz_json_add_text(o, "run", folder);
    tz_json_add_text(o, "out", out);
    json_object_object_add(o, "pictures", json_object_get(list));
    tz_json_print(o);
    json_object_put(o);
}

static tz_status run_plot(const char *folder, const char *out, bool json, tz_error *error) {
    struct json_object *list = json_object_new_array();
    const tz_status status = plot_all(folder, out, list, error);
    if (status == TZ_OK && json) {
        print_json(folder, out, list);
    } else if (status == TZ_OK) {
        printf("pictures are in %s\n", out);
    }
    json_object_put(list);
    return status;
}

static int plot_main(int argc, char **argv) {
    const char *out = NULL;
    bool json = false;
    tz_option options[] = {
        {"--out", TZ_OPTION_TEXT, &out, "D", .help = "folder for the pictures; not given: RUN"},
        {"--json", TZ_OPTION_FLAG, &json, .help = "print one JSON object"},
    };
    tz_text_list folders = {.n = 0};
    bool help = false;
    tz_error error;
    tz_status status = tz_options_parse(&tz_command_plot, options, TZ_COUNTOF(options), argc, argv,
                                        &folders, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    if (status == TZ_OK && folders.n != 1) {
        status = tz_fail(&error, TZ_ERR_ARGUMENT, "%d folders, expected one: trapeze plot RUN",
                         folders.n);
    }
    if (status == TZ_OK) {
        const char *folder = folders.item[0];
        status = run_plot(folder, out != NULL ? out : folder, json, &error);
    }
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_plot, &error);
}

const tz_command tz_command_plot = {
    .name = "plot",
    .summary = "draw the pictures of a run folder",
    .usage = "trapeze plot RUN [--out D] [--json]",
    .example = "trapeze plot runs/so",
    .run = plot_main,
};
