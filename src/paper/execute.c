#include "paper/execute.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/run_folder.h"
#include "paper/job.h"
#include "train/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

enum { LAST_EPOCHS = 10 }; // whose mean is the training loss

// Time between two checkpoints (s).
static const double CHECKPOINT_PERIOD_S = 60.0;

static tz_status path_of(char path[TZ_PATH_MAX], const char *folder, const char *subfolder,
                         const tz_study_run *run, const char *suffix, tz_error *error) {
    char name[TZ_RUN_NAME_MAX], file[TZ_RUN_NAME_MAX + 64];
    tz_run_name(name, run);
    snprintf(file, sizeof file, "%s/%s%s", subfolder, name, suffix);
    return tz_path_join(path, folder, file, error);
}

tz_status tz_run_result_path(char path[TZ_PATH_MAX], const char *folder, const tz_study_run *run,
                             tz_error *error) {
    return path_of(path, folder, "runs", run, ".json", error);
}

// ---- the loop

typedef struct loop {
    tz_job job;
    const tz_job_ops *ops;
    char what[TZ_RUN_NAME_MAX + 128]; // of the checkpoint
    char checkpoint[TZ_PATH_MAX];
    tz_epoch_metrics *metrics; // (epochs)
    int n_epochs;              // complete
    double started_s, saved_s;
    int epochs_before; // that another process made
} loop;

static tz_status prepare(loop *l, tz_error *error) {
    const tz_study_run *run = l->job.run;
    char name[TZ_RUN_NAME_MAX];
    tz_run_name(name, run);
    TZ_CHECK(
        path_of(l->checkpoint, l->job.host->folder, "checkpoints", run, ".safetensors", error));
    TZ_CHECK(l->ops->open(&l->job, error));
    snprintf(l->what, sizeof l->what, "%s %s by %s", name, l->job.result.source, tz_version());
    l->metrics = tz_alloc((size_t)run->epochs, sizeof *l->metrics);
    if (l->metrics == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a run of %d epochs", run->epochs);
    }
    if (tz_file_exists(l->checkpoint)) {
        TZ_CHECK(tz_checkpoint_read(l->checkpoint, l->job.trainer, l->job.model, l->metrics,
                                    &l->n_epochs, run->epochs, l->what, error));
    }
    l->epochs_before = l->n_epochs;
    l->started_s = l->saved_s = tz_now_s();
    return TZ_OK;
}

static tz_status save(loop *l, tz_error *error) {
    l->saved_s = tz_now_s();
    return tz_checkpoint_write(l->checkpoint, l->job.trainer, l->job.model, l->metrics, l->n_epochs,
                               l->what, error);
}

// Evaluations are due where their number grows.
static bool is_evaluated(const loop *l) {
    const int64_t E = l->job.run->epochs, e = l->n_epochs, n = tz_run_evaluations(l->job.run);
    return e * n / E > (e - 1) * n / E;
}

static tz_status end_epoch(loop *l, tz_error *error) {
    tz_epoch_metrics *m = &l->metrics[l->n_epochs++];
    *m = tz_epoch_metrics_of(l->job.trainer, l->n_epochs, tz_trainer_lr(l->job.trainer));
    if (is_evaluated(l)) {
        TZ_CHECK(l->ops->measure(&l->job, error));
        m->test_loss = l->job.result.test_mse;
        m->rollout_nmse = l->job.result.rollout_error;
        m->rollout_nmse_median = l->job.result.test_median;
        m->rollout_diverged = l->job.result.diverged;
    }
    return TZ_OK;
}

static tz_status train(loop *l, tz_error *error) {
    tz_trainer *trainer = l->job.trainer;
    l->job.result.finite = true;
    while (!tz_trainer_done(trainer)) {
        const int epoch = tz_trainer_epoch(trainer);
        while (tz_trainer_epoch(trainer) == epoch) {
            if (tz_trainer_step(trainer).outcome != TZ_TRAIN_OK) {
                l->job.result.finite = false;
                return l->ops->measure(&l->job, error);
            }
        }
        TZ_CHECK(end_epoch(l, error));
        const tz_run_host *host = l->job.host;
        const double share = (double)l->n_epochs / l->job.run->epochs;
        const bool stop = host->progress != NULL && !host->progress(host->context, share) &&
                          !tz_trainer_done(trainer);
        if (stop || tz_now_s() - l->saved_s > CHECKPOINT_PERIOD_S) {
            TZ_CHECK(save(l, error));
        }
        if (stop) {
            return tz_fail(error, TZ_ERR_INTERRUPTED, "interrupted: the same command goes on");
        }
    }
    // a checkpoint may be of the last epoch, whose measures it does not keep
    return l->n_epochs == l->epochs_before ? l->ops->measure(&l->job, error) : TZ_OK;
}

// What the result takes from the history of the run.
static void summarise(loop *l) {
    tz_study_result *result = &l->job.result;
    result->rollout_error_min = result->rollout_error;
    result->test_mse_min = result->test_mse;
    double loss = 0.0;
    int n_loss = 0;
    for (int e = 0; e < l->n_epochs; e++) {
        result->rollout_error_min = fmin(result->rollout_error_min, l->metrics[e].rollout_nmse);
        result->test_mse_min = fmin(result->test_mse_min, l->metrics[e].test_loss);
        if (e >= l->n_epochs - LAST_EPOCHS) {
            loss += l->metrics[e].train_loss;
            n_loss++;
        }
    }
    result->train_loss = n_loss > 0 ? loss / n_loss : NAN;
    result->parameters = (int)l->job.model->n_parameters;
    const double share = (double)(l->n_epochs - l->epochs_before) / l->job.run->epochs;
    result->seconds = tz_now_s() - l->started_s;
    result->flops = share * tz_run_flops(l->job.run);
}

static tz_status finish(loop *l, tz_error *error) {
    char path[TZ_PATH_MAX];
    summarise(l);
    TZ_CHECK(tz_run_result_path(path, l->job.host->folder, l->job.run, error));
    TZ_CHECK(tz_result_write(path, &l->job.result, error));
    unlink(l->checkpoint);
    return TZ_OK;
}

tz_status tz_run_execute(const tz_run_host *host, const tz_study_run *run, tz_error *error) {
    loop *l = tz_alloc(1, sizeof *l);
    if (l == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a run");
    }
    l->ops = run->protocol == TZ_PROTOCOL_ROBOT ? &tz_robot_job_ops : &tz_system_job_ops;
    l->job = (tz_job){.run = run, .host = host, .result = {.run = *run}};
    tz_study_result *result = &l->job.result;
    result->rollout_error = result->rollout_error_no_t0 = result->rollout_error_code = NAN;
    result->rollout_error_stays = NAN;
    result->test_mse = result->test_median = result->symplectic_error = NAN;
    result->energy = result->energy_code = NAN;

    tz_status status = prepare(l, error);
    if (status == TZ_OK) {
        status = train(l, error);
    }
    if (status == TZ_OK) {
        status = finish(l, error);
    }
    tz_trainer_destroy(l->job.trainer);
    l->ops->close(&l->job);
    tz_model_destroy(l->job.model);
    tz_free(l->metrics);
    tz_free(l);
    return status;
}
