// Rollouts of the learned kinds with the control held over a transition, `substeps` steps h = dt /
// substeps of an explicit Runge-Kutta rule each (or of leapfrog, see there),
//
//     k_i = f(w + h sum_{j<i} a_ij k_j, u_t),   w <- w + h sum_i b_i k_i
//
// (Euler: one stage, b_1 = 1), and their backward. A tile of rows walks the whole rollout, forward
// then backward, in one thread's cache: a training workspace keeps the activations of every stage
// (the tapes), any other only those of the last one, and there tall batches are cut into tiles
// here.
//
// Backward, from the adjoint w_bar of the state after a step to the one before it, with y_bar_i the
// adjoint of stage i's argument, last stage first:
//
//     lambda_i = h b_i w_bar + h sum_{j>i} a_ji y_bar_j
//     y_bar_i = (df/dw)^T lambda_i,   grad += (df/dtheta)^T lambda_i,   w_bar += sum_i y_bar_i
#include "base/assert.h"
#include "base/blas.h"
#include "base/denormals.h"
#include "base/memory.h"
#include "base/vectorise.h"
#include "models/learned.h"
#include "models/variance.h"

#include <float.h>
#include <math.h>
#include <string.h>
#include <tgmath.h>

enum { TILE_ROWS = 64, STAGES_MAX = 4 };

// The rules: number of stages, a (lower triangle) and b.
typedef struct rule {
    int n_stages;
    double a[STAGES_MAX][STAGES_MAX - 1], b[STAGES_MAX];
} rule;

// clang-format off
static const rule rules[] = {
    [TZ_INTEGRATOR_EULER] = {1, {{0.0}}, {1.0}},
    [TZ_INTEGRATOR_RK4_38] = {4, {{0.0}, {1.0 / 3.0}, {-1.0 / 3.0, 1.0}, {1.0, -1.0, 1.0}}, {0.125, 0.375, 0.375, 0.125}},
    [TZ_INTEGRATOR_LEAPFROG] = {.n_stages = 2}, // not explicit: see leap
    [TZ_INTEGRATOR_RK4] = {4, {{0.0}, {0.5}, {0.0, 0.5}, {0.0, 0.0, 1.0}}, {1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0}},
};
// clang-format on
_Static_assert(TZ_COUNTOF(rules) == TZ_INTEGRATOR_COUNT, "a rule each");

struct tz_model_workspace {
    int max_B; // rows of a tile
    int max_T; // transitions that can be differentiated; 0: none
    size_t tape_size, map_tape_size;
    tz_integrator integrator;   // that it is sized for
    int substeps;               // that its tapes are for
    bool has_point_bar;         // the regulariser has left adjoints for the backward
    tz_real *block;             // owned, holds all below
    tz_real *w;                 // state                                           (max_B, nz)
    tz_real *w_stage;           // argument of a stage                             (max_B, nz)
    tz_real *w_bar;             // adjoint of w                                    (max_B, nz)
    tz_real *lambda;            // adjoint of a stage's derivative                 (max_B, nz)
    tz_real *stage[STAGES_MAX]; // derivatives, in backward y_bar          (n_stages; max_B, nz)
    tz_real *scratch;           // of the kind, or of the variance
    tz_real *tapes;     // of each stage                                   (slots, tape_size)
    tz_real *points;    // w_t, for the regulariser                        (max_T + 1, max_B, nz)
    tz_real *point_bar; // its adjoints of them                            (max_T + 1, max_B, nz)
    tz_real *symplectic_scratch;
    unsigned char *moves; // leapfrog: 1 while a row's equations are not solved   (max_B)
    tz_real *map_tapes;   // of encode, then of each decode                  (slots, map_tape_size)
};

