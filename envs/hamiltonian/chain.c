// A planar chain of k point masses on massless rods, hanging from the origin, y up. q_i = theta_i
// is the absolute angle of rod i from the downward vertical. With mu_a = sum_{i >= a} m_i and mu_ab
// = mu_max(a,b):
//
//     x_i = sum_{a <= i} l_a sin theta_a,   y_i = -sum_{a <= i} l_a cos theta_a
//     M_ab = mu_ab l_a l_b cos(theta_a - theta_b),   V = -g sum_a mu_a l_a cos theta_a
//     M dv/dt = -sum_b mu_ab l_a l_b sin(theta_a - theta_b) v_b^2 - g mu_a l_a sin theta_a
//
// (Euler-Lagrange; docs/systems.md). Letters: a, b, i are links, k their number.
#include "envs/hamiltonian/system_type.h"

#include <math.h>
#include <string.h>

// 0.6 + 0.8 U for the first ten uniform draws of MT19937 with seed 0.
static const double draws[2 * TZ_BODIES_MAX] = {
    1.0390508031418597, 1.1721514930979355, 1.0822107008573152, 1.0359065463975174,
    0.9389238394711238, 1.1167152904533248, 0.9500697690101541, 1.3134184006256637,
    1.370930208400823,  0.9067532150606221};

void tz_chain_masses(double *mass, double *length, int k) {
    for (int i = 0; i < k; i++) {
        mass[i] = draws[k - 1 - i];
        if (length != NULL) {
            length[i] = draws[2 * k - 1 - i];
        }
    }
}

static void setup(tz_system *system) {
    system->n = system->k;
    for (int i = 0; i < system->n; i++) {
        system->is_angle[i] = true;
    }
    tz_chain_masses(system->mass, system->length, system->k);
}

// mu_a = mass below and at link a.
static void masses_below(const tz_system *system, double *mu) {
    double sum = 0.0;
    for (int a = system->k - 1; a >= 0; a--) {
        sum += system->mass[a];
        mu[a] = sum;
    }
}

static void mass_matrix(const tz_system *system, double *M, const double *q) {
    const int k = system->k;
    double mu[TZ_BODIES_MAX];
    masses_below(system, mu);
    for (int a = 0; a < k; a++) {
        for (int b = 0; b < k; b++) {
            M[a * k + b] =
                mu[a > b ? a : b] * system->length[a] * system->length[b] * cos(q[a] - q[b]);
        }
    }
}

static double potential(const tz_system *system, const double *q) {
    double mu[TZ_BODIES_MAX], V = 0.0;
    masses_below(system, mu);
    for (int a = 0; a < system->k; a++) {
        V -= TZ_GRAVITY * mu[a] * system->length[a] * cos(q[a]);
    }
    return V;
}

static void acceleration(const tz_system *system, double *a, const double *q, const double *v) {
    const int k = system->k;
    const double *l = system->length;
    double mu[TZ_BODIES_MAX], M[TZ_BODIES_MAX * TZ_BODIES_MAX];
    masses_below(system, mu);
    for (int i = 0; i < k; i++) {
        a[i] = -TZ_GRAVITY * mu[i] * l[i] * sin(q[i]);
        for (int b = 0; b < k; b++) {
            const double mu_ll = mu[i > b ? i : b] * l[i] * l[b];
            a[i] -= mu_ll * sin(q[i] - q[b]) * v[b] * v[b];
            M[i * k + b] = mu_ll * cos(q[i] - q[b]);
        }
    }
    tz_solve_spd(M, a, k);
}

static double kinetic_of_code(const tz_system *system, const double *q, const double *v) {
    double dx = 0.0, dy = 0.0, sum = 0.0;
    for (int i = 0; i < system->k; i++) {
        dx += system->length[i] * cos(q[i]) * v[i];
        dy += system->length[i] * sin(q[i]) * v[i];
        sum += (dx * dx + dy * dy) / system->mass[i];
    }
    return 0.5 * sum;
}

static void points(const tz_system *system, double *at, const double *q) {
    double x = 0.0, z = 0.0;
    for (int i = 0; i < system->k; i++) {
        x += system->length[i] * sin(q[i]);
        z -= system->length[i] * cos(q[i]);
        at[3 * i] = x;
        at[3 * i + 1] = 0.0;
        at[3 * i + 2] = z;
    }
}

// ---- start ------------------------------------------------------------------------------------
//
// Angles and rates are drawn, turned into Cartesian positions X and velocities W, noise is added to
// those, and the result is put back on rods by Newton steps of minimum norm on
//
//     phi_j = |d|^2 - l_j^2,   psi_j = 2 d . e,   d = X_j - X_{j-1}, e = W_j - W_{j-1},
//
// each component of a step clipped to half of s, the root mean square of (X, W).

enum { PHI_MAX = 2 * TZ_BODIES_MAX, X_MAX = 4 * TZ_BODIES_MAX, NEWTON_STEPS = 500 };

static const double NEWTON_TOLERANCE = 1e-9; // of the root mean square of Phi

// s by k: root mean square of (X, W) after the noise, over many starts (docs/systems.md).
static const double step_scale[TZ_BODIES_MAX + 1] = {0.0, 1.39, 1.48, 1.65, 1.99, 2.22};

