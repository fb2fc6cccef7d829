// A program outside of Trapeze's tree that collects episodes under a policy of its own: the legs
// swing in turn.  collect ENVIRONMENT FOLDER
#include <trapeze/base/interrupt.h>
#include <trapeze/data/dataset.h>
#include <trapeze/data/guard.h>
#include <trapeze/data/writer.h>
#include <trapeze/envs/env.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { EPISODES = 3, STEPS = 50, SEED = 1 };

static void check(tz_status status, const tz_error *error) {
    if (status != TZ_OK) {
        fprintf(stderr, "collect: %s\n", error->text);
        exit(2);
    }
}

// u (nu) at step t, within the controls' range and rounded to float, as it is stored.
static void act(float *u, const tz_task *task, int t) {
    for (int i = 0; i < task->nu; i++) {
        const double middle = 0.5 * (task->control_low[i] + task->control_high[i]);
        const double half_range = 0.5 * (task->control_high[i] - task->control_low[i]);
        u[i] = (float)(middle + 0.8 * half_range * sin(6.0 * task->dt_s * t + i));
    }
}

// Steps one episode into the recorder, whose view is what the writer takes.
static void run_episode(tz_env *env, tz_episode_recorder *recorder, int episode) {
    const tz_task *task = tz_env_task(env);
    double z[2 * TZ_NQ_MAX], control[TZ_NU_MAX]; // (nz), (nu)
    float u[TZ_NU_MAX];                          // (nu)
    tz_step step = {0};
    tz_env_reset(env, z, SEED, (uint64_t)episode);
    tz_episode_recorder_begin(recorder, z, SEED, (uint64_t)episode);
    bool goes_on = true;
    for (int t = 0; t < STEPS && goes_on; t++) {
        act(u, task, t);
        for (int i = 0; i < task->nu; i++) {
            control[i] = u[i];
        }
        tz_env_step(env, &step, z, control);
        tz_episode_recorder_add(recorder, u, z, &step);
        goes_on = step.outcome == TZ_STEP_OK && !step.terminated && !step.truncated;
    }
}

int main(int argc, char **argv) {
    int status;
    if (tz_guard_main(argc, argv, &status)) { // HDF5 reads in a child (data/guard.h)
        return status;
    }
    if (argc != 3) {
        fprintf(stderr, "usage: collect ENVIRONMENT FOLDER\n");
        return 2;
    }
    tz_error error;
    tz_env_def env_def = tz_env_def_default();
    env_def.name = argv[1];
    tz_env *env = NULL;
    check(tz_env_create(&env, &env_def, &error), &error);

    tz_writer_def writer_def = tz_writer_def_default();
    writer_def.folder = argv[2];
    writer_def.config_json = "{\"policy\": \"swinging legs\", \"seed\": 1}";
    writer_def.description = "Legs that swing in turn.";
    writer_def.algorithm_name = "sines";
    tz_writer *writer = NULL;
    check(tz_writer_create(&writer, &writer_def, tz_env_task(env), &error), &error);
    tz_episode_recorder *recorder = NULL;
    check(tz_episode_recorder_create(&recorder, tz_env_task(env), STEPS, &error), &error);

    // each episode is on the disk before the next one begins; Ctrl-C leaves those that are finished
    tz_catch_interrupts();
    int n = 0;
    for (; n < EPISODES && !tz_interrupted(); n++) {
        run_episode(env, recorder, n);
        const tz_episode episode = tz_episode_recorder_view(recorder);
        if (episode.T > 0) { // else the first step was unstable: the slot stays empty
            check(tz_writer_put(writer, n, &episode, &error), &error);
        }
    }
    check(tz_writer_finish(writer, n, &error), &error);

    tz_dataset *dataset = NULL;
    check(tz_dataset_read(&dataset, argv[2], NULL, &error), &error);
    printf("%s: %d episodes, %zu steps\n", dataset->env, dataset->n_episodes, dataset->n_steps);

    tz_dataset_destroy(dataset);
    tz_episode_recorder_destroy(recorder);
    tz_writer_destroy(writer);
    tz_env_destroy(env);
    return 0;
}