tz_status tz_learned_workspace_create(tz_model_workspace **workspace, const tz_model *model,
                                      int max_B, int max_T, bool training, tz_error *error) {
    *workspace = NULL;
    TZ_ASSERT(max_B > 0 && max_T > 0);
    tz_blas_init();
    const tz_learned *self = (const tz_learned *)model;
    if (training && self->integrator == TZ_INTEGRATOR_LEAPFROG) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "the integrator leapfrog serves prediction, not training");
    }
    const tz_learned_kind *kind = self->kind;
    tz_model_workspace *ws = tz_alloc(1, sizeof *ws);
    if (ws == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a workspace");
    }

    ws->integrator = self->integrator;
    ws->substeps = self->substeps;

    // one tape a stage when there will be a backward, else one in all
    const int n_stages = rules[self->integrator].n_stages;
    ws->max_B = training || max_B < TILE_ROWS ? max_B : TILE_ROWS;
    ws->max_T = training ? max_T : 0;
    const size_t n_tapes = training ? (size_t)max_T * (size_t)self->substeps * (size_t)n_stages : 1;
    const size_t n_map_tapes = training ? (size_t)max_T + 1 : 1;
    ws->tape_size = tz_round_line(kind->tape_size(self, ws->max_B));
    ws->map_tape_size =
        kind->map_tape_size != NULL ? tz_round_line(kind->map_tape_size(self, ws->max_B)) : 0;

    const size_t state = tz_round_line((size_t)ws->max_B * (size_t)tz_model_nz(model));
    const size_t of_kind = kind->scratch_size(self, ws->max_B);
    const size_t of_variance = model->has_variance ? tz_variance_scratch_size(self, ws->max_B) : 0;
    const size_t scratch = tz_round_line(of_kind > of_variance ? of_kind : of_variance);
    const bool is_regularised = training && kind->symplectic != NULL;
    const size_t points = is_regularised ? ((size_t)max_T + 1) * state : 0;
    const size_t symplectic_scratch =
        is_regularised ? tz_round_line(kind->symplectic_scratch_size(self, ws->max_B)) : 0;
    const size_t size = (4 + (size_t)n_stages) * state + scratch + 2 * points + symplectic_scratch +
                        n_tapes * ws->tape_size + n_map_tapes * ws->map_tape_size;
    tz_real *cursor = ws->block = tz_alloc(size, sizeof(tz_real));
    ws->moves = tz_alloc((size_t)ws->max_B, sizeof *ws->moves);
    if (ws->block == NULL || ws->moves == NULL) {
        tz_learned_workspace_destroy(ws);
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a workspace of %zu values", size);
    }
    ws->w = tz_take(&cursor, state);
    ws->w_stage = tz_take(&cursor, state);
    ws->w_bar = tz_take(&cursor, state);
    ws->lambda = tz_take(&cursor, state);
    for (int i = 0; i < n_stages; i++) {
        ws->stage[i] = tz_take(&cursor, state);
    }
    ws->scratch = tz_take(&cursor, scratch);
    ws->tapes = tz_take(&cursor, n_tapes * ws->tape_size);
    ws->points = tz_take(&cursor, points);
    ws->point_bar = tz_take(&cursor, points);
    ws->symplectic_scratch = tz_take(&cursor, symplectic_scratch);
    ws->map_tapes = tz_take(&cursor, n_map_tapes * ws->map_tape_size);
    *workspace = ws;
    return TZ_OK;
}

void tz_learned_workspace_destroy(tz_model_workspace *workspace) {
    if (workspace != NULL) {
        tz_free(workspace->block);
        tz_free(workspace->moves);
        tz_free(workspace);
    }
}

// Tape of a stage of step s of transition t, and of the map after t transitions.
static tz_real *tape_at(const tz_model_workspace *ws, const tz_learned *self, int t, int s,
                        int stage) {
    const size_t steps = (size_t)t * (size_t)self->substeps + (size_t)s;
    const size_t slot = steps * (size_t)rules[self->integrator].n_stages + (size_t)stage;
    return ws->tapes + (ws->max_T > 0 ? slot * ws->tape_size : 0);
}

static tz_real *map_tape_at(const tz_model_workspace *ws, int t) {
    return ws->map_tapes + (ws->max_T > 0 ? (size_t)t * ws->map_tape_size : 0);
}

// Whether the points of a rollout are kept.
static bool keeps_points(const tz_model_workspace *ws, const tz_learned *self) {
    return ws->max_T > 0 && self->kind->symplectic != NULL;
}

// ---- forward

