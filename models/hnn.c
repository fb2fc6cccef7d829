// Hamiltonian networks of separable form (spec: docs/models.md), with and without forces. The state
// of the integrator is w = (Q, P), see canonical.h, and
//
//     H(Q, P) = s_V V(xi_q) + 1/2 P^T Minv(xi_q) P,   Minv = L L^T + eps E from the network "mass"
//     dQ/dt = dH/dP = Minv P                               (+ g_q: symoden-both)
//     dP/dt = -dH/dQ (+ s_f g_p + o_f: forces)
//
// with V, g the networks "potential" and "force", and xi_q the inputs from positions.
//
//     hnn           forces only where the task has controls; they see velocities
//     symoden       forces always; they see momenta
//     symoden-both  the study's code for its synthetic systems: the network of forces also adds to
//                   dQ/dt, so velocities need not be those of H
//
// Letters: n = nq = nv.
#include "models/canonical.h"
#include "models/mlp_gradient.h"

#include <string.h>

enum { POTENTIAL, MASS, FORCE };

typedef struct hnn {
    tz_canonical canonical; // must be first
    tz_real s_V;
    bool sees_velocity; // the forces: velocities, else momenta
    int n_force;        // outputs of the force network: 0, n, or 2n (g_q before g_p)
} hnn;

static tz_status set_up(tz_learned *self, int n_force, tz_error *error) {
    hnn *model = (hnn *)self;
    const int n = self->model.nq;
    TZ_CHECK(tz_canonical_check(self, error));
    TZ_CHECK(
        tz_learned_add_network(self, "potential", TZ_NETWORK_GRADIENT, self->n_in_q, 1, error));
    TZ_CHECK(
        tz_learned_add_network(self, "mass", TZ_NETWORK_MASS_GRADIENT, self->n_in_q, n * n, error));
    if (n_force > 0) {
        TZ_CHECK(
            tz_learned_add_network(self, "force", TZ_NETWORK_OUTPUT, self->n_in, n_force, error));
    }
    TZ_CHECK(tz_canonical_setup(self, MASS, (double)TZ_MASS_EPS, error));
    model->s_V = (tz_real)(1.0 / model->canonical.m0);
    model->n_force = n_force;
    return TZ_OK;
}

static tz_status setup_hnn(tz_learned *self, tz_error *error) {
    ((hnn *)self)->sees_velocity = true;
    return set_up(self, self->model.nu > 0 ? self->model.nq : 0, error);
}

static tz_status setup_symoden(tz_learned *self, tz_error *error) {
    return set_up(self, self->model.nq, error);
}

static tz_status setup_symoden_both(tz_learned *self, tz_error *error) {
    return set_up(self, 2 * self->model.nq, error);
}

// ---- tape and scratch

// What one evaluation of the field leaves. The potential and the mass network share their inputs.
typedef struct field_tape {
    tz_mlp_tape potential, mass, force;
    tz_mlp_delta potential_delta, mass_delta;
    tz_mass_tape inverse; // L, P and what belongs to them
    tz_real *c_V, *c_K;   // weights of the networks' outputs in H: s_V, dK/dA    (B, ld_out)
    tz_real *gx;          // dH/dxi_q                                             (B, ld_in)
} field_tape;

static size_t tape_size(const tz_learned *self, int B) {
    const tz_mlp *potential = &self->network[POTENTIAL], *mass = &self->network[MASS];
    const size_t force = self->n_networks > FORCE ? tz_mlp_tape_size(&self->network[FORCE], B) : 0;
    return tz_mlp_tape_size(potential, B) + tz_mlp_tape_size(mass, B) + force +
           tz_mlp_delta_size(potential, B) + tz_mlp_delta_size(mass, B) +
           tz_mass_tape_size(self->model.nq, B) +
           (size_t)B * (size_t)(potential->ld_out + mass->ld_out + mass->ld_in);
}

