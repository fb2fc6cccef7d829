// Noise. A candidate is clip(mean + std * e), where the noise e of each control is an AR(1) process
// of unit variance along the horizon,
//
//     e_0 = w_0,   e_t = rho e_{t-1} + sqrt(1 - rho^2) w_t,   w white,
//
// with rho = noise_color: the same meaning as in the collector. Unrolled it is one product with a
// lower triangular matrix, e = L w, L[t][0] = rho^t, L[t][s] = sqrt(1 - rho^2) rho^(t-s) for s > 0,
// so that a tile of noise is one matrix product.
#include "plan/candidates.h"

#include "base/assert.h"
#include "base/blas.h"
#include "base/memory.h"
#include "models/ensemble.h"

#include <math.h>
#include <string.h>

// ---- making

static int tile_count(int n) {
    return (n + TZ_CANDIDATE_TILE - 1) / TZ_CANDIDATE_TILE;
}

static int tile_rows(int n, int tile) {
    const int rows = n - tile * TZ_CANDIDATE_TILE;
    return rows < TZ_CANDIDATE_TILE ? rows : TZ_CANDIDATE_TILE;
}

static void fill_color(float *L, int T, double rho) {
    const double fresh = sqrt(1.0 - rho * rho);
    for (int t = 0; t < T; t++) {
        for (int s = 0; s <= t; s++) {
            L[t * T + s] = (float)(pow(rho, t - s) * (s > 0 ? fresh : 1.0));
        }
    }
}

// The range of the data, widened; a cyclic coordinate has none, for it was shifted to 0.
static void fill_range(tz_candidates *c) {
    for (int i = 0; i < c->nz; i++) {
        const bool bounded =
            c->def->range_mode != TZ_RANGE_OFF && !(i < c->task->nq && c->task->cyclic[i]);
        if (!bounded) {
            c->z_low[i] = -INFINITY;
            c->z_high[i] = INFINITY;
            c->range_width[i] = 1.0f;
            continue;
        }
        const float width = fmaxf(c->model->z_high[i] - c->model->z_low[i], 1e-6f);
        const float margin = (float)c->def->range_margin * width;
        c->z_low[i] = c->model->z_low[i] - margin;
        c->z_high[i] = c->model->z_high[i] + margin;
        c->range_width[i] = width;
    }
}

static float *take(float **cursor, size_t n) {
    float *block = *cursor;
    *cursor += n;
    return block;
}

static tz_status create_workspaces(tz_candidates *c, tz_error *error) {
    c->workspace = tz_alloc((size_t)c->n_workers, sizeof(tz_model_workspace *));
    c->scratch = tz_alloc((size_t)c->n_workers, sizeof(tz_task_scratch *));
    if (c->workspace == NULL || c->scratch == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a planner");
    }
    for (int i = 0; i < c->n_workers; i++) {
        TZ_CHECK(tz_model_workspace_create(&c->workspace[i], c->model, TZ_CANDIDATE_TILE, c->T,
                                           false, error));
        TZ_CHECK(tz_task_scratch_create(&c->scratch[i], c->task, error));
    }
    return TZ_OK;
}

