// Environments: one simulated world each, emitting the raw state z = [q, v] in double, unclipped.
//
// Semantics are Gymnasium's v5, or v4 where asked (docs/environments.md). A step writes the true
// next state; `terminated` and `truncated` are apart; the caller resets. Reward and termination are
// also available as pure functions of (z, u, z') in the task, for planners.
//
// An environment is mutable and belongs to one thread at a time; clones share the compiled model.
// This header knows nothing of models, planners, or graphics.
#ifndef TRAPEZE_ENVS_ENV_H
#define TRAPEZE_ENVS_ENV_H

#include "base/status.h"
#include "envs/arguments.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Sizes that arrays are made for.
enum {
    TZ_NAME_MAX = 128,         // bytes of a name, its NUL included
    TZ_NQ_MAX = 128,           // positions, and velocities
    TZ_NZ_MAX = 2 * TZ_NQ_MAX, // entries of z = [q, v]
    TZ_NU_MAX = 64,            // controls
    TZ_OBSERVATION_MAX = 512,  // numbers of an observation
    TZ_DIGEST_MAX = 100        // bytes of a digest, its NUL included
};

// What a coordinate q[i] is.
typedef enum tz_coordinate {
    TZ_COORDINATE_LINEAR,    // metres
    TZ_COORDINATE_ANGLE,     // radians
    TZ_COORDINATE_QUATERNION // one of four components (w, x, y, z); v then has three
} tz_coordinate;

// ---- task: what is to be done, as data and pure functions; immutable, shared by threads

typedef struct tz_task tz_task;
typedef struct tz_task_scratch tz_task_scratch;
struct tz_task {
    char name[TZ_NAME_MAX];         // names the environment to tz_env_create: "hopper", "hopper-v4"
    char digest[TZ_DIGEST_MAX];     // of a user's MJCF (docs/formats.md), else ""
    char gymnasium_id[TZ_NAME_MAX]; // "Hopper-v5", "Hopper-v4", or ""
    int version;                    // 5 or 4: whose semantics; 0 without a Gymnasium id
    int nq;                         // positions
    int nv;                         // velocities; z has nq + nv entries
    int nu;                         // controls; may be 0
    int n_gym_observation;          // numbers of Gymnasium's observation; 0: it has none
    double dt_s;                    // control period: timestep * frame_skip (seconds)
    int frame_skip;
    int max_episode_steps;               // truncation limit
    tz_coordinate coordinate[TZ_NQ_MAX]; // kind of each q                           (nq)
    bool unbounded[TZ_NQ_MAX];      // an angle that no joint limit stops (root pitch)       (nq)
    bool cyclic[TZ_NQ_MAX];         // the dynamics do not depend on this q (root x, y)      (nq)
    double control_low[TZ_NU_MAX];  //                                                (nu)
    double control_high[TZ_NU_MAX]; //                                                (nu)
    char coordinate_name[TZ_NQ_MAX][TZ_NAME_MAX]; // "thigh", "root_qw"; for tables   (nq)
    char velocity_name[TZ_NQ_MAX][TZ_NAME_MAX];   // "thigh", "root_wx"               (nv)
    bool ends_early; // termination rule active (Gymnasium's terminate_when_unhealthy)
    bool is_exact;   // a step's reward and end are the two functions below, to the last bit; else
                     // the step knows more (contact forces, lagging positions) than z does

    // The two functions take copies of the task too, which live no longer than the environment.
    // Reward of the transition z --u--> z_next. Pure.
    double (*reward)(const tz_task *task, const double *z, const double *u, const double *z_next);
    // Termination at z_next (true: the episode ends there). Pure; ignores ends_early. Nullable:
    // never.
    bool (*terminated)(const tz_task *task, const double *z_next);
    // Makes a scratch for both, see tz_task_scratch_create. Nullable: they need none.
    tz_status (*scratch_create)(tz_task_scratch **scratch, const tz_task *task, tz_error *error);

    tz_argument_values argument;              // what reward, end and reset are weighted with
    char env_arguments[TZ_ENV_ARGUMENTS_MAX]; // as text, those that are not the default

