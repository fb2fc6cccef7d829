// `trapeze train`, `eval` and `bench train` from outside: from collected episodes to models, an
// interrupt that --resume continues to the same bytes, a model continued on weighted data, the
// held-out episodes found again by eval, models that say how sure they are, and bad input in one
// sentence with exit status 2.
#include "base/file.h"
#include "base/run_folder.h"
#include "command.h"
#include "data/dataset.h"
#include "models/model.h"

#include <json-c/json.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SHORT_BUT_EPOCHS "--sequences 600 --batch 50 --horizon 40 --rollouts 10 --quiet "
#define SHORT "--epochs 4 " SHORT_BUT_EPOCHS
#define SMALL "--hidden 16 " SHORT
#define SMALL_BUT_EPOCHS "--hidden 16 " SHORT_BUT_EPOCHS

static int set_up(void **state) {
    return enter_folder(state) != 0 ||
           trapeze("collect --env half_cheetah --policy random --episodes 8 --steps 60 --seed 1 "
                   "--out data --quiet") != 0 ||
           trapeze("collect --env half_cheetah --policy random --episodes 3 --steps 60 --seed 2 "
                   "--out more --quiet") != 0 ||
           (TZ_HAS_SYSTEMS &&
            trapeze("collect --env spring-2 --policy zero --episodes 2 --steps 20 "
                    "--out springs --quiet") != 0);
}

static void trains_into_a_folder(void **state) {
    (void)state;
    assert_int_equal(trapeze("train --data data --model node-so --out so --json " SMALL), 0);
    struct json_object *report = printed_json();
    assert_string_equal(words(report, "kind"), "node-so");
    assert_true(number(report, "train_loss") > 0.0);
    assert_true(number(report, "test_loss") > 0.0);
    json_object_put(report);
    static const char *const files[] = {
        "so/config.json",       "so/side.json", "so/metrics.csv", "so/checkpoint.safetensors",
        "so/model.safetensors", "so/loss.png",  "so/loss.svg",    "so/rollout.svg"};
    assert_files(files, TZ_COUNTOF(files), true);
    // never over another run
    assert_int_equal(trapeze("train --data data --model node-so --out so 2>&1 " SMALL), 2);
    assert_non_null(strstr(printed, "so already holds a run"));
}

static void interrupt_exits_130_and_resumes(void **state) {
    (void)state;
    const stop under_way = {
        .folder = "cut", .file = "cut/checkpoint.safetensors", .signal_number = SIGINT};
    assert_int_equal(stop_trapeze(&under_way, "train --data data --model node-so --out cut " SMALL
                                              "2>/dev/null"),
                     130);
    assert_int_equal(trapeze("train --data data --model node-so --out cut --resume " SMALL), 0);
    assert_same_file("so/model.safetensors", "cut/model.safetensors");
    assert_same_file("so/metrics.csv", "cut/metrics.csv");
}

// A finished run goes on with more epochs; of an ensemble every member does.
static void a_finished_run_is_extended(void **state) {
    (void)state;
#define LASTING(epochs)                                                                            \
    "train --data data --model node --lr 2e-3 --lr-end 2e-3 " SMALL_BUT_EPOCHS "--epochs " epochs  \
    " "
    assert_int_equal(trapeze(LASTING("4") "--out long"), 0);
    assert_int_equal(trapeze(LASTING("2") "--out short"), 0);
    assert_refused("short/checkpoint.safetensors: a run of 2 epochs, expected --epochs 2 or more, "
                   "not 1",
                   LASTING("1") "--out short --resume");
    assert_int_equal(trapeze(LASTING("4") "--out short --resume --json"), 0);
    struct json_object *report = printed_json();
    assert_int_equal((int)number(report, "extended_from"), 2);
    assert_int_equal((int)number(report, "epochs"), 4);
    assert_false(json_object_get_boolean(field(report, "schedule_changed")));
    json_object_put(report);
    static const char *const files[] = {"model.safetensors", "metrics.csv",
                                        "checkpoint.safetensors", "loss.svg"};
    for (size_t i = 0; i < TZ_COUNTOF(files); i++) {
        char a[64], b[64];
        snprintf(a, sizeof a, "long/%s", files[i]);
        snprintf(b, sizeof b, "short/%s", files[i]);
        assert_same_file(a, b);
    }

    // its folder says so, and a rate that falls is told
    assert_int_equal(trapeze(LASTING("5") "--out short --resume"), 0);
    assert_non_null(strstr(printed, "  extended from 4 epochs\n"));
    struct json_object *config = NULL;
    assert_int_equal(tz_json_read("short/config.json", &config, NULL), TZ_OK);
    assert_string_equal(words(config, "extended_from"), "[ 2, 4 ]");
    assert_int_equal((int)number(field(config, "options"), "epochs"), 5);
    json_object_put(config);
    assert_int_equal(trapeze("train --data data --model node --hidden 16 --sequences 600 --batch "
                             "50 --epochs 2 --out falls --quiet --horizon 40"),
                     0);
    assert_int_equal(trapeze("train --data data --model node --hidden 16 --sequences 600 --batch "
                             "50 --epochs 4 --out falls --quiet --horizon 40 --resume"),
                     0);
    assert_non_null(strstr(printed, "  extended from 2 epochs, whose learning rates"));

    assert_int_equal(trapeze(LASTING("2") "--out both --members 2"), 0);
    assert_int_equal(trapeze(LASTING("1") "--out two --members 2"), 0);
    assert_int_equal(trapeze(LASTING("2") "--out two --members 2 --resume"), 0);
    assert_same_file("both/ensemble.json", "two/ensemble.json");
    assert_int_equal(shell("grep -q '\"epochs\": 2' two/config.json"), 0);
}

