// Windows are real windows of training episodes, drawn as often as they should be; statistics are
// those of the training episodes alone.
#include "toy_data.h"
#include "train/sequences.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { EPISODES = 6, N = 4000, L = 3 };

// Finds the window in the dataset; -1 when it is nowhere.
static int find_window(const tz_dataset *d, const float *z, const float *u, int *start) {
    for (int e = 0; e < d->n_episodes; e++) {
        const double *states = tz_dataset_states(d, e);
        for (int t = 0; t + L - 1 <= tz_dataset_length(d, e); t++) {
            int equal = 0;
            while (equal < L * d->nz && (float)states[t * d->nz + equal] == z[equal]) {
                equal++;
            }
            if (equal == L * d->nz) {
                assert_memory_equal(tz_dataset_controls(d, e) + t * d->nu, u,
                                    (size_t)((L - 1) * d->nu) * sizeof *u);
                *start = t;
                return e;
            }
        }
    }
    return -1;
}

// Each of the windows of the four training episodes is drawn about equally often (chi-squared).
static void windows_are_uniform(void **state) {
    (void)state;
    tz_dataset *d = toy_dataset(2, 1, EPISODES, 1, 3); // 1, 6, 11, 16, 21, 26 transitions
    const unsigned char is_test[EPISODES] = {0, 0, 1, 0, 1, 0};
    const tz_source source = {.path = "toy", .dataset = d, .is_test = is_test};
    tz_sequences *s = NULL;
    assert_int_equal(tz_sequences_draw(&s, &source, 1, TZ_PART_TRAIN, N, L, 5, NULL), TZ_OK);
    int count[EPISODES][32] = {{0}};
    for (int i = 0; i < N; i++) {
        int start = 0;
        const int e = find_window(d, s->z + i * L * s->nz, s->u + i * (L - 1) * s->nu, &start);
        assert_true(e >= 0);
        assert_false(is_test[e]);
        count[e][start]++;
    }
    const double expected = (double)N / (5 + 15 + 25);
    double chi2 = 0.0;
    for (int e = 0; e < EPISODES; e++) {
        for (int t = 0; t + L - 1 <= tz_dataset_length(d, e) && !is_test[e]; t++) {
            chi2 += (count[e][t] - expected) * (count[e][t] - expected) / expected;
        }
    }
    assert_true(chi2 < 44 + 4 * sqrt(2.0 * 44)); // 44 degrees of freedom
    tz_sequences_destroy(s);
    toy_dataset_destroy(d);
}

static void weights_are_shares(void **state) {
    (void)state;
    tz_dataset *a = toy_dataset(2, 1, EPISODES, 30, 3), *b = toy_dataset(2, 1, 2, 30, 4);
    const unsigned char is_test[EPISODES] = {0};
    const tz_source sources[] = {{.path = "a", .dataset = a, .is_test = is_test, .weight = 1.0},
                                 {.path = "b", .dataset = b, .is_test = is_test, .weight = 3.0}};
    tz_sequences *s = NULL;
    assert_int_equal(tz_sequences_draw(&s, sources, 2, TZ_PART_TRAIN, N, L, 5, NULL), TZ_OK);
    int from_b = 0;
    for (int i = 0; i < N; i++) {
        int start = 0;
        from_b += find_window(b, s->z + i * L * s->nz, s->u + i * (L - 1) * s->nu, &start) >= 0;
    }
    assert_true(fabs(from_b - 0.75 * N) < 4.0 * sqrt(N * 0.75 * 0.25));
    tz_sequences_destroy(s);
    toy_dataset_destroy(a);
    toy_dataset_destroy(b);
}

