// Real numbers are printed with the fewest digits that read back as the same number.
#include "base/json.h"
#include "base/rng.h"

#include <json-c/json.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void expect_printed(double value, const char *text) {
    struct json_object *real = tz_json_real(value);
    assert_string_equal(json_object_to_json_string(real), text);
    json_object_put(real);
}

static void prints_few_digits(void **state) {
    (void)state;
    expect_printed(0.1, "0.1");
    expect_printed(1.0 / 3, "0.3333333333333333");
    expect_printed(2, "2.0");
    expect_printed(-1000, "-1000.0");
    expect_printed(1e22, "1e+22");
    expect_printed(0x1p-1074, "4.94065645841247e-324");
    expect_printed(INFINITY, "Infinity");
    expect_printed(NAN, "NaN");
}

static void reads_back_the_same_number(void **state) {
    (void)state;
    tz_rng rng = tz_rng_stream(1, TZ_PURPOSE_TEST, 0);
    for (int i = 0; i < 10000; i++) {
        const double value =
            ldexp(tz_rng_uniform(&rng) - 0.5, (int)tz_rng_below(&rng, 2000) - 1000);
        struct json_object *real = tz_json_real(value);
        struct json_object *parsed = json_tokener_parse(json_object_to_json_string(real));
        assert_true(json_object_is_type(parsed, json_type_double));
        assert_true(json_object_get_double(parsed) == value);
        json_object_put(parsed);
        json_object_put(real);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_few_digits),
        cmocka_unit_test(reads_back_the_same_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
