// Soft actor-critic, one update. Work is cut so that neither the tiles nor the order of a sum
// depends on the number of threads, and threads meet four times:
//
//   1. row tiles       targets y at the next states; critics forward and backward
//   2. weight blocks   gradient of a block of critic weights, its Adam step, its slow target
//   3. row tiles       actor and updated critics forward; back through both to the actor
//   4. weight blocks   the same as 2 for the actor; then the temperature, alone
//
// A weight block is a few rows of one W (in, out): its gradient X^T dY sums over the whole batch in
// one product, so no partial sums have to be combined.
#include "train/sac.h"

#include "base/activation.h"
#include "base/assert.h"
#include "base/blas.h"
#include "base/memory.h"
#include "base/vectorise.h"
#include "policies/squashed.h"

#include <math.h>
#include <string.h>

enum { COOKIE = 0x5ac0, TILE = 64, MAX_TILES = 64, MAX_BLOCKS = 256 };

static const double ADAM_BETA1 = 0.9, ADAM_BETA2 = 0.999, ADAM_EPSILON = 1e-8;

// Activations of one network over some rows, and the gradients at its layers.
typedef struct net_tape {
    float *h1, *h2;     // hidden layers after ReLU                           (rows, H)
    float *out;         //                                                    (rows, n_out)
    float *d_out;       //                                                    (rows, n_out)
    float *d_h1, *d_h2; // at the hidden layers before ReLU                   (rows, H)
} net_tape;

// Scratch of one worker for one tile.
typedef struct scratch {
    float *x;           // critic input [obs, a]                                 (TILE, D + A)
    float *a;           //                                                       (TILE, A)
    float *log_pi;      //                                                       (TILE)
    float *d_a;         //                                                       (TILE, A)
    net_tape critic[2]; //                                                       (TILE, ...)
    net_tape actor;     //                                                       (TILE, ...)
    char padding[64];   // workers write no common cache line
} scratch;

// Some rows of one weight matrix; the block at row 0 also holds the bias.
typedef struct weight_block {
    int net, layer, row, n_rows;
} weight_block;

struct tz_sac {
    tz_sac_def def;
    tz_team *team;
    int n_tiles, n_blocks, n_critic_blocks; // critics' blocks first
    weight_block blocks[MAX_BLOCKS];
    tz_sac_net nets[TZ_SAC_N_NETS];
    tz_sac_scalars scalars;
    tz_sac_batch batch;
    float *critic_x;               // [obs, action] of the batch                 (B, D + A)
    net_tape tapes[TZ_SAC_N_NETS]; // of the whole batch                         (B, ...)
    float *y;                      // targets of the critics                     (B)
    float *log_pi;                 // of fresh actions at obs                    (B)
    float alpha;                   // temperature of this update
    float adam_rate, adam_root;    // lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t) of this update
    double critic_loss[MAX_TILES], actor_loss[MAX_TILES]; // sums over the rows of each tile
    scratch *scratch;                                     // (workers)
    float *act_h1, *act_h2, *act_head, *act_noise;        // one row, for tz_sac_act
    float *block;                                         // owns all float arrays
};

tz_sac_def tz_sac_def_default(void) {
    return (tz_sac_def){.cookie = COOKIE,
                        .hidden = 256,
                        .batch = 256,
                        .gamma = 0.99,
                        .tau = 0.005,
                        .learning_rate = 3e-4,
                        .initial_temperature = 1.0,
                        .target_entropy = NAN};
}

// ---- create

// Hands out pieces of one block, each on a cache line; with `block` NULL it only counts.
typedef struct float_cursor {
    float *block;
    size_t used;
} float_cursor;

static float *take(float_cursor *cursor, size_t n) {
    float *piece = cursor->block == NULL ? NULL : cursor->block + cursor->used;
    cursor->used += (n + 15) / 16 * 16;
    return piece;
}

