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
    .usage = "trapeze play --env E --policy P [--view] [--video out.mp4]",
    .example = "trapeze play --env half_cheetah --policy policies/half_cheetah-expert.safetensors "
               "--video cheetah.mp4",
    .run = run,
    .stops_itself = true,
};

typedef struct play_options {
    const char *env, *policy, *screenshots;
    int episodes, steps;
    int version; // index into tz_version_choices
    tz_text_list env_arguments;
    uint64_t seed;
    bool sampled, no_early_end, json;
    tz_viewing viewing;
} play_options;

static void report(const play_options *options, const tz_loop_result *results, int n) {
    double mean = 0.0;
    struct json_object *returns = json_object_new_array();
    for (int i = 0; i < n; i++) {
        mean += results[i].episode_return / n;
        json_object_array_add(returns, tz_json_real(results[i].episode_return));
        if (!options->json) {
            printf("episode %d: return %.1f in %d steps%s\n", i, results[i].episode_return,
                   results[i].length,
                   results[i].unstable ? " (the simulation became unstable)" : "");
        }
    }
    if (options->json) {
        struct json_object *object = json_object_new_object();
        tz_json_add_int(object, "episodes", n);
        tz_json_add_real(object, "return_mean", mean);
        json_object_object_add(object, "returns", returns);
        tz_json_print(object);
        json_object_put(object);
    } else {
        json_object_put(returns);
    }
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
        status = tz_viewing_open(&options->viewing, env, title, options->screenshots, observers,
                                 &n_observers, error);
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
        report(options, results, n_done);
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
    play_options o = {
        .screenshots = ".", .policy = "random", .episodes = 1, .viewing = TZ_VIEWING_DEFAULT};
    // clang-format off
    tz_option table[] = {
        {.name = "--env",
         .type = TZ_OPTION_TEXT,
         .value = &o.env,
         .metavar = "E",
         .required = true,
         .help = "environment (trapeze envs lists them)"},
        TZ_VERSION_OPTION(&o.version),
        TZ_ENV_ARG_OPTION(&o.env_arguments),
        {.name = "--policy",
         .type = TZ_OPTION_TEXT,
         .value = &o.policy,
         .metavar = "P",
         .help = "random, zero, or a policy file"},
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
        {.name = "--screenshots",
         .type = TZ_OPTION_TEXT,
         .value = &o.screenshots,
         .metavar = "FOLDER",
         .help = "where the window's key P puts its pictures"},
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
    if (tz_viewing_check(&o.viewing, &error) != TZ_OK) {
        return tz_cli_fail(&tz_command_play, &error);
    }
    if (o.viewing.video == NULL && tz_window_is_possible()) {
        o.viewing.view = true;
    }
    return play(&o, &error) == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_play, &error);
}
