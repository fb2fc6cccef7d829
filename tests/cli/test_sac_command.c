// `trapeze sac` from outside: a run folder appears, an interrupt leaves a checkpoint that the next
// call goes on from, a kill leaves files that open, bad input is one sentence and exit status 2.
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/run_folder.h"
#include "base/safetensors.h"
#include "command.h"

#include <json-c/json.h>
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

// Runs in folders of their own, so that the command in the policy's metadata is the same.
static void assert_equal_runs(const char *a, const char *b) {
    static const char *const files[] = {"checkpoint.safetensors", "policy.safetensors",
                                        "critics.safetensors", "metrics.csv"};
    for (size_t i = 0; i < TZ_COUNTOF(files); i++) {
        char path[2][128];
        snprintf(path[0], sizeof path[0], "%s/run/%s", a, files[i]);
        snprintf(path[1], sizeof path[1], "%s/run/%s", b, files[i]);
        assert_same_file(path[0], path[1]);
    }
}

static double whole_s; // what the unbroken run took here

static void a_run_leaves_its_folder(void **state) {
    (void)state;
    const double start_s = tz_now_s();
    assert_int_equal(shell("exec 2>&1; mkdir whole && cd whole && " TZ_PROGRAM SMALL), 0);
    whole_s = tz_now_s() - start_s;
    assert_string_equal(printed, "");
    static const char *const files[] = {"whole/run/config.json",
                                        "whole/run/metrics.csv",
                                        "whole/run/policy.safetensors",
                                        "whole/run/best.safetensors",
                                        "whole/run/critics.safetensors",
                                        "whole/run/best-critics.safetensors",
                                        "whole/run/checkpoint.safetensors",
                                        "whole/run/return.png",
                                        "whole/run/return.svg"};
    assert_files(files, TZ_COUNTOF(files), true);
}

// Arguments of the environment are in the policy's metadata, and a run goes on with the same ones.
static void a_run_keeps_its_arguments(void **state) {
    (void)state;
#define WITH_NOISE(scale)                                                                          \
    "sac --env inverted_pendulum --steps 400 --learning-starts 100 --eval-every 200 "              \
    "--eval-episodes 1 --checkpoint-every 200 --hidden 16 --batch 16 --quiet --out noisy "         \
    "--env-arg reset_noise_scale=" scale
    assert_int_equal(trapeze(WITH_NOISE("0.05") " --save-replay noisy-v0"), 0);
    assert_int_equal(trapeze("policy info noisy/policy.safetensors"), 0);
    assert_non_null(strstr(printed, "reset_noise_scale=0.05\n"));
    assert_int_equal(trapeze("data validate noisy-v0 --json"), 0);
    assert_non_null(strstr(printed, "reset_noise_scale=0.05"));
    assert_refused("with reset_noise_scale=0.05", WITH_NOISE("0.04") " --resume");
    assert_int_equal(trapeze(WITH_NOISE("0.050") " --resume"), 0);
    assert_int_equal(shell("grep -q env_arguments whole/run/policy.safetensors"), 1);
}

