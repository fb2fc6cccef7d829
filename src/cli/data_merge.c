// trapeze data merge: several datasets of one environment as one.
#include "cli/data.h"

#include "base/json.h"
#include "data/writer.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

typedef struct arguments {
    const char *env, *out;
    bool json;
    int argc;
    char **argv;
} arguments;

// Adds the parts of a dataset that is a merged one itself: they stand for it.
static bool add_parts_of(struct json_object *of, struct json_object *config) {
    struct json_object *parts = NULL;
    if (!json_object_is_type(config, json_type_object) ||
        !json_object_object_get_ex(config, "merged", &parts) ||
        !json_object_is_type(parts, json_type_array)) {
        return false;
    }
    for (size_t i = 0; i < json_object_array_length(parts); i++) {
        json_object_array_add(of, json_object_get(json_object_array_get_idx(parts, i)));
    }
    return true;
}

// What made the whole: the configurations of the parts, and the policies of all of them in order.
// first_policy (n + 1) is where each part's policies begin in that list, and its end.
static struct json_object *merged_config(tz_dataset *const *parts, int n, int *first_policy) {
    struct json_object *config = json_object_new_object(), *of = json_object_new_array(),
                       *all = json_object_new_array();
    for (int i = 0; i < n; i++) {
        struct json_object *own = tz_data_config_of(parts[i]);
        struct json_object *policies = tz_data_policies_of(own);
        first_policy[i] = (int)json_object_array_length(all);
        for (size_t k = 0; policies != NULL && k < json_object_array_length(policies); k++) {
            json_object_array_add(all, json_object_get(json_object_array_get_idx(policies, k)));
        }
        if (add_parts_of(of, own)) {
            json_object_put(own);
            continue;
        }
        struct json_object *part = json_object_new_object();
        tz_json_add_text(part, "sha256", parts[i]->sha256);
        tz_json_add_int(part, "episodes", parts[i]->n_episodes);
        json_object_object_add(part, "config", own);
        json_object_array_add(of, part);
    }
    first_policy[n] = (int)json_object_array_length(all);
    tz_json_add_env(config, parts[0]->env, parts[0]->env_arguments);
    json_object_object_add(config, "policies", all);
    json_object_object_add(config, "merged", of);
    return config;
}

static const char *arguments_of(const tz_dataset *dataset) {
    return dataset->env_arguments[0] != '\0' ? dataset->env_arguments : "the default arguments";
}

static tz_status check_parts(tz_dataset *const *parts, const tz_text_list *paths, tz_error *error) {
    const tz_dataset *first = parts[0];
    for (int i = 1; i < paths->n; i++) {
        const tz_dataset *part = parts[i];
        if (!tz_dataset_same_env(part, first) || part->nz != first->nz || part->nu != first->nu ||
            part->dt_s != first->dt_s || part->ends_early != first->ends_early) {
            return tz_fail(error, TZ_ERR_MISMATCH,
                           "%s: of %s with %d states, %d controls, dt %g s%s, but %s is of %s with "
                           "%d, %d, %g s%s: expected one environment under one end rule",
                           paths->item[i], part->env, part->nz, part->nu, part->dt_s,
                           part->ends_early ? "" : " without early ends", paths->item[0],
                           first->env, first->nz, first->nu, first->dt_s,
                           first->ends_early ? "" : " without early ends");
        }
        if (strcmp(part->env_arguments, first->env_arguments) != 0) {
            return tz_fail(error, TZ_ERR_MISMATCH,
                           "%s: recorded with %s, but %s with %s: expected equal arguments of %s",
                           paths->item[i], arguments_of(part), paths->item[0], arguments_of(first),
                           first->env);
        }
        for (int k = 0; k < i; k++) {
            if (strcmp(part->sha256, parts[k]->sha256) == 0) {
                return tz_fail(error, TZ_ERR_ARGUMENT, "%s and %s hold the same data",
                               paths->item[k], paths->item[i]);
            }
        }
    }
    return TZ_OK;
}

// The task that the parts were collected in, with the longest of their time limits.
static tz_status open_task(tz_dataset *const *parts, const tz_text_list *paths, tz_env **env,
                           tz_error *error) {
    int longest = 0;
    for (int i = 0; i < paths->n; i++) {
        longest = parts[i]->max_episode_steps > longest ? parts[i]->max_episode_steps : longest;
    }
    parts[0]->max_episode_steps = longest;
    return tz_dataset_need_env(env, parts[0], paths->item[0], error);
}

