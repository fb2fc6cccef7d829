// trapeze train: learns a transition model from datasets.
#include "train/training.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/run_folder.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/model_versions.h"
#include "cli/run_plots.h"
#include "cli/stages.h"
#include "models/ensemble.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    tz_text_list data, weights;
    const char *env, *init, *out;
    int kind; // index into kinds
    int n_hidden, n_layers;
    int integrator, substeps, mask; // integrator and mask: indices into their names
    double test_fraction, range_limit;
    uint64_t seed, split_seed;
    int threads, members;
    int embed_angles; // tz_embedding
    bool study, forecast, probabilistic, renormalise, resume, json, quiet;
    tz_training_def def;
} arguments;

// What a run holds between begin and end.
typedef struct run {
    arguments arguments;
    tz_dataset *dataset[TZ_LIST_MAX];
    unsigned char *is_test[TZ_LIST_MAX];
    tz_source source[TZ_LIST_MAX];
    int n_sources;
    tz_env *env;
    tz_model *model;
    tz_team *team;
    char *what;               // of the training definition
    int member;               // of the ensemble at hand
    const char *ensemble_out; // its folder, borrowed; NULL: no ensemble
    char init_sha256[65];     // of the file of --init, or of that member of its list
    bool kind_was_set, substeps_were_set, integrator_was_set, range_limit_was_set;
    int argc;
    char **argv;
    tz_stage stage;
    bool was_checked; // all input, up to the first file that would be written
} run;

static const char *const kinds[] = {
    "node",    "node-so",      "hnn",   "node-so-direct", "node-so-mass",  "hnn-nonseparable",
    "symoden", "symoden-both", "delta", "symoden-study",  "node-so-naive", NULL};
static const char *const integrators[] = {"euler", "rk4-38", "rk4", NULL}; // tz_integrator
static const char *const masks[] = {"none", "cyclic", NULL};
static const char *const embeddings[] = {"none", "unbounded", "all", NULL}; // tz_embedding
enum { MASK_NONE, MASK_CYCLIC };

// True when the model of --init stays as it is but for its weights.
static bool keeps_form(const arguments *a) {
    return a->init != NULL && !a->renormalise;
}

// ---- data

static tz_status parse_weight(const char *text, double *weight, tz_error *error) {
    char *end = NULL;
    errno = 0;
    *weight = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !isfinite(*weight) || *weight < 0.0) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "--weight '%.64s': expected a number, 0 or more",
                       text);
    }
    return TZ_OK;
}

static tz_status read_source(run *r, int i, tz_error *error) {
    const arguments *a = &r->arguments;
    const char *path = a->data.item[i];
    TZ_CHECK(tz_dataset_read(&r->dataset[i], path, a->env, error));
    const tz_dataset *dataset = r->dataset[i];
    r->is_test[i] = tz_alloc((size_t)dataset->n_episodes, 1);
    if (r->is_test[i] == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: out of memory: its split", path);
    }
    if (a->test_fraction > 0.0) {
        tz_dataset_split(dataset, r->is_test[i], a->test_fraction, a->split_seed);
    }
    r->source[i] = (tz_source){.path = path, .dataset = dataset, .is_test = r->is_test[i]};
    r->n_sources++;
    return a->weights.n > 0 ? parse_weight(a->weights.item[i], &r->source[i].weight, error) : TZ_OK;
}

static tz_status read_data(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    if (a->weights.n > 0 && a->weights.n != a->data.n) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "%d --weight for %d --data, expected one each",
                       a->weights.n, a->data.n);
    }
    for (int i = 0; i < a->data.n; i++) {
        TZ_CHECK(read_source(r, i, error));
    }
    TZ_CHECK(tz_sources_check(r->source, r->n_sources, error));
    if (r->dataset[0]->env[0] == '\0') {
        return tz_fail(error, TZ_ERR_ARGUMENT, "%s does not name its environment: add --env E",
                       r->source[0].path);
    }
    return tz_dataset_need_env(&r->env, r->dataset[0], r->source[0].path, error);
}

// ---- model

static bool same_tensors(const tz_model *a, const tz_model *b) {
    bool same = a->n_tensors == b->n_tensors && a->n_parameters == b->n_parameters;
    for (int i = 0; same && i < a->n_tensors; i++) {
        same = strcmp(a->tensors[i].name, b->tensors[i].name) == 0 &&
               a->tensors[i].rows == b->tensors[i].rows && a->tensors[i].cols == b->tensors[i].cols;
    }
    return same;
}

