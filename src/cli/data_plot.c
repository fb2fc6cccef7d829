// trapeze data plot: pictures of a dataset: what its episodes earned, and where its states lie.
#include "cli/data.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/plot.h"
#include "data/check.h"

#include <stdio.h>

enum { BINS = 40, COLS = 2, PANELS = 4 }; // intervals of a histogram; panels of a picture

static tz_status draw(const tz_plot *panels, int n_rows, int n_cols, const char *folder,
                      const char *name, tz_error *error) {
    char stem[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(stem, folder, name, error));
    return tz_plot_write_panels(panels, n_rows, n_cols, stem, error);
}

// Return and length of each episode.
static tz_status draw_episodes(const tz_dataset *d, const char *folder, tz_error *error) {
    const size_t n = (size_t)d->n_episodes;
    double *x = tz_alloc(3 * n, sizeof *x);
    if (x == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for a picture", folder);
    }
    double *returns = x + n, *lengths = returns + n;
    for (int e = 0; e < d->n_episodes; e++) {
        x[e] = e;
        returns[e] = tz_dataset_return(d, e);
        lengths[e] = tz_dataset_length(d, e);
    }
    const tz_series of_returns = {.x = x, .y = returns, .n = (int)n, .points = true};
    const tz_series of_lengths = {.x = x, .y = lengths, .n = (int)n, .points = true};
    const tz_plot panels[2] = {{.title = d->env,
                                .x_label = "episode",
                                .y_label = "return",
                                .series = &of_returns,
                                .n_series = 1},
                               {.title = "",
                                .x_label = "episode",
                                .y_label = "steps",
                                .series = &of_lengths,
                                .n_series = 1}};
    const tz_status status = draw(panels, 1, 2, folder, "episodes", error);
    tz_free(x);
    return status;
}

// Share of the states in each of BINS equal intervals of one coordinate's range. Halves: the range
// of finite numbers may be wider than the largest one.
static void histogram(const tz_dataset *d, int column, const tz_range *range, double *x,
                      double *share) {
    const size_t n = d->n_steps + (size_t)d->n_episodes;
    const double low = 0.5 * range->low, interval = (0.5 * range->high - low) / BINS;
    const double width = interval > 0.0 ? interval : 0.5;
    for (int b = 0; b < BINS; b++) {
        x[b] = 2.0 * (low + (b + 0.5) * width);
        share[b] = 0.0;
    }
    for (size_t i = 0; i < n; i++) {
        const double value = 0.5 * d->z[i * (size_t)d->nz + (size_t)column];
        const int bin = (int)((value - low) / width);
        share[bin < BINS ? bin : BINS - 1] += 1.0 / (double)n;
    }
}

// How the coordinates are distributed, PANELS of them to a picture: states-0, states-1, ...
static tz_status draw_states(const tz_dataset *d, const tz_task *task, const char *folder,
                             tz_error *error) {
    static tz_dataset_summary summary;
    double x[PANELS][BINS], share[PANELS][BINS];
    char label[PANELS][TZ_NAME_MAX + 8], name[32];
    tz_series series[PANELS];
    tz_plot panels[PANELS];
    tz_dataset_summarise(d, &summary);
    for (int first = 0; first < d->nz; first += PANELS) {
        const int n = d->nz - first < PANELS ? d->nz - first : PANELS;
        const int n_cols = n < COLS ? n : COLS, n_rows = (n + n_cols - 1) / n_cols;
        for (int k = 0; k < n_rows * n_cols; k++) {
            panels[k] = (tz_plot){.title = "", .x_label = "", .y_label = ""};
            if (k < n) { // the rest of the last row stays empty
                histogram(d, first + k, &summary.z[first + k], x[k], share[k]);
                tz_data_coordinate_name(label[k], task, d->nq, first + k);
                series[k] = (tz_series){.x = x[k], .y = share[k], .n = BINS};
                panels[k].title = label[k];
                panels[k].series = &series[k];
                panels[k].n_series = 1;
            }
        }
        snprintf(name, sizeof name, "states-%d", first / PANELS);
        TZ_CHECK(draw(panels, n_rows, n_cols, folder, name, error));
    }
    return TZ_OK;
}

static tz_status run_plot(const char *path, const char *env_name, const char *out,
                          tz_error *error) {
    tz_dataset *dataset = NULL;
    tz_env *env = NULL;
    TZ_CHECK(tz_dataset_read(&dataset, path, env_name, error));
    tz_status status = tz_dataset_find_env(&env, dataset, error);
    status = status == TZ_OK ? tz_make_folders(out, error) : status;
    status = status == TZ_OK ? draw_episodes(dataset, out, error) : status;
    if (status == TZ_OK) {
        status = draw_states(dataset, env ? tz_env_task(env) : NULL, out, error);
    }
    if (status == TZ_OK) {
        printf("%s: episodes and states (PNG, SVG)\n", out);
    }
    tz_env_destroy(env);
    tz_dataset_destroy(dataset);
    return status;
}

static int plot_main(int argc, char **argv);
const tz_command tz_command_data_plot = {
    .name = "data plot",
    .summary = "pictures of returns, lengths and the distribution of every coordinate",
    .usage = "trapeze data plot D --out FOLDER [--env E]",
    .example = "trapeze data plot runs/cheetah-v0 --out runs/cheetah-pictures",
    .run = plot_main,
};

static int plot_main(int argc, char **argv) {
    const char *env = NULL, *path = NULL, *out = NULL;
    bool help;
    tz_option options[] = {
        {"--out", TZ_OPTION_TEXT, &out, "FOLDER", .help = "folder of the pictures",
         .required = true},
        {"--env", TZ_OPTION_TEXT, &env, "E",
         .help = "environment of a file that does not name its own"},
    };
    tz_text_list words = {0};
    tz_error error;
    tz_status status = tz_options_parse(&tz_command_data_plot, options, TZ_COUNTOF(options), argc,
                                        argv, &words, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    status = status == TZ_OK ? tz_data_expect_one(&words, &path, &error) : status;
    status = status == TZ_OK ? run_plot(path, env, out, &error) : status;
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_data_plot, &error);
}
