// trapeze collect: episodes of an environment under policies with noise, as a dataset.
#include "data/collect.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/run_folder.h"
#include "cli/cli.h"
#include "data/check.h"
#include "policies/policy_file.h"

#include <stdio.h>

typedef struct arguments {
    const char *env, *out;
    tz_text_list policies, env_arguments;
    int episodes, steps, threads;
    int version; // index into tz_version_choices
    double noise, noise_min, noise_color;
    uint64_t seed;
    bool sampled, no_early_end, resume, json, quiet;
} arguments;

// What a run holds between begin and end.
typedef struct run {
    arguments arguments;
    tz_env *env;
    tz_policy *policies[TZ_LIST_MAX]; // (policies.n)
    tz_writer *writer;
    tz_team *team;
    tz_progress progress;
} run;

// ---- configuration

static tz_status add_policy(struct json_object *policies, const tz_policy *policy,
                            const char *name_or_path, tz_error *error) {
    char path[TZ_PATH_MAX], statistics[TZ_PATH_MAX] = "", digest[65];
    struct json_object *o = json_object_new_object();
    json_object_array_add(policies, o);
    tz_json_add_text(o, "name", tz_policy_name(policy));
    tz_json_add_text(o, "sha256", tz_policy_sha256(policy));
    if (!tz_policy_is_builtin(name_or_path)) {
        TZ_CHECK(tz_policy_find_file(path, name_or_path, error));
        tz_policy_find_statistics(statistics, path);
    }
    if (statistics[0] != '\0') {
        TZ_CHECK(tz_file_sha256(statistics, digest, error));
        tz_json_add_text(o, "statistics_sha256", digest);
    }
    return TZ_OK;
}

// Adds what the bytes of the dataset depend on, and nothing else.
static tz_status add_choices(struct json_object *config, const run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    const tz_task *task = tz_env_task(r->env);
    if (task->digest[0] != '\0') { // a user's MJCF, which may change
        tz_json_add_text(config, "env_digest", task->digest);
    }
    tz_json_add_env(config, task->name, task->env_arguments);
    struct json_object *policies = json_object_new_array();
    json_object_object_add(config, "policies", policies);
    for (int p = 0; p < a->policies.n; p++) {
        TZ_CHECK(add_policy(policies, r->policies[p], a->policies.item[p], error));
    }
    tz_json_add_int(config, "episodes", a->episodes);
    tz_json_add_int(config, "max_episode_steps", task->max_episode_steps);
    tz_json_add_real(config, "noise", a->noise);
    tz_json_add_real(config, "noise_min", a->noise_min);
    tz_json_add_real(config, "noise_color", a->noise_color);
    tz_json_add_bool(config, "sampled", a->sampled);
    tz_json_add_bool(config, "ends_early", task->ends_early);
    tz_json_add_u64(config, "seed", a->seed);
    return TZ_OK;
}

// "half_cheetah-expert, random; noise 0.1 to 0.3, colour 0.9"
static void describe_algorithm(char *text, size_t size, const run *r) {
    const arguments *a = &r->arguments;
    size_t used = 0;
    text[0] = '\0';
    for (int p = 0; p < a->policies.n && used < size; p++) {
        used += (size_t)snprintf(text + used, size - used, "%s%s", p > 0 ? ", " : "",
                                 tz_policy_name(r->policies[p]));
    }
    if (used < size) {
        snprintf(text + used, size - used, "; noise %g to %g half-ranges, colour %g", a->noise_min,
                 a->noise, a->noise_color);
    }
}

static tz_status create_writer(run *r, tz_error *error) {
    char algorithm[1024];
    describe_algorithm(algorithm, sizeof algorithm, r);
    struct json_object *choices = json_object_new_object();
    tz_status status = add_choices(choices, r, error);
    tz_writer_def def = tz_writer_def_default();
    def.folder = r->arguments.out;
    def.config_json = json_object_to_json_string_ext(choices, JSON_C_TO_STRING_PLAIN);
    def.description = "Episodes collected by trapeze.";
    def.algorithm_name = algorithm;
    def.resume = r->arguments.resume;
    if (status == TZ_OK) {
        status = tz_writer_create(&r->writer, &def, tz_env_task(r->env), error);
    }
    json_object_put(choices);
    return status;
}

// config.json: written once, by the run that begins the folder.
static tz_status write_config(const run *r, int argc, char **argv, tz_error *error) {
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, r->arguments.out, "config.json", error));
    if (tz_writer_was_resumed(r->writer) && tz_file_exists(path)) {
        return TZ_OK;
    }
    struct json_object *config = tz_config_new(argc, argv, r->arguments.seed);
    tz_status status = add_choices(config, r, error);
    if (status == TZ_OK) {
        status = tz_json_write(path, config, error);
    }
    json_object_put(config);
    return status;
}

