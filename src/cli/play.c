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
    .usage = "trapeze play --env E [--policy P] [--view] [--video out.mp4] [--stills N]",
    .example = "trapeze play --env half_cheetah --policy half_cheetah-expert --video cheetah.mp4",
    .run = run,
    .stops_itself = true,
};

typedef struct arguments {
    const char *env, *policy;
    int episodes, steps;
    int version; // index into tz_version_choices
    tz_text_list env_arguments;
    uint64_t seed;
    bool sampled, no_early_end, json;
} arguments;

// What the command holds between begin and end.
typedef struct player {
    arguments arguments;
    tz_viewing viewing;
    tz_env *env;
    tz_policy *policy;
    tz_loop_result *results; // (episodes)
} player;

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

static tz_status make(player *p, tz_error *error) {
    const arguments *a = &p->arguments;
    tz_env_def def = tz_env_def_default();
    char env_arguments[TZ_ENV_ARGUMENTS_MAX];
    TZ_CHECK(tz_join_env_arguments(env_arguments, &a->env_arguments, error));
    def.name = a->env;
    def.arguments = env_arguments;
    def.version = tz_version_of_choice(a->version);
    def.ends_early = !a->no_early_end;
    def.max_episode_steps = a->steps;
    TZ_CHECK(tz_env_create(&p->env, &def, error));
    TZ_CHECK(tz_policy_create(&p->policy, a->policy, tz_env_task(p->env), error));
    p->results = tz_alloc((size_t)a->episodes, sizeof *p->results);
    return p->results != NULL ? TZ_OK : tz_fail(error, TZ_ERR_MEMORY, "no memory for the results");
}

static tz_status play(player *p, tz_error *error) {
    const arguments *a = &p->arguments;
    tz_observer observers[TZ_VIEWING_OBSERVERS_MAX];
    int n_observers = 0, n_done = 0;
    char title[128];
    TZ_CHECK(make(p, error));
    snprintf(title, sizeof title, "%s | %s", a->env, tz_policy_name(p->policy));
    TZ_CHECK(tz_viewing_open(&p->viewing, p->env, title, ".", observers, &n_observers, error));
    const tz_controller controller = {.policy = p->policy, .sample_policy = a->sampled};
    TZ_CHECK(tz_control_loop(p->env, &controller, a->seed, 0, a->episodes, observers, n_observers,
                             p->results, &n_done, error));
    TZ_CHECK(tz_viewing_close(&p->viewing, error));
    (a->json ? print_json : print_episodes)(p->results, n_done);
    return tz_interrupted() ? tz_fail(error, TZ_ERR_INTERRUPTED,
                                      "interrupted after %d of %d episodes", n_done, a->episodes)
                            : TZ_OK;
}

static void destroy(player *p) {
    tz_viewing_abandon(&p->viewing);
    tz_free(p->results);
    tz_policy_destroy(p->policy);
    tz_env_destroy(p->env);
}

static tz_status parse(player *p, int argc, char **argv, bool *help, tz_error *error) {
    arguments *a = &p->arguments;
    // clang-format off
    tz_option table[] = {
        {.name = "--env",
         .type = TZ_OPTION_TEXT,
         .value = &a->env,
         .metavar = "E",
         .required = true,
         .help = "a name of `trapeze envs`, or a file.xml"},
        TZ_VERSION_OPTION(&a->version),
        TZ_ENV_ARG_OPTION(&a->env_arguments),
        {.name = "--policy",
         .type = TZ_OPTION_TEXT,
         .value = &a->policy,
         .metavar = "P",
         .help = "random, zero, a shipped policy, or a file"},
        {.name = "--episodes",
         .type = TZ_OPTION_INT,
         .value = &a->episodes,
         .metavar = "N",
         .min = 1,
         .max = 1000000,
         .help = "how many"},
        {.name = "--steps",
         .type = TZ_OPTION_INT,
         .value = &a->steps,
         .metavar = "N",
         .min = 0,
         .max = 100000000,
         .help = "longest episode; 0: the environment's own limit"},
        {.name = "--seed",
         .type = TZ_OPTION_U64,
         .value = &a->seed,
         .metavar = "K",
         .help = "of initial states and sampled controls"},
        {.name = "--sampled",
         .type = TZ_OPTION_FLAG,
         .value = &a->sampled,
         .help = "sample the policy's controls instead of taking its mean"},
        {.name = "--no-early-end",
         .type = TZ_OPTION_FLAG,
         .value = &a->no_early_end,
         .help = "go on where the task would terminate"},
        TZ_VIEWING_OPTIONS(p->viewing),
        {.name = "--json",
         .type = TZ_OPTION_FLAG,
         .value = &a->json,
         .help = "print one JSON object"},
    };
    // clang-format on
    const size_t n = TZ_COUNTOF(table);
    TZ_CHECK(tz_options_parse(&tz_command_play, table, n, argc, argv, NULL, help, error));
    tz_viewing *v = &p->viewing;
    v->view = v->view || (v->video == NULL && v->stills == 0 && tz_window_is_possible());
    return *help ? TZ_OK : tz_viewing_check(v, table, n, error);
}

static int run(int argc, char **argv) {
    player p = {.arguments = {.policy = "random", .episodes = 1}, .viewing = TZ_VIEWING_DEFAULT};
    bool help = false;
    tz_error error;
    tz_status status = parse(&p, argc, argv, &help, &error);
    if (status == TZ_OK && !help) {
        status = play(&p, &error);
    }
    destroy(&p);
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_play, &error);
}
