#include "train/trainer.h"

#include "base/assert.h"
#include "base/denormals.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/vectorise.h"
#include "train/loss.h"
#include "train/spectral.h"

#include <math.h>
#include <string.h>

enum { DEF_COOKIE = 0x74726e72 };
enum { PIECE = 2048 }; // parameters that a thread sums or updates at a time
// Norm of the gradients as they are applied: beyond it their squares overflow in float.
static const double GRADIENT_MAX = 1e18;

// What is done with a tile after its rollout.
typedef enum tile_task { TILE_GRADIENT, TILE_LOSS, TILE_SYMPLECTIC } tile_task;

// What one thread needs to work on a tile.
typedef struct worker {
    tz_model_workspace *workspace;
    float *z0;    // first states                        (tile, nz)
    float *u;     // controls                            (T, tile, nu)
    float *z;     // truths                              (L, tile, nz)
    float *zhat;  // predictions                         (L, tile, nz)
    float *z_bar; // gradient of the loss in them        (L, tile, nz)
    float *noise; // on the first states                 (tile, nz)
    float *V;     // variances of the predictions; NULL where the model has none  (L, tile, nz)
    float *V_bar; // gradient of the likelihood in them  (L, tile, nz)
} worker;

struct tz_trainer {
    tz_trainer_def def;
    tz_model *model;               // borrowed
    const tz_sequences *sequences; // borrowed
    tz_team *team;                 // borrowed
    int steps_per_epoch;
    int n_tiles; // of a batch

    tz_adam adam;
    float *weight;          // 1 / sigma_z^2                                  (nz)
    float *grad;            // of each tile, then of the batch in the first   (n_tiles, grad_stride)
    size_t grad_stride;     // n_parameters rounded up to whole cache lines
    double *tile_loss;      //                                                (n_tiles)
    int n_pieces;           // of the parameters
    tz_adam_step adam_step; // of this update
    float *spectral;        // work of the spectral limit; NULL: no limit
    worker *workers;        //                                                (team size)
    int n_workers;

    // where it stands
    uint32_t *order; // of the sequences in this epoch                   (sequences->n)
    int epoch, step_in_epoch;
    double loss_sum, grad_norm_sum;

    // the run of tiles at hand
    const tz_sequences *batch_of;
    const uint32_t *batch; // sequence of each row; NULL: rows are sequences from `first` on
    int first, rows;
    int length; // states of a sequence that count
    tile_task task;
};

tz_trainer_def tz_trainer_def_default(void) {
    return (tz_trainer_def){.cookie = DEF_COOKIE,
                            .batch = 200,
                            .tile = 50,
                            .epochs = 256,
                            .lr = 1e-3,
                            .lr_end = 1e-6,
                            .weight_decay = 1e-4,
                            .clip = 1.0};
}

// ---- making

static tz_status check(const tz_trainer_def *def, const tz_model *model,
                       const tz_sequences *sequences, tz_error *error) {
    if (def->cookie != DEF_COOKIE) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "trainer definition was not made by tz_trainer_def_default");
    }
    if (def->batch < 1 || def->tile < 1 || def->epochs < 1 || !(def->lr > 0.0) ||
        !isfinite(def->lr) || !(def->lr_end >= 0.0) || !isfinite(def->lr_end) ||
        !(def->lr_floor >= 0.0 && def->lr_floor <= 1.0) || !(def->weight_decay >= 0.0) ||
        !isfinite(def->weight_decay) || !(def->clip >= 0.0) || !isfinite(def->clip) ||
        !(def->input_noise >= 0.0) || !isfinite(def->input_noise) ||
        !(def->spectral_limit >= 0.0) || !isfinite(def->spectral_limit) ||
        !(def->symplectic >= 0.0) || !isfinite(def->symplectic)) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "training with batch %d, tile %d, epochs %d, learning rate %g to %g, weight "
                       "decay %g, clipping at %g, spectral limit %g: expected positive sizes, a "
                       "positive learning rate, and finite numbers of at least 0",
                       def->batch, def->tile, def->epochs, def->lr, def->lr_end, def->weight_decay,
                       def->clip, def->spectral_limit);
    }
    if (def->first_length != 0 &&
        (def->first_length < 2 || def->first_length > sequences->length)) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "a curriculum from %d states on sequences of %d: expected 2 to %d, or 0 for "
                       "none",
                       def->first_length, sequences->length, sequences->length);
    }
    if (sequences->nz != tz_model_nz(model) || sequences->nu != model->nu) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "sequences of %d states and %d controls for a model of %d and %d",
                       sequences->nz, sequences->nu, tz_model_nz(model), model->nu);
    }
    if (def->symplectic > 0.0 && model->ops->symplectic == NULL) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED, "%s has no symplectic regulariser",
                       model->ops->kind);
    }
    if (sequences->n < def->batch) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "%d sequences do not fill a batch of %d",
                       sequences->n, def->batch);
    }
    return TZ_OK;
}

