// A network with L hidden layers of tanh units, evaluated and differentiated on tiles of rows:
//
//     h_0 = xi,  h_l = tanh(h_{l-1} W_l + b_l) for l = 1 .. L,  out = h_L W_{L+1} + b_{L+1}
//
// Arrays are indexed from 0: W[0] is W_1, h[0] is h_1.
//
// Letters: B rows, n_in inputs, h hidden units, n_out outputs, L hidden layers. Rows of xi and out
// are padded to whole vectors, strides ld_in and ld_out, rows of hidden units and of the weights
// between them to an odd number of cache lines, stride ld_h: a column of a matrix whose rows are a
// power of two apart falls into a few sets of the cache only. Pad columns are never read.
#ifndef TRAPEZE_MODELS_MLP_H
#define TRAPEZE_MODELS_MLP_H

#include "base/status.h"
#include "models/real.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TZ_MLP_LAYERS_MAX = 4, TZ_MLP_TENSORS_MAX = 2 * (TZ_MLP_LAYERS_MAX + 1) };

typedef struct tz_mlp {
    int n_in, n_hidden, n_layers, n_out;
    int ld_in, ld_h, ld_out;
    // columns of W_{L+1} and b_{L+1} in the parameters; where the outputs are some of them only,
    // stored_at says which, owned, else NULL
    int n_stored, *stored_at; //                                                   (n_out)
    // places of the network's own tensors in a model's flat block of parameters, and in gradients
    size_t W_at[TZ_MLP_LAYERS_MAX + 1], b_at[TZ_MLP_LAYERS_MAX + 1]; // (L + 1)

    // copies for use, aligned and padded; written by tz_mlp_prepare                  (L + 1)
    tz_real *packed;                    // owned, holds all below
    tz_real *W[TZ_MLP_LAYERS_MAX + 1];  // (n_in, h), then (h, ld_h), last (h, ld_out)
    tz_real *b[TZ_MLP_LAYERS_MAX + 1];  // (h), last (ld_out)
    tz_real *Wt[TZ_MLP_LAYERS_MAX + 1]; // transposes: (h, ld_in), then (h, ld_h), last (n_out, h)
} tz_mlp;

// What an evaluation on B rows leaves for its backward.
typedef struct tz_mlp_tape {
    tz_real *xi;                   // inputs                                       (B, ld_in)
    tz_real *h[TZ_MLP_LAYERS_MAX]; // hidden units                          (L; B, ld_h)
} tz_mlp_tape;

// Number of floats rounded up to whole cache lines, so that neighbours stay aligned.
static inline size_t tz_round_line(size_t n) {
    return (n + 15) / 16 * 16;
}

// Takes n floats from a block that is being cut up.
static inline tz_real *tz_take(tz_real **cursor, size_t n) {
    tz_real *taken = *cursor;
    *cursor += tz_round_line(n);
    return taken;
}

// Sizes the network and places its parameters at `offset` of a flat block; allocates the copies.
// With stored_at (n_out), rising, nullable, the outputs are those of n_stored that have an effect:
// the others keep their parameters, are not evaluated, and have no gradient.
tz_status tz_mlp_create(tz_mlp *mlp, int n_in, int n_hidden, int n_layers, int n_out,
                        const int *stored_at, int n_stored, size_t offset, tz_error *error);
void tz_mlp_destroy(tz_mlp *mlp); // accepts a zeroed struct

// Number of parameters, and of their tensors: W_1, b_1, ... W_{L+1}, b_{L+1}.
size_t tz_mlp_n_parameters(const tz_mlp *mlp);
static inline int tz_mlp_n_tensors(const tz_mlp *mlp) {
    return 2 * (mlp->n_layers + 1);
}

// Rows and columns of layer l's weights in the parameters, l = 0 to L.
static inline int tz_mlp_rows(const tz_mlp *mlp, int l) {
    return l == 0 ? mlp->n_in : mlp->n_hidden;
}
static inline int tz_mlp_cols(const tz_mlp *mlp, int l) {
    return l == mlp->n_layers ? mlp->n_stored : mlp->n_hidden;
}

// How fresh biases are drawn; weights are semi-orthogonal times 0.5 in both.
typedef enum tz_bias_init {
    TZ_BIAS_ZERO,   // the study's networks of MuJoCo's robots
    TZ_BIAS_UNIFORM // in +-1/sqrt(inputs of the layer): the study's networks of synthetic systems
} tz_bias_init;

// Fresh parameters. Tensor number first_tensor and those after it address the random streams. The
// biases of the outputs stay zero when `outputs_start_at_zero`.
tz_status tz_mlp_init(const tz_mlp *mlp, tz_real *parameters, uint64_t seed, int first_tensor,
                      tz_bias_init bias, bool outputs_start_at_zero, tz_error *error);

// Refreshes the copies from `parameters`.
void tz_mlp_prepare(tz_mlp *mlp, const tz_real *parameters);

size_t tz_mlp_tape_size(const tz_mlp *mlp, int B);
tz_mlp_tape tz_mlp_tape_take(const tz_mlp *mlp, tz_real **cursor, int B);

// out (B, ld_out) from tape->xi; with out NULL only the hidden units.
void tz_mlp_forward(const tz_mlp *mlp, tz_real *out, const tz_mlp_tape *tape, int B);

// Floats of scratch that backward needs for B rows.
size_t tz_mlp_scratch_size(const tz_mlp *mlp, int B);

// Given out_bar (B, ld_out): xi_bar (B, ld_in) = out_bar (d out / d xi), of which the first n_bar
// columns are overwritten, nullable; grad (flat block) += out_bar (d out / d parameters), nullable.
void tz_mlp_backward(const tz_mlp *mlp, tz_real *xi_bar, int n_bar, tz_real *grad,
                     const tz_mlp_tape *tape, tz_real *scratch, const tz_real *out_bar, int B);

// Where a backward sums up the gradients of W_{L+1}, rows ld apart, and b_{L+1}: in the flat block
// itself, or where outputs are left out in scratch, zeroed by begin, which end adds to the block.
typedef struct tz_mlp_outputs_bar {
    tz_real *W, *b; // (h, n_out), (n_out)
    int ld;
} tz_mlp_outputs_bar;
tz_mlp_outputs_bar tz_mlp_outputs_bar_begin(const tz_mlp *mlp, tz_real *grad, tz_real *scratch);
void tz_mlp_outputs_bar_end(const tz_mlp *mlp, tz_real *grad, const tz_mlp_outputs_bar *bar);

#endif
