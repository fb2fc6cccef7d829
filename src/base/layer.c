// A kernel holds a block of C of up to 6 rows by 4 vectors in registers, 24 sums for the two FMA
// units to take turns in: 10 loads serve 24 FMAs, and what follows the product (bias and tanh, or
// the slope and the sums over rows) costs no pass over memory. Columns that fill no strip of 4
// vectors are done a vector at a time, with a mask, and up to 12 rows. Every sum runs in the order
// of k, whatever the block.
//
// A remainder of one to three columns would waste most of a vector. There the sums run over k in
// the lanes instead: column by column of B^T, or of A^T B by vectors of A.
//
// Without AVX-512: base/blas.h and passes over memory.
#include "base/layer.h"

#include "base/activation.h"
#include "base/blas.h"
#include "base/vectorise.h"

#include <stdbool.h>
#include <stddef.h>

TZ_VECTORISED void tz_layer_column_sums(float *b_bar, const float *X, int m, int n, int ldx) {
    for (int row = 0; row < m; row++) {
        for (int i = 0; i < n; i++) {
            b_bar[i] += X[(size_t)row * (size_t)ldx + (size_t)i];
        }
    }
}

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f")))
#define AVX512_INLINE __attribute__((target("avx512f"), always_inline)) static inline

enum {
    LANES = 16,
    VECTORS = 4,                // of a strip of columns
    STRIP_ROWS = 6,             // of a block of that width
    ROWS_MAX = 12,              // of a block one vector wide
    STRIP = VECTORS * LANES,    // columns
    REMAINDER_MAX = 3,          // columns that are summed in lanes
    REMAINDER_DEPTH = 2 * LANES // k from which that pays
};

typedef enum epilogue { LINEAR, TANH, BACKWARD, TANGENT, CURVED, RELU, RELU_BACKWARD } epilogue;

// A product and the operands of its epilogue.
typedef struct product {
    float *C;           // (m, n)
    const float *A, *B; // (m, k), (k, n)
    const float *b;     // bias, nullable                                       (n)
    const float *H;     // (m, n)
    const float *d, *T; // (K, m, n), `stride` apart
    size_t K, stride;
    float *E;     // TANGENT                                              (m, n)
    float *b_bar; // nullable                                             (n)
    int k;
    size_t lda, ldb, ldc;
} product;

// x P(x^2) / Q(x^2) of degrees 9 and 8, constant from where it is 1 to within rounding; fitted for
// the least error in ulp, rounding included, from minimax coefficients.
AVX512_INLINE __m512 tanh_vector(__m512 x) {
    const __m512 bound = _mm512_set1_ps(7.98394775f), minus_bound = _mm512_set1_ps(-7.98394775f);
    x = _mm512_max_ps(minus_bound, _mm512_min_ps(bound, x)); // NaN, as second operand, stays
    const __m512 s = _mm512_mul_ps(x, x);
    __m512 p = _mm512_set1_ps(1.3944855e-08f);
    p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(2.10273356e-05f));
    p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(0.00352075696f));
    p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(0.13402161f));
    __m512 q = _mm512_set1_ps(8.01571957e-07f);
    q = _mm512_fmadd_ps(q, s, _mm512_set1_ps(0.000332695228f));
    q = _mm512_fmadd_ps(q, s, _mm512_set1_ps(0.0259725451f));
    q = _mm512_fmadd_ps(q, s, _mm512_set1_ps(0.467354834f));
    q = _mm512_fmadd_ps(q, s, _mm512_set1_ps(1.0f));
    p = _mm512_fmadd_ps(_mm512_mul_ps(s, x), p, x);
    // p / q by an estimate of 1 / q and one correction
    const __m512 r = _mm512_rcp14_ps(q);
    const __m512 y = _mm512_mul_ps(p, r);
    return _mm512_fmadd_ps(_mm512_fnmadd_ps(q, y, p), r, y);
}

// x (1 - h^2)
AVX512_INLINE __m512 times_slope(__m512 x, __m512 h) {
    return _mm512_mul_ps(x, _mm512_fnmadd_ps(h, h, _mm512_set1_ps(1.0f)));
}

// A vector in the columns: whole in a strip, else by the mask.
AVX512_INLINE __m512 load(int V, __mmask16 mask, const float *x) {
    if (V > 1) {
        return _mm512_loadu_ps(x);
    }
    // The intrinsic would fetch the mask from memory every time.
    __m512 value;
    __asm__("vmovups %2, %0%{%1%}%{z%}" : "=v"(value) : "Yk"(mask), "m"(*(const float(*)[LANES])x));
    return value;
}

