// Transition models behind one interface: z' = Phi(z, u) for one control period, batched.
//
// A model is made of data that does not change during use (integrator settings, normaliser, weights
// in f32) and is shared by threads; scratch lives in a workspace per thread. Learned kinds also
// offer the vector field and exact vector-Jacobian products, which the trainer uses; only the
// trainer writes `parameters`, and calls tz_model_prepare after each update. `sim` (MuJoCo itself,
// made in plan/) wears the same interface and offers only the rollout.
//
// Shapes: B rows, nz = nq + nv, T transitions. Rollouts are time-major (T, B, .): each transition
// is one contiguous (B, .) block. The equations of each kind are in docs/models.md.
#ifndef TRAPEZE_MODELS_MODEL_H
#define TRAPEZE_MODELS_MODEL_H

#include "base/status.h"
#include "base/versions.h"
#include "envs/env.h"
#include "models/real.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tz_model tz_model;
typedef struct tz_model_workspace tz_model_workspace;

// One step h of dw/dt = f(w, u), u held.
typedef enum tz_integrator {
    TZ_INTEGRATOR_EULER,  // explicit
    TZ_INTEGRATOR_RK4_38, // Kutta's 3/8 rule, the study's choice for the synthetic systems
    TZ_INTEGRATOR_RK4,    // the classical rule
    // generalised leapfrog, symplectic: Hamiltonian kinds, for prediction (not differentiated)
    TZ_INTEGRATOR_LEAPFROG,
    TZ_INTEGRATOR_COUNT
} tz_integrator;

// The verbs of one kind of model. `self` is the kind's own struct, which starts with tz_model.
typedef struct tz_model_ops {
    const char *kind; // "node", "node-so", ..., "sim"

    // (required) frees the model and what it owns
    void (*destroy)(tz_model *self);

    // (required) scratch for up to max_B rows; if `training`, also for backward over max_T
    // transitions
    tz_status (*workspace_create)(tz_model_workspace **workspace, const tz_model *self, int max_B,
                                  int max_T, bool training, tz_error *error);
    void (*workspace_destroy)(tz_model_workspace *workspace);

    // (required) z (T+1, B, nz): row block 0 is z0 (for node-so-mass what its first momenta say of
    // it, see docs/models.md), u (T, B, nu). Non-finite values are left as they come out: callers
    // count them.
    void (*rollout)(const tz_model *self, tz_model_workspace *workspace, tz_real *z,
                    const tz_real *z0, const tz_real *u, int T, int B);

    // (learned kinds) refreshes what is derived from `parameters`
    void (*prepare)(tz_model *self);

    // (learned kinds) dw (B, nz) = f(w, u), the field of the state that the integrator moves:
    // w = z, for hnn w = (Q, P)
    void (*field)(const tz_model *self, tz_model_workspace *workspace, tz_real *dw,
                  const tz_real *w, const tz_real *u, int B);

    // (learned kinds) vector-Jacobian products of the field at (w, u) for lambda (B, nz):
    // w_bar (B, nz) = (df/dw)^T lambda, u_bar (B, nu) = (df/du)^T lambda, both overwritten;
    // grad (n_parameters) += sum over rows of (df/dtheta)^T lambda. Each output is nullable.
    void (*field_vjp)(const tz_model *self, tz_model_workspace *workspace, tz_real *w_bar,
                      tz_real *u_bar, tz_real *grad, const tz_real *w, const tz_real *u,
                      const tz_real *lambda, int B);

    // (learned kinds) backward of a whole rollout: given the gradient z_bar (T+1, B, nz) of the
    // loss in the rolled-out states, grad (n_parameters) += dL/dtheta. Block 0 of z_bar counts for
    // node-so-mass only: z0 is data. Must follow `rollout` with the same u, T and B on the same
    // training workspace.
    void (*rollout_vjp)(const tz_model *self, tz_model_workspace *workspace, tz_real *grad,
                        const tz_real *z_bar, const tz_real *u, int T, int B);

    // (hnn, hnn-nonseparable, symoden, symoden-both) see tz_model_energy
    void (*energy)(const tz_model *self, tz_model_workspace *workspace, tz_real *E,
                   const tz_real *z, int B);

    // (ensembles) see tz_model_predict
    void (*predict)(const tz_model *self, tz_model_workspace *workspace, tz_real *z, tz_real *V,
                    const tz_real *z0, const tz_real *u, int T, int B);

    // (learned kinds) see tz_model_variance
    void (*variance)(const tz_model *self, tz_model_workspace *workspace, tz_real *V,
                     const tz_real *z, const tz_real *u, int T, int B);

    // (learned kinds) see tz_model_variance_vjp
    void (*variance_vjp)(const tz_model *self, tz_model_workspace *workspace, tz_real *grad,
                         const tz_real *V_bar, const tz_real *z, const tz_real *u, int T, int B);

    // (learned kinds, ensembles) see tz_model_set_integrator and tz_model_integrator
    tz_status (*set_integrator)(tz_model *self, tz_integrator integrator, int substeps,
                                tz_error *error);
    bool (*integrator)(const tz_model *self, tz_integrator *integrator, int *substeps);

    // (node-so-mass) see tz_model_symplectic
    double (*symplectic)(const tz_model *self, tz_model_workspace *workspace, tz_real *grad,
                         double weight, const tz_real *u, int T, int B);
} tz_model_ops;