static void lay_net(tz_sac_net *net, float_cursor *cursor, int n_in, int n_hidden, int n_out,
                    bool has_target) {
    const int dims[4] = {n_in, n_hidden, n_hidden, n_out};
    net->n_in = n_in;
    net->n_hidden = n_hidden;
    net->n_out = n_out;
    net->n = 0;
    for (int layer = 0; layer < 3; layer++) {
        net->W_at[layer] = net->n;
        net->n += (size_t)dims[layer] * (size_t)dims[layer + 1];
        net->b_at[layer] = net->n;
        net->n += (size_t)dims[layer + 1];
        net->Wt[layer] = take(cursor, (size_t)dims[layer] * (size_t)dims[layer + 1]);
    }
    net->parameters = take(cursor, net->n);
    net->gradient = take(cursor, net->n);
    net->m = take(cursor, net->n);
    net->v = take(cursor, net->n);
    net->target = has_target ? take(cursor, net->n) : NULL;
}

static void lay_tape(net_tape *tape, float_cursor *cursor, size_t rows, size_t n_hidden,
                     size_t n_out) {
    tape->h1 = take(cursor, rows * n_hidden);
    tape->h2 = take(cursor, rows * n_hidden);
    tape->out = take(cursor, rows * n_out);
    tape->d_out = take(cursor, rows * n_out);
    tape->d_h1 = take(cursor, rows * n_hidden);
    tape->d_h2 = take(cursor, rows * n_hidden);
}

// Places every array of the learner; called once to count and once to place.
static void lay_out(tz_sac *sac, float_cursor *cursor) {
    const tz_sac_def *def = &sac->def;
    const size_t B = (size_t)def->batch, D = (size_t)def->n_obs, A = (size_t)def->nu;
    const size_t H = (size_t)def->hidden;

    // networks
    lay_net(&sac->nets[TZ_SAC_ACTOR], cursor, def->n_obs, def->hidden, 2 * def->nu, false);
    for (int c = TZ_SAC_CRITIC0; c <= TZ_SAC_CRITIC1; c++) {
        lay_net(&sac->nets[c], cursor, def->n_obs + def->nu, def->hidden, 1, true);
    }

    // batch
    sac->batch.rows.obs = take(cursor, B * D);
    sac->batch.rows.next_obs = take(cursor, B * D);
    sac->batch.rows.action = take(cursor, B * A);
    sac->batch.rows.reward = take(cursor, B);
    sac->batch.rows.done = take(cursor, B);
    sac->batch.noise = take(cursor, B * A);
    sac->batch.next_noise = take(cursor, B * A);

    // activations of the whole batch, for the weight gradients
    sac->critic_x = take(cursor, B * (D + A));
    lay_tape(&sac->tapes[TZ_SAC_ACTOR], cursor, B, H, 2 * A);
    lay_tape(&sac->tapes[TZ_SAC_CRITIC0], cursor, B, H, 1);
    lay_tape(&sac->tapes[TZ_SAC_CRITIC1], cursor, B, H, 1);
    sac->y = take(cursor, B);
    sac->log_pi = take(cursor, B);

    // scratch
    for (int w = 0; w < tz_team_size(sac->team); w++) {
        scratch *s = &sac->scratch[w];
        s->x = take(cursor, TILE * (D + A));
        s->a = take(cursor, TILE * A);
        s->d_a = take(cursor, TILE * A);
        s->log_pi = take(cursor, TILE);
        lay_tape(&s->critic[0], cursor, TILE, H, 1);
        lay_tape(&s->critic[1], cursor, TILE, H, 1);
        lay_tape(&s->actor, cursor, TILE, H, 2 * A);
    }
    sac->act_h1 = take(cursor, H);
    sac->act_h2 = take(cursor, H);
    sac->act_head = take(cursor, 2 * A);
    sac->act_noise = take(cursor, A);
}

