#include "policies/critic.h"

#include "base/assert.h"
#include "base/blas.h"
#include "base/memory.h"
#include "policies/policy_file.h"
#include "policies/weights.h"

enum { TWINS = 2 };

struct tz_critic {
    tz_task task; // copied at load
    tz_observation_layout layout;
    tz_network net[TWINS]; // (D + nu) -> 1
    float *block[TWINS];   // owned
};

struct tz_critic_workspace {
    int max_batch;
    float *block;     // owns the arrays
    float *x;         // [observation, action]                              (max_batch, D + nu)
    float *hidden[2]; // layers in turn                                (max_batch, widest layer)
    float *q[TWINS];  // of both critics                                             (max_batch)
};

static tz_status read_networks(tz_critic *critic, const tz_weights *weights, tz_error *error) {
    static const tz_layer_names names[TWINS] = {{"critic.qf0.", 0, 2, NULL, NULL, false},
                                                {"critic.qf1.", 0, 2, NULL, NULL, false}};
    if (tz_weights_find(weights, "critic.qf0.0.weight") == NULL) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: no critics (no tensor 'critic.qf0.0.weight'); expected "
                       "critics.safetensors of a run, or shipped ones (hopper-critics)",
                       weights->path);
    }
    for (int c = 0; c < TWINS; c++) {
        tz_network *net = &critic->net[c];
        TZ_CHECK(tz_weights_read_network(net, &critic->block[c], weights, &names[c], error));
        if (net->n_out[net->n_layers - 1] != 1 || net->n_in != critic->net[0].n_in) {
            return tz_fail(error, TZ_ERR_MISMATCH,
                           "%s: critic %d sees %d numbers and gives %d; expected %d and 1",
                           weights->path, c, net->n_in, net->n_out[net->n_layers - 1],
                           critic->net[0].n_in);
        }
    }
    return TZ_OK;
}

// The observation is the policy's; of a system without one of Gymnasium's, the whole state.
static tz_status fit(tz_critic *critic, const char *path, tz_error *error) {
    const tz_task *task = &critic->task;
    const int D = critic->net[0].n_in - task->nu;
    tz_observation_layout known;
    if (!tz_observation_layout_gymnasium(&known, task->name) && D == tz_task_nz(task)) {
        tz_observation_layout_identity(&critic->layout, D);
        return TZ_OK;
    }
    TZ_CHECK(
        tz_fit_layout(&critic->layout, D, path, "beside the control, the critic", task, error));
    if (critic->layout.source != TZ_OBSERVATION_STATE) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "%s: a critic that sees more of '%s' than its state z", path, task->name);
    }
    return TZ_OK;
}

static tz_status load(tz_critic *critic, const char *name_or_path, tz_error *error) {
    char path[TZ_PATH_MAX];
    tz_safetensors *file;
    if (tz_policy_find_file(path, name_or_path, NULL) != TZ_OK) {
        return tz_fail(error, TZ_ERR_IO,
                       "%s: no such critics; expected shipped ones (hopper-critics) or a file",
                       name_or_path);
    }
    TZ_CHECK(tz_safetensors_read(&file, path, error));
    tz_weights weights;
    tz_tensor *tensors;
    tz_status status = tz_weights_list(&weights, &tensors, file, error);
    if (status == TZ_OK) { // others' files, and older ones, do not say what they are for
        const char *env = tz_safetensors_metadata(file, "env");
        const char *digest = tz_safetensors_metadata(file, "env_digest");
        status = tz_fit_env(env != NULL ? env : "", digest != NULL ? digest : "", path, "critics",
                            &critic->task, error);
    }
    status = status == TZ_OK ? read_networks(critic, &weights, error) : status;
    tz_free(tensors);
    tz_safetensors_destroy(file);
    return status == TZ_OK ? fit(critic, path, error) : status;
}

tz_status tz_critic_load(tz_critic **out, const char *name_or_path, const tz_task *task,
                         tz_error *error) {
    *out = NULL;
    tz_critic *critic = tz_alloc(1, sizeof *critic);
    if (critic == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: out of memory while reading", name_or_path);
    }
    critic->task = *task;
    const tz_status status = load(critic, name_or_path, error);
    if (status != TZ_OK) {
        tz_critic_destroy(critic);
        return status;
    }
    *out = critic;
    return TZ_OK;
}

void tz_critic_destroy(tz_critic *critic) {
    if (critic != NULL) {
        for (int c = 0; c < TWINS; c++) {
            tz_free(critic->block[c]);
        }
        tz_free(critic);
    }
}

tz_status tz_critic_workspace_create(tz_critic_workspace **out, const tz_critic *critic,
                                     int max_batch, tz_error *error) {
    TZ_ASSERT(max_batch > 0);
    *out = NULL;
    const size_t B = (size_t)max_batch, n_in = (size_t)critic->net[0].n_in;
    size_t widest = 0;
    for (int c = 0; c < TWINS; c++) {
        const size_t units = (size_t)tz_network_widest(&critic->net[c]);
        widest = units > widest ? units : widest;
    }
    tz_critic_workspace *workspace = tz_alloc(1, sizeof *workspace);
    float *block = tz_alloc(B, (n_in + 2 * widest + TWINS) * sizeof *block);
    if (workspace == NULL || block == NULL) {
        tz_free(workspace);
        tz_free(block);
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: critics of '%s' for %d states at once",
                       critic->task.name, max_batch);
    }
    workspace->max_batch = max_batch;
    workspace->block = workspace->x = block;
    workspace->hidden[0] = block + B * n_in;
    workspace->hidden[1] = workspace->hidden[0] + B * widest;
    workspace->q[0] = workspace->hidden[1] + B * widest;
    workspace->q[1] = workspace->q[0] + B;
    tz_blas_init();
    *out = workspace;
    return TZ_OK;
}

void tz_critic_workspace_destroy(tz_critic_workspace *workspace) {
    if (workspace != NULL) {
        tz_free(workspace->block);
        tz_free(workspace);
    }
}

// x (D + nu) <- the observation of z and the control as an action in [-1, 1].
static void observe(const tz_critic *critic, float *x, const double *z, const float *u) {
    const tz_task *task = &critic->task;
    const int D = critic->layout.n;
    double o[TZ_OBSERVATION_MAX];
    tz_observation_gather(&critic->layout, o, z);
    for (int i = 0; i < D; i++) {
        x[i] = (float)o[i];
    }
    for (int j = 0; j < task->nu; j++) {
        const double low = task->control_low[j], high = task->control_high[j];
        x[D + j] = (float)(2.0 * ((double)u[j] - low) / (high - low) - 1.0);
    }
}

void tz_critic_q(const tz_critic *critic, tz_critic_workspace *workspace, float *q, const double *z,
                 const float *u, int B) {
    TZ_ASSERT(B <= workspace->max_batch);
    const size_t nz = (size_t)tz_task_nz(&critic->task), nu = (size_t)critic->task.nu;
    for (int b = 0; b < B; b++) {
        observe(critic, workspace->x + (size_t)b * (size_t)critic->net[0].n_in, z + (size_t)b * nz,
                u + (size_t)b * nu);
    }
    for (int c = 0; c < TWINS; c++) {
        tz_network_forward(&critic->net[c], workspace->q[c], workspace->hidden, workspace->x, B);
    }
    for (int b = 0; b < B; b++) {
        q[b] = workspace->q[0][b] < workspace->q[1][b] ? workspace->q[0][b] : workspace->q[1][b];
    }
}
