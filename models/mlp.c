#include "models/mlp.h"

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

tz_status tz_mlp_create(tz_mlp *mlp, int n_in, int n_hidden, int n_out, size_t offset,
                        tz_error *error) {
    *mlp = (tz_mlp){.n_in = n_in,
                    .n_hidden = n_hidden,
                    .n_out = n_out,
                    .ld_in = round_vector(n_in),
                    .ld_out = round_vector(n_out)};
    const size_t in = (size_t)n_in, h = (size_t)n_hidden, out = (size_t)n_out;
    const size_t ld_in = (size_t)mlp->ld_in, ld_out = (size_t)mlp->ld_out;

    // tensors in the flat block, one behind the other
    mlp->W1_at = offset;
    mlp->b1_at = mlp->W1_at + in * h;
    mlp->W2_at = mlp->b1_at + h;
    mlp->b2_at = mlp->W2_at + h * h;
    mlp->W3_at = mlp->b2_at + h;
    mlp->b3_at = mlp->W3_at + h * out;

    // copies for use
    const size_t size = tz_round_line(in * h) + 2 * tz_round_line(h) + 2 * tz_round_line(h * h) +
                        tz_round_line(h * ld_out) + ld_out + tz_round_line(h * ld_in) +
                        tz_round_line(out * h);
    tz_real *cursor = mlp->packed = tz_alloc(size, sizeof(tz_real));
    if (cursor == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a network of %zu values", size);
    }
    mlp->W1 = tz_take(&cursor, in * h);
    mlp->b1 = tz_take(&cursor, h);
    mlp->W2 = tz_take(&cursor, h * h);
    mlp->b2 = tz_take(&cursor, h);
    mlp->W3 = tz_take(&cursor, h * ld_out);
    mlp->b3 = tz_take(&cursor, ld_out);
    mlp->W1t = tz_take(&cursor, h * ld_in);
    mlp->W2t = tz_take(&cursor, h * h);
    mlp->W3t = tz_take(&cursor, out * h);
    return TZ_OK;
}

void tz_mlp_destroy(tz_mlp *mlp) {
    tz_free(mlp->packed);
    *mlp = (tz_mlp){0};
}

size_t tz_mlp_n_parameters(const tz_mlp *mlp) {
    return mlp->b3_at + (size_t)mlp->n_out - mlp->W1_at;
}

tz_status tz_mlp_init(const tz_mlp *mlp, tz_real *parameters, uint64_t seed, int first_tensor,
                      tz_bias_init bias, bool outputs_start_at_zero, tz_error *error) {
    memset(parameters + mlp->W1_at, 0, tz_mlp_n_parameters(mlp) * sizeof *parameters);
    const int rows[] = {mlp->n_in, mlp->n_hidden, mlp->n_hidden};
    const int cols[] = {mlp->n_hidden, mlp->n_hidden, mlp->n_out};
    tz_real *const W[] = {parameters + mlp->W1_at, parameters + mlp->W2_at,
                          parameters + mlp->W3_at};
    tz_real *const b[] = {parameters + mlp->b1_at, parameters + mlp->b2_at,
                          parameters + mlp->b3_at};
    for (int layer = 0; layer < 3; layer++) {
        const uint64_t index = (uint64_t)(first_tensor + 2 * layer);
        TZ_CHECK(
            tz_fill_semi_orthogonal(W[layer], rows[layer], cols[layer], 0.5, seed, index, error));
        if (bias == TZ_BIAS_UNIFORM && !(layer == 2 && outputs_start_at_zero)) {
            tz_rng rng = tz_rng_stream(seed, TZ_PURPOSE_INIT, index + 1);
            const double bound = 1.0 / sqrt(rows[layer]);
            for (int i = 0; i < cols[layer]; i++) {
                b[layer][i] = (tz_real)(bound * (2.0 * tz_rng_uniform(&rng) - 1.0));
            }
        }
    }
    return TZ_OK;
}

void tz_mlp_prepare(tz_mlp *mlp, const tz_real *parameters) {
    const size_t in = (size_t)mlp->n_in, h = (size_t)mlp->n_hidden, out = (size_t)mlp->n_out;
    const tz_real *W1 = parameters + mlp->W1_at;
    const tz_real *W2 = parameters + mlp->W2_at;
    const tz_real *W3 = parameters + mlp->W3_at;
    memcpy(mlp->W1, W1, in * h * sizeof *W1);
    memcpy(mlp->b1, parameters + mlp->b1_at, h * sizeof *W1);
    memcpy(mlp->W2, W2, h * h * sizeof *W2);
    memcpy(mlp->b2, parameters + mlp->b2_at, h * sizeof *W1);
    memcpy(mlp->b3, parameters + mlp->b3_at, out * sizeof *W3);
    for (size_t i = 0; i < h; i++) {
        memcpy(mlp->W3 + i * (size_t)mlp->ld_out, W3 + i * out, out * sizeof *W3);
        for (size_t j = 0; j < in; j++) {
            mlp->W1t[i * (size_t)mlp->ld_in + j] = W1[j * h + i];
        }
        for (size_t j = 0; j < out; j++) {
            mlp->W3t[j * h + i] = W3[i * out + j];
        }
    }
    tz_transpose(mlp->W2t, W2, mlp->n_hidden, mlp->n_hidden);
}

