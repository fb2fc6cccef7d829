// The scratch of a task whose reward or end is measured (tz_mujoco_env_type.n_measured > 0): one
// mjData, and what was measured of the last two states. See tz_task_scratch_create.
#ifndef TRAPEZE_ENVS_MUJOCO_SCRATCH_H
#define TRAPEZE_ENVS_MUJOCO_SCRATCH_H

#include "envs/mujoco_env.h"

// task, type and model are borrowed and outlive it. TZ_ERR_MEMORY, *scratch is NULL then.
tz_status tz_mujoco_scratch_create(tz_task_scratch **scratch, const tz_task *task,
                                   const tz_mujoco_env_type *type, const mjModel *model,
                                   tz_error *error);

#endif
