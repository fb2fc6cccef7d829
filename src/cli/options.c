// The option table: parsing, checking, and the --help page that it prints of itself.
#include "cli/cli.h"

#include "base/json.h"
#include "base/nearest.h"
#include "base/printable.h"
#include "base/run_folder.h"
#include "models/ensemble.h"
#include "policies/policy.h"
#include "policies/policy_file.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- --help

static void print_choices(const tz_option *option) {
    for (size_t i = 0; option->choices[i] != NULL; i++) {
        printf("%s%s", i > 0 ? "|" : "", option->choices[i]);
    }
}

static void print_default(const tz_option *option) {
    switch (option->type) {
    case TZ_OPTION_FLAG:
        break;
    case TZ_OPTION_INT:
        printf(" (default %d)", *(const int *)option->value);
        break;
    case TZ_OPTION_U64:
        printf(" (default %llu)", (unsigned long long)*(const uint64_t *)option->value);
        break;
    case TZ_OPTION_REAL:
        if (!isnan(*(const double *)option->value)) {
            printf(" (default %g)", *(const double *)option->value);
        }
        break;
    case TZ_OPTION_TEXT: {
        const char *text = *(const char *const *)option->value;
        if (text != NULL && text[0] != '\0') {
            printf(" (default %s)", text);
        }
        break;
    }
    case TZ_OPTION_CHOICE:
        printf(" (default %s)", option->choices[*(const int *)option->value]);
        break;
    case TZ_OPTION_LIST: {
        const tz_text_list *list = option->value;
        for (int i = 0; i < list->n; i++) {
            printf("%s%s", i == 0 ? " (default " : " ", list->item[i]);
        }
        printf("%s", list->n > 0 ? ")" : "");
        break;
    }
    }
}

static void print_option(const tz_option *option) {
    printf("  %s", option->name);
    if (option->type == TZ_OPTION_CHOICE) {
        printf(" ");
        print_choices(option);
    } else if (option->type != TZ_OPTION_FLAG) {
        printf(" %s", option->metavar);
    }
    printf("\n        %s", option->help);
    if (option->type == TZ_OPTION_LIST) {
        printf("; may be given several times");
    }
    if (option->required) {
        printf(" (required)");
    } else if (!option->is_computed) {
        print_default(option);
    }
    printf("\n");
}

static void print_help(const tz_command *command, const tz_option *options, size_t n_options) {
    printf("%s\n\nUsage:\n  %s\n\nOptions:\n", command->summary, command->usage);
    for (size_t i = 0; i < n_options; i++) {
        print_option(&options[i]);
    }
    printf("  --help\n        print this page\n\nExample:\n  %s\n", command->example);
}

// ---- values

// "a whole number of at least 1", "a number from 0 to 1"
static tz_status fail_number(const tz_option *option, const char *text, const char *kind,
                             tz_error *error) {
    char range[96] = "";
    const bool bounded = option->min != 0.0 || option->max != 0.0;
    if (bounded && (option->max < INT_MAX || strtod(text, NULL) > option->max)) {
        snprintf(range, sizeof range, " from %.10g to %.10g", option->min, option->max);
    } else if (bounded) {
        snprintf(range, sizeof range, " of at least %.10g", option->min);
    }
    return tz_fail(error, TZ_ERR_ARGUMENT, "%s is '%s', expected %s%s", option->name, text, kind,
                   range);
}

static bool within(const tz_option *option, double value) {
    const bool bounded = option->min != 0.0 || option->max != 0.0;
    return !bounded || (value >= option->min && value <= option->max);
}

static tz_status parse_int(tz_option *option, const char *text, tz_error *error) {
    char *end = NULL;
    errno = 0;
    const long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < INT_MIN || value > INT_MAX ||
        !within(option, (double)value)) {
        return fail_number(option, text, "a whole number", error);
    }
    *(int *)option->value = (int)value;
    return TZ_OK;
}

static tz_status parse_u64(tz_option *option, const char *text, tz_error *error) {
    char *end = NULL;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    // strtoull would take "-1" for the largest number
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 ||
        (double)value < option->min) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s is '%s', expected a whole number from %.0f to 18446744073709551615",
                       option->name, text, option->min);
    }
    *(uint64_t *)option->value = value;
    return TZ_OK;
}

static tz_status parse_real(tz_option *option, const char *text, tz_error *error) {
    char *end = NULL;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value) || !within(option, value)) {
        return fail_number(option, text, "a number", error);
    }
    *(double *)option->value = value;
    return TZ_OK;
}

