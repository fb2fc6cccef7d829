// trapeze data: merge, sample, convert and scores on real datasets, and what they refuse.
#include "../data/sample.h"
#include "command.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/run_folder.h"
#include "base/status.h"
#include "envs/env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <json-c/json.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int make_data(void **state) {
    return enter_folder(state) != 0 ||
           trapeze(
               "collect --env swimmer --policy random --episodes 4 --steps 60 --seed 1 --out a-v0 "
               "--quiet") != 0 ||
           trapeze("collect --env swimmer --policy zero --policy random --episodes 3 --steps 50 "
                   "--seed 2 --out b-v0 --quiet") != 0;
}

// The dictionary of a .npy file, and its values after it.
static size_t read_npy(const char *path, char header[256], void *values, size_t bytes) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    unsigned char prefix[10];
    assert_int_equal(fread(prefix, 1, 10, file), 10);
    assert_memory_equal(prefix, "\x93NUMPY\x01\x00", 8);
    const size_t length = prefix[8] + 256u * prefix[9];
    assert_int_equal((10 + length) % 64, 0);
    assert_true(length < 256);
    assert_int_equal(fread(header, 1, length, file), length);
    header[length - 1] = '\0';
    const size_t n = fread(values, 1, bytes, file);
    assert_int_equal(fgetc(file), EOF);
    fclose(file);
    return n;
}

static void merged_data_hold_all_episodes_and_their_origins(void **state) {
    (void)state;
    assert_int_equal(trapeze("data merge a-v0 b-v0 --out all-v0 --json"), 0);
    struct json_object *object = printed_json();
    assert_int_equal((int)number(object, "episodes"), 7);
    assert_int_equal((int)number(object, "steps"), 4 * 60 + 3 * 50);
    json_object_put(object);
    assert_int_equal(trapeze("data validate all-v0"), 0);
    assert_int_equal(trapeze("data replay all-v0 --json"), 0);
    object = printed_json();
    assert_int_equal((int)number(object, "exact"), 7);
    json_object_put(object);

    // the policies of both, each episode's its own
    assert_int_equal(trapeze("data info all-v0 --json"), 0);
    object = printed_json();
    struct json_object *policies = field(field(object, "config"), "policies");
    assert_int_equal(json_object_array_length(policies), 3);
    static const char *const names[] = {"random", "zero", "random"};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(words(json_object_array_get_idx(policies, i), "name"), names[i]);
    }
    static const int expected[7] = {0, 0, 0, 0, 1, 2, 1};
    struct json_object *episodes = field(object, "per_episode");
    for (size_t e = 0; e < 7; e++) {
        assert_int_equal((int)number(json_object_array_get_idx(episodes, e), "policy"),
                         expected[e]);
    }
    json_object_put(object);
}

static void samples_are_windows_of_the_data(void **state) {
    (void)state;
    enum { N = 500, L = 3, NZ = 10, NU = 2 };
    static float z[N * L * NZ], u[N * (L - 1) * NU], tests[64 * 21 * NZ];
    char header[256];
    assert_int_equal(trapeze("data sample a-v0 --out s --sequences %d --tests 4 --test-length 21 "
                             "--test-fraction 0.25 --seed 5",
                             N),
                     0);
    assert_int_equal(read_npy("s/train_z.npy", header, z, sizeof z), sizeof z);
    assert_non_null(strstr(header, "'descr': '<f4'"));
    assert_non_null(strstr(header, "'shape': (500, 3, 10,)"));
    assert_int_equal(read_npy("s/train_u.npy", header, u, sizeof u), sizeof u);
    assert_int_equal(read_npy("s/test_z.npy", header, tests, sizeof tests), 4 * 21 * NZ * 4);
    // positions move by about the velocities: windows of consecutive states, not shuffled ones
    for (int i = 0; i < N; i++) {
        const float *first = z + i * L * NZ, *second = first + NZ;
        for (int k = 0; k < 5; k++) {
            const float moved = second[k] - first[k];
            const float mean = 0.5f * (first[5 + k] + second[5 + k]);
            assert_true(fabsf(moved - 0.04f * mean) < 0.05f);
        }
    }
    // the same seed gives the same bytes
    assert_int_equal(trapeze("data sample a-v0 --out t --sequences %d --tests 4 --test-length 21 "
                             "--test-fraction 0.25 --seed 5",
                             N),
                     0);
    assert_same_file("s/train_z.npy", "t/train_z.npy");
    assert_int_equal(shell("grep -q '\"test_fraction\": 0.25' s/config.json"), 0);
    assert_same_file("s/test_u.npy", "t/test_u.npy");

    // longer ones
    assert_int_equal(
        trapeze(
            "data sample a-v0 --out clips --sequences 7 --length 20 --tests 2 --test-length 21"),
        0);
    assert_int_equal(read_npy("clips/train_z.npy", header, z, sizeof z), 7 * 20 * NZ * 4);
    assert_non_null(strstr(header, "'shape': (7, 20, 10,)"));
    assert_int_equal(read_npy("clips/train_u.npy", header, u, sizeof u), 7 * 19 * NU * 4);
}

