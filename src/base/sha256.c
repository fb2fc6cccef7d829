#include "base/sha256.h"

#include <sha256.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

// TZ_NO_SHA is for the test of what other processors do.
#if defined(__x86_64__) && !defined(TZ_NO_SHA)
#include <cpuid.h>
#include <immintrin.h>

// The round constants of FIPS 180-4, 4.2.2.
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static bool has_instructions(void) {
    unsigned a, b, c, d;
    return __builtin_cpu_supports("sse4.1") && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
           (b & bit_SHA) != 0;
}

__attribute__((target("sha,sse4.1"))) static void
blocks_by_instructions(uint32_t state[8], const unsigned char *data, size_t n_blocks) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i *const words = (__m128i *)state;

    // the instructions keep the state as ABEF and CDGH
    const __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128(&words[0]), 0xB1);
    const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(&words[1]), 0x1B);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8), cdgh = _mm_blend_epi16(efgh, cdab, 0xF0);

    for (size_t n = 0; n < n_blocks; n++, data += 64) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w[4]; // the last 16 words of the message schedule
        for (int i = 0; i < 16; i++) {
            // four words: of the message first, then by the schedule's recurrence
            if (i < 4) {
                const __m128i bytes = _mm_loadu_si128((const __m128i *)(data + 16 * i));
                w[i] = _mm_shuffle_epi8(bytes, big_endian);
            } else {
                const __m128i last = w[(i + 3) % 4], w_7 = _mm_alignr_epi8(last, w[(i + 2) % 4], 4);
                const __m128i part = _mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]);
                w[i % 4] = _mm_sha256msg2_epu32(_mm_add_epi32(part, w_7), last);
            }
            // four rounds
            const __m128i wk =
                _mm_add_epi32(w[i % 4], _mm_loadu_si128((const __m128i *)(K + 4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk, 0x0E));
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }

    const __m128i feba = _mm_shuffle_epi32(abef, 0x1B), dchg = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128(&words[0], _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128(&words[1], _mm_alignr_epi8(dchg, feba, 8));
}
#else
static bool has_instructions(void) {
    return false;
}

static void blocks_by_instructions(uint32_t state[8], const unsigned char *data, size_t n_blocks) {
    (void)state, (void)data, (void)n_blocks;
}
#endif

void tz__sha256_begin(tz__sha256 *sha) {
    *sha = (tz__sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                  0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void tz__sha256_blocks(tz__sha256 *sha, const unsigned char *data, size_t n_blocks) {
    sha->bytes += 64 * n_blocks;
    if (has_instructions()) {
        blocks_by_instructions(sha->state, data, n_blocks);
        return;
    }
    for (; n_blocks > 0; n_blocks--, data += 64) {
        SHA256Transform(sha->state, data);
    }
}

void tz__sha256_end(tz__sha256 *sha, const unsigned char *data, size_t size, char digest[65]) {
    // the message, a one bit, zeros, and its length in bits at the end of the last block
    unsigned char last[128] = {0};
    const size_t padded = size < 56 ? 64 : 128;
    const uint64_t bits = 8 * (sha->bytes + size);
    memcpy(last, data, size);
    last[size] = 0x80;
    for (size_t i = 0; i < 8; i++) {
        last[padded - 1 - i] = (unsigned char)(bits >> (8 * i));
    }
    tz__sha256_blocks(sha, last, padded / 64);
    for (int i = 0; i < 8; i++) {
        snprintf(digest + 8 * i, 9, "%08x", sha->state[i]);
    }
}

void tz__sha256_of(const void *bytes, size_t size, char digest[65]) {
    const size_t whole = size / 64 * 64;
    tz__sha256 sha;
    tz__sha256_begin(&sha);
    tz__sha256_blocks(&sha, bytes, whole / 64);
    tz__sha256_end(&sha, (const unsigned char *)bytes + whole, size - whole, digest);
}
