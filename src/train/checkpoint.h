// The checkpoint of a training run: everything that its continuation depends on, in one safetensors
// file (docs/training.md), so that a resumed run ends in the bytes of the unbroken one.
#ifndef TRAPEZE_TRAIN_CHECKPOINT_H
#define TRAPEZE_TRAIN_CHECKPOINT_H

#include "train/trainer.h"

// What is known of an epoch when it ends; NaN where nothing was measured.
typedef struct tz_epoch_metrics {
    double epoch; // number of epochs complete
    double learning_rate;
    double train_loss;          // mean over its steps
    double grad_norm;           // mean over its steps, before clipping
    double test_loss;           // on sequences from held-out episodes
    double rollout_nmse;        // open loop from held-out episodes (train/evaluation.h)
    double rollout_nmse_median; //
    double rollout_diverged;    // number of rollouts
} tz_epoch_metrics;

enum { TZ_N_METRICS = sizeof(tz_epoch_metrics) / sizeof(double) };

// What the trainer knows of epoch number `epoch`, which has just ended; the rest NaN.
TZ_API tz_epoch_metrics tz_epoch_metrics_of(const tz_trainer *trainer, int epoch, double lr);

// Writes the state of the trainer, the model's parameters and the metrics (n_epochs). `what` says
// in one line what is trained and how: a checkpoint of something else is refused.
TZ_API tz_status tz_checkpoint_write(const char *path, tz_trainer *trainer, const tz_model *model,
                                     const tz_epoch_metrics *metrics, int n_epochs,
                                     const char *what, tz_error *error);

// The `what` that a checkpoint was written with, "" when it has none. The caller frees (tz_free).
TZ_API tz_status tz_checkpoint_what(char **what, const char *path, tz_error *error);

// Puts trainer, model and metrics (room for max_epochs) back. Nothing is changed on failure:
// TZ_ERR_MISMATCH when the checkpoint is of something else than `what`, or of a user's MJCF that
// has changed since (docs/formats.md), TZ_ERR_FORMAT when it is not a checkpoint of this model.
TZ_API tz_status tz_checkpoint_read(const char *path, tz_trainer *trainer, tz_model *model,
                                    tz_epoch_metrics *metrics, int *n_epochs, int max_epochs,
                                    const char *what, tz_error *error);

#endif
