// trapeze data scores: returns normalised by those of random and expert policies,
//
//     score = 100 (return - random) / (expert - random)
//
// (Fu et al., "D4RL", 2020). The reference returns of an environment stand in the table below; they
// are those of its default arguments.
#include "cli/data.h"

#include "base/json.h"
#include "data/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct reference {
    const char *env;
    double random, expert;
    const char *source;
} reference;

// D4RL's own numbers where it has the environment, so that scores compare with published ones (its
// rules are those of version 4); else as measured by tools/reference_returns.sh.
#define D4RL "D4RL"
#define MEASURED "random controls; the shipped expert"
#define MEASURED_V4 "random controls; the shipped expert, which was trained under version 5"
#define SAC_OF_TIANSHOU "random controls; SAC of Tianshou on Humanoid-v3"
static const reference references[] = {
    {"half_cheetah", -280.178953, 12135.0, D4RL},
    {"half_cheetah-v4", -280.178953, 12135.0, D4RL},
    {"hopper", -20.272305, 3234.3, D4RL},
    {"hopper-v4", -20.272305, 3234.3, D4RL},
    {"walker2d", 1.629008, 4592.3, D4RL},
    {"walker2d-v4", 1.629008, 4592.3, D4RL},
    {"ant", -325.6, 3879.7, D4RL},
    {"ant-v4", -325.6, 3879.7, D4RL},
    {"swimmer", -0.56, 350.65, MEASURED},
    {"swimmer-v4", -0.56, 350.65, MEASURED_V4},
    {"reacher", -43.08, -3.5, MEASURED},
    {"reacher-v4", -43.15, -3.73, MEASURED_V4},
    {"pusher", -149.63, -30.59, MEASURED},
    {"pusher-v4", -149.59, -34.35, MEASURED_V4},
    {"inverted_pendulum", 5.20, 1000.0, MEASURED},
    {"inverted_pendulum-v4", 6.20, 1000.0, MEASURED_V4},
    {"inverted_double_pendulum", 49.13, 9359.83, MEASURED},
    {"inverted_double_pendulum-v4", 59.13, 9359.83, MEASURED_V4},
    {"humanoid", 112.22, 5488.5, SAC_OF_TIANSHOU},
    {"humanoid-v4", 120.41, 5488.5, SAC_OF_TIANSHOU},
    {"humanoid_standup", 33827.92, 155191.86, MEASURED},
    {"humanoid_standup-v4", 33827.92, 155191.86, MEASURED_V4},
};

typedef struct arguments {
    const char *env;
    double random, expert; // NaN: from the table
    bool json;
} arguments;

// What 0 and 100 stand for.
typedef struct scale {
    double random, expert;
    int max_episode_steps; // of the references; 0: they are given
    char source[160];
} scale;

static const reference *find_reference(const char *env) {
    for (size_t i = 0; i < TZ_COUNTOF(references); i++) {
        if (strcmp(references[i].env, env) == 0) {
            return &references[i];
        }
    }
    return NULL;
}

// The references are returns of episodes that end as the environment ends them. Other time limits
// are told, not refused: scores of parts may be compared with each other.
static tz_status check_episodes(scale *s, const tz_dataset *dataset, const char *path,
                                tz_error *error) {
    tz_env *env = NULL;
    tz_env_def def = tz_env_def_default();
    def.name = dataset->env;
    TZ_CHECK(tz_env_create(&env, &def, error));
    const bool can_end = tz_env_task(env)->terminated != NULL;
    s->max_episode_steps = tz_env_task(env)->max_episode_steps;
    tz_env_destroy(env);
    return !can_end || dataset->ends_early
               ? TZ_OK
               : tz_fail(error, TZ_ERR_ARGUMENT,
                         "%s: recorded without early ends, and the reference returns are those of "
                         "episodes that end where %s does: give two others with --random and "
                         "--expert",
                         path, dataset->env);
}

// The environment's references, the options in their place.
static tz_status find_scale(scale *s, const tz_dataset *dataset, const char *path,
                            const arguments *a, tz_error *error) {
    const bool is_random_given = !isnan(a->random), is_expert_given = !isnan(a->expert);
    const reference *known = find_reference(dataset->env);
    if (dataset->env_arguments[0] != '\0' && !(is_random_given && is_expert_given)) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s: recorded with %s, and the reference returns are those of the default "
                       "arguments: give two others with --random and --expert",
                       path, dataset->env_arguments);
    }
    if (known != NULL && !(is_random_given && is_expert_given)) {
        TZ_CHECK(check_episodes(s, dataset, path, error));
    }
    if (known == NULL && !(is_random_given && is_expert_given)) {
        return tz_fail(
            error, TZ_ERR_ARGUMENT,
            "%s: no reference returns are known for environment \"%.64s\" (expected both "
            "by --random and --expert)",
            path, dataset->env);
    }
    s->random = is_random_given ? a->random : known->random;
    s->expert = is_expert_given ? a->expert : known->expert;
    const char *given = is_random_given ? "--random" : is_expert_given ? "--expert" : "";
    if (is_random_given && is_expert_given) {
        snprintf(s->source, sizeof s->source, "--random, --expert");
    } else {
        snprintf(s->source, sizeof s->source, "%s%s%s", given, given[0] != '\0' ? "; else " : "",
                 known->source);
    }
    if (s->random == s->expert) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s: the returns of random and expert are both %g, so no score lies between "
                       "them (expected two that differ)",
                       path, s->random);
    }
    return TZ_OK;
}

