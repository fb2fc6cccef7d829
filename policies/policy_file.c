#include "policies/policy_file.h"

#include "base/memory.h"
#include "base/run_folder.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { KEY_MAX = 64, NOTES_MAX = 32, FORMAT_KEYS = 13 };

// metadata "observation_source" of a tz_observation_source
static const char *const source_names[] = {"state", "gymnasium"};

// ---- lists of numbers in metadata

static struct json_object *json_reals(const double *x, int n) {
    struct json_object *list = json_object_new_array_ext(n);
    for (int i = 0; i < n; i++) {
        json_object_array_add(list, json_object_new_double(x[i]));
    }
    return list;
}

static struct json_object *json_ints(const int *x, int n) {
    struct json_object *list = json_object_new_array_ext(n);
    for (int i = 0; i < n; i++) {
        json_object_array_add(list, json_object_new_int(x[i]));
    }
    return list;
}

// Reads a list of numbers from the metadata: *n of them, at most max; *n is -1 when there is no
// such key.
static tz_status read_reals(double *x, int *n, int max, const tz_safetensors *file, const char *key,
                            tz_error *error) {
    *n = -1;
    const char *text = tz_safetensors_metadata(file, key);
    if (text == NULL) {
        return TZ_OK;
    }
    struct json_object *list = json_tokener_parse(text);
    bool good =
        json_object_is_type(list, json_type_array) && json_object_array_length(list) <= (size_t)max;
    for (size_t i = 0; good && i < json_object_array_length(list); i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        good =
            json_object_is_type(item, json_type_double) || json_object_is_type(item, json_type_int);
        x[i] = json_object_get_double(item);
        good = good && !isnan(x[i]);
    }
    *n = good ? (int)json_object_array_length(list) : -1;
    json_object_put(list);
    if (!good) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: metadata \"%s\" is '%.60s'; expected a JSON list of at most %d numbers",
                       tz_safetensors_path(file), key, text, max);
    }
    return TZ_OK;
}

// ---- write

// Names of the tensors of a layer; the head is two tensors, mu and log_std.
static void layer_name(char name[KEY_MAX], int layer, const char *kind) {
    snprintf(name, KEY_MAX, "actor.latent_pi.%d.%s", 2 * layer, kind);
}

// Columns [first, first + n) of W (n_in, n_out) as (n, n_in), the order on disk.
static void transpose_columns(float *out, const float *W, int n_in, int n_out, int first, int n) {
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n_in; j++) {
            out[(size_t)i * (size_t)n_in + (size_t)j] =
                W[(size_t)j * (size_t)n_out + (size_t)(first + i)];
        }
    }
}

// Fills tensors (2 n_layers + 2) with views into `block`, which takes the transposed weights.
static int lay_tensors(tz_tensor *tensors, char names[][KEY_MAX], float *block,
                       const tz_actor *actor) {
    int n_tensors = 0;
    const int nu = actor->n_out[actor->n_layers - 1] / 2;
    for (int layer = 0; layer < actor->n_layers; layer++) {
        const bool is_head = layer == actor->n_layers - 1;
        const int n_in = tz_actor_n_in(actor, layer), n_out = actor->n_out[layer];
        for (int part = 0; part < (is_head ? 2 : 1); part++) {
            const int n = is_head ? nu : n_out, first = part * nu;
            const char *head = part == 0 ? "actor.mu" : "actor.log_std";
            transpose_columns(block, actor->W[layer], n_in, n_out, first, n);
            if (is_head) {
                snprintf(names[n_tensors], KEY_MAX, "%s.weight", head);
                snprintf(names[n_tensors + 1], KEY_MAX, "%s.bias", head);
            } else {
                layer_name(names[n_tensors], layer, "weight");
                layer_name(names[n_tensors + 1], layer, "bias");
            }
            tensors[n_tensors] = (tz_tensor){.name = names[n_tensors],
                                             .dtype = TZ_DTYPE_F32,
                                             .ndim = 2,
                                             .shape = {(size_t)n, (size_t)n_in},
                                             .data = block};
            tensors[n_tensors + 1] = (tz_tensor){.name = names[n_tensors + 1],
                                                 .dtype = TZ_DTYPE_F32,
                                                 .ndim = 1,
                                                 .shape = {(size_t)n},
                                                 .data = actor->b[layer] + first};
            n_tensors += 2;
            block += (size_t)n * (size_t)n_in;
        }
    }
    return n_tensors;
}

static const char *json_text(struct json_object *object) {
    return json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
}

