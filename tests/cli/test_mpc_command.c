// `trapeze mpc`: what it prints and leaves, and what it refuses.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/dataset.h"
#include "models/model.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char text[1 << 16];

// Runs a shell command and keeps what it printed on stdout; returns its exit status.
static int run(const char *command) {
    FILE *output = popen(command, "r");
    assert_non_null(output);
    text[fread(text, 1, sizeof text - 1, output)] = '\0';
    return WEXITSTATUS(pclose(output));
}

static json_object *field(json_object *object, const char *key) {
    json_object *value = NULL;
    assert_true(json_object_object_get_ex(object, key, &value));
    return value;
}

static double number(json_object *object, const char *key) {
    return json_object_get_double(field(object, key));
}

// Works in a fresh folder.
static int enter_folder(void **state) {
    static char folder[] = "/tmp/trapeze-mpc-XXXXXX";
    *state = mkdtemp(folder);
    return *state == NULL || chdir(folder) != 0;
}

static int leave_folder(void **state) {
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", (const char *)*state);
    return chdir("/") != 0 || system(command) != 0;
}

static const char QUICK[] = TZ_PROGRAM " mpc --env inverted_pendulum --model sim --samples 12 "
                                       "--horizon 5 --iterations 1 --steps 12 --quiet ";

static void the_results_agree_with_the_episodes(void **state) {
    (void)state;
    char command[512];
    snprintf(command, sizeof command, "%s --episodes 2 --seed 3 --out run --json", QUICK);
    assert_int_equal(run(command), 0);
    json_object *o = json_tokener_parse(text);
    assert_non_null(o);
    json_object *returns = field(o, "returns");
    assert_int_equal(json_object_array_length(returns), 2);
    assert_int_equal(json_object_get_int(field(o, "episodes")), 2);
    assert_true(number(o, "control_period_ms") == 40.0);
    assert_true(number(o, "plan_ms_median") > 0.0);
    assert_true(number(o, "plan_ms_p95") >= number(o, "plan_ms_median"));
    assert_true(fabs(number(o, "reward_rmse")) < 1e-6);

    // the dataset holds what was reported
    tz_error error;
    tz_dataset *dataset = NULL;
    assert_int_equal(tz_dataset_read(&dataset, "run/dataset", NULL, &error), TZ_OK);
    assert_int_equal(dataset->n_episodes, 2);
    assert_int_equal(dataset->n_steps, (size_t)number(o, "steps"));
    double mean = 0.0;
    for (int e = 0; e < 2; e++) {
        double sum = 0.0;
        for (size_t i = dataset->step_offset[e]; i < dataset->step_offset[e + 1]; i++) {
            sum += dataset->reward[i];
        }
        assert_true(sum == json_object_get_double(json_object_array_get_idx(returns, (size_t)e)));
        mean += sum / 2.0;
    }
    assert_true(number(o, "return_mean") == mean);
    tz_dataset_destroy(dataset);
    json_object_put(o);

    // so do the other files
    static const char *const files[] = {"config.json", "results.json",
                                        "metrics.csv", "predicted.png",
                                        "horizon.svg", "dataset/data/metadata.json"};
    for (size_t i = 0; i < TZ_COUNTOF(files); i++) {
        char path[128];
        struct stat s;
        snprintf(path, sizeof path, "run/%s", files[i]);
        assert_int_equal(stat(path, &s), 0);
        assert_true(s.st_size > 0);
    }
    assert_int_equal(run(TZ_PROGRAM " data validate run/dataset"), 0);
    assert_int_equal(run("wc -l < run/metrics.csv"), 0);
    assert_int_equal(atoi(text), 1 + 2 * 12);
}

static void the_same_seed_gives_the_same_episodes(void **state) {
    (void)state;
    char command[512];
    for (int n_threads = 1; n_threads <= 3; n_threads++) {
        snprintf(command, sizeof command, "%s --seed 5 --threads %d --out threads-%d", QUICK,
                 n_threads, n_threads);
        assert_int_equal(run(command), 0);
        snprintf(command, sizeof command,
                 "cut -d, -f1-6 threads-1/metrics.csv > a; cut -d, -f1-6 threads-%d/metrics.csv > "
                 "b; cmp a b",
                 n_threads);
        assert_int_equal(run(command), 0);
    }
}