static field_tape take_tape(const tz_learned *self, tz_real *cursor, int B) {
    const tz_mlp *potential = &self->network[POTENTIAL], *mass = &self->network[MASS];
    field_tape tape = {0};
    tape.potential = tz_mlp_tape_take(potential, &cursor, B);
    tape.mass = tz_mlp_tape_take(mass, &cursor, B);
    tape.mass.xi = tape.potential.xi;
    if (self->n_networks > FORCE) {
        tape.force = tz_mlp_tape_take(&self->network[FORCE], &cursor, B);
    }
    tape.potential_delta = tz_mlp_delta_take(potential, &cursor, B);
    tape.mass_delta = tz_mlp_delta_take(mass, &cursor, B);
    tape.inverse = tz_mass_tape_take(self->model.nq, &cursor, B);
    tape.c_V = tz_take(&cursor, (size_t)B * (size_t)potential->ld_out);
    tape.c_K = tz_take(&cursor, (size_t)B * (size_t)mass->ld_out);
    tape.gx = tz_take(&cursor, (size_t)B * (size_t)mass->ld_in);
    return tape;
}

// Scratch of the field, cut up in the same way by forward and backward.
typedef struct scratch_parts {
    tz_real *out_mass, *out_force;   // outputs or their adjoints            (B, ld_out)
    tz_real *out_mass_bar;           // A_bar                                (B, ld_out)
    tz_real *omega;                  // adjoint of dH/dxi_q                  (B, ld_in)
    tz_real *gx_potential, *gx_mass; // gradients or adjoints at xi_q        (B, ld_in)
    tz_real *xi_force_bar;           // adjoint of the force's inputs        (B, ld_in)
    tz_real *lambda_V;               // adjoint of Minv P                    (B, n)
    tz_mlp_tangent tangent;          // of one network at a time
    tz_real *network;                // of a network's backward
} scratch_parts;

static size_t scratch_size(const tz_learned *self, int B) {
    const tz_mlp *mass = &self->network[MASS], *force = &self->network[FORCE];
    const size_t n = (size_t)self->model.nq;
    const size_t row = 2 * (size_t)mass->ld_out + (size_t)force->ld_out + 3 * (size_t)mass->ld_in +
                       (size_t)force->ld_in;
    const size_t field = (size_t)B * row + tz_round_line((size_t)B * n) +
                         tz_mlp_tangent_size(mass, B) + tz_mlp_scratch_size(mass, B);
    const size_t map = tz_canonical_map_scratch_size(self, B);
    return field > map ? field : map;
}

static scratch_parts take_scratch(const tz_learned *self, tz_real *cursor, int B) {
    const tz_mlp *mass = &self->network[MASS], *force = &self->network[FORCE];
    const size_t rows = (size_t)B, n = (size_t)self->model.nq;
    scratch_parts parts;
    parts.out_mass = tz_take(&cursor, rows * (size_t)mass->ld_out);
    parts.out_mass_bar = tz_take(&cursor, rows * (size_t)mass->ld_out);
    parts.out_force = tz_take(&cursor, rows * (size_t)force->ld_out);
    parts.omega = tz_take(&cursor, rows * (size_t)mass->ld_in);
    parts.gx_potential = tz_take(&cursor, rows * (size_t)mass->ld_in);
    parts.gx_mass = tz_take(&cursor, rows * (size_t)mass->ld_in);
    parts.xi_force_bar = tz_take(&cursor, rows * (size_t)force->ld_in);
    parts.lambda_V = tz_take(&cursor, rows * n);
    parts.tangent = tz_mlp_tangent_take(mass, &cursor, B);
    parts.network = cursor;
    return parts;
}

// ---- forces

