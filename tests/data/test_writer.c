// Writing: the bytes depend on the episodes alone, a journal survives what may happen to its
// process, and a full disk costs nothing that was finished.
#include "base/memory.h"
#include "sample.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

static char root[TZ_PATH_MAX];
static tz_env *env;
static tz_episode_recorder *recorder;

static int make(void **state) {
    (void)state;
    sample_folder(root);
    env = sample_env();
    return tz_episode_recorder_create(&recorder, tz_env_task(env), SAMPLE_STEPS, NULL);
}

static int clean(void **state) {
    (void)state;
    tz_episode_recorder_destroy(recorder);
    tz_env_destroy(env);
    sample_remove(root);
    return 0;
}

// ---- the writer of the sample

static tz_status create(tz_writer **writer, const char *folder, const char *config, bool resume,
                        tz_error *error) {
    tz_writer_def def = tz_writer_def_default();
    def.folder = folder;
    def.config_json = config;
    def.algorithm_name = "uniform random";
    def.resume = resume;
    return tz_writer_create(writer, &def, tz_env_task(env), error);
}

static tz_writer *begin(const char *folder, bool resume) {
    tz_writer *writer;
    tz_error error = {0};
    if (create(&writer, folder, "{\"a\":1}", resume, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    return writer;
}

static tz_status put(tz_writer *writer, int slot, tz_error *error) {
    const tz_episode episode = sample_episode(env, recorder, slot, SAMPLE_STEPS - slot);
    return tz_writer_put(writer, slot, &episode, error);
}

static void put_all(tz_writer *writer, const int *slots, int n) {
    for (int i = 0; i < n; i++) {
        assert_int_equal(put(writer, slots[i], NULL), TZ_OK);
    }
}

enum { N = 6 };
static const int in_order[N] = {0, 1, 2, 3, 4, 5};

// The dataset of an unbroken run, at <root>/<name>/set-v0.
static const char *unbroken(const char *name) {
    const char *folder = sample_join(sample_join(root, name), "set-v0");
    sample_remove(folder);
    tz_writer *writer = begin(folder, false);
    put_all(writer, in_order, N);
    assert_int_equal(tz_writer_finish(writer, N, NULL), TZ_OK);
    tz_writer_destroy(writer);
    return folder;
}

static void expect_equal_files(const char *a, const char *b) {
    const char *names[] = {"data/main_data.hdf5", "data/metadata.json"};
    for (size_t i = 0; i < TZ_COUNTOF(names); i++) {
        char first[65], second[65];
        assert_int_equal(tz_file_sha256(sample_join(a, names[i]), first, NULL), TZ_OK);
        assert_int_equal(tz_file_sha256(sample_join(b, names[i]), second, NULL), TZ_OK);
        assert_string_equal(first, second);
    }
    assert_false(tz_folder_exists(sample_join(b, "journal")));
}

// ---- bytes

static void bytes_do_not_depend_on_order_or_interruptions(void **state) {
    (void)state;
    const char *expected = unbroken("whole");
    const char *folder = sample_join(sample_join(root, "broken"), "set-v0");
    static const int first[] = {4, 0}, then[] = {5, 1, 3, 2};
    tz_writer *writer = begin(folder, false);
    put_all(writer, first, 2);
    tz_writer_destroy(writer); // as a kill leaves it

    // What a kill in the middle of a write leaves beside: it must do no harm.
    assert_int_equal(tz_file_write(sample_join(folder, "journal/main_data.hdf5"), "half", 4, NULL),
                     TZ_OK);
    writer = begin(folder, true);
    assert_true(tz_writer_has(writer, 0));
    assert_true(tz_writer_has(writer, 4));
    assert_false(tz_writer_has(writer, 1));
    put_all(writer, then, 4);
    assert_int_equal(tz_writer_finish(writer, N, NULL), TZ_OK);
    tz_writer_destroy(writer);
    expect_equal_files(expected, folder);
}

// The dataset of a part can be read, beside the journal that a resumed writer goes on from.
static void a_part_is_published_and_gone_on_with(void **state) {
    (void)state;
    const char *folder = sample_join(sample_join(root, "part"), "set-v0");
    tz_writer *writer = begin(folder, false);
    put_all(writer, in_order, 2);
    assert_int_equal(tz_writer_publish(writer, 2, NULL), TZ_OK);
    tz_writer_destroy(writer);
    tz_dataset *dataset;
    assert_int_equal(tz_dataset_read(&dataset, folder, NULL, NULL), TZ_OK);
    assert_int_equal(dataset->n_episodes, 2);
    tz_dataset_destroy(dataset);

    writer = begin(folder, true);
    assert_true(tz_writer_has(writer, 1));
    assert_false(tz_writer_has(writer, 2));
    put_all(writer, in_order + 2, N - 2);
    assert_int_equal(tz_writer_finish(writer, N, NULL), TZ_OK);
    tz_writer_destroy(writer);
    expect_equal_files(unbroken("whole"), folder);
}

static void missing_slots_are_numbered_on(void **state) {
    (void)state;
    const char *folder = sample_join(root, "gaps");
    static const int slots[] = {1, 4};
    tz_writer *writer = begin(folder, false);
    put_all(writer, slots, 2);
    assert_int_equal(tz_writer_finish(writer, N, NULL), TZ_OK);
    tz_writer_destroy(writer);
    tz_dataset *dataset;
    assert_int_equal(tz_dataset_read(&dataset, folder, NULL, NULL), TZ_OK);
    assert_int_equal(dataset->n_episodes, 2);
    assert_int_equal(dataset->origin[0].episode, 1);
    assert_int_equal(dataset->origin[1].episode, 4);
    tz_dataset_destroy(dataset);
}

// How an episode ended, and whether its start can be made again, comes through the journal too.
static void marks_come_back(void **state) {
    (void)state;
    const char *folder = sample_join(root, "marks");
    tz_writer *writer = begin(folder, false);
    for (int e = 0; e < 4; e++) {
        tz_episode episode = sample_episode(env, recorder, e, SAMPLE_STEPS - e);
        episode.unstable = e == 1;
        episode.bad_reward = e == 2;
        episode.unseeded = e == 3;
        assert_int_equal(tz_writer_put(writer, e, &episode, NULL), TZ_OK);
    }
    assert_int_equal(tz_writer_finish(writer, 4, NULL), TZ_OK);
    tz_writer_destroy(writer);
    tz_dataset *dataset;
    assert_int_equal(tz_dataset_read(&dataset, folder, NULL, NULL), TZ_OK);
    assert_int_equal(dataset->n_episodes, 4);
    for (int e = 0; e < 4; e++) {
        assert_int_equal(dataset->origin[e].unstable, e == 1);
        assert_int_equal(dataset->origin[e].bad_reward, e == 2);
        assert_int_equal(dataset->origin[e].known, e != 3);
    }
    tz_dataset_destroy(dataset);
}

static double attribute(hid_t group, const char *name) {
    double value = NAN;
    const hid_t opened = H5Aopen(group, name, H5P_DEFAULT);
    assert_true(opened >= 0 && H5Aread(opened, H5T_NATIVE_DOUBLE, &value) >= 0);
    H5Aclose(opened);
    return value;
}

// The sums that Minari keeps with an episode; its deviation is that of the whole population.
static void rewards_are_summed_up(void **state) {
    (void)state;
    enum { T = 4 };
    static const double rewards[T] = {1.0, -2.0, 4.0, 5.0}; // mean 2, squares 1 + 16 + 4 + 9
    tz_episode episode = sample_episode(env, recorder, 0, T);
    episode.reward = rewards;
    const char *folder = sample_join(root, "sums");
    tz_writer *writer = begin(folder, false);
    assert_int_equal(tz_writer_put(writer, 0, &episode, NULL), TZ_OK);
    assert_int_equal(tz_writer_finish(writer, 1, NULL), TZ_OK);
    tz_writer_destroy(writer);
    const hid_t file = sample_open(folder), group = H5Gopen2(file, "episode_0", H5P_DEFAULT);
    assert_true(attribute(group, "total_steps") == T);
    assert_true(attribute(group, "rewards_sum") == 8.0);
    assert_true(attribute(group, "rewards_mean") == 2.0);
    assert_true(attribute(group, "rewards_std") == sqrt(30.0 / T));
    assert_true(attribute(group, "rewards_min") == -2.0);
    assert_true(attribute(group, "rewards_max") == 5.0);
    H5Gclose(group);
    H5Fclose(file);
}

// ---- what stands in the folder already

static void expect_refused(const char *folder, const char *config, bool resume, tz_status status,
                           const char *words) {
    tz_writer *writer;
    tz_error error = {0};
    assert_int_equal(create(&writer, folder, config, resume, &error), status);
    assert_null(writer);
    if (!strstr(error.text, words)) {
        fail_msg("\"%s\" (expected \"%s\")", error.text, words);
    }
}

static void nothing_is_overwritten(void **state) {
    (void)state;
    const char *finished = unbroken("finished");
    expect_refused(finished, "{\"a\":1}", false, TZ_ERR_ARGUMENT, "finished dataset");
    expect_refused(finished, "{\"a\":2}", true, TZ_ERR_MISMATCH, "other options");

    const char *unfinished = sample_join(root, "unfinished");
    tz_writer_destroy(begin(unfinished, false));
    expect_refused(unfinished, "{\"a\":1}", false, TZ_ERR_ARGUMENT, "journal");
    expect_refused(unfinished, "{\"a\":2}", true, TZ_ERR_MISMATCH, "other options");
    const char *version = sample_join(unfinished, "journal/mujoco.txt");
    assert_int_equal(tz_file_write(version, "1.0.0", 5, NULL), TZ_OK);
    expect_refused(unfinished, "{\"a\":1}", true, TZ_ERR_MISMATCH, "was begun with MuJoCo 1.0.0");
    tz_dataset *dataset;
    tz_error error = {0};
    assert_int_equal(tz_dataset_read(&dataset, unfinished, NULL, &error), TZ_ERR_FORMAT);
    assert_non_null(strstr(error.text, "not finished"));

    // A folder that cannot be made: its parent is a file.
    const char *file = sample_join(root, "file");
    assert_int_equal(tz_file_write(file, "x", 1, NULL), TZ_OK);
    expect_refused(sample_join(file, "set"), "{}", false, TZ_ERR_IO, file);

    const tz_writer_def nothing = {.folder = sample_join(root, "nothing")};
    tz_writer *writer;
    assert_int_equal(tz_writer_create(&writer, &nothing, tz_env_task(env), &error),
                     TZ_ERR_ARGUMENT);
    assert_null(writer);
    assert_non_null(strstr(error.text, "tz_writer_def_default"));
}

// What could not be read back is refused before a folder is made.
static void a_definition_is_checked(void **state) {
    (void)state;
    static const char *const configs[] = {NULL, "", "[]", "1", "null", "{", "{\"a\":1} {}", "{]"};
    const char *folder = sample_join(root, "undefined");
    for (size_t i = 0; i < TZ_COUNTOF(configs); i++) {
        expect_refused(folder, configs[i], false, TZ_ERR_ARGUMENT, "expected one JSON object");
    }
    static char long_config[(1 << 20) + 32], deep[256];
    snprintf(long_config, sizeof long_config, "{\"a\":\"%*d\"}", 1 << 20, 1);
    expect_refused(folder, long_config, false, TZ_ERR_ARGUMENT, "less than 1048576 bytes");
    for (int i = 0; i < 32; i++) {
        strcat(deep, "{\"a\":");
    }
    memset(deep + strlen(deep), '}', 32);
    expect_refused(folder, deep, false, TZ_ERR_ARGUMENT, "at most 32 levels");
    expect_refused(NULL, "{}", false, TZ_ERR_ARGUMENT, "expected a path");
    expect_refused("", "{}", false, TZ_ERR_ARGUMENT, "expected a path");
    assert_false(tz_file_exists(folder));
    assert_false(tz_file_exists("(null)"));
}

static void a_folder_has_one_writer(void **state) {
    (void)state;
    const char *folder = sample_join(root, "shared");
    tz_writer *writer = begin(folder, false);
    assert_false(tz_writer_was_resumed(writer));
    expect_refused(folder, "{\"a\":1}", true, TZ_ERR_ARGUMENT, "another process is writing");
    tz_writer_destroy(writer);
    writer = begin(folder, true);
    assert_true(tz_writer_was_resumed(writer));
    tz_writer_destroy(writer);
}

// A removal that was killed leaves episodes, of whatever run, without a configuration.
static void a_new_journal_is_empty(void **state) {
    (void)state;
    const char *folder = sample_join(root, "left");
    tz_writer *writer = begin(folder, false);
    put_all(writer, in_order, N);
    tz_writer_destroy(writer);
    assert_int_equal(remove(sample_join(folder, "journal/config.json")), 0);
    writer = begin(folder, true);
    assert_false(tz_writer_was_resumed(writer));
    for (int slot = 0; slot < N; slot++) {
        assert_false(tz_writer_has(writer, slot));
    }
    tz_writer_destroy(writer);
}

static void a_finished_dataset_resumes_to_itself(void **state) {
    (void)state;
    const char *finished = unbroken("again");
    // The last kill may come between the dataset and the end of its journal.
    assert_int_equal(tz_make_folders(sample_join(finished, "journal"), NULL), TZ_OK);
    tz_writer *writer = begin(finished, true);
    for (int slot = 0; slot < N; slot++) {
        assert_true(tz_writer_has(writer, slot));
    }
    assert_int_equal(tz_writer_finish(writer, N, NULL), TZ_OK);
    tz_writer_destroy(writer);
    expect_equal_files(unbroken("whole"), finished);
}

static void nothing_stored_is_an_error(void **state) {
    (void)state;
    tz_writer *writer = begin(sample_join(root, "none"), false);
    tz_error error = {0};
    assert_int_equal(tz_writer_finish(writer, N, &error), TZ_ERR_NUMERIC);
    assert_non_null(strstr(error.text, "not one of 6 episodes"));
    tz_writer_destroy(writer);
}

static void a_damaged_journal_is_told(void **state) {
    (void)state;
    const char *folder = sample_join(root, "damaged");
    tz_writer *writer = begin(folder, false);
    put_all(writer, in_order, N);
    assert_int_equal(tz_file_write(sample_join(folder, "journal/episode-000003.safetensors"),
                                   "nonsense", 8, NULL),
                     TZ_OK);
    tz_error error = {0};
    assert_int_equal(tz_writer_finish(writer, N, &error), TZ_ERR_FORMAT);
    assert_non_null(strstr(error.text, "episode-000003.safetensors"));
    assert_false(tz_file_exists(sample_join(folder, "journal/main_data.hdf5")));
    // Put again, it is whole.
    assert_int_equal(put(writer, 3, NULL), TZ_OK);
    assert_int_equal(tz_writer_finish(writer, N, &error), TZ_OK);
    tz_writer_destroy(writer);
}

// ---- full disk

// Files of this process may grow to `bytes` (0: no limit of ours).
static void limit_files(rlim_t bytes) {
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_spares_finished_episodes(void **state) {
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    const char *expected = unbroken("whole");
    const char *folder = sample_join(sample_join(root, "full"), "set-v0");
    tz_writer *writer = begin(folder, false);
    put_all(writer, in_order, 3);

    // No room for the next episode: it is told, and the others stay.
    tz_error error = {0};
    limit_files(1000);
    assert_int_equal(put(writer, 3, &error), TZ_ERR_IO);
    limit_files(0);
    assert_non_null(strstr(error.text, folder));
    assert_false(tz_writer_has(writer, 3));
    for (int slot = 0; slot < 3; slot++) {
        assert_true(tz_writer_has(writer, slot));
    }
    put_all(writer, in_order + 3, 3);

    // Room for every episode, but not for the whole: at each size the sentence comes, and no half
    // file stays.
    struct stat status;
    assert_int_equal(stat(sample_join(expected, "data/main_data.hdf5"), &status), 0);
    for (int part = 0; part < 8; part++) {
        limit_files((rlim_t)(status.st_size * part / 8 + 1));
        error.text[0] = '\0';
        assert_int_equal(tz_writer_finish(writer, N, &error), TZ_ERR_IO);
        limit_files(0);
        assert_non_null(strstr(error.text, "main_data.hdf5"));
        assert_false(tz_file_exists(sample_join(folder, "journal/main_data.hdf5")));
        assert_false(tz_file_exists(sample_join(folder, "data/metadata.json")));
    }
    tz_writer_destroy(writer);

    // With room again the run goes on to the bytes of the unbroken one.
    writer = begin(folder, true);
    assert_int_equal(tz_writer_finish(writer, N, &error), TZ_OK);
    tz_writer_destroy(writer);
    expect_equal_files(expected, folder);
}

// The same on a real file system of 96 KiB, where this process may mount one.
static void a_full_file_system_spares_finished_episodes(void **state) {
    (void)state;
    const char *expected = unbroken("whole");
    const char *disk = sample_join(root, "disk"), *folder = sample_join(disk, "set-v0");
    assert_int_equal(tz_make_folders(disk, NULL), TZ_OK);
    if (mount("tmpfs", disk, "tmpfs", 0, "size=96k") != 0) {
        print_message("no right to mount; the limit on file sizes stands for it\n");
        skip();
    }
    tz_writer *writer = begin(folder, false);
    put_all(writer, in_order, N);
    tz_error error = {0};
    const tz_status full = tz_writer_finish(writer, N, &error);
    const bool has_all = tz_writer_has(writer, 0) && tz_writer_has(writer, N - 1);
    tz_writer_destroy(writer);
    mount("tmpfs", disk, "tmpfs", MS_REMOUNT, "size=4m");
    writer = begin(folder, true);
    const tz_status resumed = tz_writer_finish(writer, N, NULL);
    tz_writer_destroy(writer);
    if (resumed == TZ_OK) {
        expect_equal_files(expected, folder);
    }
    assert_int_equal(umount(disk), 0);
    assert_int_equal(full, TZ_ERR_IO);
    assert_non_null(strstr(error.text, "No space left"));
    assert_true(has_all);
    assert_int_equal(resumed, TZ_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_do_not_depend_on_order_or_interruptions),
        cmocka_unit_test(a_part_is_published_and_gone_on_with),
        cmocka_unit_test(missing_slots_are_numbered_on),
        cmocka_unit_test(marks_come_back),
        cmocka_unit_test(rewards_are_summed_up),
        cmocka_unit_test(nothing_is_overwritten),
        cmocka_unit_test(a_definition_is_checked),
        cmocka_unit_test(a_folder_has_one_writer),
        cmocka_unit_test(a_new_journal_is_empty),
        cmocka_unit_test(a_finished_dataset_resumes_to_itself),
        cmocka_unit_test(nothing_stored_is_an_error),
        cmocka_unit_test(a_damaged_journal_is_told),
        cmocka_unit_test(a_full_disk_spares_finished_episodes),
        cmocka_unit_test(a_full_file_system_spares_finished_episodes),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
