#include "policies/policy_file.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/run_folder.h"
#include "envs/env_match.h"
#include "policies/weights.h"
#include "policies/zip.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { KEY_MAX = 64, NOTES_MAX = 32, FORMAT_KEYS = 18 };

#define OWN_FORMAT "trapeze policy 1"

// metadata "observation_source" of a tz_observation_source
static const char *const source_names[] = {"state", "gymnasium", NULL};

static const char *const activation_names[] = {"relu", "tanh", NULL};
static const char *const output_names[] = {"tanh", "clip", NULL};
static const char *const sigma_names[] = {"clamp", "tanh", "free", "none", NULL};

const char *tz_activation_name(tz_activation activation) {
    return activation_names[activation];
}

const char *tz_output_name(tz_actor_output output) {
    return output_names[output];
}

const char *tz_sigma_name(tz_actor_sigma sigma) {
    return sigma_names[sigma];
}

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

static bool is_number(const struct json_object *item) {
    return json_object_is_type(item, json_type_double) || json_object_is_type(item, json_type_int);
}

// A list as it is written, or, where one number is asked for, that number alone. The caller puts
// it.
static struct json_object *parse_list(const char *text, int max) {
    struct json_object *list = tz_json_parse(text);
    if (max == 1 && is_number(list)) {
        struct json_object *number = list;
        list = json_object_new_array_ext(1);
        json_object_array_add(list, number);
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
    struct json_object *list = parse_list(text, max);
    bool good =
        json_object_is_type(list, json_type_array) && json_object_array_length(list) <= (size_t)max;
    for (size_t i = 0; good && i < json_object_array_length(list); i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        good = is_number(item);
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
                       const tz_network *net) {
    int n_tensors = 0;
    const int nu = net->n_out[net->n_layers - 1] / 2;
    for (int layer = 0; layer < net->n_layers; layer++) {
        const bool is_head = layer == net->n_layers - 1;
        const int n_in = tz_network_n_in(net, layer), n_out = net->n_out[layer];
        for (int part = 0; part < (is_head ? 2 : 1); part++) {
            const int n = is_head ? nu : n_out, first = part * nu;
            const char *head = part == 0 ? "actor.mu" : "actor.log_std";
            transpose_columns(block, net->W[layer], n_in, n_out, first, n);
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
                                                 .data = net->b[layer] + first};
            n_tensors += 2;
            block += (size_t)n * (size_t)n_in;
        }
    }
    return n_tensors;
}

static const char *json_text(struct json_object *object) {
    return json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
}

// The keys of the format; *n of them. The texts live in `lists` until those are put.
enum { N_LISTS = 9 };
static void lay_metadata(tz_metadata *metadata, int *n, struct json_object *lists[N_LISTS],
                         const tz_actor *actor, const tz_task *task) {
    const tz_observation_layout *layout = &actor->layout;
    const tz_normaliser *normaliser = &actor->normaliser;
    lists[0] = json_ints(layout->index, layout->n);
    lists[1] = json_reals(layout->low, layout->n);
    lists[2] = json_reals(layout->high, layout->n);
    lists[3] = json_reals(actor->control_low, task->nu);
    lists[4] = json_reals(actor->control_high, task->nu);
    lists[5] = json_reals(normaliser->mean, normaliser->n);
    lists[6] = json_reals(normaliser->var, normaliser->n);
    lists[7] = json_reals(&normaliser->epsilon, 1);
    lists[8] = json_reals(&normaliser->clip, 1);
    const tz_metadata keys[] = {{"format", OWN_FORMAT},
                                {"trapeze_version", tz_version()},
                                {"env", task->name},
                                {"observation_source", source_names[layout->source]},
                                {"observation_index", json_text(lists[0])},
                                {"observation_low", json_text(lists[1])},
                                {"observation_high", json_text(lists[2])},
                                {"activation", tz_activation_name(actor->net.activation)},
                                {"squash", tz_output_name(actor->output)},
                                {"log_std", tz_sigma_name(actor->sigma)},
                                {"control_low", json_text(lists[3])},
                                {"control_high", json_text(lists[4])},
                                {"weights", "float32 (out, in)"},
                                {"normaliser_mean", json_text(lists[5])},
                                {"normaliser_var", json_text(lists[6])},
                                {"normaliser_epsilon", json_text(lists[7])},
                                {"normaliser_clip", json_text(lists[8])}};
    *n = (int)TZ_COUNTOF(keys) - (normaliser->n > 0 ? 0 : 4);
    memcpy(metadata, keys, sizeof keys);
    if (task->digest[0] != '\0') {
        metadata[(*n)++] = (tz_metadata){"env_digest", task->digest};
    }
}

tz_status tz_actor_write(const char *path, const tz_actor *actor, const tz_task *task,
                         const tz_metadata *notes, int n_notes, tz_error *error) {
    if (n_notes > NOTES_MAX) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "%s: %d notes; expected at most %d", path, n_notes,
                       NOTES_MAX);
    }
    size_t n_weights = 0;
    for (int layer = 0; layer < actor->net.n_layers; layer++) {
        n_weights += (size_t)tz_network_n_in(&actor->net, layer) * (size_t)actor->net.n_out[layer];
    }
    float *block = tz_alloc(n_weights, sizeof *block);
    if (block == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: out of memory while writing", path);
    }
    tz_tensor tensors[2 * TZ_NETWORK_LAYERS_MAX + 2];
    char names[2 * TZ_NETWORK_LAYERS_MAX + 2][KEY_MAX];
    const int n_tensors = lay_tensors(tensors, names, block, &actor->net);

    tz_metadata metadata[FORMAT_KEYS + NOTES_MAX];
    struct json_object *lists[N_LISTS];
    int n_metadata;
    lay_metadata(metadata, &n_metadata, lists, actor, task);
    for (int i = 0; i < n_notes; i++) {
        metadata[n_metadata++] = notes[i];
    }
    const tz_status status =
        tz_safetensors_write(path, tensors, n_tensors, metadata, n_metadata, error);
    for (size_t i = 0; i < TZ_COUNTOF(lists); i++) {
        json_object_put(lists[i]);
    }
    tz_free(block);
    return status;
}