// Inputs of the force network with velocities: xi_q, xi_v = (s_q dQ/dt - mean_v) / sigma_v, xi_u.
static void read_velocity_inputs(const hnn *model, tz_real *xi, const tz_real *xi_q, int ld_q,
                                 const tz_real *dw, const tz_real *u, int B) {
    const tz_learned *self = &model->canonical.learned;
    const tz_real *s_q = model->canonical.s_q;
    const int n = self->model.nq, nz = 2 * n, nu = self->model.nu, n_q = self->n_in_q;
    const int ld = self->network[FORCE].ld_in;
    const tz_real *mean_v = self->input_mean + n, *std_v = self->input_std + n;
    const tz_real *mean_u = self->input_mean + nz, *std_u = self->input_std + nz;
    for (int row = 0; row < B; row++, xi += ld) {
        memcpy(xi, xi_q + row * ld_q, (size_t)n_q * sizeof *xi);
        for (int i = 0; i < n; i++) {
            xi[n_q + i] = (s_q[i] * dw[row * nz + i] - mean_v[i]) / std_v[i];
        }
        for (int i = 0; i < nu; i++) {
            xi[n_q + n + i] = (u[row * nu + i] - mean_u[i]) / std_u[i];
        }
    }
}

// Its backward: to w_bar (B, nz), to lambda_V (B, n) what belongs to dQ/dt, and to u_bar (B, nu),
// nullable.
static void read_velocity_inputs_vjp(const hnn *model, tz_real *w_bar, tz_real *lambda_V,
                                     tz_real *u_bar, const tz_real *xi_bar, const tz_real *xi,
                                     int B) {
    const tz_learned *self = &model->canonical.learned;
    const tz_real *s_q = model->canonical.s_q;
    const int n = self->model.nq, nu = self->model.nu, n_q = self->n_in_q;
    const int ld = self->network[FORCE].ld_in;
    const tz_real *std_v = self->input_std + n, *std_u = self->input_std + 2 * n;
    tz_canonical_pull_back(&model->canonical, w_bar, 1.0f, xi_bar, xi, ld, B);
    for (int row = 0; row < B; row++) {
        const tz_real *xi_bar_v = xi_bar + row * ld + n_q; // (n)
        const tz_real *xi_bar_u = xi_bar_v + n;            // (nu)
        for (int i = 0; i < n; i++) {
            lambda_V[row * n + i] += s_q[i] / std_v[i] * xi_bar_v[i];
        }
        for (int i = 0; u_bar != NULL && i < nu; i++) {
            u_bar[row * nu + i] += xi_bar_u[i] / std_u[i];
        }
    }
}

// Adds the forces to dw, whose dQ half holds Minv P.
static void add_forces(const hnn *model, tz_real *dw, const field_tape *tape, tz_real *out,
                       const tz_real *w, const tz_real *u, int B) {
    const tz_learned *self = &model->canonical.learned;
    const tz_mlp *force = &self->network[FORCE];
    const tz_real *s_f = model->canonical.s_f, *o_f = model->canonical.o_f;
    const int n = self->model.nq, nz = 2 * n, n_q = model->n_force - n; // g_q: 0 or n
    if (model->sees_velocity) {
        read_velocity_inputs(model, tape->force.xi, tape->mass.xi, self->network[MASS].ld_in, dw, u,
                             B);
    } else {
        tz_canonical_read_inputs(&model->canonical, tape->force.xi, force->ld_in, tape->mass.xi,
                                 self->network[MASS].ld_in, w, u, B);
    }
    tz_mlp_forward(force, out, &tape->force, B);
    for (int row = 0; row < B; row++) {
        const tz_real *g = out + row * force->ld_out; // (n_force)
        for (int i = 0; i < n_q; i++) {
            dw[row * nz + i] += g[i];
        }
        for (int i = 0; i < n; i++) {
            dw[row * nz + n + i] += s_f[i] * g[n_q + i] + o_f[i];
        }
    }
}

