// The learned energy of Hamiltonian kinds and the integrator that keeps it. Compiled in the
// library's float and in double.
//
// The models are random ones of three coordinates, two of them angles, without controls, so H is
// conserved exactly by the motion and every change of it comes from the integrator.
#include "fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { B = 4, NZ = 6 };
static const char *const kinds[] = {"hnn", "hnn-nonseparable"};
static const bool is_double = sizeof(tz_real) == sizeof(double);

static tz_model *open_model(const char *kind, tz_integrator integrator, double dt_s) {
    tz_task task = fixture_task();
    task.nu = 0;
    task.dt_s = dt_s;
    task.coordinate[0] = task.coordinate[2] = TZ_COORDINATE_ANGLE;
    tz_model_def def = tz_model_def_synthetic();
    def.kind = kind;
    def.integrator = integrator;
    return fixture_model_of(&def, &task);
}

// Energies E (T + 1, B) along a rollout of T steps; the last state is left in z_end (B, NZ).
static void roll(const tz_model *model, double *E, tz_real *z_end, const tz_real *z0, int T) {
    tz_model_workspace *workspace;
    tz_error error;
    tz_real *z = calloc((size_t)(T + 1) * B * NZ, sizeof *z), energy[B];
    assert_non_null(z);
    assert_int_equal(tz_model_workspace_create(&workspace, model, B, T, false, &error), TZ_OK);
    tz_model_rollout(model, workspace, z, z0, NULL, T, B);
    for (int t = 0; t <= T; t++) {
        tz_model_energy(model, workspace, energy, z + t * B * NZ, B);
        for (int i = 0; i < B; i++) {
            E[t * B + i] = (double)energy[i];
        }
    }
    memcpy(z_end, z + T * B * NZ, B * NZ * sizeof *z);
    tz_model_workspace_destroy(model, workspace);
    free(z);
}

// Largest |E - E_0| over rows and times [first, last].
static double drift(const double *E, int first, int last) {
    double largest = 0.0;
    for (int t = first; t <= last; t++) {
        for (int i = 0; i < B; i++) {
            largest = fmax(largest, fabs(E[t * B + i] - E[i]));
        }
    }
    return largest;
}

// The energy belongs to the field: small steps of an accurate rule keep it to rounding.
static void test_motion_keeps_the_energy(void **state) {
    (void)state;
    enum { T = 200 };
    for (size_t k = 0; k < TZ_COUNTOF(kinds); k++) {
        double E[(T + 1) * B];
        tz_real z0[B * NZ], z[B * NZ];
        fixture_fill(z0, B * NZ, 0.5, 51);
        tz_model *model = open_model(kinds[k], TZ_INTEGRATOR_RK4, 0.005);
        roll(model, E, z, z0, T);
        double moved = 0.0;
        for (int i = 0; i < B * NZ; i++) {
            moved = fmax(moved, fabs((double)(z[i] - z0[i])));
        }
        // float: the roundings of 200 steps, of a kinetic and a potential energy that nearly cancel
        assert_true(moved > 0.2);
        assert_true(drift(E, 0, T) < (is_double ? 1e-9 : 1e-4));
        tz_model_destroy(model);
    }
}

// Over 1e4 steps the error of leapfrog stays where its first steps put it, up to the random walk of
// rounding; that of Euler grows.
static void test_leapfrog_keeps_the_energy_bounded(void **state) {
    (void)state;
    enum { T = 10000, PART = 1000 };
    for (size_t k = 0; k < TZ_COUNTOF(kinds); k++) {
        double *E = calloc((T + 1) * B, sizeof *E);
        tz_real z0[B * NZ], z[B * NZ];
        assert_non_null(E);
        fixture_fill(z0, B * NZ, 0.5, 51);
        tz_model *model = open_model(kinds[k], TZ_INTEGRATOR_EULER, 0.03);
        roll(model, E, z, z0, PART);
        const double euler = drift(E, 0, PART);
        tz_error error;
        assert_int_equal(tz_model_set_integrator(model, TZ_INTEGRATOR_LEAPFROG, 1, &error), TZ_OK);
        roll(model, E, z, z0, T);
        const double first = drift(E, 0, PART), last = drift(E, T - PART, T);
        print_message("%s: leapfrog %.3g over the first 1000 of 10000 steps, %.3g over the last; "
                      "euler %.3g over 1000\n",
                      kinds[k], first, last, euler);
        const double epsilon = is_double ? 2.2e-16 : 1.2e-7;
        const double walk = 4.0 * epsilon * sqrt(T) * (1.0 + fabs(E[0]));
        assert_true(first > 0.0 && last < 1.5 * first + walk);
        assert_true(euler > 10.0 * last);
        tz_model_destroy(model);
        free(E);
    }
}