// config.json of a run that goes on is that of its first command; more steps write it anew.
static void a_resumed_run_keeps_its_first_command(void **state) {
    (void)state;
#define KEPT(steps)                                                                                \
    "sac --env inverted_pendulum --steps " steps " --learning-starts 100 --eval-every 200 "        \
    "--eval-episodes 1 --checkpoint-every 400 --snapshot-at 1,5.5 --snapshot-every 400 "           \
    "--hidden 16 --batch 16 --quiet --out kept"
    assert_int_equal(trapeze(KEPT("400")), 0);
    assert_int_equal(shell("cp kept/config.json first.json"), 0);
    assert_int_equal(trapeze(KEPT("400") " --threads 2 --resume"), 0);
    assert_same_file("kept/config.json", "first.json");

    assert_int_equal(trapeze(KEPT("800") " --resume"), 0);
    assert_int_equal(trapeze(KEPT("800") " --resume --threads 2"), 0);
    struct json_object *config;
    assert_int_equal(tz_json_read("kept/config.json", &config, NULL), TZ_OK);
    assert_string_equal(words(config, "extended_from"), "[ 400 ]");
    struct json_object *options = field(config, "options");
    assert_int_equal((int)number(options, "steps"), 800);
    assert_int_equal((int)number(options, "eval_every"), 200);
    assert_int_equal((int)number(options, "eval_episodes"), 1);
    assert_int_equal((int)number(options, "checkpoint_every"), 400);
    assert_int_equal((int)number(options, "snapshot_every"), 400);
    assert_string_equal(words(options, "snapshot_at"), "[ 1.0, 5.5 ]");
    assert_null(field(options, "save_replay"));
    struct json_object *command = field(config, "command");
    assert_string_equal(json_object_get_string(json_object_array_get_idx(
                            command, json_object_array_length(command) - 1)),
                        "--resume");
    json_object_put(config);

    // whatever numbers stand in its rows, they are written
    tz_safetensors *file;
    double row[2];
    char *content;
    size_t size;
    assert_int_equal(tz_safetensors_read(&file, "kept/checkpoint.safetensors", NULL), TZ_OK);
    memcpy(row, tz_safetensors_find(file, "run.metrics")->data, sizeof row);
    tz_safetensors_destroy(file);
    assert_int_equal(
        tz_file_read("kept/checkpoint.safetensors", &content, &size, SIZE_MAX - 1, NULL), TZ_OK);
    char *at = memmem(content, size, row, sizeof row);
    assert_non_null(at);
    memcpy(at, (double[]){1.5e308, -1.5e308}, sizeof row);
    assert_int_equal(tz_file_write("kept/checkpoint.safetensors", content, size, NULL), TZ_OK);
    tz_free(content);
    assert_int_equal(trapeze(KEPT("1200") " --resume"), 0);
    assert_int_equal(shell("tail -1 kept/metrics.csv | cut -d, -f1"), 0);
    assert_string_equal(printed, "1200\n");
}

// An evaluation before the first update has no losses and no temperature to tell.
static void says_nothing_of_updates_before_the_first(void **state) {
    (void)state;
    assert_int_equal(trapeze("sac --env inverted_pendulum --steps 400 --learning-starts 300 "
                             "--eval-every 200 --eval-episodes 1 --hidden 16 --batch 16 "
                             "--out early 2>&1"),
                     0);
    assert_null(strstr(printed, "nan"));
    assert_non_null(strstr(printed, ", temperature ")); // of the second evaluation
    assert_int_equal(shell("sed -n 2p early/metrics.csv | grep -q ',,,,,$' && "
                           "! sed -n 3p early/metrics.csv | grep -q ',,'"),
                     0);
}

// The object of --json is that of the last row of metrics.csv and of the best one.
static void the_object_says_what_the_run_earned(void **state) {
    (void)state;
#define TOLD(steps)                                                                                \
    "sac --env inverted_pendulum --env-arg reset_noise_scale=0.05 --steps " steps                  \
    " --learning-starts 300 --eval-every 200 --eval-episodes 2 --checkpoint-every 200 --hidden 16" \
    " --batch 16 --quiet --json --out told"
    assert_int_equal(trapeze(TOLD("200")), 0);
    struct json_object *o = printed_json();
    assert_string_equal(words(o, "policy"), "told/policy.safetensors");
    assert_string_equal(words(o, "best"), "told/best.safetensors");
    assert_string_equal(words(o, "env"), "inverted_pendulum");
    assert_string_equal(words(o, "env_arguments"), "reset_noise_scale=0.05");
    assert_null(field(o, "critic_loss")); // no update yet
    assert_null(field(o, "data"));
    json_object_put(o);

    assert_int_equal(trapeze(TOLD("800") " --resume --save-replay told-v0"), 0);
    o = printed_json();
    assert_string_equal(words(o, "data"), "told-v0");
    assert_int_equal((int)number(o, "steps"), 800);
    assert_int_equal((int)number(o, "threads"), 1);
    assert_true(number(o, "seconds") > 0.0 && number(o, "temperature") > 0.0);
    char row[128];
    snprintf(row, sizeof row, "800,%.0f,%.6g,%.6g,%.6g,%.6g,%.6g,", number(o, "episodes"),
             number(o, "return_mean"), number(o, "return_std"), number(o, "length_mean"),
             number(o, "training_return"), number(o, "critic_loss"));
    assert_int_equal(shell("tail -1 told/metrics.csv"), 0);
    assert_memory_equal(printed, row, strlen(row));
    snprintf(row, sizeof row, "%.6g", number(o, "best_return_mean"));
    assert_int_equal(shell("tail -n +2 told/metrics.csv | grep -q '^%.0f,[0-9]*,%s,'",
                           number(o, "best_step"), row),
                     0);
    assert_int_equal(trapeze("policy info told/best.safetensors --json"), 0);
    struct json_object *best = printed_json();
    assert_int_equal(atoi(words(best, "steps")), (int)number(o, "best_step"));
    json_object_put(best);
    json_object_put(o);
    // the policy's file does not depend on how its run is told
    assert_int_equal(shell("grep -q -e --json told/policy.safetensors"), 1);
}