static tz_status create_worker(worker *w, const tz_trainer *self, tz_error *error) {
    const size_t B = (size_t)self->def.tile, L = (size_t)self->sequences->length;
    const size_t nz = (size_t)self->sequences->nz, nu = (size_t)self->sequences->nu;
    w->z0 = tz_alloc(B * nz, sizeof(float));
    w->u = tz_alloc((L - 1) * B * nu, sizeof(float));
    w->z = tz_alloc(L * B * nz, sizeof(float));
    w->zhat = tz_alloc(L * B * nz, sizeof(float));
    w->z_bar = tz_alloc(L * B * nz, sizeof(float));
    w->noise = tz_alloc(B * nz, sizeof(float));
    if (w->z0 == NULL || w->u == NULL || w->z == NULL || w->zhat == NULL || w->z_bar == NULL ||
        w->noise == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a tile of %d rows", self->def.tile);
    }
    if (self->model->has_variance) {
        w->V = tz_alloc(L * B * nz, sizeof(float));
        w->V_bar = tz_alloc(L * B * nz, sizeof(float));
        if (w->V == NULL || w->V_bar == NULL) {
            return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a tile of %d rows",
                           self->def.tile);
        }
    }
    return tz_model_workspace_create(&w->workspace, self->model, self->def.tile,
                                     self->sequences->length - 1, true, error);
}

static tz_status allocate(tz_trainer *self, tz_error *error) {
    const size_t n = self->model->n_parameters, nz = (size_t)tz_model_nz(self->model);
    self->grad_stride = (n + 15) / 16 * 16;
    self->weight = tz_alloc(nz, sizeof(float));
    self->grad = tz_alloc((size_t)self->n_tiles * self->grad_stride, sizeof(float));
    self->tile_loss = tz_alloc((size_t)self->n_tiles, sizeof(double));
    self->n_pieces = (int)((n + PIECE - 1) / PIECE);
    self->order = tz_alloc((size_t)self->sequences->n, sizeof *self->order);
    self->workers = tz_alloc((size_t)self->n_workers, sizeof *self->workers);
    if (self->weight == NULL || self->grad == NULL || self->tile_loss == NULL ||
        self->order == NULL || self->workers == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a trainer of %zu parameters", n);
    }
    if (self->def.spectral_limit > 0.0) {
        self->spectral = tz_alloc(tz_spectral_work_size(self->model), sizeof(float));
        if (self->spectral == NULL) {
            return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a trainer of %zu parameters", n);
        }
    }
    TZ_CHECK(tz_adam_create(&self->adam, n, error));
    for (int i = 0; i < self->n_workers; i++) {
        TZ_CHECK(create_worker(&self->workers[i], self, error));
    }
    return TZ_OK;
}

// Draws the order of the running epoch.
static void shuffle(tz_trainer *self) {
    tz_rng rng = tz_rng_stream(self->def.seed, TZ_PURPOSE_SHUFFLE, (uint64_t)self->epoch);
    tz_rng_permutation(&rng, self->order, (size_t)self->sequences->n);
}

