// Kernels of products that leave out zeros of A, compiled once for each instruction set
// (sparse_avx512.c, sparse_avx2.c).
//
// A row of C stays in registers, up to 16 vectors of AVX-512 and 8 of AVX2, while the non-zeros of
// the row of A are walked by the bits of its masks. A is taken in strips of columns so that the
// rows of B that they multiply fit in L1. GROUPS(X) lists how many vectors of C are done at once,
// X(16) X(8) ..., the most first and 1 last.
#include "base/simd.h"
#include "base/sparse_kernels.h"

#include <stdbool.h>
#include <string.h>

enum { VECTORS_MAX = 16 }; // of a row of C in registers

// The non-zeros of a (n), n <= TZ_SPARSE_WORD.
static uint64_t nonzeros_of(const float *a, int n) {
    uint64_t word = 0;
    for (int i = 0; i < n; i += LANES) {
        const vec x = i + LANES <= n ? vec_load(a + i) : vec_load_masked(vec_first(n - i), a + i);
        word |= (uint64_t)vec_nonzeros(x) << i;
    }
    return word;
}

static double find_nonzeros(tz_nonzeros *nonzeros, int first, const float *A, int m, int k,
                            int lda) {
    int count = 0;
    for (int row = 0; row < m; row++) {
        for (int at = 0; at < k; at += TZ_SPARSE_WORD) {
            const float *a = A + (size_t)row * (size_t)lda + (size_t)at;
            const int width = k - at < TZ_SPARSE_WORD ? k - at : TZ_SPARSE_WORD;
            const uint64_t word = nonzeros_of(a, width);
            nonzeros->word[at / TZ_SPARSE_WORD][first + row] = word;
            count += __builtin_popcountll(word);
        }
    }
    return (double)count / (m * k);
}

TZ_INLINE vec follow(vec sum, const float *b, const float *h) {
    if (b != NULL) {
        return vec_max(vec_zero(), vec_add(sum, vec_load(b))); // NaN, as second operand, stays
    }
    return h != NULL ? vec_where_positive(vec_load(h), sum) : sum;
}

// c (N vectors) (+)= sum over the set bits i of `word` of a[i] b[i, :], rows of b `ldb` apart.
TZ_INLINE void multiply_row(int N, float *c, const float *a, uint64_t word, const float *b,
                            size_t ldb, bool first, bool last, const float *bias, const float *h) {
    vec sum[VECTORS_MAX];
#pragma GCC unroll 16
    for (int j = 0; j < N; j++) {
        sum[j] = first ? vec_zero() : vec_load(c + LANES * j);
    }
    for (; word != 0; word &= word - 1) {
        const size_t i = (size_t)__builtin_ctzll(word);
        const vec factor = vec_all(a[i]);
        const float *row = b + i * ldb;
        __asm__("" : "+r"(row)); // one pointer and displacements, not N pointers
#pragma GCC unroll 16
        for (int j = 0; j < N; j++) {
            sum[j] = vec_fma(factor, vec_load(row + LANES * j), sum[j]);
        }
    }
#pragma GCC unroll 16
    for (int j = 0; j < N; j++) {
        if (last && (bias != NULL || h != NULL)) {
            sum[j] = follow(sum[j], bias != NULL ? bias + LANES * j : NULL,
                            h != NULL ? h + LANES * j : NULL);
        }
        vec_store(c + LANES * j, sum[j]);
    }
}

// N vectors of columns: all rows for one strip of A's columns after the other. Rows of B that are
// part of longer rows lie a power of two apart and would share a few sets of L1: they are copied.
TZ_INLINE void multiply_columns(int N, float *C, const float *A, const float *B,
                                const tz_nonzeros *nonzeros, int m, int k, int lda, int ldb,
                                int ldc, tz_follow_up after) {
    enum { FEW = 128, ROWS_TO_COPY = 32 };
    const int columns = N * LANES;
    const int width = columns > FEW ? TZ_SPARSE_WORD / 2 : TZ_SPARSE_WORD;
    const bool copies = columns <= FEW && ldb > columns && m >= ROWS_TO_COPY;
    _Alignas(64) float strip[TZ_SPARSE_WORD * FEW]; // (width, columns)
    for (int at = 0; at < k; at += width) {
        const float *b = B + (size_t)at * (size_t)ldb;
        for (int i = 0; copies && i < width && at + i < k; i++) {
            memcpy(strip + i * columns, b + (size_t)i * (size_t)ldb,
                   (size_t)columns * sizeof *strip);
        }
        const uint64_t *words = nonzeros->word[at / TZ_SPARSE_WORD];
        for (int row = 0; row < m; row++) {
            const size_t c = (size_t)row * (size_t)ldc;
            const uint64_t word =
                words[row] >> at % TZ_SPARSE_WORD & UINT64_MAX >> (TZ_SPARSE_WORD - width);
            multiply_row(N, C + c, A + (size_t)row * (size_t)lda + (size_t)at, word,
                         copies ? strip : b, (size_t)(copies ? columns : ldb), at == 0,
                         at + width >= k, after.b, after.H != NULL ? after.H + c : NULL);
        }
    }
}

#define DEFINE_COLUMNS(N)                                                                          \
    static void columns_##N(float *C, const float *A, const float *B, const tz_nonzeros *nonzeros, \
                            int m, int k, int lda, int ldb, int ldc, tz_follow_up after) {         \
        multiply_columns(N, C, A, B, nonzeros, m, k, lda, ldb, ldc, after);                        \
    }
GROUPS(DEFINE_COLUMNS)

static void panel(float *C, const float *A, const float *B, const tz_nonzeros *nonzeros, int m,
                  int width, int k, int lda, int ldc, tz_follow_up after) {
#define ENTRY(N) {N, columns_##N},
    static const struct {
        int n_vectors;
        void (*run)(float *, const float *, const float *, const tz_nonzeros *, int, int, int, int,
                    int, tz_follow_up);
    } groups[] = {GROUPS(ENTRY)};
    int column = 0;
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        const int step = LANES * groups[g].n_vectors;
        for (; column + step <= width; column += step) {
            groups[g].run(C + column, A, B + column, nonzeros, m, k, lda, width, ldc,
                          tz_follow_up_at(after, (size_t)column, (size_t)column));
        }
    }
}
