// Products that leave out zeros of A, as kernels for one instruction set: sparse_avx512.c and
// sparse_avx2.c compile sparse_rows.h. base/sparse.h has the layout of B.
#ifndef TRAPEZE_BASE_SPARSE_KERNELS_H
#define TRAPEZE_BASE_SPARSE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum {
    TZ_SPARSE_WORD = 64,      // columns of a mask
    TZ_SPARSE_WORDS_MAX = 32, // of a row
    TZ_SPARSE_ROWS = 256      // rows that share a strip of B in L1
};

// Non-zeros of up to TZ_SPARSE_ROWS rows of A: a bit a column.
typedef struct tz_nonzeros {
    uint64_t word[TZ_SPARSE_WORDS_MAX][TZ_SPARSE_ROWS];
} tz_nonzeros;

// What follows the sums: the bias b of ReLU units, or what opens the gate of their backward.
typedef struct tz_follow_up {
    const float *b; // (n), nullable
    const float *H; // (m, n), rows as far apart as those of C, nullable
} tz_follow_up;

typedef struct tz_sparse_kernels {
    int lanes;          // the columns of a panel are a multiple of them
    double density_max; // share of non-zeros up to which the kernel is faster than a dense one
    // Writes the masks of A (m, k) from row `first` on and returns the share of non-zeros.
    double (*find_nonzeros)(tz_nonzeros *nonzeros, int first, const float *A, int m, int k,
                            int lda);
    // C (m, width) = A (m, k) B (k, width), dense rows of B, and what follows.
    void (*panel)(float *C, const float *A, const float *B, const tz_nonzeros *nonzeros, int m,
                  int width, int k, int lda, int ldc, tz_follow_up after);
} tz_sparse_kernels;

// On x86-64 only, for processors that have the set.
extern const tz_sparse_kernels tz_sparse_avx512, tz_sparse_avx2;

// What follows at a place further on.
static inline tz_follow_up tz_follow_up_at(tz_follow_up after, size_t columns, size_t at) {
    return (tz_follow_up){.b = after.b != NULL ? after.b + columns : NULL,
                          .H = after.H != NULL ? after.H + at : NULL};
}

#endif
