// An ensemble: its rollout is the mean of its members', its file is a list that is checked, and
// mismatched or missing members are refused.
#include "fixture.h"
#include "folder.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/memory.h"
#include "models/ensemble.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { B = 70, T = 5 }; // more rows than a tile

static void roll(const tz_model *model, float *z, const float *z0, const float *u) {
    tz_model_workspace *ws = NULL;
    assert_int_equal(tz_model_workspace_create(&ws, model, B, T, false, NULL), TZ_OK);
    const size_t before = tz_alloc_count();
    tz_model_rollout(model, ws, z, z0, u, T, B);
    assert_int_equal(tz_alloc_count(), before);
    tz_model_workspace_destroy(model, ws);
}

static float *values(size_t n) {
    float *x = tz_alloc(n, sizeof *x);
    assert_non_null(x);
    return x;
}

static void rollout_is_the_mean_of_the_members(void **state) {
    (void)state;
    tz_model *members[3] = {fixture_model("node"), fixture_model("node-so"), fixture_model("hnn")};
    tz_model *ensemble = NULL;
    assert_int_equal(tz_ensemble_create(&ensemble, members, 3, NULL), TZ_OK);
    assert_int_equal(tz_ensemble_count(ensemble), 3);
    assert_int_equal(tz_ensemble_count(members[0]), 0);
    assert_ptr_equal(tz_ensemble_member(ensemble, 1), members[1]);

    tz_model_prepare(ensemble); // has nothing to prepare
    const int nz = tz_model_nz(ensemble), nu = ensemble->nu;
    const size_t n = (size_t)((T + 1) * B * nz);
    float *z0 = values((size_t)(B * nz)), *u = values((size_t)(T * B * nu)), *mean = values(n);
    float *z[3];
    fixture_fill(z0, B * nz, 0.3, 1);
    fixture_fill(u, T * B * nu, 0.5, 2);
    roll(ensemble, mean, z0, u);
    for (int i = 0; i < 3; i++) {
        z[i] = values(n);
        roll(members[i], z[i], z0, u);
    }
    for (size_t k = 0; k < n; k++) {
        const double expected = ((double)z[0][k] + (double)z[1][k] + (double)z[2][k]) / 3.0;
        assert_true(fabs((double)mean[k] - expected) <= 4e-7 * (1.0 + fabs(expected)));
    }
    assert_memory_equal(mean, z0, (size_t)(B * nz) * sizeof *z0);
    for (int i = 0; i < 3; i++) {
        tz_free(z[i]);
    }
    tz_free(mean);
    tz_free(u);
    tz_free(z0);
    tz_model_destroy(ensemble);
}

// ---- verbs that an ensemble lacks

static jmp_buf before_assertion;

static void note_assertion(const char *condition, const char *file, int line) {
    (void)condition, (void)file, (void)line;
    longjmp(before_assertion, 1);
}

static void absent_verbs_are_asserted(void **state) {
    (void)state;
    tz_model *member = fixture_model("node"), *ensemble = NULL;
    assert_int_equal(tz_ensemble_create(&ensemble, &member, 1, NULL), TZ_OK);
    const tz_assert_handler before = tz_set_assert_handler(note_assertion);
    float E = 0.0f;
    const float x[64] = {0};
    if (setjmp(before_assertion) == 0) {
        tz_model_energy(ensemble, NULL, &E, x, 1);
        fail_msg("an ensemble has no energy");
    }
    if (setjmp(before_assertion) == 0) {
        tz_model_symplectic(ensemble, NULL, NULL, 1.0, x, 1, 1);
        fail_msg("an ensemble has no symplectic regulariser");
    }
    tz_set_assert_handler(before);
    tz_model_destroy(ensemble);
}

