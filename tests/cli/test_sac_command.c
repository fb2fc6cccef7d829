// `trapeze sac` from outside: a run folder appears, an interrupt leaves a checkpoint that the next
// call goes on from, a kill leaves files that open, bad input is one sentence and exit status 2.
#include "base/file.h"
#include "base/safetensors.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define STEPS(n)                                                                                   \
    " sac --env inverted_pendulum --steps " n " --learning-starts 100 --eval-every 200"            \
    " --eval-episodes 1 --checkpoint-every 200 --hidden 16 --batch 16 --quiet --out run"
#define SMALL STEPS("3000")

static char root[] = "/tmp/trapeze-sac-command-XXXXXX";
static char text[1 << 14];

static int set_up(void **state) {
    (void)state;
    return mkdtemp(root) == NULL ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[TZ_PATH_MAX];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

// Runs a shell command and keeps what it printed on both streams; returns its exit status.
static int run(const char *format, ...) {
    char command[2048], all[2100];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    snprintf(all, sizeof all, "exec 2>&1; %s", command);
    FILE *output = popen(all, "r");
    assert_non_null(output);
    text[fread(text, 1, sizeof text - 1, output)] = '\0';
    return WEXITSTATUS(pclose(output));
}

static void expect_file(const char *folder, const char *name) {
    char path[TZ_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s/run/%s", root, folder, name);
    if (!tz_file_exists(path)) {
        fail_msg("%s is missing", path);
    }
}

static void digest_of(char digest[65], const char *folder, const char *name) {
    char path[TZ_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s/run/%s", root, folder, name);
    tz_error error;
    if (tz_file_sha256(path, digest, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
}

static void assert_equal_runs(const char *a, const char *b) {
    static const char *const files[] = {"checkpoint.safetensors", "policy.safetensors",
                                        "critics.safetensors", "metrics.csv"};
    for (size_t i = 0; i < TZ_COUNTOF(files); i++) {
        char digests[2][65];
        digest_of(digests[0], a, files[i]);
        digest_of(digests[1], b, files[i]);
        if (strcmp(digests[0], digests[1]) != 0) {
            fail_msg("%s differs between %s and %s", files[i], a, b);
        }
    }
}

static void a_run_leaves_its_folder(void **state) {
    (void)state;
    assert_int_equal(run("mkdir %s/whole && cd %s/whole && " TZ_PROGRAM SMALL, root, root), 0);
    assert_string_equal(text, "");
    static const char *const files[] = {"config.json",         "metrics.csv",
                                        "policy.safetensors",  "best.safetensors",
                                        "critics.safetensors", "checkpoint.safetensors",
                                        "return.png",          "return.svg"};
    for (size_t i = 0; i < TZ_COUNTOF(files); i++) {
        expect_file("whole", files[i]);
    }
}

// Starts a run in the background and ends it with the signal after a while; true when it was alive.
static bool start_and_signal(const char *folder, int signal_number, int wait_ms) {
    char command[2 * TZ_PATH_MAX];
    snprintf(command, sizeof command, "cd %s/%s && exec " TZ_PROGRAM SMALL " --resume 2>/dev/null",
             root, folder);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    usleep((useconds_t)wait_ms * 1000);
    const bool alive = waitpid(child, NULL, WNOHANG) == 0;
    if (alive) {
        kill(child, signal_number);
        int status;
        waitpid(child, &status, 0);
        if (signal_number == SIGINT && WIFEXITED(status) && WEXITSTATUS(status) != 0) {
            assert_int_equal(WEXITSTATUS(status), 130);
        }
    }
    return alive;
}

// Whatever a kill leaves: a checkpoint to go on from, or none and a folder to start in.
static void signals_at_any_moment_change_nothing(void **state) {
    (void)state;
    char checkpoint[TZ_PATH_MAX];
    snprintf(checkpoint, sizeof checkpoint, "%s/parts/run/checkpoint.safetensors", root);
    assert_int_equal(run("mkdir %s/parts", root), 0);
    srand(1);
    for (int i = 0; i < 20; i++) {
        const int signal_number = i % 2 == 0 ? SIGKILL : SIGINT;
        if (!start_and_signal("parts", signal_number, 20 + rand() % 60)) {
            break; // finished
        }
        if (tz_file_exists(checkpoint)) {
            tz_safetensors *file;
            assert_int_equal(tz_safetensors_read(&file, checkpoint, NULL), TZ_OK);
            tz_safetensors_destroy(file);
        }
    }
    assert_int_equal(run("cd %s/parts && " TZ_PROGRAM SMALL " --resume", root), 0);
    assert_equal_runs("whole", "parts");
}

// The same bytes at two threads, in the run's files and in the dataset that its memory becomes.
static void threads_change_nothing_and_the_memory_becomes_a_dataset(void **state) {
    (void)state;
    char digests[2][65];
    static const char *const folders[2] = {"alone", "pair"};
    for (int i = 0; i < 2; i++) {
        char path[TZ_PATH_MAX];
        assert_int_equal(run("mkdir %s/%s && cd %s/%s && " TZ_PROGRAM STEPS(
                                 "600") " --threads %d --resume --save-replay memory-v0",
                             root, folders[i], root, folders[i], i + 1),
                         0);
        snprintf(path, sizeof path, "%s/%s/memory-v0/data/main_data.hdf5", root, folders[i]);
        assert_int_equal(tz_file_sha256(path, digests[i], NULL), TZ_OK);
    }
    assert_equal_runs("alone", "pair");
    assert_string_equal(digests[0], digests[1]);

    // a finished run gives it too
    assert_int_equal(
        run("cd %s/whole && " TZ_PROGRAM SMALL " --resume --save-replay memory-v0", root), 0);

    // rewards and ends are those of the task, and the controls lead from state to state
    assert_int_equal(run(TZ_PROGRAM " data validate %s/whole/memory-v0", root), 0);
    assert_non_null(strstr(text, "3000 steps: every rule is kept"));
    assert_int_equal(run(TZ_PROGRAM " data replay %s/whole/memory-v0 --json"
                                    " | tr ',{}' '\n' | grep final_difference_max",
                         root),
                     0);
    assert_string_equal(text, "\"final_difference_max\":0.0\n");
}

static void expect_trouble(const char *sentence, const char *arguments) {
    assert_int_equal(run(TZ_PROGRAM " sac %s", arguments), 2);
    if (strncmp(text, "trapeze sac: ", 13) != 0 || strstr(text, sentence) == NULL ||
        strchr(text, '\n') != text + strlen(text) - 1) {
        fail_msg("'%s' is not one sentence with '%s'", text, sentence);
    }
}

static void bad_input_is_one_sentence(void **state) {
    (void)state;
    char arguments[TZ_PATH_MAX + 128];
    expect_trouble("--env", "--out /tmp/nowhere");
    expect_trouble("half_horse", "--env half_horse --out /tmp/nowhere-horse");
    expect_trouble("--stepz", "--stepz 3");
    snprintf(arguments, sizeof arguments, "--env hopper --steps 0 --out %s/zero", root);
    expect_trouble("steps", arguments);
    snprintf(arguments, sizeof arguments, "--env hopper --snapshot-at 1,x --out %s/zero", root);
    expect_trouble("--snapshot-at", arguments);
    snprintf(arguments, sizeof arguments, "--env hopper --hidden 100 --out %s/zero", root);
    expect_trouble("multiple of 16", arguments);
    snprintf(arguments, sizeof arguments, "--env inverted_pendulum --out %s/whole/run", root);
    expect_trouble("--resume", arguments);
    snprintf(arguments, sizeof arguments, "--env hopper --resume --out %s/whole/run", root);
    expect_trouble("inverted_pendulum", arguments);
    expect_trouble("/proc/sac", "--env hopper --out /proc/sac");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_leaves_its_folder),
        cmocka_unit_test(signals_at_any_moment_change_nothing),
        cmocka_unit_test(threads_change_nothing_and_the_memory_becomes_a_dataset),
        cmocka_unit_test(bad_input_is_one_sentence),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
