// One step of the trainer: the gradient it follows is that of the loss, its weights do not depend
// on the number of threads, it allocates nothing, and it learns a system that is known.
#include "toy_data.h"
#include "train/trainer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { N_Q = 3, N_U = 2, EPISODES = 8, T = 60 };

typedef struct bench {
    tz_dataset *data;
    unsigned char is_test[EPISODES];
    tz_source source;
    tz_sequences *sequences, *held_out;
    tz_model *model;
    tz_team *team;
    tz_trainer *trainer;
} bench;

static void set_up_form(bench *b, const char *kind, bool probabilistic, int threads,
                        tz_trainer_def def) {
    *b = (bench){.data = toy_dataset(N_Q, N_U, EPISODES, T, 7)};
    b->is_test[EPISODES - 1] = 1;
    b->source = (tz_source){.path = "toy", .dataset = b->data, .is_test = b->is_test};
    assert_int_equal(
        tz_sequences_draw(&b->sequences, &b->source, 1, TZ_PART_TRAIN, 2100, 3, 1, NULL), TZ_OK);
    assert_int_equal(tz_sequences_draw(&b->held_out, &b->source, 1, TZ_PART_TEST, 230, 3, 1, NULL),
                     TZ_OK);
    tz_model_statistics statistics;
    assert_int_equal(tz_training_statistics(&statistics, &b->source, 1, NULL), TZ_OK);
    const tz_task task = toy_task(N_Q, N_U);
    tz_model_def model_def = tz_model_def_default();
    model_def.kind = kind;
    model_def.n_hidden = 32;
    model_def.probabilistic = probabilistic;
    assert_int_equal(tz_model_create(&b->model, &model_def, &task, &statistics, NULL), TZ_OK);
    assert_int_equal(tz_team_create(&b->team, threads, NULL), TZ_OK);
    assert_int_equal(tz_trainer_create(&b->trainer, &def, b->model, b->sequences, b->team, NULL),
                     TZ_OK);
}

static void set_up(bench *b, const char *kind, int threads, tz_trainer_def def) {
    set_up_form(b, kind, false, threads, def);
}

static void tear_down(bench *b) {
    tz_trainer_destroy(b->trainer);
    tz_team_destroy(b->team);
    tz_model_destroy(b->model);
    tz_sequences_destroy(b->sequences);
    tz_sequences_destroy(b->held_out);
    toy_dataset_destroy(b->data);
}

static void same_weights_at_any_number_of_threads(void **state) {
    (void)state;
    for (int k = 0; k < tz_model_kind_count(); k++) {
        float *first = NULL;
        for (int threads = 1; threads <= 3; threads++) {
            bench b;
            tz_trainer_def def = tz_trainer_def_default();
            def.tile = 30; // 200 = 6 * 30 + 20
            def.input_noise = 0.01;
            set_up(&b, tz_model_kind_at(k), threads, def);
            for (int i = 0; i < 25; i++) {
                assert_int_equal(tz_trainer_step(b.trainer).outcome, TZ_TRAIN_OK);
            }
            const size_t bytes = b.model->n_parameters * sizeof(float);
            if (threads == 1) {
                first = tz_alloc(bytes, 1);
                memcpy(first, b.model->parameters, bytes);
            } else {
                assert_memory_equal(first, b.model->parameters, bytes);
            }
            tear_down(&b);
        }
        tz_free(first);
    }
}

// The batch in tiles of 30 is the batch in one tile, up to rounding.
static void tiles_make_up_the_batch(void **state) {
    (void)state;
    double loss[2], norm[2];
    for (int i = 0; i < 2; i++) {
        bench b;
        tz_trainer_def def = tz_trainer_def_default();
        def.tile = i == 0 ? 30 : 200;
        set_up(&b, "node-so", 1, def);
        const tz_train_step step = tz_trainer_step(b.trainer);
        loss[i] = step.loss;
        norm[i] = step.grad_norm;
        tear_down(&b);
    }
    assert_true(fabs(loss[0] - loss[1]) < 1e-5 * loss[1]);
    assert_true(fabs(norm[0] - norm[1]) < 1e-5 * norm[1]);
}

