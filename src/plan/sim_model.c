#include "plan/sim_model.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>

typedef struct sim_model {
    tz_model model; // first
    tz_env *env;    // owned; cloned, never stepped
} sim_model;

struct tz_model_workspace {
    tz_env *env; // owned
};

static void destroy(tz_model *model) {
    sim_model *self = (sim_model *)model;
    tz_env_destroy(self->env);
    tz_free(self);
}

static tz_status workspace_create(tz_model_workspace **workspace, const tz_model *model, int max_B,
                                  int max_T, bool training, tz_error *error) {
    (void)max_B, (void)max_T;
    *workspace = NULL;
    if (training) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED, "a model of kind sim cannot be trained");
    }
    tz_model_workspace *ws = tz_alloc(1, sizeof *ws);
    if (ws == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a workspace of the simulator");
    }
    const tz_status status = tz_env_clone(&ws->env, ((const sim_model *)model)->env, error);
    if (status != TZ_OK) {
        tz_free(ws);
        return status;
    }
    *workspace = ws;
    return TZ_OK;
}

static void workspace_destroy(tz_model_workspace *workspace) {
    if (workspace != NULL) {
        tz_env_destroy(workspace->env);
        tz_free(workspace);
    }
}

static void to_double(double *y, const float *x, int n) {
    for (int i = 0; i < n; i++) {
        y[i] = (double)x[i];
    }
}

// One row of a batch: from z0 (nz) along u to the T states after it.
static void rollout_row(const tz_model *model, tz_env *env, float *z, const float *z0,
                        const float *u, int T, int B, int row) {
    const size_t nz = (size_t)tz_model_nz(model), nu = (size_t)model->nu;
    double z_next[TZ_NZ_MAX], u_t[TZ_NU_MAX];
    bool unstable = false;
    to_double(z_next, z0, (int)nz);
    tz_env_set_z(env, z_next);
    for (int t = 0; t < T; t++) {
        if (!unstable) {
            tz_step step;
            to_double(u_t, u + ((size_t)t * (size_t)B + (size_t)row) * nu, (int)nu);
            tz_env_step(env, &step, z_next, u_t);
            unstable = step.outcome != TZ_STEP_OK;
        }
        float *z_t = z + ((size_t)(t + 1) * (size_t)B + (size_t)row) * nz;
        for (size_t i = 0; i < nz; i++) {
            z_t[i] = unstable ? NAN : (float)z_next[i];
        }
    }
}

static void rollout(const tz_model *model, tz_model_workspace *workspace, float *z, const float *z0,
                    const float *u, int T, int B) {
    const size_t nz = (size_t)tz_model_nz(model);
    for (int row = 0; row < B; row++) {
        const float *start = z0 + (size_t)row * nz;
        for (size_t i = 0; i < nz; i++) {
            z[(size_t)row * nz + i] = start[i];
        }
        rollout_row(model, workspace->env, z, start, u, T, B, row);
    }
}

static const tz_model_ops ops = {
    .kind = "sim",
    .destroy = destroy,
    .workspace_create = workspace_create,
    .workspace_destroy = workspace_destroy,
    .rollout = rollout,
};

tz_status tz_sim_model_create(tz_model **model, const tz_env *env, tz_error *error) {
    *model = NULL;
    const tz_task *task = tz_env_task(env);
    sim_model *self = tz_alloc(1, sizeof *self);
    if (self == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a model of kind sim");
    }
    self->model =
        (tz_model){.ops = &ops, .nq = task->nq, .nv = task->nv, .nu = task->nu, .dt_s = task->dt_s};
    snprintf(self->model.env, sizeof self->model.env, "%s", task->name);
    snprintf(self->model.env_digest, sizeof self->model.env_digest, "%s", task->digest);
    const tz_status status = tz_env_clone(&self->env, env, error);
    if (status != TZ_OK) {
        tz_free(self);
        return status;
    }
    *model = &self->model;
    return TZ_OK;
}
