// trapeze rounds: a model's planner drives the robot, its episodes join the data, and training goes
// on from the model's weights. What the planner exploits in one round is data in the next.
//
//     R/round-<r>/mpc      the episodes of round r and their report, as trapeze mpc leaves them
//     R/round-<r>/model    the model learned after it, as trapeze train leaves it
//     R/trial-<r>          with trials: that model drives once more
//     R/metrics.csv        a row per round
//     R/model.safetensors  the best model, and beside it results.json: all is done
//
// A first model that is an ensemble stays one: each of its members is trained on, and ensemble.json
// stands for model.safetensors everywhere, its members in folders beside it.
#include "base/assert.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/run_folder.h"
#include "base/table.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/run_plots.h"
#include "cli/stages.h"
#include "data/dataset.h"
#include "models/ensemble.h"

#include <json-c/json.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A training takes a list of datasets: at least one given, and one of each round.
enum { ROUNDS_MAX = TZ_LIST_MAX - 1, WORDS_MAX = 256 };

// The words of a command that is run as a part of this one.
typedef struct words {
    int n;
    char *item[WORDS_MAX]; // owned (n)
    bool lost;             // there was no memory for one of them
} words;

typedef struct arguments {
    const char *env, *model, *out;
    tz_text_list data;
    int rounds, episodes, steps, threads;
    int trial_episodes, trial_steps, trial_horizon, trial_substeps;
    uint64_t seed;
    bool resume, json, quiet;
    tz_planning planning;
    tz_training_def training;
} arguments;

// What a model earned when its planner drove; NaN is what was not measured.
typedef struct drive {
    double steps; // of all episodes; 0: it has not driven yet
    double return_mean, return_std;
    double predicted, obtained; // return over the horizon of a plan
} drive;

// What a command holds between begin and end. Model 0 is the one given, model r that learned after
// round r: it drives round r + 1.
typedef struct run {
    arguments arguments;
    words round, trial, training; // what was asked of them, beside models, seeds and folders
    drive rounds[ROUNDS_MAX + 1]; // by round, from 1
    drive trials[ROUNDS_MAX + 1]; // by model, from 1
    int best;                     // model that earned the most so far
    double best_return;
    double share[TZ_LIST_MAX];         // of the datasets given, by their steps; they sum to 1
    char data_sha256[TZ_LIST_MAX][65]; // (data.n)
    char env[TZ_NAME_MAX], env_arguments[TZ_ENV_ARGUMENTS_MAX]; // of the environment that drives
} run;

// ---- words