tz_status tz_actor_write(const char *path, const tz_actor *actor, const tz_task *task,
                         const tz_metadata *notes, int n_notes, tz_error *error) {
    if (n_notes > NOTES_MAX) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "%s: %d notes; expected at most %d", path, n_notes,
                       NOTES_MAX);
    }
    size_t n_weights = 0;
    for (int layer = 0; layer < actor->n_layers; layer++) {
        n_weights += (size_t)tz_actor_n_in(actor, layer) * (size_t)actor->n_out[layer];
    }
    float *block = tz_alloc(n_weights, sizeof *block);
    if (block == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: out of memory while writing", path);
    }
    tz_tensor tensors[2 * TZ_ACTOR_LAYERS_MAX + 2];
    char names[2 * TZ_ACTOR_LAYERS_MAX + 2][KEY_MAX];
    const int n_tensors = lay_tensors(tensors, names, block, actor);

    // metadata
    const tz_observation_layout *layout = &actor->layout;
    struct json_object *lists[] = {
        json_ints(layout->index, layout->n), json_reals(layout->low, layout->n),
        json_reals(layout->high, layout->n), json_reals(actor->control_low, task->nu),
        json_reals(actor->control_high, task->nu)};
    tz_metadata metadata[FORMAT_KEYS + NOTES_MAX] = {
        {"format", "trapeze policy 1"},
        {"trapeze_version", tz_version()},
        {"env", task->name},
        {"observation_source", source_names[layout->source]},
        {"observation_index", json_text(lists[0])},
        {"observation_low", json_text(lists[1])},
        {"observation_high", json_text(lists[2])},
        {"activation", "relu"},
        {"squash", "tanh"},
        {"log_std_clamp", "[-20, 2]"},
        {"control_low", json_text(lists[3])},
        {"control_high", json_text(lists[4])},
        {"weights", "float32 (out, in)"}};
    for (int i = 0; i < n_notes; i++) {
        metadata[FORMAT_KEYS + i] = notes[i];
    }
    const tz_status status =
        tz_safetensors_write(path, tensors, n_tensors, metadata, FORMAT_KEYS + n_notes, error);
    for (size_t i = 0; i < TZ_COUNTOF(lists); i++) {
        json_object_put(lists[i]);
    }
    tz_free(block);
    return status;
}

// ---- read

// Demands a metadata value where the key is present.
static tz_status expect_metadata(const tz_safetensors *file, const char *key, const char *expected,
                                 tz_error *error) {
    const char *found = tz_safetensors_metadata(file, key);
    if (found != NULL && strcmp(found, expected) != 0) {
        return tz_fail(error, TZ_ERR_MISMATCH, "%s: metadata \"%s\" is '%.60s'; expected '%s'",
                       tz_safetensors_path(file), key, found, expected);
    }
    return TZ_OK;
}

// A policy of one version of a robot runs in the other: what it sees and drives is the same.
static tz_status expect_env(const tz_safetensors *file, const tz_task *task, tz_error *error) {
    const char *found = tz_safetensors_metadata(file, "env");
    const tz_env_info *info = found != NULL ? tz_env_info_find(found) : NULL;
    if (info != NULL && info == tz_env_info_find(task->name)) {
        return TZ_OK;
    }
    return expect_metadata(file, "env", task->name, error);
}

static tz_status read_source(tz_observation_source *source, const tz_safetensors *file,
                             const tz_task *task, tz_error *error) {
    const char *path = tz_safetensors_path(file);
    const char *name = tz_safetensors_metadata(file, "observation_source");
    *source = TZ_OBSERVATION_STATE;
    if (name == NULL || strcmp(name, source_names[TZ_OBSERVATION_STATE]) == 0) {
        return TZ_OK;
    }
    if (strcmp(name, source_names[TZ_OBSERVATION_GYMNASIUM]) != 0) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: metadata \"observation_source\" is '%.60s'; expected '%s' or '%s'",
                       path, name, source_names[0], source_names[1]);
    }
    if (task->n_gym_observation == 0) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: sees Gymnasium's observation; environment '%s' has none", path,
                       task->name);
    }
    *source = TZ_OBSERVATION_GYMNASIUM;
    return TZ_OK;
}

