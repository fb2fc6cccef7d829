#include "envs/hamiltonian/trajectory.h"

#include "base/memory.h"
#include "envs/hamiltonian/integrator.h"

#include <math.h>
#include <string.h>

// Samples `first` to `first + T - 1` of the trajectory that starts at z0, into z (T, 2 n).
static tz_status sample(tz_system_integrator *integrator, const tz_system *system, double *z,
                        const double *z0, int first, int T, double dt_s, tz_error *error) {
    const size_t nz = 2 * (size_t)system->n;
    double *x = tz_system_integrator_x(integrator); // (nx)
    tz_system_to_x(system, x, z0);
    if (first == 0) {
        memmove(z, z0, nz * sizeof *z);
    }
    tz_system_integrator_start(integrator);
    for (int i = first > 0 ? first : 1; i < first + T; i++) {
        if (!tz_system_integrator_move(integrator, i * dt_s)) {
            return tz_fail(error, TZ_ERR_NUMERIC,
                           "%s: its trajectory could not be integrated beyond %g s", system->name,
                           (i - 1) * dt_s);
        }
        tz_system_from_x(system, z + (size_t)(i - first) * nz, x);
    }
    tz_system_unwrap(system, z, T);
    return TZ_OK;
}

tz_status tz_system_trajectory(const tz_system *system, double *z, int T, double dt_s,
                               tz_error *error) {
    tz_system_integrator *integrator = NULL;
    TZ_CHECK(tz_system_integrator_create(&integrator, system, error));
    const tz_status status = sample(integrator, system, z, z, 0, T, dt_s, error);
    tz_system_integrator_destroy(integrator);
    return status;
}

// ---- the study's chunks -----------------------------------------------------------------------

// The work of tz_system_chunks.
typedef struct work {
    const tz_system *system;
    double *z; // (N, C, 2 n)
    int C, n_blocks;
    uint64_t seed, first_index;
    tz_system_integrator **integrators; // (threads)
    tz_error *errors;                   // (threads)
} work;

static void one_chunk(void *context, int task, int worker) {
    work *w = context;
    double z0[2 * TZ_SYSTEM_N_MAX];
    tz_rng rng = tz_rng_stream(w->seed, TZ_PURPOSE_SYSTEM, w->first_index + (uint64_t)task);
    const int block = (int)tz_rng_below(&rng, (uint64_t)w->n_blocks);
    tz_system_start(w->system, z0, &rng);
    if (w->errors[worker].status == TZ_OK) {
        double *chunk = w->z + (size_t)task * (size_t)w->C * 2 * (size_t)w->system->n; // (C, 2 n)
        sample(w->integrators[worker], w->system, chunk, z0, block * w->C, w->C, w->system->dt_s,
               &w->errors[worker]);
    }
}

tz_status tz_system_chunks(const tz_system *system, double *z, int N, int C, tz_chunk_part part,
                           uint64_t seed, tz_team *team, tz_error *error) {
    const int L = (int)ceil(TZ_STUDY_SPAN_S / system->dt_s - 1e-9); // samples of a trajectory
    const int n_blocks = C > 0 ? L / C - (L % C != 0) : 0;
    if (N < 1 || n_blocks < 1) {
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
        status = tz_system_integrator_create(&w.integrators[i], system, error);
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
        tz_system_integrator_destroy(w.integrators[i]);
    }
    tz_free(w.integrators);
    tz_free(w.errors);
    return status;
}
