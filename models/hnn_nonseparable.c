// A Hamiltonian network of general form (spec: docs/models.md): the energy is one network of
// positions and momenta. The state of the integrator is w = (Q, P), see canonical.h, and
//
//     H(Q, P) = s_H E(xi_q, P),   dQ/dt = dH/dP,   dP/dt = -dH/dQ (+ s_f g(xi_q, P, xi_u) + o_f)
//
// with E, g the networks "energy" and "force"; forces only where the task has controls. The network
// "mass" has no part in the motion: it turns velocities into momenta at the start and back. With
// e = dE/dxi, split in e_q and e_P, the field is dQ/dt = s_H e_P, dP/dt = -s_H (dxi_q/dQ)^T e_q.
// Letters: n = nq = nv.
#include "models/canonical.h"
#include "models/mlp_gradient.h"

#include <string.h>

enum { ENERGY, MASS, FORCE };

static tz_status setup(tz_learned *self, tz_error *error) {
    const int n = self->model.nq;
    TZ_CHECK(tz_canonical_check(self, error));
    TZ_CHECK(
        tz_learned_add_network(self, "energy", TZ_NETWORK_GRADIENT, self->n_in_q + n, 1, error));
    TZ_CHECK(tz_learned_add_network(self, "mass", TZ_NETWORK_MASS_MAP, self->n_in_q, n * n, error));
    if (self->model.nu > 0) {
        TZ_CHECK(tz_learned_add_network(self, "force", TZ_NETWORK_OUTPUT, self->n_in, n, error));
    }
    return tz_canonical_setup(self, MASS, (double)TZ_MASS_EPS, error);
}

typedef struct field_tape {
    tz_mlp_tape energy, force;
    tz_mlp_delta delta;
    tz_real *c;  // weight of the energy network's output: s_H           (B, ld_out)
    tz_real *gx; // s_H dE/dxi                                           (B, ld_in)
} field_tape;

static size_t tape_size(const tz_learned *self, int B) {
    const tz_mlp *energy = &self->network[ENERGY];
    const size_t force = self->n_networks > FORCE ? tz_mlp_tape_size(&self->network[FORCE], B) : 0;
    return tz_mlp_tape_size(energy, B) + force + tz_mlp_delta_size(energy, B) +
           (size_t)B * (size_t)(energy->ld_out + energy->ld_in);
}

static field_tape take_tape(const tz_learned *self, tz_real *cursor, int B) {
    const tz_mlp *energy = &self->network[ENERGY];
    field_tape tape = {0};
    tape.energy = tz_mlp_tape_take(energy, &cursor, B);
    if (self->n_networks > FORCE) {
        tape.force = tz_mlp_tape_take(&self->network[FORCE], &cursor, B);
    }
    tape.delta = tz_mlp_delta_take(energy, &cursor, B);
    tape.c = tz_take(&cursor, (size_t)B * (size_t)energy->ld_out);
    tape.gx = tz_take(&cursor, (size_t)B * (size_t)energy->ld_in);
    return tape;
}

typedef struct scratch_parts {
    tz_real *omega, *xi_bar; // adjoints of gx and xi                (B, ld_in)
    tz_real *out_force;      // forces or their adjoint              (B, ld_out)
    tz_real *xi_force_bar;   //                                      (B, ld_in)
    tz_mlp_tangent tangent;
    tz_real *network; // of a network's backward
} scratch_parts;

static size_t scratch_size(const tz_learned *self, int B) {
    const tz_mlp *energy = &self->network[ENERGY], *force = &self->network[FORCE];
    const size_t row = (size_t)(2 * energy->ld_in + force->ld_out + force->ld_in);
    const size_t field =
        (size_t)B * row + tz_mlp_tangent_size(energy, B) + tz_mlp_scratch_size(energy, B);
    const size_t map = tz_canonical_map_scratch_size(self, B);
    return field > map ? field : map;
}

static scratch_parts take_scratch(const tz_learned *self, tz_real *cursor, int B) {
    const tz_mlp *energy = &self->network[ENERGY], *force = &self->network[FORCE];
    const size_t rows = (size_t)B;
    scratch_parts parts;
    parts.omega = tz_take(&cursor, rows * (size_t)energy->ld_in);
    parts.xi_bar = tz_take(&cursor, rows * (size_t)energy->ld_in);
    parts.out_force = tz_take(&cursor, rows * (size_t)force->ld_out);
    parts.xi_force_bar = tz_take(&cursor, rows * (size_t)force->ld_in);
    parts.tangent = tz_mlp_tangent_take(energy, &cursor, B);
    parts.network = cursor;
    return parts;
}

// xi (B, ld) <- [xi_q, P].
static void read_state(const tz_canonical *canonical, tz_real *xi, int ld, const tz_real *w,
                       int B) {
    const int n = canonical->learned.model.nq, n_q = canonical->learned.n_in_q;
    tz_canonical_read_positions(canonical, xi, ld, w, B);
    for (int row = 0; row < B; row++) {
        memcpy(xi + row * ld + n_q, w + row * 2 * n + n, (size_t)n * sizeof *xi);
    }
}

