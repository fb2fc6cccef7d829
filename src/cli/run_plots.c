#include "cli/run_plots.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/run_folder.h"
#include "base/table.h"
#include "cli/cli.h"

#include <json-c/json.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { CURVES_MAX = 8 };

// Counts and lists a picture by its path without .png and .svg.
static void note(tz_pictures *out, const char *stem) {
    out->n++;
    if (out->list != NULL) {
        json_object_array_add(out->list, tz_json_text(stem));
    }
}

tz_status tz_pictures_add(tz_pictures *out, const tz_plot *plot, const char *name,
                          tz_error *error) {
    char stem[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(stem, out->folder, name, error));
    TZ_CHECK(tz_plot_write(plot, stem, error));
    note(out, stem);
    return TZ_OK;
}

tz_status tz_pictures_note(tz_pictures *out, const char *name, tz_error *error) {
    char stem[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(stem, out->folder, name, error));
    note(out, stem);
    return TZ_OK;
}

// ---- config.json

static struct json_object *options_of(struct json_object *config) {
    struct json_object *options = NULL;
    json_object_object_get_ex(config, "options", &options);
    return options;
}

// ---- curves of a table

// A column over another one.
typedef struct curve {
    const char *title;
    const char *y;      // column
    const char *spread; // column of standard deviations, drawn as a band; Nullable
} curve;

// A picture of some columns over one.
typedef struct picture {
    const char *name; // of the files
    const char *x;    // column
    double x_unit;    // x is divided by it
    const char *x_label, *y_label;
    bool log_y;
    curve curves[CURVES_MAX]; // up to the first without title
} picture;

// A table of another program, or one that was cut, has not the columns of a run's pictures.
static tz_status expect_columns(const tz_table *table, const char *path, const picture *p,
                                tz_error *error) {
    for (int i = 0; i < CURVES_MAX && p->curves[i].title != NULL; i++) {
        const char *const names[] = {p->x, p->curves[i].y, p->curves[i].spread};
        for (size_t k = 0; k < TZ_COUNTOF(names); k++) {
            if (names[k] != NULL && tz_table_column(table, names[k]) == NULL) {
                return tz_fail(error, TZ_ERR_FORMAT, "%s: no column '%s', expected that of a run",
                               path, names[k]);
            }
        }
    }
    return TZ_OK;
}

// Points of the curve where it was measured; block (4, n_rows) holds them.
static tz_series take_series(const tz_table *table, const picture *p, const curve *c,
                             double *block) {
    const size_t n = table->n_rows;
    const double *x = tz_table_column(table, p->x), *y = tz_table_column(table, c->y);
    const double *spread = c->spread != NULL ? tz_table_column(table, c->spread) : NULL;
    double *low = block + 2 * n, *high = block + 3 * n;
    tz_series series = {.title = c->title,
                        .x = block,
                        .y = block + n,
                        .y_low = spread != NULL ? low : NULL,
                        .y_high = spread != NULL ? high : NULL};
    for (size_t i = 0; i < n; i++) {
        if (isfinite(x[i]) && isfinite(y[i])) {
            const int k = series.n++;
            block[k] = x[i] / p->x_unit;
            block[n + (size_t)k] = y[i];
            low[k] = y[i] - (spread != NULL ? spread[i] : 0.0);
            high[k] = y[i] + (spread != NULL ? spread[i] : 0.0);
        }
    }
    return series;
}

static tz_status draw_picture(const tz_table *table, const picture *p, const char *title,
                              tz_pictures *out, tz_error *error) {
    const size_t n = table->n_rows;
    double *block = tz_alloc(CURVES_MAX * 4 * n + 1, sizeof *block);
    if (block == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for a picture of %zu rows", out->folder,
                       n);
    }
    tz_series series[CURVES_MAX];
    int n_series = 0;
    for (int i = 0; i < CURVES_MAX && p->curves[i].title != NULL; i++) {
        series[n_series] = take_series(table, p, &p->curves[i], block + 4 * n * (size_t)i);
        n_series += series[n_series].n > 0;
    }
    const tz_plot plot = {.title = title,
                          .x_label = p->x_label,
                          .y_label = p->y_label,
                          .log_y = p->log_y,
                          .series = series,
                          .n_series = n_series};
    const tz_status status = n_series > 0 ? tz_pictures_add(out, &plot, p->name, error) : TZ_OK;
    tz_free(block);
    return status;
}