static void add(words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(words *w, const char *format, ...) {
    TZ_ASSERT(w->n < WORDS_MAX);
    va_list values;
    va_start(values, format);
    if (vasprintf(&w->item[w->n], format, values) < 0) {
        w->lost = true;
    } else {
        w->n++;
    }
    va_end(values);
}

static void add_words(words *w, const words *more) {
    for (int i = 0; i < more->n; i++) {
        add(w, "%s", more->item[i]);
    }
    w->lost |= more->lost;
}

// An option that was given is handed on as it was written, under the name that the part knows.
static void hand_on(words *w, const char *name, const tz_option *given) {
    if (given->type == TZ_OPTION_LIST) {
        const tz_text_list *list = given->value;
        for (int i = 0; i < list->n; i++) {
            add(w, "%s=%s", name, list->item[i]);
        }
    } else if (given->was_set && given->text != NULL) {
        add(w, "%s=%s", name, given->text);
    } else if (given->was_set) {
        add(w, "%s", name);
    }
}

static void forget(words *w) {
    for (int i = 0; i < w->n; i++) {
        free(w->item[i]);
    }
    w->n = 0;
}

static struct json_object *words_json(const words *w) {
    struct json_object *list = json_object_new_array();
    for (int i = 0; i < w->n; i++) {
        json_object_array_add(list, tz_json_text(w->item[i]));
    }
    return list;
}

// ---- places

// path <- a place in the run's folder.
static tz_status locate(char path[TZ_PATH_MAX], const run *r, tz_error *error, const char *format,
                        ...) __attribute__((format(printf, 4, 5)));

static tz_status locate(char path[TZ_PATH_MAX], const run *r, tz_error *error, const char *format,
                        ...) {
    char name[64];
    va_list values;
    va_start(values, format);
    vsnprintf(name, sizeof name, format, values);
    va_end(values);
    return tz_path_join(path, r->arguments.out, name, error);
}

// What the file of each model is called.
static const char *model_name(const arguments *a) {
    return tz_ensemble_is_list(a->model) ? "ensemble.json" : "model.safetensors";
}

static tz_status locate_model(char path[TZ_PATH_MAX], const run *r, int model, tz_error *error) {
    if (model > 0) {
        return locate(path, r, error, "round-%d/model/%s", model, model_name(&r->arguments));
    }
    return tz_path_join(path, "", r->arguments.model, error);
}

// ---- parts

typedef tz_status (*part_fn)(int argc, char **argv, tz_stage stage, tz_error *error);

// Runs a command by its words and forgets them. `where` begins the sentence of its trouble.
static tz_status run_part(part_fn part, words *w, tz_stage stage, const char *where,
                          tz_error *error) {
    tz_error cause;
    tz_status status = TZ_OK;
    if (w->lost) {
        status = tz_fail(&cause, TZ_ERR_MEMORY, "out of memory: the words of a command");
    } else if (tz_interrupted()) {
        status = tz_fail(&cause, TZ_ERR_INTERRUPTED, "interrupted; --resume goes on from there");
    } else {
        status = part(w->n, w->item, stage, &cause);
    }
    forget(w);
    return status == TZ_OK ? TZ_OK : tz_fail(error, status, "%s%s", where, cause.text);
}

static void add_common(words *w, const arguments *a) {
    add(w, "--threads=%d", a->threads);
    if (a->quiet) {
        add(w, "--quiet");
    }
}

// A model drives, as `how` says, into the folder.
static tz_status drive_model(const run *r, const words *how, int model, uint64_t seed,
                             const char *folder, tz_stage stage, const char *where,
                             tz_error *error) {
    words w = {.n = 0};
    char path[TZ_PATH_MAX];
    TZ_CHECK(locate_model(path, r, model, error));
    add(&w, "mpc");
    add_words(&w, how);
    add(&w, "--model=%s", path);
    add(&w, "--seed=%llu", (unsigned long long)seed);
    if (stage != TZ_STAGE_CHECK) {
        add(&w, "--out=%s", folder);
        add(&w, "--resume");
    }
    add_common(&w, &r->arguments);
    return run_part(tz_mpc_stage, &w, stage, where, error);
}

// Training goes on after a round, on the data given and the episodes of the first n_rounds, which
// together are drawn as often as the data.
static tz_status train_model(const run *r, int round, int n_rounds, tz_stage stage,
                             const char *where, tz_error *error) {
    const arguments *a = &r->arguments;
    char init[TZ_PATH_MAX], folder[TZ_PATH_MAX];
    TZ_CHECK(locate_model(init, r, round - 1, error));
    TZ_CHECK(locate(folder, r, error, "round-%d/model", round));
    words w = {.n = 0};
    add(&w, "train");
    for (int i = 0; i < a->data.n; i++) {
        add(&w, "--data=%s", a->data.item[i]);
        add(&w, "--weight=%.17g", round * r->share[i]);
    }
    for (int i = 1; i <= n_rounds; i++) {
        add(&w, "--data=%s/round-%d/mpc/dataset", a->out, i);
        add(&w, "--weight=1");
    }
    add_words(&w, &r->training);
    add(&w, "--env=%s", r->env);
    add(&w, "--init=%s", init);
    add(&w, "--test-fraction=0.1");
    add(&w, "--seed=%llu", (unsigned long long)(a->seed + (uint64_t)round));
    add(&w, "--out=%s", folder);
    add(&w, "--resume");
    add_common(&w, a);
    return run_part(tz_train_stage, &w, stage, where, error);
}

// ---- what was earned

static double number_or_nan(struct json_object *results, const char *key) {
    struct json_object *value = NULL;
    json_object_object_get_ex(results, key, &value);
    return json_object_is_type(value, json_type_double) || json_object_is_type(value, json_type_int)
               ? json_object_get_double(value)
               : (double)NAN;
}

static tz_status read_drive(drive *d, const char *folder, tz_error *error) {
    struct json_object *results = NULL;
    TZ_CHECK(tz_run_json_read(folder, "results.json", &results, error));
    *d = (drive){.steps = number_or_nan(results, "steps"),
                 .return_mean = number_or_nan(results, "return_mean"),
                 .return_std = number_or_nan(results, "return_std"),
                 .predicted = number_or_nan(results, "horizon_predicted_mean"),
                 .obtained = number_or_nan(results, "horizon_obtained_mean")};
    json_object_put(results);
    return isfinite(d->return_mean) && d->steps > 0.0
               ? TZ_OK
               : tz_fail(error, TZ_ERR_FORMAT,
                         "%s/results.json: no steps or no return_mean, expected those of a drive",
                         folder);
}

static void print_rows(FILE *stream, const run *r) {
    fprintf(stream, "round,steps,return_mean,return_std,horizon_predicted_mean,"
                    "horizon_obtained_mean,trial_return_mean,trial_return_std\n");
    for (int i = 1; i <= r->arguments.rounds && r->rounds[i].steps > 0.0; i++) {
        const drive *d = &r->rounds[i], *trial = &r->trials[i];
        const bool is_tried = trial->steps > 0.0;
        const double cells[] = {d->steps,
                                d->return_mean,
                                d->return_std,
                                d->predicted,
                                d->obtained,
                                is_tried ? trial->return_mean : (double)NAN,
                                is_tried ? trial->return_std : (double)NAN};
        fprintf(stream, "%d", i);
        for (size_t k = 0; k < TZ_COUNTOF(cells); k++) {
            fputc(',', stream);
            tz_csv_put_number(stream, cells[k]);
        }
        fputc('\n', stream);
    }
}

static tz_status write_metrics(const run *r, tz_error *error) {
    char path[TZ_PATH_MAX];
    tz_text text;
    TZ_CHECK(locate(path, r, error, "metrics.csv"));
    TZ_CHECK(tz_text_open(&text, error));
    print_rows(text.stream, r);
    return tz_text_write(&text, path, error);
}

// Takes over what a model earned, and keeps the model if that is more than those before it did.
static tz_status judge(run *r, drive *d, int model, const char *folder, const char *who,
                       tz_error *error) {
    TZ_CHECK(read_drive(d, folder, error));
    if (d->return_mean > r->best_return) {
        r->best = model;
        r->best_return = d->return_mean;
    }
    if (!r->arguments.json) {
        printf("%s: mean return %.1f\n", who, d->return_mean);
        fflush(stdout);
    }
    return write_metrics(r, error);
}

// ---- rounds and trials

// A round whose model is there is done.
static tz_status do_round(run *r, int round, tz_error *error) {
    const arguments *a = &r->arguments;
    char folder[TZ_PATH_MAX], model[TZ_PATH_MAX], who[64], where[64];
    TZ_CHECK(locate(folder, r, error, "round-%d/mpc", round));
    TZ_CHECK(locate_model(model, r, round, error));
    snprintf(who, sizeof who, "round %d of %d", round, a->rounds);
    snprintf(where, sizeof where, "round %d: ", round);
    const bool is_done = tz_file_exists(model);
    if (!is_done) {
        TZ_CHECK(drive_model(r, &r->round, round - 1, a->seed + (uint64_t)round, folder,
                             TZ_STAGE_PART, where, error));
    }
    TZ_CHECK(judge(r, &r->rounds[round], round - 1, folder, who, error));
    return is_done ? TZ_OK : train_model(r, round, round, TZ_STAGE_PART, where, error);
}

// All models drive from the same starts, which no round has seen.
static tz_status try_model(run *r, int model, tz_error *error) {
    char folder[TZ_PATH_MAX], who[64], where[64];
    TZ_CHECK(locate(folder, r, error, "trial-%d", model));
    snprintf(who, sizeof who, "the model after round %d", model);
    snprintf(where, sizeof where, "trial of the model after round %d: ", model);
    TZ_CHECK(drive_model(r, &r->trial, model, r->arguments.seed - 1, folder, TZ_STAGE_PART, where,
                         error));
    return judge(r, &r->trials[model], model, folder, who, error);
}

static tz_status do_all(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    r->best_return = -(double)INFINITY;
    for (int round = 1; round <= a->rounds; round++) {
        TZ_CHECK(do_round(r, round, error));
    }
    if (a->trial_episodes == 0) {
        return TZ_OK;
    }
    r->best_return = -(double)INFINITY;
    for (int model = (a->rounds + 1) / 2; model <= a->rounds; model++) {
        TZ_CHECK(try_model(r, model, error));
    }
    return TZ_OK;
}

// ---- results

static struct json_object *drive_json(const run *r, const drive *d, const char *key, int round,
                                      int model) {
    char path[TZ_PATH_MAX] = "";
    locate_model(path, r, model, NULL);
    struct json_object *o = json_object_new_object();
    tz_json_add_int(o, key, round);
    tz_json_add_text(o, "model", path);
    tz_json_add_int(o, "steps", (int64_t)d->steps);
    tz_json_add_real(o, "return_mean", d->return_mean);
    tz_json_add_real(o, "return_std", d->return_std);
    return o;
}

static struct json_object *results_json(const run *r, const char *best) {
    const arguments *a = &r->arguments;
    struct json_object *o = json_object_new_object();
    struct json_object *rounds = json_object_new_array(), *trials = json_object_new_array();
    for (int i = 1; i <= a->rounds; i++) {
        json_object_array_add(rounds, drive_json(r, &r->rounds[i], "round", i, i - 1));
        if (r->trials[i].steps > 0.0) {
            json_object_array_add(trials, drive_json(r, &r->trials[i], "after_round", i, i));
        }
    }
    tz_json_add_env(o, r->env, r->env_arguments);
    tz_json_add_u64(o, "seed", a->seed);
    json_object_object_add(o, "rounds", rounds);
    json_object_object_add(o, "trials", trials);
    tz_json_add_text(o, "best", best);
    tz_json_add_int(o, "best_after_round", r->best);
    tz_json_add_real(o, "best_return_mean", r->best_return);
    return o;
}

static tz_status conclude(const run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    char best[TZ_PATH_MAX], model[TZ_PATH_MAX], path[TZ_PATH_MAX];
    TZ_CHECK(locate_model(best, r, r->best, error));
    TZ_CHECK(locate(model, r, error, "%s", model_name(a)));
    TZ_CHECK(locate(path, r, error, "results.json"));
    TZ_CHECK(tz_model_copy(best, model, error));
    struct json_object *results = results_json(r, best);
    tz_status status = tz_json_write(path, results, error);
    if (status == TZ_OK) {
        status = tz_draw_finished_run("rounds", a->out, false, error);
    }
    if (status == TZ_OK && a->json) {
        tz_json_print(results);
    } else if (status == TZ_OK) {
        printf("best: %s, mean return %.1f\n", best, r->best_return);
    }
    json_object_put(results);
    return status;
}

// ---- before the first episode

static tz_status check_folder(const arguments *a, tz_error *error) {
    static const char *const files[] = {"config.json", "round-1/mpc/config.json",
                                        "model.safetensors", "ensemble.json"};
    TZ_CHECK(tz_run_folder_expect(a->out, "rounds", false, error));
    return a->resume ? TZ_OK : tz_run_folder_refuse(a->out, files, TZ_COUNTOF(files), error);
}

// How large the datasets given are, and which: changed ones would make another run.
static tz_status measure_data(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    double n_steps = 0.0;
    for (int i = 0; i < a->data.n; i++) {
        tz_dataset *dataset = NULL;
        TZ_CHECK(tz_dataset_read(&dataset, a->data.item[i], r->env, error));
        memcpy(r->data_sha256[i], dataset->sha256, sizeof r->data_sha256[i]);
        r->share[i] = (double)dataset->n_steps;
        n_steps += r->share[i];
        tz_dataset_destroy(dataset);
    }
    for (int i = 0; i < a->data.n; i++) {
        r->share[i] /= n_steps > 0.0 ? n_steps : 1.0;
    }
    return TZ_OK;
}

// What the environment is called, and whether its episodes are long enough to learn from.
static tz_status look_at_env(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    tz_env *env = NULL;
    TZ_CHECK(tz_planning_make_env(&env, &a->planning, a->env, a->steps, error));
    const tz_task *task = tz_env_task(env);
    const int n_states = task->max_episode_steps + 1;
    snprintf(r->env, sizeof r->env, "%s", task->name);
    snprintf(r->env_arguments, sizeof r->env_arguments, "%s", task->env_arguments);
    tz_env_destroy(env);
    return a->training.length <= n_states
               ? TZ_OK
               : tz_fail(error, TZ_ERR_ARGUMENT,
                         "--sequence-length is %d, expected at most the %d states of an episode of "
                         "a round",
                         a->training.length, n_states);
}

// Has each part refuse what it would refuse of the first model, the data and the options.
static tz_status check_parts(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    if (strcmp(a->model, "sim") == 0) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "--model is sim, which has nothing to learn, expected a model file");
    }
    TZ_CHECK(drive_model(r, &r->round, 0, a->seed, NULL, TZ_STAGE_CHECK, "", error));
    if (a->trial_episodes > 0) {
        TZ_CHECK(drive_model(r, &r->trial, 0, a->seed, NULL, TZ_STAGE_CHECK, "trials: ", error));
    }
    TZ_CHECK(look_at_env(r, error));
    TZ_CHECK(measure_data(r, error));
    return train_model(r, 1, 0, TZ_STAGE_CHECK, "", error);
}

