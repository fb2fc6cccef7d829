// What all planners do: check the settings, start the candidates at the present state, let the
// policy propose, let the kind choose controls, follow them once for the prediction, shift the warm
// start.
#include "plan/planner.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/memory.h"
#include "models/ensemble.h"
#include "plan/planner_kind.h"

#include <math.h>
#include <string.h>

// ---- registry

static const tz_planner_ops *const kinds[] = {
    [TZ_PLANNER_RANDOM] = &tz_planner_random,
    [TZ_PLANNER_CEM] = &tz_planner_cem,
    [TZ_PLANNER_MPPI] = &tz_planner_mppi,
};
_Static_assert(TZ_COUNTOF(kinds) == TZ_N_PLANNERS, "a planner without an ops table");

static const char *const names[] = {[TZ_PLANNER_RANDOM] = "random",
                                    [TZ_PLANNER_CEM] = "cem",
                                    [TZ_PLANNER_MPPI] = "mppi",
                                    [TZ_N_PLANNERS] = NULL};

const char *const *tz_planner_names(void) {
    return names;
}

// ---- making

enum {
    DEF_COOKIE = 0x706c616e,
    N_SHOWN_MAX = 16, // candidates whose states a plan shows
    HORIZON_MAX = 1000,
    ITERATIONS_MAX = 256,
    SAMPLES_MAX = TZ_TILES_PER_DRAW * TZ_CANDIDATE_TILE
};

tz_planner_def tz_planner_def_default(void) {
    return (tz_planner_def){.cookie = DEF_COOKIE,
                            .kind = TZ_PLANNER_CEM,
                            .horizon = 30,
                            .samples = 100,
                            .iterations = 3,
                            .elites = 10,
                            .keep_elites = 2,
                            .smoothing = 0.1,
                            .temperature = 1.0,
                            .sample_decay = 1.0,
                            .noise_std = 0.5,
                            .noise_color = 0.5,
                            .discount = 1.0,
                            .range_mode = TZ_RANGE_OFF,
                            .range_margin = 0.1,
                            .range_penalty = 10.0};
}

static tz_status check_int(const char *what, int value, int low, int high, tz_error *error) {
    if (value < low || value > high) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "a planner has %s from %d to %d, not %d", what, low,
                       high, value);
    }
    return TZ_OK;
}

static tz_status check_real(const char *what, double value, double low, double high,
                            tz_error *error) {
    if (!(value >= low && value <= high)) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "a planner has a %s from %g to %g, not %g", what,
                       low, high, value);
    }
    return TZ_OK;
}

// The policy's sequences, kept elites and the mean are candidates together.
static tz_status check_guide(const tz_planner_def *def, tz_error *error) {
    if (def->policy == NULL) {
        return def->critic == NULL
                   ? TZ_OK
                   : tz_fail(error, TZ_ERR_ARGUMENT,
                             "a planner with a critic needs the policy that the critic judges");
    }
    const int left = def->samples - def->keep_elites - 1;
    return check_int("candidates of a policy", def->policy_samples, 1,
                     left < TZ_POLICY_SAMPLES_MAX ? left : TZ_POLICY_SAMPLES_MAX, error);
}

static tz_status check_def(const tz_planner_def *def, tz_error *error) {
    if (def->cookie != DEF_COOKIE) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "planner definition was not made by tz_planner_def_default");
    }
    TZ_CHECK(check_int("a kind", (int)def->kind, 0, TZ_N_PLANNERS - 1, error));
    TZ_CHECK(check_int("a horizon", def->horizon, 1, HORIZON_MAX, error));
    TZ_CHECK(check_int("samples", def->samples, 2, SAMPLES_MAX, error));
    TZ_CHECK(check_int("iterations", def->iterations, 1, ITERATIONS_MAX, error));
    TZ_CHECK(check_int("elites", def->elites, 1, def->samples, error));
    TZ_CHECK(check_int("kept elites", def->keep_elites, 0, def->elites - 1, error));
    TZ_CHECK(check_real("smoothing", def->smoothing, 0.0, 0.999, error));
    TZ_CHECK(check_real("temperature", def->temperature, 1e-6, 1e6, error));
    TZ_CHECK(check_real("sample decay", def->sample_decay, 1.0, 100.0, error));
    TZ_CHECK(check_real("noise", def->noise_std, 1e-6, 100.0, error));
    TZ_CHECK(check_real("noise color", def->noise_color, 0.0, 0.999, error));
    TZ_CHECK(check_real("discount", def->discount, 1e-6, 1.0, error));
    TZ_CHECK(check_int("a range mode", (int)def->range_mode, 0, TZ_RANGE_REJECT, error));
    TZ_CHECK(check_real("range margin", def->range_margin, 0.0, 1e6, error));
    TZ_CHECK(check_real("range penalty", def->range_penalty, 0.0, 1e12, error));
    TZ_CHECK(check_real("disagreement", def->disagreement, 0.0, 1e12, error));
    return check_guide(def, error);
}