static void arrays_for_numpy_hold_the_dataset(void **state) {
    (void)state;
    static double z[4 * 61 * 10];
    static int64_t offset[5];
    char header[256];
    assert_int_equal(trapeze("data convert a-v0 --to npy --out arrays"), 0);
    assert_int_equal(read_npy("arrays/z.npy", header, z, sizeof z), sizeof z);
    assert_non_null(strstr(header, "'shape': (244, 10,)"));
    assert_int_equal(read_npy("arrays/step_offset.npy", header, offset, sizeof offset),
                     sizeof offset);
    for (int e = 0; e < 5; e++) {
        assert_int_equal(offset[e], 60 * e);
    }
    assert_refused("already holds a run", "data convert a-v0 --to npy --out arrays");
}

static void minari_s_folder_is_a_dataset_below_its_root(void **state) {
    (void)state;
    assert_int_equal(shell("MINARI_DATASETS_PATH=root %s data convert a-v0 --to minari --out "
                           "mine/swimmer-v0",
                           TZ_PROGRAM),
                     0);
    assert_int_equal(trapeze("data validate root/mine/swimmer-v0"), 0);
    assert_int_equal(trapeze("data info root/mine/swimmer-v0 --json"), 0);
    struct json_object *object = printed_json();
    assert_int_equal((int)number(object, "episodes"), 4);
    json_object_put(object);
    assert_int_equal(shell("grep -q '\"dataset_id\": *\"mine/swimmer-v0\"' "
                           "root/mine/swimmer-v0/data/metadata.json"),
                     0);

    // what Minari would not list
    static const char *const ids[] = {"swimmer",    "mine/swimmer", "mine/swimmer-v",
                                      "/mine/a-v0", "mine//a-v0",   "mine-v0/swimmer",
                                      "../a-v0"};
    for (size_t i = 0; i < TZ_COUNTOF(ids); i++) {
        assert_refused("expected an id of Minari", "data convert a-v0 --to minari --out %s",
                       ids[i]);
    }
}

#define OWN_ROBOT                                                                                  \
    "printf '<mujoco><worldbody><body><joint name=\"x\" type=\"slide\"/><geom "                    \
    "size=\"%s\"/></body>"                                                                         \
    "</worldbody><actuator><motor joint=\"x\" ctrlrange=\"-1 1\" "                                 \
    "ctrllimited=\"true\"/></actuator>"                                                            \
    "</mujoco>' > own.xml"

// A robot of one's own that has changed meanwhile does not go on with the old one's episodes.
static void a_changed_robot_is_not_resumed(void **state) {
    (void)state;
    const char *collect =
        "collect --env own.xml --policy random --episodes 2 --seed 0 --out own --resume --quiet";
    assert_int_equal(shell(OWN_ROBOT, "0.1"), 0);
    assert_int_equal(trapeze("%s", collect), 0);
    assert_int_equal(trapeze("%s", collect), 0);
    assert_refused("it has '\"noise\":0.0,", "%s --noise 0.1", collect);
    assert_int_equal(shell(OWN_ROBOT, "0.2"), 0);
    assert_refused("was begun with other options", "%s", collect);
    assert_refused("it has '\"env_digest\":\"", "%s", collect);

    // nor does a run that an earlier version began, whose digest was another
    const char *journal = "collect --env own.xml --policy random --episodes 2 --out old --resume";
    assert_int_equal(shell("mkdir -p old/journal && printf '{\"model_sha256\":\"00\",' > "
                           "old/journal/config.json"),
                     0);
    assert_refused("it has '\"model_sha256\":\"00\",', expected '\"env_digest\":\"", "%s", journal);
}

// Nor does it go on learning, also from data that say nothing of its content.
static void a_changed_robot_is_not_trained_on(void **state) {
    (void)state;
    assert_int_equal(shell(OWN_ROBOT, "0.1"), 0);
    assert_int_equal(trapeze("collect --env own.xml --policy random --episodes 3 --steps 40 "
                             "--out plain --quiet"),
                     0);
    assert_int_equal(shell("sed 's/env_digest/env_digesT/g' plain/data/main_data.hdf5 > own.hdf5"),
                     0);
    const char *train = "train --data own.hdf5 --model node --hidden 4 --sequences 50 --batch 50 "
                        "--epochs 1 --horizon 5 --out learned --quiet";
    assert_int_equal(trapeze("%s", train), 0);
    assert_int_equal(trapeze("%s --resume", train), 0);
    assert_int_equal(shell("cp -r learned before; " OWN_ROBOT, "0.2"), 0);
    assert_refused("learned/checkpoint.safetensors: a checkpoint of own.xml, but own.xml has "
                   "changed since",
                   "%s --resume", train);
    assert_int_equal(shell("diff -r before learned"), 0);

    // a checkpoint from before there were digests has only the name
    assert_int_equal(shell("sed -i 's/env_digest/env_digesT/' learned/checkpoint.safetensors"), 0);
    assert_int_equal(trapeze("%s --resume", train), 0);
}

// A reward that is not finite is told as what it is: the simulation of this falling body is sound.
#define FALLING(reward)                                                                            \
    "printf '<mujoco><custom><text name=\"trapeze_reward\" data=\"" reward                         \
    "\"/></custom><worldbody><body><joint name=\"x\" type=\"slide\"/><geom size=\"0.1\"/></body>"  \
    "</worldbody><actuator><motor joint=\"x\" ctrlrange=\"-1 1\" ctrllimited=\"true\"/>"           \
    "</actuator></mujoco>' > falling.xml"

