// Errors are those of the formula, stretches are true stretches spread over the episodes, diverged
// rollouts are counted and never averaged, and threads change nothing.
#include "toy_data.h"
#include "train/evaluation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { EPISODES = 5, H = 40 };

static void stretches_are_true_and_even(void **state) {
    (void)state;
    tz_dataset *d = toy_dataset(2, 1, EPISODES, 32, 3); // 32, 37, 42, 47, 52 transitions
    const unsigned char is_used[EPISODES] = {1, 0, 1, 1, 1};
    tz_rollouts *r = NULL;
    assert_int_equal(tz_rollouts_pick(&r, d, is_used, 8, H, "toy", NULL), TZ_OK);
    assert_int_equal(r->n, 8);
    assert_int_equal(r->n_episodes, 4);
    assert_int_equal(r->n_short, 1);
    // 3, 8 and 13 stretches: numbers 1, 4, 7, 10, 13, 16, 19, 22 of 24
    const int episode[] = {2, 3, 3, 3, 4, 4, 4, 4}, start[] = {1, 1, 4, 7, 2, 5, 8, 11};
    assert_memory_equal(r->episode, episode, sizeof episode);
    assert_memory_equal(r->start, start, sizeof start);
    for (int i = 0; i < r->n; i++) {
        const double *z = tz_dataset_states(d, r->episode[i]) + r->start[i] * d->nz;
        for (int t = 0; t <= H; t++) {
            for (int k = 0; k < d->nz; k++) {
                assert_true(r->z[(t * r->n + i) * d->nz + k] == (float)z[t * d->nz + k]);
            }
        }
    }
    tz_rollouts_destroy(r);

    // all there are, and none
    assert_int_equal(tz_rollouts_pick(&r, d, is_used, 1000, H, "toy", NULL), TZ_OK);
    assert_int_equal(r->n, 24);
    tz_rollouts_destroy(r);
    tz_error error;
    assert_int_equal(tz_rollouts_pick(&r, d, is_used, 8, 53, "toy", &error), TZ_ERR_ARGUMENT);
    assert_string_equal(error.text,
                        "toy: none of the 4 episodes to evaluate on has 53 transitions, "
                        "the longest has 52");
    assert_null(r);
    toy_dataset_destroy(d);
}

// The error of "the state stays", by hand.
static void errors_follow_the_formula(void **state) {
    (void)state;
    tz_dataset *d = toy_dataset(2, 1, EPISODES, 60, 3);
    tz_rollouts *r = NULL;
    assert_int_equal(tz_rollouts_pick(&r, d, NULL, 7, H, "toy", NULL), TZ_OK);
    const float sigma[4] = {0.5f, 1.0f, 2.0f, 3.0f};
    tz_team *team = NULL;
    assert_int_equal(tz_team_create(&team, 2, NULL), TZ_OK);
    const tz_predictor stay = {.type = TZ_PREDICT_STAY};
    tz_evaluation *e = NULL;
    assert_int_equal(tz_evaluate(&e, r, &stay, sigma, team, NULL), TZ_OK);

    double mean = 0.0, component[4] = {0}, step[H + 1] = {0};
    for (int i = 0; i < 7; i++) {
        for (int t = 0; t <= H; t++) {
            for (int k = 0; k < 4; k++) {
                const double off = (r->z[i * 4 + k] - r->z[(t * 7 + i) * 4 + k]) / sigma[k];
                mean += off * off / (7 * (H + 1) * 4);
                component[k] += off * off / (7 * (H + 1));
                step[t] += off * off / (7 * 4);
            }
        }
    }
    assert_true(fabs(e->mean - mean) < 1e-6 * mean);
    for (int k = 0; k < 4; k++) {
        assert_true(fabs(e->component[k] - component[k]) < 1e-6 * component[k]);
    }
    for (int t = 0; t <= H; t++) {
        assert_true(fabs(e->step_mean[t] - step[t]) <= 1e-6 * step[t]);
    }
    assert_int_equal(e->n_diverged, 0);
    tz_evaluation_destroy(e);
    tz_team_destroy(team);
    tz_rollouts_destroy(r);
    toy_dataset_destroy(d);
}

