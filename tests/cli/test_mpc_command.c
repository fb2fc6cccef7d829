// `trapeze mpc`: what it prints and leaves, and what it refuses.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/table.h"
#include "command.h"
#include "data/dataset.h"
#include "models/model.h"

#include <json-c/json.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRIVE                                                                                      \
    "mpc --env inverted_pendulum --model sim --samples 12 --horizon 5 --iterations 1 --quiet "
#define QUICK DRIVE "--steps 12 "

static void the_results_agree_with_the_episodes(void **state) {
    (void)state;
    assert_int_equal(trapeze(QUICK "--episodes 2 --seed 3 --out run --json"), 0);
    json_object *o = printed_json();
    json_object *returns = field(o, "returns");
    assert_int_equal(json_object_array_length(returns), 2);
    assert_int_equal((int)number(o, "episodes"), 2);
    assert_true(number(o, "control_period_ms") == 40.0);
    assert_true(number(o, "plan_ms_median") > 0.0);
    assert_true(number(o, "plan_ms_p95") >= number(o, "plan_ms_median"));
    assert_int_equal(json_object_get_boolean(field(o, "real_time")),
                     number(o, "plan_ms_p95") <= 40.0);
    assert_true(fabs(number(o, "reward_rmse")) < 1e-6);

    // the dataset holds what was reported
    tz_error error;
    tz_dataset *dataset = NULL;
    assert_int_equal(tz_dataset_read(&dataset, "run/dataset", NULL, &error), TZ_OK);
    assert_int_equal(dataset->n_episodes, 2);
    assert_int_equal(dataset->n_steps, (size_t)number(o, "steps"));
    double mean = 0.0;
    for (int e = 0; e < 2; e++) {
        double sum = 0.0;
        for (size_t i = dataset->step_offset[e]; i < dataset->step_offset[e + 1]; i++) {
            sum += dataset->reward[i];
        }
        assert_true(sum == json_object_get_double(json_object_array_get_idx(returns, (size_t)e)));
        json_object *length = json_object_array_get_idx(field(o, "lengths"), (size_t)e);
        assert_int_equal(json_object_get_int(length), tz_dataset_length(dataset, e));
        mean += sum / 2.0;
    }
    assert_true(number(o, "return_mean") == mean);
    tz_dataset_destroy(dataset);
    json_object_put(o);

    // so do the other files
    static const char *const files[] = {"run/config.json", "run/results.json",
                                        "run/metrics.csv", "run/predicted.png",
                                        "run/horizon.svg", "run/dataset/data/metadata.json"};
    assert_files(files, TZ_COUNTOF(files), true);
    assert_int_equal(trapeze("data validate run/dataset"), 0);
    assert_int_equal(shell("wc -l < run/metrics.csv"), 0);
    assert_int_equal(atoi(printed), 1 + 2 * 12);
}

// The text and the object judge the times of plans alike.
static void both_tell_whether_plans_keep_up(void **state) {
    (void)state;
    assert_int_equal(trapeze(QUICK "--out told"), 0);
    assert_non_null(strstr(printed, "real time"));
    const bool is_slow = strstr(printed, "slower than real time") != NULL;
    json_object *o = json_object_from_file("told/results.json");
    assert_int_equal(json_object_get_boolean(field(o, "real_time")), !is_slow);
    json_object_put(o);
}

// Memory is asked for what was driven, not for what may be: 10^11 steps begin at once.
static void a_large_request_begins(void **state) {
    (void)state;
    const stop begun = {.folder = "large", .file = "large/config.json", .signal_number = SIGINT};
    assert_int_equal(stop_trapeze(&begun, DRIVE "--episodes 100000 --steps 1000000 --out large "
                                                "2>said"),
                     130);
    assert_int_equal(shell("grep -q 'interrupted after ' said"), 0);
}

static void the_same_seed_gives_the_same_episodes(void **state) {
    (void)state;
    for (int n = 1; n <= 3; n++) {
        assert_int_equal(trapeze(QUICK "--seed 5 --threads %d --out threads-%d", n, n), 0);
        assert_int_equal(shell("cut -d, -f1-6 threads-1/metrics.csv > a; "
                               "cut -d, -f1-6 threads-%d/metrics.csv > b; cmp a b",
                               n),
                         0);
    }
}

