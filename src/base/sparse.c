// A dense kernel keeps a tile of C in registers and takes each vector of B for several rows. Rows
// with different zeros cannot share B, so here every product loads its own vector of B from L1, and
// the loads are the limit: 17 loads for 16 products of a row of a panel. Against LIBXSMM, which
// runs at the FMA peak, that pays below about 70% of non-zeros (us for 64 x 256 x 256 on one core):
//
//   non-zeros     35%   50%   65%     LIBXSMM
//   us             28    36    45          47
//
// A is taken in strips of 32 columns, 64 for narrow panels: a strip of a panel of B, (32, 256),
// fits in L1. The non-zeros of a row of A in 64 columns are one mask, whose bits are walked.
#include "base/sparse.h"

#include "base/activation.h"
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
enum {
    LANES = 16,
    WORD = 64,      // columns of a mask
    WORDS_MAX = 32, // of a row
    BLOCK = 64,     // rows that are dense or sparse together
    ROWS = 256      // rows that share a strip of B in L1
};

static const double DENSITY_MAX = 0.7;

// Non-zeros of up to ROWS rows of A, a word for WORD columns.
typedef struct masks {
    uint64_t word[WORDS_MAX][ROWS];
} masks;

// The non-zeros of a (n), n <= WORD.
__attribute__((target("avx512f"))) static uint64_t nonzeros_of(const float *a, int n) {
    const __m512 zero = _mm512_setzero_ps();
    uint64_t word = 0;
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
        word |= (uint64_t)_mm512_cmp_ps_mask(_mm512_loadu_ps(a + i), zero, _CMP_NEQ_UQ) << i;
    }
    if (i < n) {
        const __mmask16 valid = (__mmask16)((1u << (n - i)) - 1u);
        const __m512 x = _mm512_maskz_loadu_ps(valid, a + i);
        word |= (uint64_t)_mm512_cmp_ps_mask(x, zero, _CMP_NEQ_UQ) << i;
    }
    return word;
}

// Writes the masks of A (m, k) from row `first` on and returns the share of non-zeros.
__attribute__((target("avx512f,popcnt"))) static double
find_nonzeros(masks *nonzeros, int first, const float *A, int m, int k, int lda) {
    int count = 0;
    for (int row = 0; row < m; row++) {
        for (int w = 0; w * WORD < k; w++) {
            const float *a = A + (size_t)row * (size_t)lda + (size_t)(w * WORD);
            const uint64_t word = nonzeros_of(a, min_int(k - w * WORD, WORD));
            nonzeros->word[w][first + row] = word;
            count += __builtin_popcountll(word);
        }
    }
    return (double)count / (m * k);
}

// What follows the sums: the bias b of ReLU units, or what opens the gate of their backward.
typedef struct follow_up {
    const float *b; // (n), nullable
    const float *H; // (m, n), rows as far apart as those of C, nullable
} follow_up;

__attribute__((target("avx512f"), always_inline)) static inline __m512
follow(__m512 sum, const float *b, const float *h) {
    const __m512 zero = _mm512_setzero_ps();
    if (b != NULL) {
        sum = _mm512_max_ps(zero, _mm512_add_ps(sum, _mm512_loadu_ps(b))); // NaN stays
    } else if (h != NULL) {
        sum = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(_mm512_loadu_ps(h), zero, _CMP_GT_OQ), sum);
    }
    return sum;
}

// c (N vectors) (+)= sum over the set bits i of `word` of a[i] b[i, :], rows of b `ldb` apart.
#define DEFINE_ROW(N)                                                                              \
    __attribute__((target("avx512f,bmi"), always_inline)) static inline void row_##N(              \
        float *c, const float *a, uint64_t word, const float *b, size_t ldb, bool first,           \
        bool last, const float *bias, const float *h) {                                            \
        __m512 sum[N];                                                                             \
        _Pragma("GCC unroll 16") for (int j = 0; j < N; j++) {                                     \
            sum[j] = first ? _mm512_setzero_ps() : _mm512_loadu_ps(c + LANES * j);                 \
        }                                                                                          \
        for (; word != 0; word &= word - 1) {                                                      \
            const size_t i = (size_t)__builtin_ctzll(word);                                        \
            const __m512 factor = _mm512_set1_ps(a[i]);                                            \
            const float *row = b + i * ldb;                                                        \
            __asm__("" : "+r"(row)); /* one pointer and displacements, not N pointers */           \
            _Pragma("GCC unroll 16") for (int j = 0; j < N; j++) {                                 \
                sum[j] = _mm512_fmadd_ps(factor, _mm512_loadu_ps(row + LANES * j), sum[j]);        \
            }                                                                                      \
        }                                                                                          \
        if (last && (bias != NULL || h != NULL)) {                                                 \
            _Pragma("GCC unroll 16") for (int j = 0; j < N; j++) {                                 \
                sum[j] = follow(sum[j], bias != NULL ? bias + LANES * j : NULL,                    \
                                h != NULL ? h + LANES * j : NULL);                                 \
            }                                                                                      \
        }                                                                                          \
        _Pragma("GCC unroll 16") for (int j = 0; j < N; j++) {                                     \
            _mm512_storeu_ps(c + LANES * j, sum[j]);                                               \
        }                                                                                          \
    }

