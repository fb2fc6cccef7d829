// Matrix products whose left operand came out of a ReLU: a third to two thirds of it are zeros, and
// the multiplications by them need not be done.
//
// The right operand B (k, n) is packed in panels of up to TZ_PANEL columns: panel p holds columns
// p TZ_PANEL .. as a dense row-major matrix of k rows, and panels lie one behind the other. So the
// rows of a panel that a kernel needs at once are one piece of memory, which fits in L1. A dense
// matrix of up to TZ_PANEL columns is packed as it is. All matrices are f32, the others row-major
// as in base/blas.h.
#ifndef TRAPEZE_BASE_SPARSE_H
#define TRAPEZE_BASE_SPARSE_H

#include "base/export.h"

enum { TZ_PANEL = 256 };

// Writes rows `row` .. row + m - 1 of the packed matrix P (k, n) from B (m, n), rows ldb apart.
TZ_API void tz_pack_panels(float *P, const float *B, int m, int n, int ldb, int row, int k);

// C (m, n) = A (m, k) B (k, n) with B packed, lda >= k, ldc >= n. The products with zeros of A are
// left out where that is faster (AVX-512 or AVX2, few enough non-zeros), else all are done. Every
// sum runs in the order of k. Allocates nothing.
TZ_API void tz_gemm_nn_sparse(float *C, const float *A, const float *B, int m, int n, int k,
                              int lda, int ldc);

// The same with a layer of ReLU units behind it: C = max(A B + b, 0), NaN for NaN, b (n); and its
// backward, C = A B where H (m, n), rows ldc apart, is positive, else 0.
TZ_API void tz_gemm_nn_sparse_relu(float *C, const float *A, const float *B, const float *b, int m,
                                   int n, int k, int lda, int ldc);
TZ_API void tz_gemm_nn_sparse_relu_backward(float *C, const float *A, const float *B,
                                            const float *H, int m, int n, int k, int lda, int ldc);

#endif
