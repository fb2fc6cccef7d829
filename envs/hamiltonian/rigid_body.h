// Rigid bodies in Euler angles e = (phi, theta, psi), intrinsic z-x-z: R = Rz(phi) Rx(theta)
// Rz(psi), body to world. The body-frame angular velocity is w = B(theta, psi) de/dt,
//
//     B = [sin th sin ps,  cos ps, 0]
//         [sin th cos ps, -sin ps, 0]
//         [cos th,              0, 1]
//
// and the motion dR/dt = R [w], I dw/dt = tau - w x (I w). The angles are singular at theta = 0 and
// pi, so the integration state of a body is x = (R, w), twelve numbers, R row-major.
#ifndef TRAPEZE_ENVS_HAMILTONIAN_RIGID_BODY_H
#define TRAPEZE_ENVS_HAMILTONIAN_RIGID_BODY_H

enum { TZ_RIGID_NX = 12 };

// A body per unit mass; everything is proportional to the mass.
typedef struct tz_rigid_body {
    double inertia[9];    // about the point that is held or the centre of mass, body frame (3, 3)
    double com[3];        // from the held point to the centre of mass, body frame; 0: free
    double covariance[3]; // second moments of the solid along its axes, for energy_of_code
} tz_rigid_body;

// R (3, 3) of angles e (3).
void tz_rigid_rotation(double R[9], const double e[3]);

// x (12) from angles e and rates de, and back: theta in [0, pi], the others in (-pi, pi].
void tz_rigid_to_x(double *x, const double *e, const double *de);
void tz_rigid_from_x(double *e, double *de, const double *x);

// dx (12) under gravity on the centre of mass.
void tz_rigid_rate(const tz_rigid_body *body, double *dx, const double *x);

// d2e (3) = second derivative of the angles.
void tz_rigid_acceleration(const tz_rigid_body *body, double *d2e, const double *e,
                           const double *de);

// M (3, 3) = B^T I B per unit mass, written with row stride ld.
void tz_rigid_mass_matrix(const tz_rigid_body *body, double *M, int ld, const double *e);

// Kinetic part of the published code's energy for a body of this mass, held or moving with its
// centre of mass at velocity V (3; NULL: held).
double tz_rigid_kinetic_of_code(const tz_rigid_body *body, double mass, const double *e,
                                const double *de, const double *V);

#endif
