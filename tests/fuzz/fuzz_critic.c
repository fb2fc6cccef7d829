// libFuzzer target: any bytes as a file of critics are read or refused, without a fault or a leak,
// and what is read gives values.
#include "base/memory.h"
#include "fuzz_file.h"
#include "policies/critic.h"

static const tz_task *pendulum(void) {
    static tz_env *env;
    tz_env_def def = tz_env_def_default();
    def.name = "inverted_pendulum";
    if (env == NULL && tz_env_create(&env, &def, NULL) != TZ_OK) {
        abort();
    }
    return tz_env_task(env);
}

static void evaluate(const tz_critic *critic) {
    static const double z[2 * 4] = {0.1, -0.2, 0.3, -0.4};
    static const float u[2] = {1.0f};
    float q[2];
    tz_critic_workspace *workspace;
    if (tz_critic_workspace_create(&workspace, critic, 2, NULL) == TZ_OK) {
        tz_critic_q(critic, workspace, q, z, u, 2);
        tz_critic_workspace_destroy(workspace);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const tz_task *task = pendulum();
    const char *path = fuzz_file(data, size);
    const size_t live = tz_alloc_live();
    tz_critic *critic = NULL;
    tz_error error = {0};
    if (tz_critic_load(&critic, path, task, &error) == TZ_OK) {
        evaluate(critic);
        tz_critic_destroy(critic);
    } else if (error.text[0] == '\0' || critic != NULL) {
        abort();
    }
    if (tz_alloc_live() != live) {
        abort();
    }
    return 0;
}