static tz_status read_layout(tz_observation_layout *layout, const tz_safetensors *file,
                             const tz_task *task, tz_error *error) {
    const char *path = tz_safetensors_path(file);
    double index[TZ_OBSERVATION_MAX];
    int n, n_low, n_high;
    TZ_CHECK(read_reals(index, &n, TZ_OBSERVATION_MAX, file, "observation_index", error));
    TZ_CHECK(read_reals(layout->low, &n_low, TZ_OBSERVATION_MAX, file, "observation_low", error));
    TZ_CHECK(
        read_reals(layout->high, &n_high, TZ_OBSERVATION_MAX, file, "observation_high", error));

    // bare weights: the layout they were trained on under Gymnasium
    if (n < 0 && n_low < 0 && n_high < 0) {
        if (!tz_observation_layout_gymnasium(layout, task->name)) {
            return tz_fail(error, TZ_ERR_MISMATCH,
                           "%s: no metadata \"observation_index\", and environment '%s' has no "
                           "known observation layout",
                           path, task->name);
        }
        return TZ_OK;
    }
    if (n < 1 || n_low != n || n_high != n) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: observation_index, observation_low and observation_high have %d, %d "
                       "and %d entries; expected three lists of one length",
                       path, n, n_low, n_high);
    }
    TZ_CHECK(read_source(&layout->source, file, task, error));
    const int n_source =
        layout->source == TZ_OBSERVATION_STATE ? tz_task_nz(task) : task->n_gym_observation;
    layout->n = n;
    for (int i = 0; i < n; i++) {
        if (index[i] != floor(index[i]) || index[i] < 0.0 || index[i] >= n_source) {
            return tz_fail(
                error, TZ_ERR_MISMATCH, "%s: observation_index[%d] is %g; '%s' has %s 0 to %d",
                path, i, index[i], task->name,
                layout->source == TZ_OBSERVATION_STATE ? "states z" : "observations", n_source - 1);
        }
        if (layout->low[i] > layout->high[i]) {
            return tz_fail(error, TZ_ERR_FORMAT, "%s: observation clip bounds %d are %g > %g", path,
                           i, layout->low[i], layout->high[i]);
        }
        layout->index[i] = (int)index[i];
    }
    return TZ_OK;
}

static tz_status read_control_range(tz_actor *actor, const tz_safetensors *file,
                                    const tz_task *task, tz_error *error) {
    const char *path = tz_safetensors_path(file);
    int n_low, n_high;
    TZ_CHECK(read_reals(actor->control_low, &n_low, TZ_NU_MAX, file, "control_low", error));
    TZ_CHECK(read_reals(actor->control_high, &n_high, TZ_NU_MAX, file, "control_high", error));
    if (n_low < 0 && n_high < 0) {
        memcpy(actor->control_low, task->control_low, sizeof actor->control_low);
        memcpy(actor->control_high, task->control_high, sizeof actor->control_high);
        return TZ_OK;
    }
    if (n_low != task->nu || n_high != task->nu) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: control_low and control_high have %d and %d entries; '%s' has %d "
                       "controls",
                       path, n_low, n_high, task->name, task->nu);
    }
    for (int i = 0; i < task->nu; i++) {
        const double low = actor->control_low[i], high = actor->control_high[i];
        if (!isfinite(low) || !isfinite(high) || !(low < high)) {
            return tz_fail(error, TZ_ERR_FORMAT,
                           "%s: control range %d is [%g, %g]; expected finite low < high", path, i,
                           low, high);
        }
    }
    return TZ_OK;
}

// Units of each layer from the shapes in the file; the shapes themselves are checked on loading.
static tz_status read_sizes(tz_actor *actor, const tz_safetensors *file, const tz_task *task,
                            tz_error *error) {
    const char *path = tz_safetensors_path(file);
    enum { UNITS_MAX = 8192 };
    int layer = 0;
    for (;; layer++) {
        char name[KEY_MAX];
        layer_name(name, layer, "weight");
        const tz_tensor *W = tz_safetensors_find(file, name);
        if (W == NULL) {
            break;
        }
        if (layer == TZ_ACTOR_LAYERS_MAX - 1 || W->ndim != 2 || W->shape[0] < 1 ||
            W->shape[0] > UNITS_MAX) {
            return tz_fail(error, TZ_ERR_FORMAT,
                           "%s: tensor '%s' does not fit; expected (units, inputs) with 1 to %d "
                           "units in at most %d layers",
                           path, name, UNITS_MAX, TZ_ACTOR_LAYERS_MAX - 1);
        }
        actor->n_out[layer] = (int)W->shape[0];
    }
    if (layer == 0 && tz_safetensors_find(file, "actor.mu.weight") == NULL) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: no tensor 'actor.latent_pi.0.weight'; expected the actor of a SAC "
                       "policy",
                       path);
    }
    actor->n_out[layer] = 2 * task->nu;
    actor->n_layers = layer + 1;

    // a tensor that no layer uses belongs to another kind of network
    int n_tensors = 0;
    for (int i = 0; i < tz_safetensors_count(file); i++) {
        n_tensors += strncmp(tz_safetensors_at(file, i)->name, "actor.", strlen("actor.")) == 0;
    }
    if (n_tensors != 2 * layer + 4) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: %d tensors of an actor, of which %d hidden layers and the head use %d",
                       path, n_tensors, layer, 2 * layer + 4);
    }
    return TZ_OK;
}