// One named block of `parameters`: a weight (rows = inputs, cols = outputs) or a bias (rows = 1).
typedef struct tz_model_tensor {
    char name[32]; // "mlp.W1"
    int rows, cols;
    bool is_bias;
    size_t offset; // of its first value in `parameters`
} tz_model_tensor;

// Head of every model. Fields are read-only for users; the trainer alone writes `parameters`.
struct tz_model {
    const tz_model_ops *ops;
    char env[TZ_NAME_MAX];          // environment it was learned from
    char env_digest[TZ_DIGEST_MAX]; // its digest (docs/formats.md), "" if not known
    int nq, nv, nu;                 //
    double dt_s;                    // control period of a transition (seconds)
    size_t n_parameters;            // learned weights; 0 for sim
    tz_real *parameters;            // one flat block, owned                      (n_parameters)
    const tz_model_tensor *tensors; // names of its blocks, owned; NULL for sim   (n_tensors)
    int n_tensors;
    tz_real *z_low, *z_high; // range of the training states, owned; NULL for sim   (nz)
    tz_real *sigma_z;        // std of the training states, owned; NULL for sim     (nz)
    tz_real *z_mean;         // their mean, owned; NULL for sim                     (nz)
    bool is_limited;         // learned rates stay below a limit (tz_model_def's range_limit)
    bool has_variance;  // says how sure it is: a probabilistic model, or an ensemble of several
    size_t variance_at; // the parameters from here on are the variance network's alone
    int n_quaternions;  // among the positions
    int quaternion_at[TZ_NQ_MAX / 4]; // column of the first component of each (n_quaternions)
    char sha256[65];                  // digest of the file it was loaded from, or ""
    // versions of MuJoCo (base/versions.h), "" where not known: that made the states it was learned
    // from, and of the program that trained it
    char data_mujoco[TZ_VERSIONS_MAX], trained_mujoco[TZ_VERSIONS_MAX];
};

static inline int tz_model_nz(const tz_model *model) {
    return model->nq + model->nv;
}

// ---- making a learned model

TZ_API const char *tz_integrator_name(tz_integrator integrator); // "euler", "rk4-38", ...
// TZ_ERR_ARGUMENT, naming those there are, when none is called so.
TZ_API tz_status tz_integrator_find(tz_integrator *integrator, const char *name, tz_error *error);

// Positions of TZ_COORDINATE_ANGLE that the networks see as cosine and sine.
typedef enum tz_embedding {
    TZ_EMBED_NONE,
    TZ_EMBED_UNBOUNDED, // those that no joint limit stops: they turn over
    TZ_EMBED_ALL        // the study's choice for the synthetic systems
} tz_embedding;

