#include "data/check.h"

#include "base/memory.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// Rewards recomputed from (z, u, z') agree with our own to this share of their size: both are the
// same few operations in double, perhaps in another order.
static const double REWARD_TOLERANCE = 1e-9;
// Gymnasium squares and sums float32 controls in float32, so that rewards of other writers are only
// good to single precision: 2^-24 for each of a few operations.
static const double FOREIGN_REWARD_TOLERANCE = 1e-6;
// Where a step knows more than z (tz_task.is_exact), its reward is that of the states but for the
// lag of positions behind q, at most 20 times what was seen (docs/environments.md), and for the
// cost of contacts. The lag is that of the reward, of the velocity that forward_reward_weight
// multiplies, and of the distances that reward_dist_weight and reward_near_weight do. Ends are
// functions of z' but for the double pendulum's.
static const struct {
    const char *name;
    double lag, velocity_lag, distance_lag;
    bool end_is_exact;
} inexact[] = {
    {"inverted_double_pendulum", 0.5, 0, 0, false},
    {"reacher", 0, 0, 0.1, true},
    {"pusher", 0, 0, 0.1, true},
    {"ant", 0, 0.5, 0, true},
    {"humanoid", 0, 0.8, 0, true},
    {"humanoid_standup", 10, 0, 0, true},
};
// Contact forces of the ant, six on each of its bodies.
static const double ANT_FORCES = 6 * 14;
// Length of a quaternion whose components were rounded to float, as D4RL's are: 2^-24 of each.
static const double QUATERNION_TOLERANCE = 1e-6;

// ---- statistics

double tz_dataset_return(const tz_dataset *dataset, int episode) {
    double sum = 0;
    for (size_t t = dataset->step_offset[episode]; t < dataset->step_offset[episode + 1]; t++) {
        sum += dataset->reward[t];
    }
    return sum;
}

// Takes the value of row n (1, 2, ...) into the range of its column, share = 1 / n; std holds the
// sum of squared deviations until the end (Welford 1962: a large mean does not eat the spread).
static void take(tz_range *range, double value, size_t n, double share) {
    const double deviation = value - range->mean;
    range->low = n == 1 || value < range->low ? value : range->low;
    range->high = n == 1 || value > range->high ? value : range->high;
    range->mean += deviation * share;
    range->std += deviation * (value - range->mean);
}

void tz_dataset_summarise(const tz_dataset *dataset, tz_dataset_summary *s) {
    const int n = dataset->n_episodes;
    *s = (tz_dataset_summary){.episodes = n,
                              .steps = dataset->n_steps,
                              .return_low = INFINITY,
                              .return_high = -INFINITY,
                              .length_low = tz_dataset_length(dataset, 0)};
    for (int e = 0; e < n; e++) {
        const double episode_return = tz_dataset_return(dataset, e);
        const int T = tz_dataset_length(dataset, e);
        const size_t end = dataset->step_offset[e + 1];
        s->return_mean += episode_return / n;
        s->return_low = fmin(s->return_low, episode_return);
        s->return_high = fmax(s->return_high, episode_return);
        s->length_low = T < s->length_low ? T : s->length_low;
        s->length_high = T > s->length_high ? T : s->length_high;
        s->terminated += T > 0 && dataset->terminated[end - 1] == 1;
        s->truncated += T > 0 && dataset->truncated[end - 1] == 1;
        s->unstable += dataset->origin[e].unstable;
        s->bad_reward += dataset->origin[e].bad_reward;
    }
    double squares = 0;
    for (int e = 0; e < n; e++) {
        const double deviation = tz_dataset_return(dataset, e) - s->return_mean;
        squares += deviation * deviation;
    }
    s->return_std = sqrt(squares / n);
    s->length_mean = (double)dataset->n_steps / n;
    const size_t n_states = dataset->n_steps + (size_t)n, nz = (size_t)dataset->nz;
    const size_t n_steps = dataset->n_steps, nu = (size_t)dataset->nu;
    for (size_t row = 0; row < n_states; row++) {
        const double share = 1 / (double)(row + 1);
        for (size_t i = 0; i < nz; i++) {
            take(&s->z[i], dataset->z[row * nz + i], row + 1, share);
        }
    }
    for (size_t row = 0; row < n_steps; row++) {
        const double share = 1 / (double)(row + 1);
        for (size_t i = 0; i < nu; i++) {
            take(&s->u[i], (double)dataset->u[row * nu + i], row + 1, share);
        }
    }
    for (size_t i = 0; i < nz; i++) {
        s->z[i].std = sqrt(s->z[i].std / (double)n_states);
    }
    for (size_t i = 0; i < nu; i++) {
        s->u[i].std = sqrt(s->u[i].std / (double)n_steps);
    }
}