// The weights of --init under a fresh normaliser.
static tz_status renormalise(run *r, tz_model *fresh, tz_error *error) {
    if (!same_tensors(fresh, r->model) || !tz_model_same_inputs(fresh, r->model)) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: its networks have other sizes or inputs than --hidden %d, --layers %d, "
                       "--mask %s, --embed-angles %s ask for",
                       r->arguments.init, r->arguments.n_hidden, r->arguments.n_layers,
                       masks[r->arguments.mask], embeddings[r->arguments.embed_angles]);
    }
    memcpy(fresh->parameters, r->model->parameters, fresh->n_parameters * sizeof(float));
    tz_versions_add(fresh->data_mujoco, r->model->data_mujoco);
    tz_model_prepare(fresh);
    return TZ_OK;
}

static tz_status create_model(run *r, const tz_model_statistics *statistics, const char *kind,
                              tz_model **model, tz_error *error) {
    const arguments *a = &r->arguments;
    tz_model_def def = tz_model_def_default();
    def.kind = kind;
    def.n_hidden = a->n_hidden;
    def.n_layers = a->n_layers;
    def.integrator = (tz_integrator)a->integrator;
    def.substeps = a->substeps;
    def.embed_angles = (tz_embedding)a->embed_angles;
    def.range_limit = a->range_limit;
    def.probabilistic = a->probabilistic || (r->model != NULL && r->model->has_variance);
    def.mask_cyclic = a->mask == MASK_CYCLIC;
    def.seed = a->seed;
    TZ_CHECK(tz_model_create(model, &def, tz_env_task(r->env), statistics, error));

    // a kind with a step of its own, and that of --init, overrule the defaults, but not what was
    // asked for
    tz_integrator integrator;
    int substeps;
    if (!tz_model_integrator(r->model != NULL ? r->model : *model, &integrator, &substeps)) {
        return TZ_OK;
    }
    integrator = r->integrator_was_set ? def.integrator : integrator;
    substeps = r->substeps_were_set ? def.substeps : substeps;
    return tz_model_set_integrator(*model, integrator, substeps, error);
}

// Reads the model of --init, of a list the member at hand, into r->model.
static tz_status load_init(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    TZ_CHECK(tz_ensemble_is_list(a->init)
                 ? tz_ensemble_load_member(&r->model, a->init, r->member, error)
                 : tz_model_load(&r->model, a->init, error));
    TZ_CHECK(tz_model_check_task(r->model, tz_env_task(r->env), a->init, error));
    if (r->kind_was_set && strcmp(r->model->ops->kind, kinds[a->kind]) != 0) {
        return tz_fail(error, TZ_ERR_MISMATCH, "%s: a model of kind %s, but --model asks for %s",
                       a->init, r->model->ops->kind, kinds[a->kind]);
    }
    if (a->probabilistic && !r->model->has_variance) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: a model without variances, but --probabilistic asks for them", a->init);
    }
    return a->renormalise && r->model->is_limited && !r->range_limit_was_set
               ? tz_fail(error, TZ_ERR_ARGUMENT,
                         "%s: a model whose rates have a limit, expected --range-limit beside "
                         "--renormalise",
                         a->init)
               : TZ_OK;
}

static tz_status continue_model(run *r, const tz_model_statistics *statistics, tz_error *error) {
    const arguments *a = &r->arguments;
    TZ_CHECK(load_init(r, error));
    // it goes on with the environment as it is now
    memcpy(r->model->env_digest, tz_env_task(r->env)->digest, sizeof r->model->env_digest);
    memcpy(r->init_sha256, r->model->sha256, sizeof r->init_sha256);
    if (!a->renormalise) {
        tz_model_widen_range(r->model, statistics);
        return TZ_OK;
    }
    tz_model *fresh = NULL;
    TZ_CHECK(create_model(r, statistics, r->model->ops->kind, &fresh, error));
    const tz_status status = renormalise(r, fresh, error);
    if (status != TZ_OK) {
        tz_model_destroy(fresh);
        return status;
    }
    tz_model_destroy(r->model);
    r->model = fresh;
    return TZ_OK;
}

// Embedding needs an angle that the networks see.
static tz_status check_angles(const run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    const tz_task *task = tz_env_task(r->env);
    bool any = a->embed_angles == TZ_EMBED_NONE;
    for (int i = 0; i < task->nq; i++) {
        const bool is_seen = a->mask != MASK_CYCLIC || !task->cyclic[i];
        any |= is_seen && task->coordinate[i] == TZ_COORDINATE_ANGLE &&
               (a->embed_angles == TZ_EMBED_ALL || task->unbounded[i]);
    }
    return any ? TZ_OK
               : tz_fail(error, TZ_ERR_ARGUMENT,
                         "--embed-angles %s: no coordinate of %s that the networks see is an "
                         "angle%s, expected --embed-angles none",
                         embeddings[a->embed_angles], task->name,
                         a->embed_angles == TZ_EMBED_ALL ? "" : " without joint limits");
}