// What a learned model is, apart from the data.
typedef struct tz_model_def {
    uint32_t cookie;          // set by tz_model_def_default, checked at create
    const char *kind;         // of the registry below; borrowed during create
    int n_hidden;             // units of each hidden layer
    int n_layers;             // hidden layers of each network: 1 to 4; 2
    tz_integrator integrator; // node-so has the step in its field and needs Euler
    int substeps;             // steps per transition; delta always makes one Euler step
    bool normalise;     // scale inputs and outputs by the data's statistics; false: not at all
    bool mask_cyclic;   // leave cyclic coordinates (root x, y) out of the networks' inputs
    double range_limit; // node and node-so kinds: learned rates stay below this times the largest
                        // in the training data; 0: no limit
    bool probabilistic; // node and node-so kinds: a second network for the variance
    tz_embedding embed_angles; // which angles the networks see as their cos and sin, unscaled
    bool uniform_biases;       // fresh biases in +-1/sqrt(fan in), else zero
    uint64_t seed;             // of the initial weights
} tz_model_def;
TZ_API tz_model_def tz_model_def_default(void);

// The study's form for its synthetic systems: one step of the 3/8 rule per transition, angles
// embedded, uniform biases, nothing normalised or masked. The kind is to be set.
TZ_API tz_model_def tz_model_def_synthetic(void);

// What a model takes from its training data: population statistics over all training transitions.
typedef struct tz_model_statistics {
    double z_mean[TZ_NZ_MAX], z_std[TZ_NZ_MAX];       // of the states                    (nz)
    double u_mean[TZ_NU_MAX], u_std[TZ_NU_MAX];       // of the controls                  (nu)
    double rate_mean[TZ_NZ_MAX], rate_std[TZ_NZ_MAX]; // of (z[t+1] - z[t]) / dt          (nz)
    double rate_max[TZ_NZ_MAX];                       // largest of their absolute values (nz)
    double z_low[TZ_NZ_MAX], z_high[TZ_NZ_MAX];       // smallest and largest states      (nz)
} tz_model_statistics;

// Makes a model with fresh weights (semi-orthogonal times 0.5). nu may be 0; then u may be NULL in
// every call. Errors: unknown kind, sizes or integrator that the kind does not serve, non-finite
// statistics (TZ_ERR_ARGUMENT, TZ_ERR_UNSUPPORTED, TZ_ERR_MEMORY). The caller destroys it.
TZ_API tz_status tz_model_create(tz_model **model, const tz_model_def *def, const tz_task *task,
                                 const tz_model_statistics *statistics, tz_error *error);

// Loads any learned kind from a model file (docs/formats.md), or an ensemble of them from its list
// (models/ensemble.h). Errors name the file and what was found and expected. The caller destroys
// it.
TZ_API tz_status tz_model_load(tz_model **model, const char *path, tz_error *error);
// Replaces the file as a whole (docs/formats.md). TZ_ERR_UNSUPPORTED for what is not one learned
// model (an ensemble, sim), TZ_ERR_IO, TZ_ERR_MEMORY.
TZ_API tz_status tz_model_save(const tz_model *model, const char *path, tz_error *error);
TZ_API void tz_model_destroy(tz_model *model); // Nullable

// TZ_ERR_MISMATCH, with a sentence, when the model was not learned from this task's environment or
// its dimensions or control period differ. `path` names the model in the sentence.
TZ_API tz_status tz_model_check_task(const tz_model *model, const tz_task *task, const char *path,
                                     tz_error *error);

// Whether the networks of two learned models of one environment see the same inputs in the same
// forms.
TZ_API bool tz_model_same_inputs(const tz_model *a, const tz_model *b);

// ---- using it: thin wrappers over ops

// Memory of one thread for rollouts of at most max_B rows and max_T steps, with `training` also for
// their backward. TZ_ERR_MEMORY.
TZ_API tz_status tz_model_workspace_create(tz_model_workspace **workspace, const tz_model *model,
                                           int max_B, int max_T, bool training, tz_error *error);
TZ_API void tz_model_workspace_destroy(const tz_model *model,
                                       tz_model_workspace *workspace); // Nullable
// z (T + 1, B, nz) <- the states from z0 (B, nz) on under the controls u (T, B, nu).
TZ_API void tz_model_rollout(const tz_model *model, tz_model_workspace *workspace, tz_real *z,
                             const tz_real *z0, const tz_real *u, int T, int B);

// Must be called once after `parameters` were written, before the next use (create and load do it).
// No other thread may use the model meanwhile. Does nothing for kinds without parameters of their
// own (ensembles, sim).
TZ_API void tz_model_prepare(tz_model *model);