// All that the models depend on but for the number of rounds: that may grow, and trials may be
// added.
static struct json_object *choices_json(const run *r) {
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "round", words_json(&r->round));
    json_object_object_add(o, "training", words_json(&r->training));
    tz_json_add_u64(o, "seed", r->arguments.seed);
    struct json_object *data = json_object_new_array();
    for (int i = 0; i < r->arguments.data.n; i++) {
        json_object_array_add(data, json_object_new_string(r->data_sha256[i]));
    }
    json_object_object_add(o, "data_sha256", data);
    return o;
}

static tz_status make_config(struct json_object **config, const run *r, int argc, char **argv,
                             tz_error *error) {
    const arguments *a = &r->arguments;
    struct json_object *options = json_object_new_object();
    tz_json_add_int(options, "rounds", a->rounds);
    json_object_object_add(options, "trial", a->trial_episodes > 0 ? words_json(&r->trial) : NULL);
    *config = tz_config_new(argc, argv, a->seed);
    tz_json_add_env(*config, r->env, r->env_arguments);
    json_object_object_add(*config, "options", options);
    json_object_object_add(*config, "choices", choices_json(r));
    TZ_CHECK(tz_config_add_input(*config, "model", a->model, error));
    return tz_config_add_guide(*config, a->planning.policy, a->planning.critic, error);
}

