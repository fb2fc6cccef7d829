#include "policies/weights.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

enum { LAYER_MAX = 64, KEY_MAX = LAYER_MAX + 16 };

// How the layers of an actor are named by those who train them. `log_std` is a layer beside mu
// where names.beside is set, else a parameter (nu) or (1, nu), else absent. A tensor that begins
// with one of `owned` and is no part of the network belongs to a kind of actor that is not
// understood.
typedef struct scheme {
    const char *kind;
    const char *sign; // a tensor that tells it
    tz_layer_names names;
    const char *log_std;
    tz_activation activation;
    tz_actor_output output;
    tz_actor_sigma sigma;
    const char *owned[2];
} scheme;

static const scheme schemes[] = {
    {.kind = "Stable-Baselines3 SAC",
     .sign = "actor.mu.weight",
     .names = {"actor.latent_pi.", 0, 2, "actor.mu", "actor.log_std", true},
     .owned = {"actor."}},
    {.kind = "Stable-Baselines3 TD3",
     .sign = "actor.mu.0.weight",
     .names = {"actor.mu.", 0, 2, NULL, NULL, true},
     .sigma = TZ_ACTOR_SIGMA_NONE,
     .owned = {"actor."}},
    {.kind = "Stable-Baselines3 PPO",
     .sign = "action_net.weight",
     .names = {"mlp_extractor.policy_net.", 0, 2, "action_net", NULL, true},
     .log_std = "log_std",
     .activation = TZ_NETWORK_TANH,
     .output = TZ_ACTOR_CLIPPED,
     .sigma = TZ_ACTOR_SIGMA_FREE,
     .owned = {"mlp_extractor.policy_net.", "mlp_extractor.shared_net."}},
    {.kind = "CleanRL SAC",
     .sign = "fc_mean.weight",
     .names = {"fc", 1, 1, "fc_mean", "fc_logstd", true},
     .sigma = TZ_ACTOR_SIGMA_TANH,
     .owned = {"fc"}},
    {.kind = "CleanRL TD3",
     .sign = "fc_mu.weight",
     .names = {"fc", 1, 1, "fc_mu", NULL, true},
     .sigma = TZ_ACTOR_SIGMA_NONE,
     .owned = {"fc"}},
    {.kind = "CleanRL PPO",
     .sign = "actor_mean.0.weight",
     .names = {"actor_mean.", 0, 2, NULL, NULL, true},
     .log_std = "actor_logstd",
     .activation = TZ_NETWORK_TANH,
     .output = TZ_ACTOR_CLIPPED,
     .sigma = TZ_ACTOR_SIGMA_FREE,
     .owned = {"actor_mean."}},
};

const tz_tensor *tz_weights_find(const tz_weights *weights, const char *name) {
    for (int i = 0; i < weights->n; i++) {
        if (strcmp(weights->tensors[i].name, name) == 0) {
            return &weights->tensors[i];
        }
    }
    return NULL;
}

tz_status tz_weights_list(tz_weights *weights, tz_tensor **tensors, const tz_safetensors *file,
                          tz_error *error) {
    const int n = tz_safetensors_count(file);
    *tensors = tz_alloc((size_t)n + 1, sizeof **tensors);
    if (*tensors == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: out of memory while reading",
                       tz_safetensors_path(file));
    }
    for (int i = 0; i < n; i++) {
        (*tensors)[i] = *tz_safetensors_at(file, i);
    }
    *weights = (tz_weights){tz_safetensors_path(file), *tensors, n};
    return TZ_OK;
}

// ---- a network

