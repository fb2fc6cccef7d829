// Each kind against numbers that other programs made in double: tests/golden/*_torch.txt by
// PyTorch (make_models.py beside them), *_study.txt by the study's own code. Rollout, loss and the
// gradient of every tensor by name, to 1e-5 relative.
#include "fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double TOLERANCE = 1e-5;

// ---- reading

enum { ENTRIES_MAX = 64, VALUES_MAX = 512 };

typedef struct golden_entry {
    char name[64];
    int shape[4];
    int n;
    double value[VALUES_MAX];
} golden_entry;

typedef struct golden_file {
    int n;
    golden_entry entry[ENTRIES_MAX];
} golden_file;

// Lines: a comment, then "name ndim d0 d1 .." and the values, in turns.
static golden_file *read_golden(const char *file_name) {
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/%s", TZ_SOURCE_DIR, file_name);
    FILE *file = fopen(path, "r");
    golden_file *golden = calloc(1, sizeof *golden);
    assert_non_null(file);
    assert_non_null(golden);
    assert_int_equal(fscanf(file, "#%*[^\n]"), 0);
    int ndim;
    while (fscanf(file, "%63s %d", golden->entry[golden->n].name, &ndim) == 2) {
        golden_entry *entry = &golden->entry[golden->n++];
        entry->n = 1;
        for (int i = 0; i < ndim; i++) {
            assert_int_equal(fscanf(file, "%d", &entry->shape[i]), 1);
            entry->n *= entry->shape[i];
        }
        assert_true(entry->n <= VALUES_MAX && golden->n < ENTRIES_MAX);
        for (int i = 0; i < entry->n; i++) {
            assert_int_equal(fscanf(file, "%lf", &entry->value[i]), 1);
        }
    }
    fclose(file);
    return golden;
}

static const golden_entry *find(const golden_file *golden, const char *prefix, const char *name) {
    char full[128];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    for (int i = 0; i < golden->n; i++) {
        if (strcmp(golden->entry[i].name, full) == 0) {
            return &golden->entry[i];
        }
    }
    fail_msg("golden file has no %s", full);
    return NULL;
}

static void copy(float *to, const golden_entry *from) {
    for (int i = 0; i < from->n; i++) {
        to[i] = (float)from->value[i];
    }
}

static void check(const char *what, const float *values, const golden_entry *expected) {
    double size = 0.0;
    for (int i = 0; i < expected->n; i++) {
        size += fabs(expected->value[i]);
    }
    // what has no derivative has none here either
    const double error =
        size > 0.0 ? fixture_error(values, expected->value, expected->n) : fabs((double)values[0]);
    if (!(error <= TOLERANCE)) {
        fail_msg("%s: %s has relative error %.3g, tolerated %.3g", what, expected->name, error,
                 TOLERANCE);
    }
}

// ---- PyTorch

static void statistic(double *to, const golden_entry *from, int first, int n) {
    memcpy(to, from->value + first, (size_t)n * sizeof *to);
}

