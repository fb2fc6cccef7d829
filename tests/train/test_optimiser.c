// Adam against its formula in double, with weight decay coupled and decoupled; clipping and the
// learning rates.
#include "base/memory.h"
#include "base/rng.h"
#include "train/optimiser.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { N = 101 };

// Fifty updates with fresh random gradients; the float result stays within 1e-5 of the formula.
static void follow_the_formula(bool decoupled) {
    tz_adam adam;
    assert_int_equal(tz_adam_create(&adam, N, NULL), TZ_OK);
    adam.weight_decay = 0.5; // so that it counts beside the gradient
    adam.decoupled = decoupled;
    float theta[N], grad[N];
    double theta_d[N], m[N] = {0}, v[N] = {0};
    tz_rng rng = tz_rng_stream(1, TZ_PURPOSE_TEST, 0);
    for (int i = 0; i < N; i++) {
        theta[i] = (float)tz_rng_normal(&rng);
        theta_d[i] = theta[i];
    }
    const size_t allocations = tz_alloc_count();
    for (int t = 1; t <= 50; t++) {
        const double scale = 0.5, lr = 1e-2;
        for (int i = 0; i < N; i++) {
            grad[i] = (float)tz_rng_normal(&rng);
            const double decay = adam.weight_decay * theta_d[i];
            const double g = scale * grad[i] + (decoupled ? 0.0 : decay);
            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = 0.999 * v[i] + 0.001 * g * g;
            theta_d[i] -=
                lr * (m[i] / (1.0 - pow(0.9, t))) / (sqrt(v[i] / (1.0 - pow(0.999, t))) + 1e-8) +
                (decoupled ? lr * decay : 0.0);
        }
        tz_adam_update(&adam, theta, grad, scale, lr);
    }
    assert_int_equal(tz_alloc_count(), allocations);
    for (int i = 0; i < N; i++) {
        assert_true(fabs(theta[i] - theta_d[i]) < 1e-5);
    }
    tz_adam_destroy(&adam);
}

static void follows_the_formula(void **state) {
    (void)state;
    follow_the_formula(false);
    follow_the_formula(true);
}

static void norm_and_clipping(void **state) {
    (void)state;
    float x[N];
    double sum = 0.0;
    for (int i = 0; i < N; i++) {
        x[i] = (float)(i - 40);
        sum += (double)x[i] * (double)x[i];
    }
    assert_true(fabs(tz_norm_f32(x, N) - sqrt(sum)) < 1e-12 * sqrt(sum));
    assert_true(tz_clip_scale(0.5, 1.0) == 1.0);
    assert_true(tz_clip_scale(4.0, 1.0) == 0.25);
    assert_true(tz_clip_scale(4.0, 0.0) == 1.0);
    x[3] = NAN;
    assert_true(isnan(tz_norm_f32(x, N)));
}

static void cosine_from_start_to_end(void **state) {
    (void)state;
    assert_true(fabs(tz_cosine_lr(1e-3, 1e-6, 0, 256) - 1e-3) < 1e-15);
    assert_true(fabs(tz_cosine_lr(1e-3, 1e-6, 128, 256) - 0.5 * (1e-3 + 1e-6)) < 1e-15);
    assert_true(fabs(tz_cosine_lr(1e-3, 1e-6, 256, 256) - 1e-6) < 1e-15);
    assert_true(fabs(tz_cosine_floor_lr(5e-3, 1e-3, 1.0 / 3.0, 1) - 0.75 * 5e-3) < 1e-15);
    assert_true(fabs(tz_cosine_floor_lr(5e-3, 1e-3, 1.0, 1) - 5e-6) < 1e-15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_formula),
        cmocka_unit_test(norm_and_clipping),
        cmocka_unit_test(cosine_from_start_to_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