tz_status tz_candidates_create(tz_candidates *c, const tz_planner_def *def, int n_max,
                               const tz_task *task, const tz_model *model, tz_team *team,
                               tz_error *error) {
    tz_blas_init();
    *c = (tz_candidates){.def = def,
                         .task = task,
                         .sought = task,
                         .model = model,
                         .team = team,
                         .nz = tz_task_nz(task),
                         .nu = task->nu,
                         .T = def->horizon,
                         .rewards_places = task->digest[0] != '\0',
                         .n_max = n_max,
                         .n_members = tz_ensemble_count(model),
                         .n_workers = tz_team_size(team)};
    TZ_CHECK(create_workspaces(c, error));
    TZ_CHECK(tz_guide_create(&c->guide, def, task, TZ_CANDIDATE_TILE, c->n_workers, error));

    // one block for all arrays
    const size_t B = TZ_CANDIDATE_TILE, T = (size_t)c->T, nz = (size_t)c->nz, nu = (size_t)c->nu;
    const size_t n_tiles = (size_t)tile_count(n_max), n_workers = (size_t)c->n_workers;
    const size_t n_u = T * B * nu, n_z = (T + 1) * B * nz;
    const size_t n_member = c->n_members > 0 ? n_workers * n_z : 0;
    const size_t size =
        T * T + 3 * nz + n_tiles * (n_u + n_z) + n_workers * (n_u + B) + 2 * B * nz + n_member;
    c->block = tz_alloc(size, sizeof(float));
    c->score = tz_alloc((size_t)n_max, sizeof *c->score);
    if (c->block == NULL || c->score == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY,
                       "out of memory: %d candidates over a horizon of %d steps", n_max, c->T);
    }
    float *cursor = c->block;
    c->u = take(&cursor, n_tiles * n_u);
    c->z = take(&cursor, n_tiles * n_z);
    c->white = take(&cursor, n_workers * n_u);
    c->V = take(&cursor, n_workers * B);
    c->z_member = take(&cursor, n_member);
    c->z0 = take(&cursor, B * nz);
    c->z_t = take(&cursor, B * nz);
    c->color = take(&cursor, T * T);
    c->z_low = take(&cursor, nz);
    c->z_high = take(&cursor, nz);
    c->range_width = take(&cursor, nz);
    fill_color(c->color, c->T, def->noise_color);
    fill_range(c);
    return TZ_OK;
}

void tz_candidates_destroy(tz_candidates *c) {
    for (int i = 0; c->workspace != NULL && i < c->n_workers; i++) {
        tz_model_workspace_destroy(c->model, c->workspace[i]);
    }
    for (int i = 0; c->scratch != NULL && i < c->n_workers; i++) {
        tz_task_scratch_destroy(c->scratch[i]);
    }
    tz_guide_destroy(&c->guide);
    tz_free(c->workspace);
    tz_free(c->scratch);
    tz_free(c->block);
    tz_free(c->score);
}

void tz_candidates_start_at(tz_candidates *c, const double *z) {
    for (int i = 0; i < c->nz; i++) {
        const bool is_cyclic = i < c->task->nq && c->task->cyclic[i];
        c->shift[i] = is_cyclic ? z[i] : 0.0;
        for (int row = 0; row < TZ_CANDIDATE_TILE; row++) {
            c->z0[row * c->nz + i] = is_cyclic ? 0.0f : (float)z[i];
        }
    }
}

void tz_candidates_shift_back(const tz_candidates *c, float *states, int n) {
    for (int i = 0; i < n * c->nz; i++) {
        states[i] = (float)((double)states[i] + c->shift[i % c->nz]);
    }
}

// ---- scoring

static void to_double(double *y, const float *x, int n) {
    for (int i = 0; i < n; i++) {
        y[i] = (double)x[i];
    }
}

// A state as the task's rules see it.
static void place(const tz_candidates *c, double *y, const float *z) {
    for (int i = 0; i < c->nz; i++) {
        y[i] = (double)z[i] + (c->rewards_places ? c->shift[i] : 0.0);
    }
}

static bool all_finite(const float *x, int n) {
    for (int i = 0; i < n; i++) {
        if (!isfinite(x[i])) {
            return false;
        }
    }
    return true;
}

// How far z (nz) is outside the tolerated range, in widths of the data's range, summed.
static double distance_outside(const tz_candidates *c, const float *z) {
    double distance = 0.0;
    for (int i = 0; i < c->nz; i++) {
        const double below = (double)c->z_low[i] - (double)z[i];
        const double above = (double)z[i] - (double)c->z_high[i];
        distance += fmax(fmax(below, above), 0.0) / (double)c->range_width[i];
    }
    return distance;
}

// A rollout that is finite for t steps.
static tz_score diverged_score(int t) {
    return (tz_score){.outcome = TZ_ROLLOUT_DIVERGED, .value = (double)t};
}

