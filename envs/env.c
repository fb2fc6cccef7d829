// The registry, and the batched forms of a task's functions.
#include "envs/env.h"

#include "base/assert.h"
#include "envs/mujoco_env.h"

#include <string.h>

static const tz_mujoco_env_type *const registry[] = {
    &tz_half_cheetah, &tz_hopper, &tz_swimmer, &tz_walker2d, &tz_inverted_pendulum,
};

int tz_env_count(void) {
    return (int)TZ_COUNTOF(registry);
}

const tz_env_info *tz_env_info_at(int index) {
    TZ_ASSERT(index >= 0 && index < tz_env_count());
    return &registry[index]->info;
}

const tz_mujoco_env_type *tz_mujoco_env_type_find(const char *name) {
    for (size_t i = 0; i < TZ_COUNTOF(registry); i++) {
        const tz_env_info *info = &registry[i]->info;
        if (strcmp(info->name, name) == 0 || strcmp(info->gymnasium_id, name) == 0) {
            return registry[i];
        }
    }
    return NULL;
}

const tz_env_info *tz_env_info_find(const char *name) {
    const tz_mujoco_env_type *type = tz_mujoco_env_type_find(name);
    return type ? &type->info : NULL;
}

void tz_task_reward_batch(const tz_task *task, double *reward, const double *z, const double *u,
                          const double *z_next, int B) {
    const int nz = tz_task_nz(task);
    for (int b = 0; b < B; b++) {
        const size_t row = (size_t)b * (size_t)nz;
        reward[b] = task->reward(task, z + row, u + (size_t)b * (size_t)task->nu, z_next + row);
    }
}

void tz_task_terminated_batch(const tz_task *task, bool *terminated, const double *z_next, int B) {
    const int nz = tz_task_nz(task);
    for (int b = 0; b < B; b++) {
        terminated[b] = task->terminated && task->terminated(task, z_next + (size_t)b * (size_t)nz);
    }
}
