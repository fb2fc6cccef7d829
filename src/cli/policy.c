// trapeze policy: what a policy file is, and policies in other forms.
#include "base/json.h"
#include "base/printable.h"
#include "base/run_folder.h"
#include "cli/cli.h"
#include "policies/export_c.h"
#include "policies/policy_file.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

// The one file that a verb is about.
static tz_status expect_one(const tz_text_list *words, char path[TZ_PATH_MAX], tz_error *error) {
    if (words->n != 1) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "%d policies are named (expected one)", words->n);
    }
    return tz_policy_find_file(path, words->item[0], error);
}

// ---- info

// What made the policy, as far as its file says.
static const char *const note_keys[] = {"command", "env_arguments", "seed", "steps", "return_mean"};

// A word of the file: a number where it is one.
static struct json_object *note_json(const char *word) {
    struct json_object *object = tz_json_parse(word);
    const bool is_number =
        json_object_is_type(object, json_type_int) ||
        (json_object_is_type(object, json_type_double) && isfinite(json_object_get_double(object)));
    if (is_number && strcmp(json_object_to_json_string(object), word) == 0) {
        return object;
    }
    json_object_put(object);
    return tz_json_text(word);
}

// Calls `tell` with each note, NULL where the file does not have it.
static void for_notes(const char *path,
                      void (*tell)(void *context, const char *key, const char *word),
                      void *context) {
    tz_safetensors *file = NULL;
    const bool is_open = tz_safetensors_read(&file, path, NULL) == TZ_OK;
    for (size_t i = 0; i < TZ_COUNTOF(note_keys); i++) {
        tell(context, note_keys[i], is_open ? tz_safetensors_metadata(file, note_keys[i]) : NULL);
    }
    if (is_open) {
        tz_safetensors_destroy(file);
    }
}

static void add_note(void *context, const char *key, const char *word) {
    json_object_object_add(context, key, word != NULL ? note_json(word) : NULL);
}

static struct json_object *describe(const char *path, const tz_policy_file *file) {
    const tz_network *net = &file->actor.net;
    struct json_object *object = json_object_new_object(), *layers = json_object_new_array();
    for (int layer = 0; layer < net->n_layers - 1; layer++) {
        json_object_array_add(layers, json_object_new_int(net->n_out[layer]));
    }
    tz_json_add_text(object, "policy", path);
    tz_json_add_text(object, "kind", file->kind);
    tz_json_add_text(object, "sha256", file->sha256);
    tz_json_add_text(object, "env", file->env[0] != '\0' ? file->env : NULL);
    tz_json_add_int(object, "observations", net->n_in);
    tz_json_add_int(object, "controls", file->nu);
    json_object_object_add(object, "hidden", layers);
    tz_json_add_text(object, "activation", tz_activation_name(net->activation));
    tz_json_add_text(object, "squash", tz_output_name(file->actor.output));
    tz_json_add_text(object, "log_std", tz_sigma_name(file->actor.sigma));
    tz_json_add_bool(object, "normalised", file->actor.normaliser.n > 0);
    tz_json_add_text(object, "statistics", file->statistics[0] != '\0' ? file->statistics : NULL);
    for_notes(path, add_note, object);
    return object;
}

static void print_line(const char *what, const char *text) {
    printf("%-12s ", what);
    tz_put_printable(stdout, text);
    printf("\n");
}

static void print_note(void *context, const char *key, const char *word) {
    (void)context;
    if (word != NULL) {
        print_line(key, word);
    }
}

static void print_info(const char *path, const tz_policy_file *file) {
    const tz_network *net = &file->actor.net;
    printf("%s: %s\n", path, file->kind);
    print_line("environment", file->env[0] != '\0' ? file->env : "not said");
    printf("%-12s %d numbers%s\n", "sees", net->n_in,
           file->actor.normaliser.n > 0 ? ", normalised" : "");
    if (file->statistics[0] != '\0') {
        print_line("statistics", file->statistics);
    }
    printf("%-12s", "layers");
    for (int layer = 0; layer < net->n_layers - 1; layer++) {
        printf(" %d", net->n_out[layer]);
    }
    printf(" (%s)\n", tz_activation_name(net->activation));
    printf("%-12s %d controls, %s", "drives", file->nu, tz_output_name(file->actor.output));
    if (file->actor.sigma == TZ_ACTOR_SIGMA_NONE) {
        printf(", deterministic\n");
    } else {
        printf(", Gaussian (log_std %s)\n", tz_sigma_name(file->actor.sigma));
    }
    for_notes(path, print_note, NULL);
    printf("%-12s %s\n", "sha256", file->sha256);
}

static int info_main(int argc, char **argv);
static const tz_command command_info = {
    .name = "policy info",
    .summary = "what a policy file is: origin, layers, what it sees and drives",
    .usage = "trapeze policy info FILE [--vecnormalize S] [--json]",
    .example = "trapeze policy info hopper-expert",
    .run = info_main,
};

