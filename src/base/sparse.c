// A dense kernel keeps a tile of C in registers and takes each vector of B for several rows. Rows
// with different zeros cannot share B, so here every product loads its own vector of B from L1, and
// the loads are the limit: 17 loads for 16 products of a row of a panel. So blocks of rows with few
// enough non-zeros go to a kernel that leaves zeros out (sparse_rows.h, compiled for AVX-512 and
// for AVX2), the others to a dense product.
#include "base/sparse.h"

#include "base/activation.h"
#include "base/blas.h"
#include "base/sparse_kernels.h"
#include "base/vectorise.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { BLOCK = 64 }; // rows that are dense or sparse together

static int min_int(int a, int b) {
    return a < b ? a : b;
}

void tz_pack_panels(float *P, const float *B, int m, int n, int ldb, int row, int k) {
    for (int column = 0; column < n; column += TZ_PANEL) {
        const int width = min_int(n - column, TZ_PANEL);
        float *panel = P + (size_t)column * (size_t)k + (size_t)row * (size_t)width;
        for (int i = 0; i < m; i++) {
            memcpy(panel + (size_t)i * (size_t)width, B + (size_t)i * (size_t)ldb + (size_t)column,
                   (size_t)width * sizeof *B);
        }
    }
}

static void dense_rows(float *C, const float *A, const float *B, int m, int n, int k, int lda,
                       int ldc) {
    for (int column = 0; column < n; column += TZ_PANEL) {
        const int width = min_int(n - column, TZ_PANEL);
        tz_gemm_nn(C + column, A, B + (size_t)column * (size_t)k, m, width, k, lda, width, ldc,
                   0.0f);
    }
}

// The kernels that serve (m, k) by (k, n) on this processor, NULL when there are none.
static const tz_sparse_kernels *kernels_for(int n, int k) {
    const tz_sparse_kernels *kernels = NULL;
#if defined(__x86_64__)
    kernels = TZ_HAS_AVX512 ? &tz_sparse_avx512 : TZ_HAS_AVX2 ? &tz_sparse_avx2 : NULL;
#endif
    const bool serves = kernels != NULL && n % kernels->lanes == 0 && k > 0 &&
                        k <= TZ_SPARSE_WORD * TZ_SPARSE_WORDS_MAX;
    return serves ? kernels : NULL;
}

// Rows of A (m, k), m <= TZ_SPARSE_ROWS, before the first dense block, and their masks.
static int sparse_rows(const tz_sparse_kernels *kernels, tz_nonzeros *nonzeros, const float *A,
                       int m, int k, int lda) {
    int rows = 0;
    while (rows < m) {
        const int block = min_int(m - rows, BLOCK);
        const float *a = A + (size_t)rows * (size_t)lda;
        if (kernels->find_nonzeros(nonzeros, rows, a, block, k, lda) > kernels->density_max) {
            break;
        }
        rows += block;
    }
    return rows;
}

// What follows dense products of m rows.
static void follow_rows(float *C, const float *b, const float *H, int m, int n, int ldc) {
    if (b != NULL) {
        tz_bias_relu_f32(C, b, m, n, ldc);
    }
    for (int row = 0; H != NULL && row < m; row++) {
        const size_t at = (size_t)row * (size_t)ldc;
        tz_relu_backward_f32(C + at, C + at, H + at, (size_t)n);
    }
}

// C = A B, then ReLU behind the bias b, or the gate H; b and H nullable.
static void run(float *C, const float *A, const float *B, const float *b, const float *H, int m,
                int n, int k, int lda, int ldc) {
    const tz_sparse_kernels *kernels = kernels_for(n, k);
    const tz_follow_up after = {.b = b, .H = H};
    for (int row = 0, rows; row < m; row += rows) {
        const float *a = A + (size_t)row * (size_t)lda;
        const size_t at = (size_t)row * (size_t)ldc;
        tz_nonzeros nonzeros;
        rows = kernels == NULL
                   ? 0
                   : sparse_rows(kernels, &nonzeros, a, min_int(m - row, TZ_SPARSE_ROWS), k, lda);
        if (rows == 0) {
            rows = kernels == NULL ? m : min_int(m - row, BLOCK);
            dense_rows(C + at, a, B, rows, n, k, lda, ldc);
            follow_rows(C + at, b, H != NULL ? H + at : NULL, rows, n, ldc);
            continue;
        }
        for (int column = 0; column < n; column += TZ_PANEL) {
            kernels->panel(C + at + column, a, B + (size_t)column * (size_t)k, &nonzeros, rows,
                           min_int(n - column, TZ_PANEL), k, lda, ldc,
                           tz_follow_up_at(after, (size_t)column, at + (size_t)column));
        }
    }
}

void tz_gemm_nn_sparse(float *C, const float *A, const float *B, int m, int n, int k, int lda,
                       int ldc) {
    run(C, A, B, NULL, NULL, m, n, k, lda, ldc);
}

void tz_gemm_nn_sparse_relu(float *C, const float *A, const float *B, const float *b, int m, int n,
                            int k, int lda, int ldc) {
    run(C, A, B, b, NULL, m, n, k, lda, ldc);
}

void tz_gemm_nn_sparse_relu_backward(float *C, const float *A, const float *B, const float *H,
                                     int m, int n, int k, int lda, int ldc) {
    run(C, A, B, NULL, H, m, n, k, lda, ldc);
}
