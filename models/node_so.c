// NODE+SO (spec: docs/models.md): one network for the acceleration. In the trapezoid form positions
// move by the mean of the velocities before and after an Euler substep h; in the direct form they
// follow the velocity, and any integrator serves:
//
//     dv/dt = s_out * mlp(xi) + o_out
//     dq/dt = v + (h/2) dv/dt                = (v + (v + h dv/dt)) / 2      node-so
//     dq/dt = v                                                             node-so-direct
//
// with xi = ([z, u] - mean) / std without masked columns, and s_out, o_out the standard deviation
// and mean of (v[t+1] - v[t]) / dt in the training data. Letters: n = nq = nv.
#include "models/learned.h"

typedef struct node_so {
    tz_learned learned; // must be first
    bool is_trapezoid;  // else direct
} node_so;

// h/2 in the trapezoid form, 0 in the direct one.
static tz_real half_step(const node_so *self) {
    return self->is_trapezoid ? 0.5f * self->learned.substep_s : 0.0f;
}

static tz_status setup_direct(tz_learned *self, tz_error *error) {
    TZ_CHECK(tz_learned_require_square(self, error));
    return tz_learned_add_network(self, "mlp", self->n_in, self->model.nv, error);
}

static tz_status setup_trapezoid(tz_learned *self, tz_error *error) {
    ((node_so *)self)->is_trapezoid = true;
    return setup_direct(self, error);
}

static size_t tape_size(const tz_learned *self, int B) {
    return tz_mlp_tape_size(&self->network[0], B);
}

static size_t scratch_size(const tz_learned *self, int B) {
    const tz_mlp *mlp = &self->network[0];
    return (size_t)B * (size_t)(mlp->ld_out + mlp->ld_in) + tz_mlp_scratch_size(mlp, B);
}

static void forward(const tz_learned *self, tz_real *dz, tz_real *tape, tz_real *scratch,
                    const tz_real *z, const tz_real *u, int B) {
    const tz_mlp *mlp = &self->network[0];
    const int n = self->model.nv;
    const tz_real *s_out = self->rate_std + n, *o_out = self->rate_mean + n; // (n)
    const tz_real half_h = half_step((const node_so *)self);
    const tz_mlp_tape activations = tz_mlp_tape_take(mlp, &tape, B);
    tz_real *out = tz_take(&scratch, (size_t)B * (size_t)mlp->ld_out); // (B, ld_out)

    tz_learned_read_inputs(self, activations.xi, mlp->ld_in, z, u, B);
    tz_mlp_forward(mlp, out, &activations, B);
    for (int row = 0; row < B; row++) {
        const tz_real *v = z + row * 2 * n + n; // (n)
        tz_real *dq = dz + row * 2 * n;         // (n)
        tz_real *dv = dq + n;                   // (n)
        for (int i = 0; i < n; i++) {
            dv[i] = s_out[i] * out[row * mlp->ld_out + i] + o_out[i];
            dq[i] = v[i] + half_h * dv[i];
        }
    }
}

// With lambda = (lambda_q, lambda_v): dv_bar = lambda_v + (h/2) lambda_q, v_bar += lambda_q.
static void backward(const tz_learned *self, tz_real *z_bar, tz_real *u_bar, tz_real *grad,
                     tz_real *tape, tz_real *scratch, const tz_real *lambda, int B) {
    const tz_mlp *mlp = &self->network[0];
    const int n = self->model.nv;
    const tz_real *s_out = self->rate_std + n; // (n)
    const tz_real half_h = half_step((const node_so *)self);
    const tz_mlp_tape activations = tz_mlp_tape_take(mlp, &tape, B);
    tz_real *out_bar = tz_take(&scratch, (size_t)B * (size_t)mlp->ld_out); // (B, ld_out)
    tz_real *xi_bar = tz_take(&scratch, (size_t)B * (size_t)mlp->ld_in);   // (B, ld_in)

    for (int row = 0; row < B; row++) {
        const tz_real *lambda_q = lambda + row * 2 * n; // (n)
        const tz_real *lambda_v = lambda_q + n;         // (n)
        for (int i = 0; i < n; i++) {
            out_bar[row * mlp->ld_out + i] = s_out[i] * (lambda_v[i] + half_h * lambda_q[i]);
            z_bar[row * 2 * n + n + i] += lambda_q[i];
        }
    }
    tz_mlp_backward(mlp, xi_bar, grad, &activations, scratch, out_bar, B);
    tz_learned_read_inputs_vjp(self, z_bar, u_bar, xi_bar, activations.xi, mlp->ld_in, B);
}

const tz_learned_kind tz_kind_node_so = {
    .ops = TZ_LEARNED_OPS("node-so"),
    .size = sizeof(node_so),
    .is_euler_only = true,
    .setup = setup_trapezoid,
    .tape_size = tape_size,
    .scratch_size = scratch_size,
    .forward = forward,
    .backward = backward,
};

const tz_learned_kind tz_kind_node_so_direct = {
    .ops = TZ_LEARNED_OPS("node-so-direct"),
    .size = sizeof(node_so),
    .setup = setup_direct,
    .tape_size = tape_size,
    .scratch_size = scratch_size,
    .forward = forward,
    .backward = backward,
};