static tz_status check_model(const tz_planner_def *def, const tz_task *task, const tz_model *model,
                             tz_error *error) {
    if (model->nq != task->nq || model->nv != task->nv || model->nu != task->nu) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "the model has nq %d, nv %d, nu %d; %s has nq %d, nv %d, nu %d", model->nq,
                       model->nv, model->nu, task->name, task->nq, task->nv, task->nu);
    }
    if (def->range_mode != TZ_RANGE_OFF && (model->z_low == NULL || model->z_high == NULL)) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "a model of kind %s knows no range of training data to keep the candidates "
                       "in",
                       model->ops->kind);
    }
    if (def->disagreement > 0.0 && tz_ensemble_count(model) == 0) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "a model of kind %s has no members that could disagree, expected an "
                       "ensemble",
                       model->ops->kind);
    }
    return TZ_OK;
}

static int shown(const tz_planner_def *def) {
    return def->samples < N_SHOWN_MAX ? def->samples : N_SHOWN_MAX;
}

static float *take(float **cursor, size_t n) {
    float *block = *cursor;
    *cursor += n;
    return block;
}

static tz_status allocate(tz_planner *p, tz_error *error) {
    const size_t T = (size_t)p->def.horizon, nz = (size_t)tz_task_nz(p->task);
    const size_t n_u = T * (size_t)p->task->nu, n_z = (T + 1) * nz;
    const size_t n_given = (size_t)(p->n_proposed + p->def.keep_elites + 1);
    const size_t n_shown = (size_t)shown(&p->def);
    const size_t n_weights = p->def.kind == TZ_PLANNER_MPPI ? (size_t)p->def.samples : 0;
    p->best = tz_alloc(n_weights > 0 ? n_weights : (size_t)p->def.elites, sizeof *p->best);
    float *cursor = p->block =
        tz_alloc((6 + n_given) * n_u + (1 + n_shown) * n_z + n_weights, sizeof(float));
    if (p->block == NULL || p->best == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a planner");
    }
    p->u = take(&cursor, n_u);
    p->mean = take(&cursor, n_u);
    p->std = take(&cursor, n_u);
    p->fit_mean = take(&cursor, n_u);
    p->fit_square = take(&cursor, n_u);
    p->best_u = take(&cursor, n_u);
    p->given = take(&cursor, n_given * n_u);
    p->z = take(&cursor, n_z);
    p->sample_z = take(&cursor, n_shown * n_z);
    p->weight = take(&cursor, n_weights);
    return TZ_OK;
}

tz_status tz_planner_create(tz_planner **planner, const tz_planner_def *def, const tz_task *task,
                            const tz_model *model, tz_team *team, tz_error *error) {
    *planner = NULL;
    TZ_CHECK(check_def(def, error));
    TZ_CHECK(check_model(def, task, model, error));
    if (task->nu == 0) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s has no controls to plan; expected an environment with at least one",
                       task->name);
    }
    tz_planner *p = tz_alloc(1, sizeof *p);
    if (p == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a planner");
    }
    p->def = *def;
    p->ops = kinds[def->kind];
    p->task = task;
    p->n_proposed = def->policy != NULL ? def->policy_samples : 0;
    tz_status status = allocate(p, error);
    if (status == TZ_OK) {
        status =
            tz_candidates_create(&p->candidates, &p->def, def->samples, task, model, team, error);
    }
    if (status != TZ_OK) {
        tz_planner_destroy(p);
        return status;
    }
    tz_planner_reset(p, 0);
    *planner = p;
    return TZ_OK;
}

void tz_planner_destroy(tz_planner *planner) {
    if (planner != NULL) {
        tz_candidates_destroy(&planner->candidates);
        tz_free(planner->sought);
        tz_free(planner->block);
        tz_free(planner->best);
        tz_free(planner);
    }
}

tz_planner_def tz_planner_settings(const tz_planner *planner) {
    return planner->def;
}

tz_status tz_planner_change(tz_planner *planner, const tz_planner_def *def, tz_error *error) {
    tz_planner *other = NULL;
    const tz_candidates *candidates = &planner->candidates;
    TZ_CHECK(
        tz_planner_create(&other, def, planner->task, candidates->model, candidates->team, error));

    // what the episode knows; random shooting draws around the middle of the range
    const int T = def->horizon < planner->def.horizon ? def->horizon : planner->def.horizon;
    const size_t kept = (size_t)(T * planner->task->nu) * sizeof *other->u;
    memcpy(other->u, planner->u, kept);
    if (def->kind != TZ_PLANNER_RANDOM) {
        memcpy(other->mean, planner->mean, kept);
        other->has_mean = planner->has_mean;
    }
    other->episode = planner->episode;
    other->step = planner->step;

    // what it seeks
    if (planner->sought != NULL) {
        other->sought = planner->sought;
        other->candidates.sought = planner->sought;
        planner->sought = NULL;
    }

    // the caller's handle becomes the other planner
    const tz_planner old = *planner;
    *planner = *other;
    *other = old;
    planner->candidates.def = &planner->def;
    tz_planner_destroy(other);
    return TZ_OK;
}

