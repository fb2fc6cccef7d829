// Reading: what was written comes back bit for bit, and a table of damaged files is refused with a
// sentence that names the place.
#include "base/memory.h"
#include "base/rng.h"
#include "sample.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

// A damaged size makes HDF5 ask for absurd memory; under the sanitizers too it shall be told that
// there is none.
TZ_API const char *__asan_default_options(void);
TZ_API const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}
TZ_API const char *__tsan_default_options(void);
TZ_API const char *__tsan_default_options(void) {
    return "allocator_may_return_null=1";
}

static char root[TZ_PATH_MAX];
static char sample[TZ_PATH_MAX]; // the sample as it was written

static int make(void **state) {
    (void)state;
    sample_folder(root);
    assert_int_equal(tz_path_join(sample, root, "sample-v3", NULL), TZ_OK);
    sample_write(sample);
    return 0;
}

static int clean(void **state) {
    (void)state;
    sample_remove(root);
    return 0;
}

// A fresh copy of the sample to be damaged.
static const char *copy_sample(void) {
    const char *copy = sample_join(root, "copy");
    sample_remove(copy);
    tz_error error = {0};
    assert_int_equal(tz_make_folders(sample_join(copy, "data"), &error), TZ_OK);
    const char *names[] = {"data/main_data.hdf5", "data/metadata.json"};
    for (size_t i = 0; i < TZ_COUNTOF(names); i++) {
        char *content;
        size_t size;
        assert_int_equal(
            tz_file_read(sample_join(sample, names[i]), &content, &size, 1 << 26, &error), TZ_OK);
        assert_int_equal(tz_file_write(sample_join(copy, names[i]), content, size, &error), TZ_OK);
        tz_free(content);
    }
    return copy;
}

// ---- round trip

static void reads_a_folder(void **state) {
    (void)state;
    tz_dataset *dataset;
    tz_error error = {0};
    assert_int_equal(tz_dataset_read(&dataset, sample, NULL, &error), TZ_OK);
    sample_expect(dataset);
    assert_string_equal(dataset->config, "{\"sample\":true}");
    char digest[65];
    assert_int_equal(tz_file_sha256(sample_join(sample, "data/main_data.hdf5"), digest, &error),
                     TZ_OK);
    assert_string_equal(dataset->sha256, digest);
    tz_dataset_destroy(dataset);
}

static void reads_a_bare_file(void **state) {
    (void)state;
    tz_dataset *dataset;
    tz_error error = {0};
    const char *file = sample_join(sample, "data/main_data.hdf5");
    assert_int_equal(tz_dataset_read(&dataset, file, "half_cheetah", &error), TZ_OK);
    sample_expect(dataset);
    tz_dataset_destroy(dataset);
}

static void frees_everything(void **state) {
    (void)state;
    const size_t live = tz_alloc_live();
    tz_dataset *dataset;
    assert_int_equal(tz_dataset_read(&dataset, sample, NULL, NULL), TZ_OK);
    tz_dataset_destroy(dataset);
    assert_int_equal(tz_alloc_live(), live);
}

static void survives_lack_of_memory(void **state) {
    (void)state;
    const size_t live = tz_alloc_live(), before = tz_alloc_count();
    tz_dataset *dataset;
    assert_int_equal(tz_dataset_read(&dataset, sample, NULL, NULL), TZ_OK);
    tz_dataset_destroy(dataset);
    const size_t needed = tz_alloc_count() - before;
    for (size_t n = 1; n <= needed; n++) {
        tz_error error = {0};
        tz_alloc_fail_after(n);
        const tz_status status = tz_dataset_read(&dataset, sample, NULL, &error);
        tz_alloc_fail_after(0);
        assert_int_not_equal(status, TZ_OK);
        assert_null(dataset);
        assert_int_equal(tz_alloc_live(), live);
    }
}

// ---- refusals

