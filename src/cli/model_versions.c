#include "cli/model_versions.h"

#include "base/json.h"
#include "base/printable.h"

#include <mujoco/mujoco.h>
#include <stdio.h>
#include <string.h>

static void add_version(struct json_object *object, const char *key, const char *version) {
    json_object_object_add(object, key, version[0] != '\0' ? tz_json_text(version) : NULL);
}

void tz_add_model_versions(struct json_object *object, const tz_model *model) {
    add_version(object, "data_mujoco", model->data_mujoco);
    add_version(object, "trained_mujoco", model->trained_mujoco);
}

static bool is_other(const char *version) {
    return version[0] != '\0' && strcmp(version, "unknown") != 0 &&
           strcmp(version, mj_versionString()) != 0;
}

void tz_print_model_versions(const char *name, const tz_model *model) {
    if (!is_other(model->data_mujoco) && !is_other(model->trained_mujoco)) {
        return;
    }
    char line[2 * TZ_VERSIONS_MAX + 128];
    snprintf(line, sizeof line,
             ": learned from data of MuJoCo %s, trained with %s, and this is MuJoCo %s",
             model->data_mujoco[0] != '\0' ? model->data_mujoco : "unknown",
             model->trained_mujoco[0] != '\0' ? model->trained_mujoco : "unknown",
             mj_versionString());
    fputs(name, stdout);
    tz_put_printable(stdout, line);
    putchar('\n');
}
