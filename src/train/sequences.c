#include "train/sequences.h"

#include "base/assert.h"
#include "base/memory.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

static bool in_part(const tz_source *source, int episode, tz_part part) {
    return (source->is_test[episode] != 0) == (part == TZ_PART_TEST);
}

tz_status tz_sources_check(const tz_source *sources, int n_sources, tz_error *error) {
    const tz_dataset *first = sources[0].dataset;
    for (int s = 1; s < n_sources; s++) {
        const tz_dataset *other = sources[s].dataset;
        if (!tz_dataset_same_env(first, other) || first->nq != other->nq ||
            first->nv != other->nv || first->nu != other->nu ||
            fabs(first->dt_s - other->dt_s) > 1e-9 * first->dt_s) {
            return tz_fail(error, TZ_ERR_MISMATCH,
                           "%s: data of environment '%s' (nq %d, nv %d, nu %d, dt %g s) cannot be "
                           "joined with %s of '%s' (nq %d, nv %d, nu %d, dt %g s)",
                           sources[s].path, other->env, other->nq, other->nv, other->nu,
                           other->dt_s, sources[0].path, first->env, first->nq, first->nv,
                           first->nu, first->dt_s);
        }
    }
    return TZ_OK;
}

// ---- drawing

// Windows of `length` states in an episode of T transitions.
static uint64_t windows_in(int T, int length) {
    return T + 1 >= length ? (uint64_t)(T + 2 - length) : 0;
}

// Running number of windows before each episode of a source, and their sum at the end.
static uint64_t count_windows(uint64_t *before, const tz_source *source, tz_part part, int length) {
    uint64_t sum = 0;
    for (int e = 0; e < source->dataset->n_episodes; e++) {
        before[e] = sum;
        if (in_part(source, e, part)) {
            sum += windows_in(tz_dataset_length(source->dataset, e), length);
        }
    }
    before[source->dataset->n_episodes] = sum;
    return sum;
}

// The episode that holds window w: the last e with before[e] <= w. An episode without windows has
// its successor's count, so it is never the last.
static int episode_of(const uint64_t *before, int n_episodes, uint64_t w) {
    int low = 0, high = n_episodes;
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        if (before[middle] <= w) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static void copy_window(tz_sequences *sequences, int i, const tz_dataset *dataset, int episode,
                        size_t start) {
    const size_t L = (size_t)sequences->length, nz = (size_t)sequences->nz;
    const size_t nu = (size_t)sequences->nu;
    const double *z = tz_dataset_states(dataset, episode) + start * nz; // (L, nz)
    float *to = sequences->z + (size_t)i * L * nz;
    for (size_t k = 0; k < L * nz; k++) {
        to[k] = (float)z[k];
    }
    memcpy(sequences->u + (size_t)i * (L - 1) * nu,
           tz_dataset_controls(dataset, episode) + start * nu, (L - 1) * nu * sizeof(float));
}

// Where the windows are: per source the counts before each episode, and the source's share.
typedef struct urn {
    uint64_t **before; // (n_sources)(n_episodes + 1)
    double *share;     // running sum of the normalised shares              (n_sources)
    int n_sources;
} urn;

static void destroy_urn(urn *u) {
    for (int s = 0; u->before != NULL && s < u->n_sources; s++) {
        tz_free(u->before[s]);
    }
    tz_free(u->before);
    tz_free(u->share);
}

static uint64_t windows_of(const urn *u, const tz_source *sources, int s) {
    return u->before[s][sources[s].dataset->n_episodes];
}

static tz_status fill_urn(urn *u, const tz_source *sources, tz_part part, int length,
                          tz_error *error) {
    u->before = tz_alloc((size_t)u->n_sources, sizeof *u->before);
    u->share = tz_alloc((size_t)u->n_sources, sizeof *u->share);
    if (u->before == NULL || u->share == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: windows of the data");
    }
    double weights = 0.0;
    for (int s = 0; s < u->n_sources; s++) {
        const tz_source *source = &sources[s];
        if (!isfinite(source->weight) || source->weight < 0.0) {
            return tz_fail(error, TZ_ERR_ARGUMENT, "%s: weight %g, expected 0 or more",
                           source->path, source->weight);
        }
        weights += source->weight;
        u->before[s] = tz_alloc((size_t)source->dataset->n_episodes + 1, sizeof *u->before[s]);
        if (u->before[s] == NULL) {
            return tz_fail(error, TZ_ERR_MEMORY, "out of memory: windows of the data");
        }
        count_windows(u->before[s], source, part, length);
    }

    // shares; a source to be learned from must have something to give, while one that holds no
    // episode out leaves the measuring to the others
    double sum = 0.0;
    for (int s = 0; s < u->n_sources; s++) {
        const uint64_t windows = windows_of(u, sources, s);
        const bool left_out = windows == 0 && part == TZ_PART_TEST && u->n_sources > 1;
        const double share = left_out ? 0.0 : weights > 0.0 ? sources[s].weight : (double)windows;
        if (windows == 0 && (weights > 0.0 ? share > 0.0 : u->n_sources == 1)) {
            return tz_fail(error, TZ_ERR_ARGUMENT, "%s: no %s episode holds %d states in a row",
                           sources[s].path, part == TZ_PART_TRAIN ? "training" : "held-out",
                           length);
        }
        sum += share;
        u->share[s] = sum;
    }
    if (sum <= 0.0) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "no %s episode holds %d states in a row",
                       part == TZ_PART_TRAIN ? "training" : "held-out", length);
    }
    for (int s = 0; s < u->n_sources; s++) {
        u->share[s] /= sum;
    }
    return TZ_OK;
}

