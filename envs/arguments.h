// Arguments of the built-in robots: what Gymnasium's constructors call ctrl_cost_weight,
// healthy_z_range and so on. A task holds their values; as text they are NAME=VALUE with commas
// between them, where a range is LOW:HIGH and its ends may be -inf and inf:
//
//     ctrl_cost_weight=0.1,healthy_z_range=0.3:inf
#ifndef TRAPEZE_ENVS_ARGUMENTS_H
#define TRAPEZE_ENVS_ARGUMENTS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct tz_task;

enum {
    TZ_ENV_ARGUMENTS_MAX = 512 // longest text, with its end
};

// The values in a task; those that its robot does not know are zero. Ranges are low, high.
typedef struct tz_argument_values {
    double forward_reward_weight;  // of the velocity along x (s/m)
    double ctrl_cost_weight;       // of |u|^2
    double contact_cost_weight;    // of the squared contact forces
    double contact_cost_range[2];  // what that cost is clipped to
    double contact_force_range[2]; // what each force is clipped to before
    double healthy_reward;         // of a step that ends healthy
    double healthy_state_range[2]; // of z but for x and height
    double healthy_z_range[2];     // of the height (m)
    double healthy_angle_range[2]; // of the root's pitch (radians)
    double reset_noise_scale;      // of the initial state, see tz_reset_uniform, tz_reset_normal
    double reward_dist_weight;     // of the distance from the goal (1/m)
    double reward_near_weight;     // of the distance of the arm from the object (1/m)
    double reward_control_weight;  // of |u|^2
    double uph_cost_weight;        // of nothing: Gymnasium takes it and does not use it
    double impact_cost_weight;     // HumanoidStandup's names of the contact cost
    double impact_cost_range[2];
} tz_argument_values;

typedef enum tz_argument_kind {
    TZ_ARGUMENT_NUMBER, // finite: the weight of a term of the reward
    TZ_ARGUMENT_SCALE,  // finite, not negative
    TZ_ARGUMENT_RANGE,  // low, high; low may be -inf, high inf, and they may be equal
    TZ_ARGUMENT_FLAG    // true or false; the only one, terminate_when_unhealthy, is ends_early
} tz_argument_kind;

// Sets of Gymnasium's versions.
enum { TZ_V4 = 1, TZ_V5 = 2, TZ_V4_AND_V5 = TZ_V4 | TZ_V5 };

// One argument of a robot.
typedef struct tz_argument {
    const char *name; // Gymnasium's
    tz_argument_kind kind;
    size_t offset;    // of its value in tz_argument_values; a flag has none there
    double value[2];  // the default: a number, low and high, or 1 for true
    unsigned of;      // the versions whose constructors have it
    unsigned idle_in; // those in which it changes nothing, here as in Gymnasium
    bool of_contacts; // the weight of contact forces, which no predicted step knows: they count as
                      // zero there
} tz_argument;

// Whether the constructor of this version (4 or 5) has the argument, and whether it then changes
// anything.
TZ_API bool tz_argument_is_of(const tz_argument *argument, int version);
TZ_API bool tz_argument_is_idle(const tz_argument *argument, int version);

// Writes a task's value: one number, or low and high. Returns whether it is not the default.
TZ_API bool tz_argument_get(const tz_argument *argument, const struct tz_task *task,
                            double value[2]);

// Writes a value as it stands behind NAME=: "0.1", "0.3:inf", "true".
enum { TZ_ARGUMENT_TEXT_MAX = 72 };
TZ_API void tz_argument_text(const tz_argument *argument, const double value[2],
                             char text[TZ_ARGUMENT_TEXT_MAX]);

// ---- weights of the reward's terms

enum { TZ_WEIGHTS_MAX = 8 };

// Writes which arguments of the task's robot weigh the terms of its reward (forward_reward_weight,
// ctrl_cost_weight, healthy_reward, ...) and do change it in the task's version; returns how many
// there are, 0 for a robot of a file and for a physical system. The entries are constants.
TZ_API int tz_task_weights(const tz_argument *weight[TZ_WEIGHTS_MAX], const struct tz_task *task);

// Writes what the term of a weight is called where room is scarce, the words of its name without
// "reward" and "weight": "forward", "ctrl cost", "healthy".
enum { TZ_TERM_NAME_MAX = 32 };
TZ_API void tz_term_name(char text[TZ_TERM_NAME_MAX], const tz_argument *weight);

// Changes one of the weights in a task of one's own: a copy of an environment's, which then judges
// transitions otherwise than the environment and lives no longer than it. TZ_ERR_ARGUMENT: no such
// weight (the sentence lists them), a value that is not finite; nothing changes then.
TZ_API tz_status tz_task_weigh(struct tz_task *own, const char *weight, double value,
                               tz_error *error);

// ---- making a task

// Gives a task, whose name, version and ends_early are set, the values of the `n` arguments that
// its robot knows: the defaults, changed by `text` (Nullable). Writes task->env_arguments.
// TZ_ERR_ARGUMENT: an unknown name (the sentence lists the known ones), a name given twice, a value
// that is none.
tz_status tz_arguments_apply(struct tz_task *task, const tz_argument *known, int n,
                             const char *text, tz_error *error);

#endif
