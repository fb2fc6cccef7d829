// Digests of every length of the last blocks, as libmd has them, whoever computes the blocks.
#include "base/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sha256.h>

static void digests_are_those_of_libmd(void **state) {
    (void)state;
    static uint8_t bytes[1000];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * i >> 3);
    }
    for (size_t size = 0; size <= sizeof bytes; size += size < 200 ? 1 : 100) {
        char digest[65], expected[65];
        tz__sha256_of(bytes, size, digest);
        assert_string_equal(digest, SHA256Data(bytes, size, expected));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_libmd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
