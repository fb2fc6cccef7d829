#include "models/mlp.h"

#include "base/assert.h"
#include "base/memory.h"
#include "base/rng.h"
#include "models/kernels.h"
#include "models/orthogonal.h"

#include <math.h>
#include <string.h>

// ---- layout

static int round_vector(int n) {
    return (n + 15) / 16 * 16;
}

// The stride of rows that lie in an odd number of cache lines.
static int odd_lines(int n) {
    return ((n + 15) / 16 | 1) * 16;
}

// Strides of the copies of layer l's weights.
static int stride_of_W(const tz_mlp *mlp, int l) {
    return l == 0 ? mlp->n_hidden : l < mlp->n_layers ? mlp->ld_h : mlp->ld_out;
}

static int stride_of_Wt(const tz_mlp *mlp, int l) {
    return l == 0 ? mlp->ld_in : l < mlp->n_layers ? mlp->ld_h : mlp->n_hidden;
}

// Columns of layer l that are evaluated.
static int evaluated_cols(const tz_mlp *mlp, int l) {
    return l == mlp->n_layers ? mlp->n_out : mlp->n_hidden;
}

tz_status tz_mlp_create(tz_mlp *mlp, int n_in, int n_hidden, int n_layers, int n_out,
                        const int *stored_at, int n_stored, size_t offset, tz_error *error) {
    TZ_ASSERT(n_layers >= 1 && n_layers <= TZ_MLP_LAYERS_MAX);
    *mlp = (tz_mlp){.n_in = n_in,
                    .n_hidden = n_hidden,
                    .n_layers = n_layers,
                    .n_out = n_out,
                    .ld_in = round_vector(n_in),
                    .ld_h = odd_lines(n_hidden),
                    .ld_out = round_vector(n_out),
                    .n_stored = n_stored};
    const int L = n_layers;
    if (stored_at != NULL) {
        mlp->stored_at = tz_alloc((size_t)n_out, sizeof *stored_at);
        if (mlp->stored_at == NULL) {
            return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a network of %d outputs", n_out);
        }
        memcpy(mlp->stored_at, stored_at, (size_t)n_out * sizeof *stored_at);
    }

    // tensors in the flat block, one behind the other
    for (int l = 0; l <= L; l++) {
        mlp->W_at[l] = offset;
        mlp->b_at[l] = offset + (size_t)tz_mlp_rows(mlp, l) * (size_t)tz_mlp_cols(mlp, l);
        offset = mlp->b_at[l] + (size_t)tz_mlp_cols(mlp, l);
    }

    // copies for use: sizes of W, b and Wt
    size_t sizes[TZ_MLP_LAYERS_MAX + 1][3], size = 0;
    for (int l = 0; l <= L; l++) {
        const size_t rows = (size_t)tz_mlp_rows(mlp, l), cols = (size_t)evaluated_cols(mlp, l);
        const size_t ld = (size_t)stride_of_W(mlp, l), ld_t = (size_t)stride_of_Wt(mlp, l);
        sizes[l][0] = rows * ld;
        sizes[l][1] = ld;
        sizes[l][2] = cols * ld_t;
        for (int i = 0; i < 3; i++) {
            size += tz_round_line(sizes[l][i]);
        }
    }
    tz_real *cursor = mlp->packed = tz_alloc(size, sizeof(tz_real));
    if (cursor == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a network of %zu values", size);
    }
    for (int l = 0; l <= L; l++) {
        mlp->W[l] = tz_take(&cursor, sizes[l][0]);
        mlp->b[l] = tz_take(&cursor, sizes[l][1]);
        mlp->Wt[l] = tz_take(&cursor, sizes[l][2]);
    }
    return TZ_OK;
}

void tz_mlp_destroy(tz_mlp *mlp) {
    tz_free(mlp->packed);
    tz_free(mlp->stored_at);
    *mlp = (tz_mlp){0};
}

size_t tz_mlp_n_parameters(const tz_mlp *mlp) {
    return mlp->b_at[mlp->n_layers] + (size_t)mlp->n_stored - mlp->W_at[0];
}

