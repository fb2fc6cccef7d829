#include "base/rng.h"

#include <math.h>
#include <Random123/philox.h>
#include <string.h>

// Philox4x32-10 maps (counter, key) to four random words:
//   key     = (seed low, seed high)
//   counter = (position low, position high ^ purpose << 24, index low, index high)
// Positions stay below 2^56, so purpose and position never meet.
static void draw_block(tz_rng *rng) {
    const philox4x32_key_t key = {{(uint32_t)rng->seed, (uint32_t)(rng->seed >> 32)}};
    const philox4x32_ctr_t counter = {{(uint32_t)rng->position,
                                       (uint32_t)(rng->position >> 32) ^ (rng->purpose << 24),
                                       (uint32_t)rng->index, (uint32_t)(rng->index >> 32)}};
    const philox4x32_ctr_t block = philox4x32(counter, key);
    memcpy(rng->block, block.v, sizeof rng->block);
    rng->position++;
    rng->n_left = 4;
}

tz_rng tz_rng_stream(uint64_t seed, tz_purpose purpose, uint64_t index) {
    return (tz_rng){.seed = seed, .index = index, .purpose = (uint32_t)purpose};
}

uint32_t tz_rng_u32(tz_rng *rng) {
    if (rng->n_left == 0) {
        draw_block(rng);
    }
    return rng->block[4 - rng->n_left--];
}

uint64_t tz_rng_u64(tz_rng *rng) {
    const uint64_t low = tz_rng_u32(rng);
    return low | (uint64_t)tz_rng_u32(rng) << 32;
}

double tz_rng_uniform(tz_rng *rng) {
    return (double)(tz_rng_u64(rng) >> 11) * 0x1p-53;
}

double tz_rng_normal(tz_rng *rng) {
    // Box-Muller: r = sqrt(-2 log U), U in (0, 1]
    const double radius = sqrt(-2.0 * log(1.0 - tz_rng_uniform(rng)));
    return radius * cos(2.0 * M_PI * tz_rng_uniform(rng));
}

uint64_t tz_rng_below(tz_rng *rng, uint64_t n) {
    // reject the incomplete last interval of length n
    const uint64_t limit = UINT64_MAX - UINT64_MAX % n;
    uint64_t draw = tz_rng_u64(rng);
    while (draw >= limit) {
        draw = tz_rng_u64(rng);
    }
    return draw % n;
}

void tz_rng_fill_normal_f32(tz_rng *rng, float *x, size_t n) {
    for (size_t i = 0; i < n; i += 4) {
        draw_block(rng);
        // two Box-Muller pairs from the four words, U in (0, 1] on 2^-24 and 2^-32 grids
        float pair[4];
        for (int j = 0; j < 4; j += 2) {
            const float u = (float)((rng->block[j] >> 8) + 1) * 0x1p-24f;
            const float angle = (float)rng->block[j + 1] * (float)(2.0 * M_PI * 0x1p-32);
            const float radius = sqrtf(-2.0f * logf(u));
            pair[j] = radius * cosf(angle);
            pair[j + 1] = radius * sinf(angle);
        }
        memcpy(x + i, pair, (n - i < 4 ? n - i : 4) * sizeof *x);
    }
    rng->n_left = 0;
}

void tz_rng_permutation(tz_rng *rng, uint32_t *permutation, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const size_t j = (size_t)tz_rng_below(rng, i + 1);
        permutation[i] = permutation[j];
        permutation[j] = (uint32_t)i;
    }
}