// Demands F32 of this shape.
static tz_status expect(const tz_weights *weights, const char *name, int ndim, size_t rows,
                        size_t columns, const float **data, tz_error *error) {
    const tz_tensor *tensor = tz_weights_find(weights, name);
    if (tensor == NULL) {
        return tz_fail(error, TZ_ERR_MISMATCH, "%s: no tensor '%s'", weights->path, name);
    }
    if (tensor->dtype != TZ_DTYPE_F32 || tensor->ndim != ndim || tensor->shape[0] != rows ||
        (ndim == 2 && tensor->shape[1] != columns)) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       ndim == 2 ? "%s: tensor '%s' does not fit; expected float32 of shape "
                                   "(%zu, %zu)"
                                 : "%s: tensor '%s' does not fit; expected float32 of shape (%zu)",
                       weights->path, name, rows, columns);
    }
    *data = tensor->data;
    return TZ_OK;
}

// The name of layer `layer` of the network, of which the last may be the head.
static void layer_name(char name[LAYER_MAX], const tz_layer_names *names, const tz_network *net,
                       int layer) {
    if (layer == net->n_layers - 1 && names->head != NULL) {
        snprintf(name, LAYER_MAX, "%s", names->head);
    } else {
        snprintf(name, LAYER_MAX, "%s%d", names->prefix, names->first + layer * names->step);
    }
}

// Units of a layer from the shape of its weight; 0 when there is no such layer.
static tz_status read_units(int *n_out, int *n_in, const tz_weights *weights, const char *layer,
                            tz_error *error) {
    char name[KEY_MAX];
    snprintf(name, sizeof name, "%s.weight", layer);
    const tz_tensor *W = tz_weights_find(weights, name);
    *n_out = 0;
    if (W == NULL) {
        return TZ_OK;
    }
    if (W->ndim != 2 || W->shape[0] < 1 || W->shape[0] > TZ_NETWORK_UNITS_MAX || W->shape[1] < 1 ||
        W->shape[1] > TZ_NETWORK_UNITS_MAX) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: tensor '%s' does not fit; expected (units, inputs), 1 to %d each",
                       weights->path, name, TZ_NETWORK_UNITS_MAX);
    }
    *n_out = (int)W->shape[0];
    *n_in = (int)W->shape[1];
    return TZ_OK;
}

static tz_status read_sizes(tz_network *net, const tz_weights *weights, const tz_layer_names *names,
                            tz_error *error) {
    net->n_layers = 0;
    for (bool is_head = false; !is_head;) {
        char name[LAYER_MAX];
        int n_in = 0, n_out = 0;
        snprintf(name, sizeof name, "%s%d", names->prefix,
                 names->first + net->n_layers * names->step);
        TZ_CHECK(read_units(&n_out, &n_in, weights, name, error));
        if (n_out == 0 && names->head == NULL) {
            break;
        }
        is_head = n_out == 0;
        if (is_head) {
            TZ_CHECK(read_units(&n_out, &n_in, weights, names->head, error));
        }
        if (n_out == 0 || net->n_layers == TZ_NETWORK_LAYERS_MAX) {
            return tz_fail(error, TZ_ERR_FORMAT, "%s: layer '%s' is missing or the %d-th",
                           weights->path, is_head ? names->head : name, net->n_layers + 1);
        }
        net->n_in = net->n_layers == 0 ? n_in : net->n_in;
        net->n_out[net->n_layers++] = n_out;
    }
    if (net->n_layers == 0) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: no tensor '%s%d.weight'", weights->path,
                       names->prefix, names->first);
    }
    net->n_out[net->n_layers - 1] *= names->is_twice ? 2 : 1;
    return TZ_OK;
}

// Columns [first, first + n) of W (n_in, n_out) and b from <layer>.weight (n, n_in) and .bias (n).
static tz_status read_columns(float *W, float *b, const tz_weights *weights, const char *layer,
                              int n_in, int n_out, int first, int n, tz_error *error) {
    char name[KEY_MAX];
    const float *data = NULL;
    snprintf(name, sizeof name, "%s.weight", layer);
    TZ_CHECK(expect(weights, name, 2, (size_t)n, (size_t)n_in, &data, error));
    TZ_CHECK(tz_tensor_expect_finite(weights->path, name, data, (size_t)n * (size_t)n_in, error));
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n_in; j++) {
            W[(size_t)j * (size_t)n_out + (size_t)(first + i)] =
                data[(size_t)i * (size_t)n_in + (size_t)j];
        }
    }
    snprintf(name, sizeof name, "%s.bias", layer);
    TZ_CHECK(expect(weights, name, 1, (size_t)n, 0, &data, error));
    TZ_CHECK(tz_tensor_expect_finite(weights->path, name, data, (size_t)n, error));
    memcpy(b + first, data, (size_t)n * sizeof *b);
    return TZ_OK;
}

