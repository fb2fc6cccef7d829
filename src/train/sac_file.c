#include "train/sac_file.h"

#include "base/assert.h"
#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <mujoco/mujoco.h>
#include <stdio.h>
#include <string.h>

enum { TENSOR_NAME_MAX = 64 };

// ---- policy and critics

tz_status tz_sac_write_policy(const char *path, tz_sac *sac, const tz_observation_layout *layout,
                              const tz_task *task, const tz_metadata *notes, int n_notes,
                              tz_error *error) {
    const tz_sac_net *net = tz_sac_get_net(sac, TZ_SAC_ACTOR);
    tz_actor actor = {.layout = *layout,
                      .net = {.n_in = net->n_in,
                              .n_layers = 3,
                              .n_out = {net->n_hidden, net->n_hidden, net->n_out}}};
    for (int layer = 0; layer < 3; layer++) {
        actor.net.W[layer] = net->parameters + net->W_at[layer];
        actor.net.b[layer] = net->parameters + net->b_at[layer];
    }
    memcpy(actor.control_low, task->control_low, sizeof actor.control_low);
    memcpy(actor.control_high, task->control_high, sizeof actor.control_high);
    return tz_actor_write(path, &actor, task, notes, n_notes, error);
}

// Appends W (out, in) and b of the three layers of p (parameters or slow target) as tensors.
static int add_net(tz_tensor *tensors, char names[][TENSOR_NAME_MAX], float **block,
                   const tz_sac_net *net, const float *p, const char *prefix) {
    const size_t dims[4] = {(size_t)net->n_in, (size_t)net->n_hidden, (size_t)net->n_hidden,
                            (size_t)net->n_out};
    for (int layer = 0; layer < 3; layer++) {
        const size_t in = dims[layer], out = dims[layer + 1];
        const float *W = p + net->W_at[layer];
        for (size_t i = 0; i < out; i++) {
            for (size_t j = 0; j < in; j++) {
                (*block)[i * in + j] = W[j * out + i];
            }
        }
        snprintf(names[2 * layer], TENSOR_NAME_MAX, "%s.%d.weight", prefix, 2 * layer);
        snprintf(names[2 * layer + 1], TENSOR_NAME_MAX, "%s.%d.bias", prefix, 2 * layer);
        tensors[2 * layer] = (tz_tensor){.name = names[2 * layer],
                                         .dtype = TZ_DTYPE_F32,
                                         .ndim = 2,
                                         .shape = {out, in},
                                         .data = *block};
        tensors[2 * layer + 1] = (tz_tensor){.name = names[2 * layer + 1],
                                             .dtype = TZ_DTYPE_F32,
                                             .ndim = 1,
                                             .shape = {out},
                                             .data = p + net->b_at[layer]};
        *block += in * out;
    }
    return 6;
}

tz_status tz_sac_write_critics(const char *path, tz_sac *sac, const tz_task *task,
                               tz_error *error) {
    const tz_sac_net *critics[2] = {tz_sac_get_net(sac, TZ_SAC_CRITIC0),
                                    tz_sac_get_net(sac, TZ_SAC_CRITIC1)};
    float *block = tz_alloc(4 * critics[0]->n, sizeof *block);
    if (block == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: out of memory while writing", path);
    }
    tz_tensor tensors[24];
    char names[24][TENSOR_NAME_MAX];
    int n = 0;
    float *cursor = block;
    for (int c = 0; c < 2; c++) {
        char prefix[TENSOR_NAME_MAX / 2];
        snprintf(prefix, sizeof prefix, "critic.qf%d", c);
        n += add_net(tensors + n, names + n, &cursor, critics[c], critics[c]->parameters, prefix);
        snprintf(prefix, sizeof prefix, "critic_target.qf%d", c);
        n += add_net(tensors + n, names + n, &cursor, critics[c], critics[c]->target, prefix);
    }
    const tz_metadata metadata[] = {{"format", "trapeze critics 1"},
                                    {"env", task->name},
                                    {"env_digest", task->digest}}; // "" but for one's own MJCF
    const int n_metadata = task->digest[0] != '\0' ? 3 : 2;
    const tz_status status = tz_safetensors_write(path, tensors, n, metadata, n_metadata, error);
    tz_free(block);
    return status;
}

// ---- metrics

// A row, with empty cells where there was nothing to measure yet.
static void put_row(FILE *stream, const tz_sac_metrics *r) {
    const double measures[] = {r->return_mean,     r->return_std,  r->length_mean,
                               r->training_return, r->critic_loss, r->actor_loss,
                               r->temperature,     r->entropy,     r->q};
    fprintf(stream, "%.0f,%.0f", r->step, r->episodes);
    for (size_t k = 0; k < TZ_COUNTOF(measures); k++) {
        fputc(',', stream);
        if (!isnan(measures[k])) {
            fprintf(stream, "%.6g", measures[k]);
        }
    }
    fputc('\n', stream);
}