static tz_status write_parts(tz_dataset *const *parts, int n, const tz_task *task,
                             const arguments *a, int *n_episodes, tz_error *error) {
    int first_policy[TZ_LIST_MAX + 1];
    struct json_object *config = merged_config(parts, n, first_policy);
    char mujoco[TZ_VERSIONS_MAX] = "";
    for (int i = 0; i < n; i++) {
        tz_versions_add(mujoco, parts[i]->mujoco);
    }
    tz_writer_def def = tz_writer_def_default();
    def.mujoco = mujoco;
    def.folder = a->out;
    def.config_json = json_object_to_json_string_ext(config, JSON_C_TO_STRING_PLAIN);
    def.description = "Several datasets as one.";
    tz_writer *writer = NULL;
    tz_status status = tz_data_create_writer(&writer, &def, task, error);
    json_object_put(config);
    TZ_CHECK(status);
    *n_episodes = 0;
    for (int i = 0; i < n; i++) {
        for (int e = 0; e < parts[i]->n_episodes && status == TZ_OK; e++) {
            tz_episode episode = tz_dataset_episode(parts[i], e);
            // one that the part does not list is nobody's
            const int n_policies = first_policy[i + 1] - first_policy[i];
            const bool is_listed = episode.policy >= 0 && episode.policy < n_policies;
            episode.policy = is_listed ? first_policy[i] + episode.policy : -1;
            status = tz_writer_put(writer, (*n_episodes)++, &episode, error);
        }
    }
    status = status == TZ_OK ? tz_writer_finish(writer, *n_episodes, error) : status;
    tz_writer_destroy(writer);
    return status;
}

static tz_status write_config(const arguments *a, tz_dataset *const *parts,
                              const tz_text_list *paths, tz_error *error) {
    struct json_object *config = tz_data_config_new(a->argc, a->argv, 0);
    for (int i = 0; i < paths->n; i++) {
        char name[16];
        snprintf(name, sizeof name, "data-%d", i);
        tz_data_add_input(config, name, paths->item[i], parts[i]);
    }
    return tz_data_write_config(a->out, config, error);
}

static tz_status merge(tz_dataset **parts, const tz_text_list *paths, const arguments *a,
                       tz_error *error) {
    for (int i = 0; i < paths->n; i++) {
        TZ_CHECK(tz_dataset_read(&parts[i], paths->item[i], a->env, error));
    }
    TZ_CHECK(check_parts(parts, paths, error));
    tz_env *env = NULL;
    int n_episodes = 0;
    size_t n_steps = 0;
    tz_status status = open_task(parts, paths, &env, error);
    if (status == TZ_OK) {
        status = write_parts(parts, paths->n, tz_env_task(env), a, &n_episodes, error);
    }
    tz_env_destroy(env);
    TZ_CHECK(status);
    TZ_CHECK(write_config(a, parts, paths, error));
    for (int i = 0; i < paths->n; i++) {
        n_steps += parts[i]->n_steps;
    }
    if (!a->json) {
        printf("%s: %d episodes, %zu steps\n", a->out, n_episodes, n_steps);
        return TZ_OK;
    }
    struct json_object *object = json_object_new_object();
    tz_json_add_text(object, "data", a->out);
    tz_json_add_int(object, "episodes", n_episodes);
    tz_json_add_int(object, "steps", (long long)n_steps);
    tz_data_print(object);
    return TZ_OK;
}

static int merge_main(int argc, char **argv);
const tz_command tz_command_data_merge = {
    .name = "data merge",
    .summary = "several datasets of one environment as one",
    .usage = "trapeze data merge D1 D2 ... --out D [--env E]",
    .example = "trapeze data merge runs/a-v0 runs/b-v0 --out runs/all-v0",
    .run = merge_main,
};

static int merge_main(int argc, char **argv) {
    arguments a = {.argc = argc, .argv = argv};
    bool help;
    tz_option options[] = {
        {"--out", TZ_OPTION_TEXT, &a.out, "D", .help = "folder of the merged dataset",
         .required = true},
        {"--env", TZ_OPTION_TEXT, &a.env, "E",
         .help = "environment of files that do not name their own"},
        {"--json", TZ_OPTION_FLAG, &a.json, .help = "print one JSON object"},
    };
    tz_text_list paths = {0};
    tz_dataset *parts[TZ_LIST_MAX] = {NULL};
    tz_error error;
    tz_status status = tz_options_parse(&tz_command_data_merge, options, TZ_COUNTOF(options), argc,
                                        argv, &paths, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    if (status == TZ_OK && paths.n < 2) {
        status =
            tz_fail(&error, TZ_ERR_ARGUMENT, "%d datasets are named (expected 2 or more)", paths.n);
    }
    status = status == TZ_OK ? merge(parts, &paths, &a, &error) : status;
    for (int i = 0; i < paths.n; i++) {
        tz_dataset_destroy(parts[i]);
    }
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_data_merge, &error);
}
