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

// D4RL's own numbers where it has the environment; else random controls as measured with the v5
// rules (100 episodes) and the best published returns of SAC.
static const reference references[] = {
    {"half_cheetah", -280.178953, 12135.0, "D4RL"},
    {"hopper", -20.272305, 3234.3, "D4RL"},
    {"walker2d", 1.629008, 4592.3, "D4RL"},
    {"ant", -325.6, 3879.7, "D4RL"},
    {"swimmer", 0.69, 345.6, "random controls; SAC of RL Baselines3 Zoo"},
    {"reacher", -42.18, -2.6, "random controls; SAC of Tianshou"},
    {"inverted_pendulum", 5.78, 1000.0, "random controls; the largest return"},
    {"inverted_double_pendulum", 54.66, 9360.0, "random controls; SAC of Tianshou"},
};

typedef struct arguments {
    const char *env;
    double random, expert; // NaN: from the table
    bool json;
} arguments;

static tz_status find_reference(const tz_dataset *dataset, const char *path, const arguments *a,
                                reference *r, tz_error *error) {
    *r = (reference){.env = dataset->env, .random = NAN, .expert = NAN, .source = "the options"};
    if (dataset->env_arguments[0] != '\0' && (isnan(a->random) || isnan(a->expert))) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s: recorded with %s, and the reference returns are those of the default "
                       "arguments: give two others with --random and --expert",
                       path, dataset->env_arguments);
    }
    for (size_t i = 0; i < TZ_COUNTOF(references); i++) {
        if (strcmp(references[i].env, dataset->env) == 0) {
            *r = references[i];
        }
    }
    r->random = isnan(a->random) ? r->random : a->random;
    r->expert = isnan(a->expert) ? r->expert : a->expert;
    if (isnan(r->random) || isnan(r->expert) || r->expert == r->random) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s: no reference returns are known for environment \"%.64s\": give two "
                       "different ones with --random and --expert",
                       path, dataset->env);
    }
    return TZ_OK;
}

static double score(const reference *r, double value) {
    return 100.0 * (value - r->random) / (r->expert - r->random);
}

static tz_status run_scores(const char *path, const arguments *a, tz_error *error) {
    tz_dataset *dataset = NULL;
    reference r;
    TZ_CHECK(tz_dataset_read(&dataset, path, a->env, error));
    const tz_status status = find_reference(dataset, path, a, &r, error);
    if (status == TZ_OK) {
        tz_dataset_summary s;
        tz_dataset_summarise(dataset, &s);
        if (a->json) {
            struct json_object *object = json_object_new_object(),
                               *scores = json_object_new_array();
            for (int e = 0; e < dataset->n_episodes; e++) {
                json_object_array_add(scores,
                                      tz_json_real(score(&r, tz_dataset_return(dataset, e))));
            }
            tz_json_add_text(object, "data", path);
            tz_json_add_env(object, dataset->env, dataset->env_arguments);
            tz_json_add_real(object, "random", r.random);
            tz_json_add_real(object, "expert", r.expert);
            tz_json_add_text(object, "source", r.source);
            tz_json_add_real(object, "return_mean", s.return_mean);
            tz_json_add_real(object, "score_mean", score(&r, s.return_mean));
            tz_json_add_real(object, "score_best", score(&r, s.return_high));
            json_object_object_add(object, "scores", scores);
            tz_data_print(object);
        } else {
            printf("%s: score %.1f (return %.1f +- %.1f), best %.1f, worst %.1f\n", path,
                   score(&r, s.return_mean), s.return_mean, s.return_std, score(&r, s.return_high),
                   score(&r, s.return_low));
            printf("0 is random, %g; 100 is expert, %g (%s)\n", r.random, r.expert, r.source);
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