static void continues_a_model_on_weighted_data(void **state) {
    (void)state;
    assert_int_equal(trapeze("train --data data --weight 1 --data more --weight 3 "
                             "--init so/model.safetensors --out on --json " SHORT),
                     0);
    struct json_object *report = printed_json();
    assert_string_equal(words(report, "kind"), "node-so");
    json_object_put(report);

    // under its own normaliser, with a range that the new data have widened
    tz_model *first = NULL, *on = NULL;
    assert_int_equal(tz_model_load(&first, "so/model.safetensors", NULL), TZ_OK);
    assert_int_equal(tz_model_load(&on, "on/model.safetensors", NULL), TZ_OK);
    int n_lower = 0, n_higher = 0;
    for (int i = 0; i < tz_model_nz(first); i++) {
        assert_true(on->sigma_z[i] == first->sigma_z[i] && on->z_mean[i] == first->z_mean[i]);
        assert_true(on->z_low[i] <= first->z_low[i] && on->z_high[i] >= first->z_high[i]);
        n_lower += on->z_low[i] < first->z_low[i];
        n_higher += on->z_high[i] > first->z_high[i];
    }
    assert_true(n_lower > 0 && n_higher > 0);
    tz_model_destroy(first);
    tz_model_destroy(on);

    assert_int_equal(trapeze("train --data data --model hnn --init so/model.safetensors --out no "
                             "2>&1 " SHORT),
                     2);
    assert_non_null(strstr(printed, "so/model.safetensors: a model of kind node-so"));
    assert_files((const char *[]){"no/config.json"}, 1, false);
}

// A dataset of one episode holds none out; the other one then measures alone.
static void a_dataset_of_one_episode_joins_others(void **state) {
    (void)state;
    assert_int_equal(trapeze("collect --env half_cheetah --policy random --episodes 1 --steps 60 "
                             "--seed 3 --out one --quiet"),
                     0);
    assert_int_equal(trapeze("train --data data --weight 1 --data one --weight 2 --model node "
                             "--sequence-length 10 --out joined --json " SMALL),
                     0);
    struct json_object *report = printed_json();
    assert_true(number(report, "test_loss") > 0.0);
    assert_true(number(report, "rollout_nmse") > 0.0);
    json_object_put(report);
    // alone it measures nothing, and says so
    assert_int_equal(trapeze("train --data one --model node --out alone --json " SMALL), 0);
    report = printed_json();
    assert_null(field(report, "test_loss"));
    assert_null(field(report, "rollout_nmse"));
    json_object_put(report);
}

static void eval_finds_the_held_out_episodes(void **state) {
    (void)state;
    assert_int_equal(trapeze("eval --data data --model so/model.safetensors --model "
                             "on/model.safetensors --horizon 30 --rollouts 12 --out ev --json"),
                     0);
    struct json_object *o = printed_json(), *models = field(o, "models");
    assert_int_equal((int)number(o, "episodes"), 1); // 0.1 of 8
    assert_string_equal(words(o, "episodes_from"), "held-out episodes");
    assert_int_equal(json_object_array_length(models), 2);
    assert_int_equal(json_object_array_length(field(o, "trivial")), 2);
    for (size_t i = 0; i < 2; i++) {
        struct json_object *model = json_object_array_get_idx(models, i);
        assert_string_equal(words(model, "kind"), "node-so");
        assert_true(number(model, "nmse_30") > 0.0);
        assert_int_equal(json_object_array_length(field(model, "step_mean")), 31);
        assert_int_equal(json_object_array_length(field(model, "component")), 18);
    }
    json_object_put(o);
    static const char *const files[] = {"ev/config.json",   "ev/metrics.json", "ev/summary.csv",
                                        "ev/horizon.csv",   "ev/horizon.png",  "ev/horizon.svg",
                                        "ev/components.csv"};
    assert_files(files, TZ_COUNTOF(files), true);
    assert_int_equal(
        trapeze("eval --data data --model so/model.safetensors --horizon 30 --split all"), 0);
    assert_non_null(strstr(printed, "from 8 episodes"));
    // episodes that no model was trained on
    assert_int_equal(trapeze("eval --data more --model so/model.safetensors --horizon 30"), 0);
    assert_non_null(strstr(printed, "from 3 episodes"));
}

// Whether `so` beats both trivial predictors over a horizon, as the object and the table say.
static bool beats_trivial(int horizon) {
    const char *words = "eval --data data --model so/model.safetensors --horizon";
    assert_int_equal(trapeze("%s %d --json", words, horizon), 0);
    struct json_object *o = printed_json();
    struct json_object *model = json_object_array_get_idx(field(o, "models"), 0);
    const bool beats = json_object_get_boolean(field(model, "beats_trivial"));
    json_object_put(o);
    assert_int_equal(trapeze("%s %d", words, horizon), 0);
    const bool is_named = strstr(printed, "so does not beat both trivial predictors") != NULL;
    assert_true(is_named != beats);
    return beats;
}

