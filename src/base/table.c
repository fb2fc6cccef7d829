#include "base/table.h"

#include "base/file.h"
#include "base/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_LIMIT = 256 << 20 }; // some four million rows of `trapeze mpc`

// ---- cells and lines

// Where the cell ends: at a comma, a line end or the NUL. A cell that begins with a quote goes on
// to the closing one, over commas and line ends; a doubled quote does not close it.
static char *cell_end(char *cell) {
    char *c = cell;
    if (*c == '"') {
        for (c++; *c != '\0' && (c[0] != '"' || c[1] == '"'); c++) {
            c += *c == '"';
        }
    }
    return c + strcspn(c, ",\n");
}

static char *line_end(char *line) {
    char *end = cell_end(line);
    while (*end == ',') {
        end = cell_end(end + 1);
    }
    return end;
}

// Ends the line at its line end and returns where the next one begins; NULL after the last.
static char *end_line(char *line) {
    char *end = line_end(line);
    if (*end == '\0') {
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
    char *end = cell_end(cell);
    char *next = *end == ',' ? end + 1 : NULL;
    *end = '\0';
    return next;
}

// Takes the quotes of a cell away; false when they are not those of a whole cell.
static bool unquote(char *cell) {
    if (*cell != '"') {
        return true;
    }
    char *to = cell, *from = cell + 1;
    while (*from != '\0' && (from[0] != '"' || from[1] == '"')) {
        from += *from == '"';
        *to++ = *from++;
    }
    const bool is_whole = from[0] == '"' && from[1] == '\0';
    *to = '\0';
    return is_whole;
}

static size_t count_lines(char *text) {
    size_t n = 0;
    for (char *line = text; *line != '\0'; n++) {
        line = line_end(line);
        line += *line == '\n';
    }
    return n;
}

void tz_csv_put_number(FILE *stream, double value) {
    if (!isnan(value)) {
        fprintf(stream, "%.9g", value);
    }
}

void tz_csv_put_text(FILE *stream, const char *text) {
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        fputs(text, stream);
        return;
    }
    fputc('"', stream);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"') {
            fputc('"', stream);
        }
        fputc(*c, stream);
    }
    fputc('"', stream);
}

// ---- tables

static tz_status fail_quotes(const char *path, size_t line, tz_error *error) {
    return tz_fail(error, TZ_ERR_FORMAT,
                   "%s, line %zu: a cell begins with a quote, expected its closing one at the end",
                   path, line);
}

static tz_status read_names(tz_table *table, char *line, const char *path, tz_error *error) {
    for (char *cell = line; cell != NULL; table->n_columns++) {
        if (table->n_columns == TZ_COLUMNS_MAX) {
            return tz_fail(error, TZ_ERR_FORMAT, "%s: has more than %d columns", path,
                           TZ_COLUMNS_MAX);
        }
        char *next = end_cell(cell);
        if (!unquote(cell)) {
            return fail_quotes(path, 1, error);
        }
        table->name[table->n_columns] = cell;
        cell = next;
    }
    return TZ_OK;
}

static tz_status read_row(tz_table *table, size_t row, char *line, const char *path,
                          tz_error *error) {
    int column = 0;
    for (char *cell = line; cell != NULL && column <= table->n_columns; column++) {
        char *next = end_cell(cell), *end = cell;
        if (!unquote(cell)) {
            return fail_quotes(path, row + 2, error);
        }
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

static tz_status parse(tz_table *table, size_t size, const char *path, tz_error *error) {
    const size_t n_lines = count_lines(table->text);
    if (n_lines == 0) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: is empty, expected a line of column names", path);
    }
    char *line = table->text, *next = end_line(line);
    TZ_CHECK(read_names(table, line, path, error));
    table->n_rows = n_lines - 1;
    // a cell takes a byte with its comma or line end, so a file has no more of them than bytes
    if (table->n_rows > size / (size_t)table->n_columns + 1) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: %zu rows of less than %d cells, expected as many "
                       "as there are columns",
                       path, table->n_rows, table->n_columns);
    }
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
        status = parse(table, size, path, error);
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