// Cuts the weights of a network into blocks of at most 64 rows.
static void cut_blocks(tz_sac *sac, int net) {
    const int dims[3] = {sac->nets[net].n_in, sac->nets[net].n_hidden, sac->nets[net].n_hidden};
    for (int layer = 0; layer < 3; layer++) {
        const int rows = layer == 1 ? 64 : dims[layer];
        for (int row = 0; row < dims[layer]; row += rows) {
            TZ_ASSERT(sac->n_blocks < MAX_BLOCKS);
            const int left = dims[layer] - row;
            sac->blocks[sac->n_blocks++] =
                (weight_block){net, layer, row, left < rows ? left : rows};
        }
    }
}

// PyTorch's initial values of a linear layer: uniform on +-1/sqrt(n_in), weights and bias.
static void init_net(tz_sac_net *net, uint64_t seed, int index) {
    const int dims[4] = {net->n_in, net->n_hidden, net->n_hidden, net->n_out};
    for (int layer = 0; layer < 3; layer++) {
        tz_rng rng = tz_rng_stream(seed, TZ_PURPOSE_INIT, (uint64_t)(3 * index + layer));
        const double bound = 1.0 / sqrt(dims[layer]);
        const size_t n = (size_t)(dims[layer] + 1) * (size_t)dims[layer + 1];
        for (size_t i = 0; i < n; i++) { // the bias lies behind its weights
            const double x = (2.0 * tz_rng_uniform(&rng) - 1.0) * bound;
            net->parameters[net->W_at[layer] + i] = (float)x;
        }
    }
    if (net->target != NULL) {
        memcpy(net->target, net->parameters, net->n * sizeof *net->target);
    }
}

static tz_status check_def(const tz_sac_def *def, tz_error *error) {
    TZ_ASSERT(def->cookie == COOKIE && def->n_obs > 0 && def->nu > 0);
    if (def->hidden < 16 || def->hidden > 2048 || def->hidden % 16 != 0) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "SAC: %d hidden units; expected a multiple of 16 from 16 to 2048",
                       def->hidden);
    }
    if (def->batch < 1 || def->batch > TILE * MAX_TILES) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "SAC: a batch of %d; expected 1 to %d", def->batch,
                       TILE * MAX_TILES);
    }
    return TZ_OK;
}

tz_status tz_sac_create(tz_sac **out, const tz_sac_def *def, tz_team *team, tz_error *error) {
    *out = NULL;
    TZ_CHECK(check_def(def, error));
    tz_blas_init();
    tz_sac *sac = tz_alloc(1, sizeof *sac);
    if (sac == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: the SAC learner");
    }
    sac->def = *def;
    sac->team = team;
    if (isnan(def->target_entropy)) {
        sac->def.target_entropy = -def->nu;
    }

    // memory: count, allocate, place
    sac->scratch = tz_alloc((size_t)tz_team_size(team), sizeof *sac->scratch);
    float_cursor cursor = {0};
    if (sac->scratch != NULL) {
        lay_out(sac, &cursor);
        sac->block = tz_alloc(cursor.used, sizeof(float));
    }
    if (sac->block == NULL) {
        tz_sac_destroy(sac);
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: the networks of the SAC learner");
    }
    cursor.block = sac->block;
    cursor.used = 0;
    lay_out(sac, &cursor);

    // pieces of work
    sac->n_tiles = (def->batch + TILE - 1) / TILE;
    cut_blocks(sac, TZ_SAC_CRITIC0);
    cut_blocks(sac, TZ_SAC_CRITIC1);
    sac->n_critic_blocks = sac->n_blocks;
    cut_blocks(sac, TZ_SAC_ACTOR);

    // initial values
    for (int net = 0; net < TZ_SAC_N_NETS; net++) {
        init_net(&sac->nets[net], def->seed, net);
    }
    sac->scalars.log_alpha = log(def->initial_temperature);
    tz_sac_prepare(sac);
    *out = sac;
    return TZ_OK;
}

void tz_sac_destroy(tz_sac *sac) {
    if (sac != NULL) {
        tz_free(sac->block);
        tz_free(sac->scratch);
        tz_free(sac);
    }
}

