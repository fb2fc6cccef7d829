// trapeze mpc: a planner drives an environment through a model of it.
#include "plan/mpc.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/run_folder.h"
#include "base/tensorboard.h"
#include "cli/cli.h"
#include "cli/model_versions.h"
#include "cli/mpc_journal.h"
#include "cli/mpc_report.h"
#include "cli/run_plots.h"
#include "cli/stages.h"
#include "cli/viewing.h"
#include "data/writer.h"
#include "plan/sim_model.h"
#include "policies/policy_file.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct arguments {
    const char *env, *model, *out;
    int episodes, steps, threads;
    uint64_t seed;
    bool resume, json, quiet;
    tz_planning planning;
} arguments;

enum { OBSERVERS_MAX = 8 };

// What a run holds between begin and end.
typedef struct run {
    arguments arguments;
    tz_env *env;
    tz_model *model;
    tz_policy *policy; // NULL without --policy
    tz_critic *critic; // NULL without --critic
    tz_team *team;
    tz_planner *planner;
    tz_mpc_report report;
    tz_writer *writer; // NULL without --out
    tz_episode_recorder *recorder;
    tz_viewing viewing;
    tz_progress progress;
    tz_loop_result *results;              // (episodes)
    tz_observer observers[OBSERVERS_MAX]; // (n_observers)
    int n_observers;
    int n_before, n_done; // episodes that were finished when this command began, that are now
    int n_stored;         // of them, that are safe in the folder
    bool was_finished;    // a resumed run of which nothing is left to do
    double steps_done, episode_started_s;
    tz_stage stage;
    tz_status trouble; // of an observer, in flight
    tz_error trouble_error;
} run;

const char *const tz_range_choices[] = {"off", "penalty", "reject", NULL};

tz_planning tz_planning_default(void) {
    const tz_planner_def def = tz_planner_def_default();
    return (tz_planning){.planner = (int)def.kind, .range = (int)def.range_mode, .def = def};
}

// Whether what happens is told in sentences on stdout.
static bool tells(const run *r) {
    return r->stage == TZ_STAGE_ALONE && !r->arguments.json;
}

static void attach(run *r, tz_observer observer) {
    r->observers[r->n_observers++] = observer;
}

// ---- folder: every finished episode is stored at once

static tz_loop_request dataset_begin(void *context, tz_env *env, int episode, const double *z) {
    (void)env;
    run *r = context;
    tz_episode_recorder_begin(r->recorder, z, r->arguments.seed, (uint64_t)episode);
    return TZ_LOOP_CONTINUE;
}

static tz_loop_request dataset_step(void *context, tz_env *env, const tz_loop_step *step) {
    (void)env;
    run *r = context;
    tz_episode_recorder_add(r->recorder, step->u, step->z_next, &step->step);
    return r->trouble == TZ_OK ? TZ_LOOP_CONTINUE : TZ_LOOP_STOP;
}

static tz_status append_event(const run *r, int episode, double episode_return, int length,
                              tz_error *error) {
    const tz_scalar scalars[] = {{"return/obtained", episode_return},
                                 {"return/episode_length", length}};
    return tz_tensorboard_append(r->arguments.out, episode, scalars, TZ_COUNTOF(scalars), error);
}

// Stores the episode, then its report, which says that it is finished.
static tz_status store_episode(run *r, int episode, double episode_return, int length,
                               tz_error *error) {
    const tz_episode stored = tz_episode_recorder_view(r->recorder);
    if (length > 0) {
        TZ_CHECK(tz_writer_put(r->writer, episode, &stored, error));
    }
    const tz_mpc_row *rows = r->report.row + (r->report.n_finished - (size_t)length);
    const tz_step_outcome outcome = stored.unstable     ? TZ_STEP_UNSTABLE
                                    : stored.bad_reward ? TZ_STEP_BAD_REWARD
                                                        : TZ_STEP_OK;
    TZ_CHECK(tz_mpc_journal_put(r->arguments.out, episode, rows, length, outcome, error));
    r->n_stored++;
    return append_event(r, episode, episode_return, length, error);
}

