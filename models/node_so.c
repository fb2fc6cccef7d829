// NODE+SO (spec: docs/models.md): one network for the acceleration. In the trapezoid form positions
// move by the mean of the velocities before and after an Euler substep h; in the direct form they
// follow the velocity, and any integrator serves:
//
//     dv/dt = s_out * mlp(xi) + o_out
//     dq/dt = v + (h/2) dv/dt                = (v + (v + h dv/dt)) / 2      node-so
//     dq/dt = v                                                             node-so-direct
//
// with xi = ([z, u] - mean) / std without masked columns, and s_out, o_out the standard deviation
// and mean of (v[t+1] - v[t]) / dt in the training data; where a range limit b is set, dv/dt is
// b tanh of this / b. A quaternion among the positions moves by
// the exponential of its mean angular velocity (rotation.h); node-so-naive moves it by the
// derivative alone, for comparison.
#include "models/learned.h"
#include "models/rotation.h"

#include <string.h>

enum { QUATERNIONS_MAX = TZ_NQ_MAX / 4 };

typedef struct node_so {
    tz_learned learned; // must be first
    bool is_trapezoid;  // else direct
    bool is_naive;      // quaternions
    // which velocity belongs to a position that is not in a quaternion, and to a quaternion (the
    // first of each)
    int n_plain, plain_q[TZ_NQ_MAX], plain_v[TZ_NQ_MAX];                       // (n_plain)
    int n_rotations, rotation_q[QUATERNIONS_MAX], rotation_v[QUATERNIONS_MAX]; // (n_rotations)
} node_so;

// h/2 in the trapezoid form, 0 in the direct one.
static tz_real half_step(const node_so *self) {
    return self->is_trapezoid ? 0.5f * self->learned.substep_s : 0.0f;
}

// Pairs positions with velocities, in order.
static void pair_velocities(node_so *self) {
    const tz_learned *learned = &self->learned;
    int v = 0;
    for (int q = 0; q < learned->model.nq; v++) {
        if (learned->input_form[q] == TZ_INPUT_QUATERNION) {
            self->rotation_q[self->n_rotations] = q;
            self->rotation_v[self->n_rotations++] = v;
            q += 4;
            v += 2;
        } else {
            self->plain_q[self->n_plain] = q++;
            self->plain_v[self->n_plain++] = v;
        }
    }
}

static tz_status set_up(tz_learned *self, tz_error *error) {
    const tz_model *model = &self->model;
    if (model->nq != model->nv + model->n_quaternions) {
        return tz_fail(
            error, TZ_ERR_UNSUPPORTED,
            "kind %s needs a velocity for each position and three for a quaternion, this "
            "task has nq %d, with %d quaternions, and nv %d",
            model->ops->kind, model->nq, model->n_quaternions, model->nv);
    }
    pair_velocities((node_so *)self);
    return tz_learned_add_network(self, "mlp", TZ_NETWORK_OUTPUT, self->n_in, model->nv, error);
}

static tz_status setup_trapezoid(tz_learned *self, tz_error *error) {
    ((node_so *)self)->is_trapezoid = true;
    return set_up(self, error);
}

static tz_status setup_naive(tz_learned *self, tz_error *error) {
    ((node_so *)self)->is_naive = true;
    return setup_trapezoid(self, error);
}

static tz_status setup_direct(tz_learned *self, tz_error *error) {
    TZ_CHECK(tz_learned_require_square(self, error));
    return set_up(self, error);
}

// A rotation on the tape: its quaternion and mean angular velocity.
enum { ROTATION_SIZE = 7 };

// A range limit leaves its slopes behind the activations.
static size_t n_slopes(const tz_learned *self, int B) {
    return self->rate_limit != NULL ? (size_t)(B * self->model.nv) : 0;
}

static size_t tape_size(const tz_learned *self, int B) {
    return tz_mlp_tape_size(&self->network[0], B) + tz_round_line(n_slopes(self, B)) +
           (size_t)(((const node_so *)self)->n_rotations * B * ROTATION_SIZE);
}

static size_t scratch_size(const tz_learned *self, int B) {
    const tz_mlp *mlp = &self->network[0];
    return (size_t)B * (size_t)(mlp->ld_out + mlp->ld_in) + tz_mlp_scratch_size(mlp, B);
}

