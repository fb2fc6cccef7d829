// `trapeze paper` from outside, on the smallest budget: tables do not depend on threads, ranks or
// interruptions, what is there is not trained again, bad input is one sentence and exit status 2.
#include "base/file.h"
#include "command.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MPIRUN "mpirun --oversubscribe --allow-run-as-root --mca btl self,vader -n "

static void succeeds(int status) {
    if (status != 0) {
        fail_msg("exit status %d: %s", status, printed);
    }
}

static void a_figure_from_nothing(void **state) {
    (void)state;
    succeeds(trapeze("paper fig8 --budget tiny --threads 2 --out a --json --quiet 2>&1"));
    assert_non_null(strstr(printed, "\"trained\":24"));
    assert_non_null(strstr(printed, "\"claim\":\"with l1 NODE+SO beats NODE\""));
    assert_true(tz_file_exists("a/fig8.csv") && tz_file_exists("a/fig8.md"));
    assert_true(tz_file_exists("a/fig8.png") && tz_file_exists("a/fig8.svg"));

    // again: nothing to train, the same table
    succeeds(
        shell("cp a/fig8.csv before.csv; %s paper fig8 --budget tiny --out a --json --quiet 2>&1",
              TZ_PROGRAM));
    assert_non_null(strstr(printed, "\"trained\":0"));
    assert_same_file("a/fig8.csv", "before.csv");
}

static void goes_on_after_an_interrupt(void **state) {
    (void)state;
    const stop after_a_run = {.folder = "b", .file = "b/runs/*.json", .signal_number = SIGINT};
    assert_int_equal(stop_trapeze(&after_a_run, "paper fig8 --budget tiny --threads 1 --out b "
                                                "--quiet 2>said"),
                     130);
    assert_int_equal(shell("grep -q 'interrupted: the same command goes on' said"), 0);

    // what was finished is not trained again
    succeeds(trapeze("paper fig8 --budget tiny --threads 1 --out b --quiet --json 2>&1"));
    json_object *o = printed_json();
    assert_in_range(number(o, "trained"), 1, 23);
    json_object_put(o);
    assert_same_file("a/fig8.csv", "b/fig8.csv");
    assert_same_file("a/fig8.md", "b/fig8.md");
}

static void ranks_give_the_same_table(void **state) {
    (void)state;
    if (shell("%s paper --help | grep -c 'built with MPI'", TZ_PROGRAM) != 0) {
        // what mpirun starts then says so in a sentence
        assert_int_equal(
            shell("OMPI_COMM_WORLD_SIZE=2 %s paper fig8 --budget tiny --out c 2>&1", TZ_PROGRAM),
            2);
        assert_non_null(strstr(printed, "built without MPI"));
        return;
    }
    static const int ranks[] = {1, 2, 4};
    for (size_t i = 0; i < TZ_COUNTOF(ranks); i++) {
        char path[64];
        succeeds(shell(MPIRUN "%d %s paper fig8 --budget tiny --out mpi%d --quiet 2>&1", ranks[i],
                       TZ_PROGRAM, ranks[i]));
        snprintf(path, sizeof path, "mpi%d/fig8.csv", ranks[i]);
        assert_same_file("a/fig8.csv", path);
    }
}

// The robots' episodes are collected once and then read by all, ranks and later commands.
static void robots_are_shared(void **state) {
    (void)state;
    succeeds(trapeze("paper fig7 --budget tiny --threads 2 --out robots --quiet 2>&1"));
    if (shell("%s paper --help | grep -c 'built with MPI'", TZ_PROGRAM) == 0) {
        succeeds(
            shell(MPIRUN "3 %s paper fig7 --budget tiny --out robots3 --quiet 2>&1", TZ_PROGRAM));
        assert_same_file("robots/fig7.csv", "robots3/fig7.csv");
        succeeds(shell("rm robots3/runs/*_s0.json; " MPIRUN
                       "3 %s paper fig7 --budget tiny --out robots3 --quiet 2>&1",
                       TZ_PROGRAM));
        assert_same_file("robots/fig7.csv", "robots3/fig7.csv");
    }
}

