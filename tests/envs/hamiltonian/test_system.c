// The physical systems against reference data that were computed apart from this code:
// accelerations, momenta and energies of single states, whole trajectories, and the statistics of
// the starts. What has no reference (five bodies) is held against the Euler-Lagrange equation of
// its own M and V.
#include "envs/hamiltonian/system.h"
#include "envs/hamiltonian/trajectory.h"

#include "base/assert.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LINE_MAX_BYTES = 8192, N_MAX = TZ_SYSTEM_N_MAX };

// ---- reference files --------------------------------------------------------------------------

typedef struct reference {
    const char *file; // name in tests/golden/hamiltonian
    const char *name; // of the system
    double mass;      // kg; 0: the system's own
} reference;

static const reference references[] = {
    {"chain_k1", "chain-1", 0},
    {"chain_k2", "chain-2", 0},
    {"chain_k3", "chain-3", 0},
    {"chain_k4", "chain-4", 0},
    {"chain_drag_k1", "chain-1-damped", 0},
    {"chain_drag_k2", "chain-2-damped", 0},
    {"chain_drag_k3", "chain-3-damped", 0},
    {"chain_drag_k4", "chain-4-damped", 0},
    {"chain_dragv_k1", "chain-1-drag", 0},
    {"chain_dragv_k2", "chain-2-drag", 0},
    {"chain_dragv_k3", "chain-3-drag", 0},
    {"spring_k1", "spring-1", 0},
    {"spring_k2", "spring-2", 0},
    {"spring_k3", "spring-3", 0},
    {"spring_k4", "spring-4", 0},
    {"spring_drag_k1", "spring-1-damped", 0},
    {"spring_drag_k2", "spring-2-damped", 0},
    {"spring_drag_k3", "spring-3-damped", 0},
    {"spring_drag_k4", "spring-4-damped", 0},
    {"spring_dragv_k1", "spring-1-drag", 0},
    {"spring_dragv_k2", "spring-2-drag", 0},
    {"spring_dragv_k3", "spring-3-drag", 0},
    {"gyroscope", "gyroscope", 0.1},
    {"rotor", "rotor", 0.1},
    {"magnet_m2", "magnet", 2},
    {"magnet_m3", "magnet", 3},
    {"coupled_k2", "coupled", 0},
};

static tz_system find(const char *name) {
    tz_system system;
    assert_int_equal(tz_system_find(&system, name, NULL), TZ_OK);
    return system;
}

static tz_system find_reference(const reference *r) {
    tz_system system = find(r->name);
    if (r->mass > 0) {
        system.mass[0] = r->mass;
    }
    return system;
}

static FILE *open_golden(const char *name) {
    char path[512], header[LINE_MAX_BYTES];
    snprintf(path, sizeof path, TZ_SOURCE_DIR "/tests/golden/hamiltonian/%s.csv", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(header, sizeof header, file));
    return file;
}

// Numbers of a line or of a field, apart by any of `separators`; returns how many.
static int numbers(double *x, int max, char *text, const char *separators) {
    int n = 0;
    char *rest = NULL;
    for (char *word = strtok_r(text, separators, &rest); word != NULL && n < max;
         word = strtok_r(NULL, separators, &rest)) {
        x[n++] = strtod(word, NULL);
    }
    return n;
}

static double largest(const double *x, int n) {
    double max = 0.0;
    for (int i = 0; i < n; i++) {
        max = fmax(max, fabs(x[i]));
    }
    return max;
}

static void assert_near(const double *x, const double *expected, int n, double tolerance) {
    const double scale = largest(expected, n);
    for (int i = 0; i < n; i++) {
        assert_true(fabs(x[i] - expected[i]) <= tolerance * scale);
    }
}

static const reference *reference_of(const char *file) {
    for (size_t i = 0; i < TZ_COUNTOF(references); i++) {
        if (strcmp(references[i].file, file) == 0) {
            return &references[i];
        }
    }
    fail_msg("no system for %s", file);
    return NULL;
}

