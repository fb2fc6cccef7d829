// Files of a SAC run: policy, critics, metrics, checkpoint (docs/policies.md).
#ifndef TRAPEZE_TRAIN_SAC_FILE_H
#define TRAPEZE_TRAIN_SAC_FILE_H

#include "envs/observation.h"
#include "policies/policy_file.h"
#include "train/sac.h"
#include "train/sac_trainer.h"

// Writes the learner's actor as a policy file.
TZ_API tz_status tz_sac_write_policy(const char *path, tz_sac *sac,
                                     const tz_observation_layout *layout, const tz_task *task,
                                     const tz_metadata *notes, int n_notes, tz_error *error);

// Writes both critics and their slow copies under Stable-Baselines3's names (critic.qf0.0.weight,
// critic_target.qf1.4.bias, ...), (out, in).
TZ_API tz_status tz_sac_write_critics(const char *path, tz_sac *sac, const tz_task *task,
                                      tz_error *error);

// Writes the rows as CSV with a header line.
tz_status tz_sac_write_metrics(const char *path, const tz_sac_metrics *rows, size_t n,
                               tz_error *error);

// ---- checkpoint

// X(name): the counters and running sums of a run; all of them numbers, all in the checkpoint.
#define TZ_SAC_PROGRESS_LIST(X)                                                                    \
    X(uint64_t, step)              /* environment steps */                                         \
    X(uint64_t, episode)           /* the training episode in flight */                            \
    X(uint64_t, episode_steps)     /* remembered steps of it */                                    \
    X(uint64_t, n_unstable)        /* episodes cut, for their rewards too */                       \
    X(uint64_t, n_rows)            /* rows of metrics */                                           \
    X(uint64_t, n_losses)          /* updates since the last row, and their sums: */               \
    X(uint64_t, finished_episodes) /* training episodes since the last row */                      \
    X(double, best_return)                                                                         \
    X(double, episode_return)                                                                      \
    X(double, finished_return)                                                                     \
    X(double, critic_loss)                                                                         \
    X(double, actor_loss)                                                                          \
    X(double, temperature)                                                                         \
    X(double, entropy)                                                                             \
    X(double, q)

#define TZ_SAC_PROGRESS_FIELD(type, name) type name;
typedef struct tz_sac_progress {
    TZ_SAC_PROGRESS_LIST(TZ_SAC_PROGRESS_FIELD)
} tz_sac_progress;
#undef TZ_SAC_PROGRESS_FIELD

// Everything that the rest of a run depends on; all pointers borrowed.
typedef struct tz_sac_checkpoint {
    tz_sac *sac;
    tz_replay *replay;
    tz_sac_progress *progress;
    tz_sac_metrics *rows; //                                                  (progress->n_rows)
    double *env_state;    // of the training environment                      (n_env_state)
    size_t n_env_state;
    const char *config; // what must be equal for a run to go on, as text
} tz_sac_checkpoint;

tz_status tz_sac_checkpoint_write(const char *path, const tz_sac_checkpoint *checkpoint,
                                  tz_error *error);

// Rows of metrics in a checkpoint: `rows` must have room for them before it is read.
tz_status tz_sac_checkpoint_n_rows(size_t *n_rows, const tz_safetensors *file, tz_error *error);

// Overwrites everything that `checkpoint` points to, or fails with some of it overwritten.
tz_status tz_sac_checkpoint_read(const tz_sac_checkpoint *checkpoint, const tz_safetensors *file,
                                 tz_error *error);

#endif
