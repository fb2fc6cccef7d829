// Reads the reference data of tests/golden: lines "label,number,number,...", comments after #.
#ifndef TRAPEZE_TESTS_ENVS_GOLDEN_H
#define TRAPEZE_TESTS_ENVS_GOLDEN_H

#include <stdio.h>

enum { GOLDEN_LABEL_MAX = 64, GOLDEN_NUMBERS_MAX = 512 };

typedef struct golden_line {
    char label[GOLDEN_LABEL_MAX];
    int n;
    double x[GOLDEN_NUMBERS_MAX]; // (n)
} golden_line;

// Opens <source>/tests/golden/<folder>/<name>.csv; a missing file fails the test.
FILE *golden_open(const char *folder, const char *name);

// Reads the next line that is not a comment. Returns 0 at the end of the file.
int golden_read(FILE *file, golden_line *line);

#endif
