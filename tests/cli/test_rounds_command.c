// `trapeze rounds`: which model it keeps, what it hands on to its parts, how it goes on after a
// stop, and what it refuses.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/export.h"
#include "command.h"

#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int make_first_model(void **state) {
    return enter_folder(state) != 0 ||
           trapeze("collect --env inverted_pendulum --policy random --episodes 12 --seed 0 "
                   "--out data --quiet") != 0 ||
           trapeze("train --data data --model node-so --hidden 16 --sequences 400 --epochs 1 "
                   "--seed 0 --out first --quiet") != 0;
}

#define FIRST "rounds --env inverted_pendulum --data data --model first/model.safetensors "
#define SMALL                                                                                      \
    "--rounds 2 --episodes 2 --steps 20 --epochs 1 --sequences 400 --samples 12 --horizon 5 "      \
    "--iterations 1 --noise 0.4 --quiet "
#define TRIALS "--trial-episodes 2 --trial-steps 30 --trial-horizon 8 --trial-substeps 4 "

// The words, but for the options that `more` gives a value too, then `more`. Static, until the next
// call.
static const char *with(const char *words, const char *more) {
    static char text[2048];
    char copy[1024], behind[512], option[64];
    snprintf(copy, sizeof copy, "%s", words);
    snprintf(behind, sizeof behind, " %s ", more);
    size_t used = 0;
    bool is_left_out = false; // the option whose value may follow
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        if (strncmp(word, "--", 2) == 0) {
            snprintf(option, sizeof option, " %s ", word);
            is_left_out = strstr(behind, option) != NULL;
        }
        if (!is_left_out) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%s ", word);
        }
    }
    snprintf(text + used, sizeof text - used, "%s", more);
    return text;
}

// The return_mean of a folder's results.
static double return_of(const char *folder) {
    char path[128];
    snprintf(path, sizeof path, "%s/results.json", folder);
    json_object *o = json_object_from_file(path);
    assert_non_null(o);
    const double mean = number(o, "return_mean");
    json_object_put(o);
    return mean;
}

static json_object *options_of(const char *path) {
    json_object *config = json_object_from_file(path);
    assert_non_null(config);
    json_object *options = json_object_get(field(config, "options"));
    json_object_put(config);
    return options;
}

// Without trials the kept model is the one whose round earned the most.
static void the_rounds_choose_the_model(void **state) {
    (void)state;
    assert_int_equal(trapeze(FIRST SMALL "--out plain --json"), 0);
    json_object *o = printed_json(), *file = json_object_from_file("plain/results.json");
    assert_true(json_object_equal(o, file));
    assert_int_equal(json_object_array_length(field(o, "rounds")), 2);
    assert_int_equal(json_object_array_length(field(o, "trials")), 0);

    const bool first = return_of("plain/round-1/mpc") >= return_of("plain/round-2/mpc");
    assert_string_equal(words(o, "best"), first ? "first/model.safetensors"
                                                : "plain/round-1/model/model.safetensors");
    assert_same_file("plain/model.safetensors", words(o, "best"));
    assert_true(number(o, "best_return_mean") ==
                return_of(first ? "plain/round-1/mpc" : "plain/round-2/mpc"));
    json_object_put(o);
    json_object_put(file);
}

