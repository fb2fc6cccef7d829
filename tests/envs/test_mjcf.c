// The MJCF files of assets/ compile to the published models: every field of the reference dump, and
// every option.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "envs/env.h"
#include "golden.h"

#include <math.h>
#include <mujoco/mujoco.h>
#include <string.h>

// Fields of the dump: X(name, number of values). Integers are compared as numbers.
#define FIELDS(X)                                                                                  \
    X(body_mass, m->nbody)                                                                         \
    X(body_inertia, 3 * m->nbody)                                                                  \
    X(body_ipos, 3 * m->nbody)                                                                     \
    X(body_iquat, 4 * m->nbody)                                                                    \
    X(body_pos, 3 * m->nbody)                                                                      \
    X(body_quat, 4 * m->nbody)                                                                     \
    X(body_invweight0, 2 * m->nbody)                                                               \
    X(dof_armature, m->nv)                                                                         \
    X(dof_damping, m->nv)                                                                          \
    X(dof_invweight0, m->nv)                                                                       \
    X(jnt_range, 2 * m->njnt)                                                                      \
    X(jnt_limited, m->njnt)                                                                        \
    X(jnt_stiffness, m->njnt)                                                                      \
    X(jnt_axis, 3 * m->njnt)                                                                       \
    X(jnt_pos, 3 * m->njnt)                                                                        \
    X(jnt_margin, m->njnt)                                                                         \
    X(jnt_solref, mjNREF * m->njnt)                                                                \
    X(jnt_solimp, mjNIMP * m->njnt)                                                                \
    X(qpos0, m->nq)                                                                                \
    X(qpos_spring, m->nq)                                                                          \
    X(geom_size, 3 * m->ngeom)                                                                     \
    X(geom_pos, 3 * m->ngeom)                                                                      \
    X(geom_quat, 4 * m->ngeom)                                                                     \
    X(geom_friction, 3 * m->ngeom)                                                                 \
    X(geom_margin, m->ngeom)                                                                       \
    X(geom_condim, m->ngeom)                                                                       \
    X(geom_contype, m->ngeom)                                                                      \
    X(geom_conaffinity, m->ngeom)                                                                  \
    X(geom_solref, mjNREF * m->ngeom)                                                              \
    X(geom_solimp, mjNIMP * m->ngeom)                                                              \
    X(actuator_gear, 6 * m->nu)                                                                    \
    X(actuator_ctrlrange, 2 * m->nu)                                                               \
    X(actuator_gainprm, 3 * m->nu)

#define COUNT_FIELD(name, size) +1
enum { N_FIELDS = 0 FIELDS(COUNT_FIELD) };

// Numbers of the dump have 12 digits. MuJoCo 2.2.2 computes the invweights in another order.
static const double tolerance = 1e-9;

static mjModel *open_model(tz_env **env, const char *name) {
    tz_env_def def = tz_env_def_default();
    def.name = name;
    assert_int_equal(tz_env_create(env, &def, NULL), TZ_OK);
    return (mjModel *)tz_env_mj_model(*env);
}

// What MuJoCo 2.2.2 computes otherwise: the inverse weights of very light bodies, and which of the
// equal principal axes of a round foot come first.
static bool differs_in_222(const char *environment, const char *field) {
    const bool is_light = strstr(environment, "reacher") || strstr(environment, "pusher");
    return mj_version() == 222 && ((is_light && strstr(field, "_invweight0")) ||
                                   (strstr(environment, "humanoid") && strstr(field, "_iquat")));
}

static void expect_close(const char *environment, const char *field, int k, double found,
                         double expected) {
    if (!(fabs(found - expected) <= tolerance * fmax(1.0, fabs(expected)))) {
        fail_msg("%s: %s[%d] is %.17g, expected %.17g", environment, field, k, found, expected);
    }
}

// ---- options: MuJoCo's defaults, and these

#define EARTH                                                                                      \
    { 0.0, 0.0, -9.81 }
