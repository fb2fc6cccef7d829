#include "train/sac_trainer.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/run_folder.h"
#include "envs/env.h"
#include "envs/observation.h"
#include "policies/squashed.h"
#include "train/replay_dataset.h"
#include "train/sac_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COOKIE = 0x5ac7, SNAPSHOTS_MAX = 16, ROWS_AT_FIRST = 64 };

struct tz_sac_trainer {
    tz_sac_trainer_def def;
    tz_env *env, *evaluation_env;
    const tz_task *task;
    tz_observation_layout layout;
    tz_sac *sac;
    tz_replay replay;
    tz_sac_progress progress; // counters of the run, all in the checkpoint
    tz_sac_metrics *rows;     //                                              (progress.n_rows)
    size_t rows_capacity;
    double *env_state;     // for checkpoints                                  (state size)
    double *z;             // current state                                    (nz)
    double *o;             // observation in double                            (D)
    float *obs, *next_obs; //                                                 (D)
    float *action, *u_f32; //                                                 (nu)
    double *u;             //                                                 (nu)
    tz_step step;          // outcome of the last step
    float *float_block;
    double *double_block;
    char config[1024 + TZ_ENV_ARGUMENTS_MAX];
};

tz_sac_trainer_def tz_sac_trainer_def_default(void) {
    return (tz_sac_trainer_def){.cookie = COOKIE,
                                .steps = 1000000,
                                .learning_starts = 10000,
                                .replay_capacity = 1000000,
                                .evaluation_interval = 5000,
                                .evaluation_episodes = 5,
                                .checkpoint_interval = 25000,
                                .learner = tz_sac_def_default()};
}

// ---- create

static tz_status check_def(const tz_sac_trainer_def *def, tz_error *error) {
    if (def->cookie != COOKIE) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "SAC: definition was not made by tz_sac_trainer_def_default");
    }
    TZ_ASSERT(def->env != NULL && def->folder != NULL);
    if (def->steps < 1 || def->replay_capacity < 1 || def->evaluation_interval < 1 ||
        def->evaluation_episodes < 1) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "SAC: steps, replay memory, evaluation interval and evaluation episodes "
                       "must be at least 1");
    }
    if (def->learning_starts < 1) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "SAC: learning must start after at least 1 step");
    }
    if (def->checkpoint_interval < 1 || def->checkpoint_interval % def->evaluation_interval != 0) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "SAC: checkpoints every %" PRIu64
                       " steps; expected a multiple of the evaluation interval, %" PRIu64,
                       def->checkpoint_interval, def->evaluation_interval);
    }
    if (def->snapshot_interval % def->evaluation_interval != 0) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "SAC: a policy kept every %" PRIu64
                       " steps; expected a multiple of the evaluation interval, %" PRIu64,
                       def->snapshot_interval, def->evaluation_interval);
    }
    if (def->n_snapshot_return > SNAPSHOTS_MAX) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "SAC: %d snapshot returns; expected at most %d",
                       def->n_snapshot_return, SNAPSHOTS_MAX);
    }
    return TZ_OK;
}

static tz_status create_env(tz_sac_trainer *trainer, tz_error *error) {
    tz_env_def def = tz_env_def_default();
    def.name = trainer->def.env;
    def.version = trainer->def.env_version;
    def.arguments = trainer->def.env_arguments;
    TZ_CHECK(tz_env_create(&trainer->env, &def, error));
    TZ_CHECK(tz_env_clone(&trainer->evaluation_env, trainer->env, error));
    trainer->task = tz_env_task(trainer->env);
    if (trainer->task->nu == 0) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "SAC: %s has no controls; expected an environment with at least one",
                       trainer->def.env);
    }
    if (!tz_observation_layout_gymnasium(&trainer->layout, trainer->task->name)) {
        tz_observation_layout_identity(&trainer->layout, tz_task_nz(trainer->task));
    }
    return TZ_OK;
}