static void a_reward_that_is_not_finite_is_told(void **state) {
    (void)state;
    const char *const trouble = "the reward was not a finite number";
    const char *const options = "--env falling.xml --policy zero --episodes 2";
    assert_int_equal(shell(FALLING("1 / (q.x > -0.001)")), 0);
    assert_int_equal(trapeze("collect %s --out cut-v0 --quiet", options), 0);
    assert_non_null(strstr(printed, "2 cut where the reward was not a finite number"));
    assert_null(strstr(printed, "unstable"));
    assert_int_equal(trapeze("data split cut-v0 --test-fraction 0.5 --out-train left-v0 --out-test "
                             "right-v0"),
                     0);
    static const char *const folders[] = {"cut-v0", "left-v0"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(trapeze("data info %s", folders[i]), 0);
        assert_non_null(strstr(printed, trouble));
        assert_int_equal(trapeze("data info %s --json", folders[i]), 0);
        struct json_object *object = printed_json();
        assert_int_equal((int)number(object, "bad_reward"), 2 - i);
        assert_int_equal((int)number(object, "unstable"), 0);
        json_object_put(object);
    }
    assert_int_equal(trapeze("data validate cut-v0"), 0);
    assert_int_equal(trapeze("play %s --steps 30", options), 0);
    assert_non_null(strstr(printed, trouble));
    assert_int_equal(trapeze("play %s --steps 30 --json", options), 0);
    struct json_object *played = printed_json();
    struct json_object *told = json_object_array_get_idx(field(played, "troubles"), 1);
    assert_string_equal(json_object_get_string(told), trouble);
    json_object_put(played);
    assert_int_equal(trapeze("mpc --env falling.xml --model sim --samples 4 --horizon 2 --episodes "
                             "1 --steps 30 --out cut-mpc --quiet --json"),
                     0);
    played = printed_json();
    assert_int_equal((int)number(played, "bad_reward_episodes"), 1);
    assert_int_equal((int)number(played, "unstable_episodes"), 0);
    json_object_put(played);
    assert_int_equal(shell(TZ_PROGRAM " sac --env falling.xml --steps 20 --learning-starts 10 "
                                      "--eval-every 10 --out cut-sac --quiet 2>&1"),
                     0);
    assert_non_null(strstr(printed, "episodes were cut before a step where"));
    assert_non_null(strstr(printed, "the reward was not a finite number"));

    // episodes whose first control pushes down are dropped: a finished run asked again does not
    // call them unstable
    assert_int_equal(shell(FALLING("1 / (v.x > -0.01962)")), 0);
    const char *some =
        "collect --env falling.xml --policy random --episodes 20 --steps 1 --out some-v0";
    assert_int_equal(trapeze("%s --quiet", some), 0);
    assert_non_null(strstr(printed, trouble));
    assert_null(strstr(printed, "some-v0: 20 episodes"));
    assert_int_equal(trapeze("%s --quiet --resume", some), 0);
    assert_null(strstr(printed, "unstable"));

    // from the first step on: nothing to store, and nothing that a second try would be refused for
    assert_int_equal(shell(FALLING("1 / 0")), 0);
    for (int i = 0; i < 2; i++) {
        assert_refused("the reward of the first step is not a finite number",
                       "collect %s --out none-v0 --quiet", options);
        assert_refused("the reward of the first step is not a finite number",
                       "mpc --env falling.xml --model sim --samples 4 --horizon 2 --episodes 1 "
                       "--steps 5 --out none --quiet");
    }
}

// A robot of one's own is its content: the same for its data and models wherever its file lies.
static void a_robot_may_move_and_be_renamed(void **state) {
    (void)state;
    assert_int_equal(shell("mkdir rob moved && " OWN_ROBOT " && mv own.xml rob/bot.xml", "0.1"), 0);
    assert_int_equal(trapeze("collect --env rob/bot.xml --policy random --episodes 4 --steps 40 "
                             "--seed 0 --out bot-v0 --quiet"),
                     0);
    assert_int_equal(
        trapeze("train --data bot-v0 --model node --hidden 4 --sequences 50 --batch 50 --epochs "
                "1 --horizon 5 --out bot --quiet"),
        0);
    assert_int_equal(shell("cp rob/bot.xml moved/arm.xml"), 0);
    static const char *const places[] = {"rob/bot.xml", "./rob/bot.xml", "$PWD/rob/bot.xml",
                                         "moved/arm.xml"};
    for (size_t i = 0; i < TZ_COUNTOF(places); i++) {
        assert_int_equal(trapeze("mpc --env %s --model bot/model.safetensors --samples 4 --horizon "
                                 "2 --steps 3 --episodes 1 --quiet",
                                 places[i]),
                         0);
        assert_int_equal(trapeze("data validate bot-v0 --env %s", places[i]), 0);
        assert_int_equal(trapeze("eval --data bot-v0 --env %s --model bot/model.safetensors "
                                 "--split all --horizon 5 --rollouts 2",
                                 places[i]),
                         0);
    }

    // data of one robot under two names are joined
    assert_int_equal(trapeze("collect --env moved/arm.xml --policy random --episodes 2 --steps 40 "
                             "--seed 1 --out arm-v0 --quiet"),
                     0);
    assert_int_equal(trapeze("data merge bot-v0 arm-v0 --out both-v0"), 0);
}