// Draws pictures of metrics.csv.
static tz_status draw_metrics(const char *folder, const picture *pictures, size_t n,
                              const char *title, tz_pictures *out, tz_error *error) {
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, folder, "metrics.csv", error));
    tz_table *table = NULL;
    TZ_CHECK(tz_table_read(&table, path, error));
    tz_status status = TZ_OK;
    for (size_t i = 0; i < n && status == TZ_OK; i++) {
        status = expect_columns(table, path, &pictures[i], error);
        if (status == TZ_OK) {
            status = draw_picture(table, &pictures[i], title, out, error);
        }
    }
    tz_table_destroy(table);
    return status;
}

// ---- train

static const picture train_pictures[] = {
    {.name = "loss",
     .x = "epoch",
     .x_unit = 1.0,
     .x_label = "epoch",
     .y_label = "loss",
     .log_y = true,
     .curves = {{"training sequences", "train_loss", NULL},
                {"held-out sequences", "test_loss", NULL}}},
    {.name = "rollout",
     .x = "epoch",
     .x_unit = 1.0,
     .x_label = "epoch",
     .y_label = "normalised MSE of open-loop rollouts",
     .log_y = true,
     .curves = {{"mean", "rollout_nmse", NULL}, {"median", "rollout_nmse_median", NULL}}},
    {.name = "gradient",
     .x = "epoch",
     .x_unit = 1.0,
     .x_label = "epoch",
     .y_label = "norm before clipping",
     .log_y = true,
     .curves = {{"gradient", "grad_norm", NULL}}},
};

static tz_status draw_train(const char *folder, struct json_object *config, tz_pictures *out,
                            tz_error *error) {
    char title[160];
    snprintf(title, sizeof title, "%.64s, %.64s", tz_config_text(config, "kind"),
             tz_config_text(config, "env"));
    return draw_metrics(folder, train_pictures, TZ_COUNTOF(train_pictures), title, out, error);
}

// ---- sac

#define STEPS .x = "step", .x_unit = 1e3, .x_label = "environment steps (thousands)"

static const picture sac_pictures[] = {
    {.name = "return",
     STEPS,
     .y_label = "return",
     .curves = {{"evaluation, deterministic", "return_mean", "return_std"},
                {"training, sampled", "training_return", NULL}}},
    {.name = "loss",
     STEPS,
     .y_label = "critics' loss",
     .log_y = true,
     .curves = {{"mean over updates", "critic_loss", NULL}}},
    {.name = "temperature",
     STEPS,
     .y_label = "temperature",
     .log_y = true,
     .curves = {{"weight of the entropy", "temperature", NULL}}},
};

static tz_status draw_sac(const char *folder, struct json_object *config, tz_pictures *out,
                          tz_error *error) {
    char title[160];
    snprintf(title, sizeof title, "SAC on %.64s", tz_config_text(options_of(config), "env"));
    return draw_metrics(folder, sac_pictures, TZ_COUNTOF(sac_pictures), title, out, error);
}

// ---- mpc

static const picture reward_picture = {
    .name = "predicted",
    .x = "t",
    .x_unit = 1.0,
    .x_label = "control step",
    .y_label = "reward",
    .curves = {{"obtained", "reward", NULL}, {"predicted", "predicted_reward", NULL}}};
static const picture horizon_picture = {
    .x = "predicted_return", .x_unit = 1.0, .curves = {{"each plan", "obtained_return", NULL}}};

// Rewards of the first episode: the head of the table with its number.
static tz_status draw_rewards(const tz_table *table, tz_pictures *out, tz_error *error) {
    const double *episode = tz_table_column(table, "episode");
    const double *columns[] = {tz_table_column(table, "t"), tz_table_column(table, "reward"),
                               tz_table_column(table, "predicted_reward")};
    tz_table first = {.n_columns = TZ_COUNTOF(columns),
                      .name = {"t", "reward", "predicted_reward"}};
    while (first.n_rows < table->n_rows && episode[first.n_rows] == episode[0]) {
        first.n_rows++;
    }
    first.value = tz_alloc(TZ_COUNTOF(columns) * first.n_rows + 1, sizeof(double));
    if (first.value == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for a picture", out->folder);
    }
    for (size_t c = 0; c < TZ_COUNTOF(columns); c++) {
        memcpy(first.value + c * first.n_rows, columns[c], first.n_rows * sizeof(double));
    }
    const tz_status status =
        draw_picture(&first, &reward_picture,
                     "Reward of each step, predicted before it and obtained", out, error);
    tz_free(first.value);
    return status;
}