// With trials, added to the finished run, it is the one whose trial earned the most; what is there
// is not made again.
static void trials_choose_the_model(void **state) {
    (void)state;
    assert_int_equal(shell("touch before; sleep 0.1"), 0);
    assert_int_equal(trapeze(FIRST SMALL TRIALS "--out plain --resume"), 0);
    const bool after_first = return_of("plain/trial-1") >= return_of("plain/trial-2");
    assert_same_file("plain/model.safetensors", after_first
                                                    ? "plain/round-1/model/model.safetensors"
                                                    : "plain/round-2/model/model.safetensors");
    assert_int_equal(shell("find plain/round-* -newer before -type f | wc -l"), 0);
    assert_int_equal(atoi(printed), 0);

    // other trials are another run, more rounds are not: then only the later models are tried
    assert_refused("plain/config.json: was begun with other options", "%s",
                   with(FIRST SMALL TRIALS "--out plain --resume", "--trial-horizon 9"));
    assert_refused("plain/config.json: was begun with other options",
                   FIRST SMALL "--out plain --resume");
    assert_int_equal(
        trapeze("%s", with(FIRST SMALL TRIALS "--out plain --resume --json", "--rounds 3")), 0);
    json_object *o = printed_json();
    assert_int_equal(json_object_array_length(field(o, "rounds")), 3);
    json_object *trials = field(o, "trials");
    assert_int_equal(json_object_array_length(trials), 2);
    assert_true(number(json_object_array_get_idx(trials, 0), "after_round") == 2.0);
    json_object_put(o);
    // and fewer would throw rounds away
    assert_refused("plain/config.json: was begun with other options",
                   FIRST SMALL TRIALS "--out plain --resume");
    assert_int_equal(shell("grep -c , plain/metrics.csv"), 0);
    assert_int_equal(atoi(printed), 1 + 3);
    static const char *const pictures[] = {"plain/rounds.png", "again/rounds.png",
                                           "again/rounds.svg"};
    assert_int_equal(trapeze("plot plain --out again"), 0);
    assert_files(pictures, TZ_COUNTOF(pictures), true);
}

// The parts are the commands that a person would run by hand: same options, same bytes.
static void the_parts_are_the_commands(void **state) {
    (void)state;
    assert_int_equal(shell("mkdir parts hand && cp -r data first parts && cp -r data first hand"),
                     0);
    assert_int_equal(shell("cd parts && " TZ_PROGRAM " " FIRST SMALL
                           "--seed 40 --out rounds --threads 1 --keep-best"),
                     0);
#define DRIVE                                                                                      \
    " mpc --env inverted_pendulum --episodes 2 --steps 20 --samples 12 --horizon 5 "               \
    "--iterations 1 --noise 0.4 --quiet "
#define LEARN " train --epochs 1 --lr 1e-3 --sequences 400 --keep-best --quiet "
    assert_int_equal(
        shell("cd hand && exec >/dev/null && "
              "" TZ_PROGRAM DRIVE "--model first/model.safetensors --seed 41 "
              "--out rounds/round-1/mpc && "
              "" TZ_PROGRAM LEARN "--data data --weight 1 --data rounds/round-1/mpc/dataset "
              "--weight 1 --init first/model.safetensors --seed 41 --out rounds/round-1/model && "
              "" TZ_PROGRAM DRIVE "--model rounds/round-1/model/model.safetensors --seed 42 "
              "--out rounds/round-2/mpc && "
              "" TZ_PROGRAM LEARN "--data data --weight 2 --data rounds/round-1/mpc/dataset "
              "--weight 1 --data rounds/round-2/mpc/dataset --weight 1 "
              "--init rounds/round-1/model/model.safetensors --seed 42 --out rounds/round-2/model"),
        0);
    static const char *const files[] = {
        "round-1/mpc/dataset/data/main_data.hdf5", "round-1/model/model.safetensors",
        "round-2/mpc/dataset/data/main_data.hdf5", "round-2/model/model.safetensors"};
    for (size_t i = 0; i < TZ_COUNTOF(files); i++) {
        char by_rounds[128], by_hand[128];
        snprintf(by_rounds, sizeof by_rounds, "parts/rounds/%s", files[i]);
        snprintf(by_hand, sizeof by_hand, "hand/rounds/%s", files[i]);
        assert_same_file(by_rounds, by_hand);
    }
}