// Meshes move with the robot; the compiled model says where they lie, its digest does not.
static void a_robot_may_move_with_its_meshes(void **state) {
    (void)state;
    assert_int_equal(
        shell(
            "mkdir mesh && cd mesh && printf 'v 0 0 0\\nv .1 0 0\\nv 0 .1 0\\nv 0 0 .1\\nf 1 3 2\\n"
            "f 1 2 4\\nf 1 4 3\\nf 2 3 4\\n' > t.obj && printf '<mujoco><asset><mesh name=\"t\" "
            "file=\"t.obj\"/></asset><worldbody><body><joint type=\"slide\"/><geom type=\"mesh\" "
            "mesh=\"t\"/></body></worldbody></mujoco>' > bot.xml"),
        0);
    assert_int_equal(trapeze("collect --env mesh/bot.xml --policy random --episodes 1 --steps 5 "
                             "--out mesh-v0 --quiet"),
                     0);
    // an unfinished run too goes on where all of it has moved to
    const char *cut = "collect --env mesh/bot.xml --policy random --episodes 2 --steps 5 --out cut";
    assert_int_equal(shell("mkdir here && cp -r mesh here && cd here && " TZ_PROGRAM " %s", cut),
                     0);
    assert_int_equal(shell("mv here there && cd there && " TZ_PROGRAM " %s --resume", cut), 0);
    assert_int_equal(shell("mv mesh grid && mv grid/bot.xml grid/arm.xml"), 0);
    assert_int_equal(trapeze("data validate mesh-v0 --env grid/arm.xml"), 0);
    assert_int_equal(shell("sed -i 's/ [.]1/ .2/' grid/t.obj && mv grid/arm.xml grid/bot.xml"), 0);
    assert_refused("grid/bot.xml has changed since", "data info mesh-v0 --env grid/bot.xml");
}

// What needs no robot does without; what does says where it was.
static void a_robot_that_is_not_there_is_missed_where_it_is_needed(void **state) {
    (void)state;
    assert_int_equal(shell("cd moved && " TZ_PROGRAM " data info ../bot-v0 --json"), 0);
    struct json_object *info = printed_json();
    assert_string_equal(words(info, "env"), "rob/bot.xml");
    assert_int_equal((int)number(info, "nu"), 1);
    json_object_put(info);
    assert_int_equal(shell("mv rob away"), 0);
    static const char *const needs[] = {"data validate bot-v0", "data replay bot-v0",
                                        "data split bot-v0 --out-train no-a --out-test no-b",
                                        "train --data bot-v0 --model node --out no"};
    for (size_t i = 0; i < TZ_COUNTOF(needs); i++) {
        assert_refused("bot-v0: recorded with rob/bot.xml, which is not there: name the file by "
                       "--env",
                       "%s", needs[i]);
    }
    assert_int_equal(trapeze("eval --data bot-v0 --model bot/model.safetensors --split all "
                             "--horizon 5 --rollouts 2"),
                     0);
    assert_int_equal(shell("mv away rob"), 0);
}

static void a_robot_that_has_changed_is_another(void **state) {
    (void)state;
    assert_int_equal(shell(OWN_ROBOT " && mv own.xml rob/bot.xml", "0.2"), 0);
    assert_int_equal(trapeze("data info bot-v0"), 0);
    static const char *const uses[] = {
        "mpc --env rob/bot.xml --model bot/model.safetensors --episodes 1",
        "data info bot-v0 --env ./rob/bot.xml", "data validate bot-v0",
        "train --data bot-v0 --model node --out no"};
    for (size_t i = 0; i < TZ_COUNTOF(uses); i++) {
        assert_refused("of rob/bot.xml, but ", "%s", uses[i]);
        assert_refused("rob/bot.xml has changed since", "%s", uses[i]);
    }
    assert_int_equal(shell("cp rob/bot.xml moved/other.xml"), 0);
    assert_refused("recorded in rob/bot.xml, but moved/other.xml was asked for",
                   "data info bot-v0 --env moved/other.xml");
    assert_refused("a model of environment rob/bot.xml, expected one of environment "
                   "moved/other.xml",
                   "mpc --env moved/other.xml --model bot/model.safetensors --episodes 1");
}

