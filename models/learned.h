// What the learned kinds share: networks with named parameters in one flat block, the normaliser,
// and the description of a kind that the integrator (integrate.c), the registry (model.c) and the
// file format (model_file.c) work with. A kind (node.c, node_so.c, hnn.c) is a vector field
// dw/dt = f(w, u) of the integrator's state w with its exact vector-Jacobian products, and, where w
// is not z itself, the two maps between them.
//
// Letters: B rows, nz = nq + nv, theta the parameters.
#ifndef TRAPEZE_MODELS_LEARNED_H
#define TRAPEZE_MODELS_LEARNED_H

#include "models/mlp.h"
#include "models/model.h"

typedef struct tz_learned tz_learned;

typedef struct tz_learned_kind {
    tz_model_ops ops;
    size_t size; // of the kind's struct, which starts with tz_learned

    // (required) declares the networks with tz_learned_add_network and computes the kind's own
    // constants from the normaliser
    tz_status (*setup)(tz_learned *self, tz_error *error);
    // (optional) frees what setup allocated beside the networks
    void (*teardown)(tz_learned *self);

    // (required) floats that forward leaves for backward, and of scratch for all verbs, for B rows
    size_t (*tape_size)(const tz_learned *self, int B);
    size_t (*scratch_size)(const tz_learned *self, int B);

    // (required) dw (B, nz) = f(w, u)
    void (*forward)(const tz_learned *self, float *dw, float *tape, float *scratch, const float *w,
                    const float *u, int B);
    // (required) w_bar (B, nz) += (df/dw)^T lambda, u_bar (B, nu) += (df/du)^T lambda, grad +=
    // (df/dtheta)^T lambda for lambda (B, nz); u_bar and grad are nullable
    void (*backward)(const tz_learned *self, float *w_bar, float *u_bar, float *grad, float *tape,
                     float *scratch, const float *lambda, int B);

    // (optional, all or none; without them w = z) w (B, nz) from z (B, nz) and back, with the
    // tape that their backward needs
    size_t (*map_tape_size)(const tz_learned *self, int B);
    void (*encode)(const tz_learned *self, float *w, float *tape, float *scratch, const float *z,
                   int B);
    void (*decode)(const tz_learned *self, float *z, float *tape, float *scratch, const float *w,
                   int B);
    // grad += (dw/dtheta)^T w_bar
    void (*encode_vjp)(const tz_learned *self, float *grad, float *tape, float *scratch,
                       const float *w_bar, int B);
    // w_bar += (dz/dw)^T z_bar, grad += (dz/dtheta)^T z_bar
    void (*decode_vjp)(const tz_learned *self, float *w_bar, float *grad, float *tape,
                       float *scratch, const float *z_bar, int B);
} tz_learned_kind;

// Sizes that a definition or a file may ask for.
enum { TZ_MODEL_HIDDEN_MAX = 4096, TZ_MODEL_SUBSTEPS_MAX = 1000, TZ_NETWORKS_MAX = 3 };

struct tz_learned {
    tz_model model; // must be first
    const tz_learned_kind *kind;
    int n_hidden, n_layers;
    int substeps;
    float substep_s; // dt / substeps (seconds)

    // normaliser of [z, u], from the training data
    unsigned char *is_input;       // 1: the networks see it                 (nz + nu)
    float *input_mean, *input_std; // std is never 0                         (nz + nu)
    float *rate_mean, *rate_std;   // of (z[t+1] - z[t]) / dt, std never 0   (nz)

    // the networks' inputs in order [q without masked ones, v, u]
    int n_in_q;    // inputs from q
    int n_in;      // all inputs
    int *input_at; // column of [z, u]                                       (n_in)

    tz_mlp network[TZ_NETWORKS_MAX];
    const char *network_name[TZ_NETWORKS_MAX]; // static strings
    int n_networks;
};

extern const tz_learned_kind tz_kind_node, tz_kind_node_so, tz_kind_hnn;

// The kind of this name, NULL when there is none.
const tz_learned_kind *tz_learned_kind_find(const char *name);

// Allocates a model of a kind for these dimensions, normaliser still empty. The mask is taken from
// is_input (nz + nu).
tz_status tz_learned_create(tz_learned **learned, const tz_learned_kind *kind, int nq, int nv,
                            int nu, double dt_s, int n_hidden, int substeps,
                            const unsigned char *is_input, tz_error *error);

// Runs the kind's setup once the normaliser is filled, then allocates the parameters.
tz_status tz_learned_finish(tz_learned *self, tz_error *error);

// For setup: appends a network of n_in inputs and n_out outputs.
tz_status tz_learned_add_network(tz_learned *self, const char *name, int n_in, int n_out,
                                 tz_error *error);

// xi (B, ld) = ([z, u] - mean) / std over the networks' inputs.
void tz_learned_normalise(const tz_learned *self, float *xi, int ld, const float *z, const float *u,
                          int B);
// z_bar += and u_bar += (nullable) the pull-back of xi_bar (B, ld).
void tz_learned_normalise_vjp(const tz_learned *self, float *z_bar, float *u_bar,
                              const float *xi_bar, int ld, int B);

// The verbs of model.h that all learned kinds share.
void tz_learned_destroy(tz_model *model);
void tz_learned_prepare(tz_model *model);
tz_status tz_learned_workspace_create(tz_model_workspace **workspace, const tz_model *model,
                                      int max_B, int max_T, bool training, tz_error *error);
void tz_learned_workspace_destroy(tz_model_workspace *workspace);
void tz_learned_rollout(const tz_model *model, tz_model_workspace *workspace, float *z,
                        const float *z0, const float *u, int T, int B);
void tz_learned_rollout_vjp(const tz_model *model, tz_model_workspace *workspace, float *grad,
                            const float *z_bar, const float *u, int T, int B);
void tz_learned_field(const tz_model *model, tz_model_workspace *workspace, float *dw,
                      const float *w, const float *u, int B);
void tz_learned_field_vjp(const tz_model *model, tz_model_workspace *workspace, float *w_bar,
                          float *u_bar, float *grad, const float *w, const float *u,
                          const float *lambda, int B);

#endif
