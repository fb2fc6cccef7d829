// trapeze data: look at a dataset, check it, split it, replay it.
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/run_folder.h"
#include "cli/cli.h"
#include "data/check.h"
#include "data/writer.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Faults printed and listed one by one; all are counted.
enum { FAULTS_SHOWN = 50, RULES_MAX = 16 };

static void print_and_put(struct json_object *object) {
    tz_json_print(object);
    json_object_put(object);
}

// "z[3]" without a task, else "q rootx" and so on.
static void coordinate_name(char name[TZ_NAME_MAX + 8], const tz_task *task, int nq, int i) {
    if (!task) {
        snprintf(name, TZ_NAME_MAX + 8, "z[%d]", i);
    } else if (i < nq) {
        snprintf(name, TZ_NAME_MAX + 8, "q %s", task->coordinate_name[i]);
    } else {
        snprintf(name, TZ_NAME_MAX + 8, "v %s", task->velocity_name[i - nq]);
    }
}

// The environment that a dataset names, NULL when it names none.
static tz_status find_env(const tz_dataset *dataset, tz_env **env, tz_error *error) {
    *env = NULL;
    if (dataset->env[0] == '\0' || !tz_env_info_find(dataset->env)) {
        return TZ_OK;
    }
    tz_env_def def = tz_env_def_default();
    def.name = dataset->env;
    def.ends_early = dataset->ends_early;
    def.max_episode_steps = dataset->max_episode_steps;
    return tz_env_create(env, &def, error);
}

// The one folder or file that a verb is about.
static tz_status expect_one(const tz_text_list *words, const char **path, tz_error *error) {
    if (words->n != 1) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%d datasets are named (expected one: a Minari folder or an HDF5 file)",
                       words->n);
    }
    *path = words->item[0];
    return TZ_OK;
}

// ---- info

static struct json_object *range_json(const char *name, const tz_range *range) {
    struct json_object *object = json_object_new_object();
    tz_json_add_text(object, "name", name);
    tz_json_add_real(object, "low", range->low);
    tz_json_add_real(object, "high", range->high);
    tz_json_add_real(object, "mean", range->mean);
    tz_json_add_real(object, "std", range->std);
    return object;
}

static void print_info_json(const char *path, const tz_dataset *dataset, const tz_task *task,
                            const tz_dataset_summary *s) {
    struct json_object *object = json_object_new_object(), *z = json_object_new_array(),
                       *u = json_object_new_array(), *episodes = json_object_new_array();
    char name[TZ_NAME_MAX + 8];
    for (int i = 0; i < dataset->nz; i++) {
        coordinate_name(name, task, dataset->nq, i);
        json_object_array_add(z, range_json(name, &s->z[i]));
    }
    for (int i = 0; i < dataset->nu; i++) {
        snprintf(name, sizeof name, "u[%d]", i);
        json_object_array_add(u, range_json(name, &s->u[i]));
    }
    for (int e = 0; e < dataset->n_episodes; e++) {
        struct json_object *episode = json_object_new_object();
        tz_json_add_int(episode, "steps", tz_dataset_length(dataset, e));
        tz_json_add_real(episode, "return", tz_dataset_return(dataset, e));
        tz_json_add_int(episode, "policy", dataset->origin[e].policy);
        tz_json_add_real(episode, "noise", dataset->origin[e].noise);
        json_object_array_add(episodes, episode);
    }
    tz_json_add_text(object, "data", path);
    tz_json_add_text(object, "sha256", dataset->sha256);
    tz_json_add_text(object, "env", dataset->env);
    tz_json_add_int(object, "nq", dataset->nq);
    tz_json_add_int(object, "nv", dataset->nv);
    tz_json_add_int(object, "nu", dataset->nu);
    tz_json_add_real(object, "dt", dataset->dt_s);
    tz_json_add_int(object, "episodes", s->episodes);
    tz_json_add_int(object, "steps", (long long)s->steps);
    tz_json_add_real(object, "return_mean", s->return_mean);
    tz_json_add_real(object, "return_std", s->return_std);
    tz_json_add_real(object, "return_low", s->return_low);
    tz_json_add_real(object, "return_high", s->return_high);
    tz_json_add_real(object, "length_mean", s->length_mean);
    tz_json_add_int(object, "length_low", s->length_low);
    tz_json_add_int(object, "length_high", s->length_high);
    tz_json_add_int(object, "terminated", s->terminated);
    tz_json_add_int(object, "truncated", s->truncated);
    tz_json_add_int(object, "unstable", s->unstable);
    json_object_object_add(object, "z", z);
    json_object_object_add(object, "u", u);
    json_object_object_add(object, "per_episode", episodes);
    json_object_object_add(object, "config",
                           dataset->config ? json_tokener_parse(dataset->config) : NULL);
    print_and_put(object);
}

