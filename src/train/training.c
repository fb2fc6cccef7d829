#include "train/training.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/table.h"
#include "base/tensorboard.h"
#include "base/text.h"
#include "train/evaluation.h"

#include <limits.h>
#include <math.h>
#include <mujoco/mujoco.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEF_COOKIE = 0x7472756e };

tz_training_def tz_training_def_default(void) {
    tz_training_def def = {.cookie = DEF_COOKIE,
                           .trainer = tz_trainer_def_default(),
                           .n_sequences = 40000,
                           .length = 3,
                           .n_test_sequences = 2000,
                           .rollout_every = 16,
                           .n_rollouts = 100,
                           .horizon = 200};
    def.trainer.lr = 5e-3;
    def.trainer.input_noise = 0.1;
    return def;
}

// A run at work.
typedef struct run {
    const tz_training_def *def;
    tz_model *model;
    tz_team *team;
    tz_sequences *sequences;      // to learn from
    tz_sequences *test_sequences; // from held-out episodes; NULL: there are none long enough
    tz_rollouts *rollouts;        // from held-out episodes; NULL: there are none
    tz_trainer *trainer;
    tz_epoch_metrics *metrics; // (epochs)
    int n_epochs;              // complete
    char *what;                // all that the weights depend on, in one line
    int extended_from;         // epochs of the run that is extended, 0: none
    bool schedule_changed;     // by that
    char csv[TZ_PATH_MAX], checkpoint[TZ_PATH_MAX], model_file[TZ_PATH_MAX], best[TZ_PATH_MAX];
} run;

// ---- making

static tz_status check(const tz_training_def *def, tz_error *error) {
    if (def->cookie != DEF_COOKIE) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "training definition was not made by tz_training_def_default");
    }
    if (def->n_sequences < 1 || def->length < 2 || def->n_test_sequences < 1 ||
        def->rollout_every < 1 || def->n_rollouts < 1 || def->horizon < 1) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "training on %d sequences of %d states, tested on %d and every %d epochs in "
                       "%d rollouts of %d steps: expected sequences of 2 states or more, and at "
                       "least 1 of all else",
                       def->n_sequences, def->length, def->n_test_sequences, def->rollout_every,
                       def->n_rollouts, def->horizon);
    }
    return TZ_OK;
}

// Everything that the weights depend on, beside the data's values.
static char *describe(const tz_training_def *def, int epochs) {
    const tz_trainer_def *t = &def->trainer;
    char *what = NULL, floor[64] = "", regulariser[64] = "";
    if (t->lr_floor > 0.0) {
        snprintf(floor, sizeof floor, " (floor %.17g at every step)", t->lr_floor);
    }
    if (t->symplectic > 0.0) {
        snprintf(regulariser, sizeof regulariser, ", symplectic regulariser %.17g", t->symplectic);
    }
    const int length = asprintf(
        &what,
        "%s; %d sequences of %d states, batch %d, tile %d, epochs %d, learning rate %.17g to "
        "%.17g%s, %sweight decay %.17g, clip %.17g, noise %.17g, curriculum from %d, spectral "
        "limit %.17g%s%s%s, seed %llu; test on %d, rollouts %d of %d every %d, %s weights kept",
        def->what, def->n_sequences, def->length, t->batch, t->tile, epochs, t->lr, t->lr_end,
        floor, t->decoupled ? "decoupled " : "", t->weight_decay, t->clip, t->input_noise,
        t->first_length, t->spectral_limit, t->loss == TZ_LOSS_L1 ? ", absolute error" : "",
        t->unweighted ? ", unweighted" : "", regulariser, (unsigned long long)t->seed,
        def->n_test_sequences, def->n_rollouts, def->horizon, def->rollout_every,
        def->keep_best ? "best" : "last");
    return length < 0 ? NULL : what;
}