static void draw(tz_sequences *sequences, const urn *u, const tz_source *sources, tz_rng rng) {
    for (int i = 0; i < sequences->n; i++) {
        const double x = tz_rng_uniform(&rng);
        int s = 0;
        while (s < u->n_sources - 1 && x >= u->share[s]) {
            s++;
        }
        const uint64_t w = tz_rng_below(&rng, windows_of(u, sources, s));
        const int episode = episode_of(u->before[s], sources[s].dataset->n_episodes, w);
        copy_window(sequences, i, sources[s].dataset, episode, (size_t)(w - u->before[s][episode]));
    }
}

tz_status tz_sequences_draw(tz_sequences **sequences, const tz_source *sources, int n_sources,
                            tz_part part, int n, int length, uint64_t seed, tz_error *error) {
    *sequences = NULL;
    TZ_ASSERT(n_sources > 0 && n > 0 && length > 1);
    TZ_CHECK(tz_sources_check(sources, n_sources, error));

    urn u = {.n_sources = n_sources};
    tz_status status = fill_urn(&u, sources, part, length, error);
    tz_sequences *self = NULL;
    if (status == TZ_OK) {
        self = tz_alloc(1, sizeof *self);
        if (self != NULL) {
            *self = (tz_sequences){.n = n,
                                   .length = length,
                                   .nz = sources[0].dataset->nz,
                                   .nu = sources[0].dataset->nu};
            self->z = tz_alloc((size_t)n, (size_t)length * (size_t)self->nz * sizeof(float));
            self->u = tz_alloc((size_t)n, (size_t)(length - 1) * (size_t)self->nu * sizeof(float));
        }
        if (self == NULL || self->z == NULL || self->u == NULL) {
            tz_sequences_destroy(self);
            status = tz_fail(error, TZ_ERR_MEMORY, "out of memory: %d sequences of %d states", n,
                             length);
        }
    }
    if (status == TZ_OK) {
        draw(self, &u, sources, tz_rng_stream(seed, TZ_PURPOSE_SAMPLE, part));
        *sequences = self;
    }
    destroy_urn(&u);
    return status;
}

void tz_sequences_destroy(tz_sequences *sequences) {
    if (sequences != NULL) {
        tz_free(sequences->z);
        tz_free(sequences->u);
        tz_free(sequences);
    }
}

// ---- statistics

// Mean and population standard deviation of columns: a first pass sums values, a second the squared
// distances to the mean.
typedef struct moments {
    double sum[TZ_NZ_MAX], square[TZ_NZ_MAX], mean[TZ_NZ_MAX];
    size_t n;
} moments;