static void accelerations_momenta_and_energies(void **state) {
    (void)state;
    FILE *file = open_golden("accelerations");
    char line[LINE_MAX_BYTES];
    int lines = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        // system, case, q, v, a, p, V, H; vectors joined by '|'
        char *rest = NULL, *field[8];
        for (int i = 0; i < 8; i++) {
            field[i] = strtok_r(i == 0 ? line : NULL, ",\n", &rest);
            assert_non_null(field[i]);
        }
        const tz_system system = find_reference(reference_of(field[0]));
        const int n = system.n;
        double expected[4][N_MAX], a[N_MAX], p[N_MAX]; // q, v, a, p
        for (int i = 0; i < 4; i++) {
            assert_int_equal(numbers(expected[i], N_MAX, field[2 + i], "|"), n);
        }
        const double V = strtod(field[6], NULL), H = strtod(field[7], NULL);
        tz_system_acceleration(&system, a, expected[0], expected[1]);
        tz_system_momentum(&system, p, expected[0], expected[1]);
        assert_near(a, expected[2], n, 1e-9);
        assert_near(p, expected[3], n, 1e-12);
        // the gyroscope's centre of mass is known to 5e-12 m beside its axis, so V to 1e-11
        assert_true(fabs(tz_system_potential(&system, expected[0]) - V) <= 1e-11 * (1 + fabs(V)));
        assert_true(fabs(tz_system_energy(&system, expected[0], expected[1]) - H) <=
                    1e-11 * (1 + fabs(H)));
        lines++;
    }
    fclose(file);
    assert_int_equal(lines, 4 * (int)TZ_COUNTOF(references));
}

// Every sample within 1e-8 of the file's largest |z|; conserved energies stay where they were.
static void trajectories(void **state) {
    (void)state;
    enum { SAMPLES = 101 };
    for (size_t r = 0; r < TZ_COUNTOF(references); r++) {
        const tz_system system = find_reference(&references[r]);
        const int n = system.n, nz = 2 * n;
        static double expected[SAMPLES * 2 * N_MAX], z[SAMPLES * 2 * N_MAX]; // (SAMPLES, nz)
        double H[SAMPLES];
        FILE *file = open_golden(references[r].file);
        char line[LINE_MAX_BYTES];
        for (int t = 0; t < SAMPLES; t++) {
            double row[3 + 3 * N_MAX]; // i, t, q, v, p, H
            assert_non_null(fgets(line, sizeof line, file));
            assert_int_equal(numbers(row, 3 + 3 * N_MAX, line, ",\n"), 3 + 3 * n);
            assert_true(fabs(row[1] - t * system.dt_s) < 1e-12);
            memcpy(expected + t * nz, row + 2, (size_t)nz * sizeof(double));
            H[t] = row[2 + 3 * n];
        }
        fclose(file);
        memcpy(z, expected, (size_t)nz * sizeof *z);
        assert_int_equal(tz_system_trajectory(&system, z, SAMPLES, system.dt_s, NULL), TZ_OK);

        // the files' angles are continuous too, but may begin some turns away
        for (int i = 0; i < n; i++) {
            const double turns = system.is_angle[i] ? expected[i] - z[i] : 0.0;
            assert_true(fabs(remainder(turns, 2.0 * M_PI)) < 1e-9);
            for (int t = 0; t < SAMPLES; t++) {
                z[t * nz + i] += turns;
            }
        }
        assert_near(z, expected, SAMPLES * nz, 1e-8);
        for (int t = 0; t < SAMPLES; t++) {
            const double *q = z + t * nz;
            assert_true(fabs(tz_system_energy(&system, q, q + n) - H[t]) <=
                        1e-8 * (1.0 + fabs(H[t])));
        }
    }
}

// ---- five bodies: Euler-Lagrange ---------------------------------------------------------------

