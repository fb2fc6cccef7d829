// trapeze sac: trains a policy by soft actor-critic.
#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/run_folder.h"
#include "base/tensorboard.h"
#include "cli/cli.h"
#include "cli/run_plots.h"
#include "envs/env.h"
#include "train/sac_trainer.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct sac_options {
    tz_sac_trainer_def def;
    const char *snapshot_at;
    const char *save_replay; // NULL: not
    double snapshot_return[16];
    int threads;
    int version; // index into tz_version_choices
    tz_text_list env_arguments;
    bool json, quiet, help;
} sac_options;

// "1500,3500" -> returns
static tz_status parse_returns(sac_options *options, tz_error *error) {
    const char *text = options->snapshot_at;
    while (text != NULL && *text != '\0') {
        char *end;
        const double value = strtod(text, &end);
        const bool room =
            options->def.n_snapshot_return < (int)TZ_COUNTOF(options->snapshot_return);
        if (end == text || (*end != ',' && *end != '\0') || !isfinite(value) || !room) {
            return tz_fail(
                error, TZ_ERR_ARGUMENT,
                "--snapshot-at is '%.60s'; expected at most %zu finite returns with commas "
                "between them",
                options->snapshot_at, TZ_COUNTOF(options->snapshot_return));
        }
        options->snapshot_return[options->def.n_snapshot_return++] = value;
        text = *end == ',' ? end + 1 : end;
    }
    options->def.snapshot_return = options->snapshot_return;
    return TZ_OK;
}

static tz_status parse(sac_options *o, int argc, char **argv, tz_error *error) {
    tz_sac_trainer_def *d = &o->def;
    tz_sac_def *l = &d->learner;
    // clang-format off
    tz_option options[] = {
        {"--env", TZ_OPTION_TEXT, &d->env, "E", .help = "a name of `trapeze envs`, or a file.xml", .required = true},
        TZ_VERSION_OPTION(&o->version),
        TZ_ENV_ARG_OPTION(&o->env_arguments),
        // the run
        {"--out", TZ_OPTION_TEXT, &d->folder, "R", .help = "run folder", .required = true},
        {"--steps", TZ_OPTION_U64, &d->steps, "N", .help = "environment steps in all", .min = 1},
        {"--seed", TZ_OPTION_U64, &l->seed, "K", .help = "seed of everything random"},
        {"--threads", TZ_OPTION_INT, &o->threads, "N", .help = "threads of an update", .min = 1, .max = 256},
        {"--resume", TZ_OPTION_FLAG, &d->resume, .help = "go on from the run folder's checkpoint, if there is one"},
        // what is kept of it on the way
        {"--snapshot-at", TZ_OPTION_TEXT, &o->snapshot_at, "R,R,..", .help = "keep the policies that first reach these returns"},
        {"--snapshot-every", TZ_OPTION_U64, &d->snapshot_interval, "N", .help = "keep a policy every N steps, a multiple of --eval-every (0: none)"},
        {"--eval-every", TZ_OPTION_U64, &d->evaluation_interval, "N", .help = "steps between evaluations", .min = 1},
        {"--eval-episodes", TZ_OPTION_INT, &d->evaluation_episodes, "N", .help = "deterministic episodes of an evaluation", .min = 1, .max = 1000},
        {"--checkpoint-every", TZ_OPTION_U64, &d->checkpoint_interval, "N", .help = "steps between checkpoints, a multiple of --eval-every"},
        // the learner
        {"--learning-starts", TZ_OPTION_U64, &d->learning_starts, "N", .help = "steps of random controls before the first update", .min = 1},
        {"--replay", TZ_OPTION_U64, &d->replay_capacity, "N", .help = "transitions kept", .min = 1},
        {"--batch", TZ_OPTION_INT, &l->batch, "N", .help = "transitions of an update", .min = 1, .max = 4096},
        {"--hidden", TZ_OPTION_INT, &l->hidden, "N", .help = "units of each of two hidden layers, a multiple of 16", .min = 16, .max = 2048},
        {"--lr", TZ_OPTION_REAL, &l->learning_rate, "X", .help = "learning rate", .min = 1e-8, .max = 1},
        {"--lr-end", TZ_OPTION_REAL, &l->final_learning_rate, "X", .help = "learning rate of the last update, reached in a straight line (else it stays)", .min = 0, .max = 1},
        {"--gamma", TZ_OPTION_REAL, &l->gamma, "X", .help = "discount per step", .min = 0, .max = 1},
        {"--tau", TZ_OPTION_REAL, &l->tau, "X", .help = "step of the slow critics", .min = 0, .max = 1},
        // its end
        {"--save-replay", TZ_OPTION_TEXT, &o->save_replay, "D", .help = "at the end, write the memory's episodes as a dataset"},
        {"--json", TZ_OPTION_FLAG, &o->json, .help = "print one JSON object"},
        {"--quiet", TZ_OPTION_FLAG, &o->quiet, .help = "no progress"},
    };
    // clang-format on
    TZ_CHECK(tz_options_parse(&tz_command_sac, options, TZ_COUNTOF(options), argc, argv, NULL,
                              &o->help, error));
    return o->help ? TZ_OK : parse_returns(o, error);
}

