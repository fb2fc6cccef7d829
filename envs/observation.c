#include "envs/observation.h"

#include "base/assert.h"
#include "envs/mujoco_env.h"

#include <math.h>

bool tz_observation_layout_gymnasium(tz_observation_layout *layout, const char *name) {
    const tz_env_type *entry = tz_env_type_find(name);
    if (!entry || entry->ops != &tz_mujoco_ops) {
        return false;
    }
    const tz_mujoco_env_type *type = (const tz_mujoco_env_type *)entry;

    // Positions after the skipped ones, then all velocities.
    layout->n = type->nq - type->observation_skip + type->nv;
    for (int i = 0; i < layout->n; i++) {
        const int k = type->observation_skip + i;
        const double clip = k < type->nq ? INFINITY : type->observation_v_clip;
        layout->index[i] = k;
        layout->low[i] = -clip;
        layout->high[i] = clip;
    }
    return true;
}

void tz_observation_layout_identity(tz_observation_layout *layout, int nz) {
    TZ_ASSERT(nz > 0 && nz <= 2 * TZ_NQ_MAX);
    layout->n = nz;
    for (int i = 0; i < nz; i++) {
        layout->index[i] = i;
        layout->low[i] = -INFINITY;
        layout->high[i] = INFINITY;
    }
}

void tz_observation_gather(const tz_observation_layout *layout, double *o, const double *z) {
    for (int i = 0; i < layout->n; i++) {
        // fmin and fmax would hide a NaN; comparisons keep it.
        const double x = z[layout->index[i]];
        o[i] = x < layout->low[i] ? layout->low[i] : x > layout->high[i] ? layout->high[i] : x;
    }
}
