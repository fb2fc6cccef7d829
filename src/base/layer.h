// The products of a dense layer of tanh or ReLU units, each with what follows it done while the
// sums are still in registers, for tiles of rows. With h = tanh(a), dh/da = 1 - h^2.
//
// All matrices are f32 and row-major. Letters: A (m, k) with rows lda apart, B (k, n) with rows ldb
// apart, matrices of the layer (m, n) with rows ldc apart. A row's result does not depend on the
// other rows. Results of different processors may differ in rounding. Nothing is allocated, and no
// output overlaps an input.
#ifndef TRAPEZE_BASE_LAYER_H
#define TRAPEZE_BASE_LAYER_H

#include "base/export.h"

// The instruction set of the kernels that serve here: "AVX-512", "AVX2", or "none" where there are
// only products of base/blas.h and passes over memory.
TZ_API const char *tz_layer_instructions(void);

// C = A B + b, b (n) nullable. Bt (n, k) = B^T, dense, nullable: with it a remainder of few columns
// is faster.
TZ_API void tz_layer_linear(float *C, const float *A, const float *B, const float *Bt,
                            const float *b, int m, int n, int k, int lda, int ldb, int ldc);

// H = tanh(A B + b), |error of tanh| <= 5 ulp, NaN for NaN.
TZ_API void tz_layer_tanh(float *H, const float *A, const float *B, const float *b, int m, int n,
                          int k, int lda, int ldb, int ldc);

// D = (A B) (1 - H^2), and b_bar (n), nullable, += its sums over rows.
TZ_API void tz_layer_tanh_backward(float *D, float *b_bar, const float *A, const float *B,
                                   const float *H, int m, int n, int k, int lda, int ldb, int ldc);

// T = A B and E = T (1 - H^2): the tangents of a and h along a direction A.
TZ_API void tz_layer_tanh_tangent(float *T, float *E, const float *A, const float *B,
                                  const float *H, int m, int n, int k, int lda, int ldb, int ldc);

// D = (A B) (1 - H^2) - 2 H sum_k d_k T_k for d and T (K, m, n), and b_bar (n), nullable, += its
// sums over rows: the backward of a layer whose slope 1 - H^2 was used for gradients d with the
// tangents T (models/mlp_gradient.c). With k = 0 the product is zero.
TZ_API void tz_layer_tanh_curved(float *D, float *b_bar, const float *A, const float *B,
                                 const float *H, const float *d, const float *T, int K, int m,
                                 int n, int k, int lda, int ldb, int ldc);

// The same for a layer of ReLU units: H = max(A B + b, 0), NaN for NaN, and D = A B where H > 0,
// else 0.
TZ_API void tz_layer_relu(float *H, const float *A, const float *B, const float *b, int m, int n,
                          int k, int lda, int ldb, int ldc);
TZ_API void tz_layer_relu_backward(float *D, const float *A, const float *B, const float *H, int m,
                                   int n, int k, int lda, int ldb, int ldc);

// C (m, n) += A^T B with A (k, m) and B (k, n), rows lda, ldb and ldc apart: the gradient of
// weights, k = rows of the tile.
TZ_API void tz_layer_gradient(float *C, const float *A, const float *B, int m, int n, int k,
                              int lda, int ldb, int ldc);

// b_bar (n) += sums over the rows of X (m, n), rows ldx apart.
TZ_API void tz_layer_column_sums(float *b_bar, const float *X, int m, int n, int ldx);

#endif
