// Rollouts of the learned kinds by explicit Euler with the control held over a transition,
//
//     w <- w + h f(w, u_t),   h = dt / substeps, `substeps` times a transition,
//
// and their backward. A tile of rows walks the whole rollout, forward then backward, in one
// thread's cache: a training workspace keeps the activations of every substep (the tapes), any
// other only those of the last one, and there tall batches are cut into tiles here.
//
// Backward, from the adjoint w_bar of the state after a substep to the one before it:
//     w_bar <- w_bar + h (df/dw)^T w_bar,   grad += h (df/dtheta)^T w_bar
#include "base/assert.h"
#include "base/blas.h"
#include "base/denormals.h"
#include "base/memory.h"
#include "models/learned.h"

#include <string.h>

enum { TILE_ROWS = 64 };

struct tz_model_workspace {
    int max_B; // rows of a tile
    int max_T; // transitions that can be differentiated; 0: none
    size_t tape_size, map_tape_size;
    float *block;     // owned, holds all below
    float *w, *dw;    // state and its derivative                        (max_B, nz)
    float *w_bar;     // adjoint of w                                    (max_B, nz)
    float *lambda;    // h w_bar                                         (max_B, nz)
    float *scratch;   // of the kind
    float *tapes;     // of each substep                                 (slots, tape_size)
    float *map_tapes; // of encode, then of each decode                  (slots, map_tape_size)
};

tz_status tz_learned_workspace_create(tz_model_workspace **workspace, const tz_model *model,
                                      int max_B, int max_T, bool training, tz_error *error) {
    *workspace = NULL;
    TZ_ASSERT(max_B > 0 && max_T > 0);
    tz_blas_init();
    const tz_learned *self = (const tz_learned *)model;
    const tz_learned_kind *kind = self->kind;
    tz_model_workspace *ws = tz_alloc(1, sizeof *ws);
    if (ws == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a workspace");
    }

    // one tape a substep when there will be a backward, else one in all
    ws->max_B = training || max_B < TILE_ROWS ? max_B : TILE_ROWS;
    ws->max_T = training ? max_T : 0;
    const size_t n_tapes = training ? (size_t)max_T * (size_t)self->substeps : 1;
    const size_t n_map_tapes = training ? (size_t)max_T + 1 : 1;
    ws->tape_size = tz_round_line(kind->tape_size(self, ws->max_B));
    ws->map_tape_size =
        kind->map_tape_size != NULL ? tz_round_line(kind->map_tape_size(self, ws->max_B)) : 0;

    const size_t state = tz_round_line((size_t)ws->max_B * (size_t)tz_model_nz(model));
    const size_t scratch = tz_round_line(kind->scratch_size(self, ws->max_B));
    const size_t size =
        4 * state + scratch + n_tapes * ws->tape_size + n_map_tapes * ws->map_tape_size;
    float *cursor = ws->block = tz_alloc(size, sizeof(float));
    if (ws->block == NULL) {
        tz_free(ws);
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a workspace of %zu values", size);
    }
    ws->w = tz_take(&cursor, state);
    ws->dw = tz_take(&cursor, state);
    ws->w_bar = tz_take(&cursor, state);
    ws->lambda = tz_take(&cursor, state);
    ws->scratch = tz_take(&cursor, scratch);
    ws->tapes = tz_take(&cursor, n_tapes * ws->tape_size);
    ws->map_tapes = tz_take(&cursor, n_map_tapes * ws->map_tape_size);
    *workspace = ws;
    return TZ_OK;
}

void tz_learned_workspace_destroy(tz_model_workspace *workspace) {
    if (workspace != NULL) {
        tz_free(workspace->block);
        tz_free(workspace);
    }
}

// Tape of substep s of transition t, and of the map after t transitions.
static float *tape_at(const tz_model_workspace *ws, const tz_learned *self, int t, int s) {
    return ws->tapes + (ws->max_T > 0 ? (size_t)(t * self->substeps + s) * ws->tape_size : 0);
}

static float *map_tape_at(const tz_model_workspace *ws, int t) {
    return ws->map_tapes + (ws->max_T > 0 ? (size_t)t * ws->map_tape_size : 0);
}

// ---- forward

static void encode(const tz_learned *self, tz_model_workspace *ws, const float *z, int B) {
    if (self->kind->encode != NULL) {
        self->kind->encode(self, ws->w, map_tape_at(ws, 0), ws->scratch, z, B);
    } else {
        memcpy(ws->w, z, (size_t)B * (size_t)tz_model_nz(&self->model) * sizeof *z);
    }
}