// d/dt (M v) - 1/2 d(v^T M v)/dq + dV/dq, by central differences of fourth order along q + t v +
// t^2 a / 2: zero for the true acceleration.
static double lagrange_residual(const tz_system *system, const double *q, const double *v,
                                const double *a) {
    enum { POINTS = 4 };
    static const double at[POINTS] = {-2, -1, 1, 2},
                        weight[POINTS] = {1. / 12, -8. / 12, 8. / 12, -1. / 12};
    const double h = 2e-4;
    const int n = system->n;
    double residual[N_MAX] = {0}, size[N_MAX] = {0};
    for (int k = 0; k < POINTS; k++) {
        const double t = at[k] * h;
        double moved[N_MAX], velocity[N_MAX], p[N_MAX];
        for (int i = 0; i < n; i++) {
            moved[i] = q[i] + t * v[i] + 0.5 * t * t * a[i];
            velocity[i] = v[i] + t * a[i];
        }
        tz_system_momentum(system, p, moved, velocity);
        for (int i = 0; i < n; i++) {
            residual[i] += weight[k] * p[i] / h;
        }
        for (int i = 0; i < n; i++) {
            memcpy(moved, q, (size_t)n * sizeof *q);
            moved[i] += t;
            tz_system_momentum(system, p, moved, v);
            double L = -tz_system_potential(system, moved);
            for (int j = 0; j < n; j++) {
                L += 0.5 * p[j] * v[j];
            }
            residual[i] -= weight[k] * L / h;
            size[i] += fabs(weight[k] * L / h) * h; // scale of dL/dq
        }
    }
    return largest(residual, n) / (1.0 + largest(size, n));
}

static void euler_lagrange_holds_for_every_system(void **state) {
    (void)state;
    for (int s = 0; s < tz_system_count(); s++) {
        char name[32];
        tz_system_name_at(s, name);
        tz_system system = find(name);
        system.drag = TZ_DRAG_NONE;
        for (int trial = 0; trial < 10; trial++) {
            double z[2 * N_MAX], a[N_MAX];
            tz_rng rng = tz_rng_stream(3, TZ_PURPOSE_TEST, (uint64_t)(100 * s + trial));
            tz_system_start(&system, z, &rng);
            const bool near_pole = strcmp(name, "gyroscope") == 0 || strcmp(name, "rotor") == 0
                                       ? fabs(sin(z[system.n - 2])) < 0.3
                                       : false;
            if (near_pole) {
                continue; // differences of fourth order do not resolve the angles' pole
            }
            tz_system_acceleration(&system, a, z, z + system.n);
            assert_true(lagrange_residual(&system, z, z + system.n, a) < 1e-7);
        }
    }
}

// Drag takes energy at the rate of its power: dH/dt = -2 c T on momenta, -c |v|^2 on velocities.
static void drag_takes_its_power(void **state) {
    (void)state;
    static const char *const names[] = {"chain-5-damped", "chain-3-drag", "spring-5-damped",
                                        "spring-2-drag"};
    for (size_t s = 0; s < TZ_COUNTOF(names); s++) {
        const tz_system system = find(names[s]);
        const int n = system.n, nz = 2 * n;
        const double h = 1e-3, c = system.drag_coefficient;
        double z[3 * 2 * N_MAX]; // (3, nz)
        tz_rng rng = tz_rng_stream(4, TZ_PURPOSE_TEST, s);
        tz_system_start(&system, z, &rng);
        assert_int_equal(tz_system_trajectory(&system, z, 3, h, NULL), TZ_OK);
        const double *middle = z + nz;
        double p[N_MAX], power = 0.0;
        tz_system_momentum(&system, p, middle, middle + n);
        for (int i = 0; i < n; i++) {
            const double v = middle[n + i];
            power += system.drag == TZ_DRAG_MOMENTUM ? c * p[i] * v : c * v * v;
        }
        const double rate = (tz_system_energy(&system, z + 2 * nz, z + 2 * nz + n) -
                             tz_system_energy(&system, z, z + n)) /
                            (2.0 * h);
        assert_true(fabs(rate + power) < 1e-4 * (1.0 + power));
    }
}