// A mean prediction 2000 sigma away from all episodes but one, which gives 6 of the 18 stretches.
static void diverged_rollouts_are_counted(void **state) {
    (void)state;
    tz_dataset *d = toy_dataset(1, 1, 3, H, 3);
    double *z = (double *)tz_dataset_states(d, 1);
    for (int t = 0; t <= tz_dataset_length(d, 1); t++) {
        z[2 * t] = 2000.0;
        z[2 * t + 1] = 1.0;
    }
    tz_rollouts *r = NULL;
    assert_int_equal(tz_rollouts_pick(&r, d, NULL, 100, H, "toy", NULL), TZ_OK);
    assert_int_equal(r->n, 18);
    tz_team *team = NULL;
    assert_int_equal(tz_team_create(&team, 1, NULL), TZ_OK);
    const float sigma[2] = {1.0f, 1.0f}, far[2] = {2000.0f, 2.0f}, nan_mean[2] = {NAN, 0.0f};
    tz_predictor mean = {.type = TZ_PREDICT_MEAN, .mean = far};
    tz_evaluation *e = NULL;
    assert_int_equal(tz_evaluate(&e, r, &mean, sigma, team, NULL), TZ_OK);
    assert_int_equal(e->n_diverged, 12);
    assert_true(isinf(e->rollout[0]) && isfinite(e->rollout[1]) && isinf(e->median));
    assert_true(fabs(e->mean - 0.5 * H / (H + 1)) < 1e-12);
    tz_evaluation_destroy(e);

    mean.mean = nan_mean;
    assert_int_equal(tz_evaluate(&e, r, &mean, sigma, team, NULL), TZ_OK);
    assert_int_equal(e->n_diverged, 18);
    assert_true(isnan(e->mean) && isinf(e->median));
    tz_evaluation_destroy(e);

    // the bound is 1000 sigma (docs/evaluation.md)
    const float sigma_half[2] = {0.5f, 1.0f}, within[2] = {499.0f, 0.0f},
                beyond[2] = {501.0f, 0.0f};
    memset(r->z, 0, (size_t)((H + 1) * r->n * r->nz) * sizeof *r->z);
    for (int i = 0; i < 2; i++) {
        mean.mean = i == 0 ? within : beyond;
        assert_int_equal(tz_evaluate(&e, r, &mean, sigma_half, team, NULL), TZ_OK);
        assert_int_equal(e->n_diverged, i == 0 ? 0 : 18);
        tz_evaluation_destroy(e);
    }
    tz_team_destroy(team);
    tz_rollouts_destroy(r);
    toy_dataset_destroy(d);
}

static void models_are_evaluated_alike_at_any_number_of_threads(void **state) {
    (void)state;
    tz_dataset *d = toy_dataset(2, 1, EPISODES, 100, 3);
    tz_model_statistics statistics = {0};
    for (int i = 0; i < 4; i++) {
        statistics.z_std[i] = statistics.rate_std[i] = 1.0;
        statistics.z_low[i] = -1.0;
        statistics.z_high[i] = 1.0;
    }
    statistics.u_std[0] = 1.0;
    const tz_task task = toy_task(2, 1);
    tz_model_def def = tz_model_def_default();
    tz_model *model = NULL;
    assert_int_equal(tz_model_create(&model, &def, &task, &statistics, NULL), TZ_OK);
    tz_rollouts *r = NULL;
    assert_int_equal(tz_rollouts_pick(&r, d, NULL, 120, H, "toy", NULL), TZ_OK);
    const tz_predictor predictor = {.type = TZ_PREDICT_MODEL, .model = model};
    tz_evaluation *first = NULL;
    for (int threads = 1; threads <= 3; threads++) {
        tz_team *team = NULL;
        assert_int_equal(tz_team_create(&team, threads, NULL), TZ_OK);
        tz_evaluation *e = NULL;
        assert_int_equal(tz_evaluate(&e, r, &predictor, model->sigma_z, team, NULL), TZ_OK);
        if (threads == 1) {
            first = e;
            assert_true(e->mean > 0.0 && isfinite(e->mean));
        } else {
            assert_memory_equal(e->rollout, first->rollout, 120 * sizeof(double));
            assert_memory_equal(e->step_median, first->step_median, (H + 1) * sizeof(double));
            tz_evaluation_destroy(e);
        }
        tz_team_destroy(team);
    }
    tz_evaluation_destroy(first);
    tz_rollouts_destroy(r);
    tz_model_destroy(model);
    toy_dataset_destroy(d);
}

