// trapeze envs: the registered environments and their facts.
#include "base/json.h"
#include "base/run_folder.h"
#include "cli/cli.h"
#include "envs/env.h"
#include "envs/hamiltonian/system.h"

#include <json-c/json.h>
#include <stdio.h>

static json_object *numbers(const double *x, int n) {
    json_object *array = json_object_new_array();
    for (int i = 0; i < n; i++) {
        json_object_array_add(array, json_object_new_double(x[i]));
    }
    return array;
}

static const char *coordinate_text(tz_coordinate coordinate) {
    switch (coordinate) {
    case TZ_COORDINATE_LINEAR:
        return "linear";
    case TZ_COORDINATE_ANGLE:
        return "angle";
    case TZ_COORDINATE_QUATERNION:
        return "quaternion";
    }
    return "";
}

static json_object *argument_value(const tz_argument *argument, const double value[2]) {
    if (argument->kind == TZ_ARGUMENT_FLAG) {
        return json_object_new_boolean(value[0] != 0.0);
    }
    if (argument->kind != TZ_ARGUMENT_RANGE) {
        return tz_json_real(value[0]);
    }
    json_object *range = json_object_new_array();
    json_object_array_add(range, tz_json_real(value[0]));
    json_object_array_add(range, tz_json_real(value[1]));
    return range;
}

static json_object *describe_arguments(const tz_env_info *info, const tz_task *task) {
    json_object *array = json_object_new_array();
    for (int i = 0; i < info->n_arguments; i++) {
        const tz_argument *argument = &info->arguments[i];
        if (tz_argument_is_of(argument, task->version)) {
            double value[2];
            tz_argument_get(argument, task, value);
            json_object *a = json_object_new_object();
            json_object_object_add(a, "name", json_object_new_string(argument->name));
            json_object_object_add(a, "default", argument_value(argument, argument->value));
            json_object_object_add(a, "value", argument_value(argument, value));
            const bool idle = tz_argument_is_idle(argument, task->version);
            json_object_object_add(a, "has_effect", json_object_new_boolean(!idle));
            json_object_array_add(array, a);
        }
    }
    return array;
}

// Whether the task ends before its limit, as it was made.
static bool can_end(const tz_task *task) {
    return task->terminated != NULL && task->ends_early;
}

static json_object *describe(const tz_env_info *info, const tz_task *task) {
    json_object *o = json_object_new_object();
    json_object_object_add(o, "name", tz_json_text(task->name));
    json_object_object_add(o, "gymnasium_id", json_object_new_string(task->gymnasium_id));
    json_object_object_add(o, "summary", tz_json_text(info->summary));
    json_object_object_add(o, "nq", json_object_new_int(task->nq));
    json_object_object_add(o, "nv", json_object_new_int(task->nv));
    json_object_object_add(o, "nu", json_object_new_int(task->nu));
    json_object_object_add(o, "dt_s", json_object_new_double(task->dt_s));
    json_object_object_add(o, "frame_skip", json_object_new_int(task->frame_skip));
    json_object_object_add(o, "max_episode_steps", json_object_new_int(task->max_episode_steps));
    json_object_object_add(o, "ends_early", json_object_new_boolean(can_end(task)));
    json_object_object_add(o, "control_low", numbers(task->control_low, task->nu));
    json_object_object_add(o, "control_high", numbers(task->control_high, task->nu));

    json_object *coordinates = json_object_new_array();
    for (int i = 0; i < task->nq; i++) {
        json_object *c = json_object_new_object();
        json_object_object_add(c, "name", tz_json_text(task->coordinate_name[i]));
        json_object_object_add(c, "kind",
                               json_object_new_string(coordinate_text(task->coordinate[i])));
        json_object_object_add(c, "cyclic", json_object_new_boolean(task->cyclic[i]));
        json_object_array_add(coordinates, c);
    }
    json_object_object_add(o, "coordinates", coordinates);
    json_object_object_add(o, "arguments", describe_arguments(info, task));
    return o;
}

static void print_head(void) {
    printf("%-24s  %2s  %2s  %2s  %5s  %7s  %5s  %-4s  %s\n", "name", "nq", "nv", "nu", "dt/s",
           "control", "steps", "ends", "");
}

// One line of the table.
static void print_row(const tz_env_info *info, const tz_task *task) {
    char range[32] = "none";
    if (task->nu > 0) {
        snprintf(range, sizeof range, "%g..%g", task->control_low[0], task->control_high[0]);
    }
    printf("%-24s  %2d  %2d  %2d  %5.3f  %7s  %5d  %-4s  %s\n", task->name, task->nq, task->nv,
           task->nu, task->dt_s, range, task->max_episode_steps, can_end(task) ? "yes" : "no",
           info->summary);
}

