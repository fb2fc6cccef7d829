// Model files (docs/formats.md): one safetensors file, structure as strings in its metadata, the
// normaliser and the weights as named tensors. A file is hostile until every value is checked.
#include "base/file.h"
#include "base/safetensors.h"
#include "models/ensemble.h"
#include "models/learned.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT_NAME "trapeze-model"
#define FORMAT_VERSION "1"

enum {
    N_NORMALISER = 9, // tensors that every model has, see list_normaliser
    N_METADATA_ALWAYS = 14,
    N_TENSORS_MAX = N_NORMALISER + 1 + TZ_NETWORKS_MAX * TZ_MLP_TENSORS_MAX
};

// ---- normaliser, one list for both directions

typedef struct normaliser_tensor {
    const char *name;
    float *data;
    size_t n;
    bool is_positive; // a scale that is divided by
} normaliser_tensor;

// All but input_mask, which is not f32.
static void list_normaliser(const tz_learned *self, normaliser_tensor list[N_NORMALISER - 1]) {
    const size_t nz = (size_t)tz_model_nz(&self->model), n_columns = nz + (size_t)self->model.nu;
    const normaliser_tensor tensors[N_NORMALISER - 1] = {
        {"input_mean", self->input_mean, n_columns, false},
        {"input_std", self->input_std, n_columns, true},
        {"rate_mean", self->rate_mean, nz, false},
        {"rate_std", self->rate_std, nz, true},
        {"sigma_z", self->model.sigma_z, nz, true},
        {"z_mean", self->model.z_mean, nz, false},
        {"z_low", self->model.z_low, nz, false},
        {"z_high", self->model.z_high, nz, false},
    };
    memcpy(list, tensors, sizeof tensors);
}

// ---- writing

static tz_tensor weight_tensor(const tz_model *model, const tz_model_tensor *tensor) {
    tz_tensor entry = {
        .name = tensor->name, .dtype = TZ_DTYPE_F32, .data = model->parameters + tensor->offset};
    if (!tensor->is_bias) { // a bias has one dimension
        entry.shape[entry.ndim++] = (size_t)tensor->rows;
    }
    entry.shape[entry.ndim++] = (size_t)tensor->cols;
    return entry;
}

static tz_tensor limit_tensor(const tz_learned *self) {
    return (tz_tensor){.name = "rate_limit",
                       .dtype = TZ_DTYPE_F32,
                       .ndim = 1,
                       .shape = {(size_t)tz_model_nz(&self->model)},
                       .data = self->rate_limit};
}

tz_status tz_model_save(const tz_model *model, const char *path, tz_error *error) {
    if (tz_learned_kind_find(model->ops->kind) == NULL) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED, "%s: a model of kind %s has no file format", path,
                       model->ops->kind);
    }
    const tz_learned *self = (const tz_learned *)model;
    tz_tensor tensors[N_TENSORS_MAX];
    int n_tensors = 0;

    // normaliser, then weights
    normaliser_tensor normaliser[N_NORMALISER - 1];
    list_normaliser(self, normaliser);
    tensors[n_tensors++] = (tz_tensor){.name = "input_mask",
                                       .dtype = TZ_DTYPE_U8,
                                       .ndim = 1,
                                       .shape = {normaliser[0].n},
                                       .data = self->input_form};
    for (int i = 0; i < N_NORMALISER - 1; i++) {
        tensors[n_tensors++] = (tz_tensor){.name = normaliser[i].name,
                                           .dtype = TZ_DTYPE_F32,
                                           .ndim = 1,
                                           .shape = {normaliser[i].n},
                                           .data = normaliser[i].data};
    }
    if (self->rate_limit != NULL) {
        tensors[n_tensors++] = limit_tensor(self);
    }
    for (int i = 0; i < model->n_tensors; i++) {
        tensors[n_tensors++] = weight_tensor(model, &model->tensors[i]);
    }

    // structure
    char nq[16], nv[16], nu[16], n_hidden[16], n_layers[16], substeps[16], dt_s[32];
    snprintf(nq, sizeof nq, "%d", model->nq);
    snprintf(nv, sizeof nv, "%d", model->nv);
    snprintf(nu, sizeof nu, "%d", model->nu);
    snprintf(n_hidden, sizeof n_hidden, "%d", self->n_hidden);
    snprintf(n_layers, sizeof n_layers, "%d", self->n_layers);
    snprintf(substeps, sizeof substeps, "%d", self->substeps);
    snprintf(dt_s, sizeof dt_s, "%.17g", model->dt_s);
    tz_metadata metadata[N_METADATA_ALWAYS + 4] = {
        {"format", FORMAT_NAME},
        {"version", FORMAT_VERSION},
        {"kind", model->ops->kind},
        {"env", model->env},
        {"nq", nq},
        {"nv", nv},
        {"nu", nu},
        {"dt_s", dt_s},
        {"n_hidden", n_hidden},
        {"n_layers", n_layers},
        {"activation", "tanh"},
        {"integrator", tz_integrator_name(self->integrator)},
        {"substeps", substeps},
        {"normaliser", self->is_normalised ? "data" : "none"},
    };
    int n_metadata = N_METADATA_ALWAYS;
    if (model->has_variance) {
        metadata[n_metadata++] = (tz_metadata){"variance", "learned"};
    }
    if (model->env_digest[0] != '\0') {
        metadata[n_metadata++] = (tz_metadata){"env_digest", model->env_digest};
    }
    if (model->data_mujoco[0] != '\0') {
        metadata[n_metadata++] = (tz_metadata){"data_mujoco", model->data_mujoco};
    }
    if (model->trained_mujoco[0] != '\0') {
        metadata[n_metadata++] = (tz_metadata){"trained_mujoco", model->trained_mujoco};
    }
    return tz_safetensors_write(path, tensors, n_tensors, metadata, n_metadata, error);
}

