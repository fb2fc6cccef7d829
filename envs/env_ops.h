// What a kind of environment provides: MuJoCo (mujoco_env.h) is one, the synthetic Hamiltonian
// systems are another. env.c checks the definition, counts steps, tells truncation, and hands the
// rest to these verbs. Internal: users see env.h alone.
#ifndef TRAPEZE_ENVS_ENV_OPS_H
#define TRAPEZE_ENVS_ENV_OPS_H

#include "envs/env.h"

// One line of the registry: a constant, or owned by the environment that was made from a file.
// Backends embed it as the first member of their own type.
typedef struct tz_env_type {
    tz_env_info info;
    const struct tz_env_ops *ops;
} tz_env_type;

// Head of every environment; backends embed it as the first member of their own structure and fill
// it in create and clone.
struct tz_env {
    const tz_env_type *type; // lives at least as long as the environment
    const tz_task *task;     // the same one for all clones
    int elapsed;             // control steps since the reset; kept by env.c
};

typedef struct tz_env_ops {
    // Makes the environment at a reset state. `version` is 4 or 5, or 0 for a type without a
    // Gymnasium id. On failure leaves *env NULL and owns nothing.
    tz_status (*create)(tz_env **env, const tz_env_type *type, const tz_env_def *def, int version,
                        tz_error *error);
    tz_status (*clone)(tz_env **clone, const tz_env *env, tz_error *error);
    void (*destroy)(tz_env *env);

    // The verbs of env.h. step fills all of tz_step but `truncated`; terminated obeys
    // task->ends_early.
    void (*reset)(tz_env *env, double *z, uint64_t seed, uint64_t episode);
    void (*step)(tz_env *env, tz_step *step, double *z_next, const double *u);
    // Nullable: its rewards have no weights. The reward of the last step by a copy of the task with
    // other weights.
    double (*reward_by)(const tz_env *env, const tz_task *task);
    void (*observe)(const tz_env *env, double *z);
    void (*set_z)(tz_env *env, const double *z);

    // The full state without the elapsed steps, which env.c puts before it.
    size_t (*state_size)(const tz_env *env);
    void (*get_state)(const tz_env *env, double *state);
    void (*set_state)(tz_env *env, const double *state);

    // Nullable: no Gymnasium observation. See tz_env_gym_observation.
    void (*gym_observation)(const tz_env *env, double *o);

    // Nullable: not simulated by MuJoCo.
    const void *(*mj_model)(const tz_env *env);
    void *(*mj_data)(tz_env *env);
} tz_env_ops;

// Head of every task's scratch; backends embed it as the first member of their own structure. The
// functions are the task's own, to the last bit; the reward also that of copies with other weights.
struct tz_task_scratch {
    double (*reward)(tz_task_scratch *scratch, const tz_task *task, const double *z,
                     const double *u, const double *z_next);
    bool (*terminated)(tz_task_scratch *scratch, const double *z_next); // of a task with an end
    void (*destroy)(tz_task_scratch *scratch);
};

// The registry's line of a name, and the version that the name says (0: none); NULL when unknown.
const tz_env_type *tz_env_type_find(const char *name, int *version);

#endif
