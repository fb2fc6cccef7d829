// The registry of learned kinds, and how a model is made from statistics of its training data.
#include "models/model.h"

#include "base/assert.h"
#include "envs/env_match.h"
#include "models/learned.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// ---- registry

static const tz_learned_kind *const kinds[] = {
    &tz_kind_node,
    &tz_kind_node_so,
    &tz_kind_hnn,
    &tz_kind_node_so_direct,
    &tz_kind_node_so_mass,
    &tz_kind_node_so_naive,
    &tz_kind_hnn_nonseparable,
    &tz_kind_symoden,
    &tz_kind_symoden_both,
    &tz_kind_delta,
    &tz_kind_symoden_study,
};

int tz_model_kind_count(void) {
    return TZ_COUNTOF(kinds);
}

const char *tz_model_kind_at(int index) {
    return kinds[index]->ops.kind;
}

const tz_learned_kind *tz_learned_kind_find(const char *name) {
    for (size_t i = 0; i < TZ_COUNTOF(kinds); i++) {
        if (strcmp(kinds[i]->ops.kind, name) == 0) {
            return kinds[i];
        }
    }
    return NULL;
}

static const char *const integrator_names[] = {"euler", "rk4-38", "rk4", "leapfrog"};
_Static_assert(TZ_COUNTOF(integrator_names) == TZ_INTEGRATOR_COUNT, "a name each");

const char *tz_integrator_name(tz_integrator integrator) {
    return integrator_names[integrator];
}

tz_status tz_integrator_find(tz_integrator *integrator, const char *name, tz_error *error) {
    for (int i = 0; i < TZ_INTEGRATOR_COUNT; i++) {
        if (strcmp(integrator_names[i], name) == 0) {
            *integrator = (tz_integrator)i;
            return TZ_OK;
        }
    }
    return tz_fail(error, TZ_ERR_ARGUMENT,
                   "integrator '%.60s', expected euler, rk4-38, rk4 or leapfrog", name);
}

// ---- making

enum { DEF_COOKIE = 0x6d6f646c };

// A coordinate that hardly moves in the data is not divided by its standard deviation.
static const double STD_MIN = 1e-6;

tz_model_def tz_model_def_default(void) {
    return (tz_model_def){.cookie = DEF_COOKIE,
                          .kind = "node-so",
                          .n_hidden = 128,
                          .n_layers = 2,
                          .substeps = 8,
                          .normalise = true,
                          .mask_cyclic = true};
}

tz_model_def tz_model_def_synthetic(void) {
    return (tz_model_def){.cookie = DEF_COOKIE,
                          .kind = "node",
                          .n_hidden = 128,
                          .n_layers = 2,
                          .integrator = TZ_INTEGRATOR_RK4_38,
                          .substeps = 1,
                          .embed_angles = TZ_EMBED_ALL,
                          .uniform_biases = true};
}

static tz_status check_def(const tz_model_def *def, const tz_learned_kind **kind, tz_error *error) {
    if (def->cookie != DEF_COOKIE) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "model definition was not made by "
                       "tz_model_def_default");
    }
    *kind = def->kind != NULL ? tz_learned_kind_find(def->kind) : NULL;
    if (*kind == NULL) {
        char known[256] = "";
        for (size_t i = 0; i < TZ_COUNTOF(kinds); i++) {
            const size_t used = strlen(known);
            snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "",
                     kinds[i]->ops.kind);
        }
        return tz_fail(error, TZ_ERR_ARGUMENT, "unknown kind of model '%s': expected one of %s",
                       def->kind != NULL ? def->kind : "", known);
    }
    if ((unsigned)def->embed_angles > TZ_EMBED_ALL) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "embedding %d of angles, expected 0 to %d",
                       (int)def->embed_angles, TZ_EMBED_ALL);
    }
    if (def->n_layers < 1 || def->n_layers > TZ_MLP_LAYERS_MAX) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "a network has 1 to %d hidden layers, not %d",
                       TZ_MLP_LAYERS_MAX, def->n_layers);
    }
    if ((unsigned)def->integrator >= TZ_INTEGRATOR_COUNT) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "integrator %d, expected 0 to %d",
                       (int)def->integrator, TZ_INTEGRATOR_COUNT - 1);
    }
    if (def->n_hidden < 1 || def->n_hidden > TZ_MODEL_HIDDEN_MAX || def->substeps < 1 ||
        def->substeps > TZ_MODEL_SUBSTEPS_MAX) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "a model has 1 to %d hidden units and 1 to %d substeps, not %d and %d",
                       TZ_MODEL_HIDDEN_MAX, TZ_MODEL_SUBSTEPS_MAX, def->n_hidden, def->substeps);
    }
    if (!(def->range_limit >= 0.0) || !isfinite(def->range_limit)) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "a range limit of %g, expected a number, 0 or more",
                       def->range_limit);
    }
    return TZ_OK;
}

