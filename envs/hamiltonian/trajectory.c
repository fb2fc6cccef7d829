#include "envs/hamiltonian/trajectory.h"

#include "base/memory.h"

#include <arkode/arkode_arkstep.h>
#include <math.h>
#include <nvector/nvector_serial.h>
#include <string.h>

static const double TOLERANCE = 1e-12;
enum { ORDER = 8, STEPS_MAX = 1000000 };

// ---- one trajectory ---------------------------------------------------------------------------

// An integrator of one system; each thread makes its own.
typedef struct integrator {
    const tz_system *system;
    SUNContext context;
    N_Vector x; // (nx)
    void *arkode;
} integrator;

static int rate(realtype t, N_Vector x, N_Vector dx, void *user) {
    (void)t;
    const tz_system *system = user;
    const double *values = N_VGetArrayPointer(x);
    double *rates = N_VGetArrayPointer(dx);
    tz_system_rate(system, rates, values);
    return isfinite(rates[0]) ? 0 : 1; // 1: try a smaller step
}

// Errors come back as return values; the text on stderr is not wanted.
static void say_nothing(int code, const char *module, const char *function, char *text,
                        void *user) {
    (void)code, (void)module, (void)function, (void)text, (void)user;
}

static void close_integrator(integrator *self) {
    if (self->arkode != NULL) {
        ARKStepFree(&self->arkode);
    }
    if (self->x != NULL) {
        N_VDestroy(self->x);
    }
    if (self->context != NULL) {
        SUNContext_Free(&self->context);
    }
}

static tz_status open_integrator(integrator *self, const tz_system *system, tz_error *error) {
    *self = (integrator){.system = system};
    const bool made =
        SUNContext_Create(NULL, &self->context) == 0 &&
        (self->x = N_VNew_Serial(tz_system_nx(system), self->context)) != NULL &&
        (self->arkode = ARKStepCreate(rate, NULL, 0.0, self->x, self->context)) != NULL;
    const bool set = made &&
                     ARKStepSetErrHandlerFn(self->arkode, say_nothing, NULL) == ARK_SUCCESS &&
                     ARKStepSetUserData(self->arkode, (void *)(uintptr_t)system) == ARK_SUCCESS &&
                     ARKStepSetOrder(self->arkode, ORDER) == ARK_SUCCESS &&
                     ARKStepSStolerances(self->arkode, TOLERANCE, TOLERANCE) == ARK_SUCCESS &&
                     ARKStepSetMaxNumSteps(self->arkode, STEPS_MAX) == ARK_SUCCESS;
    if (!set) {
        close_integrator(self);
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for an integrator", system->name);
    }
    return TZ_OK;
}

// Samples `first` to `first + T - 1` of the trajectory that starts at z0, into z (T, 2 n).
static tz_status sample(integrator *self, double *z, const double *z0, int first, int T,
                        double dt_s, tz_error *error) {
    const tz_system *system = self->system;
    const int nz = 2 * system->n;
    double *x = N_VGetArrayPointer(self->x); // (nx)
    tz_system_to_x(system, x, z0);
    if (first == 0) {
        memmove(z, z0, (size_t)nz * sizeof *z);
    }
    bool fine = ARKStepReInit(self->arkode, rate, NULL, 0.0, self->x) == ARK_SUCCESS;
    for (int i = 1; fine && i < first + T; i++) {
        // a stop at each sample, or straight to the first that is wanted
        i = i < first ? first : i;
        const double t = i * dt_s;
        realtype reached = 0.0;
        fine = ARKStepSetStopTime(self->arkode, t) == ARK_SUCCESS &&
               ARKStepEvolve(self->arkode, t, self->x, &reached, ARK_NORMAL) >= 0;
        tz_system_from_x(system, z + (size_t)(i - first) * (size_t)nz, x);
    }
    if (!fine) {
        return tz_fail(error, TZ_ERR_NUMERIC,
                       "%s: a trajectory could not be integrated to a tolerance of %g",
                       system->name, TOLERANCE);
    }
    tz_system_unwrap(system, z, T);
    return TZ_OK;
}

tz_status tz_system_trajectory(const tz_system *system, double *z, int T, double dt_s,
                               tz_error *error) {
    integrator own;
    TZ_CHECK(open_integrator(&own, system, error));
    const tz_status status = sample(&own, z, z, 0, T, dt_s, error);
    close_integrator(&own);
    return status;
}

// ---- the study's chunks -----------------------------------------------------------------------

// The work of tz_system_chunks.
typedef struct work {
    const tz_system *system;
    double *z; // (N, C, 2 n)
    int C, n_blocks;
    uint64_t seed, first_index;
    integrator *integrators; // (threads)
    tz_error *errors;        // (threads)
} work;

static void one_chunk(void *context, int task, int worker) {
    work *w = context;
    double z0[2 * TZ_SYSTEM_N_MAX];
    tz_rng rng = tz_rng_stream(w->seed, TZ_PURPOSE_SYSTEM, w->first_index + (uint64_t)task);
    const int block = (int)tz_rng_below(&rng, (uint64_t)w->n_blocks);
    tz_system_start(w->system, z0, &rng);
    if (w->errors[worker].status == TZ_OK) {
        double *chunk = w->z + (size_t)task * (size_t)w->C * 2 * (size_t)w->system->n; // (C, 2 n)
        sample(&w->integrators[worker], chunk, z0, block * w->C, w->C, w->system->dt_s,
               &w->errors[worker]);
    }
}

tz_status tz_system_chunks(const tz_system *system, double *z, int N, int C, tz_chunk_part part,
                           uint64_t seed, tz_team *team, tz_error *error) {
    const int L = (int)ceil(TZ_STUDY_SPAN_S / system->dt_s - 1e-9); // samples of a trajectory
    const int n_blocks = L / C - (L % C != 0);
    if (N < 1 || C < 1 || n_blocks < 1) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s: %d chunks of %d samples from trajectories of %d: expected at least 1 "
                       "of each, and room for one",
                       system->name, N, C, L);
    }
    const int n_threads = tz_team_size(team);
    work w = {.system = system,
              .z = z,
              .C = C,
              .n_blocks = n_blocks,
              .seed = seed,
              .first_index = (uint64_t)part << 32,
              .integrators = tz_alloc((size_t)n_threads, sizeof *w.integrators),
              .errors = tz_alloc((size_t)n_threads, sizeof *w.errors)};
    tz_status status =
        w.integrators != NULL && w.errors != NULL
            ? TZ_OK
            : tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for integrators", system->name);
    for (int i = 0; status == TZ_OK && i < n_threads; i++) {
        status = open_integrator(&w.integrators[i], system, error);
    }
    if (status == TZ_OK) {
        tz_team_run(team, N, one_chunk, &w);
    }
    for (int i = 0; status == TZ_OK && i < n_threads; i++) {
        if (w.errors[i].status != TZ_OK) {
            status = tz_fail(error, w.errors[i].status, "%s", w.errors[i].text);
        }
    }
    for (int i = 0; w.integrators != NULL && i < n_threads; i++) {
        close_integrator(&w.integrators[i]);
    }
    tz_free(w.integrators);
    tz_free(w.errors);
    return status;
}
