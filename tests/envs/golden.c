#include "golden.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

// cmocka needs the headers above it.
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

FILE *golden_open(const char *folder, const char *name) {
    char path[1024];
    snprintf(path, sizeof path, TZ_SOURCE_DIR "/tests/golden/%s/%s.csv", folder, name);
    FILE *file = fopen(path, "r");
    if (!file) {
        fail_msg("%s cannot be opened", path);
    }
    return file;
}

int golden_read(FILE *file, golden_line *line) {
    char text[32768];
    do {
        if (!fgets(text, sizeof text, file)) {
            return 0;
        }
    } while (text[0] == '#');
    assert_non_null(strchr(text, '\n'));

    char *field = strtok(text, ",\n");
    snprintf(line->label, sizeof line->label, "%s", field);
    for (line->n = 0; (field = strtok(NULL, ",\n")); line->n++) {
        assert_true(line->n < GOLDEN_NUMBERS_MAX);
        char *end;
        line->x[line->n] = strtod(field, &end);
        assert_true(*end == '\0');
    }
    return 1;
}