// What forecasts worse than no model is named, or than one of the two that are none: after four
// epochs a step is forecast better than by both, five only better than by the state that stays.
// Episodes without a whole stretch are counted.
static void eval_names_what_is_worse_than_nothing(void **state) {
    (void)state;
    enum { EPISODES = 12, HORIZON = 15 };
    // it accelerates everything by 100 a second squared and knows nothing
    write_untrained_model("hopper", 100.0, "up.safetensors");
    assert_int_equal(trapeze("collect --env hopper --policy random --episodes 12 --seed 1 --out "
                             "hops --quiet"),
                     0);
    tz_dataset *dataset = NULL;
    assert_int_equal(tz_dataset_read(&dataset, "hops", NULL, NULL), TZ_OK);
    int n_short = 0;
    for (int e = 0; e < EPISODES; e++) {
        n_short += tz_dataset_length(dataset, e) < HORIZON;
    }
    tz_dataset_destroy(dataset);
    assert_in_range(n_short, 1, EPISODES - 1);
    assert_int_equal(trapeze("eval --data hops --model up.safetensors --horizon 15 --json"), 0);
    struct json_object *o = printed_json();
    assert_int_equal((int)number(o, "episodes"), EPISODES - n_short);
    assert_int_equal((int)number(o, "short_episodes"), n_short);
    assert_string_equal(words(o, "sigma_z_of"), "up.safetensors");
    struct json_object *model = json_object_array_get_idx(field(o, "models"), 0);
    assert_false(json_object_get_boolean(field(model, "beats_trivial")));
    json_object_put(o);
    assert_int_equal(trapeze("eval --data hops --model up.safetensors --horizon 15"), 0);
    assert_non_null(strstr(printed, "\nup does not beat both trivial predictors\n"));
    char left_out[64];
    snprintf(left_out, sizeof left_out, " (%d shorter ones left out)", n_short);
    assert_non_null(strstr(printed, left_out));

    assert_true(beats_trivial(1));
    assert_false(beats_trivial(5));
}

// Member i of an ensemble is the model of its seed, the ensemble's and i more.
static void members_are_the_models_of_their_seeds(void **state) {
    (void)state;
    assert_int_equal(trapeze("train --data data --model node --members 2 --seed 3 --out members "
                             "--epochs 1 " SMALL_BUT_EPOCHS),
                     0);
    for (int i = 0; i < 2; i++) {
        char member[64], single[64];
        assert_int_equal(trapeze("train --data data --model node --seed %d --out single-%d "
                                 "--epochs 1 " SMALL_BUT_EPOCHS,
                                 3 + i, i),
                         0);
        snprintf(member, sizeof member, "members/member-%d/model.safetensors", i);
        snprintf(single, sizeof single, "single-%d/model.safetensors", i);
        assert_same_file(member, single);
    }
}

// Trained on, an ensemble stays one: each member is what --init makes of it alone.
static void members_are_trained_on_one_by_one(void **state) {
    (void)state;
    assert_int_equal(
        trapeze("train --data data --init members/ensemble.json --seed 7 --out further "
                "--epochs 1 " SHORT_BUT_EPOCHS),
        0);
    for (int i = 0; i < 2; i++) {
        char member[64], alone[64];
        assert_int_equal(
            trapeze("train --data data --init members/member-%d/model.safetensors --seed %d "
                    "--out alone-%d --epochs 1 " SHORT_BUT_EPOCHS,
                    i, 7 + i, i),
            0);
        snprintf(member, sizeof member, "further/member-%d/model.safetensors", i);
        snprintf(alone, sizeof alone, "alone-%d/model.safetensors", i);
        assert_same_file(member, alone);
    }
    assert_int_equal(
        trapeze("eval --data more --model further/ensemble.json --horizon 30 --rollouts 2 "
                "--substeps 4 --json"),
        0);
    struct json_object *report = printed_json();
    struct json_object *model = json_object_array_get_idx(field(report, "models"), 0);
    assert_true(number(model, "substeps") == 4.0);
    assert_string_equal(words(model, "integrator"), "euler");
    json_object_put(report);
    assert_refused("members/ensemble.json: an ensemble of 2, but --members asks for 3",
                   "train --data data --init members/ensemble.json --members 3 --out three");

    // a member that is not what the list says is found before the first is trained
    assert_int_equal(system("cp -r members other && cp alone-1/model.safetensors other/member-1/"),
                     0);
    assert_refused("other/ensemble.json: member member-1/model.safetensors has the digest",
                   "train --data data --init other/ensemble.json --out none " SHORT);
    assert_false(tz_folder_exists("none"));
}

// HalfCheetah's root x is masked unless it is to be seen: one input more of 16 units.
static void masked_coordinates_can_be_seen(void **state) {
    (void)state;
    double parameters[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(trapeze("train --data data --model node --out mask-%d --epochs 1 --json "
                                 "%s " SMALL_BUT_EPOCHS,
                                 i, i == 0 ? "" : "--mask none"),
                         0);
        struct json_object *report = printed_json();
        parameters[i] = number(report, "parameters");
        json_object_put(report);
    }
    assert_true(parameters[1] == parameters[0] + 16.0);
}

