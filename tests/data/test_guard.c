// Files that HDF5 does not survive are refused in a sentence, and what a child reads is what HDF5
// reads here. The files in golden/damaged_hdf5 were found by changing bytes of small datasets: four
// end HDF5 1.10.8 in a crash, two keep it busy for ever. Other versions may read or refuse them.
#include "base/memory.h"
#include "command.h"
#include "data/guard.h"
#include "sample.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#define DAMAGED TZ_SOURCE_DIR "/tests/golden/damaged_hdf5"

static char root[TZ_PATH_MAX], sample[TZ_PATH_MAX];

static int make(void **state) {
    (void)state;
    sample_folder(root);
    assert_int_equal(tz_path_join(sample, root, "sample-v0", NULL), TZ_OK);
    sample_write(sample);
    return 0;
}

static int clean(void **state) {
    (void)state;
    sample_remove(root);
    return 0;
}

static void reads_what_was_written(void **state) {
    (void)state;
    const size_t live = tz_alloc_live();
    tz_dataset *d;
    tz_error error = {0};
    assert_int_equal(tz_dataset_read(&d, sample, NULL, &error), TZ_OK);
    assert_non_null(d->mapped); // by a child
    assert_string_equal(d->config, "{\"sample\":true}");
    char digest[65];
    assert_int_equal(tz_file_sha256(sample_join(sample, "data/main_data.hdf5"), digest, NULL),
                     TZ_OK);
    assert_string_equal(d->sha256, digest);
    sample_expect(d);
    tz_dataset_destroy(d);
    assert_int_equal(tz_alloc_live(), live);
}

static void expect_fault(void *context, const tz_fault *fault) {
    assert_string_equal(fault->rule, "finite");
    assert_int_equal(fault->episode, 1);
    assert_int_equal(fault->step, 4);
    assert_non_null(strstr(fault->text, "observations[4][2] is"));
    ++*(int *)context;
}

// Broken rules and errors come through with the words that they have without a child.
static void hands_on_what_is_wrong(void **state) {
    (void)state;
    const char *bad = sample_join(root, "bad-v0");
    sample_write(bad);
    sample_poke(bad, "episode_1/observations", 4 * 18 + 2, NAN);
    tz_dataset *d;
    tz_error error = {0};
    assert_int_equal(tz_dataset_read(&d, bad, NULL, &error), TZ_ERR_FORMAT);
    assert_null(d);
    assert_non_null(strstr(error.text, "episode 1, step 4: observations[4][2] is"));
    int faults = 0;
    assert_int_equal(tz_dataset_read_tolerant(&d, bad, NULL, expect_fault, &faults, &error), TZ_OK);
    assert_int_equal(faults, 1);
    assert_int_equal(d->n_steps, 2 * SAMPLE_STEPS + 5);
    tz_dataset_destroy(d);
    assert_int_equal(tz_dataset_read(&d, sample, "hopper", &error), TZ_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "recorded in half_cheetah"));
}

// A child has ten seconds of the processor, and no more than its parent has: here three more than
// that has used, so that it is the child that comes to its limit.
static void limit_time(void) {
    struct rusage used;
    struct rlimit limit;
    getrusage(RUSAGE_SELF, &used);
    getrlimit(RLIMIT_CPU, &limit);
    const double used_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                          1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    limit.rlim_cur = (rlim_t)ceil(used_s) + 3;
    setrlimit(RLIMIT_CPU, &limit);
}

static void lift_limit(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_CPU, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_CPU, &limit);
}

static void refuses_what_hdf5_does_not_survive(void **state) {
    (void)state;
    const size_t live = tz_alloc_live();
    unsigned major, minor, release;
    H5get_libversion(&major, &minor, &release);
    const bool known = major == 1 && minor == 10 && release == 8;
    int n = 0;
    DIR *folder = opendir(DAMAGED);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (strstr(entry->d_name, ".hdf5")) {
            const char *path = sample_join(DAMAGED, entry->d_name);
            const bool endless = strncmp(entry->d_name, "endless", 7) == 0;
            tz_dataset *d;
            tz_error error = {0};
            limit_time();
            const tz_status status = tz_dataset_read(&d, path, NULL, &error);
            lift_limit();
            assert_true(status == TZ_ERR_FORMAT || !known);
            assert_true(status == TZ_OK || strstr(error.text, entry->d_name) != NULL);
            // a sanitizer turns the signal of a crash into an exit status
            assert_true(!known ||
                        strstr(error.text, endless ? "no end" : "the file is damaged") != NULL);
            tz_dataset_destroy(d);
            n++;
        }
    }
    closedir(folder);
    assert_int_equal(n, 6);
    assert_int_equal(tz_alloc_live(), live);
    // the program says it in one line, of whichever reader
    assert_refused("crash_1.hdf5", "data info " DAMAGED "/crash_1.hdf5");
    assert_refused("crash_1.hdf5", "data validate " DAMAGED "/crash_1.hdf5");
    assert_refused("crash_1.hdf5",
                   "data convert " DAMAGED "/crash_1.hdf5 --from d4rl --env hopper --out %s/no-v0",
                   root);
}

int main(int argc, char **argv) {
    int status;
    if (tz_guard_main(argc, argv, &status)) {
        return status;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_written),
        cmocka_unit_test(hands_on_what_is_wrong),
        cmocka_unit_test(refuses_what_hdf5_does_not_survive),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
