// Products that leave out zeros: the bytes of sums in order of k where zeros are left out, odd
// sizes, leading dimensions, what a layer of ReLU units does behind them, and NaN where it belongs.
#include "base/blas.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/sparse.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// A (m, k) with a share `density` of non-zeros, as behind a ReLU.
static void fill(float *A, size_t n, double density, tz_rng *rng) {
    for (size_t i = 0; i < n; i++) {
        const bool zero = tz_rng_uniform(rng) >= density;
        const float x = (float)tz_rng_normal(rng);
        A[i] = zero ? 0.0f : fabsf(x);
    }
}

// Whether kernels that leave out zeros serve rows of n columns with so few non-zeros; they fuse
// each product with its sum.
static bool leaves_out_zeros(int n, double density) {
#if defined(__x86_64__) && !defined(TZ_NO_AVX2)
    enum { LANES_MAX = 16 };
    return n % LANES_MAX == 0 && density <= 0.5 && __builtin_cpu_supports("avx2") &&
           __builtin_cpu_supports("fma");
#else
    (void)n, (void)density;
    return false;
#endif
}

// The same product with ReLU units behind it, and behind those their backward.
static void check_relu(const float *C, const float *A, const float *P, int m, int n, int k, int lda,
                       int ldc, tz_rng *rng) {
    float *b = tz_alloc((size_t)n, sizeof *b);
    float *H = tz_alloc((size_t)(m * ldc), sizeof *H), *D = tz_alloc((size_t)(m * ldc), sizeof *D);
    assert_true(b != NULL && H != NULL && D != NULL);
    for (int j = 0; j < n; j++) {
        b[j] = (float)(-4.0 * tz_rng_uniform(rng));
    }
    H[n] = D[n] = 77.0f;
    tz_gemm_nn_sparse_relu(H, A, P, b, m, n, k, lda, ldc);
    tz_gemm_nn_sparse_relu_backward(D, A, P, H, m, n, k, lda, ldc);
    assert_true(H[n] == 77.0f && D[n] == 77.0f);
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            const float c = C[i * ldc + j], h = H[i * ldc + j];
            assert_true(h == fmaxf(c + b[j], 0.0f));
            assert_true(D[i * ldc + j] == (h > 0.0f ? c : 0.0f));
        }
    }
    tz_free(b);
    tz_free(H);
    tz_free(D);
}

static void check(int m, int n, int k, double density, tz_rng *rng) {
    const int lda = k + 3, ldc = n + 5, ldb = n + 1;
    float *A = tz_alloc((size_t)(m * lda), sizeof *A), *B = tz_alloc((size_t)(k * ldb), sizeof *B);
    float *P = tz_alloc((size_t)(k * n), sizeof *P), *C = tz_alloc((size_t)(m * ldc), sizeof *C);
    assert_true(A != NULL && B != NULL && P != NULL && C != NULL);
    fill(A, (size_t)(m * lda), density, rng);
    fill(B, (size_t)(k * ldb), 1.0, rng);
    fill(C, (size_t)(m * ldc), 1.0, rng);

    // packed in two pieces
    const int half = k / 2;
    tz_pack_panels(P, B, half, n, ldb, 0, k);
    tz_pack_panels(P, B + half * ldb, k - half, n, ldb, half, k);
    const float behind = C[n];
    tz_gemm_nn_sparse(C, A, P, m, n, k, lda, ldc);
    assert_true(C[n] == behind);
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            double sum = 0.0;
            float in_order = 0.0f;
            for (int l = 0; l < k; l++) {
                sum += (double)A[i * lda + l] * (double)B[l * ldb + j];
                in_order = fmaf(A[i * lda + l], B[l * ldb + j], in_order);
            }
            // k roundings of at most the sum's size, whose terms have one sign
            const bool is_exact = C[i * ldc + j] == in_order;
            if (!(fabs((double)C[i * ldc + j] - sum) <= 1e-7 * k * (1.0 + fabs(sum))) ||
                (leaves_out_zeros(n, density) && !is_exact)) {
                fail_msg("%d x %d x %d: (%d, %d) is %g, expected %g", m, n, k, i, j,
                         (double)C[i * ldc + j], sum);
            }
        }
    }
    check_relu(C, A, P, m, n, k, lda, ldc, rng);
    tz_free(A);
    tz_free(B);
    tz_free(P);
    tz_free(C);
}

static void agrees_with_plain_loops(void **state) {
    (void)state;
    static const int sizes[][3] = {{1, 16, 1},     {64, 128, 64}, {65, 144, 70}, {7, 240, 256},
                                   {130, 400, 33}, {3, 512, 300}, {5, 20, 30}};
    static const double densities[] = {0.0, 0.02, 0.5, 0.69, 1.0};
    tz_rng rng = tz_rng_stream(7, TZ_PURPOSE_TEST, 0);
    tz_blas_init();
    for (size_t s = 0; s < TZ_COUNTOF(sizes); s++) {
        for (size_t d = 0; d < TZ_COUNTOF(densities); d++) {
            check(sizes[s][0], sizes[s][1], sizes[s][2], densities[d], &rng);
        }
    }
}

// A NaN of A is not a zero; a row without non-zeros is zero, not what was there.
static void keeps_nan_and_clears_empty_rows(void **state) {
    (void)state;
    enum { M = 2, N = 32, K = 40 };
    float A[M * K] = {0}, B[K * N], P[K * N], C[M * N];
    for (int i = 0; i < K * N; i++) {
        B[i] = 1.0f;
    }
    for (int i = 0; i < M * N; i++) {
        C[i] = 9.0f;
    }
    A[K + 39] = NAN;
    tz_pack_panels(P, B, K, N, N, 0, K);
    tz_gemm_nn_sparse(C, A, P, M, N, K, K, N);
    for (int j = 0; j < N; j++) {
        assert_true(C[j] == 0.0f);
        assert_true(isnan(C[N + j]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_plain_loops),
        cmocka_unit_test(keeps_nan_and_clears_empty_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