static void dataset_end(void *context, tz_env *env, int episode, double episode_return,
                        int length) {
    (void)env;
    run *r = context;
    if (r->trouble == TZ_OK) {
        r->trouble = store_episode(r, episode, episode_return, length, &r->trouble_error);
    }
}

static tz_status open_dataset(run *r, struct json_object *choices, tz_error *error) {
    char folder[TZ_PATH_MAX], what[256];
    TZ_CHECK(tz_path_join(folder, r->arguments.out, "dataset", error));
    snprintf(what, sizeof what, "%s through a model of kind %s",
             tz_planner_names()[r->arguments.planning.planner], r->model->ops->kind);
    tz_writer_def def = tz_writer_def_default();
    def.folder = folder;
    def.config_json = json_object_to_json_string_ext(choices, JSON_C_TO_STRING_PLAIN);
    def.resume = r->arguments.resume;
    def.description = "Episodes of trapeze mpc: raw [q, v] states, unclipped.";
    def.algorithm_name = what;
    const tz_task *task = tz_env_task(r->env);
    TZ_CHECK(tz_writer_create(&r->writer, &def, task, error));
    TZ_CHECK(tz_episode_recorder_create(&r->recorder, task, task->max_episode_steps, error));
    attach(r, (tz_observer){.context = r,
                            .episode_begin = dataset_begin,
                            .stepped = dataset_step,
                            .episode_end = dataset_end});
    return TZ_OK;
}

// ---- progress, a line for each episode, and interrupts

static tz_loop_request progress_step(void *context, tz_env *env, const tz_loop_step *step) {
    (void)env;
    run *r = context;
    char note[64];
    r->steps_done += 1.0;
    snprintf(note, sizeof note, "episode %d return %.1f", step->episode, step->return_so_far);
    tz_progress_update(&r->progress, r->steps_done, note);
    return TZ_LOOP_CONTINUE;
}

static tz_loop_request progress_begin(void *context, tz_env *env, int episode, const double *z) {
    (void)env, (void)episode, (void)z;
    run *r = context;
    r->episode_started_s = tz_now_s();
    return TZ_LOOP_CONTINUE;
}

static void progress_end(void *context, tz_env *env, int episode, double episode_return,
                         int length) {
    (void)env;
    run *r = context;
    if (tells(r)) {
        printf("episode %d: return %.1f in %d steps, %.1f steps/s\n", episode, episode_return,
               length, length / (tz_now_s() - r->episode_started_s));
        fflush(stdout);
    }
}

// ---- making

static tz_status make_model(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    if (strcmp(a->model, "sim") == 0) {
        TZ_CHECK(tz_sim_model_create(&r->model, r->env, error));
    } else {
        TZ_CHECK(tz_model_load(&r->model, a->model, error));
        TZ_CHECK(tz_model_check_task(r->model, tz_env_task(r->env), a->model, error));
    }
    return a->planning.substeps > 0
               ? tz_set_integration(r->model, NULL, a->planning.substeps, a->model, error)
               : TZ_OK;
}

// The policy that proposes candidates and the critic of its values.
static tz_status make_guide(run *r, tz_error *error) {
    arguments *a = &r->arguments;
    const tz_task *task = tz_env_task(r->env);
    if (a->planning.policy != NULL) {
        TZ_CHECK(tz_policy_create(&r->policy, a->planning.policy, task, error));
    }
    if (a->planning.critic != NULL) {
        TZ_CHECK(tz_critic_load(&r->critic, a->planning.critic, task, error));
    }
    a->planning.def.policy = r->policy;
    a->planning.def.critic = r->critic;
    return TZ_OK;
}

