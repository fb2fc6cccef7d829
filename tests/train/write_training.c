// Trains a model of three kinds for 100 steps and writes all that another program needs to do the
// same: sequences.safetensors (z, u, and order, the sequences of all batches in turn),
// <kind>.safetensors (the model before) and <kind>.result.safetensors (loss and gradient norm of
// each step, parameters after). Used by peer_training.py and bench/peers/train_peers.py.
//
//     write_training FOLDER HIDDEN BATCH [DATA]
//
// The sequences are those of a toy system, or of the dataset DATA of a registered environment.
// <kind>.study.safetensors is the same of the other protocol.
#include "training_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *folder;
static const char *dataset; // NULL: the toy system
static int n_hidden, batch;

static void write(const char *name, const tz_tensor *tensors, int n_tensors) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(tz_safetensors_write(path, tensors, n_tensors, NULL, 0, NULL), TZ_OK);
}

static void write_sequences(const tz_sequences *s) {
    const size_t n = (size_t)s->n, L = (size_t)s->length;
    int64_t *order = tz_alloc(FIXTURE_STEPS * (size_t)batch, sizeof *order);
    uint32_t *permutation = tz_alloc(n, sizeof *permutation);
    for (size_t epoch = 0; epoch < FIXTURE_EPOCHS; epoch++) {
        tz_rng rng = tz_rng_stream(0, TZ_PURPOSE_SHUFFLE, epoch);
        tz_rng_permutation(&rng, permutation, n);
        for (size_t i = 0; i < n; i++) {
            order[epoch * n + i] = permutation[i];
        }
    }
    const tz_tensor tensors[] = {
        {"z", TZ_DTYPE_F32, 3, {n, L, (size_t)s->nz}, s->z},
        {"u", TZ_DTYPE_F32, 3, {n, L - 1, (size_t)s->nu}, s->u},
        {"order", TZ_DTYPE_I64, 2, {FIXTURE_STEPS, (size_t)batch}, order},
    };
    write("sequences.safetensors", tensors, TZ_COUNTOF(tensors));
    tz_free(order);
    tz_free(permutation);
}

// Trains a copy of the model of a file and writes the result beside it.
static void write_result(const char *kind, const tz_sequences *sequences, bool study) {
    char path[4096], name[64];
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, kind);
    tz_model *model = NULL;
    assert_int_equal(tz_model_load(&model, path, NULL), TZ_OK);
    double loss[FIXTURE_STEPS], norm[FIXTURE_STEPS];
    fixture_train(model, sequences, batch, study, loss, norm);
    const tz_tensor tensors[] = {
        {"loss", TZ_DTYPE_F64, 1, {FIXTURE_STEPS}, loss},
        {"grad_norm", TZ_DTYPE_F64, 1, {FIXTURE_STEPS}, norm},
        {"parameters", TZ_DTYPE_F32, 1, {model->n_parameters}, model->parameters},
    };
    snprintf(name, sizeof name, "%s.%s.safetensors", kind, study ? "study" : "result");
    write(name, tensors, TZ_COUNTOF(tensors));
    tz_model_destroy(model);
}

static void write_models(const tz_source *source, const tz_task *task) {
    tz_sequences *sequences = NULL;
    assert_int_equal(tz_sequences_draw(&sequences, source, 1, TZ_PART_TRAIN,
                                       FIXTURE_STEPS / FIXTURE_EPOCHS * batch, 3, 1, NULL),
                     TZ_OK);
    tz_model_statistics statistics;
    assert_int_equal(tz_training_statistics(&statistics, source, 1, NULL), TZ_OK);
    write_sequences(sequences);

    static const char *const kinds[] = {"node", "node-so", "hnn"};
    for (size_t k = 0; k < TZ_COUNTOF(kinds); k++) {
        char path[4096];
        tz_model_def def = tz_model_def_default();
        def.kind = kinds[k];
        def.n_hidden = n_hidden;
        tz_model *model = NULL;
        assert_int_equal(tz_model_create(&model, &def, task, &statistics, NULL), TZ_OK);
        snprintf(path, sizeof path, "%s/%s.safetensors", folder, def.kind);
        assert_int_equal(tz_model_save(model, path, NULL), TZ_OK);
        tz_model_destroy(model);
        write_result(def.kind, sequences, false);
        write_result(def.kind, sequences, true);
    }
    tz_sequences_destroy(sequences);
}

static void write_of_toy(void **state) {
    (void)state;
    const tz_task task = toy_task(FIXTURE_NQ, FIXTURE_NU);
    tz_dataset *data = toy_dataset(FIXTURE_NQ, FIXTURE_NU, 8, 100, 7);
    const unsigned char is_test[8] = {0};
    const tz_source source = {.path = "toy", .dataset = data, .is_test = is_test};
    write_models(&source, &task);
    toy_dataset_destroy(data);
}

static void write_of_dataset(void **state) {
    (void)state;
    tz_dataset *data = NULL;
    tz_env *env = NULL;
    tz_env_def def = tz_env_def_default();
    assert_int_equal(tz_dataset_read(&data, dataset, NULL, NULL), TZ_OK);
    def.name = data->env;
    assert_int_equal(tz_env_create(&env, &def, NULL), TZ_OK);
    unsigned char *is_test = tz_alloc((size_t)data->n_episodes, 1);
    const tz_source source = {.path = dataset, .dataset = data, .is_test = is_test};
    write_models(&source, tz_env_task(env));
    tz_free(is_test);
    tz_env_destroy(env);
    tz_dataset_destroy(data);
}

int main(int argc, char **argv) {
    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: write_training FOLDER HIDDEN BATCH [DATA]\n");
        return EXIT_FAILURE;
    }
    folder = argv[1];
    n_hidden = atoi(argv[2]);
    batch = atoi(argv[3]);
    dataset = argc == 5 ? argv[4] : NULL;
    const struct CMUnitTest of_toy[] = {cmocka_unit_test(write_of_toy)};
    const struct CMUnitTest of_dataset[] = {cmocka_unit_test(write_of_dataset)};
    return dataset == NULL ? cmocka_run_group_tests(of_toy, NULL, NULL)
                           : cmocka_run_group_tests(of_dataset, NULL, NULL);
}
