// Scales. Fresh networks have outputs and gradients of order one in xi, and Minv = m0 E with m0 =
// softplus(0)^2 + eps. A force F on P then accelerates by dv/dt = s_q m0 F. Asking for the data's
// mean and standard deviation of (v[t+1] - v[t]) / dt, mean_a and sigma_a, gives a force network
//
//     s_f = sigma_a / (s_q m0),   o_f = mean_a / (s_q m0)
//
// A potential's force r s_V dV/dxi with r = dxi/dQ = s_q / sigma_q accelerates by
// s_q^2 m0 s_V / sigma_q dV/dxi; one number s_V serves all coordinates when
//
//     s_V = 1 / m0,   s_q = sqrt(sigma_q sigma_a)
//
// so that Q counts seconds. Stationary motion has sigma_v^2 = -cov(q, a) <= sigma_q sigma_a, hence
// velocities v / s_q of at most order one. Where that fails (a position that drifts or hardly
// moves), and for a masked position, which has no potential, s_q = sigma_v keeps it so. An angle
// that is seen as cosine and sine has sigma_q = 1.
#include "models/canonical.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>
#include <tgmath.h>

// ---- making

tz_status tz_canonical_check(const tz_learned *self, tz_error *error) {
    TZ_CHECK(tz_learned_require_square(self, error));
    if (self->model.nq > TZ_MASS_N_MAX || self->n_in_q == 0) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "kind %s needs 1 to %d positions that its energy can depend on, this task "
                       "has %d of %d",
                       self->model.ops->kind, TZ_MASS_N_MAX, self->n_in_q, self->model.nq);
    }
    return TZ_OK;
}

// s_q of coordinate i, and the standard deviation of its input.
static double position_scale(const tz_learned *self, int i, double *sigma_q) {
    const int n = self->model.nq;
    const double sigma_v = (double)self->input_std[n + i], sigma_a = (double)self->rate_std[n + i];
    *sigma_q = self->input_form[i] == TZ_INPUT_ANGLE ? 1.0 : (double)self->input_std[i];
    return self->input_form[i] == TZ_INPUT_NONE ? sigma_v : fmax(sqrt(*sigma_q * sigma_a), sigma_v);
}

tz_status tz_canonical_setup(tz_learned *self, int mass, double eps_start, tz_error *error) {
    tz_canonical *canonical = (tz_canonical *)self;
    const int n = self->model.nq;
    canonical->mass = &self->network[mass];
    canonical->eps_start = eps_start;
    canonical->s_q = tz_alloc(4 * (size_t)n, sizeof(tz_real));
    if (canonical->s_q == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory while a model was made");
    }
    canonical->r = canonical->s_q + n;
    canonical->s_f = canonical->r + n;
    canonical->o_f = canonical->s_f + n;
    canonical->m0 = 1.0;
    if (self->is_normalised) {
        canonical->m0 = M_LN2 * M_LN2 + (double)TZ_MASS_EPS; // softplus(0) = ln 2
    }
    for (int i = 0; i < n; i++) {
        double sigma_q;
        const double s_q = position_scale(self, i, &sigma_q), unit = 1.0 / (s_q * canonical->m0);
        canonical->s_q[i] = (tz_real)s_q;
        canonical->r[i] = (tz_real)(s_q / sigma_q);
        canonical->s_f[i] = (tz_real)((double)self->rate_std[n + i] * unit);
        canonical->o_f[i] = (tz_real)((double)self->rate_mean[n + i] * unit);
    }
    return TZ_OK;
}

void tz_canonical_teardown(tz_learned *self) {
    tz_free(((tz_canonical *)self)->s_q);
}

// ---- inputs from w

// With an angle's inputs c = cos q, s = sin q: dc/dQ = -s_q s, ds/dQ = s_q c.

void tz_canonical_read_positions(const tz_canonical *self, tz_real *xi, int ld, const tz_real *w,
                                 int B) {
    const tz_learned *learned = &self->learned;
    const int nz = 2 * learned->model.nq, n_angles = learned->n_angles;
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n_angles; i++) {
            const int at = learned->input_at[i];
            const tz_real angle = learned->input_mean[at] + self->s_q[at] * w[row * nz + at];
            xi[row * ld + i] = cos(angle);
            xi[row * ld + n_angles + i] = sin(angle);
        }
        for (int i = 2 * n_angles; i < learned->n_in_q; i++) {
            const int at = learned->input_at[i];
            xi[row * ld + i] = self->r[at] * w[row * nz + at];
        }
    }
}

void tz_canonical_pull_back(const tz_canonical *self, tz_real *x, tz_real sign, const tz_real *g,
                            const tz_real *xi, int ld, int B) {
    const tz_learned *learned = &self->learned;
    const int nz = 2 * learned->model.nq, n_angles = learned->n_angles;
    for (int row = 0; row < B; row++, g += ld, xi += ld) {
        for (int i = 0; i < n_angles; i++) {
            const int at = learned->input_at[i];
            x[row * nz + at] +=
                sign * self->s_q[at] * (xi[i] * g[n_angles + i] - xi[n_angles + i] * g[i]);
        }
        for (int i = 2 * n_angles; i < learned->n_in_q; i++) {
            const int at = learned->input_at[i];
            x[row * nz + at] += sign * self->r[at] * g[i];
        }
    }
}

