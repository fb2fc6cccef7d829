// How node-so moves quaternions: against MuJoCo's own integration of rotations, in closed form
// under constant acceleration, and the naive form beside it. In double.
#include "fixture.h"
#include "models/rotation.h"

#include <math.h>
#include <mujoco/mujoco.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
    NZ = 11,
    QUATERNION = 1,
    OMEGA = 7
}; // columns of z = [x, quaternion, hinge, vx, omega, hinge]

static double norm(const double *x, int n) {
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        sum += x[i] * x[i];
    }
    return sqrt(sum);
}

static void fill_unit_quaternion(double *q, int stream) {
    fixture_fill(q, 4, 1.0, stream);
    const double length = norm(q, 4);
    for (int i = 0; i < 4; i++) {
        q[i] /= length;
    }
}

// From rates that the series serve to several turns a step.
static void test_step_is_that_of_mujoco(void **state) {
    (void)state;
    for (int i = 0; i < 40; i++) {
        double q[4], omega[3], rate[4], expected[4];
        const double h = 0.01, scale = pow(10.0, -4.0 + 0.2 * i);
        fill_unit_quaternion(q, 100 + i);
        fixture_fill(omega, 3, scale, 200 + i);
        tz_rotation_rate(rate, q, omega, h, false);
        memcpy(expected, q, sizeof q);
        mju_quatIntegrate(expected, omega, h);
        for (int k = 0; k < 4; k++) {
            assert_near(q[k] + h * rate[k], expected[k], 1e-14);
        }
    }
}

// Rolls zero weights out: accelerations are the data's mean everywhere.
static void roll(const char *kind, double *z, const double *z0, const tz_model_statistics *s,
                 int T) {
    const tz_task task = fixture_floating_task();
    tz_model_def def = tz_model_def_default();
    def.kind = kind;
    tz_model *model;
    tz_model_workspace *workspace;
    tz_error error;
    assert_int_equal(tz_model_create(&model, &def, &task, s, &error), TZ_OK);
    memset(model->parameters, 0, model->n_parameters * sizeof *model->parameters);
    tz_model_prepare(model);
    const double u[400] = {0.0};
    assert_true(T * task.nu <= 400);
    assert_int_equal(tz_model_workspace_create(&workspace, model, 1, T, false, &error), TZ_OK);
    tz_model_rollout(model, workspace, z, z0, u, T, 1);
    tz_model_workspace_destroy(model, workspace);
    tz_model_destroy(model);
}

// About one axis, q = q_0 * Exp(axis (omega_0 t + alpha t^2 / 2)) exactly.
static void test_constant_acceleration_is_exact(void **state) {
    (void)state;
    enum { T = 50 };
    static const double axis[3] = {0.6, 0.0, 0.8};
    const double omega_0 = 2.0, alpha = -3.5, t = T * fixture_floating_task().dt_s;
    tz_model_statistics s = fixture_statistics();
    double z0[NZ] = {0}, z[(T + 1) * NZ], turn[3], expected[4];
    fill_unit_quaternion(z0 + QUATERNION, 3);
    for (int i = 0; i < 3; i++) {
        z0[OMEGA + i] = omega_0 * axis[i];
        s.rate_mean[OMEGA + i] = alpha * axis[i];
        turn[i] = axis[i] * (omega_0 * t + 0.5 * alpha * t * t);
    }
    memcpy(expected, z0 + QUATERNION, sizeof expected);
    mju_quatIntegrate(expected, turn, 1.0);
    roll("node-so", z, z0, &s, T);
    for (int i = 0; i < 4; i++) {
        assert_near(z[T * NZ + QUATERNION + i], expected[i], 1e-12);
    }
}

// The naive form leaves the sphere: each substep h stretches by sqrt(1 + |h omega_mean / 2|^2).
static void test_naive_form_stretches(void **state) {
    (void)state;
    enum { T = 100, SUBSTEPS = 8 };
    const double h = fixture_floating_task().dt_s / SUBSTEPS;
    tz_model_statistics s = fixture_statistics();
    double z0[NZ] = {0}, z[(T + 1) * NZ];
    fill_unit_quaternion(z0 + QUATERNION, 4);
    z0[OMEGA] = 8.0;
    memset(s.rate_mean + OMEGA, 0, 3 * sizeof(double));
    roll("node-so", z, z0, &s, T);
    assert_near(norm(z + T * NZ + QUATERNION, 4), 1.0, 1e-12);
    roll("node-so-naive", z, z0, &s, T);
    const double stretch = pow(1.0 + 0.25 * h * h * 64.0, 0.5 * T * SUBSTEPS);
    assert_true(stretch > 1.1);
    assert_near(norm(z + T * NZ + QUATERNION, 4), stretch, 1e-10);
}

static void test_align_turns_the_farther_sign(void **state) {
    (void)state;
    enum { ROWS = 2 };
    const tz_task task = fixture_floating_task();
    tz_model_def def = tz_model_def_default();
    def.kind = "node-so";
    tz_model *model = fixture_model_of(&def, &task);
    assert_int_equal(model->n_quaternions, 1);
    double z[ROWS * NZ], reference[ROWS * NZ], before[ROWS * NZ];
    fixture_fill(z, ROWS * NZ, 1.0, 5);
    memcpy(reference, z, sizeof z);
    for (int i = 0; i < 4; i++) {
        z[NZ + QUATERNION + i] *= -1.0; // the second row's
    }
    memcpy(before, z, sizeof z);
    tz_model_align(model, z, reference, ROWS);
    assert_memory_equal(z, reference, sizeof z);
    assert_memory_not_equal(z, before, sizeof z);
    tz_model_destroy(model);
}

static void test_broken_quaternions_are_refused(void **state) {
    (void)state;
    tz_task task = fixture_floating_task();
    const tz_model_statistics s = fixture_statistics();
    tz_model_def def = tz_model_def_default();
    tz_model *model;
    tz_error error;
    def.kind = "hnn";
    assert_int_equal(tz_model_create(&model, &def, &task, &s, &error), TZ_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.text, "nq 6 and nv 5"));
    def.kind = "node-so";
    task.coordinate[2] = TZ_COORDINATE_LINEAR;
    assert_int_equal(tz_model_create(&model, &def, &task, &s, &error), TZ_ERR_ARGUMENT);
    assert_non_null(strstr(error.text, "a quaternion of 1 components"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step_is_that_of_mujoco),
        cmocka_unit_test(test_constant_acceleration_is_exact),
        cmocka_unit_test(test_naive_form_stretches),
        cmocka_unit_test(test_align_turns_the_farther_sign),
        cmocka_unit_test(test_broken_quaternions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
