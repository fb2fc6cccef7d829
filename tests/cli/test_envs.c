// `trapeze envs` tells what the library knows.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "command.h"
#include "envs/env.h"
#include "envs/hamiltonian/system.h"

#include <json-c/json.h>
#include <math.h>
#include <string.h>

static void test_table(void **state) {
    (void)state;
    assert_int_equal(trapeze("envs"), 0);
    for (int i = 0; i < tz_env_count(); i++) {
        assert_non_null(strstr(printed, tz_env_info_at(i)->name));
        assert_non_null(strstr(printed, tz_env_info_at(i)->summary));
    }
}

static void test_json(void **state) {
    (void)state;
    assert_int_equal(trapeze("envs --json"), 0);
    json_object *object = printed_json();
    json_object *list = field(object, "environments");
    const int n = tz_env_count() + (TZ_HAS_SYSTEMS ? tz_system_count() : 0);
    assert_int_equal(json_object_array_length(list), n);
    for (int i = 0; i < n; i++) {
        char system[32];
        tz_system_name_at(i < tz_env_count() ? 0 : i - tz_env_count(), system);
        tz_env_def def = tz_env_def_default();
        def.name = i < tz_env_count() ? tz_env_info_at(i)->name : system;
        tz_env *env;
        assert_int_equal(tz_env_create(&env, &def, NULL), TZ_OK);
        const tz_task *task = tz_env_task(env);

        json_object *o = json_object_array_get_idx(list, (size_t)i);
        assert_string_equal(words(o, "name"), task->name);
        assert_int_equal((int)number(o, "nq"), task->nq);
        assert_int_equal((int)number(o, "nv"), task->nv);
        assert_int_equal((int)number(o, "nu"), task->nu);
        assert_true(number(o, "dt_s") == task->dt_s);
        json_object *high = field(o, "control_high");
        assert_int_equal(json_object_array_length(high), task->nu);
        json_object *coordinates = field(o, "coordinates");
        assert_int_equal(json_object_array_length(coordinates), task->nq);
        for (int k = 0; k < task->nq; k++) {
            json_object *c = json_object_array_get_idx(coordinates, (size_t)k);
            assert_string_equal(words(c, "name"), task->coordinate_name[k]);
            assert_int_equal(json_object_get_boolean(field(c, "cyclic")), task->cyclic[k]);
        }
        tz_env_destroy(env);
    }
    json_object_put(object);
}

// One environment, with its arguments.
static void test_arguments(void **state) {
    (void)state;
    assert_int_equal(trapeze("envs --env ant --env-arg healthy_z_range=0.3:inf"), 0);
    assert_non_null(strstr(printed, "a torso on four legs"));
    assert_non_null(strstr(printed, "\nhealthy_z_range           0.3:inf           0.2:1\n"));
    assert_null(strstr(printed, "hopper"));
    assert_int_equal(trapeze("envs --env hopper --env-arg terminate_when_unhealthy=false --json"),
                     0);
    assert_non_null(strstr(printed, "\"ends_early\":false"));
    assert_int_equal(trapeze("envs --env humanoid_standup"), 0);
    assert_non_null(strstr(printed, "(no effect, in Gymnasium neither)"));

    assert_int_equal(trapeze("envs --env ant --version v4 --env-arg ctrl_cost_weight=2 "
                             "--env-arg healthy_z_range=0.3:inf --json"),
                     0);
    json_object *object = printed_json(), *arguments = field(object, "arguments");
    assert_string_equal(words(object, "name"), "ant-v4");
    assert_int_equal(json_object_array_length(arguments), 7);
    json_object *first = json_object_array_get_idx(arguments, 0);
    assert_string_equal(words(first, "name"), "ctrl_cost_weight");
    assert_true(number(first, "default") == 0.5 && number(first, "value") == 2.0);
    assert_true(json_object_get_boolean(field(first, "has_effect")));
    assert_false(json_object_get_boolean(
        field(json_object_array_get_idx(arguments, 1), "has_effect"))); // contact_cost_weight
    json_object *range = field(json_object_array_get_idx(arguments, 4), "value");
    assert_true(json_object_get_double(json_object_array_get_idx(range, 0)) == 0.3);
    assert_true(isinf(json_object_get_double(json_object_array_get_idx(range, 1))));
    json_object_put(object);
}

// The same words of every command that makes an environment.
static void test_bad_arguments(void **state) {
    (void)state;
    static const char *const commands[] = {
        "envs --env swimmer",
        "collect --env swimmer --policy random --out bad --quiet",
        "sac --env swimmer --out bad",
        "mpc --env swimmer --model sim",
        "play --env swimmer --video bad.mp4",
        "bench env --env swimmer"};
    for (size_t i = 0; i < TZ_COUNTOF(commands); i++) {
        assert_refused("swimmer has no argument \"ctrl_cost\" (did you mean ctrl_cost_weight?)",
                       "%s --env-arg ctrl_cost=1", commands[i]);
        assert_refused("ctrl_cost_weight is given twice",
                       "%s --env-arg ctrl_cost_weight=1 --env-arg ctrl_cost_weight=2", commands[i]);
    }
    assert_int_equal(shell("test -e bad || test -e bad.mp4"), 1);
    assert_refused("expected one by --env", "envs --env-arg ctrl_cost_weight=1");
    assert_refused("expected one by --env", "bench env --env-arg ctrl_cost_weight=1");
}

static void test_bad_option(void **state) {
    (void)state;
    assert_refused("--jsn", "envs --jsn");
}

// `help` says what --help says.
static void test_help(void **state) {
    (void)state;
    static const char *const pages[][2] = {
        {"help", "--help"}, {"help envs", "envs --help"}, {"help data info", "data info --help"}};
    for (size_t i = 0; i < TZ_COUNTOF(pages); i++) {
        static char page[sizeof printed];
        assert_int_equal(trapeze("%s", pages[i][0]), 0);
        strcpy(page, printed);
        assert_int_equal(trapeze("%s", pages[i][1]), 0);
        assert_string_equal(page, printed);
    }
    assert_int_equal(trapeze("help fly 2>&1"), 2);
    assert_non_null(strstr(printed, "unknown command 'fly'"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),     cmocka_unit_test(test_json),
        cmocka_unit_test(test_arguments), cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_help),      cmocka_unit_test(test_bad_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