// ---- rules

typedef struct validation {
    const tz_dataset *dataset;
    const tz_task *task;
    tz_task_scratch *scratch; // Nullable
    tz_fault_fn fault;
    void *context;
} validation;

static void tell(const validation *v, const char *rule, int episode, long step, const char *format,
                 ...) __attribute__((format(printf, 5, 6)));
static void tell(const validation *v, const char *rule, int episode, long step, const char *format,
                 ...) {
    tz_fault fault = {.rule = rule, .episode = episode, .step = step};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault.text, sizeof fault.text, format, arguments);
    va_end(arguments);
    v->fault(v->context, &fault);
}

static void check_control(const validation *v, int episode, int t, const float *u) {
    for (int i = 0; i < v->task->nu; i++) {
        const float low = (float)v->task->control_low[i], high = (float)v->task->control_high[i];
        if (u[i] < low || u[i] > high) {
            tell(v, "control_range", episode, t, "actions[%d][%d] is %.9g (expected %g to %g)", t,
                 i, (double)u[i], (double)low, (double)high);
        }
    }
}

// Quaternions are of unit length but in the first state, where a reset adds its noise to each
// component as Gymnasium does; and a rotation of less than half a turn a step does not change their
// sign. z_next is NULL at the last state.
static void check_quaternions(const validation *v, int episode, int t, const double *z,
                              const double *z_next) {
    for (int i = 0; i + 3 < v->task->nq; i++) {
        if (v->task->coordinate[i] != TZ_COORDINATE_QUATERNION) {
            continue;
        }
        const double *q = z + i, *q_next = z_next ? z_next + i : q;
        const double length = sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
        if (t > 0 && fabs(length - 1) > QUATERNION_TOLERANCE) {
            tell(v, "quaternion", episode, t, "observations[%d][%d..%d] has length %.9g", t, i,
                 i + 3, length);
        }
        if (q[0] * q_next[0] + q[1] * q_next[1] + q[2] * q_next[2] + q[3] * q_next[3] < 0) {
            tell(v, "quaternion", episode, t,
                 "observations[%d][%d..%d] changes its sign in the next step", t, i, i + 3);
        }
        i += 3;
    }
}

// How far the reward of a step may lie below and above that of its states, and whether its end is
// that of its states.
typedef struct margin {
    double below, above;
    bool end_is_exact, known;
} margin;

// Widens the margin by a cost that lies between that of the states, without forces, and that of the
// largest forces.
static void allow_cost(margin *m, double at_zero, double at_most) {
    m->below += fmax(at_most - at_zero, 0.0);
    m->above += fmax(at_zero - at_most, 0.0);
}

// A cost w F^2 clipped to a range, with F^2 of any size.
static void allow_clipped_cost(margin *m, double w, const double range[2]) {
    if (w != 0.0) {
        const double at_zero = fmin(fmax(0.0, range[0]), range[1]);
        allow_cost(m, at_zero, w > 0.0 ? range[1] : range[0]);
    }
}

// A cost w F^2 with each force clipped to a range: the states' forces are zero, or what of the
// range is nearest to it, so F^2 is least there.
static void allow_force_cost(margin *m, double w, const double range[2]) {
    if (w != 0.0) {
        const double least = fmin(fmax(0.0, range[0]), range[1]);
        const double most = fmax(fabs(range[0]), fabs(range[1]));
        allow_cost(m, w * ANT_FORCES * least * least, w * ANT_FORCES * most * most);
    }
}

