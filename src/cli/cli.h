// What every subcommand shares: an option table that parses, checks and documents itself, and the
// table of subcommands. One spelling of an option everywhere.
#ifndef TRAPEZE_CLI_CLI_H
#define TRAPEZE_CLI_CLI_H

#include "base/status.h"
#include "envs/arguments.h"
#include "models/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tz_option_type {
    TZ_OPTION_FLAG,   // bool
    TZ_OPTION_INT,    // int, within [min, max]
    TZ_OPTION_U64,    // uint64_t
    TZ_OPTION_REAL,   // double, finite, within [min, max]
    TZ_OPTION_TEXT,   // const char *
    TZ_OPTION_CHOICE, // int: index into choices
    TZ_OPTION_LIST    // tz_text_list: may be given several times, in order
} tz_option_type;

enum { TZ_LIST_MAX = 64 };
typedef struct tz_text_list {
    int n;
    const char *item[TZ_LIST_MAX];
} tz_text_list;

typedef struct tz_option {
    const char *name; // "--episodes"
    tz_option_type type;
    void *value;                // where the result goes; holds the default before parsing (a REAL
                                // NaN: none)
    const char *metavar;        // "N", for --help; NULL for flags
    const char *help;           // one line; the default is added by --help itself
    double min, max;            // for INT and REAL; both 0: no bound. U64 has the first alone
    const char *const *choices; // for CHOICE, NULL-terminated
    bool required;
    // when it is not given, its value follows from other options, as its help says: no default
    // shown
    bool is_computed;
    // written by the parser
    bool was_set;
    const char *text; // its value as it was given (a LIST: the last); NULL: not given, or a flag
} tz_option;

typedef struct tz_command {
    const char *name;                  // "collect"
    const char *summary;               // one line for `trapeze --help`
    const char *usage;                 // "trapeze collect --env E --policy P --episodes N --out D"
    const char *example;               // a real command line
    int (*run)(int argc, char **argv); // argv[0] is the subcommand; returns the exit status
    bool stops_itself; // polls tz_interrupted and saves its work; else a signal ends the process
} tz_command;

// Exit statuses: 0 done, 1 the check that was asked for failed, 2 bad input or trouble at run time,
// 130 interrupted.
enum { TZ_EXIT_OK = 0, TZ_EXIT_CHECK_FAILED = 1, TZ_EXIT_TROUBLE = 2, TZ_EXIT_INTERRUPTED = 130 };

// Parses argv[1..argc-1] into the options. One with a value is given once (TZ_ERR_ARGUMENT), but
// for a LIST. --help prints the page and exits 0 from main's point of view: *help is set and the
// caller returns TZ_EXIT_OK. Positional words go to `positional` (Nullable: then they are errors).
tz_status tz_options_parse(const tz_command *command, tz_option *options, size_t n_options,
                           int argc, char **argv, tz_text_list *positional, bool *help,
                           tz_error *error);

// The option whose value this is, where it was given; else NULL.
const tz_option *tz_option_given(const tz_option *options, size_t n_options, const void *value);

// Whether the option that writes to `value` was given.
bool tz_option_was_set(const tz_option *options, size_t n_options, const void *value);

// --version of a command with --env: `choice` (an int, 0 before parsing) indexes the choices.
#define TZ_VERSION_OPTION(choice)                                                                  \
    {                                                                                              \
        "--version", TZ_OPTION_CHOICE, (choice),                                                   \
            .choices = tz_version_choices,                                                         \
            .help = "whose semantics; auto: as the environment's name says (hopper-v4), else v5"   \
    }
extern const char *const tz_version_choices[]; // "auto", "v5", "v4", NULL

// --env-arg of a command with --env: `list` is a tz_text_list.
#define TZ_ENV_ARG_OPTION(list)                                                                    \
    {                                                                                              \
        "--env-arg", TZ_OPTION_LIST, (list), "NAME=VALUE",                                         \
            .help = "argument of the environment, such as ctrl_cost_weight=0.1 or "                \
                    "healthy_z_range=0.3:1 (trapeze envs --env E lists them)"                      \
    }

// Joins what --env-arg was given to the text of tz_env_def.arguments.
tz_status tz_join_env_arguments(char text[TZ_ENV_ARGUMENTS_MAX], const tz_text_list *list,
                                tz_error *error);

// Adds "env" and, unless they are the default, "env_arguments" to an object.
struct json_object;
void tz_json_add_env(struct json_object *object, const char *env, const char *env_arguments);

// Adds who guides a planner to a configuration: a built-in policy as "policy"; else its file, the
// statistics beside it and the critic to the inputs, shipped files by name. Both may be NULL.
tz_status tz_config_add_guide(struct json_object *config, const char *policy, const char *critic,
                              tz_error *error);

// Gymnasium's version of a choice, for tz_env_def: 0, 5, 4.
int tz_version_of_choice(int choice);

// Has a model predict with another integrator (its name; NULL: its own) and in as many substeps (0:
// as before), an ensemble with all its members. `path` names the model in the sentence of an error:
// that of tz_model_set_integrator, or that members differ in what is not chosen here.
tz_status tz_set_integration(tz_model *model, const char *integrator, int substeps,
                             const char *path, tz_error *error);

// Prints "trapeze collect: <sentence>" to stderr and returns TZ_EXIT_TROUBLE (130 for interrupted).
int tz_cli_fail(const tz_command *command, const tz_error *error);

// One const object per file cli/<name>.c. To add a command: its line in main.c's table, its file in
// CMakeLists.txt.
extern const tz_command tz_command_envs, tz_command_doctor, tz_command_sac, tz_command_collect,
    tz_command_data, tz_command_train, tz_command_eval, tz_command_mpc, tz_command_rounds,
    tz_command_play, tz_command_plot, tz_command_bench, tz_command_paper, tz_command_policy;

#endif
