// trapeze play: a policy acts in the environment, in a window or on film.
#include "cli/cli.h"
#include "cli/viewing.h"
#include "plan/mpc.h"

#include "base/interrupt.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/run_folder.h"

#include <math.h>
#include <stdio.h>

static int run(int argc, char **argv);

const tz_command tz_command_play = {
    .name = "play",
    .summary = "watch a policy act, live or on film",
    .usage = "trapeze play --env E --policy P [--view] [--video out.mp4] [--stills N]",
    .example = "trapeze play --env half_cheetah --policy policies/half_cheetah-expert.safetensors "
               "--video cheetah.mp4",
    .run = run,
    .stops_itself = true,
};

typedef struct play_options {
    const char *env, *policy;
    int episodes, steps;
    int version; // index into tz_version_choices
    tz_text_list env_arguments;
    uint64_t seed;
    bool sampled, no_early_end, json;
    tz_viewing viewing;
} play_options;

static void print_episodes(const tz_loop_result *results, int n) {
    for (int i = 0; i < n; i++) {
        printf("episode %d: return %.1f in %d steps", i, results[i].episode_return,
               results[i].length);
        printf(results[i].outcome == TZ_STEP_OK ? "\n" : " (%s)\n",
               tz_step_trouble(results[i].outcome));
    }
}

static void print_json(const tz_loop_result *results, int n) {
    struct json_object *object = json_object_new_object(), *returns = json_object_new_array(),
                       *lengths = json_object_new_array(), *troubles = json_object_new_array();
    double mean = n > 0 ? 0.0 : (double)NAN;
    for (int i = 0; i < n; i++) {
        const bool is_ok = results[i].outcome == TZ_STEP_OK;
        mean += results[i].episode_return / n;
        json_object_array_add(returns, tz_json_real(results[i].episode_return));
        json_object_array_add(lengths, json_object_new_int(results[i].length));
        json_object_array_add(troubles,
                              is_ok ? NULL : tz_json_text(tz_step_trouble(results[i].outcome)));
    }
    tz_json_add_int(object, "episodes", n);
    tz_json_add_measured(object, "return_mean", mean);
    json_object_object_add(object, "returns", returns);
    json_object_object_add(object, "lengths", lengths);
    json_object_object_add(object, "troubles", troubles);
    tz_json_print(object);
    json_object_put(object);
}

static tz_status play(play_options *options, tz_error *error) {
    tz_env *env = NULL;
    tz_policy *policy = NULL;
    tz_loop_result *results = NULL;
    tz_observer observers[TZ_VIEWING_OBSERVERS_MAX];
    int n_observers = 0, n_done = 0;

    tz_env_def def = tz_env_def_default();
    char env_arguments[TZ_ENV_ARGUMENTS_MAX];
    def.name = options->env;
    def.arguments = env_arguments;
    def.version = tz_version_of_choice(options->version);
    def.ends_early = !options->no_early_end;
    def.max_episode_steps = options->steps;
    tz_status status = tz_join_env_arguments(env_arguments, &options->env_arguments, error);
    if (status == TZ_OK) {
        status = tz_env_create(&env, &def, error);
    }
    if (status == TZ_OK) {
        status = tz_policy_create(&policy, options->policy, tz_env_task(env), error);
    }
    if (status == TZ_OK) {
        results = tz_alloc((size_t)options->episodes, sizeof *results);
        status =
            results != NULL ? TZ_OK : tz_fail(error, TZ_ERR_MEMORY, "no memory for the results");
    }
    if (status == TZ_OK) {
        char title[128];
        snprintf(title, sizeof title, "%s | %s", options->env, tz_policy_name(policy));
        status =
            tz_viewing_open(&options->viewing, env, title, ".", observers, &n_observers, error);
    }
    if (status == TZ_OK) {
        const tz_controller controller = {.policy = policy, .sample_policy = options->sampled};
        status = tz_control_loop(env, &controller, options->seed, 0, options->episodes, observers,
                                 n_observers, results, &n_done, error);
    }
    if (status == TZ_OK) {
        status = tz_viewing_close(&options->viewing, error);
    }
    if (status == TZ_OK) {
        (options->json ? print_json : print_episodes)(results, n_done);
        status = !tz_interrupted()
                     ? TZ_OK
                     : tz_fail(error, TZ_ERR_INTERRUPTED, "interrupted after %d of %d episodes",
                               n_done, options->episodes);
    }
    tz_viewing_abandon(&options->viewing);
    tz_free(results);
    tz_policy_destroy(policy);
    tz_env_destroy(env);
    return status;
}

static int run(int argc, char **argv) {
    play_options o = {.policy = "random", .episodes = 1, .viewing = TZ_VIEWING_DEFAULT};
    // clang-format off
    tz_option table[] = {
        {.name = "--env",
         .type = TZ_OPTION_TEXT,
         .value = &o.env,
         .metavar = "E",
         .required = true,
         .help = "a name of `trapeze envs`, or a file.xml"},
        TZ_VERSION_OPTION(&o.version),
        TZ_ENV_ARG_OPTION(&o.env_arguments),
        {.name = "--policy",
         .type = TZ_OPTION_TEXT,
         .value = &o.policy,
         .metavar = "P",
         .help = "random, zero, a shipped policy, or a file"},
        {.name = "--episodes",
         .type = TZ_OPTION_INT,
         .value = &o.episodes,
         .metavar = "N",
         .min = 1,
         .max = 1000000,
         .help = "how many"},
        {.name = "--steps",
         .type = TZ_OPTION_INT,
         .value = &o.steps,
         .metavar = "N",
         .min = 0,
         .max = 100000000,
         .help = "longest episode; 0: the environment's own limit"},
        {.name = "--seed",
         .type = TZ_OPTION_U64,
         .value = &o.seed,
         .metavar = "K",
         .help = "of initial states and sampled controls"},
        {.name = "--sampled",
         .type = TZ_OPTION_FLAG,
         .value = &o.sampled,
         .help = "sample the policy's controls instead of taking its mean"},
        {.name = "--no-early-end",
         .type = TZ_OPTION_FLAG,
         .value = &o.no_early_end,
         .help = "go on where the task would terminate"},
        TZ_VIEWING_OPTIONS(o.viewing),
        {.name = "--json",
         .type = TZ_OPTION_FLAG,
         .value = &o.json,
         .help = "print one JSON object"},
    };
    // clang-format on
    tz_error error;
    bool help = false;
    if (tz_options_parse(&tz_command_play, table, TZ_COUNTOF(table), argc, argv, NULL, &help,
                         &error) != TZ_OK) {
        return tz_cli_fail(&tz_command_play, &error);
    }
    if (help) {
        return TZ_EXIT_OK;
    }
    if (o.viewing.video == NULL && o.viewing.stills == 0 && tz_window_is_possible()) {
        o.viewing.view = true;
    }
    if (tz_viewing_check(&o.viewing, table, TZ_COUNTOF(table), &error) != TZ_OK) {
        return tz_cli_fail(&tz_command_play, &error);
    }
    return play(&o, &error) == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_play, &error);
}