// All rows for N vectors of columns, in strips of a word's bits or, where these do not fit in L1,
// of half of them.
#define DEFINE_COLUMNS(N)                                                                          \
    DEFINE_ROW(N)                                                                                  \
    __attribute__((target("avx512f,bmi"))) static void columns_##N(                                \
        float *C, const float *A, const float *B, const masks *nonzeros, int m, int k, int lda,    \
        int ldb, int ldc, follow_up after) {                                                       \
        enum { WIDTH = N > 8 ? WORD / 2 : WORD };                                                  \
        for (int at = 0; at < k; at += WIDTH) {                                                    \
            const float *b = B + (size_t)at * (size_t)ldb;                                         \
            const uint64_t *words = nonzeros->word[at / WORD];                                     \
            for (int row = 0; row < m; row++) {                                                    \
                const size_t c = (size_t)row * (size_t)ldc;                                        \
                const uint64_t word = words[row] >> at % WORD & UINT64_MAX >> (WORD - WIDTH);      \
                row_##N(C + c, A + (size_t)row * (size_t)lda + (size_t)at, word, b, (size_t)ldb,   \
                        at == 0, at + WIDTH >= k, after.b, after.H != NULL ? after.H + c : NULL);  \
            }                                                                                      \
        }                                                                                          \
    }

DEFINE_COLUMNS(16)
DEFINE_COLUMNS(8)
DEFINE_COLUMNS(4)
DEFINE_COLUMNS(2)
DEFINE_COLUMNS(1)

// What follows at a place further on.
static follow_up shifted(follow_up after, size_t columns, size_t at) {
    return (follow_up){.b = after.b != NULL ? after.b + columns : NULL,
                       .H = after.H != NULL ? after.H + at : NULL};
}

// One panel, its columns in groups of 16, 8, 4, 2 and 1 vectors.
static void sparse_panel(float *C, const float *A, const float *B, const masks *nonzeros, int m,
                         int width, int k, int lda, int ldc, follow_up after) {
    static const struct {
        int n_vectors;
        void (*run)(float *, const float *, const float *, const masks *, int, int, int, int, int,
                    follow_up);
    } groups[] = {{16, columns_16}, {8, columns_8}, {4, columns_4}, {2, columns_2}, {1, columns_1}};
    int column = 0;
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        for (; width - column >= LANES * groups[g].n_vectors;
             column += LANES * groups[g].n_vectors) {
            const size_t at = (size_t)column;
            groups[g].run(C + column, A, B + column, nonzeros, m, k, lda, width, ldc,
                          shifted(after, at, at));
        }
    }
}

// Rows of A (m, k), m <= ROWS, before the first dense block, and their masks.
static int sparse_rows(masks *nonzeros, const float *A, int m, int k, int lda) {
    int rows = 0;
    while (rows < m) {
        const int block = min_int(m - rows, BLOCK);
        const float *a = A + (size_t)rows * (size_t)lda;
        if (find_nonzeros(nonzeros, rows, a, block, k, lda) > DENSITY_MAX) {
            break;
        }
        rows += block;
    }
    return rows;
}

static bool serves(int n, int k) {
    return n % LANES == 0 && k > 0 && k <= WORD * WORDS_MAX && TZ_HAS_AVX512;
}
#endif

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
#if defined(__x86_64__)
    if (serves(n, k)) {
        const follow_up after = {.b = b, .H = H};
        for (int row = 0, rows; row < m; row += rows) {
            const float *a = A + (size_t)row * (size_t)lda;
            const size_t at = (size_t)row * (size_t)ldc;
            masks nonzeros;
            rows = sparse_rows(&nonzeros, a, min_int(m - row, ROWS), k, lda);
            if (rows == 0) {
                rows = min_int(m - row, BLOCK);
                dense_rows(C + at, a, B, rows, n, k, lda, ldc);
                follow_rows(C + at, b, H != NULL ? H + at : NULL, rows, n, ldc);
                continue;
            }
            for (int column = 0; column < n; column += TZ_PANEL) {
                sparse_panel(C + at + column, a, B + (size_t)column * (size_t)k, &nonzeros, rows,
                             min_int(n - column, TZ_PANEL), k, lda, ldc,
                             shifted(after, (size_t)column, at + (size_t)column));
            }
        }
        return;
    }
#endif
    dense_rows(C, A, B, m, n, k, lda, ldc);
    follow_rows(C, b, H, m, n, ldc);
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
