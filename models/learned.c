#include "models/learned.h"

#include "base/assert.h"
#include "base/memory.h"
#include "base/vectorise.h"
#include "models/mass.h"

#include <stdio.h>
#include <string.h>
#include <tgmath.h>

// ---- making

static tz_status out_of_memory(tz_error *error) {
    return tz_fail(error, TZ_ERR_MEMORY, "out of memory while a model was made");
}

// Appends the columns of [z, u] of this form, or of the other, to the networks' inputs.
static void list_forms(tz_learned *self, int form, int other) {
    const int nz = tz_model_nz(&self->model);
    for (int i = 0; i < nz + self->model.nu; i++) {
        if (self->input_form[i] == form || self->input_form[i] == other) {
            self->input_at[self->n_in++] = i;
            self->n_in_q += i < self->model.nq;
        }
    }
}

// Lists the networks' inputs: cosines, sines, then the plain columns in order.
static void list_inputs(tz_learned *self) {
    list_forms(self, TZ_INPUT_ANGLE, TZ_INPUT_ANGLE);
    self->n_angles = self->n_in;
    list_forms(self, TZ_INPUT_ANGLE, TZ_INPUT_ANGLE);
    list_forms(self, TZ_INPUT_PLAIN, TZ_INPUT_QUATERNION);
}

// Finds the quaternions, four positions in a row each.
static tz_status find_quaternions(tz_learned *self, tz_error *error) {
    tz_model *model = &self->model;
    for (int i = 0; i < model->nq; i++) {
        if (self->input_form[i] != TZ_INPUT_QUATERNION) {
            continue;
        }
        for (int k = 0; k < 4; k++) {
            if (i + k >= model->nq || self->input_form[i + k] != TZ_INPUT_QUATERNION) {
                return tz_fail(error, TZ_ERR_ARGUMENT,
                               "position %d begins a quaternion of %d components, expected 4", i,
                               k);
            }
        }
        model->quaternion_at[model->n_quaternions++] = i;
        i += 3;
    }
    return TZ_OK;
}

tz_status tz_learned_require_square(const tz_learned *self, tz_error *error) {
    if (self->model.nq != self->model.nv) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "kind %s needs as many velocities as positions, this task has nq %d and nv "
                       "%d",
                       self->model.ops->kind, self->model.nq, self->model.nv);
    }
    return TZ_OK;
}

static tz_status set_integrator(tz_learned *self, tz_integrator integrator, int substeps,
                                tz_error *error) {
    const tz_learned_kind *kind = self->kind;
    if (kind->one_euler_step && (integrator != TZ_INTEGRATOR_EULER || substeps != 1)) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "kind %s makes one Euler step per transition, not %d of %s", kind->ops.kind,
                       substeps, tz_integrator_name(integrator));
    }
    if (kind->is_euler_only && integrator != TZ_INTEGRATOR_EULER) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "kind %s has the step in its equations and needs the integrator euler, not "
                       "%s",
                       kind->ops.kind, tz_integrator_name(integrator));
    }
    if (integrator == TZ_INTEGRATOR_LEAPFROG && kind->energy == NULL) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "kind %s has no energy and cannot be integrated by leapfrog",
                       kind->ops.kind);
    }
    self->integrator = integrator;
    self->substeps = substeps;
    self->substep_s = (tz_real)(self->model.dt_s / substeps);
    return TZ_OK;
}

tz_status tz_learned_set_integrator(tz_model *model, tz_integrator integrator, int substeps,
                                    tz_error *error) {
    if (substeps < 1 || substeps > TZ_MODEL_SUBSTEPS_MAX) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "a model makes 1 to %d substeps, not %d",
                       TZ_MODEL_SUBSTEPS_MAX, substeps);
    }
    return set_integrator((tz_learned *)model, integrator, substeps, error);
}

bool tz_learned_integrator(const tz_model *model, tz_integrator *integrator, int *substeps) {
    const tz_learned *self = (const tz_learned *)model;
    *integrator = self->integrator;
    *substeps = self->substeps;
    return true;
}

static tz_status allocate_limit(tz_learned *self, tz_error *error) {
    if (!self->kind->is_rate) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "kind %s has no range limit: its networks' outputs are not rates",
                       self->model.ops->kind);
    }
    self->model.is_limited = true;
    self->rate_limit = tz_alloc((size_t)tz_model_nz(&self->model), sizeof(tz_real));
    return self->rate_limit != NULL ? TZ_OK : out_of_memory(error);
}

