// What the kinds share that move scaled positions and momenta, w = (Q, P), with a learned inverse
// mass matrix (mass.h):
//
//     q = mean_q + s_q Q,   v = s_q Minv(Q) P
//
// the maps between z and w, the networks' inputs from w, and the scales (docs/models.md). Not
// normalised, mean_q = 0 and s_q = 1. Letters: n = nq = nv.
#ifndef TRAPEZE_MODELS_CANONICAL_H
#define TRAPEZE_MODELS_CANONICAL_H

#include "models/learned.h"
#include "models/mass.h"

typedef struct tz_canonical {
    tz_learned learned; // must be first
    const tz_mlp *mass; // the network of Minv
    double eps_start;   // eps of Minv where the first momenta are solved
    double m0;          // Minv of fresh weights is m0 E; 1 when not normalised
    tz_real *s_q;       // dq/dQ, owned, holds all below                  (n)
    tz_real *r;         // dxi/dQ of a plain position                     (n)
    tz_real *s_f, *o_f; // scale and offset of a network of forces on P   (n)
} tz_canonical;

// For setup, after the networks were added: number of the mass network. teardown frees it.
tz_status tz_canonical_setup(tz_learned *self, int mass, double eps_start, tz_error *error);
void tz_canonical_teardown(tz_learned *self);
// For setup, before them: TZ_ERR_UNSUPPORTED when the task has no positions to see or too many.
tz_status tz_canonical_check(const tz_learned *self, tz_error *error);

// ---- inputs from w (B, nz)

// xi (B, ld) <- the inputs xi_q from Q.
void tz_canonical_read_positions(const tz_canonical *self, tz_real *xi, int ld, const tz_real *w,
                                 int B);
// x (B, nz), at the positions' columns, += sign (dxi_q/dQ)^T g for g (B, ld) at xi (B, ld).
void tz_canonical_pull_back(const tz_canonical *self, tz_real *x, tz_real sign, const tz_real *g,
                            const tz_real *xi, int ld, int B);
// omega (B, ld) <- sign (dxi_q/dQ) x for x (B, nz), read at the positions' columns.
void tz_canonical_push_forward(const tz_canonical *self, tz_real *omega, tz_real sign,
                               const tz_real *x, const tz_real *xi, int ld, int B);
// The second derivative: x (B, nz) += sign d/dQ (y . (dxi_q/dQ)^T g), y (B, nz) and g (B, ld) held.
void tz_canonical_curvature(const tz_canonical *self, tz_real *x, tz_real sign, const tz_real *y,
                            const tz_real *g, const tz_real *xi, int ld, int B);

// xi (B, ld) <- [xi_q, P, xi_u] with xi_q (B, ld_q) read before, and w_bar and u_bar (nullable) +=
// its pull-back of xi_bar.
void tz_canonical_read_inputs(const tz_canonical *self, tz_real *xi, int ld, const tz_real *xi_q,
                              int ld_q, const tz_real *w, const tz_real *u, int B);
void tz_canonical_read_inputs_vjp(const tz_canonical *self, tz_real *w_bar, tz_real *u_bar,
                                  const tz_real *xi_bar, const tz_real *xi, int ld, int B);

// ---- between z and w: the verbs of tz_learned_kind

size_t tz_canonical_map_tape_size(const tz_learned *self, int B);
size_t tz_canonical_map_scratch_size(const tz_learned *self, int B);
void tz_canonical_encode(const tz_learned *self, tz_real *w, tz_real *tape, tz_real *scratch,
                         const tz_real *z, int B);
void tz_canonical_decode(const tz_learned *self, tz_real *z, tz_real *tape, tz_real *scratch,
                         const tz_real *w, int B);
void tz_canonical_encode_vjp(const tz_learned *self, tz_real *grad, tz_real *tape, tz_real *scratch,
                             const tz_real *w_bar, int B);
void tz_canonical_decode_vjp(const tz_learned *self, tz_real *w_bar, tz_real *grad, tz_real *tape,
                             tz_real *scratch, const tz_real *z_bar, int B);

#endif