static void print_range(const char *name, const tz_range *range) {
    printf("  %-16s %12.4g %12.4g %12.4g %12.4g\n", name, range->low, range->high, range->mean,
           range->std);
}

static void print_info_text(const char *path, const tz_dataset *dataset, const tz_task *task,
                            const tz_dataset_summary *s) {
    printf("%s: %s, nq %d, nv %d, nu %d, dt %g s\n", path,
           dataset->env[0] ? dataset->env : "unknown environment", dataset->nq, dataset->nv,
           dataset->nu, dataset->dt_s);
    printf("episodes  %d, %zu steps, length %.1f (%d to %d)\n", s->episodes, s->steps,
           s->length_mean, s->length_low, s->length_high);
    printf("return    %.2f +- %.2f (%.2f to %.2f)\n", s->return_mean, s->return_std, s->return_low,
           s->return_high);
    printf("ends      %d terminated, %d truncated, %d cut where unstable\n", s->terminated,
           s->truncated, s->unstable);
    if (dataset->config) {
        printf("made by   %s\n", dataset->config);
    }
    printf("\n  %-16s %12s %12s %12s %12s\n", "coordinate", "low", "high", "mean", "std");
    char name[TZ_NAME_MAX + 8];
    for (int i = 0; i < dataset->nz; i++) {
        coordinate_name(name, task, dataset->nq, i);
        print_range(name, &s->z[i]);
    }
    for (int i = 0; i < dataset->nu; i++) {
        snprintf(name, sizeof name, "u[%d]", i);
        print_range(name, &s->u[i]);
    }
}

static tz_status run_info(const char *path, const char *env_name, bool json, tz_error *error) {
    tz_dataset *dataset;
    tz_env *env;
    TZ_CHECK(tz_dataset_read(&dataset, path, env_name, error));
    tz_status status = find_env(dataset, &env, error);
    if (status == TZ_OK) {
        const tz_task *task = env ? tz_env_task(env) : NULL;
        tz_dataset_summary summary;
        tz_dataset_summarise(dataset, &summary);
        if (json) {
            print_info_json(path, dataset, task, &summary);
        } else {
            print_info_text(path, dataset, task, &summary);
        }
    }
    tz_env_destroy(env);
    tz_dataset_destroy(dataset);
    return status;
}

static int info_main(int argc, char **argv);
static const tz_command command_info = {
    .name = "data info",
    .summary = "episodes, returns, lengths, ends, and the range of every coordinate",
    .usage = "trapeze data info D [--env E] [--json]",
    .example = "trapeze data info runs/cheetah-v0",
    .run = info_main,
};

static int info_main(int argc, char **argv) {
    const char *env = NULL, *path = NULL;
    bool json = false, help;
    tz_option options[] = {
        {"--env", TZ_OPTION_TEXT, &env, "E",
         .help = "environment of a file that does not name its own"},
        {"--json", TZ_OPTION_FLAG, &json, .help = "print one JSON object"},
    };
    tz_text_list words = {0};
    tz_error error;
    tz_status status = tz_options_parse(&command_info, options, TZ_COUNTOF(options), argc, argv,
                                        &words, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    status = status == TZ_OK ? expect_one(&words, &path, &error) : status;
    status = status == TZ_OK ? run_info(path, env, json, &error) : status;
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&command_info, &error);
}