static tz_status create_buffers(tz_sac_trainer *trainer, tz_error *error) {
    const size_t nz = (size_t)tz_task_nz(trainer->task), nu = (size_t)trainer->task->nu;
    const size_t D = (size_t)trainer->layout.n, state = tz_env_state_size(trainer->env);
    double *doubles = trainer->double_block = tz_alloc(state + nz + D + nu, sizeof *doubles);
    float *floats = trainer->float_block = tz_alloc(2 * D + 2 * nu, sizeof *floats);
    trainer->rows_capacity = ROWS_AT_FIRST;
    trainer->rows = tz_alloc(trainer->rows_capacity, sizeof *trainer->rows);
    if (doubles == NULL || floats == NULL || trainer->rows == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: the SAC trainer");
    }
    trainer->env_state = doubles;
    trainer->z = doubles + state;
    trainer->o = trainer->z + nz;
    trainer->u = trainer->o + D;
    trainer->obs = floats;
    trainer->next_obs = floats + D;
    trainer->action = trainer->next_obs + D;
    trainer->u_f32 = trainer->action + nu;
    return TZ_OK;
}

static void observe(tz_sac_trainer *trainer, float *obs, const tz_env *env) {
    tz_env_observe_layout(env, &trainer->layout, trainer->o);
    for (int i = 0; i < trainer->layout.n; i++) {
        obs[i] = (float)trainer->o[i];
    }
}

// The parts of a trainer that a checkpoint holds.
static tz_sac_checkpoint checkpoint_of(tz_sac_trainer *trainer) {
    return (tz_sac_checkpoint){.sac = trainer->sac,
                               .replay = &trainer->replay,
                               .progress = &trainer->progress,
                               .rows = trainer->rows,
                               .env_state = trainer->env_state,
                               .n_env_state = tz_env_state_size(trainer->env),
                               .config = trainer->config};
}

static tz_status reserve_rows(tz_sac_trainer *trainer, size_t n, tz_error *error) {
    if (n <= trainer->rows_capacity) {
        return TZ_OK;
    }
    const size_t capacity = 2 * n;
    tz_sac_metrics *rows = tz_alloc(capacity, sizeof *rows);
    if (rows == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: %zu rows of metrics", capacity);
    }
    memcpy(rows, trainer->rows, trainer->rows_capacity * sizeof *rows);
    tz_free(trainer->rows);
    trainer->rows = rows;
    trainer->rows_capacity = capacity;
    return TZ_OK;
}

// What must be equal for a run to go on. The number of steps may grow where the learning rate
// stays.
static void describe(tz_sac_trainer *trainer) {
    const tz_sac_trainer_def *d = &trainer->def;
    const tz_sac_def *l = &d->learner;
    char gamma[TZ_DECIMALS_MAX], tau[TZ_DECIMALS_MAX], rate[TZ_DECIMALS_MAX];
    char final[TZ_DECIMALS_MAX], temperature[TZ_DECIMALS_MAX], entropy[TZ_DECIMALS_MAX];
    tz_decimals(gamma, l->gamma);
    tz_decimals(tau, l->tau);
    tz_decimals(rate, l->learning_rate);
    tz_decimals(final, l->final_learning_rate);
    tz_decimals(temperature, l->initial_temperature);
    tz_decimals(entropy, l->target_entropy);
    char decay[80] = "";
    if (!isnan(l->final_learning_rate)) {
        snprintf(decay, sizeof decay, ", final rate %s after %" PRIu64 " updates", final,
                 l->decay_updates);
    }
    snprintf(
        trainer->config, sizeof trainer->config,
        "lag 1, env %s%s%s%s%s%s, seed %" PRIu64 ", learning starts %" PRIu64 ", replay %" PRIu64
        ", evaluation %" PRIu64 " x %d, hidden %d, batch %d, gamma %s, tau %s, rate %s, "
        "temperature %s, target entropy %s%s",
        trainer->task->name, trainer->task->digest[0] != '\0' ? " of " : "", trainer->task->digest,
        trainer->task->env_arguments[0] != '\0' ? " with " : "", trainer->task->env_arguments,
        trainer->task->ends_early ? "" : " without early ends", l->seed, d->learning_starts,
        d->replay_capacity, d->evaluation_interval, d->evaluation_episodes, l->hidden, l->batch,
        gamma, tau, rate, temperature, entropy, decay);
}

