// trapeze data validate: every rule of a dataset, recomputed.
#include "cli/data.h"

#include "base/json.h"
#include "base/printable.h"
#include "data/check.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

// Faults printed and listed one by one; all are counted.
enum { FAULTS_SHOWN = 50, RULES_MAX = 16 };

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
    tz_put_printable(stdout, fault->text);
    printf("\n");
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
    tz_json_add_env(object, dataset->env, dataset->env_arguments);
    tz_json_add_int(object, "episodes", dataset->n_episodes);
    tz_json_add_int(object, "steps", (long long)dataset->n_steps);
    tz_json_add_bool(object, "valid", f->n == 0);
    tz_json_add_int(object, "n_faults", f->n);
    json_object_object_add(object, "rules", rules);
    json_object_object_add(object, "faults", json_object_get(f->list));
    tz_data_print(object);
}

static tz_status run_validate(const char *path, const char *env, faults *f, tz_error *error) {
    tz_dataset *dataset;
    TZ_CHECK(tz_dataset_read_tolerant(&dataset, path, env, take_fault, f, error));
    const tz_status status = tz_dataset_validate(dataset, path, take_fault, f, error);
    if (status == TZ_OK) {
        print_verdict(path, dataset, f);
    }
    tz_dataset_destroy(dataset);
    return status;
}

static int validate_main(int argc, char **argv);
const tz_command tz_command_data_validate = {
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
    tz_status status = tz_options_parse(&tz_command_data_validate, options, TZ_COUNTOF(options),
                                        argc, argv, &words, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    f.list = json_object_new_array();
    status = status == TZ_OK ? tz_data_expect_one(&words, &path, &error) : status;
    status = status == TZ_OK ? run_validate(path, env, &f, &error) : status;
    json_object_put(f.list);
    if (status != TZ_OK) {
        return tz_cli_fail(&tz_command_data_validate, &error);
    }
    return f.n == 0 ? TZ_EXIT_OK : TZ_EXIT_CHECK_FAILED;
}
