#include "policies/squashed.h"

#include "base/activation.h"

#include <stddef.h>

void tz_squashed_sigma(float *sigma, const float *head, int B, int A) {
    for (int b = 0; b < B; b++) {
        const float *log_std = head + (size_t)b * 2 * (size_t)A + A;
        for (int j = 0; j < A; j++) {
            sigma[(size_t)b * (size_t)A + (size_t)j] = tz_clamp_log_std(log_std[j]);
        }
    }
    tz_exp_f32(sigma, sigma, (size_t)B * (size_t)A);
}

void tz_squashed_action(float *a, const float *head, const float *noise, int B, int A) {
    if (noise != NULL) {
        tz_squashed_sigma(a, head, B, A);
    }
    for (int b = 0; b < B; b++) {
        const float *mu = head + (size_t)b * 2 * (size_t)A;
        for (int j = 0; j < A; j++) {
            const size_t i = (size_t)b * (size_t)A + (size_t)j;
            a[i] = noise == NULL ? mu[j] : mu[j] + a[i] * noise[i];
        }
    }
    tz_tanh_f32(a, a, (size_t)B * (size_t)A);
}

void tz_squashed_log_pi(float *log_pi, const float *a, const float *head, const float *noise, int B,
                        int A) {
    enum { BLOCK = 64 };
    const float half_log_2pi = 0.918938533204672742f;
    float log_slope[BLOCK]; // of some coordinates of a row
    for (int b = 0; b < B; b++) {
        const float *log_std = head + (size_t)b * 2 * (size_t)A + A;
        float sum = 0.0f;
        for (int first = 0; first < A; first += BLOCK) {
            const int n = A - first < BLOCK ? A - first : BLOCK;
            const size_t at = (size_t)b * (size_t)A + (size_t)first;
            for (int j = 0; j < n; j++) {
                log_slope[j] = 1.0f - a[at + (size_t)j] * a[at + (size_t)j] + TZ_SQUASH_EPSILON;
            }
            tz_log_f32(log_slope, log_slope, (size_t)n);
            for (int j = 0; j < n; j++) {
                const float e = noise[at + (size_t)j];
                sum -= 0.5f * e * e + tz_clamp_log_std(log_std[first + j]) + half_log_2pi +
                       log_slope[j];
            }
        }
        log_pi[b] = sum;
    }
}

void tz_squashed_to_control(float *u, const float *a, const double *low, const double *high,
                            int n) {
    for (int j = 0; j < n; j++) {
        const float lo = (float)low[j], hi = (float)high[j];
        const float x = lo + 0.5f * (a[j] + 1.0f) * (hi - lo);
        u[j] = x < lo ? lo : x > hi ? hi : x; // rounding must not leave the range
    }
}
