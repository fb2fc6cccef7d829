// Products against plain loops in double, for odd sizes and leading dimensions, and the choice of
// kernels.
#include "base/blas.h"
#include "base/memory.h"
#include "base/rng.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

typedef void (*gemm)(float *C, const float *A, const float *B, int m, int n, int k, int lda,
                     int ldb, int ldc, float beta);

static const float PADDING = 77.0f;

// rows x columns random values, PADDING in the rest of each row of length ld.
static float *random_matrix(tz_rng *rng, int rows, int columns, int ld) {
    float *x = tz_alloc((size_t)rows * (size_t)ld, sizeof *x);
    assert_non_null(x);
    for (int i = 0; i < rows * ld; i++) {
        x[i] = i % ld < columns ? (float)tz_rng_normal(rng) : PADDING;
    }
    return x;
}

// An element's rounding error is at most k eps sum |a| |b| in any order of summation (Higham,
// Accuracy and Stability of Numerical Algorithms, section 3.1); + 2 for beta C and the last
// rounding.
static void check_product(gemm product, bool transposed, int m, int n, int k, int pad, float beta) {
    tz_rng rng = tz_rng_stream((uint64_t)(m * 1000 + n), TZ_PURPOSE_TEST, (uint64_t)k);
    const int lda = (transposed ? m : k) + pad, ldb = n + pad, ldc = n + pad;
    float *A = transposed ? random_matrix(&rng, k, m, lda) : random_matrix(&rng, m, k, lda);
    float *B = random_matrix(&rng, k, n, ldb);
    float *C = random_matrix(&rng, m, n, ldc);
    float *before = tz_alloc((size_t)m * (size_t)ldc, sizeof *before);
    assert_non_null(before);
    // with beta 0, what was there does not matter
    if (beta == 0.0f) {
        C[0] = NAN;
    }
    memcpy(before, C, (size_t)m * (size_t)ldc * sizeof *C);

    product(C, A, B, m, n, k, lda, ldb, ldc, beta);
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            const double c = beta == 0.0f ? 0.0 : (double)before[i * ldc + j];
            double sum = c, magnitude = fabs(c);
            for (int l = 0; l < k; l++) {
                const double a = transposed ? A[l * lda + i] : A[i * lda + l];
                sum += a * (double)B[l * ldb + j];
                magnitude += fabs(a * (double)B[l * ldb + j]);
            }
            const double error = fabs((double)C[i * ldc + j] - sum);
            if (!(error <= (k + 2) * FLT_EPSILON * magnitude)) {
                fail_msg("(%d, %d, %d) pad %d beta %g: element (%d, %d) is off by %g", m, n, k, pad,
                         (double)beta, i, j, error);
            }
        }
        for (int j = n; j < ldc; j++) {
            assert_true(C[i * ldc + j] == PADDING);
        }
    }
    tz_free(A);
    tz_free(B);
    tz_free(C);
    tz_free(before);
}

static void check_shapes(gemm product, bool transposed) {
    static const int rows[] = {1, 2, 7, 25, 64, 100}, columns[] = {1, 3, 6, 17, 128},
                     depths[] = {1, 5, 23, 128};
    tz_blas_init();
    for (size_t a = 0; a < TZ_COUNTOF(rows); a++) {
        for (size_t b = 0; b < TZ_COUNTOF(columns); b++) {
            for (size_t c = 0; c < TZ_COUNTOF(depths); c++) {
                for (int variant = 0; variant < 4; variant++) {
                    check_product(product, transposed, rows[a], columns[b], depths[c],
                                  variant % 2 * 3, (float)(variant / 2));
                }
            }
        }
    }
    // larger than what the run-time kernels serve
    check_product(product, transposed, 600, 31, 700, 0, 1.0f);
    check_product(product, transposed, 610, 330, 450, 1, 0.0f);
}

static void nn_agrees_with_plain_loops(void **state) {
    (void)state;
    check_shapes(tz_gemm_nn, false);
}

static void tn_agrees_with_plain_loops(void **state) {
    (void)state;
    check_shapes(tz_gemm_tn, true);
}

static void transposes(void **state) {
    (void)state;
    static const int sizes[] = {1, 3, 17, 128};
    tz_rng rng = tz_rng_stream(2, TZ_PURPOSE_TEST, 0);
    for (size_t a = 0; a < TZ_COUNTOF(sizes); a++) {
        for (size_t b = 0; b < TZ_COUNTOF(sizes); b++) {
            const int m = sizes[a], n = sizes[b];
            float *A = random_matrix(&rng, m, n, n), *B = random_matrix(&rng, n, m, m);
            tz_transpose(B, A, m, n);
            for (int i = 0; i < m; i++) {
                for (int j = 0; j < n; j++) {
                    assert_true(B[j * m + i] == A[i * n + j]);
                }
            }
            tz_free(A);
            tz_free(B);

            // a block of larger matrices, and nothing around it
            const int lda = n + 2, ldb = m + 3;
            A = random_matrix(&rng, m, n, lda);
            B = random_matrix(&rng, n, m, ldb);
            const float behind = B[m];
            tz_transpose_block(B, A, m, n, lda, ldb);
            assert_true(B[m] == behind);
            for (int i = 0; i < m; i++) {
                for (int j = 0; j < n; j++) {
                    assert_true(B[j * ldb + i] == A[i * lda + j]);
                }
            }
            tz_free(A);
            tz_free(B);
        }
    }
}

static void describes_its_kernels(void **state) {
    (void)state;
    const tz_blas_info info = tz_blas_describe();
    assert_non_null(strstr(info.library, "OpenBLAS"));
    assert_true(strlen(info.core) > 0 && strlen(info.expected_core) > 0);
    if (strcmp(info.core, info.expected_core) == 0) {
        assert_false(info.mismatch);
    }
    assert_true(tz_measure_fma_peak_gflops() > 0.0); // how much is the machine's
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nn_agrees_with_plain_loops),
        cmocka_unit_test(tn_agrees_with_plain_loops),
        cmocka_unit_test(transposes),
        cmocka_unit_test(describes_its_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
