// Archives that Stable-Baselines3 saves: a zip with `data` (JSON; objects that JSON cannot hold as
// base64 of a pickle, with their attributes as text beside it) and `policy.pth` (a state dict)
// (stable_baselines3/common/save_util.py). A zip that is itself a state dict is read as bare
// weights.
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "policies/policy_file.h"
#include "policies/torch_file.h"
#include "policies/weights.h"
#include "policies/zip.h"

#include <json-c/json.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

enum {
    ARCHIVE_SIZE_MAX = 1 << 30,
    DATA_SIZE_MAX = 16 << 20,
    POLICY_SIZE_MAX = 1 << 28,
    DEPTH_MAX = 32
};

// ---- data: the JSON

static struct json_object *get(struct json_object *object, const char *key) {
    struct json_object *value = NULL;
    if (json_object_is_type(object, json_type_object)) {
        json_object_object_get_ex(object, key, &value);
    }
    return value;
}

static const char *get_text(struct json_object *object, const char *key) {
    struct json_object *value = get(object, key);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static bool is_true(struct json_object *value) {
    return json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

static tz_status parse_data(struct json_object **data, const char *text, size_t size,
                            const char *path, tz_error *error) {
    if (!tz_json_is_small(text, size)) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: member 'data' holds more JSON values than any policy's", path);
    }
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
    if (tokener == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: out of memory while reading", path);
    }
    *data = json_tokener_parse_ex(tokener, text, (int)size + 1);
    const enum json_tokener_error outcome = json_tokener_get_error(tokener);
    json_tokener_free(tokener);
    if (outcome != json_tokener_success || !json_object_is_type(*data, json_type_object)) {
        json_object_put(*data);
        *data = NULL;
        return tz_fail(error, TZ_ERR_FORMAT, "%s: member 'data' is no JSON object (%s)", path,
                       json_tokener_error_desc(outcome));
    }
    return TZ_OK;
}

// The activation that policy_kwargs name: "<class 'torch.nn.modules.activation.Tanh'>".
static tz_status read_activation(tz_actor *actor, struct json_object *data, const char *path,
                                 tz_error *error) {
    struct json_object *kwargs = get(data, "policy_kwargs");
    const char *activation = get_text(kwargs, "activation_fn");
    const char *extractor = get_text(kwargs, "features_extractor_class");
    if (extractor != NULL && strstr(extractor, ".FlattenExtractor'") == NULL) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "%s: features extractor %.80s; expected plain observations", path,
                       extractor);
    }
    if (activation == NULL) {
        return TZ_OK;
    }
    if (strstr(activation, ".ReLU'") != NULL) {
        actor->net.activation = TZ_NETWORK_RELU;
    } else if (strstr(activation, ".Tanh'") != NULL) {
        actor->net.activation = TZ_NETWORK_TANH;
    } else {
        return tz_fail(error, TZ_ERR_UNSUPPORTED, "%s: activation %.80s; expected ReLU or Tanh",
                       path, activation);
    }
    return TZ_OK;
}

// ---- data: the action space

static int base64_digit(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *place = c == '\0' ? NULL : strchr(digits, c);
    return place == NULL ? -1 : (int)(place - digits);
}

// Decodes base64 into bytes of tz_alloc (*size); false on another letter or without memory.
static bool base64_decode(const char *text, unsigned char **bytes, size_t *size) {
    unsigned char *out = *bytes = tz_alloc(strlen(text) / 4 * 3 + 3, 1);
    *size = 0;
    uint32_t bits = 0;
    int n_bits = 0;
    for (; out != NULL && *text != '\0' && *text != '='; text++) {
        const int digit = base64_digit(*text);
        if (digit < 0 && *text != '\n') {
            return false;
        }
        if (digit >= 0) {
            bits = bits << 6 | (uint32_t)digit;
            n_bits += 6;
        }
        if (n_bits >= 8) {
            n_bits -= 8;
            out[(*size)++] = (unsigned char)(bits >> n_bits);
        }
    }
    return out != NULL;
}

