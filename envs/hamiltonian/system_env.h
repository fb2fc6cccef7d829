// The physical systems as environments (env.h): no control (nu = 0), reward 0, no end but the time
// limit, which is the study's 10 s. Internal: env.c finds them by name.
#ifndef TRAPEZE_ENVS_HAMILTONIAN_SYSTEM_ENV_H
#define TRAPEZE_ENVS_HAMILTONIAN_SYSTEM_ENV_H

#include "envs/env_ops.h"

// The environment type of a system's name; NULL when there is none.
const tz_env_type *tz_system_env_type_find(const char *name);

#endif
