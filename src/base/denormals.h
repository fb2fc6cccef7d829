// Floats below 2^-126 make an FMA of x86-64 a hundred times slower, and weights that no gradient
// reaches (an input's masked row, an unused output) decay into that range. Networks are therefore
// evaluated and updated with such numbers taken as zero. Physics is not: the mode is set for the
// length of a call on the calling thread, and put back.
#ifndef TRAPEZE_BASE_DENORMALS_H
#define TRAPEZE_BASE_DENORMALS_H

#if defined(__x86_64__)
#include <xmmintrin.h>

// Flushes results to zero and takes denormal operands as zero; returns the mode to put back.
static inline unsigned tz_denormals_off(void) {
    enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x0040 };
    const unsigned mode = _mm_getcsr();
    _mm_setcsr(mode | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
    return mode;
}

static inline void tz_denormals_restore(unsigned mode) {
    _mm_setcsr(mode);
}
#else
static inline unsigned tz_denormals_off(void) {
    return 0;
}

static inline void tz_denormals_restore(unsigned mode) {
    (void)mode;
}
#endif

#endif