tz_status tz_weights_read_network(tz_network *net, float **block, const tz_weights *weights,
                                  const tz_layer_names *names, tz_error *error) {
    *block = NULL;
    TZ_CHECK(read_sizes(net, weights, names, error));
    size_t n = 0;
    for (int layer = 0; layer < net->n_layers; layer++) {
        n += ((size_t)tz_network_n_in(net, layer) + 1) * (size_t)net->n_out[layer];
    }
    float *cursor = *block = tz_alloc(n, sizeof *cursor);
    if (cursor == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: out of memory for %zu weights", weights->path, n);
    }
    for (int layer = 0; layer < net->n_layers; layer++) {
        const int n_in = tz_network_n_in(net, layer), n_out = net->n_out[layer];
        const bool is_head = layer == net->n_layers - 1;
        const int own = is_head && names->is_twice ? n_out / 2 : n_out;
        float *W = cursor, *b = cursor + (size_t)n_in * (size_t)n_out;
        cursor = b + n_out;
        net->W[layer] = W;
        net->b[layer] = b;
        char name[LAYER_MAX];
        layer_name(name, names, net, layer);
        TZ_CHECK(read_columns(W, b, weights, name, n_in, n_out, 0, own, error));
        if (is_head && names->beside != NULL) {
            TZ_CHECK(read_columns(W, b, weights, names->beside, n_in, n_out, own, own, error));
        }
    }
    return TZ_OK;
}

// ---- an actor

static tz_status find_scheme(const scheme **found, const tz_weights *weights, tz_error *error) {
    for (size_t i = 0; i < TZ_COUNTOF(schemes); i++) {
        if (tz_weights_find(weights, schemes[i].sign) != NULL) {
            *found = &schemes[i];
            return TZ_OK;
        }
    }
    return tz_fail(error, TZ_ERR_FORMAT,
                   "%s: no tensor that a known actor has (actor.mu.weight, actor.mu.0.weight, "
                   "action_net.weight, fc_mean.weight, fc_mu.weight, actor_mean.0.weight)",
                   weights->path);
}

static bool begins(const char *text, const char *prefix) {
    return prefix != NULL && strncmp(text, prefix, strlen(prefix)) == 0;
}

// Whether a tensor is the weight or the bias of a layer of the network, or of the one beside it.
static bool is_of_a_layer(const char *tensor, const tz_layer_names *names, const tz_network *net) {
    for (int layer = 0; layer <= net->n_layers; layer++) {
        char name[LAYER_MAX] = "";
        if (layer < net->n_layers) {
            layer_name(name, names, net, layer);
        } else if (names->beside != NULL) {
            snprintf(name, sizeof name, "%s", names->beside);
        }
        const size_t length = strlen(name);
        if (length > 0 && begins(tensor, name) &&
            (strcmp(tensor + length, ".weight") == 0 || strcmp(tensor + length, ".bias") == 0)) {
            return true;
        }
    }
    return false;
}

