// How interrupts are caught.
#include "base/interrupt.h"
#include "clock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// Raises the signal at these moments (s, n) in a process that catches interrupts. Returns what wait
// says of it; it exits with 0 when it lived on and knew of the signal, from the first one on.
static int raised_at(int signal_number, const double *moments, int n) {
    const pid_t pid = fork();
    if (pid == 0) {
        tz_catch_interrupts();
        bool right = !tz_interrupted();
        const double start_s = clock_s;
        for (int i = 0; i < n; i++) {
            clock_s = start_s + moments[i];
            raise(signal_number);
            right = right && tz_interrupted();
        }
        _exit(right ? 0 : 1);
    }
    int outcome = -1;
    assert_int_equal(waitpid(pid, &outcome, 0), pid);
    return outcome;
}

// The first signal is a flag, also when a wrapper passes it on twice; a second one ends the
// process.
static void interrupts_are_caught_once(void **state) {
    (void)state;
    static const double once[] = {0.0}, same[] = {0.0, 0.0, 0.1, 0.24}, twice[] = {0.0, 0.1, 0.26};
    static const int numbers[] = {SIGINT, SIGTERM};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(raised_at(numbers[i], once, 1), 0);
        assert_int_equal(raised_at(numbers[i], same, 4), 0);
        const int outcome = raised_at(numbers[i], twice, 3);
        assert_true(WIFSIGNALED(outcome));
        assert_int_equal(WTERMSIG(outcome), numbers[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interrupts_are_caught_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