tz_status tz_trainer_create(tz_trainer **trainer, const tz_trainer_def *def, tz_model *model,
                            const tz_sequences *sequences, tz_team *team, tz_error *error) {
    *trainer = NULL;
    TZ_CHECK(check(def, model, sequences, error));
    tz_trainer *self = tz_alloc(1, sizeof *self);
    if (self == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a trainer");
    }
    self->def = *def;
    self->def.tile = def->tile < def->batch ? def->tile : def->batch;
    self->model = model;
    self->sequences = sequences;
    self->team = team;
    self->n_workers = tz_team_size(team);
    self->steps_per_epoch = sequences->n / def->batch;
    self->n_tiles = (def->batch + self->def.tile - 1) / self->def.tile;
    const tz_status status = allocate(self, error);
    if (status != TZ_OK) {
        tz_trainer_destroy(self);
        return status;
    }
    self->adam.weight_decay = def->weight_decay;
    self->adam.decoupled = def->decoupled;
    for (int i = 0; i < tz_model_nz(model); i++) {
        self->weight[i] = def->unweighted ? 1.0f : 1.0f / (model->sigma_z[i] * model->sigma_z[i]);
    }
    shuffle(self);
    *trainer = self;
    return TZ_OK;
}

void tz_trainer_destroy(tz_trainer *trainer) {
    if (trainer == NULL) {
        return;
    }
    for (int i = 0; trainer->workers != NULL && i < trainer->n_workers; i++) {
        worker *w = &trainer->workers[i];
        tz_model_workspace_destroy(trainer->model, w->workspace);
        tz_free(w->z0);
        tz_free(w->u);
        tz_free(w->z);
        tz_free(w->zhat);
        tz_free(w->z_bar);
        tz_free(w->noise);
        tz_free(w->V);
        tz_free(w->V_bar);
    }
    tz_adam_destroy(&trainer->adam);
    tz_free(trainer->weight);
    tz_free(trainer->grad);
    tz_free(trainer->tile_loss);
    tz_free(trainer->spectral);
    tz_free(trainer->order);
    tz_free(trainer->workers);
    tz_free(trainer);
}

// ---- tiles

// Sequence of row `row` + b of the batch.
static size_t sequence_of_row(const tz_trainer *self, int row, size_t b) {
    return self->batch != NULL ? self->batch[(size_t)row + b]
                               : (size_t)self->first + (size_t)row + b;
}

static void prefetch(const float *x, size_t n) {
    enum { LINE = 16 };
    for (size_t i = 0; i < n; i += LINE) {
        __builtin_prefetch(x + i);
    }
}

// Gathers B sequences, rows [row, row + B) of the batch, time-major.
static void gather(const tz_trainer *self, worker *w, int row, int B) {
    const tz_sequences *s = self->batch_of;
    const size_t length = (size_t)s->length, L = (size_t)self->length;
    const size_t nz = (size_t)s->nz, nu = (size_t)s->nu, n = (size_t)B;
    // their places are random: the memory is asked for all of them at first
    for (size_t b = 0; b < n; b++) {
        const size_t at = sequence_of_row(self, row, b);
        prefetch(s->z + at * length * nz, L * nz);
        if (nu > 0) {
            prefetch(s->u + at * (length - 1) * nu, (L - 1) * nu);
        }
    }
    for (size_t b = 0; b < n; b++) {
        const size_t at = sequence_of_row(self, row, b);
        const float *z = s->z + at * length * nz; // (length, nz)
        for (size_t t = 0; t < L; t++) {
            memcpy(w->z + (t * n + b) * nz, z + t * nz, nz * sizeof *z);
        }
        // the physical systems have no controls
        for (size_t t = 0; nu > 0 && t + 1 < L; t++) {
            const float *u = s->u + (at * (length - 1) + t) * nu; // (nu)
            memcpy(w->u + (t * n + b) * nu, u, nu * sizeof *u);
        }
    }
    memcpy(w->z0, w->z, n * nz * sizeof *w->z0);
}

