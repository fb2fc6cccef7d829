// Policies: actions of Stable-Baselines3's own weights, files written and read back, bad files
// refused with a sentence, controls in their range.
#include "folder.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/safetensors.h"
#include "policies/policy.h"
#include "policies/policy_file.h"
#include "policies/squashed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { NZ = 10, NU = 2, D = 8, ROWS = 96 }; // Swimmer

static char path[TZ_PATH_MAX];
static tz_env *env;
static const tz_task *task;

static int set_up(void **state) {
    (void)state;
    tz_env_def def = tz_env_def_default();
    def.name = "swimmer";
    if (make_folder(state) != 0 || tz_env_create(&env, &def, NULL) != TZ_OK) {
        return -1;
    }
    task = tz_env_task(env);
    return tz_path_join(path, test_folder, "policy.safetensors", NULL) == TZ_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    tz_env_destroy(env);
    unlink(path);
    return rmdir(test_folder);
}

static tz_safetensors *golden(void) {
    tz_safetensors *file;
    assert_int_equal(
        tz_safetensors_read(&file, TZ_SOURCE_DIR "/tests/golden/sac_sb3.safetensors", NULL), TZ_OK);
    return file;
}

// Tensors of a trained actor under the names that a state dict of Stable-Baselines3 has.
static int golden_actor(tz_tensor *tensors, int max, const tz_safetensors *file) {
    int n = 0;
    for (int i = 0; i < tz_safetensors_count(file); i++) {
        const tz_tensor *tensor = tz_safetensors_at(file, i);
        if (strncmp(tensor->name, "after.actor.", strlen("after.actor.")) == 0) {
            assert_true(n < max);
            tensors[n] = *tensor;
            tensors[n++].name = tensor->name + strlen("after.");
        }
    }
    return n;
}

