// Metrics of the study against numbers worked out by hand.
#include "paper/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { T = 3, N = 2, NQ = 1, NZ = 2 };

static const bool is_angle[NQ] = {true};
static const double z_std[NZ] = {1.0, 1.0};

static double energy(const void *system, const double *z) {
    (void)system;
    return 0.5 * z[1] * z[1] + z[0];
}

static double energy_code(const void *system, const double *z) {
    (void)system;
    return z[1] * z[1] + z[0];
}

static tz_test_rollouts rollouts_of(const float *zhat, const float *z) {
    return (tz_test_rollouts){.n = N,
                              .T = T,
                              .nq = NQ,
                              .zhat = zhat,
                              .z = z,
                              .angular = is_angle,
                              .z_std = z_std,
                              .energy = energy,
                              .energy_code = energy_code};
}

static void assert_close(double found, double expected) {
    if (!(fabs(found - expected) <= 1e-9 * fabs(expected))) {
        fail_msg("%.12g, expected %.12g", found, expected);
    }
}

// Two rollouts, three times, states (angle, velocity).
static const float truth[T][N][NZ] = {{{3, 4}, {1, 0}}, {{3, 4}, {1, 0}}, {{6, 8}, {2, 0}}};
static const float predicted[T][N][NZ] = {{{3, 4}, {1, 0}}, {{6, 8}, {3, 0}}, {{6, 8}, {2, 2}}};

static void errors_of_a_few_states(void **state) {
    (void)state;
    const tz_test_rollouts r = rollouts_of(&predicted[0][0][0], &truth[0][0][0]);
    tz_rollout_metrics m;
    assert_int_equal(tz_measure_rollouts(&m, &r, NULL, NULL, NULL), TZ_OK);

    // r_t: exact, exact; |(3, 4)| / (10 + 5), 2 / (3 + 1); exact, 2 / (sqrt 8 + 2)
    const double a = 1.0 / 3.0, b = 0.5, c = 2.0 / (sqrt(8.0) + 2.0), small = 1e-7;
    assert_close(m.rollout_error, pow(a * b * c * small * small * small, 1.0 / 6.0));
    assert_close(m.rollout_error_no_t0, pow(a * b * c * small, 1.0 / 4.0));
    assert_close(m.mse, (9.0 + 16.0 + 4.0 + 4.0) / 12.0);

    // H: 38 for 11; 3 for 1; 2 + 2 for 2
    const double h1 = 27.0 / 49.0, h2 = 0.5, h3 = 2.0 / 6.0;
    assert_close(m.energy, pow(h1 * h2 * h3 * small * small * small, 1.0 / 6.0));
    // H of the code: 70 for 19; 3 for 1; 6 for 2
    const double k1 = 51.0 / 89.0, k3 = 4.0 / 8.0;
    assert_close(m.energy_code, pow(k1 * h2 * k3 * small * small * small, 1.0 / 6.0));
    assert_int_equal(m.n_diverged, 0);
}

static void violation_over_time(void **state) {
    (void)state;
    const tz_test_rollouts r = rollouts_of(&predicted[0][0][0], &truth[0][0][0]);
    tz_rollout_metrics m;
    double mean[T], std[T];
    assert_int_equal(tz_measure_rollouts(&m, &r, mean, std, NULL), TZ_OK);
    const double x = log(27.0 / 49.0), y = log(0.5);
    assert_close(mean[0], log(1e-7));
    assert_true(std[0] < 1e-6);
    assert_close(mean[1], 0.5 * (x + y));
    assert_close(std[1], 0.5 * fabs(x - y));
}

// The second rollout's first angle, 1, follows the first one's last, 6: one turn is added to it,
// and then the third's, -9 after 1 + 2 pi, gets three.
static void offsets_of_the_code(void **state) {
    (void)state;
    enum { M = 3 };
    static const float z[2][M][NZ] = {{{3, 0}, {1, 0}, {-9, 0}}, {{6, 0}, {1, 0}, {-9, 0}}};
    tz_test_rollouts r = rollouts_of(&z[0][0][0], &z[0][0][0]);
    r.n = M;
    r.T = 2;
    double offset[M];
    tz_code_offsets(offset, &r);
    assert_true(offset[0] == 0.0);
    assert_close(offset[1], 2.0 * M_PI);
    assert_close(offset[2], 2.0 * M_PI * 3.0);

    // they enlarge the states and with them shrink the error of one radian
    static const float off[2][M][NZ] = {{{4, 0}, {2, 0}, {-8, 0}}, {{7, 0}, {2, 0}, {-8, 0}}};
    r.zhat = &off[0][0][0];
    tz_rollout_metrics m;
    assert_int_equal(tz_measure_rollouts(&m, &r, NULL, NULL, NULL), TZ_OK);
    const double x = 2.0 * M_PI, w = -9.0 + 3.0 * x;
    const double plain = 1.0 / (7.0 * 3.0 * 17.0 * 13.0 * 3.0 * 17.0);
    assert_close(m.rollout_error, pow(plain, 1.0 / 6.0));
    const double second = 1.0 / (3.0 + 2.0 * x), third = 1.0 / (2.0 * w + 1.0);
    assert_close(m.rollout_error_code,
                 pow(second * second * third * third / (7.0 * 13.0), 1.0 / 6.0));
}

// A state that is not finite counts as 1, and its rollout as diverged; so does one that is far off.
static void what_diverged(void **state) {
    (void)state;
    float zhat[T][N][NZ];
    for (int t = 0; t < T; t++) {
        for (int k = 0; k < N; k++) {
            zhat[t][k][0] = truth[t][k][0];
            zhat[t][k][1] = truth[t][k][1];
        }
    }
    zhat[2][0][1] = NAN;
    const tz_test_rollouts r = rollouts_of(&zhat[0][0][0], &truth[0][0][0]);
    tz_rollout_metrics m;
    assert_int_equal(tz_measure_rollouts(&m, &r, NULL, NULL, NULL), TZ_OK);
    assert_close(m.rollout_error, pow(1e-7, 5.0 / 6.0));
    assert_close(m.energy, pow(1e-7, 5.0 / 6.0));
    assert_int_equal(m.n_diverged, 1);
    assert_true(m.mse == 0.0);

    zhat[1][1][0] = 2000.0f;
    assert_int_equal(tz_measure_rollouts(&m, &r, NULL, NULL, NULL), TZ_OK);
    assert_int_equal(m.n_diverged, 2);
    assert_true(isnan(m.mse));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_of_a_few_states),
        cmocka_unit_test(violation_over_time),
        cmocka_unit_test(offsets_of_the_code),
        cmocka_unit_test(what_diverged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
