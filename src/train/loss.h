// The training loss on a tile of rows.
#ifndef TRAPEZE_TRAIN_LOSS_H
#define TRAPEZE_TRAIN_LOSS_H

#include "base/export.h"

typedef enum tz_loss {
    TZ_LOSS_L2, // squared error
    TZ_LOSS_L1  // absolute error; its gradient is 0 where the error is
} tz_loss;

// Of predictions zhat and truths z (L, B, nz), with weight (nz) = 1 / sigma_z^2 and scale one over
// the number of terms in the whole batch's mean:
//
//     returns      scale * sum of (zhat - z)^2 weight,
//     z_bar (L, B, nz; Nullable) = 2 scale (zhat - z) weight,
//
// or, for TZ_LOSS_L1, with |zhat - z| sqrt(weight) and its gradient.
TZ_API double tz_rollout_loss(tz_loss loss, float *z_bar, const float *zhat, const float *z,
                              const float *weight, double scale, int L, int B, int nz);

// The mean negative log-likelihood of the truths z under Gaussians of means zhat and variances V
// (L, B, nz), in units of the training states' standard deviations; states at t = 0 are given and
// left out:
//
//     returns      scale * sum over t >= 1 of ((zhat - z)^2 / V + log(2 pi V weight)) / 2,
//     V_bar (L, B, nz; Nullable) = scale (1 - (zhat - z)^2 / V) / (2 V), 0 at t = 0.
TZ_API double tz_gaussian_nll(float *V_bar, const float *zhat, const float *z, const float *V,
                              const float *weight, double scale, int L, int B, int nz);

#endif