tz_status tz_planner_weigh(tz_planner *planner, const char *weight, double value, tz_error *error) {
    if (planner->sought == NULL) {
        tz_task *sought = tz_alloc(1, sizeof *sought);
        if (sought == NULL) {
            return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a planner's own weights");
        }
        *sought = *planner->task;
        planner->sought = sought;
        planner->candidates.sought = sought;
    }
    return tz_task_weigh(planner->sought, weight, value, error);
}

// ---- for the kinds

// Draws are numbered by episode, control step and iteration, so that a plan depends on nothing else
// that was planned before it.
uint64_t tz_planner_draw(const tz_planner *planner, int iteration) {
    return (planner->episode << 20 | planner->step) * ITERATIONS_MAX + (uint64_t)iteration;
}

void tz_planner_count(const tz_planner *planner, tz_plan *plan) {
    const tz_candidates *candidates = &planner->candidates;
    plan->n_candidates += candidates->n;
    for (int i = 0; i < candidates->n; i++) {
        plan->n_diverged += candidates->score[i].outcome == TZ_ROLLOUT_DIVERGED;
        plan->n_out_of_range += candidates->score[i].left_range;
    }
}

static int max_int(int a, int b) {
    return a > b ? a : b;
}

void tz_planner_begin_mean(tz_planner *planner) {
    const size_t size = (size_t)(planner->def.horizon * planner->task->nu);
    if (!planner->has_mean && planner->n_proposed > 0) {
        memcpy(planner->mean, planner->given, size * sizeof *planner->mean);
    }
    planner->has_mean = true;
    memcpy(planner->best_u, planner->mean, size * sizeof *planner->mean);
}

void tz_planner_draw_around(tz_planner *planner, tz_plan *plan, int k, int least) {
    const tz_planner_def *def = &planner->def;
    const size_t size = (size_t)(def->horizon * planner->task->nu);
    const int n_given = planner->n_proposed + planner->n_kept + 1;
    memcpy(planner->given + (size_t)(n_given - 1) * size, planner->mean,
           size * sizeof *planner->mean);

    const int decayed = (int)lround(def->samples / pow(def->sample_decay, k));
    const int n = max_int(max_int(decayed, least < def->samples ? least : def->samples), n_given);
    tz_candidates_evaluate(&planner->candidates, tz_planner_draw(planner, k), planner->mean,
                           planner->std, planner->given, n_given, n);
    tz_planner_count(planner, plan);
}

void tz_planner_refit(tz_planner *planner, const float *weight, int n) {
    const int size = planner->def.horizon * planner->task->nu;
    const float a = (float)planner->def.smoothing;
    float *u = planner->u; // one candidate at a time                                  (T, nu)
    float *m = planner->fit_mean, *s = planner->fit_square;
    memset(m, 0, (size_t)size * sizeof *m);
    memset(s, 0, (size_t)size * sizeof *s);
    float W = 0.0f; // of the candidates so far
    for (int b = 0; b < n; b++) {
        const float w = weight != NULL ? weight[b] : 1.0f;
        W += w;
        tz_candidates_controls(&planner->candidates, u, planner->best[b]);
        for (int i = 0; i < size; i++) {
            // running mean and sum of squares about it (Welford)
            const float delta = u[i] - m[i];
            m[i] += w * delta / W;
            s[i] += w * delta * (u[i] - m[i]);
        }
    }
    for (int i = 0; i < size; i++) {
        const float mean = (1.0f - a) * m[i] + a * planner->mean[i]; // but for rounding in range
        planner->mean[i] = tz_task_clip_control(planner->task, i % planner->task->nu, mean);
        planner->std[i] = (1.0f - a) * sqrtf(s[i] / W) + a * planner->std[i];
    }
}

// ---- planning

static float middle(const tz_task *task, int j) {
    return (float)(0.5 * (task->control_low[j] + task->control_high[j]));
}

static float half_range(const tz_task *task, int j) {
    return (float)(0.5 * (task->control_high[j] - task->control_low[j]));
}

void tz_planner_reset(tz_planner *planner, uint64_t episode) {
    const int nu = planner->task->nu;
    planner->episode = episode;
    planner->step = 0;
    planner->n_kept = 0;
    planner->has_mean = false;
    for (int i = 0; i < planner->def.horizon * nu; i++) {
        planner->mean[i] = middle(planner->task, i % nu);
        planner->u[i] = 0.0f;
    }
}

