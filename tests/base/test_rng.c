// Random streams: the generator's published answers, distributions, and independence of streams.
#include "base/memory.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

// Philox4x32-10 of Random123's kat_vectors: counter (4), key (2), answer (4). The counter is
// (position, index) with purpose 0, the key is the seed.
static void known_answers(void **state) {
    (void)state;
    static const struct {
        uint64_t position, index, seed;
        uint32_t answer[4];
    } vectors[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x85a308d3243f6a88,
         0x0370734413198a2e,
         0x299f31d0a4093822,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < TZ_COUNTOF(vectors); i++) {
        tz_rng rng = {
            .seed = vectors[i].seed, .index = vectors[i].index, .position = vectors[i].position};
        for (int k = 0; k < 4; k++) {
            assert_int_equal(tz_rng_u32(&rng), vectors[i].answer[k]);
        }
    }
}

// Addresses are part of every result that was ever published: they may never change.
static void addresses_stay_as_they_are(void **state) {
    (void)state;
    const tz_rng rng = tz_rng_stream(1, TZ_PURPOSE_NOISE, 2);
    assert_int_equal(rng.seed, 1);
    assert_int_equal(rng.purpose, 3);
    assert_int_equal(rng.index, 2);
    assert_int_equal(rng.position, 0);
    assert_int_equal(TZ_PURPOSE_RESET, 1);
    assert_int_equal(TZ_PURPOSE_INPUT_NOISE, 14);
}

// Moments of N draws lie within 5 standard errors of the distribution's.
enum { N = 1 << 20 };

static void assert_moment(double sum, double expected, double variance) {
    const double tolerance = 5.0 * sqrt(variance / N);
    if (fabs(sum / N - expected) > tolerance) {
        fail_msg("moment %g, expected %g +- %g", sum / N, expected, tolerance);
    }
}

static void uniform_moments(void **state) {
    (void)state;
    tz_rng rng = tz_rng_stream(5, TZ_PURPOSE_TEST, 0);
    double sum = 0.0, squares = 0.0, pairs = 0.0, last = 0.5;
    for (int i = 0; i < N; i++) {
        const double u = tz_rng_uniform(&rng);
        assert_true(u >= 0.0 && u < 1.0);
        sum += u;
        squares += u * u;
        pairs += (u - 0.5) * (last - 0.5);
        last = u;
    }
    assert_moment(sum, 0.5, 1.0 / 12.0);
    assert_moment(squares, 1.0 / 3.0, 4.0 / 45.0);
    assert_moment(pairs, 0.0, 1.0 / 144.0);
}

// E x = 0, E x^2 = 1, E x^3 = 0, E x^4 = 3; their variances are 1, 2, 15, 96.
static void assert_normal(const double sums[4]) {
    assert_moment(sums[0], 0.0, 1.0);
    assert_moment(sums[1], 1.0, 2.0);
    assert_moment(sums[2], 0.0, 15.0);
    assert_moment(sums[3], 3.0, 96.0);
}

static void normal_moments(void **state) {
    (void)state;
    tz_rng rng = tz_rng_stream(6, TZ_PURPOSE_TEST, 0);
    double sums[4] = {0};
    for (int i = 0; i < N; i++) {
        const double x = tz_rng_normal(&rng);
        assert_true(isfinite(x));
        sums[0] += x;
        sums[1] += x * x;
        sums[2] += x * x * x;
        sums[3] += x * x * x * x;
    }
    assert_normal(sums);
}

static void filled_normals(void **state) {
    (void)state;
    float *x = tz_alloc(N, sizeof *x);
    assert_non_null(x);
    tz_rng rng = tz_rng_stream(7, TZ_PURPOSE_TEST, 0);
    tz_rng_fill_normal_f32(&rng, x, N);
    double sums[4] = {0}, pairs[4] = {0}; // products with the value 1 to 4 places before
    for (int i = 0; i < N; i++) {
        assert_true(isfinite(x[i]));
        const double d = x[i];
        sums[0] += d;
        sums[1] += d * d;
        sums[2] += d * d * d;
        sums[3] += d * d * d * d;
        for (int lag = 1; lag <= 4 && lag <= i; lag++) {
            pairs[lag - 1] += d * (double)x[i - lag];
        }
    }
    assert_normal(sums);
    for (int lag = 0; lag < 4; lag++) {
        assert_moment(pairs[lag], 0.0, 1.0);
    }

    // a shorter call gives the beginning of a longer one, and does not write past its end
    float y[9];
    for (size_t n = 0; n <= 8; n++) {
        y[n] = 42.0f;
        rng = tz_rng_stream(7, TZ_PURPOSE_TEST, 0);
        tz_rng_fill_normal_f32(&rng, y, n);
        assert_memory_equal(x, y, n * sizeof *x);
        assert_true(y[n] == 42.0f);
    }
    tz_free(x);
}

