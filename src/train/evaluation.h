// Open-loop evaluation: a predictor is given the first state of a stretch of an episode and all its
// controls, and is compared with the states that truly followed.
//
// The error at step t of rollout r in component i is e = ((zhat - z) / sigma_z)^2, with one sigma_z
// for all predictors that are compared. The normalised mean squared error of a rollout is the mean
// of e over the steps t = 0..H and the nz components (the study's metric; e = 0 at t = 0).
//
// A model with variances V (tz_model_predict) is also asked how well it knows its errors: the
// negative log-likelihood of a component under its Gaussian, ((zhat - z)^2 / V + log(2 pi V /
// sigma_z^2)) / 2, over the steps t = 1..H, and the share of components that lie within one and
// within two of its standard deviations (0.683 and 0.954 where it is right). V counts as at least
// 1e-12 sigma_z^2.
#ifndef TRAPEZE_TRAIN_EVALUATION_H
#define TRAPEZE_TRAIN_EVALUATION_H

#include "base/parallel.h"
#include "base/status.h"
#include "data/dataset.h"
#include "models/model.h"

// A component that is more than this many sigma_z off, or not finite, makes a rollout diverged.
#define TZ_DIVERGED_SIGMAS 1e3

// Stretches of H transitions from a dataset: where to start, and what followed.
typedef struct tz_rollouts {
    int n;       // stretches
    int horizon; // transitions, H
    int nz, nu;
    int n_episodes; // episodes that were asked for
    int n_short;    // of them, those with fewer than H transitions: they give no stretch
    float *z;       // (H + 1, n, nz)
    float *u;       // (H, n, nu)
    int *episode;   // where each comes from                            (n)
    int *start;     // its first state's number in the episode          (n)
} tz_rollouts;

// Takes n stretches, evenly spaced among all of `horizon` transitions in the episodes with
// is_used[episode] != 0 (Nullable: all); all there are when they are fewer than n. TZ_ERR_ARGUMENT,
// naming `path`, when no such episode is long enough. The caller destroys them.
TZ_API tz_status tz_rollouts_pick(tz_rollouts **rollouts, const tz_dataset *dataset,
                                  const unsigned char *is_used, int n, int horizon,
                                  const char *path, tz_error *error);
TZ_API void tz_rollouts_destroy(tz_rollouts *rollouts); // Nullable

// What predicts.
typedef enum tz_predictor_type {
    TZ_PREDICT_MODEL, // a transition model
    TZ_PREDICT_STAY,  // the state stays what it is
    TZ_PREDICT_MEAN   // the mean of the training states
} tz_predictor_type;

typedef struct tz_predictor {
    tz_predictor_type type;
    const tz_model *model; // borrowed; for TZ_PREDICT_MODEL
    const float *mean;     // borrowed; for TZ_PREDICT_MEAN                      (nz)
} tz_predictor;

typedef struct tz_evaluation {
    int n, horizon, nz;
    int n_diverged;
    double mean;         // error over the rollouts that did not diverge; NaN when all did
    double median;       // over all rollouts; a diverged one counts as infinite
    double *rollout;     // error of each, INFINITY when diverged              (n)
    double *step_mean;   // over components and rollouts that did not diverge  (H + 1)
    double *step_median; // median over all rollouts                           (H + 1)
    double *component;   // over steps and rollouts that did not diverge       (nz)
    // of a model with variances, else NaN and NULL; over rollouts that did not diverge
    double nll;          // negative log-likelihood of a component
    double within[2];    // share within one and two standard deviations
    double *step_nll;    // the same at each step, NaN at 0                    (H + 1)
    double *step_within; // share within one standard deviation, NaN at 0      (H + 1)
} tz_evaluation;

// Rolls out the predictor along all stretches, in parallel; the result does not depend on the
// number of threads. sigma_z (nz) > 0. TZ_ERR_MISMATCH when the model's dimensions are not the
// rollouts'; TZ_ERR_MEMORY. The caller destroys the evaluation.
TZ_API tz_status tz_evaluate(tz_evaluation **evaluation, const tz_rollouts *rollouts,
                             const tz_predictor *predictor, const float *sigma_z, tz_team *team,
                             tz_error *error);
TZ_API void tz_evaluation_destroy(tz_evaluation *evaluation); // Nullable

#endif