static tz_status resume(tz_sac_trainer *trainer, const char *path, tz_error *error) {
    tz_safetensors *file;
    TZ_CHECK(tz_safetensors_read(&file, path, error));
    size_t n_rows = 0;
    tz_status status = tz_sac_checkpoint_n_rows(&n_rows, file, error);
    if (status == TZ_OK) {
        status = reserve_rows(trainer, n_rows, error);
    }
    if (status == TZ_OK) {
        const tz_sac_checkpoint checkpoint = checkpoint_of(trainer);
        status = tz_sac_checkpoint_read(&checkpoint, file, error);
    }
    tz_safetensors_destroy(file);
    const uint64_t done = trainer->progress.step, asked = trainer->def.steps;
    if (status == TZ_OK && done > asked) {
        status = tz_fail(error, TZ_ERR_MISMATCH,
                         "%s: %" PRIu64 " steps are done, expected --steps of as many or more, not "
                         "%" PRIu64,
                         path, done, asked);
    }
    const double elapsed = trainer->env_state[0]; // steps of the episode
    if (status == TZ_OK && !(elapsed >= 0.0 && elapsed <= trainer->task->max_episode_steps)) {
        status = tz_fail(error, TZ_ERR_FORMAT, "%s: %g steps into an episode, expected 0 to %d",
                         path, elapsed, trainer->task->max_episode_steps);
    }
    if (status == TZ_OK) {
        tz_env_set_state(trainer->env, trainer->env_state);
        tz_env_observe(trainer->env, trainer->z);
    }
    return status;
}

static tz_status start(tz_sac_trainer *trainer, tz_error *error) {
    static const char *const files[] = {"checkpoint.safetensors", "config.json",
                                        "policy.safetensors", "best.safetensors"};
    const tz_sac_trainer_def *d = &trainer->def;
    char path[TZ_PATH_MAX], snapshots[TZ_PATH_MAX];
    TZ_CHECK(d->resume ? TZ_OK : tz_run_folder_refuse(d->folder, files, TZ_COUNTOF(files), error));
    TZ_CHECK(tz_path_join(snapshots, d->folder, "snapshots", error));
    TZ_CHECK(tz_make_folders(snapshots, error));
    TZ_CHECK(tz_path_join(path, d->folder, files[0], error));
    if (tz_file_exists(path)) {
        TZ_CHECK(resume(trainer, path, error));
    } else {
        tz_env_reset(trainer->env, trainer->z, trainer->def.learner.seed, 0);
    }
    observe(trainer, trainer->obs, trainer->env);
    return TZ_OK;
}

static tz_status create_parts(tz_sac_trainer *trainer, tz_team *team, tz_error *error) {
    TZ_CHECK(create_env(trainer, error));
    TZ_CHECK(create_buffers(trainer, error));
    trainer->def.learner.n_obs = trainer->layout.n;
    trainer->def.learner.nu = trainer->task->nu;
    const uint64_t steps = trainer->def.steps, starts = trainer->def.learning_starts;
    trainer->def.learner.decay_updates = steps > starts ? steps - starts : 0;
    TZ_CHECK(tz_sac_create(&trainer->sac, &trainer->def.learner, team, error));
    const uint64_t capacity = trainer->def.replay_capacity;
    const uint64_t rows = capacity < trainer->def.steps ? capacity : trainer->def.steps;
    TZ_CHECK(tz_replay_create(&trainer->replay, trainer->layout.n, trainer->task->nu,
                              tz_task_nz(trainer->task), rows, error));
    describe(trainer);
    return start(trainer, error);
}

tz_status tz_sac_trainer_create(tz_sac_trainer **out, const tz_sac_trainer_def *def, tz_team *team,
                                tz_error *error) {
    *out = NULL;
    TZ_CHECK(check_def(def, error));
    tz_sac_trainer *trainer = tz_alloc(1, sizeof *trainer);
    if (trainer == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: the SAC trainer");
    }
    trainer->def = *def;
    trainer->progress.best_return = -INFINITY;
    const tz_status status = create_parts(trainer, team, error);
    if (status != TZ_OK) {
        tz_sac_trainer_destroy(trainer);
        return status;
    }
    *out = trainer;
    return TZ_OK;
}

void tz_sac_trainer_destroy(tz_sac_trainer *trainer) {
    if (trainer != NULL) {
        tz_sac_destroy(trainer->sac);
        tz_replay_destroy(&trainer->replay);
        tz_env_destroy(trainer->env);
        tz_env_destroy(trainer->evaluation_env);
        tz_free(trainer->rows);
        tz_free(trainer->float_block);
        tz_free(trainer->double_block);
        tz_free(trainer);
    }
}

