#include "command.h"

#include "base/file.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

char printed[1 << 18];

static int run(const char *start, const char *format, va_list arguments) {
    char command[4 * TZ_PATH_MAX];
    const int n = snprintf(command, sizeof command, "%s", start);
    const int m = vsnprintf(command + n, sizeof command - (size_t)n, format, arguments);
    assert_true(m >= 0 && (size_t)(n + m) < sizeof command);
    FILE *output = popen(command, "r");
    assert_non_null(output);
    printed[fread(printed, 1, sizeof printed - 1, output)] = '\0';
    const int status = pclose(output);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int shell(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int status = run("", format, arguments);
    va_end(arguments);
    return status;
}

int trapeze(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int status = run(TZ_PROGRAM " ", format, arguments);
    va_end(arguments);
    return status;
}

void assert_refused(const char *sentence, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int status = run("exec 2>&1 >/dev/null; " TZ_PROGRAM " ", format, arguments);
    va_end(arguments);
    if (status != 2 || strncmp(printed, "trapeze", 7) != 0 || strstr(printed, sentence) == NULL ||
        strchr(printed, '\n') != printed + strlen(printed) - 1) {
        fail_msg("%s: exit status %d and not one line with '%s', but:\n%s", format, status,
                 sentence, printed);
    }
}

struct json_object *printed_json(void) {
    struct json_object *object = json_tokener_parse(printed);
    assert_non_null(object);
    return object;
}

struct json_object *field(struct json_object *object, const char *key) {
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(object, key, &value)) {
        fail_msg("field %s is missing", key);
    }
    return value;
}

double number(struct json_object *object, const char *key) {
    return json_object_get_double(field(object, key));
}

const char *words(struct json_object *object, const char *key) {
    const char *text = json_object_get_string(field(object, key));
    return text != NULL ? text : "";
}

void assert_files(const char *const *paths, size_t n, bool there) {
    for (size_t i = 0; i < n; i++) {
        struct stat info;
        if ((stat(paths[i], &info) == 0 && info.st_size > 0) != there) {
            fail_msg("%s %s", paths[i], there ? "is missing or empty" : "is there");
        }
    }
}

void assert_same_file(const char *a, const char *b) {
    char digest[2][65];
    assert_int_equal(tz_file_sha256(a, digest[0], NULL), TZ_OK);
    assert_int_equal(tz_file_sha256(b, digest[1], NULL), TZ_OK);
    if (strcmp(digest[0], digest[1]) != 0) {
        fail_msg("%s and %s differ", a, b);
    }
}
