#include "train/evaluation.h"

#include "base/memory.h"
#include "base/sort.h"

#include <math.h>
#include <string.h>

// Rows that one task rolls out: fixed, so that results do not depend on the threads.
enum { TILE_ROWS = 50 };

// ---- stretches

static uint64_t stretches_in(const tz_dataset *dataset, const unsigned char *is_used, int episode,
                             int horizon) {
    const int T = tz_dataset_length(dataset, episode);
    const bool used = is_used == NULL || is_used[episode] != 0;
    return used && T >= horizon ? (uint64_t)(T - horizon + 1) : 0;
}

static void copy_stretch(tz_rollouts *r, int i, const tz_dataset *dataset) {
    const size_t nz = (size_t)r->nz, nu = (size_t)r->nu, n = (size_t)r->n, at = (size_t)i;
    const double *z = tz_dataset_states(dataset, r->episode[i]) + (size_t)r->start[i] * nz;
    const float *u = tz_dataset_controls(dataset, r->episode[i]) + (size_t)r->start[i] * nu;
    for (size_t t = 0; t <= (size_t)r->horizon; t++) {
        for (size_t k = 0; k < nz; k++) {
            r->z[(t * n + at) * nz + k] = (float)z[t * nz + k];
        }
    }
    for (size_t t = 0; t < (size_t)r->horizon; t++) {
        memcpy(r->u + (t * n + at) * nu, u + t * nu, nu * sizeof *u);
    }
}

// Stretch i of n is number floor((i + 1/2) all / n) of all in the order of the episodes.
static void pick_evenly(tz_rollouts *r, const tz_dataset *dataset, const unsigned char *is_used,
                        uint64_t all) {
    int episode = 0;
    uint64_t before = 0; // stretches in the episodes before
    for (int i = 0; i < r->n; i++) {
        const uint64_t number = (2 * (uint64_t)i + 1) * all / (2 * (uint64_t)r->n);
        uint64_t here = stretches_in(dataset, is_used, episode, r->horizon);
        while (number >= before + here) {
            before += here;
            here = stretches_in(dataset, is_used, ++episode, r->horizon);
        }
        r->episode[i] = episode;
        r->start[i] = (int)(number - before);
        copy_stretch(r, i, dataset);
    }
}

tz_status tz_rollouts_pick(tz_rollouts **rollouts, const tz_dataset *dataset,
                           const unsigned char *is_used, int n, int horizon, const char *path,
                           tz_error *error) {
    *rollouts = NULL;
    if (n < 1 || horizon < 1) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s: %d rollouts of %d steps, expected at least 1 of each", path, n,
                       horizon);
    }
    tz_rollouts *self = tz_alloc(1, sizeof *self);
    if (self == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: rollouts");
    }
    uint64_t all = 0;
    int longest = 0;
    for (int e = 0; e < dataset->n_episodes; e++) {
        if (is_used == NULL || is_used[e] != 0) {
            const int T = tz_dataset_length(dataset, e);
            self->n_episodes++;
            self->n_short += T < horizon;
            longest = T > longest ? T : longest;
        }
        all += stretches_in(dataset, is_used, e, horizon);
    }
    if (all == 0) {
        const int n_episodes = self->n_episodes;
        tz_free(self);
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s: none of the %d episodes to evaluate on has %d transitions, the longest "
                       "has %d",
                       path, n_episodes, horizon, longest);
    }
    self->n = (uint64_t)n < all ? n : (int)all;
    self->horizon = horizon;
    self->nz = dataset->nz;
    self->nu = dataset->nu;
    const size_t rows = (size_t)self->n, H = (size_t)horizon;
    self->z = tz_alloc((H + 1) * rows, (size_t)self->nz * sizeof(float));
    self->u = tz_alloc(H * rows, (size_t)self->nu * sizeof(float));
    self->episode = tz_alloc(rows, sizeof *self->episode);
    self->start = tz_alloc(rows, sizeof *self->start);
    if (self->z == NULL || self->u == NULL || self->episode == NULL || self->start == NULL) {
        tz_rollouts_destroy(self);
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: %d rollouts of %d steps", n, horizon);
    }
    pick_evenly(self, dataset, is_used, all);
    *rollouts = self;
    return TZ_OK;
}

void tz_rollouts_destroy(tz_rollouts *rollouts) {
    if (rollouts != NULL) {
        tz_free(rollouts->z);
        tz_free(rollouts->u);
        tz_free(rollouts->episode);
        tz_free(rollouts->start);
        tz_free(rollouts);
    }
}

// ---- errors