// The states that count grow from the first length to all, and then stay.
static void curriculum_grows_to_the_whole_sequence(void **state) {
    (void)state;
    bench b;
    tz_trainer_def def = tz_trainer_def_default();
    def.epochs = 8;
    def.first_length = 2;
    set_up(&b, "node", 1, def);
    assert_int_equal(tz_trainer_length(b.trainer), 2);
    int last = 2;
    while (!tz_trainer_done(b.trainer)) {
        assert_int_equal(tz_trainer_step(b.trainer).outcome, TZ_TRAIN_OK);
        assert_true(tz_trainer_length(b.trainer) >= last);
        last = tz_trainer_length(b.trainer);
        assert_true(tz_trainer_epoch(b.trainer) < 4 || last == 3);
    }
    assert_int_equal(last, 3);
    tear_down(&b);
}

// A step of a curriculum that counts two states is the step on sequences of these two: the same
// loss and the same gradient, in every bit.
static void curriculum_counts_the_first_states(void **state) {
    (void)state;
    enum { L = 3, NZ = 2 * N_Q };
    bench b;
    tz_trainer_def def = tz_trainer_def_default();
    def.input_noise = 0.1;
    def.first_length = 2;
    set_up(&b, "node-so", 1, def);
    const int n = b.sequences->n;
    tz_sequences shorter = *b.sequences;
    shorter.length = 2;
    shorter.z = tz_alloc((size_t)(n * 2 * NZ), sizeof *shorter.z);
    shorter.u = tz_alloc((size_t)(n * N_U), sizeof *shorter.u);
    for (int i = 0; i < n; i++) {
        memcpy(shorter.z + i * 2 * NZ, b.sequences->z + i * L * NZ, 2 * NZ * sizeof *shorter.z);
        memcpy(shorter.u + i * N_U, b.sequences->u + i * (L - 1) * N_U, N_U * sizeof *shorter.u);
    }
    tz_trainer *other = NULL;
    def.first_length = 0;
    assert_int_equal(tz_trainer_create(&other, &def, b.model, &shorter, b.team, NULL), TZ_OK);
    const size_t bytes = b.model->n_parameters * sizeof(float);
    float *fresh = tz_alloc(bytes, 1);
    memcpy(fresh, b.model->parameters, bytes);
    const tz_train_step expected = tz_trainer_step(other);
    memcpy(b.model->parameters, fresh, bytes);
    tz_model_prepare(b.model);
    const tz_train_step counted = tz_trainer_step(b.trainer);
    assert_true(counted.loss == expected.loss && counted.grad_norm == expected.grad_norm);
    tz_trainer_destroy(other);
    tz_free(fresh);
    tz_free(shorter.z);
    tz_free(shorter.u);
    tear_down(&b);
}

// Without weights a model goes on from where it is put, whatever the state, so noise of s sigma_z
// on the start adds s^2 to the squared error of each of the L - 1 states that are predicted, and
// nothing to that of the start, which the noise moves along. Measuring knows no noise.
static void noise_moves_the_start_alone(void **state) {
    (void)state;
    enum { L = 3, N = 2100 };
    const double s = 10.0;
    double measured[2], stepped[2];
    for (int i = 0; i < 2; i++) {
        bench b;
        tz_trainer_def def = tz_trainer_def_default();
        def.batch = N; // all sequences, so that both losses are of the same ones
        def.input_noise = i * s;
        set_up(&b, "node", 1, def);
        memset(b.model->parameters, 0, b.model->n_parameters * sizeof(float));
        tz_model_prepare(b.model);
        measured[i] = tz_trainer_loss(b.trainer, b.sequences);
        stepped[i] = tz_trainer_step(b.trainer).loss;
        tear_down(&b);
    }
    assert_true(measured[0] == measured[1]);
    // the sums of the tiles come in another order
    assert_true(fabs(stepped[0] - measured[0]) < 1e-5 * measured[0]);
    // five standard errors of the mean of squares of N nz normal numbers
    const double expected = s * s * (L - 1) / L, error = sqrt(2.0 / (N * 2 * N_Q));
    assert_true(fabs((stepped[1] - stepped[0]) / expected - 1.0) < 5.0 * error);
}