    const void *world; // the environment kind's own, shared by its clones; Nullable
};

static inline int tz_task_nz(const tz_task *task) {
    return task->nq + task->nv;
}

// The value next to u that control j can have; NaN stays.
static inline float tz_task_clip_control(const tz_task *task, int j, float u) {
    const float low = (float)task->control_low[j], high = (float)task->control_high[j];
    return u < low ? low : u > high ? high : u;
}

// Scratch of a thread that asks a task about many states. Where reward or end depend on what MuJoCo
// derives of a state (body positions, sensors), the task's own functions take a lock to find a
// simulation that is free, may have to make one, and derive both states at every call. A scratch
// has its own and remembers the last two states: along a rollout each state is derived once, and
// nothing is locked or allocated. *scratch is NULL for a task that derives nothing, and for a copy
// of a task whose reward was replaced. It serves copies of the task with other weights
// (tz_task_weigh) too. The task must outlive it; the caller destroys it. TZ_ERR_MEMORY.
TZ_API tz_status tz_task_scratch_create(tz_task_scratch **scratch, const tz_task *task,
                                        tz_error *error);
TZ_API void tz_task_scratch_destroy(tz_task_scratch *scratch); // Nullable

// The task's reward and termination (false without a rule) on a scratch of this task, to the last
// bit. Nullable: scratch, then they are the task's own functions.
TZ_API double tz_task_reward(const tz_task *task, tz_task_scratch *scratch, const double *z,
                             const double *u, const double *z_next);
TZ_API bool tz_task_terminated(const tz_task *task, tz_task_scratch *scratch, const double *z_next);

// ---- environment

typedef struct tz_env tz_env;

typedef struct tz_env_def {
    uint32_t cookie;       // set by tz_env_def_default, checked at create
    const char *name;      // registry name ("hopper", "hopper-v4"), Gymnasium id, or an MJCF file
                           // ("arm.xml"); borrowed
    int version;           // 4 or 5: Gymnasium's semantics; 0: as the name says, else 5
    bool ends_early;       // false: never terminate early (planning studies); default true
    int max_episode_steps; // 0: the registered limit
    const char *arguments; // of a built-in robot, "ctrl_cost_weight=0.1,healthy_reward=2" (see
                           // arguments.h); NULL or "": the defaults; borrowed
} tz_env_def;
TZ_API tz_env_def tz_env_def_default(void);

// How a step went numerically. One that is not OK must never be written to a dataset as data.
typedef enum tz_step_outcome {
    TZ_STEP_OK,
    TZ_STEP_UNSTABLE,  // MuJoCo warned (bad qpos, qvel, qacc) or the state is not finite
    TZ_STEP_BAD_REWARD // the state is sound, the reward is not finite (a user's rule: 1/0)
} tz_step_outcome;

// What happened, as the end of a sentence: "the simulation became unstable". Static; "" when OK.
TZ_API const char *tz_step_trouble(tz_step_outcome outcome);

typedef struct tz_step {
    double reward;
    bool terminated; // the task ended
    bool truncated;  // the time limit was reached; may be true together with terminated
    tz_step_outcome outcome;
} tz_step;

// Creates the environment. TZ_ERR_ARGUMENT: unknown name or argument (the sentence lists the known
// ones) or bad def; TZ_ERR_IO, TZ_ERR_FORMAT: an MJCF file that cannot be read or is none;
// TZ_ERR_UNSUPPORTED: one that asks for more than docs/environments.md says, or a physical system
// in a build without SUNDIALS; TZ_ERR_MEMORY. The caller destroys it.
TZ_API tz_status tz_env_create(tz_env **env, const tz_env_def *def, tz_error *error);

// A second world on the same compiled model (reference-counted), at its own reset state.
// TZ_ERR_MEMORY, TZ_ERR_UNSUPPORTED. The caller destroys it.
TZ_API tz_status tz_env_clone(tz_env **clone, const tz_env *env, tz_error *error);
TZ_API void tz_env_destroy(tz_env *env); // Nullable