// Starts a run in the background and signals it after a while. False: it was finished before.
static bool start_and_signal(int signal_number, double wait_s) {
    const pid_t child = start_trapeze("parts", "%s --resume 2>/dev/null", SMALL);
    usleep((useconds_t)(1e6 * wait_s));
    kill(child, signal_number);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) { // also by an interrupt, while the program starts
        assert_int_equal(WTERMSIG(status), signal_number);
    } else if (WEXITSTATUS(status) != 0) {
        assert_int_equal(signal_number, SIGINT);
        assert_int_equal(WEXITSTATUS(status), 130);
    }
    return WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
}

static void finish_and_compare(void) {
    assert_int_equal(shell("cd parts && " TZ_PROGRAM SMALL " --resume"), 0);
    assert_equal_runs("whole", "parts");
    assert_int_equal(shell("rm -r parts"), 0);
}

// Between the first checkpoint and the end, whatever the machine does.
static void signals_on_the_way_change_nothing(void **state) {
    (void)state;
    static const char checkpoint[] = "parts/run/checkpoint.safetensors";
    const stop stops[] = {{"parts", "parts/run", checkpoint, NULL, SIGKILL},
                          {"parts", "parts/run", checkpoint, NULL, SIGINT}};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(shell("mkdir parts"), 0);
        assert_int_equal(stop_trapeze(&stops[i], SMALL " 2>/dev/null"), i == 0 ? -SIGKILL : 130);
        finish_and_compare();
    }
}

// Whatever a kill leaves: a checkpoint to go on from, or none and a folder to start in.
static void signals_at_any_moment_change_nothing(void **state) {
    (void)state;
    static const char checkpoint[] = "parts/run/checkpoint.safetensors";
    assert_int_equal(shell("mkdir parts"), 0);
    tz_rng rng = tz_rng_stream(1, TZ_PURPOSE_TEST, 0);
    for (int i = 0; i < 20; i++) {
        const int signal_number = i % 2 == 0 ? SIGKILL : SIGINT;
        if (!start_and_signal(signal_number, 0.3 * whole_s * tz_rng_uniform(&rng))) {
            break; // finished
        }
        if (tz_file_exists(checkpoint)) {
            tz_safetensors *file;
            assert_int_equal(tz_safetensors_read(&file, checkpoint, NULL), TZ_OK);
            tz_safetensors_destroy(file);
        }
    }
    finish_and_compare();
}