// Moves the first states off the data, truths at time 0 with them, so that the model learns to come
// back: its own rollouts do not stay on the data either.
static void add_noise(const tz_trainer *self, worker *w, int tile, int B) {
    const uint64_t step =
        (uint64_t)self->epoch * (uint64_t)self->steps_per_epoch + (uint64_t)self->step_in_epoch;
    const int nz = self->batch_of->nz;
    tz_rng rng = tz_rng_stream(self->def.seed, TZ_PURPOSE_INPUT_NOISE,
                               step * (uint64_t)self->n_tiles + (uint64_t)tile);
    tz_rng_fill_normal_f32(&rng, w->noise, (size_t)B * (size_t)nz);
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < nz; i++) {
            const int at = row * nz + i;
            w->z0[at] += (float)self->def.input_noise * self->model->sigma_z[i] * w->noise[at];
            w->z[at] = w->z0[at];
        }
    }
}

// The gradient of the mean likelihood in the variance network, on rollouts as they will be used:
// from the states as they are, without the noise that the prediction learns from.
static void add_variance_gradient(const tz_trainer *self, worker *w, float *grad, int row, int B) {
    const int L = self->length, nz = self->batch_of->nz;
    if (self->def.input_noise > 0.0) {
        gather(self, w, row, B);
        tz_model_rollout(self->model, w->workspace, w->zhat, w->z0, w->u, L - 1, B);
        tz_model_align(self->model, w->z, w->zhat, L * B);
    }
    const double scale = 1.0 / ((double)self->rows * (L - 1) * nz);
    tz_model_variance(self->model, w->workspace, w->V, w->zhat, w->u, L - 1, B);
    tz_gaussian_nll(w->V_bar, w->zhat, w->z, w->V, self->weight, scale, L, B, nz);
    tz_model_variance_vjp(self->model, w->workspace, grad, w->V_bar, w->zhat, w->u, L - 1, B);
}

static void run_tile(void *context, int tile, int worker_index) {
    tz_trainer *self = context;
    worker *w = &self->workers[worker_index];
    const int row = tile * self->def.tile;
    const int B = self->rows - row < self->def.tile ? self->rows - row : self->def.tile;
    const int L = self->length, nz = self->batch_of->nz;
    const double scale = 1.0 / ((double)self->rows * L * nz), scale_symplectic = scale / nz;

    gather(self, w, row, B);
    const bool backward = self->task == TILE_GRADIENT;
    if (backward && self->def.input_noise > 0.0) {
        add_noise(self, w, tile, B);
    }
    tz_model_rollout(self->model, w->workspace, w->zhat, w->z0, w->u, L - 1, B);
    if (self->task == TILE_SYMPLECTIC) {
        self->tile_loss[tile] = scale_symplectic * tz_model_symplectic(self->model, w->workspace,
                                                                       NULL, 0.0, w->u, L - 1, B);
        return;
    }
    tz_model_align(self->model, w->z, w->zhat, L * B);
    self->tile_loss[tile] = tz_rollout_loss(self->def.loss, backward ? w->z_bar : NULL, w->zhat,
                                            w->z, self->weight, scale, L, B, nz);
    if (backward) {
        float *grad = self->grad + (size_t)tile * self->grad_stride; // (n_parameters)
        memset(grad, 0, self->model->n_parameters * sizeof *grad);
        if (self->def.symplectic > 0.0) {
            const double weight = self->def.symplectic * scale_symplectic;
            self->tile_loss[tile] += weight * tz_model_symplectic(self->model, w->workspace, grad,
                                                                  weight, w->u, L - 1, B);
        }
        tz_model_rollout_vjp(self->model, w->workspace, grad, w->z_bar, w->u, L - 1, B);
        if (self->model->has_variance) {
            add_variance_gradient(self, w, grad, row, B);
        }
    }
}

// Runs all tiles of `rows` sequences and returns the sum of their losses, in the order of the
// tiles.
static double run_tiles(tz_trainer *self, const tz_sequences *sequences, const uint32_t *batch,
                        int first, int rows, int length, tile_task task) {
    self->batch_of = sequences;
    self->batch = batch;
    self->first = first;
    self->rows = rows;
    self->length = length;
    self->task = task;
    const int n_tiles = (rows + self->def.tile - 1) / self->def.tile;
    tz_team_run(self->team, n_tiles, run_tile, self);
    double loss = 0.0;
    for (int tile = 0; tile < n_tiles; tile++) {
        loss += self->tile_loss[tile];
    }
    return loss;
}