// V = mean over members of (V_k + (z_k - z)^2), V_k = 0 for a member without variances.
static void variance_is_that_of_the_mixture(void **state) {
    (void)state;
    const tz_task task = fixture_task();
    tz_model_def def = tz_model_def_default();
    def.kind = "node";
    def.probabilistic = true;
    tz_model *members[2] = {fixture_model_of(&def, &task), fixture_model("node-so")};
    tz_model *ensemble = NULL;
    assert_int_equal(tz_ensemble_create(&ensemble, members, 2, NULL), TZ_OK);
    assert_true(ensemble->has_variance && members[0]->has_variance && !members[1]->has_variance);
    const int nz = tz_model_nz(ensemble);
    const size_t n = (size_t)((T + 1) * B * nz);
    float *z0 = values((size_t)(B * nz)), *u = values((size_t)(T * B * ensemble->nu));
    float *mean = values(n), *V = values(n), *z[2] = {values(n), values(n)}, *V_0 = values(n);
    fixture_fill(z0, B * nz, 0.3, 1);
    fixture_fill(u, T * B * ensemble->nu, 0.5, 2);
    tz_model_workspace *ws = NULL, *ws_0 = NULL;
    assert_int_equal(tz_model_workspace_create(&ws, ensemble, B, T, false, NULL), TZ_OK);
    assert_int_equal(tz_model_workspace_create(&ws_0, members[0], B, T, false, NULL), TZ_OK);
    const size_t before = tz_alloc_count();
    tz_model_predict(ensemble, ws, mean, V, z0, u, T, B);
    assert_int_equal(tz_alloc_count(), before);
    tz_model_rollout(ensemble, ws, z[0], z0, u, T, B);
    assert_memory_equal(mean, z[0], n * sizeof *mean);
    roll(members[0], z[0], z0, u);
    roll(members[1], z[1], z0, u);
    tz_model_variance(members[0], ws_0, V_0, z[0], u, T, B);
    for (size_t k = 0; k < n; k++) {
        const double half = 0.5 * ((double)z[0][k] - (double)z[1][k]);
        const double expected = 0.5 * (double)V_0[k] + half * half;
        assert_true(fabs((double)V[k] - expected) <= 1e-5 * (expected + 1e-3));
    }
    tz_model_workspace_destroy(ensemble, ws);
    tz_model_workspace_destroy(members[0], ws_0);
    tz_free(z0);
    tz_free(u);
    tz_free(mean);
    tz_free(V);
    tz_free(z[0]);
    tz_free(z[1]);
    tz_free(V_0);
    tz_model_destroy(ensemble);
}

static void path_in_folder(char path[TZ_PATH_MAX], const char *name) {
    assert_int_equal(tz_path_join(path, test_folder, name, NULL), TZ_OK);
}

static void list_is_written_and_read(void **state) {
    (void)state;
    const char *const files[2] = {"a.safetensors", "b.safetensors"};
    const char *const kinds[2] = {"node-so", "node"};
    char path[TZ_PATH_MAX];
    for (int i = 0; i < 2; i++) {
        tz_model *model = fixture_model(kinds[i]);
        tz_versions_add(model->trained_mujoco, "4.0.1");
        tz_versions_add(model->data_mujoco, i == 0 ? "2.2.2" : "3.1.6, 2.2.2");
        path_in_folder(path, files[i]);
        assert_int_equal(tz_model_save(model, path, NULL), TZ_OK);
        tz_model_destroy(model);
    }
    path_in_folder(path, "pair.json");
    assert_int_equal(tz_ensemble_write(path, files, 2, NULL), TZ_OK);
    tz_model *ensemble = NULL;
    assert_int_equal(tz_model_load(&ensemble, path, NULL), TZ_OK);
    assert_int_equal(tz_ensemble_count(ensemble), 2);
    assert_string_equal(tz_ensemble_member(ensemble, 1)->ops->kind, "node");
    assert_int_equal(strlen(ensemble->sha256), 64);
    assert_string_equal(ensemble->data_mujoco, "2.2.2, 3.1.6");
    assert_string_equal(ensemble->trained_mujoco, "4.0.1");
    tz_model_destroy(ensemble);

    // one of them alone, to be trained on
    tz_error error;
    tz_model *member = NULL;
    int n = 0;
    assert_int_equal(tz_ensemble_count_listed(&n, path, &error), TZ_OK);
    assert_int_equal(n, 2);
    assert_int_equal(tz_ensemble_load_member(&member, path, 1, &error), TZ_OK);
    assert_string_equal(member->ops->kind, "node");
    tz_model_destroy(member);
    assert_int_equal(tz_ensemble_load_member(&member, path, 2, &error), TZ_ERR_ARGUMENT);
    assert_non_null(strstr(error.text, "pair.json: has 2 members, none of number 2"));
    assert_null(member);

    // a copy elsewhere has its members
    char copy[TZ_PATH_MAX];
    path_in_folder(copy, "copy/of/pair.json");
    assert_int_equal(tz_model_copy(path, copy, &error), TZ_OK);
    assert_int_equal(tz_model_load(&ensemble, copy, &error), TZ_OK);
    assert_string_equal(tz_ensemble_member(ensemble, 0)->ops->kind, "node-so");
    tz_model_destroy(ensemble);

    // a member that was replaced is not the one that was listed
    tz_model *other = fixture_model("hnn");
    path_in_folder(path, files[0]);
    assert_int_equal(tz_model_save(other, path, NULL), TZ_OK);
    tz_model_destroy(other);
    path_in_folder(path, "pair.json");
    assert_int_equal(tz_model_load(&ensemble, path, &error), TZ_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "a.safetensors has the digest"));
}

