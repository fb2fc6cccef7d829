// A program outside of Trapeze's tree: steps an environment, and rolls a transition model out from
// the same start under the same controls.  example ENVIRONMENT [MODEL.safetensors]
#include <trapeze/base/rng.h>
#include <trapeze/envs/env.h>
#include <trapeze/models/model.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { T = 20 };
static float z[(T + 1) * TZ_NZ_MAX], u[T * TZ_NU_MAX]; // (T+1, nz), (T, nu)

static void check(tz_status status, const tz_error *error) {
    if (status != TZ_OK) {
        fprintf(stderr, "example: %s\n", error->text);
        exit(2);
    }
}

int main(int argc, char **argv) {
    double state[TZ_NZ_MAX], control[TZ_NU_MAX];
    tz_error error;

    // the simulator under random controls
    tz_env_def env_def = tz_env_def_default();
    env_def.name = argc > 1 ? argv[1] : "half_cheetah";
    tz_env *env = NULL;
    check(tz_env_create(&env, &env_def, &error), &error);
    const tz_task *task = tz_env_task(env);
    const int nz = tz_task_nz(task), nu = task->nu;
    tz_rng rng = tz_rng_stream(1, TZ_PURPOSE_POLICY, 0);
    tz_env_reset(env, state, 1, 0);
    for (int i = 0; i < nz; i++) {
        z[i] = (float)state[i];
    }
    double total_reward = 0.0;
    for (int t = 0; t < T; t++) {
        tz_step step;
        for (int i = 0; i < nu; i++) {
            u[t * nu + i] = (float)(2.0 * tz_rng_uniform(&rng) - 1.0);
            control[i] = u[t * nu + i];
        }
        tz_env_step(env, &step, state, control);
        total_reward += step.reward;
    }

    // the model: a trained one from a file, or a fresh one that knows nothing yet
    tz_model *model = NULL;
    if (argc > 2) {
        check(tz_model_load(&model, argv[2], &error), &error);
        check(tz_model_check_task(model, task, argv[2], &error), &error);
    } else {
        const tz_model_def def = tz_model_def_default();
        tz_model_statistics statistics = {0};
        for (int i = 0; i < nz; i++) {
            statistics.z_std[i] = statistics.rate_std[i] = statistics.z_high[i] = 1.0;
        }
        for (int i = 0; i < nu; i++) {
            statistics.u_std[i] = 1.0;
        }
        check(tz_model_create(&model, &def, task, &statistics, &error), &error);
    }
    tz_model_workspace *workspace = NULL;
    check(tz_model_workspace_create(&workspace, model, 1, T, false, &error), &error);
    tz_model_rollout(model, workspace, z, z, u, T, 1);

    printf("%s: return of %d steps %.4f\n%-12s %10s %10s\n", task->name, T, total_reward,
           "coordinate", "simulator", model->ops->kind);
    int finite = 1;
    for (int i = 0; i < nz; i++) {
        const char *name = i < task->nq ? task->coordinate_name[i] : "(velocity)";
        printf("%-12s %10.4f %10.4f\n", name, state[i], (double)z[T * nz + i]);
        finite = finite && isfinite(state[i]) && isfinite(z[T * nz + i]);
    }
    tz_model_workspace_destroy(model, workspace);
    tz_model_destroy(model);
    tz_env_destroy(env);
    return finite ? 0 : 1;
}
