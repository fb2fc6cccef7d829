#include "models/ensemble.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/run_folder.h"
#include "envs/env_match.h"

#include <json-c/json.h>
#include <math.h>
#include <string.h>

static const char FORMAT[] = "trapeze-ensemble-1";

typedef struct ensemble {
    tz_model model; // must be first; sigma_z, z_mean, z_low, z_high are those of the first member
    int n;
    tz_model *member[TZ_MEMBERS_MAX]; // owned                                  (n)
} ensemble;

struct tz_model_workspace {
    const ensemble *of;
    size_t max_values; // (max_T + 1) max_B nz
    float *z;          // rollout of one member        (T + 1, B, nz)
    float *V; // its variances; NULL when no member has them                   (T + 1, B, nz)
    tz_model_workspace *member[TZ_MEMBERS_MAX]; //                              (n)
};

// ---- the model --------------------------------------------------------------------------------

static void destroy(tz_model *model) {
    ensemble *self = (ensemble *)model;
    for (int i = 0; i < self->n; i++) {
        tz_model_destroy(self->member[i]);
    }
    tz_free(self);
}

static void workspace_destroy(tz_model_workspace *workspace) {
    if (workspace != NULL) {
        for (int i = 0; i < workspace->of->n; i++) {
            tz_model_workspace_destroy(workspace->of->member[i], workspace->member[i]);
        }
        tz_free(workspace->z);
        tz_free(workspace->V);
        tz_free(workspace);
    }
}

static tz_status workspace_create(tz_model_workspace **workspace, const tz_model *model, int max_B,
                                  int max_T, bool training, tz_error *error) {
    const ensemble *self = (const ensemble *)model;
    *workspace = NULL;
    if (training) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "an ensemble is trained member by member, not as a whole");
    }
    tz_model_workspace *ws = tz_alloc(1, sizeof *ws);
    if (ws == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a workspace of an ensemble");
    }
    ws->of = self;
    ws->max_values = ((size_t)max_T + 1) * (size_t)max_B * (size_t)tz_model_nz(model);
    ws->z = tz_alloc(ws->max_values, sizeof *ws->z);
    bool has_variance = false;
    for (int i = 0; i < self->n; i++) {
        has_variance |= self->member[i]->has_variance;
    }
    ws->V = has_variance ? tz_alloc(ws->max_values, sizeof *ws->V) : NULL;
    tz_status status =
        ws->z != NULL && (ws->V != NULL || !has_variance)
            ? TZ_OK
            : tz_fail(error, TZ_ERR_MEMORY, "out of memory: a workspace of an ensemble");
    for (int i = 0; status == TZ_OK && i < self->n; i++) {
        status =
            tz_model_workspace_create(&ws->member[i], self->member[i], max_B, max_T, false, error);
    }
    if (status != TZ_OK) {
        workspace_destroy(ws);
        return status;
    }
    *workspace = ws;
    return TZ_OK;
}

// z = mean over members of their rollouts z_k, taken in one by one: after the k-th, z += (z_k - z)
// / k. A member that is not finite makes the mean not finite. With V, nullable, the variance of the
// mixture of members comes along (Lakshminarayanan, Pritzel, Blundell, "Simple and scalable
// predictive uncertainty estimation using deep ensembles", NeurIPS 2017, section 2.4):
//
//     V = mean over members k of (V_k + (z_k - z)^2)
//
// the squares by sums that follow the mean: after the k-th, (z_k - z before) (z_k - z after) joins
// (Welford, "Note on a method for calculating corrected sums of squares and products", 1962).
static void predict(const tz_model *model, tz_model_workspace *workspace, float *z, float *V,
                    const float *z0, const float *u, int T, int B) {
    const ensemble *self = (const ensemble *)model;
    const size_t n = ((size_t)T + 1) * (size_t)B * (size_t)tz_model_nz(model);
    TZ_ASSERT(n <= workspace->max_values);
    memset(z, 0, n * sizeof *z);
    if (V != NULL) {
        memset(V, 0, n * sizeof *V);
    }
    for (int i = 0; i < self->n; i++) {
        const tz_model *member = self->member[i];
        const float *z_k = workspace->z, *V_k = workspace->V, share = 1.0f / (float)(i + 1);
        tz_model_rollout(member, workspace->member[i], workspace->z, z0, u, T, B);
        for (size_t at = 0; at < n; at++) {
            const float off = z_k[at] - z[at];
            z[at] += share * off;
            if (V != NULL) {
                V[at] += off * (z_k[at] - z[at]);
            }
        }
        if (V != NULL && member->has_variance) {
            tz_model_variance(member, workspace->member[i], workspace->V, z_k, u, T, B);
            for (size_t at = 0; at < n; at++) {
                V[at] += V_k[at];
            }
        }
    }
    const size_t first = (size_t)B * (size_t)tz_model_nz(model);
    memcpy(z, z0, first * sizeof *z);
    if (V != NULL) {
        memset(V, 0, first * sizeof *V);
        for (size_t at = first; at < n; at++) {
            V[at] /= (float)self->n;
        }
    }
}

