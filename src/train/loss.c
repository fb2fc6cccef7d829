#include "train/loss.h"

#include <math.h>
#include <string.h>

// One row of the loss, unscaled; z_bar (nz; Nullable) is its gradient times `scale`.
static float squared_row(float *z_bar, const float *zhat, const float *z, const float *weight,
                         float scale, int nz) {
    float sum = 0.0f;
    for (int i = 0; i < nz; i++) {
        const float error = zhat[i] - z[i];
        sum += error * error * weight[i];
        if (z_bar != NULL) {
            z_bar[i] = 2.0f * scale * error * weight[i];
        }
    }
    return sum;
}

static float absolute_row(float *z_bar, const float *zhat, const float *z, const float *weight,
                          float scale, int nz) {
    float sum = 0.0f;
    for (int i = 0; i < nz; i++) {
        const float error = zhat[i] - z[i], w = sqrtf(weight[i]);
        sum += fabsf(error) * w;
        if (z_bar != NULL) {
            const float sign = (float)(error > 0.0f) - (float)(error < 0.0f);
            z_bar[i] = error == error ? scale * sign * w : error;
        }
    }
    return sum;
}

double tz_rollout_loss(tz_loss loss, float *z_bar, const float *zhat, const float *z,
                       const float *weight, double scale, int L, int B, int nz) {
    double sum = 0.0;
    for (int row = 0; row < L * B; row++) {
        sum += loss == TZ_LOSS_L1 ? absolute_row(z_bar, zhat, z, weight, (float)scale, nz)
                                  : squared_row(z_bar, zhat, z, weight, (float)scale, nz);
        zhat += nz;
        z += nz;
        z_bar = z_bar != NULL ? z_bar + nz : NULL;
    }
    return scale * sum;
}

double tz_gaussian_nll(float *V_bar, const float *zhat, const float *z, const float *V,
                       const float *weight, double scale, int L, int B, int nz) {
    const size_t n = (size_t)(B * nz), all = (size_t)L * n;
    double sum = 0.0;
    if (V_bar != NULL) {
        memset(V_bar, 0, n * sizeof *V_bar);
    }
    for (size_t k = n; k < all; k++) {
        const double error = (double)zhat[k] - (double)z[k], variance = (double)V[k];
        const double square = error * error / variance;
        sum += 0.5 * (square + log(2.0 * M_PI * variance * (double)weight[k % (size_t)nz]));
        if (V_bar != NULL) {
            V_bar[k] = (float)(0.5 * scale * (1.0 - square) / variance);
        }
    }
    return scale * sum;
}
