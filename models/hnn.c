// Hamiltonian network with forces, a SymODEN whose mass matrix is learned (spec: docs/models.md).
// The state of the integrator is w = (Q, P), scaled positions and their momenta:
//
//     q = mean_q + s_q Q,   v = s_q Minv(Q) P,   Minv = L L^T + eps E from the network "mass"
//     H(Q, P) = s_V V(xi_q) + 1/2 P^T Minv(xi_q) P
//     dQ/dt = dH/dP = Minv P
//     dP/dt = -dH/dQ + s_f g(xi_q, xi_v, xi_u) + o_f
//
// with V, g the networks "potential" and "force", and xi the normalised [q, v, u] without masked
// columns. Masked positions have no dH/dQ.
//
// Scales. Fresh networks have outputs and gradients of order one in xi, and Minv = m0 E with m0 =
// softplus(0)^2 + eps. A force F on P then accelerates by dv/dt = s_q m0 F. Asking for the data's
// mean and standard deviation of (v[t+1] - v[t]) / dt, mean_a and sigma_a, gives the force network
//
//     s_f = sigma_a / (s_q m0),   o_f = mean_a / (s_q m0)
//
// The potential's force is r s_V dV/dxi with r = dxi/dQ = s_q / sigma_q, which accelerates by
// s_q^2 m0 s_V / sigma_q dV/dxi; one number s_V serves all coordinates when
//
//     s_V = 1 / m0,   s_q = sqrt(sigma_q sigma_a)
//
// so that Q counts seconds. Stationary motion has sigma_v^2 = -cov(q, a) <= sigma_q sigma_a, hence
// velocities v / s_q of at most order one. Where that fails (a position that drifts or hardly
// moves), and for a masked position, which has no potential, s_q = sigma_v keeps it so.
// Letters: n = nq = nv.
#include "base/memory.h"
#include "models/learned.h"
#include "models/mass.h"
#include "models/mlp_gradient.h"

#include <math.h>
#include <string.h>

enum { POTENTIAL, MASS, FORCE };

typedef struct hnn {
    tz_learned learned; // must be first
    float s_V;
    float *s_q;       // dq/dQ                                          (n)
    float *r;         // dxi_q/dQ                                       (n)
    float *s_f, *o_f; // scale and offset of the force network          (n)
} hnn;

static tz_status setup(tz_learned *self, tz_error *error) {
    hnn *model = (hnn *)self;
    const int n = self->model.nq;
    if (n > TZ_MASS_N_MAX || self->n_in_q == 0) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "kind hnn needs 1 to %d positions that its energy can depend on, this task "
                       "has %d of %d",
                       TZ_MASS_N_MAX, self->n_in_q, n);
    }
    TZ_CHECK(tz_learned_add_network(self, "potential", self->n_in_q, 1, error));
    TZ_CHECK(tz_learned_add_network(self, "mass", self->n_in_q, n * n, error));
    TZ_CHECK(tz_learned_add_network(self, "force", self->n_in, n, error));
    model->s_q = tz_alloc(4 * (size_t)n, sizeof(float));
    if (model->s_q == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory while a model was made");
    }
    model->r = model->s_q + n;
    model->s_f = model->r + n;
    model->o_f = model->s_f + n;

    const double m0 = M_LN2 * M_LN2 + (double)TZ_MASS_EPS; // softplus(0) = ln 2
    model->s_V = (float)(1.0 / m0);
    for (int i = 0; i < n; i++) {
        const double sigma_q = self->input_std[i], sigma_v = self->input_std[n + i];
        const double sigma_a = self->rate_std[n + i], mean_a = self->rate_mean[n + i];
        const double s_q = self->is_input[i] ? fmax(sqrt(sigma_q * sigma_a), sigma_v) : sigma_v;
        model->s_q[i] = (float)s_q;
        model->r[i] = self->is_input[i] ? (float)(s_q / sigma_q) : 0.0f;
        model->s_f[i] = (float)(sigma_a / (s_q * m0));
        model->o_f[i] = (float)(mean_a / (s_q * m0));
    }
    return TZ_OK;
}

static void teardown(tz_learned *self) {
    tz_free(((hnn *)self)->s_q);
}

// ---- tape and scratch