// Bounds of a Box from its pickle, low and high (*n).
static tz_status read_box(double *low, double *high, size_t *n, const char *base64,
                          const char *path, tz_error *error) {
    unsigned char *bytes = NULL;
    size_t size, n_high = 0;
    *n = 0;
    if (!base64_decode(base64, &bytes, &size)) {
        tz_free(bytes);
        return tz_fail(error, TZ_ERR_FORMAT, "%s: 'action_space' is no base64", path);
    }
    tz_pickle *pickle;
    const tz_status status =
        tz_pickle_read(&pickle, bytes, size, tz_numpy_names, TZ_NUMPY_NAMES, path, error);
    tz_free(bytes);
    if (status != TZ_OK) {
        return status;
    }
    const tz_pickle_value *box = tz_pickle_root(pickle);
    const bool read = tz_numpy_get(tz_pickle_find(box, "low"), low, n, TZ_NU_MAX) &&
                      tz_numpy_get(tz_pickle_find(box, "high"), high, &n_high, TZ_NU_MAX);
    tz_pickle_destroy(pickle);
    return read && *n == n_high
               ? TZ_OK
               : tz_fail(error, TZ_ERR_FORMAT,
                         "%s: 'action_space' is no Box of at most %d float numbers", path,
                         TZ_NU_MAX);
}

static tz_status read_action_space(tz_policy_file *file, struct json_object *data, const char *path,
                                   tz_error *error) {
    const char *base64 = get_text(get(data, "action_space"), ":serialized:");
    if (base64 == NULL) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: member 'data' has no action_space", path);
    }
    double *low = file->actor.control_low, *high = file->actor.control_high;
    size_t n;
    TZ_CHECK(read_box(low, high, &n, base64, path, error));
    bool sound = n == (size_t)file->nu;
    for (size_t i = 0; i < n; i++) {
        sound = sound && isfinite(low[i]) && isfinite(high[i]) && low[i] < high[i];
    }
    file->has_range = true;
    return sound ? TZ_OK
                 : tz_fail(error, TZ_ERR_FORMAT,
                           "%s: 'action_space' has %zu bounds; expected %d finite low < high", path,
                           n, file->nu);
}

static tz_status read_data(tz_policy_file *file, const tz_zip *zip, int member, const char *path,
                           tz_error *error) {
    char *text;
    size_t size;
    struct json_object *data;
    TZ_CHECK(tz_zip_read(zip, member, &text, &size, DATA_SIZE_MAX, error));
    tz_status status = parse_data(&data, text, size, path, error);
    tz_free(text);
    TZ_CHECK(status);
    if (is_true(get(data, "use_sde"))) {
        status = tz_fail(error, TZ_ERR_UNSUPPORTED,
                         "%s: a policy with state-dependent exploration (use_sde), which is not "
                         "supported",
                         path);
    }
    status = status == TZ_OK ? read_activation(&file->actor, data, path, error) : status;
    status = status == TZ_OK ? read_action_space(file, data, path, error) : status;
    json_object_put(data);
    return status;
}

// ---- the archive

static tz_status read_state_dict(tz_policy_file *file, const void *bytes, size_t size,
                                 const char *path, tz_error *error) {
    tz_torch_file *torch;
    TZ_CHECK(tz_torch_read(&torch, bytes, size, path, error));
    tz_weights weights = {.path = path};
    weights.tensors = tz_torch_tensors(torch, &weights.n);
    const tz_status status = tz_weights_read_actor(&file->actor, &file->block, &file->kind,
                                                   &file->has_range, &weights, error);
    tz_torch_destroy(torch);
    if (status == TZ_OK) {
        file->nu = file->actor.net.n_out[file->actor.net.n_layers - 1] / 2;
    }
    return status;
}

static tz_status read_archive(tz_policy_file *file, const char *bytes, size_t size,
                              const char *path, tz_error *error) {
    tz_zip *zip;
    TZ_CHECK(tz_zip_open(&zip, bytes, size, path, error));
    const int data = tz_zip_find(zip, "data"), policy = tz_zip_find(zip, "policy.pth");
    tz_status status;
    if (policy < 0) {
        status = read_state_dict(file, bytes, size, path, error);
    } else if (data < 0) {
        status = tz_fail(error, TZ_ERR_FORMAT,
                         "%s: no member 'data'; expected an archive of Stable-Baselines3", path);
    } else {
        char *inner;
        size_t inner_size;
        status = tz_zip_read(zip, policy, &inner, &inner_size, POLICY_SIZE_MAX, error);
        if (status == TZ_OK) {
            status = read_state_dict(file, inner, inner_size, path, error);
            tz_free(inner);
        }
        status = status == TZ_OK ? read_data(file, zip, data, path, error) : status;
    }
    tz_zip_close(zip);
    return status;
}

tz_status tz_sb3_read(tz_policy_file *file, const char *path, tz_error *error) {
    char *bytes;
    size_t size;
    TZ_CHECK(tz_file_sha256(path, file->sha256, error));
    TZ_CHECK(tz_file_read(path, &bytes, &size, ARCHIVE_SIZE_MAX, error));
    const tz_status status = read_archive(file, bytes, size, path, error);
    tz_free(bytes);
    return status;
}
