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

tz_status tz_mlp_create(tz_mlp *mlp, int n_in, int n_hidden, int n_layers, int n_out, size_t offset,
                        tz_error *error) {
    TZ_ASSERT(n_layers >= 1 && n_layers <= TZ_MLP_LAYERS_MAX);
    *mlp = (tz_mlp){.n_in = n_in,
                    .n_hidden = n_hidden,
                    .n_layers = n_layers,
                    .n_out = n_out,
                    .ld_in = round_vector(n_in),
                    .ld_out = round_vector(n_out)};
    const int L = n_layers;

    // tensors in the flat block, one behind the other
    for (int l = 0; l <= L; l++) {
        mlp->W_at[l] = offset;
        mlp->b_at[l] = offset + (size_t)tz_mlp_rows(mlp, l) * (size_t)tz_mlp_cols(mlp, l);
        offset = mlp->b_at[l] + (size_t)tz_mlp_cols(mlp, l);
    }

    // copies for use: sizes of W, b and Wt
    size_t sizes[TZ_MLP_LAYERS_MAX + 1][3], size = 0;
    for (int l = 0; l <= L; l++) {
        const size_t rows = (size_t)tz_mlp_rows(mlp, l), cols = (size_t)tz_mlp_cols(mlp, l);
        const size_t ld = l == L ? (size_t)mlp->ld_out : cols;
        const size_t ld_t = l == 0 ? (size_t)mlp->ld_in : rows;
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
    *mlp = (tz_mlp){0};
}

size_t tz_mlp_n_parameters(const tz_mlp *mlp) {
    return mlp->b_at[mlp->n_layers] + (size_t)mlp->n_out - mlp->W_at[0];
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

void tz_mlp_prepare(tz_mlp *mlp, const tz_real *parameters) {
    const size_t in = (size_t)mlp->n_in, h = (size_t)mlp->n_hidden, out = (size_t)mlp->n_out;
    const int L = mlp->n_layers;
    const tz_real *W_first = parameters + mlp->W_at[0], *W_last = parameters + mlp->W_at[L];
    for (int l = 0; l <= L; l++) {
        memcpy(mlp->b[l], parameters + mlp->b_at[l],
               (size_t)tz_mlp_cols(mlp, l) * sizeof *parameters);
    }
    memcpy(mlp->W[0], W_first, in * h * sizeof *W_first);
    for (int l = 1; l < L; l++) {
        memcpy(mlp->W[l], parameters + mlp->W_at[l], h * h * sizeof *parameters);
        tz_transpose(mlp->Wt[l], parameters + mlp->W_at[l], mlp->n_hidden, mlp->n_hidden);
    }
    for (size_t i = 0; i < h; i++) {
        memcpy(mlp->W[L] + i * (size_t)mlp->ld_out, W_last + i * out, out * sizeof *W_last);
        for (size_t j = 0; j < in; j++) {
            mlp->Wt[0][i * (size_t)mlp->ld_in + j] = W_first[j * h + i];
        }
        for (size_t j = 0; j < out; j++) {
            mlp->Wt[L][j * h + i] = W_last[i * out + j];
        }
    }
}

// ---- evaluation

size_t tz_mlp_tape_size(const tz_mlp *mlp, int B) {
    return (size_t)B * (size_t)mlp->ld_in +
           (size_t)mlp->n_layers * tz_round_line((size_t)B * (size_t)mlp->n_hidden);
}

tz_mlp_tape tz_mlp_tape_take(const tz_mlp *mlp, tz_real **cursor, int B) {
    tz_mlp_tape tape;
    tape.xi = tz_take(cursor, (size_t)B * (size_t)mlp->ld_in);
    for (int l = 0; l < mlp->n_layers; l++) {
        tape.h[l] = tz_take(cursor, (size_t)B * (size_t)mlp->n_hidden);
    }
    return tape;
}

void tz_mlp_forward(const tz_mlp *mlp, tz_real *out, const tz_mlp_tape *tape, int B) {
    const int in = mlp->n_in, h = mlp->n_hidden, L = mlp->n_layers;
    const int ld_in = mlp->ld_in, ld_out = mlp->ld_out;

    // h_1 (B, h) = tanh(xi (B, n_in) W_1 (n_in, h) + b_1)
    tz_gemm_nn(tape->h[0], tape->xi, mlp->W[0], B, h, in, ld_in, h, h, 0.0f);
    tz_bias_tanh_f32(tape->h[0], mlp->b[0], B, h, h);

    // h_l (B, h) = tanh(h_{l-1} (B, h) W_l (h, h) + b_l)
    for (int l = 1; l < L; l++) {
        tz_gemm_nn(tape->h[l], tape->h[l - 1], mlp->W[l], B, h, h, h, h, h, 0.0f);
        tz_bias_tanh_f32(tape->h[l], mlp->b[l], B, h, h);
    }

    if (out == NULL) {
        return;
    }
    // out (B, ld_out) = h_L (B, h) W_{L+1} (h, ld_out) + b_{L+1}
    tz_gemm_nn(out, tape->h[L - 1], mlp->W[L], B, ld_out, h, h, ld_out, ld_out, 0.0f);
    tz_bias_f32(out, mlp->b[L], B, ld_out, ld_out);
}

// ---- backward

size_t tz_mlp_scratch_size(const tz_mlp *mlp, int B) {
    return 2 * tz_round_line((size_t)B * (size_t)mlp->n_hidden) +
           tz_round_line((size_t)mlp->n_hidden);
}

void tz_add_column_sums(tz_real *b_bar, const tz_real *X, int B, int n, int ldx) {
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n; i++) {
            b_bar[i] += X[(size_t)row * (size_t)ldx + (size_t)i];
        }
    }
}

