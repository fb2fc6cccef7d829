// The gradient of a weighted sum of a network's outputs in its inputs,
//
//     gx = (d out / d xi)^T c,
//
// as a function of (xi, c, theta), and its exact vector-Jacobian products: what a field that is
// itself a gradient (of an energy), or a Jacobian's rows, need. Letters as in mlp.h, and K weighted
// sums at the same inputs.
#ifndef TRAPEZE_MODELS_MLP_GRADIENT_H
#define TRAPEZE_MODELS_MLP_GRADIENT_H

#include "models/mlp.h"

// Gradients in the arguments of tanh, left for backward.
typedef struct tz_mlp_delta {
    tz_real *d[TZ_MLP_LAYERS_MAX]; // (L; K, B, ld_h)
} tz_mlp_delta;

// Tangents of the arguments of tanh (t) and of the hidden units (e) along directions of xi.
typedef struct tz_mlp_tangent {
    tz_real *t[TZ_MLP_LAYERS_MAX], *e[TZ_MLP_LAYERS_MAX]; // (L; K, B, ld_h)
} tz_mlp_tangent;

// Both for rows = K B.
size_t tz_mlp_delta_size(const tz_mlp *mlp, int rows);
tz_mlp_delta tz_mlp_delta_take(const tz_mlp *mlp, tz_real **cursor, int rows);
size_t tz_mlp_tangent_size(const tz_mlp *mlp, int rows);
tz_mlp_tangent tz_mlp_tangent_take(const tz_mlp *mlp, tz_real **cursor, int rows);

// gx (K, B, ld_in) from c (K, B, ld_out), after tz_mlp_forward on this tape.
void tz_mlp_gradient(const tz_mlp *mlp, tz_real *gx, const tz_mlp_delta *delta,
                     const tz_mlp_tape *tape, const tz_real *c, int K, int B);

// First half of the backward, for the adjoints omega (K, B, ld_in) of gx: the tangents along omega,
// and c_bar (K, B, ld_out), nullable.
void tz_mlp_gradient_tangent(const tz_mlp *mlp, tz_real *c_bar, const tz_mlp_tangent *tangent,
                             const tz_mlp_tape *tape, const tz_real *omega, int K, int B);

// Second half, of all K at once and together with the backward of the outputs for out_bar
// (B, ld_out), nullable: xi_bar (B, ld_in) overwritten; grad += , nullable. Needs the scratch of
// tz_mlp_backward.
void tz_mlp_gradient_backward(const tz_mlp *mlp, tz_real *xi_bar, tz_real *grad,
                              const tz_mlp_tape *tape, const tz_mlp_delta *delta,
                              const tz_mlp_tangent *tangent, tz_real *scratch, const tz_real *c,
                              const tz_real *omega, const tz_real *out_bar, int K, int B);

#endif