// A model that came without its run may be looked at on what it was trained on; the table says so.
static void eval_says_what_it_cannot_know(void **state) {
    (void)state;
    assert_int_equal(shell("mkdir bare && cp so/model.safetensors bare"), 0);
    assert_int_equal(
        trapeze("eval --data data --model bare/model.safetensors --horizon 30 --rollouts 2"), 0);
    assert_non_null(strstr(printed, "from 8 episodes; all episodes: no config.json beside "
                                    "bare/model.safetensors says which were held out\n"));
    assert_int_equal(trapeze("eval --data data --model so/model.safetensors --model "
                             "bare/model.safetensors --horizon 30 --rollouts 2"),
                     0);
    assert_non_null(strstr(printed, "from 1 held-out episodes; held out from the others: no "
                                    "config.json beside bare/model.safetensors says"));
    assert_int_equal(trapeze("eval --data data --model bare/model.safetensors --horizon 30 "
                             "--rollouts 2 --split all"),
                     0);
    assert_null(strstr(printed, "config.json"));
    assert_int_equal(
        trapeze("eval --data data --model bare/model.safetensors --horizon 30 --rollouts 2 --json"),
        0);
    struct json_object *o = printed_json();
    assert_string_equal(words(o, "without_config"), "bare/model.safetensors");
    json_object_put(o);

    // what a model before it learned from is not held out from a model either; where that one's
    // training is not told, the table says so
    assert_int_equal(trapeze("train --data more --init so/model.safetensors --out of-so " SHORT),
                     0);
    assert_int_equal(trapeze("eval --data data --model of-so/model.safetensors --horizon 30 "
                             "--rollouts 2"),
                     0);
    assert_non_null(strstr(printed, "from 1 held-out episodes\n"));
    assert_int_equal(
        trapeze("train --data more --init bare/model.safetensors --out of-bare " SHORT), 0);
    assert_int_equal(trapeze("eval --data data --model of-bare/model.safetensors --horizon 30 "
                             "--rollouts 2"),
                     0);
    assert_non_null(strstr(printed, "no config.json beside bare/model.safetensors says"));

    // nor is it known where the file that was gone on from is another one now
    assert_int_equal(shell("mkdir base && cp so/*.json so/model.safetensors base"), 0);
    assert_int_equal(
        trapeze("train --data more --init base/model.safetensors --out of-base " SHORT), 0);
    assert_int_equal(shell("cp of-so/model.safetensors base"), 0);
    assert_int_equal(trapeze("eval --data data --model of-base/model.safetensors --horizon 30 "
                             "--rollouts 2"),
                     0);
    assert_non_null(strstr(printed, "from 1 held-out episodes; held out from the others: "
                                    "base/model.safetensors is another file now than the one"));

    // so does the model of rounds, by the one that it found best
    assert_int_equal(
        shell("mkdir -p of-rounds/round-2/model && cp so/model.safetensors of-rounds && "
              "cp so/*.json so/model.safetensors of-rounds/round-2/model && "
              "echo '{\"command\": [\"trapeze\", \"rounds\"]}' > of-rounds/config.json && "
              "echo '{\"best_after_round\": 2}' > of-rounds/results.json"),
        0);
    assert_int_equal(trapeze("eval --data data --model of-rounds/model.safetensors --horizon 30 "
                             "--rollouts 2"),
                     0);
    assert_non_null(strstr(printed, "from 1 held-out episodes\n"));
    assert_int_equal(
        shell("mkdir of-first && cp so/model.safetensors of-first && "
              "echo '{\"command\": [\"trapeze\", \"rounds\"], \"inputs\": {\"model\": {\"path\": "
              "\"so/model.safetensors\", \"sha256\": \"0000\"}}}' > of-first/config.json && "
              "echo '{\"best_after_round\": 0}' > of-first/results.json"),
        0);
    assert_int_equal(trapeze("eval --data data --model of-first/model.safetensors --horizon 30 "
                             "--rollouts 2"),
                     0);
    assert_non_null(strstr(printed, "from 1 held-out episodes; held out from the others: "
                                    "so/model.safetensors is another file now than the one"));
}

// As many models as the command takes, in one picture.
static void eval_draws_as_many_as_it_takes(void **state) {
    (void)state;
    char models[64 * 32] = "";
    for (int i = 0; i < 64; i++) {
        strcat(models, "--model so/model.safetensors ");
    }
    assert_int_equal(trapeze("eval --data data %s --horizon 3 --rollouts 2 --out many", models), 0);
    assert_files((const char *[]){"many/horizon.png", "many/metrics.json"}, 2, true);
}

// As many inputs are not the same ones: x and the pitch, or the pitch's cosine and sine.
static void renormalised_it_sees_the_same(void **state) {
    (void)state;
    assert_refused("other sizes or inputs than --hidden 16, --layers 2, --mask cyclic, "
                   "--embed-angles unbounded ask for",
                   "train --data data --init mask-1/model.safetensors --renormalise "
                   "--embed-angles unbounded --out unlike " SMALL);
    assert_int_equal(trapeze("train --data data --init mask-1/model.safetensors --renormalise "
                             "--mask none --out alike " SMALL),
                     0);
}

// Held-out rollouts are of the first data that hold some out, and what they chose stays needed.
static void the_best_weights_are_chosen_and_kept(void **state) {
    (void)state;
    assert_int_equal(trapeze("collect --env half_cheetah --policy random --episodes 1 --steps 60 "
                             "--out single --quiet"),
                     0);
#define KEPT                                                                                       \
    "train --data single --data data --model node --keep-best --rollout-every 1 --out kept "
    assert_int_equal(trapeze(KEPT SMALL_BUT_EPOCHS "--epochs 2"), 0);
    assert_int_equal(shell("rm kept/best.safetensors"), 0);
    assert_refused("kept/best.safetensors: is not there, expected the weights of epoch",
                   KEPT SMALL_BUT_EPOCHS "--epochs 3 --resume");
}