// ---- pieces of the parameters
//
// Threads share the sum of the tiles' gradients and the update by pieces of the parameters, whose
// length does not depend on the number of threads.

static size_t piece_length(const tz_trainer *self, int piece) {
    const size_t left = self->model->n_parameters - (size_t)piece * PIECE;
    return left < PIECE ? left : PIECE;
}

TZ_VECTORISED static void add(float *restrict sum, const float *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        sum[i] += x[i];
    }
}

// Sums a piece of the gradient over the tiles, in their order, into the first.
static void sum_piece(void *context, int piece, int worker_index) {
    (void)worker_index;
    tz_trainer *self = context;
    const size_t n = piece_length(self, piece);
    float *grad = self->grad + (size_t)piece * PIECE; // (n)
    for (int tile = 1; tile < self->n_tiles; tile++) {
        add(grad, grad + (size_t)tile * self->grad_stride, n);
    }
}

static void update_piece(void *context, int piece, int worker_index) {
    (void)worker_index;
    tz_trainer *self = context;
    const unsigned mode = tz_denormals_off();
    tz_adam_update_piece(&self->adam, self->model->parameters, self->grad, (size_t)piece * PIECE,
                         piece_length(self, piece), &self->adam_step);
    tz_denormals_restore(mode);
}

// ---- steps

// The schedule: learning rate and states that count in a training of `epochs` epochs in all.
static double lr_at(const tz_trainer *self, int epochs, int epoch, int step_in_epoch) {
    epoch = epoch < epochs ? epoch : epochs;
    if (self->def.lr_floor > 0.0) {
        const double fraction = (double)step_in_epoch / self->steps_per_epoch;
        return tz_cosine_floor_lr(self->def.lr, self->def.lr_floor, epoch + fraction, epochs);
    }
    return tz_cosine_lr(self->def.lr, self->def.lr_end, epoch, epochs);
}

static int length_at(const tz_trainer *self, int epochs, int epoch) {
    const int all = self->sequences->length, first = self->def.first_length;
    const int growing = epochs / 2; // epochs of the curriculum
    if (first == 0 || epoch >= growing) {
        return all;
    }
    return first + (int)((int64_t)(all - first) * epoch / growing);
}

tz_train_step tz_trainer_step(tz_trainer *trainer) {
    tz_trainer *self = trainer;
    if (self->step_in_epoch == 0) {
        self->loss_sum = self->grad_norm_sum = 0.0;
    }

    // gradient of the batch: tiles in parallel, then their sum
    const size_t n = self->model->n_parameters;
    const uint32_t *batch = self->order + (size_t)self->step_in_epoch * (size_t)self->def.batch;
    tz_train_step step = {0};
    step.loss = run_tiles(self, self->sequences, batch, 0, self->def.batch, tz_trainer_length(self),
                          TILE_GRADIENT);
    tz_team_run(self->team, self->n_pieces, sum_piece, self);
    const size_t n_predict = self->model->variance_at;
    float *variance_grad = self->grad + n_predict;
    step.grad_norm = tz_norm_f32(self->grad, n_predict);
    const double variance_norm = tz_norm_f32(variance_grad, n - n_predict);
    const double clip = tz_clip_scale(step.grad_norm, self->def.clip);
    const double variance_clip = tz_clip_scale(variance_norm, self->def.clip);
    // NaN is not below the limit either
    if (!isfinite(step.loss) || !(clip * step.grad_norm < GRADIENT_MAX) ||
        !(variance_clip * variance_norm < GRADIENT_MAX)) {
        step.outcome = TZ_TRAIN_NONFINITE;
        return step;
    }

    // update; the variance's gradient is clipped by a norm of its own
    const float ratio = (float)(variance_clip / clip);
    for (size_t i = 0; i < n - n_predict; i++) {
        variance_grad[i] *= ratio;
    }
    self->adam_step = tz_adam_next(&self->adam, clip, tz_trainer_lr(self));
    tz_team_run(self->team, self->n_pieces, update_piece, self);
    if (self->spectral != NULL) {
        tz_limit_spectral_norms(self->model, self->def.spectral_limit, self->spectral);
    }
    tz_model_prepare(self->model);

    // on to the next batch
    self->loss_sum += step.loss;
    self->grad_norm_sum += step.grad_norm;
    if (++self->step_in_epoch == self->steps_per_epoch) {
        self->step_in_epoch = 0;
        self->epoch++;
        shuffle(self);
    }
    return step;
}