static tz_status parse_choice(tz_option *option, const char *text, tz_error *error) {
    char known[512] = "";
    size_t length = 0;
    for (int i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(text, option->choices[i]) == 0) {
            *(int *)option->value = i;
            return TZ_OK;
        }
        if (length < sizeof known) {
            length += (size_t)snprintf(known + length, sizeof known - length, "%s%s",
                                       i > 0 ? ", " : "", option->choices[i]);
        }
    }
    return tz_fail(error, TZ_ERR_ARGUMENT, "%s is '%s', expected one of %s", option->name, text,
                   known);
}

static tz_status append(tz_text_list *list, const char *what, const char *text, tz_error *error) {
    if (list->n == TZ_LIST_MAX) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "%s is given more than %d times", what, TZ_LIST_MAX);
    }
    list->item[list->n++] = text;
    return TZ_OK;
}

static tz_status parse_value(tz_option *option, const char *text, tz_error *error) {
    switch (option->type) {
    case TZ_OPTION_FLAG:
        *(bool *)option->value = true;
        return TZ_OK;
    case TZ_OPTION_INT:
        return parse_int(option, text, error);
    case TZ_OPTION_U64:
        return parse_u64(option, text, error);
    case TZ_OPTION_REAL:
        return parse_real(option, text, error);
    case TZ_OPTION_TEXT:
        *(const char **)option->value = text;
        return TZ_OK;
    case TZ_OPTION_CHOICE:
        return parse_choice(option, text, error);
    case TZ_OPTION_LIST: {
        // the first one replaces the default
        tz_text_list *list = option->value;
        if (!option->was_set) {
            list->n = 0;
        }
        return append(list, option->name, text, error);
    }
    }
    return TZ_OK;
}

// ---- the command line

// The option whose name is the first `length` letters of `word`, or NULL.
static tz_option *find_option(tz_option *options, size_t n_options, const char *word,
                              size_t length) {
    for (size_t i = 0; i < n_options; i++) {
        if (strlen(options[i].name) == length && strncmp(options[i].name, word, length) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

enum { OPTIONS_MAX = 128 };

static tz_status fail_unknown(const tz_command *command, const tz_option *options, size_t n_options,
                              const char *word, size_t length, tz_error *error) {
    const char *names[OPTIONS_MAX]; // (n)
    size_t n = 0;
    for (size_t i = 0; i < n_options && n < OPTIONS_MAX; i++) {
        names[n++] = options[i].name;
    }
    char name[TZ_WORD_MAX + 1];
    snprintf(name, sizeof name, "%.*s", (int)(length < TZ_WORD_MAX ? length : TZ_WORD_MAX), word);
    const char *nearest = tz_nearest_word(name, names, n);
    if (nearest != NULL) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "unknown option %s, did you mean %s?", name,
                       nearest);
    }
    return tz_fail(error, TZ_ERR_ARGUMENT, "unknown option %s, `trapeze %s --help` lists them all",
                   name, command->name);
}

// Parses the option at argv[*i] and moves *i to its last word.
static tz_status parse_option(const tz_command *command, tz_option *options, size_t n_options,
                              int argc, char **argv, int *i, tz_error *error) {
    const char *word = argv[*i];
    const size_t length = strcspn(word, "=");
    const char *value = word[length] == '=' ? word + length + 1 : NULL;
    tz_option *option = find_option(options, n_options, word, length);
    if (option == NULL) {
        return fail_unknown(command, options, n_options, word, length, error);
    }
    if (option->was_set && option->type != TZ_OPTION_LIST && option->type != TZ_OPTION_FLAG) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "%s: given twice", option->name);
    }

    // take the value from after the '=' or from the next word, which is not an option itself
    if (option->type == TZ_OPTION_FLAG && value != NULL) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "%s takes no value, but '%s' was given",
                       option->name, value);
    }
    if (option->type != TZ_OPTION_FLAG && value == NULL) {
        if (*i + 1 == argc || strncmp(argv[*i + 1], "--", 2) == 0) {
            return tz_fail(error, TZ_ERR_ARGUMENT, "%s needs a value%s%s", option->name,
                           option->metavar != NULL ? ", " : "",
                           option->metavar != NULL ? option->metavar : "");
        }
        value = argv[++*i];
    }
    if (value != NULL && value[0] == '\0') {
        return tz_fail(error, TZ_ERR_ARGUMENT, "%s is empty", option->name);
    }
    TZ_CHECK(parse_value(option, value, error));
    option->was_set = true;
    option->text = value;
    return TZ_OK;
}

