// Products and activations in double, as plain loops (models/kernels.h).
#include "models/kernels.h"

#include <math.h>

void tz_gemm_nn_f64(double *C, const double *A, const double *B, int m, int n, int k, int lda,
                    int ldb, int ldc, double beta) {
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            double sum = beta != 0.0 ? C[i * ldc + j] : 0.0;
            for (int l = 0; l < k; l++) {
                sum += A[i * lda + l] * B[l * ldb + j];
            }
            C[i * ldc + j] = sum;
        }
    }
}

void tz_gemm_tn_f64(double *C, const double *A, const double *B, int m, int n, int k, int lda,
                    int ldb, int ldc, double beta) {
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            double sum = beta != 0.0 ? C[i * ldc + j] : 0.0;
            for (int l = 0; l < k; l++) {
                sum += A[l * lda + i] * B[l * ldb + j];
            }
            C[i * ldc + j] = sum;
        }
    }
}

void tz_transpose_f64(double *B, const double *A, int m, int n) {
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            B[j * m + i] = A[i * n + j];
        }
    }
}

void tz_bias_tanh_f64(double *Y, const double *b, int rows, int n, int ldy) {
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < n; j++) {
            Y[i * ldy + j] = tanh(Y[i * ldy + j] + b[j]);
        }
    }
}

void tz_bias_f64(double *Y, const double *b, int rows, int n, int ldy) {
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < n; j++) {
            Y[i * ldy + j] += b[j];
        }
    }
}

void tz_tanh_backward_f64(double *dx, const double *dy, const double *y, size_t n) {
    for (size_t i = 0; i < n; i++) {
        dx[i] = dy[i] * (1.0 - y[i] * y[i]);
    }
}

void tz_tanh_backward_bias_f64(double *dx, double *db, const double *dy, const double *y, int rows,
                               int n) {
    for (int i = 0; i < rows; i++) {
        tz_tanh_backward_f64(dx + i * n, dy + i * n, y + i * n, (size_t)n);
        for (int j = 0; j < n; j++) {
            db[j] += dx[i * n + j];
        }
    }
}