// Rows 0-4, 5-9 and 10-11 of the file are episodes of 4, 4 and 1 transitions.
static void d4rl_rows_become_episodes(void **state) {
    (void)state;
    assert_int_equal(trapeze("data convert " TZ_SOURCE_DIR "/tests/golden/d4rl_hopper.hdf5 --from "
                             "d4rl --env hopper --out d4rl-v0"),
                     0);
    static double z[12 * 12], reward[9];
    char header[256];
    assert_int_equal(trapeze("data convert d4rl-v0 --to npy --out d4rl"), 0);
    assert_int_equal(read_npy("d4rl/z.npy", header, z, sizeof z), sizeof z);
    assert_int_equal(read_npy("d4rl/reward.npy", header, reward, sizeof reward), sizeof reward);
    for (int i = 0; i < 12; i++) {
        for (int k = 0; k < 6; k++) {
            assert_true(fabs(z[12 * i + k] - (i + 0.01 * k)) < 1e-6);
            assert_true(fabs(z[12 * i + 6 + k] + (i + 0.01 * k)) < 1e-6);
        }
    }
    static const double expected[9] = {10, 11, 12, 13, 15, 16, 17, 18, 20};
    for (int i = 0; i < 9; i++) {
        assert_true(reward[i] == expected[i]);
    }
    assert_refused("infos/qpos has 2 dimensions with 6 columns",
                   "data convert " TZ_SOURCE_DIR "/tests/golden/d4rl_hopper.hdf5 --from d4rl --env "
                   "walker2d --out no-v0");
    assert_refused("give it with --env", "data convert " TZ_SOURCE_DIR
                                         "/tests/golden/d4rl_hopper.hdf5 --from d4rl --out no-v0");
    assert_refused("named by --out-train and --out-test",
                   "data split a-v0 --out-train half-v0 --out-test half-v0");
    assert_refused("b-v0: holds a finished dataset already",
                   "data split a-v0 --out-train half-v0 --out-test b-v0");
    assert_int_equal(shell("test -e half-v0"), 1);
    assert_refused("named by --out-train and --out-test",
                   "data split a-v0 --out-train half-v0 --out-test ./half-v0/");
    assert_int_equal(shell("test -e half-v0"), 1);
    assert_int_equal(shell("mkdir run && echo '{}' > run/config.json"), 0);
    static const char *const onto[] = {"convert a-v0 --out run",
                                       "split a-v0 --out-train half-v0 --out-test run"};
    for (size_t i = 0; i < TZ_COUNTOF(onto); i++) {
        assert_refused("run already holds a run", "data %s", onto[i]);
    }
    assert_int_equal(shell("test -e half-v0 -o -e run/data"), 1);
    assert_refused("b-v0 already holds a run", "data sample a-v0 --out b-v0");
    assert_refused("infos/qpos is missing",
                   "data convert a-v0/data/main_data.hdf5 --from d4rl --env swimmer --out no-v0");
}