// Return over the horizon: obtained against predicted, with the line where they are equal.
static tz_status draw_horizon_returns(const tz_table *table, struct json_object *config,
                                      tz_pictures *out, tz_error *error) {
    char title[80];
    double *block = tz_alloc(4 * table->n_rows + 1, sizeof *block);
    if (block == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for a picture", out->folder);
    }
    tz_series series[2] = {take_series(table, &horizon_picture, &horizon_picture.curves[0], block)};
    series[0].points = true;
    double ends[2] = {0.0, 0.0};
    for (int i = 0; i < series[0].n; i++) {
        ends[0] = fmin(ends[0], fmin(series[0].x[i], series[0].y[i]));
        ends[1] = fmax(ends[1], fmax(series[0].x[i], series[0].y[i]));
    }
    series[1] = (tz_series){.title = "as predicted", .x = ends, .y = ends, .n = 2};
    struct json_object *steps = NULL;
    json_object_object_get_ex(options_of(config), "horizon", &steps);
    snprintf(title, sizeof title, "Return over the %d steps of a plan's horizon",
             json_object_get_int(steps));
    const tz_plot plot = {.title = title,
                          .x_label = "predicted",
                          .y_label = "obtained",
                          .series = series,
                          .n_series = 2};
    const tz_status status =
        series[0].n > 0 ? tz_pictures_add(out, &plot, "horizon", error) : TZ_OK;
    tz_free(block);
    return status;
}

static tz_status draw_mpc(const char *folder, struct json_object *config, tz_pictures *out,
                          tz_error *error) {
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, folder, "metrics.csv", error));
    tz_table *table = NULL;
    TZ_CHECK(tz_table_read(&table, path, error));
    tz_status status = expect_columns(table, path, &reward_picture, error);
    if (status == TZ_OK) {
        status = expect_columns(table, path, &horizon_picture, error);
    }
    if (status == TZ_OK && tz_table_column(table, "episode") == NULL) {
        status =
            tz_fail(error, TZ_ERR_FORMAT, "%s: no column 'episode', expected that of a run", path);
    }
    if (status == TZ_OK) {
        status = draw_rewards(table, out, error);
    }
    if (status == TZ_OK) {
        status = draw_horizon_returns(table, config, out, error);
    }
    tz_table_destroy(table);
    return status;
}

// ---- rounds

static const picture rounds_picture = {
    .name = "rounds",
    .x = "round",
    .x_unit = 1.0,
    .x_label = "round",
    .y_label = "return",
    .curves = {{"episodes of the round", "return_mean", "return_std"},
               {"trial of the model after it", "trial_return_mean", "trial_return_std"}}};

static tz_status draw_rounds(const char *folder, struct json_object *config, tz_pictures *out,
                             tz_error *error) {
    char title[160];
    snprintf(title, sizeof title, "Rounds of control and learning on %.64s",
             tz_config_text(config, "env"));
    return draw_metrics(folder, &rounds_picture, 1, title, out, error);
}

// ---- eval

// Length of the list at `key`, 0 when there is none.
static int list_length(struct json_object *object, const char *key, struct json_object **list) {
    *list = NULL;
    json_object_object_get_ex(object, key, list);
    return json_object_is_type(*list, json_type_array) ? (int)json_object_array_length(*list) : 0;
}

// The predictors of metrics.json, models first, two trivial ones behind them.
enum { PREDICTORS_MAX = TZ_LIST_MAX + 2 };
typedef struct predictors {
    int n;
    struct json_object *item[PREDICTORS_MAX];
} predictors;

static predictors find_predictors(struct json_object *metrics) {
    static const char *const lists[] = {"models", "trivial"};
    predictors found = {.n = 0};
    for (size_t k = 0; k < TZ_COUNTOF(lists); k++) {
        struct json_object *list;
        const int n = list_length(metrics, lists[k], &list);
        for (int i = 0; i < n && found.n < PREDICTORS_MAX; i++) {
            found.item[found.n++] = json_object_array_get_idx(list, (size_t)i);
        }
    }
    return found;
}

