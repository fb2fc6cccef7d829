// The variance of a probabilistic model's rollout: a second network beside the one that predicts,
// with the same inputs, gives the log-variance of the state's change in one transition; variances
// add up along the rollout. Derivation above variance.c.
#ifndef TRAPEZE_MODELS_VARIANCE_H
#define TRAPEZE_MODELS_VARIANCE_H

#include "models/learned.h"

// Floats of scratch that both functions need for B rows.
size_t tz_variance_scratch_size(const tz_learned *self, int B);

// V_next (B, nz) = V (B, nz) + what a transition from z (B, nz) under u (B, nu) adds.
void tz_variance_add(const tz_learned *self, tz_real *V_next, const tz_real *V, tz_real *scratch,
                     const tz_real *z, const tz_real *u, int B);

// grad (n_parameters) += the gradient for the adjoint V_bar (B, nz) of V_next. z is not
// differentiated: the variance does not pull at the prediction.
void tz_variance_add_vjp(const tz_learned *self, tz_real *grad, tz_real *scratch,
                         const tz_real *V_bar, const tz_real *z, const tz_real *u, int B);

#endif