static struct json_object *planner_json(const tz_planner_def *d, int substeps) {
    struct json_object *o = json_object_new_object();
    tz_json_add_text(o, "planner", tz_planner_names()[d->kind]);
    tz_json_add_int(o, "horizon", d->horizon);
    tz_json_add_int(o, "samples", d->samples);
    tz_json_add_int(o, "iterations", d->iterations);
    tz_json_add_int(o, "elites", d->elites);
    tz_json_add_int(o, "keep_elites", d->keep_elites);
    tz_json_add_real(o, "smoothing", d->smoothing);
    if (d->kind == TZ_PLANNER_MPPI) {
        tz_json_add_real(o, "temperature", d->temperature);
    }
    tz_json_add_real(o, "sample_decay", d->sample_decay);
    tz_json_add_real(o, "noise", d->noise_std);
    tz_json_add_real(o, "noise_color", d->noise_color);
    tz_json_add_real(o, "discount", d->discount);
    tz_json_add_text(o, "range", tz_range_choices[d->range_mode]);
    tz_json_add_real(o, "range_margin", d->range_margin);
    tz_json_add_real(o, "range_penalty", d->range_penalty);
    if (d->disagreement > 0.0) {
        tz_json_add_real(o, "disagreement", d->disagreement);
    }
    tz_json_add_int(o, "policy_samples", d->policy != NULL ? d->policy_samples : 0);
    tz_json_add_int(o, "substeps", substeps);
    return o;
}

// Adds what the episodes depend on, and nothing else: a run is resumed only with equal choices. The
// digest of an ensemble's list stands for its members, whose digests the list holds (and loading
// checks).
static tz_status add_choices(struct json_object *config, const run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    const tz_task *task = tz_env_task(r->env);
    if (task->digest[0] != '\0') { // a user's MJCF, which may change
        tz_json_add_text(config, "env_digest", task->digest);
    }
    tz_json_add_env(config, task->name, task->env_arguments);
    tz_json_add_text(config, "kind", r->model->ops->kind);
    tz_json_add_int(config, "episodes", a->episodes);
    tz_json_add_int(config, "max_episode_steps", task->max_episode_steps);
    tz_json_add_bool(config, "ends_early", task->ends_early);
    tz_json_add_u64(config, "seed", a->seed);
    json_object_object_add(config, "options", planner_json(&a->planning.def, a->planning.substeps));
    TZ_CHECK(tz_config_add_guide(config, a->planning.policy, a->planning.critic, error));
    return strcmp(a->model, "sim") == 0 ? TZ_OK
                                        : tz_config_add_input(config, "model", a->model, error);
}

// config.json: written once, by the command that begins the folder.
static tz_status write_config(const run *r, int argc, char **argv, tz_error *error) {
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, r->arguments.out, "config.json", error));
    if (tz_writer_was_resumed(r->writer) && tz_file_exists(path)) {
        return TZ_OK;
    }
    struct json_object *config = tz_config_new(argc, argv, r->arguments.seed);
    tz_status status = add_choices(config, r, error);
    if (status == TZ_OK) {
        status = tz_json_write(path, config, error);
    }
    json_object_put(config);
    return status;
}

// Begins the dataset, or goes on with that of a resumed run of the same choices. It knows the run's
// inputs by their digests, not by where they lie.
static tz_status begin_dataset(run *r, tz_error *error) {
    struct json_object *choices = json_object_new_object();
    tz_status status = add_choices(choices, r, error);
    tz_config_forget_paths(choices);
    if (status == TZ_OK) {
        status = open_dataset(r, choices, error);
    }
    json_object_put(choices);
    return status;
}

// Takes over the episodes that a resumed run had finished.
static tz_status take_over(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    char path[TZ_PATH_MAX];
    // results.json comes last: where it stands beside a whole dataset, all is done
    const bool is_whole = tz_writer_has(r->writer, a->episodes);
    TZ_CHECK(tz_path_join(path, a->out, "results.json", error));
    r->was_finished = is_whole && tz_file_exists(path);
    if (r->was_finished) {
        return TZ_OK;
    }
    TZ_CHECK(tz_mpc_journal_read(a->out, r->writer, a->episodes, &r->report, r->results,
                                 &r->n_before, error));
    if (is_whole && r->n_before < a->episodes) {
        return tz_fail(
            error, TZ_ERR_FORMAT,
            "%s/journal: holds the steps of %d episodes, expected those of all %d in the "
            "finished dataset",
            a->out, r->n_before, a->episodes);
    }
    r->n_done = r->n_stored = r->n_before;
    return TZ_OK;
}

static tz_status expect_unused(const run *r, tz_error *error) {
    char dataset[TZ_PATH_MAX];
    TZ_CHECK(tz_run_folder_expect(r->arguments.out, "mpc", false, error));
    TZ_CHECK(tz_path_join(dataset, r->arguments.out, "dataset", error));
    return tz_writer_expect_unused(dataset, error);
}