// ---- progress

typedef struct reporter {
    const char *folder;
    tz_progress progress;
    char note[160];
    tz_status trouble; // first one of an observer, which cannot return it
    tz_error error;
} reporter;

// A row of the metrics for TensorBoard.
static tz_status append_event(const char *folder, const tz_sac_metrics *m, tz_error *error) {
    const tz_scalar scalars[] = {{"return/evaluation", m->return_mean},
                                 {"return/evaluation_std", m->return_std},
                                 {"return/training", m->training_return},
                                 {"return/episode_length", m->length_mean},
                                 {"loss/critic", m->critic_loss},
                                 {"loss/actor", m->actor_loss},
                                 {"sac/temperature", m->temperature},
                                 {"sac/entropy", m->entropy},
                                 {"sac/q", m->q}};
    return tz_tensorboard_append(folder, (int64_t)m->step, scalars, TZ_COUNTOF(scalars), error);
}

// Begins the event file with the evaluations that a resumed run has kept.
static tz_status begin_events(const tz_sac_trainer *trainer, const char *folder, tz_error *error) {
    TZ_CHECK(tz_tensorboard_begin(folder, error));
    size_t n;
    const tz_sac_metrics *rows = tz_sac_trainer_metrics(trainer, &n);
    for (size_t i = 0; i < n; i++) {
        TZ_CHECK(append_event(folder, &rows[i], error));
    }
    return TZ_OK;
}

// Before the first update there is no temperature, before the first end of an episode no return of
// training.
static void write_note(char *note, size_t size, const tz_sac_metrics *m) {
    size_t n = (size_t)snprintf(note, size, "return %.1f +- %.1f", m->return_mean, m->return_std);
    if (isfinite(m->training_return) && n < size) {
        n += (size_t)snprintf(note + n, size - n, ", training %.1f", m->training_return);
    }
    if (isfinite(m->temperature) && n < size) {
        snprintf(note + n, size - n, ", temperature %.3g", m->temperature);
    }
}

static bool report(void *context, uint64_t step, const tz_sac_metrics *evaluation) {
    reporter *r = context;
    if (evaluation != NULL) {
        r->trouble = append_event(r->folder, evaluation, &r->error);
        write_note(r->note, sizeof r->note, evaluation);
    }
    tz_progress_update(&r->progress, (double)step, r->note);
    return r->trouble == TZ_OK && !tz_interrupted();
}

// ---- run

// The command that makes the policy, for its metadata: without the options that do not change it.
static void join_command(char *text, size_t size, int argc, char **argv) {
    size_t used = (size_t)snprintf(text, size, "trapeze");
    for (int i = 0; i < argc && used < size; i++) {
        const bool has_value =
            strncmp(argv[i], "--threads=", 10) == 0 || strncmp(argv[i], "--save-replay=", 14) == 0;
        if (strcmp(argv[i], "--threads") == 0 || strcmp(argv[i], "--save-replay") == 0) {
            i++; // and its value
        } else if (!has_value && strcmp(argv[i], "--resume") != 0 &&
                   strcmp(argv[i], "--json") != 0 && strcmp(argv[i], "--quiet") != 0) {
            used += (size_t)snprintf(text + used, size - used, " %s", argv[i]);
        }
    }
}

