// Texts in memory: whole whatever their length, and an error where memory ends.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "folder.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <string.h>

static const char path[] = "text.csv";

static void print_rows(FILE *stream, int n) {
    for (int i = 0; i < n; i++) {
        fprintf(stream, "row %d,", i);
        fputs("0.125\n", stream);
    }
}

static void texts_are_whole(void **state) {
    (void)state;
    static const int n_rows[] = {0, 1, 1000, 100000};
    for (size_t k = 0; k < TZ_COUNTOF(n_rows); k++) {
        tz_text text;
        assert_int_equal(tz_text_open(&text, NULL), TZ_OK);
        print_rows(text.stream, n_rows[k]);
        assert_int_equal(tz_text_close(&text, NULL), TZ_OK);
        assert_int_equal(strlen(text.text), text.size);
        const char *line = text.text;
        for (int i = 0; i < n_rows[k]; i++) {
            char expected[64];
            const int length = snprintf(expected, sizeof expected, "row %d,0.125\n", i);
            assert_memory_equal(line, expected, (size_t)length);
            line += length;
        }
        assert_string_equal(line, "");
        tz_free(text.text);
    }
}

static void a_file_is_the_text(void **state) {
    (void)state;
    tz_text text;
    char *content;
    size_t size;
    assert_int_equal(tz_text_open(&text, NULL), TZ_OK);
    fputs("a,b\n1,2\n", text.stream);
    assert_int_equal(tz_text_write(&text, path, NULL), TZ_OK);
    assert_int_equal(tz_file_read(path, &content, &size, 100, NULL), TZ_OK);
    assert_string_equal(content, "a,b\n1,2\n");
    tz_free(content);
}

// Wherever memory ends, the file stays what it was, and nothing is lost.
static void no_text_ends_early(void **state) {
    (void)state;
    assert_int_equal(tz_file_write(path, "before", 6, NULL), TZ_OK);
    const size_t live = tz_alloc_live();
    size_t n_failures = 0;
    for (tz_status status = TZ_ERR_MEMORY; status != TZ_OK;) {
        tz_text text;
        tz_error error = {.text = ""};
        tz_alloc_fail_after(n_failures + 1);
        status = tz_text_open(&text, &error);
        if (status == TZ_OK) {
            print_rows(text.stream, 2000);
            status = tz_text_write(&text, path, &error);
        }
        tz_alloc_fail_after(0);
        assert_int_equal(tz_alloc_live(), live);
        if (status != TZ_OK) {
            char *content;
            size_t size;
            assert_int_equal(status, TZ_ERR_MEMORY);
            assert_non_null(strstr(error.text, "no memory for"));
            assert_int_equal(tz_file_read(path, &content, &size, 100, NULL), TZ_OK);
            assert_string_equal(content, "before");
            tz_free(content);
            n_failures++;
        }
    }
    assert_true(n_failures >= 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_whole),
        cmocka_unit_test(a_file_is_the_text),
        cmocka_unit_test(no_text_ends_early),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