void tz_sac_prepare(tz_sac *sac) {
    for (int i = 0; i < TZ_SAC_N_NETS; i++) {
        tz_sac_net *net = &sac->nets[i];
        const int dims[4] = {net->n_in, net->n_hidden, net->n_hidden, net->n_out};
        for (int layer = 0; layer < 3; layer++) {
            tz_transpose(net->Wt[layer], net->parameters + net->W_at[layer], dims[layer],
                         dims[layer + 1]);
        }
    }
}

tz_sac_batch *tz_sac_get_batch(tz_sac *sac) {
    return &sac->batch;
}

tz_sac_net *tz_sac_get_net(tz_sac *sac, int net) {
    return &sac->nets[net];
}

tz_sac_scalars *tz_sac_get_scalars(tz_sac *sac) {
    return &sac->scalars;
}

// ---- one network over some rows

// The rows of a tape from `row` on.
static net_tape tape_rows(const net_tape *whole, int row, int n_hidden, int n_out) {
    const size_t h = (size_t)row * (size_t)n_hidden, o = (size_t)row * (size_t)n_out;
    return (net_tape){whole->h1 + h,    whole->h2 + h,   whole->out + o,
                      whole->d_out + o, whole->d_h1 + h, whole->d_h2 + h};
}

// out (B, n_out) = relu(relu(x W0 + b0) W1 + b1) W2 + b2, with x (B, n_in) and p the parameters
// (or the slow target) of `net`.
static void forward(const tz_sac_net *net, const float *p, const net_tape *tape, const float *x,
                    int B) {
    const int in = net->n_in, H = net->n_hidden, out = net->n_out;
    tz_gemm_nn(tape->h1, x, p + net->W_at[0], B, H, in, in, H, H, 0.0f);
    tz_bias_relu_f32(tape->h1, p + net->b_at[0], B, H, H);
    tz_gemm_nn(tape->h2, tape->h1, p + net->W_at[1], B, H, H, H, H, H, 0.0f);
    tz_bias_relu_f32(tape->h2, p + net->b_at[1], B, H, H);
    tz_gemm_nn(tape->out, tape->h2, p + net->W_at[2], B, out, H, H, out, out, 0.0f);
    tz_bias_f32(tape->out, p + net->b_at[2], B, out, out);
}

// From d_out (B, n_out) to d_h2 and d_h1 (B, H), both before ReLU:
//   d_h2 = (d_out W2^T) [h2 > 0],   d_h1 = (d_h2 W1^T) [h1 > 0]
static void backward(const tz_sac_net *net, const net_tape *tape, int B) {
    const int H = net->n_hidden, out = net->n_out;
    const size_t n = (size_t)B * (size_t)H;
    tz_gemm_nn(tape->d_h2, tape->d_out, net->Wt[2], B, H, out, out, H, H, 0.0f);
    tz_relu_backward_f32(tape->d_h2, tape->d_h2, tape->h2, n);
    tz_gemm_nn(tape->d_h1, tape->d_h2, net->Wt[1], B, H, H, H, H, H, 0.0f);
    tz_relu_backward_f32(tape->d_h1, tape->d_h1, tape->h1, n);
}

// x (B, D + A) <- [obs, a]
static void join(float *x, const float *obs, const float *a, int B, int D, int A) {
    for (int b = 0; b < B; b++) {
        float *row = x + (size_t)b * (size_t)(D + A);
        memcpy(row, obs + (size_t)b * (size_t)D, (size_t)D * sizeof *x);
        memcpy(row + D, a + (size_t)b * (size_t)A, (size_t)A * sizeof *x);
    }
}

void tz_sac_act(tz_sac *sac, float *a, const float *obs, tz_rng *rng) {
    const tz_sac_net *actor = &sac->nets[TZ_SAC_ACTOR];
    const net_tape row = {.h1 = sac->act_h1, .h2 = sac->act_h2, .out = sac->act_head};
    forward(actor, actor->parameters, &row, obs, 1);
    if (rng != NULL) {
        tz_rng_fill_normal_f32(rng, sac->act_noise, (size_t)sac->def.nu);
    }
    tz_squashed_action(a, sac->act_head, rng == NULL ? NULL : sac->act_noise, 1, sac->def.nu);
}