// An ensemble goes through rounds and trials as one, and what is kept holds its members.
static void an_ensemble_stays_one(void **state) {
    (void)state;
    assert_int_equal(trapeze("train --data data --model node-so --members 2 --hidden 8 --sequences "
                             "400 --epochs 1 --seed 0 --out pair --quiet"),
                     0);
    assert_int_equal(trapeze("%s", with(FIRST SMALL TRIALS "--disagreement 0.5 --out both --json",
                                        "--model pair/ensemble.json")),
                     0);
    json_object *o = printed_json();
    json_object *trial = options_of("both/trial-1/config.json");
    assert_true(number(trial, "disagreement") == 0.5);
    json_object_put(trial);
    assert_refused("no members that could disagree", FIRST SMALL "--disagreement 0.5 --out alone");
    static const char *const files[] = {"ensemble.json", "member-0/model.safetensors",
                                        "member-1/model.safetensors"};
    for (size_t i = 0; i < TZ_COUNTOF(files); i++) {
        char kept[128], best[128];
        snprintf(kept, sizeof kept, "both/%s", files[i]);
        snprintf(best, sizeof best, "both/round-%d/model/%s", (int)number(o, "best_after_round"),
                 files[i]);
        assert_same_file(kept, best);
    }
    json_object_put(o);
    assert_int_equal(shell("cmp -s both/member-0/model.safetensors "
                           "both/member-1/model.safetensors"),
                     1);
    assert_int_equal(trapeze("mpc --env inverted_pendulum --model both/ensemble.json --steps 3 "
                             "--samples 12 --horizon 5 --quiet"),
                     0);
    assert_int_equal(trapeze("plot both --out both/pictures"), 0);
    assert_int_equal(shell("test -s both/pictures/rounds.png"), 0);
    assert_refused("both already holds a run", "%s",
                   with(FIRST SMALL TRIALS "--out both", "--model pair/ensemble.json"));
}

// Every option of the planner and of the training reaches its part; the trials have their own.
static void every_option_reaches_its_part(void **state) {
    (void)state;
    assert_int_equal(
        trapeze(
            "rounds --env InvertedPendulum-v5 --data data --model first/model.safetensors "
            "--out all --rounds 1 --episodes 1 --steps 3 --epochs 2 --rollout-every 1 --lr 0.002 "
            "--lr-end 0.0005 --sequences 100 --sequence-length 4 --batch 20 --tile 10 "
            "--weight-decay 0.25 --clip 0.5 --input-noise 0.75 --curriculum 3 "
            "--spectral-limit 2.5 --keep-best --planner mppi --temperature 0.75 --horizon 6 "
            "--samples 14 "
            "--iterations 2 --elites 5 --keep-elites 2 --policy-samples 3 --policy "
            "inverted_pendulum-expert --critic inverted_pendulum-critics "
            "--smoothing 0.25 --sample-decay 1.5 --noise 0.75 --noise-color 0.125 "
            "--discount 0.5 --range penalty --range-margin 0.375 --range-penalty 7 "
            "--substeps 3 --no-early-end --trial-episodes 1 --trial-steps 2 "
            "--trial-horizon 2 --trial-substeps 5 --quiet"),
        0);
    static const struct {
        const char *key;
        double round, trial;
    } planned[] = {{"horizon", 6, 2},          {"samples", 14, 14},
                   {"iterations", 2, 2},       {"elites", 5, 5},
                   {"keep_elites", 2, 2},      {"policy_samples", 3, 3},
                   {"smoothing", 0.25, 0.25},  {"sample_decay", 1.5, 1.5},
                   {"noise", 0.75, 0.75},      {"noise_color", 0.125, 0.125},
                   {"discount", 0.5, 0.5},     {"range_margin", 0.375, 0.375},
                   {"range_penalty", 7, 7},    {"substeps", 3, 5},
                   {"temperature", 0.75, 0.75}};
    json_object *round = options_of("all/round-1/mpc/config.json");
    json_object *trial = options_of("all/trial-1/config.json");
    for (size_t i = 0; i < TZ_COUNTOF(planned); i++) {
        assert_true(number(round, planned[i].key) == planned[i].round);
        assert_true(number(trial, planned[i].key) == planned[i].trial);
    }
    assert_string_equal(words(trial, "range"), "penalty");
    assert_string_equal(words(trial, "planner"), "mppi");
    // the environment's name here, not as it was typed
    json_object *own = json_object_from_file("all/config.json");
    assert_string_equal(words(own, "env"), "inverted_pendulum");
    json_object_put(own);
    // the round's seed is one more than 1000, that of all trials one less
    static const char *const parts[] = {"all/round-1/mpc/config.json", "all/trial-1/config.json",
                                        "all/round-1/model/config.json"};
    static const int seeds[] = {1001, 999, 1001};
    for (size_t i = 0; i < TZ_COUNTOF(parts); i++) {
        json_object *config = json_object_from_file(parts[i]);
        assert_non_null(config);
        assert_int_equal((int)number(config, "seed"), seeds[i]);
        json_object_put(config);
    }
    json_object_put(round);
    json_object_put(trial);
    assert_int_equal(shell("for f in all/round-1/mpc/config.json all/trial-1/config.json; do "
                           "grep -q '\"ends_early\": *false' $f && "
                           "grep -q '\"critic\": *{' $f || exit 1; done; "
                           "grep -q '\"max_episode_steps\": *2,' all/trial-1/config.json"),
                     0);

    static const struct {
        const char *key;
        double value;
    } trained[] = {{"epochs", 2},         {"lr", 0.002},          {"lr_end", 0.0005},
                   {"sequences", 100},    {"sequence_length", 4}, {"batch", 20},
                   {"tile", 10},          {"weight_decay", 0.25}, {"clip", 0.5},
                   {"input_noise", 0.75}, {"curriculum", 3},      {"spectral_limit", 2.5}};
    json_object *training = options_of("all/round-1/model/config.json");
    for (size_t i = 0; i < TZ_COUNTOF(trained); i++) {
        assert_true(number(training, trained[i].key) == trained[i].value);
    }
    assert_string_equal(words(training, "keep"), "best");
    json_object_put(training);
}

