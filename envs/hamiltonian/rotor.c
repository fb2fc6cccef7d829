// A free T-shaped rigid body without forces: q = (x, y, z of its centre of mass, phi, theta, psi),
// V = 0, I = tr(S) E - S per unit mass with the second moments S of the study's mesh; the third
// axis is the intermediate one, so free rotations tumble.
#include "envs/hamiltonian/rigid_body.h"
#include "envs/hamiltonian/system_type.h"

#include <math.h>
#include <string.h>

enum { N = 6, ROTATION_AT = 6 }; // x = (position, velocity, R, w)

static const tz_rigid_body body = {
    .covariance = {0.00298513426252909, 0.0990633652361861, 0.02110851337999702},
    .inertia = {0.0990633652361861 + 0.02110851337999702, 0, 0,  //
                0, 0.00298513426252909 + 0.02110851337999702, 0, //
                0, 0, 0.00298513426252909 + 0.0990633652361861}};

static void setup(tz_system *system) {
    system->n = N;
    system->mass[0] = 2.0; // what the study ran; the motion does not depend on it
    system->is_angle[3] = system->is_angle[4] = system->is_angle[5] = true;
    for (int i = 0; i <= 3; i++) {
        system->is_cyclic[i] = true; // its place, and turning about the vertical
    }
}

static void mass_matrix(const tz_system *system, double *M, const double *q) {
    memset(M, 0, N * N * sizeof *M);
    for (int i = 0; i < 3; i++) {
        M[i * N + i] = 1.0;
    }
    tz_rigid_mass_matrix(&body, M + 3 * N + 3, N, q + 3);
    for (int i = 0; i < N * N; i++) {
        M[i] *= system->mass[0];
    }
}

static double potential(const tz_system *system, const double *q) {
    (void)system, (void)q;
    return 0.0;
}

static void acceleration(const tz_system *system, double *a, const double *q, const double *v) {
    (void)system;
    a[0] = a[1] = a[2] = 0.0;
    tz_rigid_acceleration(&body, a + 3, q + 3, v + 3);
}

static double kinetic_of_code(const tz_system *system, const double *q, const double *v) {
    return tz_rigid_kinetic_of_code(&body, system->mass[0], q + 3, v + 3, v);
}

static void points(const tz_system *system, double *at, const double *q) {
    (void)system;
    memcpy(at, q, 3 * sizeof *at);
}

static void to_x(const tz_system *system, double *x, const double *z) {
    (void)system;
    memcpy(x, z, 3 * sizeof *x);
    memcpy(x + 3, z + N, 3 * sizeof *x);
    tz_rigid_to_x(x + ROTATION_AT, z + 3, z + N + 3);
}

static void from_x(const tz_system *system, double *z, const double *x) {
    (void)system;
    memcpy(z, x, 3 * sizeof *z);
    memcpy(z + N, x + 3, 3 * sizeof *z);
    tz_rigid_from_x(z + 3, z + N + 3, x + ROTATION_AT);
}

static void rate(const tz_system *system, double *dx, const double *x) {
    (void)system;
    memcpy(dx, x + 3, 3 * sizeof *dx);
    dx[3] = dx[4] = dx[5] = 0.0;
    tz_rigid_rate(&body, dx + ROTATION_AT, x + ROTATION_AT);
}

// All twelve numbers are clip(2 N, -3, 3), those of the centre of mass times 0.1; theta is brought
// into [0, pi] through the rotation.
static void start(const tz_system *system, double *z, tz_rng *rng) {
    double x[ROTATION_AT + TZ_RIGID_NX];
    for (int i = 0; i < 2 * N; i++) {
        const double drawn = fmax(-3.0, fmin(3.0, 2.0 * tz_rng_normal(rng)));
        z[i] = i % N < 3 ? 0.1 * drawn : drawn;
    }
    to_x(system, x, z);
    from_x(system, z, x);
}

const tz_system_type tz_rotor = {
    .name = "rotor",
    .max_k = 1,
    .dt_s = 0.05,
    .coordinate = {"x", "y", "z", "phi", "theta", "psi"},
    .setup = setup,
    .acceleration = acceleration,
    .mass_matrix = mass_matrix,
    .potential = potential,
    .kinetic_of_code = kinetic_of_code,
    .start = start,
    .points = points,
    .nx = ROTATION_AT + TZ_RIGID_NX,
    .to_x = to_x,
    .from_x = from_x,
    .rate = rate,
};