static tz_status make_model(run *r, tz_error *error) {
    tz_model_statistics statistics;
    TZ_CHECK(tz_training_statistics(&statistics, r->source, r->n_sources, error));
    TZ_CHECK(r->arguments.init != NULL
                 ? continue_model(r, &statistics, error)
                 : create_model(r, &statistics, kinds[r->arguments.kind], &r->model, error));
    tz_integrator integrator;
    if (tz_model_integrator(r->model, &integrator, &r->arguments.substeps)) {
        r->arguments.integrator = (int)integrator;
    }
    return TZ_OK;
}

// ---- folder

// One line of all that the weights depend on beside the training definition.
static tz_status describe(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    tz_text text;
    TZ_CHECK(tz_text_open(&text, error));
    FILE *stream = text.stream;
    fprintf(stream, "%s of %s, %d hidden, %d substeps, mask %s", r->model->ops->kind, r->model->env,
            a->n_hidden, a->substeps, masks[a->mask]);
    if (a->n_layers != 2) {
        fprintf(stream, ", %d layers", a->n_layers);
    }
    if (a->range_limit > 0.0) {
        fprintf(stream, ", range limit %.17g", a->range_limit);
    }
    if (a->probabilistic) {
        fprintf(stream, ", probabilistic");
    }
    if (a->integrator != TZ_INTEGRATOR_EULER || a->embed_angles) {
        fprintf(stream, ", %s%s", tz_integrator_name((tz_integrator)a->integrator),
                a->embed_angles == TZ_EMBED_ALL         ? ", angles embedded"
                : a->embed_angles == TZ_EMBED_UNBOUNDED ? ", unbounded angles embedded"
                                                        : "");
    }
    if (a->init != NULL) {
        fprintf(stream, ", from %.12s%s", r->init_sha256, a->renormalise ? " renormalised" : "");
    }
    for (int i = 0; i < r->n_sources; i++) {
        fprintf(stream, ", data %.12s weight %.17g", r->dataset[i]->sha256, r->source[i].weight);
    }
    fprintf(stream, ", test fraction %.17g of split %llu", a->test_fraction,
            (unsigned long long)a->split_seed);
    TZ_CHECK(tz_text_close(&text, error));
    r->what = text.text;
    return TZ_OK;
}

static struct json_object *data_json(const run *r) {
    struct json_object *list = json_object_new_array();
    for (int i = 0; i < r->n_sources; i++) {
        struct json_object *item = json_object_new_object();
        int n_test = 0;
        for (int e = 0; e < r->dataset[i]->n_episodes; e++) {
            n_test += r->is_test[i][e];
        }
        tz_json_add_text(item, "path", r->source[i].path);
        tz_json_add_text(item, "sha256", r->dataset[i]->sha256);
        tz_json_add_real(item, "weight", r->source[i].weight);
        tz_json_add_int(item, "episodes", r->dataset[i]->n_episodes);
        tz_json_add_int(item, "test_episodes", n_test);
        json_object_array_add(list, item);
    }
    return list;
}

// The form of the model; one of --init brings its own.
static void add_form(const run *r, struct json_object *o) {
    const arguments *a = &r->arguments;
    if (keeps_form(a)) {
        return;
    }
    tz_json_add_int(o, "hidden", a->n_hidden);
    tz_json_add_int(o, "layers", a->n_layers);
    tz_json_add_text(o, "integrator", tz_integrator_name((tz_integrator)a->integrator));
    tz_json_add_int(o, "substeps", a->substeps);
    tz_json_add_text(o, "embed_angles", embeddings[a->embed_angles]);
    tz_json_add_bool(o, "probabilistic", r->model->has_variance);
    tz_json_add_text(o, "mask", masks[a->mask]);
    tz_json_add_real(o, "range_limit", a->range_limit);
}

static struct json_object *options_json(const run *r) {
    const arguments *a = &r->arguments;
    const tz_training_def *d = &a->def;
    struct json_object *o = json_object_new_object();
    add_form(r, o);
    tz_json_add_int(o, "epochs", d->trainer.epochs);
    tz_json_add_int(o, "sequences", d->n_sequences);
    tz_json_add_int(o, "sequence_length", d->length);
    tz_json_add_int(o, "batch", d->trainer.batch);
    tz_json_add_int(o, "tile", d->trainer.tile);
    tz_json_add_real(o, "lr", d->trainer.lr);
    tz_json_add_real(o, "lr_end", d->trainer.lr_end);
    tz_json_add_real(o, "weight_decay", d->trainer.weight_decay);
    tz_json_add_real(o, "clip", d->trainer.clip);
    tz_json_add_real(o, "input_noise", d->trainer.input_noise);
    tz_json_add_int(o, "curriculum", d->trainer.first_length);
    tz_json_add_real(o, "spectral_limit", d->trainer.spectral_limit);
    tz_json_add_text(o, "keep", d->keep_best ? "best" : "last");
    tz_json_add_int(o, "members", a->members);
    tz_json_add_int(o, "rollout_every", d->rollout_every);
    tz_json_add_int(o, "rollouts", d->n_rollouts);
    tz_json_add_int(o, "horizon", d->horizon);
    return o;
}