// ---- validate

typedef struct faults {
    long n;
    bool json;
    struct {
        const char *rule;
        long n;
    } rule[RULES_MAX];
    int n_rules;
    struct json_object *list;
} faults;

static void count_rule(faults *f, const char *rule) {
    int i = 0;
    while (i < f->n_rules && strcmp(f->rule[i].rule, rule) != 0) {
        i++;
    }
    if (i == f->n_rules && i < RULES_MAX) {
        f->rule[f->n_rules++].rule = rule;
    }
    if (i < RULES_MAX) {
        f->rule[i].n++;
    }
}

static void take_fault(void *context, const tz_fault *fault) {
    faults *f = context;
    count_rule(f, fault->rule);
    if (f->n++ >= FAULTS_SHOWN) {
        return;
    }
    if (f->json) {
        struct json_object *object = json_object_new_object();
        tz_json_add_text(object, "rule", fault->rule);
        tz_json_add_int(object, "episode", fault->episode);
        tz_json_add_int(object, "step", fault->step);
        tz_json_add_text(object, "text", fault->text);
        json_object_array_add(f->list, object);
        return;
    }
    printf("%s: ", fault->rule);
    if (fault->episode >= 0) {
        printf("episode %d", fault->episode);
        printf(fault->step >= 0 ? ", step %ld: " : ": ", fault->step);
    }
    printf("%s\n", fault->text);
}

static void print_verdict(const char *path, const tz_dataset *dataset, faults *f) {
    if (!f->json) {
        if (f->n > FAULTS_SHOWN) {
            printf("... and %ld more\n", f->n - FAULTS_SHOWN);
        }
        printf("%s: %d episodes, %zu steps: ", path, dataset->n_episodes, dataset->n_steps);
        printf(f->n == 0 ? "every rule is kept\n" : "%ld broken rules\n", f->n);
        return;
    }
    struct json_object *object = json_object_new_object(), *rules = json_object_new_object();
    for (int i = 0; i < f->n_rules; i++) {
        tz_json_add_int(rules, f->rule[i].rule, f->rule[i].n);
    }
    tz_json_add_text(object, "data", path);
    tz_json_add_text(object, "sha256", dataset->sha256);
    tz_json_add_text(object, "env", dataset->env);
    tz_json_add_int(object, "episodes", dataset->n_episodes);
    tz_json_add_int(object, "steps", (long long)dataset->n_steps);
    tz_json_add_bool(object, "valid", f->n == 0);
    tz_json_add_int(object, "n_faults", f->n);
    json_object_object_add(object, "rules", rules);
    json_object_object_add(object, "faults", json_object_get(f->list));
    print_and_put(object);
}

static tz_status run_validate(const char *path, const char *env, faults *f, tz_error *error) {
    tz_dataset *dataset;
    TZ_CHECK(tz_dataset_read_tolerant(&dataset, path, env, take_fault, f, error));
    const tz_status status = tz_dataset_validate(dataset, take_fault, f, error);
    if (status == TZ_OK) {
        print_verdict(path, dataset, f);
    }
    tz_dataset_destroy(dataset);
    return status;
}

static int validate_main(int argc, char **argv);
static const tz_command command_validate = {
    .name = "data validate",
    .summary =
        "check every rule of a dataset, rewards and ends recomputed; exit status 1 if broken",
    .usage = "trapeze data validate D [--env E] [--json]",
    .example = "trapeze data validate runs/cheetah-v0",
    .run = validate_main,
};

