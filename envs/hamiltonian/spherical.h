// A spherical pendulum of length one in angles (phi, theta) with the polar axis along -x:
//
//     r = (-cos th, sin ph sin th, cos ph sin th),   T = 1/2 m (th'^2 + sin^2 th ph'^2)
//     ph'' = F . dr/dph / (m sin^2 th) - 2 cot th ph' th'
//     th'' = F . dr/dth / m + sin th cos th ph'^2
//
// for a force F on the bob. It hangs at rest at ph = pi, th = pi / 2.
#ifndef TRAPEZE_ENVS_HAMILTONIAN_SPHERICAL_H
#define TRAPEZE_ENVS_HAMILTONIAN_SPHERICAL_H

#include "envs/hamiltonian/system_type.h"

#include <math.h>

static inline void tz_spherical_point(double r[3], double ph, double th) {
    r[0] = -cos(th);
    r[1] = sin(ph) * sin(th);
    r[2] = cos(ph) * sin(th);
}

// a (2) = (ph'', th'') for q = (ph, th), v = (ph', th') and the force F (3).
static inline void tz_spherical_acceleration(double *a, const double *q, const double *v,
                                             const double F[3], double m) {
    const double cp = cos(q[0]), sp = sin(q[0]), ct = cos(q[1]), st = sin(q[1]);
    const double dr_dph[3] = {0.0, cp * st, -sp * st}, dr_dth[3] = {st, sp * ct, cp * ct};
    a[0] = tz_dot3(F, dr_dph) / (m * st * st) - 2.0 * ct / st * v[0] * v[1];
    a[1] = tz_dot3(F, dr_dth) / m + st * ct * v[0] * v[0];
}

// Square of the bob's velocity.
static inline double tz_spherical_speed2(const double *q, const double *v) {
    return v[1] * v[1] + sin(q[1]) * sin(q[1]) * v[0] * v[0];
}

#endif
