// The exact derivatives of every learned kind against central differences, in double (models_f64):
// field_vjp in w, u and every tensor of theta, rollout_vjp, and the symplectic regulariser, for a
// robot's form of the model (normalised, a masked position, Euler substeps, controls) and for that
// of the synthetic systems (angles embedded, 3/8 rule or classical, no controls), with 1, 2 and 3
// hidden layers, and with a range limit.
//
// Differences of fourth order, (8 (f(x + e) - f(x - e)) - (f(x + 2e) - f(x - 2e))) / 12e with e =
// 5e-4: rounding (1e-16 / e) and the fifth derivative (e^4) leave below 1e-11 of what is summed.
// Relative error of a vector: ||a - b|| / ||b||.
#include "fixture.h"
#include "models/learned.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { B = 3, T = 2, NZ_MAX = 11, NU = 2, PARAMETERS_MAX = 4000 };
static const double EPS = 5e-4, TOLERANCE = 1e-8;

typedef struct problem {
    char name[64];
    tz_model *model;
    tz_model_workspace *workspace;
    int nz, nu;
    double x[B * NZ_MAX], u[T * B * NU]; // states or z0, controls
    double lambda[(T + 1) * B * NZ_MAX]; // weights of what is differentiated
} problem;

// One model: a kind in one of eight forms.
enum { ROBOT, SHALLOW, DEEP, LIMITED, PROBABILISTIC, FLOATING, SYNTHETIC, CLASSICAL, FORMS };
static const char *const form_names[] = {"robot",     "robot, 1 layer", "robot, 3 layers",
                                         "limited",   "probabilistic",  "floating",
                                         "synthetic", "classical"};

// False where the kind does not serve the form.
static bool open_problem(problem *p, const char *kind, int form) {
    const bool is_robot = form <= FLOATING;
    tz_task task = form == FLOATING ? fixture_floating_task() : fixture_task();
    tz_model_def def = is_robot ? tz_model_def_default() : tz_model_def_synthetic();
    if (!is_robot) {
        if (!fixture_is_synthetic(kind)) {
            return false;
        }
        task.nu = 0;
        task.coordinate[0] = task.coordinate[2] = TZ_COORDINATE_ANGLE;
    } else if (form >= LIMITED && strcmp(kind, "node") != 0 && strcmp(kind, "delta") != 0 &&
               strcmp(kind, "node-so") != 0 && strcmp(kind, "node-so-naive") != 0) {
        return false;
    }
    if (form == CLASSICAL) {
        def.integrator = TZ_INTEGRATOR_RK4;
        def.substeps = 2;
        def.normalise = true;
    }
    // half of the data's largest rates, so that the limit bends the field; rotations too
    def.range_limit = form == LIMITED || form == FLOATING ? 0.5 : 0.0;
    def.probabilistic = form == PROBABILISTIC;
    def.n_layers = form == SHALLOW ? 1 : form == DEEP ? 3 : 2;
    def.kind = kind;
    snprintf(p->name, sizeof p->name, "%s, %s", kind, form_names[form]);
    p->model = fixture_model_of(&def, &task);
    p->nz = task.nq + task.nv;
    p->nu = task.nu;
    tz_error error;
    assert_int_equal(tz_model_workspace_create(&p->workspace, p->model, B, T, true, &error), TZ_OK);
    assert_true(p->model->n_parameters <= PARAMETERS_MAX);
    fixture_fill(p->x, B * p->nz, 0.7, 1);
    fixture_fill(p->u, T * B * NU, 0.6, 2);
    fixture_fill(p->lambda, (T + 1) * B * p->nz, 1.0, 3);
    return true;
}

static void close_problem(problem *p) {
    tz_model_workspace_destroy(p->model, p->workspace);
    tz_model_destroy(p->model);
}

static double weighted_sum(const double *weights, const double *x, int n) {
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        sum += weights[i] * x[i];
    }
    return sum;
}

static double field_sum(problem *p) {
    double dw[B * NZ_MAX];
    p->model->ops->field(p->model, p->workspace, dw, p->x, p->u, B);
    return weighted_sum(p->lambda, dw, B * p->nz);
}

static double rollout_sum(problem *p) {
    double z[(T + 1) * B * NZ_MAX];
    tz_model_rollout(p->model, p->workspace, z, p->x, p->u, T, B);
    return weighted_sum(p->lambda, z, (T + 1) * B * p->nz);
}

static double sum_at(problem *p, double (*sum)(problem *p), double *x, double value) {
    const double kept = *x;
    *x = value;
    tz_model_prepare(p->model); // x may be a parameter
    const double result = sum(p);
    *x = kept;
    return result;
}

// Central differences of `sum` in x (n).
static void differences(problem *p, double (*sum)(problem *p), double *x, int n, double *result) {
    for (int i = 0; i < n; i++) {
        double *at = &x[i];
        const double near = sum_at(p, sum, at, *at + EPS) - sum_at(p, sum, at, *at - EPS);
        const double far =
            sum_at(p, sum, at, *at + 2.0 * EPS) - sum_at(p, sum, at, *at - 2.0 * EPS);
        result[i] = (8.0 * near - far) / (12.0 * EPS);
    }
    tz_model_prepare(p->model);
}