// ---- reading

// A metadata string that must be there.
static tz_status get_text(const tz_safetensors *file, const char *key, const char **text,
                          tz_error *error) {
    *text = tz_safetensors_metadata(file, key);
    if (*text == NULL) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: not a model file: its metadata has no '%s'",
                       tz_safetensors_path(file), key);
    }
    return TZ_OK;
}

static tz_status expect_text(const tz_safetensors *file, const char *key, const char *expected,
                             tz_error *error) {
    const char *text = NULL;
    TZ_CHECK(get_text(file, key, &text, error));
    if (strcmp(text, expected) != 0) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: %s is '%.60s', expected '%s'",
                       tz_safetensors_path(file), key, text, expected);
    }
    return TZ_OK;
}

static tz_status get_int(const tz_safetensors *file, const char *key, int *value, int low, int high,
                         tz_error *error) {
    const char *text = NULL;
    TZ_CHECK(get_text(file, key, &text, error));
    char *end;
    errno = 0;
    const long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || number < low || number > high) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: %s is '%.60s', expected a number from %d to %d",
                       tz_safetensors_path(file), key, text, low, high);
    }
    *value = (int)number;
    return TZ_OK;
}

// Puts the file before the sentence of a call that knew of none; a file that says what no kind
// serves is of a wrong format.
static tz_status in_file(const tz_safetensors *file, tz_status status, tz_error *error) {
    if (status == TZ_OK || status == TZ_ERR_MEMORY || error == NULL) {
        return status == TZ_OK || status == TZ_ERR_MEMORY ? status : TZ_ERR_FORMAT;
    }
    const tz_error cause = *error;
    return tz_fail(error, TZ_ERR_FORMAT, "%s: %s", tz_safetensors_path(file), cause.text);
}

static tz_status get_period(const tz_safetensors *file, double *dt_s, tz_error *error) {
    const char *text = NULL;
    TZ_CHECK(get_text(file, "dt_s", &text, error));
    char *end;
    *dt_s = strtod(text, &end);
    if (end == text || *end != '\0' || !(*dt_s > 0.0) || !isfinite(*dt_s)) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: dt_s is '%.60s', expected a positive number of seconds",
                       tz_safetensors_path(file), text);
    }
    return TZ_OK;
}

// How the networks see [z, u]: a form each, velocities and controls always plain.
static tz_status get_mask(const tz_safetensors *file, unsigned char *input_form, int nq,
                          int n_columns, tz_error *error) {
    const char *path = tz_safetensors_path(file);
    const tz_tensor *tensor = tz_safetensors_find(file, "input_mask");
    if (tensor == NULL || tensor->dtype != TZ_DTYPE_U8 || tensor->ndim != 1 ||
        tensor->shape[0] != (size_t)n_columns) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: expected a tensor input_mask of %d bytes", path,
                       n_columns);
    }
    memcpy(input_form, tensor->data, (size_t)n_columns);
    for (int i = 0; i < n_columns; i++) {
        if (input_form[i] >= TZ_INPUT_FORM_COUNT || (i >= nq && input_form[i] != TZ_INPUT_PLAIN)) {
            return tz_fail(error, TZ_ERR_FORMAT,
                           "%s: input_mask[%d] is %d, expected 1 (or 0, 2 or 3 for a position)",
                           path, i, input_form[i]);
        }
    }
    return TZ_OK;
}