static void encode(const tz_learned *self, tz_model_workspace *ws, const tz_real *z, int B) {
    if (self->kind->encode != NULL) {
        self->kind->encode(self, ws->w, map_tape_at(ws, 0), ws->scratch, z, B);
    } else {
        memcpy(ws->w, z, (size_t)B * (size_t)tz_model_nz(&self->model) * sizeof *z);
    }
}

static void decode(const tz_learned *self, tz_model_workspace *ws, tz_real *z, int t, int B) {
    if (self->kind->decode != NULL) {
        self->kind->decode(self, z, map_tape_at(ws, t), ws->scratch, ws->w, B);
    } else {
        memcpy(z, ws->w, (size_t)B * (size_t)tz_model_nz(&self->model) * sizeof *z);
    }
}

// y (n) += factor x
TZ_VECTORISED static void add_scaled(tz_real *restrict y, double factor, const tz_real *restrict x,
                                     size_t n) {
    const tz_real c = (tz_real)factor;
    for (size_t i = 0; i < n; i++) {
        y[i] += c * x[i];
    }
}

// Step s of transition t on B rows, u_t (B, nu).
static void step(const tz_learned *self, tz_model_workspace *ws, const tz_real *u_t, int t, int s,
                 int B) {
    const rule *r = &rules[self->integrator];
    const size_t n = (size_t)B * (size_t)tz_model_nz(&self->model);
    const double h = (double)self->substep_s;
    for (int i = 0; i < r->n_stages; i++) {
        const tz_real *argument = ws->w;
        if (i > 0) {
            memcpy(ws->w_stage, ws->w, n * sizeof *ws->w);
            for (int j = 0; j < i; j++) {
                add_scaled(ws->w_stage, h * r->a[i][j], ws->stage[j], n);
            }
            argument = ws->w_stage;
        }
        self->kind->forward(self, ws->stage[i], tape_at(ws, self, t, s, i), ws->scratch, argument,
                            u_t, B);
    }
    for (int i = 0; i < r->n_stages; i++) {
        add_scaled(ws->w, h * r->b[i], ws->stage[i], n);
    }
}

// Generalised leapfrog (Stoermer-Verlet for any H(Q, P); Hairer, Lubich, Wanner, Geometric
// Numerical Integration, 2006, section I.1.4), of second order and symplectic, with f = (f_Q, f_P):
//
//     P1 = P + h/2 f_P(Q, P1)
//     Q' = Q + h/2 (f_Q(Q, P1) + f_Q(Q', P1))
//     P' = P1 + h/2 f_P(Q', P1)
//
// The first two are solved by fixed-point iteration, a row until it stands still to rounding. A row
// that after ITERATIONS still moves by more than half of its digits has no solution there, h is too
// large: it becomes NaN, and its rollout a diverged one.
static void leap(const tz_learned *self, tz_model_workspace *ws, const tz_real *u_t, int B) {
    enum { ITERATIONS = 100, MOMENTA = 1, POSITIONS = 2 };
    const double epsilon = sizeof(tz_real) == sizeof(float) ? FLT_EPSILON : DBL_EPSILON;
    const tz_real rounding = (tz_real)(4.0 * epsilon), unsolved = (tz_real)sqrt(epsilon);
    const int n = self->model.nq, nz = 2 * n;
    const size_t size = (size_t)(B * nz) * sizeof(tz_real);
    const tz_real half_h = 0.5f * self->substep_s;
    tz_real *x = ws->w_stage, *f = ws->stage[0], *f_start = ws->stage[1]; // (B, nz)
    memcpy(x, ws->w, size);
    for (int solve = MOMENTA; solve <= POSITIONS; solve++) {
        // the unknown half of x starts where it stands; f_start is f at (Q, P1)
        const int first = solve == MOMENTA ? n : 0;
        if (solve == POSITIONS) {
            self->kind->forward(self, f_start, ws->tapes, ws->scratch, x, u_t, B);
        }
        memset(ws->moves, 1, (size_t)B);
        bool any_moves = true;
        for (int iteration = 0; any_moves && iteration < ITERATIONS; iteration++) {
            any_moves = false;
            self->kind->forward(self, f, ws->tapes, ws->scratch, x, u_t, B);
            for (int row = 0; row < B; row++) {
                bool moves = false;
                for (int k = 0; ws->moves[row] && k < n; k++) {
                    const int i = row * nz + first + k;
                    const tz_real known = solve == POSITIONS ? f_start[i] : 0.0f;
                    const tz_real next = ws->w[i] + half_h * (known + f[i]);
                    const tz_real move = (tz_real)fabs(next - x[i]) / (1.0f + (tz_real)fabs(next));
                    moves |= move > rounding;
                    x[i] = iteration == ITERATIONS - 1 && move > unsolved ? (tz_real)NAN : next;
                }
                ws->moves[row] = moves;
                any_moves |= moves;
            }
        }
    }
    self->kind->forward(self, f, ws->tapes, ws->scratch, x, u_t, B);
    for (int row = 0; row < B; row++) {
        for (int k = n; k < nz; k++) {
            x[row * nz + k] += half_h * f[row * nz + k];
        }
    }
    memcpy(ws->w, x, size);
}

