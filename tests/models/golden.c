#include "golden.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

golden_file *golden_read(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/%s", TZ_SOURCE_DIR, name);
    FILE *file = fopen(path, "r");
    golden_file *golden = calloc(1, sizeof *golden);
    assert_non_null(file);
    assert_non_null(golden);
    golden->name = name;
    assert_int_equal(fscanf(file, "#%*[^\n]"), 0);
    int ndim;
    while (fscanf(file, "%63s %d", golden->entry[golden->n].name, &ndim) == 2) {
        golden_entry *entry = &golden->entry[golden->n++];
        entry->n = 1;
        for (int i = 0; i < ndim; i++) {
            assert_int_equal(fscanf(file, "%d", &entry->shape[i]), 1);
            entry->n *= entry->shape[i];
        }
        assert_true(entry->n <= GOLDEN_VALUES_MAX && golden->n < GOLDEN_ENTRIES_MAX);
        for (int i = 0; i < entry->n; i++) {
            assert_int_equal(fscanf(file, "%lf", &entry->value[i]), 1);
        }
    }
    fclose(file);
    return golden;
}

const golden_entry *golden_find(const golden_file *golden, const char *prefix, const char *name) {
    char full[128];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    for (int i = 0; i < golden->n; i++) {
        if (strcmp(golden->entry[i].name, full) == 0) {
            return &golden->entry[i];
        }
    }
    fail_msg("%s has no %s", golden->name, full);
    return NULL;
}

void golden_copy(tz_real *to, const golden_entry *from) {
    for (int i = 0; i < from->n; i++) {
        to[i] = (tz_real)from->value[i];
    }
}

golden_entry golden_transposed(const golden_entry *stored) {
    golden_entry entry = *stored;
    const int rows = stored->shape[1], cols = stored->shape[0];
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < cols; j++) {
            entry.value[i * cols + j] = stored->value[j * rows + i];
        }
    }
    return entry;
}

double golden_size(const golden_entry *entry) {
    double sum = 0.0;
    for (int i = 0; i < entry->n; i++) {
        sum += entry->value[i] * entry->value[i];
    }
    return sqrt(sum);
}

void golden_check_within(const golden_file *golden, const tz_real *values,
                         const golden_entry *expected, double largest) {
    double sum = 0.0;
    for (int i = 0; i < expected->n; i++) {
        const double difference = (double)values[i] - expected->value[i];
        sum += difference * difference;
    }
    if (!(sqrt(sum) <= largest)) {
        fail_msg("%s: %s, of size %.3g, is off by %.3g, tolerated %.3g", golden->name,
                 expected->name, golden_size(expected), sqrt(sum), largest);
    }
}

void golden_check(const golden_file *golden, const tz_real *values, const golden_entry *expected,
                  double tolerance) {
    golden_check_within(golden, values, expected, tolerance * golden_size(expected));
}