// Scores row `row` of a tile of B rows, whose last state is worth V, by `task`. Steps after a
// predicted end earn nothing.
static tz_score score_row(const tz_candidates *c, const tz_task *task, tz_task_scratch *scratch,
                          const float *z, const float *u, float V, int B, int row) {
    double z_a[TZ_NZ_MAX], z_b[TZ_NZ_MAX], u_a[TZ_NU_MAX];
    tz_score score = {.outcome = TZ_ROLLOUT_SOUND};
    int left_at = -1; // first step outside the range
    double weight = 1.0, penalty = 0.0;
    bool over = false;

    place(c, z_a, z + row * c->nz);
    for (int t = 0; t < c->T; t++) {
        const float *z_next = z + ((size_t)(t + 1) * (size_t)B + (size_t)row) * (size_t)c->nz;
        if (!all_finite(z_next, c->nz)) {
            return diverged_score(t);
        }
        if (over) {
            continue;
        }
        place(c, z_b, z_next);
        to_double(u_a, u + ((size_t)t * (size_t)B + (size_t)row) * (size_t)c->nu, c->nu);
        const double reward = tz_task_reward(task, scratch, z_a, u_a, z_b);
        score.first_reward = t == 0 ? reward : score.first_reward;
        score.earned += weight * reward;

        // the data's range
        const double distance = distance_outside(c, z_next);
        if (distance > 0.0 && left_at < 0) {
            left_at = t;
        }
        penalty += weight * c->def->range_penalty * distance;

        over = task->ends_early && tz_task_terminated(task, scratch, z_b);
        weight *= c->def->discount;
        memcpy(z_a, z_b, (size_t)c->nz * sizeof *z_a);
    }
    const double promised = score.earned + (over ? 0.0 : weight * (double)V);
    score.left_range = left_at >= 0;
    if (score.left_range && c->def->range_mode == TZ_RANGE_REJECT) {
        score.outcome = TZ_ROLLOUT_OUT_OF_RANGE;
        score.value = (double)left_at;
    } else {
        score.value = promised - penalty;
    }
    return isfinite(promised) && isfinite(score.value) ? score : diverged_score(c->T);
}

// ---- drawing and rolling out

static float *tile_u(const tz_candidates *c, int tile) {
    return c->u + (size_t)tile * (size_t)(c->T * TZ_CANDIDATE_TILE * c->nu);
}

static float *tile_z(const tz_candidates *c, int tile) {
    return c->z + (size_t)tile * (size_t)((c->T + 1) * TZ_CANDIDATE_TILE * c->nz);
}

// u (T, B, nu) <- clip(mean + std * L w), rows of given sequences as given.
static void draw_tile(const tz_candidates *c, float *u, int tile, int B, int worker) {
    const int T = c->T, nu = c->nu, width = B * nu;
    float *white = c->white + (size_t)worker * (size_t)(T * TZ_CANDIDATE_TILE * nu);
    tz_rng rng = tz_rng_stream(c->stream.seed, TZ_PURPOSE_PLAN, c->stream.index + (uint64_t)tile);
    tz_rng_fill_normal_f32(&rng, white, (size_t)(T * width));
    tz_gemm_nn(u, c->color, white, T, width, T, T, width, width, 0.0f);

    for (int t = 0; t < T; t++) {
        const float *mean = c->mean + t * nu, *std = c->std + t * nu;
        for (int row = 0; row < B; row++) {
            float *u_row = u + ((size_t)t * (size_t)B + (size_t)row) * (size_t)nu;
            const int i = tile * TZ_CANDIDATE_TILE + row;
            for (int j = 0; j < nu; j++) {
                const float drawn =
                    i < c->n_given ? c->given[((size_t)i * (size_t)T + (size_t)t) * (size_t)nu + j]
                                   : mean[j] + std[j] * u_row[j];
                u_row[j] = tz_task_clip_control(c->task, j, drawn);
            }
        }
    }
}

// Scores the states z (T + 1, B, nz) of B sequences u (T, B, nu), row by row.
static void score_tile(const tz_candidates *c, const tz_task *task, tz_score *score, const float *z,
                       const float *u, int B, int worker) {
    float *V = c->V + (size_t)worker * TZ_CANDIDATE_TILE;
    if (c->guide.critic != NULL) {
        tz_guide_value(&c->guide, worker, V, z + (size_t)c->T * (size_t)(B * c->nz), c->shift, B);
    }
    for (int row = 0; row < B; row++) {
        score[row] = score_row(c, task, c->scratch[worker], z, u, V[row], B, row);
    }
}