tz_status tz_learned_create(tz_learned **learned, const tz_learned_def *def, tz_error *error) {
    *learned = NULL;
    const size_t nz = (size_t)(def->nq + def->nv), n_columns = nz + (size_t)def->nu;
    tz_learned *self = tz_alloc(1, def->kind->size);
    if (self == NULL) {
        return out_of_memory(error);
    }
    self->model.ops = &def->kind->ops;
    self->model.nq = def->nq;
    self->model.nv = def->nv;
    self->model.nu = def->nu;
    self->model.dt_s = def->dt_s;
    self->kind = def->kind;
    self->n_hidden = def->n_hidden;
    self->n_layers = def->n_layers;
    self->is_normalised = def->is_normalised;

    // normaliser; an angle is two inputs
    self->input_form = tz_alloc(n_columns, sizeof *self->input_form);
    self->input_at = tz_alloc(n_columns + (size_t)def->nq, sizeof *self->input_at);
    self->input_mean = tz_alloc(n_columns, sizeof(tz_real));
    self->input_std = tz_alloc(n_columns, sizeof(tz_real));
    self->input_scale = tz_alloc(n_columns, sizeof(tz_real));
    self->rate_mean = tz_alloc(nz, sizeof(tz_real));
    self->rate_std = tz_alloc(nz, sizeof(tz_real));
    self->model.z_low = tz_alloc(nz, sizeof(tz_real));
    self->model.z_high = tz_alloc(nz, sizeof(tz_real));
    self->model.sigma_z = tz_alloc(nz, sizeof(tz_real));
    self->model.z_mean = tz_alloc(nz, sizeof(tz_real));
    if (self->input_form == NULL || self->input_at == NULL || self->input_mean == NULL ||
        self->input_std == NULL || self->input_scale == NULL || self->rate_mean == NULL ||
        self->rate_std == NULL || self->model.z_low == NULL || self->model.z_high == NULL ||
        self->model.sigma_z == NULL || self->model.z_mean == NULL) {
        tz_learned_destroy(&self->model);
        return out_of_memory(error);
    }
    self->model.has_variance = def->is_probabilistic;
    memcpy(self->input_form, def->input_form, n_columns);
    list_inputs(self);
    tz_status status = find_quaternions(self, error);
    if (status == TZ_OK) {
        status = set_integrator(self, def->integrator, def->substeps, error);
    }
    if (status == TZ_OK && def->is_probabilistic && !self->kind->is_rate) {
        status = tz_fail(error, TZ_ERR_UNSUPPORTED, "kind %s has no probabilistic form",
                         self->kind->ops.kind);
    }
    if (status == TZ_OK && def->is_limited) {
        status = allocate_limit(self, error);
    }
    if (status != TZ_OK) {
        tz_learned_destroy(&self->model);
        return status;
    }
    *learned = self;
    return TZ_OK;
}

// A network of n_out outputs, of a mass matrix (n, n) those that have an effect.
static tz_status create_network(const tz_learned *self, tz_mlp *mlp, bool is_mass, int n_in,
                                int n_out, tz_error *error) {
    const size_t offset = self->model.n_parameters;
    if (!is_mass) {
        return tz_mlp_create(mlp, n_in, self->n_hidden, self->n_layers, n_out, NULL, n_out, offset,
                             error);
    }
    const int n = self->model.nq, n_evaluated = tz_mass_size(n);
    int *stored_at = tz_alloc((size_t)n_evaluated, sizeof *stored_at);
    if (stored_at == NULL) {
        return out_of_memory(error);
    }
    tz_mass_list_outputs(stored_at, n);
    const tz_status status = tz_mlp_create(mlp, n_in, self->n_hidden, self->n_layers, n_evaluated,
                                           stored_at, n_out, offset, error);
    tz_free(stored_at);
    return status;
}