// config.json of a run's or an ensemble's folder, whose first checkpoint is `checkpoint`: written
// by the run that begins the folder, and again by one that extends it. Without a checkpoint nothing
// was trained by what stands there.
static tz_status write_config(const run *r, const char *folder, const char *checkpoint,
                              uint64_t seed, tz_error *error) {
    const arguments *a = &r->arguments;
    char path[TZ_PATH_MAX], trained[TZ_PATH_MAX];
    struct json_object *earlier = NULL;
    TZ_CHECK(tz_path_join(path, folder, "config.json", error));
    TZ_CHECK(tz_path_join(trained, folder, checkpoint, error));
    if (tz_file_exists(path) && tz_file_exists(trained)) {
        TZ_CHECK(tz_config_list_earlier(&earlier, path, "epochs", (uint64_t)a->def.trainer.epochs,
                                        error));
        if (earlier == NULL) {
            return TZ_OK;
        }
    }
    struct json_object *config = tz_config_new(r->argc, r->argv, seed);
    if (earlier != NULL) {
        json_object_object_add(config, "extended_from", earlier);
    }
    tz_json_add_text(config, "env", r->model->env);
    tz_json_add_text(config, "kind", r->model->ops->kind);
    json_object_object_add(config, "data", data_json(r));
    tz_json_add_real(config, "test_fraction", a->test_fraction);
    tz_json_add_u64(config, "split_seed", a->split_seed);
    json_object_object_add(config, "options", options_json(r));
    tz_status status = TZ_OK;
    if (a->init != NULL) {
        status = tz_config_add_input(config, "init", a->init, error);
    }
    if (status == TZ_OK) {
        status = tz_json_write(path, config, error);
    }
    json_object_put(config);
    return status;
}

// A run that is gone on with has as many members as it was begun with.
static tz_status expect_members(const arguments *a, tz_error *error) {
    char path[TZ_PATH_MAX];
    struct json_object *config, *options = NULL, *members = NULL;
    TZ_CHECK(tz_path_join(path, a->out, "config.json", error));
    if (!tz_file_exists(path)) {
        return TZ_OK;
    }
    TZ_CHECK(tz_json_read(path, &config, error));
    json_object_object_get_ex(config, "options", &options);
    const bool is_told = json_object_object_get_ex(options, "members", &members);
    const int n = json_object_get_int(members);
    json_object_put(config);
    return is_told && n != a->members
               ? tz_fail(error, TZ_ERR_MISMATCH, "%s: begun with --members %d, expected it again",
                         a->out, n)
               : TZ_OK;
}

static tz_status check_folder(const arguments *a, tz_error *error) {
    static const char *const files[] = {"config.json", "checkpoint.safetensors",
                                        "model.safetensors", "ensemble.json"};
    TZ_CHECK(tz_run_folder_expect(a->out, "train", false, error));
    return a->resume ? expect_members(a, error)
                     : tz_run_folder_refuse(a->out, files, TZ_COUNTOF(files), error);
}

static tz_status begin_folder(void *context, tz_error *error) {
    const run *r = context;
    const arguments *a = &r->arguments;
    TZ_CHECK(tz_make_folders(a->out, error));
    if (r->ensemble_out != NULL && r->member == 0) {
        TZ_CHECK(
            write_config(r, r->ensemble_out, "member-0/checkpoint.safetensors", a->seed, error));
    }
    return write_config(r, a->out, "checkpoint.safetensors", a->seed, error);
}

// In its place where a check is all that was asked for: ends the training before its first file.
static tz_status end_check(void *context, tz_error *error) {
    run *r = context;
    r->was_checked = true;
    return tz_fail(error, TZ_ERR_INTERRUPTED, "%s: checked", r->arguments.out);
}

// side.json: what may differ between equal runs.
static tz_status write_side(const run *r, const tz_training_report *report, tz_error *error) {
    struct json_object *side = tz_side_new(tz_team_size(r->team), report->seconds);
    tz_json_add_real(side, "steps_of_this_run", report->steps);
    return tz_side_write(r->arguments.out, side, report->steps > 0.0, error);
}

// ---- the run

static const char *result_name(const arguments *a) {
    return a->members > 1 ? "ensemble.json" : "model.safetensors";
}

