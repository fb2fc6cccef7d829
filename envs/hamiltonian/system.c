// The registry of systems, and what follows from any of them: momenta, energies, drag.
#include "envs/hamiltonian/system.h"

#include "base/assert.h"
#include "envs/hamiltonian/system_type.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double DRAG = 0.4; // 1/s, as the study ran it

static const tz_system_type *const types[] = {&tz_chain, &tz_spring, &tz_gyroscope,
                                              &tz_rotor, &tz_magnet, &tz_coupled};
static const char *const suffixes[] = {"", "-damped", "-drag"}; // by tz_drag

// ---- registry ---------------------------------------------------------------------------------

static int variants(const tz_system_type *type) {
    return type->has_drag ? TZ_COUNTOF(suffixes) : 1;
}

int tz_system_count(void) {
    int count = 0;
    for (size_t i = 0; i < TZ_COUNTOF(types); i++) {
        count += types[i]->max_k * variants(types[i]);
    }
    return count;
}

// The system of this place in the list: by type, then drag, then bodies.
static void system_at(tz_system *system, int index) {
    size_t i = 0;
    while (index >= types[i]->max_k * variants(types[i])) {
        index -= types[i]->max_k * variants(types[i]);
        i++;
    }
    const tz_system_type *type = types[i];
    *system = (tz_system){.type = type,
                          .k = 1 + index % type->max_k,
                          .dt_s = type->dt_s,
                          .drag = (tz_drag)(index / type->max_k)};
    system->drag_coefficient = system->drag == TZ_DRAG_NONE ? 0.0 : DRAG;
    if (type->max_k > 1) {
        snprintf(system->name, sizeof system->name, "%s-%d%s", type->name, system->k,
                 suffixes[system->drag]);
    } else {
        snprintf(system->name, sizeof system->name, "%s", type->name);
    }
    type->setup(system);
    TZ_ASSERT(system->k <= TZ_BODIES_MAX && system->n <= TZ_SYSTEM_N_MAX &&
              tz_system_nx(system) <= TZ_SYSTEM_X_MAX);
}

void tz_system_name_at(int index, char name[32]) {
    TZ_ASSERT(index >= 0 && index < tz_system_count());
    tz_system system;
    system_at(&system, index);
    snprintf(name, 32, "%s", system.name);
}

tz_status tz_system_find(tz_system *system, const char *name, tz_error *error) {
    for (int i = 0; i < tz_system_count(); i++) {
        system_at(system, i);
        if (strcmp(system->name, name) == 0) {
            return TZ_OK;
        }
    }
    return tz_fail(error, TZ_ERR_ARGUMENT,
                   "there is no system named \"%.64s\"; expected chain-K or spring-K with K = 1 to "
                   "%d, these with -damped or -drag, gyroscope, rotor, magnet or coupled",
                   name, TZ_BODIES_MAX);
}

void tz_system_coordinate_name(const tz_system *system, char *name, size_t size, int i) {
    const tz_system_type *type = system->type;
    int per_body = 0;
    while (per_body < (int)TZ_COUNTOF(type->coordinate) && type->coordinate[per_body] != NULL) {
        per_body++;
    }
    if (type->numbers_bodies) {
        snprintf(name, size, "%s%d", type->coordinate[i % per_body], i / per_body);
    } else {
        snprintf(name, size, "%s", type->coordinate[i]);
    }
}

// ---- small linear algebra ---------------------------------------------------------------------

void tz_solve_spd(double *A, double *b, int n) {
    // A = L L^T, L in the lower triangle
    for (int j = 0; j < n; j++) {
        for (int i = j; i < n; i++) {
            double sum = A[i * n + j];
            for (int l = 0; l < j; l++) {
                sum -= A[i * n + l] * A[j * n + l];
            }
            A[i * n + j] = i == j ? sqrt(sum) : sum / A[j * n + j];
        }
    }
    // L y = b, then L^T x = y
    for (int i = 0; i < n; i++) {
        for (int l = 0; l < i; l++) {
            b[i] -= A[i * n + l] * b[l];
        }
        b[i] /= A[i * n + i];
    }
    for (int i = n - 1; i >= 0; i--) {
        for (int l = i + 1; l < n; l++) {
            b[i] -= A[l * n + i] * b[l];
        }
        b[i] /= A[i * n + i];
    }
}

