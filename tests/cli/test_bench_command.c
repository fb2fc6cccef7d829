// `trapeze bench env` and `bench sac` from outside: the fields of their objects, and one sentence
// for what they cannot measure; the end of a long one by an interrupt. bench env itself fails when
// both sides end in different states.
#include "base/export.h"
#include "command.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

static void assert_positive(struct json_object *o, const char *const *keys, size_t n) {
    for (size_t k = 0; k < n; k++) {
        if (!(number(o, keys[k]) > 0.0)) {
            fail_msg("%s is not positive in %s", keys[k], printed);
        }
    }
}

static void env_reports_both_sides(void **state) {
    (void)state;
    static const char *const keys[] = {"bare_steps_per_s",    "steps_per_s",     "of_bare",
                                       "threads_steps_per_s", "threads_of_bare", "vector_of_bare"};
    assert_int_equal(trapeze("bench env --env hopper --worlds 3 --seconds 0 --json"), 0);
    struct json_object *o = printed_json(), *envs = field(o, "envs");
    assert_int_equal(json_object_array_length(envs), 1);
    assert_positive(json_object_array_get_idx(envs, 0), keys, TZ_COUNTOF(keys));
    json_object_put(o);
}

static void sac_reports_updates_and_peak(void **state) {
    (void)state;
    static const char *const keys[] = {"update_ms", "updates_per_s", "peak_gflops", "peak_fraction",
                                       "threads"};
    assert_int_equal(trapeze("bench sac --hidden 48 --batch 70 --threads 2 --seconds 0.01 --json"),
                     0);
    struct json_object *o = printed_json();
    assert_positive(o, keys, TZ_COUNTOF(keys));
    json_object_put(o);
}

static void what_cannot_be_measured_is_one_sentence(void **state) {
    (void)state;
    assert_int_equal(
        shell("printf '<mujoco><worldbody><body><joint name=\"x\" type=\"slide\" "
              "damping=\"1e10\"/><geom size=\"0.1\" mass=\"1\"/></body></worldbody><actuator>"
              "<motor joint=\"x\" gear=\"1e15\" ctrlrange=\"-1 1\" ctrllimited=\"true\"/>"
              "</actuator></mujoco>' > jumpy.xml"),
        0);
    static const struct {
        const char *arguments, *sentence;
    } cases[] = {{"env --env chain-1", "not simulated by MuJoCo"},
                 {"env --env half_horse", "half_horse"},
                 {"env --worlds 0", "--worlds"},
                 {"env --env jumpy.xml --worlds 1 --seconds 0", "became unstable under random"},
                 {"sac --env chain-1", "no controls"},
                 {"sac --hidden 40", "multiple of 16"}};
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        assert_refused(cases[i].sentence, "bench %s", cases[i].arguments);
    }
}

static void nap(void) {
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
}

// Processor time of a running process (s).
static double cpu_time_s(pid_t process) {
    clockid_t clock;
    struct timespec t = {0};
    if (clock_getcpuclockid(process, &clock) == 0) {
        clock_gettime(clock, &t);
    }
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// It has nothing to save, so the first SIGINT ends it.
static void the_first_interrupt_ends_it(void **state) {
    (void)state;
    const pid_t child =
        start_trapeze(NULL, "bench train --seconds 60 --threads 1 >/dev/null 2>/dev/null");
    int status = 0;
    while (cpu_time_s(child) < 1.0) { // until it is past its beginning
        nap();
        assert_int_equal(waitpid(child, &status, WNOHANG), 0);
    }
    kill(child, SIGINT);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(env_reports_both_sides),
        cmocka_unit_test(sac_reports_updates_and_peak),
        cmocka_unit_test(what_cannot_be_measured_is_one_sentence),
        cmocka_unit_test(the_first_interrupt_ends_it),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
