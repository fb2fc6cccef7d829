// Matrix products for tiles, by LIBXSMM's run-time kernels where they run at the peak (x86-64,
// small) and by OpenBLAS elsewhere. Layers of networks and products with sparse activations have
// kernels of their own.
//
// All matrices are row-major and dense in f32. Letters: C (m, n) = op(A) op(B).
#ifndef TRAPEZE_BASE_BLAS_H
#define TRAPEZE_BASE_BLAS_H

#include "base/export.h"

#include <stdbool.h>

// Must run once before any product (thread-safe, cheap when repeated): one OpenBLAS thread per
// calling thread, LIBXSMM initialised.
TZ_API void tz_blas_init(void);

// C (m, n) = A (m, k) B (k, n) + beta C, beta 0 or 1. Leading dimensions lda >= k, ldb >= n, ldc >=
// n.
TZ_API void tz_gemm_nn(float *C, const float *A, const float *B, int m, int n, int k, int lda,
                       int ldb, int ldc, float beta);

// C (m, n) = A^T B + beta C with A (k, m), B (k, n): weight gradients, k = rows of the tile.
TZ_API void tz_gemm_tn(float *C, const float *A, const float *B, int m, int n, int k, int lda,
                       int ldb, int ldc, float beta);

// B (n, m) = A^T, A (m, n), dense. For the transposed copy of a weight that backward passes need.
TZ_API void tz_transpose(float *B, const float *A, int m, int n);

// The same for blocks of larger matrices: leading dimensions lda >= n, ldb >= m.
TZ_API void tz_transpose_block(float *B, const float *A, int m, int n, int lda, int ldb);

// Name of the core that OpenBLAS runs for ("SkylakeX"), of the one this CPU deserves, and whether
// OPENBLAS_CORETYPE must be set for them to agree (design: OpenBLAS takes new CPUs for old ones).
typedef struct tz_blas_info {
    const char *library;       // "OpenBLAS 0.3.21 ..." (borrowed, static)
    const char *core;          // kernel set in use (borrowed, static)
    const char *expected_core; // best kernel set for this CPU (borrowed, static)
    bool mismatch;             // core is slower than expected_core
    bool has_libxsmm;          // LIBXSMM compiled in and usable here
} tz_blas_info;
TZ_API tz_blas_info tz_blas_describe(void);

// When OpenBLAS picked too old a core: sets OPENBLAS_CORETYPE and re-executes this program (the
// choice is made when the library loads). Call first thing in main. Returns when nothing is to do.
TZ_API void tz_blas_mend(char **argv);

// Peak f32 FMA rate of one core measured now with register-only FMAs (GFLOP/s), in some ms.
TZ_API double tz_measure_fma_peak_gflops(void);

#endif
