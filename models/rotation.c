// With phi = h |omega| / 2 and S(phi) = sin phi / phi, the rate is q * E for
//
//     E = (Exp(h omega) - 1) / h = (e0, e),   e0 = (cos phi - 1) / h = -2 sin^2(phi/2) / h,
//                                             e = S omega / 2
//
// (naive: e0 = 0, e = omega / 2). Products of quaternions are linear in both factors and orthogonal
// up to length, so q_bar += lambda * conj(E) and E_bar = conj(q) * lambda. With dphi/domega =
// (h^2/4) omega / phi,
//
//     omega_bar = S/2 e_bar + omega (h^2/8 G (omega . e_bar) - h/4 S e0_bar)
//     G = S'(phi) / phi = (phi cos phi - sin phi) / phi^3 = -1/3 + phi^2/30 - phi^4/840 + ...
#include "models/rotation.h"

#include <math.h>
#include <tgmath.h>

// Below this angle the series are exact to double's rounding.
static const double SMALL = 0.2;

static tz_real sine_ratio(tz_real phi) {
    if (phi < (tz_real)SMALL) {
        const tz_real x = phi * phi;
        return 1 - x / 6 * (1 - x / 20 * (1 - x / 42 * (1 - x / 72)));
    }
    return sin(phi) / phi;
}

static tz_real sine_ratio_slope(tz_real phi) {
    if (phi < (tz_real)SMALL) {
        const tz_real x = phi * phi;
        return -(1 - x / 10 * (1 - x / 28 * (1 - x / 54 * (1 - x / 88)))) / 3;
    }
    return (phi * cos(phi) - sin(phi)) / (phi * phi * phi);
}

// r = a * b
static void multiply(tz_real *r, const tz_real *a, const tz_real *b) {
    r[0] = a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3];
    r[1] = a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2];
    r[2] = a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1];
    r[3] = a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0];
}

static void conjugate(tz_real *r, const tz_real *a) {
    r[0] = a[0];
    for (int i = 1; i < 4; i++) {
        r[i] = -a[i];
    }
}

static tz_real half_angle(const tz_real *omega, tz_real h) {
    return h / 2 * sqrt(omega[0] * omega[0] + omega[1] * omega[1] + omega[2] * omega[2]);
}

static void increment(tz_real *E, const tz_real *omega, tz_real h, bool is_naive) {
    const tz_real phi = is_naive ? 0 : half_angle(omega, h);
    const tz_real s = sin(phi / 2), S = sine_ratio(phi);
    E[0] = -2 * s * s / h;
    for (int i = 0; i < 3; i++) {
        E[1 + i] = S * omega[i] / 2;
    }
}

void tz_rotation_rate(tz_real *rate, const tz_real *q, const tz_real *omega, tz_real h,
                      bool is_naive) {
    tz_real E[4];
    increment(E, omega, h, is_naive);
    multiply(rate, q, E);
}

void tz_rotation_rate_vjp(tz_real *q_bar, tz_real *omega_bar, const tz_real *q,
                          const tz_real *omega, const tz_real *lambda, tz_real h, bool is_naive) {
    tz_real E[4], conj_E[4], conj_q[4], from_q[4], E_bar[4];
    increment(E, omega, h, is_naive);
    conjugate(conj_E, E);
    multiply(from_q, lambda, conj_E);
    for (int i = 0; i < 4; i++) {
        q_bar[i] += from_q[i];
    }
    conjugate(conj_q, q);
    multiply(E_bar, conj_q, lambda);

    const tz_real phi = half_angle(omega, h);
    const tz_real S = is_naive ? 1 : sine_ratio(phi), G = is_naive ? 0 : sine_ratio_slope(phi);
    tz_real along = 0; // omega . e_bar
    for (int i = 0; i < 3; i++) {
        along += omega[i] * E_bar[1 + i];
    }
    const tz_real radial = is_naive ? 0 : h * h / 8 * G * along - h / 4 * S * E_bar[0];
    for (int i = 0; i < 3; i++) {
        omega_bar[i] = S / 2 * E_bar[1 + i] + radial * omega[i];
    }
}