// ---- mechanics --------------------------------------------------------------------------------

void tz_system_acceleration(const tz_system *system, double *a, const double *q, const double *v) {
    const int n = system->n;
    const double c = system->drag_coefficient;
    system->type->acceleration(system, a, q, v);
    if (system->drag == TZ_DRAG_MOMENTUM) {
        for (int i = 0; i < n; i++) {
            a[i] -= c * v[i];
        }
    } else if (system->drag == TZ_DRAG_VELOCITY) {
        double M[TZ_SYSTEM_N_MAX * TZ_SYSTEM_N_MAX], x[TZ_SYSTEM_N_MAX];
        memcpy(x, v, (size_t)n * sizeof *x);
        system->type->mass_matrix(system, M, q);
        tz_solve_spd(M, x, n);
        for (int i = 0; i < n; i++) {
            a[i] -= c * x[i];
        }
    }
}

void tz_system_momentum(const tz_system *system, double *p, const double *q, const double *v) {
    const int n = system->n;
    double M[TZ_SYSTEM_N_MAX * TZ_SYSTEM_N_MAX];
    system->type->mass_matrix(system, M, q);
    for (int i = 0; i < n; i++) {
        p[i] = 0.0;
        for (int j = 0; j < n; j++) {
            p[i] += M[i * n + j] * v[j];
        }
    }
}

double tz_system_potential(const tz_system *system, const double *q) {
    return system->type->potential(system, q);
}

double tz_system_energy(const tz_system *system, const double *q, const double *v) {
    double p[TZ_SYSTEM_N_MAX], twice_kinetic = 0.0;
    tz_system_momentum(system, p, q, v);
    for (int i = 0; i < system->n; i++) {
        twice_kinetic += p[i] * v[i];
    }
    return 0.5 * twice_kinetic + system->type->potential(system, q);
}

double tz_system_energy_of_code(const tz_system *system, const double *q, const double *v) {
    return system->type->kinetic_of_code(system, q, v) + system->type->potential(system, q);
}

void tz_system_start(const tz_system *system, double *z, tz_rng *rng) {
    system->type->start(system, z, rng);
}

void tz_system_points(const tz_system *system, double *points, const double *q) {
    system->type->points(system, points, q);
}

// ---- angles -----------------------------------------------------------------------------------

// The angle in (-pi, pi] that differs from x by whole turns.
static double wrap(double x) {
    const double wrapped = x - 2.0 * M_PI * floor((x + M_PI) / (2.0 * M_PI));
    return wrapped <= -M_PI ? wrapped + 2.0 * M_PI : wrapped;
}

void tz_system_unwrap(const tz_system *system, double *z, int T) {
    const int nz = 2 * system->n;
    for (int i = 0; i < system->n; i++) {
        double before = 0.0;
        for (int t = 0; system->is_angle[i] && t < T; t++) {
            double *angle = &z[t * nz + i];
            *angle = t == 0 ? wrap(*angle) : before + wrap(*angle - before);
            before = *angle;
        }
    }
}

// ---- integration state ------------------------------------------------------------------------

int tz_system_nx(const tz_system *system) {
    return system->type->to_x != NULL ? system->type->nx : 2 * system->n;
}

void tz_system_to_x(const tz_system *system, double *x, const double *z) {
    if (system->type->to_x != NULL) {
        system->type->to_x(system, x, z);
    } else {
        memcpy(x, z, 2 * (size_t)system->n * sizeof *x);
    }
}

void tz_system_from_x(const tz_system *system, double *z, const double *x) {
    if (system->type->from_x != NULL) {
        system->type->from_x(system, z, x);
    } else {
        memcpy(z, x, 2 * (size_t)system->n * sizeof *z);
    }
}

void tz_system_rate(const tz_system *system, double *dx, const double *x) {
    if (system->type->rate != NULL) {
        system->type->rate(system, dx, x);
    } else {
        const int n = system->n;
        memcpy(dx, x + n, (size_t)n * sizeof *dx);
        tz_system_acceleration(system, dx + n, x, x + n);
    }
}