void tz_canonical_push_forward(const tz_canonical *self, tz_real *omega, tz_real sign,
                               const tz_real *x, const tz_real *xi, int ld, int B) {
    const tz_learned *learned = &self->learned;
    const int nz = 2 * learned->model.nq, n_angles = learned->n_angles;
    for (int row = 0; row < B; row++, omega += ld, xi += ld) {
        for (int i = 0; i < n_angles; i++) {
            const int at = learned->input_at[i];
            const tz_real dq = sign * self->s_q[at] * x[row * nz + at];
            omega[i] = -xi[n_angles + i] * dq;
            omega[n_angles + i] = xi[i] * dq;
        }
        for (int i = 2 * n_angles; i < learned->n_in_q; i++) {
            const int at = learned->input_at[i];
            omega[i] = sign * self->r[at] * x[row * nz + at];
        }
    }
}

void tz_canonical_curvature(const tz_canonical *self, tz_real *x, tz_real sign, const tz_real *y,
                            const tz_real *g, const tz_real *xi, int ld, int B) {
    const tz_learned *learned = &self->learned;
    const int nz = 2 * learned->model.nq, n_angles = learned->n_angles;
    for (int row = 0; row < B; row++, g += ld, xi += ld) {
        for (int i = 0; i < n_angles; i++) {
            const int at = learned->input_at[i];
            x[row * nz + at] -= sign * self->s_q[at] * self->s_q[at] * y[row * nz + at] *
                                (xi[i] * g[i] + xi[n_angles + i] * g[n_angles + i]);
        }
    }
}

void tz_canonical_read_inputs(const tz_canonical *self, tz_real *xi, int ld, const tz_real *xi_q,
                              int ld_q, const tz_real *w, const tz_real *u, int B) {
    const tz_learned *learned = &self->learned;
    const int n = learned->model.nq, nz = 2 * n, nu = learned->model.nu, n_q = learned->n_in_q;
    const tz_real *mean_u = learned->input_mean + nz, *std_u = learned->input_std + nz;
    for (int row = 0; row < B; row++, xi += ld) {
        memcpy(xi, xi_q + row * ld_q, (size_t)n_q * sizeof *xi);
        memcpy(xi + n_q, w + row * nz + n, (size_t)n * sizeof *xi);
        for (int i = 0; i < nu; i++) {
            xi[n_q + n + i] = (u[row * nu + i] - mean_u[i]) / std_u[i];
        }
    }
}

void tz_canonical_read_inputs_vjp(const tz_canonical *self, tz_real *w_bar, tz_real *u_bar,
                                  const tz_real *xi_bar, const tz_real *xi, int ld, int B) {
    const tz_learned *learned = &self->learned;
    const int n = learned->model.nq, nz = 2 * n, nu = learned->model.nu, n_q = learned->n_in_q;
    const tz_real *std_u = learned->input_std + nz;
    tz_canonical_pull_back(self, w_bar, 1.0f, xi_bar, xi, ld, B);
    for (int row = 0; row < B; row++, xi_bar += ld) {
        for (int i = 0; i < n; i++) {
            w_bar[row * nz + n + i] += xi_bar[n_q + i];
        }
        for (int i = 0; u_bar != NULL && i < nu; i++) {
            u_bar[row * nu + i] += xi_bar[n_q + n + i] / std_u[i];
        }
    }
}

// ---- between z and w

typedef struct map_tape {
    tz_mlp_tape mass;
    tz_mass_tape inverse;
} map_tape;

size_t tz_canonical_map_tape_size(const tz_learned *self, int B) {
    return tz_mlp_tape_size(((const tz_canonical *)self)->mass, B) +
           tz_mass_tape_size(self->model.nq, B);
}

static map_tape take_tape(const tz_learned *self, tz_real *cursor, int B) {
    map_tape tape;
    tape.mass = tz_mlp_tape_take(((const tz_canonical *)self)->mass, &cursor, B);
    tape.inverse = tz_mass_tape_take(self->model.nq, &cursor, B);
    return tape;
}

typedef struct map_scratch {
    tz_real *A, *A_bar; // outputs of the mass network and their adjoint  (B, ld_out)
    tz_real *xi_bar;    //                                                (B, ld_in)
    tz_real *V;         // velocities, or adjoints of them or of momenta  (B, n)
    double *solve;      // of the mass matrix                             (n, n + 1)
    tz_real *network;   // of its backward
} map_scratch;

size_t tz_canonical_map_scratch_size(const tz_learned *self, int B) {
    const tz_mlp *mass = ((const tz_canonical *)self)->mass;
    const size_t n = (size_t)self->model.nq;
    return (size_t)B * (size_t)(2 * mass->ld_out + mass->ld_in) + tz_round_line((size_t)B * n) +
           tz_round_line(2 * n * (n + 1)) + tz_mlp_scratch_size(mass, B);
}

