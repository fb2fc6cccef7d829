// A vector of floats and what the kernels do with it, for the instruction set that a file is
// compiled for: AVX-512 (16 lanes) or AVX2 with FMA (8 lanes). A kernel is written once with these
// names (layer_blocks.h, sparse_rows.h) and compiled for each set in a file of its own, which runs
// only on processors that have the set.
#ifndef TRAPEZE_BASE_SIMD_H
#define TRAPEZE_BASE_SIMD_H

#include <immintrin.h>

#define TZ_INLINE __attribute__((always_inline)) static inline

#if defined(__AVX512F__)

enum { LANES = 16 };
typedef __m512 vec;
typedef __mmask16 vec_mask;

TZ_INLINE vec vec_zero(void) {
    return _mm512_setzero_ps();
}
TZ_INLINE vec vec_all(float x) {
    return _mm512_set1_ps(x);
}
TZ_INLINE vec vec_load(const float *x) {
    return _mm512_loadu_ps(x);
}
TZ_INLINE void vec_store(float *x, vec value) {
    _mm512_storeu_ps(x, value);
}
TZ_INLINE vec vec_add(vec a, vec b) {
    return _mm512_add_ps(a, b);
}
TZ_INLINE vec vec_mul(vec a, vec b) {
    return _mm512_mul_ps(a, b);
}
// a b + c and c - a b
TZ_INLINE vec vec_fma(vec a, vec b, vec c) {
    return _mm512_fmadd_ps(a, b, c);
}
TZ_INLINE vec vec_fnma(vec a, vec b, vec c) {
    return _mm512_fnmadd_ps(a, b, c);
}
// The smaller and the larger; b where one of them is NaN.
TZ_INLINE vec vec_min(vec a, vec b) {
    return _mm512_min_ps(a, b);
}
TZ_INLINE vec vec_max(vec a, vec b) {
    return _mm512_max_ps(a, b);
}
// p / q to within 1.5 ulp, by an estimate of 1 / q and one correction.
TZ_INLINE vec vec_divide(vec p, vec q) {
    const vec r = _mm512_rcp14_ps(q);
    const vec y = vec_mul(p, r);
    return vec_fma(vec_fnma(q, y, p), r, y);
}
// x where h > 0, else 0.
TZ_INLINE vec vec_where_positive(vec h, vec x) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(h, vec_zero(), _CMP_GT_OQ), x);
}
// A bit for each lane that is not zero.
TZ_INLINE unsigned vec_nonzeros(vec x) {
    return _mm512_cmp_ps_mask(x, vec_zero(), _CMP_NEQ_UQ);
}

// The first n lanes, all from LANES on, none up to 0.
TZ_INLINE vec_mask vec_first(int n) {
    return (vec_mask)(n >= LANES ? 0xffffu : n > 0 ? (1u << n) - 1u : 0u);
}
// Lanes outside the mask are zero and not read.
TZ_INLINE vec vec_load_masked(vec_mask mask, const float *x) {
    // The intrinsic would fetch the mask from memory every time.
    vec value;
    __asm__("vmovups %2, %0%{%1%}%{z%}" : "=v"(value) : "Yk"(mask), "m"(*(const float(*)[LANES])x));
    return value;
}
TZ_INLINE void vec_store_masked(float *x, vec_mask mask, vec value) {
    _mm512_mask_storeu_ps(x, mask, value);
}

// The upper and the lower half of the lanes added.
TZ_INLINE __m256 vec_halves(vec x) {
    const __m256d upper = _mm512_extractf64x4_pd(_mm512_castps_pd(x), 1);
    return _mm256_add_ps(_mm512_castps512_ps256(x), _mm256_castpd_ps(upper));
}

#elif defined(__AVX2__) && defined(__FMA__)

enum { LANES = 8 };
typedef __m256 vec;
typedef __m256i vec_mask;

TZ_INLINE vec vec_zero(void) {
    return _mm256_setzero_ps();
}
TZ_INLINE vec vec_all(float x) {
    return _mm256_set1_ps(x);
}
TZ_INLINE vec vec_load(const float *x) {
    return _mm256_loadu_ps(x);
}
TZ_INLINE void vec_store(float *x, vec value) {
    _mm256_storeu_ps(x, value);
}
TZ_INLINE vec vec_add(vec a, vec b) {
    return _mm256_add_ps(a, b);
}
TZ_INLINE vec vec_mul(vec a, vec b) {
    return _mm256_mul_ps(a, b);
}
TZ_INLINE vec vec_fma(vec a, vec b, vec c) {
    return _mm256_fmadd_ps(a, b, c);
}
TZ_INLINE vec vec_fnma(vec a, vec b, vec c) {
    return _mm256_fnmadd_ps(a, b, c);
}
TZ_INLINE vec vec_min(vec a, vec b) {
    return _mm256_min_ps(a, b);
}
TZ_INLINE vec vec_max(vec a, vec b) {
    return _mm256_max_ps(a, b);
}
// The estimate of 1 / q has 12 bits here, and not the same ones on all processors.
TZ_INLINE vec vec_divide(vec p, vec q) {
    return _mm256_div_ps(p, q);
}
TZ_INLINE vec vec_where_positive(vec h, vec x) {
    return _mm256_and_ps(_mm256_cmp_ps(h, vec_zero(), _CMP_GT_OQ), x);
}
TZ_INLINE unsigned vec_nonzeros(vec x) {
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(x, vec_zero(), _CMP_NEQ_UQ));
}

TZ_INLINE vec_mask vec_first(int n) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane);
}
TZ_INLINE vec vec_load_masked(vec_mask mask, const float *x) {
    return _mm256_maskload_ps(x, mask);
}
TZ_INLINE void vec_store_masked(float *x, vec_mask mask, vec value) {
    _mm256_maskstore_ps(x, mask, value);
}

TZ_INLINE __m256 vec_halves(vec x) {
    return x;
}

#endif

// The sums over the lanes of x[0] to x[3].
TZ_INLINE __m128 vec_sums_of_lanes(const vec x[4]) {
    const __m256 a = vec_halves(x[0]), b = vec_halves(x[1]);
    const __m256 c = vec_halves(x[2]), d = vec_halves(x[3]);
    const __m256 pairs = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    return _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1));
}

#endif
