// 100 optimiser steps of three kinds from the weights and sequences of tests/golden/training: the
// losses are PyTorch's (peer_training.py --golden made them) to 1e-4 relative at every step, the
// norms of the gradients to 1e-3.
#include "training_fixture.h"

#include <stdio.h>

static const double TOLERANCE = 1e-4;

static void golden_path(char path[512], const char *kind, const char *suffix) {
    snprintf(path, 512, "%s/tests/golden/training/%s%s", TZ_SOURCE_DIR, kind, suffix);
}

static const tz_tensor *find(const tz_safetensors *file, const char *name) {
    const tz_tensor *tensor = tz_safetensors_find(file, name);
    assert_non_null(tensor);
    return tensor;
}

static void check(const char *kind, int step, const char *what, double found, double expected,
                  double tolerance) {
    if (!(fabs(found - expected) <= tolerance * expected)) {
        fail_msg("%s, step %d: %s %.9g, PyTorch's %.9g", kind, step, what, found, expected);
    }
}

static void compare(bool study) {
    char path[512];
    tz_safetensors *data = NULL;
    golden_path(path, "sequences", ".safetensors");
    assert_int_equal(tz_safetensors_read(&data, path, NULL), TZ_OK);
    const tz_tensor *z = find(data, "z"), *u = find(data, "u");
    const tz_sequences sequences = {.n = (int)z->shape[0],
                                    .length = (int)z->shape[1],
                                    .nz = (int)z->shape[2],
                                    .nu = (int)u->shape[2],
                                    .z = (float *)z->data,
                                    .u = (float *)u->data};
    const int batch = (int)find(data, "order")->shape[1];
    static const char *const kinds[] = {"node", "node-so", "hnn"};
    for (size_t k = 0; k < TZ_COUNTOF(kinds); k++) {
        const char *kind = kinds[k];
        tz_model *model = NULL;
        golden_path(path, kind, ".safetensors");
        assert_int_equal(tz_model_load(&model, path, NULL), TZ_OK);
        double loss[FIXTURE_STEPS], norm[FIXTURE_STEPS];
        double expected_loss[FIXTURE_STEPS], expected_norm[FIXTURE_STEPS];
        fixture_train(model, &sequences, batch, study, loss, norm);

        tz_safetensors *golden = NULL;
        golden_path(path, kind, study ? ".study.safetensors" : ".torch.safetensors");
        assert_int_equal(tz_safetensors_read(&golden, path, NULL), TZ_OK);
        memcpy(expected_loss, find(golden, "loss")->data, sizeof expected_loss);
        memcpy(expected_norm, find(golden, "grad_norm")->data, sizeof expected_norm);
        for (int i = 0; i < FIXTURE_STEPS; i++) {
            check(kind, i, "loss", loss[i], expected_loss[i], TOLERANCE);
            // the gradient is a sum over rows that cancel the more the better the fit is
            check(kind, i, "norm of the gradient", norm[i], expected_norm[i], 10.0 * TOLERANCE);
        }
        tz_safetensors_destroy(golden);
        tz_model_destroy(model);
    }
    tz_safetensors_destroy(data);
}

static void steps_are_those_of_pytorch(void **state) {
    (void)state;
    compare(false);
}

// AdamW, absolute errors without division by sigma_z, and the floor of the learning rate.
static void and_so_in_the_protocol_of_the_study(void **state) {
    (void)state;
    compare(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_pytorch),
        cmocka_unit_test(and_so_in_the_protocol_of_the_study),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