// Copies a file with every number `old` in it replaced; returns how many there were.
static int copy_with(const char *copy, const char *path, double old, double new) {
    static unsigned char bytes[1 << 17];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t n = fread(bytes, 1, sizeof bytes, file);
    assert_true(n < sizeof bytes);
    fclose(file);
    int n_found = 0;
    for (size_t i = 0; i + sizeof old <= n; i++) {
        if (memcmp(bytes + i, &old, sizeof old) == 0) {
            memcpy(bytes + i, &new, sizeof new);
            n_found++;
        }
    }
    file = fopen(copy, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    return n_found;
}

// A copy of D4RL's file whose control 1 of row 5, 0.051, is 1e39.
static void d4rl_controls_are_32_bit_numbers(void **state) {
    (void)state;
    assert_int_equal(copy_with("large.hdf5", TZ_SOURCE_DIR "/tests/golden/d4rl_hopper.hdf5",
                               0.01 * 5 + 0.001, 1e39),
                     1);
    assert_refused("actions has 1e+39 in row 5, expected 32-bit numbers",
                   "data convert large.hdf5 --from d4rl --env hopper --out no-v0");
}

// The control period is the environment's, and what is made of a dataset says which MuJoCo made it.
static void a_file_s_word_counts(void **state) {
    (void)state;
    const char *path = "b-v0/data/main_data.hdf5";
    assert_true(copy_with("slow.hdf5", path, 0.04, 0.5) > 0);
    assert_refused("slow.hdf5: dt = 0.5 s, but swimmer has 0.04 s", "data info slow.hdf5");
    assert_int_equal(shell("sed 's/[24]\\.[02]\\.[12]/9.9.9/' %s > old.hdf5", path), 0);
    assert_int_equal(trapeze("data merge old.hdf5 b-v0 --out versions-v0"), 0);
    assert_int_equal(
        shell("grep -o 'MuJoCo 9.9.9, [24][.][02][.][12]' versions-v0/data/metadata.json"), 0);
    assert_int_equal(trapeze("data split old.hdf5 --out-train old-a --out-test old-b"), 0);
    assert_int_equal(shell("grep -q 'mujoco==9.9.9' old-a/data/metadata.json"), 0);
}

// No controls in chain-2; in ant nq is not nv.
static void other_shapes_keep_every_rule(void **state) {
    (void)state;
    static const char *const envs[] = {"ant", "chain-2"};
    for (int i = 0; i <= TZ_HAS_SYSTEMS; i++) {
        const char *env = envs[i];
        assert_int_equal(trapeze("collect --env %s --policy random --episodes 2 --steps 20 --out "
                                 "%s-v0 --quiet",
                                 env, env),
                         0);
        assert_int_equal(trapeze("collect --env %s --policy random --episodes 1 --steps 20 --seed "
                                 "3 --out %s-v1 --quiet",
                                 env, env),
                         0);
        assert_int_equal(trapeze("data merge %s-v0 %s-v1 --out %s-v2", env, env, env), 0);
        assert_int_equal(trapeze("data validate %s-v2", env), 0);
        assert_int_equal(trapeze("data replay %s-v2 --json", env), 0);
        struct json_object *object = printed_json();
        assert_int_equal((int)number(object, "exact"), 3);
        json_object_put(object);
    }
}

// Datasets remember the arguments of their environment, and whatever is done with them minds them.
static void arguments_of_the_environment_stay_with_the_data(void **state) {
    (void)state;
#define WITH(env, out)                                                                             \
    "collect --env " env " --policy random --episodes 2 --steps 40 --seed 4 --quiet --out " out
    static const struct {
        const char *collect, *folder, *held, *kwargs;
    } cases[] = {
        {WITH("swimmer", "arg-swimmer-v0") " --env-arg ctrl_cost_weight=0.30 "
                                           "--env-arg reset_noise_scale=0.2",
         "arg-swimmer-v0", "ctrl_cost_weight=0.3,reset_noise_scale=0.2",
         "\\\"ctrl_cost_weight\\\":0.3,\\\"reset_noise_scale\\\":0.2}"},
        {WITH("ant", "arg-ant-v0") " --env-arg contact_cost_weight=0.5,contact_force_range=-2:1 "
                                   "--env-arg healthy_z_range=0.2:inf",
         "arg-ant-v0", "contact_cost_weight=0.5,healthy_z_range=0.2:inf,contact_force_range=-2:1",
         "\\\"healthy_z_range\\\":[0.2,Infinity],"},
        {WITH("humanoid-v4", "arg-humanoid-v0") " --env-arg healthy_z_range=1.35:2",
         "arg-humanoid-v0", "healthy_z_range=1.35:2", "\\\"healthy_z_range\\\":[1.35,2.0]"},
        {WITH("humanoid_standup", "arg-standup-v0") " --env-arg impact_cost_weight=1e-3 "
                                                    "--env-arg impact_cost_range=-inf:50",
         "arg-standup-v0", "impact_cost_weight=0.001,impact_cost_range=-inf:50",
         "\\\"impact_cost_range\\\":[-Infinity,50.0]"},
        {WITH("pusher", "arg-pusher-v0") " --env-arg reward_near_weight=20", "arg-pusher-v0",
         "reward_near_weight=20", "\\\"reward_near_weight\\\":20.0"},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        assert_int_equal(trapeze("%s", cases[i].collect), 0);
        assert_int_equal(trapeze("data info %s --json", cases[i].folder), 0);
        struct json_object *object = printed_json();
        assert_string_equal(words(object, "env_arguments"), cases[i].held);
        assert_string_equal(words(field(object, "config"), "env_arguments"), cases[i].held);
        json_object_put(object);
        assert_int_equal(
            shell("grep -qF '%s' %s/data/metadata.json", cases[i].kwargs, cases[i].folder), 0);
        assert_int_equal(trapeze("data validate %s", cases[i].folder), 0);
        assert_int_equal(trapeze("data replay %s --json", cases[i].folder), 0);
        object = printed_json();
        assert_int_equal((int)number(object, "exact"), 2);
        json_object_put(object);
    }
    assert_int_equal(trapeze("data info arg-swimmer-v0"), 0);
    assert_non_null(strstr(printed, "arguments ctrl_cost_weight=0.3,reset_noise_scale=0.2\n"));

    // a run goes on with the same ones only
    assert_refused("other options", "%s --resume", WITH("swimmer", "arg-swimmer-v0"));
    assert_int_equal(trapeze("%s --resume", cases[0].collect), 0);

    // what is made of them has them too
    assert_int_equal(trapeze("data split arg-swimmer-v0 --test-fraction 0.5 --out-train arg-train "
                             "--out-test arg-test"),
                     0);
    assert_int_equal(trapeze("data merge arg-train arg-test --out arg-all"), 0);
    assert_int_equal(trapeze("data validate arg-all --json"), 0);
    struct json_object *object = printed_json();
    assert_string_equal(words(object, "env_arguments"), cases[0].held);
    json_object_put(object);

    // other rewards are not the same data, nor on the scale of the references
    assert_refused("expected equal arguments of swimmer",
                   "data merge a-v0 arg-swimmer-v0 --out x-v0");
    assert_refused("recorded with ctrl_cost_weight=0.3,reset_noise_scale=0.2, and the reference",
                   "data scores arg-swimmer-v0");
    assert_refused("recorded with", "data scores arg-swimmer-v0 --random 0");
    assert_int_equal(trapeze("data scores arg-swimmer-v0 --random -10 --expert 90"), 0);

    // models are of the dynamics, which are the same
    assert_int_equal(trapeze("train --data a-v0 --data arg-swimmer-v0 --out arg-model --epochs 1 "
                             "--hidden 16 --quiet"),
                     0);
    assert_int_equal(
        trapeze("mpc --env swimmer --model arg-model/model.safetensors --samples 8 --horizon 3 "
                "--steps 3 --env-arg ctrl_cost_weight=0.3 --out arg-mpc --quiet"),
        0);
    assert_int_equal(trapeze("data validate arg-mpc/dataset"), 0);
    assert_int_equal(shell("grep -q '\"env_arguments\": *\"ctrl_cost_weight=0.3\"' "
                           "arg-mpc/config.json"),
                     0);

    // and where there are none, nothing says so
    assert_int_equal(shell("grep -rq env_arguments a-v0"), 1);
}

// Each episode keeps its policy, through whatever became of its dataset, as often as one likes.
static void policies_go_along(void **state) {
    (void)state;
    static const char *const policies[] = {"zero", "random"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(trapeze("collect --env swimmer --policy %s --episodes 2 --steps 3 --seed "
                                 "%d --out by-%d-v0 --quiet",
                                 policies[i], i, i),
                         0);
        assert_int_equal(trapeze("data split by-%d-v0 --test-fraction 0.5 --out-train by-%d-train "
                                 "--out-test by-%d-test",
                                 i, i, i),
                         0);
        assert_int_equal(
            trapeze("data convert by-%d-train --to dataset --out by-%d-converted", i, i), 0);
    }
    assert_int_equal(trapeze("data merge by-0-converted by-1-converted --out by-both"), 0);
    assert_int_equal(trapeze("data info by-both --json"), 0);
    struct json_object *object = printed_json();
    struct json_object *config = field(object, "config");
    struct json_object *list = field(config, "policies");
    for (size_t i = 0; i < 2; i++) {
        struct json_object *episode = json_object_array_get_idx(field(object, "per_episode"), i);
        assert_int_equal((int)number(episode, "policy"), (int)i);
        assert_string_equal(words(json_object_array_get_idx(list, i), "name"), policies[i]);
    }
    json_object_put(object);

    // the parts of a merged dataset stand for it: a configuration does not grow in depth
    assert_int_equal(shell("cp -r by-both grown-0"), 0);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(trapeze("collect --env swimmer --policy zero --episodes 1 --steps 2 "
                                 "--seed %d --out more-%d --quiet",
                                 10 + i, i),
                         0);
        assert_int_equal(trapeze("data merge grown-%d more-%d --out grown-%d", i, i, i + 1), 0);
    }
    assert_int_equal(trapeze("data info grown-12 --json"), 0);
    object = printed_json();
    assert_int_equal(json_object_array_length(field(field(object, "config"), "merged")), 14);
    json_object_put(object);
}