static void agrees_with_torch(const char *kind, const char *file_name) {
    enum { NQ = 3, NZ = 6, NU = 2, B = 4, T = 3, N = (T + 1) * B * NZ };
    golden_file *golden = read_golden(file_name);
    const tz_task task = {
        .name = "golden", .nq = NQ, .nv = NQ, .nu = NU, .dt_s = 0.04, .cyclic = {true}};
    tz_model_statistics statistics = {0};
    statistic(statistics.z_mean, find(golden, "", "input_mean"), 0, NZ);
    statistic(statistics.u_mean, find(golden, "", "input_mean"), NZ, NU);
    statistic(statistics.z_std, find(golden, "", "input_std"), 0, NZ);
    statistic(statistics.u_std, find(golden, "", "input_std"), NZ, NU);
    statistic(statistics.rate_mean, find(golden, "", "rate_mean"), 0, NZ);
    statistic(statistics.rate_std, find(golden, "", "rate_std"), 0, NZ);
    tz_model_def def = tz_model_def_default();
    def.kind = kind;
    def.n_hidden = 5;
    def.substeps = 4;
    tz_model *model;
    tz_model_workspace *workspace;
    tz_error error;
    assert_int_equal(tz_model_create(&model, &def, &task, &statistics, &error), TZ_OK);
    assert_int_equal(tz_model_workspace_create(&workspace, model, B, T, true, &error), TZ_OK);
    for (int i = 0; i < model->n_tensors; i++) {
        copy(model->parameters + model->tensors[i].offset,
             find(golden, "param:", model->tensors[i].name));
    }
    tz_model_prepare(model);

    // rollout and loss: mean of ((z - target) / std)^2
    float z0[B * NZ], u[T * B * NU], z[N], z_bar[N];
    copy(z0, find(golden, "", "z0"));
    copy(u, find(golden, "", "u"));
    tz_model_rollout(model, workspace, z, z0, u, T, B);
    check(kind, z, find(golden, "", "z"));
    const golden_entry *target = find(golden, "", "target");
    double loss = 0.0;
    for (int i = 0; i < N; i++) {
        const double sigma = statistics.z_std[i % NZ];
        const double residual = (z[i] - target->value[i]) / sigma;
        loss += residual * residual / N;
        z_bar[i] = (float)(2.0 * residual / sigma / N);
    }
    check(kind, &(float){(float)loss}, find(golden, "", "loss"));

    // gradient of every tensor
    float grad[1000] = {0};
    assert_true(model->n_parameters <= TZ_COUNTOF(grad));
    tz_model_rollout_vjp(model, workspace, grad, z_bar, u, T, B);
    for (int i = 0; i < model->n_tensors; i++) {
        check(kind, grad + model->tensors[i].offset, find(golden, "grad:", model->tensors[i].name));
    }
    tz_model_workspace_destroy(model, workspace);
    tz_model_destroy(model);
    free(golden);
}

static void test_torch(void **state) {
    (void)state;
    agrees_with_torch("node", "node_torch.txt");
    agrees_with_torch("node-so", "node_so_torch.txt");
    agrees_with_torch("hnn", "hnn_torch.txt");
}

// ---- the study

enum { STUDY_NZ = 4, STUDY_NU = 1, STUDY_B = 3, STUDY_T = 3 };

// Names of the study's tensors in the order of ours; its weights are (outputs, inputs).
static const char *const study_names[] = {"net.0.weight", "net.0.bias",   "net.2.weight",
                                          "net.2.bias",   "net.4.weight", "net.4.bias"};

static golden_entry study_tensor(const golden_file *golden, const char *prefix, int number) {
    const golden_entry *stored = find(golden, prefix, study_names[number]);
    golden_entry tensor = *stored;
    const int rows = stored->shape[1], cols = stored->shape[0];
    for (int i = 0; number % 2 == 0 && i < rows; i++) {
        for (int j = 0; j < cols; j++) {
            tensor.value[i * cols + j] = stored->value[j * rows + i];
        }
    }
    return tensor;
}

static tz_model *study_model(const golden_file *golden, const char *kind, tz_model_statistics *s) {
    const tz_task task = {.name = "study", .nq = 2, .nv = 2, .nu = STUDY_NU, .dt_s = 0.04};
    statistic(s->z_mean, find(golden, "", "input_loc"), 0, STUDY_NZ);
    statistic(s->u_mean, find(golden, "", "input_loc"), STUDY_NZ, STUDY_NU);
    statistic(s->z_std, find(golden, "", "input_scale"), 0, STUDY_NZ);
    statistic(s->u_std, find(golden, "", "input_scale"), STUDY_NZ, STUDY_NU);
    // node-so's file has the velocities' half
    const golden_entry *loc = find(golden, "", "output_loc");
    statistic(s->rate_mean + STUDY_NZ - loc->n, loc, 0, loc->n);
    statistic(s->rate_std + STUDY_NZ - loc->n, find(golden, "", "output_scale"), 0, loc->n);
    tz_model_def def = tz_model_def_default();
    def.kind = kind;
    def.n_hidden = 4;
    tz_model *model;
    tz_error error;
    assert_int_equal(tz_model_create(&model, &def, &task, s, &error), TZ_OK);
    for (int i = 0; i < model->n_tensors; i++) {
        const golden_entry tensor = study_tensor(golden, "param:", i);
        copy(model->parameters + model->tensors[i].offset, &tensor);
    }
    tz_model_prepare(model);
    return model;
}

