// Critics: the file that soft actor-critic writes gives the values of the learner's own weights.
#include "folder.h"

#include "base/file.h"
#include "base/memory.h"
#include "policies/critic.h"
#include "train/sac_file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { NZ = 12, D = 11, NU = 3, H = 32, ROWS = 40 }; // Hopper

static char path[TZ_PATH_MAX];
static tz_env *env;
static tz_team *team;
static tz_sac *sac;

static int set_up(void **state) {
    (void)state;
    tz_env_def env_def = tz_env_def_default();
    env_def.name = "hopper";
    tz_sac_def def = tz_sac_def_default();
    def.n_obs = D, def.nu = NU, def.hidden = H, def.batch = 32;
    const bool made = make_folder(state) == 0 && tz_env_create(&env, &env_def, NULL) == TZ_OK &&
                      tz_team_create(&team, 1, NULL) == TZ_OK &&
                      tz_sac_create(&sac, &def, team, NULL) == TZ_OK &&
                      tz_path_join(path, test_folder, "critics.safetensors", NULL) == TZ_OK;
    return made && tz_sac_write_critics(path, sac, tz_env_task(env), NULL) == TZ_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    tz_sac_destroy(sac);
    tz_team_destroy(team);
    tz_env_destroy(env);
    unlink(path);
    return rmdir(test_folder);
}

// out (n_out) = x (n_in) W + b, in double
static void dense(double *out, const double *x, const tz_sac_net *net, int layer, int n_in,
                  int n_out) {
    for (int i = 0; i < n_out; i++) {
        out[i] = (double)net->parameters[net->b_at[layer] + (size_t)i];
        for (int j = 0; j < n_in; j++) {
            out[i] += x[j] * (double)net->parameters[net->W_at[layer] + (size_t)(j * n_out + i)];
        }
    }
}

// Q of one of the learner's critics at [observation, action].
static double learner_q(int net_index, const double *x) {
    const tz_sac_net *net = tz_sac_get_net(sac, net_index);
    double h1[H], h2[H], q;
    dense(h1, x, net, 0, D + NU, H);
    for (int i = 0; i < H; i++) {
        h1[i] = fmax(h1[i], 0.0);
    }
    dense(h2, h1, net, 1, H, H);
    for (int i = 0; i < H; i++) {
        h2[i] = fmax(h2[i], 0.0);
    }
    dense(&q, h2, net, 2, H, 1);
    return q;
}

static void values_are_the_learners_own(void **state) {
    (void)state;
    tz_critic *critic;
    tz_critic_workspace *workspace;
    assert_int_equal(tz_critic_load(&critic, path, tz_env_task(env), NULL), TZ_OK);
    assert_int_equal(tz_critic_workspace_create(&workspace, critic, ROWS, NULL), TZ_OK);
    double z[ROWS * NZ];
    float u[ROWS * NU], q[ROWS];
    tz_rng rng = tz_rng_stream(3, TZ_PURPOSE_INIT, 0);
    for (int i = 0; i < ROWS * NZ; i++) {
        z[i] = 20.0 * tz_rng_uniform(&rng) - 10.0;
    }
    z[NZ - 1] = 25.0; // Hopper's velocities are clipped to 10
    for (int i = 0; i < ROWS * NU; i++) {
        u[i] = (float)(2.0 * tz_rng_uniform(&rng) - 1.0);
    }
    const size_t allocations = tz_alloc_count();
    tz_critic_q(critic, workspace, q, z, u, ROWS);
    assert_int_equal(tz_alloc_count(), allocations);

    int n_second = 0;
    for (int b = 0; b < ROWS; b++) {
        double x[D + NU];
        for (int i = 0; i < D; i++) {
            x[i] = z[b * NZ + 1 + i];
        }
        x[D - 1] = fmin(x[D - 1], 10.0);
        for (int j = 0; j < NU; j++) {
            x[D + j] = (double)u[b * NU + j];
        }
        const double q0 = learner_q(TZ_SAC_CRITIC0, x), q1 = learner_q(TZ_SAC_CRITIC1, x);
        n_second += q1 < q0;
        // sums of 32 floats of order 1
        assert_true(fabs((double)q[b] - fmin(q0, q1)) <= 1e-5 * (1.0 + fabs(q0)));
    }
    assert_true(n_second > 0 && n_second < ROWS);
    tz_critic_workspace_destroy(workspace);
    tz_critic_destroy(critic);
}

static void files_that_hold_no_critics_are_refused(void **state) {
    (void)state;
    tz_critic *critic;
    tz_error error;
    const size_t live = tz_alloc_live();

    // a policy, and critics of another robot
    assert_int_not_equal(tz_critic_load(&critic,
                                        TZ_SOURCE_DIR "/policies/hopper-expert.safetensors",
                                        tz_env_task(env), &error),
                         TZ_OK);
    assert_non_null(strstr(error.text, "critic.qf0.0"));
    tz_env_def def = tz_env_def_default();
    def.name = "swimmer";
    tz_env *swimmer;
    assert_int_equal(tz_env_create(&swimmer, &def, NULL), TZ_OK);
    assert_int_equal(tz_critic_load(&critic, path, tz_env_task(swimmer), &error), TZ_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "swimmer"));
    tz_env_destroy(swimmer);

    // also where that one sees and drives as many numbers
    tz_env *cheetah;
    def.name = "half_cheetah";
    assert_int_equal(tz_env_create(&cheetah, &def, NULL), TZ_OK);
    assert_int_equal(tz_critic_load(&critic, "walker2d-critics", tz_env_task(cheetah), &error),
                     TZ_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "\"env\" is 'walker2d'; expected 'half_cheetah'"));
    tz_env_destroy(cheetah);
    assert_null(critic);
    assert_int_equal(tz_alloc_live(), live);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_the_learners_own),
        cmocka_unit_test(files_that_hold_no_critics_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
