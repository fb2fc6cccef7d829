// Child programs: input reaches them whole, and each way to fail is a sentence.
#include "base/child.h"
#include "base/file.h"
#include "base/memory.h"
#include "folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static tz_child *start_shell(const char *script) {
    const char *const argv[] = {"sh", "-c", script, NULL};
    tz_child *child = NULL;
    tz_error error = {0};
    assert_int_equal(tz_child_start(&child, argv, &error), TZ_OK);
    return child;
}

static void input_arrives_whole(void **state) {
    (void)state;
    enum { SIZE = 3 << 20 };
    char *data = tz_alloc(SIZE, 1);
    assert_non_null(data);
    tz_error error = {0};
    tz_child *child = start_shell("test $(wc -c) = 3145730");
    assert_int_equal(tz_child_write(child, data, SIZE, &error), TZ_OK);
    assert_int_equal(tz_child_write(child, "ab", 2, &error), TZ_OK);
    assert_int_equal(tz_child_finish(child, &error), TZ_OK);
    tz_free(data);
}

// Also where PATH has something of that name that nobody may execute, or a folder that is closed.
static void a_missing_program_is_unsupported(void **state) {
    (void)state;
    const char *const argv[] = {"no-such-program", NULL};
    char kept[4096];
    snprintf(kept, sizeof kept, "%s", getenv("PATH"));
    assert_int_equal(tz_file_write("no-such-program", "x", 1, NULL), TZ_OK);
    assert_int_equal(mkdir("closed", 0), 0);
    static const char *const paths[] = {"/usr/bin", ".", "closed:/usr/bin"};
    for (size_t i = 0; i < TZ_COUNTOF(paths); i++) {
        tz_child *child = NULL;
        tz_error error = {0};
        setenv("PATH", paths[i], 1);
        assert_int_equal(tz_child_start(&child, argv, &error), TZ_ERR_UNSUPPORTED);
        assert_null(child);
        assert_string_equal(error.text,
                            "no-such-program: not found in PATH, expected an installed program");
    }
    setenv("PATH", kept, 1);
}

static void failure_tells_the_last_line(void **state) {
    (void)state;
    tz_error error = {0};
    assert_int_equal(
        tz_child_finish(start_shell("echo first >&2; echo 'the reason' >&2; exit 3"), &error),
        TZ_ERR_IO);
    assert_string_equal(error.text, "sh: failed with exit status 3: the reason");
    assert_int_equal(tz_child_finish(start_shell("kill -9 $$"), &error), TZ_ERR_IO);
    assert_string_equal(error.text, "sh: was killed by signal 9");
    // more words than are kept
    assert_int_equal(
        tz_child_finish(
            start_shell(
                "head -c 100000 /dev/zero | tr '\\0' x >&2; echo >&2; echo end >&2; exit 1"),
            &error),
        TZ_ERR_IO);
    assert_string_equal(error.text, "sh: failed with exit status 1: end");
}

// A child that ends early makes a write fail; SIGPIPE's default would end this test.
static void an_early_end_is_a_failed_write(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_DFL);
    char data[1 << 16] = {0};
    tz_error error = {0};
    tz_child *child = start_shell("exec 0<&-; exit 7");
    tz_status status = TZ_OK;
    for (int i = 0; i < 1000 && status == TZ_OK; i++) {
        status = tz_child_write(child, data, sizeof data, &error);
    }
    assert_int_equal(status, TZ_ERR_IO);
    assert_non_null(strstr(error.text, "sh: took no more input"));
    assert_int_equal(tz_child_finish(child, &error), TZ_ERR_IO);
    assert_string_equal(error.text, "sh: failed with exit status 7");
}

// Ctrl-C on a terminal goes to the whole process group, which the child is not in.
static void lives_in_its_own_group(void **state) {
    (void)state;
    char script[128];
    snprintf(script, sizeof script, "test $(cut -d' ' -f5 /proc/$$/stat) != %d", (int)getpgrp());
    tz_error error = {0};
    assert_int_equal(tz_child_finish(start_shell(script), &error), TZ_OK);
}

// A program that was started with its standard input closed: files stand in its place.
static void standard_files_may_be_closed(void **state) {
    (void)state;
    const char *const argv[] = {"sh", "-c", "cat; echo done", NULL};
    tz_child *child;
    const int kept = dup(STDIN_FILENO);
    close(STDIN_FILENO);
    const int output = memfd_create("output", MFD_CLOEXEC);
    assert_int_equal(output, STDIN_FILENO);
    assert_int_equal(tz_child_start_to(&child, argv, output, NULL), TZ_OK);
    assert_int_equal(tz_child_write(child, "all ", 4, NULL), TZ_OK);
    assert_int_equal(tz_child_wait(child), 0);
    char text[16] = "";
    assert_int_equal(pread(output, text, sizeof text - 1, 0), 9);
    assert_string_equal(text, "all done\n");
    close(output);
    assert_true(kept < 0 || (dup2(kept, STDIN_FILENO) == STDIN_FILENO && close(kept) == 0));
}

// Where children leave no status behind, nobody says that all went well.
static void an_end_that_nobody_tells_is_a_failure(void **state) {
    (void)state;
    tz_error error;
    signal(SIGCHLD, SIG_IGN);
    assert_int_equal(tz_child_finish(start_shell("exit 3"), &error), TZ_ERR_IO);
    signal(SIGCHLD, SIG_DFL);
    assert_string_equal(error.text, "sh: failed with exit status 255");
}

static void abandon_ends_it(void **state) {
    (void)state;
    const size_t live = tz_alloc_live();
    tz_child_abandon(start_shell("sleep 1000"));
    tz_child_abandon(NULL);
    assert_int_equal(tz_alloc_live(), live);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(input_arrives_whole),
        cmocka_unit_test_setup_teardown(a_missing_program_is_unsupported, enter_folder,
                                        leave_folder),
        cmocka_unit_test(failure_tells_the_last_line),
        cmocka_unit_test(an_early_end_is_a_failed_write),
        cmocka_unit_test(lives_in_its_own_group),
        cmocka_unit_test(standard_files_may_be_closed),
        cmocka_unit_test(an_end_that_nobody_tells_is_a_failure),
        cmocka_unit_test(abandon_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
