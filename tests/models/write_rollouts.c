// Writes a model of every kind and a rollout of each into a folder, for peer_rollouts.py:
// <kind>.safetensors is the model, <kind>.rollout.safetensors holds z0, u and z.
#include "base/safetensors.h"
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { B = 16, T = 50, NZ = 6, NU = 2 };
static const char *folder;

static void write_rollouts(void **state) {
    (void)state;
    static float z0[B * NZ], u[T * B * NU], z[(T + 1) * B * NZ];
    fixture_fill(z0, B * NZ, 0.8, 41);
    fixture_fill(u, T * B * NU, 0.6, 42);
    for (int k = 0; k < tz_model_kind_count(); k++) {
        const char *kind = tz_model_kind_at(k);
        char path[4096];
        tz_model_workspace *workspace;
        tz_error error;
        tz_model *model = fixture_model(kind);
        snprintf(path, sizeof path, "%s/%s.safetensors", folder, kind);
        assert_int_equal(tz_model_save(model, path, &error), TZ_OK);

        assert_int_equal(tz_model_workspace_create(&workspace, model, B, T, false, &error), TZ_OK);
        tz_model_rollout(model, workspace, z, z0, u, T, B);
        const tz_tensor tensors[] = {
            {.name = "z0", .ndim = 2, .shape = {B, NZ}, .data = z0},
            {.name = "u", .ndim = 3, .shape = {T, B, NU}, .data = u},
            {.name = "z", .ndim = 3, .shape = {T + 1, B, NZ}, .data = z},
        };
        snprintf(path, sizeof path, "%s/%s.rollout.safetensors", folder, kind);
        assert_int_equal(tz_safetensors_write(path, tensors, TZ_COUNTOF(tensors), NULL, 0, &error),
                         TZ_OK);
        tz_model_workspace_destroy(model, workspace);
        tz_model_destroy(model);
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
