// The symplectic regulariser of node-so-mass. The field F = (V, f), V = Minv(Q) P, f = s_f g + o_f,
// is Hamiltonian where J DF is symmetric. With the blocks of its Jacobian
//
//     A = dV/dQ,  dV/dP = Minv (symmetric),  C = df/dQ,  D = df/dP,      J DF = [C D; -A -Minv]
//
// the sum over entries of (J DF - (J DF)^T)^2 is
//
//     S = sum_ij (C_ij - C_ji)^2 + 2 sum_ij (D_ij + A_ji)^2
//     dS/dC_ij = 4 (C_ij - C_ji),   dS/dD_ij = dS/dA_ji = 4 (D_ij + A_ji)
//
// Row i of C and D is the gradient of s_f_i g_i in the force network's inputs, row i of A that of
// V_i, the mass network's outputs A_out weighted with c_i = d(e_i . Minv P)/dA_out. Both come from
// tz_mlp_gradient, whose backward is exact; c_i depends on A_out and P in turn (tz_mass_vjp_vjp).
// All rows i are made first, on one tape of activations, then walked back together.
// Letters: n = nq = nv.
#include "models/mlp_gradient.h"
#include "models/node_so_mass.h"

#include <string.h>

// One network with the gradients of its n weighted outputs.
typedef struct rows {
    tz_mlp_tape tape;
    tz_mlp_delta delta; //                                                     (n, B, h)
    tz_real *c;         // weights of the outputs                              (n, B, ld_out)
    tz_real *gx;        // gradients in the inputs                             (n, B, ld_in)
} rows;

typedef struct parts {
    rows mass, force;
    tz_mass_tape inverse;
    tz_real *out_mass, *out_mass_bar; //                                       (B, ld_out)
    tz_real *V, *unit;                // velocities; e_i in every row          (B, n)
    tz_real *A, *C, *D;               // Jacobians, then adjoints; row stride 2n, like w: (n, B, 2n)
    tz_real *c_bar;                   // of the mass network's c               (n, B, ld_out)
    tz_real *omega;                   // of gx, the larger network's           (n, B, ld_in)
    tz_real *xi_bar;                  // of the larger network's inputs        (B, ld_in)
    tz_mlp_tangent tangent;           // of one network at a time              (n, B, h)
    tz_real *network;                 // of a network's backward
} parts;

static size_t rows_size(const tz_mlp *mlp, int n, int B) {
    return tz_mlp_tape_size(mlp, B) + tz_mlp_delta_size(mlp, n * B) +
           (size_t)(n * B) * (size_t)(mlp->ld_out + mlp->ld_in);
}

static rows take_rows(const tz_mlp *mlp, tz_real **cursor, int n, int B) {
    rows r;
    r.tape = tz_mlp_tape_take(mlp, cursor, B);
    r.delta = tz_mlp_delta_take(mlp, cursor, n * B);
    r.c = tz_take(cursor, (size_t)n * (size_t)B * (size_t)mlp->ld_out);
    r.gx = tz_take(cursor, (size_t)n * (size_t)B * (size_t)mlp->ld_in);
    return r;
}

size_t tz_node_so_mass_symplectic_scratch_size(const tz_learned *self, int B) {
    const tz_mlp *mass = &self->network[TZ_SO_MASS], *force = &self->network[TZ_SO_FORCE];
    const int n = self->model.nq;
    const size_t row = (size_t)((2 + n) * mass->ld_out + (n + 1) * force->ld_in);
    const size_t all = (size_t)n * (size_t)B;
    return rows_size(mass, n, B) + rows_size(force, n, B) + tz_mass_tape_size(n, B) +
           (size_t)B * row + 2 * tz_round_line(all) + 3 * tz_round_line(all * (size_t)(2 * n)) +
           tz_mlp_tangent_size(mass, n * B) + tz_mlp_scratch_size(mass, B);
}