// The arguments of one environment, as it was made.
static void print_arguments(const tz_env_info *info, const tz_task *task) {
    for (int i = 0, n = 0; i < info->n_arguments; i++) {
        const tz_argument *argument = &info->arguments[i];
        if (!tz_argument_is_of(argument, task->version)) {
            continue;
        }
        double value[2];
        char now[TZ_ARGUMENT_TEXT_MAX], usual[TZ_ARGUMENT_TEXT_MAX];
        tz_argument_get(argument, task, value);
        tz_argument_text(argument, value, now);
        tz_argument_text(argument, argument->value, usual);
        if (n++ == 0) {
            printf("\n%-24s  %-16s  %s\n", "argument", "value", "default");
        }
        printf("%-24s  %-16s  %s%s\n", argument->name, now, usual,
               tz_argument_is_idle(argument, task->version) ? "  (no effect, in Gymnasium neither)"
                                                            : "");
    }
}

typedef struct arguments {
    const char *env; // NULL: all
    tz_text_list env_arguments;
    int version; // index into tz_version_choices
    bool json, help;
} arguments;

// One environment with its arguments.
static tz_status show(const arguments *a, tz_error *error) {
    tz_env_def def = tz_env_def_default();
    char env_arguments[TZ_ENV_ARGUMENTS_MAX];
    tz_env *env;
    TZ_CHECK(tz_join_env_arguments(env_arguments, &a->env_arguments, error));
    def.name = a->env;
    def.version = tz_version_of_choice(a->version);
    def.arguments = env_arguments;
    TZ_CHECK(tz_env_create(&env, &def, error));
    if (a->json) {
        json_object *object = describe(tz_env_info_of(env), tz_env_task(env));
        tz_json_print(object);
        json_object_put(object);
    } else {
        print_head();
        print_row(tz_env_info_of(env), tz_env_task(env));
        print_arguments(tz_env_info_of(env), tz_env_task(env));
    }
    tz_env_destroy(env);
    return TZ_OK;
}

static tz_status parse(arguments *a, int argc, char **argv, tz_error *error) {
    tz_option options[] = {
        {.name = "--env",
         .type = TZ_OPTION_TEXT,
         .value = &a->env,
         .metavar = "E",
         .help = "one environment, with its arguments"},
        TZ_VERSION_OPTION(&a->version),
        TZ_ENV_ARG_OPTION(&a->env_arguments),
        {.name = "--json",
         .type = TZ_OPTION_FLAG,
         .value = &a->json,
         .help = "print one JSON object on stdout"},
    };
    TZ_CHECK(tz_options_parse(&tz_command_envs, options, TZ_COUNTOF(options), argc, argv, NULL,
                              &a->help, error));
    if (a->env == NULL && (a->version != 0 || a->env_arguments.n > 0)) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "%s: no environment is given, expected one by --env",
                       a->version != 0 ? "--version" : "--env-arg");
    }
    return TZ_OK;
}

static int run(int argc, char **argv) {
    arguments a = {0};
    tz_error error;
    if (parse(&a, argc, argv, &error) != TZ_OK) {
        return tz_cli_fail(&tz_command_envs, &error);
    }
    if (a.help) {
        return TZ_EXIT_OK;
    }
    if (a.env != NULL) {
        return show(&a, &error) == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_envs, &error);
    }

    const bool json = a.json;
    json_object *environments = json_object_new_array();
    if (!json) {
        print_head();
    }
    const int n_mujoco = tz_env_count();
    for (int i = 0; i < n_mujoco + tz_system_count(); i++) {
        char system[32];
        if (i >= n_mujoco) {
            tz_system_name_at(i - n_mujoco, system);
        }
        const tz_env_info *info = i < n_mujoco ? tz_env_info_at(i) : tz_env_info_find(system);
        tz_env_def def = tz_env_def_default();
        def.name = info->name;
        tz_env *env;
        const tz_status status = tz_env_create(&env, &def, &error);
        if (i >= n_mujoco && status == TZ_ERR_UNSUPPORTED) {
            break; // built without an integrator for physical systems
        }
        if (status != TZ_OK) {
            json_object_put(environments);
            return tz_cli_fail(&tz_command_envs, &error);
        }
        if (json) {
            json_object_array_add(environments, describe(info, tz_env_task(env)));
        } else {
            print_row(info, tz_env_task(env));
        }
        tz_env_destroy(env);
    }
    json_object *object = json_object_new_object();
    json_object_object_add(object, "environments", environments);
    if (json) {
        tz_json_print(object);
    }
    json_object_put(object);
    return TZ_EXIT_OK;
}

const tz_command tz_command_envs = {
    .name = "envs",
    .summary = "list the environments, or the arguments of one",
    .usage = "trapeze envs [--env E [--env-arg NAME=VALUE]...] [--json]",
    .example = "trapeze envs --env ant",
    .run = run,
};
