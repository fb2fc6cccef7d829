// Products with their epilogues against plain loops in double, for odd sizes and row strides.
#include "base/blas.h"
#include "base/layer.h"
#include "base/memory.h"
#include "base/rng.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

// One product with all that its epilogues read and write, rows `pad` apart more than they are long.
typedef struct problem {
    int m, n, k, pad;
    int lda, ldb, ldc;
    float *A, *At, *B, *Bt, *b; // A and B with their transposes (At with rows m + pad apart)
    float *H;                   // (m, n), within (-1, 1)
    float *d, *T;               // (2, m, n)
    double *AB, *bound;         // A B, and the rounding error that its sums may have (m, n)
    float *C, *E, *b_bar;       // outputs
} problem;

static float *random_matrix(tz_rng *rng, int rows, int columns, int ld) {
    float *x = tz_alloc((size_t)(rows * ld) + 1, sizeof *x);
    assert_non_null(x);
    for (int i = 0; i < rows * ld; i++) {
        x[i] = i % ld < columns ? (float)(0.5 * tz_rng_normal(rng)) : NAN; // padding is never read
    }
    return x;
}

// An element's rounding error is at most k eps sum |a| |b| in any order of summation (Higham,
// Accuracy and Stability of Numerical Algorithms, section 3.1), with b one term more.
static void create(problem *p, int m, int n, int k, int pad) {
    tz_rng rng = tz_rng_stream((uint64_t)(m * 1000 + n), TZ_PURPOSE_TEST, (uint64_t)(k + pad));
    *p = (problem){.m = m, .n = n, .k = k, .pad = pad};
    p->lda = k + pad;
    p->ldb = n + pad;
    p->ldc = n + pad;
    p->A = random_matrix(&rng, m, k, p->lda);
    p->At = random_matrix(&rng, k, m, m + pad);
    p->B = random_matrix(&rng, k, n, p->ldb);
    p->Bt = random_matrix(&rng, n, k, k);
    p->b = random_matrix(&rng, 1, n, n);
    p->H = random_matrix(&rng, m, n, p->ldc);
    p->d = random_matrix(&rng, 2 * m, n, p->ldc);
    p->T = random_matrix(&rng, 2 * m, n, p->ldc);
    p->C = random_matrix(&rng, m, n, p->ldc);
    p->E = random_matrix(&rng, m, n, p->ldc);
    p->b_bar = random_matrix(&rng, 1, n, n);
    p->AB = tz_alloc((size_t)(m * n), sizeof *p->AB);
    p->bound = tz_alloc((size_t)(m * n), sizeof *p->bound);
    assert_true(p->AB != NULL && p->bound != NULL);
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            p->H[i * p->ldc + j] = tanhf(p->H[i * p->ldc + j]);
            double magnitude = 1.0;
            for (int l = 0; l < k; l++) {
                const double product = (double)p->A[i * p->lda + l] * (double)p->B[l * p->ldb + j];
                p->AB[i * n + j] += product;
                magnitude += fabs(product);
                p->At[l * (m + pad) + i] = p->A[i * p->lda + l];
                p->Bt[j * k + l] = p->B[l * p->ldb + j];
            }
            p->bound[i * n + j] =
                (k + 4) * (double)FLT_EPSILON * (magnitude + fabs((double)p->b[j]));
        }
    }
}

static void destroy(problem *p) {
    float *const of_float[] = {p->A, p->At, p->B, p->Bt, p->b,    p->H,
                               p->d, p->T,  p->C, p->E,  p->b_bar};
    for (size_t i = 0; i < TZ_COUNTOF(of_float); i++) {
        tz_free(of_float[i]);
    }
    tz_free(p->AB);
    tz_free(p->bound);
}

// What an element of an output should be.
typedef double (*formula)(const problem *p, int i, int j);

static void check(const problem *p, const float *C, formula expected, double error_factor,
                  const char *what) {
    for (int i = 0; i < p->m; i++) {
        for (int j = 0; j < p->n; j++) {
            const double error = fabs((double)C[i * p->ldc + j] - expected(p, i, j));
            if (!(error <= error_factor * p->bound[i * p->n + j])) {
                fail_msg("%s (%d, %d, %d) pad %d: element (%d, %d) is off by %g", what, p->m, p->n,
                         p->k, p->pad, i, j, error);
            }
        }
        for (int j = p->n; j < p->ldc; j++) {
            assert_true(isnan(C[i * p->ldc + j])); // nothing is written beside it
        }
    }
}

// b_bar - before are the column sums of C.
static void check_column_sums(const problem *p, const float *before, const char *what) {
    for (int j = 0; j < p->n; j++) {
        double sum = (double)before[j], magnitude = fabs(sum);
        for (int i = 0; i < p->m; i++) {
            sum += (double)p->C[i * p->ldc + j];
            magnitude += fabs((double)p->C[i * p->ldc + j]);
        }
        if (!(fabs((double)p->b_bar[j] - sum) <= (p->m + 1) * (double)FLT_EPSILON * magnitude)) {
            fail_msg("%s (%d, %d, %d): the sum of column %d is off", what, p->m, p->n, p->k, j);
        }
    }
}

static double at(const float *X, const problem *p, int i, int j) {
    return (double)X[i * p->ldc + j];
}
static double slope(const problem *p, int i, int j) {
    return 1.0 - at(p->H, p, i, j) * at(p->H, p, i, j);
}
static double product(const problem *p, int i, int j) {
    return p->AB[i * p->n + j];
}
static double with_bias(const problem *p, int i, int j) {
    return product(p, i, j) + (double)p->b[j];
}
static double tanh_of(const problem *p, int i, int j) {
    return tanh(with_bias(p, i, j));
}
static double times_slope(const problem *p, int i, int j) {
    return product(p, i, j) * slope(p, i, j);
}
static double curved(const problem *p, int i, int j) {
    const double sum =
        at(p->d, p, i, j) * at(p->T, p, i, j) + at(p->d, p, p->m + i, j) * at(p->T, p, p->m + i, j);
    return times_slope(p, i, j) - 2.0 * at(p->H, p, i, j) * sum;
}

