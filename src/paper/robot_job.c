// A run on a robot (figure 7): the study's other protocol, by the library's usual training.
#include "base/memory.h"
#include "paper/job.h"

#include <stdio.h>
#include <string.h>

enum { LENGTH = 3 };

typedef struct robot {
    const tz_robot_data *data; // the host's
    tz_env *env;
    tz_sequences *sequences;
} robot;

static const tz_robot_data *find_data(const tz_run_host *host, const char *env) {
    for (int i = 0; i < host->n_robots; i++) {
        if (strcmp(host->robots[i].env, env) == 0) {
            return &host->robots[i];
        }
    }
    return NULL;
}

static tz_status make_model(tz_job *job, const robot *r, const tz_source *source, tz_error *error) {
    tz_model_statistics statistics;
    TZ_CHECK(tz_training_statistics(&statistics, source, 1, error));
    tz_model_def def = tz_model_def_default();
    def.kind = job->run->model;
    def.n_hidden = job->run->n_hidden;
    def.mask_cyclic = false;
    def.seed = (uint64_t)job->run->seed;
    return tz_model_create(&job->model, &def, tz_env_task(r->env), &statistics, error);
}

static tz_status robot_open(tz_job *job, tz_error *error) {
    robot *r = job->data = tz_alloc(1, sizeof *r);
    if (r == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a run");
    }
    const tz_study_run *run = job->run;
    const tz_robot_data *data = r->data = find_data(job->host, run->system);
    if (data == NULL) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "no data of %s: give --data %s=DATASET", run->system,
                       run->system);
    }
    snprintf(job->result.source, sizeof job->result.source, "%s", data->source);
    tz_env_def env_def = tz_env_def_default();
    env_def.name = data->env;
    TZ_CHECK(tz_env_create(&r->env, &env_def, error));
    const tz_source source = {
        .path = data->env, .dataset = data->dataset, .is_test = data->is_test};
    TZ_CHECK(tz_sequences_draw(&r->sequences, &source, 1, TZ_PART_TRAIN, run->n_systems, LENGTH,
                               (uint64_t)run->seed, error));
    TZ_CHECK(make_model(job, r, &source, error));
    tz_trainer_def def = tz_trainer_def_default();
    def.epochs = run->epochs;
    def.lr = run->lr;
    def.seed = (uint64_t)run->seed;
    return tz_trainer_create(&job->trainer, &def, job->model, r->sequences, job->host->team, error);
}

static tz_status robot_measure(tz_job *job, tz_error *error) {
    const robot *r = job->data;
    const tz_predictor predictor = {.type = TZ_PREDICT_MODEL, .model = job->model};
    tz_evaluation *evaluation = NULL;
    TZ_CHECK(tz_evaluate(&evaluation, r->data->rollouts, &predictor, job->model->sigma_z,
                         job->host->team, error));
    job->result.test_mse = evaluation->mean;
    job->result.test_median = evaluation->median;
    job->result.diverged = evaluation->n_diverged;
    tz_evaluation_destroy(evaluation);
    return TZ_OK;
}

static void robot_close(tz_job *job) {
    robot *r = job->data;
    if (r != NULL) {
        tz_sequences_destroy(r->sequences);
        tz_env_destroy(r->env);
        tz_free(r);
    }
}

const tz_job_ops tz_robot_job_ops = {robot_open, robot_measure, robot_close};