// side.json: what may differ between equal runs.
static tz_status write_side(const run *r, double seconds, const tz_collect_result *result,
                            tz_error *error) {
    struct json_object *side = tz_side_new(tz_team_size(r->team), seconds);
    tz_json_add_int(side, "episodes_of_this_run", result->episodes);
    tz_json_add_int(side, "steps_of_this_run", (long long)result->steps);
    return tz_side_write(r->arguments.out, side, result->episodes > 0, error);
}

// ---- the run

static void report(void *context, int episodes, size_t steps) {
    run *r = context;
    char note[64];
    snprintf(note, sizeof note, "%zu steps", steps);
    tz_progress_update(&r->progress, r->progress.base + episodes, note);
}

static bool stop(void *context) {
    (void)context;
    return tz_interrupted();
}

static tz_status prepare(run *r, tz_error *error) {
    const arguments *a = &r->arguments;
    TZ_CHECK(tz_run_folder_expect(a->out, "collect", true, error));
    tz_env_def def = tz_env_def_default();
    char env_arguments[TZ_ENV_ARGUMENTS_MAX];
    TZ_CHECK(tz_join_env_arguments(env_arguments, &a->env_arguments, error));
    def.name = a->env;
    def.arguments = env_arguments;
    def.version = tz_version_of_choice(a->version);
    def.max_episode_steps = a->steps;
    def.ends_early = !a->no_early_end;
    TZ_CHECK(tz_env_create(&r->env, &def, error));
    for (int p = 0; p < a->policies.n; p++) {
        TZ_CHECK(
            tz_policy_create(&r->policies[p], a->policies.item[p], tz_env_task(r->env), error));
    }
    TZ_CHECK(tz_team_create(&r->team, a->threads, error));
    return create_writer(r, error);
}

static tz_status collect(run *r, tz_collect_result *result, tz_error *error) {
    const arguments *a = &r->arguments;
    tz_collect_def def = tz_collect_def_default();
    def.episodes = a->episodes;
    def.seed = a->seed;
    def.noise = a->noise;
    def.noise_min = a->noise_min;
    def.noise_color = a->noise_color;
    def.sampled = a->sampled;
    int n_before = 0;
    for (int slot = 0; slot < a->episodes; slot++) {
        n_before += tz_writer_has(r->writer, slot);
    }
    const tz_collect_progress progress = {r, report, stop};
    r->progress = tz_progress_start("collect", "episodes", n_before, a->episodes, a->quiet);
    tz_status status = tz_collect(r->writer, r->env, (const tz_policy *const *)r->policies,
                                  a->policies.n, &def, r->team, &progress, result, error);
    tz_progress_finish(&r->progress, n_before + result->episodes, NULL);
    TZ_CHECK(status);
    status = tz_writer_finish(r->writer, a->episodes, error);
    return result->dropped_bad_reward < a->episodes
               ? status
               : tz_fail(error, TZ_ERR_NUMERIC,
                         "%s: the reward of the first step is not a finite number in any of %d "
                         "episodes; nothing is stored",
                         a->env, a->episodes);
}

static void print_result(const run *r, const tz_dataset_summary *s, double seconds,
                         const tz_collect_result *result) {
    const double rate = seconds > 0 ? (double)result->steps / seconds : 0;
    // an episode that broke at its first step is not in the dataset at all: only the run that
    // dropped it knows why
    const int bad_reward = s->bad_reward + result->dropped_bad_reward;
    const int unstable = s->unstable + result->dropped_unstable;
    if (!r->arguments.json) {
        printf("%s: %d episodes, %zu steps, return %.1f +- %.1f, length %.1f", r->arguments.out,
               s->episodes, s->steps, s->return_mean, s->return_std, s->length_mean);
        printf(unstable > 0 ? ", %d unstable" : "", unstable);
        printf(bad_reward > 0 ? ", %d cut where the reward was not a finite number\n" : "\n",
               bad_reward);
        return;
    }
    struct json_object *object = json_object_new_object();
    tz_json_add_text(object, "data", r->arguments.out);
    tz_json_add_env(object, tz_env_task(r->env)->name, tz_env_task(r->env)->env_arguments);
    tz_json_add_int(object, "episodes", s->episodes);
    tz_json_add_int(object, "steps", (long long)s->steps);
    tz_json_add_real(object, "return_mean", s->return_mean);
    tz_json_add_real(object, "return_std", s->return_std);
    tz_json_add_real(object, "length_mean", s->length_mean);
    tz_json_add_int(object, "unstable", unstable);
    tz_json_add_int(object, "bad_reward", bad_reward);
    tz_json_add_real(object, "seconds", seconds);
    tz_json_add_real(object, "steps_per_s", rate);
    tz_json_print(object);
    json_object_put(object);
}

// Reads the finished dataset back: what is reported is what stands in the file.
static tz_status conclude(const run *r, double seconds, const tz_collect_result *result,
                          tz_error *error) {
    tz_dataset *dataset;
    TZ_CHECK(tz_dataset_read(&dataset, r->arguments.out, NULL, error));
    tz_dataset_summary summary;
    tz_dataset_summarise(dataset, &summary);
    tz_dataset_destroy(dataset);
    TZ_CHECK(write_side(r, seconds, result, error));
    print_result(r, &summary, seconds, result);
    return TZ_OK;
}