// ---- read: safetensors

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

// Reads one of some words (NULL-terminated) into *choice, which stays when the key is absent.
static tz_status read_word(int *choice, const tz_safetensors *file, const char *key,
                           const char *const *words, tz_error *error) {
    const char *found = tz_safetensors_metadata(file, key);
    if (found == NULL) {
        return TZ_OK;
    }
    char known[KEY_MAX] = "";
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(found, words[i]) == 0) {
            *choice = i;
            return TZ_OK;
        }
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, i == 0 ? "%s" : ", %s", words[i]);
    }
    return tz_fail(error, TZ_ERR_MISMATCH, "%s: metadata \"%s\" is '%.60s'; expected one of %s",
                   tz_safetensors_path(file), key, found, known);
}

static tz_status read_words(tz_actor *actor, const tz_safetensors *file, tz_error *error) {
    int activation = actor->net.activation, output = actor->output, sigma = actor->sigma;
    TZ_CHECK(read_word(&activation, file, "activation", activation_names, error));
    TZ_CHECK(read_word(&output, file, "squash", output_names, error));
    TZ_CHECK(read_word(&sigma, file, "log_std", sigma_names, error));
    actor->net.activation = (tz_activation)activation;
    actor->output = (tz_actor_output)output;
    actor->sigma = (tz_actor_sigma)sigma;
    return TZ_OK;
}

