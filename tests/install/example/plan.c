// A program outside of Trapeze's tree that drives an environment by planning through the simulator.
//   plan ENVIRONMENT [FILM.mp4]
#include <trapeze/plan/mpc.h>
#include <trapeze/plan/planner.h>
#include <trapeze/plan/sim_model.h>
#include <trapeze/view/recorder.h>

#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 3 };

static void check(tz_status status, const tz_error *error) {
    if (status != TZ_OK) {
        fprintf(stderr, "plan: %s\n", error->text);
        exit(2);
    }
}

int main(int argc, char **argv) {
    tz_error error;
    tz_env_def env_def = tz_env_def_default();
    env_def.name = argc > 1 ? argv[1] : "half_cheetah";
    env_def.max_episode_steps = STEPS;
    tz_env *env = NULL;
    check(tz_env_create(&env, &env_def, &error), &error);

    // a planner whose model is MuJoCo itself
    tz_model *model = NULL;
    check(tz_sim_model_create(&model, env, &error), &error);
    tz_team *team = NULL;
    check(tz_team_create(&team, 1, &error), &error);
    tz_planner_def planner_def = tz_planner_def_default();
    planner_def.horizon = 5;
    planner_def.samples = 20;
    tz_planner *planner = NULL;
    check(tz_planner_create(&planner, &planner_def, tz_env_task(env), model, team, &error), &error);

    // one episode, filmed where a name for the film is given
    tz_observer observers[1];
    int n_observers = 0;
    tz_recorder *recorder = NULL;
    if (argc > 2) {
        tz_recorder_def recorder_def = tz_recorder_def_default();
        recorder_def.path = argv[2];
        check(tz_recorder_create(&recorder, &recorder_def, env, &error), &error);
        observers[n_observers++] = tz_recorder_observer(recorder);
    }
    const tz_controller controller = {.planner = planner};
    tz_loop_result result;
    int n_done = 0;
    check(tz_control_loop(env, &controller, 1, 0, 1, observers, n_observers, &result, &n_done,
                          &error),
          &error);
    if (recorder != NULL) {
        check(tz_recorder_finish(recorder, &error), &error);
    }
    printf("%s: return of %d planned steps %.4f\n", tz_env_task(env)->name, result.length,
           result.episode_return);

    tz_recorder_destroy(recorder);
    tz_planner_destroy(planner);
    tz_team_destroy(team);
    tz_model_destroy(model);
    tz_env_destroy(env);
    return 0;
}