// The first moments of the first update are a tenth of the clipped gradient: its norm is the limit,
// that of the variance's gradient too.
static void both_gradients_are_clipped(void **state) {
    (void)state;
    bench b;
    tz_trainer_def def = tz_trainer_def_default();
    def.clip = 1e-4;
    def.weight_decay = 0.0;
    set_up_form(&b, "node", true, 1, def);
    const tz_train_step step = tz_trainer_step(b.trainer);
    assert_true(step.grad_norm > 2.0 * def.clip);
    const tz_trainer_state moments = tz_trainer_get_state(b.trainer);
    const size_t at = b.model->variance_at, n = b.model->n_parameters;
    assert_true(n > at);
    assert_true(fabs(tz_norm_f32(moments.m, at) / (0.1 * def.clip) - 1.0) < 1e-5);
    assert_true(fabs(tz_norm_f32(moments.m + at, n - at) / (0.1 * def.clip) - 1.0) < 1e-5);
    tear_down(&b);
}

// A ball joint: its quaternion and the negative one are one rotation, so the sign of the states to
// come changes neither the loss nor the gradient.
static void signs_of_quaternions_do_not_count(void **state) {
    (void)state;
    enum { N = 60, L = 3, NZ = 7 };
    tz_task task = {.name = "ball", .nq = 4, .nv = 3, .nu = 1, .dt_s = 0.02};
    tz_model_statistics statistics = {.u_std = {1}};
    for (int i = 0; i < NZ; i++) {
        statistics.z_std[i] = statistics.rate_std[i] = 1.0;
    }
    for (int i = 0; i < 4; i++) {
        task.coordinate[i] = TZ_COORDINATE_QUATERNION;
    }
    tz_model_def model_def = tz_model_def_default();
    model_def.n_hidden = 8;
    static float z[N * L * NZ], u[N * (L - 1)];
    tz_rng rng = tz_rng_stream(3, TZ_PURPOSE_TEST, 0);
    tz_rng_fill_normal_f32(&rng, z, N * L * NZ);
    const tz_sequences sequences = {.n = N, .length = L, .nz = NZ, .nu = 1, .z = z, .u = u};
    tz_trainer_def def = tz_trainer_def_default();
    def.batch = N;
    tz_team *team = NULL;
    assert_int_equal(tz_team_create(&team, 1, NULL), TZ_OK);
    double loss[2], norm[2], measured[2];
    for (int sign = 0; sign < 2; sign++) {
        tz_model *model = NULL;
        tz_trainer *trainer = NULL;
        assert_int_equal(tz_model_create(&model, &model_def, &task, &statistics, NULL), TZ_OK);
        assert_int_equal(tz_trainer_create(&trainer, &def, model, &sequences, team, NULL), TZ_OK);
        measured[sign] = tz_trainer_loss(trainer, &sequences);
        const tz_train_step step = tz_trainer_step(trainer);
        loss[sign] = step.loss;
        norm[sign] = step.grad_norm;
        tz_trainer_destroy(trainer);
        tz_model_destroy(model);
        for (int i = 0; i < N * L * NZ; i++) {
            const bool is_start = i / NZ % L == 0;
            z[i] = i % NZ < 4 && !is_start ? -z[i] : z[i];
        }
    }
    tz_team_destroy(team);
    assert_true(loss[0] > 0.0 && loss[0] == loss[1] && norm[0] == norm[1]);
    assert_true(measured[0] == measured[1]);
}

