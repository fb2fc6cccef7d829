// Kernels of layers, compiled once for each instruction set (layer_avx512.c, layer_avx2.c).
//
// A kernel holds a block of C of up to 6 rows by a strip of columns in registers: 4 vectors of
// AVX-512, 24 sums for the two FMA units to take turns in, where 10 loads serve 24 FMAs; 2 of AVX2,
// which has half the registers. What follows the product (bias and tanh, or the slope and the sums
// over rows) costs no pass over memory. Columns that fill no strip are done a vector at a time,
// with a mask, and up to 12 rows. Every sum runs in the order of k, whatever the block.
//
// A remainder of one to three columns would waste most of a vector. There the sums run over k in
// the lanes instead: column by column of B^T, or of A^T B by vectors of A.
#include "base/layer_kernels.h"
#include "base/simd.h"

#include <stdbool.h>

enum {
    VECTORS = LANES / 4,        // of a strip of columns
    STRIP = VECTORS * LANES,    // columns
    STRIP_ROWS = 6,             // of a block of that width
    ROWS_MAX = 12,              // of a block one vector wide
    REMAINDER_MAX = 3,          // columns that are summed in lanes
    REMAINDER_DEPTH = 2 * LANES // k from which that pays
};

// x P(x^2) / Q(x^2) of degrees 9 and 8, constant from where it is 1 to within rounding; fitted for
// the least error in ulp, rounding included, from minimax coefficients.
TZ_INLINE vec tanh_vector(vec x) {
    const vec bound = vec_all(7.98394775f), minus_bound = vec_all(-7.98394775f);
    x = vec_max(minus_bound, vec_min(bound, x)); // NaN, as second operand, stays
    const vec s = vec_mul(x, x);
    vec p = vec_all(1.3944855e-08f);
    p = vec_fma(p, s, vec_all(2.10273356e-05f));
    p = vec_fma(p, s, vec_all(0.00352075696f));
    p = vec_fma(p, s, vec_all(0.13402161f));
    vec q = vec_all(8.01571957e-07f);
    q = vec_fma(q, s, vec_all(0.000332695228f));
    q = vec_fma(q, s, vec_all(0.0259725451f));
    q = vec_fma(q, s, vec_all(0.467354834f));
    q = vec_fma(q, s, vec_all(1.0f));
    p = vec_fma(vec_mul(s, x), p, x);
    return vec_divide(p, q);
}

// x (1 - h^2)
TZ_INLINE vec times_slope(vec x, vec h) {
    return vec_mul(x, vec_fnma(h, h, vec_all(1.0f)));
}

// A vector in the columns: whole in a strip, else by the mask.
TZ_INLINE vec load(int V, vec_mask mask, const float *x) {
    return V > 1 ? vec_load(x) : vec_load_masked(mask, x);
}

TZ_INLINE void store(int V, vec_mask mask, float *x, vec value) {
    if (V > 1) {
        vec_store(x, value);
    } else {
        vec_store_masked(x, mask, value);
    }
}

// One block of R rows and V vectors from (row, column) on.
TZ_INLINE void block_nn(int R, int V, tz_epilogue what, const tz_product *p, size_t row,
                        size_t column, vec_mask mask) {
    const float *A = p->A + row * p->lda, *B = p->B + column;
    const size_t lda = p->lda, ldb = p->ldb;
    const float *a[ROWS_MAX / 3]; // of every third row: three are one pointer and an index away
#pragma GCC unroll 4
    for (int i = 0; 3 * i < R; i++) {
        a[i] = A + (size_t)(3 * i) * lda;
    }
    vec sum[ROWS_MAX][VECTORS];
#pragma GCC unroll 4
    for (int j = 0; j < V; j++) {
        const vec b = p->b != NULL && (what == TZ_LINEAR || what == TZ_TANH || what == TZ_RELU)
                          ? load(V, mask, p->b + column + LANES * j)
                          : vec_zero();
#pragma GCC unroll 12
        for (int i = 0; i < R; i++) {
            sum[i][j] = b;
        }
    }

    // the product
    for (int l = p->k; l > 0; l--) {
        vec w[VECTORS];
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) {
            w[j] = load(V, mask, B + LANES * j);
        }
        B += ldb;
#pragma GCC unroll 4
        for (int i = 0; 3 * i < R; i++) {
            __asm__("" : "+r"(a[i])); // a pointer of its own
        }
#pragma GCC unroll 12
        for (int i = 0; i < R; i++) {
            const vec factor = vec_all(a[i / 3][(size_t)(i % 3) * lda]);
#pragma GCC unroll 4
            for (int j = 0; j < V; j++) {
                sum[i][j] = vec_fma(factor, w[j], sum[i][j]);
            }
        }
#pragma GCC unroll 4
        for (int i = 0; 3 * i < R; i++) {
            a[i]++;
        }
    }

    // the epilogue