static void take_parts(parts *p, const tz_learned *self, tz_real *cursor, int B) {
    const tz_mlp *mass = &self->network[TZ_SO_MASS], *force = &self->network[TZ_SO_FORCE];
    const int n = self->model.nq;
    const size_t n_rows = (size_t)B, all = (size_t)n * n_rows, jacobian = all * (size_t)(2 * n);
    p->mass = take_rows(mass, &cursor, n, B);
    p->force = take_rows(force, &cursor, n, B);
    p->inverse = tz_mass_tape_take(n, &cursor, B);
    p->out_mass = tz_take(&cursor, n_rows * (size_t)mass->ld_out);
    p->out_mass_bar = tz_take(&cursor, n_rows * (size_t)mass->ld_out);
    p->c_bar = tz_take(&cursor, all * (size_t)mass->ld_out);
    p->omega = tz_take(&cursor, all * (size_t)force->ld_in);
    p->xi_bar = tz_take(&cursor, n_rows * (size_t)force->ld_in);
    p->V = tz_take(&cursor, n_rows * (size_t)n);
    p->unit = tz_take(&cursor, n_rows * (size_t)n);
    p->A = tz_take(&cursor, jacobian);
    p->C = tz_take(&cursor, jacobian);
    p->D = tz_take(&cursor, jacobian);
    p->tangent = tz_mlp_tangent_take(mass, &cursor, n * B);
    p->network = cursor;
}

static void set_unit(tz_real *unit, int i, int n, int B) {
    memset(unit, 0, (size_t)(B * n) * sizeof *unit);
    for (int row = 0; row < B; row++) {
        unit[row * n + i] = 1.0f;
    }
}

// Rows i of A, C and D, and what their backward needs.
static void fill_jacobians(const tz_learned *self, parts *p, const tz_real *w, const tz_real *u,
                           int B) {
    const tz_canonical *canonical = (const tz_canonical *)self;
    const tz_mlp *mass = &self->network[TZ_SO_MASS], *force = &self->network[TZ_SO_FORCE];
    const int n = self->model.nq, nz = 2 * n, n_q = self->n_in_q;

    // activations at w
    tz_canonical_read_positions(canonical, p->mass.tape.xi, mass->ld_in, w, B);
    tz_mlp_forward(mass, p->out_mass, &p->mass.tape, B);
    tz_mass_factor(&p->inverse, p->out_mass, mass->ld_out, n, B);
    tz_mass_velocity(&p->inverse, p->V, n, w + n, nz, n, B);
    tz_canonical_read_inputs(canonical, p->force.tape.xi, force->ld_in, p->mass.tape.xi,
                             mass->ld_in, w, u, B);
    tz_mlp_forward(force, NULL, &p->force.tape, B);

    // weights of the outputs: d(e_i . Minv P)/dA_out, and s_f_i e_i
    memset(p->force.c, 0, (size_t)(n * B * force->ld_out) * sizeof *p->force.c);
    for (int i = 0; i < n; i++) {
        set_unit(p->unit, i, n, B);
        tz_mass_vjp(&p->inverse, p->mass.c + i * B * mass->ld_out, mass->ld_out, NULL, 0, p->unit,
                    NULL, n, B);
        for (int row = 0; row < B; row++) {
            p->force.c[(i * B + row) * force->ld_out + i] = canonical->s_f[i];
        }
    }
    tz_mlp_gradient(mass, p->mass.gx, &p->mass.delta, &p->mass.tape, p->mass.c, n, B);
    tz_mlp_gradient(force, p->force.gx, &p->force.delta, &p->force.tape, p->force.c, n, B);

    memset(p->A, 0, (size_t)(n * B * nz) * sizeof *p->A);
    memset(p->C, 0, (size_t)(n * B * nz) * sizeof *p->C);
    for (int i = 0; i < n; i++) {
        const tz_real *gx = p->force.gx + i * B * force->ld_in;
        tz_canonical_pull_back(canonical, p->A + i * B * nz, 1.0f, p->mass.gx + i * B * mass->ld_in,
                               p->mass.tape.xi, mass->ld_in, B);
        tz_canonical_pull_back(canonical, p->C + i * B * nz, 1.0f, gx, p->force.tape.xi,
                               force->ld_in, B);
        for (int row = 0; row < B; row++) {
            memcpy(p->D + (i * B + row) * nz, gx + row * force->ld_in + n_q,
                   (size_t)n * sizeof *gx);
        }
    }
}

// S of all rows; A, C, D are replaced by `weight` times their adjoints.
static double sum_and_adjoints(parts *p, double weight, int n, int B) {
    double sum = 0.0;
    const tz_real factor = (tz_real)(4.0 * weight);
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                const int ij = (i * B + row) * 2 * n + j, ji = (j * B + row) * 2 * n + i;
                const tz_real mixed = p->D[ij] + p->A[ji];
                sum += 2.0 * (double)mixed * (double)mixed;
                p->D[ij] = p->A[ji] = factor * mixed;
                if (j < i) {
                    const tz_real twist = p->C[ij] - p->C[ji];
                    sum += 2.0 * (double)twist * (double)twist;
                    p->C[ij] = factor * twist;
                    p->C[ji] = -factor * twist;
                }
            }
            p->C[(i * B + row) * 2 * n + i] = 0.0f;
        }
    }
    return sum;
}