// First of the controls u (T, B, nu) of transition t and row `row`; NULL without controls.
static const tz_real *controls_at(const tz_learned *self, const tz_real *u, int t, int B, int row) {
    const size_t nu = (size_t)self->model.nu;
    return nu > 0 ? u + ((size_t)t * (size_t)B + (size_t)row) * nu : NULL;
}

// One tile: rows [row, row + B) of a batch of batch_B rows.
static void rollout_tile(const tz_learned *self, tz_model_workspace *ws, tz_real *z,
                         const tz_real *z0, const tz_real *u, int T, int batch_B, int row, int B) {
    const size_t nz = (size_t)tz_model_nz(&self->model);
    const size_t n = (size_t)B * nz;
    memcpy(z + (size_t)row * nz, z0 + (size_t)row * nz, n * sizeof *z);
    encode(self, ws, z0 + (size_t)row * nz, B);
    if (self->kind->start_is_decoded) {
        decode(self, ws, z + (size_t)row * nz, 0, B); // leaves the tape of encode as it is
    }
    if (keeps_points(ws, self)) {
        memcpy(ws->points, ws->w, n * sizeof *ws->w);
        ws->has_point_bar = false;
    }
    for (int t = 0; t < T; t++) {
        const tz_real *u_t = controls_at(self, u, t, batch_B, row); // (B, nu)
        for (int s = 0; s < self->substeps; s++) {
            if (self->integrator == TZ_INTEGRATOR_LEAPFROG) {
                leap(self, ws, u_t, B);
            } else {
                step(self, ws, u_t, t, s, B);
            }
        }
        if (keeps_points(ws, self)) {
            memcpy(ws->points + (size_t)(t + 1) * n, ws->w, n * sizeof *ws->w);
        }
        decode(self, ws, z + ((size_t)(t + 1) * (size_t)batch_B + (size_t)row) * nz, t + 1, B);
    }
}

void tz_learned_rollout(const tz_model *model, tz_model_workspace *workspace, tz_real *z,
                        const tz_real *z0, const tz_real *u, int T, int B) {
    const tz_learned *self = (const tz_learned *)model;
    TZ_ASSERT(workspace->integrator == self->integrator);
    TZ_ASSERT(workspace->max_T == 0 || (B <= workspace->max_B && T <= workspace->max_T &&
                                        self->substeps == workspace->substeps));
    const unsigned mode = tz_denormals_off();
    for (int row = 0; row < B; row += workspace->max_B) {
        const int rows = B - row < workspace->max_B ? B - row : workspace->max_B;
        rollout_tile(self, workspace, z, z0, u, T, B, row, rows);
    }
    tz_denormals_restore(mode);
}

// ---- backward

// Step s of transition t: w_bar (B, nz) and grad.
static void step_vjp(const tz_learned *self, tz_model_workspace *ws, tz_real *grad, int t, int s,
                     int B) {
    const rule *r = &rules[self->integrator];
    const size_t n = (size_t)B * (size_t)tz_model_nz(&self->model);
    const double h = (double)self->substep_s;
    for (int i = r->n_stages - 1; i >= 0; i--) {
        for (size_t k = 0; k < n; k++) {
            ws->lambda[k] = (tz_real)(h * r->b[i]) * ws->w_bar[k];
        }
        for (int j = i + 1; j < r->n_stages; j++) {
            add_scaled(ws->lambda, h * r->a[j][i], ws->stage[j], n);
        }
        tz_real *y_bar = ws->w_bar; // the first stage's argument is w itself
        if (i > 0) {
            y_bar = ws->stage[i];
            memset(y_bar, 0, n * sizeof *y_bar);
        } else {
            for (int j = 1; j < r->n_stages; j++) {
                add_scaled(ws->w_bar, 1.0, ws->stage[j], n);
            }
        }
        self->kind->backward(self, y_bar, NULL, grad, tape_at(ws, self, t, s, i), ws->scratch,
                             ws->lambda, B);
    }
}