uint64_t tz_sac_trainer_step(const tz_sac_trainer *trainer) {
    return trainer->progress.step;
}

uint64_t tz_sac_trainer_cut_episodes(const tz_sac_trainer *trainer) {
    return trainer->progress.n_unstable;
}

const tz_task *tz_sac_trainer_task(const tz_sac_trainer *trainer) {
    return trainer->task;
}

tz_status tz_sac_trainer_save_replay(tz_sac_trainer *trainer, const tz_writer_def *def,
                                     tz_error *error) {
    return tz_replay_write_dataset(&trainer->replay, trainer->evaluation_env,
                                   trainer->def.learner.seed, def, error);
}

const tz_sac_metrics *tz_sac_trainer_metrics(const tz_sac_trainer *trainer, size_t *n) {
    *n = trainer->progress.n_rows;
    return trainer->rows;
}

// ---- one environment step

// Writes the control of trainer->action to trainer->u.
static void to_control(tz_sac_trainer *trainer) {
    const tz_task *task = trainer->task;
    tz_squashed_to_control(trainer->u_f32, trainer->action, task->control_low, task->control_high,
                           task->nu);
    for (int j = 0; j < task->nu; j++) {
        trainer->u[j] = (double)trainer->u_f32[j];
    }
}

// Chooses trainer->action: uniform before learning starts, then the sampled policy.
static void explore(tz_sac_trainer *trainer) {
    const uint64_t step = trainer->progress.step;
    tz_rng rng = tz_rng_stream(trainer->def.learner.seed, TZ_PURPOSE_EXPLORE, step);
    if (step >= trainer->def.learning_starts) {
        tz_sac_act(trainer->sac, trainer->action, trainer->obs, &rng);
        return;
    }
    for (int j = 0; j < trainer->task->nu; j++) {
        trainer->action[j] = (float)(2.0 * tz_rng_uniform(&rng) - 1.0);
    }
}

// The environment's step with trainer->u; touches neither learner nor memory.
static void step_env(void *context) {
    tz_sac_trainer *trainer = context;
    tz_env_step(trainer->env, &trainer->step, trainer->z, trainer->u);
}

// Remembers the step and starts a new episode where one ended. A step without a sound state and
// reward is not remembered as data; its episode was cut before it.
static void remember(tz_sac_trainer *trainer) {
    tz_sac_progress *p = &trainer->progress;
    const tz_step *step = &trainer->step;
    const bool is_sound = step->outcome == TZ_STEP_OK;
    if (is_sound) {
        observe(trainer, trainer->next_obs, trainer->env);
        const tz_transition transition = {.obs = trainer->obs,
                                          .next_obs = trainer->next_obs,
                                          .action = trainer->action,
                                          .reward = step->reward,
                                          .terminated = step->terminated,
                                          .truncated = step->truncated,
                                          .z_next = trainer->z,
                                          .episode = p->episode,
                                          .t = p->episode_steps};
        tz_replay_add(&trainer->replay, &transition);
        p->episode_return += step->reward;
        p->episode_steps++;
    } else {
        p->n_unstable++;
        if (p->episode_steps > 0 && trainer->replay.size > 0) {
            tz_replay_cut_newest(&trainer->replay, step->outcome == TZ_STEP_UNSTABLE
                                                       ? TZ_CUT_UNSTABLE
                                                       : TZ_CUT_BAD_REWARD);
        }
    }
    if (!is_sound || step->terminated || step->truncated) {
        p->episode++;
        p->finished_episodes++;
        p->finished_return += p->episode_return;
        p->episode_return = 0.0;
        p->episode_steps = 0;
        tz_env_reset(trainer->env, trainer->z, trainer->def.learner.seed, p->episode);
    }
    observe(trainer, trainer->obs, trainer->env);
    p->step++;
}