// What one evaluation of the field leaves. The potential and the mass network share their inputs.
typedef struct field_tape {
    tz_mlp_tape potential, mass, force;
    tz_mlp_delta potential_delta, mass_delta;
    tz_mass_tape inverse; // L, P and what belongs to them
    float *c_V, *c_K;     // weights of the networks' outputs in H: s_V, dK/dA    (B, ld_out)
} field_tape;

static size_t tape_size(const tz_learned *self, int B) {
    const tz_mlp *potential = &self->network[POTENTIAL], *mass = &self->network[MASS];
    return tz_mlp_tape_size(potential, B) + tz_mlp_tape_size(mass, B) +
           tz_mlp_tape_size(&self->network[FORCE], B) + tz_mlp_delta_size(potential, B) +
           tz_mlp_delta_size(mass, B) + tz_mass_tape_size(self->model.nq, B) +
           (size_t)B * (size_t)(potential->ld_out + mass->ld_out);
}

static field_tape take_tape(const tz_learned *self, float *cursor, int B) {
    const tz_mlp *potential = &self->network[POTENTIAL], *mass = &self->network[MASS];
    field_tape tape;
    tape.potential = tz_mlp_tape_take(potential, &cursor, B);
    tape.mass = tz_mlp_tape_take(mass, &cursor, B);
    tape.mass.xi = tape.potential.xi;
    tape.force = tz_mlp_tape_take(&self->network[FORCE], &cursor, B);
    tape.potential_delta = tz_mlp_delta_take(potential, &cursor, B);
    tape.mass_delta = tz_mlp_delta_take(mass, &cursor, B);
    tape.inverse = tz_mass_tape_take(self->model.nq, &cursor, B);
    tape.c_V = tz_take(&cursor, (size_t)B * (size_t)potential->ld_out);
    tape.c_K = tz_take(&cursor, (size_t)B * (size_t)mass->ld_out);
    return tape;
}

// Scratch of all verbs, cut up in the same way by each.
typedef struct scratch_parts {
    float *out_mass, *out_force;   // outputs or their adjoints            (B, ld_out)
    float *out_mass_bar;           // A_bar                                (B, ld_out)
    float *omega;                  // adjoint of dH/dxi_q                  (B, ld_in)
    float *gx_potential, *gx_mass; // gradients or adjoints at xi_q        (B, ld_in)
    float *xi_force_bar;           // adjoint of the force's inputs        (B, ld_in)
    float *lambda_V;               // adjoint of dQ/dt                     (B, n)
    tz_mlp_tangent tangent;        // of one network at a time
    double *solve;                 // of the mass matrix                   (n, n + 1)
    float *network;                // of a network's backward
} scratch_parts;

static size_t scratch_size(const tz_learned *self, int B) {
    const tz_mlp *mass = &self->network[MASS], *force = &self->network[FORCE];
    const size_t n = (size_t)self->model.nq;
    const size_t row = 2 * (size_t)mass->ld_out + (size_t)force->ld_out + 3 * (size_t)mass->ld_in +
                       (size_t)force->ld_in;
    return (size_t)B * row + tz_round_line((size_t)B * n) + tz_mlp_tangent_size(mass, B) +
           tz_round_line(2 * n * (n + 1)) + tz_mlp_scratch_size(force, B);
}

static scratch_parts take_scratch(const tz_learned *self, float *cursor, int B) {
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
    parts.solve = (double *)tz_take(&cursor, 2 * n * (n + 1));
    parts.network = cursor;
    return parts;
}

// ---- field

// xi_q (B, ld) = r Q for the positions that the networks see.
static void read_positions(const hnn *model, float *xi, int ld, const float *w, int B) {
    const tz_learned *self = &model->learned;
    const int nz = 2 * self->model.nq;
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < self->n_in_q; i++) {
            const int at = self->input_at[i];
            xi[row * ld + i] = model->r[at] * w[row * nz + at];
        }
    }
}