static int info_main(int argc, char **argv) {
    const char *statistics = NULL;
    bool json = false, help;
    tz_option options[] = {
        {"--vecnormalize", TZ_OPTION_TEXT, &statistics, "S",
         .help = "statistics that VecNormalize saved (default: a file beside the archive)"},
        {"--json", TZ_OPTION_FLAG, &json, .help = "print one JSON object"},
    };
    tz_text_list words = {0};
    tz_error error;
    char path[TZ_PATH_MAX];
    tz_status status = tz_options_parse(&command_info, options, TZ_COUNTOF(options), argc, argv,
                                        &words, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    status = status == TZ_OK ? expect_one(&words, path, &error) : status;
    if (status != TZ_OK) {
        return tz_cli_fail(&command_info, &error);
    }
    tz_policy_file file;
    status = tz_policy_file_read(&file, path, statistics, &error);
    if (status == TZ_OK && json) {
        struct json_object *object = describe(path, &file);
        tz_json_print(object);
        json_object_put(object);
    } else if (status == TZ_OK) {
        print_info(path, &file);
    }
    tz_policy_file_free(&file);
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&command_info, &error);
}

// ---- export

typedef struct export_args {
    bool c, safetensors, help;
    const char *out, *env, *statistics;
    tz_text_list words;
} export_args;

static tz_status write_as(const export_args *a, const char *path, const tz_policy_file *file,
                          const tz_task *task, tz_error *error) {
    if (a->c) {
        char folder[TZ_PATH_MAX];
        return tz_actor_write_c(a->out, &file->actor, task, tz_path_split(path, folder), error);
    }
    const tz_metadata notes[] = {{"origin", file->kind}, {"origin_sha256", file->sha256}};
    return tz_actor_write(a->out, &file->actor, task, notes, TZ_COUNTOF(notes), error);
}

static tz_status export_file(const export_args *a, const char *path, tz_policy_file *file,
                             tz_error *error) {
    TZ_CHECK(tz_policy_file_read(file, path, a->statistics, error));
    tz_env_def def = tz_env_def_default();
    def.name = a->env != NULL ? a->env : file->env;
    if (def.name[0] == '\0') {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s: does not say which environment it drives; expected --env", path);
    }
    tz_env *env;
    TZ_CHECK(tz_env_create(&env, &def, error));
    const tz_task *task = tz_env_task(env);
    tz_status status = tz_policy_file_fit(file, path, task, error);
    status = status == TZ_OK ? write_as(a, path, file, task, error) : status;
    tz_env_destroy(env);
    return status;
}

static int export_main(int argc, char **argv);
static const tz_command command_export = {
    .name = "policy export",
    .summary = "write a policy as one C file, or as Trapeze's safetensors",
    .usage = "trapeze policy export --c|--safetensors POLICY --out FILE [--env E] "
             "[--vecnormalize S]",
    .example = "trapeze policy export --c hopper-expert --out policy.c",
    .run = export_main,
};

static int export_main(int argc, char **argv) {
    export_args a = {0};
    tz_option options[] = {
        {"--c", TZ_OPTION_FLAG, &a.c, .help = "one self-contained C file, deterministic control"},
        {"--safetensors", TZ_OPTION_FLAG, &a.safetensors,
         .help = "one safetensors file, statistics and control range included"},
        {"--out", TZ_OPTION_TEXT, &a.out, "FILE", .help = "where to write it", .required = true},
        {"--env", TZ_OPTION_TEXT, &a.env, "E",
         .help = "environment that it drives (default: what the file says)"},
        {"--vecnormalize", TZ_OPTION_TEXT, &a.statistics, "S",
         .help = "statistics that VecNormalize saved (default: a file beside the archive)"},
    };
    tz_error error;
    char path[TZ_PATH_MAX];
    tz_policy_file file = {0};
    tz_status status = tz_options_parse(&command_export, options, TZ_COUNTOF(options), argc, argv,
                                        &a.words, &a.help, &error);
    if (status == TZ_OK && a.help) {
        return TZ_EXIT_OK;
    }
    if (status == TZ_OK && a.c == a.safetensors) {
        status = tz_fail(&error, TZ_ERR_ARGUMENT, "expected one of --c and --safetensors");
    }
    status = status == TZ_OK ? expect_one(&a.words, path, &error) : status;
    status = status == TZ_OK ? export_file(&a, path, &file, &error) : status;
    tz_policy_file_free(&file);
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&command_export, &error);
}

// ---- the verbs

static const tz_command *const verbs[] = {&command_info, &command_export};

static int policy_main(int argc, char **argv) {
    for (size_t i = 0; argc > 1 && i < TZ_COUNTOF(verbs); i++) {
        if (strcmp(argv[1], verbs[i]->name + strlen("policy ")) == 0) {
            return verbs[i]->run(argc - 1, argv + 1);
        }
    }
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        printf("trapeze policy: %s\n\nUsage:\n", tz_command_policy.summary);
        for (size_t i = 0; i < TZ_COUNTOF(verbs); i++) {
            printf("  %s\n      %s\n", verbs[i]->usage, verbs[i]->summary);
        }
        return TZ_EXIT_OK;
    }
    tz_error error;
    tz_fail(&error, TZ_ERR_ARGUMENT, "%s%.64s%s; expected info or export",
            argc > 1 ? "unknown verb '" : "a verb is missing", argc > 1 ? argv[1] : "",
            argc > 1 ? "'" : "");
    return tz_cli_fail(&tz_command_policy, &error);
}

const tz_command tz_command_policy = {
    .name = "policy",
    .summary = "look at policy files, export them as C or safetensors",
    .usage = "trapeze policy info|export FILE [options]",
    .example = "trapeze policy info hopper-expert",
    .run = policy_main,
};