// Back with the step reversed leads to the start.
static void test_leapfrog_is_reversible(void **state) {
    (void)state;
    enum { T = 50 };
    if (!is_double) {
        skip(); // rounding hides it
    }
    for (size_t k = 0; k < TZ_COUNTOF(kinds); k++) {
        double E[(T + 1) * B];
        tz_real z0[B * NZ], z[B * NZ], back[B * NZ];
        fixture_fill(z0, B * NZ, 1.0, 52);
        tz_model *model = open_model(kinds[k], TZ_INTEGRATOR_LEAPFROG, 0.04);
        roll(model, E, z, z0, T);
        tz_model_destroy(model);
        model = open_model(kinds[k], TZ_INTEGRATOR_LEAPFROG, -0.04);
        roll(model, E, back, z, T);
        for (int j = 0; j < B * NZ; j++) {
            assert_near(back[j], z0[j], 1e-10);
        }
        tz_model_destroy(model);
    }
}

// Half the step leaves 1/2^p of the error of a rule of order p.
static void test_rules_have_their_order(void **state) {
    (void)state;
    enum { T = 50 };
    static const struct {
        tz_integrator rule;
        double order;
    } rules[] = {{TZ_INTEGRATOR_EULER, 1.0},
                 {TZ_INTEGRATOR_LEAPFROG, 2.0},
                 {TZ_INTEGRATOR_RK4, 4.0},
                 {TZ_INTEGRATOR_RK4_38, 4.0}};
    _Static_assert(TZ_COUNTOF(rules) == TZ_INTEGRATOR_COUNT, "each of them");
    if (!is_double) {
        skip(); // rounding hides it
    }
    for (size_t n = 0; n < TZ_COUNTOF(rules) * TZ_COUNTOF(kinds); n++) {
        const size_t r = n / TZ_COUNTOF(kinds), k = n % TZ_COUNTOF(kinds);
        double E[(4 * T + 1) * B], error[2] = {0.0, 0.0};
        tz_real z0[B * NZ], z[3][B * NZ];
        fixture_fill(z0, B * NZ, 1.0, 52);
        for (int i = 0; i < 3; i++) {
            const int refinement = 1 << i;
            tz_model *model = open_model(kinds[k], rules[r].rule, 0.04 / refinement);
            roll(model, E, z[i], z0, T * refinement);
            tz_model_destroy(model);
        }
        for (int i = 0; i < 2; i++) {
            for (int j = 0; j < B * NZ; j++) {
                error[i] = fmax(error[i], fabs((double)(z[i][j] - z[i + 1][j])));
            }
        }
        assert_near(log2(error[0] / error[1]), rules[r].order, 0.2);
    }
}

// With a step of a minute no iteration solves the equations of every row; those are not a number.
static void test_leapfrog_without_a_solution_is_not_a_number(void **state) {
    (void)state;
    for (size_t k = 0; k < TZ_COUNTOF(kinds); k++) {
        const double dt_s[2] = {0.04, 60.0};
        for (int i = 0; i < 2; i++) {
            double E[(2 + 1) * B];
            tz_real z0[B * NZ], z[B * NZ];
            fixture_fill(z0, B * NZ, 3.0, 53);
            tz_model *model = open_model(kinds[k], TZ_INTEGRATOR_LEAPFROG, dt_s[i]);
            roll(model, E, z, z0, 2);
            tz_model_destroy(model);
            int n_lost = 0;
            for (int j = 0; j < B; j++) {
                n_lost += isnan(E[2 * B + j]) != 0;
            }
            assert_true(i == 0 ? n_lost == 0 : n_lost > 0);
        }
    }
}

static void test_leapfrog_is_refused(void **state) {
    (void)state;
    tz_error error;
    tz_model *model = open_model("node", TZ_INTEGRATOR_RK4, 0.05);
    assert_null(model->ops->energy);
    assert_int_equal(tz_model_set_integrator(model, TZ_INTEGRATOR_LEAPFROG, 1, &error),
                     TZ_ERR_UNSUPPORTED);
    assert_int_equal(tz_model_set_integrator(model, TZ_INTEGRATOR_RK4, 0, &error), TZ_ERR_ARGUMENT);
    tz_model_destroy(model);
    model = open_model("hnn", TZ_INTEGRATOR_LEAPFROG, 0.05);
    tz_model_workspace *workspace;
    assert_int_equal(tz_model_workspace_create(&workspace, model, 1, 1, true, &error),
                     TZ_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.text, "serves prediction"));
    tz_model_destroy(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_motion_keeps_the_energy),
        cmocka_unit_test(test_leapfrog_keeps_the_energy_bounded),
        cmocka_unit_test(test_leapfrog_is_reversible),
        cmocka_unit_test(test_rules_have_their_order),
        cmocka_unit_test(test_leapfrog_without_a_solution_is_not_a_number),
        cmocka_unit_test(test_leapfrog_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