// What was measured of one model.
static void add_outcome(struct json_object *o, const tz_training_report *report) {
    const tz_epoch_metrics *m = &report->last;
    tz_json_add_int(o, "epochs", (int64_t)m->epoch);
    tz_json_add_real(o, "train_loss", m->train_loss);
    tz_json_add_measured(o, "test_loss", m->test_loss);
    tz_json_add_measured(o, "rollout_nmse", m->rollout_nmse);
    tz_json_add_measured(o, "rollout_nmse_median", m->rollout_nmse_median);
    tz_json_add_measured(o, "rollout_diverged", m->rollout_diverged);
    tz_json_add_int(o, "kept_epoch", report->kept_epoch);
    json_object_object_add(o, "extended_from",
                           report->extended_from > 0 ? json_object_new_int(report->extended_from)
                                                     : NULL);
    tz_json_add_bool(o, "schedule_changed", report->schedule_changed);
}

static void print_json(const run *r, const tz_training_report *report) {
    const arguments *a = &r->arguments;
    char path[TZ_PATH_MAX] = "";
    tz_path_join(path, a->out, result_name(a), NULL);
    struct json_object *o = json_object_new_object(), *of_model = o;
    tz_json_add_text(o, "model", path);
    tz_json_add_text(o, "kind", r->model->ops->kind);
    tz_json_add_text(o, "env", r->model->env);
    if (a->members > 1) {
        of_model = json_object_new_object();
        tz_json_add_int(o, "members", a->members);
        json_object_object_add(o, "last_member", of_model);
    }
    tz_json_add_int(of_model, "parameters", (long long)r->model->n_parameters);
    tz_add_model_versions(o, r->model);
    add_outcome(of_model, report);
    tz_json_add_real(o, "seconds", report->seconds);
    tz_json_add_int(o, "threads", tz_team_size(r->team));
    tz_json_print(o);
    json_object_put(o);
}

static void print_report(const run *r, const tz_training_report *report) {
    const arguments *a = &r->arguments;
    const tz_epoch_metrics *m = &report->last;
    const char *who = a->members > 1 ? "last member: " : "";
    printf("%s of %s: %s/%s\n", r->model->ops->kind, r->model->env, a->out, result_name(a));
    printf("  %sloss %.4g on training sequences", who, m->train_loss);
    if (!isnan(m->test_loss)) {
        printf(", %.4g on held-out ones", m->test_loss);
    }
    printf("\n");
    if (!isnan(m->rollout_diverged)) {
        printf("  %sopen loop from held-out episodes: mean %.4g, median %.4g, %.0f diverged\n", who,
               m->rollout_nmse, m->rollout_nmse_median, m->rollout_diverged);
    }
    if (a->def.keep_best) {
        printf("  %skept: the weights of epoch %d\n", who, report->kept_epoch);
    }
    if (report->extended_from > 0) {
        printf("  %sextended from %d epochs%s\n", who, report->extended_from,
               report->schedule_changed ? ", whose learning rates or lengths of sequences were "
                                          "not those of one run of all"
                                        : "");
    }
    tz_print_model_versions("  model", r->model);
    printf("  %.1f s, %.3g ms a step with validation\n", report->seconds,
           report->steps > 0.0 ? 1e3 * report->seconds / report->steps : 0.0);
}

// One model into the folder a->out, from data that were read.
static tz_status train_model(run *r, tz_training_report *report, tz_error *error) {
    arguments *a = &r->arguments;
    TZ_CHECK(check_folder(a, error));
    TZ_CHECK(make_model(r, error));
    TZ_CHECK(describe(r, error));
    a->def.what = r->what;
    a->def.folder = a->out;
    a->def.begin = r->stage == TZ_STAGE_CHECK ? end_check : begin_folder;
    a->def.begin_context = r;
    a->def.resume = a->resume && r->stage != TZ_STAGE_CHECK;
    a->def.events = true;
    a->def.quiet = a->quiet;
    a->def.trainer.seed = a->seed;
    const tz_status status =
        tz_train(&a->def, r->model, r->source, r->n_sources, r->team, report, error);
    if (r->was_checked) {
        return TZ_OK;
    }
    TZ_CHECK(status);
    TZ_CHECK(write_side(r, report, error));
    return tz_draw_finished_run("train", a->out, r->stage == TZ_STAGE_PART || a->members > 1,
                                error);
}

static void forget_model(run *r) {
    tz_model_destroy(r->model);
    tz_free(r->what);
    r->model = NULL;
    r->what = NULL;
}

// Every member that --init lists, before the first is trained.
static tz_status check_listed(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    if (a->init == NULL || !tz_ensemble_is_list(a->init)) {
        return TZ_OK;
    }
    for (r->member = 0; r->member < a->members; r->member++) {
        TZ_CHECK(load_init(r, error));
        forget_model(r);
    }
    r->member = 0;
    return TZ_OK;
}

