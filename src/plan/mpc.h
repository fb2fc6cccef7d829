// The control loop: plan, act on the real environment, repeat. It reports to observers; the window,
// the recorder, the dataset writer and the progress bar are observers, and the loop knows none of
// them.
#ifndef TRAPEZE_PLAN_MPC_H
#define TRAPEZE_PLAN_MPC_H

#include "plan/planner.h"
#include "policies/policy.h"

// What an observer may ask the loop to do next.
typedef enum tz_loop_request {
    TZ_LOOP_CONTINUE,
    TZ_LOOP_RESTART, // start this episode over
    TZ_LOOP_STOP     // end the whole run; the episode in flight is dropped
} tz_loop_request;

// What may be turned off while the loop runs.
typedef struct tz_loop_off {
    bool planner;  // no plans are made: the last one is followed to its end (tz_planner_coast)
    bool controls; // zero controls are applied, whatever was chosen
} tz_loop_off;

// One step of the loop, borrowed during the callback.
typedef struct tz_loop_step {
    int episode;          // 0, 1, ...
    int t;                // control step within the episode, 0, 1, ...
    const double *z;      // state before                              (nz)
    const float *u;       // control applied                           (nu)
    const double *z_next; // state after                               (nz)
    tz_step step;         // reward and ends
    double return_so_far;
    const tz_plan *plan; // NULL when a policy acts
} tz_loop_step;

typedef struct tz_observer {
    void *context;
    // (optional) before the first step of an episode; z is the initial state, env the real one
    tz_loop_request (*episode_begin)(void *context, tz_env *env, int episode, const double *z);
    // (optional) what is off: asked before the controls are chosen, and before they are executed
    tz_loop_off (*off)(void *context);
    // (optional) before a plan is made: none is borrowed, so that the planner's settings may change
    void (*planning)(void *context, tz_planner *planner);
    // (optional) after the controls were chosen and before they are executed: draw, wait, pace
    // here; plan is NULL when a policy acts
    tz_loop_request (*planned)(void *context, tz_env *env, const tz_plan *plan);
    // (optional) after every environment step
    tz_loop_request (*stepped)(void *context, tz_env *env, const tz_loop_step *step);
    // (optional) after the last step of an episode
    void (*episode_end)(void *context, tz_env *env, int episode, double episode_return, int length);
} tz_observer;

// Who chooses the control: exactly one of the two is set.
typedef struct tz_controller {
    tz_planner *planner;     // MPC
    const tz_policy *policy; // play
    bool sample_policy;      // sampled instead of deterministic controls
} tz_controller;

typedef struct tz_loop_result {
    double episode_return;
    double predicted_reward_sum; // sum of one-step predictions (planner only)
    int length;
    tz_step_outcome outcome; // of the last step, which cut the episode where it was not OK
} tz_loop_result;

// Runs episodes first_episode .. first_episode + n_episodes - 1 of `seed` on env. results
// (n_episodes); *n_done counts the finished ones. Stops early when an observer asks, or
// tz_interrupted (base/interrupt.h).
TZ_API tz_status tz_control_loop(tz_env *env, const tz_controller *controller, uint64_t seed,
                                 int first_episode, int n_episodes, const tz_observer *observers,
                                 int n_observers, tz_loop_result *results, int *n_done,
                                 tz_error *error);

#endif
