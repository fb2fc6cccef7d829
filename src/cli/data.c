// trapeze data: the table of its verbs (one file each, data_*.c), and what they share.
#include "cli/data.h"

#include "base/file.h"
#include "base/json.h"
#include "base/run_folder.h"

#include <json-c/json_tokener.h>
#include <stdio.h>
#include <string.h>

void tz_data_print(struct json_object *object) {
    tz_json_print(object);
    json_object_put(object);
}

// "z[3]" without a task, else "q rootx" and so on.
void tz_data_coordinate_name(char name[TZ_NAME_MAX + 8], const tz_task *task, int nq, int i) {
    if (!task) {
        snprintf(name, TZ_NAME_MAX + 8, "z[%d]", i);
    } else if (i < nq) {
        snprintf(name, TZ_NAME_MAX + 8, "q %s", task->coordinate_name[i]);
    } else {
        snprintf(name, TZ_NAME_MAX + 8, "v %s", task->velocity_name[i - nq]);
    }
}

struct json_object *tz_data_config_new(int argc, char **argv, uint64_t seed) {
    return tz_config_new(argc + 1, argv - 1, seed);
}

void tz_data_add_input(struct json_object *config, const char *name, const char *path,
                       const tz_dataset *dataset) {
    struct json_object *inputs = NULL, *input = json_object_new_object();
    if (!json_object_object_get_ex(config, "inputs", &inputs)) {
        inputs = json_object_new_object();
        json_object_object_add(config, "inputs", inputs);
    }
    tz_json_add_text(input, "path", path);
    tz_json_add_text(input, "sha256", dataset->sha256);
    json_object_object_add(inputs, name, input);
}

tz_status tz_data_write_config(const char *folder, struct json_object *config, tz_error *error) {
    char path[TZ_PATH_MAX];
    tz_status status = tz_path_join(path, folder, "config.json", error);
    status = status == TZ_OK ? tz_json_write(path, config, error) : status;
    json_object_put(config);
    return status;
}

struct json_object *tz_data_config_of(const tz_dataset *dataset) {
    return dataset->config != NULL ? json_tokener_parse(dataset->config) : NULL;
}

struct json_object *tz_data_policies_of(struct json_object *config) {
    struct json_object *policies = NULL;
    return json_object_is_type(config, json_type_object) &&
                   json_object_object_get_ex(config, "policies", &policies) &&
                   json_object_is_type(policies, json_type_array)
               ? policies
               : NULL;
}

void tz_data_add_origin(struct json_object *config, const tz_dataset *dataset) {
    struct json_object *own = tz_data_config_of(dataset), *policies = tz_data_policies_of(own);
    if (policies != NULL) {
        json_object_object_add(config, "policies", json_object_get(policies));
    }
    json_object_object_add(config, "of", own);
}

const char *tz_data_mujoco(const tz_dataset *dataset) {
    return dataset->mujoco[0] != '\0' ? dataset->mujoco : "unknown";
}

tz_status tz_data_expect_no_run(const char *folder, tz_error *error) {
    char config[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(config, folder, "config.json", error));
    return tz_file_exists(config) ? tz_fail(error, TZ_ERR_ARGUMENT,
                                            "%s already holds a run: name another folder", folder)
                                  : TZ_OK;
}

tz_status tz_data_create_writer(tz_writer **writer, tz_writer_def *def, const tz_task *task,
                                tz_error *error) {
    TZ_CHECK(tz_writer_expect_unfinished(def->folder, error));
    TZ_CHECK(tz_data_expect_no_run(def->folder, error));
    def->resume = true;
    return tz_writer_create(writer, def, task, error);
}

// The one folder or file that a verb is about.
tz_status tz_data_expect_one(const tz_text_list *words, const char **path, tz_error *error) {
    if (words->n != 1) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%d datasets are named (expected one: a Minari folder or an HDF5 file)",
                       words->n);
    }
    *path = words->item[0];
    return TZ_OK;
}

// ---- the verbs

static const tz_command *const verbs[] = {
    &tz_command_data_info,    &tz_command_data_validate, &tz_command_data_split,
    &tz_command_data_replay,  &tz_command_data_merge,    &tz_command_data_sample,
    &tz_command_data_convert, &tz_command_data_scores,   &tz_command_data_plot};

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
    char known[256] = "";
    for (size_t i = 0; i < TZ_COUNTOF(verbs); i++) {
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "",
                 verbs[i]->name + strlen("data "));
    }
    tz_fail(&error, TZ_ERR_ARGUMENT, "%s%s%s (expected one of %s)",
            argc > 1 ? "unknown verb '" : "a verb is missing", argc > 1 ? argv[1] : "",
            argc > 1 ? "'" : "", known);
    return tz_cli_fail(&tz_command_data, &error);
}

const tz_command tz_command_data = {
    .name = "data",
    .summary =
        "look at datasets, check, split, merge, sample, convert, score, plot and replay them",
    .usage = "trapeze data VERB D [options]",
    .example = "trapeze data validate runs/cheetah-v0",
    .run = data_main,
};
