// A SAC run in its folder: stopped anywhere and resumed it ends in the bytes of the unbroken run;
// it learns; folders and checkpoints that do not fit are refused.
#include "command.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/safetensors.h"
#include "policies/policy.h"
#include "train/sac_trainer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static tz_sac_trainer_def small_run(const char *folder) {
    tz_sac_trainer_def def = tz_sac_trainer_def_default();
    def.env = "inverted_pendulum";
    def.folder = folder;
    def.steps = 700;
    def.learning_starts = 100;
    def.replay_capacity = 300; // the ring wraps
    def.evaluation_interval = 200;
    def.evaluation_episodes = 2;
    def.checkpoint_interval = 400;
    def.snapshot_interval = 400;
    def.learner.hidden = 32;
    def.learner.batch = 40;
    def.learner.seed = 3;
    return def;
}

static bool never_stop(void *context, uint64_t step, const tz_sac_metrics *evaluation) {
    (void)context, (void)step, (void)evaluation;
    return true;
}

static bool stop_at(void *context, uint64_t step, const tz_sac_metrics *evaluation) {
    (void)evaluation;
    return step != *(const uint64_t *)context;
}

static tz_status run(const tz_sac_trainer_def *def, int threads, tz_sac_report report,
                     void *context, tz_error *error) {
    tz_team *team;
    assert_int_equal(tz_team_create(&team, threads, NULL), TZ_OK);
    tz_sac_trainer *trainer;
    tz_status status = tz_sac_trainer_create(&trainer, def, team, error);
    if (status == TZ_OK) {
        status = tz_sac_trainer_run(trainer, report, context, error);
        tz_sac_trainer_destroy(trainer);
    }
    tz_team_destroy(team);
    return status;
}

static void assert_same_in(const char *folder_a, const char *folder_b, const char *name) {
    char a[TZ_PATH_MAX], b[TZ_PATH_MAX];
    assert_int_equal(tz_path_join(a, folder_a, name, NULL), TZ_OK);
    assert_int_equal(tz_path_join(b, folder_b, name, NULL), TZ_OK);
    assert_same_file(a, b);
}

static void a_resumed_run_ends_in_the_same_bytes(void **state) {
    (void)state;
    static const char *const files[] = {
        "checkpoint.safetensors", "policy.safetensors", "critics.safetensors",
        "best.safetensors",       "metrics.csv",        "snapshots/step-000000400.safetensors"};
    char whole[TZ_PATH_MAX], parts[TZ_PATH_MAX];
    assert_int_equal(tz_path_join(whole, test_folder, "whole", NULL), TZ_OK);
    tz_sac_trainer_def def = small_run(whole);
    tz_error error;
    assert_int_equal(run(&def, 1, never_stop, NULL, &error), TZ_OK);

    // stopped before learning, inside an episode, at an evaluation; then with another team
    assert_int_equal(tz_path_join(parts, test_folder, "parts", NULL), TZ_OK);
    def = small_run(parts);
    uint64_t stops[] = {57, 333, 400, 611};
    for (size_t i = 0; i < TZ_COUNTOF(stops); i++) {
        assert_int_equal(run(&def, 1 + (int)i % 2, stop_at, &stops[i], &error), TZ_ERR_INTERRUPTED);
        def.resume = true;
    }
    assert_int_equal(run(&def, 2, never_stop, NULL, &error), TZ_OK);
    for (size_t i = 0; i < TZ_COUNTOF(files); i++) {
        assert_same_in(whole, parts, files[i]);
    }
}

// A wanted return is kept when it is first reached, also when it is wanted only after a resume:
// one that was reached before leaves no policy.
static void a_return_is_kept_when_first_reached(void **state) {
    (void)state;
    static const double wanted[] = {0.5, 1e9};
    char folder[TZ_PATH_MAX], early[TZ_PATH_MAX], late[TZ_PATH_MAX];
    for (int resumed = 0; resumed < 2; resumed++) {
        assert_int_equal(tz_path_join(folder, test_folder, resumed ? "later" : "kept", NULL),
                         TZ_OK);
        tz_sac_trainer_def def = small_run(folder);
        def.steps = 400;
        tz_error error;
        if (resumed) {
            assert_int_equal(run(&def, 1, never_stop, NULL, &error), TZ_OK);
            def.steps = 600;
            def.resume = true;
        }
        def.snapshot_return = wanted;
        def.n_snapshot_return = 2;
        assert_int_equal(run(&def, 1, never_stop, NULL, &error), TZ_OK);
        assert_int_equal(tz_path_join(early, folder, "snapshots/return-0.5.safetensors", NULL),
                         TZ_OK);
        assert_int_equal(tz_path_join(late, folder, "snapshots/return-1e+09.safetensors", NULL),
                         TZ_OK);
        assert_true(tz_file_exists(early) == !resumed);
        assert_false(tz_file_exists(late));
    }
}

