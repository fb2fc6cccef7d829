#include "models/learned.h"

#include "base/assert.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

// ---- making

static tz_status out_of_memory(tz_error *error) {
    return tz_fail(error, TZ_ERR_MEMORY, "out of memory while a model was made");
}

// Lists the networks' inputs: unmasked columns of [z, u] in order.
static void list_inputs(tz_learned *self) {
    const int nz = tz_model_nz(&self->model);
    for (int i = 0; i < nz + self->model.nu; i++) {
        if (self->is_input[i]) {
            self->input_at[self->n_in++] = i;
            self->n_in_q += i < self->model.nq;
        }
    }
}

tz_status tz_learned_create(tz_learned **learned, const tz_learned_kind *kind, int nq, int nv,
                            int nu, double dt_s, int n_hidden, int substeps,
                            const unsigned char *is_input, tz_error *error) {
    *learned = NULL;
    if (nq != nv) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "kind %s needs as many velocities as positions, this task has nq %d and nv "
                       "%d",
                       kind->ops.kind, nq, nv);
    }
    const size_t nz = (size_t)(nq + nv), n_columns = nz + (size_t)nu;
    tz_learned *self = tz_alloc(1, kind->size);
    if (self == NULL) {
        return out_of_memory(error);
    }
    self->model.ops = &kind->ops;
    self->model.nq = nq;
    self->model.nv = nv;
    self->model.nu = nu;
    self->model.dt_s = dt_s;
    self->kind = kind;
    self->n_hidden = n_hidden;
    self->n_layers = 2;
    self->substeps = substeps;
    self->substep_s = (float)(dt_s / substeps);

    // normaliser
    self->is_input = tz_alloc(n_columns, sizeof *self->is_input);
    self->input_at = tz_alloc(n_columns, sizeof *self->input_at);
    self->input_mean = tz_alloc(n_columns, sizeof(float));
    self->input_std = tz_alloc(n_columns, sizeof(float));
    self->rate_mean = tz_alloc(nz, sizeof(float));
    self->rate_std = tz_alloc(nz, sizeof(float));
    self->model.z_low = tz_alloc(nz, sizeof(float));
    self->model.z_high = tz_alloc(nz, sizeof(float));
    self->model.sigma_z = tz_alloc(nz, sizeof(float));
    if (self->is_input == NULL || self->input_at == NULL || self->input_mean == NULL ||
        self->input_std == NULL || self->rate_mean == NULL || self->rate_std == NULL ||
        self->model.z_low == NULL || self->model.z_high == NULL || self->model.sigma_z == NULL) {
        tz_learned_destroy(&self->model);
        return out_of_memory(error);
    }
    self->model.z_mean = self->input_mean;
    memcpy(self->is_input, is_input, n_columns);
    list_inputs(self);
    *learned = self;
    return TZ_OK;
}

tz_status tz_learned_add_network(tz_learned *self, const char *name, int n_in, int n_out,
                                 tz_error *error) {
    TZ_ASSERT(self->n_networks < TZ_NETWORKS_MAX);
    tz_mlp *mlp = &self->network[self->n_networks];
    self->network_name[self->n_networks++] = name;
    TZ_CHECK(tz_mlp_create(mlp, n_in, self->n_hidden, n_out, self->model.n_parameters, error));
    self->model.n_parameters += tz_mlp_n_parameters(mlp);
    return TZ_OK;
}

// Names the six tensors of a network.
static void name_tensors(tz_model_tensor *tensors, const tz_mlp *mlp, const char *network) {
    const int h = mlp->n_hidden;
    const struct {
        const char *name;
        int rows, cols;
        size_t offset;
    } list[TZ_MLP_N_TENSORS] = {
        {"W1", mlp->n_in, h, mlp->W1_at},  {"b1", 1, h, mlp->b1_at},
        {"W2", h, h, mlp->W2_at},          {"b2", 1, h, mlp->b2_at},
        {"W3", h, mlp->n_out, mlp->W3_at}, {"b3", 1, mlp->n_out, mlp->b3_at},
    };
    for (int i = 0; i < TZ_MLP_N_TENSORS; i++) {
        snprintf(tensors[i].name, sizeof tensors[i].name, "%s.%s", network, list[i].name);
        tensors[i].rows = list[i].rows;
        tensors[i].cols = list[i].cols;
        tensors[i].offset = list[i].offset;
    }
}

tz_status tz_learned_finish(tz_learned *self, tz_error *error) {
    TZ_CHECK(self->kind->setup(self, error));
    tz_model *model = &self->model;
    model->n_tensors = TZ_MLP_N_TENSORS * self->n_networks;
    model->parameters = tz_alloc(model->n_parameters, sizeof *model->parameters);
    tz_model_tensor *tensors = tz_alloc((size_t)model->n_tensors, sizeof *tensors);
    model->tensors = tensors;
    if (model->parameters == NULL || tensors == NULL) {
        return out_of_memory(error);
    }
    for (int i = 0; i < self->n_networks; i++) {
        name_tensors(tensors + i * TZ_MLP_N_TENSORS, &self->network[i], self->network_name[i]);
    }
    return TZ_OK;
}

void tz_learned_destroy(tz_model *model) {
    tz_learned *self = (tz_learned *)model;
    if (self->kind->teardown != NULL) {
        self->kind->teardown(self);
    }
    for (int i = 0; i < self->n_networks; i++) {
        tz_mlp_destroy(&self->network[i]);
    }
    tz_free(self->is_input);
    tz_free(self->input_at);
    tz_free(self->input_mean);
    tz_free(self->input_std);
    tz_free(self->rate_mean);
    tz_free(self->rate_std);
    tz_free(model->z_low);
    tz_free(model->z_high);
    tz_free(model->sigma_z);
    tz_free(model->parameters);
    tz_free((void *)model->tensors);
    tz_free(self);
}

void tz_learned_prepare(tz_model *model) {
    tz_learned *self = (tz_learned *)model;
    for (int i = 0; i < self->n_networks; i++) {
        tz_mlp_prepare(&self->network[i], model->parameters);
    }
}

// ---- inputs

void tz_learned_normalise(const tz_learned *self, float *xi, int ld, const float *z, const float *u,
                          int B) {
    const int nz = tz_model_nz(&self->model), nu = self->model.nu;
    const int n_state = self->n_in - nu;
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n_state; i++) {
            const int at = self->input_at[i];
            xi[i] = (z[at] - self->input_mean[at]) / self->input_std[at];
        }
        for (int i = 0; i < nu; i++) {
            xi[n_state + i] = (u[i] - self->input_mean[nz + i]) / self->input_std[nz + i];
        }
        xi += ld;
        z += nz;
        u += nu;
    }
}

void tz_learned_normalise_vjp(const tz_learned *self, float *z_bar, float *u_bar,
                              const float *xi_bar, int ld, int B) {
    const int nz = tz_model_nz(&self->model), nu = self->model.nu;
    const int n_state = self->n_in - nu;
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n_state; i++) {
            const int at = self->input_at[i];
            z_bar[row * nz + at] += xi_bar[row * ld + i] / self->input_std[at];
        }
        for (int i = 0; u_bar != NULL && i < nu; i++) {
            u_bar[row * nu + i] += xi_bar[row * ld + n_state + i] / self->input_std[nz + i];
        }
    }
}