// Reading must fail with this status and a sentence that contains `words`.
static void expect_refused(const char *path, const char *env, tz_status status, const char *words) {
    const size_t live = tz_alloc_live();
    tz_dataset *dataset;
    tz_error error = {0};
    const tz_status found = tz_dataset_read(&dataset, path, env, &error);
    if (found != status || !strstr(error.text, words)) {
        fail_msg("status %d, \"%s\" (expected %d, \"%s\")", found, error.text, status, words);
    }
    assert_null(dataset);
    assert_int_equal(tz_alloc_live(), live);
}

static void refuses_what_is_not_there(void **state) {
    (void)state;
    expect_refused(sample_join(root, "nothing"), NULL, TZ_ERR_IO, "nothing: no such dataset");
    expect_refused(root, NULL, TZ_ERR_IO, "expected data/main_data.hdf5");
}

static void refuses_other_kinds(void **state) {
    (void)state;
    const char *file = sample_join(root, "text");
    assert_int_equal(tz_file_write(file, "hello", 5, NULL), TZ_OK);
    expect_refused(file, NULL, TZ_ERR_FORMAT, "text: not an HDF5 file");
    const hid_t other = H5Fcreate(file, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(other);
    expect_refused(file, NULL, TZ_ERR_FORMAT, "holds no groups episode_0");
    unlink(file);
}

// Puts an env_spec of HalfCheetah with these arguments into the copy's metadata.json, and an
// attribute of the file (Nullable); the file keeps its own environment unless it is taken away.
static const char *copy_with_arguments(const char *kwargs, const char *attribute, bool keeps_env) {
    const char *copy = copy_sample();
    char text[1024];
    snprintf(text, sizeof text,
             "{\"total_episodes\": 3, \"env_spec\": \"{\\\"id\\\": \\\"HalfCheetah-v5\\\", "
             "\\\"kwargs\\\": %s}\"}",
             kwargs);
    assert_int_equal(
        tz_file_write(sample_join(copy, "data/metadata.json"), text, strlen(text), NULL), TZ_OK);
    const hid_t file = sample_open(copy);
    if (!keeps_env) {
        assert_true(H5Adelete(file, "env") >= 0);
    }
    if (attribute != NULL) {
        const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
        H5Tset_size(type, strlen(attribute) + 1);
        const hid_t made = H5Acreate2(file, "env_arguments", type, space, H5P_DEFAULT, H5P_DEFAULT);
        assert_true(H5Awrite(made, type, attribute) >= 0);
        H5Aclose(made);
        H5Sclose(space);
        H5Tclose(type);
    }
    H5Fclose(file);
    return copy;
}

static void expect_arguments(const char *path, const char *expected) {
    tz_dataset *dataset;
    tz_env *env;
    tz_error error = {0};
    if (tz_dataset_read(&dataset, path, NULL, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    assert_string_equal(dataset->env_arguments, expected);
    assert_int_equal(tz_dataset_need_env(&env, dataset, path, &error), TZ_OK);
    assert_string_equal(tz_env_task(env)->env_arguments, expected);
    tz_env_destroy(env);
    tz_dataset_destroy(dataset);
}

// The file's own word counts, then that of metadata.json where it names the environment, in the
// form that a task has.
static void reads_arguments(void **state) {
    (void)state;
    static const char *const theirs = "{\\\"ctrl_cost_weight\\\": 2, \\\"frame_skip\\\": 5, "
                                      "\\\"reset_noise_scale\\\": 0.1}";
    expect_arguments(sample, "");
    expect_arguments(copy_with_arguments(theirs, NULL, true), "");
    expect_arguments(copy_with_arguments(theirs, NULL, false), "ctrl_cost_weight=2");
    expect_arguments(copy_with_arguments(theirs, "ctrl_cost_weight=3.0", false),
                     "ctrl_cost_weight=3");
    expect_arguments(copy_with_arguments("{}", "ctrl_cost_weight=0.1", true), "");
}

static void refuses_bad_arguments(void **state) {
    (void)state;
    static const struct {
        const char *kwargs, *attribute, *words;
    } cases[] = {
        {"{\\\"ctrl_cost_weight\\\": \\\"much\\\"}", NULL,
         "metadata.json: argument ctrl_cost_weight of env_spec is much; expected a number"},
        {"{\\\"ctrl_cost_weight\\\": null}", NULL, "expected a number, two numbers"},
        {"{\\\"ctrl_cost_weight\\\": [1, 2, 3]}", NULL, "expected a number, two numbers"},
        {"{\\\"ctrl_cost_weight\\\": [1, {}]}", NULL, "expected a number, two numbers"},
        {"{\\\"ctrl_cost_weight\\\": [1, 2]}", NULL,
         "main_data.hdf5: half_cheetah: ctrl_cost_weight is \"1:2\"; expected a finite number"},
        {"{\\\"ctrl_cost_weight\\\": NaN}", NULL, "expected a finite number"},
        {"{\\\"reset_noise_scale\\\": -1}", NULL, "expected a finite number of at least 0"},
        {"{}", "wings=2", "main_data.hdf5: half_cheetah has no argument \"wings\""},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        expect_refused(copy_with_arguments(cases[i].kwargs, cases[i].attribute, false), NULL,
                       TZ_ERR_FORMAT, cases[i].words);
    }
    // a text that no task could hold, though its beginning is one that could
    char longest[TZ_ENV_ARGUMENTS_MAX + 64];
    memset(longest, '0', sizeof longest);
    memcpy(longest, "ctrl_cost_weight=1.", 19);
    longest[sizeof longest - 1] = '\0';
    expect_refused(copy_with_arguments("{}", longest, true), NULL, TZ_ERR_FORMAT,
                   "expected env and env_arguments: text");
}

static void refuses_truncated_files(void **state) {
    (void)state;
    const char *copy = copy_sample(), *file = sample_join(copy, "data/main_data.hdf5");
    char *content;
    size_t size;
    assert_int_equal(tz_file_read(file, &content, &size, 1 << 26, NULL), TZ_OK);
    for (int part = 0; part < 16; part++) {
        assert_int_equal(tz_file_write(file, content, size * (size_t)part / 16, NULL), TZ_OK);
        expect_refused(copy, NULL, TZ_ERR_FORMAT, "main_data.hdf5");
    }
    tz_free(content);
}

// Bytes changed here and there must end in a sentence or in a dataset, never in a crash.
static void survives_flipped_bytes(void **state) {
    (void)state;
    const char *copy = copy_sample(), *file = sample_join(copy, "data/main_data.hdf5");
    char *content;
    size_t size;
    assert_int_equal(tz_file_read(file, &content, &size, 1 << 26, NULL), TZ_OK);
    tz_rng rng = tz_rng_stream(1, TZ_PURPOSE_TEST, 0);
    int refused = 0;
    for (int trial = 0; trial < 100; trial++) {
        // Half of the trials hit the first 2 KiB, where the superblock and the root stand.
        const size_t at = tz_rng_below(&rng, trial % 2 ? size : 2048);
        const char kept = content[at];
        content[at] = (char)tz_rng_u32(&rng);
        assert_int_equal(tz_file_write(file, content, size, NULL), TZ_OK);
        tz_dataset *dataset;
        tz_error error = {0};
        if (tz_dataset_read(&dataset, copy, NULL, &error) != TZ_OK) {
            assert_true(strlen(error.text) > 0);
            refused++;
        }
        tz_dataset_destroy(dataset);
        content[at] = kept;
    }
    assert_true(refused > 0);
    tz_free(content);
}

static void refuses_non_finite_values(void **state) {
    (void)state;
    const char *copy = copy_sample();
    sample_poke(copy, "episode_1/observations", 4 * 18 + 2, NAN);
    expect_refused(copy, NULL, TZ_ERR_FORMAT, "episode 1, step 4: observations[4][2] is");
    copy = copy_sample();
    sample_poke(copy, "episode_0/actions", 3 * 6 + 5, INFINITY);
    expect_refused(copy, NULL, TZ_ERR_FORMAT, "episode 0, step 3: actions[3][5] is inf");
    copy = copy_sample();
    sample_poke(copy, "episode_2/rewards", 1, NAN);
    expect_refused(copy, NULL, TZ_ERR_FORMAT, "episode 2, step 1: rewards[1] is");
}

static void refuses_wrong_flags(void **state) {
    (void)state;
    const char *copy = copy_sample();
    sample_poke(copy, "episode_1/terminations", 3, 2);
    expect_refused(copy, NULL, TZ_ERR_FORMAT, "episode 1, step 3: terminations is 2");
}

// Replaces an array by another of the given type and shape, filled with zeros.
static void replace_array(const char *folder, const char *name, hid_t type, int ndim, hsize_t rows,
                          hsize_t cols) {
    const hid_t file = sample_open(folder);
    H5Ldelete(file, name, H5P_DEFAULT);
    const hsize_t dims[2] = {rows, cols};
    const hid_t space = H5Screate_simple(ndim, dims, NULL);
    const hid_t array = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(array >= 0);
    H5Dclose(array);
    H5Sclose(space);
    H5Fclose(file);
}

static void refuses_wrong_types_and_shapes(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int type; // 0: double, 1: int32
        int ndim;
        hsize_t rows, cols;
        const char *words;
    } cases[] = {
        {"episode_0/observations", 1, 2, 21, 18, "observations has the wrong type"},
        {"episode_0/observations", 0, 1, 21, 1, "observations has 1 dimensions (expected 2)"},
        {"episode_0/observations", 0, 2, 20, 18, "observations has 20 rows (expected 21"},
        {"episode_0/observations", 0, 2, 21, 17, "observations have 17 columns (expected 18"},
        {"episode_1/actions", 0, 2, 20, 5, "actions have 5 columns (expected 6"},
        {"episode_1/actions", 0, 2, 19, 6, "actions has 19 rows (expected 20"},
        {"episode_1/rewards", 0, 1, 0, 1, "0 rewards"},
        {"episode_1/terminations", 0, 1, 20, 1, "terminations has the wrong type (expected bool)"},
        {"episode_1/truncations", 1, 1, 20, 1, "truncations has the wrong type (expected bool)"},
        // A petabyte that nobody wrote must not be allocated.
        {"episode_2/rewards", 0, 1, 1000000000, 1, "rows"},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        const char *copy = copy_sample();
        replace_array(copy, cases[i].name, cases[i].type ? H5T_STD_I32LE : H5T_IEEE_F64LE,
                      cases[i].ndim, cases[i].rows, cases[i].cols);
        expect_refused(copy, NULL, TZ_ERR_FORMAT, cases[i].words);
    }
}

static void refuses_missing_arrays(void **state) {
    (void)state;
    static const char *const names[] = {"observations", "actions", "rewards", "terminations",
                                        "truncations"};
    for (size_t i = 0; i < TZ_COUNTOF(names); i++) {
        const char *copy = copy_sample();
        const hid_t file = sample_open(copy);
        char name[64], words[64];
        snprintf(name, sizeof name, "episode_1/%s", names[i]);
        snprintf(words, sizeof words, "episode 1: %s is missing", names[i]);
        H5Ldelete(file, name, H5P_DEFAULT);
        H5Fclose(file);
        expect_refused(copy, NULL, TZ_ERR_FORMAT, words);
    }
}

static void refuses_gaps_and_wrong_counts(void **state) {
    (void)state;
    const char *copy = copy_sample();
    hid_t file = sample_open(copy);
    H5Lmove(file, "episode_1", file, "episode_7", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    expect_refused(copy, NULL, TZ_ERR_FORMAT, "group episode_1 is missing");

    copy = copy_sample();
    file = sample_open(copy);
    H5Ldelete(file, "episode_2", H5P_DEFAULT);
    H5Fclose(file);
    expect_refused(copy, NULL, TZ_ERR_FORMAT, "2 episodes, but metadata.json says 3");

    copy = copy_sample();
    file = sample_open(copy);
    const hid_t group = H5Gopen2(file, "episode_0", H5P_DEFAULT);
    const hid_t attribute = H5Aopen(group, "total_steps", H5P_DEFAULT);
    const long long wrong = 19;
    H5Awrite(attribute, H5T_NATIVE_LLONG, &wrong);
    H5Aclose(attribute);
    H5Gclose(group);
    H5Fclose(file);
    expect_refused(copy, NULL, TZ_ERR_FORMAT, "episode 0: attribute total_steps is 19");
}

// A link must not lead out of the file.
static void refuses_links_to_elsewhere(void **state) {
    (void)state;
    const char *copy = copy_sample();
    const hid_t file = sample_open(copy);
    H5Ldelete(file, "episode_1/rewards", H5P_DEFAULT);
    H5Lcreate_external(sample_join(sample, "data/main_data.hdf5"), "/episode_1/rewards", file,
                       "episode_1/rewards", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    expect_refused(copy, NULL, TZ_ERR_FORMAT, "episode 1: rewards is missing");
}

static void refuses_another_environment(void **state) {
    (void)state;
    expect_refused(sample, "hopper", TZ_ERR_MISMATCH, "recorded in half_cheetah");
    expect_refused(sample_join(sample, "data/main_data.hdf5"), "no_such", TZ_ERR_ARGUMENT,
                   "no_such");
}

// ---- split

static void splits_whole_episodes(void **state) {
    (void)state;
    enum { N = 100 };
    tz_dataset dataset = {.n_episodes = N};
    unsigned char is_test[N], again[N];
    int chosen[N] = {0};
    for (uint64_t seed = 0; seed < 1000; seed++) {
        tz_dataset_split(&dataset, is_test, 0.1, seed);
        tz_dataset_split(&dataset, again, 0.1, seed);
        assert_memory_equal(is_test, again, N);
        int n_test = 0;
        for (int e = 0; e < N; e++) {
            n_test += is_test[e];
            chosen[e] += is_test[e];
        }
        assert_int_equal(n_test, 10);
    }
    // Each episode is chosen 100 times in 1000 on average, with a standard deviation of 9.5.
    for (int e = 0; e < N; e++) {
        assert_in_range(chosen[e], 100 - 48, 100 + 48);
    }
    // Neither part is empty while there are two episodes.
    dataset.n_episodes = 2;
    for (uint64_t seed = 0; seed < 4; seed++) {
        tz_dataset_split(&dataset, is_test, seed < 2 ? 0 : 1, seed);
        assert_int_equal(is_test[0] + is_test[1], 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_folder),
        cmocka_unit_test(reads_a_bare_file),
        cmocka_unit_test(frees_everything),
        cmocka_unit_test(survives_lack_of_memory),
        cmocka_unit_test(refuses_what_is_not_there),
        cmocka_unit_test(refuses_other_kinds),
        cmocka_unit_test(reads_arguments),
        cmocka_unit_test(refuses_bad_arguments),
        cmocka_unit_test(refuses_truncated_files),
        cmocka_unit_test(survives_flipped_bytes),
        cmocka_unit_test(refuses_non_finite_values),
        cmocka_unit_test(refuses_wrong_flags),
        cmocka_unit_test(refuses_wrong_types_and_shapes),
        cmocka_unit_test(refuses_missing_arrays),
        cmocka_unit_test(refuses_gaps_and_wrong_counts),
        cmocka_unit_test(refuses_links_to_elsewhere),
        cmocka_unit_test(refuses_another_environment),
        cmocka_unit_test(splits_whole_episodes),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