AVX512_INLINE void store(int V, __mmask16 mask, float *x, __m512 value) {
    if (V == 1) {
        _mm512_mask_storeu_ps(x, mask, value);
    } else {
        _mm512_storeu_ps(x, value);
    }
}

// One block of R rows and V vectors from (row, column) on.
AVX512_INLINE void block_nn(int R, int V, epilogue what, const product *p, size_t row,
                            size_t column, __mmask16 mask) {
    const float *A = p->A + row * p->lda, *B = p->B + column;
    const size_t lda = p->lda, ldb = p->ldb;
    const float *a[ROWS_MAX / 3]; // of every third row: three are one pointer and an index away
#pragma GCC unroll 4
    for (int i = 0; 3 * i < R; i++) {
        a[i] = A + (size_t)(3 * i) * lda;
    }
    __m512 sum[ROWS_MAX][VECTORS];
#pragma GCC unroll 4
    for (int j = 0; j < V; j++) {
        const __m512 b = p->b != NULL && (what == LINEAR || what == TANH || what == RELU)
                             ? load(V, mask, p->b + column + LANES * j)
                             : _mm512_setzero_ps();
#pragma GCC unroll 12
        for (int i = 0; i < R; i++) {
            sum[i][j] = b;
        }
    }

    // the product
    for (int l = p->k; l > 0; l--) {
        __m512 w[VECTORS];
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
            const __m512 factor = _mm512_set1_ps(a[i / 3][(size_t)(i % 3) * lda]);
#pragma GCC unroll 4
            for (int j = 0; j < V; j++) {
                sum[i][j] = _mm512_fmadd_ps(factor, w[j], sum[i][j]);
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
        __m512 column_sum = _mm512_setzero_ps();
#pragma GCC unroll 12
        for (int i = 0; i < R; i++) {
            const size_t at = (row + (size_t)i) * p->ldc + at_column;
            __m512 x = sum[i][j];
            if (what == TANH) {
                x = tanh_vector(x);
            } else if (what == RELU) {
                x = _mm512_max_ps(_mm512_setzero_ps(), x); // NaN, as second operand, stays
            } else if (what == RELU_BACKWARD) {
                const __m512 h = load(V, mask, p->H + at);
                x = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(h, _mm512_setzero_ps(), _CMP_GT_OQ), x);
            } else if (what == BACKWARD) {
                x = times_slope(x, load(V, mask, p->H + at));
            } else if (what == TANGENT) {
                const __m512 h = load(V, mask, p->H + at);
                store(V, mask, p->E + at, times_slope(x, h));
            } else if (what == CURVED) {
                const __m512 h = load(V, mask, p->H + at);
                const __m512 twice = _mm512_add_ps(h, h);
                x = times_slope(x, h);
                for (size_t of = 0; of < p->K; of++) {
                    const __m512 d = load(V, mask, p->d + of * p->stride + at);
                    const __m512 t = load(V, mask, p->T + of * p->stride + at);
                    x = _mm512_fnmadd_ps(_mm512_mul_ps(twice, d), t, x);
                }
            }
            column_sum = _mm512_add_ps(column_sum, x);
            store(V, mask, p->C + at, x);
        }
        if ((what == BACKWARD || what == CURVED) && p->b_bar != NULL) {
            float *b_bar = p->b_bar + at_column;
            const __m512 before = load(V, mask, b_bar);
            store(V, mask, b_bar, _mm512_add_ps(before, column_sum));
        }
    }
}

// One block of R rows and V vectors of C += A^T B.
AVX512_INLINE void block_tn(int R, int V, const product *p, size_t row, size_t column,
                            __mmask16 mask) {
    const float *A = p->A + row, *B = p->B + column;
    float *C = p->C + row * p->ldc + column;
    __m512 sum[ROWS_MAX][VECTORS];
#pragma GCC unroll 12
    for (int i = 0; i < R; i++) {
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) {
            sum[i][j] = load(V, mask, C + (size_t)i * p->ldc + LANES * j);
        }
    }
    for (int l = p->k; l > 0; l--) {
        __m512 w[VECTORS];
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) {
            w[j] = load(V, mask, B + LANES * j);
        }
