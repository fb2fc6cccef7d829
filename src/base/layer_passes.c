// The products of layers on any processor: one of base/blas.h, and what follows it as passes over
// memory.
#include "base/activation.h"
#include "base/blas.h"
#include "base/layer.h"
#include "base/layer_kernels.h"
#include "base/vectorise.h"

// D (n) -= 2 H d T of one row.
TZ_VECTORISED static void curve_row(float *D, const float *H, const float *d, const float *T,
                                    int n) {
    for (int i = 0; i < n; i++) {
        D[i] -= 2.0f * H[i] * d[i] * T[i];
    }
}

// What follows the product that stands in one row of C, from `at` on; biases are added before.
static void follow_row(tz_epilogue what, const tz_product *p, size_t at) {
    float *c = p->C + at;
    const size_t n = (size_t)p->n;
    switch (what) {
    case TZ_BACKWARD:
    case TZ_CURVED:
        tz_tanh_backward_f32(c, c, p->H + at, n);
        for (size_t of = 0; what == TZ_CURVED && of < p->K; of++) {
            const size_t of_at = of * p->stride + at;
            curve_row(c, p->H + at, p->d + of_at, p->T + of_at, p->n);
        }
        break;
    case TZ_TANGENT:
        tz_tanh_backward_f32(p->E + at, c, p->H + at, n);
        break;
    case TZ_RELU_BACKWARD:
        tz_relu_backward_f32(c, c, p->H + at, n);
        break;
    case TZ_LINEAR:
    case TZ_TANH:
    case TZ_RELU:
    case TZ_N_EPILOGUES:
        break;
    }
}

static void forward(tz_epilogue what, const tz_product *p) {
    const int m = p->m, n = p->n, ldc = (int)p->ldc;
    tz_gemm_nn(p->C, p->A, p->B, m, n, p->k, (int)p->lda, (int)p->ldb, ldc, 0.0f);
    if (what == TZ_TANH) {
        tz_bias_tanh_f32(p->C, p->b, m, n, ldc);
    } else if (what == TZ_RELU) {
        tz_bias_relu_f32(p->C, p->b, m, n, ldc);
    } else if (what == TZ_LINEAR && p->b != NULL) {
        tz_bias_f32(p->C, p->b, m, n, ldc);
    }
    for (int row = 0; row < m; row++) {
        follow_row(what, p, (size_t)row * p->ldc);
    }
    if (p->b_bar != NULL) {
        tz_layer_column_sums(p->b_bar, p->C, m, n, ldc);
    }
}

static void gradient(const tz_product *p) {
    tz_gemm_tn(p->C, p->A, p->B, p->m, p->n, p->k, (int)p->lda, (int)p->ldb, (int)p->ldc, 1.0f);
}

const tz_layer_kernels tz_layer_passes = {"none", forward, gradient};
