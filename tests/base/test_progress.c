// What progress writes into a pipe and on a terminal.
#include "base/progress.h"
#include "clock.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char output[4096];

static void work(bool quiet, double done_before) {
    tz_progress progress = tz_progress_start("collect", "episodes", done_before, 400, quiet);
    for (int i = 0; i < 1000; i++) {
        tz_progress_update(&progress, done_before + 1, NULL);
    }
    clock_s += 10.0;
    tz_progress_update(&progress, done_before + 100, "loss 0.5");
    tz_progress_finish(&progress, 400, NULL);
}

// Runs `work` in a child whose standard error is `theirs`, and reads what arrives at `ours`.
static void capture(int ours, int theirs, bool quiet, double done_before) {
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(theirs, STDERR_FILENO);
        work(quiet, done_before);
        _exit(0);
    }
    close(theirs);
    size_t length = 0;
    ssize_t n = 0;
    while ((n = read(ours, output + length, sizeof output - 1 - length)) > 0) {
        length += (size_t)n;
    }
    output[length] = '\0';
    close(ours);
    int outcome = -1;
    assert_int_equal(waitpid(pid, &outcome, 0), pid);
    assert_int_equal(outcome, 0);
}

static void capture_pipe(bool quiet, double done_before) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    capture(ends[0], ends[1], quiet, done_before);
}

static void a_pipe_gets_plain_lines(void **state) {
    (void)state;
    capture_pipe(false, 0);
    assert_non_null(
        strstr(output, "collect 100/400 episodes, 25% | 10 episodes/s | 0:30 left | loss 0.5\n"));
    assert_non_null(strstr(output, "collect 400/400 episodes, 100% | 40 episodes/s | 0:10\n"));
    assert_null(strchr(output, '\r'));
    // a thousand updates within the interval showed nothing
    assert_string_equal(strchr(output, '\n') + 1,
                        "collect 400/400 episodes, 100% | 40 episodes/s | 0:10\n");
}

// Work of an earlier run does not count for the rate.
static void a_resumed_run_has_its_own_rate(void **state) {
    (void)state;
    capture_pipe(false, 200);
    assert_non_null(strstr(output, "collect 300/400 episodes, 75% | 10 episodes/s | 0:10 left"));
}

static void quiet_is_quiet(void **state) {
    (void)state;
    capture_pipe(true, 0);
    assert_string_equal(output, "");
}

static void a_terminal_gets_a_bar(void **state) {
    (void)state;
    const int ours = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(ours >= 0 && grantpt(ours) == 0 && unlockpt(ours) == 0);
    const int theirs = open(ptsname(ours), O_RDWR | O_NOCTTY);
    assert_true(theirs >= 0);
    capture(ours, theirs, false, 0);
    assert_non_null(strstr(output, "\rcollect [#####...............] 100/400 episodes, 25%"));
    assert_non_null(strstr(output, "\rcollect [####################] 400/400 episodes, 100%"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_gets_plain_lines),
        cmocka_unit_test(a_resumed_run_has_its_own_rate),
        cmocka_unit_test(quiet_is_quiet),
        cmocka_unit_test(a_terminal_gets_a_bar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