// What the configuration of a run and that of its memory say of the learner.
static void add_learner(struct json_object *config, const tz_sac_def *learner) {
    tz_json_add_int(config, "batch", learner->batch);
    tz_json_add_int(config, "hidden", learner->hidden);
    tz_json_add_real(config, "lr", learner->learning_rate);
    if (!isnan(learner->final_learning_rate)) {
        tz_json_add_real(config, "lr_end", learner->final_learning_rate);
    }
    tz_json_add_real(config, "gamma", learner->gamma);
    tz_json_add_real(config, "tau", learner->tau);
}

// Adds the environment, and what of it is not the default.
static void add_environment(struct json_object *config, const tz_task *task) {
    tz_json_add_env(config, task->name, task->env_arguments);
    if (!task->ends_early) {
        tz_json_add_bool(config, "ends_early", false);
    }
}

// Every option that was used, beside what tz_config_new says.
static struct json_object *make_config(const sac_options *o, const tz_task *task, int argc,
                                       char **argv) {
    struct json_object *config = tz_config_new(argc, argv, o->def.learner.seed);
    const tz_sac_trainer_def *d = &o->def;
    struct json_object *options = json_object_new_object(), *returns = json_object_new_array();
    add_environment(options, task);
    tz_json_add_u64(options, "steps", d->steps);
    tz_json_add_u64(options, "learning_starts", d->learning_starts);
    tz_json_add_u64(options, "replay", d->replay_capacity);
    add_learner(options, &d->learner);
    tz_json_add_u64(options, "eval_every", d->evaluation_interval);
    tz_json_add_int(options, "eval_episodes", d->evaluation_episodes);
    tz_json_add_u64(options, "checkpoint_every", d->checkpoint_interval);
    for (int i = 0; i < d->n_snapshot_return; i++) {
        json_object_array_add(returns, tz_json_real(d->snapshot_return[i]));
    }
    json_object_object_add(options, "snapshot_at", returns);
    tz_json_add_u64(options, "snapshot_every", d->snapshot_interval);
    json_object_object_add(options, "save_replay",
                           o->save_replay != NULL ? tz_json_text(o->save_replay) : NULL);
    json_object_object_add(config, "options", options);
    return config;
}

// config.json: written by the run that begins the folder, and again by one that extends it. Without
// a checkpoint to go on from, a run begins.
static tz_status write_config(const sac_options *o, const tz_sac_trainer *trainer, int argc,
                              char **argv, tz_error *error) {
    char path[TZ_PATH_MAX];
    struct json_object *earlier = NULL;
    TZ_CHECK(tz_path_join(path, o->def.folder, "config.json", error));
    if (tz_sac_trainer_step(trainer) > 0 && tz_file_exists(path)) {
        TZ_CHECK(tz_config_list_earlier(&earlier, path, "steps", o->def.steps, error));
        if (earlier == NULL) {
            return TZ_OK;
        }
    }
    struct json_object *config = make_config(o, tz_sac_trainer_task(trainer), argc, argv);
    if (earlier != NULL) {
        json_object_object_add(config, "extended_from", earlier);
    }
    const tz_status status = tz_json_write(path, config, error);
    json_object_put(config);
    return status;
}

// The dataset names the run, not the folder that it was done in.
static struct json_object *replay_config(const sac_options *o, const tz_task *task) {
    const tz_sac_trainer_def *d = &o->def, usual = tz_sac_trainer_def_default();
    struct json_object *config = json_object_new_object();
    tz_json_add_text(config, "source", "replay memory of trapeze sac");
    add_environment(config, task);
    tz_json_add_u64(config, "seed", d->learner.seed);
    tz_json_add_u64(config, "steps", d->steps);
    if (d->learning_starts != usual.learning_starts) {
        tz_json_add_u64(config, "learning_starts", d->learning_starts);
    }
    if (d->replay_capacity != usual.replay_capacity) {
        tz_json_add_u64(config, "replay", d->replay_capacity);
    }
    add_learner(config, &d->learner);
    return config;
}

// The memory's writer. Its journal is begun before the training, so that what is wrong with the
// folder is not found after hours, and taken over at the end.
static tz_writer_def replay_writer(const sac_options *o, struct json_object *config) {
    tz_writer_def def = tz_writer_def_default();
    def.folder = o->save_replay;
    def.config_json = json_object_to_json_string_ext(config, JSON_C_TO_STRING_PLAIN);
    def.description = "Every episode that a learner saw, from its random beginning to its end.";
    def.algorithm_name = "SAC in training";
    def.resume = true;
    return def;
}

