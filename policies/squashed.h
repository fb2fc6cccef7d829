// The squashed Gaussian that SAC's actors speak: a = tanh(mu + sigma e), e standard normal, with
// mu and log sigma side by side in the network's last layer.
#ifndef TRAPEZE_POLICIES_SQUASHED_H
#define TRAPEZE_POLICIES_SQUASHED_H

#include "base/export.h"

// log sigma is clamped to this range (Stable-Baselines3's).
#define TZ_LOG_STD_MIN (-20.0f)
#define TZ_LOG_STD_MAX 2.0f

static inline float tz_clamp_log_std(float x) { // NaN stays
    return x < TZ_LOG_STD_MIN ? TZ_LOG_STD_MIN : x > TZ_LOG_STD_MAX ? TZ_LOG_STD_MAX : x;
}

// Kept inside the logarithm of the change of variables, against log 0 (Stable-Baselines3's).
#define TZ_SQUASH_EPSILON 1e-6f

// sigma (B, A) of head (B, 2 A) = [mu, log sigma].
TZ_API void tz_squashed_sigma(float *sigma, const float *head, int B, int A);

// a (B, A) <- tanh(mu + sigma * noise) from head (B, 2 A) = [mu, log sigma] and noise (B, A).
// noise NULL: the deterministic a = tanh(mu).
TZ_API void tz_squashed_action(float *a, const float *head, const float *noise, int B, int A);

// log_pi (B) <- log density of a (B, A), the actions that `noise` (B, A) made from head (B, 2 A):
//   log pi = sum_j [ -e_j^2 / 2 - log sigma_j - log(2 pi) / 2 - log(1 - a_j^2 + epsilon) ]
TZ_API void tz_squashed_log_pi(float *log_pi, const float *a, const float *head, const float *noise,
                               int B, int A);

// Applied control of a squashed action: u (n) = low + (a + 1) / 2 (high - low), kept in the range.
TZ_API void tz_squashed_to_control(float *u, const float *a, const double *low, const double *high,
                                   int n);

#endif
