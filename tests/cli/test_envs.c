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
    assert_int_equal(json_object_array_length(list), tz_env_count() + tz_system_count());
    for (int i = 0; i < tz_env_count() + tz_system_count(); i++) {
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
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_bad_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
