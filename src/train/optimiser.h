// Adam on one flat block of parameters, with gradients clipped to a global norm and weight decay
// either coupled as an L2 term (added to the gradient before the moments) or decoupled (AdamW).
//
// Sources: Kingma and Ba, "Adam", ICLR 2015, Algorithm 1, and Loshchilov and Hutter, "Decoupled
// weight decay regularization", ICLR 2019, Algorithm 2, in the order of operations of PyTorch.
#ifndef TRAPEZE_TRAIN_OPTIMISER_H
#define TRAPEZE_TRAIN_OPTIMISER_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tz_adam {
    double beta1, beta2;
    double epsilon;
    double weight_decay; // 0: none
    bool decoupled;      // AdamW: weights decay by lr * weight_decay, past the moments
    size_t n;            // parameters
    float *m, *v;        // first and second moments, owned                      (n)
    uint64_t t;          // updates so far
} tz_adam;

// Moments zero, beta1 0.9, beta2 0.999, epsilon 1e-8, no weight decay; change them before the first
// update.
TZ_API tz_status tz_adam_create(tz_adam *adam, size_t n, tz_error *error);
TZ_API void tz_adam_destroy(tz_adam *adam); // accepts a zeroed struct

// One update of theta (n) along grad_scale * grad (n):
//
//     g = grad_scale grad + weight_decay theta
//     m = beta1 m + (1 - beta1) g,   v = beta2 v + (1 - beta2) g^2,   t = t + 1
//     theta = theta - lr / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + epsilon)
//
// or, decoupled, g = grad_scale grad and theta = (1 - lr weight_decay) theta before its step.
// Allocates nothing.
TZ_API void tz_adam_update(tz_adam *adam, float *theta, const float *grad, double grad_scale,
                           double lr);

// The same a piece at a time, pieces in any order and on any thread: the factors of an update, with
// which adam counts it, and the update of n parameters from index `first` on. The floating-point
// mode is the caller's: whether numbers below the smallest normal count as zero.
typedef struct tz_adam_step {
    float grad_scale, weight_decay; // weight_decay of the gradient
    float keep;                     // of the weights, before their step
    float beta1, one_minus_beta1, beta2, one_minus_beta2;
    float step;                 // lr / (1 - beta1^t)
    float sqrt_v_bias, epsilon; // sqrt(1 - beta2^t)
} tz_adam_step;
TZ_API tz_adam_step tz_adam_next(tz_adam *adam, double grad_scale, double lr);
TZ_API void tz_adam_update_piece(const tz_adam *adam, float *theta, const float *grad, size_t first,
                                 size_t n, const tz_adam_step *step);

// Euclidean norm of x (n), summed in double in fixed blocks.
TZ_API double tz_norm_f32(const float *x, size_t n);

// The factor that brings a gradient of this norm to at most max_norm; 1 when max_norm is 0.
TZ_API double tz_clip_scale(double norm, double max_norm);

// Learning rate of epoch `epoch` of n_epochs, annealed from lr to lr_end along half a cosine:
//     lr_end + (lr - lr_end) (1 + cos(pi epoch / n_epochs)) / 2
TZ_API double tz_cosine_lr(double lr, double lr_end, int epoch, int n_epochs);

// Learning rate at the fractional epoch `epoch`, along half a cosine that is cut off at a floor:
//     lr max((1 + cos(pi epoch / n_epochs)) / 2, floor)
TZ_API double tz_cosine_floor_lr(double lr, double floor, double epoch, int n_epochs);

#endif
