// Every learned kind against its second writing in double (reference.c): values to 1e-6 relative,
// vector-Jacobian products in w, u and theta against central differences of the reference.
//
// Differences: (f(x + e) - f(x - e)) / 2e with e = 1e-5 in double, whose own error is below 1e-9
// here. Relative error of a vector: ||a - b|| / ||b||. Tolerances are those of f32 products: sums
// of some dozen terms, through a few layers and substeps.
#include "base/memory.h"
#include "fixture.h"
#include "reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { B = 7, T = 2, NZ = 6, NU = 2, PARAMETERS_MAX = 4000 };
static const double EPS = 1e-5, VALUE_TOLERANCE = 1e-6, PRODUCT_TOLERANCE = 5e-6;

typedef struct problem {
    const tz_learned *learned;
    tz_model *model;
    tz_model_workspace *workspace;
    double theta[PARAMETERS_MAX];
    float x[B * NZ], u[T * B * NU]; // states or z0, controls
} problem;

static problem open_problem(const char *kind) {
    problem p = {.model = fixture_model(kind)};
    p.learned = (const tz_learned *)p.model;
    tz_error error;
    assert_int_equal(tz_model_workspace_create(&p.workspace, p.model, B, T, true, &error), TZ_OK);
    assert_true(p.model->n_parameters <= PARAMETERS_MAX);
    for (size_t i = 0; i < p.model->n_parameters; i++) {
        p.theta[i] = p.model->parameters[i];
    }
    fixture_fill(p.x, B * NZ, 0.7, 1);
    fixture_fill(p.u, T * B * NU, 0.6, 2);
    return p;
}

static void close_problem(problem *p) {
    tz_model_workspace_destroy(p->model, p->workspace);
    tz_model_destroy(p->model);
}

static void check(const char *kind, const char *what, double error, double tolerance) {
    if (!(error <= tolerance)) {
        fail_msg("%s: %s has relative error %.3g, tolerated %.3g", kind, what, error, tolerance);
    }
}

// ---- field

// sum over rows of lambda . f(w, u)
static double field_sum(const problem *p, const double *theta, const double *w, const double *u,
                        const float *lambda, int first, int last) {
    double sum = 0.0, dw[NZ];
    for (int row = first; row < last; row++) {
        ref_field(p->learned, theta, dw, w + row * NZ, u + row * NU);
        for (int i = 0; i < NZ; i++) {
            sum += lambda[row * NZ + i] * dw[i];
        }
    }
    return sum;
}

static void field_agrees(const char *kind) {
    problem p = open_problem(kind);
    double w[B * NZ], u[B * NU], dw_reference[B * NZ];
    float dw[B * NZ], lambda[B * NZ];
    fixture_fill(lambda, B * NZ, 1.0, 3);
    for (int i = 0; i < B * NZ; i++) {
        w[i] = p.x[i];
    }
    for (int i = 0; i < B * NU; i++) {
        u[i] = p.u[i];
    }

    // value
    p.model->ops->field(p.model, p.workspace, dw, p.x, p.u, B);
    for (int row = 0; row < B; row++) {
        ref_field(p.learned, p.theta, dw_reference + row * NZ, w + row * NZ, u + row * NU);
    }
    check(kind, "the field", fixture_error(dw, dw_reference, B * NZ), VALUE_TOLERANCE);

    // products
    float w_bar[B * NZ], u_bar[B * NU], grad[PARAMETERS_MAX] = {0};
    double w_reference[B * NZ], u_reference[B * NU], grad_reference[PARAMETERS_MAX];
    p.model->ops->field_vjp(p.model, p.workspace, w_bar, u_bar, grad, p.x, p.u, lambda, B);
    for (int i = 0; i < B * NZ; i++) {
        const double kept = w[i];
        const int row = i / NZ;
        w[i] = kept + EPS;
        const double up = field_sum(&p, p.theta, w, u, lambda, row, row + 1);
        w[i] = kept - EPS;
        const double down = field_sum(&p, p.theta, w, u, lambda, row, row + 1);
        w[i] = kept;
        w_reference[i] = (up - down) / (2.0 * EPS);
    }
    for (int i = 0; i < B * NU; i++) {
        const double kept = u[i];
        const int row = i / NU;
        u[i] = kept + EPS;
        const double up = field_sum(&p, p.theta, w, u, lambda, row, row + 1);
        u[i] = kept - EPS;
        const double down = field_sum(&p, p.theta, w, u, lambda, row, row + 1);
        u[i] = kept;
        u_reference[i] = (up - down) / (2.0 * EPS);
    }
    for (size_t i = 0; i < p.model->n_parameters; i++) {
        const double kept = p.theta[i];
        p.theta[i] = kept + EPS;
        const double up = field_sum(&p, p.theta, w, u, lambda, 0, B);
        p.theta[i] = kept - EPS;
        const double down = field_sum(&p, p.theta, w, u, lambda, 0, B);
        p.theta[i] = kept;
        grad_reference[i] = (up - down) / (2.0 * EPS);
    }
    check(kind, "field_vjp in w", fixture_error(w_bar, w_reference, B * NZ), PRODUCT_TOLERANCE);
    check(kind, "field_vjp in u", fixture_error(u_bar, u_reference, B * NU), PRODUCT_TOLERANCE);
    for (int i = 0; i < p.model->n_tensors; i++) {
        // the constant of the energy and entries of A that Minv leaves out have no derivative
        const tz_model_tensor *tensor = &p.model->tensors[i];
        const int n = tensor->rows * tensor->cols;
        double size = 0.0;
        for (int j = 0; j < n; j++) {
            size += fabs(grad_reference[tensor->offset + (size_t)j]);
        }
        if (size > 1e-6) {
            check(kind, tensor->name,
                  fixture_error(grad + tensor->offset, grad_reference + tensor->offset, n),
                  PRODUCT_TOLERANCE);
        } else {
            assert_string_equal(tensor->name, "potential.b3");
            assert_float_equal(grad[tensor->offset], 0.0f, 0.0f);
        }
    }
    close_problem(&p);
}