static int validate_main(int argc, char **argv) {
    const char *env = NULL, *path = NULL;
    bool help;
    faults f = {0};
    tz_option options[] = {
        {"--env", TZ_OPTION_TEXT, &env, "E",
         .help = "environment of a file that does not name its own"},
        {"--json", TZ_OPTION_FLAG, &f.json, .help = "print one JSON object"},
    };
    tz_text_list words = {0};
    tz_error error;
    tz_status status = tz_options_parse(&command_validate, options, TZ_COUNTOF(options), argc, argv,
                                        &words, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    f.list = json_object_new_array();
    status = status == TZ_OK ? expect_one(&words, &path, &error) : status;
    status = status == TZ_OK ? run_validate(path, env, &f, &error) : status;
    json_object_put(f.list);
    if (status != TZ_OK) {
        return tz_cli_fail(&command_validate, &error);
    }
    return f.n == 0 ? TZ_EXIT_OK : TZ_EXIT_CHECK_FAILED;
}

// ---- split

typedef struct split_arguments {
    const char *env, *out_train, *out_test;
    double fraction;
    uint64_t seed;
    bool json;
} split_arguments;

// What made a part: the split, and what made the whole.
static struct json_object *part_config(const tz_dataset *dataset, const split_arguments *a,
                                       const char *part) {
    struct json_object *config = json_object_new_object();
    tz_json_add_text(config, "part", part);
    tz_json_add_real(config, "fraction", a->fraction);
    tz_json_add_u64(config, "seed", a->seed);
    tz_json_add_text(config, "of_sha256", dataset->sha256);
    json_object_object_add(config, "of",
                           dataset->config ? json_tokener_parse(dataset->config) : NULL);
    return config;
}

static tz_episode view_episode(const tz_dataset *dataset, int e) {
    const size_t at = dataset->step_offset[e];
    const tz_origin *origin = &dataset->origin[e];
    return (tz_episode){.T = tz_dataset_length(dataset, e),
                        .z = tz_dataset_states(dataset, e),
                        .u = tz_dataset_controls(dataset, e),
                        .reward = dataset->reward + at,
                        .terminated = dataset->terminated + at,
                        .truncated = dataset->truncated + at,
                        .seed = origin->seed,
                        .episode = origin->episode,
                        .unseeded = !origin->known,
                        .policy = origin->policy,
                        .noise = origin->noise,
                        .unstable = origin->unstable};
}

// Writes the episodes with is_test[e] == test.
static tz_status write_part(const tz_dataset *dataset, const tz_task *task,
                            const split_arguments *a, const unsigned char *is_test, bool test,
                            tz_error *error) {
    struct json_object *config = part_config(dataset, a, test ? "test" : "train");
    tz_writer_def def = tz_writer_def_default();
    def.folder = test ? a->out_test : a->out_train;
    def.config_json = json_object_to_json_string_ext(config, JSON_C_TO_STRING_PLAIN);
    def.description = test ? "Held-out part of a dataset." : "Training part of a dataset.";
    tz_writer *writer;
    tz_status status = tz_writer_create(&writer, &def, task, error);
    json_object_put(config);
    TZ_CHECK(status);
    int n = 0;
    for (int e = 0; e < dataset->n_episodes && status == TZ_OK; e++) {
        if (is_test[e] == test) {
            const tz_episode episode = view_episode(dataset, e);
            status = tz_writer_put(writer, n++, &episode, error);
        }
    }
    status = status == TZ_OK ? tz_writer_finish(writer, n, error) : status;
    tz_writer_destroy(writer);
    return status;
}

static tz_status write_config(const char *folder, int argc, char **argv, const split_arguments *a,
                              const tz_dataset *dataset, const char *path, tz_error *error) {
    char file[TZ_PATH_MAX];
    struct json_object *config = tz_config_new(argc, argv, a->seed),
                       *inputs = json_object_new_object(), *input = json_object_new_object();
    tz_json_add_text(input, "path", path);
    tz_json_add_text(input, "sha256", dataset->sha256);
    json_object_object_add(inputs, "data", input);
    json_object_object_add(config, "inputs", inputs);
    tz_json_add_real(config, "fraction", a->fraction);
    tz_status status = tz_path_join(file, folder, "config.json", error);
    status = status == TZ_OK ? tz_json_write(file, config, error) : status;
    json_object_put(config);
    return status;
}

static void print_split(const split_arguments *a, int n_train, int n_test) {
    if (!a->json) {
        printf("%s: %d episodes\n%s: %d episodes\n", a->out_train, n_train, a->out_test, n_test);
        return;
    }
    struct json_object *object = json_object_new_object();
    tz_json_add_text(object, "train", a->out_train);
    tz_json_add_int(object, "train_episodes", n_train);
    tz_json_add_text(object, "test", a->out_test);
    tz_json_add_int(object, "test_episodes", n_test);
    print_and_put(object);
}

static tz_status split(const tz_dataset *dataset, const tz_task *task, const split_arguments *a,
                       const char *path, int argc, char **argv, tz_error *error) {
    const int n = dataset->n_episodes;
    if (n < 2) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "%s: has 1 episode (a split needs at least 2)",
                       path);
    }
    unsigned char *is_test = tz_alloc((size_t)n, 1);
    if (!is_test) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory to split %d episodes", path, n);
    }
    tz_dataset_split(dataset, is_test, a->fraction, a->seed);
    int n_test = 0;
    for (int e = 0; e < n; e++) {
        n_test += is_test[e];
    }
    tz_status status = TZ_OK;
    for (int test = 0; test < 2 && status == TZ_OK; test++) {
        status = write_part(dataset, task, a, is_test, test, error);
        if (status == TZ_OK) {
            status = write_config(test ? a->out_test : a->out_train, argc, argv, a, dataset, path,
                                  error);
        }
    }
    tz_free(is_test);
    if (status == TZ_OK) {
        print_split(a, n - n_test, n_test);
    }
    return status;
}