static double score(const scale *s, double value) {
    return 100.0 * (value - s->random) / (s->expert - s->random);
}

static void print_json(const char *path, const tz_dataset *dataset, const tz_dataset_summary *s,
                       const scale *r) {
    struct json_object *object = json_object_new_object(), *scores = json_object_new_array();
    for (int e = 0; e < dataset->n_episodes; e++) {
        json_object_array_add(scores, tz_json_real(score(r, tz_dataset_return(dataset, e))));
    }
    tz_json_add_text(object, "data", path);
    tz_json_add_env(object, dataset->env, dataset->env_arguments);
    tz_json_add_real(object, "random", r->random);
    tz_json_add_real(object, "expert", r->expert);
    tz_json_add_text(object, "source", r->source);
    tz_json_add_int(object, "max_episode_steps", dataset->max_episode_steps);
    tz_json_add_int(object, "max_episode_steps_of_references", r->max_episode_steps);
    tz_json_add_real(object, "return_mean", s->return_mean);
    tz_json_add_real(object, "return_std", s->return_std);
    tz_json_add_real(object, "score_mean", score(r, s->return_mean));
    tz_json_add_real(object, "score_best", score(r, s->return_high));
    tz_json_add_real(object, "score_worst", score(r, s->return_low));
    json_object_object_add(object, "scores", scores);
    tz_data_print(object);
}

// Whether the data's episodes have another time limit than those of the references.
static bool has_other_limit(const tz_dataset *dataset, const scale *r) {
    return r->max_episode_steps > 0 && dataset->max_episode_steps > 0 &&
           r->max_episode_steps != dataset->max_episode_steps;
}

static void print_text(const char *path, const tz_dataset *dataset, const tz_dataset_summary *s,
                       const scale *r) {
    printf("%s: score %.1f (return %.1f +- %.1f), best %.1f, worst %.1f\n", path,
           score(r, s->return_mean), s->return_mean, s->return_std, score(r, s->return_high),
           score(r, s->return_low));
    printf("0 is random, %g; 100 is expert, %g (%s)\n", r->random, r->expert, r->source);
    if (has_other_limit(dataset, r)) {
        printf("those are returns of up to %d steps, these of up to %d\n", r->max_episode_steps,
               dataset->max_episode_steps);
    }
}

static tz_status run_scores(const char *path, const arguments *a, tz_error *error) {
    tz_dataset *dataset = NULL;
    scale r = {.max_episode_steps = 0};
    TZ_CHECK(tz_dataset_read(&dataset, path, a->env, error));
    const tz_status status = find_scale(&r, dataset, path, a, error);
    if (status == TZ_OK) {
        tz_dataset_summary s;
        tz_dataset_summarise(dataset, &s);
        if (a->json) {
            print_json(path, dataset, &s, &r);
        } else {
            print_text(path, dataset, &s, &r);
        }
    }
    tz_dataset_destroy(dataset);
    return status;
}

static int scores_main(int argc, char **argv);
const tz_command tz_command_data_scores = {
    .name = "data scores",
    .summary = "returns normalised by those of random and expert policies",
    .usage = "trapeze data scores D [--random R] [--expert R] [--json]",
    .example = "trapeze data scores runs/cheetah-v0",
    .run = scores_main,
};

static int scores_main(int argc, char **argv) {
    arguments a = {.random = NAN, .expert = NAN};
    const char *path = NULL;
    bool help;
    tz_option options[] = {
        {"--random", TZ_OPTION_REAL, &a.random, "R", .help = "return that scores 0"},
        {"--expert", TZ_OPTION_REAL, &a.expert, "R", .help = "return that scores 100"},
        {"--env", TZ_OPTION_TEXT, &a.env, "E",
         .help = "environment of a file that does not name its own"},
        {"--json", TZ_OPTION_FLAG, &a.json, .help = "print one JSON object"},
    };
    tz_text_list words = {0};
    tz_error error;
    tz_status status = tz_options_parse(&tz_command_data_scores, options, TZ_COUNTOF(options), argc,
                                        argv, &words, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    status = status == TZ_OK ? tz_data_expect_one(&words, &path, &error) : status;
    status = status == TZ_OK ? run_scores(path, &a, &error) : status;
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_data_scores, &error);
}
