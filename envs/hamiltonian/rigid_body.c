#include "envs/hamiltonian/rigid_body.h"

#include "envs/hamiltonian/system_type.h"

#include <math.h>
#include <string.h>

// c = a x b.
static void cross(double c[3], const double a[3], const double b[3]) {
    c[0] = a[1] * b[2] - a[2] * b[1];
    c[1] = a[2] * b[0] - a[0] * b[2];
    c[2] = a[0] * b[1] - a[1] * b[0];
}

// y (3) = A x for A (3, 3), and y = A^T x.
static void times(double y[3], const double A[9], const double x[3]) {
    for (int i = 0; i < 3; i++) {
        y[i] = tz_dot3(A + 3 * i, x);
    }
}

static void times_transposed(double y[3], const double A[9], const double x[3]) {
    for (int i = 0; i < 3; i++) {
        y[i] = A[i] * x[0] + A[3 + i] * x[1] + A[6 + i] * x[2];
    }
}

void tz_rigid_rotation(double R[9], const double e[3]) {
    const double cf = cos(e[0]), sf = sin(e[0]), ct = cos(e[1]), st = sin(e[1]), cp = cos(e[2]),
                 sp = sin(e[2]);
    const double rotation[9] = {cf * cp - sf * ct * sp,
                                -cf * sp - sf * ct * cp,
                                sf * st,
                                sf * cp + cf * ct * sp,
                                -sf * sp + cf * ct * cp,
                                -cf * st,
                                st * sp,
                                st * cp,
                                ct};
    memcpy(R, rotation, sizeof rotation);
}

static void rate_matrix(double B[9], const double e[3]) {
    const double ct = cos(e[1]), st = sin(e[1]), cp = cos(e[2]), sp = sin(e[2]);
    const double matrix[9] = {st * sp, cp, 0.0, st * cp, -sp, 0.0, ct, 0.0, 1.0};
    memcpy(B, matrix, sizeof matrix);
}

// w (3) = B(e) de.
static void body_rates(double w[3], const double e[3], const double de[3]) {
    double B[9];
    rate_matrix(B, e);
    times(w, B, de);
}

// de (3) = B^-1 w.
static void angle_rates(double de[3], const double e[3], const double w[3]) {
    const double cp = cos(e[2]), sp = sin(e[2]);
    de[0] = (w[0] * sp + w[1] * cp) / sin(e[1]);
    de[1] = w[0] * cp - w[1] * sp;
    de[2] = w[2] - de[0] * cos(e[1]);
}

void tz_rigid_to_x(double *x, const double *e, const double *de) {
    tz_rigid_rotation(x, e);
    body_rates(x + 9, e, de);
}

void tz_rigid_from_x(double *e, double *de, const double *x) {
    e[0] = atan2(x[2], -x[5]);
    e[1] = atan2(hypot(x[2], x[5]), x[8]);
    e[2] = atan2(x[6], x[7]);
    angle_rates(de, e, x + 9);
}

// dw (3) with the direction `up` of the world's z axis in the body frame.
static void angular_acceleration(const tz_rigid_body *body, double dw[3], const double up[3],
                                 const double w[3]) {
    double weight[3], torque[3], momentum[3], gyroscopic[3], inertia[9];
    for (int i = 0; i < 3; i++) {
        weight[i] = -TZ_GRAVITY * up[i];
    }
    cross(torque, body->com, weight);
    times(momentum, body->inertia, w);
    cross(gyroscopic, w, momentum);
    for (int i = 0; i < 3; i++) {
        dw[i] = torque[i] - gyroscopic[i];
    }
    memcpy(inertia, body->inertia, sizeof inertia);
    tz_solve_spd(inertia, dw, 3);
}

void tz_rigid_rate(const tz_rigid_body *body, double *dx, const double *x) {
    const double *R = x, *w = x + 9; // (3, 3), (3)
    for (int i = 0; i < 3; i++) {
        // row i of R [w] is (row i of R) x w
        cross(dx + 3 * i, R + 3 * i, w);
    }
    angular_acceleration(body, dx + 9, R + 6, w);
}

void tz_rigid_acceleration(const tz_rigid_body *body, double *d2e, const double *e,
                           const double *de) {
    const double ct = cos(e[1]), st = sin(e[1]), cp = cos(e[2]), sp = sin(e[2]);
    const double up[3] = {st * sp, st * cp, ct};
    const double dB[9] = {ct * sp * de[1] + st * cp * de[2],
                          -sp * de[2],
                          0.0,
                          ct * cp * de[1] - st * sp * de[2],
                          -cp * de[2],
                          0.0,
                          -st * de[1],
                          0.0,
                          0.0};
    double w[3], dw[3], bias[3];
    body_rates(w, e, de);
    angular_acceleration(body, dw, up, w);
    times(bias, dB, de);
    for (int i = 0; i < 3; i++) {
        dw[i] -= bias[i];
    }
    angle_rates(d2e, e, dw);
}

void tz_rigid_mass_matrix(const tz_rigid_body *body, double *M, int ld, const double *e) {
    double B[9];
    rate_matrix(B, e);
    for (int j = 0; j < 3; j++) {
        const double column[3] = {B[j], B[3 + j], B[6 + j]};
        double momentum[3], result[3];
        times(momentum, body->inertia, column);
        times_transposed(result, B, momentum);
        for (int i = 0; i < 3; i++) {
            M[i * ld + j] = result[i];
        }
    }
}

// The code moves four points: the centre of mass at v0 and v0 + R' e_j, with the second moments
// sigma_j as masses of the differences; its inverse mass matrix meets velocities here.
double tz_rigid_kinetic_of_code(const tz_rigid_body *body, double mass, const double *e,
                                const double *de, const double *V) {
    double R[9], w[3], spin[3], v0[3];
    tz_rigid_rotation(R, e);
    body_rates(w, e, de);
    cross(spin, w, body->com);
    times(v0, R, spin); // of the centre of mass of a held body
    double sum[3], kinetic = 0.0;
    for (int c = 0; c < 3; c++) {
        v0[c] += V != NULL ? V[c] : 0.0;
        sum[c] = v0[c];
    }
    for (int j = 0; j < 3; j++) {
        const double axis[3] = {j == 0, j == 1, j == 2};
        double turned[3], dR_e[3], v[3];
        cross(turned, w, axis);
        times(dR_e, R, turned);
        for (int c = 0; c < 3; c++) {
            v[c] = v0[c] + dR_e[c];
            sum[c] += v[c];
        }
        kinetic += tz_dot3(v, v) / (2.0 * mass * body->covariance[j]);
    }
    return kinetic + tz_dot3(sum, sum) / (2.0 * mass);
}
