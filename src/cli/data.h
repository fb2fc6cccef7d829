// The verbs of `trapeze data` share these; one file a verb, data_<verb>.c.
#ifndef TRAPEZE_CLI_DATA_H
#define TRAPEZE_CLI_DATA_H

#include "cli/cli.h"
#include "data/dataset.h"
#include "data/writer.h"

#include <json-c/json_object.h>

extern const tz_command tz_command_data_info, tz_command_data_validate, tz_command_data_split,
    tz_command_data_replay, tz_command_data_merge, tz_command_data_sample, tz_command_data_convert,
    tz_command_data_scores, tz_command_data_plot;

// Prints the object as one line and frees it.
void tz_data_print(struct json_object *object);

// "z[3]" without a task, else "q rootx" and so on.
void tz_data_coordinate_name(char name[TZ_NAME_MAX + 8], const tz_task *task, int nq, int i);

// tz_config_new of a verb: its words as data_main hands them over, one behind "data" in the array
// of the command line, so that `command` begins with both.
struct json_object *tz_data_config_new(int argc, char **argv, uint64_t seed);

// Adds {"path":, "sha256":} of a dataset that was read under config.inputs.<name>.
void tz_data_add_input(struct json_object *config, const char *name, const char *path,
                       const tz_dataset *dataset);

// Writes config.json into the folder and frees the object.
tz_status tz_data_write_config(const char *folder, struct json_object *config, tz_error *error);

// The configuration that a dataset holds; the caller frees it. NULL: none, or no JSON.
struct json_object *tz_data_config_of(const tz_dataset *dataset);

// The policies that a configuration lists, borrowed from it; NULL when it lists none. Attribute
// `policy` of an episode is an index into them.
struct json_object *tz_data_policies_of(struct json_object *config);

// Adds what made a dataset whose episodes become another one's: its policies, and all as "of".
void tz_data_add_origin(struct json_object *config, const tz_dataset *dataset);

// For tz_writer_def.mujoco: the version of MuJoCo that made its states.
const char *tz_data_mujoco(const tz_dataset *dataset);

// Refuses a folder that holds a run's config.json, whose place another one would take.
tz_status tz_data_expect_no_run(const char *folder, tz_error *error);

// A writer into a folder without a run and without a finished dataset; goes on with the journal
// that the same command left when it was killed.
tz_status tz_data_create_writer(tz_writer **writer, tz_writer_def *def, const tz_task *task,
                                tz_error *error);

// The one folder or file that a verb is about.
tz_status tz_data_expect_one(const tz_text_list *words, const char **path, tz_error *error);

#endif
