// Soft actor-critic, one update. Work is cut so that neither the tiles nor the order of a sum
// depends on the number of threads, and threads meet four times:
//
//   1. row tiles       targets y at the next states; critics forward and backward
//   2. weight blocks   gradient of a block of critic weights, its Adam step, its slow target
//   3. row tiles       actor and updated critics forward; back through both to the actor
//   4. weight blocks   the same as 2 for the actor; then the temperature, alone
//
// A weight block is a few rows of one W (in, out): its gradient X^T dY sums over the whole batch in
// one product, so no partial sums have to be combined. A thread takes its share of the row tiles as
// one task, network by network, so that each weight matrix comes into its cache once.
#include "train/sac_net.h"

#include "base/assert.h"
#include "base/blas.h"
#include "base/denormals.h"
#include "base/memory.h"
#include "base/sparse.h"
#include "policies/squashed.h"

#include <math.h>
#include <string.h>

enum { COOKIE = 0x5ac0, TILE = 64, MAX_TILES = 64, MAX_BLOCKS = 512 };

// Scratch of one worker.
typedef struct scratch {
    tz_sac_tape rows; // of rows whose activations are not kept                     (B, ...)
    float *a;         //                                                       (TILE, A)
    float *d_a;       //                                                       (TILE, A)
    float *sigma;     //                                                       (TILE, A)
    float *step;      // for tz_sac_net_step
    char padding[64]; // workers write no common cache line
} scratch;

// A block of weights and the network it belongs to.
typedef struct work_block {
    int net;
    tz_sac_block block;
} work_block;

struct tz_sac {
    tz_sac_def def;
    tz_team *team;
    int n_tiles, n_blocks, n_critic_blocks; // critics' blocks first
    work_block blocks[MAX_BLOCKS];
    tz_sac_net nets[TZ_SAC_N_NETS];
    tz_sac_scalars scalars;
    tz_sac_batch batch;
    float *critic_x;                  // [obs, action] of the batch                 (B, D + A)
    float *fresh_x;                   // [next_obs, a'], then [obs, a], a' and a ~ pi (B, D + A)
    float *q[2];                      // of both critics at fresh_x                 (B)
    float *next_log_pi;               // of a' at next_obs                          (B)
    float *log_pi;                    // of a at obs                                (B)
    float *y;                         // targets of the critics                     (B)
    tz_sac_tape tapes[TZ_SAC_N_NETS]; // of the whole batch                         (B, ...)
    float *d_h2[TZ_SAC_N_NETS];       // of the tapes, packed (base/sparse.h)       (B, H)
    float alpha;                      // temperature of this update
    tz_sac_step step;                 // Adam of this update
    double critic_loss[2][MAX_TILES], actor_loss[MAX_TILES]; // sums over the rows of each tile
    int tiles_per_task;                                      // of this phase
    void (*beside)(void *);                                  // of this update, Nullable
    void *beside_context;
    scratch *scratch;                              // (workers)
    float *act_h1, *act_h2, *act_head, *act_noise; // one row, for tz_sac_act
    float *block;                                  // owns all float arrays
};