// Mean over sequences, a batch after the other.
static double mean_over(tz_trainer *trainer, const tz_sequences *sequences, tile_task task) {
    double sum = 0.0;
    for (int first = 0; first < sequences->n; first += trainer->def.batch) {
        const int left = sequences->n - first;
        const int rows = left < trainer->def.batch ? left : trainer->def.batch;
        sum += rows * run_tiles(trainer, sequences, NULL, first, rows, sequences->length, task);
    }
    return sum / sequences->n;
}

double tz_trainer_loss(tz_trainer *trainer, const tz_sequences *sequences) {
    const tz_sequences *own = trainer->sequences;
    TZ_ASSERT(sequences->length <= own->length && sequences->nz == own->nz &&
              sequences->nu == own->nu);
    return mean_over(trainer, sequences, TILE_LOSS);
}

double tz_trainer_symplectic_error(tz_trainer *trainer) {
    return mean_over(trainer, trainer->sequences, TILE_SYMPLECTIC);
}

// ---- where it stands

int tz_trainer_epoch(const tz_trainer *trainer) {
    return trainer->epoch;
}

int tz_trainer_step_in_epoch(const tz_trainer *trainer) {
    return trainer->step_in_epoch;
}

int tz_trainer_steps_per_epoch(const tz_trainer *trainer) {
    return trainer->steps_per_epoch;
}

double tz_trainer_lr(const tz_trainer *trainer) {
    return lr_at(trainer, trainer->def.epochs, trainer->epoch, trainer->step_in_epoch);
}

int tz_trainer_length(const tz_trainer *trainer) {
    return length_at(trainer, trainer->def.epochs, trainer->epoch);
}

bool tz_trainer_done(const tz_trainer *trainer) {
    return trainer->epoch >= trainer->def.epochs;
}

bool tz_trainer_agrees(const tz_trainer *trainer, int epochs) {
    const int last_step = trainer->steps_per_epoch - 1, ours = trainer->def.epochs;
    const int n = trainer->epoch + (trainer->step_in_epoch > 0); // epochs that were begun
    bool agrees = true;
    for (int e = 0; e < n; e++) {
        agrees = agrees && length_at(trainer, epochs, e) == length_at(trainer, ours, e);
        for (int step = 0; step <= last_step; step += last_step > 0 ? last_step : 1) {
            agrees = agrees && lr_at(trainer, epochs, e, step) == lr_at(trainer, ours, e, step);
        }
    }
    return agrees;
}

tz_train_means tz_trainer_means(const tz_trainer *trainer) {
    const int n = trainer->step_in_epoch > 0 ? trainer->step_in_epoch : trainer->steps_per_epoch;
    return (tz_train_means){.loss = trainer->loss_sum / n, .grad_norm = trainer->grad_norm_sum / n};
}

tz_trainer_state tz_trainer_get_state(tz_trainer *trainer) {
    return (tz_trainer_state){.epoch = (uint64_t)trainer->epoch,
                              .step_in_epoch = (uint64_t)trainer->step_in_epoch,
                              .loss_sum = trainer->loss_sum,
                              .grad_norm_sum = trainer->grad_norm_sum,
                              .updates = trainer->adam.t,
                              .m = trainer->adam.m,
                              .v = trainer->adam.v};
}

void tz_trainer_set_state(tz_trainer *trainer, const tz_trainer_state *state) {
    trainer->epoch = (int)state->epoch;
    trainer->step_in_epoch = (int)state->step_in_epoch;
    trainer->loss_sum = state->loss_sum;
    trainer->grad_norm_sum = state->grad_norm_sum;
    trainer->adam.t = state->updates;
    tz_model_prepare(trainer->model);
    shuffle(trainer);
}
