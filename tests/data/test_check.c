// Statistics against sums by hand, a planted fault for every rule, and replay.
#include "base/memory.h"
#include "command.h"
#include "data/check.h"
#include "sample.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char root[TZ_PATH_MAX];
static const char *sample;

static int make(void **state) {
    (void)state;
    sample_folder(root);
    sample = sample_join(root, "sample");
    return 0;
}

static int clean(void **state) {
    (void)state;
    sample_remove(root);
    return 0;
}

// The sample, fresh for each test that damages it.
static int write_sample(void **state) {
    (void)state;
    sample_remove(sample);
    sample_write(sample);
    return 0;
}

// ---- statistics

static void statistics(void **state) {
    (void)state;
    tz_dataset *d;
    assert_int_equal(tz_dataset_read(&d, sample, NULL, NULL), TZ_OK);
    tz_dataset_summary s;
    tz_dataset_summarise(d, &s);
    assert_int_equal(s.episodes, SAMPLE_EPISODES);
    assert_int_equal(s.steps, 2 * SAMPLE_STEPS + 5);
    assert_true(s.length_mean == 15.0);
    assert_int_equal(s.length_low, 5);
    assert_int_equal(s.length_high, SAMPLE_STEPS);
    assert_int_equal(s.terminated, 0);
    assert_int_equal(s.truncated, SAMPLE_EPISODES);
    assert_int_equal(s.unstable, 0);

    double returns[SAMPLE_EPISODES], mean = 0, squares = 0;
    for (int e = 0; e < SAMPLE_EPISODES; e++) {
        returns[e] = tz_dataset_return(d, e);
        mean += returns[e] / SAMPLE_EPISODES;
    }
    for (int e = 0; e < SAMPLE_EPISODES; e++) {
        squares += (returns[e] - mean) * (returns[e] - mean);
    }
    assert_true(fabs(s.return_mean - mean) < 1e-12);
    assert_true(fabs(s.return_std - sqrt(squares / SAMPLE_EPISODES)) < 1e-12);

    // Coordinate 10 over all states, control 3 over all transitions.
    const size_t states = d->n_steps + SAMPLE_EPISODES;
    double sum = 0, spread = 0, low = INFINITY;
    for (size_t i = 0; i < states; i++) {
        sum += d->z[i * 18 + 10];
        low = fmin(low, d->z[i * 18 + 10]);
    }
    for (size_t i = 0; i < states; i++) {
        spread += pow(d->z[i * 18 + 10] - sum / (double)states, 2);
    }
    assert_true(s.z[10].low == low);
    assert_true(fabs(s.z[10].mean - sum / (double)states) < 1e-12);
    assert_true(fabs(s.z[10].std - sqrt(spread / (double)states)) < 1e-12);
    double high = -INFINITY;
    for (size_t i = 0; i < d->n_steps; i++) {
        high = fmax(high, (double)d->u[i * 6 + 3]);
    }
    assert_true(s.u[3].high == high);
    tz_dataset_destroy(d);
}

// ---- rules

typedef struct found {
    int n;
    tz_fault first;
} found;

static void take(void *context, const tz_fault *fault) {
    found *f = context;
    if (f->n++ == 0) {
        f->first = *fault;
    }
}