tz_sac_def tz_sac_def_default(void) {
    return (tz_sac_def){.cookie = COOKIE,
                        .hidden = 256,
                        .batch = 256,
                        .gamma = 0.99,
                        .tau = 0.005,
                        .learning_rate = 3e-4,
                        .final_learning_rate = NAN,
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
                    bool is_critic) {
    const int dims[4] = {n_in, n_hidden, n_hidden, n_out};
    const size_t HH = (size_t)n_hidden * (size_t)n_hidden;
    net->n_in = n_in;
    net->n_hidden = n_hidden;
    net->n_out = n_out;
    net->n = 0;
    for (int layer = 0; layer < 3; layer++) {
        net->W_at[layer] = net->n;
        net->n += (size_t)dims[layer] * (size_t)dims[layer + 1];
        net->b_at[layer] = net->n;
        net->n += (size_t)dims[layer + 1];
    }
    net->parameters = take(cursor, net->n);
    net->m = take(cursor, net->n);
    net->v = take(cursor, net->n);
    net->target = is_critic ? take(cursor, net->n) : NULL;

    // a critic goes back to its action, the actor not; one column is its own transpose
    net->W1t_packed = take(cursor, HH);
    if (n_hidden > TZ_PANEL) {
        net->W1_packed = take(cursor, HH);
        net->target_W1_packed = is_critic ? take(cursor, HH) : NULL;
    } else if (cursor->block != NULL) {
        net->W1_packed = net->parameters + net->W_at[1];
        net->target_W1_packed = is_critic ? net->target + net->W_at[1] : NULL;
    }
    net->W0t = is_critic ? take(cursor, (size_t)n_in * (size_t)n_hidden) : NULL;
    net->W2t = is_critic ? NULL : take(cursor, (size_t)n_hidden * (size_t)n_out);
}

static void lay_tape(tz_sac_tape *tape, float_cursor *cursor, size_t rows, size_t n_hidden,
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

    // rows of the whole batch, and activations for the weight gradients
    sac->critic_x = take(cursor, B * (D + A));
    sac->fresh_x = take(cursor, B * (D + A));
    sac->q[0] = take(cursor, B);
    sac->q[1] = take(cursor, B);
    sac->next_log_pi = take(cursor, B);
    for (int net = 0; net < TZ_SAC_N_NETS; net++) {
        lay_tape(&sac->tapes[net], cursor, B, H, (size_t)sac->nets[net].n_out);
        sac->d_h2[net] = H > TZ_PANEL ? take(cursor, B * H) : sac->tapes[net].d_h2;
    }
    sac->y = take(cursor, B);
    sac->log_pi = take(cursor, B);

    // scratch
    for (int w = 0; w < tz_team_size(sac->team); w++) {
        scratch *s = &sac->scratch[w];
        s->a = take(cursor, TILE * A);
        s->d_a = take(cursor, TILE * A);
        s->sigma = take(cursor, TILE * A);
        s->step = take(cursor, tz_sac_step_scratch(&sac->nets[TZ_SAC_ACTOR], def->batch));
        lay_tape(&s->rows, cursor, B, H, 2 * A);
    }
    sac->act_h1 = take(cursor, H);
    sac->act_h2 = take(cursor, H);
    sac->act_head = take(cursor, 2 * A);
    sac->act_noise = take(cursor, A);
}

static void cut_blocks(tz_sac *sac, int net) {
    const int dims[3] = {sac->nets[net].n_in, sac->nets[net].n_hidden, sac->nets[net].n_hidden};
    for (int layer = 0; layer < 3; layer++) {
        for (int row = 0; row < dims[layer]; row += TZ_SAC_BLOCK_ROWS) {
            TZ_ASSERT(sac->n_blocks < MAX_BLOCKS);
            const int left = dims[layer] - row;
            const int n_rows = left < TZ_SAC_BLOCK_ROWS ? left : TZ_SAC_BLOCK_ROWS;
            sac->blocks[sac->n_blocks++] = (work_block){net, {layer, row, n_rows}};
        }
    }
}

static tz_status check_def(const tz_sac_def *def, tz_error *error) {
    if (def->cookie != COOKIE) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "SAC: definition was not made by tz_sac_def_default");
    }
    if (def->n_obs < 1 || def->nu < 1) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "SAC: %d observations and %d controls; expected at least 1 of each",
                       def->n_obs, def->nu);
    }
    if (def->hidden < 16 || def->hidden > 2048 || def->hidden % 16 != 0) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "SAC: %d hidden units; expected a multiple of 16 from 16 to 2048",
                       def->hidden);
    }
    if (def->batch < 1 || def->batch > TILE * MAX_TILES) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "SAC: a batch of %d; expected 1 to %d", def->batch,
                       TILE * MAX_TILES);
    }
    const double last = def->final_learning_rate; // NaN: the rate stays
    if (!(def->gamma >= 0.0 && def->gamma <= 1.0) || !(def->tau >= 0.0 && def->tau <= 1.0) ||
        !(def->learning_rate > 0.0) || !isfinite(def->learning_rate) || last < 0.0 || isinf(last) ||
        !(def->initial_temperature > 0.0) || !isfinite(def->initial_temperature) ||
        isinf(def->target_entropy)) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "SAC: gamma %g, tau %g, learning rate %g to %g, initial temperature %g, "
                       "target entropy %g; expected gamma and tau from 0 to 1 and positive finite "
                       "rates and temperature",
                       def->gamma, def->tau, def->learning_rate, last, def->initial_temperature,
                       def->target_entropy);
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
        tz_sac_net_init(&sac->nets[net], def->seed, net);
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
        tz_sac_net_copy(&sac->nets[i]);
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

