#include "base/table.h"

#include "base/file.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_LIMIT = 64 << 20 };

// Ends the line at its line end and returns where the next one begins; NULL after the last.
static char *end_line(char *line) {
    char *end = strchr(line, '\n');
    if (end == NULL) {
        return NULL;
    }
    *end = '\0';
    if (end > line && end[-1] == '\r') {
        end[-1] = '\0';
    }
    return end[1] != '\0' ? end + 1 : NULL;
}

// Ends the cell at its comma and returns the next one; NULL after the last.
static char *end_cell(char *cell) {
    char *comma = strchr(cell, ',');
    if (comma == NULL) {
        return NULL;
    }
    *comma = '\0';
    return comma + 1;
}

static size_t count_lines(const char *text) {
    size_t n = 0;
    for (const char *line = text; line != NULL && *line != '\0'; n++) {
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return n;
}

static tz_status read_names(tz_table *table, char *line, const char *path, tz_error *error) {
    for (char *cell = line; cell != NULL; table->n_columns++) {
        if (table->n_columns == TZ_COLUMNS_MAX) {
            return tz_fail(error, TZ_ERR_FORMAT, "%s: has more than %d columns", path,
                           TZ_COLUMNS_MAX);
        }
        table->name[table->n_columns] = cell;
        cell = end_cell(cell);
    }
    return TZ_OK;
}

static tz_status read_row(tz_table *table, size_t row, char *line, const char *path,
                          tz_error *error) {
    int column = 0;
    for (char *cell = line; cell != NULL && column <= table->n_columns; column++) {
        char *next = end_cell(cell), *end = cell;
        const double value = *cell != '\0' ? strtod(cell, &end) : NAN;
        if (*end != '\0') {
            return tz_fail(error, TZ_ERR_FORMAT, "%s, line %zu: '%.32s', expected a number", path,
                           row + 2, cell);
        }
        if (column < table->n_columns) {
            table->value[(size_t)column * table->n_rows + row] = value;
        }
        cell = next;
    }
    if (column != table->n_columns) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s, line %zu: %s cells than the %d columns", path,
                       row + 2, column < table->n_columns ? "fewer" : "more", table->n_columns);
    }
    return TZ_OK;
}

static tz_status parse(tz_table *table, const char *path, tz_error *error) {
    const size_t n_lines = count_lines(table->text);
    if (n_lines == 0) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: is empty, expected a line of column names", path);
    }
    char *line = table->text, *next = end_line(line);
    TZ_CHECK(read_names(table, line, path, error));
    table->n_rows = n_lines - 1;
    table->value = tz_alloc((size_t)table->n_columns * (table->n_rows + 1), sizeof(double));
    if (table->value == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for its %zu rows", path, table->n_rows);
    }
    for (size_t row = 0; row < table->n_rows; row++) {
        line = next;
        next = end_line(line);
        TZ_CHECK(read_row(table, row, line, path, error));
    }
    return TZ_OK;
}

tz_status tz_table_read(tz_table **table_out, const char *path, tz_error *error) {
    *table_out = NULL;
    tz_table *table = tz_alloc(1, sizeof *table);
    if (table == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for a table", path);
    }
    size_t size = 0;
    tz_status status = tz_file_read(path, &table->text, &size, SIZE_LIMIT, error);
    if (status == TZ_OK && strlen(table->text) != size) {
        status = tz_fail(error, TZ_ERR_FORMAT, "%s: has a NUL at byte %zu, expected text", path,
                         strlen(table->text));
    }
    if (status == TZ_OK) {
        status = parse(table, path, error);
    }
    if (status != TZ_OK) {
        tz_table_destroy(table);
        return status;
    }
    *table_out = table;
    return TZ_OK;
}

void tz_table_destroy(tz_table *table) {
    if (table != NULL) {
        tz_free(table->value);
        tz_free(table->text);
        tz_free(table);
    }
}

const double *tz_table_column(const tz_table *table, const char *name) {
    for (int i = 0; i < table->n_columns; i++) {
        if (strcmp(table->name[i], name) == 0) {
            return table->value + (size_t)i * table->n_rows;
        }
    }
    return NULL;
}
