// Products and activations for tz_real: those of base/ in the library. Compiled in double, they are
// the plain loops of tests/models/kernels_f64.c.
#ifndef TRAPEZE_MODELS_KERNELS_H
#define TRAPEZE_MODELS_KERNELS_H

#include "base/activation.h"
#include "base/blas.h"
#include "models/real.h"

#ifdef TZ_REAL_IS_DOUBLE
void tz_gemm_nn_f64(double *C, const double *A, const double *B, int m, int n, int k, int lda,
                    int ldb, int ldc, double beta);
void tz_gemm_tn_f64(double *C, const double *A, const double *B, int m, int n, int k, int lda,
                    int ldb, int ldc, double beta);
void tz_transpose_f64(double *B, const double *A, int m, int n);
void tz_bias_tanh_f64(double *Y, const double *b, int rows, int n, int ldy);
void tz_bias_f64(double *Y, const double *b, int rows, int n, int ldy);
void tz_tanh_backward_f64(double *dx, const double *dy, const double *y, size_t n);
void tz_tanh_backward_bias_f64(double *dx, double *db, const double *dy, const double *y, int rows,
                               int n);
#define tz_gemm_nn tz_gemm_nn_f64
#define tz_gemm_tn tz_gemm_tn_f64
#define tz_transpose tz_transpose_f64
#define tz_bias_tanh_f32 tz_bias_tanh_f64
#define tz_bias_f32 tz_bias_f64
#define tz_tanh_backward_f32 tz_tanh_backward_f64
#define tz_tanh_backward_bias_f32 tz_tanh_backward_bias_f64
#endif

#endif
