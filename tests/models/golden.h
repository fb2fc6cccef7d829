// Golden files of models: a comment line, then "name ndim d0 d1 .." and the values, in turns.
#ifndef TRAPEZE_TESTS_MODELS_GOLDEN_H
#define TRAPEZE_TESTS_MODELS_GOLDEN_H

#include "models/real.h"

enum { GOLDEN_ENTRIES_MAX = 64, GOLDEN_VALUES_MAX = 512 };

typedef struct golden_entry {
    char name[64];
    int shape[4];
    int n;
    double value[GOLDEN_VALUES_MAX];
} golden_entry;

typedef struct golden_file {
    const char *name; // borrowed
    int n;
    golden_entry entry[GOLDEN_ENTRIES_MAX];
} golden_file;

// Reads tests/golden/<name>; the caller frees it. Fails the test when it cannot.
golden_file *golden_read(const char *name);

// The entry prefix + name; fails the test when there is none.
const golden_entry *golden_find(const golden_file *golden, const char *prefix, const char *name);

void golden_copy(tz_real *to, const golden_entry *from);

// A weight of PyTorch (outputs, inputs) as ours (inputs, outputs); a bias as it is.
golden_entry golden_transposed(const golden_entry *stored);

// ||entry||
double golden_size(const golden_entry *entry);

// Fails the test unless ||values - expected|| <= largest.
void golden_check_within(const golden_file *golden, const tz_real *values,
                         const golden_entry *expected, double largest);

// Fails the test unless ||values - expected|| <= tolerance ||expected||, and values are 0 where all
// expected are.
void golden_check(const golden_file *golden, const tz_real *values, const golden_entry *expected,
                  double tolerance);

#endif
