// Transition models behind one interface: z' = Phi(z, u) for one control period, batched.
//
// A model is immutable once loaded or created (weights f32, normaliser, integrator settings) and is
// shared by threads; scratch lives in a workspace per thread. Learned kinds (node, node-so, hnn)
// also offer the vector field and exact vector-Jacobian products, which the trainer uses. `sim`
// (MuJoCo itself, made in plan/) wears the same interface and offers only the rollout.
//
// Shapes: B rows, nz = nq + nv, T transitions. Rollouts are time-major (T, B, .): each transition
// is one contiguous (B, .) block.
#ifndef TRAPEZE_MODELS_MODEL_H
#define TRAPEZE_MODELS_MODEL_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tz_model tz_model;
typedef struct tz_model_workspace tz_model_workspace;

// The verbs of one kind of model. `self` is the kind's own struct, which starts with tz_model.
typedef struct tz_model_ops {
    const char *kind; // "node", "node-so", "hnn", "sim"

    // (required) frees what the kind owns
    void (*destroy)(tz_model *self);

    // (required) scratch for up to max_B rows; if `training`, also for backward over max_T
    // transitions
    tz_status (*workspace_create)(tz_model_workspace **workspace, const tz_model *self, int max_B,
                                  int max_T, bool training, tz_error *error);
    void (*workspace_destroy)(tz_model_workspace *workspace);

    // (required) z (T+1, B, nz): row block 0 is z0 (copied in), u (T, B, nu). Non-finite values are
    // left as they come out: callers count them.
    void (*rollout)(const tz_model *self, tz_model_workspace *workspace, float *z, const float *z0,
                    const float *u, int T, int B);

    // (optional, learned kinds) dz (B, nz) = f(z, u)
    void (*field)(const tz_model *self, tz_model_workspace *workspace, float *dz, const float *z,
                  const float *u, int B);

    // (optional, learned kinds) vector-Jacobian products of the field at (z, u) for lambda (B, nz):
    // z_bar (B, nz) = (df/dz)^T lambda, u_bar (B, nu) = (df/du)^T lambda, both overwritten;
    // grad (n_parameters) += sum over rows of (df/dw)^T lambda. Each output is nullable.
    void (*field_vjp)(const tz_model *self, tz_model_workspace *workspace, float *z_bar,
                      float *u_bar, float *grad, const float *z, const float *u,
                      const float *lambda, int B);

    // (optional, learned kinds) forward and backward of a whole rollout in one tile: given the
    // gradient z_bar (T+1, B, nz) of the loss in the rolled-out states (block 0 included: it may
    // depend on parameters), grad += dL/dw. Must follow `rollout` on the same training workspace.
    void (*rollout_vjp)(const tz_model *self, tz_model_workspace *workspace, float *grad,
                        const float *z_bar, const float *u, int T, int B);

    // (optional) learned energy (B) at z (B, nz)
    void (*energy)(const tz_model *self, tz_model_workspace *workspace, float *energy,
                   const float *z, int B);
} tz_model_ops;

// Head of every model. Fields are read-only for users.
struct tz_model {
    const tz_model_ops *ops;
    char env[64];          // environment it was learned from
    int nq, nv, nu;        //
    double dt_s;           // control period of a transition (seconds)
    size_t n_parameters;   // learned weights; 0 for sim
    float *parameters;     // one flat block, owned                                 (n_parameters)
    float *z_low, *z_high; // range of the training states, owned; NULL for sim   (nz)
    float *sigma_z;        // std of the training states, owned; NULL for sim       (nz)
    char sha256[65];       // digest of the file it was loaded from, or ""
};

static inline int tz_model_nz(const tz_model *model) {
    return model->nq + model->nv;
}

// Loads any learned kind from a model file (docs/formats.md). Errors name the file and what was
// found and expected. The caller destroys it.
TZ_API tz_status tz_model_load(tz_model **model, const char *path, tz_error *error);
TZ_API tz_status tz_model_save(const tz_model *model, const char *path, tz_error *error);
TZ_API void tz_model_destroy(tz_model *model); // Nullable

// Thin wrappers over ops.
TZ_API tz_status tz_model_workspace_create(tz_model_workspace **workspace, const tz_model *model,
                                           int max_B, int max_T, bool training, tz_error *error);
TZ_API void tz_model_workspace_destroy(const tz_model *model, tz_model_workspace *workspace);
TZ_API void tz_model_rollout(const tz_model *model, tz_model_workspace *workspace, float *z,
                             const float *z0, const float *u, int T, int B);

// The learned kinds that can be trained and loaded, for lists and conformance tests.
TZ_API int tz_model_kind_count(void);
TZ_API const char *tz_model_kind_at(int index);

#endif