#pragma GCC unroll 12
        for (int i = 0; i < R; i++) {
            const __m512 a = _mm512_set1_ps(A[i]);
#pragma GCC unroll 4
            for (int j = 0; j < V; j++) {
                sum[i][j] = _mm512_fmadd_ps(a, w[j], sum[i][j]);
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

typedef void (*block_fn)(const product *p, size_t row, size_t column, __mmask16 mask);

#define BLOCK(NAME, R, V, ...)                                                                     \
    AVX512 static void NAME##_##R##_##V(const product *p, size_t row, size_t column,               \
                                        __mmask16 mask) {                                          \
        __VA_ARGS__;                                                                               \
    }
#define BLOCK_NN(NAME, R, V, EPILOGUE)                                                             \
    BLOCK(NAME, R, V, block_nn(R, V, EPILOGUE, p, row, column, mask))
#define BLOCK_TN(NAME, R, V, UNUSED) BLOCK(NAME, R, V, block_tn(R, V, p, row, column, mask))

// The blocks of one kind by rows - 1, a vector wide and a strip wide.
#define BLOCKS(NAME, DEFINE, EPILOGUE)                                                             \
    DEFINE(NAME, 1, 1, EPILOGUE)                                                                   \
    DEFINE(NAME, 2, 1, EPILOGUE)                                                                   \
    DEFINE(NAME, 3, 1, EPILOGUE)                                                                   \
    DEFINE(NAME, 4, 1, EPILOGUE)                                                                   \
    DEFINE(NAME, 5, 1, EPILOGUE)                                                                   \
    DEFINE(NAME, 6, 1, EPILOGUE)                                                                   \
    DEFINE(NAME, 7, 1, EPILOGUE)                                                                   \
    DEFINE(NAME, 8, 1, EPILOGUE)                                                                   \
    DEFINE(NAME, 9, 1, EPILOGUE)                                                                   \
    DEFINE(NAME, 10, 1, EPILOGUE)                                                                  \
    DEFINE(NAME, 11, 1, EPILOGUE)                                                                  \
    DEFINE(NAME, 12, 1, EPILOGUE)                                                                  \
    DEFINE(NAME, 1, 4, EPILOGUE)                                                                   \
    DEFINE(NAME, 2, 4, EPILOGUE)                                                                   \
    DEFINE(NAME, 3, 4, EPILOGUE)                                                                   \
    DEFINE(NAME, 4, 4, EPILOGUE)                                                                   \
    DEFINE(NAME, 5, 4, EPILOGUE)                                                                   \
    DEFINE(NAME, 6, 4, EPILOGUE)                                                                   \
    static const block_fn NAME[2][ROWS_MAX] = {                                                    \
        {NAME##_1_1, NAME##_2_1, NAME##_3_1, NAME##_4_1, NAME##_5_1, NAME##_6_1, NAME##_7_1,       \
         NAME##_8_1, NAME##_9_1, NAME##_10_1, NAME##_11_1, NAME##_12_1},                           \
        {NAME##_1_4, NAME##_2_4, NAME##_3_4, NAME##_4_4, NAME##_5_4, NAME##_6_4}};

BLOCKS(linear_blocks, BLOCK_NN, LINEAR)
BLOCKS(tanh_blocks, BLOCK_NN, TANH)
BLOCKS(backward_blocks, BLOCK_NN, BACKWARD)
BLOCKS(tangent_blocks, BLOCK_NN, TANGENT)
BLOCKS(curved_blocks, BLOCK_NN, CURVED)
BLOCKS(relu_blocks, BLOCK_NN, RELU)
BLOCKS(relu_backward_blocks, BLOCK_NN, RELU_BACKWARD)
BLOCKS(gradient_blocks, BLOCK_TN, 0)

// Runs the blocks of m rows and n columns, columns in strips and then vectors, rows cut evenly.
static void run_blocks(const block_fn blocks[2][ROWS_MAX], const product *p, int m, int n) {
    for (int column = 0; column < n;) {
        const int left = n - column;
        const bool is_strip = left >= STRIP;
        const int rows_max = is_strip ? STRIP_ROWS : ROWS_MAX;
        const __mmask16 mask = (__mmask16)(left >= LANES ? 0xffffu : (1u << left) - 1u);
        for (int row = 0, n_blocks = (m + rows_max - 1) / rows_max; n_blocks > 0; n_blocks--) {
            const int rows = (m - row + n_blocks - 1) / n_blocks;
            blocks[is_strip][rows - 1](p, (size_t)row, (size_t)column, mask);
            row += rows;
        }
        column += is_strip ? STRIP : LANES;
    }
}

// ---- remainders

// The four sums over the lanes of x[0] to x[3].
AVX512_INLINE __m128 sums_of_lanes(const __m512 x[4]) {
    __m256 half[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const __m256d upper = _mm512_extractf64x4_pd(_mm512_castps_pd(x[i]), 1);
        half[i] = _mm256_add_ps(_mm512_castps512_ps256(x[i]), _mm256_castpd_ps(upper));
    }
    const __m256 pairs =
        _mm256_hadd_ps(_mm256_hadd_ps(half[0], half[1]), _mm256_hadd_ps(half[2], half[3]));
    return _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1));
}

// Column j of C (m, n) = A Bt^T + b, in groups of 4 rows; the last group repeats the last row.
AVX512 static void column_remainder(const product *p, const float *Bt, int j, int m) {
    const float *w = Bt + (size_t)j * (size_t)p->k;
    const float b = p->b != NULL ? p->b[j] : 0.0f;
    for (int row = 0; row < m; row += 4) {
        const float *a[4];
        __m512 sum[4];
        for (int i = 0; i < 4; i++) {
            a[i] = p->A + (size_t)(row + i < m ? row + i : m - 1) * p->lda;
            sum[i] = _mm512_setzero_ps();
        }
        for (int l = 0; l < p->k; l += LANES) {
            const int left = p->k - l;
            const __mmask16 mask = (__mmask16)(left >= LANES ? 0xffffu : (1u << left) - 1u);
            const __m512 w_l = _mm512_maskz_loadu_ps(mask, w + l);
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) {
                sum[i] = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, a[i] + l), w_l, sum[i]);
            }
        }
        float c[4];
        _mm_storeu_ps(c, _mm_add_ps(sums_of_lanes(sum), _mm_set1_ps(b)));
        for (int i = 0; i < 4 && row + i < m; i++) {
            p->C[(size_t)(row + i) * p->ldc + (size_t)j] = c[i];
        }
    }
}