// What one thread needs.
typedef struct worker {
    tz_model_workspace *workspace;
    float *z0;   // (TILE_ROWS, nz)
    float *u;    // (H, TILE_ROWS, nu)
    float *zhat; // (H + 1, TILE_ROWS, nz)
    float *z;    // truth of one step                           (TILE_ROWS, nz)
    float *V;    // NULL without variances                      (H + 1, TILE_ROWS, nz)
} worker;

typedef struct job {
    const tz_rollouts *rollouts;
    const tz_predictor *predictor;
    const float *sigma_z;
    worker *workers; // (n_workers)
    int n_workers;
    double *step;            // mean over components                         (H + 1, n)
    double *component;       // mean over steps                              (nz, n)
    double *nll;             // mean over components; NULL without variances (H + 1, n)
    double *within[2];       // share of the components within 1 and 2 standard deviations
    unsigned char *diverged; //                                              (n)
    double *sorted;          // scratch for medians                          (n)
} job;

static void predict(const job *j, worker *w, int row, int B) {
    const tz_rollouts *r = j->rollouts;
    const size_t nz = (size_t)r->nz, nu = (size_t)r->nu, n = (size_t)r->n;
    const size_t H = (size_t)r->horizon, b = (size_t)B, at = (size_t)row;
    const float *z0 = r->z + at * nz; // (B, nz)
    switch (j->predictor->type) {
    case TZ_PREDICT_MODEL:
        for (size_t t = 0; t < H; t++) {
            memcpy(w->u + t * b * nu, r->u + (t * n + at) * nu, b * nu * sizeof(float));
        }
        memcpy(w->z0, z0, b * nz * sizeof(float));
        if (w->V != NULL) {
            tz_model_predict(j->predictor->model, w->workspace, w->zhat, w->V, w->z0, w->u,
                             r->horizon, B);
        } else {
            tz_model_rollout(j->predictor->model, w->workspace, w->zhat, w->z0, w->u, r->horizon,
                             B);
        }
        break;
    case TZ_PREDICT_STAY:
        for (size_t t = 0; t <= H; t++) {
            memcpy(w->zhat + t * b * nz, z0, b * nz * sizeof(float));
        }
        break;
    case TZ_PREDICT_MEAN:
        memcpy(w->zhat, z0, b * nz * sizeof(float));
        for (size_t k = b; k < (H + 1) * b; k++) {
            memcpy(w->zhat + k * nz, j->predictor->mean, nz * sizeof(float));
        }
        break;
    }
}

// How likely the truth z (nz) of rollout `at` is at step t under mean zhat and variance V (nz).
static void add_likelihood(const job *j, size_t t, size_t at, const float *z, const float *zhat,
                           const float *V) {
    const tz_rollouts *r = j->rollouts;
    const size_t k = t * (size_t)r->n + at;
    for (int i = 0; i < r->nz; i++) {
        const double sigma = (double)j->sigma_z[i];
        const double v = fmax((double)V[i] / (sigma * sigma), 1e-12);
        const double off = ((double)zhat[i] - (double)z[i]) / sigma, square = off * off / v;
        j->nll[k] += 0.5 * (square + log(2.0 * M_PI * v)) / r->nz;
        j->within[0][k] += (square <= 1.0) / (double)r->nz;
        j->within[1][k] += (square <= 4.0) / (double)r->nz;
    }
}

static void run_tile(void *context, int tile, int worker_index) {
    const job *j = context;
    const tz_rollouts *r = j->rollouts;
    worker *w = &j->workers[worker_index];
    const int row = tile * TILE_ROWS;
    const int B = r->n - row < TILE_ROWS ? r->n - row : TILE_ROWS;
    const size_t nz = (size_t)r->nz, n = (size_t)r->n;
    predict(j, w, row, B);
    for (size_t t = 0; t <= (size_t)r->horizon; t++) {
        memcpy(w->z, r->z + (t * n + (size_t)row) * nz, (size_t)B * nz * sizeof *w->z);
        if (j->predictor->type == TZ_PREDICT_MODEL) {
            tz_model_align(j->predictor->model, w->z, w->zhat + t * (size_t)B * nz, B);
        }
        for (size_t b = 0; b < (size_t)B; b++) {
            const size_t at = (size_t)row + b;
            const float *z = w->z + b * nz;                         // (nz)
            const float *zhat = w->zhat + (t * (size_t)B + b) * nz; // (nz)
            double sum = 0.0;
            for (size_t i = 0; i < nz; i++) {
                const double off = ((double)zhat[i] - (double)z[i]) / (double)j->sigma_z[i];
                j->diverged[at] |= !(fabs(off) <= TZ_DIVERGED_SIGMAS);
                j->component[i * n + at] += off * off / (r->horizon + 1);
                sum += off * off;
            }
            j->step[t * n + at] = sum / (double)nz;
            if (w->V != NULL && t > 0) {
                add_likelihood(j, t, at, z, zhat, w->V + (t * (size_t)B + b) * nz);
            }
        }
    }
}

