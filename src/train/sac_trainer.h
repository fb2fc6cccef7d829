// Trains a policy by soft actor-critic on one environment: acting, replay, updates, evaluations,
// and a run folder:
//
//   metrics.csv                       a row per evaluation
//   policy.safetensors                actor at the last evaluation (docs/policies.md)
//   critics.safetensors               both critics and their slow copies at the same moment
//   best.safetensors                  actor of the best evaluation so far
//   best-critics.safetensors          critics at the same moment
//   snapshots/return-1500.safetensors actor that first reached a wanted return
//   snapshots/step-000100000.safetensors   actors at intervals
//   checkpoint.safetensors            everything a run depends on, replay memory included
//
// A run that goes on from its checkpoint ends in the bytes of the unbroken run.
#ifndef TRAPEZE_TRAIN_SAC_TRAINER_H
#define TRAPEZE_TRAIN_SAC_TRAINER_H

#include "base/parallel.h"
#include "base/status.h"
#include "data/writer.h"
#include "train/sac.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct tz_sac_trainer_def {
    uint32_t cookie;               // set by tz_sac_trainer_def_default, checked at create
    const char *env;               // see tz_env_def                    (borrowed)
    int env_version;               // see tz_env_def
    const char *env_arguments;     // see tz_env_def, Nullable          (borrowed)
    const char *folder;            // the run folder, made when missing (borrowed)
    const char *command;           // what made the run, for the policy's metadata (borrowed)
    bool resume;                   // go on from the folder's checkpoint, if there is one
    uint64_t steps;                // environment steps in all
    uint64_t learning_starts;      // steps of uniform random actions before the first update
    uint64_t replay_capacity;      // transitions kept
    uint64_t evaluation_interval;  // steps between evaluations
    int evaluation_episodes;       // deterministic episodes of each
    uint64_t checkpoint_interval;  // steps between checkpoints, a multiple of the one before
    uint64_t snapshot_interval;    // steps between snapshots; 0: none
    const double *snapshot_return; // returns whose first reaching is kept (borrowed)
    int n_snapshot_return;
    tz_sac_def learner; // n_obs, nu and decay_updates are filled in
} tz_sac_trainer_def;
TZ_API tz_sac_trainer_def tz_sac_trainer_def_default(void);

// A row of metrics.csv.
typedef struct tz_sac_metrics {
    double step, episodes;
    double return_mean, return_std, length_mean; // of the evaluation
    double training_return;                      // mean of training episodes since the last row
    double critic_loss, actor_loss, temperature, entropy, q; // means of updates since the last row
} tz_sac_metrics;

enum { TZ_SAC_N_METRICS = sizeof(tz_sac_metrics) / sizeof(double) };

// Called after every environment step; `evaluation` is set when the step ended with one. False
// stops the run after a checkpoint.
typedef bool (*tz_sac_report)(void *context, uint64_t step, const tz_sac_metrics *evaluation);

typedef struct tz_sac_trainer tz_sac_trainer;

// `team` is borrowed and must outlive the trainer. A folder that holds a run is refused unless
// `resume`. Errors: TZ_ERR_ARGUMENT, TZ_ERR_IO, TZ_ERR_FORMAT, TZ_ERR_MISMATCH (a checkpoint
// of another configuration), TZ_ERR_MEMORY.
TZ_API tz_status tz_sac_trainer_create(tz_sac_trainer **trainer, const tz_sac_trainer_def *def,
                                       tz_team *team, tz_error *error);
TZ_API void tz_sac_trainer_destroy(tz_sac_trainer *trainer); // Nullable

// Steps done so far (after a resume: those of the run before).
TZ_API uint64_t tz_sac_trainer_step(const tz_sac_trainer *trainer);

// The environment's task, borrowed.
TZ_API const tz_task *tz_sac_trainer_task(const tz_sac_trainer *trainer);

// Episodes so far, of training and evaluations, that were cut before a step where the simulation
// became unstable or the reward was not finite.
TZ_API uint64_t tz_sac_trainer_cut_episodes(const tz_sac_trainer *trainer);

// Writes the episodes of the replay memory as a dataset (train/replay_dataset.h).
TZ_API tz_status tz_sac_trainer_save_replay(tz_sac_trainer *trainer, const tz_writer_def *def,
                                            tz_error *error);

// Rows of metrics so far (*n), borrowed until the next evaluation.
TZ_API const tz_sac_metrics *tz_sac_trainer_metrics(const tz_sac_trainer *trainer, size_t *n);

// Runs to the end. TZ_ERR_INTERRUPTED when `report` asked to stop; TZ_ERR_NUMERIC when a loss was
// not finite.
TZ_API tz_status tz_sac_trainer_run(tz_sac_trainer *trainer, tz_sac_report report, void *context,
                                    tz_error *error);

// Deterministic episodes apart from those of training: initial states are those of episodes
// 2^32, 2^32 + 1, ... of the seed, training's those of 0, 1, ...
#define TZ_SAC_EVALUATION_EPISODE ((uint64_t)1 << 32)

#endif