// Columns [first, first + n) of W (n_in, n_out) and b from the tensors <prefix>.weight (n, n_in)
// and <prefix>.bias (n).
static tz_status load_columns(float *W, float *b, const tz_safetensors *file, const char *prefix,
                              int n_in, int n_out, int first, int n, tz_error *error) {
    char name[KEY_MAX];
    const float *data;
    const size_t shape[2] = {(size_t)n, (size_t)n_in};
    snprintf(name, sizeof name, "%s.weight", prefix);
    TZ_CHECK(tz_safetensors_expect_f32(file, name, 2, shape, &data, error));
    bool finite = true;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n_in; j++) {
            const float x = data[(size_t)i * (size_t)n_in + (size_t)j];
            W[(size_t)j * (size_t)n_out + (size_t)(first + i)] = x;
            finite = finite && isfinite(x);
        }
    }
    snprintf(name, sizeof name, "%s.bias", prefix);
    TZ_CHECK(tz_safetensors_expect_f32(file, name, 1, shape, &data, error));
    for (int i = 0; i < n; i++) {
        b[first + i] = data[i];
        finite = finite && isfinite(data[i]);
    }
    if (!finite) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: tensor '%s' or its weight holds a number that is "
                       "not finite",
                       tz_safetensors_path(file), name);
    }
    return TZ_OK;
}

static tz_status load_weights(tz_actor *actor, float **block, const tz_safetensors *file,
                              tz_error *error) {
    size_t n = 0;
    for (int layer = 0; layer < actor->n_layers; layer++) {
        n += ((size_t)tz_actor_n_in(actor, layer) + 1) * (size_t)actor->n_out[layer];
    }
    float *cursor = *block = tz_alloc(n, sizeof(float));
    if (cursor == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: out of memory for %zu weights",
                       tz_safetensors_path(file), n);
    }
    for (int layer = 0; layer < actor->n_layers; layer++) {
        const int n_in = tz_actor_n_in(actor, layer), n_out = actor->n_out[layer];
        float *W = cursor, *b = cursor + (size_t)n_in * (size_t)n_out;
        cursor = b + n_out;
        actor->W[layer] = W;
        actor->b[layer] = b;
        if (layer < actor->n_layers - 1) {
            char prefix[KEY_MAX];
            snprintf(prefix, sizeof prefix, "actor.latent_pi.%d", 2 * layer);
            TZ_CHECK(load_columns(W, b, file, prefix, n_in, n_out, 0, n_out, error));
        } else {
            const int nu = n_out / 2;
            TZ_CHECK(load_columns(W, b, file, "actor.mu", n_in, n_out, 0, nu, error));
            TZ_CHECK(load_columns(W, b, file, "actor.log_std", n_in, n_out, nu, nu, error));
        }
    }
    return TZ_OK;
}

static tz_status read_checked(tz_actor *actor, float **block, const tz_safetensors *file,
                              const tz_task *task, tz_error *error) {
    TZ_CHECK(expect_metadata(file, "format", "trapeze policy 1", error));
    TZ_CHECK(expect_env(file, task, error));
    TZ_CHECK(expect_metadata(file, "activation", "relu", error));
    TZ_CHECK(expect_metadata(file, "squash", "tanh", error));
    TZ_CHECK(read_layout(&actor->layout, file, task, error));
    TZ_CHECK(read_control_range(actor, file, task, error));
    TZ_CHECK(read_sizes(actor, file, task, error));
    return load_weights(actor, block, file, error);
}

tz_status tz_actor_read(tz_actor *actor, float **block, char sha256[65], const char *path,
                        const tz_task *task, tz_error *error) {
    memset(actor, 0, sizeof *actor);
    *block = NULL;
    tz_safetensors *file;
    TZ_CHECK(tz_safetensors_read(&file, path, error));
    const tz_status status = read_checked(actor, block, file, task, error);
    snprintf(sha256, 65, "%s", tz_safetensors_sha256(file));
    tz_safetensors_destroy(file);
    if (status != TZ_OK) {
        tz_free(*block);
        *block = NULL;
    }
    return status;
}
