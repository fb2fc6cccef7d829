// A heavy top on a fixed point: a disk on a thin axle whose lowest point is held. q = (phi, theta,
// psi). Its second moments are those of the study's mesh times 100, as its code has them; per unit
// mass, with c the vector from the pivot to the centre of mass and S the second moments,
//
//     I = |c|^2 E - c c^T + tr(S) E - S,   V = g (c . k),   k = third row of R
#include "envs/hamiltonian/rigid_body.h"
#include "envs/hamiltonian/system_type.h"

#include <math.h>

// Centre of mass and second moments (docs/systems.md).
#define C_X -3.295e-8
#define C_Y -3.256e-8
#define C_Z 0.221728538170991
#define S_X 0.241378386118703
#define S_Y 0.241378380645191
#define S_Z 0.0369415414178738

static const tz_rigid_body top = {
    .com = {C_X, C_Y, C_Z},
    .covariance = {S_X, S_Y, S_Z},
    .inertia = {C_Y * C_Y + C_Z * C_Z + S_Y + S_Z, -C_X *C_Y, -C_X *C_Z, //
                -C_Y *C_X, C_X *C_X + C_Z *C_Z + S_X + S_Z, -C_Y *C_Z,   //
                -C_Z *C_X, -C_Z *C_Y, C_X *C_X + C_Y *C_Y + S_X + S_Y}};

static void setup(tz_system *system) {
    system->n = 3;
    system->mass[0] = 2.0; // what the study ran; the motion does not depend on it
    system->is_angle[0] = system->is_angle[1] = system->is_angle[2] = true;
    system->is_cyclic[0] = true; // turning about the vertical
}

static void mass_matrix(const tz_system *system, double *M, const double *q) {
    tz_rigid_mass_matrix(&top, M, 3, q);
    for (int i = 0; i < 9; i++) {
        M[i] *= system->mass[0];
    }
}

// The world's z axis in the body frame, k (3).
static void up_axis(double k[3], const double *q) {
    k[0] = sin(q[1]) * sin(q[2]);
    k[1] = sin(q[1]) * cos(q[2]);
    k[2] = cos(q[1]);
}

static double potential(const tz_system *system, const double *q) {
    double k[3];
    up_axis(k, q);
    return system->mass[0] * TZ_GRAVITY * tz_dot3(top.com, k);
}

static void acceleration(const tz_system *system, double *a, const double *q, const double *v) {
    (void)system;
    tz_rigid_acceleration(&top, a, q, v);
}

static double kinetic_of_code(const tz_system *system, const double *q, const double *v) {
    return tz_rigid_kinetic_of_code(&top, system->mass[0], q, v, NULL);
}

static void points(const tz_system *system, double *at, const double *q) {
    (void)system;
    double R[9];
    tz_rigid_rotation(R, q);
    for (int c = 0; c < 3; c++) {
        at[c] = tz_dot3(R + 3 * c, top.com);
    }
}

static void to_x(const tz_system *system, double *x, const double *z) {
    (void)system;
    tz_rigid_to_x(x, z, z + 3);
}

static void from_x(const tz_system *system, double *z, const double *x) {
    (void)system;
    tz_rigid_from_x(z, z + 3, x);
}

static void rate(const tz_system *system, double *dx, const double *x) {
    (void)system;
    tz_rigid_rate(&top, dx, x);
}

// Uniform on (-a, a).
static double between(tz_rng *rng, double a) {
    return a * (2.0 * tz_rng_uniform(rng) - 1.0);
}

// Angles are drawn with theta of either sign, then brought to theta >= 0 through the rotation.
static void start(const tz_system *system, double *z, tz_rng *rng) {
    double x[TZ_RIGID_NX];
    for (int i = 0; i < 3; i++) {
        z[i] = between(rng, 1.5);
    }
    z[3] = between(rng, 4.5);
    z[4] = between(rng, 0.3);
    const double sign = tz_rng_uniform(rng) < 0.5 ? -1.0 : 1.0;
    z[5] = sign * 1.5 * (7.0 + tz_rng_normal(rng));
    to_x(system, x, z);
    from_x(system, z, x);
}

const tz_system_type tz_gyroscope = {
    .name = "gyroscope",
    .max_k = 1,
    .dt_s = 0.02,
    .coordinate = {"phi", "theta", "psi"},
    .setup = setup,
    .acceleration = acceleration,
    .mass_matrix = mass_matrix,
    .potential = potential,
    .kinetic_of_code = kinetic_of_code,
    .start = start,
    .points = points,
    .nx = TZ_RIGID_NX,
    .to_x = to_x,
    .from_x = from_x,
    .rate = rate,
};