tz_status tz_mlp_init(const tz_mlp *mlp, tz_real *parameters, uint64_t seed, int first_tensor,
                      tz_bias_init bias, bool outputs_start_at_zero, tz_error *error) {
    memset(parameters + mlp->W_at[0], 0, tz_mlp_n_parameters(mlp) * sizeof *parameters);
    for (int l = 0; l <= mlp->n_layers; l++) {
        const int rows = tz_mlp_rows(mlp, l), cols = tz_mlp_cols(mlp, l);
        const uint64_t index = (uint64_t)(first_tensor + 2 * l);
        TZ_CHECK(tz_fill_semi_orthogonal(parameters + mlp->W_at[l], rows, cols, 0.5, seed, index,
                                         error));
        if (bias == TZ_BIAS_UNIFORM && !(l == mlp->n_layers && outputs_start_at_zero)) {
            tz_rng rng = tz_rng_stream(seed, TZ_PURPOSE_INIT, index + 1);
            const double bound = 1.0 / sqrt(rows);
            for (int i = 0; i < cols; i++) {
                parameters[mlp->b_at[l] + (size_t)i] =
                    (tz_real)(bound * (2.0 * tz_rng_uniform(&rng) - 1.0));
            }
        }
    }
    return TZ_OK;
}

// One row of a copy: those columns x of the parameters that are evaluated.
static void copy_columns(tz_real *copy, const tz_real *x, const int *stored_at, int cols) {
    if (stored_at == NULL) {
        memcpy(copy, x, (size_t)cols * sizeof *x);
        return;
    }
    for (int k = 0; k < cols; k++) {
        copy[k] = x[stored_at[k]];
    }
}

void tz_mlp_prepare(tz_mlp *mlp, const tz_real *parameters) {
    const int L = mlp->n_layers;
    for (int l = 0; l <= L; l++) {
        const int rows = tz_mlp_rows(mlp, l), cols = evaluated_cols(mlp, l);
        const int ld = stride_of_W(mlp, l), ld_t = stride_of_Wt(mlp, l);
        const int *stored_at = l == L ? mlp->stored_at : NULL;
        const tz_real *W = parameters + mlp->W_at[l]; // (rows, tz_mlp_cols)
        for (int i = 0; i < rows; i++, W += tz_mlp_cols(mlp, l)) {
            copy_columns(mlp->W[l] + (size_t)i * (size_t)ld, W, stored_at, cols);
        }
        tz_transpose_block(mlp->Wt[l], mlp->W[l], rows, cols, ld, ld_t);
        copy_columns(mlp->b[l], parameters + mlp->b_at[l], stored_at, cols);
    }
}

// ---- evaluation

size_t tz_mlp_tape_size(const tz_mlp *mlp, int B) {
    return (size_t)B * (size_t)(mlp->ld_in + mlp->n_layers * mlp->ld_h);
}

tz_mlp_tape tz_mlp_tape_take(const tz_mlp *mlp, tz_real **cursor, int B) {
    tz_mlp_tape tape;
    tape.xi = tz_take(cursor, (size_t)B * (size_t)mlp->ld_in);
    for (int l = 0; l < mlp->n_layers; l++) {
        tape.h[l] = tz_take(cursor, (size_t)B * (size_t)mlp->ld_h);
    }
    return tape;
}

void tz_mlp_forward(const tz_mlp *mlp, tz_real *out, const tz_mlp_tape *tape, int B) {
    const int in = mlp->n_in, h = mlp->n_hidden, L = mlp->n_layers;
    const int ld_in = mlp->ld_in, ld_h = mlp->ld_h, ld_out = mlp->ld_out;

    // h_1 (B, ld_h) = tanh(xi (B, n_in) W_1 (n_in, h) + b_1)
    tz_layer_tanh(tape->h[0], tape->xi, mlp->W[0], mlp->b[0], B, h, in, ld_in, h, ld_h);

    // h_l (B, h) = tanh(h_{l-1} (B, h) W_l (h, h) + b_l)
    for (int l = 1; l < L; l++) {
        tz_layer_tanh(tape->h[l], tape->h[l - 1], mlp->W[l], mlp->b[l], B, h, h, ld_h, ld_h, ld_h);
    }

    // out (B, n_out) = h_L (B, h) W_{L+1} (h, n_out) + b_{L+1}
    if (out != NULL) {
        tz_layer_linear(out, tape->h[L - 1], mlp->W[L], mlp->Wt[L], mlp->b[L], B, mlp->n_out, h,
                        ld_h, ld_out, ld_out);
    }
}

// ---- backward

// W_{L+1}_bar and b_{L+1}_bar of outputs that are some of the stored ones.
static size_t outputs_bar_size(const tz_mlp *mlp) {
    const size_t ld = (size_t)mlp->ld_out;
    return mlp->stored_at != NULL ? tz_round_line((size_t)mlp->n_hidden * ld) + ld : 0;
}

size_t tz_mlp_scratch_size(const tz_mlp *mlp, int B) {
    return 2 * (size_t)B * (size_t)mlp->ld_h + outputs_bar_size(mlp);
}