// Refuses a folder of something else, one that holds a run, or with --resume one of other choices.
static tz_status begin_folder(run *r, int argc, char **argv, tz_error *error) {
    const arguments *a = &r->arguments;
    TZ_CHECK(tz_run_folder_expect(a->out, "mpc", false, error));
    TZ_CHECK(tz_make_folders(a->out, error));
    TZ_CHECK(begin_dataset(r, error));
    TZ_CHECK(tz_mpc_journal_begin(a->out, a->resume, error));
    TZ_CHECK(take_over(r, error));
    if (r->was_finished) {
        return TZ_OK;
    }
    TZ_CHECK(tz_tensorboard_begin(a->out, error));
    for (int e = 0; e < r->n_done; e++) {
        TZ_CHECK(append_event(r, e, r->results[e].episode_return, r->results[e].length, error));
    }
    return write_config(r, argc, argv, error);
}

// Whether the pictures of the first episode are there, which the run drove before it was stopped.
static bool has_stills(const run *r) {
    char path[TZ_PATH_MAX];
    const char *folder = r->viewing.screenshots != NULL ? r->viewing.screenshots : r->arguments.out;
    return r->n_before > 0 && tz_path_join(path, folder, "still-001.png", NULL) == TZ_OK &&
           tz_file_exists(path);
}

static tz_status begin_viewing(run *r, tz_observer observers[TZ_VIEWING_OBSERVERS_MAX], int *n,
                               tz_error *error) {
    const arguments *a = &r->arguments;
    char title[192];
    if (r->n_before > 0 && r->viewing.video != NULL && tz_file_exists(r->viewing.video)) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s: is there already, expected a new name: a resumed run films only the "
                       "episodes after the first %d",
                       r->viewing.video, r->n_before);
    }
    r->viewing.stills = has_stills(r) ? 0 : r->viewing.stills;
    snprintf(title, sizeof title, "%.64s | %s | %s", a->env, r->model->ops->kind,
             tz_planner_names()[a->planning.planner]);
    r->viewing.is_recorded = a->out != NULL;
    return tz_viewing_open(&r->viewing, r->env, title, a->out != NULL ? a->out : ".", observers, n,
                           error);
}

tz_status tz_planning_make_env(tz_env **env, const tz_planning *planning, const char *name,
                               int steps, tz_error *error) {
    tz_env_def def = tz_env_def_default();
    char env_arguments[TZ_ENV_ARGUMENTS_MAX];
    TZ_CHECK(tz_join_env_arguments(env_arguments, &planning->env_arguments, error));
    def.name = name;
    def.arguments = env_arguments;
    def.version = tz_version_of_choice(planning->version);
    def.ends_early = !planning->no_early_end;
    def.max_episode_steps = steps;
    return tz_env_create(env, &def, error);
}

// All that a command can refuse before it looks at its folder.
static tz_status make(run *r, tz_error *error) {
    arguments *a = &r->arguments;
    TZ_CHECK(tz_planning_make_env(&r->env, &a->planning, a->env, a->steps, error));
    const tz_task *task = tz_env_task(r->env);
    TZ_CHECK(make_model(r, error));
    TZ_CHECK(make_guide(r, error));
    TZ_CHECK(tz_team_create(&r->team, a->threads, error));
    TZ_CHECK(tz_planner_create(&r->planner, &a->planning.def, task, r->model, r->team, error));
    TZ_CHECK(tz_mpc_report_create(&r->report, task, &a->planning.def, error));
    r->results = tz_alloc((size_t)a->episodes, sizeof *r->results);
    if (r->results == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: results of %d episodes", a->episodes);
    }
    return TZ_OK;
}