// A dataset of one episode holds none out: held-out windows then come from the others.
static void held_out_windows_come_from_where_there_are_some(void **state) {
    (void)state;
    tz_dataset *one = toy_dataset(2, 1, 1, 30, 3), *many = toy_dataset(2, 1, EPISODES, 30, 4);
    const unsigned char none[1] = {0}, some[EPISODES] = {0, 0, 1, 0, 1, 0};
    tz_source sources[] = {{.path = "one", .dataset = one, .is_test = none, .weight = 3.0},
                           {.path = "many", .dataset = many, .is_test = some, .weight = 1.0},
                           {.path = "one", .dataset = one, .is_test = none, .weight = 2.0}};
    tz_sequences *s = NULL;
    assert_int_equal(tz_sequences_draw(&s, sources, 3, TZ_PART_TEST, 200, L, 5, NULL), TZ_OK);
    for (int i = 0; i < 200; i++) {
        int start = 0;
        const int e = find_window(many, s->z + i * L * s->nz, s->u + i * (L - 1) * s->nu, &start);
        assert_true(e >= 0 && some[e]);
    }
    tz_sequences_destroy(s);

    // none anywhere, or none where the weights are
    tz_error error;
    assert_int_equal(tz_sequences_draw(&s, sources, 1, TZ_PART_TEST, 200, L, 5, &error),
                     TZ_ERR_ARGUMENT);
    sources[1].weight = 0.0;
    assert_int_equal(tz_sequences_draw(&s, sources, 3, TZ_PART_TEST, 200, L, 5, &error),
                     TZ_ERR_ARGUMENT);
    assert_string_equal(error.text, "no held-out episode holds 3 states in a row");
    toy_dataset_destroy(one);
    toy_dataset_destroy(many);
}

static void refuses_what_does_not_fit(void **state) {
    (void)state;
    tz_dataset *a = toy_dataset(2, 1, 2, 4, 3), *b = toy_dataset(3, 1, 2, 4, 4);
    const unsigned char is_test[2] = {0, 0};
    const tz_source sources[] = {{.path = "a", .dataset = a, .is_test = is_test},
                                 {.path = "b", .dataset = b, .is_test = is_test}};
    tz_sequences *s = NULL;
    tz_error error;
    assert_int_equal(tz_sequences_draw(&s, sources, 2, TZ_PART_TRAIN, 10, L, 5, &error),
                     TZ_ERR_MISMATCH);
    assert_null(s);
    assert_int_equal(tz_sequences_draw(&s, sources, 1, TZ_PART_TRAIN, 10, 11, 5, &error),
                     TZ_ERR_ARGUMENT);
    assert_string_equal(error.text, "a: no training episode holds 11 states in a row");
    assert_int_equal(tz_sequences_draw(&s, sources, 1, TZ_PART_TEST, 10, L, 5, &error),
                     TZ_ERR_ARGUMENT);
    toy_dataset_destroy(a);
    toy_dataset_destroy(b);
}

static void statistics_of_training_episodes(void **state) {
    (void)state;
    tz_dataset *d = toy_dataset(1, 1, 3, 2, 3);
    // training episode 0: 3 states, episode 2 held out; episode 1 made as far away as can be
    const unsigned char is_test[3] = {0, 1, 1};
    double *z = (double *)tz_dataset_states(d, 0);
    float *u = (float *)tz_dataset_controls(d, 0);
    const double states[] = {1, 10, 3, 10, 8, 40};
    memcpy(z, states, sizeof states);
    u[0] = 0.5f;
    u[1] = -0.5f;
    const tz_source source = {.path = "toy", .dataset = d, .is_test = is_test};
    tz_model_statistics s;
    assert_int_equal(tz_training_statistics(&s, &source, 1, NULL), TZ_OK);
    const double tol = 1e-12;
    assert_true(fabs(s.z_mean[0] - 4) < tol && fabs(s.z_std[0] - sqrt(26.0 / 3)) < tol);
    assert_true(fabs(s.z_mean[1] - 20) < tol && fabs(s.z_std[1] - sqrt(200.0)) < tol);
    assert_true(fabs(s.u_mean[0]) < tol && fabs(s.u_std[0] - 0.5) < tol);
    assert_true(fabs(s.rate_mean[0] - 35) < tol && fabs(s.rate_std[0] - 15) < 1e-10);
    assert_true(fabs(s.rate_max[0] - 50) < 1e-10 && fabs(s.rate_max[1] - 300) < 1e-9);
    assert_true(s.z_low[0] == 1 && s.z_high[0] == 8 && s.z_low[1] == 10 && s.z_high[1] == 40);
    toy_dataset_destroy(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_uniform),
        cmocka_unit_test(weights_are_shares),
        cmocka_unit_test(held_out_windows_come_from_where_there_are_some),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(statistics_of_training_episodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