static void test_field(void **state) {
    (void)state;
    for (int i = 0; i < tz_model_kind_count(); i++) {
        field_agrees(tz_model_kind_at(i));
    }
}

// ---- rollout

// z (T+1, NZ) of one row and its loss sum z_bar . z
static double rollout_loss(const problem *p, const double *theta, double *z, const float *z_bar,
                           int row) {
    double z0[NZ], u[T * NU], loss = 0.0;
    for (int i = 0; i < NZ; i++) {
        z0[i] = p->x[row * NZ + i];
    }
    for (int t = 0; t < T; t++) {
        for (int i = 0; i < NU; i++) {
            u[t * NU + i] = p->u[(t * B + row) * NU + i];
        }
    }
    ref_rollout(p->learned, theta, z, z0, u, T);
    for (int t = 0; t <= T; t++) {
        for (int i = 0; i < NZ; i++) {
            loss += z_bar[(t * B + row) * NZ + i] * z[t * NZ + i];
        }
    }
    return loss;
}

static double batch_loss(const problem *p, const float *z_bar) {
    double loss = 0.0, z[(T + 1) * NZ];
    for (int row = 0; row < B; row++) {
        loss += rollout_loss(p, p->theta, z, z_bar, row);
    }
    return loss;
}

static void rollout_agrees(const char *kind) {
    problem p = open_problem(kind);
    float z[(T + 1) * B * NZ], z_bar[(T + 1) * B * NZ], grad[PARAMETERS_MAX] = {0};
    double z_row[(T + 1) * NZ], z_reference[(T + 1) * B * NZ], grad_reference[PARAMETERS_MAX];
    fixture_fill(z_bar, (T + 1) * B * NZ, 1.0, 4);

    tz_model_rollout(p.model, p.workspace, z, p.x, p.u, T, B);
    for (int row = 0; row < B; row++) {
        rollout_loss(&p, p.theta, z_row, z_bar, row);
        for (int t = 0; t <= T; t++) {
            memcpy(z_reference + (t * B + row) * NZ, z_row + t * NZ, NZ * sizeof *z_row);
        }
    }
    check(kind, "the rollout", fixture_error(z, z_reference, (T + 1) * B * NZ), VALUE_TOLERANCE);

    tz_model_rollout_vjp(p.model, p.workspace, grad, z_bar, p.u, T, B);
    for (size_t i = 0; i < p.model->n_parameters; i++) {
        const double kept = p.theta[i];
        p.theta[i] = kept + EPS;
        const double up = batch_loss(&p, z_bar);
        p.theta[i] = kept - EPS;
        const double down = batch_loss(&p, z_bar);
        p.theta[i] = kept;
        grad_reference[i] = (up - down) / (2.0 * EPS);
    }
    check(kind, "rollout_vjp", fixture_error(grad, grad_reference, (int)p.model->n_parameters),
          PRODUCT_TOLERANCE);
    close_problem(&p);
}

static void test_rollout(void **state) {
    (void)state;
    for (int i = 0; i < tz_model_kind_count(); i++) {
        rollout_agrees(tz_model_kind_at(i));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_field),
        cmocka_unit_test(test_rollout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