static margin margin_of(const tz_task *task) {
    if (task->is_exact) {
        return (margin){.end_is_exact = true, .known = true};
    }
    for (size_t i = 0; i < TZ_COUNTOF(inexact); i++) {
        const size_t length = strlen(inexact[i].name);
        // the name of an older version ends in "-v4"
        if (strncmp(task->name, inexact[i].name, length) == 0 &&
            (task->name[length] == '\0' || task->name[length] == '-')) {
            const tz_argument_values *a = &task->argument;
            const double lag = inexact[i].lag +
                               inexact[i].velocity_lag * fabs(a->forward_reward_weight) +
                               inexact[i].distance_lag *
                                   (fabs(a->reward_dist_weight) + fabs(a->reward_near_weight));
            margin m = {lag, lag, inexact[i].end_is_exact, true};
            // each robot has one of them; the ranges of the others are zero
            allow_force_cost(&m, a->contact_cost_weight, a->contact_force_range);
            allow_clipped_cost(&m, a->contact_cost_weight, a->contact_cost_range);
            allow_clipped_cost(&m, a->impact_cost_weight, a->impact_cost_range);
            return m;
        }
    }
    return (margin){0};
}

// Reward and termination from (z, u, z_next). Non-finite values are told by the reader.
static void check_transition(const validation *v, margin allowed, int episode, int t,
                             const double *z, const float *u, const double *z_next) {
    const tz_task *task = v->task;
    const size_t at = v->dataset->step_offset[episode] + (size_t)t;
    double control[TZ_NU_MAX]; // (nu)
    for (int i = 0; i < task->nu; i++) {
        control[i] = (double)u[i];
    }
    const double expected = tz_task_reward(task, v->scratch, z, control, z_next);
    const double found = v->dataset->reward[at];
    const double share =
        v->dataset->origin[episode].known ? REWARD_TOLERANCE : FOREIGN_REWARD_TOLERANCE;
    const double tolerance = share * fmax(1, fabs(expected));
    if (isfinite(expected) && isfinite(found) &&
        (found < expected - allowed.below - tolerance ||
         found > expected + allowed.above + tolerance)) {
        if (task->is_exact) {
            tell(v, "reward", episode, t, "rewards[%d] is %.17g (expected %.17g)", t, found,
                 expected);
        } else {
            tell(v, "reward", episode, t, "rewards[%d] is %.9g (expected %.9g to %.9g)", t, found,
                 expected - allowed.below, expected + allowed.above);
        }
    }
    const bool ends = task->ends_early && tz_task_terminated(task, v->scratch, z_next);
    if (allowed.end_is_exact && v->dataset->terminated[at] != ends) {
        tell(v, "terminated", episode, t, "terminations[%d] is %d (the task says %d)", t,
             v->dataset->terminated[at], ends);
    }
}

static void check_ends(const validation *v, int episode, int T) {
    const size_t at = v->dataset->step_offset[episode];
    const unsigned char *terminated = v->dataset->terminated + at,
                        *truncated = v->dataset->truncated + at;
    for (int t = 0; t < T - 1; t++) {
        if (terminated[t] || truncated[t]) {
            tell(v, "ends", episode, t, "ends at step %d, but goes on to step %d", t, T - 1);
        }
    }
    const int limit = v->task->max_episode_steps;
    if (!terminated[T - 1] && !truncated[T - 1]) {
        tell(v, "ends", episode, T - 1, "the last step neither terminates nor truncates");
    }
    if (T > limit || (T == limit && !truncated[T - 1])) {
        tell(v, "ends", episode, T - 1, "%d steps are not truncated at the limit of %d", T, limit);
    }
}