// The regulariser adds weight times the symplectic error to the loss, and descending along its
// gradient makes the error smaller.
static void regulariser_joins_the_loss(void **state) {
    (void)state;
    static const double weights[] = {0.0, 0.5};
    double loss[2], before = 0.0, after[2];
    for (int i = 0; i < 2; i++) {
        bench b;
        tz_trainer_def def = tz_trainer_def_default();
        def.batch = 2100; // all sequences: the loss and the error are of the same states
        def.symplectic = weights[i];
        set_up(&b, "node-so-mass", 2, def);
        before = tz_trainer_symplectic_error(b.trainer);
        loss[i] = tz_trainer_step(b.trainer).loss;
        for (int step = 0; step < 20; step++) {
            assert_int_equal(tz_trainer_step(b.trainer).outcome, TZ_TRAIN_OK);
        }
        after[i] = tz_trainer_symplectic_error(b.trainer);
        tear_down(&b);
    }
    assert_true(before > 0.0);
    assert_true(fabs(loss[1] - loss[0] - weights[1] * before) < 1e-6 * loss[1]);
    assert_true(after[1] < 0.9 * before && after[1] < after[0]);
}

// Mean of (zhat - z)^2 / V over held-out sequences: 1 where the variance is right.
static double normalised_square(bench *b) {
    enum { L = 3, NZ = 2 * N_Q };
    const int n = b->held_out->n;
    float *z0 = tz_alloc((size_t)(n * NZ), sizeof *z0), *u = tz_alloc((size_t)(2 * n * N_U), 4);
    float *zhat = tz_alloc((size_t)(L * n * NZ), 4), *V = tz_alloc((size_t)(L * n * NZ), 4);
    for (int i = 0; i < n; i++) {
        memcpy(z0 + i * NZ, b->held_out->z + i * L * NZ, NZ * sizeof *z0);
        for (int t = 0; t < L - 1; t++) {
            memcpy(u + (t * n + i) * N_U, b->held_out->u + (i * (L - 1) + t) * N_U, N_U * 4);
        }
    }
    tz_model_workspace *ws = NULL;
    assert_int_equal(tz_model_workspace_create(&ws, b->model, n, L - 1, false, NULL), TZ_OK);
    tz_model_rollout(b->model, ws, zhat, z0, u, L - 1, n);
    tz_model_variance(b->model, ws, V, zhat, u, L - 1, n);
    double sum = 0.0;
    for (int t = 1; t < L; t++) {
        for (int k = 0; k < n * NZ; k++) {
            const int at = t * n * NZ + k;
            const double z = (double)b->held_out->z[(k / NZ * L + t) * NZ + k % NZ];
            sum += ((double)zhat[at] - z) * ((double)zhat[at] - z) / (double)V[at];
        }
    }
    tz_model_workspace_destroy(b->model, ws);
    tz_free(z0);
    tz_free(u);
    tz_free(zhat);
    tz_free(V);
    return sum / ((L - 1) * n * NZ);
}

// A variance is learned beside the prediction, whose weights end in the same bits as without.
static void variance_leaves_the_prediction_alone(void **state) {
    (void)state;
    static const char *const kinds[] = {"node", "node-so"};
    tz_trainer_def def = tz_trainer_def_default();
    def.epochs = 30;
    def.lr = 1e-2;
    def.input_noise = 0.1;
    for (size_t k = 0; k < TZ_COUNTOF(kinds); k++) {
        bench plain, b;
        set_up(&plain, kinds[k], 1, def);
        set_up_form(&b, kinds[k], true, 2, def);
        while (!tz_trainer_done(b.trainer)) {
            const tz_train_step alone = tz_trainer_step(plain.trainer);
            const size_t before = tz_alloc_count();
            const tz_train_step beside = tz_trainer_step(b.trainer);
            assert_int_equal(tz_alloc_count(), before);
            assert_int_equal(beside.outcome, TZ_TRAIN_OK);
            assert_true(alone.loss == beside.loss && alone.grad_norm == beside.grad_norm);
        }
        assert_memory_equal(plain.model->parameters, b.model->parameters,
                            plain.model->n_parameters * sizeof(float));
        const double ratio = normalised_square(&b);
        if (!(ratio > 0.5 && ratio < 2.0)) {
            fail_msg("%s: squared errors are %g times the variance", kinds[k], ratio);
        }
        tear_down(&plain);
        tear_down(&b);
    }
}