// Inputs of the force network: xi_q, xi_v = (s_q dQ/dt - mean_v) / sigma_v, xi_u.
static void read_force_inputs(const hnn *model, float *xi, const float *xi_q, int ld_q,
                              const float *dw, const float *u, int B) {
    const tz_learned *self = &model->learned;
    const int n = self->model.nq, nz = 2 * n, nu = self->model.nu, n_q = self->n_in_q;
    const int ld = self->network[FORCE].ld_in;
    const float *mean_v = self->input_mean + n, *std_v = self->input_std + n;
    const float *mean_u = self->input_mean + nz, *std_u = self->input_std + nz;
    for (int row = 0; row < B; row++) {
        memcpy(xi, xi_q + row * ld_q, (size_t)n_q * sizeof *xi);
        for (int i = 0; i < n; i++) {
            xi[n_q + i] = (model->s_q[i] * dw[row * nz + i] - mean_v[i]) / std_v[i];
        }
        for (int i = 0; i < nu; i++) {
            xi[n_q + n + i] = (u[row * nu + i] - mean_u[i]) / std_u[i];
        }
        xi += ld;
    }
}

static void forward(const tz_learned *self, float *dw, float *tape_block, float *scratch,
                    const float *w, const float *u, int B) {
    const hnn *model = (const hnn *)self;
    const tz_mlp *potential = &self->network[POTENTIAL], *mass = &self->network[MASS];
    const tz_mlp *force = &self->network[FORCE];
    const int n = self->model.nq, nz = 2 * n;
    const field_tape tape = take_tape(self, tape_block, B);
    const scratch_parts parts = take_scratch(self, scratch, B);

    // dQ/dt = Minv P
    read_positions(model, tape.mass.xi, mass->ld_in, w, B);
    tz_mlp_forward(mass, parts.out_mass, &tape.mass, B);
    tz_mass_factor(&tape.inverse, parts.out_mass, mass->ld_out, n, B);
    tz_mass_velocity(&tape.inverse, dw, nz, w + n, nz, n, B);

    // dH/dxi_q, from the kinetic energy and from the potential
    tz_mass_kinetic_gradient(&tape.inverse, tape.c_K, mass->ld_out, n, B);
    tz_mlp_gradient(mass, parts.gx_mass, &tape.mass_delta, &tape.mass, parts.network, tape.c_K, B);
    for (int row = 0; row < B; row++) {
        tape.c_V[row * potential->ld_out] = model->s_V;
    }
    tz_mlp_forward(potential, NULL, &tape.potential, B);
    tz_mlp_gradient(potential, parts.gx_potential, &tape.potential_delta, &tape.potential,
                    parts.network, tape.c_V, B);

    // dP/dt = -dH/dQ + s_f g + o_f
    read_force_inputs(model, tape.force.xi, tape.mass.xi, mass->ld_in, dw, u, B);
    tz_mlp_forward(force, parts.out_force, &tape.force, B);
    for (int row = 0; row < B; row++) {
        float *dP = dw + row * nz + n; // (n)
        for (int i = 0; i < n; i++) {
            dP[i] = model->s_f[i] * parts.out_force[row * force->ld_out + i] + model->o_f[i];
        }
        for (int i = 0; i < self->n_in_q; i++) {
            const int at = self->input_at[i];
            const int from = row * mass->ld_in + i;
            dP[at] -= model->r[at] * (parts.gx_potential[from] + parts.gx_mass[from]);
        }
    }
}

// ---- backward of the field

// From the adjoint of the force's inputs: what belongs to dQ/dt joins lambda_V (B, n), and what
// belongs to u joins u_bar (B, nu), nullable.
static void force_inputs_vjp(const hnn *model, float *lambda_V, float *u_bar, const float *xi_bar,
                             int B) {
    const tz_learned *self = &model->learned;
    const int n = self->model.nq, nu = self->model.nu, n_q = self->n_in_q;
    const int ld = self->network[FORCE].ld_in;
    const float *std_v = self->input_std + n, *std_u = self->input_std + 2 * n;
    for (int row = 0; row < B; row++) {
        const float *xi_bar_v = xi_bar + row * ld + n_q; // (n)
        const float *xi_bar_u = xi_bar_v + n;            // (nu)
        for (int i = 0; i < n; i++) {
            lambda_V[row * n + i] += model->s_q[i] / std_v[i] * xi_bar_v[i];
        }
        for (int i = 0; u_bar != NULL && i < nu; i++) {
            u_bar[row * nu + i] += xi_bar_u[i] / std_u[i];
        }
    }
}

