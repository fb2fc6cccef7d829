#include "fixture.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

tz_task fixture_task(void) {
    tz_task task = {.name = "fixture", .nq = 3, .nv = 3, .nu = 2, .dt_s = 0.04, .cyclic = {true}};
    return task;
}

tz_task fixture_floating_task(void) {
    tz_task task = {.name = "floating", .nq = 6, .nv = 5, .nu = 2, .dt_s = 0.04, .cyclic = {true}};
    for (int i = 1; i < 5; i++) {
        task.coordinate[i] = TZ_COORDINATE_QUATERNION;
    }
    task.coordinate[5] = TZ_COORDINATE_ANGLE;
    return task;
}

bool fixture_is_synthetic(const char *kind) {
    return strcmp(kind, "node-so") != 0 && strcmp(kind, "node-so-naive") != 0 &&
           strcmp(kind, "symoden-study") != 0;
}

// What a file of float holds, so that models in both precisions are the same.
static void round_to_float(double *x) {
    for (int i = 0; i < 12; i++) {
        x[i] = (double)(float)x[i];
    }
}

tz_model_statistics fixture_statistics(void) {
    tz_model_statistics s = {
        .z_mean = {2.0, 0.3, -0.1, 1.0, -0.2, 0.4},
        .z_std = {3.0, 0.4, 0.25, 1.5, 2.0, 1.2},
        .u_mean = {0.1, -0.05},
        .u_std = {0.6, 0.5},
        .rate_mean = {1.0, -0.2, 0.4, 0.3, -0.6, 0.2},
        .rate_std = {1.5, 2.0, 1.2, 4.0, 9.0, 7.0},
        .rate_max = {4.0, 5.0, 3.0, 9.0, 20.0, 16.0},
        .z_low = {-5.0, -1.0, -1.0, -4.0, -6.0, -4.0},
        .z_high = {9.0, 1.5, 1.0, 5.0, 6.0, 4.0},
    };
    // for tasks of more than three positions
    for (int i = 6; i < 12; i++) {
        s.z_mean[i] = 0.1 * i - 0.8;
        s.z_std[i] = 0.5 + 0.1 * i;
        s.rate_mean[i] = 0.3 - 0.05 * i;
        s.rate_std[i] = 1.0 + 0.3 * i;
        s.rate_max[i] = 3.0 + 0.5 * i;
        s.z_low[i] = -3.0;
        s.z_high[i] = 3.0;
    }
    double *const all[] = {s.z_mean,   s.z_std,    s.u_mean, s.u_std, s.rate_mean,
                           s.rate_std, s.rate_max, s.z_low,  s.z_high};
    for (size_t i = 0; i < TZ_COUNTOF(all); i++) {
        round_to_float(all[i]);
    }
    return s;
}

tz_model *fixture_model(const char *kind) {
    const tz_task task = fixture_task();
    tz_model_def def = tz_model_def_default();
    def.kind = kind;
    def.substeps = 4;
    return fixture_model_of(&def, &task);
}

tz_model *fixture_model_of(const tz_model_def *def, const tz_task *task) {
    const tz_model_statistics statistics = fixture_statistics();
    tz_model_def generic = *def;
    generic.n_hidden = 11;
    generic.seed = 5;
    tz_model *model = NULL;
    tz_error error = {0};
    if (tz_model_create(&model, &generic, task, &statistics, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    tz_rng rng = tz_rng_stream(7, TZ_PURPOSE_TEST, 0);
    for (size_t i = 0; i < model->n_parameters; i++) {
        model->parameters[i] += (tz_real)0.2 * (tz_real)tz_rng_normal(&rng);
    }
    tz_model_prepare(model);
    return model;
}

void fixture_fill(tz_real *x, int n, double std, int stream) {
    tz_rng rng = tz_rng_stream(11, TZ_PURPOSE_TEST, (uint64_t)stream);
    for (int i = 0; i < n; i++) {
        x[i] = (tz_real)(std * tz_rng_normal(&rng));
    }
}

double fixture_error(const tz_real *a, const double *b, int n) {
    double difference = 0.0, size = 0.0;
    for (int i = 0; i < n; i++) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += b[i] * b[i];
    }
    return sqrt(difference / size);
}

void assert_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance)) {
        fail_msg("%.17g instead of %.17g, tolerated %.3g", value, expected, tolerance);
    }
}