tz_status tz_learned_add_network(tz_learned *self, const char *name, tz_network_role role, int n_in,
                                 int n_out, tz_error *error) {
    TZ_ASSERT(self->n_networks < TZ_NETWORKS_MAX);
    tz_mlp *mlp = &self->network[self->n_networks];
    self->network_name[self->n_networks] = name;
    self->network_role[self->n_networks++] = role;
    TZ_CHECK(create_network(self, mlp, tz_network_is_mass(role), n_in, n_out, error));
    self->model.n_parameters += tz_mlp_n_parameters(mlp);
    self->model.n_tensors += tz_mlp_n_tensors(mlp);
    return TZ_OK;
}

// Names the tensors of a network: network.W1, network.b1, ...
static void name_tensors(tz_model_tensor *tensors, const tz_mlp *mlp, const char *network) {
    for (int l = 0; l <= mlp->n_layers; l++) {
        const int cols = tz_mlp_cols(mlp, l);
        tz_model_tensor *W = &tensors[2 * l], *b = &tensors[2 * l + 1];
        *W = (tz_model_tensor){.rows = tz_mlp_rows(mlp, l), .cols = cols, .offset = mlp->W_at[l]};
        *b = (tz_model_tensor){.rows = 1, .cols = cols, .is_bias = true, .offset = mlp->b_at[l]};
        snprintf(W->name, sizeof W->name, "%s.W%d", network, l + 1);
        snprintf(b->name, sizeof b->name, "%s.b%d", network, l + 1);
    }
}