static void a_step_allocates_nothing(void **state) {
    (void)state;
    bench b;
    set_up(&b, "node", 2, tz_trainer_def_default());
    tz_trainer_step(b.trainer);
    const size_t before = tz_alloc_count();
    for (int i = 0; i < 12; i++) { // over the end of an epoch
        tz_trainer_step(b.trainer);
    }
    tz_trainer_loss(b.trainer, b.held_out);
    assert_int_equal(tz_alloc_count(), before);
    tear_down(&b);
}

static void learns_a_known_system(void **state) {
    (void)state;
    for (int k = 0; k < tz_model_kind_count(); k++) {
        bench b;
        tz_trainer_def def = tz_trainer_def_default();
        def.epochs = 40;
        def.lr = 5e-3;
        set_up(&b, tz_model_kind_at(k), 2, def);
        const double before = tz_trainer_loss(b.trainer, b.held_out);
        while (!tz_trainer_done(b.trainer)) {
            assert_int_equal(tz_trainer_step(b.trainer).outcome, TZ_TRAIN_OK);
        }
        const double after = tz_trainer_loss(b.trainer, b.held_out);
        assert_int_equal(tz_trainer_epoch(b.trainer), 40);
        // what symoden-study says of velocities is wrong and cannot be learned
        const bool can_learn = strcmp(tz_model_kind_at(k), "symoden-study") != 0;
        if (!(after < (can_learn ? 0.02 : 0.2) * before)) {
            fail_msg("%s: held-out loss %g before, %g after", tz_model_kind_at(k), before, after);
        }
        tear_down(&b);
    }
}

// A step that meets a NaN says so and changes nothing.
static void nonfinite_changes_nothing(void **state) {
    (void)state;
    bench b;
    set_up(&b, "node-so", 2, tz_trainer_def_default());
    tz_trainer_step(b.trainer);
    const size_t bytes = b.model->n_parameters * sizeof(float);
    float *before = tz_alloc(bytes, 1);
    memcpy(before, b.model->parameters, bytes);
    for (int i = 0; i < b.sequences->n; i++) {
        b.sequences->z[(i * 3 + 2) * 2 * N_Q] = NAN;
    }
    assert_int_equal(tz_trainer_step(b.trainer).outcome, TZ_TRAIN_NONFINITE);
    assert_memory_equal(before, b.model->parameters, bytes);
    assert_int_equal(tz_trainer_step_in_epoch(b.trainer), 1);
    tz_free(before);
    tear_down(&b);
}

