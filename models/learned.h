// What the learned kinds share: networks with named parameters in one flat block, the normaliser,
// and the description of a kind that the integrator (integrate.c), the registry (model.c) and the
// file format (model_file.c) work with. A kind (node.c, hnn.c, ...) is a vector field
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
    size_t size;           // of the kind's struct, which starts with tz_learned
    bool one_euler_step;   // per transition, whatever a definition says
    bool is_euler_only;    // the step is in its equations
    bool is_rate;          // its network's outputs are rates of z: they can be limited, and have a
                           // variance
    bool start_is_decoded; // encode and decode are not inverse: block 0 of a rollout is decode(w_0)

    // (required) declares the networks with tz_learned_add_network and computes the kind's own
    // constants from the normaliser
    tz_status (*setup)(tz_learned *self, tz_error *error);
    // (optional) frees what setup allocated beside the networks
    void (*teardown)(tz_learned *self);

    // (required) floats that forward leaves for backward, and of scratch for all verbs, for B rows
    size_t (*tape_size)(const tz_learned *self, int B);
    size_t (*scratch_size)(const tz_learned *self, int B);

    // (required) dw (B, nz) = f(w, u)
    void (*forward)(const tz_learned *self, tz_real *dw, tz_real *tape, tz_real *scratch,
                    const tz_real *w, const tz_real *u, int B);
    // (required) w_bar (B, nz) += (df/dw)^T lambda, u_bar (B, nu) += (df/du)^T lambda, grad +=
    // (df/dtheta)^T lambda for lambda (B, nz); u_bar and grad are nullable
    void (*backward)(const tz_learned *self, tz_real *w_bar, tz_real *u_bar, tz_real *grad,
                     tz_real *tape, tz_real *scratch, const tz_real *lambda, int B);

    // (optional) the symplectic regulariser: the sum over rows and entries of (J DF - (J DF)^T)^2
    // at w (B, nz), with DF the Jacobian of the field in w; w_bar += and grad += `weight` times its
    // gradient, both nullable together. Scratch of its own.
    size_t (*symplectic_scratch_size)(const tz_learned *self, int B);
    double (*symplectic)(const tz_learned *self, tz_real *w_bar, tz_real *grad, tz_real *scratch,
                         double weight, const tz_real *w, const tz_real *u, int B);

    // (Hamiltonian kinds) the energy E (B) at w (B, nz), with the tape and scratch of forward
    void (*energy)(const tz_learned *self, tz_real *E, tz_real *tape, tz_real *scratch,
                   const tz_real *w, int B);

    // (optional, all or none; without them w = z) w (B, nz) from z (B, nz) and back, with the
    // tape that their backward needs
    size_t (*map_tape_size)(const tz_learned *self, int B);
    void (*encode)(const tz_learned *self, tz_real *w, tz_real *tape, tz_real *scratch,
                   const tz_real *z, int B);
    void (*decode)(const tz_learned *self, tz_real *z, tz_real *tape, tz_real *scratch,
                   const tz_real *w, int B);
    // grad += (dw/dtheta)^T w_bar
    void (*encode_vjp)(const tz_learned *self, tz_real *grad, tz_real *tape, tz_real *scratch,
                       const tz_real *w_bar, int B);
    // w_bar += (dz/dw)^T z_bar, grad += (dz/dtheta)^T z_bar
    void (*decode_vjp)(const tz_learned *self, tz_real *w_bar, tz_real *grad, tz_real *tape,
                       tz_real *scratch, const tz_real *z_bar, int B);
} tz_learned_kind;

// Sizes that a definition or a file may ask for.
enum { TZ_MODEL_HIDDEN_MAX = 4096, TZ_MODEL_SUBSTEPS_MAX = 1000, TZ_NETWORKS_MAX = 3 };