// The folder, and who is told of the steps. What a window or a film cannot do is found before a
// folder is begun, and in a resumed run, whose folder tells what is left to show, after it.
static tz_status begin(run *r, int argc, char **argv, tz_error *error) {
    const arguments *a = &r->arguments;
    tz_observer viewers[TZ_VIEWING_OBSERVERS_MAX];
    int n_viewers = 0;
    attach(r, tz_mpc_report_observer(&r->report));
    if (!a->resume) {
        TZ_CHECK(a->out != NULL ? expect_unused(r, error) : TZ_OK);
        TZ_CHECK(begin_viewing(r, viewers, &n_viewers, error));
    }
    if (a->out != NULL) {
        TZ_CHECK(begin_folder(r, argc, argv, error));
    }
    r->steps_done = (double)r->report.n_finished;
    r->progress = tz_progress_start("mpc", "step", r->steps_done,
                                    (double)a->episodes * r->report.max_steps, a->quiet);
    attach(r, (tz_observer){.context = r,
                            .episode_begin = progress_begin,
                            .stepped = progress_step,
                            .episode_end = progress_end});
    if (a->resume && r->n_done < a->episodes && !r->was_finished) {
        TZ_CHECK(begin_viewing(r, viewers, &n_viewers, error));
    }
    for (int i = 0; i < n_viewers; i++) {
        attach(r, viewers[i]);
    }
    return TZ_OK;
}

// ---- results

static struct json_object *results_json(const run *r, const tz_mpc_summary *s) {
    struct json_object *o = json_object_new_object();
    struct json_object *returns = json_object_new_array(), *lengths = json_object_new_array();
    long long steps = 0;
    for (int i = 0; i < r->n_done; i++) {
        json_object_array_add(returns, json_object_new_double(r->results[i].episode_return));
        json_object_array_add(lengths, json_object_new_int(r->results[i].length));
        steps += r->results[i].length;
    }
    tz_json_add_env(o, tz_env_task(r->env)->name, tz_env_task(r->env)->env_arguments);
    tz_json_add_text(o, "model", r->arguments.model);
    tz_json_add_text(o, "kind", r->model->ops->kind);
    tz_add_model_versions(o, r->model);
    tz_json_add_text(o, "planner", tz_planner_names()[r->arguments.planning.planner]);
    json_object_object_add(o, "seed", json_object_new_uint64(r->arguments.seed));
    tz_json_add_int(o, "episodes", r->n_done);
    tz_json_add_int(o, "episodes_asked", r->arguments.episodes);
    tz_json_add_int(o, "dropped_episodes", r->n_done < r->arguments.episodes);
    tz_json_add_int(o, "steps", steps);
    tz_json_add_measured(o, "return_mean", s->return_mean);
    tz_json_add_measured(o, "return_std", s->return_std);
    json_object_object_add(o, "returns", returns);
    json_object_object_add(o, "lengths", lengths);
    tz_json_add_measured(o, "predicted_mean", s->predicted_mean);
    tz_json_add_measured(o, "reward_rmse", s->reward_rmse);
    json_object_object_add(o, "horizon", s->horizon > 0 ? json_object_new_int(s->horizon) : NULL);
    tz_json_add_measured(o, "horizon_predicted_mean", s->horizon_predicted_mean);
    tz_json_add_measured(o, "horizon_obtained_mean", s->horizon_obtained_mean);
    tz_json_add_measured(o, "diverged_share", s->diverged_share);
    tz_json_add_measured(o, "out_of_range_share", s->outside_share);
    tz_json_add_int(o, "unstable_episodes", s->n_unstable);
    tz_json_add_int(o, "bad_reward_episodes", s->n_bad_reward);
    tz_json_add_measured(o, "plan_ms_median", s->plan_ms_median);
    tz_json_add_measured(o, "plan_ms_p95", s->plan_ms_p95);
    tz_json_add_real(o, "control_period_ms", r->report.period_ms);
    json_object_object_add(o, "real_time",
                           s->has_plans ? json_object_new_boolean(s->is_real_time) : NULL);
    tz_json_add_int(o, "threads", tz_team_size(r->team));
    return o;
}

static void print_horizon(const tz_mpc_summary *s) {
    if (isnan(s->horizon_obtained_mean)) {
        return; // no plan completed its horizon
    }
    char horizon[32] = "the horizons of the plans"; // moved by hand in the window
    if (s->horizon > 0) {
        snprintf(horizon, sizeof horizon, "a horizon of %d steps", s->horizon);
    }
    printf("over %s: predicted %.2f, obtained %.2f\n", horizon, s->horizon_predicted_mean,
           s->horizon_obtained_mean);
}

