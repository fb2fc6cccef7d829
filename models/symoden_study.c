// The study's code for SymODEN on MuJoCo's robots (MixtureHNN), kept only to reproduce its figure:
// its structure is wrong. Positions move by the STANDARDISED velocity, in no trainable way, so the
// model cannot represent dq/dt = v; forces have no scale; and a transition is one Euler step where
// the models beside it make eight. `symoden` is the model that the study's text describes.
//
//     dq/dt = xi_v,   dv/dt = -dV/dxi_q + g(xi),   xi = ([z, u] - mean) / std
//
// with V, g the networks "potential" and "force". Its Hamiltonian is V + 1/2 xi_v^T xi_v; the
// study's code has a mass network too, whose outputs it multiplies by 0. Letters: n = nq = nv.
#include "models/learned.h"
#include "models/mlp_gradient.h"

enum { POTENTIAL, FORCE };

static tz_status setup(tz_learned *self, tz_error *error) {
    TZ_CHECK(tz_learned_require_square(self, error));
    if (self->n_angles > 0 || self->n_in_q == 0) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "kind symoden-study needs positions that are seen, and none as cosine and "
                       "sine");
    }
    TZ_CHECK(
        tz_learned_add_network(self, "potential", TZ_NETWORK_GRADIENT, self->n_in_q, 1, error));
    return tz_learned_add_network(self, "force", TZ_NETWORK_OUTPUT, self->n_in, self->model.nv,
                                  error);
}

typedef struct field_tape {
    tz_mlp_tape potential, force;
    tz_mlp_delta delta;
} field_tape;

static size_t tape_size(const tz_learned *self, int B) {
    const tz_mlp *potential = &self->network[POTENTIAL];
    return tz_mlp_tape_size(potential, B) + tz_mlp_delta_size(potential, B) +
           tz_mlp_tape_size(&self->network[FORCE], B);
}

static field_tape take_tape(const tz_learned *self, tz_real *cursor, int B) {
    field_tape tape;
    tape.potential = tz_mlp_tape_take(&self->network[POTENTIAL], &cursor, B);
    tape.delta = tz_mlp_delta_take(&self->network[POTENTIAL], &cursor, B);
    tape.force = tz_mlp_tape_take(&self->network[FORCE], &cursor, B);
    return tape;
}

typedef struct scratch_parts {
    tz_real *c;             // weight of the potential's output: 1          (B, ld_out)
    tz_real *gx, *omega;    // dV/dxi_q or its pull-back, and its adjoint   (B, ld_in)
    tz_real *out_force;     //                                              (B, ld_out)
    tz_real *xi_bar;        // of the force                                 (B, ld_in)
    tz_mlp_tangent tangent; //
    tz_real *network;       // of a network's backward
} scratch_parts;

static size_t scratch_size(const tz_learned *self, int B) {
    const tz_mlp *potential = &self->network[POTENTIAL], *force = &self->network[FORCE];
    const size_t row =
        (size_t)(potential->ld_out + 2 * potential->ld_in + force->ld_out + force->ld_in);
    return (size_t)B * row + tz_mlp_tangent_size(potential, B) + tz_mlp_scratch_size(force, B);
}

static scratch_parts take_scratch(const tz_learned *self, tz_real *cursor, int B) {
    const tz_mlp *potential = &self->network[POTENTIAL], *force = &self->network[FORCE];
    const size_t rows = (size_t)B;
    scratch_parts parts;
    parts.c = tz_take(&cursor, rows * (size_t)potential->ld_out);
    parts.gx = tz_take(&cursor, rows * (size_t)potential->ld_in);
    parts.omega = tz_take(&cursor, rows * (size_t)potential->ld_in);
    parts.out_force = tz_take(&cursor, rows * (size_t)force->ld_out);
    parts.xi_bar = tz_take(&cursor, rows * (size_t)force->ld_in);
    parts.tangent = tz_mlp_tangent_take(potential, &cursor, B);
    parts.network = cursor;
    for (int row = 0; row < B; row++) {
        parts.c[row * potential->ld_out] = 1.0f;
    }
    return parts;
}

