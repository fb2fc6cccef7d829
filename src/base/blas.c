// Which kernel serves which product (GFLOP/s for rows x 128 x 128 on one core,
// docs/performance.md): LIBXSMM's run-time kernels hold the FMA peak for NN and TN at all tile
// heights, OpenBLAS loses a quarter of it from 64 rows up. So LIBXSMM serves every product whose
// matrices fit in cache, and OpenBLAS, with one thread, the rest and every machine without LIBXSMM.
#include "base/blas.h"

#include "base/clock.h"
#include "base/vectorise.h"

#include <cblas.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#ifdef TZ_HAVE_LIBXSMM
#include <libxsmm.h>
#endif

// ---- start

static pthread_once_t init_once = PTHREAD_ONCE_INIT;

static void init(void) {
    openblas_set_num_threads(1);
#ifdef TZ_HAVE_LIBXSMM
    libxsmm_init();
#endif
}

void tz_blas_init(void) {
    pthread_once(&init_once, init);
}

// ---- products

#ifdef TZ_HAVE_LIBXSMM
// Floats of all three matrices up to which a run-time kernel without blocking stays in L2 cache.
enum { KERNEL_FLOATS_MAX = 1 << 19 };

// LIBXSMM is column-major, where a row-major C = op(A) B reads C^T = B^T op(A)^T: the operands
// change places, and the transposition of A becomes one of the second operand.
static bool kernel_gemm(float *C, const float *A, const float *B, int m, int n, int k, int lda,
                        int ldb, int ldc, float beta, int flags) {
    if ((int64_t)m * k + (int64_t)k * n + (int64_t)m * n > KERNEL_FLOATS_MAX) {
        return false;
    }
    const float alpha = 1.0f;
    const libxsmm_smmfunction kernel =
        libxsmm_smmdispatch(n, m, k, &ldb, &lda, &ldc, &alpha, &beta, &flags, NULL);
    if (kernel == NULL) {
        return false;
    }
    kernel(B, A, C);
    return true;
}
#endif

void tz_gemm_nn(float *C, const float *A, const float *B, int m, int n, int k, int lda, int ldb,
                int ldc, float beta) {
#ifdef TZ_HAVE_LIBXSMM
    if (kernel_gemm(C, A, B, m, n, k, lda, ldb, ldc, beta, LIBXSMM_GEMM_FLAG_NONE)) {
        return;
    }
#endif
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1.0f, A, lda, B, ldb, beta, C,
                ldc);
}

void tz_gemm_tn(float *C, const float *A, const float *B, int m, int n, int k, int lda, int ldb,
                int ldc, float beta) {
#ifdef TZ_HAVE_LIBXSMM
    if (kernel_gemm(C, A, B, m, n, k, lda, ldb, ldc, beta, LIBXSMM_GEMM_FLAG_TRANS_B)) {
        return;
    }
#endif
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, n, k, 1.0f, A, lda, B, ldb, beta, C,
                ldc);
}

#if defined(__x86_64__)
// B (16, 16) = A^T in registers: pairs of rows change halves four times.
__attribute__((target("avx512f"))) static void transpose_16(float *B, const float *A, size_t lda,
                                                            size_t ldb) {
    __m512 r[16], t[16];
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; i++) {
        r[i] = _mm512_loadu_ps(A + i * lda);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    // r[4 g + j]: column j of each group of four columns, rows 4 g to 4 g + 3
#pragma GCC unroll 4
    for (int g = 0; g < 16; g += 4) {
        const __m512d a = _mm512_castps_pd(t[g]), b = _mm512_castps_pd(t[g + 1]);
        const __m512d c = _mm512_castps_pd(t[g + 2]), d = _mm512_castps_pd(t[g + 3]);
        r[g] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        r[g + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        r[g + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        r[g + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        t[j] = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x88);           // columns j, 8 + j
        t[4 + j] = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xdd);       // columns 4 + j, 12 + j
        t[8 + j] = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x88);  // the same of the lower rows
        t[12 + j] = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xdd); //
    }