static tz_policy *load(void) {
    tz_policy *policy;
    tz_error error;
    if (tz_policy_create(&policy, path, task, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    return policy;
}

// z (ROWS, NZ): states whose Gymnasium observation is obs (ROWS, D).
static void states_of(double *z, const float *obs) {
    for (int b = 0; b < ROWS; b++) {
        z[b * NZ] = z[b * NZ + 1] = 123.0; // root x, y: not seen
        for (int i = 0; i < D; i++) {
            z[b * NZ + 2 + i] = (double)obs[b * D + i];
        }
    }
}

static void bare_weights_of_stable_baselines3_act_the_same(void **state) {
    (void)state;
    tz_safetensors *file = golden();
    tz_tensor tensors[16];
    const int n = golden_actor(tensors, 16, file);
    assert_int_equal(n, 8);
    assert_int_equal(tz_safetensors_write(path, tensors, n, NULL, 0, NULL), TZ_OK);
    tz_policy *policy = load();
    tz_policy_workspace *workspace;
    assert_int_equal(tz_policy_workspace_create(&workspace, policy, ROWS, NULL), TZ_OK);

    double z[ROWS * NZ];
    float u[ROWS * NU];
    states_of(z, tz_safetensors_find(file, "act.obs")->data);
    const size_t allocations = tz_alloc_count();
    tz_policy_act(policy, workspace, u, z, NULL, ROWS);
    assert_int_equal(tz_alloc_count(), allocations);
    const float *expected = tz_safetensors_find(file, "act.action")->data;
    for (int i = 0; i < ROWS * NU; i++) {
        assert_true(fabsf(u[i] - expected[i]) <= 1e-5f);
    }
    tz_policy_workspace_destroy(workspace);
    tz_policy_destroy(policy);
    tz_safetensors_destroy(file);
}

// A small actor with a layout, clip bounds and a control range of its own.
static void write_small_actor(tz_status expected) {
    enum { H = 3 };
    static const float W0[2 * H] = {0.5f, -1.0f, 2.0f, 0.25f, 1.0f, -0.5f}, b0[H] = {0.1f, 0.2f};
    static const float W1[H * 2 * NU] = {1.0f, 0.5f, -0.25f, 0.0f, 2.0f,  -1.0f,
                                         0.5f, 0.0f, 0.125f, 1.0f, -2.0f, 0.5f};
    static const float b1[2 * NU] = {0.0f, 0.5f, -1.0f, -2.0f};
    tz_actor actor = {
        .layout = {.n = 2, .index = {9, 3}, .low = {-INFINITY, -1.0}, .high = {INFINITY, 1.0}},
        .net = {.n_in = 2, .n_layers = 2, .n_out = {H, 2 * NU}, .W = {W0, W1}, .b = {b0, b1}},
        .control_low = {-2.0, 0.0},
        .control_high = {2.0, 1.0}};
    const tz_metadata notes[] = {{"seed", "3"}};
    assert_int_equal(tz_actor_write(path, &actor, task, notes, 1, NULL), expected);
}

// Root mean square of what noise adds to the first control where mu = 0.
static double noise_of(tz_actor_output output, tz_actor_sigma sigma, float l) {
    static const float W[2 * 2 * NU] = {0};
    const float b[2 * NU] = {0.0f, 0.0f, l, l};
    const tz_actor actor = {
        .layout = {.n = 2,
                   .index = {9, 3},
                   .low = {-INFINITY, -INFINITY},
                   .high = {INFINITY, INFINITY}},
        .net = {.n_in = 2, .n_layers = 1, .n_out = {2 * NU}, .W = {W}, .b = {b}},
        .output = output,
        .sigma = sigma,
        .control_low = {-1.0, -1.0},
        .control_high = {1.0, 1.0}};
    assert_int_equal(tz_actor_write(path, &actor, task, NULL, 0, NULL), TZ_OK);
    tz_policy *policy = load();
    tz_policy_workspace *workspace;
    assert_int_equal(tz_policy_workspace_create(&workspace, policy, 1, NULL), TZ_OK);
    enum { DRAWS = 500 };
    const double z[NZ] = {0};
    double squares = 0.0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        float u[NU];
        tz_rng rng = tz_rng_stream(2, TZ_PURPOSE_POLICY, i);
        tz_policy_act(policy, workspace, u, z, &rng, 1);
        squares += (double)u[0] * (double)u[0] / DRAWS;
    }
    tz_policy_workspace_destroy(workspace);
    tz_policy_destroy(policy);
    return sqrt(squares);
}

// The rule of log sigma does not depend on what is done with the sum (docs/policies.md).
static void every_rule_of_sigma_serves_both_outputs(void **state) {
    (void)state;
    const double clamped = exp(-20.0), free = exp(-30.0), least = exp(-5.0);
    const tz_actor_output clip = TZ_ACTOR_CLIPPED, squash = TZ_ACTOR_SQUASHED;
    assert_true(fabs(noise_of(clip, TZ_ACTOR_SIGMA_CLAMP, -30.0f) / clamped - 1.0) < 0.1);
    assert_true(fabs(noise_of(clip, TZ_ACTOR_SIGMA_FREE, -30.0f) / free - 1.0) < 0.1);
    assert_true(fabs(noise_of(clip, TZ_ACTOR_SIGMA_TANH, -30.0f) / least - 1.0) < 0.1);
    assert_true(noise_of(clip, TZ_ACTOR_SIGMA_NONE, 0.0f) == 0.0);

    // tanh of a normal with the std e^2, which the clamp leaves, is 0.94 on average, with e^5 0.998
    assert_true(fabs(noise_of(squash, TZ_ACTOR_SIGMA_TANH, -30.0f) / least - 1.0) < 0.1);
    assert_true(noise_of(squash, TZ_ACTOR_SIGMA_CLAMP, 5.0f) < 0.97);
    assert_true(noise_of(squash, TZ_ACTOR_SIGMA_FREE, 5.0f) > 0.98);
}

static void a_written_file_reads_back(void **state) {
    (void)state;
    write_small_actor(TZ_OK);
    tz_policy *policy = load();
    assert_string_equal(tz_policy_name(policy), "policy");
    char digest[65];
    assert_int_equal(tz_file_sha256(path, digest, NULL), TZ_OK);
    assert_string_equal(tz_policy_sha256(policy), digest);
    tz_policy_workspace *workspace;
    assert_int_equal(tz_policy_workspace_create(&workspace, policy, 2, NULL), TZ_OK);

    // o = [z9, clip(z3)] = [1, -1] and [-0.5, 0.5], by hand:
    // h = relu(o W0 + b0) = [0.35, 0, 2.5] and [0, 1.2, 0]
    double z[2 * NZ] = {0};
    z[9] = 1.0, z[3] = -7.0, z[NZ + 9] = -0.5, z[NZ + 3] = 0.5;
    const double mu[2][NU] = {{0.35 + 0.125 * 2.5, 0.35 * 0.5 + 2.5 + 0.5},
                              {2.0 * 1.2, -1.2 + 0.5}};
    float u[2 * NU];
    tz_policy_act(policy, workspace, u, z, NULL, 2);
    for (int b = 0; b < 2; b++) {
        assert_true(fabs((double)u[b * NU] - 2.0 * tanh(mu[b][0])) < 1e-6);
        assert_true(fabs((double)u[b * NU + 1] - 0.5 * (tanh(mu[b][1]) + 1.0)) < 1e-6);
    }

    // sampled: atanh of the squashed action has mean mu and standard deviation sigma
    const double log_std = 0.5 * 1.2 - 1.0; // of the second row's first control
    double sum = 0.0, squares = 0.0;
    enum { DRAWS = 4000 };
    for (uint64_t i = 0; i < DRAWS; i++) {
        tz_rng rng = tz_rng_stream(1, TZ_PURPOSE_POLICY, i);
        tz_policy_act(policy, workspace, u, z + NZ, &rng, 1);
        const double x = atanh((double)u[0] / 2.0) - mu[1][0];
        sum += x;
        squares += x * x;
    }
    const double sigma = exp(log_std);
    assert_true(fabs(sum / DRAWS) < 5.0 * sigma / sqrt(DRAWS));
    assert_true(fabs(sqrt(squares / DRAWS) / sigma - 1.0) < 5.0 / sqrt(2.0 * DRAWS));
    tz_policy_workspace_destroy(workspace);
    tz_policy_destroy(policy);
}

// log sigma is clamped to [-20, 2], as docs/policies.md says: seen before the squashing, which
// hides it.
static void sigma_is_kept_in_its_range(void **state) {
    (void)state;
    static const float head[] = {0, 0, 0, 0, 0, -21.0f, -20.0f, 0.5f, 2.0f, 2.5f}; // mu, log sigma
    static const double expected[] = {-20.0, -20.0, 0.5, 2.0, 2.0};
    float sigma[5];
    tz_squashed_sigma(sigma, head, 1, 5);
    for (int j = 0; j < 5; j++) {
        assert_true(fabs((double)sigma[j] / exp(expected[j]) - 1.0) < 1e-6);
    }
}

// The ends of the range are those of tanh, also of a range that floats do not hit; nothing leaves
// it.
static void actions_fill_the_control_range(void **state) {
    (void)state;
    static const float a[] = {-1.0f, 0.0f, 0.5f, 1.0f};
    static const double low[] = {-0.4, -0.4, 0.0, -0.4}, high[] = {0.4, 0.4, 3.0, 0.4};
    float u[4];
    tz_squashed_to_control(u, a, low, high, 4);
    assert_true(u[0] == -0.4f && u[1] == 0.0f && u[2] == 2.25f && u[3] == 0.4f);
}

static void expect_refused(const char *name, const tz_task *for_task, tz_status status,
                           const char *part_of_sentence) {
    tz_policy *policy;
    tz_error error;
    const size_t live = tz_alloc_live();
    assert_int_equal(tz_policy_create(&policy, name, for_task, &error), status);
    assert_null(policy);
    assert_int_equal(tz_alloc_live(), live);
    if (strstr(error.text, part_of_sentence) == NULL || strstr(error.text, name) == NULL) {
        fail_msg("'%s' names neither '%s' nor the file", error.text, part_of_sentence);
    }
}

// A policy of a user's MJCF knows it by its digest, or, where there is none, by its file name.
static void a_policy_follows_its_robot(void **state) {
    (void)state;
    const tz_task *swimmer = task;
    tz_task own = *swimmer;
    task = &own;
    const struct {
        const char *name[2], *digest[2], *complaint;
    } cases[] = {
        {{"rob/bot.xml", "/x/arm.xml"}, {"3.1.6:1", "3.1.6:1"}, NULL},
        {{"rob/bot.xml", "./rob/bot.xml"}, {"3.1.6:1", "3.1.6:2"}, "./rob/bot.xml has changed"},
        {{"rob/bot.xml", "x/bot.xml"}, {"", "3.1.6:1"}, NULL},
        {{"rob/bot.xml", "arm.xml"}, {"", "3.1.6:1"}, "is 'rob/bot.xml'; expected 'arm.xml'"},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        snprintf(own.name, sizeof own.name, "%s", cases[i].name[0]);
        snprintf(own.digest, sizeof own.digest, "%s", cases[i].digest[0]);
        write_small_actor(TZ_OK);
        snprintf(own.name, sizeof own.name, "%s", cases[i].name[1]);
        snprintf(own.digest, sizeof own.digest, "%s", cases[i].digest[1]);
        tz_policy *policy;
        tz_error error = {0};
        const tz_status status = tz_policy_create(&policy, path, task, &error);
        assert_int_equal(status, cases[i].complaint == NULL ? TZ_OK : TZ_ERR_MISMATCH);
        assert_true(cases[i].complaint == NULL || strstr(error.text, cases[i].complaint) != NULL);
        tz_policy_destroy(policy);
    }
    task = swimmer;
}

static void files_that_do_not_fit_are_refused(void **state) {
    (void)state;
    expect_refused("no-such-policy", task, TZ_ERR_IO, "no such policy; expected random, zero, a");
    expect_refused(".", task, TZ_ERR_IO, "is a folder; expected random, zero, a shipped policy");
    expect_refused("/no/such/file.safetensors", task, TZ_ERR_IO, "file");

    // another environment
    write_small_actor(TZ_OK);
    tz_env_def def = tz_env_def_default();
    def.name = "hopper";
    tz_env *hopper;
    assert_int_equal(tz_env_create(&hopper, &def, NULL), TZ_OK);
    expect_refused(path, tz_env_task(hopper), TZ_ERR_MISMATCH, "hopper");
    tz_env_destroy(hopper);

    // a truncated file, and one of another kind
    char *bytes;
    size_t size;
    assert_int_equal(tz_file_read(path, &bytes, &size, 1 << 20, NULL), TZ_OK);
    assert_int_equal(tz_file_write(path, bytes, size - 7, NULL), TZ_OK);
    expect_refused(path, task, TZ_ERR_FORMAT, "");
    tz_free(bytes);
    assert_int_equal(tz_file_write(path, "episodes,returns\n1,2\n", 21, NULL), TZ_OK);
    expect_refused(path, task, TZ_ERR_FORMAT, "");
}

static void wrong_tensors_and_metadata_are_refused(void **state) {
    (void)state;
    tz_safetensors *file = golden();
    tz_tensor tensors[16];
    const int n = golden_actor(tensors, 16, file);

    // a part that no layer is
    assert_in_range(n, 1, 15);
    tensors[n] = tensors[0];
    tensors[n].name = "actor.foo";
    assert_int_equal(tz_safetensors_write(path, tensors, n + 1, NULL, 0, NULL), TZ_OK);
    expect_refused(path, task, TZ_ERR_FORMAT, "tensor 'actor.foo' belongs to none of the actor's");

    // an actor without its head, a weight that does not fit, a weight that is not a number
    for (int i = 0; i < n; i++) {
        tz_tensor part[16];
        memcpy(part, tensors, sizeof part);
        part[i] = tensors[n - 1];
        if (i < n - 1) {
            assert_int_equal(tz_safetensors_write(path, part, n - 1, NULL, 0, NULL), TZ_OK);
            tz_policy *policy;
            assert_int_not_equal(tz_policy_create(&policy, path, task, NULL), TZ_OK);
        }
        memcpy(part, tensors, sizeof part);
        part[i].shape[part[i].ndim - 1]--;
        assert_int_equal(tz_safetensors_write(path, part, n, NULL, 0, NULL), TZ_OK);
        expect_refused(path, task, TZ_ERR_MISMATCH, "actor.");
        static float nan_data[32 * 32];
        nan_data[0] = NAN;
        memcpy(part, tensors, sizeof part);
        part[i].data = nan_data;
        assert_int_equal(tz_safetensors_write(path, part, n, NULL, 0, NULL), TZ_OK);
        expect_refused(path, task, TZ_ERR_FORMAT, "[0] is nan, expected a finite number");
    }

    // metadata
    static const struct {
        tz_metadata metadata[3];
        const char *sentence;
    } bad[] = {
        {{{"observation_index", "[0, 1, 99, 3, 4, 5, 6, 7]"},
          {"observation_low", "[0,0,0,0,0,0,0,0]"},
          {"observation_high", "[1,1,1,1,1,1,1,1]"}},
         "observation_index[2]"},
        {{{"observation_index", "[0, 1]"},
          {"observation_low", "[0,0]"},
          {"observation_high", "[1,1]"}},
         "2 entries"},
        {{{"normaliser_mean", "[0,0,0,0,0,0,0,0]"}, {"normaliser_clip", "[10]"}},
         "normaliser_mean"},
        {{{"log_std", "clip"}}, "clamp"},
        {{{"observation_index", "[0, 1.5]"},
          {"observation_low", "[0,0]"},
          {"observation_high", "[1,1]"}},
         "observation_index[1]"},
        {{{"observation_index", "[0, 1"}}, "JSON list"},
        {{{"observation_index", "[\"a\"]"}}, "JSON list"},
        {{{"observation_index", "[0, 1]"},
          {"observation_low", "[0]"},
          {"observation_high", "[1,1]"}},
         "one length"},
        {{{"observation_index", "[0]"}, {"observation_low", "[2]"}, {"observation_high", "[1]"}},
         "clip bounds"},
        {{{"control_low", "[-1, -1]"}, {"control_high", "[1, Infinity]"}}, "control range"},
        {{{"control_low", "[-1]"}, {"control_high", "[1]"}}, "2 controls"},
        {{{"activation", "gelu"}}, "relu"},
        {{{"squash", "sigmoid"}}, "tanh"},
        {{{"observation_source", "moon"}}, "expected one of state, gymnasium"},
        {{{"control_low", "-1"}}, "JSON list"},
    };
    for (size_t i = 0; i < TZ_COUNTOF(bad); i++) {
        int n_metadata = 0;
        while (n_metadata < 3 && bad[i].metadata[n_metadata].key != NULL) {
            n_metadata++;
        }
        assert_int_equal(tz_safetensors_write(path, tensors, n, bad[i].metadata, n_metadata, NULL),
                         TZ_OK);
        tz_policy *policy;
        tz_error error;
        assert_int_not_equal(tz_policy_create(&policy, path, task, &error), TZ_OK);
        if (strstr(error.text, bad[i].sentence) == NULL || strstr(error.text, path) == NULL) {
            fail_msg("'%s' does not name '%s'", error.text, bad[i].sentence);
        }
    }
    tz_safetensors_destroy(file);
}

// A single number of the metadata is a list of one, or stands alone.
static void one_number_needs_no_list(void **state) {
    (void)state;
    tz_safetensors *file = golden();
    tz_tensor tensors[16];
    const int n = golden_actor(tensors, 16, file);
    static const char *const forms[2][2] = {{"[1e-8]", "[10]"}, {"1e-8", "10"}};
    for (int i = 0; i < 2; i++) {
        const tz_metadata metadata[] = {{"normaliser_mean", "[0,0,0,0,0,0,0,0]"},
                                        {"normaliser_var", "[1,1,1,1,1,1,1,1]"},
                                        {"normaliser_epsilon", forms[i][0]},
                                        {"normaliser_clip", forms[i][1]}};
        assert_int_equal(tz_safetensors_write(path, tensors, n, metadata, 4, NULL), TZ_OK);
        tz_policy_file read;
        assert_int_equal(tz_policy_file_read(&read, path, NULL, NULL), TZ_OK);
        assert_true(read.actor.normaliser.epsilon == 1e-8 && read.actor.normaliser.clip == 10.0);
        tz_policy_file_free(&read);
    }
    tz_safetensors_destroy(file);
}

// Entry 45 of Humanoid's observation is an inertia of the torso in v5 and of the world in v4; the
// state before it is the same in both.
static void what_versions_number_differently_is_refused(void **state) {
    (void)state;
    enum { NU_HUMANOID = 17 };
    static const float W[2 * NU_HUMANOID], b[2 * NU_HUMANOID];
    tz_env *robot[2];
    static const char *const names[] = {"humanoid", "humanoid-v4"};
    for (int v = 0; v < 2; v++) {
        tz_env_def def = tz_env_def_default();
        def.name = names[v];
        assert_int_equal(tz_env_create(&robot[v], &def, NULL), TZ_OK);
    }
    for (int index = 44; index <= 45; index++) {
        tz_actor actor = {
            .layout = {.n = 1,
                       .source = TZ_OBSERVATION_GYMNASIUM,
                       .index = {index},
                       .low = {-INFINITY},
                       .high = {INFINITY}},
            .net = {.n_in = 1, .n_layers = 1, .n_out = {2 * NU_HUMANOID}, .W = {W}, .b = {b}}};
        for (int j = 0; j < NU_HUMANOID; j++) {
            actor.control_low[j] = -0.4;
            actor.control_high[j] = 0.4;
        }
        assert_int_equal(tz_actor_write(path, &actor, tz_env_task(robot[0]), NULL, 0, NULL), TZ_OK);
        for (int v = 0; v < 2; v++) {
            tz_policy *policy;
            if (index == 45 && v == 1) {
                expect_refused(path, tz_env_task(robot[v]), TZ_ERR_MISMATCH,
                               "observation_index[0]");
            } else {
                assert_int_equal(tz_policy_create(&policy, path, tz_env_task(robot[v]), NULL),
                                 TZ_OK);
                tz_policy_destroy(policy);
            }
        }
    }
    tz_env_destroy(robot[0]);
    tz_env_destroy(robot[1]);
}

// Swimmer's controls go from -1 to 1, the pole's cart takes up to 3.
static void built_in_policies_fill_the_control_range(void **state) {
    (void)state;
    static const char *const names[] = {"swimmer", "inverted_pendulum"};
    for (int e = 0; e < 2; e++) {
        enum { DRAWS = 10000 };
        const double a = e == 0 ? 1.0 : 3.0;
        tz_env_def def = tz_env_def_default();
        def.name = names[e];
        tz_env *own = NULL;
        assert_int_equal(tz_env_create(&own, &def, NULL), TZ_OK);
        const int nu = tz_env_task(own)->nu;
        tz_policy *random, *zero;
        assert_int_equal(tz_policy_create(&random, "random", tz_env_task(own), NULL), TZ_OK);
        assert_int_equal(tz_policy_create(&zero, "zero", tz_env_task(own), NULL), TZ_OK);
        assert_string_equal(tz_policy_name(random), "random");
        assert_string_equal(tz_policy_sha256(random), "");
        tz_policy_workspace *random_workspace, *zero_workspace;
        assert_int_equal(tz_policy_workspace_create(&random_workspace, random, 1, NULL), TZ_OK);
        assert_int_equal(tz_policy_workspace_create(&zero_workspace, zero, 1, NULL), TZ_OK);

        const double z[NZ] = {0};
        tz_rng rng = tz_rng_stream(5, TZ_PURPOSE_POLICY, 0);
        double sum[NU] = {0}, squares[NU] = {0};
        for (int i = 0; i < DRAWS; i++) {
            float u[NU];
            tz_policy_act(random, random_workspace, u, z, &rng, 1);
            for (int j = 0; j < nu; j++) {
                assert_true(fabs((double)u[j]) <= a);
                sum[j] += (double)u[j] / a;
                squares[j] += (double)u[j] * (double)u[j] / (a * a);
            }
        }
        // uniform on [-1, 1]: mean 0 +- 0.0058, variance 1/3 +- 0.003; five of them
        for (int j = 0; j < nu; j++) {
            assert_true(fabs(sum[j] / DRAWS) < 0.03);
            assert_true(fabs(squares[j] / DRAWS - 1.0 / 3.0) < 0.015);
        }
        float u[NU] = {1.0f, 1.0f};
        tz_policy_act(zero, zero_workspace, u, z, NULL, 1);
        for (int j = 0; j < nu; j++) {
            assert_true(u[j] == 0.0f);
        }
        tz_policy_workspace_destroy(random_workspace);
        tz_policy_workspace_destroy(zero_workspace);
        tz_policy_destroy(random);
        tz_policy_destroy(zero);
        tz_env_destroy(own);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bare_weights_of_stable_baselines3_act_the_same),
        cmocka_unit_test(a_written_file_reads_back),
        cmocka_unit_test(sigma_is_kept_in_its_range),
        cmocka_unit_test(every_rule_of_sigma_serves_both_outputs),
        cmocka_unit_test(actions_fill_the_control_range),
        cmocka_unit_test(a_policy_follows_its_robot),
        cmocka_unit_test(files_that_do_not_fit_are_refused),
        cmocka_unit_test(wrong_tensors_and_metadata_are_refused),
        cmocka_unit_test(one_number_needs_no_list),
        cmocka_unit_test(what_versions_number_differently_is_refused),
        cmocka_unit_test(built_in_policies_fill_the_control_range),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