void tz_sac_draw(tz_sac *sac, const tz_replay *replay) {
    const uint64_t index = sac->scalars.n_updates;
    const size_t n = (size_t)sac->def.batch * (size_t)sac->def.nu;
    tz_rng rows = tz_rng_stream(sac->def.seed, TZ_PURPOSE_REPLAY, index);
    tz_replay_sample(replay, &sac->batch.rows, sac->def.batch, &rows);
    tz_rng noise = tz_rng_stream(sac->def.seed, TZ_PURPOSE_ACTOR, index);
    tz_rng_fill_normal_f32(&noise, sac->batch.noise, n);
    tz_rng_fill_normal_f32(&noise, sac->batch.next_noise, n);
}

// ---- 1. critics over a row tile
//
// With a' ~ pi(. | s') by the current actor and the slow critics Q_bar:
//
//   y    = r + gamma (1 - done) [ min_c Q_bar_c(s', a') - alpha log pi(a' | s') ]
//   L_Q  = 1/2 sum_c mean_b (Q_c(s_b, a_b) - y_b)^2,    dL_Q / dQ_c(b) = (Q_c(b) - y_b) / B
//
// y is held constant. done is 1 for true ends only: a truncated episode is bootstrapped.

static void critic_tile(void *context, int tile, int worker) {
    tz_sac *sac = context;
    const tz_sac_def *def = &sac->def;
    const int D = def->n_obs, A = def->nu, row = tile * TILE;
    const int n = def->batch - row < TILE ? def->batch - row : TILE;
    const size_t r = (size_t)row;
    const tz_transitions *rows = &sac->batch.rows;
    scratch *s = &sac->scratch[worker];

    // a' and log pi(a' | s')
    const tz_sac_net *actor = &sac->nets[TZ_SAC_ACTOR];
    const float *next_obs = rows->next_obs + r * (size_t)D;
    const float *noise = sac->batch.next_noise + r * (size_t)A;
    forward(actor, actor->parameters, &s->actor, next_obs, n);
    tz_squashed_action(s->a, s->actor.out, noise, n, A);
    tz_squashed_log_pi(s->log_pi, s->a, s->actor.out, noise, n, A);

    // y from the slow critics
    join(s->x, next_obs, s->a, n, D, A);
    for (int c = 0; c < 2; c++) {
        const tz_sac_net *critic = &sac->nets[TZ_SAC_CRITIC0 + c];
        forward(critic, critic->target, &s->critic[c], s->x, n);
    }
    const float gamma = (float)def->gamma;
    for (int b = 0; b < n; b++) {
        const float q = fminf(s->critic[0].out[b], s->critic[1].out[b]);
        sac->y[row + b] = rows->reward[row + b] +
                          gamma * (1.0f - rows->done[row + b]) * (q - sac->alpha * s->log_pi[b]);
    }

    // both critics at (s, a), forward and backward
    float *x = sac->critic_x + r * (size_t)(D + A);
    join(x, rows->obs + r * (size_t)D, rows->action + r * (size_t)A, n, D, A);
    double loss = 0.0;
    for (int c = TZ_SAC_CRITIC0; c <= TZ_SAC_CRITIC1; c++) {
        const tz_sac_net *critic = &sac->nets[c];
        const net_tape t = tape_rows(&sac->tapes[c], row, critic->n_hidden, 1);
        forward(critic, critic->parameters, &t, x, n);
        for (int b = 0; b < n; b++) {
            const float residual = t.out[b] - sac->y[row + b];
            t.d_out[b] = residual / (float)def->batch;
            loss += 0.5 * (double)residual * (double)residual;
        }
        backward(critic, &t, n);
    }
    sac->critic_loss[tile] = loss;
}

