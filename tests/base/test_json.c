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
    char text[TZ_DECIMALS_MAX];
    tz_decimals(text, 2.0);
    assert_string_equal(text, "2");
    tz_decimals(text, nextafter(0.99, 1.0));
    assert_string_equal(text, "0.9900000000000001");
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

// Every byte that begins no character is one U+FFFD; characters of every length stay.
static void text_is_valid_utf8(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"\xc3\xa4 \xe2\x82\xac \xf0\x9f\xa4\x96", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\xa4\x96"},
        {"n\xff\xfe-v0", "n\xef\xbf\xbd\xef\xbf\xbd-v0"},
        {"\xc3", "\xef\xbf\xbd"},
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\x80z", "\xef\xbf\xbdz"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_object *text = tz_json_text(cases[i].text);
        assert_string_equal(json_object_get_string(text), cases[i].expected);
        json_object_put(text);
    }
}

// A text of numbers and objects that json-c would keep in 256 MB is small.
static void much_is_not_small(void **state) {
    (void)state;
    static char text[4 << 20];
    for (size_t i = 0; i < sizeof text; i += 2) {
        memcpy(text + i, "1,", 2);
    }
    assert_true(tz_json_is_small(text, sizeof text));
    for (size_t i = 0; i < sizeof text; i += 4) {
        memcpy(text + i, "{}, ", 4);
    }
    assert_false(tz_json_is_small(text, sizeof text));
    assert_true(tz_json_is_small(text, sizeof text / 4));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_few_digits),
        cmocka_unit_test(reads_back_the_same_number),
        cmocka_unit_test(text_is_valid_utf8),
        cmocka_unit_test(much_is_not_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
