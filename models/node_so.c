// NODE+SO (spec: docs/models.md): one network for the acceleration; positions move by the
// trapezoid of the velocities before and after an Euler substep h,
//
//     dv/dt = s_out * mlp(xi) + o_out
//     dq/dt = v + (h/2) dv/dt                = (v + (v + h dv/dt)) / 2
//
// with xi = ([z, u] - mean) / std without masked columns, and s_out, o_out the standard deviation
// and mean of (v[t+1] - v[t]) / dt in the training data. Letters: n = nq = nv.
#include "models/learned.h"

static tz_status setup(tz_learned *self, tz_error *error) {
    return tz_learned_add_network(self, "mlp", self->n_in, self->model.nv, error);
}

static size_t tape_size(const tz_learned *self, int B) {
    return tz_mlp_tape_size(&self->network[0], B);
}

static size_t scratch_size(const tz_learned *self, int B) {
    const tz_mlp *mlp = &self->network[0];
    return (size_t)B * (size_t)(mlp->ld_out + mlp->ld_in) + tz_mlp_scratch_size(mlp, B);
}

static void forward(const tz_learned *self, float *dz, float *tape, float *scratch, const float *z,
                    const float *u, int B) {
    const tz_mlp *mlp = &self->network[0];
    const int n = self->model.nv;
    const float *s_out = self->rate_std + n, *o_out = self->rate_mean + n; // (n)
    const float half_h = 0.5f * self->substep_s;
    const tz_mlp_tape activations = tz_mlp_tape_take(mlp, &tape, B);
    float *out = tz_take(&scratch, (size_t)B * (size_t)mlp->ld_out); // (B, ld_out)

    tz_learned_normalise(self, activations.xi, mlp->ld_in, z, u, B);
    tz_mlp_forward(mlp, out, &activations, B);
    for (int row = 0; row < B; row++) {
        const float *v = z + row * 2 * n + n; // (n)
        float *dq = dz + row * 2 * n;         // (n)
        float *dv = dq + n;                   // (n)
        for (int i = 0; i < n; i++) {
            dv[i] = s_out[i] * out[row * mlp->ld_out + i] + o_out[i];
            dq[i] = v[i] + half_h * dv[i];
        }
    }
}

// With lambda = (lambda_q, lambda_v): dv_bar = lambda_v + (h/2) lambda_q, v_bar += lambda_q.
static void backward(const tz_learned *self, float *z_bar, float *u_bar, float *grad, float *tape,
                     float *scratch, const float *lambda, int B) {
    const tz_mlp *mlp = &self->network[0];
    const int n = self->model.nv;
    const float *s_out = self->rate_std + n; // (n)
    const float half_h = 0.5f * self->substep_s;
    const tz_mlp_tape activations = tz_mlp_tape_take(mlp, &tape, B);
    float *out_bar = tz_take(&scratch, (size_t)B * (size_t)mlp->ld_out); // (B, ld_out)
    float *xi_bar = tz_take(&scratch, (size_t)B * (size_t)mlp->ld_in);   // (B, ld_in)

    for (int row = 0; row < B; row++) {
        const float *lambda_q = lambda + row * 2 * n; // (n)
        const float *lambda_v = lambda_q + n;         // (n)
        for (int i = 0; i < n; i++) {
            out_bar[row * mlp->ld_out + i] = s_out[i] * (lambda_v[i] + half_h * lambda_q[i]);
            z_bar[row * 2 * n + n + i] += lambda_q[i];
        }
    }
    tz_mlp_backward(mlp, xi_bar, grad, &activations, scratch, out_bar, B);
    tz_learned_normalise_vjp(self, z_bar, u_bar, xi_bar, mlp->ld_in, B);
}

const tz_learned_kind tz_kind_node_so = {
    .ops =
        {
            .kind = "node-so",
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