// Several datasets share the weight of one by their steps.
static void datasets_share_a_weight(void **state) {
    (void)state;
    assert_int_equal(
        trapeze("%s", with(FIRST SMALL "--out shared", "--rounds 1 --data data --data data")), 0);
    json_object *config = json_object_from_file("shared/round-1/model/config.json");
    assert_non_null(config);
    static const double weights[] = {0.5, 0.5, 1.0};
    json_object *data = field(config, "data");
    assert_int_equal(json_object_array_length(data), TZ_COUNTOF(weights));
    for (size_t i = 0; i < TZ_COUNTOF(weights); i++) {
        assert_true(number(json_object_array_get_idx(data, i), "weight") == weights[i]);
    }
    json_object_put(config);
}

// Ended by the signal when the file is there, and before the other one is (NULL: before the end).
static int stop_at(const char *file, const char *before, int signal_number) {
    char paths[2][64];
    snprintf(paths[0], sizeof paths[0], "cut/run/%s", file);
    snprintf(paths[1], sizeof paths[1], "cut/run/%s", before != NULL ? before : "");
    const stop at = {.in = "cut",
                     .folder = "cut/run",
                     .file = paths[0],
                     .before = before != NULL ? paths[1] : NULL,
                     .signal_number = signal_number};
    return stop_trapeze(&at, FIRST SMALL TRIALS "--out run --resume >/dev/null 2>said");
}

