// `trapeze paper` from outside, on the smallest budget: tables do not depend on threads, ranks or
// interruptions, what is there is not trained again, bad input is one sentence and exit status 2.
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MPIRUN "mpirun --oversubscribe --allow-run-as-root --mca btl self,vader -n "

static char root[] = "/tmp/trapeze-paper-command-XXXXXX";
static char text[1 << 14];

static int set_up(void **state) {
    (void)state;
    return mkdtemp(root) == NULL || chdir(root) != 0 ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[TZ_PATH_MAX];
    snprintf(command, sizeof command, "chmod -R u+w '%s'; rm -rf '%s'", root, root);
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

static void succeeds(int status) {
    if (status != 0) {
        fail_msg("exit status %d: %s", status, text);
    }
}

static void assert_equal_files(const char *a, const char *b) {
    char digest_a[65], digest_b[65];
    assert_int_equal(tz_file_sha256(a, digest_a, NULL), TZ_OK);
    assert_int_equal(tz_file_sha256(b, digest_b, NULL), TZ_OK);
    if (strcmp(digest_a, digest_b) != 0) {
        fail_msg("%s differs from %s", a, b);
    }
}

static void a_figure_from_nothing(void **state) {
    (void)state;
    succeeds(run("%s paper fig8 --budget tiny --threads 2 --out a --json --quiet", TZ_PROGRAM));
    assert_non_null(strstr(text, "\"trained\":24"));
    assert_non_null(strstr(text, "\"claim\":\"with l1 NODE+SO beats NODE\""));
    assert_true(tz_file_exists("a/fig8.csv") && tz_file_exists("a/fig8.md"));
    assert_true(tz_file_exists("a/fig8.png") && tz_file_exists("a/fig8.svg"));

    // again: nothing to train, the same table
    succeeds(run("cp a/fig8.csv before.csv; %s paper fig8 --budget tiny --out a --json --quiet",
                 TZ_PROGRAM));
    assert_non_null(strstr(text, "\"trained\":0"));
    assert_equal_files("a/fig8.csv", "before.csv");
}

static void goes_on_after_an_interrupt(void **state) {
    (void)state;
    const int status = run("timeout -s INT 1 %s paper fig8 --budget tiny --threads 1 --out b "
                           "--quiet",
                           TZ_PROGRAM);
    assert_true(status != 0); // 124 of timeout
    succeeds(run("%s paper fig8 --budget tiny --threads 1 --out b --quiet", TZ_PROGRAM));
    assert_equal_files("a/fig8.csv", "b/fig8.csv");
    assert_equal_files("a/fig8.md", "b/fig8.md");
}

static void ranks_give_the_same_table(void **state) {
    (void)state;
    if (run("%s paper --help | grep -c 'built with MPI'", TZ_PROGRAM) != 0) {
        // what mpirun starts then says so in a sentence
        assert_int_equal(
            run("OMPI_COMM_WORLD_SIZE=2 %s paper fig8 --budget tiny --out c", TZ_PROGRAM), 2);
        assert_non_null(strstr(text, "built without MPI"));
        return;
    }
    static const int ranks[] = {1, 2, 4};
    for (size_t i = 0; i < TZ_COUNTOF(ranks); i++) {
        char path[64];
        succeeds(run(MPIRUN "%d %s paper fig8 --budget tiny --out mpi%d --quiet", ranks[i],
                     TZ_PROGRAM, ranks[i]));
        snprintf(path, sizeof path, "mpi%d/fig8.csv", ranks[i]);
        assert_equal_files("a/fig8.csv", path);
    }
}

// One line that says this, and exit status 2.
static void complains(const char *sentence, const char *format, ...) {
    char arguments[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(arguments, sizeof arguments, format, list);
    va_end(list);
    const int status = run("%s paper %s", TZ_PROGRAM, arguments);
    const char *newline = strchr(text, '\n');
    if (status != 2 || strstr(text, sentence) == NULL || newline == NULL || newline[1] != '\0') {
        fail_msg("exit status %d, said '%s', expected '%s'", status, text, sentence);
    }
}

static void bad_input(void **state) {
    (void)state;
    complains("no figure 'fig10', expected fig1 to fig9", "fig10 --out x");
    complains("a figure is missing", "--out x");
    complains("--out D is missing", "fig4");
    complains("--budget is 'huge', expected one of", "fig4 --budget huge --out x");
    complains("--data 'walker=x': expected ENV=DATASET", "fig7 --data walker=x --out x");
    complains("hopper.h5", "fig7 --budget tiny --out x --data hopper=hopper.h5 --quiet");

    // a run of another version in the figure's folder
    succeeds(run("cp -r a old; sed -i 's/\"version\": \"[^\"]*\"/\"version\": \"0.0.1\"/' "
                 "old/runs/chain-2_node_*_l1_*_s0.json"));
    complains("a run of 0.0.1", "fig8 --budget tiny --out old");

    // a folder that is a file
    succeeds(run("touch file"));
    complains("file", "fig8 --budget tiny --out file");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_figure_from_nothing),
        cmocka_unit_test(goes_on_after_an_interrupt),
        cmocka_unit_test(ranks_give_the_same_table),
        cmocka_unit_test(bad_input),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