static tz_status begin_replay(const sac_options *o, const tz_task *task, tz_error *error) {
    char checkpoint[TZ_PATH_MAX];
    TZ_CHECK(tz_run_folder_expect(o->save_replay, "sac", true, error));
    TZ_CHECK(tz_path_join(checkpoint, o->save_replay, "checkpoint.safetensors", error));
    if (tz_file_exists(checkpoint) && !tz_is_same_file(o->save_replay, o->def.folder)) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s already holds another run of trapeze sac: name another folder",
                       o->save_replay);
    }
    if (!o->def.resume) {
        TZ_CHECK(tz_writer_expect_unused(o->save_replay, error));
    }
    struct json_object *config = replay_config(o, task);
    const tz_writer_def def = replay_writer(o, config);
    tz_writer *writer = NULL;
    const tz_status status = tz_writer_create(&writer, &def, task, error);
    tz_writer_destroy(writer);
    json_object_put(config);
    return status;
}

// The dataset and, beside it, what the command that made it was given. The same command again keeps
// both.
static tz_status save_replay(const sac_options *o, tz_sac_trainer *trainer, int argc, char **argv,
                             tz_error *error) {
    const tz_task *task = tz_sac_trainer_task(trainer);
    struct json_object *config = replay_config(o, task);
    const tz_writer_def def = replay_writer(o, config);
    tz_status status = tz_sac_trainer_save_replay(trainer, &def, error);
    json_object_put(config);
    TZ_CHECK(status);
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, o->save_replay, "config.json", error));
    if (tz_file_exists(path)) {
        return TZ_OK;
    }
    config = make_config(o, task, argc, argv);
    status = tz_json_write(path, config, error);
    json_object_put(config);
    return status;
}

// ---- the result

// The row that best.safetensors was written at: the first of the highest return.
static const tz_sac_metrics *best_row(const tz_sac_metrics *rows, size_t n) {
    const tz_sac_metrics *best = &rows[0];
    for (size_t i = 1; i < n; i++) {
        best = rows[i].return_mean > best->return_mean ? &rows[i] : best;
    }
    return best;
}

// The last evaluation, by the names of metrics.csv, and the best one.
static void add_evaluations(struct json_object *o, const tz_sac_metrics *rows, size_t n) {
    const tz_sac_metrics *last = &rows[n - 1], *best = best_row(rows, n);
    tz_json_add_int(o, "episodes", (int64_t)last->episodes);
    tz_json_add_real(o, "return_mean", last->return_mean);
    tz_json_add_real(o, "return_std", last->return_std);
    tz_json_add_real(o, "length_mean", last->length_mean);
    tz_json_add_measured(o, "training_return", last->training_return);
    tz_json_add_measured(o, "critic_loss", last->critic_loss);
    tz_json_add_measured(o, "actor_loss", last->actor_loss);
    tz_json_add_measured(o, "temperature", last->temperature);
    tz_json_add_measured(o, "entropy", last->entropy);
    tz_json_add_measured(o, "q_mean", last->q);
    tz_json_add_int(o, "best_step", (int64_t)best->step);
    tz_json_add_real(o, "best_return_mean", best->return_mean);
}

static void add_file(struct json_object *o, const char *key, const char *folder, const char *name) {
    char path[TZ_PATH_MAX] = "";
    tz_path_join(path, folder, name, NULL);
    tz_json_add_text(o, key, path);
}

static void print_json(const sac_options *o, const tz_sac_trainer *trainer, double seconds) {
    const tz_task *task = tz_sac_trainer_task(trainer);
    struct json_object *object = json_object_new_object();
    add_file(object, "policy", o->def.folder, "policy.safetensors");
    add_file(object, "best", o->def.folder, "best.safetensors");
    tz_json_add_env(object, task->name, task->env_arguments);
    tz_json_add_u64(object, "steps", tz_sac_trainer_step(trainer));
    tz_json_add_u64(object, "cut_episodes", tz_sac_trainer_cut_episodes(trainer));
    size_t n;
    const tz_sac_metrics *rows = tz_sac_trainer_metrics(trainer, &n);
    if (n > 0) {
        add_evaluations(object, rows, n);
    }
    tz_json_add_text(object, "data", o->save_replay);
    tz_json_add_real(object, "seconds", seconds);
    tz_json_add_int(object, "threads", o->threads);
    tz_json_print(object);
    json_object_put(object);
}

