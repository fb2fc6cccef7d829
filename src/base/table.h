// Tables of numbers in CSV files, as runs write them: one line of column names, then rows of
// numbers. A cell with a comma, a quote or a line end in it stands in quotes, as everywhere in CSV.
// Input is hostile until checked.
#ifndef TRAPEZE_BASE_TABLE_H
#define TRAPEZE_BASE_TABLE_H

#include "base/status.h"

#include <stddef.h>
#include <stdio.h>

enum { TZ_COLUMNS_MAX = 256 };

typedef struct tz_table {
    int n_columns;
    size_t n_rows;
    const char *name[TZ_COLUMNS_MAX]; // of the columns, owned            (n_columns)
    double *value;                    // column by column     (n_columns, n_rows)
    char *text;                       // the file's content: holds the names
} tz_table;

// Reads a file of at most 256 MiB. An empty cell is NaN. TZ_ERR_FORMAT names file and line of a row
// with another number of cells, of a cell that is no number and of a quote that is not closed. The
// caller destroys the table.
TZ_API tz_status tz_table_read(tz_table **table, const char *path, tz_error *error);
TZ_API void tz_table_destroy(tz_table *table); // Nullable

// Values of the column of this name (n_rows); NULL: there is none.
TZ_API const double *tz_table_column(const tz_table *table, const char *name);

// Writes a number as a cell, with nine digits; an empty one for NaN, which was not measured.
TZ_API void tz_csv_put_number(FILE *stream, double value);

// Writes a text as a cell: in quotes where it has to be.
TZ_API void tz_csv_put_text(FILE *stream, const char *text);

#endif