static tz_status read_layout(tz_policy_file *out, const tz_safetensors *file, tz_error *error) {
    const char *path = tz_safetensors_path(file);
    tz_observation_layout *layout = &out->actor.layout;
    double index[TZ_OBSERVATION_MAX];
    int n, n_low, n_high, source = TZ_OBSERVATION_STATE;
    TZ_CHECK(read_reals(index, &n, TZ_OBSERVATION_MAX, file, "observation_index", error));
    TZ_CHECK(read_reals(layout->low, &n_low, TZ_OBSERVATION_MAX, file, "observation_low", error));
    TZ_CHECK(
        read_reals(layout->high, &n_high, TZ_OBSERVATION_MAX, file, "observation_high", error));
    TZ_CHECK(read_word(&source, file, "observation_source", source_names, error));
    layout->source = (tz_observation_source)source;
    out->has_layout = n >= 0 || n_low >= 0 || n_high >= 0;
    if (!out->has_layout) {
        return TZ_OK;
    }
    if (n < 1 || n_low != n || n_high != n) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: observation_index, observation_low and observation_high have %d, %d "
                       "and %d entries; expected three lists of one length",
                       path, n, n_low, n_high);
    }
    layout->n = n;
    for (int i = 0; i < n; i++) {
        if (index[i] != floor(index[i]) || index[i] < 0.0 || index[i] >= TZ_OBSERVATION_MAX) {
            return tz_fail(error, TZ_ERR_MISMATCH,
                           "%s: observation_index[%d] is %g; expected an index of a state", path, i,
                           index[i]);
        }
        if (layout->low[i] > layout->high[i]) {
            return tz_fail(error, TZ_ERR_FORMAT, "%s: observation clip bounds %d are %g > %g", path,
                           i, layout->low[i], layout->high[i]);
        }
        layout->index[i] = (int)index[i];
    }
    return TZ_OK;
}

static tz_status read_normaliser(tz_normaliser *normaliser, const tz_safetensors *file,
                                 tz_error *error) {
    int n_var, n_epsilon, n_clip;
    TZ_CHECK(read_reals(normaliser->mean, &normaliser->n, TZ_NORMALISER_MAX, file,
                        "normaliser_mean", error));
    TZ_CHECK(read_reals(normaliser->var, &n_var, TZ_NORMALISER_MAX, file, "normaliser_var", error));
    TZ_CHECK(read_reals(&normaliser->epsilon, &n_epsilon, 1, file, "normaliser_epsilon", error));
    TZ_CHECK(read_reals(&normaliser->clip, &n_clip, 1, file, "normaliser_clip", error));
    if (normaliser->n < 0 && n_var < 0 && n_epsilon < 0 && n_clip < 0) {
        normaliser->n = 0;
        return TZ_OK;
    }
    if (normaliser->n < 1 || n_var != normaliser->n || n_epsilon != 1 || n_clip != 1) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: normaliser_mean, _var, _epsilon and _clip have %d, %d, %d and %d "
                       "entries; expected two lists of one length and two of one number",
                       tz_safetensors_path(file), normaliser->n, n_var, n_epsilon, n_clip);
    }
    return tz_normaliser_check(normaliser, tz_safetensors_path(file), error);
}

static tz_status read_control_range(tz_policy_file *out, const tz_safetensors *file,
                                    tz_error *error) {
    tz_actor *actor = &out->actor;
    int n_low, n_high;
    double low[TZ_NU_MAX], high[TZ_NU_MAX];
    TZ_CHECK(read_reals(low, &n_low, TZ_NU_MAX, file, "control_low", error));
    TZ_CHECK(read_reals(high, &n_high, TZ_NU_MAX, file, "control_high", error));
    if (n_low < 0 && n_high < 0) {
        return TZ_OK;
    }
    if (n_low != out->nu || n_high != out->nu) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: control_low and control_high have %d and %d entries; the policy drives "
                       "%d controls",
                       tz_safetensors_path(file), n_low, n_high, out->nu);
    }
    out->has_range = true;
    memcpy(actor->control_low, low, sizeof low);
    memcpy(actor->control_high, high, sizeof high);
    return TZ_OK;
}

