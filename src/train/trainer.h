// Gradient descent of a learned model on sequences: draws batches, rolls the model out from each
// sequence's first state, and moves the weights along the gradient of the loss
//
//     L = mean over the batch, the L states of a sequence and nz of ((zhat - z) / sigma_z)^2,
//
// or of the absolute error, or without the division by sigma_z.
//
// A probabilistic model's variance network (tz_model_variance) learns beside it from the Gaussian
// negative log-likelihood of the same sequences, rolled out without noise on their first states.
// The prediction is not touched by that: the likelihood is not differentiated in it, the two are
// clipped apart, and the weights that predict end in the same bits as without a variance.
//
// A batch is cut into tiles of a fixed number of rows; a tile walks its whole rollout, forward and
// backward, in one thread, and the tiles' gradients are summed in the order of the tiles. So the
// weights depend on the definition, never on the number of threads, and threads meet only at the
// optimiser. Everything is sized at create: a step allocates nothing.
#ifndef TRAPEZE_TRAIN_TRAINER_H
#define TRAPEZE_TRAIN_TRAINER_H

#include "base/parallel.h"
#include "models/model.h"
#include "train/loss.h"
#include "train/optimiser.h"
#include "train/sequences.h"

#include <stdbool.h>

typedef struct tz_trainer tz_trainer;

typedef struct tz_trainer_def {
    uint32_t cookie;     // set by tz_trainer_def_default, checked at create
    int batch;           // sequences of a step: 200
    int tile;            // rows of a tile: 50
    int epochs;          // 256
    double lr, lr_end;   // learning rate of the first epoch, and what it is annealed to: 1e-6
    double lr_floor;     // not 0: annealed at every step to this share of lr instead of lr_end
                         // (tz_cosine_floor_lr)
    double weight_decay; // 1e-4
    bool decoupled;      // AdamW's weight decay instead of the coupled one (train/optimiser.h)
    tz_loss loss;        // squared (default) or absolute error
    bool unweighted;     // errors in the units of the states, not divided by sigma_z
    double clip;         // global norm that gradients are clipped to; 0: not clipped; 1
    double input_noise;  // std of Gaussian noise added to the state that a rollout starts from, in
                         // sigma_z; 0: none
    int first_length;    // curriculum: states of a sequence that count in the first epoch. Their
                         // number grows evenly until half of the epochs are over, then all count;
                         // 0: all from the start
    double spectral_limit; // largest singular value, as train/spectral.h estimates it, that a
                           // weight matrix may have after a step; 0: no limit
    double symplectic; // weight of the symplectic regulariser in the loss, S times which is added
                       // (tz_trainer_symplectic_error); 0: none
    uint64_t seed;     // of the order of the sequences, and of the noise
} tz_trainer_def;
TZ_API tz_trainer_def tz_trainer_def_default(void);

// How a step went numerically.
typedef enum tz_train_outcome {
    TZ_TRAIN_OK,
    TZ_TRAIN_NONFINITE // loss, gradient or its squares are not finite; the weights stay as they
                       // were
} tz_train_outcome;

// What a step did.
typedef struct tz_train_step {
    double loss;
    double grad_norm; // before clipping
    tz_train_outcome outcome;
} tz_train_step;

// A trainer of `model` (borrowed, its parameters are written) on `sequences` and `team` (borrowed).
// TZ_ERR_ARGUMENT for a definition out of range or fewer sequences than a batch; TZ_ERR_MISMATCH
// when the sequences' dimensions are not the model's; TZ_ERR_UNSUPPORTED for a regulariser that the
// model does not have; TZ_ERR_MEMORY.
TZ_API tz_status tz_trainer_create(tz_trainer **trainer, const tz_trainer_def *def, tz_model *model,
                                   const tz_sequences *sequences, tz_team *team, tz_error *error);
TZ_API void tz_trainer_destroy(tz_trainer *trainer); // Nullable

// One step on the next batch. Each epoch passes over the sequences once in an order of its own
// (stream seed, TZ_PURPOSE_SHUFFLE, epoch); what does not fill a batch is left out of it. Allocates
// nothing.
TZ_API tz_train_step tz_trainer_step(tz_trainer *trainer);

// Where it stands.
TZ_API int tz_trainer_epoch(const tz_trainer *trainer);         // complete epochs
TZ_API int tz_trainer_step_in_epoch(const tz_trainer *trainer); // steps since then
TZ_API int tz_trainer_steps_per_epoch(const tz_trainer *trainer);
TZ_API double tz_trainer_lr(const tz_trainer *trainer);  // of the next step
TZ_API int tz_trainer_length(const tz_trainer *trainer); // states of a sequence that count now
TZ_API bool tz_trainer_done(const tz_trainer *trainer);  // all epochs are complete

// Whether the steps so far, made in a training of `epochs` epochs in all, are those of this one:
// where learning rate and length do not depend on that number, or not yet.
TZ_API bool tz_trainer_agrees(const tz_trainer *trainer, int epochs);

// Means over the steps of the running epoch, or of the last one when none was made in this.
typedef struct tz_train_means {
    double loss, grad_norm;
} tz_train_means;
TZ_API tz_train_means tz_trainer_means(const tz_trainer *trainer);

// Loss on sequences at the present weights (draws nothing, changes nothing). They have the
// dimensions of the trainer's own, and at most their length. Allocates nothing.
TZ_API double tz_trainer_loss(tz_trainer *trainer, const tz_sequences *sequences);

// The symplectic error on the trainer's sequences at the present weights: the mean S over the
// states of their rollouts and over the entries of (J DF - (J DF)^T)^2 (tz_model_symplectic). Only
// for models that have it. Allocates nothing.
TZ_API double tz_trainer_symplectic_error(tz_trainer *trainer);

// ---- the state that a checkpoint keeps, beside the model's parameters

typedef struct tz_trainer_state {
    uint64_t epoch, step_in_epoch;
    double loss_sum, grad_norm_sum; // over the steps of the running epoch
    uint64_t updates;               // of the optimiser
    float *m, *v; // the optimiser's moments, borrowed from the trainer           (n_parameters)
} tz_trainer_state;
TZ_API tz_trainer_state tz_trainer_get_state(tz_trainer *trainer);

// Continues from a state whose moments were written into m and v of tz_trainer_get_state and whose
// parameters into the model: refreshes what depends on them.
TZ_API void tz_trainer_set_state(tz_trainer *trainer, const tz_trainer_state *state);

#endif
