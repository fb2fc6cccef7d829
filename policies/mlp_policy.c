// A network from a file as a policy (policies/actor.h): observation, normaliser, network, and the
// way from its head to a control.
#include "base/activation.h"
#include "base/blas.h"
#include "base/memory.h"
#include "policies/policy_ops.h"
#include "policies/squashed.h"

#include <math.h>

static tz_status workspace_create(tz_policy_workspace *workspace, const tz_policy *policy,
                                  tz_error *error) {
    const tz_actor *actor = &policy->actor;
    const size_t B = (size_t)workspace->max_batch, nu = (size_t)policy->task.nu;
    const size_t D = (size_t)actor->net.n_in, widest = (size_t)tz_network_widest(&actor->net);
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

void tz_actor_observe(const tz_actor *actor, float *x, const double *source) {
    const tz_normaliser *normaliser = &actor->normaliser;
    double o[TZ_OBSERVATION_MAX];
    tz_observation_gather(&actor->layout, o, source);
    for (int i = 0; i < normaliser->n; i++) {
        const double clip = normaliser->clip;
        const double y =
            (o[i] - normaliser->mean[i]) / sqrt(normaliser->var[i] + normaliser->epsilon);
        o[i] = y < -clip ? -clip : y > clip ? clip : y;
    }
    for (int i = 0; i < actor->net.n_in; i++) {
        x[i] = (float)o[i];
    }
}

// l (nu) becomes log sigma.
static void bound_sigma(float *l, tz_actor_sigma rule, int nu) {
    if (rule == TZ_ACTOR_SIGMA_TANH) {
        tz_tanh_f32(l, l, (size_t)nu);
    }
    for (int j = 0; j < nu; j++) {
        l[j] = rule == TZ_ACTOR_SIGMA_TANH    ? -5.0f + 3.5f * (l[j] + 1.0f)
               : rule == TZ_ACTOR_SIGMA_CLAMP ? tz_clamp_log_std(l[j])
                                              : l[j];
    }
}

// mu <- mu + sigma e in the head [mu, l] (B, 2 nu); l is used up.
static void add_noise(float *head, tz_actor_sigma rule, const float *noise, int B, int nu) {
    for (int b = 0; b < B; b++) {
        float *mu = head + (size_t)(2 * b) * (size_t)nu, *sigma = mu + nu;
        const float *e = noise + (size_t)b * (size_t)nu;
        bound_sigma(sigma, rule, nu);
        tz_exp_f32(sigma, sigma, (size_t)nu);
        for (int j = 0; j < nu; j++) {
            mu[j] += sigma[j] * e[j];
        }
    }
}

// u (B, nu) <- mu, kept in the control range.
static void clipped_control(const tz_actor *actor, float *u, const float *head, int B, int nu) {
    for (int b = 0; b < B; b++) {
        const float *mu = head + (size_t)(2 * b) * (size_t)nu;
        for (int j = 0; j < nu; j++) {
            const float low = (float)actor->control_low[j], high = (float)actor->control_high[j];
            u[b * nu + j] = mu[j] < low ? low : mu[j] > high ? high : mu[j];
        }
    }
}

// u (B, nu) <- tanh(mu), stretched over the control range.
static void squashed_control(const tz_actor *actor, tz_policy_workspace *workspace, float *u, int B,
                             int nu) {
    tz_squashed_action(workspace->a, workspace->head, NULL, B, nu);
    for (int b = 0; b < B; b++) {
        const size_t row = (size_t)b * (size_t)nu;
        tz_squashed_to_control(u + row, workspace->a + row, actor->control_low, actor->control_high,
                               nu);
    }
}

static void act(const tz_policy *policy, tz_policy_workspace *workspace, float *u,
                const double *source, tz_rng *rng, int B) {
    const tz_actor *actor = &policy->actor;
    const int nu = policy->task.nu;
    for (int b = 0; b < B; b++) {
        tz_actor_observe(actor, workspace->x + (size_t)b * (size_t)actor->net.n_in,
                         source + (size_t)b * (size_t)tz_task_nz(&policy->task));
    }
    tz_network_forward(&actor->net, workspace->head, workspace->hidden, workspace->x, B);

    const bool is_noisy = rng != NULL && actor->sigma != TZ_ACTOR_SIGMA_NONE;
    for (int b = 0; is_noisy && b < B; b++) {
        tz_rng_fill_normal_f32(&rng[b], workspace->noise + (size_t)b * (size_t)nu, (size_t)nu);
    }
    if (is_noisy) {
        add_noise(workspace->head, actor->sigma, workspace->noise, B, nu);
    }
    switch (actor->output) {
    case TZ_ACTOR_SQUASHED:
        squashed_control(actor, workspace, u, B, nu);
        return;
    case TZ_ACTOR_CLIPPED:
        clipped_control(actor, u, workspace->head, B, nu);
        return;
    }
}

const tz_policy_ops tz_policy_mlp = {
    .name = "mlp", .workspace_create = workspace_create, .act = act};