static struct json_object *part_of(struct json_object *object, const char *key) {
    struct json_object *part = NULL;
    json_object_object_get_ex(object, key, &part);
    return part;
}

// Whether two configurations tell of the same files beside the data.
static bool have_same_inputs(struct json_object *a, struct json_object *b) {
    static const char *const names[] = {"model", "policy", "policy_statistics", "critic"};
    for (size_t i = 0; i < TZ_COUNTOF(names); i++) {
        if (strcmp(tz_config_input(a, names[i], "sha256"),
                   tz_config_input(b, names[i], "sha256")) != 0) {
            return false;
        }
    }
    return true;
}

// Refuses to go on with a run of other choices, or with other trials than it has.
static tz_status compare_config(bool *is_same, const char *path, struct json_object *config,
                                tz_error *error) {
    struct json_object *before = NULL;
    TZ_CHECK(tz_json_read(path, &before, error));
    struct json_object *old = part_of(before, "options"), *new = part_of(config, "options");
    struct json_object *trial = part_of(old, "trial");
    const bool goes_on =
        json_object_equal(part_of(before, "choices"), part_of(config, "choices")) &&
        have_same_inputs(before, config) &&
        json_object_get_int(part_of(old, "rounds")) <=
            json_object_get_int(part_of(new, "rounds")) &&
        (trial == NULL || json_object_equal(trial, part_of(new, "trial")));
    *is_same = json_object_equal(old, new);
    json_object_put(before);
    return goes_on
               ? TZ_OK
               : tz_fail(error, TZ_ERR_MISMATCH,
                         "%s: was begun with other options, another model or other data, so it "
                         "cannot be resumed with these (expected the same, but for more --rounds, "
                         "and trials where there were none)",
                         path);
}