// ---- the command

// Trains from where the trainer stands and draws what there is of the curve, after an interrupt
// too.
static tz_status train(const sac_options *o, tz_sac_trainer *trainer, tz_error *error) {
    const double done = (double)tz_sac_trainer_step(trainer);
    reporter r = {.folder = o->def.folder,
                  .progress =
                      tz_progress_start("sac", "step", done, (double)o->def.steps, o->quiet)};
    tz_status status = tz_sac_trainer_run(trainer, report, &r, error);
    if (r.trouble != TZ_OK) {
        *error = r.error;
        status = r.trouble;
    }
    tz_progress_finish(&r.progress, (double)tz_sac_trainer_step(trainer), r.note);
    tz_error drawing;
    const tz_status drawn = tz_draw_finished_run("sac", o->def.folder, false, &drawing);
    if (status == TZ_OK && drawn != TZ_OK) {
        *error = drawing;
        return drawn;
    }
    return status;
}

static tz_status run_trainer(const sac_options *o, tz_sac_trainer *trainer, int argc, char **argv,
                             tz_error *error) {
    if (o->save_replay != NULL) {
        TZ_CHECK(begin_replay(o, tz_sac_trainer_task(trainer), error));
    }
    TZ_CHECK(write_config(o, trainer, argc, argv, error));
    TZ_CHECK(begin_events(trainer, o->def.folder, error));
    const double started = tz_now_s();
    TZ_CHECK(train(o, trainer, error));
    const uint64_t n_cut = tz_sac_trainer_cut_episodes(trainer);
    if (n_cut > 0) {
        fprintf(stderr,
                "trapeze sac: %" PRIu64 " episodes were cut before a step where the simulation "
                "became unstable or the reward was not a finite number\n",
                n_cut);
    }
    const double seconds = tz_now_s() - started;
    if (o->save_replay != NULL) {
        TZ_CHECK(save_replay(o, trainer, argc, argv, error));
    }
    if (o->json) {
        print_json(o, trainer, seconds);
    }
    return TZ_OK;
}

static tz_status run_sac(sac_options *o, int argc, char **argv, tz_team *team, tz_error *error) {
    char command[2048], env_arguments[TZ_ENV_ARGUMENTS_MAX];
    // a run that goes on may have its memory in its own folder
    char checkpoint[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(checkpoint, o->def.folder, "checkpoint.safetensors", error));
    const bool goes_on = o->def.resume && tz_file_exists(checkpoint);
    const bool keeps_memory =
        goes_on || (o->save_replay != NULL && (strcmp(o->save_replay, o->def.folder) == 0 ||
                                               tz_is_same_file(o->save_replay, o->def.folder)));
    TZ_CHECK(tz_run_folder_expect(o->def.folder, "sac", keeps_memory, error));
    join_command(command, sizeof command, argc, argv);
    TZ_CHECK(tz_join_env_arguments(env_arguments, &o->env_arguments, error));
    o->def.env_arguments = env_arguments;
    o->def.command = command;
    o->def.env_version = tz_version_of_choice(o->version);
    tz_sac_trainer *trainer;
    TZ_CHECK(tz_sac_trainer_create(&trainer, &o->def, team, error));
    const tz_status status = run_trainer(o, trainer, argc, argv, error);
    tz_sac_trainer_destroy(trainer);
    return status;
}

static int run(int argc, char **argv) {
    tz_error error;
    sac_options o = {.def = tz_sac_trainer_def_default(), .threads = 1};
    if (parse(&o, argc, argv, &error) != TZ_OK) {
        return tz_cli_fail(&tz_command_sac, &error);
    }
    if (o.help) {
        return TZ_EXIT_OK;
    }
    tz_team *team;
    tz_status status = tz_team_create(&team, o.threads, &error);
    if (status == TZ_OK) {
        status = run_sac(&o, argc, argv, team, &error);
        tz_team_destroy(team);
    }
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_sac, &error);
}

const tz_command tz_command_sac = {
    .name = "sac",
    .summary = "train a policy by soft actor-critic",
    .usage = "trapeze sac --env E --out R [--steps N] [--seed K] [--resume] [--json]",
    .example = "trapeze sac --env half_cheetah --out runs/cheetah --steps 300000 "
               "--snapshot-at 1500,3500",
    .run = run,
    .stops_itself = true,
};
