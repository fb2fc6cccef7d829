#include "train/checkpoint.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/safetensors.h"
#include "envs/env_match.h"

#include <math.h>
#include <string.h>

static const char FORMAT[] = "trapeze-checkpoint-1";

// Rows of the position tensor.
enum { EPOCH, STEP_IN_EPOCH, UPDATES, N_POSITION };

tz_epoch_metrics tz_epoch_metrics_of(const tz_trainer *trainer, int epoch, double lr) {
    const tz_train_means means = tz_trainer_means(trainer);
    return (tz_epoch_metrics){.epoch = epoch,
                              .learning_rate = lr,
                              .train_loss = means.loss,
                              .grad_norm = means.grad_norm,
                              .test_loss = NAN,
                              .rollout_nmse = NAN,
                              .rollout_nmse_median = NAN,
                              .rollout_diverged = NAN};
}

tz_status tz_checkpoint_write(const char *path, tz_trainer *trainer, const tz_model *model,
                              const tz_epoch_metrics *metrics, int n_epochs, const char *what,
                              tz_error *error) {
    const tz_trainer_state state = tz_trainer_get_state(trainer);
    const int64_t position[N_POSITION] = {[EPOCH] = (int64_t)state.epoch,
                                          [STEP_IN_EPOCH] = (int64_t)state.step_in_epoch,
                                          [UPDATES] = (int64_t)state.updates};
    const double sums[2] = {state.loss_sum, state.grad_norm_sum};
    const size_t n = model->n_parameters;
    const tz_tensor tensors[] = {
        {"parameters", TZ_DTYPE_F32, 1, {n}, model->parameters},
        {"adam.m", TZ_DTYPE_F32, 1, {n}, state.m},
        {"adam.v", TZ_DTYPE_F32, 1, {n}, state.v},
        {"position", TZ_DTYPE_I64, 1, {N_POSITION}, position},
        {"sums", TZ_DTYPE_F64, 1, {2}, sums},
        {"metrics", TZ_DTYPE_F64, 2, {(size_t)n_epochs, TZ_N_METRICS}, metrics},
    };
    const tz_metadata metadata[] = {{"format", FORMAT},
                                    {"kind", model->ops->kind},
                                    {"what", what},
                                    {"env_digest", model->env_digest}};
    const int n_metadata = (int)TZ_COUNTOF(metadata) - (model->env_digest[0] == '\0');
    return tz_safetensors_write(path, tensors, TZ_COUNTOF(tensors), metadata, n_metadata, error);
}

// Looks up a tensor of this type and number of values; with rows < 0, any number of rows.
static tz_status find(const tz_safetensors *file, const char *name, tz_dtype dtype, int64_t rows,
                      size_t cols, const tz_tensor **tensor, tz_error *error) {
    *tensor = tz_safetensors_find(file, name);
    const tz_tensor *t = *tensor;
    if (t == NULL || t->dtype != dtype || t->ndim != (cols > 0 ? 2 : 1) ||
        (rows >= 0 && t->shape[0] != (size_t)rows) || (cols > 0 && t->shape[1] != cols)) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: tensor %s is missing or has another shape than this training needs",
                       tz_safetensors_path(file), name);
    }
    return TZ_OK;
}

// Where two descriptions begin to differ: at the start of that item of the list.
static size_t first_difference(const char *a, const char *b) {
    size_t item = 0;
    for (size_t i = 0; a[i] == b[i] && a[i] != '\0'; i++) {
        item = a[i] == ',' && a[i + 1] == ' ' ? i + 2 : item;
    }
    return item;
}

// `noun` is what the key stands for in the sentence.
static tz_status check_text(const tz_safetensors *file, const char *key, const char *noun,
                            const char *expected, tz_status status, tz_error *error) {
    const char *metadata = tz_safetensors_metadata(file, key);
    const char *found = metadata != NULL ? metadata : "";
    if (!tz_json_text_is(found, expected)) {
        const size_t from = first_difference(found, expected);
        return tz_fail(error, status, "%s: a checkpoint of %s '%s%.300s', expected '%s%.300s'",
                       tz_safetensors_path(file), noun, from > 0 ? "... " : "", found + from,
                       from > 0 ? "... " : "", expected + from);
    }
    return TZ_OK;
}

// A checkpoint of one's own MJCF has its digest, but for those from before there was one.
static tz_status check_env(const tz_safetensors *file, const tz_model *model, tz_error *error) {
    const char *digest = tz_safetensors_metadata(file, "env_digest");
    return digest != NULL && tz_env_compare(model->env, digest, model->env, model->env_digest) ==
                                 TZ_ENV_CHANGED
               ? tz_env_fail_changed(tz_safetensors_path(file), "a checkpoint", model->env,
                                     model->env, error)
               : TZ_OK;
}