static void backward(const tz_learned *self, float *w_bar, float *u_bar, float *grad,
                     float *tape_block, float *scratch, const float *lambda, int B) {
    const hnn *model = (const hnn *)self;
    const tz_mlp *potential = &self->network[POTENTIAL], *mass = &self->network[MASS];
    const tz_mlp *force = &self->network[FORCE];
    const int n = self->model.nq, nz = 2 * n, ld_q = mass->ld_in;
    const field_tape tape = take_tape(self, tape_block, B);
    const scratch_parts parts = take_scratch(self, scratch, B);

    // adjoints of the three terms: of dQ/dt, of g, and omega of dH/dxi_q
    for (int row = 0; row < B; row++) {
        const float *lambda_P = lambda + row * nz + n; // (n)
        for (int i = 0; i < n; i++) {
            parts.lambda_V[row * n + i] = lambda[row * nz + i];
            parts.out_force[row * force->ld_out + i] = model->s_f[i] * lambda_P[i];
        }
        for (int i = 0; i < self->n_in_q; i++) {
            const int at = self->input_at[i];
            parts.omega[row * ld_q + i] = -model->r[at] * lambda_P[at];
        }
    }

    // force: its velocity inputs are dQ/dt
    tz_mlp_backward(force, parts.xi_force_bar, grad, &tape.force, parts.network, parts.out_force,
                    B);
    force_inputs_vjp(model, parts.lambda_V, u_bar, parts.xi_force_bar, B);

    // potential: a constant times the gradient of its output
    tz_mlp_gradient_tangent(potential, NULL, &parts.tangent, &tape.potential, parts.omega, B);
    tz_mlp_gradient_backward(potential, parts.gx_potential, grad, &tape.potential,
                             &tape.potential_delta, &parts.tangent, parts.network, tape.c_V,
                             parts.omega, NULL, B);

    // mass: its outputs are in dQ/dt and, through c_K = dK/dA, in the weights of their gradient
    float *c_bar = parts.out_mass;
    tz_mlp_gradient_tangent(mass, c_bar, &parts.tangent, &tape.mass, parts.omega, B);
    tz_mass_vjp(&tape.inverse, parts.out_mass_bar, mass->ld_out, w_bar + n, nz, parts.lambda_V,
                c_bar, n, B);
    tz_mlp_gradient_backward(mass, parts.gx_mass, grad, &tape.mass, &tape.mass_delta,
                             &parts.tangent, parts.network, tape.c_K, parts.omega,
                             parts.out_mass_bar, B);

    // all three see xi_q = r Q
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < self->n_in_q; i++) {
            const int at = self->input_at[i];
            w_bar[row * nz + at] +=
                model->r[at] * (parts.gx_potential[row * ld_q + i] + parts.gx_mass[row * ld_q + i] +
                                parts.xi_force_bar[row * force->ld_in + i]);
        }
    }
}

// ---- between z and w

typedef struct map_tape {
    tz_mlp_tape mass;
    tz_mass_tape inverse;
} map_tape;

static size_t map_tape_size(const tz_learned *self, int B) {
    return tz_mlp_tape_size(&self->network[MASS], B) + tz_mass_tape_size(self->model.nq, B);
}

static map_tape take_map_tape(const tz_learned *self, float *cursor, int B) {
    map_tape tape;
    tape.mass = tz_mlp_tape_take(&self->network[MASS], &cursor, B);
    tape.inverse = tz_mass_tape_take(self->model.nq, &cursor, B);
    return tape;
}

// Evaluates the mass network at the positions of w.
static void factor_mass(const hnn *model, const map_tape *tape, const scratch_parts *parts,
                        const float *w, int B) {
    const tz_mlp *mass = &model->learned.network[MASS];
    read_positions(model, tape->mass.xi, mass->ld_in, w, B);
    tz_mlp_forward(mass, parts->out_mass, &tape->mass, B);
    tz_mass_factor(&tape->inverse, parts->out_mass, mass->ld_out, model->learned.model.nq, B);
}

