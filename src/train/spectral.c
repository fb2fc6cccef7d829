#include "train/spectral.h"

#include "base/vectorise.h"

#include <math.h>

enum { ITERATIONS = 8 };

size_t tz_spectral_work_size(const tz_model *model) {
    size_t size = 1;
    for (int i = 0; i < model->n_tensors; i++) {
        const size_t needed = (size_t)model->tensors[i].rows + (size_t)model->tensors[i].cols;
        size = needed > size ? needed : size;
    }
    return size;
}

// y (cols) = x (rows) W
TZ_VECTORISED static void times(float *restrict y, const float *restrict x, const float *restrict W,
                                int rows, int cols) {
    for (int j = 0; j < cols; j++) {
        y[j] = 0.0f;
    }
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < cols; j++) {
            y[j] += x[i] * W[i * cols + j];
        }
    }
}

// y (rows) = W x (cols), each sum in sixteen lanes so that its order is fixed
TZ_VECTORISED static void times_transposed(float *restrict y, const float *restrict x,
                                           const float *restrict W, int rows, int cols) {
    enum { LANES = 16 };
    for (int i = 0; i < rows; i++) {
        float sum[LANES] = {0};
        int j = 0;
        for (; j + LANES <= cols; j += LANES) {
            for (int lane = 0; lane < LANES; lane++) {
                sum[lane] += W[i * cols + j + lane] * x[j + lane];
            }
        }
        for (int lane = 0; j < cols; j++, lane++) {
            sum[lane] += W[i * cols + j] * x[j];
        }
        y[i] = 0.0f;
        for (int lane = 0; lane < LANES; lane++) {
            y[i] += sum[lane];
        }
    }
}

// Scales x (n) to length one and returns the length that it had.
static double normalise(float *x, int n) {
    double square = 0.0;
    for (int i = 0; i < n; i++) {
        square += (double)x[i] * (double)x[i];
    }
    const double length = sqrt(square);
    for (int i = 0; i < n && length > 0.0; i++) {
        x[i] = (float)(x[i] / length);
    }
    return length;
}

double tz_spectral_norm(const float *W, int rows, int cols, float *work) {
    float *x = work, *y = work + rows; // (rows), (cols)
    for (int i = 0; i < rows; i++) {
        x[i] = 1.0f;
    }
    normalise(x, rows);
    double norm = 0.0;
    for (int k = 0; k < ITERATIONS; k++) {
        times(y, x, W, rows, cols);
        normalise(y, cols);
        times_transposed(x, y, W, rows, cols);
        norm = normalise(x, rows);
    }
    return norm;
}

void tz_limit_spectral_norms(tz_model *model, double limit, float *work) {
    for (int t = 0; t < model->n_tensors; t++) {
        const tz_model_tensor *tensor = &model->tensors[t];
        float *W = model->parameters + tensor->offset; // (rows, cols)
        if (tensor->is_bias) {
            continue;
        }
        const double norm = tz_spectral_norm(W, tensor->rows, tensor->cols, work);
        const float scale = (float)(limit / norm);
        for (int i = 0; norm > limit && i < tensor->rows * tensor->cols; i++) {
            W[i] *= scale;
        }
    }
}