// The same bytes at two threads, in the run's files and in the dataset that its memory becomes.
static void threads_change_nothing_and_the_memory_becomes_a_dataset(void **state) {
    (void)state;
    static const char *const folders[2] = {"alone", "pair"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(shell("mkdir %s && cd %s && " TZ_PROGRAM STEPS(
                                   "600") " --threads %d --resume --save-replay memory-v0",
                               folders[i], folders[i], i + 1),
                         0);
    }
    assert_equal_runs("alone", "pair");
    assert_same_file("alone/memory-v0/data/main_data.hdf5", "pair/memory-v0/data/main_data.hdf5");

    // a finished run gives it too, and the same command again keeps it
    for (int i = 0; i < 2; i++) {
        assert_int_equal(shell("cd whole && " TZ_PROGRAM SMALL " --resume --save-replay memory-v0"),
                         0);
    }
    struct json_object *config;
    assert_int_equal(tz_json_read("whole/memory-v0/config.json", &config, NULL), TZ_OK);
    assert_string_equal(words(field(config, "options"), "save_replay"), "memory-v0");
    assert_string_equal(words(config, "program"), "trapeze");
    json_object_put(config);
    assert_refused(
        "holds a finished dataset already",
        "sac --env inverted_pendulum --steps 600 --out again --save-replay whole/memory-v0");
    // that of a learner that began elsewhere is another one
    assert_refused("alone/memory-v0: was begun with other options",
                   "sac --env inverted_pendulum --steps 600 --learning-starts 200 --eval-every 200 "
                   "--eval-episodes 1 --checkpoint-every 200 --hidden 16 --batch 16 --quiet "
                   "--out again --resume --save-replay alone/memory-v0");
    assert_int_equal(shell("mkdir -p begun-v0/journal && echo '{}' > begun-v0/journal/config.json"),
                     0);
    assert_refused("holds the journal of an unfinished dataset",
                   "sac --env inverted_pendulum --steps 600 --out again --save-replay begun-v0");

    // rewards and ends are those of the task, and the controls lead from state to state
    assert_int_equal(trapeze("data validate whole/memory-v0"), 0);
    assert_non_null(strstr(printed, "3000 steps: every rule is kept"));
    assert_int_equal(trapeze("data replay whole/memory-v0 --json"
                             " | tr ',{}' '\n' | grep final_difference_max"),
                     0);
    assert_string_equal(printed, "\"final_difference_max\":0.0\n");
}

// A stiff damper that follows the control: where that jumps by more than 1, the acceleration passes
// MuJoCo's 1e10, and controls above 0.8 have no finite reward. Random controls meet both; the
// policy of an evaluation, still untrained, stays near 0.
static void the_dataset_says_why_an_episode_was_cut(void **state) {
    (void)state;
    assert_int_equal(
        shell("printf '<mujoco><option gravity=\"0 0 0\"/><custom><text name=\"trapeze_reward\" "
              "data=\"1 / (u.x < 0.8)\"/></custom><worldbody><body><joint name=\"x\" "
              "type=\"slide\" damping=\"1e10\"/><geom size=\"0.1\" mass=\"1\"/></body>"
              "</worldbody><actuator><motor name=\"x\" joint=\"x\" gear=\"1e10\" "
              "ctrlrange=\"-1 1\" ctrllimited=\"true\"/></actuator></mujoco>' > jumpy.xml"),
        0);
    assert_int_equal(trapeze("sac --env jumpy.xml --steps 400 --learning-starts 400 --eval-every "
                             "200 --eval-episodes 1 --hidden 16 --batch 16 --quiet --out jumpy "
                             "--save-replay jumpy-v0"),
                     0);
    assert_int_equal(trapeze("data validate jumpy-v0"), 0);
    assert_int_equal(trapeze("data info jumpy-v0 --json"), 0);
    struct json_object *object = printed_json();
    const double episodes = number(object, "episodes");
    assert_true(number(object, "unstable") >= 10.0);
    assert_true(number(object, "bad_reward") >= 10.0);
    // all but the one in flight
    assert_in_range((int)(number(object, "unstable") + number(object, "bad_reward")),
                    (int)episodes - 1, (int)episodes);
    json_object_put(object);
}

