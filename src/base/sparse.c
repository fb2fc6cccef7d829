// A dense kernel keeps a tile of C in registers and takes each vector of B for several rows. Rows
// with different zeros cannot share B, so here every product loads its own vector of B from L1, and
// the loads are the limit: 9 loads for 8 products of a row of a panel. Against LIBXSMM, which runs
// at the FMA peak, that pays below about 70% of non-zeros (us for 64 x 256 x 256 on one core):
//
//   non-zeros     35%   50%   65%     LIBXSMM
//   us             21    29    37          43
//
// A is taken in strips of 64 columns: a strip of a panel of B (64, 128) fits in L1, and the
// non-zeros of a row of A in a strip are one 64-bit mask, whose bits are walked.
#include "base/sparse.h"

#include "base/blas.h"
#include "base/vectorise.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

#if defined(__x86_64__)
enum { STRIP = 64, ROWS = 64, STRIPS_MAX = 32, LANES = 16 };

static const double DENSITY_MAX = 0.7;

// Non-zeros of ROWS rows of A, a word per strip.
typedef struct masks {
    uint64_t word[STRIPS_MAX][ROWS];
} masks;

// Writes the masks of A (m, k) and returns the number of non-zeros.
__attribute__((target("avx512f,popcnt"))) static int find_nonzeros(masks *nonzeros, const float *A,
                                                                   int m, int k, int lda) {
    int count = 0;
    for (int row = 0; row < m; row++) {
        const float *a = A + (size_t)row * (size_t)lda;
        for (int strip = 0; strip * STRIP < k; strip++) {
            const int end = min_int(k - strip * STRIP, STRIP);
            uint64_t word = 0;
            for (int i = 0; i < end; i += LANES) {
                const __mmask16 valid =
                    (__mmask16)(end - i >= LANES ? 0xffffu : (1u << (end - i)) - 1u);
                const __m512 x = _mm512_maskz_loadu_ps(valid, a + strip * STRIP + i);
                const __mmask16 set = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_NEQ_UQ);
                word |= (uint64_t)set << i;
            }
            nonzeros->word[strip][row] = word;
            count += __builtin_popcountll(word);
        }
    }
    return count;
}

// c (N vectors) (+)= sum over the set bits i of `word` of a[i] b[i, :], rows of b `ldb` apart.
#define DEFINE_ROW(N)                                                                              \
    __attribute__((target("avx512f,bmi"))) static inline                                           \
        __attribute__((always_inline)) void row_##N(float *c, const float *a, uint64_t word,       \
                                                    const float *b, size_t ldb, bool first) {      \
        __m512 sum[N];                                                                             \
        _Pragma("GCC unroll 8") for (int j = 0; j < N; j++) {                                      \
            sum[j] = first ? _mm512_setzero_ps() : _mm512_loadu_ps(c + LANES * j);                 \
        }                                                                                          \
        for (; word != 0; word &= word - 1) {                                                      \
            const size_t i = (size_t)__builtin_ctzll(word);                                        \
            const __m512 factor = _mm512_set1_ps(a[i]);                                            \
            const float *row = b + i * ldb;                                                        \
            __asm__("" : "+r"(row)); /* one pointer and displacements, not N pointers */           \
            _Pragma("GCC unroll 8") for (int j = 0; j < N; j++) {                                  \
                sum[j] = _mm512_fmadd_ps(factor, _mm512_loadu_ps(row + LANES * j), sum[j]);        \
            }                                                                                      \
        }                                                                                          \
        _Pragma("GCC unroll 8") for (int j = 0; j < N; j++) {                                      \
            _mm512_storeu_ps(c + LANES * j, sum[j]);                                               \
        }                                                                                          \
    }

// All rows and strips for N vectors of columns.
#define DEFINE_COLUMNS(N)                                                                          \
    DEFINE_ROW(N)                                                                                  \
    __attribute__((target("avx512f,bmi"))) static void columns_##N(                                \
        float *C, const float *A, const float *B, const masks *nonzeros, int m, int k, int lda,    \
        int ldb, int ldc) {                                                                        \
        for (int strip = 0; strip * STRIP < k; strip++) {                                          \
            const float *b = B + (size_t)(strip * STRIP) * (size_t)ldb;                            \
            for (int row = 0; row < m; row++) {                                                    \
                row_##N(C + (size_t)row * (size_t)ldc,                                             \
                        A + (size_t)row * (size_t)lda + (size_t)(strip * STRIP),                   \
                        nonzeros->word[strip][row], b, (size_t)ldb, strip == 0);                   \
            }                                                                                      \
        }                                                                                          \
    }

DEFINE_COLUMNS(8)
DEFINE_COLUMNS(4)
DEFINE_COLUMNS(2)
DEFINE_COLUMNS(1)

// One panel, its columns in groups of 8, 4, 2 and 1 vectors.
static void sparse_panel(float *C, const float *A, const float *B, const masks *nonzeros, int m,
                         int width, int k, int lda, int ldc) {
    static const struct {
        int n_vectors;
        void (*run)(float *, const float *, const float *, const masks *, int, int, int, int, int);
    } groups[] = {{8, columns_8}, {4, columns_4}, {2, columns_2}, {1, columns_1}};
    int column = 0;
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        for (; width - column >= LANES * groups[g].n_vectors;
             column += LANES * groups[g].n_vectors) {
            groups[g].run(C + column, A, B + column, nonzeros, m, k, lda, width, ldc);
        }
    }
}

static bool serves(int n, int k) {
    return n % LANES == 0 && k > 0 && k <= STRIP * STRIPS_MAX && TZ_HAS_AVX512;
}
#endif

void tz_gemm_nn_sparse(float *C, const float *A, const float *B, int m, int n, int k, int lda,
                       int ldc) {
#if defined(__x86_64__)
    if (serves(n, k)) {
        masks nonzeros;
        for (int row = 0; row < m; row += ROWS) {
            const int rows = min_int(m - row, ROWS);
            const float *a = A + (size_t)row * (size_t)lda;
            float *c = C + (size_t)row * (size_t)ldc;
            if (find_nonzeros(&nonzeros, a, rows, k, lda) > DENSITY_MAX * rows * k) {
                dense_rows(c, a, B, rows, n, k, lda, ldc);
                continue;
            }
            for (int column = 0; column < n; column += TZ_PANEL) {
                sparse_panel(c + column, a, B + (size_t)column * (size_t)k, &nonzeros, rows,
                             min_int(n - column, TZ_PANEL), k, lda, ldc);
            }
        }
        return;
    }
#endif
    dense_rows(C, A, B, m, n, k, lda, ldc);
}