// ---- evaluation

size_t tz_mlp_tape_size(const tz_mlp *mlp, int B) {
    return (size_t)B * (size_t)mlp->ld_in + 2 * tz_round_line((size_t)B * (size_t)mlp->n_hidden);
}

tz_mlp_tape tz_mlp_tape_take(const tz_mlp *mlp, tz_real **cursor, int B) {
    tz_mlp_tape tape;
    tape.xi = tz_take(cursor, (size_t)B * (size_t)mlp->ld_in);
    tape.h1 = tz_take(cursor, (size_t)B * (size_t)mlp->n_hidden);
    tape.h2 = tz_take(cursor, (size_t)B * (size_t)mlp->n_hidden);
    return tape;
}

void tz_mlp_forward(const tz_mlp *mlp, tz_real *out, const tz_mlp_tape *tape, int B) {
    const int in = mlp->n_in, h = mlp->n_hidden, ld_in = mlp->ld_in, ld_out = mlp->ld_out;

    // h1 (B, h) = tanh(xi (B, n_in) W1 (n_in, h) + b1)
    tz_gemm_nn(tape->h1, tape->xi, mlp->W1, B, h, in, ld_in, h, h, 0.0f);
    tz_bias_tanh_f32(tape->h1, mlp->b1, B, h, h);

    // h2 (B, h) = tanh(h1 (B, h) W2 (h, h) + b2)
    tz_gemm_nn(tape->h2, tape->h1, mlp->W2, B, h, h, h, h, h, 0.0f);
    tz_bias_tanh_f32(tape->h2, mlp->b2, B, h, h);

    if (out == NULL) {
        return;
    }
    // out (B, ld_out) = h2 (B, h) W3 (h, ld_out) + b3
    tz_gemm_nn(out, tape->h2, mlp->W3, B, ld_out, h, h, ld_out, ld_out, 0.0f);
    tz_bias_f32(out, mlp->b3, B, ld_out, ld_out);
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

// With a1, a2 the arguments of tanh:
//   h2_bar = out_bar W3^T,  a2_bar = h2_bar (1 - h2^2),  W3_bar = h2^T out_bar, b3_bar = sum
//   out_bar h1_bar = a2_bar W2^T,   a1_bar = h1_bar (1 - h1^2),  W2_bar = h1^T a2_bar,  b2_bar =
//   sum a2_bar xi_bar = a1_bar W1^T,                                W1_bar = xi^T a1_bar,  b1_bar =
//   sum a1_bar
void tz_mlp_backward(const tz_mlp *mlp, tz_real *xi_bar, tz_real *grad, const tz_mlp_tape *tape,
                     tz_real *scratch, const tz_real *out_bar, int B) {
    const int in = mlp->n_in, h = mlp->n_hidden, out = mlp->n_out;
    const int ld_in = mlp->ld_in, ld_out = mlp->ld_out;
    tz_real *h_bar = tz_take(&scratch, (size_t)B * (size_t)h); // (B, h)
    tz_real *a_bar = tz_take(&scratch, (size_t)B * (size_t)h); // (B, h)
    tz_real *unread = tz_take(&scratch, (size_t)h); // bias gradients that nobody asked for

    // a2_bar (B, h) from h2_bar (B, h) = out_bar (B, n_out) W3t (n_out, h)
    tz_gemm_nn(h_bar, out_bar, mlp->W3t, B, h, out, ld_out, h, h, 0.0f);
    tz_tanh_backward_bias_f32(a_bar, grad != NULL ? grad + mlp->b2_at : unread, h_bar, tape->h2, B,
                              h);
    if (grad != NULL) {
        // W3_bar (h, n_out) += h2^T out_bar, W2_bar (h, h) += h1^T a2_bar
        tz_gemm_tn(grad + mlp->W3_at, tape->h2, out_bar, h, out, B, h, ld_out, out, 1.0f);
        tz_gemm_tn(grad + mlp->W2_at, tape->h1, a_bar, h, h, B, h, h, h, 1.0f);
        tz_add_column_sums(grad + mlp->b3_at, out_bar, B, out, ld_out);
    }

    // a1_bar (B, h) from h1_bar (B, h) = a2_bar (B, h) W2t (h, h)
    tz_gemm_nn(h_bar, a_bar, mlp->W2t, B, h, h, h, h, h, 0.0f);
    tz_tanh_backward_bias_f32(a_bar, grad != NULL ? grad + mlp->b1_at : unread, h_bar, tape->h1, B,
                              h);
    if (grad != NULL) {
        // W1_bar (n_in, h) += xi^T a1_bar
        tz_gemm_tn(grad + mlp->W1_at, tape->xi, a_bar, in, h, B, ld_in, h, h, 1.0f);
    }

    // xi_bar (B, ld_in) = a1_bar (B, h) W1t (h, ld_in)
    if (xi_bar != NULL) {
        tz_gemm_nn(xi_bar, a_bar, mlp->W1t, B, ld_in, h, h, ld_in, ld_in, 0.0f);
    }
}
