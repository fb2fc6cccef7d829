// Policies as C: the exported file compiles by itself without a warning and gives the library's
// controls.
#include "command.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/safetensors.h"
#include "policies/export_c.h"
#include "policies/policy.h"
#include "policies/policy_file.h"

#include <dlfcn.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS = 500 };

static int tear_down(void **state) {
    (void)state;
    return rmdir(test_folder);
}

// Exports by the program, compiles, and compares along sampled episodes.
static void check(const char *policy_name, const char *env_name) {
    // a name of its own each time: a library that stays loaded would be found again by its name
    static int n_libraries;
    char library[TZ_PATH_MAX];
    snprintf(library, sizeof library, "%s/policy-%d.so", test_folder, n_libraries++);
    assert_int_equal(trapeze("policy export --c '%s' --env %s --out %s/policy.c", policy_name,
                             env_name, test_folder),
                     0);
    assert_int_equal(shell("cc -std=c99 -O2 -Wall -Wextra -Wpedantic -Werror -shared -fPIC -o "
                           "%s %s/policy.c -lm",
                           library, test_folder),
                     0);
    void *handle = dlopen(library, RTLD_NOW);
    assert_non_null(handle);
    void (*control)(double *u, const double *source);
    *(void **)&control = dlsym(handle, "policy_control");
    assert_non_null(*(void **)&control);

    tz_env_def def = tz_env_def_default();
    def.name = env_name;
    tz_env *env;
    tz_policy *policy;
    tz_policy_workspace *workspace;
    assert_int_equal(tz_env_create(&env, &def, NULL), TZ_OK);
    assert_int_equal(tz_policy_create(&policy, policy_name, tz_env_task(env), NULL), TZ_OK);
    assert_int_equal(tz_policy_workspace_create(&workspace, policy, 1, NULL), TZ_OK);
    tz_rng rng = tz_rng_stream(1, TZ_PURPOSE_INIT, 0);
    double worst = 0.0, spread = 0.0;
    double z[TZ_NZ_MAX], exported[TZ_NU_MAX];
    tz_step step = {.terminated = true};
    for (int row = 0; row < ROWS; row++) {
        float u[TZ_NU_MAX];
        if (step.terminated) {
            tz_env_reset(env, z, 1, (uint64_t)row);
        }
        control(exported, z);
        tz_policy_act(policy, workspace, u, z, NULL, 1);
        for (int j = 0; j < tz_env_task(env)->nu; j++) {
            worst = fmax(worst, fabs(exported[j] - (double)u[j]));
            spread = fmax(spread, fabs(exported[j]));
        }
        tz_policy_act(policy, workspace, u, z, &rng, 1);
        for (int j = 0; j < tz_env_task(env)->nu; j++) {
            exported[j] = (double)u[j];
        }
        tz_env_step(env, &step, z, exported);
    }
    print_message("%s: largest difference %.2g\n", policy_name, worst);
    assert_true(worst <= 1e-6);
    assert_true(spread > 0.1);
    tz_policy_workspace_destroy(workspace);
    tz_policy_destroy(policy);
    tz_env_destroy(env);
    dlclose(handle);
    assert_int_equal(shell("rm %s/policy.c %s", test_folder, library), 0);
}

static void exported_policies_agree_with_the_library(void **state) {
    (void)state;
    check("hopper-expert", "hopper");
    check("half_cheetah-expert", "half_cheetah");
    check(TZ_SOURCE_DIR "/tests/golden/sb3/td3.zip", "swimmer");
    check(TZ_SOURCE_DIR "/tests/golden/sb3/ppo.zip", "swimmer"); // normalised, tanh, clipped
}