// Takes the score of one more member into the mean of the k before it, and the square of its
// distance from that (Welford) into `squares`.
static void join_score(tz_score *mean, double *squares, const tz_score *of_member, int k) {
    const double share = 1.0 / (k + 1), off = of_member->value - mean->value;
    mean->earned += share * (of_member->earned - mean->earned);
    mean->first_reward += share * (of_member->first_reward - mean->first_reward);
    mean->left_range |= of_member->left_range;
    if (of_member->outcome > mean->outcome) {
        mean->outcome = of_member->outcome;
        mean->value = of_member->value;
    } else if (of_member->outcome == mean->outcome && mean->outcome == TZ_ROLLOUT_SOUND) {
        mean->value += share * off;
        *squares += off * (of_member->value - mean->value);
    } else if (of_member->outcome == mean->outcome) {
        mean->value = fmin(mean->value, of_member->value); // the first to leave
    }
}

// The members of an ensemble one by one: z is the mean of their states.
static void roll_out_members(const tz_candidates *c, const tz_task *task, tz_score *score, float *z,
                             const float *u, int B, int worker) {
    const size_t n = (size_t)((c->T + 1) * B * c->nz);
    const size_t of_worker = (size_t)((c->T + 1) * TZ_CANDIDATE_TILE * c->nz);
    float *z_k = c->z_member + (size_t)worker * of_worker; // (T + 1, B, nz)
    double squares[TZ_CANDIDATE_TILE] = {0};
    memset(z, 0, n * sizeof *z);
    for (int k = 0; k < c->n_members; k++) {
        tz_score of_member[TZ_CANDIDATE_TILE];
        tz_ensemble_rollout_member(c->model, c->workspace[worker], k, z_k, c->z0, u, c->T, B);
        score_tile(c, task, of_member, z_k, u, B, worker);
        for (int row = 0; row < B; row++) {
            score[row] = k == 0 ? of_member[row] : score[row];
            join_score(&score[row], &squares[row], &of_member[row], k);
        }
        const float share = 1.0f / (float)(k + 1);
        for (size_t i = 0; i < n; i++) {
            z[i] += share * (z_k[i] - z[i]);
        }
    }
    for (int row = 0; row < B; row++) {
        if (score[row].outcome == TZ_ROLLOUT_SOUND) {
            score[row].value -= c->def->disagreement * sqrt(squares[row] / c->n_members);
        }
        if (!isfinite(score[row].value)) {
            score[row] = diverged_score(c->T);
        }
    }
}

// Rolls the B sequences u (T, B, nu) out from z0 to z (T + 1, B, nz) and scores them by `task`.
static void roll_out(const tz_candidates *c, const tz_task *task, tz_score *score, float *z,
                     const float *u, int B, int worker) {
    if (c->n_members > 0) {
        roll_out_members(c, task, score, z, u, B, worker);
        return;
    }
    tz_model_rollout(c->model, c->workspace[worker], z, c->z0, u, c->T, B);
    score_tile(c, task, score, z, u, B, worker);
}

static void evaluate_tile(void *context, int tile, int worker) {
    tz_candidates *c = context;
    const int B = tile_rows(c->n, tile);
    float *u = tile_u(c, tile);
    draw_tile(c, u, tile, B, worker);
    roll_out(c, c->sought, c->score + tile * TZ_CANDIDATE_TILE, tile_z(c, tile), u, B, worker);
}

void tz_candidates_evaluate(tz_candidates *c, uint64_t draw, const float *mean, const float *std,
                            const float *given, int n_given, int n) {
    TZ_ASSERT(n > 0 && n <= c->n_max && n_given <= n);
    c->stream = tz_rng_stream(c->def->seed, TZ_PURPOSE_PLAN, draw * TZ_TILES_PER_DRAW);
    c->mean = mean;
    c->std = std;
    c->given = given;
    c->n_given = n_given;
    c->n = n;
    tz_team_run(c->team, tile_count(n), evaluate_tile, c);
}

tz_score tz_candidates_follow(tz_candidates *c, float *z, const float *u) {
    tz_score score;
    roll_out(c, c->task, &score, z, u, 1, 0);
    return score;
}

// Copies row `row` of `blocks` blocks of (B, width).
static void gather(float *to, const float *from, int blocks, int B, int row, int width) {
    for (int t = 0; t < blocks; t++) {
        memcpy(to + t * width, from + (size_t)(t * B + row) * (size_t)width,
               (size_t)width * sizeof *to);
    }
}