static void the_written_policy_earns_what_the_metrics_say(void **state) {
    (void)state;
    char folder[TZ_PATH_MAX], path[TZ_PATH_MAX];
    assert_int_equal(tz_path_join(folder, test_folder, "earns", NULL), TZ_OK);
    tz_sac_trainer_def def = small_run(folder);
    def.steps = 2000;
    def.evaluation_interval = def.checkpoint_interval = 1000;
    def.snapshot_interval = 0;
    def.replay_capacity = 2000;
    def.learner.learning_rate = 1e-3;
    tz_error error;
    assert_int_equal(run(&def, 1, never_stop, NULL, &error), TZ_OK);

    // the last row of the metrics
    char *text;
    size_t size;
    assert_int_equal(tz_path_join(path, folder, "metrics.csv", NULL), TZ_OK);
    assert_int_equal(tz_file_read(path, &text, &size, 1 << 20, NULL), TZ_OK);
    double step, episodes, return_mean;
    const char *last = strstr(text, "\n2000,");
    assert_non_null(last);
    assert_int_equal(sscanf(last, "\n%lf,%lf,%lf", &step, &episodes, &return_mean), 3);
    tz_free(text);

    // the same episodes through the policy file
    tz_env_def env_def = tz_env_def_default();
    env_def.name = def.env;
    tz_env *env;
    tz_policy *policy;
    tz_policy_workspace *workspace;
    assert_int_equal(tz_env_create(&env, &env_def, NULL), TZ_OK);
    assert_int_equal(tz_path_join(path, folder, "policy.safetensors", NULL), TZ_OK);
    assert_int_equal(tz_policy_create(&policy, path, tz_env_task(env), NULL), TZ_OK);
    assert_int_equal(tz_policy_workspace_create(&workspace, policy, 1, NULL), TZ_OK);
    double sum = 0.0, z[4];
    for (uint64_t i = 0; i < 2; i++) {
        tz_env_reset(env, z, def.learner.seed, TZ_SAC_EVALUATION_EPISODE + i);
        tz_step result = {0};
        while (!result.terminated && !result.truncated) {
            float u_f32;
            tz_policy_act(policy, workspace, &u_f32, z, NULL, 1);
            const double u = (double)u_f32;
            tz_env_step(env, &result, z, &u);
            sum += result.reward;
        }
    }
    assert_true(sum / 2.0 == return_mean);
    // a policy that does nothing earns 22, a random one 6
    assert_true(return_mean > 30.0);
    tz_policy_workspace_destroy(workspace);
    tz_policy_destroy(policy);
    tz_env_destroy(env);
}

// The number of rows of the checkpoint's memory, how many of them are ends of the task, and how
// many were cut by the time limit.
static void count_ends(const char *folder, size_t *rows, int *n_done, int *n_cut) {
    char path[TZ_PATH_MAX];
    tz_safetensors *file;
    assert_int_equal(tz_path_join(path, folder, "checkpoint.safetensors", NULL), TZ_OK);
    assert_int_equal(tz_safetensors_read(&file, path, NULL), TZ_OK);
    const tz_tensor *done = tz_safetensors_find(file, "replay.done");
    const tz_tensor *truncated = tz_safetensors_find(file, "replay.truncated");
    assert_true(done != NULL && truncated != NULL);
    *rows = done->shape[0];
    *n_done = *n_cut = 0;
    for (size_t i = 0; i < *rows; i++) {
        *n_done += ((const float *)done->data)[i] != 0.0f;
        *n_cut += ((const unsigned char *)truncated->data)[i] != 0;
    }
    tz_safetensors_destroy(file);
}

