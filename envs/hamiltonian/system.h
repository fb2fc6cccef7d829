// The physical systems of the study: pendulum and spring chains, rigid bodies, a pendulum over
// magnets. Each is described by its kinetic and potential energy in generalised coordinates,
//
//     L = 1/2 v^T M(q) v - V(q),   p = M v,   H = 1/2 v^T M v + V,
//
// with closed forms in double (docs/systems.md has them all). The learning coordinates are
// z = (q, v), v = dq/dt, angles in radians.
//
// A tz_system is a plain value: immutable in use, shared by threads, nothing to destroy.
#ifndef TRAPEZE_ENVS_HAMILTONIAN_SYSTEM_H
#define TRAPEZE_ENVS_HAMILTONIAN_SYSTEM_H

#include "base/rng.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    TZ_BODIES_MAX = 5,    // links or bobs, k
    TZ_SYSTEM_N_MAX = 15, // coordinates, n
    TZ_SYSTEM_X_MAX = 30  // numbers that the integrator moves
};

// How energy is lost. Both act on generalised momenta.
typedef enum tz_drag {
    TZ_DRAG_NONE,     // dp/dt = -dH/dq
    TZ_DRAG_MOMENTUM, // dp/dt = -dH/dq - c p: what the study ran, accelerations lose c v
    TZ_DRAG_VELOCITY  // dp/dt = -dH/dq - c v: as its text has it, accelerations lose c M^-1 v
} tz_drag;

typedef struct tz_system_type tz_system_type;

typedef struct tz_system {
    char name[32]; // "chain-2-damped"
    const tz_system_type *type;
    int k;       // bodies
    int n;       // coordinates; z has 2 n entries
    double dt_s; // sampling interval of the study's data
    bool is_angle[TZ_SYSTEM_N_MAX];
    bool is_cyclic[TZ_SYSTEM_N_MAX]; // neither M nor V depends on it
    tz_drag drag;
    double drag_coefficient;      // c, 1/s
    double mass[TZ_BODIES_MAX];   // kg; [0] hangs from the ceiling               (k)
    double length[TZ_BODIES_MAX]; // m, of the rods of chains                     (k)
} tz_system;

// Finds a system by name: chain-K and spring-K for K = 1 to 5, these with "-damped" (drag on the
// momentum, c = 0.4) or "-drag" (on the velocity, c = 0.4), gyroscope, rotor, magnet, coupled.
// TZ_ERR_ARGUMENT, listing them, for another name. Masses, lengths and drag may be changed after.
TZ_API tz_status tz_system_find(tz_system *system, const char *name, tz_error *error);

// All names, for lists and conformance tests.
TZ_API int tz_system_count(void);
TZ_API void tz_system_name_at(int index, char name[32]);

// Name of coordinate i: "theta0" of a chain, "z1" of springs, "psi" of a rigid body. Bodies count
// from the ceiling.
TZ_API void tz_system_coordinate_name(const tz_system *system, char *name, size_t size, int i);

// a (n) = dv/dt at (q, v), drag included.
TZ_API void tz_system_acceleration(const tz_system *system, double *a, const double *q,
                                   const double *v);

// p (n) = M(q) v.
TZ_API void tz_system_momentum(const tz_system *system, double *p, const double *q,
                               const double *v);

// V(q), and H = 1/2 v^T M v + V.
TZ_API double tz_system_potential(const tz_system *system, const double *q);
TZ_API double tz_system_energy(const tz_system *system, const double *q, const double *v);

// What the study's published code computed in the place of H: velocities passed where momenta were
// expected, so 1/2 sum |xdot_i|^2 / m_i for point masses. It is not conserved.
TZ_API double tz_system_energy_of_code(const tz_system *system, const double *q, const double *v);

// Draws the initial state z (2 n) of the study's distribution.
TZ_API void tz_system_start(const tz_system *system, double *z, tz_rng *rng);

// Where its bodies are, for pictures: points (k, 3) in metres, z up. A rigid body gives its centre
// of mass.
TZ_API void tz_system_points(const tz_system *system, double *points, const double *q);

// Removes jumps of more than pi from the angles along a trajectory z (T, 2 n), in place, starting
// with each first angle in (-pi, pi].
TZ_API void tz_system_unwrap(const tz_system *system, double *z, int T);

// ---- integration state: (q, v) itself, or for rigid bodies, whose angles are singular at two
// poles, a rotation matrix and the angular velocity

TZ_API int tz_system_nx(const tz_system *system); // its size
// x (nx) of z (2 n) and back; dx (nx) <- dx/dt at x (nx), which the integrator asks for.
TZ_API void tz_system_to_x(const tz_system *system, double *x, const double *z);
TZ_API void tz_system_from_x(const tz_system *system, double *z, const double *x);
TZ_API void tz_system_rate(const tz_system *system, double *dx, const double *x);

#endif