static void print_cut(int n, tz_step_outcome outcome) {
    if (n > 0) {
        printf("%d episodes were cut where %s\n", n, tz_step_trouble(outcome));
    }
}

static void print_summary(const run *r, const tz_mpc_summary *s) {
    printf("return %.1f +- %.1f over %d episodes", s->return_mean, s->return_std, r->n_done);
    if (!isnan(s->predicted_mean)) {
        printf("; one-step predictions sum to %.1f", s->predicted_mean);
    }
    printf("\n");
    print_horizon(s);
    if (s->has_plans) {
        printf("plan time: median %.1f ms, 95%% below %.1f ms; control period %.0f ms: %s\n",
               s->plan_ms_median, s->plan_ms_p95, r->report.period_ms,
               s->is_real_time ? "real time" : "slower than real time");
    }
    if (isnan(s->diverged_share)) {
        printf("no candidates: nothing was planned");
    } else {
        printf("candidates: %.2f%% diverged", 100.0 * s->diverged_share);
    }
    if (!isnan(s->outside_share)) {
        printf(", %.2f%% left the data's range", 100.0 * s->outside_share);
    }
    printf("\n");
    tz_print_model_versions("model", r->model);
    print_cut(s->n_unstable, TZ_STEP_UNSTABLE);
    print_cut(s->n_bad_reward, TZ_STEP_BAD_REWARD);
}

// Of an unfinished run the journals stay, for --resume.
static tz_status write_folder(run *r, struct json_object *results, tz_error *error) {
    const char *out = r->arguments.out;
    const int n = r->arguments.episodes;
    const bool is_whole = r->n_stored == n;
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, out, "results.json", error));
    unlink(path); // of an earlier part of the run
    TZ_CHECK(is_whole ? tz_writer_finish(r->writer, n, error)
                      : tz_writer_publish(r->writer, r->n_stored, error));
    TZ_CHECK(tz_mpc_report_write(&r->report, out, error));
    TZ_CHECK(tz_json_write(path, results, error));
    return is_whole ? tz_mpc_journal_remove(out, n, error) : TZ_OK;
}

// Last of all, so that a picture that fails takes nothing else with it.
static tz_status draw(const run *r, tz_error *error) {
    return tz_draw_finished_run("mpc", r->arguments.out, r->stage == TZ_STAGE_PART, error);
}

// Without one finite reward there is nothing to store.
static tz_status check_rewards(const run *r, const tz_mpc_summary *summary, tz_error *error) {
    return summary->n_bad_reward == 0 || r->report.n_finished > 0
               ? TZ_OK
               : tz_fail(error, TZ_ERR_NUMERIC,
                         "%s: the reward of the first step is not a finite number in any of %d "
                         "episodes; nothing is stored",
                         r->arguments.env, r->n_done);
}

static tz_status report(run *r, tz_error *error) {
    tz_mpc_summary summary;
    TZ_CHECK(tz_mpc_report_summarise(&r->report, &summary, r->results, r->n_done, error));
    const tz_status sound = check_rewards(r, &summary, error);
    if (sound != TZ_OK) {
        if (r->writer != NULL) {
            tz_writer_finish(r->writer, r->n_done, NULL); // nothing is stored: ends the journal
        }
        return sound;
    }
    struct json_object *results = results_json(r, &summary);
    const bool is_written = r->arguments.out != NULL && r->n_done > 0;
    const tz_status status = is_written ? write_folder(r, results, error) : TZ_OK;
    if (status == TZ_OK && r->arguments.json) {
        tz_json_print(results);
    } else if (status == TZ_OK && r->n_done > 0 && tells(r)) {
        print_summary(r, &summary);
    }
    json_object_put(results);
    return status == TZ_OK && is_written ? draw(r, error) : status;
}

