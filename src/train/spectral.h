// A limit on how fast a learned field can change: after an optimiser step every weight matrix whose
// largest singular value exceeds the limit is scaled down to it. A network of such matrices and
// tanh units has a Lipschitz constant of at most the product of the limits, in its normalised
// inputs and outputs. Source: Yoshida and Miyato, "Spectral norm regularization", 2017, as a
// projection.
#ifndef TRAPEZE_TRAIN_SPECTRAL_H
#define TRAPEZE_TRAIN_SPECTRAL_H

#include "models/model.h"

// Floats of work that the calls below need for this model.
TZ_API size_t tz_spectral_work_size(const tz_model *model);

// Largest singular value of W (rows, cols) by eight power iterations from a vector of ones: a lower
// bound, of random matrices 0.85 to 1 of it; 0 where all columns sum to 0. `work` holds rows + cols
// floats.
TZ_API double tz_spectral_norm(const float *W, int rows, int cols, float *work);

// Scales each weight matrix of the model's parameters (not the biases) to a spectral norm of at
// most `limit`. The caller refreshes the model with tz_model_prepare. Allocates nothing.
TZ_API void tz_limit_spectral_norms(tz_model *model, double limit, float *work);

#endif
