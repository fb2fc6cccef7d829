// What one family of systems (chain.c, spring.c, ...) fills in for system.c.
#ifndef TRAPEZE_ENVS_HAMILTONIAN_SYSTEM_TYPE_H
#define TRAPEZE_ENVS_HAMILTONIAN_SYSTEM_TYPE_H

#include "envs/hamiltonian/system.h"

#define TZ_GRAVITY 9.81 // m/s^2

struct tz_system_type {
    const char *name; // "chain"; followed by "-K" when max_k > 1
    int max_k;        // bodies that may be asked for; 1: the name stands alone
    bool has_drag;    // "-damped" and "-drag" exist
    double dt_s;
    const char *coordinate[6]; // names of one body's coordinates, in order; NULL after the last
    bool numbers_bodies;       // the body's index follows the name

    // (required) n, is_angle, is_cyclic, mass and length of a system whose k is set
    void (*setup)(tz_system *system);
    // (required) without drag
    void (*acceleration)(const tz_system *system, double *a, const double *q, const double *v);
    void (*mass_matrix)(const tz_system *system, double *M, const double *q);
    double (*potential)(const tz_system *system, const double *q);
    // (required) kinetic part of tz_system_energy_of_code
    double (*kinetic_of_code)(const tz_system *system, const double *q, const double *v);
    void (*start)(const tz_system *system, double *z, tz_rng *rng);
    void (*points)(const tz_system *system, double *points, const double *q);

    // (all or none) an integration state other than (q, v); serves no drag
    int nx;
    void (*to_x)(const tz_system *system, double *x, const double *z);
    void (*from_x)(const tz_system *system, double *z, const double *x);
    void (*rate)(const tz_system *system, double *dx, const double *x);
};

extern const tz_system_type tz_chain, tz_spring, tz_gyroscope, tz_rotor, tz_magnet, tz_coupled;

// Masses and lengths of the chains: 0.6 + 0.8 U with U the first draws of a fixed stream, consumed
// from the end (docs/systems.md). Writes the masses of k bodies and, when length is not NULL,
// lengths.
void tz_chain_masses(double *mass, double *length, int k);

// Solves A x = b for a symmetric positive definite A (n, n), n <= TZ_SYSTEM_N_MAX, by Cholesky; b
// becomes x, A its factor.
void tz_solve_spd(double *A, double *b, int n);

static inline double tz_dot3(const double a[3], const double b[3]) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

#endif