// How the networks see a column of [z, u].
enum {
    TZ_INPUT_NONE,       // not at all
    TZ_INPUT_PLAIN,      // (x - mean) / std
    TZ_INPUT_ANGLE,      // cos x and sin x; positions only
    TZ_INPUT_QUATERNION, // plain, one of four components in a row; positions only
    TZ_INPUT_FORM_COUNT
};

// What of a network is in the field.
typedef enum tz_network_role {
    TZ_NETWORK_OUTPUT,        // its outputs
    TZ_NETWORK_GRADIENT,      // the gradient of its one output
    TZ_NETWORK_MASS,          // its outputs, the factor of a mass matrix (mass.c)
    TZ_NETWORK_MASS_GRADIENT, // a mass matrix and its gradient
    TZ_NETWORK_MASS_MAP,      // nothing: a mass matrix that only encodes and decodes
    TZ_NETWORK_VARIANCE       // nothing: the variance of a transition
} tz_network_role;

static inline bool tz_network_is_mass(tz_network_role role) {
    return role == TZ_NETWORK_MASS || role == TZ_NETWORK_MASS_GRADIENT ||
           role == TZ_NETWORK_MASS_MAP;
}

// The structure of a learned model: what a definition and a task, or a file, say of it.
typedef struct tz_learned_def {
    const tz_learned_kind *kind;
    int nq, nv, nu, n_hidden, n_layers;
    double dt_s;
    tz_integrator integrator;
    int substeps;
    bool is_normalised, is_limited, is_probabilistic;
    unsigned char input_form[TZ_NZ_MAX + TZ_NU_MAX]; // (nq + nv + nu)
} tz_learned_def;

struct tz_learned {
    tz_model model; // must be first
    const tz_learned_kind *kind;
    int n_hidden, n_layers;
    tz_integrator integrator;
    int substeps;
    tz_real substep_s; // dt / substeps (seconds)

    // normaliser of [z, u], from the training data; when not normalised, means 0 and stds 1
    bool is_normalised;
    unsigned char *input_form;       //                                        (nz + nu)
    tz_real *input_mean, *input_std; // std is never 0                         (nz + nu)
    tz_real *input_scale;            // 1 / std, written by prepare            (nz + nu)
    tz_real *rate_mean, *rate_std;   // of (z[t+1] - z[t]) / dt, std never 0   (nz)
    tz_real *rate_limit;             // learned rates stay below; NULL: no limit  (nz)

    // the networks' inputs in order [cos of angles, sin of angles, other q, v, u]
    int n_angles;  // positions seen as cosine and sine
    int n_in_q;    // inputs from q
    int n_in;      // all inputs
    int *input_at; // column of [z, u]                                       (n_in)

    tz_mlp network[TZ_NETWORKS_MAX];
    const char *network_name[TZ_NETWORKS_MAX]; // static strings
    tz_network_role network_role[TZ_NETWORKS_MAX];
    int n_networks;
};

extern const tz_learned_kind tz_kind_node, tz_kind_delta, tz_kind_node_so, tz_kind_node_so_direct,
    tz_kind_node_so_naive, tz_kind_node_so_mass, tz_kind_hnn, tz_kind_hnn_nonseparable,
    tz_kind_symoden, tz_kind_symoden_both, tz_kind_symoden_study;

// The name of a kind and the verbs that all learned kinds share, for their tables; then its own.
#define TZ_LEARNED_OPS(...)                                                                        \
    {                                                                                              \
        .destroy = tz_learned_destroy, .workspace_create = tz_learned_workspace_create,            \
        .workspace_destroy = tz_learned_workspace_destroy, .rollout = tz_learned_rollout,          \
        .prepare = tz_learned_prepare, .field = tz_learned_field,                                  \
        .field_vjp = tz_learned_field_vjp, .rollout_vjp = tz_learned_rollout_vjp,                  \
        .variance = tz_learned_variance, .variance_vjp = tz_learned_variance_vjp,                  \
        .set_integrator = tz_learned_set_integrator, .integrator = tz_learned_integrator,          \
        .kind = __VA_ARGS__                                                                        \
    }