// Refuses actors of which a part would be left out.
static tz_status check_parts(const scheme *s, const tz_weights *weights, const tz_network *net,
                             tz_error *error) {
    const tz_tensor *log_std = tz_weights_find(weights, "log_std");
    if (tz_weights_find(weights, "actor.log_std") != NULL ||
        (s->log_std != NULL && log_std != NULL && log_std->ndim == 2)) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "%s: a policy with state-dependent exploration (use_sde), which is not "
                       "supported",
                       weights->path);
    }
    for (int i = 0; i < weights->n; i++) {
        const char *name = weights->tensors[i].name;
        if (strstr(name, "features_extractor.") != NULL) {
            return tz_fail(error, TZ_ERR_UNSUPPORTED,
                           "%s: tensor '%s' belongs to a features extractor; expected plain "
                           "observations",
                           weights->path, name);
        }
        const bool is_owned = begins(name, s->owned[0]) || begins(name, s->owned[1]);
        if (is_owned && !is_of_a_layer(name, &s->names, net)) {
            return tz_fail(error, TZ_ERR_FORMAT,
                           "%s: tensor '%s' belongs to none of the actor's %d layers",
                           weights->path, name, net->n_layers);
        }
    }
    return TZ_OK;
}

// A vector of nu numbers, alone or as one row. NULL: absent.
static tz_status read_vector(const float **x, const tz_weights *weights, const char *name, int nu,
                             tz_error *error) {
    const tz_tensor *tensor = tz_weights_find(weights, name);
    *x = NULL;
    if (tensor == NULL) {
        return TZ_OK;
    }
    const bool is_row = tensor->ndim == 2 && tensor->shape[0] == 1;
    if (tensor->dtype != TZ_DTYPE_F32 || (tensor->ndim != 1 && !is_row) ||
        tensor->shape[tensor->ndim - 1] != (size_t)nu) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: tensor '%s' does not fit; expected float32 of shape (%d)",
                       weights->path, name, nu);
    }
    *x = tensor->data;
    return tz_tensor_expect_finite(weights->path, name, *x, (size_t)nu, error);
}

// CleanRL's actors carry their action space: control = action_bias + action_scale a.
static tz_status read_action_scale(tz_actor *actor, bool *has_range, const tz_weights *weights,
                                   int nu, tz_error *error) {
    const float *scale, *bias;
    TZ_CHECK(read_vector(&scale, weights, "action_scale", nu, error));
    TZ_CHECK(read_vector(&bias, weights, "action_bias", nu, error));
    *has_range = scale != NULL && bias != NULL && nu <= TZ_NU_MAX;
    for (int i = 0; *has_range && i < nu; i++) {
        actor->control_low[i] = (double)bias[i] - (double)scale[i];
        actor->control_high[i] = (double)bias[i] + (double)scale[i];
    }
    return TZ_OK;
}

tz_status tz_weights_read_actor(tz_actor *actor, float **block, const char **kind, bool *has_range,
                                const tz_weights *weights, tz_error *error) {
    const scheme *s = NULL;
    *block = NULL;
    TZ_CHECK(find_scheme(&s, weights, error));
    *kind = s->kind;
    actor->output = s->output;
    actor->sigma = s->sigma;
    actor->net.activation = s->activation;
    TZ_CHECK(tz_weights_read_network(&actor->net, block, weights, &s->names, error));
    TZ_CHECK(check_parts(s, weights, &actor->net, error));
    const int head = actor->net.n_layers - 1, nu = actor->net.n_out[head] / 2;
    if (nu > TZ_NU_MAX || actor->net.n_in > TZ_OBSERVATION_MAX) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: sees %d numbers and drives %d controls; expected at most %d and %d",
                       weights->path, actor->net.n_in, nu, TZ_OBSERVATION_MAX, TZ_NU_MAX);
    }
    if (s->log_std != NULL) {
        const float *log_std;
        TZ_CHECK(read_vector(&log_std, weights, s->log_std, nu, error));
        if (log_std == NULL) {
            return tz_fail(error, TZ_ERR_MISMATCH, "%s: no tensor '%s'", weights->path, s->log_std);
        }
        float *b = *block + (actor->net.b[head] - *block);
        memcpy(b + nu, log_std, (size_t)nu * sizeof *b);
    }
    return read_action_scale(actor, has_range, weights, nu, error);
}