// ---- acting and drawing

void tz_sac_act(tz_sac *sac, float *a, const float *obs, tz_rng *rng) {
    const tz_sac_net *actor = &sac->nets[TZ_SAC_ACTOR];
    const tz_sac_tape row = {.h1 = sac->act_h1, .h2 = sac->act_h2, .out = sac->act_head};
    tz_sac_net_forward(actor, TZ_SAC_PARAMETERS, &row, obs, 1);
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

// ---- row tiles

// Some tiles in a row, which one worker takes through all stages of a phase.
typedef struct tile_range {
    int first, last; // tiles
} tile_range;

static tile_range range_of_task(const tz_sac *sac, int task) {
    const int first = task * sac->tiles_per_task, end = first + sac->tiles_per_task;
    return (tile_range){first, (end < sac->n_tiles ? end : sac->n_tiles) - 1};
}

// Runs a phase over all row tiles, `n_more` tasks before them.
static void run_tiles(tz_sac *sac, int n_more, int tiles_per_task, tz_task_fn task) {
    sac->tiles_per_task = tiles_per_task;
    const int n_tasks = (sac->n_tiles + tiles_per_task - 1) / tiles_per_task;
    tz_team_run(sac->team, n_more + n_tasks, task, sac);
}

static int rows_of_tile(const tz_sac *sac, int tile) {
    const int left = sac->def.batch - tile * TILE;
    return left < TILE ? left : TILE;
}

static int rows_of_range(const tz_sac *sac, tile_range tiles) {
    return (tiles.last - tiles.first) * TILE + rows_of_tile(sac, tiles.last);
}

// x (n, D + A) <- [obs, a]
static void join(float *x, const float *obs, const float *a, int n, int D, int A) {
    for (int b = 0; b < n; b++) {
        float *row = x + (size_t)b * (size_t)(D + A);
        memcpy(row, obs + (size_t)b * (size_t)D, (size_t)D * sizeof *x);
        memcpy(row + D, a + (size_t)b * (size_t)A, (size_t)A * sizeof *x);
    }
}

// Gradients at the hidden layers of some tiles, d_h2 packed too.
static void tiles_backward(tz_sac *sac, int net, tile_range tiles) {
    const int row = tiles.first * TILE, n = rows_of_range(sac, tiles), H = sac->def.hidden;
    const tz_sac_tape t = tz_sac_tape_rows(&sac->tapes[net], &sac->nets[net], row);
    tz_sac_net_backward(&sac->nets[net], &t, n);
    if (H > TZ_PANEL) {
        tz_pack_panels(sac->d_h2[net], t.d_h2, n, H, H, row, sac->def.batch);
    }
}

// Fresh actions a ~ pi(. | obs) of the rows of some tiles, with their log densities; x <- [obs, a].
// Leaves the actor's activations in t; a (TILE, A) is scratch.
static void fresh_actions(tz_sac *sac, tile_range tiles, const tz_sac_tape *t, const float *obs,
                          const float *noise, float *a, float *log_pi) {
    const tz_sac_net *actor = &sac->nets[TZ_SAC_ACTOR];
    const int D = sac->def.n_obs, A = sac->def.nu;
    tz_sac_net_forward(actor, TZ_SAC_PARAMETERS, t, obs + (size_t)(tiles.first * TILE * D),
                       rows_of_range(sac, tiles));
    for (int i = tiles.first; i <= tiles.last; i++) {
        const int n = rows_of_tile(sac, i);
        const size_t row = (size_t)i * TILE;
        const float *head = t->out + (size_t)((i - tiles.first) * TILE * 2 * A); // (n, 2 A)
        tz_squashed_action(a, head, noise + row * (size_t)A, n, A);
        tz_squashed_log_pi(log_pi + row, a, head, noise + row * (size_t)A, n, A);
        join(sac->fresh_x + row * (size_t)(D + A), obs + row * (size_t)D, a, n, D, A);
    }
}

// ---- 1. critics over row tiles
//
// With a' ~ pi(. | s') by the current actor and the slow critics Q_bar:
//
//   y    = r + gamma (1 - done) [ min_c Q_bar_c(s', a') - alpha log pi(a' | s') ]
//   L_Q  = 1/2 sum_c mean_b (Q_c(s_b, a_b) - y_b)^2,    dL_Q / dQ_c(b) = (Q_c(b) - y_b) / B
//
// y is held constant. done is 1 for true ends only: a truncated episode is bootstrapped.

static void slow_critic(tz_sac *sac, int c, tile_range tiles, scratch *s) {
    const tz_sac_net *critic = &sac->nets[TZ_SAC_CRITIC0 + c];
    const int n = rows_of_range(sac, tiles);
    const size_t row = (size_t)tiles.first * TILE;
    tz_sac_net_forward(critic, TZ_SAC_TARGET, &s->rows, sac->fresh_x + row * (size_t)critic->n_in,
                       n);
    memcpy(sac->q[c] + row, s->rows.out, (size_t)n * sizeof(float));
}

static void targets(tz_sac *sac, int tile) {
    const tz_transitions *rows = &sac->batch.rows;
    const float gamma = (float)sac->def.gamma;
    const int first = tile * TILE, end = first + rows_of_tile(sac, tile);
    for (int b = first; b < end; b++) {
        const float q = fminf(sac->q[0][b], sac->q[1][b]);
        sac->y[b] = rows->reward[b] +
                    gamma * (1.0f - rows->done[b]) * (q - sac->alpha * sac->next_log_pi[b]);
    }
}

// The tape of a critic over some tiles.
static tz_sac_tape critic_tape(const tz_sac *sac, int c, tile_range tiles) {
    const int net = TZ_SAC_CRITIC0 + c;
    return tz_sac_tape_rows(&sac->tapes[net], &sac->nets[net], tiles.first * TILE);
}

// A critic at x (B, D + A), over some tiles.
static void critic_forward(tz_sac *sac, int c, tile_range tiles, const float *x) {
    const tz_sac_net *critic = &sac->nets[TZ_SAC_CRITIC0 + c];
    const tz_sac_tape t = critic_tape(sac, c, tiles);
    tz_sac_net_forward(critic, TZ_SAC_PARAMETERS, &t,
                       x + (size_t)(tiles.first * TILE * critic->n_in), rows_of_range(sac, tiles));
}

static void critic_loss(tz_sac *sac, int c, int tile) {
    const tz_sac_tape *t = &sac->tapes[TZ_SAC_CRITIC0 + c];
    const int first = tile * TILE, end = first + rows_of_tile(sac, tile);
    double loss = 0.0;
    for (int b = first; b < end; b++) {
        const float residual = t->out[b] - sac->y[b];
        t->d_out[b] = residual / (float)sac->def.batch;
        loss += 0.5 * (double)residual * (double)residual;
    }
    sac->critic_loss[c][tile] = loss;
}

static void critics_forward_backward(tz_sac *sac, tile_range tiles, scratch *s) {
    const tz_transitions *rows = &sac->batch.rows;
    const int D = sac->def.n_obs, A = sac->def.nu;
    const size_t row = (size_t)tiles.first * TILE;
    fresh_actions(sac, tiles, &s->rows, rows->next_obs, sac->batch.next_noise, s->a,
                  sac->next_log_pi);
    join(sac->critic_x + row * (size_t)(D + A), rows->obs + row * (size_t)D,
         rows->action + row * (size_t)A, rows_of_range(sac, tiles), D, A);
    for (int c = 0; c < 2; c++) {
        slow_critic(sac, c, tiles, s);
    }
    for (int i = tiles.first; i <= tiles.last; i++) {
        targets(sac, i);
    }
    for (int c = 0; c < 2; c++) {
        critic_forward(sac, c, tiles, sac->critic_x);
        for (int i = tiles.first; i <= tiles.last; i++) {
            critic_loss(sac, c, i);
        }
        tiles_backward(sac, TZ_SAC_CRITIC0 + c, tiles);
    }
}

// What runs beside the update is the first task: it may be the longest.
static void critic_task(void *context, int task, int worker) {
    tz_sac *sac = context;
    const int n_beside = sac->beside == NULL ? 0 : 1;
    if (task < n_beside) {
        sac->beside(sac->beside_context);
        return;
    }
    const unsigned mode = tz_denormals_off();
    critics_forward_backward(sac, range_of_task(sac, task - n_beside), &sac->scratch[worker]);
    tz_denormals_restore(mode);
}

// ---- 3. actor over row tiles
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
//
// Only the smaller critic of a row has a gradient; the rows of the other are zero, and products
// with zeros are left out.

// sigma (n, A) is scratch.
static void squashed_backward(float *d_head, const float *d_a, const float *a, const float *head,
                              const float *noise, float *sigma, float alpha_over_B, int n, int A) {
    tz_squashed_sigma(sigma, head, n, A);
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
            d_mu[A + j] = inside ? d_x * sigma[i] * noise[i] - alpha_over_B : 0.0f;
        }
    }
}