static tz_status run_collect(run *r, int argc, char **argv, tz_error *error) {
    TZ_CHECK(prepare(r, error));
    TZ_CHECK(write_config(r, argc, argv, error));
    tz_collect_result result = {0};
    const double started = tz_now_s();
    TZ_CHECK(collect(r, &result, error));
    return conclude(r, tz_now_s() - started, &result, error);
}

static void clean_up(run *r) {
    tz_writer_destroy(r->writer);
    tz_team_destroy(r->team);
    for (int p = 0; p < r->arguments.policies.n; p++) {
        tz_policy_destroy(r->policies[p]);
    }
    tz_env_destroy(r->env);
}

static int collect_main(int argc, char **argv) {
    run r = {.arguments = {.episodes = 10}};
    arguments *a = &r.arguments;
    tz_option options[] = {
        {"--env", TZ_OPTION_TEXT, &a->env, "E", .help = "a name of `trapeze envs`, or a file.xml",
         .required = true},
        TZ_VERSION_OPTION(&a->version),
        TZ_ENV_ARG_OPTION(&a->env_arguments),
        {"--policy", TZ_OPTION_LIST, &a->policies, "P",
         .help =
             "random, zero, a shipped policy, or a file; several are dealt to the episodes in turn",
         .required = true},
        {"--episodes", TZ_OPTION_INT, &a->episodes, "N", .help = "episodes to collect", .min = 1,
         .max = 1e6},
        {"--steps", TZ_OPTION_INT, &a->steps, "T",
         .help = "time limit of an episode, 0 is the environment's own", .max = 1e6},
        {"--noise", TZ_OPTION_REAL, &a->noise, "S",
         .help = "standard deviation of the control noise, in half-ranges of the control",
         .max = 10},
        {"--noise-min", TZ_OPTION_REAL, &a->noise_min, "S",
         .help = "each episode draws its own from S to --noise; not given: --noise for all",
         .max = 10, .is_computed = true},
        {"--noise-color", TZ_OPTION_REAL, &a->noise_color, "C",
         .help = "AR(1) coefficient of the noise, 0 is white", .max = 0.999999},
        {"--seed", TZ_OPTION_U64, &a->seed, "K", .help = "seed of starts, policies and noise"},
        {"--out", TZ_OPTION_TEXT, &a->out, "D", .help = "folder of the dataset (Minari's layout)",
         .required = true},
        {"--threads", TZ_OPTION_INT, &a->threads, "N", .help = "threads, 0 is one per processor",
         .max = 1024},
        {"--sampled", TZ_OPTION_FLAG, &a->sampled, .help = "sample the policies' controls"},
        {"--no-early-end", TZ_OPTION_FLAG, &a->no_early_end,
         .help = "go on where the task would terminate"},
        {"--resume", TZ_OPTION_FLAG, &a->resume, .help = "go on where a stopped run left off"},
        {"--json", TZ_OPTION_FLAG, &a->json, .help = "print the result as one JSON object"},
        {"--quiet", TZ_OPTION_FLAG, &a->quiet, .help = "show no progress"},
    };
    bool help = false;
    tz_error error;
    tz_status status = tz_options_parse(&tz_command_collect, options, TZ_COUNTOF(options), argc,
                                        argv, NULL, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    const size_t n = TZ_COUNTOF(options);
    if (!tz_option_was_set(options, n, &a->noise_min)) {
        a->noise_min = a->noise;
    }
    if (status == TZ_OK && a->noise_min > a->noise) {
        status = tz_fail(&error, TZ_ERR_ARGUMENT, "--noise-min %g is above --noise %g",
                         a->noise_min, a->noise);
    }
    if (status == TZ_OK && tz_option_was_set(options, n, &a->noise_color) && a->noise == 0.0) {
        status = tz_fail(&error, TZ_ERR_ARGUMENT,
                         "--noise-color: there is no noise, expected its size by --noise");
    }
    if (status == TZ_OK) {
        tz_error cause;
        status = run_collect(&r, argc, argv, &cause);
        if (status != TZ_OK) {
            tz_fail(&error, status, "%s%s", cause.text,
                    status == TZ_ERR_INTERRUPTED ? "; --resume goes on from there" : "");
        }
    }
    clean_up(&r);
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_collect, &error);
}

const tz_command tz_command_collect = {
    .name = "collect",
    .summary = "record episodes of an environment under policies with noise",
    .usage = "trapeze collect --env E --policy P [--policy P]... --episodes N --out D [options]",
    .example = "trapeze collect --env half_cheetah --policy random --episodes 20 --noise 0.3 "
               "--noise-color 0.8 --seed 1 --out runs/cheetah-v0",
    .run = collect_main,
    .stops_itself = true,
};