// The force network: from the adjoints of C and D.
static void force_vjp(const tz_learned *self, parts *p, tz_real *w_bar, tz_real *grad, int B) {
    const tz_canonical *canonical = (const tz_canonical *)self;
    const tz_mlp *force = &self->network[TZ_SO_FORCE];
    const int n = self->model.nq, nz = 2 * n, n_q = self->n_in_q, ld = force->ld_in;
    const tz_real *xi = p->force.tape.xi;
    memset(p->omega, 0, (size_t)(n * B * ld) * sizeof *p->omega);
    for (int i = 0; i < n; i++) {
        const tz_real *C_bar = p->C + i * B * nz, *D_bar = p->D + i * B * nz;
        tz_real *omega = p->omega + i * B * ld;
        tz_canonical_push_forward(canonical, omega, 1.0f, C_bar, xi, ld, B);
        for (int row = 0; row < B; row++) {
            memcpy(omega + row * ld + n_q, D_bar + row * nz, (size_t)n * sizeof *D_bar);
        }
        tz_canonical_curvature(canonical, w_bar, 1.0f, C_bar, p->force.gx + i * B * ld, xi, ld, B);
    }
    tz_mlp_gradient_tangent(force, NULL, &p->tangent, &p->force.tape, p->omega, n, B);
    tz_mlp_gradient_backward(force, p->xi_bar, grad, &p->force.tape, &p->force.delta, &p->tangent,
                             p->network, p->force.c, p->omega, NULL, n, B);
    tz_canonical_read_inputs_vjp(canonical, w_bar, NULL, p->xi_bar, xi, ld, B);
}

// The mass network: from the adjoint of A, directly and through the c_i, which its outputs make.
static void mass_vjp(const tz_learned *self, parts *p, tz_real *w_bar, tz_real *grad, int B) {
    const tz_canonical *canonical = (const tz_canonical *)self;
    const tz_mlp *mass = &self->network[TZ_SO_MASS];
    const int n = self->model.nq, nz = 2 * n, ld = mass->ld_in;
    const tz_real *xi = p->mass.tape.xi;
    for (int i = 0; i < n; i++) {
        const tz_real *A_bar = p->A + i * B * nz;
        tz_canonical_push_forward(canonical, p->omega + i * B * ld, 1.0f, A_bar, xi, ld, B);
        tz_canonical_curvature(canonical, w_bar, 1.0f, A_bar, p->mass.gx + i * B * ld, xi, ld, B);
    }
    tz_mlp_gradient_tangent(mass, p->c_bar, &p->tangent, &p->mass.tape, p->omega, n, B);
    memset(p->out_mass_bar, 0, (size_t)(B * mass->ld_out) * sizeof *p->out_mass_bar);
    for (int i = 0; i < n; i++) {
        set_unit(p->unit, i, n, B);
        tz_mass_vjp_vjp(&p->inverse, p->out_mass_bar, mass->ld_out, w_bar + n, nz, p->unit,
                        p->c_bar + i * B * mass->ld_out, n, B);
    }
    tz_mlp_gradient_backward(mass, p->xi_bar, grad, &p->mass.tape, &p->mass.delta, &p->tangent,
                             p->network, p->mass.c, p->omega, p->out_mass_bar, n, B);
    tz_canonical_pull_back(canonical, w_bar, 1.0f, p->xi_bar, xi, ld, B);
}

double tz_node_so_mass_symplectic(const tz_learned *self, tz_real *w_bar, tz_real *grad,
                                  tz_real *scratch, double weight, const tz_real *w,
                                  const tz_real *u, int B) {
    const int n = self->model.nq;
    parts p;
    take_parts(&p, self, scratch, B);
    fill_jacobians(self, &p, w, u, B);
    const double sum = sum_and_adjoints(&p, weight, n, B);
    if (grad == NULL) {
        return sum;
    }
    force_vjp(self, &p, w_bar, grad, B);
    mass_vjp(self, &p, w_bar, grad, B);
    return sum;
}
