#include "data/collect.h"

#include "base/assert.h"
#include "base/memory.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

enum { COLLECT_COOKIE = 0x636f6c6c };

tz_collect_def tz_collect_def_default(void) {
    return (tz_collect_def){.cookie = COLLECT_COOKIE, .episodes = 1};
}

// What one thread needs.
typedef struct worker {
    tz_env *env;
    tz_policy_workspace **policy; // (n_policies)
    tz_episode_recorder *recorder;
} worker;

typedef struct collection {
    tz_writer *writer;
    const tz_task *task;
    const tz_policy *const *policies; // (n_policies)
    int n_policies;
    const tz_collect_def *def;
    const tz_collect_progress *progress;
    worker *workers; // (n_workers)
    int n_workers;
    atomic_int episodes, unstable, bad_reward, dropped_unstable, dropped_bad_reward;
    atomic_size_t steps;
    atomic_bool stopped;
    pthread_mutex_t trouble_lock;
    tz_error trouble; // the first one of any thread
} collection;

// ---- noise

typedef struct noise {
    tz_rng rng;
    double std, color;
    double x[TZ_NU_MAX]; // (nu)
} noise;

static noise begin_noise(const tz_collect_def *def, int episode, int nu) {
    noise n = {.rng = tz_rng_stream(def->seed, TZ_PURPOSE_NOISE, (uint64_t)episode),
               .color = def->noise_color};
    n.std = def->noise_min + (def->noise - def->noise_min) * tz_rng_uniform(&n.rng);
    for (int i = 0; i < nu; i++) {
        n.x[i] = n.std * tz_rng_normal(&n.rng);
    }
    return n;
}

static void advance_noise(noise *n, int nu) {
    const double fresh = n->std * sqrt(1 - n->color * n->color);
    for (int i = 0; i < nu; i++) {
        n->x[i] = n->color * n->x[i] + fresh * tz_rng_normal(&n->rng);
    }
}

// u <- clip(u + half_range * x): the float that is stored is the one that is applied.
static void add_noise(const tz_task *task, const noise *n, float *u) {
    for (int i = 0; i < task->nu; i++) {
        const double half_range = 0.5 * (task->control_high[i] - task->control_low[i]);
        u[i] = tz_task_clip_control(task, i, (float)((double)u[i] + half_range * n->x[i]));
    }
}

// ---- one episode

static bool is_stopped(collection *c) {
    if (c->progress->stop && c->progress->stop(c->progress->context)) {
        atomic_store(&c->stopped, true);
    }
    return atomic_load(&c->stopped);
}

// Runs the episode into the worker's recorder. False: stopped on the way.
static bool run_episode(collection *c, worker *w, int episode, double *noise_std) {
    const tz_task *task = c->task;
    const tz_collect_def *def = c->def;
    const int p = episode % c->n_policies;
    // a policy that draws is nothing without its stream; the others take theirs when asked to
    // sample
    tz_rng rng = tz_rng_stream(def->seed, TZ_PURPOSE_POLICY, (uint64_t)episode);
    tz_rng *policy_rng = def->sampled || tz_policy_needs_rng(c->policies[p]) ? &rng : NULL;

    double z[TZ_NZ_MAX], u_applied[TZ_NU_MAX]; // (nz), (nu)
    float u[TZ_NU_MAX];                        // (nu)
    noise n = begin_noise(def, episode, task->nu);
    *noise_std = n.std;
    tz_env_reset(w->env, z, def->seed, (uint64_t)episode);
    tz_episode_recorder_begin(w->recorder, z, def->seed, (uint64_t)episode);
    for (int t = 0; t < task->max_episode_steps; t++) {
        if (is_stopped(c)) {
            return false;
        }
        tz_policy_act_in(c->policies[p], w->policy[p], u, w->env, policy_rng);
        add_noise(task, &n, u);
        advance_noise(&n, task->nu);
        for (int i = 0; i < task->nu; i++) {
            u_applied[i] = (double)u[i];
        }
        tz_step step;
        tz_env_step(w->env, &step, z, u_applied);
        tz_episode_recorder_add(w->recorder, u, z, &step);
        if (step.outcome != TZ_STEP_OK || step.terminated || step.truncated) {
            break;
        }
    }
    return true;
}

static void stop_with(collection *c, const tz_error *trouble) {
    pthread_mutex_lock(&c->trouble_lock);
    if (c->trouble.status == TZ_OK) {
        c->trouble = *trouble;
    }
    pthread_mutex_unlock(&c->trouble_lock);
    atomic_store(&c->stopped, true);
}

