// How interrupts are caught.
#include "base/interrupt.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// The first signal is a flag, also when it comes twice at once; the second one ends the process.
static void interrupts_are_caught_once(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        const int number = i == 0 ? SIGINT : SIGTERM;
        const pid_t pid = fork();
        if (pid == 0) {
            tz_catch_interrupts();
            if (tz_interrupted()) {
                _exit(1);
            }
            raise(number);
            raise(number);
            if (!tz_interrupted()) {
                _exit(2);
            }
            usleep(300 * 1000);
            raise(number);
            _exit(3);
        }
        int outcome = -1;
        assert_int_equal(waitpid(pid, &outcome, 0), pid);
        assert_true(WIFSIGNALED(outcome));
        assert_int_equal(WTERMSIG(outcome), number);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interrupts_are_caught_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
