#include "plan/mpc.h"

#include "base/assert.h"
#include "base/interrupt.h"
#include "base/rng.h"

// The run under way: what every part of the loop needs.
typedef struct loop {
    tz_env *env;
    const tz_task *task;
    const tz_controller *controller;
    tz_policy_workspace *policy_workspace; // owned; NULL when a planner acts
    const tz_observer *observers;          // borrowed                         (n_observers)
    int n_observers;
    uint64_t seed;
} loop;

// ---- observers: every one is told, the strongest request counts

static tz_loop_request stronger(tz_loop_request a, tz_loop_request b) {
    return a > b ? a : b;
}

static tz_loop_request tell_begin(const loop *l, int episode, const double *z) {
    tz_loop_request request = TZ_LOOP_CONTINUE;
    for (int i = 0; i < l->n_observers; i++) {
        const tz_observer *o = &l->observers[i];
        if (o->episode_begin != NULL) {
            request = stronger(request, o->episode_begin(o->context, l->env, episode, z));
        }
    }
    return request;
}

static tz_loop_off ask_off(const loop *l) {
    tz_loop_off off = {0};
    for (int i = 0; i < l->n_observers; i++) {
        const tz_observer *o = &l->observers[i];
        if (o->off != NULL) {
            const tz_loop_off more = o->off(o->context);
            off.planner = off.planner || more.planner;
            off.controls = off.controls || more.controls;
        }
    }
    return off;
}

static void tell_planning(const loop *l) {
    for (int i = 0; i < l->n_observers; i++) {
        const tz_observer *o = &l->observers[i];
        if (o->planning != NULL) {
            o->planning(o->context, l->controller->planner);
        }
    }
}

static tz_loop_request tell_planned(const loop *l, const tz_plan *plan) {
    tz_loop_request request = TZ_LOOP_CONTINUE;
    for (int i = 0; i < l->n_observers; i++) {
        const tz_observer *o = &l->observers[i];
        if (o->planned != NULL) {
            request = stronger(request, o->planned(o->context, l->env, plan));
        }
    }
    return request;
}

static tz_loop_request tell_stepped(const loop *l, const tz_loop_step *step) {
    tz_loop_request request = TZ_LOOP_CONTINUE;
    for (int i = 0; i < l->n_observers; i++) {
        const tz_observer *o = &l->observers[i];
        if (o->stepped != NULL) {
            request = stronger(request, o->stepped(o->context, l->env, step));
        }
    }
    return request;
}

static void tell_end(const loop *l, int episode, const tz_loop_result *result) {
    for (int i = 0; i < l->n_observers; i++) {
        const tz_observer *o = &l->observers[i];
        if (o->episode_end != NULL) {
            o->episode_end(o->context, l->env, episode, result->episode_return, result->length);
        }
    }
}

// ---- one episode

// Plans at z, or follows the last plan while planning is off.
static void make_plan(const loop *l, tz_plan *plan, const double *z) {
    if (ask_off(l).planner) {
        tz_planner_coast(l->controller->planner, plan, z);
    } else {
        tell_planning(l);
        tz_planner_plan(l->controller->planner, plan, z);
    }
}

// Chooses u (nu) at z. plan is filled when a planner acts.
static void choose_control(loop *l, float *u, tz_plan *plan, tz_rng *rng, const double *z) {
    if (l->controller->planner != NULL) {
        make_plan(l, plan, z);
        for (int j = 0; j < l->task->nu; j++) {
            u[j] = plan->u[j];
        }
    } else {
        const tz_policy *policy = l->controller->policy;
        const bool draws = l->controller->sample_policy || tz_policy_needs_rng(policy);
        tz_policy_act_in(policy, l->policy_workspace, u, l->env, draws ? rng : NULL);
    }
}

// Runs one episode from its reset. Anything but TZ_LOOP_CONTINUE: an observer broke it off.
static tz_loop_request run_episode(loop *l, tz_loop_result *result, int episode) {
    double z[TZ_NZ_MAX], z_next[TZ_NZ_MAX], u_applied[TZ_NU_MAX];
    float u[TZ_NU_MAX];
    tz_rng rng = tz_rng_stream(l->seed, TZ_PURPOSE_POLICY, (uint64_t)episode);
    const bool planning = l->controller->planner != NULL;
    const int nz = tz_task_nz(l->task);

    *result = (tz_loop_result){0};
    tz_env_reset(l->env, z, l->seed, (uint64_t)episode);
    if (planning) {
        tz_planner_reset(l->controller->planner, (uint64_t)episode);
    }
    tz_loop_request request = tell_begin(l, episode, z);
    while (request == TZ_LOOP_CONTINUE) {
        // decide
        tz_plan plan;
        choose_control(l, u, &plan, &rng, z);
        request = tell_planned(l, planning ? &plan : NULL);
        if (request != TZ_LOOP_CONTINUE) {
            break;
        }

        // act
        const bool limp = ask_off(l).controls;
        for (int j = 0; j < l->task->nu; j++) {
            u[j] = limp ? 0.0f : u[j];
            u_applied[j] = (double)u[j];
        }
        tz_loop_step step = {.episode = episode,
                             .t = result->length,
                             .z = z,
                             .u = u,
                             .z_next = z_next,
                             .plan = planning ? &plan : NULL};
        tz_env_step(l->env, &step.step, z_next, u_applied);

        // report; what a step earned that was not OK does not count
        result->outcome = step.step.outcome;
        if (result->outcome == TZ_STEP_OK) {
            result->length++;
            result->episode_return += step.step.reward;
            result->predicted_reward_sum += planning ? plan.predicted_reward : 0.0;
        }
        step.return_so_far = result->episode_return;
        request = tell_stepped(l, &step);
        request = stronger(request, tz_interrupted() ? TZ_LOOP_STOP : TZ_LOOP_CONTINUE);
        if (request == TZ_LOOP_CONTINUE &&
            (step.step.terminated || step.step.truncated || result->outcome != TZ_STEP_OK)) {
            tell_end(l, episode, result);
            return TZ_LOOP_CONTINUE;
        }
        for (int i = 0; i < nz; i++) {
            z[i] = z_next[i];
        }
    }
    return request;
}

tz_status tz_control_loop(tz_env *env, const tz_controller *controller, uint64_t seed,
                          int first_episode, int n_episodes, const tz_observer *observers,
                          int n_observers, tz_loop_result *results, int *n_done, tz_error *error) {
    TZ_ASSERT((controller->planner != NULL) != (controller->policy != NULL));
    *n_done = 0;
    loop l = {.env = env,
              .task = tz_env_task(env),
              .controller = controller,
              .observers = observers,
              .n_observers = n_observers,
              .seed = seed};
    if (controller->policy != NULL) {
        TZ_CHECK(tz_policy_workspace_create(&l.policy_workspace, controller->policy, 1, error));
    }
    while (*n_done < n_episodes) {
        const tz_loop_request request = run_episode(&l, &results[*n_done], first_episode + *n_done);
        if (request == TZ_LOOP_STOP) {
            break;
        }
        *n_done += request == TZ_LOOP_CONTINUE;
    }
    tz_policy_workspace_destroy(l.policy_workspace);
    return TZ_OK;
}