// The kind of this name, NULL when there is none.
const tz_learned_kind *tz_learned_kind_find(const char *name);

// Allocates a model of this structure, normaliser still empty.
tz_status tz_learned_create(tz_learned **learned, const tz_learned_def *def, tz_error *error);

// Runs the kind's setup once the normaliser is filled, then allocates the parameters.
tz_status tz_learned_finish(tz_learned *self, tz_error *error);

// For setup: appends a network of n_in inputs and n_out outputs, for a mass matrix n * n.
tz_status tz_learned_add_network(tz_learned *self, const char *name, tz_network_role role, int n_in,
                                 int n_out, tz_error *error);

// For setup: TZ_ERR_UNSUPPORTED unless nq == nv.
tz_status tz_learned_require_square(const tz_learned *self, tz_error *error);

// xi (B, ld): all inputs of the networks from z and u.
void tz_learned_read_inputs(const tz_learned *self, tz_real *xi, int ld, const tz_real *z,
                            const tz_real *u, int B);
// z_bar += and u_bar += (nullable) the pull-back of xi_bar (B, ld) at xi (B, ld).
void tz_learned_read_inputs_vjp(const tz_learned *self, tz_real *z_bar, tz_real *u_bar,
                                const tz_real *xi_bar, const tz_real *xi, int ld, int B);

// How many of the networks' inputs have an adjoint that somebody reads: controls come last.
static inline int tz_learned_n_inputs_bar(const tz_learned *self, const tz_real *u_bar) {
    return self->n_in - (u_bar == NULL ? self->model.nu : 0);
}

// The range limit of one row: rates x (n) become b tanh(x / b) for limits b (n), and slope (n) the
// derivatives 1 - tanh^2.
void tz_learned_limit(tz_real *x, tz_real *slope, const tz_real *limit, int n);

// The verbs of model.h that all learned kinds share.
void tz_learned_destroy(tz_model *model);
void tz_learned_prepare(tz_model *model);
tz_status tz_learned_workspace_create(tz_model_workspace **workspace, const tz_model *model,
                                      int max_B, int max_T, bool training, tz_error *error);
void tz_learned_workspace_destroy(tz_model_workspace *workspace);
void tz_learned_rollout(const tz_model *model, tz_model_workspace *workspace, tz_real *z,
                        const tz_real *z0, const tz_real *u, int T, int B);
void tz_learned_rollout_vjp(const tz_model *model, tz_model_workspace *workspace, tz_real *grad,
                            const tz_real *z_bar, const tz_real *u, int T, int B);
void tz_learned_variance(const tz_model *model, tz_model_workspace *workspace, tz_real *V,
                         const tz_real *z, const tz_real *u, int T, int B);
void tz_learned_variance_vjp(const tz_model *model, tz_model_workspace *workspace, tz_real *grad,
                             const tz_real *V_bar, const tz_real *z, const tz_real *u, int T,
                             int B);
tz_status tz_learned_set_integrator(tz_model *model, tz_integrator integrator, int substeps,
                                    tz_error *error);
bool tz_learned_integrator(const tz_model *model, tz_integrator *integrator, int *substeps);
double tz_learned_symplectic(const tz_model *model, tz_model_workspace *workspace, tz_real *grad,
                             double weight, const tz_real *u, int T, int B);
void tz_learned_energy(const tz_model *model, tz_model_workspace *workspace, tz_real *E,
                       const tz_real *z, int B);
void tz_learned_field(const tz_model *model, tz_model_workspace *workspace, tz_real *dw,
                      const tz_real *w, const tz_real *u, int B);
void tz_learned_field_vjp(const tz_model *model, tz_model_workspace *workspace, tz_real *w_bar,
                          tz_real *u_bar, tz_real *grad, const tz_real *w, const tz_real *u,
                          const tz_real *lambda, int B);

#endif
