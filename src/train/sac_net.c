#include "train/sac_net.h"

#include "base/blas.h"
#include "base/layer.h"
#include "base/rng.h"
#include "base/sparse.h"
#include "base/vectorise.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { LANES = 16 };

tz_sac_tape tz_sac_tape_rows(const tz_sac_tape *whole, const tz_sac_net *net, int row) {
    const size_t h = (size_t)row * (size_t)net->n_hidden, o = (size_t)row * (size_t)net->n_out;
    return (tz_sac_tape){whole->h1 + h,    whole->h2 + h,   whole->out + o,
                         whole->d_out + o, whole->d_h1 + h, whole->d_h2 + h};
}

// PyTorch's initial values of a linear layer: uniform on +-1/sqrt(n_in), weights and bias.
void tz_sac_net_init(tz_sac_net *net, uint64_t seed, int index) {
    const int dims[4] = {net->n_in, net->n_hidden, net->n_hidden, net->n_out};
    for (int layer = 0; layer < 3; layer++) {
        tz_rng rng = tz_rng_stream(seed, TZ_PURPOSE_INIT, (uint64_t)(3 * index + layer));
        const double bound = 1.0 / sqrt(dims[layer]);
        const size_t n = (size_t)(dims[layer] + 1) * (size_t)dims[layer + 1];
        for (size_t i = 0; i < n; i++) { // the bias lies behind its weights
            const double x = (2.0 * tz_rng_uniform(&rng) - 1.0) * bound;
            net->parameters[net->W_at[layer] + i] = (float)x;
        }
    }
    if (net->target != NULL) {
        memcpy(net->target, net->parameters, net->n * sizeof *net->target);
    }
}

// Copies of the rows of W1 (and of the slow W1) from `row` on.
static void copy_W1(const tz_sac_net *net, int row, int n_rows) {
    const int H = net->n_hidden;
    const size_t at = net->W_at[1] + (size_t)row * (size_t)H;
    const float *W1 = net->parameters + at;
    if (H > TZ_PANEL) {
        tz_pack_panels(net->W1_packed, W1, n_rows, H, H, row, H);
    }
    if (H > TZ_PANEL && net->target != NULL) {
        tz_pack_panels(net->target_W1_packed, net->target + at, n_rows, H, H, row, H);
    }
    // the transpose has these rows as columns, inside one panel
    for (int i = row; i < row + n_rows;) {
        const int panel = i / TZ_PANEL * TZ_PANEL;
        const int width = H - panel < TZ_PANEL ? H - panel : TZ_PANEL;
        const int left = row + n_rows - i, inside = panel + width - i;
        const int n = left < inside ? left : inside;
        tz_transpose_block(net->W1t_packed + (size_t)panel * (size_t)H + (size_t)(i - panel),
                           W1 + (size_t)(i - row) * (size_t)H, n, H, H, width);
        i += n;
    }
}

void tz_sac_net_copy(const tz_sac_net *net) {
    const int in = net->n_in, H = net->n_hidden, out = net->n_out;
    copy_W1(net, 0, H);
    if (net->W0t != NULL) {
        tz_transpose(net->W0t, net->parameters + net->W_at[0], in, H);
    }
    if (net->W2t != NULL) {
        tz_transpose(net->W2t, net->parameters + net->W_at[2], H, out);
    }
}

// ---- products with a single column, which kernels of matrices do one number at a time

// y (rows) = X (rows, n) w + b, n a multiple of LANES.
TZ_VECTORISED static void column_forward(float *restrict y, const float *restrict X,
                                         const float *restrict w, float b, int rows, int n) {
    for (int row = 0; row < rows; row++) {
        const float *x = X + (size_t)row * (size_t)n;
        float sum[LANES] = {0};
        for (int i = 0; i < n; i += LANES) {
            for (int l = 0; l < LANES; l++) {
                sum[l] += x[i + l] * w[i + l];
            }
        }
        for (int half = LANES / 2; half > 0; half /= 2) {
            for (int l = 0; l < half; l++) {
                sum[l] += sum[l + half];
            }
        }
        y[row] = sum[0] + b;
    }
}

// dX (rows, n) = (d w^T) [X > 0], X behind a ReLU.
TZ_VECTORISED static void column_backward(float *restrict dX, const float *restrict d,
                                          const float *restrict w, const float *restrict X,
                                          int rows, int n) {
    for (int row = 0; row < rows; row++) {
        const size_t at = (size_t)row * (size_t)n;
        for (int i = 0; i < n; i++) {
            const float product = d[row] * w[i];
            dX[at + (size_t)i] = X[at + (size_t)i] > 0.0f ? product : 0.0f;
        }
    }
}