static found validate(void) {
    found f = {0};
    tz_dataset *dataset;
    tz_error error = {0};
    if (tz_dataset_read_tolerant(&dataset, sample, NULL, take, &f, &error) != TZ_OK ||
        tz_dataset_validate(dataset, NULL, take, &f, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    tz_dataset_destroy(dataset);
    return f;
}

static void expect_fault(const char *rule, int episode, long step) {
    const found f = validate();
    assert_true(f.n > 0);
    if (strcmp(f.first.rule, rule) != 0 || f.first.episode != episode || f.first.step != step) {
        fail_msg("%s, episode %d, step %ld: %s (expected %s, %d, %ld)", f.first.rule,
                 f.first.episode, f.first.step, f.first.text, rule, episode, step);
    }
}

static void a_whole_dataset_keeps_every_rule(void **state) {
    (void)state;
    assert_int_equal(validate().n, 0);
}

static void a_changed_reward_is_found(void **state) {
    (void)state;
    tz_dataset *dataset;
    assert_int_equal(tz_dataset_read(&dataset, sample, NULL, NULL), TZ_OK);
    const double reward = dataset->reward[dataset->step_offset[1] + 7];
    tz_dataset_destroy(dataset);
    sample_poke(sample, "episode_1/rewards", 7, reward + 1e-7);
    expect_fault("reward", 1, 7);
}

static void a_changed_state_is_found(void **state) {
    (void)state;
    sample_poke(sample, "episode_0/observations", 9 * 18 + 0, 5.0);
    expect_fault("reward", 0, 8); // the transition into it, by the distance run
}

static void a_control_out_of_range_is_found(void **state) {
    (void)state;
    sample_poke(sample, "episode_2/actions", 3 * 6 + 1, 1.25);
    expect_fault("control_range", 2, 3);
}

static void values_that_are_not_finite_are_found(void **state) {
    (void)state;
    sample_poke(sample, "episode_0/observations", 20 * 18 + 17, NAN); // in the last row
    expect_fault("finite", 0, 20);
}

// However many there are in an array, they are one fault: a file cannot make a flood of them.
static void values_of_one_array_are_one_fault(void **state) {
    (void)state;
    for (int t = 3; t < 9; t++) {
        sample_poke(sample, "episode_1/observations", (size_t)t * 18 + 5, INFINITY);
    }
    tz_dataset *dataset;
    found f = {0};
    assert_int_equal(tz_dataset_read_tolerant(&dataset, sample, NULL, take, &f, NULL), TZ_OK);
    tz_dataset_destroy(dataset);
    assert_int_equal(f.n, 1);
    assert_string_equal(f.first.text,
                        "observations[3][5] is inf, the first of 6 that are not finite");
}

static void a_wrong_end_is_found(void **state) {
    (void)state;
    sample_poke(sample, "episode_1/truncations", 4, 1);
    expect_fault("ends", 1, 4);
}

static void an_end_that_the_task_does_not_know_is_found(void **state) {
    (void)state;
    sample_poke(sample, "episode_0/terminations", 19, 1);
    expect_fault("terminated", 0, 19);
}

static void an_episode_without_end_is_found(void **state) {
    (void)state;
    sample_poke(sample, "episode_2/truncations", 4, 0);
    expect_fault("ends", 2, 4);
}

static void a_limit_without_truncation_is_found(void **state) {
    (void)state;
    sample_poke(sample, "episode_0/truncations", 19, 0);
    expect_fault("ends", 0, 19);
}

static void wrong_flags_are_found(void **state) {
    (void)state;
    sample_poke(sample, "episode_0/truncations", 2, 3);
    expect_fault("flags", 0, 2);
}

static void a_missing_state_is_found(void **state) {
    (void)state;
    const hid_t file = sample_open(sample);
    const hid_t array = H5Dopen2(file, "episode_1/observations", H5P_DEFAULT);
    const hsize_t rows[2] = {SAMPLE_STEPS, 18};
    H5Dset_extent(array, rows);
    H5Dclose(array);
    H5Fclose(file);
    expect_fault("shape", 1, -1);
}

static void a_missing_array_is_found(void **state) {
    (void)state;
    const hid_t file = sample_open(sample);
    H5Ldelete(file, "episode_2/actions", H5P_DEFAULT);
    H5Fclose(file);
    expect_fault("missing", 2, -1);
}

static void gaps_in_the_ids_are_found(void **state) {
    (void)state;
    const hid_t file = sample_open(sample);
    H5Lmove(file, "episode_0", file, "episode_9", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    expect_fault("ids", 0, -1);
}

// Every fault is told, not only the first.
static void all_faults_are_told(void **state) {
    (void)state;
    for (size_t t = 0; t < 5; t++) {
        sample_poke(sample, "episode_2/actions", t * 6, 7);
    }
    const found f = validate();
    assert_int_equal(f.n, 10); // five ranges, and the rewards that pay for the controls
}

static void count_quaternions(void *context, const tz_fault *fault) {
    *(int *)context += strcmp(fault->rule, "quaternion") == 0;
}

static void expect_quaternion_faults(const tz_dataset *dataset, int expected) {
    tz_error error = {0};
    int n = 0;
    assert_int_equal(tz_dataset_validate(dataset, NULL, count_quaternions, &n, &error), TZ_OK);
    assert_int_equal(n, expected);
}

// Ant's torso is a free joint: nq = nv + 1.
static void quaternions_out_of_order_are_found(void **state) {
    (void)state;
    tz_env_def def = tz_env_def_default();
    def.name = "ant";
    def.max_episode_steps = 3;
    tz_env *env;
    tz_episode_recorder *recorder;
    tz_writer *writer;
    tz_dataset *dataset;
    tz_error error = {0};
    const char *folder = sample_join(root, "ant");
    tz_writer_def writing = tz_writer_def_default();
    writing.folder = folder;
    writing.config_json = "{}";
    assert_int_equal(tz_env_create(&env, &def, &error), TZ_OK);
    assert_int_equal(tz_episode_recorder_create(&recorder, tz_env_task(env), 3, &error), TZ_OK);
    assert_int_equal(tz_writer_create(&writer, &writing, tz_env_task(env), &error), TZ_OK);
    const tz_episode episode = sample_episode(env, recorder, 0, 3);
    assert_int_equal(tz_writer_put(writer, 0, &episode, &error), TZ_OK);
    assert_int_equal(tz_writer_finish(writer, 1, &error), TZ_OK);
    assert_int_equal(tz_dataset_read(&dataset, folder, NULL, &error), TZ_OK);

    // whole, then the third state's quaternion turned around, then too long
    found f = {0};
    assert_int_equal(tz_dataset_validate(dataset, NULL, take, &f, &error), TZ_OK);
    assert_int_equal(f.n, 0);
    double *q = dataset->z + 2 * dataset->nz + 3;
    for (int i = 0; i < 4; i++) {
        q[i] = -q[i];
    }
    expect_quaternion_faults(dataset, 2); // into it and out of it
    for (int i = 0; i < 4; i++) {
        q[i] *= -1.00001;
    }
    expect_quaternion_faults(dataset, 1);
    tz_dataset_destroy(dataset);
    tz_writer_destroy(writer);
    tz_episode_recorder_destroy(recorder);
    tz_env_destroy(env);
}

static void count_reward_faults(void *context, const tz_fault *fault) {
    *(int *)context += strcmp(fault->rule, "reward") == 0;
}

// The ant's reward holds a cost of contacts that z does not know: what it may be at most is known.
static void a_reward_out_of_bounds_is_found(void **state) {
    (void)state;
    const char *ants = sample_join(root, "ants-v0");
    assert_int_equal(trapeze("collect --env ant --policy random --episodes 2 --steps 30 --seed 1 "
                             "--out %s --quiet",
                             ants),
                     0);
    static const double change[] = {0, 0.3, -0.3, 0.7, -0.7};
    tz_dataset *d;
    assert_int_equal(tz_dataset_read(&d, ants, NULL, NULL), TZ_OK);
    for (size_t i = 0; i < TZ_COUNTOF(change); i++) {
        int faults = 0;
        const double kept = d->reward[7];
        d->reward[7] += change[i];
        assert_int_equal(tz_dataset_validate(d, NULL, count_reward_faults, &faults, NULL), TZ_OK);
        assert_int_equal(faults, fabs(change[i]) > 0.5 ? 1 : 0);
        d->reward[7] = kept;
    }
    tz_dataset_destroy(d);
}

static void an_unknown_environment_cannot_be_validated(void **state) {
    (void)state;
    tz_dataset *dataset;
    assert_int_equal(tz_dataset_read(&dataset, sample, NULL, NULL), TZ_OK);
    dataset->env[0] = '\0';
    found f = {0};
    tz_error error = {0};
    assert_int_equal(tz_dataset_validate(dataset, NULL, take, &f, &error), TZ_ERR_ARGUMENT);
    assert_non_null(strstr(error.text, "--env"));
    tz_dataset_destroy(dataset);
}

// ---- replay

static void replay(tz_replayed replays[SAMPLE_EPISODES], int threads, bool forget_seeds) {
    tz_dataset *dataset;
    tz_team *team;
    assert_int_equal(tz_dataset_read(&dataset, sample, NULL, NULL), TZ_OK);
    assert_int_equal(tz_team_create(&team, threads, NULL), TZ_OK);
    for (int e = 0; forget_seeds && e < SAMPLE_EPISODES; e++) {
        dataset->origin[e].known = false;
    }
    assert_int_equal(tz_dataset_replay(dataset, NULL, replays, team, NULL), TZ_OK);
    tz_team_destroy(team);
    tz_dataset_destroy(dataset);
}

static void replay_from_the_seed_is_exact(void **state) {
    (void)state;
    tz_replayed one[SAMPLE_EPISODES], two[SAMPLE_EPISODES];
    replay(one, 1, false);
    replay(two, 2, false);
    for (int e = 0; e < SAMPLE_EPISODES; e++) {
        assert_true(one[e].from_reset && one[e].start_equal);
        assert_true(one[e].max_difference == 0 && one[e].final_difference == 0);
        assert_int_equal(one[e].steps_within[0], one[e].T);
        assert_int_equal(two[e].steps_within[0], two[e].T);
    }
}

static void replay_without_a_seed_starts_at_the_first_state(void **state) {
    (void)state;
    tz_replayed replays[SAMPLE_EPISODES];
    replay(replays, 1, true);
    for (int e = 0; e < SAMPLE_EPISODES; e++) {
        assert_false(replays[e].from_reset);
        assert_true(replays[e].steps_within[2] >= 1);
    }
}

static void replay_finds_where_a_control_was_changed(void **state) {
    (void)state;
    sample_poke(sample, "episode_1/actions", 10 * 6, 0.999);
    tz_replayed replays[SAMPLE_EPISODES];
    replay(replays, 1, false);
    assert_int_equal(replays[0].steps_within[0], SAMPLE_STEPS);
    assert_int_equal(replays[1].steps_within[0], 10);
    assert_int_equal(replays[1].steps_within[2], 10);
    assert_true(replays[1].final_difference > 1e-3);
}

#define FRESH(test) cmocka_unit_test_setup(test, write_sample)

int main(void) {
    const struct CMUnitTest tests[] = {
        FRESH(statistics),
        FRESH(a_whole_dataset_keeps_every_rule),
        FRESH(a_changed_reward_is_found),
        FRESH(a_changed_state_is_found),
        FRESH(a_control_out_of_range_is_found),
        FRESH(values_that_are_not_finite_are_found),
        FRESH(values_of_one_array_are_one_fault),
        FRESH(a_wrong_end_is_found),
        FRESH(an_end_that_the_task_does_not_know_is_found),
        FRESH(an_episode_without_end_is_found),
        FRESH(a_limit_without_truncation_is_found),
        FRESH(wrong_flags_are_found),
        FRESH(a_missing_state_is_found),
        FRESH(a_missing_array_is_found),
        FRESH(gaps_in_the_ids_are_found),
        FRESH(all_faults_are_told),
        FRESH(quaternions_out_of_order_are_found),
        cmocka_unit_test(a_reward_out_of_bounds_is_found),
        FRESH(an_unknown_environment_cannot_be_validated),
        FRESH(replay_from_the_seed_is_exact),
        FRESH(replay_without_a_seed_starts_at_the_first_state),
        FRESH(replay_finds_where_a_control_was_changed),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
