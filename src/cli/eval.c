// trapeze eval: open-loop errors of models on held-out episodes, beside two trivial predictors.
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/run_folder.h"
#include "cli/cli.h"
#include "cli/data.h"
#include "cli/eval_report.h"
#include "cli/labels.h"
#include "cli/run_plots.h"
#include "envs/env_match.h"
#include "models/ensemble.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

typedef struct arguments {
    const char *data, *env, *out;
    tz_text_list models;
    int split;
    int integrator, substeps; // index into integrators; 0: as trained
    int horizon, n_rollouts, threads;
    bool json;
} arguments;

static const char *const splits[] = {"auto", "test", "all", NULL};
enum { SPLIT_AUTO, SPLIT_TEST, SPLIT_ALL };
static const char *const integrators[] = {"trained", "euler", "rk4-38", "rk4", "leapfrog", NULL};

// What a run holds between begin and end.
typedef struct run {
    arguments arguments;
    tz_dataset *dataset;
    tz_env *env; // NULL when the data do not name it
    tz_model *model[TZ_LIST_MAX];
    unsigned char *is_used;   // episodes to evaluate on            (n_episodes)
    char unsaid[TZ_PATH_MAX]; // first model whose training is not known; "": none, or not asked
    bool is_replaced;         // for its file is another than a run went on from
    bool held_out;            // is_used leaves out what a model was trained on
    tz_rollouts *rollouts;
    tz_team *team;
    tz_eval_entry entries[TZ_LIST_MAX + 2];
    tz_evaluation *evaluation[TZ_LIST_MAX + 2];
    int n_entries;
    char (*component_name)[TZ_NAME_MAX + 8]; // (nz)
} run;

// ---- which episodes

// config.json beside a model file; NULL without one.
static struct json_object *config_beside(const char *model_path) {
    char folder[TZ_PATH_MAX], path[TZ_PATH_MAX];
    tz_path_split(model_path, folder);
    struct json_object *config = NULL;
    if (tz_path_join(path, folder, "config.json", NULL) != TZ_OK || !tz_file_exists(path) ||
        tz_json_read(path, &config, NULL) != TZ_OK) {
        return NULL;
    }
    return config;
}

// Whether another file has taken the place of the one that the run had as that input.
static bool was_replaced(const char *path, struct json_object *config, const char *input) {
    char digest[65];
    return tz_file_sha256(path, digest, NULL) == TZ_OK &&
           strcmp(digest, tz_config_input(config, input, "sha256")) != 0;
}

// Writes the path of the model that a run of rounds found best: its first one, or that of a round.
static void find_best(char best[TZ_PATH_MAX], const char *model_path, struct json_object *config) {
    char folder[TZ_PATH_MAX], path[TZ_PATH_MAX], place[48];
    struct json_object *results = NULL, *round = NULL;
    best[0] = '\0';
    tz_path_split(model_path, folder);
    if (tz_path_join(path, folder, "results.json", NULL) != TZ_OK || !tz_file_exists(path) ||
        tz_json_read(path, &results, NULL) != TZ_OK) {
        return;
    }
    if (json_object_object_get_ex(results, "best_after_round", &round)) {
        const int r = json_object_get_int(round);
        snprintf(place, sizeof place, "round-%d/model/%s", r,
                 tz_ensemble_is_list(model_path) ? "ensemble.json" : "model.safetensors");
        if (r == 0) {
            snprintf(best, TZ_PATH_MAX, "%s", tz_config_input(config, "model", "path"));
        } else if (tz_path_join(best, folder, place, NULL) != TZ_OK) {
            best[0] = '\0';
        }
    }
    json_object_put(results);
}

// True when the configuration lists these data among those it was trained on.
static bool trained_on(struct json_object *config, const char *sha256) {
    struct json_object *list = NULL;
    if (!json_object_object_get_ex(config, "data", &list) ||
        !json_object_is_type(list, json_type_array)) {
        return false;
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *digest = NULL;
        if (json_object_object_get_ex(json_object_array_get_idx(list, i), "sha256", &digest) &&
            json_object_is_type(digest, json_type_string) &&
            strcmp(json_object_get_string(digest), sha256) == 0) {
            return true;
        }
    }
    return false;
}

