// Products and activations in double, as plain loops (models/kernels.h).
#include "models/kernels.h"

#include <math.h>
#include <stddef.h>

#define A_B(i, j) product_at(A, B, i, j, k, lda, ldb)

// Element (i, j) of A (m, k) B (k, n).
static double product_at(const double *A, const double *B, int i, int j, int k, int lda, int ldb) {
    double sum = 0.0;
    for (int l = 0; l < k; l++) {
        sum += A[i * lda + l] * B[l * ldb + j];
    }
    return sum;
}

void tz_layer_linear_f64(double *C, const double *A, const double *B, const double *Bt,
                         const double *b, int m, int n, int k, int lda, int ldb, int ldc) {
    (void)Bt;
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            C[i * ldc + j] = A_B(i, j) + (b != NULL ? b[j] : 0.0);
        }
    }
}

void tz_layer_tanh_f64(double *H, const double *A, const double *B, const double *b, int m, int n,
                       int k, int lda, int ldb, int ldc) {
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            H[i * ldc + j] = tanh(A_B(i, j) + b[j]);
        }
    }
}

static double slope(double h) {
    return 1.0 - h * h;
}

void tz_layer_tanh_backward_f64(double *D, double *b_bar, const double *A, const double *B,
                                const double *H, int m, int n, int k, int lda, int ldb, int ldc) {
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            D[i * ldc + j] = A_B(i, j) * slope(H[i * ldc + j]);
        }
    }
    if (b_bar != NULL) {
        tz_layer_column_sums_f64(b_bar, D, m, n, ldc);
    }
}

void tz_layer_tanh_tangent_f64(double *T, double *E, const double *A, const double *B,
                               const double *H, int m, int n, int k, int lda, int ldb, int ldc) {
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            T[i * ldc + j] = A_B(i, j);
            E[i * ldc + j] = T[i * ldc + j] * slope(H[i * ldc + j]);
        }
    }
}

void tz_layer_tanh_curved_f64(double *D, double *b_bar, const double *A, const double *B,
                              const double *H, const double *d, const double *T, int K, int m,
                              int n, int k, int lda, int ldb, int ldc) {
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            const int at = i * ldc + j;
            D[at] = A_B(i, j) * slope(H[at]);
            for (int of = 0; of < K; of++) {
                D[at] -= 2.0 * H[at] * d[of * m * ldc + at] * T[of * m * ldc + at];
            }
        }
    }
    if (b_bar != NULL) {
        tz_layer_column_sums_f64(b_bar, D, m, n, ldc);
    }
}

void tz_layer_gradient_f64(double *C, const double *A, const double *B, int m, int n, int k,
                           int lda, int ldb, int ldc) {
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            for (int l = 0; l < k; l++) {
                C[i * ldc + j] += A[l * lda + i] * B[l * ldb + j];
            }
        }
    }
}

void tz_layer_column_sums_f64(double *b_bar, const double *X, int m, int n, int ldx) {
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            b_bar[j] += X[i * ldx + j];
        }
    }
}

void tz_transpose_block_f64(double *B, const double *A, int m, int n, int lda, int ldb) {
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            B[j * ldb + i] = A[i * lda + j];
        }
    }
}
