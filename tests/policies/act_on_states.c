// Lets a policy act on states, for comparing with other implementations:
//   act_on_states POLICY ENV STATES OUT
// STATES holds z (B, nz) in float64; OUT gets the deterministic control u (B, nu) and, of each
// state, draws (DRAWS, B, nu).
#include "base/memory.h"
#include "base/safetensors.h"
#include "envs/env.h"
#include "policies/policy.h"

#include <stdio.h>

enum { DRAWS = 2000 };

static tz_status act(const tz_policy *policy, const tz_tensor *z, int nu, const char *out,
                     tz_error *error) {
    const int B = (int)z->shape[0];
    const size_t row = (size_t)B * (size_t)nu;
    tz_policy_workspace *workspace;
    TZ_CHECK(tz_policy_workspace_create(&workspace, policy, B, error));
    float *u = tz_alloc((DRAWS + 1) * row, sizeof *u);
    tz_rng *rng = tz_alloc((size_t)B, sizeof *rng);
    if (u == NULL || rng == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory");
    }
    for (int b = 0; b < B; b++) {
        rng[b] = tz_rng_stream(1, TZ_PURPOSE_POLICY, (uint64_t)b);
    }
    tz_policy_act(policy, workspace, u, z->data, NULL, B);
    for (int i = 1; i <= DRAWS; i++) {
        tz_policy_act(policy, workspace, u + (size_t)i * row, z->data, rng, B);
    }
    const tz_tensor tensors[] = {
        {.name = "u", .ndim = 2, .shape = {(size_t)B, (size_t)nu}, .data = u},
        {.name = "draws", .ndim = 3, .shape = {DRAWS, (size_t)B, (size_t)nu}, .data = u + row}};
    const tz_status status = tz_safetensors_write(out, tensors, 2, NULL, 0, error);
    tz_free(rng);
    tz_free(u);
    tz_policy_workspace_destroy(workspace);
    return status;
}

static tz_status run(char **argv, tz_error *error) {
    tz_env_def def = tz_env_def_default();
    def.name = argv[2];
    tz_env *env;
    tz_policy *policy = NULL;
    tz_safetensors *states = NULL;
    TZ_CHECK(tz_env_create(&env, &def, error));
    const tz_task *task = tz_env_task(env);
    tz_status status = tz_policy_create(&policy, argv[1], task, error);
    status = status == TZ_OK ? tz_safetensors_read(&states, argv[3], error) : status;
    if (status == TZ_OK) {
        const tz_tensor *z = tz_safetensors_find(states, "z");
        status = z == NULL || z->ndim != 2 || z->dtype != TZ_DTYPE_F64 ||
                         z->shape[1] != (size_t)tz_task_nz(task)
                     ? tz_fail(error, TZ_ERR_FORMAT, "%s: no states 'z'", argv[3])
                     : act(policy, z, task->nu, argv[4], error);
    }
    tz_safetensors_destroy(states);
    tz_policy_destroy(policy);
    tz_env_destroy(env);
    return status;
}

int main(int argc, char **argv) {
    tz_error error;
    if (argc != 5) {
        fprintf(stderr, "usage: act_on_states POLICY ENV STATES OUT\n");
        return 2;
    }
    if (run(argv, &error) != TZ_OK) {
        fprintf(stderr, "act_on_states: %s\n", error.text);
        return 2;
    }
    return 0;
}