static void below_is_uniform(void **state) {
    (void)state;
    enum { SIDES = 7 };
    tz_rng rng = tz_rng_stream(8, TZ_PURPOSE_TEST, 0);
    int count[SIDES] = {0};
    for (int i = 0; i < N; i++) {
        count[tz_rng_below(&rng, SIDES)]++;
    }
    // chi^2 with 6 degrees of freedom: 99.99% lie below 27.9
    const double expected = (double)N / SIDES;
    double chi2 = 0.0;
    for (int i = 0; i < SIDES; i++) {
        chi2 += (count[i] - expected) * (count[i] - expected) / expected;
    }
    assert_true(chi2 < 27.9);
    assert_int_equal(tz_rng_below(&rng, 1), 0);
    for (int i = 0; i < 100; i++) {
        assert_true(tz_rng_below(&rng, UINT64_MAX) < UINT64_MAX);
    }
}

// Every element once; each element in each place equally often.
static void permutations_are_uniform(void **state) {
    (void)state;
    enum { LENGTH = 5, TRIALS = 100000 };
    tz_rng rng = tz_rng_stream(9, TZ_PURPOSE_TEST, 0);
    int count[LENGTH][LENGTH] = {{0}};
    for (int trial = 0; trial < TRIALS; trial++) {
        uint32_t permutation[LENGTH], seen = 0;
        tz_rng_permutation(&rng, permutation, LENGTH);
        for (int i = 0; i < LENGTH; i++) {
            seen |= 1u << permutation[i];
            count[i][permutation[i]]++;
        }
        assert_int_equal(seen, (1u << LENGTH) - 1);
    }
    // 5 standard deviations of a binomial count
    const double p = 1.0 / LENGTH, tolerance = 5.0 * sqrt(TRIALS * p * (1.0 - p));
    for (int i = 0; i < LENGTH; i++) {
        for (int k = 0; k < LENGTH; k++) {
            assert_true(fabs(count[i][k] - TRIALS * p) < tolerance);
        }
    }
}

// Streams that differ in one part of their address share no draws and are not correlated.
static void streams_are_independent(void **state) {
    (void)state;
    const tz_rng base = tz_rng_stream(1, TZ_PURPOSE_TEST, 1);
    const tz_rng others[] = {
        tz_rng_stream(2, TZ_PURPOSE_TEST, 1),
        tz_rng_stream(1, TZ_PURPOSE_SYSTEM, 1),
        tz_rng_stream(1, TZ_PURPOSE_TEST, 2),
        tz_rng_stream(1 + (1ull << 32), TZ_PURPOSE_TEST, 1),
        tz_rng_stream(1, TZ_PURPOSE_TEST, 1 + (1ull << 32)),
    };
    for (size_t k = 0; k < TZ_COUNTOF(others); k++) {
        tz_rng a = base, b = others[k];
        double product = 0.0;
        int equal = 0;
        for (int i = 0; i < N; i++) {
            const uint32_t x = tz_rng_u32(&a), y = tz_rng_u32(&b);
            equal += x == y;
            product += (x * 0x1p-32 - 0.5) * (y * 0x1p-32 - 0.5);
        }
        assert_moment(product, 0.0, 1.0 / 144.0);
        assert_true(equal < 5); // N / 2^32 = 0.0002 expected
    }
}

// A copied stream goes on as the original does, from the middle of a block too.
static void a_copy_remembers_its_place(void **state) {
    (void)state;
    tz_rng rng = tz_rng_stream(3, TZ_PURPOSE_TEST, 0);
    for (int i = 0; i < 7; i++) {
        tz_rng copy = rng;
        for (int k = 0; k < 9; k++) {
            assert_int_equal(tz_rng_u32(&copy), tz_rng_u32(&rng));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(addresses_stay_as_they_are),
        cmocka_unit_test(uniform_moments),
        cmocka_unit_test(normal_moments),
        cmocka_unit_test(filled_normals),
        cmocka_unit_test(below_is_uniform),
        cmocka_unit_test(permutations_are_uniform),
        cmocka_unit_test(streams_are_independent),
        cmocka_unit_test(a_copy_remembers_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
