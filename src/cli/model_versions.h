// Which MuJoCo a model comes from, where a command describes it.
#ifndef TRAPEZE_CLI_MODEL_VERSIONS_H
#define TRAPEZE_CLI_MODEL_VERSIONS_H

#include "models/model.h"

#include <json-c/json_object.h>

// Adds "data_mujoco" and "trained_mujoco" to the object, null where they are not known.
void tz_add_model_versions(struct json_object *object, const tz_model *model);

// Prints a line about the model, called `name`, where they are known and not the program's own.
void tz_print_model_versions(const char *name, const tz_model *model);

#endif
