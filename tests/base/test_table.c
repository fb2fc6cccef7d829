// Tables come back as they were written, and what is no table of numbers is refused with its line.
#include "base/file.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/trapeze-table-XXXXXX";

static int set_up(void **state) {
    (void)state;
    const int fd = mkstemp(path);
    return fd < 0 || close(fd) != 0;
}

static int tear_down(void **state) {
    (void)state;
    return unlink(path);
}

static tz_status read_text(tz_table **table, const char *text, size_t size, tz_error *error) {
    assert_int_equal(tz_file_write(path, text, size, NULL), TZ_OK);
    return tz_table_read(table, path, error);
}

static void reads_columns_by_name(void **state) {
    (void)state;
    static const char text[] = "step,loss,held out\r\n1,0.5,\r\n2,-1e-3,nan\n3,inf,7";
    tz_table *table;
    assert_int_equal(read_text(&table, text, sizeof text - 1, NULL), TZ_OK);
    assert_int_equal(table->n_columns, 3);
    assert_int_equal(table->n_rows, 3);
    const double *step = tz_table_column(table, "step"), *loss = tz_table_column(table, "loss");
    const double *held_out = tz_table_column(table, "held out");
    assert_true(step[0] == 1 && step[1] == 2 && step[2] == 3);
    assert_true(loss[0] == 0.5 && loss[1] == -1e-3 && isinf(loss[2]));
    assert_true(isnan(held_out[0]) && isnan(held_out[1]) && held_out[2] == 7);
    assert_null(tz_table_column(table, "los"));
    tz_table_destroy(table);

    // no rows yet
    assert_int_equal(read_text(&table, "a,b\n", 4, NULL), TZ_OK);
    assert_int_equal(table->n_rows, 0);
    tz_table_destroy(table);
}

// Names that a path or somebody's robot brought along come back as they were.
static void free_text_is_quoted(void **state) {
    (void)state;
    static const char *const names[] = {"plain", "a,b",        "say \"a\"", "\"",
                                        "",      "two\nlines", "end\r",     "mid\"dle"};
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    for (size_t i = 0; i < TZ_COUNTOF(names); i++) {
        fputs(i > 0 ? "," : "", stream);
        tz_csv_put_text(stream, names[i]);
    }
    fputs("\n1,2,3,4,5,6,7,8\n\"9\",,,,,,,\r\n", stream);
    fclose(stream);
    assert_memory_equal(text, "plain,\"a,b\",\"say \"\"a\"\"\",", 24);
    tz_table *table;
    assert_int_equal(read_text(&table, text, size, NULL), TZ_OK);
    assert_int_equal(table->n_columns, TZ_COUNTOF(names));
    assert_int_equal(table->n_rows, 2);
    for (size_t i = 0; i < TZ_COUNTOF(names); i++) {
        assert_string_equal(table->name[i], names[i]);
        assert_true(table->value[2 * i] == (double)(i + 1));
    }
    assert_true(table->value[1] == 9 && isnan(table->value[3]));
    tz_table_destroy(table);
    free(text);
}

static void refuses_what_is_no_table(void **state) {
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", "is empty"},
        {"a,b\n1,2\n3\n", "line 3: fewer cells than the 2 columns"},
        {"a,b\n1,2,3\n", "line 2: more cells than the 2 columns"},
        {"a,b\n1,2,3,4\n", "line 2: more cells than the 2 columns"},
        {"a\nx\n", "line 2: 'x', expected a number"},
        {"a,\"b\n1,2\n", "line 1: a cell begins with a quote, expected its closing one"},
        {"a,b\n\"1\"x,2\n", "line 2: a cell begins with a quote"},
        {"a\n1 2\n", "line 2: '1 2', expected a number"},
    };
    tz_table *table;
    tz_error error;
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        assert_int_equal(read_text(&table, cases[i].text, strlen(cases[i].text), &error),
                         TZ_ERR_FORMAT);
        assert_null(table);
        if (strstr(error.text, cases[i].sentence) == NULL) {
            fail_msg("'%s' does not say '%s'", error.text, cases[i].sentence);
        }
    }
    assert_int_equal(read_text(&table, "a\n\0001\n", 5, &error), TZ_ERR_FORMAT);
    char wide[2 * TZ_COLUMNS_MAX + 2];
    memset(wide, ',', sizeof wide);
    assert_int_equal(read_text(&table, wide, TZ_COLUMNS_MAX, &error), TZ_ERR_FORMAT);
    assert_int_equal(tz_table_read(&table, "/nowhere.csv", &error), TZ_ERR_IO);

    // many columns and as many empty lines: no memory is taken for cells that are not there
    enum { N_LINES = 100000 };
    char *sparse = malloc(2 * TZ_COLUMNS_MAX + N_LINES);
    assert_non_null(sparse);
    size_t used = 0;
    for (int i = 0; i < TZ_COLUMNS_MAX; i++) {
        sparse[used++] = 'a';
        sparse[used++] = i + 1 < TZ_COLUMNS_MAX ? ',' : '\n';
    }
    memset(sparse + used, '\n', N_LINES);
    assert_int_equal(read_text(&table, sparse, used + N_LINES, &error), TZ_ERR_FORMAT);
    assert_non_null(strstr(error.text, "100000 rows of less than 256 cells"));
    free(sparse);
}

// Bytes changed anywhere end in a table or in a sentence; nothing is left behind.
static void survives_flipped_bytes(void **state) {
    (void)state;
    static const char text[] = "step,\"lo,s\"\"s\"\n1,0.5\n2,\"0.25\"\n3,\n";
    tz_rng rng = tz_rng_stream(1, TZ_PURPOSE_TEST, 0);
    const size_t live = tz_alloc_live();
    for (int trial = 0; trial < 300; trial++) {
        char damaged[sizeof text];
        memcpy(damaged, text, sizeof text);
        for (int k = 0; k < 3; k++) {
            damaged[tz_rng_below(&rng, sizeof text - 1)] = (char)tz_rng_u32(&rng);
        }
        tz_table *table;
        tz_error error = {0};
        const tz_status status = read_text(&table, damaged, sizeof text - 1, &error);
        assert_true(status == TZ_OK || (status == TZ_ERR_FORMAT && error.text[0] != '\0'));
        tz_table_destroy(table);
        assert_int_equal(tz_alloc_live(), live);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_columns_by_name),
        cmocka_unit_test(free_text_is_quoted),
        cmocka_unit_test(refuses_what_is_no_table),
        cmocka_unit_test(survives_flipped_bytes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