static tz_status read_own(tz_policy_file *out, const tz_safetensors *file, tz_error *error) {
    const char *env = tz_safetensors_metadata(file, "env");
    const char *digest = tz_safetensors_metadata(file, "env_digest");
    snprintf(out->env, sizeof out->env, "%s", env == NULL ? "" : env);
    snprintf(out->env_digest, sizeof out->env_digest, "%s", digest == NULL ? "" : digest);
    snprintf(out->sha256, sizeof out->sha256, "%s", tz_safetensors_sha256(file));
    TZ_CHECK(expect_metadata(file, "format", OWN_FORMAT, error));
    tz_weights weights;
    tz_tensor *tensors;
    TZ_CHECK(tz_weights_list(&weights, &tensors, file, error));
    const tz_status status = tz_weights_read_actor(&out->actor, &out->block, &out->kind,
                                                   &out->has_range, &weights, error);
    tz_free(tensors);
    TZ_CHECK(status);
    if (tz_safetensors_metadata(file, "format") != NULL) {
        out->kind = OWN_FORMAT;
    }
    out->nu = out->actor.net.n_out[out->actor.net.n_layers - 1] / 2;
    TZ_CHECK(read_words(&out->actor, file, error));
    TZ_CHECK(read_layout(out, file, error));
    TZ_CHECK(read_normaliser(&out->actor.normaliser, file, error));
    return read_control_range(out, file, error);
}

static tz_status read_safetensors(tz_policy_file *out, const char *path, tz_error *error) {
    tz_safetensors *file;
    TZ_CHECK(tz_safetensors_read(&file, path, error));
    const tz_status status = read_own(out, file, error);
    tz_safetensors_destroy(file);
    return status;
}

// ---- read: any file

// Where a member's name and its length stand behind the first bytes of a zip archive.
enum { NAME_SIZE_AT = 26, NAME_AT = 30, HEADER_SIZE = NAME_AT + 4 };

// The first bytes of a file, zeros behind its end.
static void read_header(unsigned char header[HEADER_SIZE], const char *path) {
    memset(header, 0, HEADER_SIZE);
    FILE *stream = tz_file_exists(path) ? fopen(path, "rb") : NULL;
    if (stream != NULL) {
        (void)!fread(header, 1, HEADER_SIZE, stream);
        fclose(stream);
    }
}

static bool is_archive(const char *path) {
    unsigned char header[HEADER_SIZE];
    read_header(header, path);
    return tz_zip_is(header, sizeof header);
}

// An archive of Stable-Baselines3 begins with its member `data`; PyTorch's own files, zip archives
// too, do not.
static bool is_sb3_archive(const char *path) {
    unsigned char header[HEADER_SIZE];
    read_header(header, path);
    return tz_zip_is(header, sizeof header) && header[NAME_SIZE_AT] == strlen("data") &&
           header[NAME_SIZE_AT + 1] == 0 && memcmp(header + NAME_AT, "data", strlen("data")) == 0;
}

void tz_policy_find_statistics(char found[TZ_PATH_MAX], const char *path) {
    found[0] = '\0';
    if (!is_sb3_archive(path)) {
        return;
    }
    const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
    const int stem = dot != NULL && (slash == NULL || dot > slash) ? (int)(dot - path) : 0;
    const int folder = slash == NULL ? 0 : (int)(slash - path) + 1;
    const char *const name = "vecnormalize.pkl";
    int length = snprintf(found, TZ_PATH_MAX, "%.*s/%s", stem, path, name);
    if (stem > 0 && length < TZ_PATH_MAX && tz_file_exists(found)) {
        return;
    }
    length = snprintf(found, TZ_PATH_MAX, "%.*s%s", folder, path, name);
    if (length >= TZ_PATH_MAX || !tz_file_exists(found)) {
        found[0] = '\0';
    }
}

static tz_status add_statistics(tz_policy_file *file, const char *path, const char *statistics,
                                tz_error *error) {
    if (statistics != NULL) {
        TZ_CHECK(tz_path_join(file->statistics, "", statistics, error));
    } else {
        tz_policy_find_statistics(file->statistics, path);
    }
    if (file->statistics[0] == '\0') {
        return TZ_OK;
    }
    tz_normaliser normaliser;
    TZ_CHECK(tz_vecnormalize_read(&normaliser, file->statistics, error));
    if (normaliser.n > 0) {
        file->actor.normaliser = normaliser;
    } else { // of rewards alone
        file->statistics[0] = '\0';
    }
    return TZ_OK;
}