tz_status tz_learned_finish(tz_learned *self, tz_error *error) {
    TZ_CHECK(self->kind->setup(self, error));
    tz_model *model = &self->model;
    model->variance_at = model->n_parameters;
    if (model->has_variance) {
        TZ_CHECK(tz_learned_add_network(self, "variance", TZ_NETWORK_VARIANCE, self->n_in,
                                        tz_model_nz(model), error));
    }
    model->parameters = tz_alloc(model->n_parameters, sizeof *model->parameters);
    tz_model_tensor *tensors = tz_alloc((size_t)model->n_tensors, sizeof *tensors);
    model->tensors = tensors;
    if (model->parameters == NULL || tensors == NULL) {
        return out_of_memory(error);
    }
    for (int i = 0; i < self->n_networks; i++) {
        name_tensors(tensors, &self->network[i], self->network_name[i]);
        tensors += tz_mlp_n_tensors(&self->network[i]);
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
    tz_free(self->input_form);
    tz_free(self->input_at);
    tz_free(self->input_mean);
    tz_free(self->input_std);
    tz_free(self->input_scale);
    tz_free(self->rate_mean);
    tz_free(self->rate_std);
    tz_free(self->rate_limit);
    tz_free(model->z_low);
    tz_free(model->z_high);
    tz_free(model->sigma_z);
    tz_free(model->z_mean);
    tz_free(model->parameters);
    tz_free((void *)model->tensors);
    tz_free(self);
}

void tz_learned_prepare(tz_model *model) {
    tz_learned *self = (tz_learned *)model;
    for (int i = 0; i < self->n_networks; i++) {
        tz_mlp_prepare(&self->network[i], model->parameters);
    }
    for (int i = 0; i < tz_model_nz(model) + model->nu; i++) {
        self->input_scale[i] = 1.0f / self->input_std[i];
    }
}

// ---- work

// Of a weight in one evaluation of the field and its backward.
static const double flops_per_field[] = {
    [TZ_NETWORK_OUTPUT] = 6.0,         [TZ_NETWORK_GRADIENT] = 12.0, [TZ_NETWORK_MASS] = 6.0,
    [TZ_NETWORK_MASS_GRADIENT] = 12.0, [TZ_NETWORK_MASS_MAP] = 0.0,
};

double tz_model_flops(const tz_model *model, int T) {
    const tz_learned *self = (const tz_learned *)model;
    TZ_ASSERT(tz_learned_kind_find(model->ops->kind) != NULL);
    const int stages = self->integrator == TZ_INTEGRATOR_EULER ? 1 : 4;
    const double n_fields = (double)T * self->substeps * stages;
    double flops = 0.0;
    for (int i = 0; i < self->n_networks; i++) {
        const tz_mlp *mlp = &self->network[i];
        const tz_network_role role = self->network_role[i];
        const double weights = (double)mlp->n_hidden *
                               (mlp->n_in + (mlp->n_layers - 1.0) * mlp->n_hidden + mlp->n_stored);
        if (role == TZ_NETWORK_VARIANCE) {
            flops += 6.0 * weights * T; // once a transition
            continue;
        }
        // the mass matrix also turns the first velocities into momenta, and momenta back
        const double n_maps = tz_network_is_mass(role) ? T + 1 + self->kind->start_is_decoded : 0.0;
        flops += weights * (flops_per_field[role] * n_fields + 6.0 * n_maps);
    }
    return flops;
}

// ---- inputs and outputs

void tz_learned_limit(tz_real *x, tz_real *slope, const tz_real *limit, int n) {
    for (int i = 0; i < n; i++) {
        const tz_real share = tanh(x[i] / limit[i]);
        x[i] = limit[i] * share;
        slope[i] = 1.0f - share * share;
    }
}

// xi (B, n), rows ld apart, <- (x (B, n) - mean) scale for columns of x, rows ldx apart.
TZ_VECTORISED static void normalise(tz_real *restrict xi, int ld, const tz_real *restrict x,
                                    int ldx, const tz_real *restrict mean,
                                    const tz_real *restrict scale, int n, int B) {
    for (int row = 0; row < B; row++, xi += ld, x += ldx) {
        for (int i = 0; i < n; i++) {
            xi[i] = (x[i] - mean[i]) * scale[i];
        }
    }
}

// x_bar (B, n) += xi_bar scale
TZ_VECTORISED static void normalise_vjp(tz_real *restrict x_bar, int ldx,
                                        const tz_real *restrict xi_bar, int ld,
                                        const tz_real *restrict scale, int n, int B) {
    for (int row = 0; row < B; row++, xi_bar += ld, x_bar += ldx) {
        for (int i = 0; i < n; i++) {
            x_bar[i] += xi_bar[i] * scale[i];
        }
    }
}

// End of the inputs from `first` on that are neighbours in the state too.
static int end_of_run(const tz_learned *self, int first, int n_state) {
    int end = first + 1;
    while (end < n_state && self->input_at[end] == self->input_at[end - 1] + 1) {
        end++;
    }
    return end;
}

void tz_learned_read_inputs(const tz_learned *self, tz_real *xi, int ld, const tz_real *z,
                            const tz_real *u, int B) {
    const int nz = tz_model_nz(&self->model), nu = self->model.nu;
    const int n_angles = self->n_angles, n_state = self->n_in - nu;
    for (int row = 0; n_angles > 0 && row < B; row++) {
        for (int i = 0; i < n_angles; i++) {
            const tz_real angle = z[row * nz + self->input_at[i]];
            xi[row * ld + i] = cos(angle);
            xi[row * ld + n_angles + i] = sin(angle);
        }
    }
    for (int i = 2 * n_angles, end; i < n_state; i = end) {
        end = end_of_run(self, i, n_state);
        const int at = self->input_at[i];
        normalise(xi + i, ld, z + at, nz, self->input_mean + at, self->input_scale + at, end - i,
                  B);
    }
    if (nu > 0) {
        normalise(xi + n_state, ld, u, nu, self->input_mean + nz, self->input_scale + nz, nu, B);
    }
}

void tz_learned_read_inputs_vjp(const tz_learned *self, tz_real *z_bar, tz_real *u_bar,
                                const tz_real *xi_bar, const tz_real *xi, int ld, int B) {
    const int nz = tz_model_nz(&self->model), nu = self->model.nu;
    const int n_angles = self->n_angles, n_state = self->n_in - nu;
    for (int row = 0; n_angles > 0 && row < B; row++) {
        const tz_real *x = xi + row * ld, *x_bar = xi_bar + row * ld;
        for (int i = 0; i < n_angles; i++) {
            z_bar[row * nz + self->input_at[i]] +=
                x[i] * x_bar[n_angles + i] - x[n_angles + i] * x_bar[i];
        }
    }
    for (int i = 2 * n_angles, end; i < n_state; i = end) {
        end = end_of_run(self, i, n_state);
        const int at = self->input_at[i];
        normalise_vjp(z_bar + at, nz, xi_bar + i, ld, self->input_scale + at, end - i, B);
    }
    if (u_bar != NULL) {
        normalise_vjp(u_bar, nu, xi_bar + n_state, ld, self->input_scale + nz, nu, B);
    }
}