// A model under a new normaliser keeps its step, but for what is asked for.
static void renormalised_it_keeps_its_step(void **state) {
    (void)state;
    static const struct {
        const char *more, *integrator;
        double substeps;
    } cases[] = {
        {"", "rk4", 2.0}, {"--substeps 3", "rk4", 3.0}, {"--integrator euler", "euler", 2.0}};
    assert_int_equal(trapeze("train --data data --model node --integrator rk4 --substeps 2 --out "
                             "stepping " SMALL),
                     0);
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        assert_int_equal(trapeze("train --data more --init stepping/model.safetensors "
                                 "--renormalise %s --out stepping-%zu " SMALL,
                                 cases[i].more, i),
                         0);
        assert_int_equal(
            trapeze("eval --data data --model stepping-%zu/model.safetensors --horizon "
                    "30 --rollouts 2 --split all --json",
                    i),
            0);
        struct json_object *o = printed_json();
        struct json_object *model = json_object_array_get_idx(field(o, "models"), 0);
        assert_string_equal(words(model, "integrator"), cases[i].integrator);
        assert_true(number(model, "substeps") == cases[i].substeps);
        json_object_put(o);
    }
}

static struct json_object *config_option(const char *path, const char *key) {
    struct json_object *config = json_object_from_file(path);
    assert_non_null(config);
    struct json_object *value = json_object_get(field(field(config, "options"), key));
    json_object_put(config);
    return value;
}

// What a folder's config.json tells is what its run is.
static void a_resumed_run_is_what_its_folder_tells(void **state) {
    (void)state;
    assert_refused("members: begun with --members 2", "train --data data --model node --seed 3 "
                                                      "--out members --resume --members 3 " SMALL);
    assert_refused("so: begun with --members 1", "train --data data --out so --resume --members 2");

    // an ensemble tells it from its beginning, and a run without a checkpoint begins anew
    assert_int_equal(shell("mkdir -p anew && sed 's/\"sequences\": *600/\"sequences\": 7/' "
                           "so/config.json > anew/config.json"),
                     0);
    assert_int_equal(
        trapeze("train --data data --model node-so --out anew --resume --lr 0.25 " SMALL), 0);
    struct json_object *lr = config_option("anew/config.json", "lr");
    struct json_object *sequences = config_option("anew/config.json", "sequences");
    assert_true(json_object_get_double(lr) == 0.25 && json_object_get_int(sequences) == 600);
    json_object_put(lr);
    json_object_put(sequences);
}

// What a folder's name brings into a table stays one cell of it.
static void labels_of_paths_stay_whole_in_csv(void **state) {
    (void)state;
    assert_int_equal(shell("mkdir 'a,b' && cp so/model.safetensors so/config.json 'a,b'"), 0);
    assert_int_equal(trapeze("eval --data data --model 'a,b/model.safetensors' --horizon 30 "
                             "--rollouts 2 --out quoted"),
                     0);
    static const char *const heads[][2] = {
        {"head -1 quoted/horizon.csv",
         "step,\"a,b\",\"a,b median\",state stays,state stays median,training mean,training mean "
         "median\n"},
        {"head -1 quoted/components.csv", "component,sigma_z,\"a,b\",state stays,training mean\n"},
        {"sed -n 2p quoted/summary.csv | cut -c 1-19", "\"a,b\",node-so,2,30,\n"}};
    for (size_t i = 0; i < TZ_COUNTOF(heads); i++) {
        assert_int_equal(shell("%s", heads[i][0]), 0);
        assert_string_equal(printed, heads[i][1]);
    }
}

// A joint's name with a control character and a comma: escaped on the terminal, one cell in CSV.
static void names_of_an_mjcf_are_tamed(void **state) {
    (void)state;
    assert_int_equal(
        shell("printf '<mujoco><worldbody><body><joint name=\"a,\\302\\23331m\" axis=\"0 1 0\"/>"
              "<geom size=\".1\"/></body></worldbody><actuator><motor joint=\"a,\\302\\23331m\" "
              "ctrllimited=\"true\" ctrlrange=\"-1 1\"/></actuator></mujoco>' > own.xml"),
        0);
    assert_int_equal(trapeze("collect --env own.xml --policy random --episodes 3 --steps 60 --out "
                             "own --quiet"),
                     0);
    assert_int_equal(trapeze("train --data own --out own-model " SMALL), 0);
    assert_int_equal(trapeze("eval --data own --model own-model/model.safetensors --horizon 30 "
                             "--rollouts 2 --out own-eval"),
                     0);
    assert_non_null(strstr(printed, "\nq a,\\xc2\\x9b31m "));
    assert_null(strstr(printed, "\xc2\x9b"));
    assert_int_equal(shell("grep -c '^\"q a,.*31m\",[0-9]' own-eval/components.csv"), 0);
}