// ---- summaries

// Median of x (n), where a diverged rollout counts as infinite.
static double median(const job *j, const double *x) {
    const int n = j->rollouts->n;
    for (int k = 0; k < n; k++) {
        j->sorted[k] = j->diverged[k] ? INFINITY : x[k];
    }
    tz_sort(j->sorted, (size_t)n);
    return n % 2 == 1 ? j->sorted[n / 2] : 0.5 * (j->sorted[n / 2 - 1] + j->sorted[n / 2]);
}

// Mean of x (n) over the rollouts that did not diverge.
static double mean(const job *j, const double *x) {
    double sum = 0.0;
    int kept = 0;
    for (int k = 0; k < j->rollouts->n; k++) {
        if (!j->diverged[k]) {
            sum += x[k];
            kept++;
        }
    }
    return kept > 0 ? sum / kept : NAN;
}

static void summarise_likelihood(tz_evaluation *e, const job *j) {
    const size_t n = (size_t)e->n, H = (size_t)e->horizon;
    e->step_nll[0] = e->step_within[0] = NAN;
    e->nll = e->within[0] = e->within[1] = 0.0;
    for (size_t t = 1; t <= H; t++) {
        e->step_nll[t] = mean(j, j->nll + t * n);
        e->step_within[t] = mean(j, j->within[0] + t * n);
        e->nll += e->step_nll[t] / (double)H;
        e->within[0] += e->step_within[t] / (double)H;
        e->within[1] += mean(j, j->within[1] + t * n) / (double)H;
    }
}

static void summarise(tz_evaluation *e, const job *j) {
    const size_t n = (size_t)e->n, steps = (size_t)e->horizon + 1;
    e->nll = e->within[0] = e->within[1] = NAN;
    if (j->nll != NULL) {
        summarise_likelihood(e, j);
    }
    for (size_t t = 0; t < steps; t++) {
        e->step_mean[t] = mean(j, j->step + t * n);
        e->step_median[t] = median(j, j->step + t * n);
        for (size_t k = 0; k < n; k++) {
            e->rollout[k] += j->step[t * n + k] / (double)steps;
        }
    }
    for (size_t i = 0; i < (size_t)e->nz; i++) {
        e->component[i] = mean(j, j->component + i * n);
    }
    e->mean = mean(j, e->rollout);
    e->median = median(j, e->rollout);
    for (size_t k = 0; k < n; k++) {
        e->n_diverged += j->diverged[k];
        e->rollout[k] = j->diverged[k] ? INFINITY : e->rollout[k];
    }
}

// ---- all of it

static tz_status create_worker(worker *w, const job *j, tz_error *error) {
    const tz_rollouts *r = j->rollouts;
    const size_t H = (size_t)r->horizon;
    w->z0 = tz_alloc(TILE_ROWS, (size_t)r->nz * sizeof(float));
    w->u = tz_alloc(H * TILE_ROWS, (size_t)r->nu * sizeof(float));
    w->zhat = tz_alloc((H + 1) * TILE_ROWS, (size_t)r->nz * sizeof(float));
    w->z = tz_alloc(TILE_ROWS, (size_t)r->nz * sizeof(float));
    if (w->z0 == NULL || w->u == NULL || w->zhat == NULL || w->z == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: an evaluation");
    }
    if (j->predictor->type != TZ_PREDICT_MODEL) {
        return TZ_OK;
    }
    if (j->predictor->model->has_variance) {
        w->V = tz_alloc((H + 1) * TILE_ROWS, (size_t)r->nz * sizeof(float));
        if (w->V == NULL) {
            return tz_fail(error, TZ_ERR_MEMORY, "out of memory: an evaluation");
        }
    }
    return tz_model_workspace_create(&w->workspace, j->predictor->model, TILE_ROWS, r->horizon,
                                     false, error);
}