// g (n) = X^T d with X (rows, n), rows ldx apart, and d (rows).
TZ_VECTORISED static void column_gradient(float *restrict g, const float *restrict X,
                                          const float *restrict d, int rows, int n, int ldx) {
    memset(g, 0, (size_t)n * sizeof *g);
    for (int row = 0; row < rows; row++) {
        const float *x = X + (size_t)row * (size_t)ldx;
        for (int i = 0; i < n; i++) {
            g[i] += d[row] * x[i];
        }
    }
}

// ---- forward and backward

void tz_sac_net_forward(const tz_sac_net *net, tz_sac_weights weights, const tz_sac_tape *tape,
                        const float *x, int B) {
    const int in = net->n_in, H = net->n_hidden, out = net->n_out;
    const float *p = weights == TZ_SAC_TARGET ? net->target : net->parameters;
    const float *W0 = p + net->W_at[0], *W2 = p + net->W_at[2];
    const float *W1 = weights == TZ_SAC_TARGET ? net->target_W1_packed : net->W1_packed;
    tz_layer_relu(tape->h1, x, W0, p + net->b_at[0], B, H, in, in, H, H);
    tz_gemm_nn_sparse_relu(tape->h2, tape->h1, W1, p + net->b_at[1], B, H, H, H, H);
    if (out == 1) {
        column_forward(tape->out, tape->h2, W2, p[net->b_at[2]], B, H);
    } else {
        tz_layer_linear(tape->out, tape->h2, W2, net->W2t, p + net->b_at[2], B, out, H, H, out,
                        out);
    }
}

//   d_h2 = (d_out W2^T) [h2 > 0],   d_h1 = (d_h2 W1^T) [h1 > 0]
void tz_sac_net_backward(const tz_sac_net *net, const tz_sac_tape *tape, int B) {
    const int H = net->n_hidden, out = net->n_out;
    if (out == 1) {
        const float *W2 = net->parameters + net->W_at[2];
        column_backward(tape->d_h2, tape->d_out, W2, tape->h2, B, H);
    } else {
        tz_layer_relu_backward(tape->d_h2, tape->d_out, net->W2t, tape->h2, B, H, out, out, H, H);
    }
    tz_gemm_nn_sparse_relu_backward(tape->d_h1, tape->d_h2, net->W1t_packed, tape->h1, B, H, H, H,
                                    H);
}

// ---- the step of a block of weights

// Of a block's weights: the outputs of a layer are the hidden units or the network's own.
static size_t gradient_size(const tz_sac_net *net) {
    const int widest = net->n_out > net->n_hidden ? net->n_out : net->n_hidden;
    return (size_t)TZ_SAC_BLOCK_ROWS * (size_t)widest;
}

size_t tz_sac_step_scratch(const tz_sac_net *net, int B) {
    return gradient_size(net) + (size_t)TZ_SAC_BLOCK_ROWS * (size_t)B;
}

// One Adam step (Kingma & Ba 2015, as PyTorch writes it) on n parameters.
TZ_VECTORISED static void adam(float *restrict p, float *restrict m, float *restrict v,
                               const float *restrict g, size_t n, float rate, float root) {
    const float beta1 = (float)TZ_SAC_BETA1, beta2 = (float)TZ_SAC_BETA2;
    const float epsilon = (float)TZ_SAC_EPSILON;
    for (size_t i = 0; i < n; i++) {
        m[i] += (1.0f - beta1) * (g[i] - m[i]);
        v[i] = beta2 * v[i] + (1.0f - beta2) * g[i] * g[i];
        p[i] -= rate * m[i] / (sqrtf(v[i]) * root + epsilon);
    }
}

// Slow copy: target += tau (p - target).
TZ_VECTORISED static void follow(float *restrict target, const float *restrict p, size_t n,
                                 float tau) {
    for (size_t i = 0; i < n; i++) {
        target[i] += tau * (p[i] - target[i]);
    }
}