// Backward of the forces, for lambda (B, nz).
static void add_forces_vjp(const hnn *model, tz_real *w_bar, tz_real *u_bar, tz_real *grad,
                           const field_tape *tape, const scratch_parts *parts,
                           const tz_real *lambda, int B) {
    const tz_learned *self = &model->canonical.learned;
    const tz_mlp *force = &self->network[FORCE];
    const tz_real *s_f = model->canonical.s_f;
    const int n = self->model.nq, nz = 2 * n, n_q = model->n_force - n;
    for (int row = 0; row < B; row++) {
        tz_real *g_bar = parts->out_force + row * force->ld_out; // (n_force)
        for (int i = 0; i < n_q; i++) {
            g_bar[i] = lambda[row * nz + i];
        }
        for (int i = 0; i < n; i++) {
            g_bar[n_q + i] = s_f[i] * lambda[row * nz + n + i];
        }
    }
    tz_mlp_backward(force, parts->xi_force_bar,
                    tz_learned_n_inputs_bar(&model->canonical.learned, u_bar), grad, &tape->force,
                    parts->network, parts->out_force, B);
    if (model->sees_velocity) {
        read_velocity_inputs_vjp(model, w_bar, parts->lambda_V, u_bar, parts->xi_force_bar,
                                 tape->force.xi, B);
    } else {
        tz_canonical_read_inputs_vjp(&model->canonical, w_bar, u_bar, parts->xi_force_bar,
                                     tape->force.xi, force->ld_in, B);
    }
}

// ---- field

static void forward(const tz_learned *self, tz_real *dw, tz_real *tape_block, tz_real *scratch,
                    const tz_real *w, const tz_real *u, int B) {
    const hnn *model = (const hnn *)self;
    const tz_mlp *potential = &self->network[POTENTIAL], *mass = &self->network[MASS];
    const int n = self->model.nq, nz = 2 * n, ld_q = mass->ld_in;
    const field_tape tape = take_tape(self, tape_block, B);
    const scratch_parts parts = take_scratch(self, scratch, B);

    // dQ/dt = Minv P
    tz_canonical_read_positions(&model->canonical, tape.mass.xi, ld_q, w, B);
    tz_mlp_forward(mass, parts.out_mass, &tape.mass, B);
    tz_mass_factor(&tape.inverse, parts.out_mass, mass->ld_out, n, B);
    tz_mass_velocity(&tape.inverse, dw, nz, w + n, nz, n, B);

    // dH/dxi_q, from the kinetic energy and from the potential
    tz_mass_kinetic_gradient(&tape.inverse, tape.c_K, mass->ld_out, n, B);
    tz_mlp_gradient(mass, parts.gx_mass, &tape.mass_delta, &tape.mass, tape.c_K, 1, B);
    for (int row = 0; row < B; row++) {
        tape.c_V[row * potential->ld_out] = model->s_V;
    }
    tz_mlp_forward(potential, NULL, &tape.potential, B);
    tz_mlp_gradient(potential, parts.gx_potential, &tape.potential_delta, &tape.potential, tape.c_V,
                    1, B);
    for (int i = 0; i < B * ld_q; i++) {
        tape.gx[i] = parts.gx_potential[i] + parts.gx_mass[i];
    }

    // dP/dt = -dH/dQ and forces
    for (int row = 0; row < B; row++) {
        memset(dw + row * nz + n, 0, (size_t)n * sizeof *dw);
    }
    tz_canonical_pull_back(&model->canonical, dw + n, -1.0f, tape.gx, tape.mass.xi, ld_q, B);
    if (model->n_force > 0) {
        add_forces(model, dw, &tape, parts.out_force, w, u, B);
    }
}