// Takes the episodes that a training run learned from out of is_used.
static tz_status leave_out(run *r, struct json_object *config, const char *model_path,
                           tz_error *error) {
    struct json_object *fraction = NULL, *seed = NULL;
    json_object_object_get_ex(config, "test_fraction", &fraction);
    json_object_object_get_ex(config, "split_seed", &seed);
    const double test_fraction = json_object_get_double(fraction);
    const uint64_t split_seed = json_object_get_uint64(seed);

    const int n = r->dataset->n_episodes;
    unsigned char *is_test = tz_alloc((size_t)n, 1);
    if (is_test == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a split");
    }
    if (test_fraction > 0.0 && test_fraction < 1.0) {
        tz_dataset_split(r->dataset, is_test, test_fraction, split_seed);
    }
    int left = 0;
    for (int e = 0; e < n; e++) {
        r->is_used[e] &= is_test[e];
        left += r->is_used[e];
    }
    tz_free(is_test);
    r->held_out = true;
    if (left == 0) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s: no episode is held out from %s and the models before it; --split all "
                       "evaluates on what they were trained on",
                       r->arguments.data, model_path);
    }
    return TZ_OK;
}

// Takes what one model was trained on out of is_used, and writes the path of the model before it,
// whose weights its training went on from; "" when there is none.
static tz_status leave_out_trained(run *r, char before[TZ_PATH_MAX], const char *model_path,
                                   tz_error *error) {
    struct json_object *config = config_beside(model_path);
    const char *command = tz_config_command(config);
    const bool is_trained = strcmp(command, "train") == 0;
    tz_status status = TZ_OK;
    before[0] = '\0';
    if (is_trained) {
        snprintf(before, TZ_PATH_MAX, "%s", tz_config_input(config, "init", "path"));
    } else if (strcmp(command, "rounds") == 0) {
        find_best(before, model_path, config);
    }
    // of rounds, the first model; those of its rounds are its own
    const char *input = is_trained ? "init" : "model";
    if (before[0] != '\0' && r->unsaid[0] == '\0' &&
        strcmp(before, tz_config_input(config, input, "path")) == 0 &&
        was_replaced(before, config, input)) {
        snprintf(r->unsaid, sizeof r->unsaid, "%s", before);
        r->is_replaced = true;
    }
    if (is_trained && trained_on(config, r->dataset->sha256)) {
        status = leave_out(r, config, model_path, error);
    } else if (!is_trained && before[0] == '\0' && r->unsaid[0] == '\0') {
        snprintf(r->unsaid, sizeof r->unsaid, "%s", model_path);
    }
    json_object_put(config);
    return status;
}

// The same for a model and all before it: what they learned is in it.
static tz_status leave_out_ancestry(run *r, const char *model_path, tz_error *error) {
    enum { GENERATIONS_MAX = 10000 }; // files may name each other in a circle
    char path[TZ_PATH_MAX], before[TZ_PATH_MAX];
    snprintf(path, sizeof path, "%s", model_path);
    for (int i = 0; i < GENERATIONS_MAX && path[0] != '\0'; i++) {
        TZ_CHECK(leave_out_trained(r, before, path, error));
        memcpy(path, before, sizeof path);
    }
    return TZ_OK;
}

static tz_status choose_episodes(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    r->is_used = tz_alloc((size_t)r->dataset->n_episodes, 1);
    if (r->is_used == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a split");
    }
    memset(r->is_used, 1, (size_t)r->dataset->n_episodes);
    for (int i = 0; i < a->models.n && a->split != SPLIT_ALL; i++) {
        TZ_CHECK(leave_out_ancestry(r, a->models.item[i], error));
    }
    if (a->split == SPLIT_TEST && !r->held_out) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s: no model has a config.json beside it that lists these data, so which "
                       "episodes are held out is not known; --split all takes them all",
                       a->data);
    }
    return TZ_OK;
}

// ---- models and names

// Data whose environment cannot be had, of the registry no longer or an MJCF that is not there: the
// dimensions have to agree, and the digests of an MJCF.
static tz_status check_dimensions(const run *r, const tz_model *model, const char *path,
                                  tz_error *error) {
    const tz_dataset *d = r->dataset;
    if (tz_model_nz(model) != d->nz || model->nu != d->nu) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: a model of %d states and %d controls, but %s has %d and %d", path,
                       tz_model_nz(model), model->nu, r->arguments.data, d->nz, d->nu);
    }
    if (d->env_digest[0] != '\0' &&
        tz_env_compare(model->env, model->env_digest, d->env, d->env_digest) != TZ_ENV_SAME) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: a model of environment %s, but %s was recorded in another one, %s",
                       path, model->env, r->arguments.data, d->env);
    }
    return TZ_OK;
}