// config.json: written by the command that begins the folder, or one that asks for more.
static tz_status begin_folder(const run *r, int argc, char **argv, tz_error *error) {
    char path[TZ_PATH_MAX];
    struct json_object *config = NULL;
    bool is_same = false;
    TZ_CHECK(locate(path, r, error, "config.json"));
    tz_status status = make_config(&config, r, argc, argv, error);
    if (status == TZ_OK && tz_file_exists(path)) {
        status = compare_config(&is_same, path, config, error);
    }
    if (status == TZ_OK && !is_same) {
        status = tz_make_folders(r->arguments.out, error);
    }
    if (status == TZ_OK && !is_same) {
        status = tz_json_write(path, config, error);
    }
    json_object_put(config);
    TZ_CHECK(status);
    if (!is_same) { // fewer rounds than these ended with it
        TZ_CHECK(locate(path, r, error, "results.json"));
        unlink(path);
    }
    return TZ_OK;
}

static tz_status run_rounds(run *r, int argc, char **argv, tz_error *error) {
    TZ_CHECK(check_folder(&r->arguments, error));
    TZ_CHECK(check_parts(r, error));
    TZ_CHECK(begin_folder(r, argc, argv, error));
    TZ_CHECK(do_all(r, error));
    return conclude(r, error);
}

