// MuJoCo itself behind the model interface (kind "sim"): what a planner could do with a perfect
// model. It offers the rollout alone.
//
// A rollout starts from z and nothing else: no warm start of the solver, time 0. It differs from
// the environment's own next step by that and by the rounding of z to f32.
#ifndef TRAPEZE_PLAN_SIM_MODEL_H
#define TRAPEZE_PLAN_SIM_MODEL_H

#include "envs/env.h"
#include "models/model.h"

// Clones env; each workspace is a further clone of its own. Predictions after an unstable step are
// NaN. The caller destroys the model with tz_model_destroy. TZ_ERR_MEMORY;
// TZ_ERR_UNSUPPORTED as of tz_env_clone.
TZ_API tz_status tz_sim_model_create(tz_model **model, const tz_env *env, tz_error *error);

#endif