static const struct expected_options {
    const char *name; // version 4 only where it has another model
    double timestep_s;
    mjtIntegrator integrator;
    double gravity[3], density, viscosity;
    double total_mass_kg;
    mjtSolver solver;
    int iterations;
} expected_options[] = {
    {"half_cheetah", 0.01, mjINT_EULER, EARTH, 0.0, 0.0, 14.0, mjSOL_NEWTON, 100},
    {"hopper", 0.002, mjINT_RK4, EARTH, 0.0, 0.0, 15.8200, mjSOL_NEWTON, 100},
    {"swimmer", 0.01, mjINT_RK4, EARTH, 4000.0, 0.1, 106.814, mjSOL_NEWTON, 100},
    {"walker2d", 0.002, mjINT_RK4, EARTH, 0.0, 0.0, 23.6771, mjSOL_NEWTON, 100},
    {"walker2d-v4", 0.002, mjINT_RK4, EARTH, 0.0, 0.0, 23.6771, mjSOL_NEWTON, 100},
    {"inverted_pendulum", 0.02, mjINT_RK4, EARTH, 0.0, 0.0, 15.4906, mjSOL_NEWTON, 100},
    {"inverted_double_pendulum",
     0.01,
     mjINT_RK4,
     {1e-5, 0.0, -9.81},
     0.0,
     0.0,
     18.8695,
     mjSOL_NEWTON,
     100},
    {"reacher", 0.01, mjINT_RK4, EARTH, 0.0, 0.0, 0.0785, mjSOL_NEWTON, 100},
    {"pusher", 0.01, mjINT_EULER, {0.0}, 0.0, 0.0, 13.6730, mjSOL_NEWTON, 20},
    {"pusher-v4", 0.01, mjINT_EULER, {0.0}, 0.0, 0.0, 13.6730, mjSOL_NEWTON, 20},
    {"ant", 0.01, mjINT_RK4, EARTH, 0.0, 0.0, 0.910880, mjSOL_NEWTON, 100},
    {"humanoid", 0.003, mjINT_RK4, EARTH, 0.0, 0.0, 42.1160, mjSOL_PGS, 50},
    {"humanoid_standup", 0.003, mjINT_RK4, EARTH, 0.0, 0.0, 42.1160, mjSOL_PGS, 50},
};

static void test_fields(void **state) {
    (void)state;
    for (size_t i = 0; i < TZ_COUNTOF(expected_options); i++) {
        const char *name = expected_options[i].name;
        tz_env *env;
        const mjModel *m = open_model(&env, name);

        FILE *file = golden_open("compiled", name);
        golden_line line;
        int n_fields = 0;
        for (; golden_read(file, &line); n_fields++) {
            bool known = false;
#define CHECK_FIELD(field, size)                                                                   \
    if (strcmp(line.label, #field) == 0) {                                                         \
        known = true;                                                                              \
        assert_int_equal(line.n, size);                                                            \
        for (int k = 0; k < line.n && !differs_in_222(name, #field); k++) {                        \
            expect_close(name, #field, k, (double)m->field[k], line.x[k]);                         \
        }                                                                                          \
    }
            FIELDS(CHECK_FIELD)
#undef CHECK_FIELD
            if (!known) {
                fail_msg("%s: the dump has a field %s that is not checked", name, line.label);
            }
        }
        assert_int_equal(n_fields, N_FIELDS);
        fclose(file);
        tz_env_destroy(env);
    }
}

static void test_options(void **state) {
    (void)state;
    for (size_t i = 0; i < TZ_COUNTOF(expected_options); i++) {
        const struct expected_options *e = &expected_options[i];
        tz_env *env;
        const mjModel *m = open_model(&env, e->name);

        // Compared as bytes, so that no option is forgotten, also not one of a later MuJoCo.
        mjOption expected;
        memset(&expected, 0, sizeof expected);
        mj_defaultOption(&expected);
        assert_int_equal(expected.solver, mjSOL_NEWTON);
        assert_int_equal(expected.iterations, 100);
        expected.timestep = e->timestep_s;
        memcpy(expected.gravity, e->gravity, sizeof expected.gravity);
        expected.solver = e->solver;
        expected.iterations = e->iterations;
        expected.integrator = e->integrator;
        expected.density = e->density;
        expected.viscosity = e->viscosity;
        assert_memory_equal(&m->opt, &expected, sizeof expected);

        double mass = 0.0;
        for (int k = 0; k < m->nbody; k++) {
            mass += m->body_mass[k];
        }
        assert_true(fabs(mass - e->total_mass_kg) < 5e-4);
        tz_env_destroy(env);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