// ---- 3. actor over a row tile
//
// a_j = tanh(x_j), x_j = mu_j + sigma_j e_j with fixed e (reparametrised), sigma = exp(clamp(l)).
//
//   L_pi = mean_b [ alpha log pi(a | s) - min_c Q_c(s, a) ]
//   log pi = sum_j [ -e_j^2 / 2 - l_j - log(2 pi) / 2 - log(1 - a_j^2 + epsilon) ]
//
// Per row, with g_j = -d min_c Q_c / d a_j and da_j/dx_j = 1 - a_j^2:
//
//   dL/dx_j  = 1/B [ alpha 2 a_j / (1 - a_j^2 + epsilon) + g_j ] (1 - a_j^2)
//   dL/dmu_j = dL/dx_j
//   dL/dl_j  = dL/dx_j sigma_j e_j - alpha / B     (0 where the clamp holds)

static void squashed_backward(float *d_head, const float *d_a, const float *a, const float *head,
                              const float *noise, float alpha_over_B, int n, int A) {
    for (int b = 0; b < n; b++) {
        const float *mu = head + (size_t)b * 2 * (size_t)A;
        float *d_mu = d_head + (size_t)b * 2 * (size_t)A;
        for (int j = 0; j < A; j++) {
            const size_t i = (size_t)b * (size_t)A + (size_t)j;
            const float slope = 1.0f - a[i] * a[i], log_std = mu[A + j];
            const float d_x =
                (alpha_over_B * 2.0f * a[i] / (slope + TZ_SQUASH_EPSILON) + d_a[i]) * slope;
            const bool inside = log_std >= TZ_LOG_STD_MIN && log_std <= TZ_LOG_STD_MAX;
            d_mu[j] = d_x;
            d_mu[A + j] = inside ? d_x * expf(log_std) * noise[i] - alpha_over_B : 0.0f;
        }
    }
}

static void actor_tile(void *context, int tile, int worker) {
    tz_sac *sac = context;
    const tz_sac_def *def = &sac->def;
    const int D = def->n_obs, A = def->nu, H = def->hidden, row = tile * TILE;
    const int n = def->batch - row < TILE ? def->batch - row : TILE;
    const size_t r = (size_t)row;
    scratch *s = &sac->scratch[worker];

    // a and log pi(a | s)
    const tz_sac_net *actor = &sac->nets[TZ_SAC_ACTOR];
    const net_tape t = tape_rows(&sac->tapes[TZ_SAC_ACTOR], row, H, 2 * A);
    const float *obs = sac->batch.rows.obs + r * (size_t)D;
    const float *noise = sac->batch.noise + r * (size_t)A;
    float *log_pi = sac->log_pi + row;
    forward(actor, actor->parameters, &t, obs, n);
    tz_squashed_action(s->a, t.out, noise, n, A);
    tz_squashed_log_pi(log_pi, s->a, t.out, noise, n, A);

    // both critics, and which of them is the smaller
    join(s->x, obs, s->a, n, D, A);
    for (int c = 0; c < 2; c++) {
        const tz_sac_net *critic = &sac->nets[TZ_SAC_CRITIC0 + c];
        forward(critic, critic->parameters, &s->critic[c], s->x, n);
    }
    double loss = 0.0;
    const float minus_1_over_B = -1.0f / (float)def->batch;
    for (int b = 0; b < n; b++) {
        const float q0 = s->critic[0].out[b], q1 = s->critic[1].out[b];
        s->critic[0].d_out[b] = q0 <= q1 ? minus_1_over_B : 0.0f;
        s->critic[1].d_out[b] = q0 <= q1 ? 0.0f : minus_1_over_B;
        loss += (double)sac->alpha * (double)log_pi[b] - (double)fminf(q0, q1);
    }
    sac->actor_loss[tile] = loss;

    // d_a (n, A) = sum_c d_h1 W0^T, of which only the columns of the action are needed
    for (int c = 0; c < 2; c++) {
        const tz_sac_net *critic = &sac->nets[TZ_SAC_CRITIC0 + c];
        backward(critic, &s->critic[c], n);
        tz_gemm_nn(s->d_a, s->critic[c].d_h1, critic->Wt[0] + D, n, A, H, H, D + A, A,
                   c == 0 ? 0.0f : 1.0f);
    }
    squashed_backward(t.d_out, s->d_a, s->a, t.out, noise, sac->alpha / (float)def->batch, n, A);
    backward(actor, &t, n);
}