// What has no effect (the constant of an energy, ...) has a derivative of exactly 0.
static void check(const problem *p, const char *what, const double *value, const double *expected,
                  int n) {
    double size = 0.0;
    for (int i = 0; i < n; i++) {
        size += fabs(expected[i]);
    }
    if (size < 1e-6) {
        for (int i = 0; i < n; i++) {
            assert_true(value[i] == 0.0);
        }
    } else if (!(fixture_error(value, expected, n) <= TOLERANCE)) {
        fail_msg("%s: %s has relative error %.3g, tolerated %.3g", p->name, what,
                 fixture_error(value, expected, n), TOLERANCE);
    }
}

static void check_tensors(const problem *p, const double *grad, const double *expected) {
    for (int i = 0; i < p->model->n_tensors; i++) {
        const tz_model_tensor *tensor = &p->model->tensors[i];
        check(p, tensor->name, grad + tensor->offset, expected + tensor->offset,
              tensor->rows * tensor->cols);
    }
}

static void check_field(problem *p) {
    static double grad[PARAMETERS_MAX], expected[PARAMETERS_MAX];
    double w_bar[B * NZ_MAX], u_bar[B * NU];
    memset(grad, 0, sizeof grad);
    p->model->ops->field_vjp(p->model, p->workspace, w_bar, u_bar, grad, p->x, p->u, p->lambda, B);
    differences(p, field_sum, p->x, B * p->nz, expected);
    check(p, "field_vjp in w", w_bar, expected, B * p->nz);
    differences(p, field_sum, p->u, B * p->nu, expected);
    check(p, "field_vjp in u", u_bar, expected, B * p->nu);
    differences(p, field_sum, p->model->parameters, (int)p->model->n_parameters, expected);
    check_tensors(p, grad, expected);
}

static void check_rollout(problem *p) {
    static double grad[PARAMETERS_MAX], expected[PARAMETERS_MAX];
    memset(grad, 0, sizeof grad);
    rollout_sum(p);
    tz_model_rollout_vjp(p->model, p->workspace, grad, p->lambda, p->u, T, B);
    differences(p, rollout_sum, p->model->parameters, (int)p->model->n_parameters, expected);
    check_tensors(p, grad, expected);
}

static void for_every_model(void (*check_model)(problem *p)) {
    for (int i = 0; i < tz_model_kind_count(); i++) {
        for (int form = 0; form < FORMS; form++) {
            problem p;
            if (open_problem(&p, tz_model_kind_at(i), form)) {
                check_model(&p);
                close_problem(&p);
            }
        }
    }
}

static void test_field(void **state) {
    (void)state;
    for_every_model(check_field);
}

static void test_rollout(void **state) {
    (void)state;
    for_every_model(check_rollout);
}

// ---- variances of the kinds that have a probabilistic form; the states are held

static double z_held[(T + 1) * B * NZ_MAX];

static double variance_sum(problem *p) {
    double V[(T + 1) * B * NZ_MAX];
    tz_model_variance(p->model, p->workspace, V, z_held, p->u, T, B);
    return weighted_sum(p->lambda, V, (T + 1) * B * p->nz);
}

static void test_variance(void **state) {
    (void)state;
    static double grad[PARAMETERS_MAX], expected[PARAMETERS_MAX];
    static const char *const probabilistic[] = {"node", "node-so", "delta"};
    for (size_t k = 0; k < TZ_COUNTOF(probabilistic); k++) {
        problem p;
        assert_true(open_problem(&p, probabilistic[k], PROBABILISTIC));
        tz_model_rollout(p.model, p.workspace, z_held, p.x, p.u, T, B);
        memset(grad, 0, sizeof grad);
        tz_model_variance_vjp(p.model, p.workspace, grad, p.lambda, z_held, p.u, T, B);
        differences(&p, variance_sum, p.model->parameters, (int)p.model->n_parameters, expected);
        check_tensors(&p, grad, expected);
        close_problem(&p);
    }
}

// ---- regulariser; its value is compared in test_golden

static const double WEIGHT = 0.3;

static double regularised_sum(problem *p) {
    const double sum = rollout_sum(p);
    return sum + WEIGHT * tz_model_symplectic(p->model, p->workspace, NULL, 0.0, p->u, T, B);
}

static void check_regulariser(problem *p) {
    static double grad[PARAMETERS_MAX], expected[PARAMETERS_MAX];
    const bool has_regulariser = strcmp(p->model->ops->kind, "node-so-mass") == 0;
    assert_true((p->model->ops->symplectic != NULL) == has_regulariser);
    if (!has_regulariser) {
        return;
    }
    memset(grad, 0, sizeof grad);
    rollout_sum(p);
    tz_model_symplectic(p->model, p->workspace, grad, WEIGHT, p->u, T, B);
    tz_model_rollout_vjp(p->model, p->workspace, grad, p->lambda, p->u, T, B);
    differences(p, regularised_sum, p->model->parameters, (int)p->model->n_parameters, expected);
    check_tensors(p, grad, expected);
}

static void test_regulariser(void **state) {
    (void)state;
    for_every_model(check_regulariser);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_field),
        cmocka_unit_test(test_rollout),
        cmocka_unit_test(test_variance),
        cmocka_unit_test(test_regulariser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