tz_status tz_options_parse(const tz_command *command, tz_option *options, size_t n_options,
                           int argc, char **argv, tz_text_list *positional, bool *help,
                           tz_error *error) {
    // a question for help is answered whatever else is wrong
    *help = false;
    for (int i = 1; i < argc && !*help; i++) {
        *help = strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
    }
    if (*help) {
        print_help(command, options, n_options);
        return TZ_OK;
    }

    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            TZ_CHECK(parse_option(command, options, n_options, argc, argv, &i, error));
        } else if (positional != NULL) {
            TZ_CHECK(append(positional, "a name", argv[i], error));
        } else {
            return tz_fail(error, TZ_ERR_ARGUMENT,
                           "unexpected word '%s', expected options, see `trapeze %s --help`",
                           argv[i], command->name);
        }
    }

    for (size_t i = 0; i < n_options; i++) {
        if (options[i].required && !options[i].was_set) {
            return tz_fail(error, TZ_ERR_ARGUMENT, "%s %s is missing, see `trapeze %s --help`",
                           options[i].name, options[i].metavar != NULL ? options[i].metavar : "",
                           command->name);
        }
    }
    return TZ_OK;
}

const tz_option *tz_option_given(const tz_option *options, size_t n_options, const void *value) {
    for (size_t i = 0; i < n_options; i++) {
        if (options[i].value == value && options[i].was_set) {
            return &options[i];
        }
    }
    return NULL;
}

bool tz_option_was_set(const tz_option *options, size_t n_options, const void *value) {
    return tz_option_given(options, n_options, value) != NULL;
}

const char *const tz_version_choices[] = {"auto", "v5", "v4", NULL};

tz_status tz_join_env_arguments(char text[TZ_ENV_ARGUMENTS_MAX], const tz_text_list *list,
                                tz_error *error) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < list->n; i++) {
        used += (size_t)snprintf(text + used, TZ_ENV_ARGUMENTS_MAX - used, "%s%s", i > 0 ? "," : "",
                                 list->item[i]);
        if (used >= TZ_ENV_ARGUMENTS_MAX) {
            return tz_fail(error, TZ_ERR_ARGUMENT,
                           "--env-arg: all together longer than %d characters",
                           TZ_ENV_ARGUMENTS_MAX - 1);
        }
    }
    return TZ_OK;
}

void tz_json_add_env(struct json_object *object, const char *env, const char *env_arguments) {
    tz_json_add_text(object, "env", env);
    if (env_arguments[0] != '\0') {
        tz_json_add_text(object, "env_arguments", env_arguments);
    }
}

static tz_status add_policy(struct json_object *config, const char *policy, tz_error *error) {
    char path[TZ_PATH_MAX], statistics[TZ_PATH_MAX];
    if (tz_policy_is_builtin(policy)) {
        tz_json_add_text(config, "policy", policy);
        return TZ_OK;
    }
    TZ_CHECK(tz_policy_find_file(path, policy, error));
    TZ_CHECK(tz_config_add_input(config, "policy", path, error));
    tz_policy_find_statistics(statistics, path);
    return statistics[0] != '\0'
               ? tz_config_add_input(config, "policy_statistics", statistics, error)
               : TZ_OK;
}

tz_status tz_config_add_guide(struct json_object *config, const char *policy, const char *critic,
                              tz_error *error) {
    char path[TZ_PATH_MAX];
    if (policy != NULL) {
        TZ_CHECK(add_policy(config, policy, error));
    }
    if (critic != NULL) {
        TZ_CHECK(tz_policy_find_file(path, critic, error));
        TZ_CHECK(tz_config_add_input(config, "critic", path, error));
    }
    return TZ_OK;
}

int tz_version_of_choice(int choice) {
    return choice == 0 ? 0 : tz_version_choices[choice][1] - '0';
}

int tz_cli_fail(const tz_command *command, const tz_error *error) {
    // one line, whatever a file name or a file's content brought into the sentence
    fprintf(stderr, "trapeze %s: ", command->name);
    tz_put_printable(stderr, error->text);
    fputc('\n', stderr);
    return error->status == TZ_ERR_INTERRUPTED ? TZ_EXIT_INTERRUPTED : TZ_EXIT_TROUBLE;
}

tz_status tz_set_integration(tz_model *model, const char *integrator, int substeps,
                             const char *path, tz_error *error) {
    tz_integrator rule = TZ_INTEGRATOR_EULER;
    int trained = 1;
    const bool is_one = tz_model_integrator(model, &rule, &trained); // set tells what has none
    if (integrator != NULL) {
        TZ_CHECK(tz_integrator_find(&rule, integrator, error));
    }
    if (!is_one && tz_ensemble_count(model) > 0 && (integrator == NULL || substeps == 0)) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "%s: its members differ in rule or substeps, so that one of both cannot be "
                       "chosen for all",
                       path);
    }
    tz_error cause;
    const tz_status status =
        tz_model_set_integrator(model, rule, substeps > 0 ? substeps : trained, &cause);
    return status == TZ_OK ? TZ_OK : tz_fail(error, status, "%s: %s", path, cause.text);
}
