// trapeze plot: the pictures of a run folder, of what there is of it so far.
#include "base/file.h"
#include "base/run_folder.h"
#include "cli/cli.h"
#include "cli/run_plots.h"
#include "cli/state_plots.h"

#include <json-c/json_object.h>
#include <stdio.h>
#include <string.h>

// Commands whose folders can be drawn.
static const char *const drawn[] = {"collect", "train", "sac", "eval", "mpc"};

static bool can_draw(const char *command) {
    for (size_t i = 0; i < TZ_COUNTOF(drawn); i++) {
        if (strcmp(command, drawn[i]) == 0) {
            return true;
        }
    }
    return false;
}

static tz_status draw(const char *folder, struct json_object *config, const char *out,
                      tz_error *error) {
    const char *command = tz_config_command(config);
    if (!can_draw(command)) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "%s: a folder of '%.32s', expected one of collect, train, sac, eval or mpc",
                       folder, command);
    }
    TZ_CHECK(tz_make_folders(out, error));
    TZ_CHECK(tz_draw_curves(folder, config, out, error));
    return tz_draw_states(folder, config, out, error);
}

static tz_status plot(const char *folder, const char *out, tz_error *error) {
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
    const tz_status status = draw(folder, config, out, error);
    json_object_put(config);
    return status;
}

// A folder of an ensemble holds a run for each member, below it.
static tz_status plot_all(const char *folder, const char *out, tz_error *error) {
    char list[TZ_PATH_MAX], member[TZ_PATH_MAX], member_out[TZ_PATH_MAX], name[32];
    TZ_CHECK(tz_path_join(list, folder, "ensemble.json", error));
    if (!tz_file_exists(list)) {
        return plot(folder, out, error);
    }
    for (int i = 0;; i++) {
        snprintf(name, sizeof name, "member-%d", i);
        TZ_CHECK(tz_path_join(member, folder, name, error));
        TZ_CHECK(tz_path_join(member_out, out, name, error));
        if (!tz_folder_exists(member)) {
            return TZ_OK;
        }
        TZ_CHECK(plot(member, member_out, error));
    }
}

static int plot_main(int argc, char **argv) {
    const char *out = NULL;
    tz_option options[] = {
        {"--out", TZ_OPTION_TEXT, &out, "D", .help = "folder for the pictures; not given: RUN"},
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
        out = out != NULL ? out : folders.item[0];
        status = plot_all(folders.item[0], out, &error);
    }
    if (status == TZ_OK) {
        printf("pictures are in %s\n", out);
    }
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_plot, &error);
}

const tz_command tz_command_plot = {
    .name = "plot",
    .summary = "draw the pictures of a run folder",
    .usage = "trapeze plot RUN [--out D]",
    .example = "trapeze plot runs/so",
    .run = plot_main,
};