void tz_candidates_propose(tz_candidates *c, float *u, uint64_t draw, int n) {
    TZ_ASSERT(n > 0 && n <= TZ_CANDIDATE_TILE);
    tz_rng rng[TZ_CANDIDATE_TILE];
    for (int row = 0; row < n; row++) {
        rng[row] = tz_rng_stream(c->def->seed, TZ_PURPOSE_PROPOSAL,
                                 draw * TZ_CANDIDATE_TILE + (uint64_t)row);
    }
    const size_t nz = (size_t)c->nz, nu = (size_t)c->nu;
    float *u_tile = tile_u(c, 0), *z_next = tile_z(c, 0); // (T, n, nu) and (2, n, nz)
    memcpy(c->z_t, c->z0, (size_t)n * nz * sizeof *c->z_t);
    for (int t = 0; t < c->T; t++) {
        float *u_t = u_tile + (size_t)t * (size_t)n * nu;
        tz_guide_act(&c->guide, 0, u_t, c->z_t, c->shift, NULL, 1);
        if (n > 1) {
            tz_guide_act(&c->guide, 0, u_t + nu, c->z_t + nz, c->shift, rng + 1, n - 1);
        }
        tz_model_rollout(c->model, c->workspace[0], z_next, c->z_t, u_t, 1, n);
        memcpy(c->z_t, z_next + (size_t)n * nz, (size_t)n * nz * sizeof *c->z_t);
    }
    for (int row = 0; row < n; row++) {
        gather(u + (size_t)row * (size_t)c->T * nu, u_tile, c->T, n, row, c->nu);
    }
}

// ---- reading the population

void tz_candidates_controls(const tz_candidates *c, float *u, int i) {
    const int tile = i / TZ_CANDIDATE_TILE;
    gather(u, tile_u(c, tile), c->T, tile_rows(c->n, tile), i % TZ_CANDIDATE_TILE, c->nu);
}

void tz_candidates_states(const tz_candidates *c, float *z, int i) {
    const int tile = i / TZ_CANDIDATE_TILE;
    gather(z, tile_z(c, tile), c->T + 1, tile_rows(c->n, tile), i % TZ_CANDIDATE_TILE, c->nz);
}

// Whether candidate a comes before b in the order of tz_candidates_select.
static bool ranks_before(const tz_candidates *c, int a, int b) {
    const tz_score *of_a = &c->score[a], *of_b = &c->score[b];
    return tz_score_better(of_a, of_b) || (a < b && !tz_score_better(of_b, of_a));
}

// Sinks the candidate at place i of a heap (n) whose other candidates come before what they hang
// from: the last one is at its top.
static void sink(const tz_candidates *c, int *heap, int n, int i) {
    const int sinking = heap[i];
    for (int below = 2 * i + 1; below < n; below = 2 * i + 1) {
        below += below + 1 < n && ranks_before(c, heap[below], heap[below + 1]);
        if (!ranks_before(c, sinking, heap[below])) {
            break;
        }
        heap[i] = heap[below];
        i = below;
    }
    heap[i] = sinking;
}

int tz_candidates_select(const tz_candidates *c, int *best, int k) {
    // the first k make a heap; each of the others takes the place of its top, if it comes before it
    int n_best = 0, i = 0;
    for (; i < c->n && n_best < k; i++) {
        if (c->score[i].outcome != TZ_ROLLOUT_DIVERGED) {
            best[n_best++] = i;
        }
    }
    for (int root = n_best / 2 - 1; root >= 0; root--) {
        sink(c, best, n_best, root);
    }
    for (; i < c->n; i++) {
        if (c->score[i].outcome != TZ_ROLLOUT_DIVERGED && ranks_before(c, i, best[0])) {
            best[0] = i;
            sink(c, best, n_best, 0);
        }
    }

    // the top, which comes last, goes to the end of what is left
    for (int n = n_best - 1; n > 0; n--) {
        const int last = best[0];
        best[0] = best[n];
        best[n] = last;
        sink(c, best, n, 0);
    }

    // none but those of the best outcome
    while (n_best > 0 && c->score[best[n_best - 1]].outcome != c->score[best[0]].outcome) {
        n_best--;
    }
    return n_best;
}
