// `trapeze plot`: the pictures of folders that collect, train, eval, sac and mpc leave, and folders
// that are none.
#include "base/export.h"
#include "command.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static int make_runs(void **state) {
    return enter_folder(state) != 0 ||
           trapeze("collect --env inverted_pendulum --policy random --episodes 12 --steps 60 "
                   "--no-early-end --out data --quiet") != 0 ||
           trapeze("train --data data --model hnn --hidden 16 --sequences 400 --epochs 3 "
                   "--rollout-every 1 --horizon 20 --out hnn --quiet") != 0 ||
           trapeze("train --data data --model node --members 2 --hidden 16 --sequences 400 "
                   "--epochs 1 --horizon 20 --out both --quiet") != 0 ||
           trapeze("eval --data data --model hnn/model.safetensors --horizon 20 --out eval") != 0 ||
           trapeze("sac --env inverted_pendulum --steps 600 --learning-starts 100 --eval-every 200 "
                   "--eval-episodes 1 --checkpoint-every 600 --hidden 16 --batch 16 --out sac "
                   "--quiet") != 0 ||
           trapeze("mpc --env inverted_pendulum --model sim --samples 8 --horizon 4 --steps 9 "
                   "--episodes 2 --out mpc --quiet") != 0;
}

// Every picture in both formats, and no other file.
static void expect_pictures(const char *folder, const char *const *names, size_t n) {
    assert_int_equal(shell("rm -rf out"), 0);
    assert_int_equal(trapeze("plot %s --out out", folder), 0);
    assert_string_equal(printed, "pictures are in out\n");
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(shell("test -s out/%s.png -a -s out/%s.svg", names[i], names[i]), 0);
    }
    assert_int_equal(shell("test $(ls out | wc -l) = %zu", 2 * n), 0);
}

static void draws_every_kind_of_folder(void **state) {
    (void)state;
    static const char *const data[] = {"phase-0", "phase-1"};
    static const char *const train[] = {"loss",    "rollout", "gradient",
                                        "phase-0", "phase-1", "learned-energy"};
    static const char *const eval[] = {"horizon", "horizon-median", "components",
                                       "phase-0", "phase-1",        "learned-energy"};
    static const char *const sac[] = {"return", "loss", "temperature"};
    static const char *const mpc[] = {"predicted", "horizon", "phase-0", "phase-1"};
    expect_pictures("data", data, TZ_COUNTOF(data));
    expect_pictures("hnn", train, TZ_COUNTOF(train));
    expect_pictures("eval", eval, TZ_COUNTOF(eval));
    expect_pictures("sac", sac, TZ_COUNTOF(sac));
    expect_pictures("mpc", mpc, TZ_COUNTOF(mpc));
}

// A physical system has a true energy. (There are systems in builds with ARKODE.)
static void draws_the_energy_of_a_system(void **state) {
    (void)state;
    static const char *const names[] = {"phase-0", "energy"};
    if (trapeze("envs | grep -q chain-1") == 0) {
        assert_int_equal(trapeze("collect --env chain-1 --policy zero --episodes 2 --steps 50 "
                                 "--out chain --quiet"),
                         0);
        expect_pictures("chain", names, TZ_COUNTOF(names));
    }
}

// Without --out they go into the run, and those of an ensemble into its members.
static void draws_into_the_run(void **state) {
    (void)state;
    static const char *const files[] = {"hnn/phase-0.svg", "both/member-0/phase-1.png",
                                        "both/member-1/phase-1.png"};
    assert_files(files, TZ_COUNTOF(files), false);
    assert_int_equal(trapeze("plot hnn"), 0);
    assert_int_equal(trapeze("plot both"), 0);
    assert_files(files, TZ_COUNTOF(files), true);
}

// The object names each picture, those of an ensemble by member.
static void the_object_names_the_pictures(void **state) {
    (void)state;
    static const char *const stems[] = {"sac-out/return", "sac-out/loss", "sac-out/temperature"};
    assert_int_equal(trapeze("plot sac --out sac-out --json"), 0);
    struct json_object *o = printed_json(), *pictures = field(o, "pictures");
    assert_string_equal(words(o, "run"), "sac");
    assert_string_equal(words(o, "out"), "sac-out");
    assert_int_equal(json_object_array_length(pictures), TZ_COUNTOF(stems));
    for (size_t i = 0; i < TZ_COUNTOF(stems); i++) {
        assert_string_equal(json_object_get_string(json_object_array_get_idx(pictures, i)),
                            stems[i]);
    }
    json_object_put(o);

    assert_int_equal(trapeze("plot both --out both-out --json"), 0);
    o = printed_json();
    pictures = field(o, "pictures");
    for (size_t i = 0; i < json_object_array_length(pictures); i++) {
        const char *stem = json_object_get_string(json_object_array_get_idx(pictures, i));
        assert_int_equal(shell("test -s %s.png -a -s %s.svg", stem, stem), 0);
    }
    assert_int_equal(shell("test $(find both-out -name '*.png' | wc -l) = %zu",
                           json_object_array_length(pictures)),
                     0);
    json_object_put(o);
}

