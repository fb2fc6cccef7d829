// What the tests of commands share: running the program as a shell does, and looking at what it
// printed and left. Tests work in a folder of their own (folder.h).
#ifndef TRAPEZE_TESTS_COMMAND_H
#define TRAPEZE_TESTS_COMMAND_H

#include "folder.h"

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>

// What the last command printed on stdout, and on stderr where its words say 2>&1.
extern char printed[1 << 18];

// Runs a shell command, or `trapeze` with the words; returns the exit status.
int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
int trapeze(const char *format, ...) __attribute__((format(printf, 1, 2)));

// `trapeze words` must exit with status 2 and print one line on stderr that holds `sentence`.
void assert_refused(const char *sentence, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// The object that was printed last. The caller puts it.
struct json_object *printed_json(void);

// A field that must be there.
struct json_object *field(struct json_object *object, const char *key);
double number(struct json_object *object, const char *key);
const char *words(struct json_object *object, const char *key);

// All n files are there and hold something, or none of them is.
void assert_files(const char *const *paths, size_t n, bool there);
void assert_same_file(const char *a, const char *b);

#endif