static void a_folder_with_a_run_is_refused(void **state) {
    (void)state;
    assert_int_equal(trapeze(QUICK "--out taken"), 0);
    assert_int_equal(shell("cp -r taken before"), 0);
    assert_refused("taken/dataset", QUICK "--out taken");
    assert_int_equal(shell("diff -r taken before"), 0);
}

static void bad_input_is_one_sentence(void **state) {
    (void)state;
    write_untrained_model("hopper", 0.0, "hopper.safetensors");
    assert_int_equal(shell("echo '{}' > other.json"), 0);
    static const struct {
        const char *arguments, *expected;
    } cases[] = {
        {"--env half_cheetah --model hopper.safetensors", "hopper.safetensors"},
        {"--env half_cheetah --model missing.safetensors", "missing.safetensors"},
        {"--env half_cheetah --model other.json", "other.json"},
        {"--env no_such_robot --model sim", "no_such_robot"},
        {"--env hopper --model sim --episodes 0", "--episodes"},
        {"--env hopper --model sim --horizon 0", "--horizon"},
        {"--env hopper --model sim --planner best", "random, cem, mppi"},
        {"--env hopper --model sim --planner mppi --temperature 0", "--temperature is '0'"},
        {"--env hopper --model sim --planner mppi --temperature nan", "--temperature is 'nan'"},
        {"--env hopper --model sim --samples 4 --elites 5", "elites"},
        {"--env hopper --model sim --range reject", "range"},
        {"--env hopper --model sim --out /proc/no", "/proc/no"},
        {"--env hopper", "--model"},
        {"--env hopper --model sim --critic hopper-critics", "needs the policy"},
        {"--env hopper --model sim --policy random", "cannot guide"},
        {"--env hopper --model sim --policy half_cheetah-expert", "half_cheetah-expert"},
        {"--env hopper --model sim --policy hopper-expert --critic no-critics", "no-critics"},
        {"--env hopper --model sim --policy hopper-expert --critic half_cheetah-critics",
         "half_cheetah-critics"},
        {"--env hopper --model sim --policy hopper-expert --policy-samples 51", "--policy-samples"},
        {"--env hopper --model sim --policy-samples 5", "expected one by --policy"},
        {"--env hopper --model sim --stills 0", "--stills is '0'"},
        {"--env hopper --model sim --steps 4 --stills 6", "6 pictures cannot be made"},
        {"--env hopper --model sim --stills 2 --screenshots /proc/no", "/proc/no"},
        {"--env hopper --model sim --video film.gif", "expected a name that ends in .mp4"},
        {"--env hopper --model sim --fps 60", "--fps: it changes nothing without --video"},
        {"--env hopper --model sim --paused", "--paused: it changes nothing without --view"},
        {"--env hopper --model sim --width 64", "--width: it changes nothing without --view"},
        {"--env hopper --model sim --range-margin 1", "expected --range penalty or reject"},
        {"--env hopper --model sim --range-penalty 1", "expected --range penalty"},
        {"--env hopper --model sim --resume", "expected that of the stopped run by --out"},
        {"--env hopper --model sim --substeps 4", "sim: a model of kind sim has no integrator"},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        assert_refused(cases[i].expected, "mpc %s", cases[i].arguments);
    }

    // what pictures are refused for is refused before a folder is begun
    assert_refused("14 pictures cannot be made",
                   QUICK "--stills 14 --width 64 --height 48 --out unpictured");
    assert_int_equal(shell("test -e unpictured/config.json -o -e unpictured/dataset"), 1);
}