// What is chosen for an ensemble is chosen for each member, or for none.
static void members_integrate_alike(void **state) {
    (void)state;
    tz_model *members[2] = {fixture_model("node"), fixture_model("node-so")};
    tz_model *ensemble = NULL;
    tz_error error;
    tz_integrator integrator;
    int substeps, before;
    assert_true(tz_model_integrator(members[0], &integrator, &before));
    assert_int_equal(tz_ensemble_create(&ensemble, members, 2, NULL), TZ_OK);
    assert_true(tz_model_integrator(ensemble, &integrator, &substeps));
    assert_int_equal(integrator, TZ_INTEGRATOR_EULER);
    assert_int_equal(substeps, before);

    // the second refuses, and the first is as it was
    assert_int_equal(tz_model_set_integrator(ensemble, TZ_INTEGRATOR_RK4, 1, &error),
                     TZ_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.text, "kind node-so has the step in its equations"));
    assert_true(tz_model_integrator(members[0], &integrator, &substeps));
    assert_int_equal(integrator, TZ_INTEGRATOR_EULER);
    assert_int_equal(substeps, before);

    assert_int_equal(tz_model_set_integrator(ensemble, TZ_INTEGRATOR_EULER, 3, &error), TZ_OK);
    for (int i = 0; i < 2; i++) {
        assert_true(tz_model_integrator(members[i], &integrator, &substeps));
        assert_int_equal(substeps, 3);
    }

    // a member on its own way leaves the ensemble without one
    assert_int_equal(tz_model_set_integrator(members[0], TZ_INTEGRATOR_EULER, 5, &error), TZ_OK);
    substeps = 0;
    assert_false(tz_model_integrator(ensemble, &integrator, &substeps));
    assert_int_equal(substeps, 0);
    tz_model_destroy(ensemble);
}

static void bad_lists_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        tz_status status;
        const char *says;
    } cases[] = {
        {"{}", TZ_ERR_FORMAT, "not an ensemble"},
        {"[1, 2]", TZ_ERR_FORMAT, "not an ensemble"},
        {"{\"format\": \"trapeze-ensemble-1\", \"members\": []}", TZ_ERR_FORMAT, "not an ensemble"},
        {"{\"format\": \"trapeze-ensemble-1\", \"members\": [3]}", TZ_ERR_FORMAT,
         "without \"file\""},
        {"{\"format\": \"trapeze-ensemble-1\", \"members\": [{\"file\": \"/etc/passwd\", "
         "\"sha256\": \"0\"}]}",
         TZ_ERR_FORMAT, "leads out of the folder"},
        {"{\"format\": \"trapeze-ensemble-1\", \"members\": [{\"file\": \"../x.safetensors\", "
         "\"sha256\": \"0\"}]}",
         TZ_ERR_FORMAT, "leads out of the folder"},
        {"{\"format\": \"trapeze-ensemble-1\", \"members\": [{\"file\": \"bad.json\", "
         "\"sha256\": \"0\"}]}",
         TZ_ERR_FORMAT, "is a list itself"},
        {"{\"format\": \"trapeze-ensemble-1\", \"members\": [{\"file\": \"none.safetensors\", "
         "\"sha256\": \"0\"}]}",
         TZ_ERR_IO, "none.safetensors"},
    };
    char path[TZ_PATH_MAX];
    path_in_folder(path, "bad.json");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tz_error error;
        tz_model *ensemble = NULL;
        assert_int_equal(tz_file_write(path, cases[i].text, strlen(cases[i].text), NULL), TZ_OK);
        assert_int_equal(tz_model_load(&ensemble, path, &error), cases[i].status);
        assert_non_null(strstr(error.text, cases[i].says));
        assert_null(ensemble);
    }
}

static void members_of_two_environments_are_refused(void **state) {
    (void)state;
    tz_model *members[2] = {fixture_model("node"), fixture_model("node")};
    snprintf(members[1]->env, sizeof members[1]->env, "another");
    tz_model *ensemble = NULL;
    tz_error error;
    assert_int_equal(tz_ensemble_create(&ensemble, members, 2, &error), TZ_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "member 1"));
    assert_null(ensemble);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rollout_is_the_mean_of_the_members),
        cmocka_unit_test(absent_verbs_are_asserted),
        cmocka_unit_test(variance_is_that_of_the_mixture),
        cmocka_unit_test(list_is_written_and_read),
        cmocka_unit_test(members_integrate_alike),
        cmocka_unit_test(bad_lists_are_refused),
        cmocka_unit_test(members_of_two_environments_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