// What a stopped run ends in is what the unbroken one left, but for the times of plans.
static void a_stopped_run_is_resumed(void **state) {
    (void)state;
    assert_int_equal(shell("mkdir whole cut; cp -r data first whole; cp -r data first cut; "
                           "cd whole && " TZ_PROGRAM " " FIRST SMALL TRIALS "--out run --resume"),
                     0);
    assert_int_equal(stop_at("round-1/mpc/journal", "round-2", SIGINT), 130);
    assert_int_equal(shell("grep -q '^trapeze rounds: round 1: .*--resume' cut/said"), 0);
    assert_refused("cut/run already holds a run (config.json)", FIRST SMALL "--out cut/run");
    assert_int_equal(stop_at("round-1/model/checkpoint.safetensors", "round-2", SIGKILL), -SIGKILL);
    assert_int_equal(stop_at("round-2/model/config.json", "trial-1", SIGINT), 130);
    assert_int_equal(stop_at("trial-1/config.json", NULL, SIGINT), 130);
    assert_files((const char *[]){"cut/run/model.safetensors", "cut/run/results.json"}, 2, false);
    assert_int_equal(shell("cd cut && " TZ_PROGRAM " " FIRST SMALL TRIALS "--out run --resume"), 0);
    static const char *const files[] = {
        "config.json",
        "results.json",
        "metrics.csv",
        "rounds.svg",
        "model.safetensors",
        "round-1/mpc/dataset/data/main_data.hdf5",
        "round-1/model/model.safetensors",
        "round-2/mpc/dataset/data/main_data.hdf5",
        "round-2/model/model.safetensors",
        "trial-2/dataset/data/main_data.hdf5",
    };
    for (size_t i = 0; i < TZ_COUNTOF(files); i++) {
        char of_whole[128], of_cut[128];
        snprintf(of_whole, sizeof of_whole, "whole/run/%s", files[i]);
        snprintf(of_cut, sizeof of_cut, "cut/run/%s", files[i]);
        assert_same_file(of_whole, of_cut);
    }

    // other choices are refused, and change nothing
    assert_int_equal(shell("cp -r cut/run before-refusal"), 0);
    static const char *const other[] = {"--noise 0.5", "--epochs 2", "--seed 3", "--episodes 1"};
    for (size_t i = 0; i < TZ_COUNTOF(other); i++) {
        assert_refused("run/config.json: was begun with other options", "%s",
                       with(FIRST SMALL TRIALS "--out cut/run --resume", other[i]));
    }
    assert_int_equal(shell("diff -r cut/run before-refusal"), 0);

    // the same files under other paths are the same run: trial 2 is there
    assert_int_equal(shell("cp cut/run/trial-2/results.json trial-2.json && cd cut && " TZ_PROGRAM
                           " rounds --env inverted_pendulum --data ./data --model "
                           "$PWD/first/model.safetensors %s --out ./run --resume",
                           with(SMALL TRIALS, "--rounds 3")),
                     0);
    assert_same_file("cut/run/trial-2/results.json", "trial-2.json");
    assert_files((const char *[]){"cut/run/trial-3/results.json"}, 1, true);
}

// Pictures of the rounds that fail take nothing else with them, the last one is told by the exit
// status, and the same command draws it.
static void rounds_go_on_without_pictures(void **state) {
    (void)state;
    assert_int_equal(shell("mkdir bad && printf '#!/bin/sh\nexit 1\n' > bad/gnuplot && "
                           "chmod +x bad/gnuplot && PATH=$PWD/bad:$PATH " TZ_PROGRAM " " FIRST SMALL
                           "--out undrawn 2>said"),
                     2);
    assert_int_equal(shell("grep -c 'trapeze mpc: no picture: ' said"), 0);
    assert_string_equal(printed, "2\n");
    assert_files(
        (const char *[]){"undrawn/results.json", "undrawn/round-2/model/model.safetensors"}, 2,
        true);
    assert_files((const char *[]){"undrawn/rounds.png"}, 1, false);
    assert_int_equal(trapeze(FIRST SMALL "--out undrawn --resume"), 0);
    assert_files((const char *[]){"undrawn/rounds.png"}, 1, true);
}

// Gymnasium's older semantics from the data to the last round.
static void older_semantics_go_all_rounds(void **state) {
    (void)state;
    assert_int_equal(trapeze("collect --env inverted_pendulum --version v4 --policy random "
                             "--episodes 12 --seed 0 --out old-data --quiet"),
                     0);
    assert_int_equal(trapeze("train --data old-data --model node-so --hidden 16 --sequences 400 "
                             "--epochs 1 --seed 0 --out old-first --quiet"),
                     0);
    assert_int_equal(trapeze("rounds --env inverted_pendulum --version v4 --data old-data --model "
                             "old-first/model.safetensors " SMALL "--out old"),
                     0);
    json_object *config = json_object_from_file("old/config.json");
    assert_string_equal(words(config, "env"), "inverted_pendulum-v4");
    json_object_put(config);
}

