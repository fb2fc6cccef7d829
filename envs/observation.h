// Observation layouts: which entries of a source a policy sees, and how they are clipped. The
// source is the raw state z = [q, v], or Gymnasium's observation where that holds more than z
// (sines, body positions, contact forces). A policy carries the layout it was trained on.
#ifndef TRAPEZE_ENVS_OBSERVATION_H
#define TRAPEZE_ENVS_OBSERVATION_H

#include "envs/env.h"

typedef enum tz_observation_source {
    TZ_OBSERVATION_STATE,    // z
    TZ_OBSERVATION_GYMNASIUM // tz_env_gym_observation: only an environment has it, not a bare z
} tz_observation_source;

typedef struct tz_observation_layout {
    tz_observation_source source;
    int n;                           // entries of the observation
    int index[TZ_OBSERVATION_MAX];   // where each comes from in the source             (n)
    double low[TZ_OBSERVATION_MAX];  // clip bounds; -INFINITY and INFINITY: not clipped (n)
    double high[TZ_OBSERVATION_MAX]; //                                                 (n)
} tz_observation_layout;

// Writes the layout that policies of an environment see by default: Gymnasium's observation
// (default arguments) of that version, as part of z where it is one, root x (and y) left out,
// velocities clipped to +-10 where Gymnasium clips them. Of Ant and the Humanoids only the part
// [q[2..], v]; tz_observation_layout_full has the rest. `name` as for tz_env_create. False when
// there is no such environment.
TZ_API bool tz_observation_layout_gymnasium(tz_observation_layout *layout, const char *name);

// All of Gymnasium's observation of a task that has one (task->n_gym_observation > 0), from the
// environment.
TZ_API void tz_observation_layout_full(tz_observation_layout *layout, const tz_task *task);

// Every entry of a state of nz numbers, unclipped.
TZ_API void tz_observation_layout_identity(tz_observation_layout *layout, int nz);

// Writes the observation o (n) out of the source: z (nz), or Gymnasium's observation.
TZ_API void tz_observation_gather(const tz_observation_layout *layout, double *o,
                                  const double *source);

// Writes what a layout of this source gathers from: z (nz), or Gymnasium's observation.
TZ_API void tz_env_observe_source(const tz_env *env, tz_observation_source source_kind,
                                  double *source);

// Writes the observation o (n) of the state that the environment is in, whatever the source.
TZ_API void tz_env_observe_layout(const tz_env *env, const tz_observation_layout *layout,
                                  double *o);

#endif
