// The spectral limit: the norm of matrices whose singular values are known, and a trainer under it.
#include "toy_data.h"

#include "base/memory.h"
#include "train/spectral.h"
#include "train/trainer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

// s u v^T has the one singular value s |u| |v|, which one iteration finds.
static void norm_of_a_product_of_vectors(void **state) {
    (void)state;
    enum { ROWS = 19, COLS = 37 };
    float W[ROWS * COLS], work[ROWS + COLS];
    double u2 = 0.0, v2 = 0.0;
    for (int i = 0; i < ROWS; i++) {
        u2 += (1.0 + i) * (1.0 + i);
        for (int j = 0; j < COLS; j++) {
            W[i * COLS + j] = (float)((1.0 + i) * (2.0 - 0.1 * j));
        }
    }
    for (int j = 0; j < COLS; j++) {
        v2 += (2.0 - 0.1 * j) * (2.0 - 0.1 * j);
    }
    const double expected = sqrt(u2 * v2);
    assert_true(fabs(tz_spectral_norm(W, ROWS, COLS, work) - expected) < 1e-5 * expected);
}

// Singular values close to one another: a lower bound within a few per cent.
static void norm_of_a_diagonal_matrix(void **state) {
    (void)state;
    enum { N = 24 };
    float W[N * N] = {0}, work[2 * N];
    for (int i = 0; i < N; i++) {
        W[i * N + i] = 3.0f / (float)(1 + i);
    }
    const double norm = tz_spectral_norm(W, N, N, work);
    assert_true(norm <= 3.0 * (1.0 + 1e-6) && norm > 3.0 * 0.97);
}

static void trainer_keeps_to_the_limit(void **state) {
    (void)state;
    const double limit = 0.4;
    tz_dataset *data = toy_dataset(2, 1, 4, 60, 7);
    const unsigned char is_test[4] = {0};
    const tz_source source = {.path = "toy", .dataset = data, .is_test = is_test};
    const tz_task task = toy_task(2, 1);
    tz_model_statistics statistics;
    tz_model_def model_def = tz_model_def_default();
    tz_trainer_def def = tz_trainer_def_default();
    tz_sequences *sequences = NULL;
    tz_model *model = NULL;
    tz_team *team = NULL;
    tz_trainer *trainer = NULL;
    model_def.n_hidden = 32;
    def.spectral_limit = limit;
    def.lr = 5e-3;
    assert_int_equal(tz_training_statistics(&statistics, &source, 1, NULL), TZ_OK);
    assert_int_equal(tz_sequences_draw(&sequences, &source, 1, TZ_PART_TRAIN, 400, 3, 1, NULL),
                     TZ_OK);
    assert_int_equal(tz_model_create(&model, &model_def, &task, &statistics, NULL), TZ_OK);
    assert_int_equal(tz_team_create(&team, 2, NULL), TZ_OK);
    assert_int_equal(tz_trainer_create(&trainer, &def, model, sequences, team, NULL), TZ_OK);
    const size_t before = tz_alloc_count();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(tz_trainer_step(trainer).outcome, TZ_TRAIN_OK);
    }
    assert_int_equal(tz_alloc_count(), before);

    // fresh matrices have a norm of 0.5, so each was scaled down, and to the limit
    float work[256];
    int matrices = 0;
    for (int t = 0; t < model->n_tensors; t++) {
        const tz_model_tensor *tensor = &model->tensors[t];
        if (tensor->rows > 1) {
            const double norm = tz_spectral_norm(model->parameters + tensor->offset, tensor->rows,
                                                 tensor->cols, work);
            assert_true(norm <= limit * (1.0 + 1e-5));
            matrices++;
        }
    }
    assert_int_equal(matrices, 3);
    tz_trainer_destroy(trainer);
    tz_team_destroy(team);
    tz_model_destroy(model);
    tz_sequences_destroy(sequences);
    toy_dataset_destroy(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norm_of_a_product_of_vectors),
        cmocka_unit_test(norm_of_a_diagonal_matrix),
        cmocka_unit_test(trainer_keeps_to_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
