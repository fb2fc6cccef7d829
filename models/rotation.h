// How a body's rotation moves in a step h, as the rate (q' - q) / h that an Euler step adds. The
// quaternion q = (w, x, y, z) turns the body's axes into the world's, omega is the angular velocity
// along the body's axes (MuJoCo's free and ball joints).
//
//     exponential   q' = q * Exp(h omega),   Exp(a) = (cos |a|/2, (sin |a|/2 / |a|) a): |q| is kept
//     naive         q' = q + (h/2) q * (0, omega): |q| grows by sqrt(1 + |h omega / 2|^2) a step
#ifndef TRAPEZE_MODELS_ROTATION_H
#define TRAPEZE_MODELS_ROTATION_H

#include "models/real.h"

#include <stdbool.h>

// rate (4) from q (4) and omega (3).
void tz_rotation_rate(tz_real *rate, const tz_real *q, const tz_real *omega, tz_real h,
                      bool is_naive);

// q_bar (4) += and omega_bar (3) overwritten, for lambda (4) on the rate.
void tz_rotation_rate_vjp(tz_real *q_bar, tz_real *omega_bar, const tz_real *q,
                          const tz_real *omega, const tz_real *lambda, tz_real h, bool is_naive);

#endif