// As the floats that a model keeps.
static bool all_finite(const double *x, int n) {
    for (int i = 0; i < n; i++) {
        if (!isfinite((float)x[i])) {
            return false;
        }
    }
    return true;
}

static tz_status check_statistics(const tz_model_statistics *s, int nz, int nu, tz_error *error) {
    if (!all_finite(s->z_mean, nz) || !all_finite(s->z_std, nz) || !all_finite(s->u_mean, nu) ||
        !all_finite(s->u_std, nu) || !all_finite(s->rate_mean, nz) ||
        !all_finite(s->rate_std, nz) || !all_finite(s->rate_max, nz) || !all_finite(s->z_low, nz) ||
        !all_finite(s->z_high, nz)) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "statistics of the training data are not finite, or too large for a float");
    }
    return TZ_OK;
}

static void take_statistics(tz_learned *self, const tz_model_def *def,
                            const tz_model_statistics *s) {
    const int nz = tz_model_nz(&self->model), nu = self->model.nu;
    const bool is_normalised = self->is_normalised;
    for (int i = 0; i < nz + nu; i++) {
        const double mean = i < nz ? s->z_mean[i] : s->u_mean[i - nz];
        const double std = i < nz ? s->z_std[i] : s->u_std[i - nz];
        self->input_mean[i] = is_normalised ? (tz_real)mean : 0.0f;
        self->input_std[i] = is_normalised && std >= STD_MIN ? (tz_real)std : 1.0f;
    }
    for (int i = 0; i < nz; i++) {
        self->rate_mean[i] = is_normalised ? (tz_real)s->rate_mean[i] : 0.0f;
        self->rate_std[i] = is_normalised ? (tz_real)fmax(s->rate_std[i], STD_MIN) : 1.0f;
        self->model.z_mean[i] = (tz_real)s->z_mean[i];
        self->model.z_low[i] = (tz_real)s->z_low[i];
        self->model.z_high[i] = (tz_real)s->z_high[i];
        self->model.sigma_z[i] = (tz_real)fmax(s->z_std[i], STD_MIN);
    }
    for (int i = 0; self->rate_limit != NULL && i < nz; i++) {
        const double largest = fmax(s->rate_max[i], fmax(s->rate_std[i], STD_MIN));
        self->rate_limit[i] = (tz_real)(def->range_limit * largest);
    }
}

static tz_status check_limit(const tz_learned *self, const tz_model_def *def, tz_error *error) {
    for (int i = 0; self->rate_limit != NULL && i < tz_model_nz(&self->model); i++) {
        if (!isfinite(self->rate_limit[i]) || !(self->rate_limit[i] > 0.0f)) {
            return tz_fail(error, TZ_ERR_ARGUMENT,
                           "a range limit of %g gives rate %d the limit %g, expected a positive "
                           "finite one",
                           def->range_limit, i, (double)self->rate_limit[i]);
        }
    }
    return TZ_OK;
}

static tz_status init_parameters(tz_learned *self, const tz_model_def *def, tz_error *error) {
    const tz_bias_init bias = def->uniform_biases ? TZ_BIAS_UNIFORM : TZ_BIAS_ZERO;
    int tensor = 0;
    for (int i = 0; i < self->n_networks; i++) {
        const bool is_mass = tz_network_is_mass(self->network_role[i]);
        TZ_CHECK(tz_mlp_init(&self->network[i], self->model.parameters, def->seed, tensor, bias,
                             is_mass, error));
        tensor += tz_mlp_n_tensors(&self->network[i]);
    }
    tz_learned_prepare(&self->model);
    return TZ_OK;
}

