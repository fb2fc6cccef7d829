#include "paper/forecast.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"
#include "train/trainer.h"

#include <math.h>
#include <string.h>

enum { BATCH = 200, WARM_UP = 2, STEPS = 6 };

// The work of one step of training, by tz_run_flops of a run that does nothing else.
static double step_flops(const tz_study_run *run) {
    tz_study_run longer = *run, shorter = *run;
    longer.n_systems = shorter.n_systems = run->protocol == TZ_PROTOCOL_ROBOT ? BATCH : 250;
    shorter.epochs = 1000; // both with all their tests during training
    longer.epochs = 2000;
    longer.symplectic = shorter.symplectic = 0.0;
    return (tz_run_flops(&longer) - tz_run_flops(&shorter)) / 1000.0;
}

// A task of the run's dimensions.
static tz_task make_task(const tz_study_run *run) {
    const tz_study_dims d = tz_system_dims(run->system);
    tz_task task = {.nq = d.n, .nv = d.n, .nu = d.nu, .dt_s = 0.03};
    for (int i = 0; i < d.n; i++) {
        // angles stand last where not all coordinates are
        task.coordinate[i] = i >= d.n - d.n_angles ? TZ_COORDINATE_ANGLE : TZ_COORDINATE_LINEAR;
    }
    return task;
}

static tz_status make_model(tz_model **model, const tz_study_run *run, const tz_task *task,
                            tz_error *error) {
    tz_model_statistics statistics = {0};
    for (int i = 0; i < TZ_NZ_MAX; i++) {
        statistics.z_std[i] = statistics.rate_std[i] = 1.0;
        statistics.z_low[i] = -1.0;
        statistics.z_high[i] = 1.0;
    }
    for (int i = 0; i < TZ_NU_MAX; i++) {
        statistics.u_std[i] = 1.0;
    }
    tz_model_def def =
        run->protocol == TZ_PROTOCOL_ROBOT ? tz_model_def_default() : tz_model_def_synthetic();
    def.kind = run->model;
    def.n_hidden = run->n_hidden;
    return tz_model_create(model, &def, task, &statistics, error);
}

// Seconds of a step of training: of the fastest, as other work can only make one slower.
static tz_status time_step(double *seconds, tz_model *model, const tz_sequences *noise,
                           tz_error *error) {
    tz_team *team = NULL;
    tz_trainer *trainer = NULL;
    tz_trainer_def def = tz_trainer_def_default();
    def.batch = BATCH;
    tz_status status = tz_team_create(&team, 1, error);
    if (status == TZ_OK) {
        status = tz_trainer_create(&trainer, &def, model, noise, team, error);
    }
    if (status == TZ_OK) {
        *seconds = INFINITY;
        for (int i = 0; i < WARM_UP + STEPS; i++) {
            const double started_s = tz_now_s();
            tz_trainer_step(trainer);
            *seconds = i < WARM_UP ? INFINITY : fmin(*seconds, tz_now_s() - started_s);
        }
    }
    tz_trainer_destroy(trainer);
    tz_team_destroy(team);
    return status;
}

// Floating-point operations a second of training.
static tz_status measure_rate(double *rate, const tz_study_run *run, tz_error *error) {
    const tz_task task = make_task(run);
    const int length = run->protocol == TZ_PROTOCOL_ROBOT ? 3 : 5;
    const size_t n_z = (size_t)(BATCH * length * 2 * task.nq);
    const size_t n_u = (size_t)(BATCH * (length - 1) * task.nu);
    tz_sequences noise = {.n = BATCH, .length = length, .nz = 2 * task.nq, .nu = task.nu};
    tz_model *model = NULL;
    double seconds = 0.0;
    noise.z = tz_alloc(n_z, sizeof(float));
    noise.u = tz_alloc(n_u, sizeof(float));
    tz_status status = noise.z == NULL || noise.u == NULL
                           ? tz_fail(error, TZ_ERR_MEMORY, "out of memory: a forecast")
                           : make_model(&model, run, &task, error);
    if (status == TZ_OK) {
        tz_rng rng = tz_rng_stream(0, TZ_PURPOSE_TEST, 0);
        tz_rng_fill_normal_f32(&rng, noise.z, n_z);
        tz_rng_fill_normal_f32(&rng, noise.u, n_u);
        status = time_step(&seconds, model, &noise, error);
    }
    *rate = seconds > 0.0 ? step_flops(run) / seconds : INFINITY;
    tz_model_destroy(model);
    tz_free(noise.z);
    tz_free(noise.u);
    return status;
}

tz_status tz_forecast(double *seconds, const tz_run_list *runs, tz_error *error) {
    for (int i = 0; i < runs->n; i++) {
        const tz_study_run *run = &runs->run[i];
        // one timing serves all runs of the same networks on the same system
        int same = 0;
        while (same < i && (strcmp(runs->run[same].model, run->model) != 0 ||
                            strcmp(runs->run[same].system, run->system) != 0 ||
                            runs->run[same].n_hidden != run->n_hidden)) {
            same++;
        }
        double rate = 0.0;
        if (same < i) {
            rate = tz_run_flops(&runs->run[same]) / seconds[same];
        } else {
            TZ_CHECK(measure_rate(&rate, run, error));
        }
        seconds[i] = tz_run_flops(run) / rate;
    }
    return TZ_OK;
}
