// The training that is compared with PyTorch's: 100 steps in 10 epochs, with weight decay, and with
// clipping that bites in some steps and not in others.
#ifndef TRAPEZE_TESTS_TRAINING_FIXTURE_H
#define TRAPEZE_TESTS_TRAINING_FIXTURE_H

#include "base/safetensors.h"
#include "toy_data.h"
#include "train/trainer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { FIXTURE_NQ = 3, FIXTURE_NU = 2, FIXTURE_STEPS = 100, FIXTURE_EPOCHS = 10 };

// Same numbers in peer_training.py. `study`: the other protocol, of the physical systems.
static inline tz_trainer_def fixture_trainer_def(int batch, bool study) {
    tz_trainer_def def = tz_trainer_def_default();
    def.batch = batch;
    def.epochs = FIXTURE_EPOCHS;
    def.lr = 2e-3;
    def.clip = 0.004;
    if (study) {
        // small steps: an absolute error that changes its sign in one of two programs only would
        // set their ways apart
        def.lr = 2e-4;
        def.clip = 0.01;
        def.weight_decay = 1e-1;
        def.decoupled = true;
        def.lr_floor = 0.3;
        def.loss = TZ_LOSS_L1;
        def.unweighted = true;
    }
    return def;
}

// Loss and gradient norm (FIXTURE_STEPS) of the steps; the model holds the weights after them.
static inline void fixture_train(tz_model *model, const tz_sequences *sequences, int batch,
                                 bool study, double *loss, double *norm) {
    tz_team *team = NULL;
    tz_trainer *trainer = NULL;
    const tz_trainer_def def = fixture_trainer_def(batch, study);
    assert_int_equal(tz_team_create(&team, 2, NULL), TZ_OK);
    assert_int_equal(tz_trainer_create(&trainer, &def, model, sequences, team, NULL), TZ_OK);
    for (int i = 0; i < FIXTURE_STEPS; i++) {
        const tz_train_step step = tz_trainer_step(trainer);
        assert_int_equal(step.outcome, TZ_TRAIN_OK);
        loss[i] = step.loss;
        norm[i] = step.grad_norm;
    }
    tz_trainer_destroy(trainer);
    tz_team_destroy(team);
}

#endif
