// NODE (spec: docs/models.md): one network for the whole derivative,
//
//     dz/dt = s_out * mlp(xi) + o_out,   xi = ([z, u] - mean) / std without masked columns
//
// with s_out, o_out the standard deviation and mean of (z[t+1] - z[t]) / dt in the training data.
#include "models/learned.h"

static tz_status setup(tz_learned *self, tz_error *error) {
    return tz_learned_add_network(self, "mlp", self->n_in, tz_model_nz(&self->model), error);
}

static size_t tape_size(const tz_learned *self, int B) {
    return tz_mlp_tape_size(&self->network[0], B);
}

// out and its adjoint take turns in one place, as do xi and its adjoint.
static size_t scratch_size(const tz_learned *self, int B) {
    const tz_mlp *mlp = &self->network[0];
    return (size_t)B * (size_t)(mlp->ld_out + mlp->ld_in) + tz_mlp_scratch_size(mlp, B);
}

static void forward(const tz_learned *self, float *dz, float *tape, float *scratch, const float *z,
                    const float *u, int B) {
    const tz_mlp *mlp = &self->network[0];
    const int nz = tz_model_nz(&self->model);
    const tz_mlp_tape activations = tz_mlp_tape_take(mlp, &tape, B);
    float *out = tz_take(&scratch, (size_t)B * (size_t)mlp->ld_out); // (B, ld_out)

    tz_learned_normalise(self, activations.xi, mlp->ld_in, z, u, B);
    tz_mlp_forward(mlp, out, &activations, B);
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < nz; i++) {
            dz[row * nz + i] = self->rate_std[i] * out[row * mlp->ld_out + i] + self->rate_mean[i];
        }
    }
}

static void backward(const tz_learned *self, float *z_bar, float *u_bar, float *grad, float *tape,
                     float *scratch, const float *lambda, int B) {
    const tz_mlp *mlp = &self->network[0];
    const int nz = tz_model_nz(&self->model);
    const tz_mlp_tape activations = tz_mlp_tape_take(mlp, &tape, B);
    float *out_bar = tz_take(&scratch, (size_t)B * (size_t)mlp->ld_out); // (B, ld_out)
    float *xi_bar = tz_take(&scratch, (size_t)B * (size_t)mlp->ld_in);   // (B, ld_in)

    for (int row = 0; row < B; row++) {
        for (int i = 0; i < nz; i++) {
            out_bar[row * mlp->ld_out + i] = self->rate_std[i] * lambda[row * nz + i];
        }
    }
    tz_mlp_backward(mlp, xi_bar, grad, &activations, scratch, out_bar, B);
    tz_learned_normalise_vjp(self, z_bar, u_bar, xi_bar, mlp->ld_in, B);
}

const tz_learned_kind tz_kind_node = {
    .ops =
        {
            .kind = "node",
            .destroy = tz_learned_destroy,
            .workspace_create = tz_learned_workspace_create,
            .workspace_destroy = tz_learned_workspace_destroy,
            .rollout = tz_learned_rollout,
            .prepare = tz_learned_prepare,
            .field = tz_learned_field,
            .field_vjp = tz_learned_field_vjp,
            .rollout_vjp = tz_learned_rollout_vjp,
        },
    .size = sizeof(tz_learned),
    .setup = setup,
    .tape_size = tape_size,
    .scratch_size = scratch_size,
    .forward = forward,
    .backward = backward,
};