tz_status tz_policy_file_read(tz_policy_file *file, const char *path, const char *statistics,
                              tz_error *error) {
    memset(file, 0, sizeof *file);
    TZ_CHECK(is_archive(path) ? tz_sb3_read(file, path, error)
                              : read_safetensors(file, path, error));
    TZ_CHECK(add_statistics(file, path, statistics, error));
    const int n_in = file->actor.net.n_in, n = file->actor.normaliser.n;
    if (n != 0 && n != n_in) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: the policy sees %d numbers; the statistics%s%s are of %d", path, n_in,
                       file->statistics[0] ? " of " : "", file->statistics, n);
    }
    if (file->has_layout && file->actor.layout.n != n_in) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: observation_index has %d entries; the actor.* tensors see %d", path,
                       file->actor.layout.n, n_in);
    }
    file->actor.layout.n = n_in;
    return TZ_OK;
}

void tz_policy_file_free(tz_policy_file *file) {
    tz_free(file->block);
    file->block = NULL;
}

// ---- fit to a task

// A policy of one version of a robot runs in the other: what it sees and drives is the same.
tz_status tz_fit_env(const char *env, const char *env_digest, const char *path, const char *what,
                     const tz_task *task, tz_error *error) {
    const tz_env_info *info = env[0] != '\0' ? tz_env_info_find(env) : NULL;
    const tz_env_match match = tz_env_compare(env, env_digest, task->name, task->digest);
    if (env[0] == '\0' || match == TZ_ENV_SAME ||
        (info != NULL && info == tz_env_info_find(task->name))) {
        return TZ_OK;
    }
    if (match == TZ_ENV_CHANGED) {
        return tz_env_fail_changed(path, what, env, task->name, error);
    }
    return tz_fail(error, TZ_ERR_MISMATCH, "%s: metadata \"env\" is '%.60s'; expected '%s'", path,
                   env, task->name);
}

tz_status tz_fit_layout(tz_observation_layout *layout, int n_in, const char *path, const char *what,
                        const tz_task *task, tz_error *error) {
    if (!tz_observation_layout_gymnasium(layout, task->name)) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: %s sees %d numbers without saying which, and environment '%s', whose "
                       "state has %d, has no observation of its own",
                       path, what, n_in, task->name, tz_task_nz(task));
    }
    const int n_default = layout->n;
    if (n_in != layout->n && n_in == task->n_gym_observation) {
        tz_observation_layout_full(layout, task);
    }
    if (n_in != layout->n) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: %s sees %d numbers; the observation of '%s' has %d", path, what, n_in,
                       task->name, n_default);
    }
    return TZ_OK;
}

static tz_status check_layout(const tz_observation_layout *layout, const char *path,
                              const char *env, const tz_task *task, tz_error *error) {
    const bool is_state = layout->source == TZ_OBSERVATION_STATE;
    if (!is_state && task->n_gym_observation == 0) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: sees Gymnasium's observation; environment '%s' has none", path,
                       task->name);
    }
    const int n_source = is_state ? tz_task_nz(task) : task->n_gym_observation;
    for (int i = 0; i < layout->n; i++) {
        if (layout->index[i] >= n_source) {
            return tz_fail(error, TZ_ERR_MISMATCH,
                           "%s: observation_index[%d] is %d; '%s' has %s 0 to %d", path, i,
                           layout->index[i], task->name, is_state ? "states z" : "observations",
                           n_source - 1);
        }
    }

    // what stands behind the state in an observation has other numbers in the other version
    tz_observation_layout own;
    const bool is_foreign = !is_state && env[0] != '\0' && strcmp(env, task->name) != 0 &&
                            tz_observation_layout_gymnasium(&own, task->name) &&
                            own.source == TZ_OBSERVATION_STATE;
    for (int i = 0; is_foreign && i < layout->n; i++) {
        if (layout->index[i] >= own.n) {
            return tz_fail(error, TZ_ERR_MISMATCH,
                           "%s: observation_index[%d] is %d, which is no part of the state and "
                           "means another quantity in '%s' than in '%s'",
                           path, i, layout->index[i], task->name, env);
        }
    }
    return TZ_OK;
}

