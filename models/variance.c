// With o_i(xi) the outputs of the network, in the unit of a transition's typical change,
//
//     l_i = C tanh(o_i / C),   V_i[t+1] = V_i[t] + g_i exp(l_i),   g_i = (sigma_r_i dt)^2,   V[0] =
//     0
//
// The bound C keeps a standard deviation within exp(+-C/2) of the unit, far from the data too,
// where PETS bounds its log-variances as well (Chua, Calandra, McAllister, Levine, "Deep
// reinforcement learning in a handful of trials using probabilistic dynamics models", NeurIPS 2018,
// appendix A.1). Errors of consecutive transitions count as independent, and are not carried
// through the field. Backward: o_bar_i = V_bar_i g_i exp(l_i) (1 - (l_i / C)^2).
#include "models/variance.h"

#include <tgmath.h>

static const tz_real C = 10.0f;

// What both functions take from the scratch.
typedef struct parts {
    tz_mlp_tape tape;
    tz_real *out; // outputs, then their adjoints                              (B, ld_out)
    tz_real *network;
} parts;

static const tz_mlp *network_of(const tz_learned *self) {
    return &self->network[self->n_networks - 1];
}

static parts take_parts(const tz_learned *self, tz_real *scratch, int B) {
    const tz_mlp *mlp = network_of(self);
    parts p;
    p.tape = tz_mlp_tape_take(mlp, &scratch, B);
    p.out = tz_take(&scratch, (size_t)B * (size_t)mlp->ld_out);
    p.network = scratch;
    return p;
}

size_t tz_variance_scratch_size(const tz_learned *self, int B) {
    const tz_mlp *mlp = network_of(self);
    return tz_mlp_tape_size(mlp, B) + (size_t)B * (size_t)mlp->ld_out + tz_mlp_scratch_size(mlp, B);
}

// The outputs at (z, u), bounded: l (B, ld_out).
static void log_variances(const tz_learned *self, const parts *p, const tz_real *z,
                          const tz_real *u, int B) {
    const tz_mlp *mlp = network_of(self);
    const int nz = tz_model_nz(&self->model);
    tz_learned_read_inputs(self, p->tape.xi, mlp->ld_in, z, u, B);
    tz_mlp_forward(mlp, p->out, &p->tape, B);
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < nz; i++) {
            tz_real *o = &p->out[row * mlp->ld_out + i];
            *o = C * tanh(*o / C);
        }
    }
}

// The unit g of component i.
static tz_real unit(const tz_learned *self, int i) {
    const tz_real change = self->rate_std[i] * (tz_real)self->model.dt_s;
    return change * change;
}

void tz_variance_add(const tz_learned *self, tz_real *V_next, const tz_real *V, tz_real *scratch,
                     const tz_real *z, const tz_real *u, int B) {
    const int nz = tz_model_nz(&self->model), ld = network_of(self)->ld_out;
    const parts p = take_parts(self, scratch, B);
    log_variances(self, &p, z, u, B);
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < nz; i++) {
            V_next[row * nz + i] = V[row * nz + i] + unit(self, i) * exp(p.out[row * ld + i]);
        }
    }
}

void tz_variance_add_vjp(const tz_learned *self, tz_real *grad, tz_real *scratch,
                         const tz_real *V_bar, const tz_real *z, const tz_real *u, int B) {
    const int nz = tz_model_nz(&self->model), ld = network_of(self)->ld_out;
    const parts p = take_parts(self, scratch, B);
    log_variances(self, &p, z, u, B);
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < nz; i++) {
            tz_real *o = &p.out[row * ld + i];
            const tz_real share = *o / C;
            *o = V_bar[row * nz + i] * unit(self, i) * exp(*o) * (1.0f - share * share);
        }
    }
    tz_mlp_backward(network_of(self), NULL, 0, grad, &p.tape, p.network, p.out, B);
}