// Members of an ensemble differ in their seed, so in first weights, sequences drawn (a bootstrap
// of the windows) and their order. Each is a run of its own below the folder; one that is complete
// is kept by --resume. The report is the last one's, its time and steps those of all.
static tz_status train_members(run *r, tz_training_report *report, tz_error *error) {
    arguments *a = &r->arguments;
    const arguments whole = *a;
    char list[TZ_PATH_MAX], folder[TZ_PATH_MAX], file[TZ_MEMBERS_MAX][64];
    const char *files[TZ_MEMBERS_MAX];
    double seconds = 0.0, steps = 0.0;
    TZ_CHECK(tz_path_join(list, whole.out, "ensemble.json", error));
    r->ensemble_out = whole.out;
    for (int i = 0; i < whole.members; i++) {
        char name[32];
        snprintf(name, sizeof name, "member-%d", i);
        snprintf(file[i], sizeof file[i], "%s/model.safetensors", name);
        files[i] = file[i];
        TZ_CHECK(tz_path_join(folder, whole.out, name, error));
        r->member = i;
        a->out = folder;
        a->seed = whole.seed + (uint64_t)i;
        forget_model(r);
        const tz_status status = train_model(r, report, error);
        a->out = whole.out;
        TZ_CHECK(status);
        seconds += report->seconds;
        steps += report->steps;
    }
    report->seconds = seconds;
    report->steps = steps;
    a->seed = whole.seed;
    return tz_ensemble_write(list, files, whole.members, error);
}

static tz_status run_train(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    tz_training_report report;
    TZ_CHECK(check_folder(a, error));
    TZ_CHECK(read_data(r, error));
    TZ_CHECK(check_angles(r, error));
    TZ_CHECK(tz_team_create(&r->team, a->threads, error));
    TZ_CHECK(check_listed(r, error));
    // what else members differ in is their seed: one is checked for all
    TZ_CHECK(a->members > 1 && r->stage != TZ_STAGE_CHECK ? train_members(r, &report, error)
                                                          : train_model(r, &report, error));
    if (r->stage != TZ_STAGE_ALONE) {
        return TZ_OK;
    }
    if (a->json) {
        print_json(r, &report);
    } else {
        print_report(r, &report);
    }
    return TZ_OK;
}

static void destroy(run *r) {
    tz_model_destroy(r->model);
    tz_env_destroy(r->env);
    tz_team_destroy(r->team);
    for (int i = 0; i < TZ_LIST_MAX; i++) {
        tz_dataset_destroy(r->dataset[i]);
        tz_free(r->is_test[i]);
    }
    tz_free(r->what);
}

// What a model of --init brings with it cannot be asked for.
static tz_status check_init(const arguments *a, const tz_option *options, size_t n,
                            tz_error *error) {
    const void *const own[] = {&a->n_hidden,     &a->n_layers, &a->substeps,   &a->integrator,
                               &a->embed_angles, &a->mask,     &a->range_limit};
    for (size_t k = 0; k < TZ_COUNTOF(own) && keeps_form(a); k++) {
        const tz_option *option = tz_option_given(options, n, own[k]);
        if (option != NULL) {
            return tz_fail(error, TZ_ERR_ARGUMENT,
                           "%s: its model keeps its form: leave out %s, or add --renormalise",
                           a->init, option->name);
        }
    }
    return TZ_OK;
}

// An ensemble that is trained on keeps its members.
static tz_status count_members(arguments *a, bool was_set, tz_error *error) {
    if (a->init == NULL || !tz_ensemble_is_list(a->init)) {
        return TZ_OK;
    }
    int n = 0;
    TZ_CHECK(tz_ensemble_count_listed(&n, a->init, error));
    if (was_set && a->members != n) {
        return tz_fail(error, TZ_ERR_MISMATCH, "%s: an ensemble of %d, but --members asks for %d",
                       a->init, n, a->members);
    }
    a->members = n;
    return TZ_OK;
}

// Options that would change nothing beside the others are refused.
static tz_status check_idle(const arguments *a, const tz_option *options, size_t n,
                            tz_error *error) {
    const tz_trainer_def *t = &a->def.trainer;
    if (a->renormalise && a->init == NULL) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "--renormalise: no model to continue is given, expected one by --init");
    }
    const void *const of_held_out[] = {&a->split_seed, &a->def.rollout_every, &a->def.n_rollouts,
                                       &a->def.horizon};
    for (size_t k = 0; k < TZ_COUNTOF(of_held_out) && a->test_fraction == 0.0; k++) {
        const tz_option *option = tz_option_given(options, n, of_held_out[k]);
        if (option != NULL) {
            return tz_fail(error, TZ_ERR_ARGUMENT,
                           "%s: --test-fraction 0 holds no episode out, expected another fraction",
                           option->name);
        }
    }
    const bool has_curriculum =
        tz_option_was_set(options, n, &t->first_length) && t->first_length > 0;
    if (has_curriculum && (t->first_length == a->def.length || t->epochs == 1)) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "--curriculum %d: --sequence-length %d and --epochs %d leave it nothing to "
                       "grow in, expected longer sequences and 2 epochs or more",
                       t->first_length, a->def.length, t->epochs);
    }
    if (a->def.keep_best && t->epochs > 1 && a->def.rollout_every >= t->epochs) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "--keep-best: with --rollout-every %d only the last of %d epochs is "
                       "measured, expected fewer epochs between rollouts",
                       a->def.rollout_every, t->epochs);
    }
    return TZ_OK;
}