tz_status tz_sac_write_metrics(const char *path, const tz_sac_metrics *rows, size_t n,
                               tz_error *error) {
    tz_text text;
    TZ_CHECK(tz_text_open(&text, error));
    fputs("step,episodes,return_mean,return_std,length_mean,training_return,critic_loss,"
          "actor_loss,temperature,entropy,q_mean\n",
          text.stream);
    for (size_t i = 0; i < n; i++) {
        put_row(text.stream, &rows[i]);
    }
    return tz_text_write(&text, path, error);
}

// ---- checkpoint
//
// One list of tensors serves writing and reading: name, type, shape, and where the data lives.

enum { SLOTS_MAX = 64 };

typedef struct tensor_slot {
    char name[TENSOR_NAME_MAX];
    tz_dtype dtype;
    int ndim;
    size_t shape[2];
    void *data;
} tensor_slot;

typedef struct slot_list {
    int n;
    tensor_slot slots[SLOTS_MAX];
} slot_list;

static void add_slot(slot_list *list, const char *prefix, const char *name, tz_dtype dtype,
                     size_t rows, size_t cols, void *data) {
    TZ_ASSERT(list->n < SLOTS_MAX);
    tensor_slot *slot = &list->slots[list->n++];
    *slot = (tensor_slot){
        .dtype = dtype, .ndim = cols == 0 ? 1 : 2, .shape = {rows, cols}, .data = data};
    snprintf(slot->name, sizeof slot->name, "%s.%s", prefix, name);
}

// Integers go to the file as they are: counters stay far below 2^63.
static tz_dtype dtype_of_uint64_t(void) {
    return TZ_DTYPE_I64;
}

static tz_dtype dtype_of_double(void) {
    return TZ_DTYPE_F64;
}

static void list_slots(slot_list *list, const tz_sac_checkpoint *c) {
    list->n = 0;

    // networks with their moments
    static const char *const nets[TZ_SAC_N_NETS] = {"actor", "critic0", "critic1"};
    for (int i = 0; i < TZ_SAC_N_NETS; i++) {
        const tz_sac_net *net = tz_sac_get_net(c->sac, i);
        add_slot(list, nets[i], "parameters", TZ_DTYPE_F32, net->n, 0, net->parameters);
        add_slot(list, nets[i], "m", TZ_DTYPE_F32, net->n, 0, net->m);
        add_slot(list, nets[i], "v", TZ_DTYPE_F32, net->n, 0, net->v);
        if (net->target != NULL) {
            add_slot(list, nets[i], "target", TZ_DTYPE_F32, net->n, 0, net->target);
        }
    }

    // scalars of the learner and of the run
    tz_sac_scalars *s = tz_sac_get_scalars(c->sac);
    add_slot(list, "temperature", "log", TZ_DTYPE_F64, 1, 0, &s->log_alpha);
    add_slot(list, "temperature", "m", TZ_DTYPE_F64, 1, 0, &s->log_alpha_m);
    add_slot(list, "temperature", "v", TZ_DTYPE_F64, 1, 0, &s->log_alpha_v);
    add_slot(list, "learner", "n_updates", TZ_DTYPE_I64, 1, 0, &s->n_updates);
#define ADD_PROGRESS(type, name)                                                                   \
    add_slot(list, "run", #name, dtype_of_##type(), 1, 0, &c->progress->name);
    TZ_SAC_PROGRESS_LIST(ADD_PROGRESS)
#undef ADD_PROGRESS
    add_slot(list, "run", "metrics", TZ_DTYPE_F64, c->progress->n_rows, TZ_SAC_N_METRICS, c->rows);
    add_slot(list, "run", "env_state", TZ_DTYPE_F64, c->n_env_state, 0, c->env_state);

    // replay memory: the filled rows
    tz_replay *r = c->replay;
    const size_t D = (size_t)r->n_obs, A = (size_t)r->nu;
    add_slot(list, "replay", "obs", TZ_DTYPE_F32, r->size, D, r->rows.obs);
    add_slot(list, "replay", "next_obs", TZ_DTYPE_F32, r->size, D, r->rows.next_obs);
    add_slot(list, "replay", "action", TZ_DTYPE_F32, r->size, A, r->rows.action);
    add_slot(list, "replay", "reward", TZ_DTYPE_F32, r->size, 0, r->rows.reward);
    add_slot(list, "replay", "done", TZ_DTYPE_F32, r->size, 0, r->rows.done);
    const size_t nz = (size_t)r->nz;
    add_slot(list, "replay", "z_next", TZ_DTYPE_F64, r->size, nz, r->raw.z_next);
    add_slot(list, "replay", "raw_reward", TZ_DTYPE_F64, r->size, 0, r->raw.reward);
    add_slot(list, "replay", "episode", TZ_DTYPE_I64, r->size, 0, r->raw.episode);
    add_slot(list, "replay", "t", TZ_DTYPE_I64, r->size, 0, r->raw.t);
    add_slot(list, "replay", "truncated", TZ_DTYPE_U8, r->size, 0, r->raw.cut);
    add_slot(list, "replay", "next", TZ_DTYPE_I64, 1, 0, &r->next);
}

tz_status tz_sac_checkpoint_write(const char *path, const tz_sac_checkpoint *checkpoint,
                                  tz_error *error) {
    slot_list list;
    list_slots(&list, checkpoint);
    tz_tensor tensors[SLOTS_MAX];
    for (int i = 0; i < list.n; i++) {
        const tensor_slot *slot = &list.slots[i];
        tensors[i] = (tz_tensor){.name = slot->name,
                                 .dtype = slot->dtype,
                                 .ndim = slot->ndim,
                                 .shape = {slot->shape[0], slot->shape[1]},
                                 .data = slot->data};
    }
    const tz_metadata metadata[] = {{"config", checkpoint->config},
                                    {"format", "trapeze sac checkpoint 2"},
                                    {"mujoco", mj_versionString()}};
    return tz_safetensors_write(path, tensors, list.n, metadata, TZ_COUNTOF(metadata), error);
}

// Rows of a tensor that a checkpoint must hold, whatever its other sizes.
static tz_status count_rows(size_t *n, const tz_safetensors *file, const char *name,
                            tz_error *error) {
    const tz_tensor *tensor = tz_safetensors_find(file, name);
    if (tensor == NULL || tensor->ndim < 1) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: no tensor '%s'; expected a checkpoint of SAC",
                       tz_safetensors_path(file), name);
    }
    *n = tensor->shape[0];
    return TZ_OK;
}