// ---- 2. and 4. weight blocks

// One Adam step (Kingma & Ba 2015, as PyTorch writes it) on n parameters.
TZ_VECTORISED static void adam(float *restrict p, float *restrict m, float *restrict v,
                               const float *restrict g, size_t n, float rate, float root) {
    const float beta1 = (float)ADAM_BETA1, beta2 = (float)ADAM_BETA2;
    const float epsilon = (float)ADAM_EPSILON;
    for (size_t i = 0; i < n; i++) {
        m[i] += (1.0f - beta1) * (g[i] - m[i]);
        v[i] = beta2 * v[i] + (1.0f - beta2) * g[i] * g[i];
        p[i] -= rate * m[i] / (sqrtf(v[i]) * root + epsilon);
    }
}

// Slow copy: target += tau (p - target).
TZ_VECTORISED static void follow(float *restrict target, const float *restrict p, size_t n,
                                 float tau) {
    for (size_t i = 0; i < n; i++) {
        target[i] += tau * (p[i] - target[i]);
    }
}

// sum (n) <- column sums of X (rows, n).
TZ_VECTORISED static void column_sums(float *restrict sum, const float *restrict X, int rows,
                                      int n) {
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int row = 0; row < rows; row++) {
        for (int i = 0; i < n; i++) {
            sum[i] += X[(size_t)row * (size_t)n + (size_t)i];
        }
    }
}

// Wt (n, ldt) <- W (rows, n) transposed, in squares that fit in L1.
TZ_VECTORISED static void transpose_into(float *restrict Wt, const float *restrict W, int rows,
                                         int n, int ldt) {
    enum { SQUARE = 16 };
    for (int i0 = 0; i0 < n; i0 += SQUARE) {
        const int i1 = i0 + SQUARE < n ? i0 + SQUARE : n;
        for (int row = 0; row < rows; row++) {
            for (int i = i0; i < i1; i++) {
                Wt[(size_t)i * (size_t)ldt + (size_t)row] = W[(size_t)row * (size_t)n + (size_t)i];
            }
        }
    }
}

// Steps n parameters from index `at` on along their gradient.
static void step_parameters(const tz_sac *sac, const tz_sac_net *net, size_t at, size_t n) {
    adam(net->parameters + at, net->m + at, net->v + at, net->gradient + at, n, sac->adam_rate,
         sac->adam_root);
    if (net->target != NULL) {
        follow(net->target + at, net->parameters + at, n, (float)sac->def.tau);
    }
}

static void update_block(tz_sac *sac, const weight_block *block) {
    const tz_sac_net *net = &sac->nets[block->net];
    const net_tape *t = &sac->tapes[block->net];
    const int B = sac->def.batch, H = net->n_hidden;
    const float *obs = block->net == TZ_SAC_ACTOR ? sac->batch.rows.obs : sac->critic_x;
    const float *inputs[3] = {obs, t->h1, t->h2};
    const float *d_outputs[3] = {t->d_h1, t->d_h2, t->d_out};
    const int n_in[3] = {net->n_in, H, H}, n_out[3] = {H, H, net->n_out};
    const int layer = block->layer, in = n_in[layer], out = n_out[layer], row = block->row;

    // dW (n_rows, out) = X[:, rows]^T dY with X (B, in), dY (B, out)
    const size_t at = net->W_at[layer] + (size_t)row * (size_t)out;
    tz_gemm_tn(net->gradient + at, inputs[layer] + row, d_outputs[layer], block->n_rows, out, B, in,
               out, out, 0.0f);
    step_parameters(sac, net, at, (size_t)block->n_rows * (size_t)out);
    transpose_into(net->Wt[layer] + row, net->parameters + at, block->n_rows, out, in);

    // db (out) = column sums of dY
    if (row == 0) {
        column_sums(net->gradient + net->b_at[layer], d_outputs[layer], B, out);
        step_parameters(sac, net, net->b_at[layer], (size_t)out);
    }
}