// Held-out sequences and rollouts, where held-out episodes are long enough for them.
static tz_status pick_tests(run *r, const tz_source *sources, int n_sources, tz_error *error) {
    const tz_training_def *def = r->def;
    const tz_status status =
        tz_sequences_draw(&r->test_sequences, sources, n_sources, TZ_PART_TEST,
                          def->n_test_sequences, def->length, def->trainer.seed, error);
    TZ_CHECK(status == TZ_ERR_ARGUMENT ? TZ_OK : status);
    // of the first source that holds any out: they stay the same when more data are added
    for (int i = 0; i < n_sources; i++) {
        const int longest = tz_dataset_longest(sources[i].dataset, sources[i].is_test);
        if (longest > 0) {
            return tz_rollouts_pick(
                &r->rollouts, sources[i].dataset, sources[i].is_test, def->n_rollouts,
                longest < def->horizon ? longest : def->horizon, sources[i].path, error);
        }
    }
    return TZ_OK;
}

// Which versions of MuJoCo made the data, also those that a loaded model was learned from before,
// and which trains it now.
static void record_versions(tz_model *model, const tz_source *sources, int n_sources) {
    if (model->sha256[0] != '\0' && model->data_mujoco[0] == '\0') {
        tz_versions_add(model->data_mujoco, ""); // its file is from before there was a record
    }
    for (int i = 0; i < n_sources; i++) {
        tz_versions_add(model->data_mujoco, sources[i].dataset->mujoco);
    }
    snprintf(model->trained_mujoco, sizeof model->trained_mujoco, "%s", mj_versionString());
}

static tz_status make(run *r, const tz_source *sources, int n_sources, tz_error *error) {
    const tz_training_def *def = r->def;
    TZ_CHECK(check(def, error));
    TZ_CHECK(tz_path_join(r->csv, def->folder, "metrics.csv", error));
    TZ_CHECK(tz_path_join(r->checkpoint, def->folder, "checkpoint.safetensors", error));
    TZ_CHECK(tz_path_join(r->model_file, def->folder, "model.safetensors", error));
    TZ_CHECK(tz_path_join(r->best, def->folder, "best.safetensors", error));
    TZ_CHECK(tz_sequences_draw(&r->sequences, sources, n_sources, TZ_PART_TRAIN, def->n_sequences,
                               def->length, def->trainer.seed, error));
    TZ_CHECK(pick_tests(r, sources, n_sources, error));
    if (def->keep_best && r->rollouts == NULL) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s: no held-out episode to choose the best weights by: hold some out "
                       "(--test-fraction), or keep the last ones",
                       sources[0].path);
    }
    TZ_CHECK(tz_trainer_create(&r->trainer, &def->trainer, r->model, r->sequences, r->team, error));
    r->metrics = tz_alloc((size_t)def->trainer.epochs, sizeof *r->metrics);
    r->what = describe(def, def->trainer.epochs);
    record_versions(r->model, sources, n_sources);
    if (r->metrics == NULL || r->what == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a training run");
    }
    return TZ_OK;
}

static void destroy(run *r) {
    tz_trainer_destroy(r->trainer);
    tz_sequences_destroy(r->sequences);
    tz_sequences_destroy(r->test_sequences);
    tz_rollouts_destroy(r->rollouts);
    tz_free(r->metrics);
    free(r->what);
}

// ---- files

static tz_status write_checkpoint(const run *r, tz_error *error) {
    return tz_checkpoint_write(r->checkpoint, r->trainer, r->model, r->metrics, r->n_epochs,
                               r->what, error);
}

static tz_status write_csv(const run *r, tz_error *error) {
    tz_text text;
    TZ_CHECK(tz_text_open(&text, error));
    fputs("epoch,learning_rate,train_loss,grad_norm,test_loss,rollout_nmse,rollout_nmse_median,"
          "rollout_diverged\n",
          text.stream);
    for (int i = 0; i < r->n_epochs; i++) {
        const tz_epoch_metrics *m = &r->metrics[i];
        const double row[TZ_N_METRICS] = {
            m->epoch,     m->learning_rate, m->train_loss,          m->grad_norm,
            m->test_loss, m->rollout_nmse,  m->rollout_nmse_median, m->rollout_diverged};
        for (int k = 0; k < TZ_N_METRICS; k++) {
            tz_csv_put_number(text.stream, row[k]);
            fputc(k + 1 < TZ_N_METRICS ? ',' : '\n', text.stream);
        }
    }
    return tz_text_write(&text, r->csv, error);
}

