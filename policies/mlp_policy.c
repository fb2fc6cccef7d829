// A squashed Gaussian actor from a file: observation layout, hidden layers of ReLU units, a head
// with mu and log sigma, tanh, control range.
#include "base/activation.h"
#include "base/blas.h"
#include "base/memory.h"
#include "policies/policy_ops.h"
#include "policies/squashed.h"

static tz_status workspace_create(tz_policy_workspace *workspace, const tz_policy *policy,
                                  tz_error *error) {
    const tz_actor *actor = &policy->actor;
    const size_t B = (size_t)workspace->max_batch, nu = (size_t)policy->task.nu;
    const size_t D = (size_t)actor->layout.n;
    size_t widest = 0;
    for (int layer = 0; layer < actor->n_layers - 1; layer++) {
        const size_t units = (size_t)actor->n_out[layer];
        widest = units > widest ? units : widest;
    }
    float *block = workspace->block = tz_alloc(B, (D + 2 * widest + 4 * nu) * sizeof(float));
    if (block == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: policy '%s' for %zu states at once",
                       policy->name, B);
    }
    workspace->x = block;
    workspace->hidden[0] = workspace->x + B * D;
    workspace->hidden[1] = workspace->hidden[0] + B * widest;
    workspace->head = workspace->hidden[1] + B * widest;
    workspace->noise = workspace->head + B * 2 * nu;
    workspace->a = workspace->noise + B * nu;
    tz_blas_init();
    return TZ_OK;
}

// x (B, D) <- observations of z (B, nz), in float.
static void observe(const tz_actor *actor, float *x, const double *z, int nz, int B) {
    for (int b = 0; b < B; b++) {
        double o[TZ_OBSERVATION_MAX];
        tz_observation_gather(&actor->layout, o, z + (size_t)b * (size_t)nz);
        for (int i = 0; i < actor->layout.n; i++) {
            x[(size_t)b * (size_t)actor->layout.n + (size_t)i] = (float)o[i];
        }
    }
}

// head (B, 2 nu) from x (B, D)
static void forward(const tz_actor *actor, tz_policy_workspace *workspace, int B) {
    const float *input = workspace->x;
    const int last = actor->n_layers - 1;
    for (int layer = 0; layer <= last; layer++) {
        const int n_in = tz_actor_n_in(actor, layer), n_out = actor->n_out[layer];
        float *output = layer == last ? workspace->head : workspace->hidden[layer % 2];
        // output (B, n_out) = input (B, n_in) W (n_in, n_out) + b
        tz_gemm_nn(output, input, actor->W[layer], B, n_out, n_in, n_in, n_out, n_out, 0.0f);
        if (layer == last) {
            tz_bias_f32(output, actor->b[layer], B, n_out, n_out);
        } else {
            tz_bias_relu_f32(output, actor->b[layer], B, n_out, n_out);
        }
        input = output;
    }
}

static void act(const tz_policy *policy, tz_policy_workspace *workspace, float *u, const double *z,
                tz_rng *rng, int B) {
    const tz_actor *actor = &policy->actor;
    const int nu = policy->task.nu;
    observe(actor, workspace->x, z, tz_task_nz(&policy->task), B);
    forward(actor, workspace, B);
    for (int b = 0; rng != NULL && b < B; b++) {
        tz_rng_fill_normal_f32(&rng[b], workspace->noise + (size_t)b * (size_t)nu, (size_t)nu);
    }
    tz_squashed_action(workspace->a, workspace->head, rng == NULL ? NULL : workspace->noise, B, nu);
    for (int b = 0; b < B; b++) {
        const size_t row = (size_t)b * (size_t)nu;
        tz_squashed_to_control(u + row, workspace->a + row, actor->control_low, actor->control_high,
                               nu);
    }
}

const tz_policy_ops tz_policy_mlp = {
    .name = "mlp", .workspace_create = workspace_create, .act = act};
