// Lists of versions: each once, in the order of their arrival.
#include "base/versions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void versions_are_listed_once(void **state) {
    (void)state;
    char list[TZ_VERSIONS_MAX] = "";
    tz_versions_add(list, "4.0.1");
    assert_string_equal(list, "4.0.1");
    tz_versions_add(list, "4.0.1");
    assert_string_equal(list, "4.0.1");
    tz_versions_add(list, "4.0");
    tz_versions_add(list, "2.2.2, 4.0.1, 3.1.6, 2.2.2");
    assert_string_equal(list, "4.0.1, 4.0, 2.2.2, 3.1.6");
    tz_versions_add(list, "");
    tz_versions_add(list, "unknown");
    assert_string_equal(list, "4.0.1, 4.0, 2.2.2, 3.1.6, unknown");
}

static void what_has_no_room_is_left_out(void **state) {
    (void)state;
    char list[TZ_VERSIONS_MAX] = "", longest[2 * TZ_VERSIONS_MAX];
    memset(longest, '1', sizeof longest);
    longest[TZ_VERSIONS_MAX] = '\0';
    tz_versions_add(list, longest);
    assert_string_equal(list, "");
    longest[TZ_VERSIONS_MAX - 6] = '\0';
    tz_versions_add(list, longest);
    assert_int_equal(strlen(list), TZ_VERSIONS_MAX - 6);
    tz_versions_add(list, "4.0.1");
    assert_int_equal(strlen(list), TZ_VERSIONS_MAX - 6);
    tz_versions_add(list, "4.0");
    assert_int_equal(strlen(list), TZ_VERSIONS_MAX - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_listed_once),
        cmocka_unit_test(what_has_no_room_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
