// The products of layer.h, made three times: for AVX-512 and for AVX2 (layer_avx512.c and
// layer_avx2.c compile layer_blocks.h), and for any processor (layer_passes.c).
#ifndef TRAPEZE_BASE_LAYER_KERNELS_H
#define TRAPEZE_BASE_LAYER_KERNELS_H

#include <stddef.h>

// What follows the sums of a product, still in registers.
typedef enum tz_epilogue {
    TZ_LINEAR,
    TZ_TANH,
    TZ_BACKWARD,
    TZ_TANGENT,
    TZ_CURVED,
    TZ_RELU,
    TZ_RELU_BACKWARD,
    TZ_N_EPILOGUES
} tz_epilogue;

// A product and the operands of its epilogue; of the latter those that layer.h names.
typedef struct tz_product {
    float *C;           // (m, n)
    const float *A, *B; // (m, k), (k, n); for the gradient A is (k, m)
    const float *Bt;    // LINEAR: B^T, dense, nullable                       (n, k)
    const float *b;     // bias, nullable                                     (n)
    const float *H;     // (m, n)
    const float *d, *T; // (K, m, n), `stride` apart
    float *E;           // TANGENT                                            (m, n)
    float *b_bar;       // nullable                                           (n)
    size_t K, stride;
    int m, n, k;
    size_t lda, ldb, ldc;
} tz_product;

typedef struct tz_layer_kernels {
    const char *instructions;                               // tz_layer_instructions
    void (*forward)(tz_epilogue what, const tz_product *p); // C = epilogue(A B)
    void (*gradient)(const tz_product *p);                  // C += A^T B
} tz_layer_kernels;

// The first two on x86-64 only, for processors that have the set.
extern const tz_layer_kernels tz_layer_avx512, tz_layer_avx2, tz_layer_passes;

#endif
