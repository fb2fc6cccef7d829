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
    json_object_object_add(o, "ends_early", json_object_new_boolean(task->terminated != NULL));
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
    return o;
}

// One line of the table.
static void print_row(const tz_env_info *info, const tz_task *task) {
    char range[32] = "none";
    if (task->nu > 0) {
        snprintf(range, sizeof range, "%g..%g", task->control_low[0], task->control_high[0]);
    }
    printf("%-24s  %2d  %2d  %2d  %5.3f  %7s  %5d  %-4s  %s\n", task->name, task->nq, task->nv,
           task->nu, task->dt_s, range, task->max_episode_steps, task->terminated ? "yes" : "no",
           info->summary);
}

static int run(int argc, char **argv) {
    bool json = false, help;
    tz_error error;
    tz_option options[] = {
        {.name = "--json",
         .type = TZ_OPTION_FLAG,
         .value = &json,
         .help = "print one JSON object on stdout"},
    };
    if (tz_options_parse(&tz_command_envs, options, TZ_COUNTOF(options), argc, argv, NULL, &help,
                         &error) != TZ_OK) {
        return tz_cli_fail(&tz_command_envs, &error);
    }
    if (help) {
        return TZ_EXIT_OK;
    }

    json_object *environments = json_object_new_array();
    if (!json) {
        printf("%-24s  %2s  %2s  %2s  %5s  %7s  %5s  %-4s  %s\n", "name", "nq", "nv", "nu", "dt/s",
               "control", "steps", "ends", "");
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
    .summary = "list the environments",
    .usage = "trapeze envs [--json]",
    .example = "trapeze envs",
    .run = run,
};
