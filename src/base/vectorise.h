// Marks a function whose plain loops are worth full vectorisation: it is compiled for each vector
// width, and the loader picks one. Files that use it are compiled with -O3. Sanitizers do not work
// in the loader's choice, and clang before 17 gives clones a name that other files cannot call.
#ifndef TRAPEZE_BASE_VECTORISE_H
#define TRAPEZE_BASE_VECTORISE_H

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__) &&      \
    (!defined(__clang__) || __clang_major__ >= 17)
#define TZ_VECTORISED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define TZ_VECTORISED
#endif

#endif