static void backward(const tz_learned *self, tz_real *w_bar, tz_real *u_bar, tz_real *grad,
                     tz_real *tape_block, tz_real *scratch, const tz_real *lambda, int B) {
    const hnn *model = (const hnn *)self;
    const tz_canonical *canonical = &model->canonical;
    const tz_mlp *potential = &self->network[POTENTIAL], *mass = &self->network[MASS];
    const int n = self->model.nq, nz = 2 * n, ld_q = mass->ld_in;
    const field_tape tape = take_tape(self, tape_block, B);
    const scratch_parts parts = take_scratch(self, scratch, B);
    for (int row = 0; row < B; row++) {
        memcpy(parts.lambda_V + row * n, lambda + row * nz, (size_t)n * sizeof *lambda);
    }
    if (model->n_force > 0) {
        add_forces_vjp(model, w_bar, u_bar, grad, &tape, &parts, lambda, B);
    }

    // -dH/dQ = -(dxi/dQ)^T gx: the adjoint omega of gx, and what depends on Q through dxi/dQ
    tz_canonical_push_forward(canonical, parts.omega, -1.0f, lambda + n, tape.mass.xi, ld_q, B);
    tz_canonical_curvature(canonical, w_bar, -1.0f, lambda + n, tape.gx, tape.mass.xi, ld_q, B);

    // potential: a constant times the gradient of its output
    tz_mlp_gradient_tangent(potential, NULL, &parts.tangent, &tape.potential, parts.omega, 1, B);
    tz_mlp_gradient_backward(potential, parts.gx_potential, grad, &tape.potential,
                             &tape.potential_delta, &parts.tangent, parts.network, tape.c_V,
                             parts.omega, NULL, 1, B);

    // mass: its outputs are in dQ/dt and, through c_K = dK/dA, in the weights of their gradient
    tz_real *c_bar = parts.out_mass;
    tz_mlp_gradient_tangent(mass, c_bar, &parts.tangent, &tape.mass, parts.omega, 1, B);
    tz_mass_vjp(&tape.inverse, parts.out_mass_bar, mass->ld_out, w_bar + n, nz, parts.lambda_V,
                c_bar, n, B);
    tz_mlp_gradient_backward(mass, parts.gx_mass, grad, &tape.mass, &tape.mass_delta,
                             &parts.tangent, parts.network, tape.c_K, parts.omega,
                             parts.out_mass_bar, 1, B);
    for (int i = 0; i < B * ld_q; i++) {
        parts.gx_mass[i] += parts.gx_potential[i];
    }
    tz_canonical_pull_back(canonical, w_bar, 1.0f, parts.gx_mass, tape.mass.xi, ld_q, B);
}

// ---- energy

static void energy(const tz_learned *self, tz_real *E, tz_real *tape_block, tz_real *scratch,
                   const tz_real *w, int B) {
    const hnn *model = (const hnn *)self;
    const tz_mlp *potential = &self->network[POTENTIAL], *mass = &self->network[MASS];
    const int n = self->model.nq, nz = 2 * n;
    const field_tape tape = take_tape(self, tape_block, B);
    const scratch_parts parts = take_scratch(self, scratch, B);
    tz_real *V = parts.out_mass_bar, *dQ = parts.lambda_V; // (B, ld_out), (B, n)
    tz_canonical_read_positions(&model->canonical, tape.mass.xi, mass->ld_in, w, B);
    tz_mlp_forward(mass, parts.out_mass, &tape.mass, B);
    tz_mass_factor(&tape.inverse, parts.out_mass, mass->ld_out, n, B);
    tz_mass_velocity(&tape.inverse, dQ, n, w + n, nz, n, B);
    tz_mlp_forward(potential, V, &tape.potential, B);
    for (int row = 0; row < B; row++) {
        E[row] = model->s_V * V[row * potential->ld_out];
        for (int i = 0; i < n; i++) {
            E[row] += 0.5f * w[row * nz + n + i] * dQ[row * n + i];
        }
    }
}

#define HNN_KIND(name, setup_function)                                                             \
    {                                                                                              \
        .ops = TZ_LEARNED_OPS(name, .energy = tz_learned_energy), .energy = energy,                \
        .size = sizeof(hnn), .setup = setup_function, .teardown = tz_canonical_teardown,           \
        .tape_size = tape_size, .scratch_size = scratch_size, .forward = forward,                  \
        .backward = backward, .map_tape_size = tz_canonical_map_tape_size,                         \
        .encode = tz_canonical_encode, .decode = tz_canonical_decode,                              \
        .encode_vjp = tz_canonical_encode_vjp, .decode_vjp = tz_canonical_decode_vjp,              \
    }

const tz_learned_kind tz_kind_hnn = HNN_KIND("hnn", setup_hnn);
const tz_learned_kind tz_kind_symoden = HNN_KIND("symoden", setup_symoden);
const tz_learned_kind tz_kind_symoden_both = HNN_KIND("symoden-both", setup_symoden_both);
