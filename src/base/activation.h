// Vectorised activation functions on flat arrays. NaN in gives NaN out.
#ifndef TRAPEZE_BASE_ACTIVATION_H
#define TRAPEZE_BASE_ACTIVATION_H

#include "base/export.h"

#include <stddef.h>

// y = tanh(x), |error| <= 4 ulp. In place allowed (y == x).
TZ_API void tz_tanh_f32(float *y, const float *x, size_t n);

// y = exp(x) and y = log(x), |error| <= 4 ulp. In place allowed.
TZ_API void tz_exp_f32(float *y, const float *x, size_t n);
TZ_API void tz_log_f32(float *y, const float *x, size_t n);

// Y (rows, n) <- tanh(Y + b), b (n) added to every row; row stride ldy.
TZ_API void tz_bias_tanh_f32(float *Y, const float *b, int rows, int n, int ldy);

// Y (rows, n) <- max(Y + b, 0).
TZ_API void tz_bias_relu_f32(float *Y, const float *b, int rows, int n, int ldy);

// Y (rows, n) <- Y + b.
TZ_API void tz_bias_f32(float *Y, const float *b, int rows, int n, int ldy);

// dx = dy * (1 - y^2), y = tanh(x). In place allowed.
TZ_API void tz_tanh_backward_f32(float *dx, const float *dy, const float *y, size_t n);

// dx = dy where y > 0, else 0. In place allowed.
TZ_API void tz_relu_backward_f32(float *dx, const float *dy, const float *y, size_t n);

#endif