static map_scratch take_scratch(const tz_learned *self, tz_real *cursor, int B) {
    const tz_mlp *mass = ((const tz_canonical *)self)->mass;
    const size_t rows = (size_t)B, n = (size_t)self->model.nq;
    map_scratch parts;
    parts.A = tz_take(&cursor, rows * (size_t)mass->ld_out);
    parts.A_bar = tz_take(&cursor, rows * (size_t)mass->ld_out);
    parts.xi_bar = tz_take(&cursor, rows * (size_t)mass->ld_in);
    parts.V = tz_take(&cursor, rows * n);
    parts.solve = (double *)tz_take(&cursor, 2 * n * (n + 1));
    parts.network = cursor;
    return parts;
}

// Evaluates the mass network at the positions of w.
static void factor_mass(const tz_canonical *self, const map_tape *tape, const map_scratch *parts,
                        const tz_real *w, int B) {
    const tz_mlp *mass = self->mass;
    tz_canonical_read_positions(self, tape->mass.xi, mass->ld_in, w, B);
    tz_mlp_forward(mass, parts->A, &tape->mass, B);
    tz_mass_factor(&tape->inverse, parts->A, mass->ld_out, self->learned.model.nq, B);
}

void tz_canonical_encode(const tz_learned *learned, tz_real *w, tz_real *tape_block,
                         tz_real *scratch, const tz_real *z, int B) {
    const tz_canonical *self = (const tz_canonical *)learned;
    const int n = learned->model.nq, nz = 2 * n;
    const map_tape tape = take_tape(learned, tape_block, B);
    const map_scratch parts = take_scratch(learned, scratch, B);
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n; i++) {
            w[row * nz + i] = (z[row * nz + i] - learned->input_mean[i]) / self->s_q[i];
            parts.V[row * n + i] = z[row * nz + n + i] / self->s_q[i]; // dQ/dt
        }
    }
    factor_mass(self, &tape, &parts, w, B);
    tz_mass_momentum(&tape.inverse, w + n, nz, parts.solve, parts.V, n, self->eps_start, n, B);
}

void tz_canonical_decode(const tz_learned *learned, tz_real *z, tz_real *tape_block,
                         tz_real *scratch, const tz_real *w, int B) {
    const tz_canonical *self = (const tz_canonical *)learned;
    const int n = learned->model.nq, nz = 2 * n;
    const map_tape tape = take_tape(learned, tape_block, B);
    const map_scratch parts = take_scratch(learned, scratch, B);
    factor_mass(self, &tape, &parts, w, B);
    tz_mass_velocity(&tape.inverse, z + n, nz, w + n, nz, n, B);
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n; i++) {
            z[row * nz + i] = learned->input_mean[i] + self->s_q[i] * w[row * nz + i];
            z[row * nz + n + i] *= self->s_q[i];
        }
    }
}

void tz_canonical_encode_vjp(const tz_learned *learned, tz_real *grad, tz_real *tape_block,
                             tz_real *scratch, const tz_real *w_bar, int B) {
    const tz_canonical *self = (const tz_canonical *)learned;
    const int n = learned->model.nq, nz = 2 * n;
    const map_tape tape = take_tape(learned, tape_block, B);
    const map_scratch parts = take_scratch(learned, scratch, B);
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n; i++) {
            parts.V[row * n + i] = -w_bar[row * nz + n + i];
        }
    }
    tz_mass_solve(&tape.inverse, parts.V, parts.solve, self->eps_start, n, B);
    tz_mass_vjp(&tape.inverse, parts.A_bar, self->mass->ld_out, NULL, 0, parts.V, NULL, n, B);
    tz_mlp_backward(self->mass, NULL, 0, grad, &tape.mass, parts.network, parts.A_bar, B);
}

void tz_canonical_decode_vjp(const tz_learned *learned, tz_real *w_bar, tz_real *grad,
                             tz_real *tape_block, tz_real *scratch, const tz_real *z_bar, int B) {
    const tz_canonical *self = (const tz_canonical *)learned;
    const tz_mlp *mass = self->mass;
    const int n = learned->model.nq, nz = 2 * n;
    const map_tape tape = take_tape(learned, tape_block, B);
    const map_scratch parts = take_scratch(learned, scratch, B);
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n; i++) {
            w_bar[row * nz + i] += self->s_q[i] * z_bar[row * nz + i];
            parts.V[row * n + i] = self->s_q[i] * z_bar[row * nz + n + i];
        }
    }
    tz_mass_vjp(&tape.inverse, parts.A_bar, mass->ld_out, w_bar + n, nz, parts.V, NULL, n, B);
    tz_mlp_backward(mass, parts.xi_bar, mass->n_in, grad, &tape.mass, parts.network, parts.A_bar,
                    B);
    tz_canonical_pull_back(self, w_bar, 1.0f, parts.xi_bar, tape.mass.xi, mass->ld_in, B);
}