// ---- the command line

// Rows of the option table that belong together.
typedef struct rows {
    const tz_option *row; // borrowed (n)
    size_t n;
} rows;

typedef struct option_table {
    tz_option row[64]; // (n)
    size_t n;
} option_table;

// Adds rows to the table; what the parser says of them then stands where the result points.
static rows append(option_table *table, const tz_option *row, size_t n) {
    TZ_ASSERT(table->n + n <= TZ_COUNTOF(table->row));
    tz_option *first = table->row + table->n;
    memcpy(first, row, n * sizeof *row);
    table->n += n;
    return (rows){first, n};
}

// The row of the trials' own value of an option: --trial-horizon for --horizon; NULL: none.
static const tz_option *own_of_trials(rows trial, const char *name) {
    for (size_t i = 0; i < trial.n; i++) {
        if (strcmp(trial.row[i].name + strlen("--trial"), name + strlen("-")) == 0) {
            return &trial.row[i];
        }
    }
    return NULL;
}

static void ask_to_drive(words *w, const char *env, int episodes, int steps) {
    add(w, "--env=%s", env);
    add(w, "--episodes=%d", episodes);
    add(w, "--steps=%d", steps);
}

// Hands every option that was given to the part that it is about. The trials plan as the rounds do,
// but for what was given for them.
static void ask_parts(run *r, rows trial, rows trainer, rows planning) {
    const arguments *a = &r->arguments;
    ask_to_drive(&r->round, a->env, a->episodes, a->steps);
    ask_to_drive(&r->trial, a->env, a->trial_episodes, a->trial_steps);
    for (size_t i = 0; i < planning.n; i++) {
        const tz_option *option = &planning.row[i];
        const tz_option *own = own_of_trials(trial, option->name);
        hand_on(&r->round, option->name, option);
        hand_on(&r->trial, option->name, own != NULL && own->was_set ? own : option);
    }
    add(&r->training, "--epochs=%d", a->training.trainer.epochs);
    add(&r->training, "--lr=%.17g", a->training.trainer.lr);
    for (size_t i = 0; i < trainer.n; i++) {
        hand_on(&r->training, trainer.row[i].name, &trainer.row[i]);
    }
}

// What the option table cannot say.
static tz_status check_arguments(const run *r, rows trial, tz_error *error) {
    const arguments *a = &r->arguments;
    if (a->data.n + a->rounds > TZ_LIST_MAX) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "--rounds is %d beside %d --data, expected at most %d of both together",
                       a->rounds, a->data.n, TZ_LIST_MAX);
    }
    for (size_t i = 0; i < trial.n && a->trial_episodes == 0; i++) {
        if (trial.row[i].was_set && trial.row[i].value != &a->trial_episodes) {
            return tz_fail(error, TZ_ERR_ARGUMENT,
                           "%s: there are no trials, expected their episodes by --trial-episodes",
                           trial.row[i].name);
        }
    }
    return r->round.lost || r->trial.lost || r->training.lost
               ? tz_fail(error, TZ_ERR_MEMORY, "out of memory: the words of a command")
               : TZ_OK;
}