// Row `i` of the metrics for TensorBoard.
static tz_status append_event(const run *r, int i, tz_error *error) {
    const tz_epoch_metrics *m = &r->metrics[i];
    const tz_scalar scalars[] = {{"loss/train", m->train_loss},
                                 {"loss/held_out", m->test_loss},
                                 {"rollout/nmse", m->rollout_nmse},
                                 {"rollout/nmse_median", m->rollout_nmse_median},
                                 {"rollout/diverged", m->rollout_diverged},
                                 {"optimiser/learning_rate", m->learning_rate},
                                 {"optimiser/grad_norm", m->grad_norm}};
    return tz_tensorboard_append(r->def->folder, i + 1, scalars, TZ_COUNTOF(scalars), error);
}

// Begins the event file with the epochs that are complete.
static tz_status begin_events(const run *r, tz_error *error) {
    TZ_CHECK(tz_tensorboard_begin(r->def->folder, error));
    for (int i = 0; i < r->n_epochs; i++) {
        TZ_CHECK(append_event(r, i, error));
    }
    return TZ_OK;
}

// ---- epochs

// Measures on held-out episodes what is due after the epoch that just ended.
static tz_status measure(run *r, double lr, tz_error *error) {
    tz_epoch_metrics *m = &r->metrics[r->n_epochs];
    *m = tz_epoch_metrics_of(r->trainer, r->n_epochs + 1, lr);
    if (r->test_sequences != NULL) {
        m->test_loss = tz_trainer_loss(r->trainer, r->test_sequences);
    }
    const bool due = (r->n_epochs + 1) % r->def->rollout_every == 0 || tz_trainer_done(r->trainer);
    if (r->rollouts != NULL && due) {
        const tz_predictor predictor = {.type = TZ_PREDICT_MODEL, .model = r->model};
        tz_evaluation *evaluation = NULL;
        TZ_CHECK(
            tz_evaluate(&evaluation, r->rollouts, &predictor, r->model->sigma_z, r->team, error));
        m->rollout_nmse = evaluation->mean;
        m->rollout_nmse_median = evaluation->median;
        m->rollout_diverged = evaluation->n_diverged;
        tz_evaluation_destroy(evaluation);
    }
    r->n_epochs++;
    return TZ_OK;
}

// Index into the metrics of the epoch with the best rollouts; -1 when none was measured.
static int best_epoch(const run *r) {
    int best = -1;
    for (int i = 0; i < r->n_epochs; i++) {
        const tz_epoch_metrics *m = &r->metrics[i], *b = best < 0 ? m : &r->metrics[best];
        const bool measured = isfinite(m->rollout_nmse);
        if (measured &&
            (best < 0 || m->rollout_diverged < b->rollout_diverged ||
             (m->rollout_diverged == b->rollout_diverged && m->rollout_nmse < b->rollout_nmse))) {
            best = i;
        }
    }
    return best;
}

// The best weights so far have a file of their own, which a resumed run needs; which epoch they are
// of is in the metrics.
static tz_status keep_if_best(const run *r, tz_error *error) {
    return r->def->keep_best && best_epoch(r) == r->n_epochs - 1
               ? tz_model_save(r->model, r->best, error)
               : TZ_OK;
}

static tz_status write_model(const run *r, tz_error *error) {
    if (!r->def->keep_best || best_epoch(r) < 0) {
        return tz_model_save(r->model, r->model_file, error);
    }
    tz_model *best = NULL;
    TZ_CHECK(tz_model_load(&best, r->best, error));
    const tz_status status = tz_model_save(best, r->model_file, error);
    tz_model_destroy(best);
    return status;
}