static tz_status load_models(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    for (int i = 0; i < a->models.n; i++) {
        const char *path = a->models.item[i];
        TZ_CHECK(tz_model_load(&r->model[i], path, error));
        if (a->integrator > 0 || a->substeps > 0) {
            const char *rule = a->integrator > 0 ? integrators[a->integrator] : NULL;
            TZ_CHECK(tz_set_integration(r->model[i], rule, a->substeps, path, error));
        }
        const tz_model *model = r->model[i];
        TZ_CHECK(r->env != NULL ? tz_model_check_task(model, tz_env_task(r->env), path, error)
                                : check_dimensions(r, model, path, error));
    }
    return TZ_OK;
}

static tz_status read_data(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    TZ_CHECK(tz_dataset_read(&r->dataset, a->data, a->env, error));
    return tz_dataset_find_env(&r->env, r->dataset, error);
}

static tz_status name_components(run *r, tz_error *error) {
    const int nz = r->dataset->nz;
    r->component_name = tz_alloc((size_t)nz, sizeof *r->component_name);
    if (r->component_name == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: names");
    }
    const tz_task *task = r->env != NULL ? tz_env_task(r->env) : NULL;
    for (int i = 0; i < nz; i++) {
        tz_data_coordinate_name(r->component_name[i], task, r->dataset->nq, i);
    }
    return TZ_OK;
}

// ---- the run

static tz_status evaluate(run *r, tz_eval_entry entry, const tz_predictor *predictor,
                          tz_error *error) {
    const int i = r->n_entries;
    TZ_CHECK(tz_evaluate(&r->evaluation[i], r->rollouts, predictor, r->model[0]->sigma_z, r->team,
                         error));
    r->entries[i] = entry;
    r->entries[i].evaluation = r->evaluation[i];
    r->n_entries++;
    return TZ_OK;
}

static tz_status evaluate_all(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    char label[TZ_LIST_MAX][TZ_LABEL_SIZE];
    tz_label_models(label, a->models.item, a->models.n);
    for (int i = 0; i < a->models.n; i++) {
        tz_eval_entry entry = {
            .kind = r->model[i]->ops->kind, .path = a->models.item[i], .model = r->model[i]};
        memcpy(entry.label, label[i], sizeof entry.label);
        tz_integrator integrator;
        if (tz_model_integrator(r->model[i], &integrator, &entry.substeps)) {
            entry.integrator = tz_integrator_name(integrator);
        }
        const tz_predictor predictor = {.type = TZ_PREDICT_MODEL, .model = r->model[i]};
        TZ_CHECK(evaluate(r, entry, &predictor, error));
    }
    const tz_predictor stay = {.type = TZ_PREDICT_STAY};
    TZ_CHECK(evaluate(r, (tz_eval_entry){.label = "state stays", .kind = "stay"}, &stay, error));
    const tz_predictor mean = {.type = TZ_PREDICT_MEAN, .mean = r->model[0]->z_mean};
    return evaluate(r, (tz_eval_entry){.label = "training mean", .kind = "mean"}, &mean, error);
}

static tz_status write_folder(const run *r, const tz_eval_report *report, int argc, char **argv,
                              tz_error *error) {
    const arguments *a = &r->arguments;
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_make_folders(a->out, error));
    TZ_CHECK(tz_path_join(path, a->out, "config.json", error));
    struct json_object *config = tz_config_new(argc, argv, 0);
    struct json_object *data = json_object_new_object();
    tz_json_add_text(data, "path", a->data);
    tz_json_add_text(data, "sha256", r->dataset->sha256);
    json_object_object_add(config, "data", data);
    tz_status status = TZ_OK;
    for (int i = 0; i < a->models.n && status == TZ_OK; i++) {
        char name[32];
        snprintf(name, sizeof name, "model_%d", i);
        status = tz_config_add_input(config, name, a->models.item[i], error);
    }
    if (status == TZ_OK) {
        status = tz_json_write(path, config, error);
    }
    json_object_put(config);
    TZ_CHECK(status);
    TZ_CHECK(tz_eval_write(report, a->out, error));
    return tz_draw_finished_run("eval", a->out, false, error);
}

static tz_status pick_rollouts(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    tz_error cause;
    const tz_status status = tz_rollouts_pick(&r->rollouts, r->dataset, r->is_used, a->n_rollouts,
                                              a->horizon, a->data, &cause);
    return status == TZ_OK ? TZ_OK
                           : tz_fail(error, status, "%s%s", cause.text,
                                     status == TZ_ERR_ARGUMENT ? "; give a smaller --horizon" : "");
}

