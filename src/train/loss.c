#include "train/loss.h"

double tz_rollout_loss(float *z_bar, const float *zhat, const float *z, const float *weight,
                       double scale, int L, int B, int nz) {
    const float two_scale = (float)(2.0 * scale);
    double sum = 0.0;
    for (int row = 0; row < L * B; row++) {
        float row_sum = 0.0f;
        for (int i = 0; i < nz; i++) {
            const float error = zhat[i] - z[i];
            row_sum += error * error * weight[i];
            if (z_bar != NULL) {
                z_bar[i] = two_scale * error * weight[i];
            }
        }
        sum += row_sum;
        zhat += nz;
        z += nz;
        z_bar = z_bar != NULL ? z_bar + nz : NULL;
    }
    return scale * sum;
}