// C (m, n), n <= REMAINDER_MAX, += A^T B with sums of 4 vectors of A's columns.
AVX512 static void gradient_remainder(const product *p, int m, int n) {
    for (int row = 0; row < m; row += STRIP) {
        for (int j = 0; j < n; j++) {
            __m512 sum[VECTORS];
            __mmask16 mask[VECTORS];
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) {
                const int left = m - row - LANES * v;
                mask[v] = (__mmask16)(left >= LANES ? 0xffffu : left > 0 ? (1u << left) - 1u : 0u);
                sum[v] = _mm512_setzero_ps();
            }
            const float *A = p->A + row, *B = p->B + j;
            for (int l = 0; l < p->k; l++, A += p->lda, B += p->ldb) {
                const __m512 b = _mm512_set1_ps(*B);
#pragma GCC unroll 4
                for (int v = 0; v < VECTORS; v++) {
                    sum[v] =
                        _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask[v], A + LANES * v), b, sum[v]);
                }
            }
            float column[STRIP];
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) {
                _mm512_storeu_ps(column + LANES * v, sum[v]);
            }
            for (int i = 0; i < STRIP && i < m - row; i++) {
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

#define LEADING .lda = (size_t)lda, .ldb = (size_t)ldb, .ldc = (size_t)ldc
#define RUN_AVX512(...)                                                                            \
    if (TZ_HAS_AVX512) {                                                                           \
        __VA_ARGS__;                                                                               \
        return;                                                                                    \
    }
#else
#define RUN_AVX512(...)
#endif

// ---- the products

void tz_layer_linear(float *C, const float *A, const float *B, const float *Bt, const float *b,
                     int m, int n, int k, int lda, int ldb, int ldc) {
    RUN_AVX512({
        const int remainder = Bt != NULL ? remainder_of(n, k) : 0, whole = n - remainder;
        const product p = {.C = C, .A = A, .B = B, .b = b, .k = k, LEADING};
        run_blocks(linear_blocks, &p, m, whole);
        for (int j = whole; j < n; j++) {
            column_remainder(&p, Bt, j, m);
        }
    })
    (void)Bt;
    tz_gemm_nn(C, A, B, m, n, k, lda, ldb, ldc, 0.0f);
    if (b != NULL) {
        tz_bias_f32(C, b, m, n, ldc);
    }
}

void tz_layer_tanh(float *H, const float *A, const float *B, const float *b, int m, int n, int k,
                   int lda, int ldb, int ldc) {
    RUN_AVX512({
        const product p = {.C = H, .A = A, .B = B, .b = b, .k = k, LEADING};
        run_blocks(tanh_blocks, &p, m, n);
    })
    tz_gemm_nn(H, A, B, m, n, k, lda, ldb, ldc, 0.0f);
    tz_bias_tanh_f32(H, b, m, n, ldc);
}

// D <- A * (1 - H^2), each (m, n) with rows ldc apart.
static void slope_rows(float *D, const float *A, const float *H, int m, int n, int ldc) {
    for (int row = 0; row < m; row++) {
        const size_t at = (size_t)row * (size_t)ldc;
        tz_tanh_backward_f32(D + at, A + at, H + at, (size_t)n);
    }
}

void tz_layer_tanh_backward(float *D, float *b_bar, const float *A, const float *B, const float *H,
                            int m, int n, int k, int lda, int ldb, int ldc) {
    RUN_AVX512({
        const product p = {.C = D, .A = A, .B = B, .H = H, .b_bar = b_bar, .k = k, LEADING};
        run_blocks(backward_blocks, &p, m, n);
    })
    tz_gemm_nn(D, A, B, m, n, k, lda, ldb, ldc, 0.0f);
    slope_rows(D, D, H, m, n, ldc);
    if (b_bar != NULL) {
        tz_layer_column_sums(b_bar, D, m, n, ldc);
    }
}

void tz_layer_tanh_tangent(float *T, float *E, const float *A, const float *B, const float *H,
                           int m, int n, int k, int lda, int ldb, int ldc) {
    RUN_AVX512({
        const product p = {.C = T, .E = E, .A = A, .B = B, .H = H, .k = k, LEADING};
        run_blocks(tangent_blocks, &p, m, n);
    })
    tz_gemm_nn(T, A, B, m, n, k, lda, ldb, ldc, 0.0f);
    slope_rows(E, T, H, m, n, ldc);
}

// D (n) -= 2 H d T of one row.
TZ_VECTORISED static void curve_row(float *D, const float *H, const float *d, const float *T,
                                    int n) {
    for (int i = 0; i < n; i++) {
        D[i] -= 2.0f * H[i] * d[i] * T[i];
    }
}

void tz_layer_tanh_curved(float *D, float *b_bar, const float *A, const float *B, const float *H,
                          const float *d, const float *T, int K, int m, int n, int k, int lda,
                          int ldb, int ldc) {
    const size_t stride = (size_t)m * (size_t)ldc;
    RUN_AVX512({
        const product p = {.C = D,
                           .A = A,
                           .B = B,
                           .H = H,
                           .d = d,
                           .T = T,
                           .K = (size_t)K,
                           .stride = stride,
                           .b_bar = b_bar,
                           .k = k,
                           LEADING};
        run_blocks(curved_blocks, &p, m, n);
    })
    tz_gemm_nn(D, A, B, m, n, k, lda, ldb, ldc, 0.0f);
    slope_rows(D, D, H, m, n, ldc);
    for (int row = 0; row < m; row++) {
        const size_t at = (size_t)row * (size_t)ldc;
        for (size_t of = 0; of < (size_t)K; of++) {
            curve_row(D + at, H + at, d + of * stride + at, T + of * stride + at, n);
        }
    }
    if (b_bar != NULL) {
        tz_layer_column_sums(b_bar, D, m, n, ldc);
    }
}

void tz_layer_relu(float *H, const float *A, const float *B, const float *b, int m, int n, int k,
                   int lda, int ldb, int ldc) {
    RUN_AVX512({
        const product p = {.C = H, .A = A, .B = B, .b = b, .k = k, LEADING};
        run_blocks(relu_blocks, &p, m, n);
    })
    tz_gemm_nn(H, A, B, m, n, k, lda, ldb, ldc, 0.0f);
    tz_bias_relu_f32(H, b, m, n, ldc);
}

void tz_layer_relu_backward(float *D, const float *A, const float *B, const float *H, int m, int n,
                            int k, int lda, int ldb, int ldc) {
    RUN_AVX512({
        const product p = {.C = D, .A = A, .B = B, .H = H, .k = k, LEADING};
        run_blocks(relu_backward_blocks, &p, m, n);
    })
    tz_gemm_nn(D, A, B, m, n, k, lda, ldb, ldc, 0.0f);
    for (int row = 0; row < m; row++) {
        const size_t at = (size_t)row * (size_t)ldc;
        tz_relu_backward_f32(D + at, D + at, H + at, (size_t)n);
    }
}

void tz_layer_gradient(float *C, const float *A, const float *B, int m, int n, int k, int lda,
                       int ldb, int ldc) {
    RUN_AVX512({
        const int remainder = remainder_of(n, m), whole = n - remainder;
        product p = {.C = C, .A = A, .B = B, .k = k, LEADING};
        run_blocks(gradient_blocks, &p, m, whole);
        if (remainder > 0) {
            p.B += whole;
            p.C += whole;
            gradient_remainder(&p, m, remainder);
        }
    })
    tz_gemm_tn(C, A, B, m, n, k, lda, ldb, ldc, 1.0f);
}