tz_status tz_dataset_validate(const tz_dataset *dataset, const char *path, tz_fault_fn fault,
                              void *context, tz_error *error) {
    tz_env *env;
    TZ_CHECK(tz_dataset_need_env(&env, dataset, path, error));
    validation v = {
        .dataset = dataset, .task = tz_env_task(env), .fault = fault, .context = context};
    const tz_status status = tz_task_scratch_create(&v.scratch, v.task, error);
    if (status != TZ_OK) {
        tz_env_destroy(env);
        return status;
    }
    const margin allowed = margin_of(v.task);
    for (int e = 0; e < dataset->n_episodes; e++) {
        const int T = tz_dataset_length(dataset, e);
        const double *z = tz_dataset_states(dataset, e);
        const float *u = tz_dataset_controls(dataset, e);
        for (int t = 0; t < T; t++, z += dataset->nz, u += dataset->nu) {
            check_control(&v, e, t, u);
            check_quaternions(&v, e, t, z, z + dataset->nz);
            if (allowed.known) {
                check_transition(&v, allowed, e, t, z, u, z + dataset->nz);
            }
        }
        if (T > 0) {
            check_quaternions(&v, e, T, z, NULL);
            check_ends(&v, e, T);
        }
    }
    tz_task_scratch_destroy(v.scratch);
    tz_env_destroy(env);
    return TZ_OK;
}

// ---- replay

typedef struct replaying {
    const tz_dataset *dataset;
    tz_replayed *replays; // (n_episodes)
    tz_env **envs;        // one per worker
} replaying;

// max |a - b|; not a number counts as infinite.
static double max_difference(const double *a, const double *b, int n) {
    double most = 0;
    for (int i = 0; i < n; i++) {
        const double difference = fabs(a[i] - b[i]);
        most = difference <= most ? most : isnan(difference) ? INFINITY : difference;
    }
    return most;
}

static void replay_episode(void *context, int episode, int worker) {
    const replaying *r = context;
    const tz_dataset *dataset = r->dataset;
    const tz_origin *origin = &dataset->origin[episode];
    tz_env *env = r->envs[worker];
    const int T = tz_dataset_length(dataset, episode), nz = dataset->nz, nu = dataset->nu;
    const double *stored = tz_dataset_states(dataset, episode);
    const float *u = tz_dataset_controls(dataset, episode);
    double z[TZ_NZ_MAX], control[TZ_NU_MAX]; // (nz), (nu)

    tz_replayed replay = {.from_reset = origin->known, .T = T};
    if (origin->known) {
        tz_env_reset(env, z, origin->seed, origin->episode);
        replay.start_equal = memcmp(z, stored, (size_t)nz * sizeof *z) == 0;
    }
    // A start that the seed does not give, or that has none, is put by hand.
    if (!replay.start_equal) {
        tz_env_set_z(env, stored);
    }
    for (int t = 0; t < T; t++, u += nu) {
        for (int i = 0; i < nu; i++) {
            control[i] = (double)u[i];
        }
        tz_step step;
        tz_env_step(env, &step, z, control);
        stored += nz;
        const double difference = max_difference(z, stored, nz);
        for (int b = 0; b < TZ_N_REPLAY_BOUNDS; b++) {
            replay.steps_within[b] +=
                replay.steps_within[b] == t && difference <= tz_replay_bounds[b];
        }
        replay.final_difference = difference;
        replay.max_difference = fmax(replay.max_difference, difference);
    }
    r->replays[episode] = replay;
}

tz_status tz_dataset_replay(const tz_dataset *dataset, const char *path, tz_replayed *replays,
                            tz_team *team, tz_error *error) {
    const int n_workers = tz_team_size(team);
    replaying r = {dataset, replays, tz_alloc((size_t)n_workers, sizeof *r.envs)};
    if (!r.envs) {
        return tz_fail(error, TZ_ERR_MEMORY, "no memory for %d threads", n_workers);
    }
    tz_status status = tz_dataset_need_env(&r.envs[0], dataset, path, error);
    for (int i = 1; i < n_workers && status == TZ_OK; i++) {
        status = tz_env_clone(&r.envs[i], r.envs[0], error);
    }
    if (status == TZ_OK) {
        tz_team_run(team, dataset->n_episodes, replay_episode, &r);
    }
    for (int i = 0; i < n_workers; i++) {
        tz_env_destroy(r.envs[i]);
    }
    tz_free(r.envs);
    return status;
}