// All of it is found before the first episode, and leaves no folder.
// The files of the guide count by what is in them; what is written of the environment is of the one
// that drives, whatever the data's was.
static void other_files_make_another_run(void **state) {
    (void)state;
    assert_int_equal(shell("cp " TZ_SOURCE_DIR "/policies/inverted_pendulum-expert.safetensors "
                           "own.safetensors"),
                     0);
#define GUIDED FIRST SMALL "--policy own.safetensors --env-arg reset_noise_scale=0.02 --out guided "
    assert_int_equal(trapeze("%s", with(GUIDED, "--rounds 1")), 0);
    json_object *results = json_object_from_file("guided/results.json");
    assert_string_equal(words(results, "env_arguments"), "reset_noise_scale=0.02");
    json_object_put(results);
    assert_int_equal(shell("printf '\\0\\0\\0\\0' | dd of=own.safetensors conv=notrunc bs=1 "
                           "seek=$(($(stat -c %%s own.safetensors) - 4)) 2>/dev/null"),
                     0);
    assert_refused("guided/config.json: was begun with other options", "%s",
                   with(GUIDED "--resume", "--rounds 2"));
}

static void bad_input_is_one_sentence(void **state) {
    (void)state;
    assert_int_equal(trapeze("collect --env hopper --policy random --episodes 3 --seed 0 "
                             "--out hops --quiet"),
                     0);
    assert_int_equal(shell("mkdir many; cp first/model.safetensors many; "
                           "printf '{\"members\": [\"model.safetensors\"]}' > many/ensemble.json; "
                           "echo hello > text.safetensors"),
                     0);
    static const struct {
        const char *words, *sentence;
    } cases[] = {
        {"--model missing.safetensors", "missing.safetensors"},
        {"--model text.safetensors", "text.safetensors"},
        {"--model many/ensemble.json", "many/ensemble.json"},
        {"--model sim", "--model is sim"},
        {"--env no_such_robot", "no_such_robot"},
        {"--env hopper", "first/model.safetensors"},
        {"--version v4", "expected one of environment inverted_pendulum-v4"},
        {"--data nowhere", "nowhere"},
        {"--data data --data hops", "hops"},
        {"--rounds 0", "--rounds"},
        {"--rounds 64", "--rounds"},
        {"--rounds 63 --data data --data data", "--rounds is 63 beside 2 --data"},
        {"--episodes 0", "--episodes"},
        {"--elites 13", "elites"},
        {"--policy-samples 3", "expected one by --policy"},
        {"--policy no-policy", "no-policy"},
        {"--critic hopper-critics", "hopper-critics"},
        {"--sequence-length 22", "--sequence-length is 22, expected at most the 21 states"},
        {"--steps 1001 --sequence-length 1000", "holds 1000 states in a row"},
        {"--curriculum 9", "curriculum"},
        {"--trial-horizon 9", "--trial-horizon: there are no trials"},
        {"--trial-steps 9", "--trial-steps: there are no trials"},
        {"--trial-episodes 1 --trial-horizon 0", "--trial-horizon"},
        {"--members 2", "--members"},
        {"--horizon 4 --horizon 4", "--horizon: given twice"},
        {"--out /proc/no", "/proc/no"},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        assert_refused(cases[i].sentence, "%s", with(FIRST SMALL "--out new", cases[i].words));
        assert_int_equal(shell("test ! -e new"), 0);
    }
    assert_refused("--model", "rounds --env inverted_pendulum --data data --out new");
    assert_refused("--data", "rounds --env inverted_pendulum --model m --out new");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rounds_choose_the_model),
        cmocka_unit_test(trials_choose_the_model),
        cmocka_unit_test(the_parts_are_the_commands),
        cmocka_unit_test(an_ensemble_stays_one),
        cmocka_unit_test(every_option_reaches_its_part),
        cmocka_unit_test(datasets_share_a_weight),
        cmocka_unit_test(a_stopped_run_is_resumed),
        cmocka_unit_test(rounds_go_on_without_pictures),
        cmocka_unit_test(older_semantics_go_all_rounds),
        cmocka_unit_test(other_files_make_another_run),
        cmocka_unit_test(bad_input_is_one_sentence),
    };
    return cmocka_run_group_tests(tests, make_first_model, leave_folder);
}
