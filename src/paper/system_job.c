// A run on a synthetic system: the study's protocol for them.
#include "base/memory.h"
#include "paper/job.h"
#include "paper/study_data.h"

#include <string.h>

enum { ROWS = 50 }; // of test rollouts at a time, so that they stay in the cache

typedef struct synthetic {
    tz_study_data *data;
    tz_model_workspace *workspace;
    float *zhat; // predictions                              (100, n, nz)
    float *tile; // of some rollouts                         (100, ROWS, nz)
} synthetic;

static tz_status allocate(tz_job *job, synthetic *s, tz_error *error) {
    const size_t nz = (size_t)tz_model_nz(job->model);
    s->zhat = tz_alloc((size_t)s->data->test.T * (size_t)s->data->test.n * nz, sizeof(float));
    s->tile = tz_alloc((size_t)s->data->test.T * ROWS * nz, sizeof(float));
    if (s->zhat == NULL || s->tile == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: test rollouts");
    }
    return tz_model_workspace_create(&s->workspace, job->model, ROWS, TZ_CHUNK_TEST - 1, false,
                                     error);
}

// What a model must beat: the error of predicting that each state stays at z_0.
static tz_status measure_stays(tz_job *job, synthetic *s, tz_error *error) {
    tz_test_rollouts rollouts = s->data->test;
    const size_t row = (size_t)rollouts.n * 2 * (size_t)rollouts.nq;
    for (size_t t = 0; t < (size_t)rollouts.T; t++) {
        memcpy(s->zhat + t * row, rollouts.z, row * sizeof(float));
    }
    rollouts.zhat = s->zhat;
    tz_rollout_metrics m;
    TZ_CHECK(tz_measure_rollouts(&m, &rollouts, NULL, NULL, error));
    job->result.rollout_error_stays = m.rollout_error;
    return TZ_OK;
}

static tz_status system_open(tz_job *job, tz_error *error) {
    synthetic *s = job->data = tz_alloc(1, sizeof *s);
    if (s == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a run");
    }
    const tz_study_run *run = job->run;
    TZ_CHECK(tz_study_data_get(&s->data, job->host->folder, run->system, run->n_systems, run->seed,
                               job->host->team, error));
    tz_model_def model_def = tz_model_def_synthetic();
    model_def.kind = run->model;
    model_def.n_hidden = run->n_hidden;
    model_def.seed = (uint64_t)run->seed;
    TZ_CHECK(tz_model_create(&job->model, &model_def, &s->data->task, &s->data->statistics, error));
    TZ_CHECK(allocate(job, s, error));
    TZ_CHECK(measure_stays(job, s, error));
    tz_trainer_def def = tz_trainer_def_default();
    def.epochs = run->epochs;
    def.lr = run->lr;
    def.lr_floor = 1e-3;
    def.decoupled = true;
    def.loss = run->loss;
    def.unweighted = true;
    def.symplectic = run->symplectic;
    def.seed = (uint64_t)run->seed;
    return tz_trainer_create(&job->trainer, &def, job->model, &s->data->train, job->host->team,
                             error);
}

// Predictions of all test rollouts, some rows at a time.
static void predict(const tz_job *job, synthetic *s) {
    const tz_test_rollouts *test = &s->data->test;
    const size_t nz = (size_t)tz_model_nz(job->model), n = (size_t)test->n;
    for (size_t first = 0; first < n; first += ROWS) {
        const size_t B = n - first < ROWS ? n - first : ROWS;
        tz_model_rollout(job->model, s->workspace, s->tile, test->z + first * nz, NULL, test->T - 1,
                         (int)B);
        for (size_t t = 0; t < (size_t)test->T; t++) {
            memcpy(s->zhat + (t * n + first) * nz, s->tile + t * B * nz, B * nz * sizeof(float));
        }
    }
}

static tz_status system_measure(tz_job *job, tz_error *error) {
    synthetic *s = job->data;
    tz_study_result *result = &job->result;
    tz_rollout_metrics m;
    predict(job, s);
    tz_test_rollouts rollouts = s->data->test;
    rollouts.zhat = s->zhat;
    TZ_CHECK(tz_measure_rollouts(&m, &rollouts, result->curve_mean, result->curve_std, error));
    result->rollout_error = m.rollout_error;
    result->rollout_error_no_t0 = m.rollout_error_no_t0;
    result->rollout_error_code = m.rollout_error_code;
    result->test_mse = m.mse;
    result->energy = m.energy;
    result->energy_code = m.energy_code;
    result->diverged = m.n_diverged;
    if (job->run->symplectic > 0.0) {
        result->symplectic_error = tz_trainer_symplectic_error(job->trainer);
    }
    return TZ_OK;
}

static void system_close(tz_job *job) {
    synthetic *s = job->data;
    if (s != NULL) {
        if (s->workspace != NULL) {
            tz_model_workspace_destroy(job->model, s->workspace);
        }
        tz_free(s->zhat);
        tz_free(s->tile);
        tz_study_data_destroy(s->data);
        tz_free(s);
    }
}

const tz_job_ops tz_system_job_ops = {system_open, system_measure, system_close};