// The columns and the sums of the report, worked out again from the rewards of the steps, where the
// model errs: obtained returns are discounted over the horizon, and empty where the episode ended
// before.
static void reports_are_sums_of_their_rows(void **state) {
    (void)state;
    enum { EPISODES = 2, T = 12, HORIZON = 5, N = EPISODES * T, SAMPLES = 12 };
    write_untrained_model("hopper", 0.0, "hopper.safetensors");
    assert_int_equal(trapeze("mpc --env hopper --model hopper.safetensors --samples 12 --horizon 5 "
                             "--iterations 1 --episodes 2 --steps 12 --no-early-end --seed 3 "
                             "--discount 0.9 --range penalty --quiet --out sums --json"),
                     0);
    json_object *o = printed_json();
    tz_table *table = NULL;
    assert_int_equal(tz_table_read(&table, "sums/metrics.csv", NULL), TZ_OK);
    assert_int_equal(table->n_rows, N);
    const double *reward = tz_table_column(table, "reward");
    const double *predicted = tz_table_column(table, "predicted_reward");
    const double *foreseen = tz_table_column(table, "predicted_return");
    const double *obtained = tz_table_column(table, "obtained_return");
    const double *candidates = tz_table_column(table, "candidates");
    const double *outside = tz_table_column(table, "out_of_range");
    double square = 0.0, n_outside = 0.0, sum_predicted = 0.0, sum[2] = {0.0, 0.0}, earned = 0.0;
    int n_complete = 0;
    for (int i = 0; i < N; i++) {
        const bool is_complete = i % T + HORIZON <= T;
        double expected = 0.0;
        for (int k = 0; is_complete && k < HORIZON; k++) {
            expected += pow(0.9, k) * reward[i + k];
        }
        assert_int_equal(isfinite(obtained[i]) != 0, is_complete);
        if (is_complete) {
            assert_true(fabs(obtained[i] - expected) < 1e-7 * (1.0 + fabs(expected)));
            sum[0] += foreseen[i];
            sum[1] += obtained[i];
            n_complete++;
        }
        assert_true(candidates[i] == SAMPLES);
        square += pow(predicted[i] - reward[i], 2.0);
        sum_predicted += predicted[i];
        earned += reward[i];
        n_outside += outside[i];
    }
    // numbers of the table have nine digits
    const struct {
        const char *key;
        double expected;
    } fields[] = {{"return_mean", earned / EPISODES},
                  {"predicted_mean", sum_predicted / EPISODES},
                  {"reward_rmse", sqrt(square / N)},
                  {"horizon_predicted_mean", sum[0] / n_complete},
                  {"horizon_obtained_mean", sum[1] / n_complete},
                  {"out_of_range_share", n_outside / (N * SAMPLES)},
                  {"diverged_share", 0.0}};
    for (size_t i = 0; i < TZ_COUNTOF(fields); i++) {
        const double found = number(o, fields[i].key), expected = fields[i].expected;
        if (!(fabs(found - expected) <= 1e-7 * (1.0 + fabs(expected)))) {
            fail_msg("%s is %.12g, expected %.12g", fields[i].key, found, expected);
        }
    }
    assert_true(square > 1e-6 && n_outside > 0.0);
    tz_table_destroy(table);
    json_object_put(o);
}

// As many substeps as the model was made with are the same prediction, fewer another one.
static void substeps_change_the_prediction(void **state) {
    (void)state;
    write_untrained_model("hopper", 0.0, "hopper.safetensors");
    const char *words = "mpc --env hopper --model hopper.safetensors --samples 12 --horizon 5 "
                        "--iterations 1 --steps 3 --quiet --json";
    assert_int_equal(trapeze("%s", words), 0);
    json_object *trained = printed_json();
    const int substeps[] = {tz_model_def_default().substeps, 2};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(trapeze("%s --substeps %d", words, substeps[i]), 0);
        json_object *o = printed_json();
        const bool is_same = number(o, "predicted_mean") == number(trained, "predicted_mean");
        assert_true(is_same == (i == 0));
        json_object_put(o);
    }
    json_object_put(trained);
}

// A stop keeps the finished episodes.
static void an_interrupt_keeps_what_was_finished(void **state) {
    (void)state;
    const stop later = {.folder = "stopped",
                        .file = "stopped/journal/episode-000001.safetensors",
                        .signal_number = SIGINT};
    assert_int_equal(stop_trapeze(&later, QUICK "--episodes 10000 --out stopped 2>/dev/null"), 130);
    tz_error error;
    tz_dataset *dataset = NULL;
    assert_int_equal(tz_dataset_read(&dataset, "stopped/dataset", NULL, &error), TZ_OK);
    assert_true(dataset->n_episodes >= 1 && dataset->n_episodes < 10000);
    tz_dataset_destroy(dataset);
}

#define LONG QUICK "--episodes 150 --seed 7 --out run "

// Runs LONG in the folder `cut` and ends it by the signal as soon as episode `after` is finished.
// What it says on stderr is then in cut/said.
static int stop_long(const char *more, int signal_number, int after) {
    char file[64];
    snprintf(file, sizeof file, "cut/run/journal/episode-%06d.safetensors", after);
    const stop then = {
        .in = "cut", .folder = "cut/run", .file = file, .signal_number = signal_number};
    return stop_trapeze(&then, LONG "%s >/dev/null 2>said", more);
}