// With a_l the arguments of tanh and h_0 = xi:
//
//     h_L_bar = out_bar W_{L+1}^T,        W_{L+1}_bar = h_L^T out_bar,  b_{L+1}_bar = sum out_bar
//     a_l_bar = h_l_bar (1 - h_l^2),      W_l_bar = h_{l-1}^T a_l_bar,  b_l_bar = sum a_l_bar
//     h_{l-1}_bar = a_l_bar W_l^T,        xi_bar = h_0_bar
void tz_mlp_backward(const tz_mlp *mlp, tz_real *xi_bar, tz_real *grad, const tz_mlp_tape *tape,
                     tz_real *scratch, const tz_real *out_bar, int B) {
    const int in = mlp->n_in, h = mlp->n_hidden, L = mlp->n_layers, out = mlp->n_out;
    const int ld_in = mlp->ld_in, ld_out = mlp->ld_out;
    tz_real *h_bar = tz_take(&scratch, (size_t)B * (size_t)h); // (B, h)
    tz_real *a_bar = tz_take(&scratch, (size_t)B * (size_t)h); // (B, h)
    tz_real *unread = tz_take(&scratch, (size_t)h); // bias gradients that nobody asked for

    // h_L_bar (B, h) = out_bar (B, n_out) Wt_{L+1} (n_out, h), W_{L+1}_bar (h, n_out) += h_L^T
    // out_bar
    tz_gemm_nn(h_bar, out_bar, mlp->Wt[L], B, h, out, ld_out, h, h, 0.0f);
    if (grad != NULL) {
        tz_gemm_tn(grad + mlp->W_at[L], tape->h[L - 1], out_bar, h, out, B, h, ld_out, out, 1.0f);
        tz_add_column_sums(grad + mlp->b_at[L], out_bar, B, out, ld_out);
    }

    for (int l = L - 1; l >= 1; l--) {
        // a_bar (B, h), W_bar (h, h) += h_below^T a_bar, h_bar (B, h) = a_bar (B, h) Wt (h, h)
        tz_tanh_backward_bias_f32(a_bar, grad != NULL ? grad + mlp->b_at[l] : unread, h_bar,
                                  tape->h[l], B, h);
        if (grad != NULL) {
            tz_gemm_tn(grad + mlp->W_at[l], tape->h[l - 1], a_bar, h, h, B, h, h, h, 1.0f);
        }
        tz_gemm_nn(h_bar, a_bar, mlp->Wt[l], B, h, h, h, h, h, 0.0f);
    }

    // a_1_bar (B, h), W_1_bar (n_in, h) += xi^T a_1_bar
    tz_tanh_backward_bias_f32(a_bar, grad != NULL ? grad + mlp->b_at[0] : unread, h_bar, tape->h[0],
                              B, h);
    if (grad != NULL) {
        tz_gemm_tn(grad + mlp->W_at[0], tape->xi, a_bar, in, h, B, ld_in, h, h, 1.0f);
    }

    // xi_bar (B, ld_in) = a_1_bar (B, h) Wt_1 (h, ld_in)
    if (xi_bar != NULL) {
        tz_gemm_nn(xi_bar, a_bar, mlp->Wt[0], B, ld_in, h, h, ld_in, ld_in, 0.0f);
    }
}