#if defined(__x86_64__)
// Both at once on n / LANES vectors, target nullable. Root and quotient come from estimates of 14
// bits and one Newton step each, to 2 ulp: the units that divide take four times as long.
__attribute__((target("avx512f"))) static void step_avx512(float *p, float *m, float *v,
                                                           float *target, const float *g, size_t n,
                                                           const tz_sac_step *step) {
    const __m512 one = _mm512_set1_ps(1.0f), half = _mm512_set1_ps(0.5f);
    const __m512 one_minus_beta1 = _mm512_set1_ps(1.0f - (float)TZ_SAC_BETA1);
    const __m512 beta2 = _mm512_set1_ps((float)TZ_SAC_BETA2);
    const __m512 one_minus_beta2 = _mm512_set1_ps(1.0f - (float)TZ_SAC_BETA2);
    const __m512 epsilon = _mm512_set1_ps((float)TZ_SAC_EPSILON);
    const __m512 rate = _mm512_set1_ps(step->rate), root = _mm512_set1_ps(step->root);
    const __m512 tau = _mm512_set1_ps(step->tau);
    for (size_t i = 0; i + LANES <= n; i += LANES) {
        const __m512 gi = _mm512_loadu_ps(g + i);
        __m512 mi = _mm512_loadu_ps(m + i), vi = _mm512_loadu_ps(v + i);
        mi = _mm512_fmadd_ps(one_minus_beta1, _mm512_sub_ps(gi, mi), mi);
        vi = _mm512_fmadd_ps(_mm512_mul_ps(one_minus_beta2, gi), gi, _mm512_mul_ps(beta2, vi));
        _mm512_storeu_ps(m + i, mi);
        _mm512_storeu_ps(v + i, vi);

        // s = sqrt(v) = v / sqrt(v), 0 for 0
        const __mmask16 positive = _mm512_cmp_ps_mask(vi, _mm512_setzero_ps(), _CMP_NEQ_UQ);
        const __m512 r = _mm512_maskz_rsqrt14_ps(positive, vi);
        __m512 s = _mm512_mul_ps(vi, r);
        s = _mm512_fmadd_ps(_mm512_mul_ps(half, s), _mm512_fnmadd_ps(s, r, one), s);

        // x = m / d, d = s root + epsilon
        const __m512 d = _mm512_fmadd_ps(s, root, epsilon);
        const __m512 q = _mm512_rcp14_ps(d);
        __m512 x = _mm512_mul_ps(mi, q);
        x = _mm512_fmadd_ps(_mm512_fnmadd_ps(d, x, mi), q, x);
        const __m512 pi = _mm512_fnmadd_ps(rate, x, _mm512_loadu_ps(p + i));
        _mm512_storeu_ps(p + i, pi);
        if (target != NULL) {
            const __m512 ti = _mm512_loadu_ps(target + i);
            _mm512_storeu_ps(target + i, _mm512_fmadd_ps(tau, _mm512_sub_ps(pi, ti), ti));
        }
    }
}
#endif

// Steps n parameters from index `at` on along their gradient g (n).
static void step_parameters(const tz_sac_net *net, size_t at, const float *g, size_t n,
                            const tz_sac_step *step) {
    float *p = net->parameters + at, *m = net->m + at, *v = net->v + at;
    float *target = net->target != NULL ? net->target + at : NULL;
    size_t done = 0;
#if defined(__x86_64__)
    if (TZ_HAS_AVX512) {
        step_avx512(p, m, v, target, g, n, step);
        done = n - n % LANES;
    }
#endif
    adam(p + done, m + done, v + done, g + done, n - done, step->rate, step->root);
    if (target != NULL) {
        follow(target + done, p + done, n - done, step->tau);
    }
}

void tz_sac_net_step(const tz_sac_net *net, const tz_sac_block *block, const float *x,
                     const tz_sac_tape *tape, const float *d_h2_packed, int B,
                     const tz_sac_step *step, float *scratch) {
    const int H = net->n_hidden, layer = block->layer, row = block->row, n_rows = block->n_rows;
    const float *inputs[3] = {x, tape->h1, tape->h2};
    const float *d_outputs[3] = {tape->d_h1, tape->d_h2, tape->d_out};
    const int dims[4] = {net->n_in, H, H, net->n_out};
    const int in = dims[layer], out = dims[layer + 1];
    const float *X = inputs[layer] + row, *dY = d_outputs[layer];
    float *g = scratch, *Xt = scratch + gradient_size(net);

    // g (n_rows, out) = X[:, rows]^T dY with X (B, in), dY (B, out)
    if (out == 1) {
        column_gradient(g, X, dY, B, n_rows, in);
    } else if (layer == 1) { // X is behind a ReLU
        tz_transpose_block(Xt, X, B, n_rows, in, B);
        tz_gemm_nn_sparse(g, Xt, d_h2_packed, n_rows, out, B, B, out);
    } else {
        memset(g, 0, (size_t)n_rows * (size_t)out * sizeof *g);
        tz_layer_gradient(g, X, dY, n_rows, out, B, in, out, out);
    }

    // Adam, slow copy, copies
    const size_t at = net->W_at[layer] + (size_t)row * (size_t)out;
    const float *W = net->parameters + at;
    step_parameters(net, at, g, (size_t)n_rows * (size_t)out, step);
    if (layer == 0 && net->W0t != NULL) {
        tz_transpose_block(net->W0t + row, W, n_rows, out, out, in);
    } else if (layer == 1) {
        copy_W1(net, row, n_rows);
    } else if (layer == 2 && net->W2t != NULL) {
        tz_transpose_block(net->W2t + row, W, n_rows, out, out, in);
    }

    // db (out) = column sums of dY
    if (row == 0) {
        memset(g, 0, (size_t)out * sizeof *g);
        tz_layer_column_sums(g, dY, B, out, out);
        step_parameters(net, net->b_at[layer], g, (size_t)out, step);
    }
}