// Some MB of JSON could take GB of memory.
static void much_json_is_refused(void **state) {
    (void)state;
    assert_int_equal(shell("cp -r a-v0 much && { printf '{\"a\":['; yes '{},' | head -n 400000 | "
                           "tr -d '\\n'; printf '{}]}'; } > much/data/metadata.json"),
                     0);
    assert_refused("much/data/metadata.json: holds more JSON values than", "data info much");
}

static void scores_are_normalised_returns(void **state) {
    (void)state;
    assert_int_equal(trapeze("data scores a-v0 --random -10 --expert 90 --json"), 0);
    struct json_object *object = printed_json();
    const double mean = number(object, "return_mean");
    assert_true(fabs(number(object, "score_mean") - (mean + 10.0)) < 1e-9);
    assert_int_equal(json_object_array_length(field(object, "scores")), 4);
    json_object_put(object);
    assert_int_equal(trapeze("data scores a-v0"), 0);
    assert_non_null(strstr(printed, "0 is random, -0.56; 100 is expert, 350.65"));
    assert_non_null(strstr(printed, "those are returns of up to 1000 steps, these of up to 60"));
    assert_int_equal(trapeze("data scores a-v0 --expert 100"), 0);
    assert_non_null(
        strstr(printed, "0 is random, -0.56; 100 is expert, 100 (--expert; else random controls"));
    assert_refused("are both 1, so no score lies between them",
                   "data scores a-v0 --random 1 --expert 1");
    assert_refused("are both 350.65, so no score", "data scores a-v0 --random 350.65");

    // ends that do not come make other returns
    assert_int_equal(trapeze("collect --env hopper --policy zero --episodes 1 --no-early-end "
                             "--out endless-v0 --quiet"),
                     0);
    assert_refused("endless-v0: recorded without early ends", "data scores endless-v0");
    assert_int_equal(trapeze("data scores endless-v0 --random 1 --expert 2"), 0);

    // without references both are wanted
    if (!TZ_HAS_SYSTEMS) {
        return;
    }
    assert_int_equal(
        trapeze("collect --env chain-1 --policy zero --episodes 1 --steps 3 --out c-v0 --quiet"),
        0);
    assert_refused("no reference returns are known for environment \"chain-1\" (expected both by",
                   "data scores c-v0 --random 1");
    assert_int_equal(trapeze("data scores c-v0 --random 1 --expert 2"), 0);
    assert_non_null(strstr(printed, "0 is random, 1; 100 is expert, 2 (--random, --expert)"));
}

// Every environment of Gymnasium's has references in both versions, those of the table in the docs.
static void references_are_documented(void **state) {
    (void)state;
    char *docs;
    size_t size;
    assert_int_equal(tz_file_read(TZ_SOURCE_DIR "/docs/datasets.md", &docs, &size, 1 << 20, NULL),
                     TZ_OK);
    for (int i = 0; i < 2 * tz_env_count(); i++) {
        const char *env = tz_env_info_at(i / 2)->name;
        const int version = 5 - i % 2;
        assert_int_equal(trapeze("collect --env %s --version v%d --policy zero --episodes 1 "
                                 "--steps 2 --out ref-%d-v0 --quiet",
                                 env, version, i),
                         0);
        assert_int_equal(trapeze("data scores ref-%d-v0 --json", i), 0);
        struct json_object *object = printed_json();
        char row[TZ_NAME_MAX + 64];
        const double random = number(object, "random"), expert = number(object, "expert");
        assert_true(random < expert);
        snprintf(row, sizeof row, "\n| `%s` | %g | %g |", words(object, "env"), random, expert);
        if (strstr(docs, row) == NULL) {
            fail_msg("docs/datasets.md has no row%s", row);
        }
        json_object_put(object);
    }
    tz_free(docs);
}