// How the networks see column i of [z, u].
static unsigned char input_form(const tz_model_def *def, const tz_task *task, int i) {
    if (i < task->nq && def->mask_cyclic && task->cyclic[i]) {
        return TZ_INPUT_NONE;
    }
    if (i < task->nq && task->coordinate[i] == TZ_COORDINATE_QUATERNION) {
        return TZ_INPUT_QUATERNION;
    }
    const bool is_angle = i < task->nq && task->coordinate[i] == TZ_COORDINATE_ANGLE;
    const bool is_embedded =
        def->embed_angles == TZ_EMBED_ALL ||
        (def->embed_angles == TZ_EMBED_UNBOUNDED && i < task->nq && task->unbounded[i]);
    return is_embedded && is_angle ? TZ_INPUT_ANGLE : TZ_INPUT_PLAIN;
}

tz_status tz_model_create(tz_model **model, const tz_model_def *def, const tz_task *task,
                          const tz_model_statistics *statistics, tz_error *error) {
    *model = NULL;
    const tz_learned_kind *kind = NULL;
    TZ_CHECK(check_def(def, &kind, error));
    TZ_CHECK(check_statistics(statistics, task->nq + task->nv, task->nu, error));

    tz_learned_def structure = {
        .kind = kind,
        .nq = task->nq,
        .nv = task->nv,
        .nu = task->nu,
        .n_hidden = def->n_hidden,
        .n_layers = def->n_layers,
        .dt_s = task->dt_s,
        .integrator = kind->one_euler_step ? TZ_INTEGRATOR_EULER : def->integrator,
        .substeps = kind->one_euler_step ? 1 : def->substeps,
        .is_normalised = def->normalise,
        .is_limited = def->range_limit > 0.0,
        .is_probabilistic = def->probabilistic,
    };
    for (int i = 0; i < task->nq + task->nv + task->nu; i++) {
        structure.input_form[i] = input_form(def, task, i);
    }
    tz_learned *self = NULL;
    TZ_CHECK(tz_learned_create(&self, &structure, error));
    snprintf(self->model.env, sizeof self->model.env, "%s", task->name);
    snprintf(self->model.env_digest, sizeof self->model.env_digest, "%s", task->digest);
    take_statistics(self, def, statistics);
    tz_status status = check_limit(self, def, error);
    if (status == TZ_OK) {
        status = tz_learned_finish(self, error);
    }
    if (status == TZ_OK) {
        status = init_parameters(self, def, error);
    }
    if (status != TZ_OK) {
        tz_learned_destroy(&self->model);
        return status;
    }
    *model = &self->model;
    return TZ_OK;
}

tz_status tz_model_check_task(const tz_model *model, const tz_task *task, const char *path,
                              tz_error *error) {
    const tz_env_match match =
        tz_env_compare(model->env, model->env_digest, task->name, task->digest);
    if (match == TZ_ENV_CHANGED) {
        return tz_env_fail_changed(path, "a model", model->env, task->name, error);
    }
    if (match == TZ_ENV_OTHER) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: a model of environment %s, expected one of environment %s", path,
                       model->env, task->name);
    }
    if (model->nq != task->nq || model->nv != task->nv || model->nu != task->nu ||
        fabs(model->dt_s - task->dt_s) > 1e-9 * task->dt_s) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: a model with nq %d, nv %d, nu %d, dt %g s, but environment %s has nq "
                       "%d, nv %d, nu %d, dt %g s",
                       path, model->nq, model->nv, model->nu, model->dt_s, task->name, task->nq,
                       task->nv, task->nu, task->dt_s);
    }
    return TZ_OK;
}

bool tz_model_same_inputs(const tz_model *a, const tz_model *b) {
    const tz_learned *of_a = (const tz_learned *)a, *of_b = (const tz_learned *)b;
    return tz_model_nz(a) == tz_model_nz(b) && a->nu == b->nu &&
           memcmp(of_a->input_form, of_b->input_form, (size_t)(tz_model_nz(a) + a->nu)) == 0;
}