// An episode that is cut is counted, in training and in evaluations, and ends no run. The memory
// may be kept in the run's own folder, by any name.
static void a_cut_episode_ends_no_run(void **state) {
    (void)state;
    assert_int_equal(
        shell("printf '<mujoco><option gravity=\"9.81 0 0\"/><custom><text name=\"trapeze_reward\" "
              "data=\"1 / (q.x < 1)\"/></custom><worldbody><body><joint name=\"x\" type=\"slide\" "
              "axis=\"1 0 0\"/><geom size=\"0.1\" mass=\"1\"/></body></worldbody><actuator>"
              "<motor name=\"x\" joint=\"x\" ctrlrange=\"-1 1\" ctrllimited=\"true\"/>"
              "</actuator></mujoco>' > falling.xml"),
        0);
    const char *train = "sac --env falling.xml --steps 400 --learning-starts 400 --replay 200 "
                        "--eval-every 200 --eval-episodes 2 --hidden 16 --batch 16 --quiet --json "
                        "--out cut --save-replay cut/";
    assert_int_equal(trapeze("%s", train), 0);
    struct json_object *object = printed_json();
    // all episodes, but for the one in flight, and the two of each of two evaluations
    assert_true(number(object, "cut_episodes") == number(object, "episodes") + 4.0);
    assert_true(number(object, "return_mean") == number(object, "length_mean"));
    assert_in_range((int)number(object, "length_mean"), 10, 1000);
    json_object_put(object);
    assert_int_equal(trapeze("%s --resume", train), 0);
    assert_refused("cut/checkpoint.safetensors: 400 steps are done, expected --steps of as many",
                   "sac --env falling.xml --steps 300 --learning-starts 400 --replay 200 "
                   "--eval-every 200 --eval-episodes 2 --hidden 16 --batch 16 --resume --out cut "
                   "--save-replay cut");
    // a run without its largest file is a run
    assert_int_equal(shell("cp -r falling keeps && rm keeps/run/checkpoint.safetensors"), 0);
    assert_refused("keeps/run already holds a run (config.json)",
                   "sac --env inverted_pendulum --steps 400 --out keeps/run");
}

// A rate that falls until the last step makes another run of another number of steps.
static void a_falling_rate_belongs_to_its_steps(void **state) {
    (void)state;
    assert_int_equal(shell("mkdir falling && cd falling && " TZ_PROGRAM STEPS("400") " --lr-end 0"),
                     0);
    assert_int_equal(shell("grep -q '\"lr_end\": *0' falling/run/config.json"), 0);
    // another discount and another pace of the slow critics are another run too
    assert_refused("batch 16, gamma 0.9, tau 0.02, rate 0.0003",
                   "sac --env inverted_pendulum --steps 400 --learning-starts 100 --eval-every 200"
                   " --eval-episodes 1 --checkpoint-every 200 --hidden 16 --batch 16 --lr-end 0"
                   " --gamma 0.9 --tau 0.02 --resume --out falling/run");
    assert_refused("final rate 0 after 300 updates",
                   "sac --env inverted_pendulum --steps 600 --learning-starts 100 --eval-every 200"
                   " --eval-episodes 1 --checkpoint-every 200 --hidden 16 --batch 16 --lr-end 0"
                   " --resume --out falling/run");
}

// A changed robot is another one, and what is wrong with --save-replay is said before the training.
static void nothing_wrong_is_found_at_the_end(void **state) {
    (void)state;
    const char *write =
        "echo \"<mujoco><worldbody><body><joint name='j' axis='0 1 0'/><geom size='.1'/>"
        "</body></worldbody><actuator><motor joint='j' ctrllimited='true' ctrlrange='-1 1' "
        "gear='%d'/></actuator></mujoco>\" > own.xml";
    const char *train = "sac --env own.xml --learning-starts 100 --eval-every 200 "
                        "--eval-episodes 1 --checkpoint-every 200 --hidden 16 --batch 16 --resume "
                        "--quiet --out own";
    assert_int_equal(shell(write, 1), 0);
    assert_int_equal(trapeze("%s --steps 400", train), 0);
    assert_int_equal(trapeze("%s --steps 600", train), 0);
    assert_int_equal(shell(write, 2), 0);
    assert_refused("expected 'lag 1, env own.xml of", "%s --steps 800", train);

    // a name in Latin-1, which no JSON can hold
    const char *named =
        "sac --env \"$(printf 'r\351gion.xml')\" --learning-starts 100 --eval-every "
        "200 --eval-episodes 1 --checkpoint-every 200 --hidden 16 --batch 16 "
        "--resume --quiet --out named";
    assert_int_equal(shell("cp own.xml \"$(printf 'r\351gion.xml')\""), 0);
    assert_int_equal(trapeze("%s --steps 400", named), 0);
    assert_int_equal(trapeze("%s --steps 600", named), 0);
    assert_refused("/proc/memory", "sac --env hopper --steps 400 --resume --out not-begun "
                                   "--save-replay /proc/memory");
    assert_refused("own already holds another run of trapeze sac",
                   "sac --env own.xml --steps 400 --out not-begun --save-replay own");
    assert_int_equal(shell("test -e not-begun/metrics.csv"), 1);
}