static tz_status run_split(const char *path, const split_arguments *a, int argc, char **argv,
                           tz_error *error) {
    tz_dataset *dataset;
    tz_env *env;
    TZ_CHECK(tz_dataset_read(&dataset, path, a->env, error));
    tz_status status = find_env(dataset, &env, error);
    if (status == TZ_OK && !env) {
        status = tz_fail(error, TZ_ERR_ARGUMENT,
                         "%s: does not say its environment (give it with --env)", path);
    }
    if (status == TZ_OK) {
        status = split(dataset, tz_env_task(env), a, path, argc, argv, error);
    }
    tz_env_destroy(env);
    tz_dataset_destroy(dataset);
    return status;
}

static int split_main(int argc, char **argv);
static const tz_command command_split = {
    .name = "data split",
    .summary = "write two datasets, split by whole episodes",
    .usage = "trapeze data split D --out-train A --out-test B [--fraction F] [--seed K]",
    .example = "trapeze data split runs/cheetah-v0 --fraction 0.1 --out-train runs/train-v0 "
               "--out-test runs/test-v0",
    .run = split_main,
};

static int split_main(int argc, char **argv) {
    split_arguments a = {.fraction = 0.1};
    const char *path = NULL;
    bool help;
    tz_option options[] = {
        {"--out-train", TZ_OPTION_TEXT, &a.out_train, "A", .help = "folder of the larger part",
         .required = true},
        {"--out-test", TZ_OPTION_TEXT, &a.out_test, "B", .help = "folder of the held-out part",
         .required = true},
        {"--fraction", TZ_OPTION_REAL, &a.fraction, "F", .help = "share of the held-out episodes",
         .max = 1},
        {"--seed", TZ_OPTION_U64, &a.seed, "K", .help = "seed of the choice"},
        {"--env", TZ_OPTION_TEXT, &a.env, "E",
         .help = "environment of a file that does not name its own"},
        {"--json", TZ_OPTION_FLAG, &a.json, .help = "print one JSON object"},
    };
    tz_text_list words = {0};
    tz_error error;
    tz_status status = tz_options_parse(&command_split, options, TZ_COUNTOF(options), argc, argv,
                                        &words, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    status = status == TZ_OK ? expect_one(&words, &path, &error) : status;
    status = status == TZ_OK ? run_split(path, &a, argc, argv, &error) : status;
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&command_split, &error);
}

// ---- replay