// Both critics at the fresh actions, and the gradient of the smaller one's hidden layers.
static void smaller_critic(tz_sac *sac, tile_range tiles) {
    for (int c = 0; c < 2; c++) {
        critic_forward(sac, c, tiles, sac->fresh_x);
    }
    const float *q0 = sac->tapes[TZ_SAC_CRITIC0].out, *q1 = sac->tapes[TZ_SAC_CRITIC1].out;
    float *d_q0 = sac->tapes[TZ_SAC_CRITIC0].d_out, *d_q1 = sac->tapes[TZ_SAC_CRITIC1].d_out;
    const float minus_1_over_B = -1.0f / (float)sac->def.batch;
    for (int i = tiles.first; i <= tiles.last; i++) {
        const int first = i * TILE, end = first + rows_of_tile(sac, i);
        double loss = 0.0;
        for (int b = first; b < end; b++) {
            d_q0[b] = q0[b] <= q1[b] ? minus_1_over_B : 0.0f;
            d_q1[b] = q0[b] <= q1[b] ? 0.0f : minus_1_over_B;
            loss += (double)sac->alpha * (double)sac->log_pi[b] - (double)fminf(q0[b], q1[b]);
        }
        sac->actor_loss[i] = loss;
    }
    for (int c = 0; c < 2; c++) {
        const tz_sac_tape t = critic_tape(sac, c, tiles);
        tz_sac_net_backward(&sac->nets[TZ_SAC_CRITIC0 + c], &t, rows_of_range(sac, tiles));
    }
}