void tz_ensemble_rollout_member(const tz_model *model, tz_model_workspace *workspace, int index,
                                float *z, const float *z0, const float *u, int T, int B) {
    TZ_ASSERT(index >= 0 && index < tz_ensemble_count(model));
    tz_model_rollout(((const ensemble *)model)->member[index], workspace->member[index], z, z0, u,
                     T, B);
}

static void rollout(const tz_model *model, tz_model_workspace *workspace, float *z, const float *z0,
                    const float *u, int T, int B) {
    predict(model, workspace, z, NULL, z0, u, T, B);
}

static bool integrator_of(const tz_model *model, tz_integrator *integrator, int *substeps) {
    const ensemble *self = (const ensemble *)model;
    tz_integrator rule = TZ_INTEGRATOR_EULER, first_rule = rule;
    int n = 0, first_n = 0;
    tz_model_integrator(self->member[0], &first_rule, &first_n);
    for (int i = 1; i < self->n; i++) {
        tz_model_integrator(self->member[i], &rule, &n);
        if (rule != first_rule || n != first_n) {
            return false;
        }
    }
    *integrator = first_rule;
    *substeps = first_n;
    return true;
}

// Members that took it go back when a later one refuses.
static tz_status set_integrator(tz_model *model, tz_integrator integrator, int substeps,
                                tz_error *error) {
    ensemble *self = (ensemble *)model;
    tz_integrator before[TZ_MEMBERS_MAX];
    int substeps_before[TZ_MEMBERS_MAX];
    for (int i = 0; i < self->n; i++) {
        tz_model_integrator(self->member[i], &before[i], &substeps_before[i]);
        const tz_status status =
            tz_model_set_integrator(self->member[i], integrator, substeps, error);
        if (status != TZ_OK) {
            for (int k = 0; k < i; k++) {
                tz_model_set_integrator(self->member[k], before[k], substeps_before[k], NULL);
            }
            return status;
        }
    }
    return TZ_OK;
}

static const tz_model_ops ops = {
    .kind = "ensemble",
    .destroy = destroy,
    .workspace_create = workspace_create,
    .workspace_destroy = workspace_destroy,
    .rollout = rollout,
    .predict = predict,
    .set_integrator = set_integrator,
    .integrator = integrator_of,
};

// ---- making -----------------------------------------------------------------------------------

static tz_status check_member(const tz_model *first, const tz_model *member, int index,
                              tz_error *error) {
    if (tz_env_compare(member->env, member->env_digest, first->env, first->env_digest) !=
            TZ_ENV_SAME ||
        member->nq != first->nq || member->nv != first->nv || member->nu != first->nu ||
        fabs(member->dt_s - first->dt_s) > 1e-9 * first->dt_s) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "member %d of an ensemble is of environment %s with nq %d, nu %d, dt %g s, "
                       "the first of %s with %d, %d, %g s: expected the same",
                       index, member->env, member->nq, member->nu, member->dt_s, first->env,
                       first->nq, first->nu, first->dt_s);
    }
    if (member->n_parameters == 0) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "member %d of an ensemble is of kind %s, expected a learned model", index,
                       member->ops->kind);
    }
    return TZ_OK;
}