// What a resumed run leaves is what the unbroken one left, but for the times of plans.
static void assert_same_run(const char *a, const char *b) {
    static const char *const files[] = {"dataset/data/main_data.hdf5", "dataset/data/metadata.json",
                                        "config.json", "predicted.svg", "horizon.svg"};
    for (size_t i = 0; i < TZ_COUNTOF(files); i++) {
        char of_a[128], of_b[128];
        snprintf(of_a, sizeof of_a, "%s/%s", a, files[i]);
        snprintf(of_b, sizeof of_b, "%s/%s", b, files[i]);
        assert_same_file(of_a, of_b);
    }
    assert_int_equal(shell("set -e; for d in %s %s; do cut -d, -f1-6,8- $d/metrics.csv; "
                           "grep -v -e plan_ms -e real_time $d/results.json; done > both; "
                           "n=$(($(wc -l < both) / 2)); head -n $n both > a; "
                           "tail -n $n both | cmp - a; ls -A %s > a; ls -A %s | cmp - a",
                           a, b, a, b),
                     0);
}

// A run is killed, resumed, interrupted and resumed again; it ends as the unbroken one.
static void a_stopped_run_is_resumed(void **state) {
    (void)state;
    assert_int_equal(shell("mkdir whole cut; cd whole; " TZ_PROGRAM " " LONG), 0);
    assert_int_equal(stop_long("", SIGKILL, 3), -SIGKILL);
    assert_files((const char *[]){"cut/run/results.json"}, 1, false);
    assert_refused("resume it", QUICK "--episodes 150 --seed 7 --out cut/run");
    assert_refused("other options",
                   QUICK "--episodes 150 --seed 7 --out cut/run --resume --elites 3");
    assert_refused("other options", QUICK "--episodes 150 --seed 8 --out cut/run --resume");

    // the dataset of an interrupted run can be read
    assert_int_equal(stop_long("--resume", SIGINT, 40), 130);
    assert_int_equal(shell("grep -q 'of 150 episodes; --resume goes on from there' cut/said"), 0);
    assert_int_equal(trapeze("data validate cut/run/dataset"), 0);
    assert_int_equal(shell("grep -q '\"dropped_episodes\": 1,' cut/run/results.json"), 0);

    assert_int_equal(shell("cd cut && " TZ_PROGRAM " " LONG "--resume"), 0);
    assert_same_run("whole/run", "cut/run");

    // a finished run says what it said
    assert_int_equal(shell("cd cut && " TZ_PROGRAM " " LONG "--resume --json"), 0);
    json_object *o = printed_json(), *file = json_object_from_file("cut/run/results.json");
    assert_true(json_object_equal(o, file));
    json_object_put(o);
    json_object_put(file);
}

// The temperature is a choice of mppi's runs: recorded, and refused when it changes. Other planners
// have none, so that it does not matter to their runs.
static void a_run_of_mppi_keeps_its_temperature(void **state) {
    (void)state;
#define MPPI QUICK "--planner mppi --out weighted --temperature "
    assert_int_equal(trapeze(MPPI "0.25"), 0);
    json_object *config = json_object_from_file("weighted/config.json");
    json_object *options = field(config, "options");
    assert_string_equal(json_object_get_string(field(options, "planner")), "mppi");
    assert_true(number(options, "temperature") == 0.25);
    json_object_put(config);
    assert_int_equal(trapeze(MPPI "0.25 --resume"), 0);
    assert_refused("other options", MPPI "0.5 --resume");

    assert_int_equal(trapeze(QUICK "--out elitist"), 0);
    assert_int_equal(shell("! grep -q temperature elitist/config.json"), 0);
    assert_int_equal(trapeze(QUICK "--out elitist --temperature 0.5 --resume"), 0);
}

// The list of an ensemble holds the digests of its members, so its own is that of all of them: with
// another member nothing goes on, whether the list says so or not.
static void a_run_of_another_ensemble_is_not_resumed(void **state) {
    (void)state;
    const char *mpc = "mpc --env inverted_pendulum --model pair/ensemble.json --samples 4 "
                      "--horizon 2 --iterations 1 --steps 3 --quiet --out paired --resume";
    assert_int_equal(
        trapeze("collect --env inverted_pendulum --policy random --episodes 9 --seed 0 --out "
                "balanced --no-early-end --steps 40 --quiet && " TZ_PROGRAM
                " train --data balanced --hidden 8 --sequences 200 --epochs 1 --horizon 20 "
                "--members 3 --out pair --quiet"),
        0);
    assert_int_equal(trapeze("%s", mpc), 0);
    assert_int_equal(trapeze("%s", mpc), 0);
    assert_int_equal(shell("cp -r paired paired-0 && cp pair/member-0/model.safetensors kept && "
                           "cp pair/member-1/model.safetensors pair/member-0"),
                     0);
    assert_refused("pair/ensemble.json: member member-0/model.safetensors has the digest", "%s",
                   mpc);
    assert_int_equal(shell("sha() { sha256sum $1 | cut -d' ' -f1; } && sed -i s/$(sha kept)/$(sha "
                           "pair/member-0/model.safetensors)/ pair/ensemble.json"),
                     0);
    assert_refused("paired/dataset: was begun with other options", "%s", mpc);
    assert_int_equal(shell("diff -r paired paired-0"), 0);
}