// Over the study's 10 s a system without drag keeps its energy; ten times longer than the files.
static void energy_is_kept(void **state) {
    (void)state;
    static const char *const names[] = {"chain-5", "spring-5", "gyroscope",
                                        "rotor",   "magnet",   "coupled"};
    for (size_t s = 0; s < TZ_COUNTOF(names); s++) {
        enum { T = 200 };
        const tz_system system = find(names[s]);
        const int n = system.n, nz = 2 * n;
        static double z[T * 2 * N_MAX];
        tz_rng rng = tz_rng_stream(5, TZ_PURPOSE_TEST, s);
        tz_system_start(&system, z, &rng);
        const double H = tz_system_energy(&system, z, z + n);
        assert_int_equal(tz_system_trajectory(&system, z, T, 0.05, NULL), TZ_OK);
        for (int t = 0; t < T; t++) {
            const double now = tz_system_energy(&system, z + t * nz, z + t * nz + n);
            assert_true(fabs(now - H) < 1e-8 * (1.0 + fabs(H)));
        }
    }
}

// ---- the code's energy ------------------------------------------------------------------------

// The columns of R = Rz(phi) Rx(theta) Rz(psi), one after the other: axes (3, 3).
static void body_axes(double *axes, const double *e) {
    const double c0 = cos(e[0]), s0 = sin(e[0]), c1 = cos(e[1]), s1 = sin(e[1]), c2 = cos(e[2]),
                 s2 = sin(e[2]);
    const double R[9] = {c0 * c2 - s0 * c1 * s2,
                         s0 * c2 + c0 * c1 * s2,
                         s1 * s2,
                         -c0 * s2 - s0 * c1 * c2,
                         -s0 * s2 + c0 * c1 * c2,
                         s1 * c2,
                         s0 * s1,
                         -c0 * s1,
                         c1};
    memcpy(axes, R, sizeof R);
}

// The particles that the study's code moves, from q alone, and 1/m of each: a body is its centre of
// mass v0, with all of its mass on v0 + v1 + v2 + v3, and v0 + R' e_j with the moments sigma_j.
static int particles(double *x, double *inverse_mass, const tz_system *system, const double *q) {
    const bool is_rotor = strcmp(system->name, "rotor") == 0;
    static const double rotor[3] = {0.00298513426252909, 0.0990633652361861, 0.02110851337999702},
                        top[3] = {0.241378386118703, 0.241378380645191, 0.0369415414178738};
    tz_system_points(system, x, q);
    if (!is_rotor && strcmp(system->name, "gyroscope") != 0) {
        for (int i = 0; i < system->k; i++) {
            inverse_mass[i] = 1.0 / system->mass[i];
        }
        return system->k;
    }
    double axes[9];
    body_axes(axes, q + system->n - 3);
    inverse_mass[3] = 1.0 / system->mass[0];
    for (int c = 0; c < 3; c++) {
        x[9 + c] = 4.0 * x[c] + axes[c] + axes[3 + c] + axes[6 + c];
    }
    for (int j = 2; j >= 0; j--) {
        inverse_mass[j] = 1.0 / (system->mass[0] * (is_rotor ? rotor : top)[j]);
        for (int c = 0; c < 3; c++) {
            x[3 * j + c] = x[c] + axes[3 * j + c];
        }
    }
    return 4;
}