// To the actor's outputs.
static void head_backward(tz_sac *sac, int tile, scratch *s) {
    const int D = sac->def.n_obs, A = sac->def.nu, H = sac->def.hidden, row = tile * TILE;
    const int n = rows_of_tile(sac, tile);

    // d_a (n, A) = sum_c d_h1 W0^T, of which only the columns of the action are needed
    for (int c = 0; c < 2; c++) {
        const tz_sac_net *critic = &sac->nets[TZ_SAC_CRITIC0 + c];
        const tz_sac_tape t = tz_sac_tape_rows(&sac->tapes[TZ_SAC_CRITIC0 + c], critic, row);
        tz_gemm_nn(s->d_a, t.d_h1, critic->W0t + D, n, A, H, H, D + A, A, c == 0 ? 0.0f : 1.0f);
    }

    // the actions again, out of [obs, a]
    for (int b = 0; b < n; b++) {
        memcpy(s->a + (size_t)b * (size_t)A, sac->fresh_x + (size_t)(row + b) * (size_t)(D + A) + D,
               (size_t)A * sizeof(float));
    }
    const tz_sac_net *actor = &sac->nets[TZ_SAC_ACTOR];
    const tz_sac_tape t = tz_sac_tape_rows(&sac->tapes[TZ_SAC_ACTOR], actor, row);
    squashed_backward(t.d_out, s->d_a, s->a, t.out, sac->batch.noise + (size_t)row * (size_t)A,
                      s->sigma, sac->alpha / (float)sac->def.batch, n, A);
}

static void actor_task(void *context, int task, int worker) {
    tz_sac *sac = context;
    const tile_range tiles = range_of_task(sac, task);
    scratch *s = &sac->scratch[worker];
    const unsigned mode = tz_denormals_off();
    const tz_sac_tape t =
        tz_sac_tape_rows(&sac->tapes[TZ_SAC_ACTOR], &sac->nets[TZ_SAC_ACTOR], tiles.first * TILE);
    fresh_actions(sac, tiles, &t, sac->batch.rows.obs, sac->batch.noise, s->a, sac->log_pi);
    smaller_critic(sac, tiles);
    for (int i = tiles.first; i <= tiles.last; i++) {
        head_backward(sac, i, s);
    }
    tiles_backward(sac, TZ_SAC_ACTOR, tiles);
    tz_denormals_restore(mode);
}