// A run that was ended before its first episode leaves a folder that can be gone on with.
static void a_run_without_an_episode_is_resumed(void **state) {
    (void)state;
#define EARLY DRIVE "--steps 400 --no-early-end --out early"
    const stop begun = {.folder = "early", .file = "early/config.json", .signal_number = SIGINT};
    assert_int_equal(stop_trapeze(&begun, EARLY " 2>/dev/null"), 130);
    assert_files((const char *[]){"early/results.json"}, 1, false);
    assert_refused("resume it", EARLY);
    assert_int_equal(trapeze(EARLY " --resume"), 0);
    assert_int_equal(trapeze("data validate early/dataset"), 0);
}

// What was not measured is null, and nothing is said of it.
static void what_was_not_measured_is_null(void **state) {
    (void)state;
    assert_int_equal(trapeze(DRIVE "--steps 3 --json"), 0);
    json_object *o = printed_json();
    static const char *const keys[] = {"horizon_predicted_mean", "horizon_obtained_mean",
                                       "out_of_range_share"};
    for (size_t i = 0; i < TZ_COUNTOF(keys); i++) {
        json_object *value = o;
        assert_true(json_object_object_get_ex(o, keys[i], &value));
        assert_null(value);
    }
    json_object_put(o);
    assert_int_equal(trapeze(DRIVE "--steps 3"), 0);
    assert_null(strstr(printed, "horizon"));
    assert_null(strstr(printed, "range"));
}

// A film that fails does not take the finished episodes with it.
static void a_failing_film_keeps_the_episodes(void **state) {
    (void)state;
    assert_int_equal(
        shell("mkdir bad && printf '#!/bin/sh\\ncat >/dev/null; exit 1\\n' > bad/ffmpeg && "
              "chmod +x bad/ffmpeg && PATH=$PWD/bad:$PATH " TZ_PROGRAM " " QUICK
              "--episodes 2 --out filmed --video film.mp4 2>/dev/null"),
        2);
    assert_files((const char *[]){"filmed/results.json", "filmed/metrics.csv"}, 2, true);
    assert_files((const char *[]){"film.mp4"}, 1, false);
    assert_int_equal(trapeze("data validate filmed/dataset"), 0);
}

// Nor does a picture take what the command prints.
static void a_failing_picture_comes_last(void **state) {
    (void)state;
    assert_int_equal(shell("printf '#!/bin/sh\nexit 1\n' > bad/gnuplot && chmod +x bad/gnuplot && "
                           "PATH=$PWD/bad:$PATH " TZ_PROGRAM " " QUICK
                           "--episodes 2 --out undrawn --json 2>said"),
                     2);
    json_object *o = printed_json(), *file = json_object_from_file("undrawn/results.json");
    assert_true(json_object_equal(o, file));
    json_object_put(o);
    json_object_put(file);
    assert_int_equal(shell("grep -q gnuplot said"), 0);
    assert_int_equal(trapeze(QUICK "--episodes 2 --out undrawn --resume"), 0);
    assert_files((const char *[]){"undrawn/horizon.png"}, 1, true);
}

// Pictures of the first episode, in the run's folder or another one; of an episode that ends too
// early there is a sentence, and what else the run leaves.
// A built-in policy proposes as one of a file does, and is noted by its name; so is the version of
// the environment, however it was asked for.
static void a_built_in_policy_is_noted(void **state) {
    (void)state;
    assert_int_equal(trapeze("mpc --env inverted_pendulum --version v4 --model sim --policy zero "
                             "--samples 6 --horizon 2 --iterations 1 --steps 2 --quiet --json "
                             "--out noted"),
                     0);
    json_object *o = printed_json(), *config = json_object_from_file("noted/config.json");
    assert_string_equal(words(o, "env"), "inverted_pendulum-v4");
    assert_string_equal(words(config, "env"), "inverted_pendulum-v4");
    assert_string_equal(words(config, "policy"), "zero");
    json_object_put(o);
    json_object_put(config);
}