// Copies a tensor whose values must be finite, and positive where they are divided by.
static tz_status get_values(const tz_safetensors *file, const tz_tensor *expected, float *values,
                            bool is_positive, tz_error *error) {
    const float *data = NULL;
    TZ_CHECK(tz_safetensors_expect_f32(file, expected->name, expected->ndim, expected->shape, &data,
                                       error));
    const size_t n = expected->shape[0] * (expected->ndim > 1 ? expected->shape[1] : 1);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(data[i]) || (is_positive && !(data[i] > 0.0f))) {
            return tz_fail(error, TZ_ERR_FORMAT, "%s: %s[%zu] is %g, expected a %s number",
                           tz_safetensors_path(file), expected->name, i, (double)data[i],
                           is_positive ? "positive" : "finite");
        }
        values[i] = data[i];
    }
    return TZ_OK;
}

static tz_status get_integrator(const tz_safetensors *file, tz_integrator *integrator,
                                tz_error *error) {
    const char *name = NULL;
    TZ_CHECK(get_text(file, "integrator", &name, error));
    return in_file(file, tz_integrator_find(integrator, name, error), error);
}

// Files from before there was a choice have none: the data's.
static tz_status get_is_normalised(const tz_safetensors *file, bool *is_normalised,
                                   tz_error *error) {
    const char *text = tz_safetensors_metadata(file, "normaliser");
    *is_normalised = text == NULL || strcmp(text, "data") == 0;
    if (!*is_normalised && strcmp(text, "none") != 0) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: normaliser is '%.60s', expected 'data' or 'none'",
                       tz_safetensors_path(file), text);
    }
    return TZ_OK;
}

// A text that older files do not have, and some newer ones neither: then "".
static tz_status get_optional(const tz_safetensors *file, const char *key, char *value, size_t size,
                              tz_error *error) {
    const char *text = tz_safetensors_metadata(file, key);
    if (text != NULL && strlen(text) >= size) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: %s has %zu letters, expected at most %zu",
                       tz_safetensors_path(file), key, strlen(text), size - 1);
    }
    snprintf(value, size, "%s", text != NULL ? text : "");
    return TZ_OK;
}

// Present in probabilistic models alone.
static tz_status get_is_probabilistic(const tz_safetensors *file, bool *is_probabilistic,
                                      tz_error *error) {
    const char *text = tz_safetensors_metadata(file, "variance");
    *is_probabilistic = text != NULL;
    if (text != NULL && strcmp(text, "learned") != 0) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: variance is '%.60s', expected 'learned'",
                       tz_safetensors_path(file), text);
    }
    return TZ_OK;
}

static tz_status read_structure(const tz_safetensors *file, tz_learned **learned, tz_error *error) {
    TZ_CHECK(expect_text(file, "format", FORMAT_NAME, error));
    TZ_CHECK(expect_text(file, "version", FORMAT_VERSION, error));
    TZ_CHECK(expect_text(file, "activation", "tanh", error));
    const char *kind_name = NULL, *env = NULL;
    TZ_CHECK(get_text(file, "kind", &kind_name, error));
    TZ_CHECK(get_text(file, "env", &env, error));
    const tz_learned_kind *kind = tz_learned_kind_find(kind_name);
    if (kind == NULL) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: kind '%.60s' is not one that this version knows",
                       tz_safetensors_path(file), kind_name);
    }
    if (strlen(env) >= TZ_NAME_MAX) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: the environment's name is longer than %d bytes",
                       tz_safetensors_path(file), TZ_NAME_MAX - 1);
    }
    tz_learned_def def = {.kind = kind,
                          .is_limited = tz_safetensors_find(file, "rate_limit") != NULL};
    TZ_CHECK(get_int(file, "nq", &def.nq, 1, TZ_NQ_MAX, error));
    TZ_CHECK(get_int(file, "nv", &def.nv, 1, TZ_NQ_MAX, error));
    TZ_CHECK(get_int(file, "nu", &def.nu, 0, TZ_NU_MAX, error));
    TZ_CHECK(get_int(file, "n_hidden", &def.n_hidden, 1, TZ_MODEL_HIDDEN_MAX, error));
    TZ_CHECK(get_int(file, "n_layers", &def.n_layers, 1, TZ_MLP_LAYERS_MAX, error));
    TZ_CHECK(get_int(file, "substeps", &def.substeps, 1, TZ_MODEL_SUBSTEPS_MAX, error));
    TZ_CHECK(get_integrator(file, &def.integrator, error));
    TZ_CHECK(get_is_normalised(file, &def.is_normalised, error));
    TZ_CHECK(get_is_probabilistic(file, &def.is_probabilistic, error));
    TZ_CHECK(get_period(file, &def.dt_s, error));
    TZ_CHECK(get_mask(file, def.input_form, def.nq, def.nq + def.nv + def.nu, error));
    TZ_CHECK(in_file(file, tz_learned_create(learned, &def, error), error));
    tz_model *model = &(*learned)->model;
    snprintf(model->env, TZ_NAME_MAX, "%s", env);
    TZ_CHECK(get_optional(file, "env_digest", model->env_digest, TZ_DIGEST_MAX, error));
    TZ_CHECK(get_optional(file, "data_mujoco", model->data_mujoco, TZ_VERSIONS_MAX, error));
    return get_optional(file, "trained_mujoco", model->trained_mujoco, TZ_VERSIONS_MAX, error);
}