tz_status tz_ensemble_create(tz_model **model, tz_model *const *members, int n, tz_error *error) {
    *model = NULL;
    TZ_ASSERT(n >= 1 && n <= TZ_MEMBERS_MAX);
    ensemble *self = tz_alloc(1, sizeof *self);
    tz_status status =
        self != NULL ? TZ_OK : tz_fail(error, TZ_ERR_MEMORY, "out of memory: an ensemble");
    for (int i = 0; status == TZ_OK && i < n; i++) {
        status = check_member(members[0], members[i], i, error);
    }
    if (status != TZ_OK) {
        for (int i = 0; i < n; i++) {
            tz_model_destroy(members[i]);
        }
        tz_free(self);
        return status;
    }
    self->model = *members[0];
    self->model.ops = &ops;
    self->model.n_parameters = 0;
    self->model.parameters = NULL;
    self->model.tensors = NULL;
    self->model.n_tensors = 0;
    self->model.variance_at = 0;
    self->model.has_variance = n > 1 || members[0]->has_variance;
    self->model.data_mujoco[0] = self->model.trained_mujoco[0] = '\0';
    for (int i = 0; i < n; i++) {
        tz_versions_add(self->model.data_mujoco, members[i]->data_mujoco);
        tz_versions_add(self->model.trained_mujoco, members[i]->trained_mujoco);
    }
    self->n = n;
    memcpy(self->member, members, (size_t)n * sizeof(tz_model *));
    *model = &self->model;
    return TZ_OK;
}

int tz_ensemble_count(const tz_model *model) {
    return model->ops == &ops ? ((const ensemble *)model)->n : 0;
}

const tz_model *tz_ensemble_member(const tz_model *model, int index) {
    return index >= 0 && index < tz_ensemble_count(model) ? ((const ensemble *)model)->member[index]
                                                          : NULL;
}

// ---- the file ---------------------------------------------------------------------------------

static tz_status member_path(char path[TZ_PATH_MAX], const char *list, const char *file,
                             tz_error *error) {
    char folder[TZ_PATH_MAX];
    tz_path_split(list, folder);
    if (file[0] == '/' || strstr(file, "..") != NULL) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: member '%.200s' leads out of the folder, expected a path below it",
                       list, file);
    }
    return tz_path_join(path, folder, file, error);
}

tz_status tz_ensemble_write(const char *path, const char *const *files, int n, tz_error *error) {
    struct json_object *list = json_object_new_object(), *members = json_object_new_array();
    tz_json_add_text(list, "format", FORMAT);
    json_object_object_add(list, "members", members);
    tz_status status = TZ_OK;
    for (int i = 0; status == TZ_OK && i < n; i++) {
        char file[TZ_PATH_MAX], digest[65];
        status = member_path(file, path, files[i], error);
        if (status == TZ_OK) {
            status = tz_file_sha256(file, digest, error);
        }
        if (status == TZ_OK) {
            struct json_object *member = json_object_new_object();
            tz_json_add_text(member, "file", files[i]);
            tz_json_add_text(member, "sha256", digest);
            json_object_array_add(members, member);
        }
    }
    if (status == TZ_OK) {
        status = tz_json_write(path, list, error);
    }
    json_object_put(list);
    return status;
}

// A text field of an object; NULL when it is none.
static const char *text_of(struct json_object *object, const char *key) {
    struct json_object *value = NULL;
    return json_object_is_type(object, json_type_object) &&
                   json_object_object_get_ex(object, key, &value) &&
                   json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : NULL;
}

bool tz_ensemble_is_list(const char *path) {
    const size_t length = strlen(path);
    return length >= 5 && strcmp(path + length - 5, ".json") == 0;
}

static tz_status fail_entry(const char *list, tz_error *error) {
    return tz_fail(error, TZ_ERR_FORMAT, "%s: a member without \"file\" and \"sha256\" as texts",
                   list);
}

static tz_status load_member(tz_model **model, const char *list, struct json_object *entry,
                             tz_error *error) {
    const char *file = text_of(entry, "file"), *digest = text_of(entry, "sha256");
    if (file == NULL || digest == NULL) {
        return fail_entry(list, error);
    }
    char path[TZ_PATH_MAX];
    TZ_CHECK(member_path(path, list, file, error));
    if (tz_ensemble_is_list(path)) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: member %s is a list itself, expected a model file", list, file);
    }
    TZ_CHECK(tz_model_load(model, path, error));
    if (strcmp((*model)->sha256, digest) != 0) {
        tz_fail(error, TZ_ERR_MISMATCH,
                "%s: member %s has the digest %.12s..., expected %.12s...: it is another file than "
                "when the list was written",
                list, file, (*model)->sha256, digest);
        tz_model_destroy(*model);
        *model = NULL;
        return TZ_ERR_MISMATCH;
    }
    return TZ_OK;
}