static void stills_are_left(void **state) {
    (void)state;
    assert_int_equal(trapeze(QUICK "--episodes 2 --out pictured --stills 3 --width 64 --height 48"),
                     0);
    assert_files((const char *[]){"pictured/still-001.png", "pictured/still-003.png",
                                  "pictured/results.json"},
                 3, true);
    assert_files((const char *[]){"pictured/still-004.png"}, 1, false);
    assert_int_equal(trapeze("play --env inverted_pendulum --policy zero --steps 3 --stills 4 "
                             "--width 64 --height 48 --screenshots pictures/of-play"),
                     0);
    assert_int_equal(shell("test $(ls pictures/of-play | wc -l) -eq 4"), 0);
    assert_refused("900 pictures cannot be made: the episode has ",
                   "play --env hopper --policy random --stills 900 --width 64 --height 48 "
                   "--screenshots none");
    assert_int_equal(shell("test -z \"$(ls none)\""), 0);
}

// play takes the mean of a policy, or draws from it, the same for the same seed.
static void play_samples_when_asked(void **state) {
    (void)state;
    static const char *const more[] = {"", "--sampled", "--sampled"};
    double earned[3];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(trapeze("play --env hopper --policy hopper-expert --steps 20 --seed 2 "
                                 "--json %s",
                                 more[i]),
                         0);
        json_object *o = printed_json();
        earned[i] = json_object_get_double(json_object_array_get_idx(field(o, "returns"), 0));
        json_object_put(o);
    }
    assert_true(earned[0] != earned[1] && earned[1] == earned[2]);
}

// 50 steps of 40 ms are two seconds of simulated time, whatever they take to draw.
static void films_have_the_frames_asked_for(void **state) {
    (void)state;
    assert_int_equal(trapeze("play --env inverted_pendulum --policy zero --no-early-end --steps 50 "
                             "--video slow.mp4 --fps 10 --width 64 --height 48"),
                     0);
    assert_int_equal(shell("ffprobe -v error -count_frames -select_streams v:0 -show_entries "
                           "stream=width,height,nb_read_frames -of csv=p=0 slow.mp4"),
                     0);
    assert_string_equal(printed, "64,48,21\n");
}

// play heeds an interrupt too.
static void play_is_interrupted(void **state) {
    (void)state;
    const stop begun = {.signal_number = SIGINT};
    assert_int_equal(unsetenv("DISPLAY"), 0);
    assert_int_equal(unsetenv("WAYLAND_DISPLAY"), 0);
    assert_int_equal(stop_trapeze(&begun, "play --env inverted_pendulum --policy zero "
                                          "--no-early-end --steps 100000000 >/dev/null 2>said"),
                     130);
    assert_int_equal(shell("grep -q 'interrupted after 0 of 1 episodes' said"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_results_agree_with_the_episodes),
        cmocka_unit_test(both_tell_whether_plans_keep_up),
        cmocka_unit_test(a_large_request_begins),
        cmocka_unit_test(the_same_seed_gives_the_same_episodes),
        cmocka_unit_test(a_folder_with_a_run_is_refused),
        cmocka_unit_test(bad_input_is_one_sentence),
        cmocka_unit_test(reports_are_sums_of_their_rows),
        cmocka_unit_test(substeps_change_the_prediction),
        cmocka_unit_test(an_interrupt_keeps_what_was_finished),
        cmocka_unit_test(a_stopped_run_is_resumed),
        cmocka_unit_test(a_run_of_mppi_keeps_its_temperature),
        cmocka_unit_test(a_run_of_another_ensemble_is_not_resumed),
        cmocka_unit_test(a_run_without_an_episode_is_resumed),
        cmocka_unit_test(what_was_not_measured_is_null),
        cmocka_unit_test(a_failing_film_keeps_the_episodes),
        cmocka_unit_test(a_failing_picture_comes_last),
        cmocka_unit_test(a_built_in_policy_is_noted),
        cmocka_unit_test(stills_are_left),
        cmocka_unit_test(play_samples_when_asked),
        cmocka_unit_test(films_have_the_frames_asked_for),
        cmocka_unit_test(play_is_interrupted),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