static void decode(const tz_learned *self, tz_model_workspace *ws, float *z, int t, int B) {
    if (self->kind->decode != NULL) {
        self->kind->decode(self, z, map_tape_at(ws, t), ws->scratch, ws->w, B);
    } else {
        memcpy(z, ws->w, (size_t)B * (size_t)tz_model_nz(&self->model) * sizeof *z);
    }
}

// One tile: rows [row, row + B) of a batch of batch_B rows.
static void rollout_tile(const tz_learned *self, tz_model_workspace *ws, float *z, const float *z0,
                         const float *u, int T, int batch_B, int row, int B) {
    const size_t nz = (size_t)tz_model_nz(&self->model), nu = (size_t)self->model.nu;
    const size_t n = (size_t)B * nz;
    memcpy(z + (size_t)row * nz, z0 + (size_t)row * nz, n * sizeof *z);
    encode(self, ws, z0 + (size_t)row * nz, B);
    for (int t = 0; t < T; t++) {
        const float *u_t = u + ((size_t)t * (size_t)batch_B + (size_t)row) * nu; // (B, nu)
        for (int s = 0; s < self->substeps; s++) {
            self->kind->forward(self, ws->dw, tape_at(ws, self, t, s), ws->scratch, ws->w, u_t, B);
            for (size_t i = 0; i < n; i++) {
                ws->w[i] += self->substep_s * ws->dw[i];
            }
        }
        decode(self, ws, z + ((size_t)(t + 1) * (size_t)batch_B + (size_t)row) * nz, t + 1, B);
    }
}

void tz_learned_rollout(const tz_model *model, tz_model_workspace *workspace, float *z,
                        const float *z0, const float *u, int T, int B) {
    const tz_learned *self = (const tz_learned *)model;
    TZ_ASSERT(workspace->max_T == 0 || (B <= workspace->max_B && T <= workspace->max_T));
    const unsigned mode = tz_denormals_off();
    for (int row = 0; row < B; row += workspace->max_B) {
        const int rows = B - row < workspace->max_B ? B - row : workspace->max_B;
        rollout_tile(self, workspace, z, z0, u, T, B, row, rows);
    }
    tz_denormals_restore(mode);
}

// ---- backward

void tz_learned_rollout_vjp(const tz_model *model, tz_model_workspace *workspace, float *grad,
                            const float *z_bar, const float *u, int T, int B) {
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
        const float *z_bar_t = z_bar + (size_t)(t + 1) * n; // (B, nz)
        if (kind->decode_vjp != NULL) {
            kind->decode_vjp(self, ws->w_bar, grad, map_tape_at(ws, t + 1), ws->scratch, z_bar_t,
                             B);
        } else {
            for (size_t i = 0; i < n; i++) {
                ws->w_bar[i] += z_bar_t[i];
            }
        }
        for (int s = self->substeps - 1; s >= 0; s--) {
            for (size_t i = 0; i < n; i++) {
                ws->lambda[i] = self->substep_s * ws->w_bar[i];
            }
            kind->backward(self, ws->w_bar, NULL, grad, tape_at(ws, self, t, s), ws->scratch,
                           ws->lambda, B);
        }
    }
    if (kind->encode_vjp != NULL) {
        kind->encode_vjp(self, grad, map_tape_at(ws, 0), ws->scratch, ws->w_bar, B);
    }
    tz_denormals_restore(mode);
}

// ---- the field alone

void tz_learned_field(const tz_model *model, tz_model_workspace *workspace, float *dw,
                      const float *w, const float *u, int B) {
    const tz_learned *self = (const tz_learned *)model;
    const size_t nz = (size_t)tz_model_nz(model), nu = (size_t)model->nu;
    for (int row = 0; row < B; row += workspace->max_B) {
        const int rows = B - row < workspace->max_B ? B - row : workspace->max_B;
        self->kind->forward(self, dw + (size_t)row * nz, workspace->tapes, workspace->scratch,
                            w + (size_t)row * nz, u + (size_t)row * nu, rows);
    }
}

void tz_learned_field_vjp(const tz_model *model, tz_model_workspace *workspace, float *w_bar,
                          float *u_bar, float *grad, const float *w, const float *u,
                          const float *lambda, int B) {
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
        kind->forward(self, ws->dw, ws->tapes, ws->scratch, w + (size_t)row * nz,
                      u + (size_t)row * nu, rows);
        memset(ws->w_bar, 0, n * sizeof *ws->w_bar);
        kind->backward(self, ws->w_bar, u_bar != NULL ? u_bar + (size_t)row * nu : NULL, grad,
                       ws->tapes, ws->scratch, lambda + (size_t)row * nz, rows);
        if (w_bar != NULL) {
            memcpy(w_bar + (size_t)row * nz, ws->w_bar, n * sizeof *w_bar);
        }
    }
}