static void a_folder_with_a_run_is_refused(void **state) {
    (void)state;
    char command[512];
    snprintf(command, sizeof command, "%s --out taken", QUICK);
    assert_int_equal(run(command), 0);
    assert_int_equal(run("cp -r taken before"), 0);
    snprintf(command, sizeof command, "%s --out taken 2>&1", QUICK);
    assert_int_equal(run(command), 2);
    assert_non_null(strstr(text, "taken/dataset"));
    assert_int_equal(run("diff -r taken before"), 0);
}

// A model of Hopper with fresh weights.
static void write_hopper(const char *path) {
    tz_error error;
    tz_env *env = NULL;
    tz_env_def env_def = tz_env_def_default();
    env_def.name = "hopper";
    assert_int_equal(tz_env_create(&env, &env_def, &error), TZ_OK);
    tz_model_statistics statistics;
    memset(&statistics, 0, sizeof statistics);
    for (int i = 0; i < TZ_NZ_MAX; i++) {
        statistics.z_std[i] = statistics.rate_std[i] = statistics.z_high[i] = 1.0;
        statistics.z_low[i] = -1.0;
    }
    for (int i = 0; i < TZ_NU_MAX; i++) {
        statistics.u_std[i] = 1.0;
    }
    tz_model_def def = tz_model_def_default();
    tz_model *model = NULL;
    assert_int_equal(tz_model_create(&model, &def, tz_env_task(env), &statistics, &error), TZ_OK);
    assert_int_equal(tz_model_save(model, path, &error), TZ_OK);
    tz_model_destroy(model);
    tz_env_destroy(env);
}

static void bad_input_is_one_sentence(void **state) {
    (void)state;
    write_hopper("hopper.safetensors");
    assert_int_equal(run("echo '{}' > other.json"), 0);
    static const struct {
        const char *arguments, *expected;
    } cases[] = {
        {"--env half_cheetah --model hopper.safetensors", "hopper.safetensors"},
        {"--env half_cheetah --model missing.safetensors", "missing.safetensors"},
        {"--env half_cheetah --model other.json", "other.json"},
        {"--env no_such_robot --model sim", "no_such_robot"},
        {"--env hopper --model sim --episodes 0", "--episodes"},
        {"--env hopper --model sim --horizon 0", "--horizon"},
        {"--env hopper --model sim --planner best", "--planner"},
        {"--env hopper --model sim --samples 4 --elites 5", "elites"},
        {"--env hopper --model sim --range reject", "range"},
        {"--env hopper --model sim --out /proc/no", "/proc/no"},
        {"--env hopper", "--model"},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        char command[512];
        snprintf(command, sizeof command, TZ_PROGRAM " mpc %s 2>&1", cases[i].arguments);
        assert_int_equal(run(command), 2);
        assert_non_null(strstr(text, cases[i].expected));
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    }
}

// A stop keeps the finished episodes.
static void an_interrupt_keeps_what_was_finished(void **state) {
    (void)state;
    char command[512];
    snprintf(command, sizeof command,
             "%s --episodes 10000 --out stopped 2>/dev/null & p=$!; "
             "while [ ! -e stopped/dataset/journal ] && [ $(ls stopped/dataset/* 2>/dev/null | wc "
             "-l) -lt 4 ]; do sleep 0.1; done; sleep 1; kill -INT $p; wait $p",
             QUICK);
    assert_int_equal(run(command), 130);
    tz_error error;
    tz_dataset *dataset = NULL;
    assert_int_equal(tz_dataset_read(&dataset, "stopped/dataset", NULL, &error), TZ_OK);
    assert_true(dataset->n_episodes >= 1 && dataset->n_episodes < 10000);
    tz_dataset_destroy(dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_results_agree_with_the_episodes),
        cmocka_unit_test(the_same_seed_gives_the_same_episodes),
        cmocka_unit_test(a_folder_with_a_run_is_refused),
        cmocka_unit_test(bad_input_is_one_sentence),
        cmocka_unit_test(an_interrupt_keeps_what_was_finished),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
