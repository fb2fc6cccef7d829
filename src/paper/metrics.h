// The metrics of the study on a set of test rollouts (docs/paper.md, section 1).
//
// With z_t the true and zhat_t the predicted state, both [q, v], and rms over the nz components:
//
//     r_t = rms(zhat_t - z_t) / (rms(zhat_t) + rms(z_t))                      in [0, 1]
//     h_t = |H(zhat_t) - H(z_t)| / (|H(zhat_t)| + |H(z_t)|)                   in [0, 1]
//
// and a rollout error or energy violation is exp(mean of log max(., 1e-7)) over rollouts and times.
// A state that is not finite has r = h = 1.
#ifndef TRAPEZE_PAPER_METRICS_H
#define TRAPEZE_PAPER_METRICS_H

#include "base/status.h"

#include <stdbool.h>

// Rollouts 0..49 make the curve of the energy violation over time.
enum { TZ_CURVE_ROLLOUTS = 50 };

// What is compared, all borrowed.
typedef struct tz_test_rollouts {
    int n, T, nq;        // rollouts, times (t = 0 among them), coordinates; nz = 2 nq
    const float *zhat;   // predictions                               (T, n, nz)
    const float *z;      // truths                                    (T, n, nz)
    const bool *angular; // coordinates that are angles               (nq)
    const double *z_std; // of the training states                    (nz)
    const void *system;  // for `energy`
    double (*energy)(const void *system, const double *z); // H of a state (nz)
    // (Nullable) H as the authors' code evaluates it, with velocities in place of momenta
    double (*energy_code)(const void *system, const double *z);
} tz_test_rollouts;

typedef struct tz_rollout_metrics {
    double rollout_error;       // all times
    double rollout_error_no_t0; // without t = 0
    double rollout_error_code;  // with the code's offsets of the angles
    double mse;                 // over rollouts that did not diverge; NaN when all did
    double energy;              // violation
    double energy_code;         // with energy_code; NaN without
    int n_diverged;             // rollouts with a value not finite or over TZ_DIVERGED_SIGMAS off
} tz_rollout_metrics;

// Measures. curve_mean and curve_std (T; both Nullable): mean and population standard deviation of
// log max(h_t, 1e-7) over the first TZ_CURVE_ROLLOUTS rollouts. TZ_ERR_MEMORY.
TZ_API tz_status tz_measure_rollouts(tz_rollout_metrics *metrics, const tz_test_rollouts *rollouts,
                                     double *curve_mean, double *curve_std, tz_error *error);

// Multiples of 2 pi, as radians, that the authors' code adds to the angles of each rollout: it
// unwraps them along all rollouts one after the other, so each rollout's first angles come within
// pi of the last angles of the one before. offset (n, nq); 0 for coordinates that are not angles.
TZ_API void tz_code_offsets(double *offset, const tz_test_rollouts *rollouts);

#endif