static tz_status run_eval(run *r, int argc, char **argv, tz_error *error) {
    const arguments *a = &r->arguments;
    TZ_CHECK(a->out != NULL ? tz_run_folder_expect(a->out, "eval", false, error) : TZ_OK);
    TZ_CHECK(read_data(r, error));
    TZ_CHECK(load_models(r, error));
    TZ_CHECK(choose_episodes(r, error));
    TZ_CHECK(name_components(r, error));
    TZ_CHECK(pick_rollouts(r, error));
    TZ_CHECK(tz_team_create(&r->team, a->threads, error));
    TZ_CHECK(evaluate_all(r, error));

    const tz_eval_report report = {.data = a->data,
                                   .data_sha256 = r->dataset->sha256,
                                   .env = r->env != NULL ? tz_env_task(r->env)->name
                                                         : r->model[0]->env,
                                   .episodes = r->held_out ? "held-out episodes" : "episodes",
                                   .unsaid = r->unsaid[0] != '\0' ? r->unsaid : NULL,
                                   .is_replaced = r->is_replaced,
                                   .is_held_out = r->held_out,
                                   .shows_integrators = a->integrator > 0 || a->substeps > 0,
                                   .sigma_path = a->models.item[0],
                                   .sigma_z = r->model[0]->sigma_z,
                                   .component_name = r->component_name,
                                   .rollouts = r->rollouts,
                                   .entries = r->entries,
                                   .n_entries = r->n_entries};
    if (a->out != NULL) {
        TZ_CHECK(write_folder(r, &report, argc, argv, error));
    }
    if (a->json) {
        struct json_object *object = tz_eval_json(&report);
        tz_json_print(object);
        json_object_put(object);
    } else {
        tz_eval_print_table(&report);
    }
    return TZ_OK;
}

static void destroy(run *r) {
    for (int i = 0; i < r->n_entries; i++) {
        tz_evaluation_destroy(r->evaluation[i]);
    }
    for (int i = 0; i < TZ_LIST_MAX; i++) {
        tz_model_destroy(r->model[i]);
    }
    tz_team_destroy(r->team);
    tz_rollouts_destroy(r->rollouts);
    tz_free(r->component_name);
    tz_free(r->is_used);
    tz_env_destroy(r->env);
    tz_dataset_destroy(r->dataset);
}

static int eval_main(int argc, char **argv) {
    run r = {.arguments = {.horizon = 200, .n_rollouts = 200}};
    arguments *a = &r.arguments;
    // clang-format off
    tz_option options[] = {
        {"--data", TZ_OPTION_TEXT, &a->data, "D", .help = "dataset to predict: a Minari folder or an HDF5 file", .required = true},
        {"--model", TZ_OPTION_LIST, &a->models, "FILE", .help = "model file, or an ensemble's list; sigma_z and the training mean are those of the first", .required = true},
        {"--out", TZ_OPTION_TEXT, &a->out, "R", .help = "folder for tables (CSV, JSON) and pictures (PNG, SVG)"},
        {"--env", TZ_OPTION_TEXT, &a->env, "E", .help = "environment of a file that does not name its own"},
        {"--split", TZ_OPTION_CHOICE, &a->split, "S", .help = "episodes: test: held out from every model, as config.json beside each tells; auto: these, or all where none tells; all", .choices = splits},
        {"--horizon", TZ_OPTION_INT, &a->horizon, "N", .help = "steps of a rollout", .min = 1, .max = 1e5},
        {"--integrator", TZ_OPTION_CHOICE, &a->integrator, "I", .help = "rule of a step of all models instead of the one each was trained with; leapfrog: kinds with an energy", .choices = integrators},
        {"--substeps", TZ_OPTION_INT, &a->substeps, "N", .help = "steps of a transition; 0: as trained", .min = 0, .max = 1000},
        {"--rollouts", TZ_OPTION_INT, &a->n_rollouts, "N", .help = "rollouts, evenly spaced over the episodes", .min = 1, .max = 1e5},
        {"--threads", TZ_OPTION_INT, &a->threads, "N", .help = "threads; 0: one a CPU", .min = 0, .max = 1024},
        {"--json", TZ_OPTION_FLAG, &a->json, .help = "print one JSON object"},
    };
    // clang-format on
    tz_error error;
    bool help = false;
    tz_status status = tz_options_parse(&tz_command_eval, options, TZ_COUNTOF(options), argc, argv,
                                        NULL, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    if (status == TZ_OK) {
        status = run_eval(&r, argc, argv, &error);
    }
    destroy(&r);
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_eval, &error);
}

const tz_command tz_command_eval = {
    .name = "eval",
    .summary = "open-loop errors of models on held-out episodes",
    .usage = "trapeze eval --data D --model A [--model B ...] [option...]",
    .example = "trapeze eval --data runs/cheetah-v0 --model runs/node/model.safetensors --model "
               "runs/node-so/model.safetensors",
    .run = eval_main,
};