// Velocities of particles by central differences; their squares over the masses, and V.
static void the_code_s_energy_takes_velocities_for_momenta(void **state) {
    (void)state;
    for (int s = 0; s < tz_system_count(); s++) {
        char name[32];
        tz_system_name_at(s, name);
        const tz_system system = find(name);
        const double h = 1e-5;
        double z[2 * N_MAX], q[2][N_MAX], x[2][3 * TZ_BODIES_MAX], inverse_mass[TZ_BODIES_MAX];
        tz_rng rng = tz_rng_stream(8, TZ_PURPOSE_TEST, (uint64_t)s);
        tz_system_start(&system, z, &rng);
        int count = 0;
        for (int side = 0; side < 2; side++) {
            for (int i = 0; i < system.n; i++) {
                q[side][i] = z[i] + (side == 0 ? -h : h) * z[system.n + i];
            }
            count = particles(x[side], inverse_mass, &system, q[side]);
        }
        double E = tz_system_potential(&system, z);
        for (int i = 0; i < 3 * count; i++) {
            const double velocity = (x[1][i] - x[0][i]) / (2.0 * h);
            E += 0.5 * velocity * velocity * inverse_mass[i / 3];
        }
        const double of_code = tz_system_energy_of_code(&system, z, z + system.n);
        assert_true(fabs(of_code - E) < 1e-6 * (1.0 + fabs(E)));
    }
}

// ---- starts -----------------------------------------------------------------------------------

// Of the study's own sampler, 4000 draws: standard deviations of coordinates and energy.
typedef struct statistics {
    const char *name;
    double H_mean, H_std;
    int n;
    double q_std[4], v_std[4];
} statistics;

static const statistics starts[] = {
    {"chain-1", -3.98, 6.83, 1, {1.08}, {1.94}},
    {"chain-2", -12.7, 13.4, 2, {1.04, 1.09}, {1.96, 2.24}},
    {"chain-3", -27.1, 22.5, 3, {1.03, 1.09, 1.10}, {1.86, 2.35, 2.35}},
    {"chain-4", -50.8, 36.1, 4, {1.01, 1.03, 1.06, 1.10}, {1.77, 2.25, 2.18, 2.56}},
    {"spring-1", 0.76, 5.5, 0, {0}, {0}},
    {"spring-2", -22.4, 12.3, 0, {0}, {0}},
    {"spring-3", -81.5, 18.9, 0, {0}, {0}},
    {"spring-4", -187.4, 22.8, 0, {0}, {0}},
};

static double std_of(double sum, double square, int n) {
    const double mean = sum / n;
    return sqrt(square / n - mean * mean);
}

// Two samples of 4000 differ by two standard errors of 1/sqrt(4000) = 1.6 per cent of a standard
// deviation in the mean, and half of that in the deviation itself where the distribution is
// normal; tails make it more. Four and a half of the former are allowed.
static void starts_have_the_study_s_statistics(void **state) {
    (void)state;
    enum { DRAWS = 4000 };
    for (size_t s = 0; s < TZ_COUNTOF(starts); s++) {
        const statistics *expected = &starts[s];
        const tz_system system = find(expected->name);
        const int n = system.n;
        double sum[2 * N_MAX] = {0}, square[2 * N_MAX] = {0}, H_sum = 0, H_square = 0;
        for (int i = 0; i < DRAWS; i++) {
            double z[2 * N_MAX];
            tz_rng rng = tz_rng_stream(6, TZ_PURPOSE_TEST, (uint64_t)i);
            tz_system_start(&system, z, &rng);
            for (int j = 0; j < 2 * n; j++) {
                sum[j] += z[j];
                square[j] += z[j] * z[j];
            }
            const double H = tz_system_energy(&system, z, z + n);
            H_sum += H;
            H_square += H * H;
        }
        const double allowed = 0.1;
        assert_true(fabs(H_sum / DRAWS - expected->H_mean) < allowed * expected->H_std);
        assert_true(fabs(std_of(H_sum, H_square, DRAWS) - expected->H_std) <
                    allowed * expected->H_std);
        for (int j = 0; j < expected->n; j++) {
            assert_true(fabs(std_of(sum[j], square[j], DRAWS) - expected->q_std[j]) <
                        0.5 * allowed * expected->q_std[j]);
            assert_true(fabs(std_of(sum[n + j], square[n + j], DRAWS) - expected->v_std[j]) <
                        0.5 * allowed * expected->v_std[j]);
        }
    }
}

// Components of the start whose distribution the study gives: mean and standard deviation. Euler
// angles with theta < 0 become (phi + pi, -theta, psi + pi), which turns the sign of dtheta/dt
// alone.
typedef struct component {
    const char *system;
    int at; // in z
    double mean, std;
} component;