static void encode(const tz_learned *self, float *w, float *tape_block, float *scratch,
                   const float *z, int B) {
    const hnn *model = (const hnn *)self;
    const int n = self->model.nq, nz = 2 * n;
    const map_tape tape = take_map_tape(self, tape_block, B);
    const scratch_parts parts = take_scratch(self, scratch, B);
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n; i++) {
            w[row * nz + i] = (z[row * nz + i] - self->input_mean[i]) / model->s_q[i];
            parts.lambda_V[row * n + i] = z[row * nz + n + i] / model->s_q[i]; // dQ/dt
        }
    }
    factor_mass(model, &tape, &parts, w, B);
    tz_mass_momentum(&tape.inverse, w + n, nz, parts.solve, parts.lambda_V, n, n, B);
}

static void decode(const tz_learned *self, float *z, float *tape_block, float *scratch,
                   const float *w, int B) {
    const hnn *model = (const hnn *)self;
    const int n = self->model.nq, nz = 2 * n;
    const map_tape tape = take_map_tape(self, tape_block, B);
    const scratch_parts parts = take_scratch(self, scratch, B);
    factor_mass(model, &tape, &parts, w, B);
    tz_mass_velocity(&tape.inverse, z + n, nz, w + n, nz, n, B);
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n; i++) {
            z[row * nz + i] = self->input_mean[i] + model->s_q[i] * w[row * nz + i];
            z[row * nz + n + i] *= model->s_q[i];
        }
    }
}

static void encode_vjp(const tz_learned *self, float *grad, float *tape_block, float *scratch,
                       const float *w_bar, int B) {
    const int n = self->model.nq, nz = 2 * n;
    const map_tape tape = take_map_tape(self, tape_block, B);
    const scratch_parts parts = take_scratch(self, scratch, B);
    const tz_mlp *mass = &self->network[MASS];
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n; i++) {
            parts.lambda_V[row * n + i] = -w_bar[row * nz + n + i];
        }
    }
    tz_mass_solve(&tape.inverse, parts.lambda_V, parts.solve, n, B);
    tz_mass_vjp(&tape.inverse, parts.out_mass_bar, mass->ld_out, NULL, 0, parts.lambda_V, NULL, n,
                B);
    tz_mlp_backward(mass, NULL, grad, &tape.mass, parts.network, parts.out_mass_bar, B);
}

static void decode_vjp(const tz_learned *self, float *w_bar, float *grad, float *tape_block,
                       float *scratch, const float *z_bar, int B) {
    const hnn *model = (const hnn *)self;
    const int n = self->model.nq, nz = 2 * n;
    const map_tape tape = take_map_tape(self, tape_block, B);
    const scratch_parts parts = take_scratch(self, scratch, B);
    const tz_mlp *mass = &self->network[MASS];
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n; i++) {
            w_bar[row * nz + i] += model->s_q[i] * z_bar[row * nz + i];
            parts.lambda_V[row * n + i] = model->s_q[i] * z_bar[row * nz + n + i];
        }
    }
    tz_mass_vjp(&tape.inverse, parts.out_mass_bar, mass->ld_out, w_bar + n, nz, parts.lambda_V,
                NULL, n, B);
    tz_mlp_backward(mass, parts.gx_mass, grad, &tape.mass, parts.network, parts.out_mass_bar, B);
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < self->n_in_q; i++) {
            const int at = self->input_at[i];
            w_bar[row * nz + at] += model->r[at] * parts.gx_mass[row * mass->ld_in + i];
        }
    }
}

const tz_learned_kind tz_kind_hnn = {
    .ops =
        {
            .kind = "hnn",
            .destroy = tz_learned_destroy,
            .workspace_create = tz_learned_workspace_create,
            .workspace_destroy = tz_learned_workspace_destroy,
            .rollout = tz_learned_rollout,
            .prepare = tz_learned_prepare,
            .field = tz_learned_field,
            .field_vjp = tz_learned_field_vjp,
            .rollout_vjp = tz_learned_rollout_vjp,
        },
    .size = sizeof(hnn),
    .setup = setup,
    .teardown = teardown,
    .tape_size = tape_size,
    .scratch_size = scratch_size,
    .forward = forward,
    .backward = backward,
    .map_tape_size = map_tape_size,
    .encode = encode,
    .decode = decode,
    .encode_vjp = encode_vjp,
    .decode_vjp = decode_vjp,
};
