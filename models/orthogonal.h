// Random semi-orthogonal matrices, the initial weights of the networks.
#ifndef TRAPEZE_MODELS_ORTHOGONAL_H
#define TRAPEZE_MODELS_ORTHOGONAL_H

#include "base/status.h"
#include "models/real.h"

#include <stdint.h>

// W (rows, cols) <- gain times a matrix with orthonormal rows or columns (the fewer), uniform over
// such matrices: Q of the QR factorisation of a Gaussian matrix, with the signs of R's diagonal
// (Mezzadri, "How to generate random matrices from the classical compact groups", 2007). Drawn from
// the stream (seed, TZ_PURPOSE_INIT, index).
tz_status tz_fill_semi_orthogonal(tz_real *W, int rows, int cols, double gain, uint64_t seed,
                                  uint64_t index, tz_error *error);

#endif