static const double CLIPPED = 1.76461; // deviation of 2 N(0, 1) clipped to [-3, 3]

// Height of the bob i of spring-k around which it starts.
static double start_height(const tz_system *spring, int i) {
    double height = 0.0;
    for (int a = 0; a <= i; a++) {
        for (int j = 0; j < spring->k - a; j++) {
            height -= 9.81 * spring->mass[j] / 10.0; // g m / K
        }
    }
    return height;
}

static void expect_component(const component *c) {
    enum { DRAWS = 4000 };
    const tz_system system = find(c->system);
    double sum = 0.0, square = 0.0; // of the distance from the mean
    for (int i = 0; i < DRAWS; i++) {
        double z[2 * N_MAX];
        tz_rng rng = tz_rng_stream(7, TZ_PURPOSE_TEST, (uint64_t)i);
        tz_system_start(&system, z, &rng);
        const double x = z[c->at] - c->mean;
        sum += x;
        square += x * x;
    }
    // four and a half standard errors of the mean; a deviation has smaller ones
    const double allowed = 4.5 / sqrt(DRAWS);
    if (fabs(sum / DRAWS) > allowed * c->std ||
        fabs(sqrt(square / DRAWS) - c->std) > allowed * c->std) {
        fail_msg("%s, component %d: mean %g, deviation %g, expected %g and %g", c->system, c->at,
                 c->mean + sum / DRAWS, sqrt(square / DRAWS), c->mean, c->std);
    }
}

static void starts_have_the_study_s_components(void **state) {
    (void)state;
    const component components[] = {
        {"magnet", 0, M_PI, 0.3},
        {"magnet", 1, M_PI / 2.0, 0.2},
        {"magnet", 2, 0.0, 0.05},
        {"magnet", 3, 0.0, 0.4},
        {"coupled", 0, M_PI, 0.3},
        {"coupled", 1, M_PI / 2.0, 0.3},
        {"coupled", 2, M_PI, 0.3},
        {"coupled", 3, M_PI / 2.0, 0.3},
        {"coupled", 4, 0.0, 0.3},
        {"coupled", 7, 0.0, 0.3},
        {"gyroscope", 1, 0.75, 1.5 / sqrt(12.0)},
        {"gyroscope", 3, 0.0, 4.5 / sqrt(3.0)},
        {"gyroscope", 4, 0.0, 0.3 / sqrt(3.0)},
        {"gyroscope", 5, 0.0, 1.5 * sqrt(50.0)},
        {"rotor", 0, 0.0, 0.1 * CLIPPED},
        {"rotor", 2, 0.0, 0.1 * CLIPPED},
        {"rotor", 6, 0.0, 0.1 * CLIPPED},
        {"rotor", 9, 0.0, CLIPPED},
        {"rotor", 10, 0.0, CLIPPED},
        {"rotor", 11, 0.0, CLIPPED},
    };
    for (size_t i = 0; i < TZ_COUNTOF(components); i++) {
        expect_component(&components[i]);
    }
    for (int k = 1; k <= 5; k++) {
        char name[16];
        snprintf(name, sizeof name, "spring-%d", k);
        const tz_system spring = find(name);
        for (int i = 0; i < k; i++) {
            const double height = start_height(&spring, i);
            expect_component(&(component){name, 3 * i, 0.0, 0.4});
            expect_component(&(component){name, 3 * i + 1, 0.0, 0.4});
            expect_component(&(component){name, 3 * i + 2, height, sqrt(0.8)});
            expect_component(&(component){name, 3 * k + 3 * i + 2, 0.0, 0.6});
        }
    }
}

// ---- chunks -----------------------------------------------------------------------------------