#pragma GCC unroll 8
    for (size_t j = 0; j < 8; j++) {
        const __m512 upper = t[j], lower = t[8 + j];
        _mm512_storeu_ps(B + j * ldb, _mm512_shuffle_f32x4(upper, lower, 0x88));
        _mm512_storeu_ps(B + (8 + j) * ldb, _mm512_shuffle_f32x4(upper, lower, 0xdd));
    }
}

// B (8, 8) = A^T in the same way: pairs of rows change halves three times.
__attribute__((target("avx2"))) static void transpose_8(float *B, const float *A, size_t lda,
                                                        size_t ldb) {
    __m256 r[8], t[8];
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i++) {
        r[i] = _mm256_loadu_ps(A + i * lda);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    // r[4 g + j]: columns j and 4 + j, rows 4 g to 4 g + 3
#pragma GCC unroll 2
    for (int g = 0; g < 8; g += 4) {
        r[g] = _mm256_shuffle_ps(t[g], t[g + 2], 0x44);
        r[g + 1] = _mm256_shuffle_ps(t[g], t[g + 2], 0xee);
        r[g + 2] = _mm256_shuffle_ps(t[g + 1], t[g + 3], 0x44);
        r[g + 3] = _mm256_shuffle_ps(t[g + 1], t[g + 3], 0xee);
    }
#pragma GCC unroll 4
    for (size_t j = 0; j < 4; j++) {
        _mm256_storeu_ps(B + j * ldb, _mm256_permute2f128_ps(r[j], r[4 + j], 0x20));
        _mm256_storeu_ps(B + (4 + j) * ldb, _mm256_permute2f128_ps(r[j], r[4 + j], 0x31));
    }
}

// The squares that are transposed in registers.
typedef struct square {
    int size;
    void (*transpose)(float *B, const float *A, size_t lda, size_t ldb);
} square;

static square square_of_processor(void) {
    if (TZ_HAS_AVX512) {
        return (square){16, transpose_16};
    }
    return TZ_HAS_AVX2 ? (square){8, transpose_8} : (square){0};
}
#endif

void tz_transpose_block(float *B, const float *A, int m, int n, int lda, int ldb) {
    int m_squares = 0, n_squares = 0; // the part that is done in squares
#if defined(__x86_64__)
    const square s = square_of_processor();
    if (s.transpose != NULL) {
        m_squares = m - m % s.size;
        n_squares = n - n % s.size;
        for (int i = 0; i < m_squares; i += s.size) {
            for (int j = 0; j < n_squares; j += s.size) {
                s.transpose(B + (size_t)j * (size_t)ldb + i, A + (size_t)i * (size_t)lda + j,
                            (size_t)lda, (size_t)ldb);
            }
        }
    }
#endif
    for (int i = 0; i < m; i++) {
        for (int j = i < m_squares ? n_squares : 0; j < n; j++) {
            B[(size_t)j * (size_t)ldb + (size_t)i] = A[(size_t)i * (size_t)lda + (size_t)j];
        }
    }
}

void tz_transpose(float *B, const float *A, int m, int n) {
    tz_transpose_block(B, A, m, n, n, m);
}

// ---- the core that OpenBLAS chose

// Kernel families of OpenBLAS from old to new, by the names that openblas_get_corename gives.
typedef enum kernel_family { FAMILY_OLD, FAMILY_AVX2, FAMILY_AVX512 } kernel_family;

static kernel_family family_of(const char *core) {
    static const char *const avx512[] = {"SkylakeX", "Cooperlake", "SapphireRapids"};
    static const char *const avx2[] = {"Haswell", "Zen", "Excavator"};
    for (size_t i = 0; i < TZ_COUNTOF(avx512); i++) {
        if (strcmp(core, avx512[i]) == 0) {
            return FAMILY_AVX512;
        }
    }
    for (size_t i = 0; i < TZ_COUNTOF(avx2); i++) {
        if (strcmp(core, avx2[i]) == 0) {
            return FAMILY_AVX2;
        }
    }
    return FAMILY_OLD;
}

// The oldest core of the best family that this CPU can run; the running core elsewhere than on
// x86-64.
static const char *expected_core(const char *core) {
#if defined(__x86_64__)
    if (TZ_HAS_AVX512 && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl")) {
        return family_of(core) == FAMILY_AVX512 ? core : "SkylakeX";
    }
    if (TZ_HAS_AVX2) {
        return family_of(core) == FAMILY_AVX2 ? core : "Haswell";
    }
#endif
    return core;
}