// nmse_30 of eval on the held-out episode, with more options.
static double error_with(const char *model, const char *options) {
    assert_int_equal(trapeze("eval --data data --model %s/model.safetensors --horizon 30 --json %s",
                             model, options),
                     0);
    struct json_object *o = printed_json();
    const double error = number(json_object_array_get_idx(field(o, "models"), 0), "nmse_30");
    json_object_put(o);
    return error;
}

// Every rule goes to the same solution as its steps become shorter, each at its order.
static void eval_integrates_otherwise(void **state) {
    (void)state;
    assert_int_equal(trapeze("train --data data --model hnn --out energy " SMALL), 0);
    const double trained = error_with("energy", ""),
                 exact = error_with("energy", "--integrator rk4 --substeps 32");
    assert_true(trained == error_with("energy", "--integrator euler --substeps 8"));
    assert_true(trained == error_with("energy", "--integrator euler"));
    assert_true(trained != exact);
    const double euler = error_with("energy", "--substeps 32");
    const double leapfrog = error_with("energy", "--integrator leapfrog --substeps 32");
    const double rk4_38 = error_with("energy", "--integrator rk4-38 --substeps 32");
    assert_true(fabs(euler - exact) < 0.4 * fabs(trained - exact)); // a quarter by its order
    assert_true(fabs(leapfrog - exact) < 0.1 * fabs(euler - exact));
    assert_true(fabs(rk4_38 - exact) < 0.1 * fabs(euler - exact));

    // said in the table and in the folder, and drawn from there
    assert_int_equal(trapeze("eval --data data --model energy/model.safetensors --horizon 30 "
                             "--integrator leapfrog --out leaps"),
                     0);
    assert_non_null(strstr(printed, "energy: leapfrog, 8 steps a transition\n"));
    assert_int_equal(shell("grep -q '\"integrator\": *\"leapfrog\"' leaps/metrics.json"), 0);
    assert_int_equal(trapeze("plot leaps"), 0);
}

// One option gives the study's form; what stands beside it counts.
static void study_is_one_option_away(void **state) {
    (void)state;
    assert_int_equal(trapeze("train --data data --study --input-noise 0.3 --model node --out form "
                             "--epochs 1 --hidden 8 --sequences 600 --test-fraction 0 --quiet"),
                     0);
    assert_int_equal(trapeze("train --data data --study --out form-2 --epochs 1 --sequences 600 "
                             "--test-fraction 0 --quiet"),
                     0);
    for (int i = 0; i < 2; i++) {
        struct json_object *config = NULL;
        assert_int_equal(
            tz_json_read(i == 0 ? "form/config.json" : "form-2/config.json", &config, NULL), TZ_OK);
        struct json_object *options = field(config, "options");
        assert_string_equal(words(options, "mask"), "none");
        assert_true(number(options, "input_noise") == (i == 0 ? 0.3 : 0.0));
        assert_true(number(options, "hidden") == (i == 0 ? 8.0 : 128.0));
        assert_true(number(options, "lr") == 5e-3);
        json_object_put(config);
    }
}

static void forecast_is_one_option_away(void **state) {
    (void)state;
    assert_int_equal(trapeze("train --data data --forecast --members 2 --hidden 8 --out far "
                             "--epochs 1 --sequences 600 --test-fraction 0 --quiet"),
                     0);
    assert_int_equal(shell("test -e far/ensemble.json"), 0);
    struct json_object *config = NULL;
    assert_int_equal(tz_json_read("far/config.json", &config, NULL), TZ_OK);
    struct json_object *options = field(config, "options");
    assert_true(number(options, "input_noise") == 0.4);
    assert_true(number(options, "sequence_length") == 10.0);
    assert_true(number(options, "curriculum") == 3.0);
    assert_true(number(options, "layers") == 1.0);
    assert_true(number(options, "members") == 2.0);
    json_object_put(config);
    assert_refused("two forms", "train --data data --forecast --study --out both");
}

// Depth, range limit, variances and an ensemble together; eval reports how sure it rightly is.
static void an_ensemble_of_probabilistic_models_is_calibrated(void **state) {
    (void)state;
    assert_int_equal(trapeze("train --data data --model node-so --layers 3 --range-limit 2 "
                             "--probabilistic --members 2 --out sure --json " SMALL),
                     0);
    // what was measured is the last member's, and says so
    struct json_object *report = printed_json(), *member = field(report, "last_member");
    assert_int_equal((int)number(report, "members"), 2);
    assert_false(json_object_object_get_ex(report, "train_loss", NULL));
    assert_true(number(member, "train_loss") > 0.0 && number(member, "rollout_nmse") > 0.0);
    assert_true(number(member, "parameters") > 0.0);
    json_object_put(report);
    assert_int_equal(trapeze("train --data data --model node-so --layers 3 --range-limit 2 "
                             "--probabilistic --members 2 --out sure --resume " SMALL),
                     0);
    assert_non_null(strstr(printed, "\n  last member: loss "));
    assert_non_null(strstr(printed, "\n  last member: open loop from held-out episodes: "));
    assert_int_equal(
        trapeze(
            "eval --data more --model sure/ensemble.json --model sure/member-0/model.safetensors "
            "--model so/model.safetensors --horizon 30 --rollouts 12 --json"),
        0);
    struct json_object *o = printed_json(), *models = field(o, "models");
    // a probabilistic model that is trained on stays one, under a new normaliser too, for whose
    // rates a limit is to be said again
    assert_refused("whose rates have a limit, expected --range-limit",
                   "train --data more --init sure/member-0/model.safetensors --layers 3 "
                   "--renormalise --out surer " SMALL);
    assert_int_equal(trapeze("train --data more --init sure/member-0/model.safetensors --layers 3 "
                             "--renormalise --range-limit 2 --out surer " SMALL),
                     0);
    for (size_t i = 0; i < 2; i++) {
        struct json_object *model = json_object_array_get_idx(models, i);
        assert_true(isfinite(number(model, "nll")));
        assert_true(number(model, "within_1sd") > 0.0);
        assert_true(number(model, "within_2sd") >= number(model, "within_1sd"));
        assert_int_equal(json_object_array_length(field(model, "step_nll")), 31);
    }
    assert_false(json_object_object_get_ex(json_object_array_get_idx(models, 2), "nll", NULL));
    json_object_put(o);
    assert_int_equal(trapeze("eval --data more --model sure/ensemble.json --horizon 30"), 0);
    assert_non_null(strstr(printed, "within 1 sd"));

    // lists of one name are told apart by their folders, in the table's columns too
    assert_int_equal(shell("mkdir -p sure-2 && cp -r sure/ensemble.json sure/member-* sure-2"), 0);
    assert_int_equal(trapeze("eval --data more --model sure/ensemble.json --model "
                             "sure-2/ensemble.json --horizon 30 --rollouts 2 --out two-eval"),
                     0);
    assert_int_equal(shell("head -1 two-eval/horizon.csv"), 0);
    assert_true(strncmp(printed, "step,sure/ensemble,sure/ensemble median,sure-2/ensemble,", 55) ==
                0);
}