// Held-out episodes that do not give the study's tests: the table says which were made.
static void short_episodes_are_told(void **state) {
    (void)state;
    succeeds(trapeze("collect --env hopper --policy random --episodes 40 --out short --quiet"));
    succeeds(trapeze("paper fig7 --budget tiny --threads 2 --out told --quiet "
                     "--data hopper=short 2>&1"));
    assert_int_equal(shell("grep -cE '^hopper,.*\"dataset [0-9a-f]{12}, [0-9]+ tests of "
                           "[0-9]+ steps\"$' told/fig7.csv"),
                     0);
    assert_string_equal(printed, "16\n");
    assert_int_equal(shell("grep -qE '^swimmer,.*,collected [0-9a-f]{12}$' told/fig7.csv"), 0);
}

// `trapeze plot` draws the figures that are complete, from the runs alone.
static void plot_redraws(void **state) {
    (void)state;
    static const char *const files[] = {"drawn/fig8.png", "drawn/fig8.svg", "drawn/fig8.csv",
                                        "drawn/fig8.md"};
    succeeds(trapeze("plot a --out drawn 2>&1"));
    assert_string_equal(printed, "pictures are in drawn\n");
    assert_files(files, TZ_COUNTOF(files), true);
    assert_same_file("a/fig8.csv", "drawn/fig8.csv");
    assert_same_file("a/fig8.md", "drawn/fig8.md");
    succeeds(shell("test $(ls drawn | wc -l) = %zu", TZ_COUNTOF(files)));

    // one run less: no figure is complete
    succeeds(shell("cp -r a less; rm less/runs/chain-2_node_*_l1_*_s0.json less/fig8.*"));
    assert_refused("less: no figure whose runs of budget tiny are all there", "plot less");
    succeeds(shell("sed -i 's/\"tiny\"/\"huge\"/' less/config.json"));
    assert_refused("less/config.json: the budget 'huge'", "plot less");
}

static void bad_input(void **state) {
    (void)state;
    assert_refused("no figure 'fig10', expected fig1 to fig9", "paper fig10 --out x");
    assert_refused("a figure is missing", "paper --out x");
    assert_refused("--out D is missing", "paper fig4");
    assert_refused("--budget is 'huge', expected one of", "paper fig4 --budget huge --out x");
    assert_refused("--data 'walker=x': expected ENV=DATASET", "paper fig7 --data walker=x --out x");
    assert_refused("'hopper=x': fig7 alone learns from robots",
                   "paper fig8 --budget tiny --data hopper=x --out a");
    assert_refused("data of hopper twice, 'hopper=x' and 'hopper=y'",
                   "paper fig7 --data hopper=x --data hopper=y --out x");
    assert_refused("hopper.h5", "paper fig7 --budget tiny --out x --data hopper=hopper.h5 --quiet");

    // one episode, of which none can be held out
    succeeds(trapeze("collect --env hopper --policy zero --episodes 1 --out one --quiet"));
    assert_refused("one: holds one episode, expected two or more",
                   "paper fig7 --budget tiny --out x --data hopper=one --quiet");

    // a run of another version in the figure's folder
    succeeds(shell("cp -r a old; sed -i 's/\"version\": \"[^\"]*\"/\"version\": \"0.0.1\"/' "
                   "old/runs/chain-2_node_*_l1_*_s0.json"));
    assert_refused("a run of 0.0.1", "paper fig8 --budget tiny --out old");

    // data of another seed under this one's name
    succeeds(shell("cp -r a other; rm other/runs/chain-2_node_*_l1_*_s0.json; cd other/data; "
                   "cp chain-2_n250_s1.safetensors chain-2_n250_s0.safetensors"));
    assert_refused("other/data/chain-2_n250_s0.safetensors: its seed is '1', expected '0'",
                   "paper fig8 --budget tiny --out other --quiet");

    // a folder that is a file
    succeeds(shell("touch file"));
    assert_refused("file", "paper fig8 --budget tiny --out file");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_figure_from_nothing),
        cmocka_unit_test(goes_on_after_an_interrupt),
        cmocka_unit_test(ranks_give_the_same_table),
        cmocka_unit_test(robots_are_shared),
        cmocka_unit_test(short_episodes_are_told),
        cmocka_unit_test(plot_redraws),
        cmocka_unit_test(bad_input),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