// So does one whose gradient is finite and its squares are not, but for a clipped one.
static void a_gradient_too_large_changes_nothing(void **state) {
    (void)state;
    for (int is_clipped = 0; is_clipped < 2; is_clipped++) {
        bench b;
        tz_trainer_def def = tz_trainer_def_default();
        def.clip = is_clipped ? 1.0 : 0.0;
        set_up(&b, "node-so", 2, def);
        // a velocity that hardly varies, and is far off
        tz_trainer_destroy(b.trainer);
        b.model->sigma_z[N_Q] = 1e-6f;
        assert_int_equal(tz_trainer_create(&b.trainer, &def, b.model, b.sequences, b.team, NULL),
                         TZ_OK);
        for (int i = 0; i < b.sequences->n; i++) {
            b.sequences->z[(i * 3 + 2) * 2 * N_Q + N_Q] = 1e12f;
        }
        const tz_train_step step = tz_trainer_step(b.trainer);
        assert_true(isfinite(step.loss) && isfinite(step.grad_norm) && step.grad_norm > 1e18);
        assert_int_equal(step.outcome, is_clipped ? TZ_TRAIN_OK : TZ_TRAIN_NONFINITE);
        const float *v = tz_trainer_get_state(b.trainer).v;
        for (size_t i = 0; i < b.model->n_parameters; i++) {
            assert_true(isfinite(v[i]));
        }
        tear_down(&b);
    }
}

static void refuses_bad_definitions(void **state) {
    (void)state;
    bench b;
    set_up(&b, "node-so", 1, tz_trainer_def_default());
    tz_trainer *trainer = NULL;
    tz_error error;
    tz_trainer_def def = tz_trainer_def_default();
    def.batch = 2101;
    assert_int_equal(tz_trainer_create(&trainer, &def, b.model, b.sequences, b.team, &error),
                     TZ_ERR_ARGUMENT);
    assert_string_equal(error.text, "2100 sequences do not fill a batch of 2101");
    def = tz_trainer_def_default();
    def.lr = NAN;
    assert_int_equal(tz_trainer_create(&trainer, &def, b.model, b.sequences, b.team, &error),
                     TZ_ERR_ARGUMENT);
    def = tz_trainer_def_default();
    def.symplectic = 1.0;
    assert_int_equal(tz_trainer_create(&trainer, &def, b.model, b.sequences, b.team, &error),
                     TZ_ERR_UNSUPPORTED);
    assert_string_equal(error.text, "node-so has no symplectic regulariser");
    const tz_trainer_def zero = {0};
    assert_int_equal(tz_trainer_create(&trainer, &zero, b.model, b.sequences, b.team, &error),
                     TZ_ERR_ARGUMENT);
    assert_null(trainer);
    tear_down(&b);
}

// Every allocation of create may fail: nothing leaks.
static void survives_memory_failure(void **state) {
    (void)state;
    bench b;
    set_up(&b, "node-so", 2, tz_trainer_def_default());
    const size_t live = tz_alloc_live();
    const tz_trainer_def def = tz_trainer_def_default();
    tz_status status = TZ_ERR_MEMORY;
    for (size_t n = 1; status != TZ_OK; n++) {
        tz_trainer *trainer = NULL;
        tz_alloc_fail_after(n);
        status = tz_trainer_create(&trainer, &def, b.model, b.sequences, b.team, NULL);
        tz_alloc_fail_after(0);
        assert_true(status == TZ_OK || status == TZ_ERR_MEMORY);
        tz_trainer_destroy(trainer);
        assert_int_equal(tz_alloc_live(), live);
    }
    tear_down(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_weights_at_any_number_of_threads),
        cmocka_unit_test(tiles_make_up_the_batch),
        cmocka_unit_test(curriculum_grows_to_the_whole_sequence),
        cmocka_unit_test(curriculum_counts_the_first_states),
        cmocka_unit_test(noise_moves_the_start_alone),
        cmocka_unit_test(both_gradients_are_clipped),
        cmocka_unit_test(signs_of_quaternions_do_not_count),
        cmocka_unit_test(regulariser_joins_the_loss),
        cmocka_unit_test(variance_leaves_the_prediction_alone),
        cmocka_unit_test(a_step_allocates_nothing),
        cmocka_unit_test(learns_a_known_system),
        cmocka_unit_test(nonfinite_changes_nothing),
        cmocka_unit_test(a_gradient_too_large_changes_nothing),
        cmocka_unit_test(refuses_bad_definitions),
        cmocka_unit_test(survives_memory_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