static void forward(const tz_learned *self, tz_real *dw, tz_real *tape_block, tz_real *scratch,
                    const tz_real *w, const tz_real *u, int B) {
    const tz_canonical *canonical = (const tz_canonical *)self;
    const tz_mlp *energy = &self->network[ENERGY], *force = &self->network[FORCE];
    const int n = self->model.nq, nz = 2 * n, n_q = self->n_in_q;
    const field_tape tape = take_tape(self, tape_block, B);
    const scratch_parts parts = take_scratch(self, scratch, B);

    read_state(canonical, tape.energy.xi, energy->ld_in, w, B);
    tz_mlp_forward(energy, NULL, &tape.energy, B);
    for (int row = 0; row < B; row++) {
        tape.c[row * energy->ld_out] = (tz_real)(1.0 / canonical->m0);
    }
    tz_mlp_gradient(energy, tape.gx, &tape.delta, &tape.energy, tape.c, 1, B);
    for (int row = 0; row < B; row++) {
        memcpy(dw + row * nz, tape.gx + row * energy->ld_in + n_q, (size_t)n * sizeof *dw);
        memset(dw + row * nz + n, 0, (size_t)n * sizeof *dw);
    }
    tz_canonical_pull_back(canonical, dw + n, -1.0f, tape.gx, tape.energy.xi, energy->ld_in, B);

    if (self->n_networks > FORCE) {
        tz_canonical_read_inputs(canonical, tape.force.xi, force->ld_in, tape.energy.xi,
                                 energy->ld_in, w, u, B);
        tz_mlp_forward(force, parts.out_force, &tape.force, B);
        for (int row = 0; row < B; row++) {
            for (int i = 0; i < n; i++) {
                dw[row * nz + n + i] +=
                    canonical->s_f[i] * parts.out_force[row * force->ld_out + i] +
                    canonical->o_f[i];
            }
        }
    }
}

static void backward(const tz_learned *self, tz_real *w_bar, tz_real *u_bar, tz_real *grad,
                     tz_real *tape_block, tz_real *scratch, const tz_real *lambda, int B) {
    const tz_canonical *canonical = (const tz_canonical *)self;
    const tz_mlp *energy = &self->network[ENERGY], *force = &self->network[FORCE];
    const int n = self->model.nq, nz = 2 * n, n_q = self->n_in_q, ld = energy->ld_in;
    const field_tape tape = take_tape(self, tape_block, B);
    const scratch_parts parts = take_scratch(self, scratch, B);

    // omega, the adjoint of gx: lambda_Q on its momenta, -(dxi/dQ) lambda_P on its positions
    tz_canonical_push_forward(canonical, parts.omega, -1.0f, lambda + n, tape.energy.xi, ld, B);
    for (int row = 0; row < B; row++) {
        memcpy(parts.omega + row * ld + n_q, lambda + row * nz, (size_t)n * sizeof *lambda);
    }
    tz_canonical_curvature(canonical, w_bar, -1.0f, lambda + n, tape.gx, tape.energy.xi, ld, B);
    tz_mlp_gradient_tangent(energy, NULL, &parts.tangent, &tape.energy, parts.omega, 1, B);
    tz_mlp_gradient_backward(energy, parts.xi_bar, grad, &tape.energy, &tape.delta, &parts.tangent,
                             parts.network, tape.c, parts.omega, NULL, 1, B);
    tz_canonical_pull_back(canonical, w_bar, 1.0f, parts.xi_bar, tape.energy.xi, ld, B);
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n; i++) {
            w_bar[row * nz + n + i] += parts.xi_bar[row * ld + n_q + i];
        }
    }

    if (self->n_networks > FORCE) {
        for (int row = 0; row < B; row++) {
            for (int i = 0; i < n; i++) {
                parts.out_force[row * force->ld_out + i] =
                    canonical->s_f[i] * lambda[row * nz + n + i];
            }
        }
        tz_mlp_backward(force, parts.xi_force_bar, tz_learned_n_inputs_bar(self, u_bar), grad,
                        &tape.force, parts.network, parts.out_force, B);
        tz_canonical_read_inputs_vjp(canonical, w_bar, u_bar, parts.xi_force_bar, tape.force.xi,
                                     force->ld_in, B);
    }
}

static void energy(const tz_learned *self, tz_real *E, tz_real *tape_block, tz_real *scratch,
                   const tz_real *w, int B) {
    const tz_canonical *canonical = (const tz_canonical *)self;
    const tz_mlp *network = &self->network[ENERGY];
    const field_tape tape = take_tape(self, tape_block, B);
    tz_real *out = take_scratch(self, scratch, B).xi_bar; // (B, ld_out), ld_out <= ld_in
    read_state(canonical, tape.energy.xi, network->ld_in, w, B);
    tz_mlp_forward(network, out, &tape.energy, B);
    for (int row = 0; row < B; row++) {
        E[row] = (tz_real)(1.0 / canonical->m0) * out[row * network->ld_out];
    }
}

const tz_learned_kind tz_kind_hnn_nonseparable = {
    .ops = TZ_LEARNED_OPS("hnn-nonseparable", .energy = tz_learned_energy),
    .energy = energy,
    .size = sizeof(tz_canonical),
    .setup = setup,
    .teardown = tz_canonical_teardown,
    .tape_size = tape_size,
    .scratch_size = scratch_size,
    .forward = forward,
    .backward = backward,
    .map_tape_size = tz_canonical_map_tape_size,
    .encode = tz_canonical_encode,
    .decode = tz_canonical_decode,
    .encode_vjp = tz_canonical_encode_vjp,
    .decode_vjp = tz_canonical_decode_vjp,
};
