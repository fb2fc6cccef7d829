// A spherical pendulum whose bob is a dipole, over two magnets on the floor: q = (phi, theta) of
// spherical.h,
//
//     V = m g cos ph sin th + U(r)
//     U = Q^2 / (4 pi) sum_i [-3 (r . d_i) (d_i)_z - |d_i|^2 r_z] / |d_i|^5,   d_i = R_i - r
//
// The sign of the second term is not that of physical dipoles; it is the study's, so it stays. With
// N = -3 (r . d) d_z - |d|^2 r_z the force is F = -m g e_z - dU/dr,
//
//     dU/dr = Q^2 / (4 pi) sum_i |d|^-5 [-3 (d - r) d_z + 3 (r . d) e_z + 2 d r_z - |d|^2 e_z]
//                                + 5 N d |d|^-7
#include "envs/hamiltonian/spherical.h"

static const double Q = 0.3;
static const double R[2][3] = {{0.1, 0.0, -1.05}, {-0.1, 0.0, -1.05}}; // of the magnets (m)

static void setup(tz_system *system) {
    system->n = 2;
    system->mass[0] = 2.0; // what the study ran
    system->is_angle[0] = system->is_angle[1] = true;
}

static void mass_matrix(const tz_system *system, double *M, const double *q) {
    M[0] = system->mass[0] * sin(q[1]) * sin(q[1]);
    M[1] = M[2] = 0.0;
    M[3] = system->mass[0];
}

// U and, if not NULL, its gradient dU (3).
static double dipoles(double *dU, const double r[3]) {
    const double strength = Q * Q / (4.0 * M_PI);
    double U = 0.0;
    if (dU != NULL) {
        dU[0] = dU[1] = dU[2] = 0.0;
    }
    for (int i = 0; i < 2; i++) {
        const double d[3] = {R[i][0] - r[0], R[i][1] - r[1], R[i][2] - r[2]};
        const double d2 = tz_dot3(d, d), d5 = d2 * d2 * sqrt(d2), rd = tz_dot3(r, d);
        const double N = -3.0 * rd * d[2] - d2 * r[2];
        U += strength * N / d5;
        for (int c = 0; dU != NULL && c < 3; c++) {
            const double e_z = c == 2;
            dU[c] +=
                strength *
                ((-3.0 * (d[c] - r[c]) * d[2] + 3.0 * rd * e_z + 2.0 * d[c] * r[2] - d2 * e_z) /
                     d5 +
                 5.0 * N * d[c] / (d5 * d2));
        }
    }
    return U;
}

static double potential(const tz_system *system, const double *q) {
    double r[3];
    tz_spherical_point(r, q[0], q[1]);
    return system->mass[0] * TZ_GRAVITY * r[2] + dipoles(NULL, r);
}

static void acceleration(const tz_system *system, double *a, const double *q, const double *v) {
    const double m = system->mass[0];
    double r[3], dU[3];
    tz_spherical_point(r, q[0], q[1]);
    dipoles(dU, r);
    const double F[3] = {-dU[0], -dU[1], -dU[2] - m * TZ_GRAVITY};
    tz_spherical_acceleration(a, q, v, F, m);
}

static double kinetic_of_code(const tz_system *system, const double *q, const double *v) {
    return 0.5 * tz_spherical_speed2(q, v) / system->mass[0];
}

static void points(const tz_system *system, double *at, const double *q) {
    (void)system;
    tz_spherical_point(at, q[0], q[1]);
}

static void start(const tz_system *system, double *z, tz_rng *rng) {
    (void)system;
    z[0] = M_PI + 0.3 * tz_rng_normal(rng);
    z[1] = 0.5 * M_PI + 0.2 * tz_rng_normal(rng);
    z[2] = 0.05 * tz_rng_normal(rng);
    z[3] = 0.4 * tz_rng_normal(rng);
}

const tz_system_type tz_magnet = {
    .name = "magnet",
    .max_k = 1,
    .dt_s = 0.05,
    .coordinate = {"phi", "theta"},
    .setup = setup,
    .acceleration = acceleration,
    .mass_matrix = mass_matrix,
    .potential = potential,
    .kinetic_of_code = kinetic_of_code,
    .start = start,
    .points = points,
};