static void critic_block(void *context, int task, int worker) {
    (void)worker;
    tz_sac *sac = context;
    update_block(sac, &sac->blocks[task]);
}

static void actor_block(void *context, int task, int worker) {
    (void)worker;
    tz_sac *sac = context;
    update_block(sac, &sac->blocks[sac->n_critic_blocks + task]);
}

// ---- the update

// L_alpha = -log alpha mean(log pi + target entropy); its derivative in log alpha is the mean.
static void update_temperature(tz_sac *sac, double mean_log_pi, double correction1,
                               double correction2) {
    tz_sac_scalars *s = &sac->scalars;
    const double g = -(mean_log_pi + sac->def.target_entropy);
    s->log_alpha_m = ADAM_BETA1 * s->log_alpha_m + (1.0 - ADAM_BETA1) * g;
    s->log_alpha_v = ADAM_BETA2 * s->log_alpha_v + (1.0 - ADAM_BETA2) * g * g;
    s->log_alpha -= sac->def.learning_rate * (s->log_alpha_m / correction1) /
                    (sqrt(s->log_alpha_v / correction2) + ADAM_EPSILON);
}

static double sum_f32(const float *x, int n) {
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        sum += (double)x[i];
    }
    return sum;
}

static double sum_f64(const double *x, int n) {
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        sum += x[i];
    }
    return sum;
}

tz_sac_losses tz_sac_update(tz_sac *sac) {
    const int B = sac->def.batch;
    const double t = (double)++sac->scalars.n_updates;
    const double correction1 = 1.0 - pow(ADAM_BETA1, t), correction2 = 1.0 - pow(ADAM_BETA2, t);
    sac->alpha = (float)exp(sac->scalars.log_alpha);
    sac->adam_rate = (float)(sac->def.learning_rate / correction1);
    sac->adam_root = (float)(1.0 / sqrt(correction2));

    tz_team_run(sac->team, sac->n_tiles, critic_tile, sac);
    tz_team_run(sac->team, sac->n_critic_blocks, critic_block, sac);
    tz_team_run(sac->team, sac->n_tiles, actor_tile, sac);
    tz_team_run(sac->team, sac->n_blocks - sac->n_critic_blocks, actor_block, sac);
    const double mean_log_pi = sum_f32(sac->log_pi, B) / B;
    update_temperature(sac, mean_log_pi, correction1, correction2);

    return (tz_sac_losses){.critic = sum_f64(sac->critic_loss, sac->n_tiles) / B,
                           .actor = sum_f64(sac->actor_loss, sac->n_tiles) / B,
                           .temperature = (double)sac->alpha,
                           .entropy = -mean_log_pi,
                           .q = sum_f32(sac->y, B) / B};
}

double tz_sac_update_flops(const tz_sac *sac) {
    const double B = sac->def.batch, H = sac->def.hidden, D = sac->def.n_obs, A = sac->def.nu;
    const double actor = 2.0 * B * (D * H + H * H + 2.0 * A * H);
    const double critic = 2.0 * B * ((D + A) * H + H * H + H);
    const double actor_back = 2.0 * B * (H * H + 2.0 * A * H); // to the hidden layers
    const double critic_back = 2.0 * B * (H * H + H);          // the same
    const double to_action = 2.0 * B * A * H;
    // targets and losses forward; hidden gradients; weight gradients
    return 2.0 * actor + 6.0 * critic + (4.0 * critic_back + 2.0 * to_action + actor_back) +
           (2.0 * critic + actor);
}
