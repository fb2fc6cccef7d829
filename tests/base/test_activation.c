// Activations against double precision over all of float's range, and at its special values.
#include "base/activation.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static float from_bits(uint32_t bits) {
    float x = 0.0f;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// Distance in units in the last place of the correctly rounded value.
static double ulp_error(float y, double exact) {
    const float rounded = fabsf((float)exact);
    const double ulp = (double)nextafterf(rounded, INFINITY) - (double)rounded;
    return fabs((double)y - exact) / ulp;
}

// Every 997th of all floats, both signs, denormals included, where `exact` is a normal float.
static void check_4_ulp(void (*f)(float *, const float *, size_t), double (*exact)(double)) {
    enum { BLOCK = 4096 };
    float x[BLOCK], y[BLOCK];
    double worst = 0.0;
    uint64_t bits = 0;
    while (bits <= UINT32_MAX) {
        size_t n = 0;
        for (; n < BLOCK && bits <= UINT32_MAX; bits += 997) {
            x[n] = from_bits((uint32_t)bits);
            const double value = fabs(exact((double)x[n]));
            const bool normal =
                value == 0.0 || (value >= (double)FLT_MIN && value <= (double)FLT_MAX);
            n += isfinite(x[n]) && (normal || exact == tanh) ? 1 : 0;
        }
        f(y, x, n);
        for (size_t i = 0; i < n; i++) {
            worst = fmax(worst, ulp_error(y[i], exact((double)x[i])));
        }
    }
    if (worst > 4.0) {
        fail_msg("off by %g ulp", worst);
    }
}

static void maps_are_within_4_ulp(void **state) {
    (void)state;
    check_4_ulp(tz_tanh_f32, tanh);
    check_4_ulp(tz_exp_f32, exp);
    check_4_ulp(tz_log_f32, log);
}

// At each place of vectors and tails: NaN gives NaN, infinities give 1, neighbours are untouched.
static void tanh_keeps_special_values(void **state) {
    (void)state;
    static const float special[] = {NAN,     INFINITY, -INFINITY, 0.0f,   -0.0f,
                                    FLT_MIN, 1e-45f,   -1e-45f,   FLT_MAX};
    for (size_t n = 1; n <= 35; n++) {
        for (size_t at = 0; at < n; at++) {
            for (size_t s = 0; s < TZ_COUNTOF(special); s++) {
                float x[36];
                for (size_t i = 0; i < n; i++) {
                    x[i] = 0.5f;
                }
                x[at] = special[s];
                x[n] = 42.0f;
                tz_tanh_f32(x, x, n);
                if (isnan(special[s])) {
                    assert_true(isnan(x[at]));
                } else {
                    // one unit of the smallest numbers
                    assert_true(fabsf(x[at] - tanhf(special[s])) <= 1e-45f);
                }
                for (size_t i = 0; i < n; i++) {
                    assert_true(i == at || fabsf(x[i] - tanhf(0.5f)) < 4.0f * FLT_EPSILON);
                }
                assert_true(x[n] == 42.0f);
            }
        }
    }
}

// A value's result does not depend on its place in the array.
static void tanh_does_not_depend_on_the_place(void **state) {
    (void)state;
    float x[37], y[37];
    for (int i = 0; i < 37; i++) {
        x[i] = 0.37f * (float)(i - 18);
    }
    tz_tanh_f32(y, x, 37);
    for (size_t i = 0; i < 37; i++) {
        float alone = 0.0f;
        tz_tanh_f32(&alone, &x[i], 1);
        assert_memory_equal(&alone, &y[i], sizeof alone);
    }
}

enum { ROWS = 5, COLUMNS = 19, LD = 23 };

static void fill(float *x, int n, float step) {
    for (int i = 0; i < n; i++) {
        x[i] = step * (float)(i % 41 - 20);
    }
}

// The fused forms give the bits of the plain ones, row by row, and leave the padding alone.
static void bias_forms_agree_with_plain_ones(void **state) {
    (void)state;
    float x[ROWS * LD], b[COLUMNS], sum[ROWS * LD], relu[ROWS * LD], fused[ROWS * LD];
    fill(x, ROWS * LD, 0.1f);
    fill(b, COLUMNS, 0.03f);
    x[2] = NAN;
    memcpy(sum, x, sizeof x);
    memcpy(relu, x, sizeof x);
    memcpy(fused, x, sizeof x);
    tz_bias_f32(sum, b, ROWS, COLUMNS, LD);
    tz_bias_relu_f32(relu, b, ROWS, COLUMNS, LD);
    tz_bias_tanh_f32(fused, b, ROWS, COLUMNS, LD);
    for (int row = 0; row < ROWS; row++) {
        for (int i = 0; i < LD; i++) {
            const int at = row * LD + i;
            if (i >= COLUMNS) {
                assert_true(sum[at] == x[at] && relu[at] == x[at] && fused[at] == x[at]);
            } else if (at == 2) {
                assert_true(isnan(sum[at]) && isnan(relu[at]) && isnan(fused[at]));
            } else {
                const float s = x[at] + b[i];
                float y = 0.0f;
                tz_tanh_f32(&y, &s, 1);
                assert_true(sum[at] == s);
                assert_true(relu[at] == (s > 0.0f ? s : 0.0f));
                assert_memory_equal(&fused[at], &y, sizeof y);
            }
        }
    }
}

static void backward_forms_follow_the_formula(void **state) {
    (void)state;
    float y[ROWS * COLUMNS], dy[ROWS * COLUMNS], dx[ROWS * COLUMNS];
    fill(y, ROWS * COLUMNS, 0.04f);
    fill(dy, ROWS * COLUMNS, 0.7f);
    tz_tanh_backward_f32(dx, dy, y, ROWS * COLUMNS);
    for (int at = 0; at < ROWS * COLUMNS; at++) {
        const double d = (double)dy[at] * (1.0 - (double)y[at] * (double)y[at]);
        // three roundings of the formula
        assert_true(fabs((double)dx[at] - d) <= 3.0 * FLT_EPSILON * fabs((double)dy[at]));
    }

    tz_relu_backward_f32(dx, dy, y, ROWS * COLUMNS);
    for (int at = 0; at < ROWS * COLUMNS; at++) {
        assert_true(dx[at] == (y[at] > 0.0f ? dy[at] : 0.0f));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_are_within_4_ulp),
        cmocka_unit_test(tanh_keeps_special_values),
        cmocka_unit_test(tanh_does_not_depend_on_the_place),
        cmocka_unit_test(bias_forms_agree_with_plain_ones),
        cmocka_unit_test(backward_forms_follow_the_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