static void forward(const tz_learned *self, tz_real *dz, tz_real *tape_block, tz_real *scratch,
                    const tz_real *z, const tz_real *u, int B) {
    const tz_mlp *potential = &self->network[POTENTIAL], *force = &self->network[FORCE];
    const int n = self->model.nv, nz = 2 * n, n_q = self->n_in_q;
    const field_tape tape = take_tape(self, tape_block, B);
    const scratch_parts parts = take_scratch(self, scratch, B);

    // the potential sees the first inputs of the force
    tz_learned_read_inputs(self, tape.force.xi, force->ld_in, z, u, B);
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n_q; i++) {
            tape.potential.xi[row * potential->ld_in + i] = tape.force.xi[row * force->ld_in + i];
        }
    }
    tz_mlp_forward(potential, NULL, &tape.potential, B);
    tz_mlp_gradient(potential, parts.gx, &tape.delta, &tape.potential, parts.c, 1, B);
    tz_mlp_forward(force, parts.out_force, &tape.force, B);
    for (int row = 0; row < B; row++) {
        tz_real *dq = dz + row * nz, *dv = dq + n; // (n)
        for (int i = 0; i < n; i++) {
            dq[i] = tape.force.xi[row * force->ld_in + n_q + i];
            dv[i] = parts.out_force[row * force->ld_out + i];
        }
        for (int i = 0; i < n_q; i++) {
            dv[self->input_at[i]] -= parts.gx[row * potential->ld_in + i];
        }
    }
}

static void backward(const tz_learned *self, tz_real *z_bar, tz_real *u_bar, tz_real *grad,
                     tz_real *tape_block, tz_real *scratch, const tz_real *lambda, int B) {
    const tz_mlp *potential = &self->network[POTENTIAL], *force = &self->network[FORCE];
    const int n = self->model.nv, nz = 2 * n, n_q = self->n_in_q;
    const field_tape tape = take_tape(self, tape_block, B);
    const scratch_parts parts = take_scratch(self, scratch, B);
    for (int row = 0; row < B; row++) {
        const tz_real *lambda_v = lambda + row * nz + n; // (n)
        for (int i = 0; i < n; i++) {
            parts.out_force[row * force->ld_out + i] = lambda_v[i];
        }
        for (int i = 0; i < n_q; i++) {
            parts.omega[row * potential->ld_in + i] = -lambda_v[self->input_at[i]];
        }
    }
    tz_mlp_gradient_tangent(potential, NULL, &parts.tangent, &tape.potential, parts.omega, 1, B);
    tz_mlp_gradient_backward(potential, parts.gx, grad, &tape.potential, &tape.delta,
                             &parts.tangent, parts.network, parts.c, parts.omega, NULL, 1, B);
    tz_mlp_backward(force, parts.xi_bar, tz_learned_n_inputs_bar(self, u_bar), grad, &tape.force,
                    parts.network, parts.out_force, B);
    for (int row = 0; row < B; row++) {
        tz_real *xi_bar = parts.xi_bar + row * force->ld_in;
        for (int i = 0; i < n_q; i++) {
            xi_bar[i] += parts.gx[row * potential->ld_in + i];
        }
        for (int i = 0; i < n; i++) {
            xi_bar[n_q + i] += lambda[row * nz + i];
        }
    }
    tz_learned_read_inputs_vjp(self, z_bar, u_bar, parts.xi_bar, tape.force.xi, force->ld_in, B);
}

const tz_learned_kind tz_kind_symoden_study = {
    .ops = TZ_LEARNED_OPS("symoden-study"),
    .size = sizeof(tz_learned),
    .one_euler_step = true,
    .setup = setup,
    .tape_size = tape_size,
    .scratch_size = scratch_size,
    .forward = forward,
    .backward = backward,
};