tz_mlp_outputs_bar tz_mlp_outputs_bar_begin(const tz_mlp *mlp, tz_real *grad, tz_real *scratch) {
    const int L = mlp->n_layers;
    if (mlp->stored_at == NULL) {
        return (tz_mlp_outputs_bar){grad + mlp->W_at[L], grad + mlp->b_at[L], mlp->n_out};
    }
    memset(scratch, 0, outputs_bar_size(mlp) * sizeof *scratch);
    tz_mlp_outputs_bar bar = {.ld = mlp->ld_out};
    bar.W = tz_take(&scratch, (size_t)mlp->n_hidden * (size_t)mlp->ld_out);
    bar.b = scratch;
    return bar;
}

void tz_mlp_outputs_bar_end(const tz_mlp *mlp, tz_real *grad, const tz_mlp_outputs_bar *bar) {
    if (mlp->stored_at == NULL) {
        return;
    }
    tz_real *W_bar = grad + mlp->W_at[mlp->n_layers], *b_bar = grad + mlp->b_at[mlp->n_layers];
    for (int i = 0; i < mlp->n_hidden; i++) {
        for (int k = 0; k < mlp->n_out; k++) {
            W_bar[i * mlp->n_stored + mlp->stored_at[k]] += bar->W[i * bar->ld + k];
        }
    }
    for (int k = 0; k < mlp->n_out; k++) {
        b_bar[mlp->stored_at[k]] += bar->b[k];
    }
}

// With a_l the arguments of tanh, h_0 = xi and a_{L+1} = out:
//
//     a_l_bar = (a_{l+1}_bar W_{l+1}^T) (1 - h_l^2),   xi_bar = a_1_bar W_1^T
//     W_l_bar = h_{l-1}^T a_l_bar,   b_l_bar = sum a_l_bar
void tz_mlp_backward(const tz_mlp *mlp, tz_real *xi_bar, int n_bar, tz_real *grad,
                     const tz_mlp_tape *tape, tz_real *scratch, const tz_real *out_bar, int B) {
    const int in = mlp->n_in, h = mlp->n_hidden, L = mlp->n_layers, out = mlp->n_out;
    const int ld_in = mlp->ld_in, ld_h = mlp->ld_h, ld_out = mlp->ld_out;
    const bool has_grad = grad != NULL;
    tz_real *a_bar = tz_take(&scratch, (size_t)B * (size_t)ld_h); // (B, ld_h)
    tz_real *below = tz_take(&scratch, (size_t)B * (size_t)ld_h); // of the layer below (B, ld_h)

    // a_L_bar (B, h) from out_bar (B, n_out) Wt_{L+1} (n_out, h)
    tz_layer_tanh_backward(a_bar, has_grad ? grad + mlp->b_at[L - 1] : NULL, out_bar, mlp->Wt[L],
                           tape->h[L - 1], B, h, out, ld_out, h, ld_h);
    if (has_grad) {
        // W_{L+1}_bar (h, n_out) += h_L^T out_bar
        const tz_mlp_outputs_bar bar = tz_mlp_outputs_bar_begin(mlp, grad, scratch);
        tz_layer_gradient(bar.W, tape->h[L - 1], out_bar, h, out, B, ld_h, ld_out, bar.ld);
        tz_layer_column_sums(bar.b, out_bar, B, out, ld_out);
        tz_mlp_outputs_bar_end(mlp, grad, &bar);
    }

    for (int l = L - 1; l >= 1; l--) {
        // W_bar (h, h) += h_below^T a_bar, and a_bar (B, h) of the layer below from a_bar Wt (h, h)
        if (has_grad) {
            tz_layer_gradient(grad + mlp->W_at[l], tape->h[l - 1], a_bar, h, h, B, ld_h, ld_h, h);
        }
        tz_layer_tanh_backward(below, has_grad ? grad + mlp->b_at[l - 1] : NULL, a_bar, mlp->Wt[l],
                               tape->h[l - 1], B, h, h, ld_h, ld_h, ld_h);
        tz_real *above = a_bar;
        a_bar = below;
        below = above;
    }

    // W_1_bar (n_in, h) += xi^T a_1_bar
    if (has_grad) {
        tz_layer_gradient(grad + mlp->W_at[0], tape->xi, a_bar, in, h, B, ld_in, ld_h, h);
    }

    // xi_bar (B, n_bar) = a_1_bar (B, h) Wt_1 (h, n_in)
    if (xi_bar != NULL) {
        tz_layer_linear(xi_bar, a_bar, mlp->Wt[0], mlp->W[0], NULL, B, n_bar, h, ld_h, ld_in,
                        ld_in);
    }
}