static tz_status create_job(job *j, tz_error *error) {
    const size_t n = (size_t)j->rollouts->n, steps = (size_t)j->rollouts->horizon + 1;
    j->workers = tz_alloc((size_t)j->n_workers, sizeof *j->workers);
    j->step = tz_alloc(steps * n, sizeof *j->step);
    j->component = tz_alloc((size_t)j->rollouts->nz * n, sizeof *j->component);
    j->diverged = tz_alloc(n, 1);
    j->sorted = tz_alloc(n, sizeof *j->sorted);
    if (j->workers == NULL || j->step == NULL || j->component == NULL || j->diverged == NULL ||
        j->sorted == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: an evaluation");
    }
    if (j->predictor->type == TZ_PREDICT_MODEL && j->predictor->model->has_variance) {
        j->nll = tz_alloc(steps * n, sizeof *j->nll);
        j->within[0] = tz_alloc(steps * n, sizeof *j->within[0]);
        j->within[1] = tz_alloc(steps * n, sizeof *j->within[1]);
        if (j->nll == NULL || j->within[0] == NULL || j->within[1] == NULL) {
            return tz_fail(error, TZ_ERR_MEMORY, "out of memory: an evaluation");
        }
    }
    for (int i = 0; i < j->n_workers; i++) {
        TZ_CHECK(create_worker(&j->workers[i], j, error));
    }
    return TZ_OK;
}

static void destroy_job(job *j) {
    for (int i = 0; j->workers != NULL && i < j->n_workers; i++) {
        tz_model_workspace_destroy(j->predictor->model, j->workers[i].workspace);
        tz_free(j->workers[i].z0);
        tz_free(j->workers[i].u);
        tz_free(j->workers[i].zhat);
        tz_free(j->workers[i].z);
        tz_free(j->workers[i].V);
    }
    tz_free(j->workers);
    tz_free(j->step);
    tz_free(j->component);
    tz_free(j->nll);
    tz_free(j->within[0]);
    tz_free(j->within[1]);
    tz_free(j->diverged);
    tz_free(j->sorted);
}

static tz_status create_evaluation(tz_evaluation **evaluation, const tz_rollouts *rollouts,
                                   bool has_variance, tz_error *error) {
    tz_evaluation *e = tz_alloc(1, sizeof *e);
    if (e == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: an evaluation");
    }
    *e = (tz_evaluation){.n = rollouts->n, .horizon = rollouts->horizon, .nz = rollouts->nz};
    e->rollout = tz_alloc((size_t)e->n, sizeof(double));
    e->step_mean = tz_alloc((size_t)e->horizon + 1, sizeof(double));
    e->step_median = tz_alloc((size_t)e->horizon + 1, sizeof(double));
    e->component = tz_alloc((size_t)e->nz, sizeof(double));
    e->step_nll = has_variance ? tz_alloc((size_t)e->horizon + 1, sizeof(double)) : NULL;
    e->step_within = has_variance ? tz_alloc((size_t)e->horizon + 1, sizeof(double)) : NULL;
    if (e->rollout == NULL || e->step_mean == NULL || e->step_median == NULL ||
        e->component == NULL || (has_variance && (e->step_nll == NULL || e->step_within == NULL))) {
        tz_evaluation_destroy(e);
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: an evaluation");
    }
    *evaluation = e;
    return TZ_OK;
}

tz_status tz_evaluate(tz_evaluation **evaluation, const tz_rollouts *rollouts,
                      const tz_predictor *predictor, const float *sigma_z, tz_team *team,
                      tz_error *error) {
    *evaluation = NULL;
    const tz_model *model = predictor->model;
    if (predictor->type == TZ_PREDICT_MODEL &&
        (tz_model_nz(model) != rollouts->nz || model->nu != rollouts->nu)) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "a model of %d states and %d controls on data of %d and %d",
                       tz_model_nz(model), model->nu, rollouts->nz, rollouts->nu);
    }
    job j = {.rollouts = rollouts,
             .predictor = predictor,
             .sigma_z = sigma_z,
             .n_workers = tz_team_size(team)};
    tz_evaluation *result = NULL;
    tz_status status = create_job(&j, error);
    if (status == TZ_OK) {
        status = create_evaluation(&result, rollouts, j.nll != NULL, error);
    }
    if (status == TZ_OK) {
        tz_team_run(team, (rollouts->n + TILE_ROWS - 1) / TILE_ROWS, run_tile, &j);
        summarise(result, &j);
        *evaluation = result;
    }
    destroy_job(&j);
    return status;
}

void tz_evaluation_destroy(tz_evaluation *evaluation) {
    if (evaluation != NULL) {
        tz_free(evaluation->rollout);
        tz_free(evaluation->step_mean);
        tz_free(evaluation->step_median);
        tz_free(evaluation->component);
        tz_free(evaluation->step_nll);
        tz_free(evaluation->step_within);
        tz_free(evaluation);
    }
}
