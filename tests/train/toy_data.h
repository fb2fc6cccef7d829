// A small known system for the tests of training: n damped, coupled pendulums under random held
// controls, integrated finely.
//
//     dq_i/dt = v_i,   dv_i/dt = -sin(q_i) + 0.3 (q_{i+1} - q_i) - 0.1 v_i + u_{i mod nu}
#ifndef TRAPEZE_TESTS_TOY_DATA_H
#define TRAPEZE_TESTS_TOY_DATA_H

#include "base/memory.h"
#include "base/rng.h"
#include "data/dataset.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static inline tz_task toy_task(int n, int nu) {
    tz_task task = {.nq = n, .nv = n, .nu = nu, .dt_s = 0.1, .frame_skip = 1};
    snprintf(task.name, sizeof task.name, "toy");
    task.max_episode_steps = 1000;
    for (int i = 0; i < nu; i++) {
        task.control_low[i] = -1.0;
        task.control_high[i] = 1.0;
    }
    return task;
}

static inline void toy_step(double *z, const float *u, int n, int nu, double dt) {
    enum { SUBSTEPS = 100 };
    for (int s = 0; s < SUBSTEPS; s++) {
        double dv[16];
        for (int i = 0; i < n; i++) {
            const double pull = i + 1 < n ? 0.3 * (z[i + 1] - z[i]) : 0.0;
            dv[i] = -sin(z[i]) + pull - 0.1 * z[n + i] + u[i % nu];
        }
        for (int i = 0; i < n; i++) {
            z[n + i] += dt / SUBSTEPS * dv[i];
            z[i] += dt / SUBSTEPS * z[n + i];
        }
    }
}

// Episode e has T + 5 e transitions. The caller destroys the dataset with toy_dataset_destroy.
static inline tz_dataset *toy_dataset(int n, int nu, int n_episodes, int T, uint64_t seed) {
    tz_dataset *d = tz_alloc(1, sizeof *d);
    *d = (tz_dataset){
        .nq = n, .nv = n, .nu = nu, .nz = 2 * n, .dt_s = 0.1, .n_episodes = n_episodes};
    snprintf(d->env, sizeof d->env, "toy");
    snprintf(d->sha256, sizeof d->sha256, "toy-%d-%llu", n_episodes, (unsigned long long)seed);
    d->step_offset = tz_alloc((size_t)n_episodes + 1, sizeof *d->step_offset);
    for (int e = 0; e < n_episodes; e++) {
        d->step_offset[e + 1] = d->step_offset[e] + (size_t)(T + 5 * e);
    }
    d->n_steps = d->step_offset[n_episodes];
    d->z = tz_alloc((d->n_steps + (size_t)n_episodes) * (size_t)d->nz, sizeof(double));
    d->u = tz_alloc(d->n_steps * (size_t)nu, sizeof(float));
    d->reward = tz_alloc(d->n_steps, sizeof(double));
    d->terminated = tz_alloc(d->n_steps, 1);
    d->truncated = tz_alloc(d->n_steps, 1);
    for (int e = 0; e < n_episodes; e++) {
        tz_rng rng = tz_rng_stream(seed, TZ_PURPOSE_TEST, (uint64_t)e);
        double *z = (double *)tz_dataset_states(d, e);
        float *u = (float *)tz_dataset_controls(d, e);
        for (int i = 0; i < 2 * n; i++) {
            z[i] = tz_rng_normal(&rng);
        }
        for (int t = 0; t < tz_dataset_length(d, e); t++, z += 2 * n, u += nu) {
            for (int i = 0; i < nu; i++) {
                u[i] = (float)(2.0 * tz_rng_uniform(&rng) - 1.0);
            }
            memcpy(z + 2 * n, z, (size_t)(2 * n) * sizeof *z);
            toy_step(z + 2 * n, u, n, nu, d->dt_s);
        }
    }
    return d;
}

static inline void toy_dataset_destroy(tz_dataset *d) {
    tz_free(d->step_offset);
    tz_free(d->z);
    tz_free(d->u);
    tz_free(d->reward);
    tz_free(d->terminated);
    tz_free(d->truncated);
    tz_free(d);
}

#endif
