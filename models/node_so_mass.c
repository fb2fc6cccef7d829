// NODE+SO with a learned mass matrix (spec: docs/models.md), the study's form for its synthetic
// systems. The state of the integrator is w = (Q, P), see canonical.h, and
//
//     dQ/dt = Minv(xi_q) P,   dP/dt = s_f g(xi_q, P, xi_u) + o_f
//
// with networks "mass" and "force". The first momenta solve (L L^T + 1e-6 E) P = v / s_q while
// velocities are Minv P with 1e-4, as in the study: the first predicted velocity is v0 only nearly.
// Letters: n = nq = nv.
#include "models/node_so_mass.h"

static const double EPS_START = 1e-6;

static tz_status setup(tz_learned *self, tz_error *error) {
    const int n = self->model.nq;
    TZ_CHECK(tz_canonical_check(self, error));
    TZ_CHECK(tz_learned_add_network(self, "mass", TZ_NETWORK_MASS, self->n_in_q, n * n, error));
    TZ_CHECK(tz_learned_add_network(self, "force", TZ_NETWORK_OUTPUT, self->n_in, n, error));
    return tz_canonical_setup(self, TZ_SO_MASS, EPS_START, error);
}

typedef struct field_tape {
    tz_mlp_tape mass, force;
    tz_mass_tape inverse;
} field_tape;

static size_t tape_size(const tz_learned *self, int B) {
    return tz_mlp_tape_size(&self->network[TZ_SO_MASS], B) +
           tz_mlp_tape_size(&self->network[TZ_SO_FORCE], B) + tz_mass_tape_size(self->model.nq, B);
}

static field_tape take_tape(const tz_learned *self, tz_real *cursor, int B) {
    field_tape tape;
    tape.mass = tz_mlp_tape_take(&self->network[TZ_SO_MASS], &cursor, B);
    tape.force = tz_mlp_tape_take(&self->network[TZ_SO_FORCE], &cursor, B);
    tape.inverse = tz_mass_tape_take(self->model.nq, &cursor, B);
    return tape;
}

typedef struct scratch_parts {
    tz_real *out_mass, *out_force; // outputs or their adjoints            (B, ld_out)
    tz_real *xi_mass_bar;          //                                      (B, ld_in)
    tz_real *xi_force_bar;         //                                      (B, ld_in)
    tz_real *lambda_V;             // adjoint of dQ/dt                     (B, n)
    tz_real *network;              // of a network's backward
} scratch_parts;

static size_t scratch_size(const tz_learned *self, int B) {
    const tz_mlp *mass = &self->network[TZ_SO_MASS], *force = &self->network[TZ_SO_FORCE];
    const size_t row = (size_t)(mass->ld_out + force->ld_out + mass->ld_in + force->ld_in);
    const size_t field = (size_t)B * row + tz_round_line((size_t)(B * self->model.nq)) +
                         tz_mlp_scratch_size(mass, B);
    const size_t map = tz_canonical_map_scratch_size(self, B);
    return field > map ? field : map;
}

static scratch_parts take_scratch(const tz_learned *self, tz_real *cursor, int B) {
    const tz_mlp *mass = &self->network[TZ_SO_MASS], *force = &self->network[TZ_SO_FORCE];
    const size_t rows = (size_t)B;
    scratch_parts parts;
    parts.out_mass = tz_take(&cursor, rows * (size_t)mass->ld_out);
    parts.out_force = tz_take(&cursor, rows * (size_t)force->ld_out);
    parts.xi_mass_bar = tz_take(&cursor, rows * (size_t)mass->ld_in);
    parts.xi_force_bar = tz_take(&cursor, rows * (size_t)force->ld_in);
    parts.lambda_V = tz_take(&cursor, rows * (size_t)self->model.nq);
    parts.network = cursor;
    return parts;
}

static void forward(const tz_learned *self, tz_real *dw, tz_real *tape_block, tz_real *scratch,
                    const tz_real *w, const tz_real *u, int B) {
    const tz_canonical *canonical = (const tz_canonical *)self;
    const tz_mlp *mass = &self->network[TZ_SO_MASS], *force = &self->network[TZ_SO_FORCE];
    const int n = self->model.nq, nz = 2 * n;
    const field_tape tape = take_tape(self, tape_block, B);
    const scratch_parts parts = take_scratch(self, scratch, B);

    // dQ/dt = Minv P
    tz_canonical_read_positions(canonical, tape.mass.xi, mass->ld_in, w, B);
    tz_mlp_forward(mass, parts.out_mass, &tape.mass, B);
    tz_mass_factor(&tape.inverse, parts.out_mass, mass->ld_out, n, B);
    tz_mass_velocity(&tape.inverse, dw, nz, w + n, nz, n, B);

    // dP/dt
    tz_canonical_read_inputs(canonical, tape.force.xi, force->ld_in, tape.mass.xi, mass->ld_in, w,
                             u, B);
    tz_mlp_forward(force, parts.out_force, &tape.force, B);
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n; i++) {
            dw[row * nz + n + i] =
                canonical->s_f[i] * parts.out_force[row * force->ld_out + i] + canonical->o_f[i];
        }
    }
}

static void backward(const tz_learned *self, tz_real *w_bar, tz_real *u_bar, tz_real *grad,
                     tz_real *tape_block, tz_real *scratch, const tz_real *lambda, int B) {
    const tz_canonical *canonical = (const tz_canonical *)self;
    const tz_mlp *mass = &self->network[TZ_SO_MASS], *force = &self->network[TZ_SO_FORCE];
    const int n = self->model.nq, nz = 2 * n;
    const field_tape tape = take_tape(self, tape_block, B);
    const scratch_parts parts = take_scratch(self, scratch, B);
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n; i++) {
            parts.lambda_V[row * n + i] = lambda[row * nz + i];
            parts.out_force[row * force->ld_out + i] = canonical->s_f[i] * lambda[row * nz + n + i];
        }
    }
    tz_mass_vjp(&tape.inverse, parts.out_mass, mass->ld_out, w_bar + n, nz, parts.lambda_V, NULL, n,
                B);
    tz_mlp_backward(mass, parts.xi_mass_bar, mass->n_in, grad, &tape.mass, parts.network,
                    parts.out_mass, B);
    tz_canonical_pull_back(canonical, w_bar, 1.0f, parts.xi_mass_bar, tape.mass.xi, mass->ld_in, B);
    tz_mlp_backward(force, parts.xi_force_bar, tz_learned_n_inputs_bar(self, u_bar), grad,
                    &tape.force, parts.network, parts.out_force, B);
    tz_canonical_read_inputs_vjp(canonical, w_bar, u_bar, parts.xi_force_bar, tape.force.xi,
                                 force->ld_in, B);
}

const tz_learned_kind tz_kind_node_so_mass = {
    .ops = TZ_LEARNED_OPS("node-so-mass", .symplectic = tz_learned_symplectic),
    .size = sizeof(tz_canonical),
    .start_is_decoded = true,
    .setup = setup,
    .teardown = tz_canonical_teardown,
    .tape_size = tape_size,
    .scratch_size = scratch_size,
    .forward = forward,
    .backward = backward,
    .symplectic_scratch_size = tz_node_so_mass_symplectic_scratch_size,
    .symplectic = tz_node_so_mass_symplectic,
    .map_tape_size = tz_canonical_map_tape_size,
    .encode = tz_canonical_encode,
    .decode = tz_canonical_decode,
    .encode_vjp = tz_canonical_encode_vjp,
    .decode_vjp = tz_canonical_decode_vjp,
};