void tz_learned_rollout_vjp(const tz_model *model, tz_model_workspace *workspace, tz_real *grad,
                            const tz_real *z_bar, const tz_real *u, int T, int B) {
    (void)u; // the tapes hold what is needed of the controls
    const tz_learned *self = (const tz_learned *)model;
    const tz_learned_kind *kind = self->kind;
    tz_model_workspace *ws = workspace;
    TZ_ASSERT(B <= ws->max_B && T <= ws->max_T);
    const unsigned mode = tz_denormals_off();
    const size_t n = (size_t)B * (size_t)tz_model_nz(model);
    memset(ws->w_bar, 0, n * sizeof *ws->w_bar);
    for (int t = T - 1; t >= 0; t--) {
        // the loss sees the state after transition t
        const tz_real *z_bar_t = z_bar + (size_t)(t + 1) * n; // (B, nz)
        if (kind->decode_vjp != NULL) {
            kind->decode_vjp(self, ws->w_bar, grad, map_tape_at(ws, t + 1), ws->scratch, z_bar_t,
                             B);
        } else {
            for (size_t i = 0; i < n; i++) {
                ws->w_bar[i] += z_bar_t[i];
            }
        }
        if (ws->has_point_bar) {
            add_scaled(ws->w_bar, 1.0, ws->point_bar + (size_t)(t + 1) * n, n);
        }
        for (int s = self->substeps - 1; s >= 0; s--) {
            step_vjp(self, ws, grad, t, s, B);
        }
    }
    if (ws->has_point_bar) {
        add_scaled(ws->w_bar, 1.0, ws->point_bar, n);
        ws->has_point_bar = false;
    }
    if (kind->start_is_decoded) {
        kind->decode_vjp(self, ws->w_bar, grad, map_tape_at(ws, 0), ws->scratch, z_bar, B);
    }
    if (kind->encode_vjp != NULL) {
        kind->encode_vjp(self, grad, map_tape_at(ws, 0), ws->scratch, ws->w_bar, B);
    }
    tz_denormals_restore(mode);
}

// ---- energy

void tz_learned_energy(const tz_model *model, tz_model_workspace *workspace, tz_real *E,
                       const tz_real *z, int B) {
    const tz_learned *self = (const tz_learned *)model;
    const size_t nz = (size_t)tz_model_nz(model);
    const unsigned mode = tz_denormals_off();
    for (int row = 0; row < B; row += workspace->max_B) {
        const int rows = B - row < workspace->max_B ? B - row : workspace->max_B;
        encode(self, workspace, z + (size_t)row * nz, rows);
        self->kind->energy(self, E + row, workspace->tapes, workspace->scratch, workspace->w, rows);
    }
    tz_denormals_restore(mode);
}

// ---- regulariser

double tz_learned_symplectic(const tz_model *model, tz_model_workspace *workspace, tz_real *grad,
                             double weight, const tz_real *u, int T, int B) {
    const tz_learned *self = (const tz_learned *)model;
    tz_model_workspace *ws = workspace;
    TZ_ASSERT(keeps_points(ws, self) && B <= ws->max_B && T <= ws->max_T);
    const unsigned mode = tz_denormals_off();
    const size_t n = (size_t)B * (size_t)tz_model_nz(model);
    double sum = 0.0;
    for (int t = 0; t <= T; t++) {
        tz_real *w_bar = grad != NULL ? ws->point_bar + (size_t)t * n : NULL; // (B, nz)
        if (w_bar != NULL) {
            memset(w_bar, 0, n * sizeof *w_bar);
        }
        sum += self->kind->symplectic(self, w_bar, grad, ws->symplectic_scratch, weight,
                                      ws->points + (size_t)t * n,
                                      controls_at(self, u, t < T ? t : T - 1, B, 0), B);
    }
    ws->has_point_bar = grad != NULL;
    tz_denormals_restore(mode);
    return sum;
}

