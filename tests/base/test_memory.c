// Memory: aligned, zeroed, counted, and made to fail; statuses and assertions.
#include "base/assert.h"
#include "base/memory.h"
#include "base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void blocks_are_aligned_and_zeroed(void **state) {
    (void)state;
    for (size_t size = 0; size < 300; size += 7) {
        unsigned char *block = tz_alloc(size, 3);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 64, 0);
        for (size_t i = 0; i < 3 * size; i++) {
            assert_int_equal(block[i], 0);
        }
        memset(block, 0xff, 3 * size); // the next block may be this one again
        tz_free(block);
    }
}

static void overflow_is_no_block(void **state) {
    (void)state;
    assert_null(tz_alloc(SIZE_MAX, 2));
    assert_null(tz_alloc(SIZE_MAX / 2 + 1, 2));
    assert_null(tz_alloc(SIZE_MAX, 1));
    assert_null(tz_alloc(SIZE_MAX - 63, 1));
}

static void blocks_are_counted(void **state) {
    (void)state;
    const size_t count = tz_alloc_count(), live = tz_alloc_live();
    void *a = tz_alloc(1, 1), *b = tz_alloc(1, 1);
    assert_int_equal(tz_alloc_count(), count + 2);
    assert_int_equal(tz_alloc_live(), live + 2);
    tz_free(a);
    tz_free(NULL);
    assert_int_equal(tz_alloc_live(), live + 1);
    tz_free(b);
    assert_int_equal(tz_alloc_count(), count + 2);
    assert_int_equal(tz_alloc_live(), live);
}

static void fails_when_told(void **state) {
    (void)state;
    tz_alloc_fail_after(3);
    void *a = tz_alloc(1, 1), *b = tz_alloc(1, 1);
    assert_true(a != NULL && b != NULL);
    assert_null(tz_alloc(1, 1));
    assert_null(tz_alloc(1, 1));
    tz_alloc_fail_after(0);
    void *c = tz_alloc(1, 1);
    assert_non_null(c);
    tz_free(a);
    tz_free(b);
    tz_free(c);
}

static void statuses_have_texts(void **state) {
    (void)state;
    for (int i = 0; i < TZ_N_STATUS; i++) {
        assert_true(strlen(tz_status_text((tz_status)i)) > 0);
    }
    assert_string_equal(tz_status_text((tz_status)1000), "unknown status");
    assert_string_equal(tz_status_text((tz_status)-1), "unknown status");

    // a sentence longer than its place is cut
    tz_error error = {0};
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(tz_fail(&error, TZ_ERR_IO, "%s", text), TZ_ERR_IO);
    assert_int_equal(error.status, TZ_ERR_IO);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    assert_int_equal(tz_fail(NULL, TZ_ERR_IO, "nobody listens"), TZ_ERR_IO);
}

static jmp_buf before_assertion;
static const char *failed_condition;

static void note_assertion(const char *condition, const char *file, int line) {
    assert_non_null(strstr(file, "test_memory.c"));
    assert_true(line > 0);
    failed_condition = condition;
    longjmp(before_assertion, 1);
}

static void assertions_go_to_the_handler(void **state) {
    (void)state;
    const tz_assert_handler before = tz_set_assert_handler(note_assertion);
    const volatile int dimension = 3;
    if (setjmp(before_assertion) == 0) {
        TZ_ASSERT(dimension == 3);
        TZ_ASSERT(dimension == 4);
        fail_msg("the assertion did not fail");
    }
    assert_string_equal(failed_condition, "dimension == 4");
    assert_ptr_equal(tz_set_assert_handler(before), note_assertion);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_zeroed),
        cmocka_unit_test(overflow_is_no_block),
        cmocka_unit_test(blocks_are_counted),
        cmocka_unit_test(fails_when_told),
        cmocka_unit_test(statuses_have_texts),
        cmocka_unit_test(assertions_go_to_the_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