static void check_all(int m, int n, int k, int pad) {
    problem p;
    create(&p, m, n, k, pad);
    const int lda = p.lda, ldb = p.ldb, ldc = p.ldc;
    float *before = tz_alloc((size_t)n, sizeof *before);
    assert_non_null(before);
    memcpy(before, p.b_bar, (size_t)n * sizeof *before);

    tz_layer_linear(p.C, p.A, p.B, p.Bt, p.b, m, n, k, lda, ldb, ldc);
    check(&p, p.C, with_bias, 1.0, "linear");
    tz_layer_linear(p.C, p.A, p.B, NULL, NULL, m, n, k, lda, ldb, ldc);
    check(&p, p.C, product, 1.0, "linear without bias");

    tz_layer_tanh(p.C, p.A, p.B, p.b, m, n, k, lda, ldb, ldc);
    check(&p, p.C, tanh_of, 1.0, "tanh");

    tz_layer_tanh_backward(p.C, p.b_bar, p.A, p.B, p.H, m, n, k, lda, ldb, ldc);
    check(&p, p.C, times_slope, 1.0, "backward");
    check_column_sums(&p, before, "backward");
    tz_layer_tanh_backward(p.C, NULL, p.A, p.B, p.H, m, n, k, lda, ldb, ldc);
    check(&p, p.C, times_slope, 1.0, "backward without sums");

    tz_layer_tanh_tangent(p.C, p.E, p.A, p.B, p.H, m, n, k, lda, ldb, ldc);
    check(&p, p.C, product, 1.0, "tangent");
    check(&p, p.E, times_slope, 1.0, "tangent of h");

    // 2 H d T are terms of a few times 1 more
    memcpy(p.b_bar, before, (size_t)n * sizeof *before);
    tz_layer_tanh_curved(p.C, p.b_bar, p.A, p.B, p.H, p.d, p.T, 2, m, n, k, lda, ldb, ldc);
    check(&p, p.C, curved, 8.0, "curved");
    check_column_sums(&p, before, "curved");

    // on top of b in every row
    for (int i = 0; i < m * ldc; i++) {
        p.C[i] = i % ldc < n ? p.b[i % ldc] : NAN;
    }
    tz_layer_gradient(p.C, p.At, p.B, m, n, k, m + pad, ldb, ldc);
    check(&p, p.C, with_bias, 1.0, "gradient");
    tz_free(before);
    destroy(&p);
}

static void agree_with_plain_loops(void **state) {
    (void)state;
    static const int rows[] = {1, 5, 13, 50}, columns[] = {1, 12, 18, 64, 83, 128},
                     depths[] = {1, 17, 50, 128};
    tz_blas_init();
    for (size_t a = 0; a < TZ_COUNTOF(rows); a++) {
        for (size_t b = 0; b < TZ_COUNTOF(columns); b++) {
            for (size_t c = 0; c < TZ_COUNTOF(depths); c++) {
                check_all(rows[a], columns[b], depths[c], 0);
                check_all(rows[a], columns[b], depths[c], 3);
            }
        }
    }
}

// tanh alone: a product with a unit matrix of one row.
static void tanh_is_within_5_ulp(void **state) {
    (void)state;
    enum { N = 1 << 16 };
    static float x[N], h[N];
    const float one = 1.0f;
    static float zero[N];
    for (int i = 0; i < N; i++) {
        x[i] = (i % 2 == 0 ? 1.0f : -1.0f) * (float)exp(-20.0 + 23.0 * i / N); // to 20
    }
    tz_layer_tanh(h, &one, x, zero, 1, N, 1, 1, N, N);
    for (int i = 0; i < N; i++) {
        const double exact = tanh((double)x[i]);
        const float size = fabsf((float)exact);
        const double ulp = (double)nextafterf(size, 2.0f) - (double)size;
        if (!(fabs((double)h[i] - exact) <= 5.0 * ulp) || fabsf(h[i]) > 1.0f) {
            fail_msg("tanh(%.9g) is %.9g, not %.9g", (double)x[i], (double)h[i], exact);
        }
    }
    const float special[] = {NAN, INFINITY, -INFINITY, 0.0f};
    tz_layer_tanh(h, &one, special, zero, 1, 4, 1, 1, 4, 4);
    assert_true(isnan(h[0]) && h[3] == 0.0f);
    assert_true(fabsf(h[1] - 1.0f) <= 4.0f * FLT_EPSILON &&
                fabsf(h[2] + 1.0f) <= 4.0f * FLT_EPSILON);
}

// A tile's rows give the same bytes wherever they stand in it.
static void rows_do_not_depend_on_each_other(void **state) {
    (void)state;
    problem p;
    create(&p, 50, 83, 128, 0);
    tz_layer_tanh(p.C, p.A, p.B, p.b, p.m, p.n, p.k, p.lda, p.ldb, p.ldc);
    for (int row = 0; row < p.m; row++) {
        tz_layer_tanh(p.E, p.A + row * p.lda, p.B, p.b, 1, p.n, p.k, p.lda, p.ldb, p.ldc);
        assert_memory_equal(p.E, p.C + row * p.ldc, (size_t)p.n * sizeof *p.E);
    }
    destroy(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agree_with_plain_loops),
        cmocka_unit_test(tanh_is_within_5_ulp),
        cmocka_unit_test(rows_do_not_depend_on_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