// With its memory in its own folder a finished run says what it said, and goes on.
static void a_run_keeps_its_memory_beside_it(void **state) {
    (void)state;
    const char *train = "sac --env inverted_pendulum --learning-starts 100 --eval-every 200 "
                        "--eval-episodes 1 --checkpoint-every 200 --hidden 16 --batch 16 --quiet "
                        "--out both";
    assert_int_equal(trapeze("%s --steps 400 --save-replay both", train), 0);
    assert_int_equal(trapeze("%s --steps 400 --save-replay both --resume", train), 0);
    assert_int_equal(trapeze("%s --steps 400 --resume", train), 0);
    assert_int_equal(trapeze("%s --steps 600 --resume", train), 0);
    assert_refused("both: was begun with other options",
                   "%s --steps 800 --save-replay both "
                   "--resume",
                   train);
}

static void bad_input_is_one_sentence(void **state) {
    (void)state;
    assert_refused("--env", "sac --out nowhere");
    assert_refused("half_horse", "sac --env half_horse --out nowhere-horse");
    assert_refused("--stepz", "sac --stepz 3");
    assert_refused("steps", "sac --env hopper --steps 0 --out zero");
    assert_refused("--snapshot-at", "sac --env hopper --snapshot-at 1,x --out zero");
    assert_refused("finite", "sac --env hopper --snapshot-at nan,5 --out zero");
    assert_refused("kept every 300 steps; expected a multiple of the evaluation interval, 200",
                   "sac --env hopper --eval-every 200 --checkpoint-every 400 --snapshot-every 300 "
                   "--out zero");
    assert_refused("finite", "sac --env hopper --snapshot-at 5,inf --out zero");
    assert_refused("multiple of 16", "sac --env hopper --hidden 100 --out zero");
    assert_refused("--resume", "sac --env inverted_pendulum --out whole/run");
    assert_refused("inverted_pendulum", "sac --env hopper --resume --out whole/run");
    assert_refused("/proc/sac", "sac --env hopper --out /proc/sac");
    // a return of eighty digits leaves no room for what else the line says
    assert_int_equal(trapeze("sac --env hopper --env-arg ctrl_cost_weight=1e80 --steps 400 "
                             "--learning-starts 300 --eval-every 200 --eval-episodes 1 "
                             "--checkpoint-every 200 --hidden 16 --batch 16 --out steep 2>&1"),
                     2);
    assert_non_null(strstr(printed, "trapeze sac: SAC diverged at step 300"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_leaves_its_folder),
        cmocka_unit_test(a_run_keeps_its_arguments),
        cmocka_unit_test(a_resumed_run_keeps_its_first_command),
        cmocka_unit_test(says_nothing_of_updates_before_the_first),
        cmocka_unit_test(the_object_says_what_the_run_earned),
        cmocka_unit_test(signals_on_the_way_change_nothing),
        cmocka_unit_test(signals_at_any_moment_change_nothing),
        cmocka_unit_test(a_falling_rate_belongs_to_its_steps),
        cmocka_unit_test(threads_change_nothing_and_the_memory_becomes_a_dataset),
        cmocka_unit_test(the_dataset_says_why_an_episode_was_cut),
        cmocka_unit_test(a_cut_episode_ends_no_run),
        cmocka_unit_test(nothing_wrong_is_found_at_the_end),
        cmocka_unit_test(a_run_keeps_its_memory_beside_it),
        cmocka_unit_test(bad_input_is_one_sentence),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