static tz_status parse(run *r, int argc, char **argv, bool *help, tz_error *error) {
    arguments *a = &r->arguments;
    // clang-format off
    const tz_option round_rows[] = {
        {"--env", TZ_OPTION_TEXT, &a->env, "E", .help = "a name of `trapeze envs`, or a file.xml", .required = true},
        {"--data", TZ_OPTION_LIST, &a->data, "D", .help = "dataset that the model was learned from: a Minari folder or an HDF5 file", .required = true},
        {"--model", TZ_OPTION_TEXT, &a->model, "FILE", .help = "model file to begin with, or an ensemble's list", .required = true},
        {"--out", TZ_OPTION_TEXT, &a->out, "R", .help = "folder of the run", .required = true},
        {"--rounds", TZ_OPTION_INT, &a->rounds, "N", .help = "how many", .min = 1, .max = ROUNDS_MAX},
        {"--episodes", TZ_OPTION_INT, &a->episodes, "N", .help = "of a round", .min = 1, .max = 100000},
        {"--steps", TZ_OPTION_INT, &a->steps, "N", .help = "longest episode; 0: the environment's own limit", .min = 0, .max = 1000000},
        {"--epochs", TZ_OPTION_INT, &a->training.trainer.epochs, "N", .help = "of the training after a round", .min = 1, .max = 1e6},
        {"--lr", TZ_OPTION_REAL, &a->training.trainer.lr, "X", .help = "its first learning rate", .min = 1e-30, .max = 1e30},
    };
    const tz_option trial_rows[] = {
        {"--trial-episodes", TZ_OPTION_INT, &a->trial_episodes, "N", .help = "the models after the second half of the rounds drive N more episodes, which choose the best; 0: the rounds choose it", .min = 0, .max = 100000},
        {"--trial-steps", TZ_OPTION_INT, &a->trial_steps, "N", .help = "longest episode of a trial; not given: as in the rounds", .min = 0, .max = 1000000, .is_computed = true},
        {"--trial-horizon", TZ_OPTION_INT, &a->trial_horizon, "N", .help = "control steps looked ahead in trials; not given: as in the rounds", .min = 1, .max = 1000, .is_computed = true},
        {"--trial-substeps", TZ_OPTION_INT, &a->trial_substeps, "N", .help = "steps of the integrator in trials, 0: as the model was trained; not given: as in the rounds", .min = 0, .max = 1000, .is_computed = true},
    };
    const tz_option run_rows[] = {
        {"--seed", TZ_OPTION_U64, &a->seed, "K", .help = "round r has the seed K + r, the trials have K - 1"},
        {"--threads", TZ_OPTION_INT, &a->threads, "N", .help = "threads; 0: one a CPU", .min = 0, .max = 1024},
        {"--resume", TZ_OPTION_FLAG, &a->resume, .help = "go on where a stopped run left its folder; the same command otherwise, or one with more rounds"},
        {"--json", TZ_OPTION_FLAG, &a->json, .help = "print one JSON object"},
        {"--quiet", TZ_OPTION_FLAG, &a->quiet, .help = "show no progress"},
    };
    const tz_option trainer_rows[] = {TZ_TRAINER_OPTIONS(&a->training)};
    const tz_option planning_rows[] = {TZ_PLANNING_OPTIONS(&a->planning)};
    // clang-format on
    option_table table = {.n = 0};
    append(&table, round_rows, TZ_COUNTOF(round_rows));
    const rows trial = append(&table, trial_rows, TZ_COUNTOF(trial_rows));
    append(&table, run_rows, TZ_COUNTOF(run_rows));
    const rows trainer = append(&table, trainer_rows, TZ_COUNTOF(trainer_rows));
    const rows planning = append(&table, planning_rows, TZ_COUNTOF(planning_rows));
    TZ_CHECK(
        tz_options_parse(&tz_command_rounds, table.row, table.n, argc, argv, NULL, help, error));
    if (*help) {
        return TZ_OK;
    }
    if (!tz_option_was_set(table.row, table.n, &a->trial_steps)) {
        a->trial_steps = a->steps;
    }
    ask_parts(r, trial, trainer, planning);
    return check_arguments(r, trial, error);
}

static int rounds_main(int argc, char **argv) {
    run r = {.arguments = {.rounds = 3,
                           .episodes = 2,
                           .steps = 500,
                           .seed = 1000,
                           .planning = tz_planning_default(),
                           .training = tz_training_def_default()}};
    r.arguments.training.trainer.epochs = 30;
    r.arguments.training.trainer.lr = 1e-3;
    tz_error error;
    bool help = false;
    tz_status status = parse(&r, argc, argv, &help, &error);
    if (status == TZ_OK && !help) {
        status = run_rounds(&r, argc, argv, &error);
    }
    forget(&r.round);
    forget(&r.trial);
    forget(&r.training);
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_rounds, &error);
}

const tz_command tz_command_rounds = {
    .name = "rounds",
    .summary = "improve a model by the episodes of its own planner",
    .usage = "trapeze rounds --env E --data D --model M/model.safetensors --out R [--rounds N]",
    .example = "trapeze rounds --env half_cheetah --data runs/cheetah-v0 --model "
               "runs/so/model.safetensors --out runs/rounds --rounds 10 --horizon 25",
    .run = rounds_main,
    .stops_itself = true,
};