// The array of members (n) of a list, borrowed from it.
static tz_status get_entries(struct json_object **entries, size_t *n, struct json_object *list,
                             const char *path, tz_error *error) {
    const char *format = text_of(list, "format");
    const bool has_members = json_object_is_type(list, json_type_object) &&
                             json_object_object_get_ex(list, "members", entries) &&
                             json_object_is_type(*entries, json_type_array);
    *n = has_members ? json_object_array_length(*entries) : 0;
    return format != NULL && strcmp(format, FORMAT) == 0 && *n >= 1 && *n <= TZ_MEMBERS_MAX
               ? TZ_OK
               : tz_fail(error, TZ_ERR_FORMAT,
                         "%s: not an ensemble: expected \"format\": \"%s\" and 1 to %d "
                         "\"members\"",
                         path, FORMAT, TZ_MEMBERS_MAX);
}

static tz_status load(tz_model **model, const char *path, struct json_object *list,
                      tz_error *error) {
    struct json_object *entries = NULL;
    size_t n = 0;
    TZ_CHECK(get_entries(&entries, &n, list, path, error));
    tz_model *members[TZ_MEMBERS_MAX] = {NULL};
    for (size_t i = 0; i < n; i++) {
        const tz_status status =
            load_member(&members[i], path, json_object_array_get_idx(entries, i), error);
        if (status != TZ_OK) {
            for (size_t k = 0; k < i; k++) {
                tz_model_destroy(members[k]);
            }
            return status;
        }
    }
    return tz_ensemble_create(model, members, (int)n, error);
}

tz_status tz_ensemble_load(tz_model **model, const char *path, tz_error *error) {
    *model = NULL;
    struct json_object *list = NULL;
    TZ_CHECK(tz_json_read(path, &list, error));
    tz_status status = load(model, path, list, error);
    json_object_put(list);
    if (status == TZ_OK) {
        status = tz_file_sha256(path, (*model)->sha256, error);
        if (status != TZ_OK) {
            tz_model_destroy(*model);
            *model = NULL;
        }
    }
    return status;
}

tz_status tz_ensemble_count_listed(int *n, const char *path, tz_error *error) {
    struct json_object *list = NULL, *entries = NULL;
    size_t count = 0;
    TZ_CHECK(tz_json_read(path, &list, error));
    const tz_status status = get_entries(&entries, &count, list, path, error);
    *n = (int)count;
    json_object_put(list);
    return status;
}

tz_status tz_ensemble_load_member(tz_model **member, const char *path, int index, tz_error *error) {
    *member = NULL;
    struct json_object *list = NULL, *entries = NULL;
    size_t n = 0;
    TZ_CHECK(tz_json_read(path, &list, error));
    tz_status status = get_entries(&entries, &n, list, path, error);
    if (status == TZ_OK && (index < 0 || (size_t)index >= n)) {
        status = tz_fail(error, TZ_ERR_ARGUMENT, "%s: has %zu members, none of number %d", path, n,
                         index);
    }
    if (status == TZ_OK) {
        status =
            load_member(member, path, json_object_array_get_idx(entries, (size_t)index), error);
    }
    json_object_put(list);
    return status;
}

// ---- copies -----------------------------------------------------------------------------------

static tz_status copy_file(const char *from, const char *to, tz_error *error) {
    char *bytes = NULL, folder[TZ_PATH_MAX];
    size_t size = 0;
    tz_path_split(to, folder);
    TZ_CHECK(tz_make_folders(folder, error));
    TZ_CHECK(tz_file_read(from, &bytes, &size, SIZE_MAX - 1, error));
    const tz_status status = tz_file_write(to, bytes, size, error);
    tz_free(bytes);
    return status;
}

tz_status tz_model_copy(const char *from, const char *to, tz_error *error) {
    if (!tz_ensemble_is_list(from)) {
        return copy_file(from, to, error);
    }
    struct json_object *list = NULL, *entries = NULL;
    size_t n = 0;
    TZ_CHECK(tz_json_read(from, &list, error));
    tz_status status = get_entries(&entries, &n, list, from, error);
    for (size_t i = 0; status == TZ_OK && i < n; i++) {
        char member_from[TZ_PATH_MAX], member_to[TZ_PATH_MAX];
        const char *file = text_of(json_object_array_get_idx(entries, i), "file");
        status =
            file != NULL ? member_path(member_from, from, file, error) : fail_entry(from, error);
        if (status == TZ_OK) {
            status = member_path(member_to, to, file, error);
        }
        if (status == TZ_OK) {
            status = copy_file(member_from, member_to, error);
        }
    }
    json_object_put(list);
    return status == TZ_OK ? copy_file(from, to, error) : status;
}