// Completes what the run leaves. Finished episodes are kept, also after an interrupt and when a
// film or a file failed meanwhile; then that trouble is returned.
static tz_status finish(run *r, tz_error *error) {
    tz_error closing;
    const tz_status closed = tz_viewing_close(&r->viewing, &closing);
    if (r->trouble == TZ_OK && closed != TZ_OK) {
        r->trouble = closed;
        r->trouble_error = closing;
    }
    const tz_status reported = report(r, error);
    if (r->trouble != TZ_OK) {
        *error = r->trouble_error;
        return r->trouble;
    }
    return reported;
}

// A resumed run that was finished: what a kill may have left to do is done, and nothing is driven.
static tz_status conclude_finished(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    TZ_CHECK(tz_writer_finish(r->writer, a->episodes, error));
    TZ_CHECK(tz_mpc_journal_remove(a->out, a->episodes, error));
    if (tells(r)) {
        printf("%s: all %d episodes were finished before\n", a->out, a->episodes);
    }
    if (a->json) {
        struct json_object *results;
        TZ_CHECK(tz_run_json_read(a->out, "results.json", &results, error));
        tz_json_print(results);
        json_object_put(results);
    }
    return draw(r, error);
}

// A run that somebody ended before its last episode.
static tz_status tell_end(const run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    const char *how_to_go_on = a->out != NULL ? "; --resume goes on from there" : "";
    if (tz_interrupted()) {
        return tz_fail(error, TZ_ERR_INTERRUPTED, "interrupted after %d of %d episodes%s",
                       r->n_done, a->episodes, how_to_go_on);
    }
    if (tells(r)) {
        printf(
            "the window ended the run after %d of %d episodes, the one under way was dropped%s\n",
            r->n_done, a->episodes, how_to_go_on);
    }
    return TZ_OK;
}

static tz_status run_mpc(run *r, int argc, char **argv, tz_error *error) {
    TZ_CHECK(make(r, error));
    TZ_CHECK(begin(r, argc, argv, error));
    if (r->was_finished) {
        return conclude_finished(r, error);
    }
    const tz_controller controller = {.planner = r->planner};
    const int n_left = r->arguments.episodes - r->n_before;
    int n_driven = 0;
    TZ_CHECK(tz_control_loop(r->env, &controller, r->arguments.seed, r->n_before, n_left,
                             r->observers, r->n_observers, r->results + r->n_before, &n_driven,
                             error));
    r->n_done += n_driven;
    if (r->trouble == TZ_OK && r->report.trouble != TZ_OK) {
        r->trouble = r->report.trouble;
        r->trouble_error = r->report.trouble_error;
    }
    tz_progress_finish(&r->progress, r->steps_done, NULL);
    TZ_CHECK(finish(r, error));
    return n_driven < n_left ? tell_end(r, error) : TZ_OK;
}

static void destroy(run *r) {
    tz_viewing_abandon(&r->viewing);
    tz_planner_destroy(r->planner);
    tz_team_destroy(r->team);
    tz_critic_destroy(r->critic);
    tz_policy_destroy(r->policy);
    tz_model_destroy(r->model);
    tz_writer_destroy(r->writer);
    tz_episode_recorder_destroy(r->recorder);
    tz_mpc_report_destroy(&r->report);
    tz_free(r->results);
    tz_env_destroy(r->env);
}

// What the option table cannot say.
static tz_status check_arguments(const run *r, const tz_option *options, size_t n,
                                 tz_error *error) {
    const arguments *a = &r->arguments;
    const tz_planner_def *d = &a->planning.def;
    if (tz_option_was_set(options, n, &d->policy_samples) && a->planning.policy == NULL) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "--policy-samples: no policy is given, expected one by --policy");
    }
    if (tz_option_was_set(options, n, &d->range_margin) && d->range_mode == TZ_RANGE_OFF) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "--range-margin: candidates may leave the range of the data, expected "
                       "--range penalty or reject");
    }
    if (tz_option_was_set(options, n, &d->range_penalty) && d->range_mode != TZ_RANGE_PENALTY) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "--range-penalty: nothing is paid outside the range of the data, expected "
                       "--range penalty");
    }
    if (a->resume && a->out == NULL) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "--resume: no folder is given, expected that of the stopped run by --out");
    }
    return tz_viewing_check(&r->viewing, options, n, error);
}

