// k bobs in space, one below the other, joined by springs of constant K; the first hangs from the
// origin by a spring of rest length zero, the others have rest length one. q = (x0, y0, z0, x1,
// ...), z up, M = diag(m_i E).
//
//     V = g sum_i m_i z_i + 1/2 K |r_0|^2 + 1/2 K sum_{i >= 1} (|d_i| - 1)^2,   d_i = r_i - r_{i-1}
//     m_i dv_i/dt = -dV/dr_i
//
// (docs/systems.md). Letters: i is a bob, k their number.
#include "envs/hamiltonian/system_type.h"

#include <math.h>
#include <string.h>

static const double K = 10.0; // N/m

static void setup(tz_system *system) {
    system->n = 3 * system->k;
    tz_chain_masses(system->mass, NULL, system->k);
}

static void mass_matrix(const tz_system *system, double *M, const double *q) {
    (void)q;
    const int n = system->n;
    memset(M, 0, (size_t)(n * n) * sizeof *M);
    for (int i = 0; i < n; i++) {
        M[i * n + i] = system->mass[i / 3];
    }
}

// d (3) = r_i - r_{i-1}; returns its length.
static double link(double d[3], const double *q, int i) {
    for (int c = 0; c < 3; c++) {
        d[c] = q[3 * i + c] - (i > 0 ? q[3 * (i - 1) + c] : 0.0);
    }
    return sqrt(tz_dot3(d, d));
}

static double potential(const tz_system *system, const double *q) {
    double V = 0.0;
    for (int i = 0; i < system->k; i++) {
        double d[3];
        const double stretch = link(d, q, i) - (i > 0 ? 1.0 : 0.0);
        V += TZ_GRAVITY * system->mass[i] * q[3 * i + 2] + 0.5 * K * stretch * stretch;
    }
    return V;
}

static void acceleration(const tz_system *system, double *a, const double *q, const double *v) {
    (void)v;
    for (int i = 0; i < system->k; i++) {
        a[3 * i] = a[3 * i + 1] = 0.0;
        a[3 * i + 2] = -TZ_GRAVITY;
    }
    for (int i = 0; i < system->k; i++) {
        double d[3];
        const double length = link(d, q, i);
        const double pull = i > 0 ? K * (1.0 - 1.0 / length) : K; // force on bob i is -pull d
        for (int c = 0; c < 3; c++) {
            a[3 * i + c] -= pull * d[c] / system->mass[i];
            if (i > 0) {
                a[3 * (i - 1) + c] += pull * d[c] / system->mass[i - 1];
            }
        }
    }
}

static double kinetic_of_code(const tz_system *system, const double *q, const double *v) {
    (void)q;
    double sum = 0.0;
    for (int i = 0; i < system->n; i++) {
        sum += v[i] * v[i] / system->mass[i / 3];
    }
    return 0.5 * sum;
}

static void points(const tz_system *system, double *at, const double *q) {
    memcpy(at, q, (size_t)system->n * sizeof *at);
}

// The heights are meant to be near the equilibrium but are not it: the sum takes the first masses
// in place of the last and forgets the rest lengths. It defines the study's distribution, so it
// stays.
static void start(const tz_system *system, double *z, tz_rng *rng) {
    const int k = system->k, n = system->n;
    double height = 0.0;
    for (int i = 0; i < k; i++) {
        double force = 0.0;
        for (int j = 0; j < k - i; j++) {
            force -= TZ_GRAVITY * system->mass[j];
        }
        height += force / K;
        z[3 * i] = 0.4 * tz_rng_normal(rng);
        z[3 * i + 1] = 0.4 * tz_rng_normal(rng);
        z[3 * i + 2] = height + 0.8 * tz_rng_normal(rng) + 0.4 * tz_rng_normal(rng);
    }
    for (int i = 0; i < n; i++) {
        z[n + i] = 0.6 * tz_rng_normal(rng);
    }
}

const tz_system_type tz_spring = {
    .name = "spring",
    .max_k = TZ_BODIES_MAX,
    .has_drag = true,
    .dt_s = 0.03,
    .coordinate = {"x", "y", "z"},
    .numbers_bodies = true,
    .setup = setup,
    .acceleration = acceleration,
    .mass_matrix = mass_matrix,
    .potential = potential,
    .kinetic_of_code = kinetic_of_code,
    .start = start,
    .points = points,
};
