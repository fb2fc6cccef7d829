#include "models/orthogonal.h"

#include "base/blas.h"
#include "base/memory.h"
#include "base/rng.h"

// LAPACK, column-major: A (m, n) = Q R by reflections, and Q from them.
void dgeqrf_(const int *m, const int *n, double *A, const int *lda, double *tau, double *work,
             const int *lwork, int *info);
void dorgqr_(const int *m, const int *n, const int *k, double *A, const int *lda, const double *tau,
             double *work, const int *lwork, int *info);

tz_status tz_fill_semi_orthogonal(tz_real *W, int rows, int cols, double gain, uint64_t seed,
                                  uint64_t index, tz_error *error) {
    tz_blas_init();
    // the tall one of W and its transpose is factorised: A (m, n), m >= n, column-major
    const int m = rows > cols ? rows : cols;
    const int n = rows > cols ? cols : rows;
    const int lwork = 64 * n;
    const size_t n_A = (size_t)m * (size_t)n;
    double *A = tz_alloc(n_A + 2 * (size_t)n + (size_t)lwork, sizeof *A);
    if (A == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: initial weights of %d x %d", rows,
                       cols);
    }
    double *tau = A + n_A;   // (n)
    double *sign = tau + n;  // (n)
    double *work = sign + n; // (lwork)
    tz_rng rng = tz_rng_stream(seed, TZ_PURPOSE_INIT, index);
    for (size_t i = 0; i < n_A; i++) {
        A[i] = tz_rng_normal(&rng);
    }

    int info_factor = 0, info_form = 0;
    dgeqrf_(&m, &n, A, &m, tau, work, &lwork, &info_factor);
    for (int j = 0; j < n; j++) {
        sign[j] = A[(size_t)j * (size_t)m + (size_t)j] < 0.0 ? -gain : gain;
    }
    dorgqr_(&m, &n, &n, A, &m, tau, work, &lwork, &info_form);

    // column j of A is column j of W, or row j when W is the wide one
    for (int j = 0; j < n; j++) {
        for (int i = 0; i < m; i++) {
            const tz_real value = (tz_real)(sign[j] * A[(size_t)j * (size_t)m + (size_t)i]);
            W[rows > cols ? i * cols + j : j * cols + i] = value;
        }
    }
    tz_free(A);
    if (info_factor != 0 || info_form != 0) {
        return tz_fail(error, TZ_ERR_NUMERIC, "QR factorisation of %d x %d failed (%d, %d)", rows,
                       cols, info_factor, info_form);
    }
    return TZ_OK;
}