static void note(char text[128], const run *r) {
    snprintf(text, 128, "epoch %d/%d", r->n_epochs, r->def->trainer.epochs);
    if (r->n_epochs > 0) {
        const tz_epoch_metrics *m = &r->metrics[r->n_epochs - 1];
        const size_t used = strlen(text);
        snprintf(text + used, 128 - used, ", loss %.3g", m->train_loss);
        if (isfinite(m->test_loss)) {
            const size_t more = strlen(text);
            snprintf(text + more, 128 - more, ", held out %.3g", m->test_loss);
        }
    }
}

static tz_status fail_nonfinite(const run *r, double lr, tz_error *error) {
    return tz_fail(error, TZ_ERR_NUMERIC,
                   "%s: training stopped, the loss is not finite in epoch %d, step %d (learning "
                   "rate %g); %s holds the last weights that were saved before",
                   r->def->folder, tz_trainer_epoch(r->trainer) + 1,
                   tz_trainer_step_in_epoch(r->trainer) + 1, lr, r->checkpoint);
}

static tz_status fail_interrupted(const run *r, tz_error *error) {
    TZ_CHECK(write_checkpoint(r, error));
    return tz_fail(error, TZ_ERR_INTERRUPTED,
                   "%s: interrupted in epoch %d of %d; --resume continues from here",
                   r->def->folder, tz_trainer_epoch(r->trainer) + 1, r->def->trainer.epochs);
}

// An epoch is over.
static tz_status end_epoch(run *r, double lr, tz_error *error) {
    TZ_CHECK(measure(r, lr, error));
    TZ_CHECK(keep_if_best(r, error));
    TZ_CHECK(write_checkpoint(r, error));
    TZ_CHECK(write_csv(r, error));
    return r->def->events ? append_event(r, r->n_epochs - 1, error) : TZ_OK;
}

static tz_status train(run *r, double *steps, tz_error *error) {
    const double per_epoch = tz_trainer_steps_per_epoch(r->trainer);
    double done = per_epoch * tz_trainer_epoch(r->trainer) + tz_trainer_step_in_epoch(r->trainer);
    tz_progress progress = tz_progress_start(r->model->ops->kind, "steps", done,
                                             per_epoch * r->def->trainer.epochs, r->def->quiet);
    tz_status status = TZ_OK;
    char text[128];
    note(text, r);
    while (status == TZ_OK && !tz_trainer_done(r->trainer)) {
        const double lr = tz_trainer_lr(r->trainer);
        if (tz_trainer_step(r->trainer).outcome != TZ_TRAIN_OK) {
            status = fail_nonfinite(r, lr, error);
            break;
        }
        done++;
        (*steps)++;
        if (tz_trainer_step_in_epoch(r->trainer) == 0) {
            status = end_epoch(r, lr, error);
            note(text, r);
        }
        tz_progress_update(&progress, done, text);
        if (status == TZ_OK && tz_interrupted() && !tz_trainer_done(r->trainer)) {
            status = fail_interrupted(r, error);
        }
    }
    tz_progress_finish(&progress, done, text);
    return status;
}

// ---- going on with a checkpoint

// The epochs that a description asks for, 0 when it does not say: its own words come last.
static int epochs_of(const char *what) {
    static const char words[] = ", epochs ";
    long epochs = 0;
    for (const char *at = strstr(what, words); at != NULL; at = strstr(at, words)) {
        at += strlen(words);
        epochs = strtol(at, NULL, 10);
    }
    return epochs > 0 && epochs <= INT_MAX ? (int)epochs : 0;
}