static void pictures_are_drawn(void **state) {
    (void)state;
    assert_int_equal(trapeze("data plot a-v0 --out pictures"), 0);
    static const char *const files[] = {"pictures/episodes.png", "pictures/episodes.svg",
                                        "pictures/states-0.png", "pictures/states-0.svg"};
    assert_files(files, 4, true);

    // coordinates whose range is wider than the largest double
    sample_write("wide-v0");
    sample_poke("wide-v0", "episode_0/observations", 3, 1e308);
    sample_poke("wide-v0", "episode_1/observations", 3, -1e308);
    assert_int_equal(trapeze("data plot wide-v0 --out wide-pictures"), 0);
    static const char *const wide[] = {"wide-pictures/episodes.png", "wide-pictures/states-0.png"};
    assert_files(wide, 2, true);
}

static void bad_words_are_refused(void **state) {
    (void)state;
    assert_refused("expected 2 or more", "data merge a-v0 --out x-v0");
    assert_refused("hold the same data", "data merge a-v0 a-v0 --out x-v0");
    assert_int_equal(
        trapeze("collect --env hopper --policy random --episodes 1 --out h-v0 --quiet"), 0);
    assert_refused("expected one environment", "data merge a-v0 h-v0 --out x-v0");
    assert_refused("has 1 episode", "data sample h-v0 --out x");
    assert_refused("has 1999 transitions, the longest has 60; give a smaller --test-length",
                   "data sample a-v0 --out x --test-length 2000");
    assert_refused("unknown verb", "data melt a-v0");
    static const char *const none[] = {"x-v0/config.json", "x/config.json"};
    assert_files(none, 2, false);
}

// `command` of a folder's config.json, its words joined by blanks.
static void expect_command(const char *folder, const char *expected) {
    char path[128], text[512] = "";
    snprintf(path, sizeof path, "%s/config.json", folder);
    struct json_object *config;
    assert_int_equal(tz_json_read(path, &config, NULL), TZ_OK);
    struct json_object *command = field(config, "command");
    for (size_t i = 0; i < json_object_array_length(command); i++) {
        const size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? " " : "",
                 json_object_get_string(json_object_array_get_idx(command, i)));
    }
    assert_string_equal(text, expected);
    json_object_put(config);
}

// What is recorded can be given to a shell.
static void the_command_is_recorded_whole(void **state) {
    (void)state;
    static const char *const commands[][2] = {
        {"data merge a-v0 b-v0 --out said-merge-v0", "said-merge-v0"},
        {"data split a-v0 --out-train said-1-v0 --out-test said-2-v0", "said-2-v0"},
        {"data sample a-v0 --out said-sample --sequences 4 --tests 4 --test-length 21",
         "said-sample"},
        {"data convert a-v0 --out said-npy --to npy", "said-npy"}};
    for (size_t i = 0; i < TZ_COUNTOF(commands); i++) {
        char expected[256];
        assert_int_equal(trapeze("%s", commands[i][0]), 0);
        snprintf(expected, sizeof expected, "trapeze %s", commands[i][0]);
        expect_command(commands[i][1], expected);
    }
}

static void early_ends_can_be_left_out(void **state) {
    (void)state;
    assert_int_equal(trapeze("collect --env hopper --policy random --episodes 2 --steps 150 "
                             "--no-early-end --out long-v0 --quiet"),
                     0);
    assert_int_equal(trapeze("data validate long-v0"), 0);
    assert_int_equal(trapeze("data info long-v0 --json"), 0);
    struct json_object *object = printed_json();
    assert_int_equal((int)number(object, "steps"), 300);
    json_object_put(object);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merged_data_hold_all_episodes_and_their_origins),
        cmocka_unit_test(samples_are_windows_of_the_data),
        cmocka_unit_test(arrays_for_numpy_hold_the_dataset),
        cmocka_unit_test(minari_s_folder_is_a_dataset_below_its_root),
        cmocka_unit_test(a_changed_robot_is_not_resumed),
        cmocka_unit_test(a_changed_robot_is_not_trained_on),
        cmocka_unit_test(a_reward_that_is_not_finite_is_told),
        cmocka_unit_test(a_robot_may_move_and_be_renamed),
        cmocka_unit_test(a_robot_may_move_with_its_meshes),
        cmocka_unit_test(a_robot_that_is_not_there_is_missed_where_it_is_needed),
        cmocka_unit_test(a_robot_that_has_changed_is_another),
        cmocka_unit_test(d4rl_rows_become_episodes),
        cmocka_unit_test(d4rl_controls_are_32_bit_numbers),
        cmocka_unit_test(a_file_s_word_counts),
        cmocka_unit_test(other_shapes_keep_every_rule),
        cmocka_unit_test(arguments_of_the_environment_stay_with_the_data),
        cmocka_unit_test(policies_go_along),
        cmocka_unit_test(much_json_is_refused),
        cmocka_unit_test(scores_are_normalised_returns),
        cmocka_unit_test(references_are_documented),
        cmocka_unit_test(pictures_are_drawn),
        cmocka_unit_test(bad_words_are_refused),
        cmocka_unit_test(the_command_is_recorded_whole),
        cmocka_unit_test(early_ends_can_be_left_out),
    };
    return cmocka_run_group_tests(tests, make_data, leave_folder);
}
