// Observation layouts: which entries of the raw state z = [q, v] a policy sees, and how they are
// clipped. A policy carries the layout it was trained on, so one raw state serves policies of any.
#ifndef TRAPEZE_ENVS_OBSERVATION_H
#define TRAPEZE_ENVS_OBSERVATION_H

#include "envs/env.h"

typedef struct tz_observation_layout {
    int n;                      // entries of the observation
    int index[2 * TZ_NQ_MAX];   // where each comes from in z                       (n)
    double low[2 * TZ_NQ_MAX];  // clip bounds; -INFINITY and INFINITY: not clipped  (n)
    double high[2 * TZ_NQ_MAX]; //                                                  (n)
} tz_observation_layout;

// Writes the layout of Gymnasium's observation of an environment (default arguments, v5): root x
// (and y) left out, velocities clipped to +-10 where Gymnasium clips them. `name` is a registry
// name or a Gymnasium id. False when there is no such environment.
TZ_API bool tz_observation_layout_gymnasium(tz_observation_layout *layout, const char *name);

// Every entry of a state of nz numbers, unclipped.
TZ_API void tz_observation_layout_identity(tz_observation_layout *layout, int nz);

// Writes the observation o (n) of the state z (nz).
TZ_API void tz_observation_gather(const tz_observation_layout *layout, double *o, const double *z);

#endif