static void agrees_with_study(const char *kind, const char *file_name) {
    enum { N = (STUDY_T + 1) * STUDY_B * STUDY_NZ };
    golden_file *golden = read_golden(file_name);
    tz_model_statistics statistics = {0};
    tz_model *model = study_model(golden, kind, &statistics);
    tz_model_workspace *workspace;
    tz_error error;
    assert_int_equal(tz_model_workspace_create(&workspace, model, STUDY_B, STUDY_T, true, &error),
                     TZ_OK);

    // its arrays are (row, time, .), ours (time, row, .)
    const golden_entry *x = find(golden, "", "x"), *u_stored = find(golden, "", "u");
    const golden_entry *predicted = find(golden, "", "pred_incl_last");
    float z0[STUDY_B * STUDY_NZ], u[STUDY_T * STUDY_B], z[N], z_bar[N] = {0};
    golden_entry expected = *predicted;
    for (int row = 0; row < STUDY_B; row++) {
        for (int t = 0; t <= STUDY_T; t++) {
            for (int i = 0; i < STUDY_NZ; i++) {
                expected.value[(t * STUDY_B + row) * STUDY_NZ + i] =
                    predicted->value[(row * (STUDY_T + 1) + t) * STUDY_NZ + i];
            }
        }
        for (int i = 0; i < STUDY_NZ; i++) {
            z0[row * STUDY_NZ + i] = (float)x->value[row * STUDY_T * STUDY_NZ + i];
        }
        for (int t = 0; t < STUDY_T; t++) {
            u[t * STUDY_B + row] = (float)u_stored->value[row * STUDY_T + t];
        }
    }
    tz_model_rollout(model, workspace, z, z0, u, STUDY_T, STUDY_B);
    check(kind, z, &expected);

    // loss: mean over rows, the first three times and components; the last state is not in it
    const int n_loss = STUDY_T * STUDY_B * STUDY_NZ;
    const golden_entry *sigma = find(golden, "", "z_std");
    double loss = 0.0;
    for (int i = 0; i < n_loss; i++) {
        const int t = i / (STUDY_B * STUDY_NZ), row = i / STUDY_NZ % STUDY_B, k = i % STUDY_NZ;
        const double residual =
            (z[i] - x->value[(row * STUDY_T + t) * STUDY_NZ + k]) / sigma->value[k];
        loss += residual * residual / n_loss;
        z_bar[i] = (float)(2.0 * residual / sigma->value[k] / n_loss);
    }
    check(kind, &(float){(float)loss}, find(golden, "", "loss"));

    float grad[200] = {0};
    assert_true(model->n_parameters <= TZ_COUNTOF(grad));
    tz_model_rollout_vjp(model, workspace, grad, z_bar, u, STUDY_T, STUDY_B);
    for (int i = 0; i < model->n_tensors; i++) {
        const golden_entry tensor = study_tensor(golden, "grad:", i);
        check(kind, grad + model->tensors[i].offset, &tensor);
    }
    tz_model_workspace_destroy(model, workspace);
    tz_model_destroy(model);
    free(golden);
}

static void test_study(void **state) {
    (void)state;
    agrees_with_study("node", "node_study.txt");
    agrees_with_study("node-so", "node_so_study.txt");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torch),
        cmocka_unit_test(test_study),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
