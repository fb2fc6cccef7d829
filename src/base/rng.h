// Counter-based random streams (Philox4x32-10 of Random123). A draw is a pure function of
// (seed, purpose, index, position), so results never depend on threads or on the order of work:
// give every episode, candidate, tile or layer a stream of its own.
#ifndef TRAPEZE_BASE_RNG_H
#define TRAPEZE_BASE_RNG_H

#include "base/export.h"

#include <stddef.h>
#include <stdint.h>

// What a stream is for. Streams of different purposes are independent under one seed.
// Values are part of reproducibility: append, never reorder.
typedef enum tz_purpose {
    TZ_PURPOSE_RESET = 1,   // initial states; index = episode
    TZ_PURPOSE_POLICY,      // sampled controls of a policy; index = episode
    TZ_PURPOSE_NOISE,       // exploration noise of the collector; index = episode
    TZ_PURPOSE_INIT,        // initial weights; index = tensor
    TZ_PURPOSE_SHUFFLE,     // order of training sequences; index = epoch
    TZ_PURPOSE_SPLIT,       // train/test split of a dataset; index = 0
    TZ_PURPOSE_SAMPLE,      // draws of training sequences; index = 0
    TZ_PURPOSE_PLAN,        // candidates of a planner; index = draw and tile
    TZ_PURPOSE_REPLAY,      // replay buffer of SAC; index = gradient step
    TZ_PURPOSE_ACTOR,       // reparametrised actions in the SAC losses; index = gradient step
    TZ_PURPOSE_EXPLORE,     // SAC's acting policy; index = environment step
    TZ_PURPOSE_TEST,        // test cases
    TZ_PURPOSE_SYSTEM,      // initial conditions of synthetic systems; index = trajectory
    TZ_PURPOSE_INPUT_NOISE, // noise on training inputs; index = gradient step
    TZ_PURPOSE_PROPOSAL     // controls that a policy proposes to a planner; index = draw and row
} tz_purpose;

// A plain value: copy it to remember a position, compare it, store it.
typedef struct tz_rng {
    uint64_t seed;
    uint64_t index;
    uint32_t purpose;
    uint32_t n_left;   // unread words of `block`
    uint64_t position; // blocks drawn so far
    uint32_t block[4];
} tz_rng;

// The stream (seed, purpose, index) at its beginning.
TZ_API tz_rng tz_rng_stream(uint64_t seed, tz_purpose purpose, uint64_t index);

// The next 32 or 64 random bits.
TZ_API uint32_t tz_rng_u32(tz_rng *rng);
TZ_API uint64_t tz_rng_u64(tz_rng *rng);

// Uniform on [0, 1) with 53 bits.
TZ_API double tz_rng_uniform(tz_rng *rng);

// Standard normal (Box-Muller on two fresh 53-bit uniforms; the second value is not kept).
TZ_API double tz_rng_normal(tz_rng *rng);

// Uniform integer in [0, n), n > 0, without modulo bias.
TZ_API uint64_t tz_rng_below(tz_rng *rng, uint64_t n);

// Fills x (n) with standard normals in float. Four values take one block; words that were left of
// the last one are dropped.
TZ_API void tz_rng_fill_normal_f32(tz_rng *rng, float *x, size_t n);

// Writes a uniform random permutation of 0..n-1 (Fisher-Yates).
TZ_API void tz_rng_permutation(tz_rng *rng, uint32_t *permutation, size_t n);

#endif
