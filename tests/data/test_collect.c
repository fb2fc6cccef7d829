// The collector: the same bytes at any number of threads and after kills at random moments, noise
// of the stated size and colour, and every bad input ends in one sentence and exit status 2.
#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/run_folder.h"
#include "command.h"
#include "data/check.h"
#include "data/collect.h"
#include "sample.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64];

static int make(void **state) {
    (void)state;
    char folder[TZ_PATH_MAX];
    sample_folder(folder);
    return snprintf(root, sizeof root, "%s", folder) >= (int)sizeof root;
}

static int clean(void **state) {
    (void)state;
    sample_remove(root);
    return 0;
}

// ---- through the library

static tz_collect_def small_def(void) {
    tz_collect_def def = tz_collect_def_default();
    def.episodes = 7;
    def.seed = 5;
    def.noise = 0.3;
    def.noise_color = 0.6;
    return def;
}

// Collects from half_cheetah, `steps` an episode, under random and zero in turn (only zero when
// n_policies is 1) and reads the dataset back.
static tz_dataset *collect(const char *folder, const tz_collect_def *def, int n_policies, int steps,
                           int threads) {
    static const char *const names[] = {"zero", "random"};
    tz_error error = {0};
    tz_env_def env_def = tz_env_def_default();
    env_def.name = "half_cheetah";
    env_def.max_episode_steps = steps;
    tz_env *env;
    tz_policy *policies[2] = {NULL, NULL};
    tz_writer *writer;
    tz_team *team;
    tz_writer_def writer_def = tz_writer_def_default();
    writer_def.folder = folder;
    writer_def.resume = true;
    assert_int_equal(tz_env_create(&env, &env_def, &error), TZ_OK);
    for (int p = 0; p < n_policies; p++) {
        assert_int_equal(tz_policy_create(&policies[p], names[p], tz_env_task(env), &error), TZ_OK);
    }
    assert_int_equal(tz_writer_create(&writer, &writer_def, tz_env_task(env), &error), TZ_OK);
    assert_int_equal(tz_team_create(&team, threads, &error), TZ_OK);
    const tz_collect_def nothing = {.episodes = 1};
    tz_collect_result result = {.episodes = -1};
    assert_int_equal(tz_collect(writer, env, (const tz_policy *const *)policies, n_policies,
                                &nothing, team, NULL, &result, &error),
                     TZ_ERR_ARGUMENT);
    assert_int_equal(result.episodes, 0);
    if (tz_collect(writer, env, (const tz_policy *const *)policies, n_policies, def, team, NULL,
                   &result, &error) != TZ_OK ||
        tz_writer_finish(writer, def->episodes, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(result.unstable, 0);
    tz_team_destroy(team);
    tz_writer_destroy(writer);
    tz_policy_destroy(policies[0]);
    tz_policy_destroy(policies[1]);
    tz_env_destroy(env);
    tz_dataset *dataset;
    assert_int_equal(tz_dataset_read(&dataset, folder, NULL, &error), TZ_OK);
    return dataset;
}

static void the_same_bytes_at_any_number_of_threads(void **state) {
    (void)state;
    char digest[3][65];
    const tz_collect_def def = small_def();
    for (int threads = 1; threads <= 3; threads++) {
        char name[32];
        snprintf(name, sizeof name, "threads-%d", threads);
        tz_dataset *dataset = collect(sample_join(root, name), &def, 2, 60, threads);
        snprintf(digest[threads - 1], 65, "%s", dataset->sha256);
        tz_dataset_destroy(dataset);
    }
    assert_string_equal(digest[0], digest[1]);
    assert_string_equal(digest[0], digest[2]);
}

// Episode e does not depend on how many others there are.
static void an_episode_stands_alone(void **state) {
    (void)state;
    tz_collect_def def = small_def();
    tz_dataset *many = collect(sample_join(root, "many"), &def, 2, 60, 2);
    def.episodes = 3;
    tz_dataset *few = collect(sample_join(root, "few"), &def, 2, 60, 2);
    for (int e = 0; e < 3; e++) {
        assert_memory_equal(tz_dataset_states(many, e), tz_dataset_states(few, e),
                            61 * 18 * sizeof(double));
        assert_memory_equal(tz_dataset_controls(many, e), tz_dataset_controls(few, e),
                            60 * 6 * sizeof(float));
    }
    tz_dataset_destroy(many);
    tz_dataset_destroy(few);
}

static void policies_are_dealt_in_turn(void **state) {
    (void)state;
    tz_collect_def def = small_def();
    def.noise = 0;
    tz_dataset *dataset = collect(sample_join(root, "turns"), &def, 2, 20, 2);
    for (int e = 0; e < def.episodes; e++) {
        const float *u = tz_dataset_controls(dataset, e);
        float largest = 0;
        for (int i = 0; i < 20 * 6; i++) {
            largest = fmaxf(largest, fabsf(u[i]));
        }
        assert_int_equal(dataset->origin[e].policy, e % 2);
        assert_true(e % 2 ? largest > 0.5f : largest == 0);
    }
    tz_dataset_destroy(dataset);
}

static void noise_has_its_size_and_colour(void **state) {
    (void)state;
    tz_collect_def def = small_def();
    def.episodes = 20;
    def.noise = def.noise_min = 0.1; // ten standard deviations to the bounds
    def.noise_color = 0.7;
    const int T = 500, nu = 6;
    tz_dataset *dataset = collect(sample_join(root, "noise"), &def, 1, T, 2);
    double first = 0, all = 0, products = 0;
    for (int e = 0; e < def.episodes; e++) {
        const float *u = tz_dataset_controls(dataset, e);
        for (int t = 0; t < T; t++) {
            for (int i = 0; i < nu; i++) {
                const double x = (double)u[t * nu + i];
                first += t == 0 ? x * x : 0;
                all += x * x;
                products += t > 0 ? x * (double)u[(t - 1) * nu + i] : 0;
            }
        }
        assert_true(dataset->origin[e].noise == 0.1);
    }
    // Bounds of five standard errors: 120 values at the start, and 60000 of which AR(1) with 0.7
    // leaves a third as good as independent.
    const double n = def.episodes * T * nu;
    assert_true(fabs(sqrt(first / (def.episodes * nu)) - 0.1) < 5 * 0.1 / sqrt(2.0 * 120));
    assert_true(fabs(sqrt(all / n) - 0.1) < 5 * 0.1 / sqrt(2.0 * n / 3));
    assert_true(fabs(products / all - 0.7) < 5 * sqrt((1 - 0.49) / n) + 1.0 / T);
    tz_dataset_destroy(dataset);
}

static void noise_varies_over_episodes(void **state) {
    (void)state;
    tz_collect_def def = small_def();
    def.episodes = 100;
    def.noise_min = 0.1;
    tz_dataset *dataset = collect(sample_join(root, "varied"), &def, 1, 2, 2);
    double low = INFINITY, high = 0;
    for (int e = 0; e < def.episodes; e++) {
        low = fmin(low, dataset->origin[e].noise);
        high = fmax(high, dataset->origin[e].noise);
    }
    assert_true(low >= 0.1 && low < 0.12 && high <= 0.3 && high > 0.28);
    tz_dataset_destroy(dataset);
}

// The control in the file is the one that acted: the replay is exact, and every rule is kept.
static void count_fault(void *context, const tz_fault *fault) {
    (void)fault;
    ++*(int *)context;
}

static void what_is_stored_is_what_happened(void **state) {
    (void)state;
    tz_collect_def def = small_def();
    def.noise = 2; // most controls are clipped
    tz_dataset *dataset = collect(sample_join(root, "clipped"), &def, 2, 100, 2);
    int n_faults = 0;
    assert_int_equal(tz_dataset_validate(dataset, NULL, count_fault, &n_faults, NULL), TZ_OK);
    assert_int_equal(n_faults, 0);
    tz_replayed replays[7];
    tz_team *team;
    assert_int_equal(tz_team_create(&team, 1, NULL), TZ_OK);
    assert_int_equal(tz_dataset_replay(dataset, NULL, replays, team, NULL), TZ_OK);
    for (int e = 0; e < 7; e++) {
        assert_true(replays[e].start_equal && replays[e].max_difference == 0);
    }
    tz_team_destroy(team);
    tz_dataset_destroy(dataset);
}

// MuJoCo's own warning, provoked by an absurd velocity.
static void an_unstable_step_is_never_stored(void **state) {
    (void)state;
    tz_env *env = sample_env();
    const tz_task *task = tz_env_task(env);
    tz_episode_recorder *recorder;
    assert_int_equal(tz_episode_recorder_create(&recorder, task, SAMPLE_STEPS, NULL), TZ_OK);
    double z[TZ_NZ_MAX];
    const double rest[TZ_NU_MAX] = {0};
    const float u[TZ_NU_MAX] = {0};
    tz_step step;
    tz_env_reset(env, z, 1, 0);
    tz_episode_recorder_begin(recorder, z, 1, 0);
    tz_env_step(env, &step, z, rest);
    tz_episode_recorder_add(recorder, u, z, &step);
    z[9] = 1e12;
    tz_env_set_z(env, z);
    tz_env_step(env, &step, z, rest);
    assert_int_equal(step.outcome, TZ_STEP_UNSTABLE);
    tz_episode_recorder_add(recorder, u, z, &step);
    const tz_episode episode = tz_episode_recorder_view(recorder);
    assert_int_equal(episode.T, 1);
    assert_true(episode.unstable);
    assert_int_equal(episode.truncated[0], 1);
    for (int i = 0; i < 2 * 18; i++) {
        assert_true(fabs(episode.z[i]) < 100);
    }
    tz_episode_recorder_destroy(recorder);
    tz_env_destroy(env);
}

// ---- through the program

enum { KILLS = 20, EPISODES = 16, WORDS_MAX = 32, TEXT_MAX = 4096 };
static const char *const program = TZ_PROGRAM;
static const char common[] = "collect --env half_cheetah --policy random --policy zero --noise 0.2 "
                             "--noise-color 0.5 --episodes 16 --steps 100 --seed 11 --quiet";

// Starts the program with the words of `line`, its output into files of the root.
static pid_t start(const char *line) {
    static char text[TEXT_MAX];
    char *words[WORDS_MAX] = {(char *)program}, *rest = NULL;
    int n = 1;
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        words[n++] = word;
    }
    const char *out = sample_join(root, "out"), *err = sample_join(root, "err");
    const pid_t child = fork();
    if (child == 0) {
        dup2(open(out, O_CREAT | O_WRONLY | O_TRUNC, 0600), STDOUT_FILENO);
        dup2(open(err, O_CREAT | O_WRONLY | O_TRUNC, 0600), STDERR_FILENO);
        execv(program, words);
        _exit(127);
    }
    return child;
}

static int finish(pid_t child) {
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// What the program wrote, cut to a line's length.
static const char *output(const char *name) {
    static char text[TEXT_MAX];
    char *content;
    size_t size;
    assert_int_equal(tz_file_read(sample_join(root, name), &content, &size, 1 << 20, NULL), TZ_OK);
    snprintf(text, sizeof text, "%s", content);
    tz_free(content);
    return text;
}

static void run_well(const char *line) {
    const int status = finish(start(line));
    if (status != 0) {
        fail_msg("exit status %d: %s", status, output("err"));
    }
}

static void digest_of(const char *folder, char digest[2][65]) {
    assert_int_equal(tz_file_sha256(sample_join(folder, "data/main_data.hdf5"), digest[0], NULL),
                     TZ_OK);
    assert_int_equal(tz_file_sha256(sample_join(folder, "data/metadata.json"), digest[1], NULL),
                     TZ_OK);
}

static int episodes_in_journal(const char *folder) {
    int n = 0;
    for (int slot = 0; slot < EPISODES; slot++) {
        char name[64], path[TZ_PATH_MAX];
        snprintf(name, sizeof name, "journal/episode-%06d.safetensors", slot);
        assert_int_equal(tz_path_join(path, folder, name, NULL), TZ_OK);
        n += tz_file_exists(path);
    }
    return n;
}

static bool has_ended(pid_t child) {
    siginfo_t ended = {.si_pid = 0};
    assert_int_equal(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOHANG | WNOWAIT), 0);
    return ended.si_pid == child;
}

static int episodes_of_last_run(const char *folder) {
    struct json_object *side;
    assert_int_equal(tz_json_read(sample_join(folder, "side.json"), &side, NULL), TZ_OK);
    const int n = json_object_get_int(json_object_object_get(side, "episodes_of_this_run"));
    json_object_put(side);
    return n;
}

static void killed_anywhere_it_resumes_to_the_same_bytes(void **state) {
    (void)state;
    char line[TEXT_MAX], expected[2][65], found[2][65];
    const char *whole = sample_join(root, "whole/set-v0"),
               *broken = sample_join(root, "killed/set-v0");
    snprintf(line, sizeof line, "%s --out %s", common, whole);
    const double started = tz_now_s();
    run_well(line);
    const double duration = tz_now_s() - started;
    digest_of(whole, expected);

    // one half of the kills comes anywhere, the other one when so many episodes are there
    tz_rng rng = tz_rng_stream(20, TZ_PURPOSE_TEST, 0);
    for (int kill_index = 0; kill_index < KILLS; kill_index++) {
        sample_remove(broken);
        snprintf(line, sizeof line, "%s --out %s", common, broken);
        const int wanted = kill_index % 2 == 0 ? 0 : 1 + kill_index % EPISODES;
        const double delay = duration * tz_rng_uniform(&rng) / (wanted == 0 ? 1.0 : EPISODES);
        const pid_t child = start(line);
        while (episodes_in_journal(broken) < wanted && !has_ended(child)) {
            usleep(500);
        }
        usleep((useconds_t)(1e6 * delay));
        kill(child, SIGKILL);
        finish(child);

        const bool finished = tz_file_exists(sample_join(broken, "data/metadata.json"));
        const bool was_told = tz_file_exists(sample_join(broken, "side.json"));
        const int kept = episodes_in_journal(broken);
        snprintf(line, sizeof line, "%s --out %s --resume", common, broken);
        run_well(line);
        digest_of(broken, found);
        assert_string_equal(found[0], expected[0]);
        assert_string_equal(found[1], expected[1]);
        // What was in the journal was not collected again, and a run that did nothing tells
        // nothing where one has told its own.
        assert_int_equal(episodes_of_last_run(broken), was_told   ? EPISODES
                                                       : finished ? 0
                                                                  : EPISODES - kept);
        assert_false(tz_folder_exists(sample_join(broken, "journal")));
    }
}

static void interrupted_it_says_so_and_resumes(void **state) {
    (void)state;
    char line[TEXT_MAX], expected[2][65], found[2][65];
    const char *folder = sample_join(root, "interrupted/set-v0");
    const char *file = sample_join(folder, "journal/episode-000001.safetensors");
    const stop under_way = {.folder = folder, .file = file, .signal_number = SIGINT};
    assert_int_equal(
        stop_trapeze(&under_way, "%s --out %s 2>%s", common, folder, sample_join(root, "err")),
        130);
    assert_non_null(strstr(output("err"), "interrupted"));
    snprintf(line, sizeof line, "%s --out %s --resume", common, folder);
    run_well(line);
    digest_of(sample_join(root, "whole/set-v0"), expected);
    digest_of(folder, found);
    assert_string_equal(found[0], expected[0]);
    assert_string_equal(found[1], expected[1]);
}

// Runs a line that must fail with status 2, nothing on stdout and one line with `words` on stderr.
static void expect_trouble(const char *line, const char *words) {
    const int status = finish(start(line));
    const char *text = output("err");
    const char *end = strchr(text, '\n');
    if (status != 2 || !strstr(text, words) || !end || end[1] != '\0') {
        fail_msg("`%s`: status %d, \"%s\" (expected 2, one line with \"%s\")", line, status, text,
                 words);
    }
    assert_string_equal(output("out"), "");
}

static void a_full_disk_is_one_sentence_and_resumes(void **state) {
    (void)state;
    char line[TEXT_MAX], expected[2][65], found[2][65];
    const char *folder = sample_join(root, "full/set-v0");
    snprintf(line, sizeof line, "%s --out %s", common, folder);
    // Files may hold an episode, but not the whole.
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 200000;
    setrlimit(RLIMIT_FSIZE, &limit);
    expect_trouble(line, "main_data.hdf5");
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(episodes_in_journal(folder), EPISODES);
    snprintf(line, sizeof line, "%s --out %s --resume", common, folder);
    run_well(line);
    digest_of(sample_join(root, "whole/set-v0"), expected);
    digest_of(folder, found);
    assert_string_equal(found[0], expected[0]);
    assert_string_equal(found[1], expected[1]);
}

static void bad_input_is_one_sentence(void **state) {
    (void)state;
    static const struct {
        const char *line; // %s: the root
        const char *words;
    } cases[] = {
        {"collect --policy zero --out %s/x", "--env"},
        {"collect --env half_cheetah --out %s/x", "--policy"},
        {"collect --env half_cheetah --policy zero", "--out"},
        {"collect --env nowhere --policy zero --out %s/x", "nowhere"},
        {"collect --env half_cheetah --policy zero --episodes 0 --out %s/x", "--episodes"},
        {"collect --env half_cheetah --policy zero --noise -1 --out %s/x", "--noise"},
        {"collect --env half_cheetah --policy zero --noise nan --out %s/x", "--noise"},
        {"collect --env half_cheetah --policy zero --noise 0.1 --noise-min 0.2 --out %s/x",
         "--noise-min 0.2"},
        {"collect --env half_cheetah --policy zero --noise-color 1 --out %s/x", "--noise-color"},
        {"collect --env half_cheetah --policy %s/missing --out %s/x", "missing"},
        {"collect --env half_cheetah --policy zero --out %s/whole/set-v0", "finished dataset"},
        {"collect --env half_cheetah --policy zero --resume --out %s/whole/set-v0",
         "other options"},
        {"collect --env half_cheetah --policy zero --out %s/err/x", "err"},
        {"collect --env half_cheetah --policy zero --colour 1 --out %s/x", "--colour"},
        {"data", "a verb is missing"},
        {"data mend %s", "mend"},
        {"data info", "0 datasets"},
        {"data info %s/nothing", "nothing"},
        {"data info %s/err", "not an HDF5 file"},
        {"data validate %s/whole/set-v0 --env hopper", "recorded in half_cheetah"},
        {"data split %s/whole/set-v0 --out-train %s/whole/set-v0 --out-test %s/y",
         "finished dataset"},
        {"data split %s/whole/set-v0 --out-train %s/y", "--out-test"},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        char line[TEXT_MAX];
        snprintf(line, sizeof line, cases[i].line, root, root, root);
        expect_trouble(line, cases[i].words);
        assert_false(tz_folder_exists(sample_join(root, "x")));
    }
    // Nothing that was there is lost.
    char line[TEXT_MAX];
    snprintf(line, sizeof line, "data validate %s/whole/set-v0", root);
    run_well(line);
}

// Who is written down: the statistics beside an archive decide controls too, and a run that began
// nothing leaves no configuration to go on with.
static void the_configuration_is_of_what_was_done(void **state) {
    (void)state;
    char line[TEXT_MAX], digest[65];
    snprintf(line, sizeof line,
             "collect --env swimmer --policy %s/tests/golden/sb3/ppo.zip --episodes 1 --steps 2 "
             "--out %s/ppo-v0",
             TZ_SOURCE_DIR, root);
    run_well(line);
    struct json_object *config;
    assert_int_equal(tz_json_read(sample_join(root, "ppo-v0/config.json"), &config, NULL), TZ_OK);
    struct json_object *policies = json_object_object_get(config, "policies");
    assert_int_equal(
        tz_file_sha256(TZ_SOURCE_DIR "/tests/golden/sb3/ppo/vecnormalize.pkl", digest, NULL),
        TZ_OK);
    assert_string_equal(tz_config_text(json_object_array_get_idx(policies, 0), "statistics_sha256"),
                        digest);
    json_object_put(config);

    static const char *const rewards[] = {"1 / 0", "v.rail"};
    for (int seed = 0; seed < 2; seed++) {
        char mjcf[TEXT_MAX];
        const int size = snprintf(
            mjcf, sizeof mjcf,
            "<mujoco><compiler autolimits='true'/><custom><text name='trapeze_reward' data='%s'/>"
            "</custom><worldbody><body><joint name='rail' type='slide'/><geom size='0.1'/></body>"
            "</worldbody><actuator><motor joint='rail' ctrlrange='-1 1'/></actuator></mujoco>",
            rewards[seed]);
        assert_int_equal(tz_file_write(sample_join(root, "cart.xml"), mjcf, (size_t)size, NULL),
                         TZ_OK);
        snprintf(line, sizeof line,
                 "collect --env %s/cart.xml --policy zero --episodes 1 --steps 5 --seed %d "
                 "--out %s/cart-v0 --resume --quiet",
                 root, seed, root);
        if (seed == 0) {
            expect_trouble(line, "nothing is stored");
        } else {
            run_well(line);
        }
    }
    assert_int_equal(tz_json_read(sample_join(root, "cart-v0/config.json"), &config, NULL), TZ_OK);
    assert_int_equal(json_object_get_int(json_object_object_get(config, "seed")), 1);
    json_object_put(config);
}

// The noise is in half-ranges: 3 for the cart under a pole.
static void noise_is_in_half_ranges(void **state) {
    (void)state;
    enum { EPISODES_HERE = 20, STEPS = 200, COUNT = EPISODES_HERE * STEPS };
    char line[TEXT_MAX];
    snprintf(line, sizeof line,
             "collect --env inverted_pendulum --policy zero --no-early-end --episodes 20 --steps "
             "200 --noise 0.1 --seed 5 --quiet --out %s/half-v0",
             root);
    run_well(line);
    tz_dataset *dataset;
    assert_int_equal(tz_dataset_read(&dataset, sample_join(root, "half-v0"), NULL, NULL), TZ_OK);
    assert_int_equal(dataset->n_steps, COUNT);
    double square = 0.0;
    for (int i = 0; i < COUNT; i++) {
        square += (double)dataset->u[i] * (double)dataset->u[i] / COUNT;
    }
    // five standard errors of a standard deviation
    assert_true(fabs(sqrt(square) / 0.3 - 1.0) < 5.0 / sqrt(2.0 * COUNT));
    tz_dataset_destroy(dataset);
}

// Deterministic controls, or ones that are drawn: from the same start, another first step.
static void a_policy_is_sampled_when_asked(void **state) {
    (void)state;
    static const char *const more[] = {"", " --sampled --threads 1", " --sampled --threads 2"};
    tz_dataset *dataset[3];
    for (int i = 0; i < 3; i++) {
        char line[TEXT_MAX], name[16];
        snprintf(name, sizeof name, "drawn-v%d", i);
        snprintf(line, sizeof line,
                 "collect --env inverted_pendulum --policy inverted_pendulum-expert --episodes 2 "
                 "--steps 5 --seed 4 --quiet --out %s/%s%s",
                 root, name, more[i]);
        run_well(line);
        assert_int_equal(tz_dataset_read(&dataset[i], sample_join(root, name), NULL, NULL), TZ_OK);
    }
    for (int e = 0; e < 2; e++) {
        assert_memory_equal(tz_dataset_states(dataset[0], e), tz_dataset_states(dataset[1], e),
                            4 * sizeof(double));
        assert_true(tz_dataset_controls(dataset[0], e)[0] != tz_dataset_controls(dataset[1], e)[0]);
        assert_memory_equal(tz_dataset_controls(dataset[1], e), tz_dataset_controls(dataset[2], e),
                            5 * sizeof(float));
    }
    for (int i = 0; i < 3; i++) {
        tz_dataset_destroy(dataset[i]);
    }
}

static void json_is_one_object_with_its_fields(void **state) {
    (void)state;
    char line[TEXT_MAX];
    snprintf(line, sizeof line,
             "collect --env inverted_pendulum --policy random --episodes 5 --json --out %s/json",
             root);
    run_well(line);
    struct json_object *object = json_tokener_parse(output("out"));
    assert_non_null(object);
    static const char *const fields[] = {"episodes",    "steps",    "return_mean", "return_std",
                                         "length_mean", "unstable", "seconds",     "steps_per_s"};
    for (size_t i = 0; i < TZ_COUNTOF(fields); i++) {
        assert_true(json_object_object_get_ex(object, fields[i], NULL));
    }
    assert_int_equal(json_object_get_int(json_object_object_get(object, "episodes")), 5);
    json_object_put(object);
}

// A broken rule is exit status 1 and named; a split keeps every episode.
static void validate_and_split_through_the_program(void **state) {
    (void)state;
    char line[TEXT_MAX];
    snprintf(line, sizeof line,
             "data split %s/whole/set-v0 --test-fraction 0.25 --seed 3 --out-train %s/train-v0 "
             "--out-test %s/test-v0",
             root, root, root);
    run_well(line);
    tz_dataset *train, *test;
    assert_int_equal(tz_dataset_read(&train, sample_join(root, "train-v0"), NULL, NULL), TZ_OK);
    assert_int_equal(tz_dataset_read(&test, sample_join(root, "test-v0"), NULL, NULL), TZ_OK);
    assert_int_equal(train->n_episodes, 12);
    assert_int_equal(test->n_episodes, 4);
    bool seen[EPISODES] = {false};
    for (int e = 0; e < EPISODES; e++) {
        const tz_origin origin = e < 12 ? train->origin[e] : test->origin[e - 12];
        assert_true(origin.known && origin.episode < EPISODES && !seen[origin.episode]);
        seen[origin.episode] = true;
    }
    tz_dataset_destroy(train);
    tz_dataset_destroy(test);

    sample_poke(sample_join(root, "train-v0"), "episode_3/rewards", 7, 100);
    snprintf(line, sizeof line, "data validate %s/train-v0", root);
    assert_int_equal(finish(start(line)), 1);
    assert_non_null(strstr(output("out"), "reward: episode 3, step 7: rewards[7] is 100"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bytes_at_any_number_of_threads),
        cmocka_unit_test(an_episode_stands_alone),
        cmocka_unit_test(policies_are_dealt_in_turn),
        cmocka_unit_test(noise_has_its_size_and_colour),
        cmocka_unit_test(noise_varies_over_episodes),
        cmocka_unit_test(what_is_stored_is_what_happened),
        cmocka_unit_test(an_unstable_step_is_never_stored),
        cmocka_unit_test(killed_anywhere_it_resumes_to_the_same_bytes),
        cmocka_unit_test(interrupted_it_says_so_and_resumes),
        cmocka_unit_test(a_full_disk_is_one_sentence_and_resumes),
        cmocka_unit_test(bad_input_is_one_sentence),
        cmocka_unit_test(the_configuration_is_of_what_was_done),
        cmocka_unit_test(noise_is_in_half_ranges),
        cmocka_unit_test(a_policy_is_sampled_when_asked),
        cmocka_unit_test(json_is_one_object_with_its_fields),
        cmocka_unit_test(validate_and_split_through_the_program),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