static void add_row(moments *m, const double *x, int dim, bool second_pass) {
    for (int i = 0; i < dim; i++) {
        if (second_pass) {
            m->square[i] += (x[i] - m->mean[i]) * (x[i] - m->mean[i]);
        } else {
            m->sum[i] += x[i];
        }
    }
    m->n += !second_pass;
}

static void finish_pass(moments *m, double *mean, double *std, int dim) {
    for (int i = 0; i < dim; i++) {
        m->mean[i] = mean[i] = m->sum[i] / (double)m->n;
        std[i] = sqrt(m->square[i] / (double)m->n);
    }
}

typedef struct all_moments {
    moments z, u, rate;
    double rate_max[TZ_NZ_MAX];
} all_moments;

static void add_episode(all_moments *all, const tz_dataset *dataset, int episode,
                        bool second_pass) {
    const int nz = dataset->nz, nu = dataset->nu, T = tz_dataset_length(dataset, episode);
    const double *z = tz_dataset_states(dataset, episode);  // (T + 1, nz)
    const float *u = tz_dataset_controls(dataset, episode); // (T, nu)
    for (int t = 0; t <= T; t++) {
        add_row(&all->z, z + (size_t)t * (size_t)nz, nz, second_pass);
    }
    for (int t = 0; t < T; t++) {
        double row[TZ_NZ_MAX];
        for (int i = 0; i < nu; i++) {
            row[i] = u[(size_t)t * (size_t)nu + (size_t)i];
        }
        add_row(&all->u, row, nu, second_pass);
        const double *z_t = z + (size_t)t * (size_t)nz;
        for (int i = 0; i < nz; i++) {
            row[i] = (z_t[nz + i] - z_t[i]) / dataset->dt_s;
            all->rate_max[i] = fmax(all->rate_max[i], fabs(row[i]));
        }
        add_row(&all->rate, row, nz, second_pass);
    }
}

static void widen_range(tz_model_statistics *s, const tz_dataset *dataset, int episode) {
    const int nz = dataset->nz, T = tz_dataset_length(dataset, episode);
    const double *z = tz_dataset_states(dataset, episode);
    for (size_t k = 0; k < (size_t)(T + 1) * (size_t)nz; k++) {
        const size_t i = k % (size_t)nz;
        s->z_low[i] = fmin(s->z_low[i], z[k]);
        s->z_high[i] = fmax(s->z_high[i], z[k]);
    }
}

tz_status tz_training_statistics(tz_model_statistics *statistics, const tz_source *sources,
                                 int n_sources, tz_error *error) {
    TZ_CHECK(tz_sources_check(sources, n_sources, error));
    const int nz = sources[0].dataset->nz, nu = sources[0].dataset->nu;
    TZ_ASSERT(nz <= TZ_NZ_MAX && nu <= TZ_NU_MAX);
    *statistics = (tz_model_statistics){0};
    for (int i = 0; i < nz; i++) {
        statistics->z_low[i] = INFINITY;
        statistics->z_high[i] = -INFINITY;
    }
    all_moments all = {0};
    for (int pass = 0; pass < 2; pass++) {
        for (int s = 0; s < n_sources; s++) {
            for (int e = 0; e < sources[s].dataset->n_episodes; e++) {
                if (in_part(&sources[s], e, TZ_PART_TRAIN)) {
                    add_episode(&all, sources[s].dataset, e, pass == 1);
                    widen_range(statistics, sources[s].dataset, e);
                }
            }
        }
        if (all.u.n == 0) {
            return tz_fail(error, TZ_ERR_ARGUMENT, "%s: no training episode", sources[0].path);
        }
        finish_pass(&all.z, statistics->z_mean, statistics->z_std, nz);
        finish_pass(&all.u, statistics->u_mean, statistics->u_std, nu);
        finish_pass(&all.rate, statistics->rate_mean, statistics->rate_std, nz);
    }
    memcpy(statistics->rate_max, all.rate_max, sizeof all.rate_max);
    return TZ_OK;
}
