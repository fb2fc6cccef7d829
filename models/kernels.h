// Products and activations for tz_real: those of base/ in the library. Compiled in double, they are
// the plain loops of tests/models/kernels_f64.c.
#ifndef TRAPEZE_MODELS_KERNELS_H
#define TRAPEZE_MODELS_KERNELS_H

#include "base/blas.h"
#include "base/layer.h"
#include "models/real.h"

#ifdef TZ_REAL_IS_DOUBLE
void tz_layer_linear_f64(double *C, const double *A, const double *B, const double *Bt,
                         const double *b, int m, int n, int k, int lda, int ldb, int ldc);
void tz_layer_tanh_f64(double *H, const double *A, const double *B, const double *b, int m, int n,
                       int k, int lda, int ldb, int ldc);
void tz_layer_tanh_backward_f64(double *D, double *b_bar, const double *A, const double *B,
                                const double *H, int m, int n, int k, int lda, int ldb, int ldc);
void tz_layer_tanh_tangent_f64(double *T, double *E, const double *A, const double *B,
                               const double *H, int m, int n, int k, int lda, int ldb, int ldc);
void tz_layer_tanh_curved_f64(double *D, double *b_bar, const double *A, const double *B,
                              const double *H, const double *d, const double *T, int K, int m,
                              int n, int k, int lda, int ldb, int ldc);
void tz_layer_gradient_f64(double *C, const double *A, const double *B, int m, int n, int k,
                           int lda, int ldb, int ldc);
void tz_layer_column_sums_f64(double *b_bar, const double *X, int m, int n, int ldx);
void tz_transpose_block_f64(double *B, const double *A, int m, int n, int lda, int ldb);
#define tz_layer_linear tz_layer_linear_f64
#define tz_layer_tanh tz_layer_tanh_f64
#define tz_layer_tanh_backward tz_layer_tanh_backward_f64
#define tz_layer_tanh_tangent tz_layer_tanh_tangent_f64
#define tz_layer_tanh_curved tz_layer_tanh_curved_f64
#define tz_layer_gradient tz_layer_gradient_f64
#define tz_layer_column_sums tz_layer_column_sums_f64
#define tz_transpose_block tz_transpose_block_f64
#endif

#endif
