// Marks a function whose plain loops are worth full vectorisation: it is compiled for each vector
// width, and the loader picks one. Files that use it are compiled with -O3. Sanitizers do not work
// in the loader's choice, and clang before 17 gives clones a name that other files cannot call.
#ifndef TRAPEZE_BASE_VECTORISE_H
#define TRAPEZE_BASE_VECTORISE_H

#include <stdbool.h>

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__) &&      \
    (!defined(__clang__) || __clang_major__ >= 17)
#ifdef TZ_NO_AVX512
#define TZ_VECTORISED __attribute__((target_clones("avx2", "default")))
#else
#define TZ_VECTORISED __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#else
#define TZ_VECTORISED
#endif

// Whether kernels written for AVX2 with FMA, and for AVX-512, run. TZ_NO_AVX512 is a build with
// TRAPEZE_AVX512 off, which is for measurements on one machine of what others would do; tests of
// both kinds of kernels set TZ_NO_AVX2 too.
#ifdef TZ_NO_AVX2
#define TZ_HAS_AVX2 false
#else
#define TZ_HAS_AVX2 (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#endif
#ifdef TZ_NO_AVX512
#define TZ_HAS_AVX512 false
#else
#define TZ_HAS_AVX512 (__builtin_cpu_supports("avx512f") != 0)
#endif

#endif