#pragma GCC unroll 4
    for (int j = 0; j < V; j++) {
        const size_t at_column = column + (size_t)(LANES * j);
        vec column_sum = vec_zero();
#pragma GCC unroll 12
        for (int i = 0; i < R; i++) {
            const size_t at = (row + (size_t)i) * p->ldc + at_column;
            vec x = sum[i][j];
            if (what == TZ_TANH) {
                x = tanh_vector(x);
            } else if (what == TZ_RELU) {
                x = vec_max(vec_zero(), x); // NaN, as second operand, stays
            } else if (what == TZ_RELU_BACKWARD) {
                const vec h = load(V, mask, p->H + at);
                x = vec_where_positive(h, x);
            } else if (what == TZ_BACKWARD) {
                x = times_slope(x, load(V, mask, p->H + at));
            } else if (what == TZ_TANGENT) {
                const vec h = load(V, mask, p->H + at);
                store(V, mask, p->E + at, times_slope(x, h));
            } else if (what == TZ_CURVED) {
                const vec h = load(V, mask, p->H + at);
                const vec twice = vec_add(h, h);
                x = times_slope(x, h);
                for (size_t of = 0; of < p->K; of++) {
                    const vec d = load(V, mask, p->d + of * p->stride + at);
                    const vec t = load(V, mask, p->T + of * p->stride + at);
                    x = vec_fnma(vec_mul(twice, d), t, x);
                }
            }
            column_sum = vec_add(column_sum, x);
            store(V, mask, p->C + at, x);
        }
        if ((what == TZ_BACKWARD || what == TZ_CURVED) && p->b_bar != NULL) {
            float *b_bar = p->b_bar + at_column;
            const vec before = load(V, mask, b_bar);
            store(V, mask, b_bar, vec_add(before, column_sum));
        }
    }
}

// One block of R rows and V vectors of C += A^T B.
TZ_INLINE void block_tn(int R, int V, const tz_product *p, size_t row, size_t column,
                        vec_mask mask) {
    const float *A = p->A + row, *B = p->B + column;
    float *C = p->C + row * p->ldc + column;
    vec sum[ROWS_MAX][VECTORS];
#pragma GCC unroll 12
    for (int i = 0; i < R; i++) {
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) {
            sum[i][j] = load(V, mask, C + (size_t)i * p->ldc + LANES * j);
        }
    }
    for (int l = p->k; l > 0; l--) {
        vec w[VECTORS];
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) {
            w[j] = load(V, mask, B + LANES * j);
        }
#pragma GCC unroll 12
        for (int i = 0; i < R; i++) {
            const vec a = vec_all(A[i]);
#pragma GCC unroll 4
            for (int j = 0; j < V; j++) {
                sum[i][j] = vec_fma(a, w[j], sum[i][j]);
            }
        }
        A += p->lda;
        B += p->ldb;
    }
#pragma GCC unroll 12
    for (int i = 0; i < R; i++) {
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) {
            store(V, mask, C + (size_t)i * p->ldc + LANES * j, sum[i][j]);
        }
    }
}

// ---- all blocks

typedef void (*block_fn)(const tz_product *p, size_t row, size_t column, vec_mask mask);

// A block of R rows that is `narrow`, one vector, or a `strip` wide.
enum { vectors_of_narrow = 1, vectors_of_strip = VECTORS };
#define BLOCK(NAME, R, WIDTH, ...)                                                                 \
    static void NAME##_##R##_##WIDTH(const tz_product *p, size_t row, size_t column,               \
                                     vec_mask mask) {                                              \
        __VA_ARGS__;                                                                               \
    }