tz_blas_info tz_blas_describe(void) {
    tz_blas_init();
    tz_blas_info info = {.library = openblas_get_config(), .core = openblas_get_corename()};
    info.expected_core = expected_core(info.core);
    info.mismatch = family_of(info.core) < family_of(info.expected_core);
#ifdef TZ_HAVE_LIBXSMM
    info.has_libxsmm = libxsmm_get_target_archid() >= LIBXSMM_X86_AVX;
#endif
    return info;
}

void tz_blas_mend(char **argv) {
    const tz_blas_info info = tz_blas_describe();
    // a user's own choice, or a choice that OpenBLAS did not follow, stays
    if (!info.mismatch || getenv("OPENBLAS_CORETYPE") != NULL) {
        return;
    }
    if (setenv("OPENBLAS_CORETYPE", info.expected_core, 1) == 0) {
        execv("/proc/self/exe", argv);
    }
}

// ---- peak

// Sixteen independent chains hide the latency of an FMA (4 cycles, two a cycle, with room). The
// chains x <- x a + b stay near 1, so no denormals slow them down.
enum { CHAINS = 16, PEAK_ROUNDS = 1 << 15, PEAK_TRIES = 32 };

#if defined(__x86_64__)
static _Thread_local volatile float peak_sink; // keeps the loops' results alive

__attribute__((target("avx512f"))) static double fma_loop_avx512(void) {
    const __m512 a = _mm512_set1_ps(0.5f);
    const __m512 b = _mm512_set1_ps(0.5f);
    __m512 x[CHAINS];
    for (int i = 0; i < CHAINS; i++) {
        x[i] = _mm512_set1_ps((float)i);
    }
    for (int round = 0; round < PEAK_ROUNDS; round++) {
#pragma GCC unroll 16
        for (int i = 0; i < CHAINS; i++) {
            x[i] = _mm512_fmadd_ps(x[i], a, b);
        }
    }
    for (int i = 1; i < CHAINS; i++) {
        x[0] = _mm512_add_ps(x[0], x[i]);
    }
    peak_sink = _mm512_cvtss_f32(x[0]);
    return 2.0 * 16.0 * CHAINS * PEAK_ROUNDS;
}

// Twelve chains here: sixteen vector registers hold them and the two constants.
__attribute__((target("avx2,fma"))) static double fma_loop_avx2(void) {
    enum { CHAINS_AVX2 = 12 };
    const __m256 a = _mm256_set1_ps(0.5f);
    const __m256 b = _mm256_set1_ps(0.5f);
    __m256 x[CHAINS_AVX2];
    for (int i = 0; i < CHAINS_AVX2; i++) {
        x[i] = _mm256_set1_ps((float)i);
    }
    for (int round = 0; round < PEAK_ROUNDS; round++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS_AVX2; i++) {
            x[i] = _mm256_fmadd_ps(x[i], a, b);
        }
    }
    for (int i = 1; i < CHAINS_AVX2; i++) {
        x[0] = _mm256_add_ps(x[0], x[i]);
    }
    peak_sink = _mm256_cvtss_f32(x[0]);
    return 2.0 * 8.0 * CHAINS_AVX2 * PEAK_ROUNDS;
}
#endif

// Where no FMA loop is written: a product that fits in cache, the best that OpenBLAS does.
static double product_loop(void) {
    enum { N = 128 };
    static float A[N * N], B[N * N], C[N * N];
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, N, N, N, 1.0f, A, N, B, N, 0.0f, C, N);
    return 2.0 * N * N * N;
}

double tz_measure_fma_peak_gflops(void) {
    double (*loop)(void) = product_loop;
#if defined(__x86_64__)
    if (TZ_HAS_AVX512) {
        loop = fma_loop_avx512;
    } else if (TZ_HAS_AVX2) {
        loop = fma_loop_avx2;
    }
#endif
    double best = 0.0;
    for (int i = 0; i < PEAK_TRIES; i++) {
        const double start = tz_now_s();
        const double flops = loop();
        best = fmax(best, flops / (tz_now_s() - start) * 1e-9);
    }
    return best;
}