// ---- variance

void tz_learned_variance(const tz_model *model, tz_model_workspace *workspace, tz_real *V,
                         const tz_real *z, const tz_real *u, int T, int B) {
    const tz_learned *self = (const tz_learned *)model;
    const size_t nz = (size_t)tz_model_nz(model), n = (size_t)B * nz;
    const unsigned mode = tz_denormals_off();
    memset(V, 0, n * sizeof *V);
    for (int row = 0; row < B; row += workspace->max_B) {
        const int rows = B - row < workspace->max_B ? B - row : workspace->max_B;
        for (int t = 0; t < T; t++) {
            const size_t at = (size_t)t * n + (size_t)row * nz;
            tz_variance_add(self, V + at + n, V + at, workspace->scratch, z + at,
                            controls_at(self, u, t, B, row), rows);
        }
    }
    tz_denormals_restore(mode);
}

// The variance after t transitions counts in all later ones, so its adjoint is the sum of theirs.
void tz_learned_variance_vjp(const tz_model *model, tz_model_workspace *workspace, tz_real *grad,
                             const tz_real *V_bar, const tz_real *z, const tz_real *u, int T,
                             int B) {
    const tz_learned *self = (const tz_learned *)model;
    const size_t n = (size_t)B * (size_t)tz_model_nz(model);
    TZ_ASSERT(B <= workspace->max_B);
    const unsigned mode = tz_denormals_off();
    memset(workspace->w_bar, 0, n * sizeof *workspace->w_bar);
    for (int t = T - 1; t >= 0; t--) {
        add_scaled(workspace->w_bar, 1.0, V_bar + (size_t)(t + 1) * n, n);
        tz_variance_add_vjp(self, grad, workspace->scratch, workspace->w_bar, z + (size_t)t * n,
                            controls_at(self, u, t, B, 0), B);
    }
    tz_denormals_restore(mode);
}

// ---- the field alone

void tz_learned_field(const tz_model *model, tz_model_workspace *workspace, tz_real *dw,
                      const tz_real *w, const tz_real *u, int B) {
    const tz_learned *self = (const tz_learned *)model;
    const size_t nz = (size_t)tz_model_nz(model);
    for (int row = 0; row < B; row += workspace->max_B) {
        const int rows = B - row < workspace->max_B ? B - row : workspace->max_B;
        self->kind->forward(self, dw + (size_t)row * nz, workspace->tapes, workspace->scratch,
                            w + (size_t)row * nz, controls_at(self, u, 0, B, row), rows);
    }
}

void tz_learned_field_vjp(const tz_model *model, tz_model_workspace *workspace, tz_real *w_bar,
                          tz_real *u_bar, tz_real *grad, const tz_real *w, const tz_real *u,
                          const tz_real *lambda, int B) {
    const tz_learned *self = (const tz_learned *)model;
    const tz_learned_kind *kind = self->kind;
    tz_model_workspace *ws = workspace;
    const size_t nz = (size_t)tz_model_nz(model), nu = (size_t)model->nu;
    if (u_bar != NULL) {
        memset(u_bar, 0, (size_t)B * nu * sizeof *u_bar);
    }
    for (int row = 0; row < B; row += ws->max_B) {
        const int rows = B - row < ws->max_B ? B - row : ws->max_B;
        const size_t n = (size_t)rows * nz;
        kind->forward(self, ws->stage[0], ws->tapes, ws->scratch, w + (size_t)row * nz,
                      controls_at(self, u, 0, B, row), rows);
        memset(ws->w_bar, 0, n * sizeof *ws->w_bar);
        kind->backward(self, ws->w_bar, u_bar != NULL ? u_bar + (size_t)row * nu : NULL, grad,
                       ws->tapes, ws->scratch, lambda + (size_t)row * nz, rows);
        if (w_bar != NULL) {
            memcpy(w_bar + (size_t)row * nz, ws->w_bar, n * sizeof *w_bar);
        }
    }
}