// The task, borrowed; lives as long as any clone of the environment.
TZ_API const tz_task *tz_env_task(const tz_env *env);

// Starts episode `episode` of `seed`: the initial state z (nz) depends on these two numbers alone.
// Clears warm start, controls, time and warnings.
TZ_API void tz_env_reset(tz_env *env, double *z, uint64_t seed, uint64_t episode);

// Applies u (nu, raw, not clipped by the environment) for one control period; writes z_next (nz).
// Allocates nothing.
TZ_API void tz_env_step(tz_env *env, tz_step *step, double *z_next, const double *u);

// The terms of the last step's reward: what each weight (tz_task_weights, in their order) added to
// it, which is the reward less what it would be with that weight at 0. These are the terms of
// Gymnasium's info, but that a cost whose range excludes 0 counts from the end next to 0. What no
// weight concerns is missing from their sum. Returns how many there are. Only after a step, before
// the next reset or set.
TZ_API int tz_env_reward_terms(const tz_env *env, double term[TZ_WEIGHTS_MAX]);

// Current z (nz) without stepping.
TZ_API void tz_env_observe(const tz_env *env, double *z);

// Puts the world at z with everything else cleared (warm start, time, elapsed steps = 0), forward
// run.
TZ_API void tz_env_set_z(tz_env *env, const double *z);

// The full state: everything that a step depends on, in this order: elapsed steps, time, qpos (nq),
// qvel (nv), act (na), qacc_warmstart (nv), ctrl (nu), qfrc_applied (nv), xfrc_applied (nbody, 6),
// and what the environment took of derived quantities: Gymnasium's observation where it is no part
// of z, and numbers for its reward. set(get(x)) continues bit for bit. Setting runs no mj_forward:
// derived quantities (body positions) stay as they were until the next step.
TZ_API size_t tz_env_state_size(const tz_env *env); // in doubles
TZ_API void tz_env_get_state(const tz_env *env, double *state);
TZ_API void tz_env_set_state(tz_env *env, const double *state);

// Gymnasium's observation of the world as it stands: o (task->n_gym_observation). Derived
// quantities (body positions, contact forces) are read as the last step left them, as Gymnasium
// reads them. Only where task->n_gym_observation > 0.
TZ_API void tz_env_gym_observation(const tz_env *env, double *o);

// Capabilities beyond the common verbs. NULL where the environment is not simulated by MuJoCo.
// The pointers are mjModel and mjData, borrowed; for viewers and sim_model only.
TZ_API const void *tz_env_mj_model(const tz_env *env);
TZ_API void *tz_env_mj_data(tz_env *env);

// ---- registry

typedef struct tz_env_info {
    const char *name;         // "half_cheetah"
    const char *gymnasium_id; // "HalfCheetah-v5"
    const char *summary;      // one line for `trapeze envs`
    int max_episode_steps;
    // default camera, as Gymnasium's viewer: body to track (-1: fixed), distance, look-at,
    // elevation
    int camera_track_body;
    double camera_distance;
    double camera_lookat[3];
    double camera_elevation;
    const tz_argument *arguments; // of both versions                            (n_arguments)
    int n_arguments;
} tz_env_info;

// The environments that MuJoCo simulates. The physical systems (envs/hamiltonian/system.h) have a
// list of their own; tz_env_create and tz_env_info_find take their names too.
TZ_API int tz_env_count(void);
TZ_API const tz_env_info *tz_env_info_at(int index);

// The entry of a registry name or Gymnasium id, with or without "-v4" or "-v5"; NULL when unknown.
TZ_API const tz_env_info *tz_env_info_find(const char *name);

// The entry of an environment.
TZ_API const tz_env_info *tz_env_info_of(const tz_env *env);

// Whether tz_env_create knows the name: an entry of the registry, a physical system, an MJCF file.
TZ_API bool tz_env_exists(const char *name);

// Writes the name that a task of this environment carries: "hopper-v4" for "Hopper-v4", "hopper"
// for "Hopper-v5". False, and "", when there is no such environment.
TZ_API bool tz_env_task_name(char task_name[TZ_NAME_MAX], const char *name);

#endif
