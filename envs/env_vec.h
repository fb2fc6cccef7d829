// Many worlds of one kind stepped over a team of threads. Row i is always world i, and every result
// is independent of the number of threads.
#ifndef TRAPEZE_ENVS_ENV_VEC_H
#define TRAPEZE_ENVS_ENV_VEC_H

#include "base/parallel.h"
#include "envs/env.h"

typedef struct tz_env_vec tz_env_vec;

// n worlds of one definition. `team` is borrowed and must outlive the vector. Errors are those of
// tz_env_create. The caller destroys it.
TZ_API tz_status tz_env_vec_create(tz_env_vec **vec, const tz_env_def *def, int n, tz_team *team,
                                   tz_error *error);
TZ_API void tz_env_vec_destroy(tz_env_vec *vec);      // Nullable
TZ_API int tz_env_vec_size(const tz_env_vec *vec);    // n
TZ_API tz_env *tz_env_vec_at(tz_env_vec *vec, int i); // borrowed

// Resets all worlds; world i starts episode first_episode + i. z (n, nz).
TZ_API void tz_env_vec_reset(tz_env_vec *vec, double *z, uint64_t seed, uint64_t first_episode);

// Steps all worlds one control period: steps (n), z_next (n, nz), u (n, nu). The caller resets.
TZ_API void tz_env_vec_step(tz_env_vec *vec, tz_step *steps, double *z_next, const double *u);

#endif