// A model says which MuJoCo made its data and which trained it, and is looked at by any other.
static void models_know_their_versions_of_mujoco(void **state) {
    (void)state;
    assert_int_equal(trapeze("collect --env inverted_pendulum --policy random --episodes 9 --seed "
                             "1 --no-early-end --steps 60 --out pole --quiet && sed "
                             "'s/[24][.][02][.][12]/9.9.9/' pole/data/main_data.hdf5 > pole.hdf5"),
                     0);
#define POLE                                                                                       \
    "--model node --hidden 4 --sequences 200 --batch 50 --epochs 1 --horizon 20 --json --quiet "
    char ours[64], line[512];
    assert_int_equal(trapeze("train --data pole --out known " POLE), 0);
    struct json_object *o = printed_json();
    snprintf(ours, sizeof ours, "%s", words(o, "trained_mujoco"));
    assert_string_equal(words(o, "data_mujoco"), ours);
    json_object_put(o);
    assert_int_equal(trapeze("train --data pole.hdf5 --out pole-9 " POLE), 0);
    o = printed_json();
    assert_string_equal(words(o, "data_mujoco"), "9.9.9");
    assert_string_equal(words(o, "trained_mujoco"), ours);
    json_object_put(o);

    // told where it is another than the program's own
    snprintf(line, sizeof line,
             "learned from data of MuJoCo 9.9.9, trained with %s, and this is MuJoCo %s\n", ours,
             ours);
    assert_int_equal(trapeze("eval --data pole --model pole-9/model.safetensors --model "
                             "known/model.safetensors --horizon 20 --split all"),
                     0);
    char *said = strstr(printed, line);
    assert_non_null(said);
    assert_memory_equal(said - strlen("\npole-9: "), "\npole-9: ", strlen("\npole-9: "));
    assert_null(strstr(said + 1, "learned from"));
    const char *mpc = "mpc --env inverted_pendulum --model pole-9/model.safetensors --samples 4 "
                      "--horizon 2 --iterations 1 --steps 3 --quiet";
    assert_int_equal(trapeze("%s", mpc), 0);
    assert_non_null(strstr(printed, line));
    assert_int_equal(trapeze("%s --json", mpc), 0);
    o = printed_json();
    assert_string_equal(words(o, "data_mujoco"), "9.9.9");
    json_object_put(o);

    // a model that is trained on was learned from both, under another normaliser too; so was an
    // ensemble of the two
    static const char *const more[] = {"", "--renormalise --hidden 4"};
    for (size_t i = 0; i < TZ_COUNTOF(more); i++) {
        assert_int_equal(trapeze("train --data pole --init pole-9/model.safetensors --sequences "
                                 "200 --batch 50 --epochs 1 --horizon 20 --json --quiet %s --out "
                                 "pole-on-%zu",
                                 more[i], i),
                         0);
        o = printed_json();
        snprintf(line, sizeof line, "9.9.9, %s", ours);
        assert_string_equal(words(o, "data_mujoco"), line);
        json_object_put(o);
    }
}

