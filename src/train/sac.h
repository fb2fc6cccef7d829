// Soft actor-critic (Haarnoja et al. 2018, arXiv:1812.05905) with the semantics of
// Stable-Baselines3's SAC: twin critics with slow targets, a squashed Gaussian actor, a temperature
// learned towards a target entropy. The learner alone: it knows batches of transitions, no
// environment and no file.
//
// Letters: B batch, D observation, A action (= nu), H hidden units.
#ifndef TRAPEZE_TRAIN_SAC_H
#define TRAPEZE_TRAIN_SAC_H

#include "base/parallel.h"
#include "base/rng.h"
#include "base/status.h"
#include "train/replay.h"

typedef struct tz_sac_def {
    uint32_t cookie;            // set by tz_sac_def_default, checked at create
    int n_obs;                  // D
    int nu;                     // A
    int hidden;                 // H, of both hidden layers of every network; a multiple of 16
    int batch;                  // B
    double gamma;               // discount per step
    double tau;                 // part of a critic that its target takes over at each update
    double learning_rate;       // of all Adam optimisers, at the start
    double final_learning_rate; // reached in a straight line; NAN: learning_rate
    uint64_t decay_updates;     // updates until then; 0: the rate stays
    double initial_temperature; // alpha at the start
    double target_entropy;      // NAN: -nu
    uint64_t seed;              // weights, batches and actions
} tz_sac_def;
TZ_API tz_sac_def tz_sac_def_default(void);

// What an update saw, before its own changes; means over the batch.
typedef struct tz_sac_losses {
    double critic;      // 1/2 sum over both critics of mean (Q - y)^2
    double actor;       // mean (alpha log pi - min Q)
    double temperature; // alpha used
    double entropy;     // -mean log pi of fresh actions
    double q;           // mean y
} tz_sac_losses;

// A batch and the normals of its two reparametrised draws, owned by the learner.
typedef struct tz_sac_batch {
    tz_transitions rows;
    float *noise;      // for actions at obs                          (B, A)
    float *next_noise; // for actions at next_obs                     (B, A)
} tz_sac_batch;

enum { TZ_SAC_ACTOR, TZ_SAC_CRITIC0, TZ_SAC_CRITIC1, TZ_SAC_N_NETS };

typedef struct tz_sac tz_sac;

// `team` is borrowed and must outlive the learner. Results do not depend on its size.
// Errors: TZ_ERR_ARGUMENT, TZ_ERR_MEMORY.
TZ_API tz_status tz_sac_create(tz_sac **sac, const tz_sac_def *def, tz_team *team, tz_error *error);
TZ_API void tz_sac_destroy(tz_sac *sac); // Nullable

// Squashed action a (A) in [-1, 1] at one observation (D); rng NULL: the deterministic one.
TZ_API void tz_sac_act(tz_sac *sac, float *a, const float *obs, tz_rng *rng);

// Draws the batch and the noise of the next update from streams (seed, purpose, updates so far).
TZ_API void tz_sac_draw(tz_sac *sac, const tz_replay *replay);

// One update from the learner's batch: critics, actor, temperature, targets. `beside` (Nullable) is
// called once, by one of the team's threads, while the update runs: something that touches neither
// the learner nor its batch, such as a step of the environment. Allocates nothing.
TZ_API tz_sac_losses tz_sac_update(tz_sac *sac, void (*beside)(void *context), void *context);

// ---- for files, tests and measurements

// One network: two hidden layers of ReLU units, weights (in, out) and row-major.
//
//   h1 = relu(x W0 + b0),  h2 = relu(h1 W1 + b1),  out = h2 W2 + b2
typedef struct tz_sac_net {
    int n_in, n_hidden, n_out;
    size_t n;                  // parameters, in the order W0 b0 W1 b1 W2 b2
    size_t W_at[3], b_at[3];   // where they begin
    float *parameters, *m, *v; // with Adam's moments                                  (n)
    float *target;             // slow copy of a critic; NULL for the actor            (n)

    // copies of weights for products (packed for the kernels; W1 itself where it is its packed
    // copy); NULL where unused
    float *W1_packed, *W1t_packed; // W1 and its transpose                            (H, H)
    float *target_W1_packed;       // W1 of the slow copy                             (H, H)
    float *W0t, *W2t;              // transposes                      (H, n_in), (n_out, H)
} tz_sac_net;

// What the next update learns from, and one of the networks (TZ_SAC_ACTOR, ...); the learner's own,
// as long as it lives.
TZ_API tz_sac_batch *tz_sac_get_batch(tz_sac *sac);
TZ_API tz_sac_net *tz_sac_get_net(tz_sac *sac, int net);

// Must be called after parameters were written from outside.
TZ_API void tz_sac_prepare(tz_sac *sac);

// The scalars of the learner that change: log alpha with its two Adam moments, updates so far.
typedef struct tz_sac_scalars {
    double log_alpha, log_alpha_m, log_alpha_v;
    uint64_t n_updates;
} tz_sac_scalars;
TZ_API tz_sac_scalars *tz_sac_get_scalars(tz_sac *sac);

// Floating-point operations of one update's products, those with zeros of ReLU units included.
TZ_API double tz_sac_update_flops(const tz_sac *sac);

#endif