// A probabilistic node without weights: the state stays, and t steps have the variance t (s dt)^2.
static void likelihood_follows_the_formula(void **state) {
    (void)state;
    enum { N = 70, STEPS = 4, NZ = 4, SIZE = (STEPS + 1) * N * NZ };
    const double s[NZ] = {2.0, 5.0, 10.0, 20.0}, sigma[NZ] = {1.0, 0.5, 2.0, 3.0};
    tz_model_statistics statistics = {0};
    for (int i = 0; i < NZ; i++) {
        statistics.rate_std[i] = s[i];
        statistics.z_std[i] = sigma[i];
    }
    const tz_task task = toy_task(2, 1); // dt 0.1 s
    tz_model_def def = tz_model_def_default();
    def.kind = "node";
    def.probabilistic = true;
    tz_model *model = NULL;
    assert_int_equal(tz_model_create(&model, &def, &task, &statistics, NULL), TZ_OK);
    memset(model->parameters, 0, model->n_parameters * sizeof(float));
    tz_model_prepare(model);
    float z[SIZE], u[STEPS * N] = {0};
    tz_rng rng = tz_rng_stream(4, TZ_PURPOSE_TEST, 0);
    for (int i = 0; i < SIZE; i++) {
        z[i] = (float)tz_rng_normal(&rng);
    }
    const tz_rollouts rollouts = {
        .n = N, .horizon = STEPS, .nz = NZ, .nu = 1, .n_episodes = N, .z = z, .u = u};
    const tz_predictor predictor = {.type = TZ_PREDICT_MODEL, .model = model};
    tz_team *team = NULL;
    tz_evaluation *e = NULL;
    assert_int_equal(tz_team_create(&team, 2, NULL), TZ_OK);
    assert_int_equal(tz_evaluate(&e, &rollouts, &predictor, model->sigma_z, team, NULL), TZ_OK);
    double nll = 0.0, within[2] = {0.0, 0.0};
    for (int k = N * NZ; k < SIZE; k++) {
        const int i = k % NZ, t = k / (N * NZ);
        const double off = (double)z[k] - (double)z[k % (N * NZ)], sd = sqrt(t) * s[i] * 0.1;
        nll += 0.5 * (off * off / (sd * sd) + log(2.0 * M_PI * sd * sd / (sigma[i] * sigma[i])));
        within[0] += fabs(off) <= sd;
        within[1] += fabs(off) <= 2.0 * sd;
    }
    const double n = STEPS * N * NZ;
    assert_true(fabs(e->nll - nll / n) < 1e-6 * fabs(nll / n)); // variances are floats
    assert_true(fabs(e->within[0] - within[0] / n) < 1e-9);
    assert_true(fabs(e->within[1] - within[1] / n) < 1e-9);
    assert_true(isnan(e->step_nll[0]) && isfinite(e->step_nll[1]));
    tz_evaluation_destroy(e);
    tz_team_destroy(team);
    tz_model_destroy(model);
}

// A quaternion and its negative are one rotation: the sign of the true one changes nothing.
static void signs_of_quaternions_do_not_count(void **state) {
    (void)state;
    enum { N = 3, STEPS = 5, NZ = 7, SIZE = (STEPS + 1) * N * NZ };
    tz_task task = {.name = "ball", .nq = 4, .nv = 3, .nu = 1, .dt_s = 0.02};
    tz_model_statistics statistics = {.z_std = {1, 1, 1, 1, 1, 1, 1}};
    for (int i = 0; i < 4; i++) {
        task.coordinate[i] = TZ_COORDINATE_QUATERNION;
    }
    tz_model_def def = tz_model_def_default();
    def.n_hidden = 8;
    tz_model *model = NULL;
    assert_int_equal(tz_model_create(&model, &def, &task, &statistics, NULL), TZ_OK);
    float z[SIZE], u[STEPS * N] = {0};
    tz_rng rng = tz_rng_stream(3, TZ_PURPOSE_TEST, 0);
    for (int i = 0; i < SIZE; i++) {
        z[i] = (float)tz_rng_normal(&rng);
    }
    const tz_rollouts rollouts = {
        .n = N, .horizon = STEPS, .nz = NZ, .nu = 1, .n_episodes = N, .z = z, .u = u};
    const tz_predictor predictor = {.type = TZ_PREDICT_MODEL, .model = model};
    tz_team *team = NULL;
    assert_int_equal(tz_team_create(&team, 1, NULL), TZ_OK);
    tz_evaluation *e[2];
    for (int sign = 0; sign < 2; sign++) {
        assert_int_equal(tz_evaluate(&e[sign], &rollouts, &predictor, model->sigma_z, team, NULL),
                         TZ_OK);
        for (int i = N * NZ; i < SIZE; i++) {
            z[i] = i % NZ < 4 ? -z[i] : z[i];
        }
    }
    assert_true(e[0]->mean > 0.0 && e[0]->mean == e[1]->mean);
    tz_evaluation_destroy(e[0]);
    tz_evaluation_destroy(e[1]);
    tz_team_destroy(team);
    tz_model_destroy(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stretches_are_true_and_even),
        cmocka_unit_test(errors_follow_the_formula),
        cmocka_unit_test(diverged_rollouts_are_counted),
        cmocka_unit_test(models_are_evaluated_alike_at_any_number_of_threads),
        cmocka_unit_test(likelihood_follows_the_formula),
        cmocka_unit_test(signs_of_quaternions_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