// What stands in the place of a run's model or data since is not drawn as them.
static void draws_nothing_that_took_a_place(void **state) {
    (void)state;
    assert_int_equal(shell("mkdir place && cp hnn/model.safetensors place"), 0);
    assert_int_equal(trapeze("eval --data data --model place/model.safetensors --horizon 20 "
                             "--out replaced"),
                     0);
    assert_int_equal(shell("cp both/member-0/model.safetensors place"), 0);
    assert_int_equal(trapeze("plot replaced --out replaced-out 2>&1"), 0);
    assert_non_null(strstr(printed, "no pictures of states: place/model.safetensors: is another "
                                    "one now"));
    assert_files((const char *[]){"replaced-out/horizon.png"}, 1, true);
    assert_files((const char *[]){"replaced-out/phase-0.png"}, 1, false);
}

// An ensemble of which a member has just begun has the pictures of those before it.
static void draws_the_members_that_have_begun(void **state) {
    (void)state;
    assert_int_equal(shell("cp -r both half && rm half/member-1/m* half/member-1/c*s"), 0);
    assert_int_equal(trapeze("plot half --out half-out"), 0);
    assert_files((const char *[]){"half-out/member-0/loss.png"}, 1, true);
    assert_files((const char *[]){"half-out/member-1/loss.png"}, 1, false);
}

// A run that is still going on has its curves so far.
static void draws_what_there_is(void **state) {
    (void)state;
    assert_int_equal(shell("mkdir early && cp hnn/config.json early && "
                           "head -2 hnn/metrics.csv > early/metrics.csv"),
                     0);
    static const char *const train[] = {"loss", "rollout", "gradient"};
    expect_pictures("early", train, TZ_COUNTOF(train));
}

static void bad_folders_are_one_sentence(void **state) {
    (void)state;
    assert_int_equal(
        shell("mkdir empty other text cut alien moved foreign; "
              "echo '{\"command\": [\"trapeze\", \"fly\"]}' > other/config.json; "
              "echo hello > text/config.json; "
              "cp hnn/config.json cut; echo 'epoch,train_loss\n1' > cut/metrics.csv; "
              "cp hnn/config.json foreign; echo 'a,b\n1,2' > foreign/metrics.csv; "
              "cp eval/*.json alien; sed -i 's/\"start\": *\\[/&5000,/' alien/metrics.json; "
              "cp hnn/config.json hnn/metrics.csv hnn/model.safetensors moved; "
              "sed -i 's/\"path\": *\"data\"/\"path\": \"gone\"/' moved/config.json; "
              "mkdir silent; cp eval/*.json silent; echo '{}' > silent/metrics.json"),
        0);
    assert_refused("nowhere: no such folder", "plot nowhere");
    assert_refused("empty: no config.json", "plot empty");
    assert_refused("a folder of 'fly'", "plot other");
    assert_refused("text/config.json: not JSON", "plot text");
    assert_refused("cut/metrics.csv, line 2: fewer cells", "plot cut");
    assert_refused("foreign/metrics.csv: no column 'epoch'", "plot foreign");
    assert_refused("data: has no step 5000", "plot alien");
    assert_refused("metrics.json: no text at 'data'", "plot silent");

    // data that are elsewhere now cost the pictures of states alone
    assert_int_equal(trapeze("plot moved 2>&1"), 0);
    assert_non_null(strstr(printed, "no pictures of states: gone: no such dataset"));
    assert_int_equal(shell("test -s moved/loss.png"), 0);
    assert_int_equal(trapeze("collect --env half_cheetah --policy zero --episodes 1 --steps 5 "
                             "--out large --quiet"),
                     0);
    assert_refused("large: nothing to draw in this folder of 'collect'", "plot large");
    assert_int_equal(shell("mkdir unborn; cp hnn/config.json unborn; "
                           "head -1 hnn/metrics.csv > unborn/metrics.csv"),
                     0);
    assert_refused("unborn: nothing to draw in this folder of 'train'", "plot unborn");
    assert_refused("expected one: trapeze plot RUN", "plot");
    assert_refused("/proc/pictures", "plot hnn --out /proc/pictures");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_every_kind_of_folder),
        cmocka_unit_test(draws_the_energy_of_a_system),
        cmocka_unit_test(draws_into_the_run),
        cmocka_unit_test(the_object_names_the_pictures),
        cmocka_unit_test(draws_nothing_that_took_a_place),
        cmocka_unit_test(draws_the_members_that_have_begun),
        cmocka_unit_test(draws_what_there_is),
        cmocka_unit_test(bad_folders_are_one_sentence),
    };
    return cmocka_run_group_tests(tests, make_runs, leave_folder);
}