// Drops the first step of u (T, nu); `next` (nu) is the new last step.
static void shift_sequence(const tz_planner *planner, float *u, const float *next) {
    const size_t nu = (size_t)planner->task->nu, last = (size_t)(planner->def.horizon - 1) * nu;
    memmove(u, u + nu, last * sizeof *u);
    memcpy(u + last, next, nu * sizeof *next);
}

// The control after the horizon is the policy's at the plan's last state, still shifted, without
// one the middle of the control range.
static void shift_warm_start(tz_planner *planner) {
    float next[TZ_NU_MAX];
    for (int j = 0; j < planner->task->nu; j++) {
        next[j] = middle(planner->task, j);
    }
    if (planner->n_proposed > 0 && planner->def.kind != TZ_PLANNER_RANDOM) {
        const size_t last = (size_t)(planner->def.horizon * planner->candidates.nz);
        tz_guide_act(&planner->candidates.guide, 0, next, planner->z + last,
                     planner->candidates.shift, NULL, 1);
    }
    const size_t size = (size_t)(planner->def.horizon * planner->task->nu);
    float *kept = planner->given + (size_t)planner->n_proposed * size;
    shift_sequence(planner, planner->mean, next);
    for (int e = 0; e < planner->n_kept; e++) {
        shift_sequence(planner, kept + (size_t)e * size, next);
    }
    planner->step++;
}

// States of candidates spread over the last draw.
static void show_candidates(tz_planner *planner, tz_plan *plan) {
    const tz_candidates *candidates = &planner->candidates;
    const int rows = planner->def.horizon + 1, n_shown = shown(&planner->def);
    plan->n_sample_z = candidates->n < n_shown ? candidates->n : n_shown;
    for (int i = 0; i < plan->n_sample_z; i++) {
        tz_candidates_states(candidates, planner->sample_z + (size_t)(i * rows * candidates->nz),
                             (int)((long)i * candidates->n / plan->n_sample_z));
    }
    tz_candidates_shift_back(candidates, planner->sample_z, plan->n_sample_z * rows);
    plan->sample_z = planner->sample_z;
}

// Hands on the controls and what the model says of them.
static void tell(tz_planner *planner, tz_plan *plan, const tz_score *score) {
    tz_candidates_shift_back(&planner->candidates, planner->z, planner->def.horizon + 1);
    plan->u = planner->u;
    plan->z = planner->z;
    const bool is_predicted = score->outcome != TZ_ROLLOUT_DIVERGED;
    plan->predicted_reward = is_predicted ? score->first_reward : (double)NAN;
    plan->predicted_return = is_predicted ? score->earned : (double)NAN;
}

// Follows the chosen controls through the model for the prediction; when they diverge although no
// elite did, the best candidate is the plan.
static tz_score follow(tz_planner *planner) {
    const int T = planner->def.horizon, nu = planner->task->nu;
    tz_score score = tz_candidates_follow(&planner->candidates, planner->z, planner->u);
    if (score.outcome == TZ_ROLLOUT_DIVERGED) {
        memcpy(planner->u, planner->best_u, (size_t)(T * nu) * sizeof *planner->u);
        score = tz_candidates_follow(&planner->candidates, planner->z, planner->u);
    }
    return score;
}

void tz_planner_plan(tz_planner *planner, tz_plan *plan, const double *z) {
    const double start_s = tz_now_s();
    *plan = (tz_plan){.horizon = planner->def.horizon};
    tz_candidates_start_at(&planner->candidates, z);
    if (planner->n_proposed > 0) {
        tz_candidates_propose(&planner->candidates, planner->given, tz_planner_draw(planner, 0),
                              planner->n_proposed);
    }
    for (int i = 0; i < planner->def.horizon * planner->task->nu; i++) {
        planner->std[i] =
            (float)planner->def.noise_std * half_range(planner->task, i % planner->task->nu);
    }

    planner->ops->plan(planner, plan);
    show_candidates(planner, plan);
    const tz_score score = follow(planner);
    shift_warm_start(planner);
    tell(planner, plan, &score);
    plan->plan_s = tz_now_s() - start_s;
}

void tz_planner_coast(tz_planner *planner, tz_plan *plan, const double *z) {
    static const float none[TZ_NU_MAX];
    *plan = (tz_plan){.horizon = planner->def.horizon};
    shift_sequence(planner, planner->u, none);
    tz_candidates_start_at(&planner->candidates, z);
    const tz_score score = tz_candidates_follow(&planner->candidates, planner->z, planner->u);
    shift_warm_start(planner);
    tell(planner, plan, &score);
}