// ---- 2. and 4. weight blocks
//
// Moments of weights behind dead ReLU units decay for ever: in trained networks four of five
// vectors of Adam's moments held a number below 2^-126, each of which costs a hundred cycles.

static void step_block(tz_sac *sac, const work_block *work, int worker) {
    const float *x = work->net == TZ_SAC_ACTOR ? sac->batch.rows.obs : sac->critic_x;
    const unsigned mode = tz_denormals_off();
    tz_sac_net_step(&sac->nets[work->net], &work->block, x, &sac->tapes[work->net],
                    sac->d_h2[work->net], sac->def.batch, &sac->step, sac->scratch[worker].step);
    tz_denormals_restore(mode);
}

static void critic_block(void *context, int task, int worker) {
    tz_sac *sac = context;
    step_block(sac, &sac->blocks[task], worker);
}

static void actor_block(void *context, int task, int worker) {
    tz_sac *sac = context;
    step_block(sac, &sac->blocks[sac->n_critic_blocks + task], worker);
}

// ---- the update

// The learning rate of update t = 1, 2, ...
static double learning_rate(const tz_sac_def *def, double t) {
    if (isnan(def->final_learning_rate) || def->decay_updates == 0) {
        return def->learning_rate;
    }
    const double done = fmin(t / (double)def->decay_updates, 1.0);
    return def->learning_rate + done * (def->final_learning_rate - def->learning_rate);
}

// L_alpha = -log alpha mean(log pi + target entropy); its derivative in log alpha is the mean.
static void update_temperature(tz_sac *sac, double rate, double mean_log_pi, double correction1,
                               double correction2) {
    tz_sac_scalars *s = &sac->scalars;
    const double g = -(mean_log_pi + sac->def.target_entropy);
    s->log_alpha_m = TZ_SAC_BETA1 * s->log_alpha_m + (1.0 - TZ_SAC_BETA1) * g;
    s->log_alpha_v = TZ_SAC_BETA2 * s->log_alpha_v + (1.0 - TZ_SAC_BETA2) * g * g;
    s->log_alpha -= rate * (s->log_alpha_m / correction1) /
                    (sqrt(s->log_alpha_v / correction2) + TZ_SAC_EPSILON);
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

tz_sac_losses tz_sac_update(tz_sac *sac, void (*beside)(void *context), void *context) {
    const int B = sac->def.batch, n_tiles = sac->n_tiles;
    const int n_threads = tz_team_size(sac->team);
    const int share = (n_tiles + n_threads - 1) / n_threads;
    const double t = (double)++sac->scalars.n_updates;
    const double correction1 = 1.0 - pow(TZ_SAC_BETA1, t), correction2 = 1.0 - pow(TZ_SAC_BETA2, t);
    const double rate = learning_rate(&sac->def, t);
    sac->alpha = (float)exp(sac->scalars.log_alpha);
    sac->step = (tz_sac_step){.rate = (float)(rate / correction1),
                              .root = (float)(1.0 / sqrt(correction2)),
                              .tau = (float)sac->def.tau};
    sac->beside = beside;
    sac->beside_context = context;

    // with something beside of unknown length, small tasks keep the threads even
    if (beside == NULL) {
        run_tiles(sac, 0, share, critic_task);
    } else {
        run_tiles(sac, 1, n_threads == 1 ? n_tiles : 1, critic_task);
    }
    tz_team_run(sac->team, sac->n_critic_blocks, critic_block, sac);
    run_tiles(sac, 0, share, actor_task);
    tz_team_run(sac->team, sac->n_blocks - sac->n_critic_blocks, actor_block, sac);
    const double mean_log_pi = sum_f32(sac->log_pi, B) / B;
    update_temperature(sac, rate, mean_log_pi, correction1, correction2);

    const double critic_loss =
        sum_f64(sac->critic_loss[0], n_tiles) + sum_f64(sac->critic_loss[1], n_tiles);
    return (tz_sac_losses){.critic = critic_loss / B,
                           .actor = sum_f64(sac->actor_loss, n_tiles) / B,
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
