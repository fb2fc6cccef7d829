// Model files: what is saved comes back bit for bit, and what is not a model file is refused with
// a sentence that names the file.
#include "base/memory.h"
#include "base/safetensors.h"
#include "fixture.h"
#include "folder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char path[256];

static int choose_path(void **state) {
    const int made = make_folder(state);
    snprintf(path, sizeof path, "%s/model.safetensors", test_folder);
    return made;
}

static void save(const tz_model *model) {
    tz_error error;
    if (tz_model_save(model, path, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
}

// ---- round trip

static tz_model *saved_and_loaded(const tz_model *model) {
    tz_model *loaded = NULL;
    tz_error error;
    save(model);
    if (tz_model_load(&loaded, path, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    return loaded;
}

static void roll_out(const tz_model *model, float *z, const float *z0, const float *u, int T,
                     int B) {
    tz_model_workspace *workspace;
    assert_int_equal(tz_model_workspace_create(&workspace, model, B, T, false, NULL), TZ_OK);
    tz_model_rollout(model, workspace, z, z0, u, T, B);
    tz_model_workspace_destroy(model, workspace);
}

static void test_saved_model_predicts_the_same_bits(void **state) {
    (void)state;
    enum { B = 9, T = 4, NZ = 6, N = (T + 1) * B * NZ };
    float z0[B * NZ], u[T * B * 2], z[2][N];
    fixture_fill(z0, B * NZ, 0.8, 31);
    fixture_fill(u, T * B * 2, 0.6, 32);
    for (int k = 0; k < tz_model_kind_count(); k++) {
        tz_model *model[2] = {fixture_model(tz_model_kind_at(k)), NULL};
        tz_versions_add(model[0]->data_mujoco, "2.2.2, 4.0.1");
        tz_versions_add(model[0]->trained_mujoco, "3.1.6");
        model[1] = saved_and_loaded(model[0]);
        assert_string_equal(model[1]->data_mujoco, "2.2.2, 4.0.1");
        assert_string_equal(model[1]->trained_mujoco, "3.1.6");
        for (int i = 0; i < 2; i++) {
            roll_out(model[i], z[i], z0, u, T, B);
        }
        assert_memory_equal(z[0], z[1], sizeof z[0]);
        assert_string_equal(model[1]->ops->kind, model[0]->ops->kind);
        assert_string_equal(model[1]->env, "fixture");
        assert_true(model[1]->dt_s == model[0]->dt_s);
        assert_memory_equal(model[1]->z_low, model[0]->z_low, NZ * sizeof(float));
        assert_memory_equal(model[1]->z_high, model[0]->z_high, NZ * sizeof(float));
        assert_memory_equal(model[1]->sigma_z, model[0]->sigma_z, NZ * sizeof(float));
        assert_int_equal(strlen(model[1]->sha256), 64);
        tz_model_destroy(model[0]);
        tz_model_destroy(model[1]);
    }
}

// ---- bad files

static void assert_refused(tz_status status, const char *part) {
    tz_model *model;
    tz_error error = {0};
    const size_t live = tz_alloc_live();
    assert_int_equal(tz_model_load(&model, path, &error), status);
    assert_null(model);
    assert_int_equal(tz_alloc_live(), live);
    if (strstr(error.text, path) == NULL || strstr(error.text, part) == NULL) {
        fail_msg("'%s' does not name the file and say '%s'", error.text, part);
    }
}

// Saves a model, then writes its file again with one entry of the metadata (value NULL: without
// it), or one tensor (by its new content, or with n values of it, or without both left out),
// changed.
static void save_changed(const char *kind, const char *key, const char *value,
                         const char *tensor_name, const void *data, size_t n) {
    static const char *const keys[] = {"format",   "version",    "kind",       "env",
                                       "nq",       "nv",         "nu",         "dt_s",
                                       "n_hidden", "n_layers",   "activation", "integrator",
                                       "substeps", "normaliser", "variance",   "data_mujoco"};
    tz_model *model = fixture_model(kind);
    save(model);
    tz_model_destroy(model);
    tz_safetensors *file;
    tz_error error;
    assert_int_equal(tz_safetensors_read(&file, path, &error), TZ_OK);
    tz_metadata metadata[TZ_COUNTOF(keys)];
    int n_metadata = 0;
    for (size_t i = 0; i < TZ_COUNTOF(keys); i++) {
        const bool is_changed = key != NULL && strcmp(keys[i], key) == 0;
        const char *text = is_changed ? value : tz_safetensors_metadata(file, keys[i]);
        if (text != NULL) {
            metadata[n_metadata++] = (tz_metadata){keys[i], text};
        }
    }
    tz_tensor tensors[64];
    int n_tensors = 0;
    for (int i = 0; i < tz_safetensors_count(file); i++) {
        tz_tensor *tensor = &tensors[n_tensors];
        *tensor = *tz_safetensors_at(file, i);
        const bool is_changed = tensor_name != NULL && strcmp(tensor->name, tensor_name) == 0;
        if (is_changed) {
            tensor->data = data != NULL ? data : tensor->data;
            tensor->ndim = data != NULL && n == 0 ? tensor->ndim : 1;
            tensor->shape[0] = n > 0 ? n : tensor->shape[0];
        }
        n_tensors += !(is_changed && data == NULL && n == 0);
    }
    assert_int_equal(tz_safetensors_write(path, tensors, n_tensors, metadata, n_metadata, &error),
                     TZ_OK);
    tz_safetensors_destroy(file);
}

static void test_bad_metadata_is_refused(void **state) {
    (void)state;
    char endless[TZ_VERSIONS_MAX + 1];
    memset(endless, '4', sizeof endless);
    endless[TZ_VERSIONS_MAX] = '\0';
    const struct {
        const char *key, *value, *part;
    } cases[] = {
        {"data_mujoco", endless, "data_mujoco has 256 letters, expected at most 255"},
        {"format", "other", "format is 'other', expected 'trapeze-model'"},
        {"format", NULL, "no 'format'"},
        {"version", "2", "version is '2'"},
        {"kind", "rnn", "kind 'rnn'"},
        {"env", NULL, "no 'env'"},
        {"nq", "three", "nq is 'three', expected a number"},
        {"nq", "-3", "nq is '-3'"},
        {"nq", "99999999999999999999", "nq is '9999"},
        {"nu", "3", "input_mask"},
        {"nv", "0", "nv is '0'"},
        {"nv", "2", "input_mask"},
        {"dt_s", "nan", "dt_s is 'nan'"},
        {"dt_s", "0", "dt_s is '0'"},
        {"n_hidden", "1000000", "n_hidden"},
        {"n_layers", "5", "n_layers is '5', expected a number from 1 to 4"},
        {"n_layers", "0", "n_layers is '0'"},
        {"substeps", "0", "substeps is '0'"},
        {"integrator", "rk5", "integrator 'rk5', expected euler"},
        {"normaliser", "mean", "normaliser is 'mean'"},
        {"variance", "guessed", "variance is 'guessed', expected 'learned'"},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        save_changed("node", cases[i].key, cases[i].value, NULL, NULL, 0);
        assert_refused(TZ_ERR_FORMAT, cases[i].part);
    }
    save_changed("node", "n_hidden", "12", NULL, NULL, 0);
    assert_refused(TZ_ERR_MISMATCH, "mlp.W1");
    save_changed("node", "n_layers", "3", NULL, NULL, 0);
    assert_refused(TZ_ERR_MISMATCH, "mlp.W3");
    save_changed("node", "n_hidden", "4096", NULL, NULL, 0);
    assert_refused(TZ_ERR_FORMAT, "expected those of networks of 2 layers of 4096 units");
    save_changed("node", "variance", "learned", NULL, NULL, 0);
    assert_refused(TZ_ERR_MISMATCH, "variance.W1");
    save_changed("hnn", "variance", "learned", NULL, NULL, 0);
    assert_refused(TZ_ERR_FORMAT, "kind hnn has no probabilistic form");
    save_changed("node-so", "integrator", "rk4", NULL, NULL, 0);
    assert_refused(TZ_ERR_FORMAT, "kind node-so has the step in its equations");
    save_changed("node", "kind", "delta", NULL, NULL, 0);
    assert_refused(TZ_ERR_FORMAT, "kind delta makes one Euler step per transition, not 4 of euler");
}

// A file of before there was a choice of normaliser: it is the data's, and z_mean the inputs' mean.
static void test_older_file_is_read(void **state) {
    (void)state;
    save_changed("node-so", "normaliser", NULL, "z_mean", NULL, 0);
    tz_model *model;
    tz_error error;
    assert_int_equal(tz_model_load(&model, path, &error), TZ_OK);
    assert_float_equal(model->z_mean[0], fixture_statistics().z_mean[0], 1e-6);
    assert_string_equal(model->data_mujoco, "");
    assert_string_equal(model->trained_mujoco, "");
    tz_model_destroy(model);
}

// Angles embedded, nothing normalised, another rule: what a file says comes back.
static void test_synthetic_form_comes_back(void **state) {
    (void)state;
    enum { B = 4, T = 3, NZ = 6, N = (T + 1) * B * NZ };
    float z0[B * NZ], z[2][N];
    fixture_fill(z0, B * NZ, 0.8, 33);
    tz_task task = fixture_task();
    task.nu = 0;
    task.coordinate[1] = TZ_COORDINATE_ANGLE;
    for (int k = 0; k < tz_model_kind_count(); k++) {
        tz_model_def def = tz_model_def_synthetic();
        def.kind = tz_model_kind_at(k);
        if (!fixture_is_synthetic(def.kind)) {
            continue;
        }
        tz_model *model[2] = {fixture_model_of(&def, &task), NULL};
        model[1] = saved_and_loaded(model[0]);
        for (int i = 0; i < 2; i++) {
            roll_out(model[i], z[i], z0, NULL, T, B);
        }
        assert_memory_equal(z[0], z[1], sizeof z[0]);
        assert_memory_equal(model[1]->z_mean, model[0]->z_mean, NZ * sizeof(float));
        assert_float_equal(model[0]->z_mean[0], fixture_statistics().z_mean[0], 1e-6);
        tz_model_destroy(model[0]);
        tz_model_destroy(model[1]);
    }
}

// A range limit and a variance network are part of the model.
static void test_limit_and_variance_come_back(void **state) {
    (void)state;
    enum { B = 4, NZ = 6 };
    float z[2 * B * NZ], u[B * 2], dz[2][B * NZ], V[2][2 * B * NZ];
    fixture_fill(z, 2 * B * NZ, 3.0, 34);
    fixture_fill(u, B * 2, 3.0, 35);
    const tz_task task = fixture_task();
    tz_model_def def = tz_model_def_default();
    def.range_limit = 0.5;
    def.probabilistic = true;
    tz_model *model[2] = {fixture_model_of(&def, &task), NULL};
    save(model[0]);
    assert_int_equal(tz_model_load(&model[1], path, NULL), TZ_OK);
    for (int i = 0; i < 2; i++) {
        tz_model_workspace *workspace;
        assert_int_equal(tz_model_workspace_create(&workspace, model[i], B, 1, false, NULL), TZ_OK);
        model[i]->ops->field(model[i], workspace, dz[i], z, u, B);
        tz_model_variance(model[i], workspace, V[i], z, u, 1, B);
        tz_model_workspace_destroy(model[i], workspace);
    }
    assert_memory_equal(dz[0], dz[1], sizeof dz[0]);
    assert_memory_equal(V[0], V[1], sizeof V[0]);
    assert_true(V[0][B * NZ] > 0.0f);
    tz_model_destroy(model[0]);
    tz_model_destroy(model[1]);
}

static void test_bad_tensors_are_refused(void **state) {
    (void)state;
    const unsigned char mask[8] = {0, 1, 1, 0, 1, 1, 1, 1}; // leaves out a velocity
    const float std[8] = {1.0f, 1.0f, 0.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f};
    const float rate[6] = {0.0f, 0.0f, NAN, 0.0f, 0.0f, 0.0f};
    float W2[121] = {0};
    W2[120] = INFINITY;
    save_changed("hnn", NULL, NULL, "input_mask", mask, 0);
    assert_refused(TZ_ERR_FORMAT, "input_mask[3] is 0");
    save_changed("hnn", NULL, NULL, "input_std", std, 0);
    assert_refused(TZ_ERR_FORMAT, "input_std[2] is 0, expected a positive number");
    save_changed("hnn", NULL, NULL, "rate_mean", rate, 0);
    assert_refused(TZ_ERR_FORMAT, "rate_mean[2] is nan, expected a finite number");
    save_changed("hnn", NULL, NULL, "force.W2", W2, 0);
    assert_refused(TZ_ERR_FORMAT, "force.W2[120] is inf");
    save_changed("hnn", NULL, NULL, "force.W2", W2, 11);
    assert_refused(TZ_ERR_MISMATCH, "force.W2");
}

static void test_broken_files_are_refused(void **state) {
    (void)state;
    tz_model *model = fixture_model("hnn");
    save(model);
    tz_model_destroy(model);

    // every shorter file is refused
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    static char content[1 << 16];
    const size_t size = fread(content, 1, sizeof content, file);
    assert_true(size > 1000 && size < sizeof content);
    fclose(file);
    for (size_t n = 0; n < size; n += size / 50) {
        file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(content, 1, n, file), n);
        assert_int_equal(fclose(file), 0);
        assert_refused(TZ_ERR_FORMAT, "");
    }
    assert_int_equal(remove(path), 0);
    assert_refused(TZ_ERR_IO, "");
}

// Every allocation of a load fails once, and nothing is left behind.
static void test_out_of_memory(void **state) {
    (void)state;
    tz_model *model = fixture_model("hnn");
    save(model);
    tz_model_destroy(model);
    tz_status status = TZ_ERR_MEMORY;
    for (size_t n = 1; status != TZ_OK; n++) {
        const size_t live = tz_alloc_live();
        tz_error error;
        tz_alloc_fail_after(n);
        status = tz_model_load(&model, path, &error);
        tz_alloc_fail_after(0);
        assert_true(status == TZ_OK || status == TZ_ERR_MEMORY);
        tz_model_destroy(model);
        assert_int_equal(tz_alloc_live(), live);
        assert_true(n < 200);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saved_model_predicts_the_same_bits),
        cmocka_unit_test(test_synthetic_form_comes_back),
        cmocka_unit_test(test_older_file_is_read),
        cmocka_unit_test(test_bad_metadata_is_refused),
        cmocka_unit_test(test_limit_and_variance_come_back),
        cmocka_unit_test(test_bad_tensors_are_refused),
        cmocka_unit_test(test_broken_files_are_refused),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, choose_path, remove_folder);
}