static void bad_input_is_one_sentence(void **state) {
    (void)state;
    static const struct {
        const char *arguments, *sentence;
    } cases[] = {
        {"eval --data data --model so/model.safetensors --horizon 61",
         "has 61 transitions, the longest has 60; give a smaller --horizon"},
        {"eval --data more --model so/model.safetensors --split test --horizon 30", "held out"},
        {"eval --data data --model so/model.safetensors --horizon 30 --integrator rk4",
         "so/model.safetensors: kind node-so has the step in its equations"},
        {"eval --data data --model alone/model.safetensors --horizon 30 --integrator leapfrog",
         "alone/model.safetensors: kind node has no energy"},
        {"eval --data data --model so/model.safetensors --integrator verlet",
         "--integrator is 'verlet', expected one of"},
        {"eval --data data --model data/data/main_data.hdf5", "main_data.hdf5"},
        {"train --data data --model node --out x --sequences 10", "do not fill a batch of 200"},
        {"train --data data --model node --out x --weight -1", "expected a number, 0 or more"},
        {"train --data data --model nope --out x", "nope"},
        {"train --data nowhere --model node --out x", "nowhere"},
        {"train --data data --model node --out x --sequence-length 200", "200 states in a row"},
        {"train --data data --model node --out x --layers 0", "--layers"},
        {"train --data data --model node --out x --layers 5", "--layers"},
        {"train --data data --model hnn --out x --range-limit 1", "hnn has no range limit"},
        {"train --data data --model hnn --out x --probabilistic", "hnn has no probabilistic form"},
        {"train --data data --init so/model.safetensors --out x --probabilistic",
         "a model without variances"},
        {"train --data data --model delta --out x --integrator rk4",
         "kind delta makes one Euler step per transition, not 1 of rk4"},
        {"train --data data --model delta --out x --substeps 4", "not 4 of euler"},
        // what would change nothing
        {"train --data data --out x --renormalise", "expected one by --init"},
        {"train --data data --out x --test-fraction 0 --split-seed 1", "--split-seed: "},
        {"train --data data --out x --test-fraction 0 --rollout-every 1", "--rollout-every: "},
        {"train --data data --out x --test-fraction 0 --rollouts 1", "--rollouts: "},
        {"train --data data --out x --test-fraction 0 --horizon 1",
         "--horizon: --test-fraction 0 holds no episode out"},
        {"train --data data --out x --curriculum 3",
         "--curriculum 3: --sequence-length 3 and --epochs 256 leave it nothing to grow in"},
        {"train --data data --out x --curriculum 2 --epochs 1",
         "--epochs 1 leave it nothing to grow in"},
        {"train --data data --out x --keep-best --epochs 16",
         "only the last of 16 epochs is measured"},
#if TZ_HAS_SYSTEMS
        {"train --data springs --out x --embed-angles all",
         "--embed-angles all: no coordinate of spring-2 that the networks see is an angle, "},
        {"train --data springs --out x --embed-angles unbounded", "an angle without joint limits"},
#endif
        {"train --data data --init so/model.safetensors --out x --substeps 2",
         "so/model.safetensors: its model keeps its form: leave out --substeps"},
        {"train --data data --model node-so --hidden 16 --sequences 600 --batch 50 --epochs 4 "
         "--horizon 40 --rollouts 10 --out so --resume --seed 1",
         "'... seed 0"},
        {"bench nothing", "no benchmark 'nothing'"},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        assert_refused(cases[i].sentence, "%s%s", cases[i].arguments,
                       strncmp(cases[i].arguments, "train", 5) == 0 ? " --quiet" : "");
    }
}

static void bench_reports_its_fields(void **state) {
    (void)state;
    assert_int_equal(
        trapeze("bench train --env hopper --system chain-2 --model node --model hnn --batch 50 "
                "--hidden 32 --seconds 0.05 --threads 2 --json"),
        0);
    struct json_object *o = printed_json(), *models = field(o, "models");
    assert_int_equal(json_object_array_length(models), 4);
    static const char *const keys[] = {"step_ms", "gflops",  "peak_fraction", "transitions_per_s",
                                       "threads", "scaling", "parameters"};
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < TZ_COUNTOF(keys); k++) {
            assert_true(
                json_object_get_double(field(json_object_array_get_idx(models, i), keys[k])) > 0.0);
        }
    }
    json_object_put(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trains_into_a_folder),
        cmocka_unit_test(interrupt_exits_130_and_resumes),
        cmocka_unit_test(a_finished_run_is_extended),
        cmocka_unit_test(continues_a_model_on_weighted_data),
        cmocka_unit_test(a_dataset_of_one_episode_joins_others),
        cmocka_unit_test(eval_finds_the_held_out_episodes),
        cmocka_unit_test(eval_names_what_is_worse_than_nothing),
        cmocka_unit_test(members_are_the_models_of_their_seeds),
        cmocka_unit_test(members_are_trained_on_one_by_one),
        cmocka_unit_test(masked_coordinates_can_be_seen),
        cmocka_unit_test(eval_says_what_it_cannot_know),
        cmocka_unit_test(eval_draws_as_many_as_it_takes),
        cmocka_unit_test(renormalised_it_sees_the_same),
        cmocka_unit_test(the_best_weights_are_chosen_and_kept),
        cmocka_unit_test(renormalised_it_keeps_its_step),
        cmocka_unit_test(a_resumed_run_is_what_its_folder_tells),
        cmocka_unit_test(labels_of_paths_stay_whole_in_csv),
        cmocka_unit_test(names_of_an_mjcf_are_tamed),
        cmocka_unit_test(eval_integrates_otherwise),
        cmocka_unit_test(study_is_one_option_away),
        cmocka_unit_test(forecast_is_one_option_away),
        cmocka_unit_test(an_ensemble_of_probabilistic_models_is_calibrated),
        cmocka_unit_test(models_know_their_versions_of_mujoco),
        cmocka_unit_test(bad_input_is_one_sentence),
        cmocka_unit_test(bench_reports_its_fields),
    };
    return cmocka_run_group_tests(tests, set_up, leave_folder);
}
