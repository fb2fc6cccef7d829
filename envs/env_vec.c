#include "envs/env_vec.h"

#include "base/memory.h"

struct tz_env_vec {
    tz_team *team; // borrowed
    tz_env **envs; // (n), owned
    int n;
    int nz, nu;
};

// The arguments of a call, for the threads.
typedef struct call {
    tz_env_vec *vec;
    tz_step *steps;
    double *z;
    const double *u;
    uint64_t seed, first_episode;
} call;

tz_status tz_env_vec_create(tz_env_vec **vec, const tz_env_def *def, int n, tz_team *team,
                            tz_error *error) {
    *vec = NULL;
    if (n < 1) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "a vector of %d environments; expected 1 or more",
                       n);
    }
    tz_env_vec *v = tz_alloc(1, sizeof *v);
    tz_env **envs = v ? tz_alloc((size_t)n, sizeof(tz_env *)) : NULL;
    if (!envs) {
        tz_free(v);
        return tz_fail(error, TZ_ERR_MEMORY, "no memory for a vector of %d environments", n);
    }
    *v = (tz_env_vec){.team = team, .envs = envs, .n = n};

    // One compiled model for all.
    tz_status status = tz_env_create(&envs[0], def, error);
    for (int i = 1; i < n && status == TZ_OK; i++) {
        status = tz_env_clone(&envs[i], envs[0], error);
    }
    if (status != TZ_OK) {
        tz_env_vec_destroy(v);
        return status;
    }
    v->nz = tz_task_nz(tz_env_task(envs[0]));
    v->nu = tz_env_task(envs[0])->nu;
    *vec = v;
    return TZ_OK;
}

void tz_env_vec_destroy(tz_env_vec *vec) {
    if (vec) {
        for (int i = 0; i < vec->n; i++) {
            tz_env_destroy(vec->envs[i]);
        }
        tz_free(vec->envs);
        tz_free(vec);
    }
}

int tz_env_vec_size(const tz_env_vec *vec) {
    return vec->n;
}

tz_env *tz_env_vec_at(tz_env_vec *vec, int i) {
    return vec->envs[i];
}

static void reset_one(void *context, int i, int worker) {
    (void)worker;
    const call *c = context;
    tz_env_reset(c->vec->envs[i], c->z + (size_t)i * (size_t)c->vec->nz, c->seed,
                 c->first_episode + (uint64_t)i);
}

void tz_env_vec_reset(tz_env_vec *vec, double *z, uint64_t seed, uint64_t first_episode) {
    call c = {.vec = vec, .z = z, .seed = seed, .first_episode = first_episode};
    tz_team_run(vec->team, vec->n, reset_one, &c);
}

static void step_one(void *context, int i, int worker) {
    (void)worker;
    const call *c = context;
    tz_env_step(c->vec->envs[i], &c->steps[i], c->z + (size_t)i * (size_t)c->vec->nz,
                c->u + (size_t)i * (size_t)c->vec->nu);
}

void tz_env_vec_step(tz_env_vec *vec, tz_step *steps, double *z_next, const double *u) {
    call c = {.vec = vec, .steps = steps, .z = z_next, .u = u};
    tz_team_run(vec->team, vec->n, step_one, &c);
}