static void chunks_lie_on_true_trajectories(void **state) {
    (void)state;
    enum { N = 40, C = 5 };
    static const char *const names[] = {"chain-3", "spring-2-damped", "gyroscope", "rotor"};
    for (size_t s = 0; s < TZ_COUNTOF(names); s++) {
        const tz_system system = find(names[s]);
        const int nz = 2 * system.n;
        static double z[N * C * 2 * N_MAX], again[N * C * 2 * N_MAX]; // (N, C, nz)
        for (int threads = 1; threads <= 3; threads++) {
            tz_team *team = NULL;
            double *into = threads == 1 ? z : again;
            assert_int_equal(tz_team_create(&team, threads, NULL), TZ_OK);
            assert_int_equal(tz_system_chunks(&system, into, N, C, TZ_CHUNKS_TRAIN, 7, team, NULL),
                             TZ_OK);
            assert_memory_equal(z, into, (size_t)(N * C * nz) * sizeof *z);
            tz_team_destroy(team);
        }
        // integrating on from a chunk's first sample gives the others
        for (int i = 0; i < N; i++) {
            double own[C * 2 * N_MAX];
            memcpy(own, z + i * C * nz, (size_t)nz * sizeof *own);
            assert_int_equal(tz_system_trajectory(&system, own, C, system.dt_s, NULL), TZ_OK);
            assert_near(own, z + i * C * nz, C * nz, 1e-8);
            for (int j = 0; j < system.n; j++) {
                assert_true(!system.is_angle[j] || fabs(z[i * C * nz + j]) <= M_PI + 1e-12);
            }
        }
    }
}

// Which blocks are drawn shows in damped systems, whose later blocks are slower: standard
// deviations of velocities over training chunks of the study's sampler, and along whole
// trajectories without drag. Means are zero. Chunks are independent, so their
// scatter gives the standard error; two samples differ by sqrt(2) of it, three times that is
// allowed. Without its drag chain-2 would be off by 80 per cent.
static void chunks_have_the_study_s_statistics(void **state) {
    (void)state;
    enum { N = 800, C = 5 };
    static const struct {
        const char *name;
        int n;
        double v_std[4];
    } expected[] = {
        {"chain-2-damped", 2, {1.31, 1.71}},
        {"chain-3-damped", 3, {1.36, 2.04, 2.02}},
        {"spring-1-damped", 3, {0.50, 0.52, 1.01}},
        {"chain-2", 2, {2.34, 3.18}},
    };
    static double z[N * C * 2 * 3]; // (N, C, 2 n)
    tz_team *team = NULL;
    assert_int_equal(tz_team_create(&team, 2, NULL), TZ_OK);
    for (size_t s = 0; s < TZ_COUNTOF(expected); s++) {
        const tz_system system = find(expected[s].name);
        const int n = expected[s].n;
        assert_int_equal(tz_system_chunks(&system, z, N, C, TZ_CHUNKS_TRAIN, 0, team, NULL), TZ_OK);
        for (int i = 0; i < n; i++) {
            double sum = 0.0, square = 0.0; // over chunks, of their mean square
            for (int chunk = 0; chunk < N; chunk++) {
                double mean_square = 0.0;
                for (int t = 0; t < C; t++) {
                    const double v = z[((chunk * C + t) * 2 + 1) * n + i];
                    mean_square += v * v / C;
                }
                sum += mean_square;
                square += mean_square * mean_square;
            }
            const double deviation = sqrt(sum / N);
            const double error = std_of(sum, square, N) / sqrt(N) / (2.0 * deviation);
            const double allowed = 3.0 * sqrt(2.0) * error;
            assert_true(allowed < 0.25 * deviation);
            assert_true(fabs(deviation - expected[s].v_std[i]) < allowed);
        }
    }
    tz_team_destroy(team);
}

