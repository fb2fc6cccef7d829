// Writes models, a rollout of each and the gradient of a loss into a folder, for peer_rollouts.py:
// every kind in every form that it serves. <kind>.<form>.safetensors is the model,
// <kind>.<form>.rollout.safetensors holds z0, u, z, the weights z_bar of the loss sum z_bar . z,
// and its gradient (grad.<tensor>). Linked to the models in double it takes the weights from those
// files and writes <kind>.<form>.rollout_f64.safetensors.
#include "base/safetensors.h"
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { B = 16, T = 8, NZ_MAX = 11, NU = 2, PARAMETERS_MAX = 4000, TENSORS_MAX = 32 };
static const char *folder;

// Robot: normalised, masked, Euler. Floating: with a quaternion. Synthetic: as in the study. Mixed:
// normalised, masked, angles embedded, classical Runge-Kutta, controls. Shallow and deep: robot
// with 1 and 3 hidden layers. Limited: robot with a range limit, and variances V.
enum { ROBOT, FLOATING, SYNTHETIC, MIXED, SHALLOW, DEEP, LIMITED, FORMS };
static const char *const form_names[] = {"robot",   "floating", "synthetic", "mixed",
                                         "shallow", "deep",     "limited"};

// False where the kind does not serve the form.
static bool define(tz_model_def *def, tz_task *task, const char *kind, int form) {
    *task = form == FLOATING ? fixture_floating_task() : fixture_task();
    *def = form == SYNTHETIC || form == MIXED ? tz_model_def_synthetic() : tz_model_def_default();
    def->kind = kind;
    def->n_layers = form == SHALLOW ? 1 : form == DEEP ? 3 : 2;
    def->range_limit = form == LIMITED ? 0.5 : 0.0;
    def->probabilistic = form == LIMITED;
    if (form == LIMITED) {
        return strcmp(kind, "node") == 0 || strcmp(kind, "node-so") == 0;
    }
    if (form == FLOATING) {
        return strcmp(kind, "node") == 0 || strcmp(kind, "node-so") == 0 ||
               strcmp(kind, "node-so-naive") == 0;
    }
    if (form == SYNTHETIC || form == MIXED) {
        task->coordinate[0] = task->coordinate[2] = TZ_COORDINATE_ANGLE;
        task->nu = form == SYNTHETIC ? 0 : NU;
        if (form == MIXED) {
            def->integrator = TZ_INTEGRATOR_RK4;
            def->normalise = def->mask_cyclic = true;
        }
        return fixture_is_synthetic(kind);
    }
    return true;
}

static const bool is_double = sizeof(tz_real) == sizeof(double);

// Writes the model, or in double takes its weights from the file.
static void share_model(tz_model *model, const char *path) {
    tz_error error;
    if (!is_double) {
        assert_int_equal(tz_model_save(model, path, &error), TZ_OK);
        return;
    }
    tz_safetensors *file;
    assert_int_equal(tz_safetensors_read(&file, path, &error), TZ_OK);
    for (int i = 0; i < model->n_tensors; i++) {
        const tz_model_tensor *tensor = &model->tensors[i];
        const float *data = tz_safetensors_find(file, tensor->name)->data;
        for (int k = 0; k < tensor->rows * tensor->cols; k++) {
            model->parameters[tensor->offset + (size_t)k] = (tz_real)data[k];
        }
    }
    tz_safetensors_destroy(file);
    tz_model_prepare(model);
}

static void write_model(const char *kind, int form) {
    static tz_real z0[B * NZ_MAX], u[T * B * NU], z[(T + 1) * B * NZ_MAX],
        z_bar[(T + 1) * B * NZ_MAX];
    tz_real grad[PARAMETERS_MAX] = {0};
    tz_model_def def;
    tz_task task;
    if (!define(&def, &task, kind, form)) {
        return;
    }
    tz_model *model = fixture_model_of(&def, &task);
    const size_t nz = (size_t)tz_model_nz(model), nu = (size_t)task.nu;
    assert_true(model->n_parameters <= PARAMETERS_MAX && model->n_tensors + 5 <= TENSORS_MAX);
    fixture_fill(z0, (int)(B * nz), 0.8, 41);
    fixture_fill(u, T * B * NU, 0.6, 42);
    fixture_fill(z_bar, (int)((T + 1) * B * nz), 1.0, 43);
    char path[4096];
    tz_model_workspace *workspace;
    tz_error error;
    snprintf(path, sizeof path, "%s/%s.%s.safetensors", folder, kind, form_names[form]);
    share_model(model, path);

    assert_int_equal(tz_model_workspace_create(&workspace, model, B, T, true, &error), TZ_OK);
    tz_model_rollout(model, workspace, z, z0, u, T, B);
    tz_model_rollout_vjp(model, workspace, grad, z_bar, u, T, B);
    tz_tensor tensors[TENSORS_MAX] = {
        {.name = "z0", .ndim = 2, .shape = {B, nz}, .data = z0},
        {.name = "u", .ndim = 3, .shape = {T, B, nu}, .data = u},
        {.name = "z", .ndim = 3, .shape = {T + 1, B, nz}, .data = z},
        {.name = "z_bar", .ndim = 3, .shape = {T + 1, B, nz}, .data = z_bar},
    };
    static char names[TENSORS_MAX][48];
    int n = 4;
    if (model->has_variance) {
        // the variances' gradient for the weights z_bar joins that of the rollout
        static tz_real V[(T + 1) * B * NZ_MAX];
        tz_model_variance(model, workspace, V, z, u, T, B);
        tz_model_variance_vjp(model, workspace, grad, z_bar, z, u, T, B);
        tensors[n++] = (tz_tensor){.name = "V", .ndim = 3, .shape = {T + 1, B, nz}, .data = V};
    }
    for (int i = 0; i < model->n_tensors; i++, n++) {
        const tz_model_tensor *tensor = &model->tensors[i];
        snprintf(names[n], sizeof names[n], "grad.%s", tensor->name);
        tensors[n] = (tz_tensor){.name = names[n],
                                 .ndim = 2,
                                 .shape = {(size_t)tensor->rows, (size_t)tensor->cols},
                                 .data = grad + tensor->offset};
    }
    for (int i = 0; i < n; i++) {
        tensors[i].dtype = is_double ? TZ_DTYPE_F64 : TZ_DTYPE_F32;
    }
    snprintf(path, sizeof path, "%s/%s.%s.rollout%s.safetensors", folder, kind, form_names[form],
             is_double ? "_f64" : "");
    assert_int_equal(tz_safetensors_write(path, tensors, n, NULL, 0, &error), TZ_OK);
    tz_model_workspace_destroy(model, workspace);
    tz_model_destroy(model);
}

static void write_rollouts(void **state) {
    (void)state;
    for (int k = 0; k < tz_model_kind_count(); k++) {
        for (int form = 0; form < FORMS; form++) {
            write_model(tz_model_kind_at(k), form);
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: write_rollouts FOLDER\n");
        return EXIT_FAILURE;
    }
    folder = argv[1];
    const struct CMUnitTest tests[] = {cmocka_unit_test(write_rollouts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