// A form of the model and of its training: what the options that it speaks of are where they were
// not given.
typedef struct form {
    int mask, embed_angles, n_hidden, n_layers, members, length, first_length;
    double input_noise, lr, weight_decay, spectral_limit, range_limit;
} form;

// The study's robots, in every option that has a default of ours.
static const form study_form = {.mask = MASK_NONE,
                                .embed_angles = TZ_EMBED_NONE,
                                .n_hidden = 128,
                                .n_layers = 2,
                                .members = 1,
                                .length = 3,
                                .lr = 5e-3,
                                .weight_decay = 1e-4};

// What predicts best over 200 steps by docs/prediction.md, and plans badly (docs/planning.md).
static const form forecast_form = {.mask = MASK_CYCLIC,
                                   .embed_angles = TZ_EMBED_NONE,
                                   .n_hidden = 128,
                                   .n_layers = 1,
                                   .members = 5,
                                   .length = 10,
                                   .first_length = 3,
                                   .input_noise = 0.4,
                                   .lr = 5e-3,
                                   .weight_decay = 1e-4};

// What was given beside a form counts.
static int int_of(const tz_option *options, size_t n, const int *value, int otherwise) {
    return tz_option_was_set(options, n, value) ? *value : otherwise;
}

static double real_of(const tz_option *options, size_t n, const double *value, double otherwise) {
    return tz_option_was_set(options, n, value) ? *value : otherwise;
}

static void take_form(arguments *a, const form *f, const tz_option *o, size_t n) {
    tz_trainer_def *t = &a->def.trainer;
    a->mask = int_of(o, n, &a->mask, f->mask);
    a->embed_angles = int_of(o, n, &a->embed_angles, f->embed_angles);
    a->n_hidden = int_of(o, n, &a->n_hidden, f->n_hidden);
    a->n_layers = int_of(o, n, &a->n_layers, f->n_layers);
    a->members = int_of(o, n, &a->members, f->members);
    a->def.length = int_of(o, n, &a->def.length, f->length);
    t->first_length =
        int_of(o, n, &t->first_length, f->first_length < a->def.length ? f->first_length : 0);
    t->input_noise = real_of(o, n, &t->input_noise, f->input_noise);
    t->lr = real_of(o, n, &t->lr, f->lr);
    t->weight_decay = real_of(o, n, &t->weight_decay, f->weight_decay);
    t->spectral_limit = real_of(o, n, &t->spectral_limit, f->spectral_limit);
    a->range_limit = real_of(o, n, &a->range_limit, f->range_limit);
}

// What the option table cannot say.
static tz_status check_arguments(arguments *a, const tz_option *options, size_t n,
                                 tz_error *error) {
    if (a->study && a->forecast) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "--study and --forecast are two forms; give one");
    }
    if (a->study || a->forecast) {
        take_form(a, a->study ? &study_form : &forecast_form, options, n);
    }
    TZ_CHECK(check_init(a, options, n, error));
    TZ_CHECK(count_members(a, tz_option_was_set(options, n, &a->members), error));
    return check_idle(a, options, n, error);
}