// An update from the memory as it is before this step, with the environment's step beside it.
static tz_status learn_and_step(tz_sac_trainer *trainer, tz_error *error) {
    tz_sac_progress *p = &trainer->progress;
    tz_sac_draw(trainer->sac, &trainer->replay);
    const tz_sac_losses losses = tz_sac_update(trainer->sac, step_env, trainer);
    if (!isfinite(losses.critic) || !isfinite(losses.actor) || !isfinite(losses.temperature)) {
        return tz_fail(error, TZ_ERR_NUMERIC,
                       "SAC diverged at step %" PRIu64
                       ": critic loss %g, actor loss %g, temperature %g; try a smaller learning "
                       "rate",
                       p->step, losses.critic, losses.actor, losses.temperature);
    }
    p->n_losses++;
    p->critic_loss += losses.critic;
    p->actor_loss += losses.actor;
    p->temperature += losses.temperature;
    p->entropy += losses.entropy;
    p->q += losses.q;
    return TZ_OK;
}

// ---- evaluation

// Return and length of one deterministic episode; one that is cut ends before the step that cut it.
// Borrows trainer's buffers but obs.
static void run_episode(tz_sac_trainer *trainer, uint64_t episode, double *total, double *length,
                        double *z) {
    tz_env *env = trainer->evaluation_env;
    tz_env_reset(env, z, trainer->def.learner.seed, episode);
    tz_step step = {0};
    for (*total = 0.0, *length = 0.0; !step.terminated && !step.truncated; (*length)++) {
        observe(trainer, trainer->next_obs, env);
        tz_sac_act(trainer->sac, trainer->action, trainer->next_obs, NULL);
        to_control(trainer);
        tz_env_step(env, &step, z, trainer->u);
        if (step.outcome != TZ_STEP_OK) {
            trainer->progress.n_unstable++;
            return;
        }
        *total += step.reward;
    }
}

static void evaluate(tz_sac_trainer *trainer, tz_sac_metrics *row) {
    const int n = trainer->def.evaluation_episodes;
    double sum = 0.0, sum_squares = 0.0, length_sum = 0.0;
    double z[TZ_NZ_MAX];
    for (int i = 0; i < n; i++) {
        double total, length;
        run_episode(trainer, TZ_SAC_EVALUATION_EPISODE + (uint64_t)i, &total, &length, z);
        sum += total;
        sum_squares += total * total;
        length_sum += length;
    }
    const double mean = sum / n;
    const tz_sac_progress *p = &trainer->progress;
    const double losses = p->n_losses > 0 ? (double)p->n_losses : NAN;
    *row = (tz_sac_metrics){
        .step = (double)p->step,
        .episodes = (double)p->episode,
        .return_mean = mean,
        .return_std = sqrt(fmax(0.0, sum_squares / n - mean * mean)),
        .length_mean = length_sum / n,
        .training_return =
            p->finished_episodes > 0 ? p->finished_return / (double)p->finished_episodes : NAN,
        .critic_loss = p->critic_loss / losses,
        .actor_loss = p->actor_loss / losses,
        .temperature = p->temperature / losses,
        .entropy = p->entropy / losses,
        .q = p->q / losses};
}

// ---- files

static tz_status write_policy(tz_sac_trainer *trainer, const char *name, double return_mean,
                              tz_error *error) {
    char path[TZ_PATH_MAX], seed[32], step[32], result[32];
    TZ_CHECK(tz_path_join(path, trainer->def.folder, name, error));
    snprintf(seed, sizeof seed, "%" PRIu64, trainer->def.learner.seed);
    snprintf(step, sizeof step, "%" PRIu64, trainer->progress.step);
    snprintf(result, sizeof result, "%.1f", return_mean);
    const char *env_arguments = trainer->task->env_arguments;
    const tz_metadata notes[] = {
        {"algorithm", "SAC"},
        {"command", trainer->def.command == NULL ? "" : trainer->def.command},
        {"seed", seed},
        {"steps", step},
        {"return_mean", result},
        {"env_arguments", env_arguments}}; // the last, for there may be none
    const int n_notes = (int)TZ_COUNTOF(notes) - (env_arguments[0] == '\0');
    return tz_sac_write_policy(path, trainer->sac, &trainer->layout, trainer->task, notes, n_notes,
                               error);
}

static tz_status write_critics(tz_sac_trainer *trainer, const char *name, tz_error *error) {
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, trainer->def.folder, name, error));
    return tz_sac_write_critics(path, trainer->sac, trainer->task, error);
}

// True when an evaluation before the last one reached this return.
static bool was_reached(const tz_sac_trainer *trainer, double wanted) {
    bool reached = false;
    for (size_t i = 0; i + 1 < trainer->progress.n_rows; i++) {
        reached = reached || trainer->rows[i].return_mean >= wanted;
    }
    return reached;
}