static tz_status restore(const tz_safetensors *file, tz_trainer *trainer, tz_model *model,
                         tz_epoch_metrics *metrics, int *n_epochs, int max_epochs, const char *what,
                         tz_error *error) {
    TZ_CHECK(check_text(file, "format", "format", FORMAT, TZ_ERR_FORMAT, error));
    TZ_CHECK(check_text(file, "kind", "kind", model->ops->kind, TZ_ERR_MISMATCH, error));
    TZ_CHECK(check_env(file, model, error));
    TZ_CHECK(check_text(file, "what", "other data or options:", what, TZ_ERR_MISMATCH, error));

    // find and check everything before anything is changed
    const int64_t n = (int64_t)model->n_parameters;
    const tz_tensor *parameters, *m, *v, *position, *sums, *table;
    TZ_CHECK(find(file, "parameters", TZ_DTYPE_F32, n, 0, &parameters, error));
    TZ_CHECK(find(file, "adam.m", TZ_DTYPE_F32, n, 0, &m, error));
    TZ_CHECK(find(file, "adam.v", TZ_DTYPE_F32, n, 0, &v, error));
    TZ_CHECK(find(file, "position", TZ_DTYPE_I64, N_POSITION, 0, &position, error));
    TZ_CHECK(find(file, "sums", TZ_DTYPE_F64, 2, 0, &sums, error));
    TZ_CHECK(find(file, "metrics", TZ_DTYPE_F64, -1, TZ_N_METRICS, &table, error));
    const tz_tensor *const values[] = {parameters, m, v};
    for (size_t i = 0; i < TZ_COUNTOF(values); i++) {
        TZ_CHECK(tz_tensor_expect_finite(tz_safetensors_path(file), values[i]->name,
                                         values[i]->data, (size_t)n, error));
    }
    int64_t at[N_POSITION];
    double sum[2];
    memcpy(at, position->data, sizeof at);
    memcpy(sum, sums->data, sizeof sum);
    const size_t epochs = table->shape[0];
    if (at[EPOCH] < 0 || (size_t)at[EPOCH] != epochs || epochs > (size_t)max_epochs ||
        at[STEP_IN_EPOCH] < 0 || at[STEP_IN_EPOCH] >= tz_trainer_steps_per_epoch(trainer) ||
        at[UPDATES] < 0) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: epoch %lld, step %lld with metrics of %zu epochs is no place in a "
                       "training of %d epochs of %d steps",
                       tz_safetensors_path(file), (long long)at[EPOCH],
                       (long long)at[STEP_IN_EPOCH], epochs, max_epochs,
                       tz_trainer_steps_per_epoch(trainer));
    }

    tz_trainer_state state = tz_trainer_get_state(trainer);
    memcpy(model->parameters, parameters->data, (size_t)n * sizeof(float));
    memcpy(state.m, m->data, (size_t)n * sizeof(float));
    memcpy(state.v, v->data, (size_t)n * sizeof(float));
    memcpy(metrics, table->data, epochs * sizeof *metrics);
    *n_epochs = (int)epochs;
    state.epoch = (uint64_t)at[EPOCH];
    state.step_in_epoch = (uint64_t)at[STEP_IN_EPOCH];
    state.updates = (uint64_t)at[UPDATES];
    state.loss_sum = sum[0];
    state.grad_norm_sum = sum[1];
    tz_trainer_set_state(trainer, &state);
    return TZ_OK;
}

tz_status tz_checkpoint_what(char **what, const char *path, tz_error *error) {
    *what = NULL;
    tz_safetensors *file = NULL;
    TZ_CHECK(tz_safetensors_read(&file, path, error));
    const char *found = tz_safetensors_metadata(file, "what");
    const size_t size = found != NULL ? strlen(found) + 1 : 1;
    *what = tz_alloc(size, 1);
    if (*what != NULL && found != NULL) {
        memcpy(*what, found, size);
    }
    tz_safetensors_destroy(file);
    return *what != NULL ? TZ_OK : tz_fail(error, TZ_ERR_MEMORY, "out of memory: a checkpoint");
}

tz_status tz_checkpoint_read(const char *path, tz_trainer *trainer, tz_model *model,
                             tz_epoch_metrics *metrics, int *n_epochs, int max_epochs,
                             const char *what, tz_error *error) {
    tz_safetensors *file = NULL;
    TZ_CHECK(tz_safetensors_read(&file, path, error));
    const tz_status status =
        restore(file, trainer, model, metrics, n_epochs, max_epochs, what, error);
    tz_safetensors_destroy(file);
    return status;
}