// Makes a run of `epochs` epochs, just read, the beginning of this longer one. Its last epoch was
// measured because it was the last. That is forgotten where the longer run does not measure, unless
// those weights are the best, which have taken the place of the ones before.
static void extend(run *r, int epochs) {
    r->extended_from = epochs;
    r->schedule_changed = !tz_trainer_agrees(r->trainer, epochs);
    const bool is_kept = r->def->keep_best && best_epoch(r) == epochs - 1;
    if (r->n_epochs == epochs && epochs % r->def->rollout_every != 0 && !is_kept) {
        tz_epoch_metrics *m = &r->metrics[epochs - 1];
        m->rollout_nmse = m->rollout_nmse_median = m->rollout_diverged = NAN;
    }
}

// Reads a checkpoint of this run, or of one that differs in the number of epochs alone.
static tz_status read_checkpoint(run *r, tz_error *error) {
    const int epochs = r->def->trainer.epochs;
    char *found = NULL;
    TZ_CHECK(tz_checkpoint_what(&found, r->checkpoint, error));
    const int earlier = epochs_of(found);
    char *described = describe(r->def, earlier);
    const bool is_other = earlier != epochs && described != NULL && strcmp(described, found) == 0;
    free(described);
    tz_status status = TZ_OK;
    if (is_other && earlier > epochs) {
        status = tz_fail(error, TZ_ERR_MISMATCH,
                         "%s: a run of %d epochs, expected --epochs %d or more, not %d",
                         r->checkpoint, earlier, earlier, epochs);
    } else {
        status = tz_checkpoint_read(r->checkpoint, r->trainer, r->model, r->metrics, &r->n_epochs,
                                    epochs, is_other ? found : r->what, error);
    }
    tz_free(found);
    if (status == TZ_OK && is_other) {
        extend(r, earlier);
    }
    return status;
}

static tz_status start(run *r, tz_error *error) {
    const bool is_resumed = r->def->resume && tz_file_exists(r->checkpoint);
    if (is_resumed) {
        TZ_CHECK(read_checkpoint(r, error));
    }
    if (is_resumed && r->def->keep_best && best_epoch(r) >= 0 && !tz_file_exists(r->best)) {
        return tz_fail(error, TZ_ERR_IO,
                       "%s: is not there, expected the weights of epoch %d, the best so far",
                       r->best, best_epoch(r) + 1);
    }
    if (r->def->begin != NULL) {
        TZ_CHECK(r->def->begin(r->def->begin_context, error));
    }
    if (!is_resumed || r->extended_from > 0) {
        TZ_CHECK(write_checkpoint(r, error));
    }
    return r->def->events ? begin_events(r, error) : TZ_OK;
}

tz_status tz_train(const tz_training_def *def, tz_model *model, const tz_source *sources,
                   int n_sources, tz_team *team, tz_training_report *report, tz_error *error) {
    run r = {.def = def, .model = model, .team = team};
    const double began_s = tz_now_s();
    double steps = 0.0;
    tz_status status = make(&r, sources, n_sources, error);
    if (status == TZ_OK) {
        status = start(&r, error);
    }
    if (status == TZ_OK) {
        status = train(&r, &steps, error);
    }
    if (status == TZ_OK) {
        status = write_csv(&r, error);
    }
    if (status == TZ_OK) {
        status = write_model(&r, error);
    }
    if (report != NULL) {
        *report = (tz_training_report){.seconds = tz_now_s() - began_s,
                                       .steps = steps,
                                       .extended_from = r.extended_from,
                                       .schedule_changed = r.schedule_changed,
                                       .last = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN}};
        if (r.n_epochs > 0) {
            const int best = def->keep_best ? best_epoch(&r) : -1;
            report->last = r.metrics[r.n_epochs - 1];
            report->kept_epoch = best < 0 ? r.n_epochs : best + 1;
        }
    }
    destroy(&r);
    return status;
}

void tz_model_widen_range(tz_model *model, const tz_model_statistics *statistics) {
    for (int i = 0; i < tz_model_nz(model); i++) {
        model->z_low[i] = fminf(model->z_low[i], (float)statistics->z_low[i]);
        model->z_high[i] = fmaxf(model->z_high[i], (float)statistics->z_high[i]);
    }
}