// One curve or bar series a predictor: its list at `key` over 0, 1, ... from `first` on; null is
// NaN.
static tz_status draw_list(const predictors *p, const char *key, int first, tz_plot plot,
                           tz_pictures *out, const char *name, tz_error *error) {
    struct json_object *list;
    int longest = 0;
    for (int i = 0; i < p->n; i++) {
        const int n = list_length(p->item[i], key, &list);
        longest = n > longest ? n : longest;
    }
    if (longest <= first) {
        return TZ_OK;
    }
    double *block = tz_alloc((size_t)(p->n + 1) * (size_t)longest, sizeof *block);
    if (block == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for a picture", out->folder);
    }
    double *x = block + p->n * longest;
    for (int i = 0; i < longest; i++) {
        x[i] = i;
    }
    tz_series series[PREDICTORS_MAX];
    for (int i = 0; i < p->n; i++) {
        double *y = block + i * longest;
        const int n = list_length(p->item[i], key, &list);
        for (int k = 0; k < n; k++) {
            struct json_object *item = json_object_array_get_idx(list, (size_t)k);
            y[k] = item != NULL ? json_object_get_double(item) : NAN;
        }
        series[i] = (tz_series){.title = tz_config_text(p->item[i], "label"),
                                .x = x + first,
                                .y = y + first,
                                .n = n > first ? n - first : 0};
    }
    plot.series = series;
    plot.n_series = p->n;
    const tz_status status = tz_pictures_add(out, &plot, name, error);
    tz_free(block);
    return status;
}

// Names of the state's components for the groups of bars; returns their number.
enum { COMPONENTS_MAX = 256 };
static int take_components(struct json_object *metrics, const char *names[COMPONENTS_MAX]) {
    struct json_object *list;
    const int n = list_length(metrics, "components", &list);
    int taken = 0;
    while (taken < n && taken < COMPONENTS_MAX) {
        const char *name = json_object_get_string(json_object_array_get_idx(list, (size_t)taken));
        names[taken++] = name != NULL ? name : "";
    }
    return taken;
}

static tz_status draw_predictors(struct json_object *metrics, tz_pictures *out, tz_error *error) {
    const predictors found = find_predictors(metrics);
    struct json_object *rollouts = NULL;
    json_object_object_get_ex(metrics, "rollouts", &rollouts);
    char title[160];
    snprintf(title, sizeof title, "%.64s: open-loop error of %d rollouts",
             tz_config_text(metrics, "env"), json_object_get_int(rollouts));

    // the error at step 0 is 0, which a logarithmic axis has no place for
    tz_plot plot = {.title = title,
                    .x_label = "step",
                    .y_label = "normalised squared error, mean",
                    .log_y = true};
    TZ_CHECK(draw_list(&found, "step_mean", 1, plot, out, "horizon", error));
    plot.y_label = "normalised squared error, median";
    TZ_CHECK(draw_list(&found, "step_median", 1, plot, out, "horizon-median", error));

    // bars need a name each
    const char *components[COMPONENTS_MAX];
    struct json_object *list;
    const int n = take_components(metrics, components);
    for (int i = 0; i < found.n; i++) {
        if (n == 0 || list_length(found.item[i], "component", &list) != n) {
            return TZ_OK;
        }
    }
    plot.x_label = "component of the state";
    plot.y_label = "normalised squared error, mean over steps";
    plot.log_y = false;
    plot.bar_labels = components;
    return draw_list(&found, "component", 0, plot, out, "components", error);
}

static tz_status draw_eval(const char *folder, struct json_object *config, tz_pictures *out,
                           tz_error *error) {
    (void)config;
    struct json_object *metrics = NULL;
    TZ_CHECK(tz_run_json_read(folder, "metrics.json", &metrics, error));
    const tz_status status = draw_predictors(metrics, out, error);
    json_object_put(metrics);
    return status;
}

// ---- which

static const struct {
    const char *command;
    tz_status (*draw)(const char *folder, struct json_object *config, tz_pictures *out,
                      tz_error *error);
} kinds[] = {{"train", draw_train},
             {"sac", draw_sac},
             {"mpc", draw_mpc},
             {"rounds", draw_rounds},
             {"eval", draw_eval}};

tz_status tz_draw_curves(const char *folder, struct json_object *config, tz_pictures *out,
                         tz_error *error) {
    for (size_t i = 0; i < TZ_COUNTOF(kinds); i++) {
        if (strcmp(tz_config_command(config), kinds[i].command) == 0) {
            return kinds[i].draw(folder, config, out, error);
        }
    }
    return TZ_OK;
}

tz_status tz_draw_finished_run(const char *command, const char *folder, bool is_part,
                               tz_error *error) {
    struct json_object *config = NULL;
    TZ_CHECK(tz_run_json_read(folder, "config.json", &config, error));
    const tz_status status =
        tz_draw_curves(folder, config, &(tz_pictures){.folder = folder}, error);
    json_object_put(config);
    if (status == TZ_OK || status == TZ_ERR_INTERRUPTED ||
        (status != TZ_ERR_UNSUPPORTED && !is_part)) {
        return status;
    }
    fprintf(stderr, "trapeze %s: no picture: %s\n", command, error->text);
    return TZ_OK;
}
