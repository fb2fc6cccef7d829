// Two spherical pendulums of mass and length one, pivots at (i, 0, 0), joined by a spring of
// constant K and rest length one: q = (ph_0, th_0, ph_1, th_1) of spherical.h,
//
//     V = g sum_i m z_i + 1/2 K (|r_1 - r_0| - 1)^2,   r_i = (i, 0, 0) + u(ph_i, th_i)
#include "envs/hamiltonian/spherical.h"

#include <string.h>

enum { N = 4 };

static const double K = 10.0; // N/m

static void setup(tz_system *system) {
    system->k = 2;
    system->n = N;
    for (int i = 0; i < N; i++) {
        system->is_angle[i] = true;
    }
    system->mass[0] = system->mass[1] = 1.0;
    system->length[0] = system->length[1] = 1.0;
}

static void points(const tz_system *system, double *at, const double *q) {
    (void)system;
    for (int i = 0; i < 2; i++) {
        tz_spherical_point(at + 3 * i, q[2 * i], q[2 * i + 1]);
        at[3 * i] += i;
    }
}

// d (3) = r_1 - r_0; returns its length.
static double spring(double d[3], const double *r) {
    for (int c = 0; c < 3; c++) {
        d[c] = r[3 + c] - r[c];
    }
    return sqrt(tz_dot3(d, d));
}

static void mass_matrix(const tz_system *system, double *M, const double *q) {
    memset(M, 0, N * N * sizeof *M);
    for (int i = 0; i < 2; i++) {
        const double s = sin(q[2 * i + 1]);
        M[(2 * i) * (N + 1)] = system->mass[i] * s * s;
        M[(2 * i + 1) * (N + 1)] = system->mass[i];
    }
}

static double potential(const tz_system *system, const double *q) {
    double r[6], d[3];
    points(system, r, q);
    const double stretch = spring(d, r) - 1.0;
    return TZ_GRAVITY * (system->mass[0] * r[2] + system->mass[1] * r[5]) +
           0.5 * K * stretch * stretch;
}

static void acceleration(const tz_system *system, double *a, const double *q, const double *v) {
    double r[6], d[3];
    points(system, r, q);
    const double pull = K * (1.0 - 1.0 / spring(d, r)); // force on bob 0 is pull d
    for (int i = 0; i < 2; i++) {
        const double sign = i == 0 ? 1.0 : -1.0, m = system->mass[i];
        const double F[3] = {sign * pull * d[0], sign * pull * d[1],
                             sign * pull * d[2] - m * TZ_GRAVITY};
        tz_spherical_acceleration(a + 2 * i, q + 2 * i, v + 2 * i, F, m);
    }
}

static double kinetic_of_code(const tz_system *system, const double *q, const double *v) {
    return 0.5 * (tz_spherical_speed2(q, v) / system->mass[0] +
                  tz_spherical_speed2(q + 2, v + 2) / system->mass[1]);
}

static void start(const tz_system *system, double *z, tz_rng *rng) {
    (void)system;
    for (int i = 0; i < 2; i++) {
        z[2 * i] = M_PI + 0.3 * tz_rng_normal(rng);
        z[2 * i + 1] = 0.5 * M_PI + 0.3 * tz_rng_normal(rng);
    }
    for (int i = 0; i < N; i++) {
        z[N + i] = 0.3 * tz_rng_normal(rng);
    }
}

const tz_system_type tz_coupled = {
    .name = "coupled",
    .max_k = 1,
    .dt_s = 0.05,
    .coordinate = {"phi", "theta"},
    .numbers_bodies = true,
    .setup = setup,
    .acceleration = acceleration,
    .mass_matrix = mass_matrix,
    .potential = potential,
    .kinetic_of_code = kinetic_of_code,
    .start = start,
    .points = points,
};