// Takes the words. What was not given of the planner's options follows from those that were.
static tz_status parse(run *r, int argc, char **argv, bool *help, tz_error *error) {
    arguments *a = &r->arguments;
    tz_planning *p = &a->planning;
    tz_planner_def *d = &p->def;
    // clang-format off
    tz_option options[] = {
        {"--env", TZ_OPTION_TEXT, &a->env, "E", .help = "a name of `trapeze envs`, or a file.xml", .required = true},
        {"--model", TZ_OPTION_TEXT, &a->model, "FILE", .help = "model file, an ensemble's list, or sim: MuJoCo itself", .required = true},
        {"--episodes", TZ_OPTION_INT, &a->episodes, "N", .help = "how many", .min = 1, .max = 100000},
        {"--steps", TZ_OPTION_INT, &a->steps, "N", .help = "longest episode; 0: the environment's own limit", .min = 0, .max = 1000000},
        TZ_PLANNING_OPTIONS(p),
        {"--seed", TZ_OPTION_U64, &a->seed, "K", .help = "of initial states and candidates"},
        {"--threads", TZ_OPTION_INT, &a->threads, "N", .help = "threads; 0: one a CPU", .min = 0, .max = 1024},
        {"--out", TZ_OPTION_TEXT, &a->out, "D", .help = "folder for results, pictures and the episodes as a dataset"},
        {"--resume", TZ_OPTION_FLAG, &a->resume, .help = "go on where a stopped run left its folder; the same command otherwise"},
        TZ_VIEWING_OPTIONS(r->viewing),
        {"--json", TZ_OPTION_FLAG, &a->json, .help = "print one JSON object"},
        {"--quiet", TZ_OPTION_FLAG, &a->quiet, .help = "show no progress"},
    };
    // clang-format on
    const size_t n = TZ_COUNTOF(options);
    TZ_CHECK(tz_options_parse(&tz_command_mpc, options, n, argc, argv, NULL, help, error));
    d->kind = (tz_planner_kind)p->planner;
    d->range_mode = (tz_range_mode)p->range;
    d->seed = a->seed;
    if (!tz_option_was_set(options, n, &d->elites)) {
        d->elites = d->samples < 20 ? 2 : d->samples / 10;
    }
    if (!tz_option_was_set(options, n, &d->keep_elites)) {
        d->keep_elites = d->elites / 5;
    }
    if (!tz_option_was_set(options, n, &d->policy_samples)) {
        const int half = d->samples < 4 ? 1 : d->samples / 2;
        d->policy_samples = half < TZ_POLICY_SAMPLES_MAX ? half : TZ_POLICY_SAMPLES_MAX;
    }
    if (p->policy != NULL && !tz_option_was_set(options, n, &d->noise_std)) {
        d->noise_std = 0.05;
    }
    if (p->critic != NULL && !tz_option_was_set(options, n, &d->discount)) {
        d->discount = 0.99;
    }
    return *help ? TZ_OK : check_arguments(r, options, n, error);
}

tz_status tz_mpc_stage(int argc, char **argv, tz_stage stage, tz_error *error) {
    run r = {.stage = stage,
             .arguments = {.episodes = 1, .planning = tz_planning_default()},
             .viewing = TZ_VIEWING_DEFAULT};
    bool help = false;
    tz_status status = parse(&r, argc, argv, &help, error);
    if (status == TZ_OK && !help) {
        status = stage == TZ_STAGE_CHECK ? make(&r, error) : run_mpc(&r, argc, argv, error);
    }
    destroy(&r);
    return status;
}

static int mpc_main(int argc, char **argv) {
    tz_error error;
    const tz_status status = tz_mpc_stage(argc, argv, TZ_STAGE_ALONE, &error);
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_mpc, &error);
}

const tz_command tz_command_mpc = {
    .name = "mpc",
    .summary = "drive a robot by planning through a model of it",
    .usage = "trapeze mpc --env E --model R/model.safetensors|sim [--planner cem] [--episodes N] "
             "[--out D]",
    .example = "trapeze mpc --env half_cheetah --model runs/so/model.safetensors --episodes 3 "
               "--seed 0 --out runs/mpc",
    .run = mpc_main,
    .stops_itself = true,
};