// The learned energy E (B) at z (B, nz), for kinds whose ops have `energy` (asserted): H(Q, P)
// of docs/models.md, in a unit of its own. Not between a rollout and its backward.
TZ_API void tz_model_energy(const tz_model *model, tz_model_workspace *workspace, tz_real *E,
                            const tz_real *z, int B);

// Predicts with another integrator than the model was trained with, from the next workspace on; an
// ensemble with all its members. TZ_ERR_UNSUPPORTED when the kind does not serve it, or has none to
// choose, TZ_ERR_ARGUMENT for substeps out of range; then nothing is changed.
TZ_API tz_status tz_model_set_integrator(tz_model *model, tz_integrator integrator, int substeps,
                                         tz_error *error);
// The integrator that it predicts with and the substeps of a transition; false for kinds that have
// none to choose (sim), and for ensembles whose members differ in it.
TZ_API bool tz_model_integrator(const tz_model *model, tz_integrator *integrator, int *substeps);

// Floating-point operations of a learned model's forward and backward over T transitions of one
// row, from its weights without padding: 6 a weight and evaluation (2 forward, 4 backward), 12
// where the gradient of a network is the field. Fixed: not what leapfrog takes.
TZ_API double tz_model_flops(const tz_model *model, int T);

// Backward of the rollout before it on this workspace; see ops. For a training workspace B is a
// tile of 25 to 100 rows, so that a whole rollout stays in one core's cache.
TZ_API void tz_model_rollout_vjp(const tz_model *model, tz_model_workspace *workspace,
                                 tz_real *grad, const tz_real *z_bar, const tz_real *u, int T,
                                 int B);

// A rollout z (T+1, B, nz) and its variances V (T+1, B, nz): each component's, taken alone. V[0] is
// 0. For models with has_variance: of a probabilistic model see tz_model_variance; of an ensemble
// the mean of its members' variances (0 for members without) plus the variance of their states. z
// has the bytes of tz_model_rollout.
TZ_API void tz_model_predict(const tz_model *model, tz_model_workspace *workspace, tz_real *z,
                             tz_real *V, const tz_real *z0, const tz_real *u, int T, int B);

// The variances V (T+1, B, nz) of the states z (T+1, B, nz), a rollout of this probabilistic model
// under u: what its second network says of each transition, summed. Not between a rollout and its
// backward.
TZ_API void tz_model_variance(const tz_model *model, tz_model_workspace *workspace, tz_real *V,
                              const tz_real *z, const tz_real *u, int T, int B);

// grad (n_parameters) += dL/dtheta through the variances of the states z for V_bar (T+1, B, nz) =
// dL/dV; z itself is not differentiated. On a training workspace of a probabilistic model.
TZ_API void tz_model_variance_vjp(const tz_model *model, tz_model_workspace *workspace,
                                  tz_real *grad, const tz_real *V_bar, const tz_real *z,
                                  const tz_real *u, int T, int B);

// The symplectic regulariser of the rollout before it on this training workspace, for kinds whose
// ops have `symplectic` (asserted): with DF the Jacobian of the field in w = (Q, P) and J the
// symplectic matrix, returns the sum of (J DF - (J DF)^T)^2 over the T + 1 points w_t of the
// rollout, B rows and (2n)^2 entries. grad (n_parameters) += weight times its gradient; nullable.
// What of it flows through the points joins the next tz_model_rollout_vjp on the workspace, which
// must follow. At w_T the control is that of the last transition.
TZ_API double tz_model_symplectic(const tz_model *model, tz_model_workspace *workspace,
                                  tz_real *grad, double weight, const tz_real *u, int T, int B);

// A rotation has two quaternions, q and -q. Turns the sign of those of z (rows, nz) that point away
// from those of `reference` (rows, nz), so that z - reference measures how far rotations differ: a
// loss or a metric aligns the true states with the predicted ones before it subtracts.
TZ_API void tz_model_align(const tz_model *model, tz_real *z, const tz_real *reference, int rows);

// ---- registry

// The learned kinds that can be trained and loaded, for lists and conformance tests.
TZ_API int tz_model_kind_count(void);
TZ_API const char *tz_model_kind_at(int index);

#endif