void tz_model_align(const tz_model *model, tz_real *z, const tz_real *reference, int rows) {
    const int nz = tz_model_nz(model);
    for (int row = 0; model->n_quaternions > 0 && row < rows; row++) {
        for (int k = 0; k < model->n_quaternions; k++) {
            tz_real *q = z + row * nz + model->quaternion_at[k];
            const tz_real *r = reference + row * nz + model->quaternion_at[k];
            if (q[0] * r[0] + q[1] * r[1] + q[2] * r[2] + q[3] * r[3] < 0.0f) {
                for (int i = 0; i < 4; i++) {
                    q[i] = -q[i];
                }
            }
        }
    }
}

// ---- thin wrappers

void tz_model_destroy(tz_model *model) {
    if (model != NULL) {
        model->ops->destroy(model);
    }
}

void tz_model_prepare(tz_model *model) {
    if (model->ops->prepare != NULL) {
        model->ops->prepare(model);
    }
}

tz_status tz_model_workspace_create(tz_model_workspace **workspace, const tz_model *model,
                                    int max_B, int max_T, bool training, tz_error *error) {
    return model->ops->workspace_create(workspace, model, max_B, max_T, training, error);
}

void tz_model_workspace_destroy(const tz_model *model, tz_model_workspace *workspace) {
    if (workspace != NULL) {
        model->ops->workspace_destroy(workspace);
    }
}

void tz_model_rollout(const tz_model *model, tz_model_workspace *workspace, tz_real *z,
                      const tz_real *z0, const tz_real *u, int T, int B) {
    model->ops->rollout(model, workspace, z, z0, u, T, B);
}

void tz_model_rollout_vjp(const tz_model *model, tz_model_workspace *workspace, tz_real *grad,
                          const tz_real *z_bar, const tz_real *u, int T, int B) {
    model->ops->rollout_vjp(model, workspace, grad, z_bar, u, T, B);
}

void tz_model_variance(const tz_model *model, tz_model_workspace *workspace, tz_real *V,
                       const tz_real *z, const tz_real *u, int T, int B) {
    TZ_ASSERT(model->has_variance && model->ops->variance != NULL);
    model->ops->variance(model, workspace, V, z, u, T, B);
}

void tz_model_predict(const tz_model *model, tz_model_workspace *workspace, tz_real *z, tz_real *V,
                      const tz_real *z0, const tz_real *u, int T, int B) {
    TZ_ASSERT(model->has_variance);
    if (model->ops->predict != NULL) {
        model->ops->predict(model, workspace, z, V, z0, u, T, B);
        return;
    }
    tz_model_rollout(model, workspace, z, z0, u, T, B);
    tz_model_variance(model, workspace, V, z, u, T, B);
}

void tz_model_variance_vjp(const tz_model *model, tz_model_workspace *workspace, tz_real *grad,
                           const tz_real *V_bar, const tz_real *z, const tz_real *u, int T, int B) {
    TZ_ASSERT(model->has_variance);
    model->ops->variance_vjp(model, workspace, grad, V_bar, z, u, T, B);
}

void tz_model_energy(const tz_model *model, tz_model_workspace *workspace, tz_real *E,
                     const tz_real *z, int B) {
    TZ_ASSERT(model->ops->energy != NULL);
    model->ops->energy(model, workspace, E, z, B);
}

tz_status tz_model_set_integrator(tz_model *model, tz_integrator integrator, int substeps,
                                  tz_error *error) {
    TZ_ASSERT((unsigned)integrator < TZ_INTEGRATOR_COUNT);
    return model->ops->set_integrator != NULL
               ? model->ops->set_integrator(model, integrator, substeps, error)
               : tz_fail(error, TZ_ERR_UNSUPPORTED,
                         "a model of kind %s has no integrator to choose", model->ops->kind);
}

bool tz_model_integrator(const tz_model *model, tz_integrator *integrator, int *substeps) {
    return model->ops->integrator != NULL && model->ops->integrator(model, integrator, substeps);
}

double tz_model_symplectic(const tz_model *model, tz_model_workspace *workspace, tz_real *grad,
                           double weight, const tz_real *u, int T, int B) {
    TZ_ASSERT(model->ops->symplectic != NULL);
    return model->ops->symplectic(model, workspace, grad, weight, u, T, B);
}