// A file that names large networks has their weights: no memory is taken for others.
static tz_status expect_weights(const tz_safetensors *file, const tz_learned *self,
                                tz_error *error) {
    size_t n_values = 0;
    for (int i = 0; i < tz_safetensors_count(file); i++) {
        const tz_tensor *tensor = tz_safetensors_at(file, i);
        n_values += tensor->ndim == 2 ? tensor->shape[0] * tensor->shape[1] : 0;
    }
    const size_t h = (size_t)self->n_hidden, least = (size_t)(self->n_layers - 1) * h * h;
    return n_values >= least
               ? TZ_OK
               : tz_fail(error, TZ_ERR_FORMAT,
                         "%s: has %zu weights, expected those of networks of %d layers of %d units",
                         tz_safetensors_path(file), n_values, self->n_layers, self->n_hidden);
}

static tz_status read_values(const tz_safetensors *file, tz_learned *self, tz_error *error) {
    normaliser_tensor normaliser[N_NORMALISER - 1];
    list_normaliser(self, normaliser);
    for (int i = 0; i < N_NORMALISER - 1; i++) {
        const tz_tensor expected = {
            .name = normaliser[i].name, .ndim = 1, .shape = {normaliser[i].n}};
        const bool is_z_mean = normaliser[i].data == self->model.z_mean;
        if (is_z_mean && tz_safetensors_find(file, "z_mean") == NULL) {
            // files from before there was a choice of normaliser: it is the inputs'
            memcpy(self->model.z_mean, self->input_mean, normaliser[i].n * sizeof(tz_real));
            continue;
        }
        TZ_CHECK(get_values(file, &expected, normaliser[i].data, normaliser[i].is_positive, error));
    }
    if (self->rate_limit != NULL) {
        const tz_tensor expected = limit_tensor(self);
        TZ_CHECK(get_values(file, &expected, self->rate_limit, true, error));
    }
    TZ_CHECK(expect_weights(file, self, error));
    TZ_CHECK(in_file(file, tz_learned_finish(self, error), error));
    tz_model *model = &self->model;
    for (int i = 0; i < model->n_tensors; i++) {
        const tz_tensor expected = weight_tensor(model, &model->tensors[i]);
        TZ_CHECK(get_values(file, &expected, model->parameters + model->tensors[i].offset, false,
                            error));
    }
    tz_learned_prepare(model);
    return TZ_OK;
}

tz_status tz_model_load(tz_model **model, const char *path, tz_error *error) {
    *model = NULL;
    if (tz_folder_exists(path)) {
        return tz_fail(
            error, TZ_ERR_IO,
            "%s: is a folder, expected a model file, as %s/model.safetensors of a run or "
            "%s/ensemble.json of an ensemble",
            path, path, path);
    }
    if (tz_ensemble_is_list(path)) {
        return tz_ensemble_load(model, path, error);
    }
    tz_safetensors *file = NULL;
    TZ_CHECK(tz_safetensors_read(&file, path, error));
    tz_learned *self = NULL;
    tz_status status = read_structure(file, &self, error);
    if (status == TZ_OK) {
        status = read_values(file, self, error);
    }
    if (status == TZ_OK) {
        snprintf(self->model.sha256, sizeof self->model.sha256, "%s", tz_safetensors_sha256(file));
        *model = &self->model;
    } else if (self != NULL) {
        tz_learned_destroy(&self->model);
    }
    tz_safetensors_destroy(file);
    return status;
}