static tz_status parse(run *r, bool *help, tz_error *error) {
    arguments *a = &r->arguments;
    tz_trainer_def *t = &a->def.trainer;
    // clang-format off
    tz_option options[] = {
        {"--data", TZ_OPTION_LIST, &a->data, "D", .help = "dataset to learn from: a Minari folder or an HDF5 file", .required = true},
        {"--model", TZ_OPTION_CHOICE, &a->kind, "KIND", .help = "kind of model", .choices = kinds},
        {"--out", TZ_OPTION_TEXT, &a->out, "R", .help = "folder of the run", .required = true},
        {"--env", TZ_OPTION_TEXT, &a->env, "E", .help = "environment of a file that does not name its own"},
        {"--study", TZ_OPTION_FLAG, &a->study, .help = "the study's form of the model and its training, but for the options given beside it"},
        {"--forecast", TZ_OPTION_FLAG, &a->forecast, .help = "the form that predicts best over 200 steps, an ensemble, but for the options given beside it; not for planning"},
        {"--weight", TZ_OPTION_LIST, &a->weights, "W", .help = "share of the sequences drawn from the --data at the same place; without it, by size"},
        {"--init", TZ_OPTION_TEXT, &a->init, "FILE", .help = "continue from this model's weights, under its normaliser; of an ensemble member by member"},
        {"--renormalise", TZ_OPTION_FLAG, &a->renormalise, .help = "with --init: take the normaliser from the data"},
        {"--epochs", TZ_OPTION_INT, &t->epochs, "N", .help = "passes over the sequences", .min = 1, .max = 1e6},
        {"--lr", TZ_OPTION_REAL, &t->lr, "X", .help = "first learning rate", .min = 1e-30, .max = 1e30},
        TZ_TRAINER_OPTIONS(&a->def),
        {"--range-limit", TZ_OPTION_REAL, &a->range_limit, "R", .help = "node and node-so kinds: learned rates stay below R times the largest of the training data, component by component; 0: no limit", .min = 0, .max = 1e30},
        {"--hidden", TZ_OPTION_INT, &a->n_hidden, "N", .help = "units of each hidden layer", .min = 1, .max = 4096},
        {"--layers", TZ_OPTION_INT, &a->n_layers, "L", .help = "hidden layers of each network", .min = 1, .max = 4},
        {"--substeps", TZ_OPTION_INT, &a->substeps, "N", .help = "steps of a transition", .min = 1, .max = 1000},
        {"--integrator", TZ_OPTION_CHOICE, &a->integrator, "I", .help = "rule of a step", .choices = integrators},
        {"--embed-angles", TZ_OPTION_CHOICE, &a->embed_angles, "A", .help = "angles that the networks see as cosine and sine: those that no joint limit stops, or all", .choices = embeddings},
        {"--probabilistic", TZ_OPTION_FLAG, &a->probabilistic, .help = "node and node-so kinds: a second network learns how sure each prediction is"},
        {"--mask", TZ_OPTION_CHOICE, &a->mask, "M", .help = "coordinates left out of the networks' inputs", .choices = masks},
        {"--members", TZ_OPTION_INT, &a->members, "N", .help = "models of an ensemble, seeds K to K + N - 1; writes R/ensemble.json", .min = 1, .max = TZ_MEMBERS_MAX},
        {"--test-fraction", TZ_OPTION_REAL, &a->test_fraction, "X", .help = "share of the episodes held out; 0: none", .min = 0, .max = 0.99},
        {"--split-seed", TZ_OPTION_U64, &a->split_seed, "K", .help = "which episodes are held out"},
        {"--rollouts", TZ_OPTION_INT, &a->def.n_rollouts, "N", .help = "number of the rollouts from held-out episodes", .min = 1, .max = 1e5},
        {"--horizon", TZ_OPTION_INT, &a->def.horizon, "N", .help = "steps of these rollouts", .min = 1, .max = 1e5},
        {"--seed", TZ_OPTION_U64, &a->seed, "K", .help = "seed of weights, sequences and their order"},
        {"--threads", TZ_OPTION_INT, &a->threads, "N", .help = "threads; 0: one a CPU", .min = 0, .max = 1024},
        {"--resume", TZ_OPTION_FLAG, &a->resume, .help = "continue the run in the folder; with more --epochs also a finished one"},
        {"--json", TZ_OPTION_FLAG, &a->json, .help = "print one JSON object"},
        {"--quiet", TZ_OPTION_FLAG, &a->quiet, .help = "show no progress"},
    };
    // clang-format on
    const size_t n = TZ_COUNTOF(options);
    TZ_CHECK(tz_options_parse(&tz_command_train, options, n, r->argc, r->argv, NULL, help, error));
    r->kind_was_set = tz_option_was_set(options, n, &a->kind);
    r->substeps_were_set = tz_option_was_set(options, n, &a->substeps);
    r->integrator_was_set = tz_option_was_set(options, n, &a->integrator);
    r->range_limit_was_set = tz_option_was_set(options, n, &a->range_limit);
    return *help ? TZ_OK : check_arguments(a, options, n, error);
}

tz_status tz_train_stage(int argc, char **argv, tz_stage stage, tz_error *error) {
    run r = {.argc = argc,
             .argv = argv,
             .stage = stage,
             .arguments = {.kind = 1,
                           .n_hidden = 128,
                           .n_layers = 2,
                           .substeps = 8,
                           .members = 1,
                           .mask = MASK_CYCLIC,
                           .test_fraction = 0.1,
                           .def = tz_training_def_default()}};
    bool help = false;
    tz_status status = parse(&r, &help, error);
    if (status == TZ_OK && !help) {
        status = run_train(&r, error);
    }
    destroy(&r);
    return status;
}

static int train_main(int argc, char **argv) {
    tz_error error;
    const tz_status status = tz_train_stage(argc, argv, TZ_STAGE_ALONE, &error);
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_train, &error);
}

const tz_command tz_command_train = {
    .name = "train",
    .summary = "learn a transition model from datasets",
    .usage = "trapeze train --data D [--data D2 ...] --model KIND --out R [option...]",
    .example = "trapeze train --data runs/cheetah-v0 --model node-so --out runs/node-so",
    .run = train_main,
    .stops_itself = true,
};