// Phi (2 k) and J (2 k, 4 k) at x = (X (k, 2), W (k, 2)).
static void constraints(const tz_system *system, double *Phi, double *J, const double *x) {
    const int k = system->k;
    memset(J, 0, (size_t)(2 * k * 4 * k) * sizeof *J);
    for (int j = 0; j < k; j++) {
        Phi[j] = -system->length[j] * system->length[j];
        Phi[k + j] = 0.0;
        for (int c = 0; c < 2; c++) {
            const int X_j = 2 * j + c, W_j = 2 * k + X_j; // columns; those of j - 1 are 2 less
            const double d = x[X_j] - (j > 0 ? x[X_j - 2] : 0.0);
            const double e = x[W_j] - (j > 0 ? x[W_j - 2] : 0.0);
            Phi[j] += d * d;
            Phi[k + j] += 2.0 * d * e;
            double *row_phi = J + j * 4 * k, *row_psi = J + (k + j) * 4 * k; // (4 k)
            row_phi[X_j] = 2.0 * d;
            row_psi[X_j] = 2.0 * e;
            row_psi[W_j] = 2.0 * d;
            if (j > 0) {
                row_phi[X_j - 2] = -2.0 * d;
                row_psi[X_j - 2] = -2.0 * e;
                row_psi[W_j - 2] = -2.0 * d;
            }
        }
    }
}

// One Newton step on x; returns the root mean square of Phi before it.
static double newton_step(const tz_system *system, double *x) {
    const int k = system->k, n_phi = 2 * k, n_x = 4 * k;
    const double half_s = 0.5 * step_scale[k];
    double Phi[PHI_MAX], J[PHI_MAX * X_MAX], JJt[PHI_MAX * PHI_MAX], square = 0.0;
    constraints(system, Phi, J, x);
    for (int i = 0; i < n_phi; i++) {
        square += Phi[i] * Phi[i];
        for (int j = 0; j < n_phi; j++) {
            JJt[i * n_phi + j] = 0.0;
            for (int c = 0; c < n_x; c++) {
                JJt[i * n_phi + j] += J[i * n_x + c] * J[j * n_x + c];
            }
        }
    }
    tz_solve_spd(JJt, Phi, n_phi);
    for (int c = 0; c < n_x; c++) {
        double delta = 0.0;
        for (int i = 0; i < n_phi; i++) {
            delta -= J[i * n_x + c] * Phi[i];
        }
        x[c] += fmax(-half_s, fmin(half_s, delta));
    }
    return sqrt(square / n_phi);
}

static void draw_cartesian(const tz_system *system, double *x, tz_rng *rng) {
    const int k = system->k;
    double theta[TZ_BODIES_MAX], w[TZ_BODIES_MAX];
    for (int i = 0; i < k; i++) {
        theta[i] = tz_rng_normal(rng);
        w[i] = tz_rng_normal(rng);
    }
    for (int i = 0; i < k; i++) {
        const double l = system->length[i], *above = i > 0 ? &x[2 * (i - 1)] : NULL;
        double *X = &x[2 * i], *W = &x[2 * k + 2 * i]; // (2)
        X[0] = l * sin(theta[i]) + (above ? above[0] : 0.0);
        X[1] = -l * cos(theta[i]) + (above ? above[1] : 0.0);
        W[0] = l * cos(theta[i]) * w[i] + (above ? above[2 * k] : 0.0);
        W[1] = l * sin(theta[i]) * w[i] + (above ? above[2 * k + 1] : 0.0);
    }
    for (int c = 0; c < 2 * k; c++) {
        x[c] += 0.2 * tz_rng_normal(rng);
        x[2 * k + c] = 1.5 * x[2 * k + c] + 1.2 * tz_rng_normal(rng);
    }
}

// z (2 k) from links d and their velocities e: theta = atan2(d_x, -d_y), v = (d_x e_y - d_y e_x) /
// |d|^2.
static void to_angles(const tz_system *system, double *z, const double *x) {
    const int k = system->k;
    for (int i = 0; i < k; i++) {
        double d[2], e[2];
        for (int c = 0; c < 2; c++) {
            d[c] = x[2 * i + c] - (i > 0 ? x[2 * (i - 1) + c] : 0.0);
            e[c] = x[2 * k + 2 * i + c] - (i > 0 ? x[2 * k + 2 * (i - 1) + c] : 0.0);
        }
        z[i] = atan2(d[0], -d[1]);
        z[k + i] = (d[0] * e[1] - d[1] * e[0]) / (d[0] * d[0] + d[1] * d[1]);
    }
}

static void start(const tz_system *system, double *z, tz_rng *rng) {
    for (;;) {
        double x[X_MAX];
        draw_cartesian(system, x, rng);
        for (int i = 0; i < NEWTON_STEPS; i++) {
            if (newton_step(system, x) <= NEWTON_TOLERANCE) {
                to_angles(system, z, x);
                return;
            }
        }
    }
}

const tz_system_type tz_chain = {
    .name = "chain",
    .max_k = TZ_BODIES_MAX,
    .has_drag = true,
    .dt_s = 0.03,
    .coordinate = {"theta"},
    .numbers_bodies = true,
    .setup = setup,
    .acceleration = acceleration,
    .mass_matrix = mass_matrix,
    .potential = potential,
    .kinetic_of_code = kinetic_of_code,
    .start = start,
    .points = points,
};