// The learner bootstraps from the state at a time limit, and earns nothing after an end: Reacher's
// episodes of 50 steps have only the one, a falling pole only the other.
static void a_time_limit_is_no_end(void **state) {
    (void)state;
    static const char *const envs[] = {"reacher", "inverted_pendulum"};
    for (int i = 0; i < 2; i++) {
        char folder[TZ_PATH_MAX];
        assert_int_equal(tz_path_join(folder, test_folder, i == 0 ? "limits" : "falls", NULL),
                         TZ_OK);
        tz_sac_trainer_def def = small_run(folder);
        def.env = envs[i];
        def.steps = 200;
        tz_error error;
        assert_int_equal(run(&def, 1, never_stop, NULL, &error), TZ_OK);
        size_t rows;
        int n_done, n_cut;
        count_ends(folder, &rows, &n_done, &n_cut);
        assert_int_equal(rows, 200);
        assert_int_equal(n_cut, i == 0 ? 4 : 0);
        assert_true(i == 0 ? n_done == 0 : n_done > 4);
    }
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    char folder[TZ_PATH_MAX], path[TZ_PATH_MAX];
    assert_int_equal(tz_path_join(folder, test_folder, "refused", NULL), TZ_OK);
    tz_sac_trainer_def def = small_run(folder);
    def.steps = 200;
    tz_error error;

    // nothing to go on from: the run simply starts
    def.resume = true;
    assert_int_equal(run(&def, 1, never_stop, NULL, &error), TZ_OK);

    // a folder that holds a run
    def.resume = false;
    assert_int_equal(run(&def, 1, never_stop, NULL, &error), TZ_ERR_ARGUMENT);
    assert_non_null(strstr(error.text, "--resume"));

    // another configuration
    def.resume = true;
    def.learner.seed = 4;
    assert_int_equal(run(&def, 1, never_stop, NULL, &error), TZ_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "seed 3"));
    assert_non_null(strstr(error.text, "gamma 0.99, tau 0.005, rate 0.0003, temperature 1, "
                                       "target entropy nan"));
    def.learner.seed = 3;
    def.learner.gamma = nextafter(def.learner.gamma, 1.0);
    assert_int_equal(run(&def, 1, never_stop, NULL, &error), TZ_ERR_MISMATCH);
    def.learner.gamma = 0.99;
    def.env = "hopper";
    assert_int_equal(run(&def, 1, never_stop, NULL, &error), TZ_ERR_MISMATCH);
    def.env = "inverted_pendulum";

    // a truncated checkpoint
    char *bytes;
    size_t size;
    assert_int_equal(tz_path_join(path, folder, "checkpoint.safetensors", NULL), TZ_OK);
    assert_int_equal(tz_file_read(path, &bytes, &size, 1 << 26, NULL), TZ_OK);
    assert_int_equal(tz_file_write(path, bytes, size / 2, NULL), TZ_OK);
    tz_free(bytes);
    assert_int_equal(run(&def, 1, never_stop, NULL, &error), TZ_ERR_FORMAT);
    assert_non_null(strstr(error.text, path));

    // options that mean nothing
    def.cookie = 0;
    assert_int_equal(run(&def, 1, never_stop, NULL, &error), TZ_ERR_ARGUMENT);
    assert_non_null(strstr(error.text, "tz_sac_trainer_def_default"));
    def = small_run(folder);
    def.resume = false;
    def.env = "half_horse";
    assert_int_equal(run(&def, 1, never_stop, NULL, &error), TZ_ERR_ARGUMENT);
    def = small_run(folder);
    def.checkpoint_interval = 300;
    assert_int_equal(run(&def, 1, never_stop, NULL, &error), TZ_ERR_ARGUMENT);
    def = small_run(folder);
    def.steps = 0;
    assert_int_equal(run(&def, 1, never_stop, NULL, &error), TZ_ERR_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resumed_run_ends_in_the_same_bytes),
        cmocka_unit_test(a_return_is_kept_when_first_reached),
        cmocka_unit_test(the_written_policy_earns_what_the_metrics_say),
        cmocka_unit_test(a_time_limit_is_no_end),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