tz_status tz_sac_checkpoint_n_rows(size_t *n_rows, const tz_safetensors *file, tz_error *error) {
    return count_rows(n_rows, file, "run.metrics", error);
}

static size_t dtype_size(tz_dtype dtype) {
    return dtype == TZ_DTYPE_U8 ? 1 : dtype == TZ_DTYPE_F32 ? sizeof(float) : sizeof(double);
}

static tz_status read_slot(const tensor_slot *slot, const tz_safetensors *file, tz_error *error) {
    const tz_tensor *tensor = tz_safetensors_find(file, slot->name);
    const size_t cols = slot->ndim == 2 ? slot->shape[1] : 1;
    if (tensor == NULL || tensor->dtype != slot->dtype || tensor->ndim != slot->ndim ||
        tensor->shape[0] != slot->shape[0] || (slot->ndim == 2 && tensor->shape[1] != cols)) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: tensor '%s' is missing or has another type or shape; expected %zu x "
                       "%zu",
                       tz_safetensors_path(file), slot->name, slot->shape[0], cols);
    }
    memcpy(slot->data, tensor->data, slot->shape[0] * cols * dtype_size(slot->dtype));
    return TZ_OK;
}

tz_status tz_sac_checkpoint_read(const tz_sac_checkpoint *checkpoint, const tz_safetensors *file,
                                 tz_error *error) {
    TZ_CHECK(tz_safetensors_expect_text(file, "format", "trapeze sac checkpoint 2", error));
    TZ_CHECK(tz_safetensors_expect_text(file, "config", checkpoint->config, error));
    // another MuJoCo makes other states of the same controls; earlier files do not say which it was
    TZ_CHECK(tz_safetensors_metadata(file, "mujoco") != NULL
                 ? tz_safetensors_expect_text(file, "mujoco", mj_versionString(), error)
                 : TZ_OK);

    // sizes that the file decides, before the list that needs them
    tz_replay *replay = checkpoint->replay;
    size_t n_rows = 0, size = 0;
    TZ_CHECK(tz_sac_checkpoint_n_rows(&n_rows, file, error));
    TZ_CHECK(count_rows(&size, file, "replay.reward", error));
    if (size > replay->capacity) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: %zu transitions in the replay memory; this run has room for %zu",
                       tz_safetensors_path(file), size, replay->capacity);
    }
    checkpoint->progress->n_rows = n_rows;
    replay->size = size;

    slot_list list;
    list_slots(&list, checkpoint);
    for (int i = 0; i < list.n; i++) {
        TZ_CHECK(read_slot(&list.slots[i], file, error));
    }
    if (checkpoint->progress->n_rows != n_rows || replay->next > size) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: counters contradict the sizes of the tensors",
                       tz_safetensors_path(file));
    }
    // a memory that had room for fewer steps and was full goes on behind its last row
    replay->next = size < replay->capacity ? size : replay->next % replay->capacity;
    tz_sac_prepare(checkpoint->sac);
    return TZ_OK;
}