static void collect_episode(void *context, int slot, int worker_index) {
    collection *c = context;
    worker *w = &c->workers[worker_index];
    double noise_std;
    if (atomic_load(&c->stopped) || tz_writer_has(c->writer, slot) ||
        !run_episode(c, w, slot, &noise_std)) {
        return;
    }
    tz_episode episode = tz_episode_recorder_view(w->recorder);
    episode.policy = slot % c->n_policies;
    episode.noise = noise_std;
    tz_error error;
    if (episode.T > 0 && tz_writer_put(c->writer, slot, &episode, &error) != TZ_OK) {
        stop_with(c, &error);
        return;
    }
    atomic_fetch_add(&c->unstable, episode.unstable);
    atomic_fetch_add(&c->bad_reward, episode.bad_reward);
    atomic_fetch_add(&c->dropped_unstable, episode.T == 0 && episode.unstable);
    atomic_fetch_add(&c->dropped_bad_reward, episode.T == 0 && episode.bad_reward);
    atomic_fetch_add(&c->steps, (size_t)episode.T);
    atomic_fetch_add(&c->episodes, 1);
    if (worker_index == 0 && c->progress->report) {
        c->progress->report(c->progress->context, atomic_load(&c->episodes),
                            atomic_load(&c->steps));
    }
}

// ---- all of them

static tz_status create_worker(const collection *c, const tz_env *env, worker *w, tz_error *error) {
    TZ_CHECK(tz_env_clone(&w->env, env, error));
    TZ_CHECK(tz_episode_recorder_create(&w->recorder, c->task, c->task->max_episode_steps, error));
    w->policy = tz_alloc((size_t)c->n_policies, sizeof *w->policy);
    if (!w->policy) {
        return tz_fail(error, TZ_ERR_MEMORY, "no memory for %d policies", c->n_policies);
    }
    for (int p = 0; p < c->n_policies; p++) {
        TZ_CHECK(tz_policy_workspace_create(&w->policy[p], c->policies[p], 1, error));
    }
    return TZ_OK;
}

static void destroy_worker(const collection *c, worker *w) {
    for (int p = 0; w->policy && p < c->n_policies; p++) {
        tz_policy_workspace_destroy(w->policy[p]);
    }
    tz_free(w->policy);
    tz_episode_recorder_destroy(w->recorder);
    tz_env_destroy(w->env);
}

static tz_status run_all(collection *c, const tz_env *env, tz_team *team, tz_error *error) {
    for (int i = 0; i < c->n_workers; i++) {
        TZ_CHECK(create_worker(c, env, &c->workers[i], error));
    }
    tz_team_run(team, c->def->episodes, collect_episode, c);
    if (c->trouble.status != TZ_OK) {
        return tz_fail(error, c->trouble.status, "%s", c->trouble.text);
    }
    if (atomic_load(&c->stopped)) {
        return tz_fail(error, TZ_ERR_INTERRUPTED, "interrupted after %d episodes",
                       atomic_load(&c->episodes));
    }
    return TZ_OK;
}

tz_status tz_collect(tz_writer *writer, const tz_env *env, const tz_policy *const *policies,
                     int n_policies, const tz_collect_def *def, tz_team *team,
                     const tz_collect_progress *progress, tz_collect_result *result,
                     tz_error *error) {
    TZ_ASSERT(n_policies > 0);
    if (result) {
        *result = (tz_collect_result){0};
    }
    if (def->cookie != COLLECT_COOKIE) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "the collection's definition was not made by tz_collect_def_default");
    }
    const bool color_fits = def->noise_color >= 0 && def->noise_color < 1;
    const bool noise_fits =
        def->noise_min >= 0 && def->noise_min <= def->noise && isfinite(def->noise);
    if (def->episodes < 1 || !noise_fits || !color_fits) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "cannot collect %d episodes with noise %g to %g of colour %g (expected at "
                       "least 1 episode, 0 <= noise_min <= noise, colour in [0, 1))",
                       def->episodes, def->noise_min, def->noise, def->noise_color);
    }
    static const tz_collect_progress silent = {0};
    collection c = {.writer = writer,
                    .task = tz_env_task(env),
                    .policies = policies,
                    .n_policies = n_policies,
                    .def = def,
                    .progress = progress ? progress : &silent,
                    .n_workers = tz_team_size(team),
                    .trouble_lock = PTHREAD_MUTEX_INITIALIZER};
    c.workers = tz_alloc((size_t)c.n_workers, sizeof *c.workers);
    if (!c.workers) {
        return tz_fail(error, TZ_ERR_MEMORY, "no memory for %d threads", c.n_workers);
    }
    const tz_status status = run_all(&c, env, team, error);
    for (int i = 0; i < c.n_workers; i++) {
        destroy_worker(&c, &c.workers[i]);
    }
    tz_free(c.workers);
    if (result) {
        *result = (tz_collect_result){.episodes = atomic_load(&c.episodes),
                                      .steps = atomic_load(&c.steps),
                                      .unstable = atomic_load(&c.unstable),
                                      .bad_reward = atomic_load(&c.bad_reward),
                                      .dropped_unstable = atomic_load(&c.dropped_unstable),
                                      .dropped_bad_reward = atomic_load(&c.dropped_bad_reward)};
    }
    return status;
}
