// A training run from data to a folder:
//
//     metrics.csv             one line an epoch
//     events.out.tfevents.*   with events: the same for TensorBoard
//     checkpoint.safetensors  everything to continue from; replaced at every epoch
//     best.safetensors        with keep_best: the weights that did best on held-out rollouts so far
//     model.safetensors       the weights after the last epoch, or with keep_best the best ones;
//                             written when the last epoch is complete
//
// By default the model file holds the last weights, not those with the smallest error on held-out
// episodes: nothing is selected on the episodes that later judge the model, and the learning rate
// has come down to its end. With keep_best the held-out episodes select (fewest diverged rollouts,
// then the smallest mean error), so the model must be judged on episodes of another dataset.
#ifndef TRAPEZE_TRAIN_TRAINING_H
#define TRAPEZE_TRAIN_TRAINING_H

#include "train/checkpoint.h"
#include "train/sequences.h"
#include "train/trainer.h"

typedef struct tz_training_def {
    uint32_t cookie;        // set by tz_training_def_default, checked
    tz_trainer_def trainer; // lr 5e-3, input_noise 0.1, chosen by the error on held-out episodes
                            // (docs/training.md); trainer.seed is that of all that is drawn here
    int n_sequences;        // 40000
    int length;             // states of a sequence: 3
    int n_test_sequences;   // from held-out episodes, for the loss after each epoch: 2000
    int rollout_every;      // epochs between open-loop rollouts from held-out episodes: 16
    int n_rollouts;         // 100
    int horizon;            // transitions of a rollout: 200; shorter when the episodes are
    const char *folder;     // where the files go; borrowed. It must exist when the first of them
                            // is written: made by the caller before the call, or by `begin`
    const char *what;       // what is trained and from what, in one line; borrowed. A checkpoint
                            // of something else is refused.
    // (Nullable) called once all input is checked, before the first file of a fresh run is written
    // and before a resumed one goes on: makes the folder and what else stands in it
    tz_status (*begin)(void *context, tz_error *error);
    void *begin_context;
    bool keep_best; // keep the weights with the best held-out rollouts, not the last ones
    bool events;    // write an event file of TensorBoard too
    bool resume;    // continue from the folder's checkpoint if there is one. It may be of a run
                    // of fewer epochs, also a finished one: that is extended. More are refused.
    bool quiet;     // no progress on stderr
} tz_training_def;
TZ_API tz_training_def tz_training_def_default(void);

// How it went.
typedef struct tz_training_report {
    tz_epoch_metrics last; // of the last complete epoch, all NaN before one
    double seconds;        // of this call
    double steps;          // optimiser steps in this call
    int kept_epoch;        // epoch whose weights are in model.safetensors
    int extended_from;     // epochs of the run that this call extended, 0: none
    bool schedule_changed; // it did, and the epochs before had another learning rate or length of
                           // sequences than in one run of all epochs; else the bytes are those
} tz_training_report;

// Trains `model` (fresh, or loaded to be continued) on the sources, and records their versions of
// MuJoCo and the library's in it. Held-out episodes are used to measure only. Polls tz_interrupted
// (base/interrupt.h): then it writes a checkpoint and returns TZ_ERR_INTERRUPTED. TZ_ERR_NUMERIC
// when the loss is no longer finite: the last checkpoint stays. TZ_ERR_IO when def->folder is not
// there or cannot be written to. `report` is Nullable.
TZ_API tz_status tz_train(const tz_training_def *def, tz_model *model, const tz_source *sources,
                          int n_sources, tz_team *team, tz_training_report *report,
                          tz_error *error);

// Widens the model's range of training states to that of the statistics: for a model that is
// trained on with new data and keeps its normaliser.
TZ_API void tz_model_widen_range(tz_model *model, const tz_model_statistics *statistics);

#endif