static int compare_ints(const void *a, const void *b) {
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

// Least and median number of leading steps within bound b over all episodes.
static void steps_within(const tz_replay *replays, int n, int b, int *scratch, int *least,
                         int *median) {
    for (int e = 0; e < n; e++) {
        scratch[e] = replays[e].steps_within[b];
    }
    qsort(scratch, (size_t)n, sizeof *scratch, compare_ints);
    *least = scratch[0];
    *median = scratch[n / 2];
}

typedef struct replay_summary {
    int from_reset, starts_equal, exact;
    double final_difference_max;
    int least[TZ_N_REPLAY_BOUNDS], median[TZ_N_REPLAY_BOUNDS];
} replay_summary;

static replay_summary summarise_replays(const tz_replay *replays, int n, int *scratch) {
    replay_summary s = {0};
    for (int e = 0; e < n; e++) {
        s.from_reset += replays[e].from_reset;
        s.starts_equal += replays[e].start_equal;
        s.exact += replays[e].max_difference == 0;
        if (replays[e].final_difference > s.final_difference_max) {
            s.final_difference_max = replays[e].final_difference;
        }
    }
    for (int b = 0; b < TZ_N_REPLAY_BOUNDS; b++) {
        steps_within(replays, n, b, scratch, &s.least[b], &s.median[b]);
    }
    return s;
}

static struct json_object *replay_json(const tz_replay *replay) {
    struct json_object *object = json_object_new_object(), *within = json_object_new_array();
    for (int b = 0; b < TZ_N_REPLAY_BOUNDS; b++) {
        json_object_array_add(within, json_object_new_int(replay->steps_within[b]));
    }
    tz_json_add_int(object, "steps", replay->T);
    tz_json_add_bool(object, "from_reset", replay->from_reset);
    tz_json_add_bool(object, "start_equal", replay->start_equal);
    json_object_object_add(object, "steps_within", within);
    tz_json_add_real(object, "max_difference", replay->max_difference);
    tz_json_add_real(object, "final_difference", replay->final_difference);
    return object;
}

static void print_replays_json(const char *path, const tz_replay *replays, int n,
                               const replay_summary *s) {
    struct json_object *object = json_object_new_object(), *bounds = json_object_new_array(),
                       *least = json_object_new_array(), *median = json_object_new_array(),
                       *episodes = json_object_new_array();
    for (int b = 0; b < TZ_N_REPLAY_BOUNDS; b++) {
        json_object_array_add(bounds, tz_json_real(tz_replay_bounds[b]));
        json_object_array_add(least, json_object_new_int(s->least[b]));
        json_object_array_add(median, json_object_new_int(s->median[b]));
    }
    for (int e = 0; e < n; e++) {
        json_object_array_add(episodes, replay_json(&replays[e]));
    }
    tz_json_add_text(object, "data", path);
    tz_json_add_int(object, "episodes", n);
    tz_json_add_int(object, "from_reset", s->from_reset);
    tz_json_add_int(object, "starts_equal", s->starts_equal);
    tz_json_add_int(object, "exact", s->exact);
    json_object_object_add(object, "bounds", bounds);
    json_object_object_add(object, "steps_within_least", least);
    json_object_object_add(object, "steps_within_median", median);
    tz_json_add_real(object, "final_difference_max", s->final_difference_max);
    json_object_object_add(object, "per_episode", episodes);
    print_and_put(object);
}

static void print_replays_text(const char *path, const tz_replay *replays, int n,
                               const replay_summary *s) {
    printf("%-8s %-9s %7s %9s %9s %9s %11s\n", "episode", "start", "steps", "<= 1e-9", "<= 1e-6",
           "<= 1e-3", "final");
    for (int e = 0; e < n; e++) {
        const tz_replay *replay = &replays[e];
        const char *start = !replay->from_reset ? "put" : replay->start_equal ? "reset" : "differs";
        printf("%-8d %-9s %7d %9d %9d %9d %11.3g\n", e, start, replay->T, replay->steps_within[0],
               replay->steps_within[1], replay->steps_within[2], replay->final_difference);
    }
    printf("%s: %d of %d episodes replay exactly; largest final difference %.3g\n", path, s->exact,
           n, s->final_difference_max);
}

static tz_status run_replay(const char *path, const char *env, int threads, bool json,
                            tz_error *error) {
    tz_dataset *dataset;
    tz_team *team = NULL;
    TZ_CHECK(tz_dataset_read(&dataset, path, env, error));
    const size_t n = (size_t)dataset->n_episodes;
    tz_replay *replays = tz_alloc(n, sizeof *replays);
    int *scratch = tz_alloc(n, sizeof *scratch);
    tz_status status = replays && scratch
                           ? tz_team_create(&team, threads, error)
                           : tz_fail(error, TZ_ERR_MEMORY, "%s: no memory to replay it", path);
    status = status == TZ_OK ? tz_dataset_replay(dataset, replays, team, error) : status;
    if (status == TZ_OK) {
        const replay_summary summary = summarise_replays(replays, (int)n, scratch);
        if (json) {
            print_replays_json(path, replays, (int)n, &summary);
        } else {
            print_replays_text(path, replays, (int)n, &summary);
        }
    }
    tz_team_destroy(team);
    tz_free(scratch);
    tz_free(replays);
    tz_dataset_destroy(dataset);
    return status;
}

static int replay_main(int argc, char **argv);
static const tz_command command_replay = {
    .name = "data replay",
    .summary = "simulate every episode again and say for how many steps it agrees",
    .usage = "trapeze data replay D [--env E] [--threads N] [--json]",
    .example = "trapeze data replay runs/cheetah-v0",
    .run = replay_main,
};

static int replay_main(int argc, char **argv) {
    const char *env = NULL, *path = NULL;
    int threads = 0;
    bool json = false, help;
    tz_option options[] = {
        {"--env", TZ_OPTION_TEXT, &env, "E",
         .help = "environment of a file that does not name its own"},
        {"--threads", TZ_OPTION_INT, &threads, "N", .help = "threads, 0 is one per processor",
         .max = 1024},
        {"--json", TZ_OPTION_FLAG, &json, .help = "print one JSON object"},
    };
    tz_text_list words = {0};
    tz_error error;
    tz_status status = tz_options_parse(&command_replay, options, TZ_COUNTOF(options), argc, argv,
                                        &words, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    status = status == TZ_OK ? expect_one(&words, &path, &error) : status;
    status = status == TZ_OK ? run_replay(path, env, threads, json, &error) : status;
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&command_replay, &error);
}

// ---- the verbs

static const tz_command *const verbs[] = {&command_info, &command_validate, &command_split,
                                          &command_replay};

static int data_main(int argc, char **argv) {
    if (argc > 1) {
        for (size_t i = 0; i < TZ_COUNTOF(verbs); i++) {
            // "data info" without its first word
            if (strcmp(argv[1], verbs[i]->name + strlen("data ")) == 0) {
                return verbs[i]->run(argc - 1, argv + 1);
            }
        }
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
            printf("%s\n\nUsage:\n  %s\n\nVerbs:\n", tz_command_data.summary,
                   tz_command_data.usage);
            for (size_t i = 0; i < TZ_COUNTOF(verbs); i++) {
                printf("  %-9s %s\n", verbs[i]->name + strlen("data "), verbs[i]->summary);
            }
            printf("\n`trapeze data VERB --help` explains one of them.\n\nExample:\n  %s\n",
                   tz_command_data.example);
            return TZ_EXIT_OK;
        }
    }
    tz_error error;
    tz_fail(&error, TZ_ERR_ARGUMENT, "%s%s%s (expected info, validate, split or replay)",
            argc > 1 ? "unknown verb '" : "a verb is missing", argc > 1 ? argv[1] : "",
            argc > 1 ? "'" : "");
    return tz_cli_fail(&tz_command_data, &error);
}

const tz_command tz_command_data = {
    .name = "data",
    .summary = "look at a dataset, check it, split it, replay it",
    .usage = "trapeze data info|validate|split|replay D [options]",
    .example = "trapeze data validate runs/cheetah-v0",
    .run = data_main,
};