// Of 334 samples three blocks of 100 are whole; the first two are drawn, the last never.
static void the_last_block_is_never_drawn(void **state) {
    (void)state;
    enum { N = 60, C = 100, L = 334, NZ = 6 };
    const tz_system system = find("spring-1");
    static double whole[N * L * NZ], z[N * C * NZ]; // (N, L, NZ), (N, C, NZ)
    int drawn[2] = {0};
    tz_team *team = NULL;
    assert_int_equal(tz_team_create(&team, 2, NULL), TZ_OK);
    assert_int_equal(tz_system_chunks(&system, whole, N, L, TZ_CHUNKS_TEST, 9, team, NULL), TZ_OK);
    assert_int_equal(tz_system_chunks(&system, z, N, C, TZ_CHUNKS_TEST, 9, team, NULL), TZ_OK);
    for (int i = 0; i < N; i++) {
        const double *chunk = z + i * C * NZ, *trajectory = whole + i * L * NZ;
        const int block = fabs(chunk[0] - trajectory[0]) < 1e-9 ? 0 : 1;
        assert_near(chunk, trajectory + block * C * NZ, C * NZ, 1e-8);
        drawn[block]++;
    }
    assert_true(drawn[0] > N / 4 && drawn[1] > N / 4);
    tz_team_destroy(team);
}

static void parts_are_apart_and_larger_sets_begin_alike(void **state) {
    (void)state;
    enum { N = 6, C = 100 };
    const tz_system system = find("chain-1");
    static double train[N * C * 2], test[N * C * 2], fewer[(N - 2) * C * 2]; // (., C, 2)
    tz_team *team = NULL;
    tz_error error;
    assert_int_equal(tz_team_create(&team, 1, NULL), TZ_OK);
    assert_int_equal(tz_system_chunks(&system, train, N, C, TZ_CHUNKS_TRAIN, 7, team, NULL), TZ_OK);
    assert_int_equal(tz_system_chunks(&system, test, N, C, TZ_CHUNKS_TEST, 7, team, NULL), TZ_OK);
    assert_int_equal(tz_system_chunks(&system, fewer, N - 2, C, TZ_CHUNKS_TEST, 7, team, NULL),
                     TZ_OK);
    assert_memory_equal(test, fewer, sizeof fewer);
    for (int i = 0; i < N; i++) {
        assert_true(fabs(train[i * C * 2] - test[i * C * 2]) > 1e-6);
    }
    assert_int_equal(tz_system_chunks(&system, train, 1, 334, TZ_CHUNKS_TEST, 7, team, &error),
                     TZ_OK);
    const int refused[][2] = {{1, 335}, {0, C}, {1, 0}, {1, -1}}; // N, C
    for (size_t i = 0; i < TZ_COUNTOF(refused); i++) {
        assert_int_equal(tz_system_chunks(&system, train, refused[i][0], refused[i][1],
                                          TZ_CHUNKS_TEST, 7, team, &error),
                         TZ_ERR_ARGUMENT);
    }
    tz_team_destroy(team);
}

static void unknown_names_are_refused(void **state) {
    (void)state;
    static const char *const names[] = {"",        "chain",        "chain-0",
                                        "chain-6", "rotor-damped", "chain-2-"};
    for (size_t i = 0; i < TZ_COUNTOF(names); i++) {
        tz_system system;
        tz_error error;
        assert_int_equal(tz_system_find(&system, names[i], &error), TZ_ERR_ARGUMENT);
        assert_non_null(strstr(error.text, "expected chain-K or spring-K"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accelerations_momenta_and_energies),
        cmocka_unit_test(trajectories),
        cmocka_unit_test(euler_lagrange_holds_for_every_system),
        cmocka_unit_test(drag_takes_its_power),
        cmocka_unit_test(energy_is_kept),
        cmocka_unit_test(the_code_s_energy_takes_velocities_for_momenta),
        cmocka_unit_test(starts_have_the_study_s_statistics),
        cmocka_unit_test(starts_have_the_study_s_components),
        cmocka_unit_test(chunks_have_the_study_s_statistics),
        cmocka_unit_test(chunks_lie_on_true_trajectories),
        cmocka_unit_test(the_last_block_is_never_drawn),
        cmocka_unit_test(parts_are_apart_and_larger_sets_begin_alike),
        cmocka_unit_test(unknown_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