#define BLOCK_NN(NAME, R, WIDTH, EPILOGUE)                                                         \
    BLOCK(NAME, R, WIDTH, block_nn(R, vectors_of_##WIDTH, EPILOGUE, p, row, column, mask))
#define BLOCK_TN(NAME, R, WIDTH, UNUSED)                                                           \
    BLOCK(NAME, R, WIDTH, block_tn(R, vectors_of_##WIDTH, p, row, column, mask))

// Defines the blocks of one kind, and lists those of a width by rows - 1.
#define DEFINE_BLOCKS(NAME, DEFINE, EPILOGUE)                                                      \
    DEFINE(NAME, 1, narrow, EPILOGUE)                                                              \
    DEFINE(NAME, 2, narrow, EPILOGUE)                                                              \
    DEFINE(NAME, 3, narrow, EPILOGUE)                                                              \
    DEFINE(NAME, 4, narrow, EPILOGUE)                                                              \
    DEFINE(NAME, 5, narrow, EPILOGUE)                                                              \
    DEFINE(NAME, 6, narrow, EPILOGUE)                                                              \
    DEFINE(NAME, 7, narrow, EPILOGUE)                                                              \
    DEFINE(NAME, 8, narrow, EPILOGUE)                                                              \
    DEFINE(NAME, 9, narrow, EPILOGUE)                                                              \
    DEFINE(NAME, 10, narrow, EPILOGUE)                                                             \
    DEFINE(NAME, 11, narrow, EPILOGUE)                                                             \
    DEFINE(NAME, 12, narrow, EPILOGUE)                                                             \
    DEFINE(NAME, 1, strip, EPILOGUE)                                                               \
    DEFINE(NAME, 2, strip, EPILOGUE)                                                               \
    DEFINE(NAME, 3, strip, EPILOGUE)                                                               \
    DEFINE(NAME, 4, strip, EPILOGUE)                                                               \
    DEFINE(NAME, 5, strip, EPILOGUE)                                                               \
    DEFINE(NAME, 6, strip, EPILOGUE)
#define BLOCKS(NAME)                                                                               \
    {                                                                                              \
        {NAME##_1_narrow, NAME##_2_narrow,  NAME##_3_narrow,  NAME##_4_narrow,                     \
         NAME##_5_narrow, NAME##_6_narrow,  NAME##_7_narrow,  NAME##_8_narrow,                     \
         NAME##_9_narrow, NAME##_10_narrow, NAME##_11_narrow, NAME##_12_narrow},                   \
            {NAME##_1_strip, NAME##_2_strip, NAME##_3_strip,                                       \
             NAME##_4_strip, NAME##_5_strip, NAME##_6_strip},                                      \
    }

DEFINE_BLOCKS(linear, BLOCK_NN, TZ_LINEAR)
DEFINE_BLOCKS(tanh, BLOCK_NN, TZ_TANH)
DEFINE_BLOCKS(backward, BLOCK_NN, TZ_BACKWARD)
DEFINE_BLOCKS(tangent, BLOCK_NN, TZ_TANGENT)
DEFINE_BLOCKS(curved, BLOCK_NN, TZ_CURVED)
DEFINE_BLOCKS(relu, BLOCK_NN, TZ_RELU)
DEFINE_BLOCKS(relu_backward, BLOCK_NN, TZ_RELU_BACKWARD)
DEFINE_BLOCKS(gradient, BLOCK_TN, )

static const block_fn forward_blocks[TZ_N_EPILOGUES][2][ROWS_MAX] = {
    [TZ_LINEAR] = BLOCKS(linear),
    [TZ_TANH] = BLOCKS(tanh),
    [TZ_BACKWARD] = BLOCKS(backward),
    [TZ_TANGENT] = BLOCKS(tangent),
    [TZ_CURVED] = BLOCKS(curved),
    [TZ_RELU] = BLOCKS(relu),
    [TZ_RELU_BACKWARD] = BLOCKS(relu_backward),
};
static const block_fn gradient_blocks[2][ROWS_MAX] = BLOCKS(gradient);

// Runs the blocks of the first n columns, columns in strips and then vectors, rows cut evenly.
static void run_blocks(const block_fn blocks[2][ROWS_MAX], const tz_product *p, int n) {
    const int m = p->m;
    for (int column = 0; column < n;) {
        const int left = n - column;
        const bool is_strip = left >= STRIP;
        const int rows_max = is_strip ? STRIP_ROWS : ROWS_MAX;
        const vec_mask mask = vec_first(left);
        for (int row = 0, n_blocks = (m + rows_max - 1) / rows_max; n_blocks > 0; n_blocks--) {
            const int rows = (m - row + n_blocks - 1) / n_blocks;
            blocks[is_strip][rows - 1](p, (size_t)row, (size_t)column, mask);
            row += rows;
        }
        column += is_strip ? STRIP : LANES;
    }
}

// ---- remainders

// Column j of C (m, n) = A Bt^T + b, in groups of 4 rows; the last group repeats the last row.
static void column_remainder(const tz_product *p, int j) {
    const int m = p->m;
    const float *w = p->Bt + (size_t)j * (size_t)p->k;
    const float b = p->b != NULL ? p->b[j] : 0.0f;
    for (int row = 0; row < m; row += 4) {
        const float *a[4];
        vec sum[4];
        for (int i = 0; i < 4; i++) {
            a[i] = p->A + (size_t)(row + i < m ? row + i : m - 1) * p->lda;
            sum[i] = vec_zero();
        }
        for (int l = 0; l < p->k; l += LANES) {
            const vec_mask mask = vec_first(p->k - l);
            const vec w_l = vec_load_masked(mask, w + l);
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) {
                sum[i] = vec_fma(vec_load_masked(mask, a[i] + l), w_l, sum[i]);
            }
        }
        float c[4];
        _mm_storeu_ps(c, _mm_add_ps(vec_sums_of_lanes(sum), _mm_set1_ps(b)));
        for (int i = 0; i < 4 && row + i < m; i++) {
            p->C[(size_t)(row + i) * p->ldc + (size_t)j] = c[i];
        }
    }
}

// The columns of C from n on, up to REMAINDER_MAX, += those of A^T B, with sums of 4 vectors of A's
// columns.
static void gradient_remainder(const tz_product *p, int n) {
    enum { SUMS = 4 };
    for (int row = 0; row < p->m; row += SUMS * LANES) {
        vec_mask mask[SUMS];
#pragma GCC unroll 4
        for (int v = 0; v < SUMS; v++) {
            mask[v] = vec_first(p->m - row - LANES * v);
        }
        for (int j = n; j < p->n; j++) {
            vec sum[SUMS] = {vec_zero(), vec_zero(), vec_zero(), vec_zero()};
            const float *A = p->A + row, *B = p->B + j;
            for (int l = 0; l < p->k; l++, A += p->lda, B += p->ldb) {
                const vec b = vec_all(*B);
#pragma GCC unroll 4
                for (int v = 0; v < SUMS; v++) {
                    sum[v] = vec_fma(vec_load_masked(mask[v], A + LANES * v), b, sum[v]);
                }
            }
            float column[SUMS * LANES];
#pragma GCC unroll 4
            for (int v = 0; v < SUMS; v++) {
                vec_store(column + LANES * v, sum[v]);
            }
            for (int i = 0; i < SUMS * LANES && i < p->m - row; i++) {
                p->C[(size_t)(row + i) * p->ldc + (size_t)j] += column[i];
            }
        }
    }
}

// Columns of n that the blocks leave to a remainder.
static int remainder_of(int n, int k) {
    const int remainder = n % LANES;
    return remainder <= REMAINDER_MAX && k >= REMAINDER_DEPTH ? remainder : 0;
}

static void forward(tz_epilogue what, const tz_product *p) {
    const int remainder = p->Bt != NULL ? remainder_of(p->n, p->k) : 0;
    run_blocks(forward_blocks[what], p, p->n - remainder);
    for (int j = p->n - remainder; j < p->n; j++) {
        column_remainder(p, j);
    }
}

static void gradient(const tz_product *p) {
    const int whole = p->n - remainder_of(p->n, p->m);
    run_blocks(gradient_blocks, p, whole);
    gradient_remainder(p, whole);
}