// Policies that this evaluation asks for: the last, the best, the first to reach a wanted return.
static tz_status write_policies(tz_sac_trainer *trainer, const tz_sac_metrics *row,
                                tz_error *error) {
    tz_sac_progress *p = &trainer->progress;
    char name[64];
    TZ_CHECK(write_policy(trainer, "policy.safetensors", row->return_mean, error));
    TZ_CHECK(write_critics(trainer, "critics.safetensors", error));
    if (row->return_mean > p->best_return) {
        p->best_return = row->return_mean;
        TZ_CHECK(write_policy(trainer, "best.safetensors", row->return_mean, error));
        TZ_CHECK(write_critics(trainer, "best-critics.safetensors", error));
    }
    for (int i = 0; i < trainer->def.n_snapshot_return; i++) {
        const double wanted = trainer->def.snapshot_return[i];
        if (row->return_mean >= wanted && !was_reached(trainer, wanted)) {
            snprintf(name, sizeof name, "snapshots/return-%g.safetensors", wanted);
            TZ_CHECK(write_policy(trainer, name, row->return_mean, error));
        }
    }
    if (trainer->def.snapshot_interval > 0 && p->step % trainer->def.snapshot_interval == 0) {
        snprintf(name, sizeof name, "snapshots/step-%09" PRIu64 ".safetensors", p->step);
        TZ_CHECK(write_policy(trainer, name, row->return_mean, error));
    }
    return TZ_OK;
}

static tz_status write_checkpoint(tz_sac_trainer *trainer, tz_error *error) {
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, trainer->def.folder, "checkpoint.safetensors", error));
    tz_env_get_state(trainer->env, trainer->env_state);
    const tz_sac_checkpoint checkpoint = checkpoint_of(trainer);
    return tz_sac_checkpoint_write(path, &checkpoint, error);
}

// Evaluates, adds a row to the metrics and writes what follows from it.
static tz_status finish_interval(tz_sac_trainer *trainer, tz_error *error) {
    tz_sac_progress *p = &trainer->progress;
    TZ_CHECK(reserve_rows(trainer, p->n_rows + 1, error));
    tz_sac_metrics *row = &trainer->rows[p->n_rows];
    evaluate(trainer, row);
    p->n_rows++;
    p->n_losses = p->finished_episodes = 0;
    p->critic_loss = p->actor_loss = p->temperature = p->entropy = p->q = 0.0;
    p->finished_return = 0.0;
    TZ_CHECK(write_policies(trainer, row, error));
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, trainer->def.folder, "metrics.csv", error));
    return tz_sac_write_metrics(path, trainer->rows, p->n_rows, error);
}

// A step of training. The action is chosen by the newest policy; then the environment steps while
// the learner updates from the memory without this transition, which joins it afterwards. So the
// memory lags by one step, always, and the threads do not matter.
static tz_status train_step(tz_sac_trainer *trainer, tz_error *error) {
    explore(trainer);
    to_control(trainer);
    if (trainer->progress.step >= trainer->def.learning_starts && trainer->replay.size > 0) {
        TZ_CHECK(learn_and_step(trainer, error));
    } else {
        step_env(trainer);
    }
    remember(trainer);
    return TZ_OK;
}

tz_status tz_sac_trainer_run(tz_sac_trainer *trainer, tz_sac_report report, void *context,
                             tz_error *error) {
    const tz_sac_trainer_def *def = &trainer->def;
    const tz_sac_progress *p = &trainer->progress;
    while (p->step < def->steps) {
        TZ_CHECK(train_step(trainer, error));
        const bool evaluated = p->step % def->evaluation_interval == 0 || p->step == def->steps;
        if (evaluated) {
            TZ_CHECK(finish_interval(trainer, error));
        }
        const bool go_on =
            report(context, p->step, evaluated ? &trainer->rows[p->n_rows - 1] : NULL);
        if (!go_on || p->step % def->checkpoint_interval == 0 || p->step == def->steps) {
            TZ_CHECK(write_checkpoint(trainer, error));
        }
        if (!go_on && p->step < def->steps) {
            return tz_fail(error, TZ_ERR_INTERRUPTED,
                           "stopped after step %" PRIu64 "; --resume goes on from there", p->step);
        }
    }
    return TZ_OK;
}