// Exported as safetensors, an archive with its statistics acts as before.
static void an_archive_becomes_one_file(void **state) {
    (void)state;
    char out[TZ_PATH_MAX];
    snprintf(out, sizeof out, "%s/policy.safetensors", test_folder);
    assert_int_equal(
        trapeze("policy export --safetensors %s/tests/golden/sb3/ppo.zip --env swimmer "
                "--out %s",
                TZ_SOURCE_DIR, out),
        0);
    check(out, "swimmer");
    const char *const paths[2] = {TZ_SOURCE_DIR "/tests/golden/sb3/ppo.zip", out};
    tz_env_def def = tz_env_def_default();
    def.name = "swimmer";
    tz_env *env;
    assert_int_equal(tz_env_create(&env, &def, NULL), TZ_OK);
    float u[2][2][2]; // (file, deterministic or sampled, nu)
    for (int i = 0; i < 2; i++) {
        tz_policy *policy;
        tz_policy_workspace *workspace;
        const double z[10] = {0.0, 0.0, 1.0, -1.0, 0.5, 2.0, -3.0, 1.0, 4.0, 0.0};
        tz_rng rng = tz_rng_stream(1, TZ_PURPOSE_POLICY, 0);
        assert_int_equal(tz_policy_create(&policy, paths[i], tz_env_task(env), NULL), TZ_OK);
        assert_int_equal(tz_policy_workspace_create(&workspace, policy, 1, NULL), TZ_OK);
        tz_policy_act(policy, workspace, u[i][0], z, NULL, 1);
        tz_policy_act(policy, workspace, u[i][1], z, &rng, 1);
        tz_policy_workspace_destroy(workspace);
        tz_policy_destroy(policy);
    }
    assert_memory_equal(u[0], u[1], sizeof u[0]);
    tz_env_destroy(env);
    unlink(out);
}

// Names in the file's head do not end the comment; what a file says does not reach the terminal as
// it is.
static void names_are_only_text(void **state) {
    (void)state;
    char c[TZ_PATH_MAX], weights[TZ_PATH_MAX];
    assert_int_equal(tz_path_join(c, test_folder, "policy.c", NULL), TZ_OK);
    assert_int_equal(tz_path_join(weights, test_folder, "p.safetensors", NULL), TZ_OK);
    static const float zeros[4] = {0};
    const tz_tensor tensors[] = {
        {"actor.mu.weight", TZ_DTYPE_F32, 2, {1, 4}, zeros},
        {"actor.mu.bias", TZ_DTYPE_F32, 1, {1}, zeros},
        {"actor.log_std.weight", TZ_DTYPE_F32, 2, {1, 4}, zeros},
        {"actor.log_std.bias", TZ_DTYPE_F32, 1, {1}, zeros},
    };
    const tz_metadata notes[] = {{"command", "\x1b[31mred"},
                                 {"env", "\x1b[31mpendulum"},
                                 {"seed", "18446744073709551615"},
                                 {"steps", "7 seas"},
                                 {"return_mean", "-0.25"}};
    assert_int_equal(
        tz_safetensors_write(weights, tensors, TZ_COUNTOF(tensors), notes, TZ_COUNTOF(notes), NULL),
        TZ_OK);
    assert_int_equal(trapeze("policy info %s", weights), 0);
    assert_null(strchr(printed, '\x1b'));
    assert_non_null(strstr(printed, "\\x1b[31mred"));
    assert_non_null(strstr(printed, "\\x1b[31mpendulum"));

    // the same facts as JSON; what the file does not say is null
    assert_int_equal(trapeze("policy info %s --json", weights), 0);
    struct json_object *o = printed_json();
    assert_string_equal(words(o, "command"), "\x1b[31mred");
    assert_string_equal(words(o, "steps"), "7 seas");
    assert_true(number(o, "seed") == 18446744073709551615.0);
    assert_true(number(o, "return_mean") == -0.25);
    json_object_put(o);
    assert_int_equal(trapeze("policy info hopper-expert --json"), 0);
    o = printed_json();
    assert_true(number(o, "steps") == 470000.0 && number(o, "return_mean") > 3000.0);
    assert_non_null(strstr(words(o, "command"), "sac --env hopper"));
    json_object_put(o);

    tz_env_def def = tz_env_def_default();
    def.name = "inverted_pendulum";
    tz_env *env;
    tz_policy_file file;
    assert_int_equal(tz_env_create(&env, &def, NULL), TZ_OK);
    assert_int_equal(tz_policy_file_read(&file, weights, NULL, NULL), TZ_OK);
    file.env[0] = '\0';
    assert_int_equal(tz_policy_file_fit(&file, weights, tz_env_task(env), NULL), TZ_OK);
    tz_task task = *tz_env_task(env);
    snprintf(task.name, sizeof task.name, "a*/bal/*.xml*\\\n/");
    assert_int_equal(tz_actor_write_c(c, &file.actor, &task, "*/", NULL), TZ_OK);
    assert_int_equal(shell("cc -std=c99 -Wall -Wextra -Wpedantic -Werror -fsyntax-only %s", c), 0);
    tz_policy_file_free(&file);
    tz_env_destroy(env);
    unlink(c);
    unlink(weights);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exported_policies_agree_with_the_library),
        cmocka_unit_test(names_are_only_text),
        cmocka_unit_test(an_archive_becomes_one_file),
    };
    return cmocka_run_group_tests(tests, make_folder, tear_down);
}
