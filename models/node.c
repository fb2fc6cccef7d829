// NODE (spec: docs/models.md): one network for the whole derivative,
//
//     dz/dt = s_out * mlp(xi) + o_out,   xi = ([z, u] - mean) / std without masked columns
//
// (or b tanh of it / b, where a range limit b is set) with s_out, o_out the standard deviation and
// mean of (z[t+1] - z[t]) / dt in the training data; and the discrete delta network, z' = z + dt
// dz/dt of the same field.
#include "models/learned.h"

static tz_status setup(tz_learned *self, tz_error *error) {
    return tz_learned_add_network(self, "mlp", TZ_NETWORK_OUTPUT, self->n_in,
                                  tz_model_nz(&self->model), error);
}

// A range limit leaves its slopes behind the activations.
static size_t n_slopes(const tz_learned *self, int B) {
    return self->rate_limit != NULL ? (size_t)(B * tz_model_nz(&self->model)) : 0;
}

static size_t tape_size(const tz_learned *self, int B) {
    return tz_mlp_tape_size(&self->network[0], B) + tz_round_line(n_slopes(self, B));
}

// out and its adjoint take turns in one place, as do xi and its adjoint.
static size_t scratch_size(const tz_learned *self, int B) {
    const tz_mlp *mlp = &self->network[0];
    return (size_t)B * (size_t)(mlp->ld_out + mlp->ld_in) + tz_mlp_scratch_size(mlp, B);
}

static void forward(const tz_learned *self, tz_real *dz, tz_real *tape, tz_real *scratch,
                    const tz_real *z, const tz_real *u, int B) {
    const tz_mlp *mlp = &self->network[0];
    const int nz = tz_model_nz(&self->model);
    const tz_mlp_tape activations = tz_mlp_tape_take(mlp, &tape, B);
    tz_real *slope = tz_take(&tape, n_slopes(self, B));                // (B, nz)
    tz_real *out = tz_take(&scratch, (size_t)B * (size_t)mlp->ld_out); // (B, ld_out)

    tz_learned_read_inputs(self, activations.xi, mlp->ld_in, z, u, B);
    tz_mlp_forward(mlp, out, &activations, B);
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < nz; i++) {
            dz[row * nz + i] = self->rate_std[i] * out[row * mlp->ld_out + i] + self->rate_mean[i];
        }
        if (self->rate_limit != NULL) {
            tz_learned_limit(dz + row * nz, slope + row * nz, self->rate_limit, nz);
        }
    }
}

static void backward(const tz_learned *self, tz_real *z_bar, tz_real *u_bar, tz_real *grad,
                     tz_real *tape, tz_real *scratch, const tz_real *lambda, int B) {
    const tz_mlp *mlp = &self->network[0];
    const int nz = tz_model_nz(&self->model);
    const tz_mlp_tape activations = tz_mlp_tape_take(mlp, &tape, B);
    const tz_real *slope = tz_take(&tape, n_slopes(self, B));              // (B, nz)
    tz_real *out_bar = tz_take(&scratch, (size_t)B * (size_t)mlp->ld_out); // (B, ld_out)
    tz_real *xi_bar = tz_take(&scratch, (size_t)B * (size_t)mlp->ld_in);   // (B, ld_in)

    for (int row = 0; row < B; row++) {
        for (int i = 0; i < nz; i++) {
            out_bar[row * mlp->ld_out + i] = self->rate_std[i] * lambda[row * nz + i];
        }
        for (int i = 0; self->rate_limit != NULL && i < nz; i++) {
            out_bar[row * mlp->ld_out + i] *= slope[row * nz + i];
        }
    }
    tz_mlp_backward(mlp, xi_bar, tz_learned_n_inputs_bar(self, u_bar), grad, &activations, scratch,
                    out_bar, B);
    tz_learned_read_inputs_vjp(self, z_bar, u_bar, xi_bar, activations.xi, mlp->ld_in, B);
}

const tz_learned_kind tz_kind_node = {
    .ops = TZ_LEARNED_OPS("node"),
    .size = sizeof(tz_learned),
    .is_rate = true,
    .setup = setup,
    .tape_size = tape_size,
    .scratch_size = scratch_size,
    .forward = forward,
    .backward = backward,
};

// ---- delta: one Euler step of the same field per transition

const tz_learned_kind tz_kind_delta = {
    .ops = TZ_LEARNED_OPS("delta"),
    .size = sizeof(tz_learned),
    .one_euler_step = true,
    .is_rate = true,
    .setup = setup,
    .tape_size = tape_size,
    .scratch_size = scratch_size,
    .forward = forward,
    .backward = backward,
};
