#include "train/loss.h"

#include <math.h>

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
