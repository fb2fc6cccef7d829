// The products of layers: kernels for the processor at hand (layer_blocks.h, compiled for AVX-512
// and for AVX2), elsewhere products of base/blas.h and passes over memory (layer_passes.c).
#include "base/layer.h"

#include "base/layer_kernels.h"
#include "base/vectorise.h"

#include <stddef.h>

static const tz_layer_kernels *kernels(void) {
#if defined(__x86_64__)
    if (TZ_HAS_AVX512) {
        return &tz_layer_avx512;
    }
    if (TZ_HAS_AVX2) {
        return &tz_layer_avx2;
    }
#endif
    return &tz_layer_passes;
}

const char *tz_layer_instructions(void) {
    return kernels()->instructions;
}

#define SIZES .m = m, .n = n, .k = k, .lda = (size_t)lda, .ldb = (size_t)ldb, .ldc = (size_t)ldc

void tz_layer_linear(float *C, const float *A, const float *B, const float *Bt, const float *b,
                     int m, int n, int k, int lda, int ldb, int ldc) {
    const tz_product p = {.C = C, .A = A, .B = B, .Bt = Bt, .b = b, SIZES};
    kernels()->forward(TZ_LINEAR, &p);
}

void tz_layer_tanh(float *H, const float *A, const float *B, const float *b, int m, int n, int k,
                   int lda, int ldb, int ldc) {
    const tz_product p = {.C = H, .A = A, .B = B, .b = b, SIZES};
    kernels()->forward(TZ_TANH, &p);
}

void tz_layer_tanh_backward(float *D, float *b_bar, const float *A, const float *B, const float *H,
                            int m, int n, int k, int lda, int ldb, int ldc) {
    const tz_product p = {.C = D, .A = A, .B = B, .H = H, .b_bar = b_bar, SIZES};
    kernels()->forward(TZ_BACKWARD, &p);
}

void tz_layer_tanh_tangent(float *T, float *E, const float *A, const float *B, const float *H,
                           int m, int n, int k, int lda, int ldb, int ldc) {
    const tz_product p = {.C = T, .E = E, .A = A, .B = B, .H = H, SIZES};
    kernels()->forward(TZ_TANGENT, &p);
}

void tz_layer_tanh_curved(float *D, float *b_bar, const float *A, const float *B, const float *H,
                          const float *d, const float *T, int K, int m, int n, int k, int lda,
                          int ldb, int ldc) {
    const tz_product p = {.C = D,
                          .A = A,
                          .B = B,
                          .H = H,
                          .d = d,
                          .T = T,
                          .b_bar = b_bar,
                          .K = (size_t)K,
                          .stride = (size_t)m * (size_t)ldc,
                          SIZES};
    kernels()->forward(TZ_CURVED, &p);
}

void tz_layer_relu(float *H, const float *A, const float *B, const float *b, int m, int n, int k,
                   int lda, int ldb, int ldc) {
    const tz_product p = {.C = H, .A = A, .B = B, .b = b, SIZES};
    kernels()->forward(TZ_RELU, &p);
}

void tz_layer_relu_backward(float *D, const float *A, const float *B, const float *H, int m, int n,
                            int k, int lda, int ldb, int ldc) {
    const tz_product p = {.C = D, .A = A, .B = B, .H = H, SIZES};
    kernels()->forward(TZ_RELU_BACKWARD, &p);
}

void tz_layer_gradient(float *C, const float *A, const float *B, int m, int n, int k, int lda,
                       int ldb, int ldc) {
    const tz_product p = {.C = C, .A = A, .B = B, SIZES};
    kernels()->gradient(&p);
}

TZ_VECTORISED void tz_layer_column_sums(float *b_bar, const float *X, int m, int n, int ldx) {
    for (int row = 0; row < m; row++) {
        for (int i = 0; i < n; i++) {
            b_bar[i] += X[(size_t)row * (size_t)ldx + (size_t)i];
        }
    }
}
