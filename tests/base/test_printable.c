// Text from files reaches a terminal without what the terminal would obey.
#include "base/printable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect(const char *text, const char *printed) {
    char *bytes = NULL;
    size_t size;
    FILE *stream = open_memstream(&bytes, &size);
    assert_non_null(stream);
    tz_put_printable(stream, text);
    fclose(stream);
    assert_string_equal(bytes, printed);
    free(bytes);
}

static void control_characters_are_escaped(void **state) {
    (void)state;
    expect("", "");
    expect("half_cheetah \\ '\"%s", "half_cheetah \\ '\"%s");
    expect("\x1b[31mred\nline\r\t\x7f", "\\x1b[31mred\\x0aline\\x0d\\x09\\x7f");
    expect("\xc2\x9b"
           "31m",
           "\\xc2\\x9b"
           "31m");
    expect("\xc3\xa4\xc2\xa0\xe2\x9c\x93\xc2", "\xc3\xa4\xc2\xa0\xe2\x9c\x93\xc2");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(control_characters_are_escaped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