static void forward(const tz_learned *self, tz_real *dz, tz_real *tape, tz_real *scratch,
                    const tz_real *z, const tz_real *u, int B) {
    const node_so *so = (const node_so *)self;
    const tz_mlp *mlp = &self->network[0];
    const int nq = self->model.nq, nv = self->model.nv, nz = nq + nv;
    const tz_real *s_out = self->rate_std + nq, *o_out = self->rate_mean + nq; // (nv)
    const tz_real half_h = half_step(so);
    const tz_mlp_tape activations = tz_mlp_tape_take(mlp, &tape, B);
    tz_real *slope = tz_take(&tape, n_slopes(self, B));                // (B, nv)
    tz_real *rotation = tape;                                          // (B, n_rotations, 7)
    tz_real *out = tz_take(&scratch, (size_t)B * (size_t)mlp->ld_out); // (B, ld_out)

    tz_learned_read_inputs(self, activations.xi, mlp->ld_in, z, u, B);
    tz_mlp_forward(mlp, out, &activations, B);
    for (int row = 0; row < B; row++) {
        const tz_real *q = z + row * nz, *v = q + nq; // (nq), (nv)
        tz_real *dq = dz + row * nz, *dv = dq + nq;   // (nq), (nv)
        for (int i = 0; i < nv; i++) {
            dv[i] = s_out[i] * out[row * mlp->ld_out + i] + o_out[i];
        }
        if (self->rate_limit != NULL) {
            tz_learned_limit(dv, slope + row * nv, self->rate_limit + nq, nv);
        }
        for (int i = 0; i < so->n_plain; i++) {
            const int at = so->plain_v[i];
            dq[so->plain_q[i]] = v[at] + half_h * dv[at];
        }
        for (int r = 0; r < so->n_rotations; r++, rotation += ROTATION_SIZE) {
            const int at = so->rotation_v[r];
            tz_real *omega = rotation + 4; // mean over the step
            memcpy(rotation, q + so->rotation_q[r], 4 * sizeof *q);
            for (int i = 0; i < 3; i++) {
                omega[i] = v[at + i] + half_h * dv[at + i];
            }
            tz_rotation_rate(dq + so->rotation_q[r], rotation, omega, self->substep_s,
                             so->is_naive);
        }
    }
}

// With lambda = (lambda_q, lambda_v) and lambda_mean the adjoint of the mean velocity (lambda_q, or
// that of omega): dv_bar = lambda_v + (h/2) lambda_mean, v_bar += lambda_mean.
static void backward(const tz_learned *self, tz_real *z_bar, tz_real *u_bar, tz_real *grad,
                     tz_real *tape, tz_real *scratch, const tz_real *lambda, int B) {
    const node_so *so = (const node_so *)self;
    const tz_mlp *mlp = &self->network[0];
    const int nq = self->model.nq, nv = self->model.nv, nz = nq + nv;
    const tz_real *s_out = self->rate_std + nq; // (nv)
    const tz_real half_h = half_step(so);
    const tz_mlp_tape activations = tz_mlp_tape_take(mlp, &tape, B);
    const tz_real *slope = tz_take(&tape, n_slopes(self, B));              // (B, nv)
    const tz_real *rotation = tape;                                        // (B, n_rotations, 7)
    tz_real *out_bar = tz_take(&scratch, (size_t)B * (size_t)mlp->ld_out); // (B, ld_out)
    tz_real *xi_bar = tz_take(&scratch, (size_t)B * (size_t)mlp->ld_in);   // (B, ld_in)

    for (int row = 0; row < B; row++) {
        const tz_real *lambda_q = lambda + row * nz, *lambda_v = lambda_q + nq; // (nq), (nv)
        tz_real *q_bar = z_bar + row * nz, *v_bar = q_bar + nq;                 // (nq), (nv)
        tz_real *dv_bar = out_bar + row * mlp->ld_out;                          // (nv)
        for (int i = 0; i < so->n_plain; i++) {
            const int at = so->plain_v[i];
            const tz_real mean = lambda_q[so->plain_q[i]];
            dv_bar[at] = s_out[at] * (lambda_v[at] + half_h * mean);
            v_bar[at] += mean;
        }
        for (int r = 0; r < so->n_rotations; r++, rotation += ROTATION_SIZE) {
            tz_real mean[3];
            tz_rotation_rate_vjp(q_bar + so->rotation_q[r], mean, rotation, rotation + 4,
                                 lambda_q + so->rotation_q[r], self->substep_s, so->is_naive);
            for (int i = 0; i < 3; i++) {
                const int at = so->rotation_v[r] + i;
                dv_bar[at] = s_out[at] * (lambda_v[at] + half_h * mean[i]);
                v_bar[at] += mean[i];
            }
        }
        for (int i = 0; self->rate_limit != NULL && i < nv; i++) {
            dv_bar[i] *= slope[row * nv + i];
        }
    }
    tz_mlp_backward(mlp, xi_bar, tz_learned_n_inputs_bar(self, u_bar), grad, &activations, scratch,
                    out_bar, B);
    tz_learned_read_inputs_vjp(self, z_bar, u_bar, xi_bar, activations.xi, mlp->ld_in, B);
}

#define NODE_SO_KIND(name, setup_function, euler_only)                                             \
    {                                                                                              \
        .ops = TZ_LEARNED_OPS(name), .size = sizeof(node_so), .is_euler_only = euler_only,         \
        .is_rate = true, .setup = setup_function, .tape_size = tape_size,                          \
        .scratch_size = scratch_size, .forward = forward, .backward = backward,                    \
    }

const tz_learned_kind tz_kind_node_so = NODE_SO_KIND("node-so", setup_trapezoid, true);
const tz_learned_kind tz_kind_node_so_naive = NODE_SO_KIND("node-so-naive", setup_naive, true);
const tz_learned_kind tz_kind_node_so_direct = NODE_SO_KIND("node-so-direct", setup_direct, false);