// Whether the actions of Gymnasium's RescaleAction were learned: all in [-1, 1].
static bool is_unit_range(const tz_actor *actor, int nu) {
    bool is_unit = true;
    for (int i = 0; i < nu; i++) {
        is_unit = is_unit && actor->control_low[i] == -1.0 && actor->control_high[i] == 1.0;
    }
    return is_unit;
}

// A network that speaks in units of its action space [-1, 1] comes to speak in controls: with
// centre c and half width h of the control range, mu' = c + h mu and log sigma' = log h + log
// sigma.
static void rescale_head(tz_policy_file *file, const tz_task *task) {
    const tz_network *net = &file->actor.net;
    const int head = net->n_layers - 1, n_in = tz_network_n_in(net, head), nu = file->nu;
    float *W = file->block + (net->W[head] - file->block);
    float *b = file->block + (net->b[head] - file->block);
    for (int j = 0; j < nu; j++) {
        const double low = task->control_low[j], high = task->control_high[j];
        const double h = 0.5 * (high - low), c = 0.5 * (high + low);
        for (int i = 0; i < n_in; i++) {
            float *w = &W[(size_t)i * 2 * (size_t)nu + (size_t)j];
            *w = (float)(h * (double)*w);
        }
        b[j] = (float)(c + h * (double)b[j]);
        b[nu + j] = (float)(log(h) + (double)b[nu + j]);
    }
}

static tz_status fit_range(tz_policy_file *file, const char *path, const tz_task *task,
                           tz_error *error) {
    tz_actor *actor = &file->actor;
    if (file->has_range) {
        for (int i = 0; i < task->nu; i++) {
            const double low = actor->control_low[i], high = actor->control_high[i];
            if (!isfinite(low) || !isfinite(high) || !(low < high)) {
                return tz_fail(error, TZ_ERR_FORMAT,
                               "%s: control range %d is [%g, %g]; expected finite low < high", path,
                               i, low, high);
            }
        }
        if (strcmp(file->kind, OWN_FORMAT) == 0 || !is_unit_range(actor, file->nu)) {
            return TZ_OK;
        }
        if (actor->output == TZ_ACTOR_CLIPPED) {
            rescale_head(file, task);
        }
    }
    memcpy(actor->control_low, task->control_low, sizeof actor->control_low);
    memcpy(actor->control_high, task->control_high, sizeof actor->control_high);
    return TZ_OK;
}

tz_status tz_policy_file_fit(tz_policy_file *file, const char *path, const tz_task *task,
                             tz_error *error) {
    TZ_CHECK(tz_fit_env(file->env, file->env_digest, path, "a policy", task, error));
    if (file->nu != task->nu) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: the head of the actor.* tensors drives %d controls; '%s' has %d "
                       "controls",
                       path, file->nu, task->name, task->nu);
    }
    TZ_CHECK(file->has_layout ? check_layout(&file->actor.layout, path, file->env, task, error)
                              : tz_fit_layout(&file->actor.layout, file->actor.net.n_in, path,
                                              "the actor. network", task, error));
    return fit_range(file, path, task, error);
}

tz_status tz_actor_read(tz_actor *actor, float **block, char sha256[65], const char *path,
                        const tz_task *task, tz_error *error) {
    tz_policy_file file;
    tz_status status = tz_policy_file_read(&file, path, NULL, error);
    status = status == TZ_OK ? tz_policy_file_fit(&file, path, task, error) : status;
    if (status != TZ_OK) {
        tz_policy_file_free(&file);
    }
    *actor = file.actor;
    *block = file.block;
    snprintf(sha256, 65, "%s", file.sha256);
    return status;
}
