#include "envs/observation.h"

#include "base/assert.h"
#include "envs/mujoco_env.h"

#include <math.h>

static void lay_identity(tz_observation_layout *layout, tz_observation_source source, int n) {
    TZ_ASSERT(n > 0 && n <= TZ_OBSERVATION_MAX);
    layout->source = source;
    layout->n = n;
    for (int i = 0; i < n; i++) {
        layout->index[i] = i;
        layout->low[i] = -INFINITY;
        layout->high[i] = INFINITY;
    }
}

bool tz_observation_layout_gymnasium(tz_observation_layout *layout, const char *name) {
    int version;
    const tz_env_type *entry = tz_env_type_find(name, &version);
    if (!entry || entry->ops != &tz_mujoco_ops) {
        return false;
    }
    const tz_mujoco_env_type *type = (const tz_mujoco_env_type *)entry;

    if (type->observe && !type->observes_state) {
        lay_identity(layout, TZ_OBSERVATION_GYMNASIUM,
                     version == 4 ? type->n_observation_v4 : type->n_observation);
        return true;
    }

    // Positions after the skipped ones, then all velocities.
    layout->source = TZ_OBSERVATION_STATE;
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

void tz_observation_layout_full(tz_observation_layout *layout, const tz_task *task) {
    lay_identity(layout, TZ_OBSERVATION_GYMNASIUM, task->n_gym_observation);
}

void tz_observation_layout_identity(tz_observation_layout *layout, int nz) {
    lay_identity(layout, TZ_OBSERVATION_STATE, nz);
}

void tz_observation_gather(const tz_observation_layout *layout, double *o, const double *source) {
    for (int i = 0; i < layout->n; i++) {
        // fmin and fmax would hide a NaN; comparisons keep it.
        const double x = source[layout->index[i]];
        o[i] = x < layout->low[i] ? layout->low[i] : x > layout->high[i] ? layout->high[i] : x;
    }
}

void tz_env_observe_source(const tz_env *env, tz_observation_source source_kind, double *source) {
    switch (source_kind) {
    case TZ_OBSERVATION_STATE:
        tz_env_observe(env, source);
        return;
    case TZ_OBSERVATION_GYMNASIUM:
        tz_env_gym_observation(env, source);
        return;
    }
}

void tz_env_observe_layout(const tz_env *env, const tz_observation_layout *layout, double *o) {
    double source[TZ_OBSERVATION_MAX];
    tz_env_observe_source(env, layout->source, source);
    tz_observation_gather(layout, o, source);
}
