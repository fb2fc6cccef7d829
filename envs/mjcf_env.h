// An environment made from any MJCF file, without a line of C: the model says what is simulated,
// and custom fields of the file (trapeze_reward and others, docs/environments.md) say what is to be
// done.
#ifndef TRAPEZE_ENVS_MJCF_ENV_H
#define TRAPEZE_ENVS_MJCF_ENV_H

#include "envs/env.h"

#include <stdbool.h>

// Whether a name is that of an MJCF file rather than of the registry: it ends in ".xml".
TZ_API bool tz_is_mjcf_name(const char *name);

// Makes the environment of the file def->name. The file is hostile until checked. TZ_ERR_IO,
// TZ_ERR_FORMAT with MuJoCo's or our complaint, TZ_ERR_UNSUPPORTED for a model whose state is more
// than [q, v], TZ_ERR_MEMORY.
tz_status tz_mjcf_env_create(tz_env **env, const tz_env_def *def, tz_error *error);

#endif
