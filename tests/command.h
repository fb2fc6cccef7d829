// What the tests of commands share: running the program as a shell does, and looking at what it
// printed and left. Tests work in a folder of their own (folder.h).
#ifndef TRAPEZE_TESTS_COMMAND_H
#define TRAPEZE_TESTS_COMMAND_H

#include "folder.h"

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

// What the last command printed on stdout, and on stderr where its words say 2>&1.
extern char printed[1 << 18];

// Runs a shell command, or `trapeze` with the words; returns the exit status.
int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
int trapeze(const char *format, ...) __attribute__((format(printf, 1, 2)));

// `trapeze words` must exit with status 2 and print one line on stderr that holds `sentence`.
void assert_refused(const char *sentence, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Starts `trapeze words` in the folder `in` (NULL: this one), with the signals as a fresh program
// has them, and returns at once.
pid_t start_trapeze(const char *in, const char *format, ...) __attribute__((format(printf, 2, 3)));

// A signal that comes while the program is at a known place, however fast the machine is.
typedef struct stop {
    const char *in;     // where the program runs (NULL: here)
    const char *folder; // what it writes, as far as it is there before (NULL: nothing)
    const char *file; // it is signalled when this is there: a pattern of names as a shell has them
                      // (NULL: when it catches the signal)
    const char *before; // (NULL: its end) and while this is not there
    int signal_number;
} stop;

// Starts `trapeze words` and sends it the signal at that place. Returns its exit status, or minus
// the number of the signal that ended it. Where it was past the place before the signal came, the
// folder is put back as it was and all of it is done again.
int stop_trapeze(const stop *at, const char *format, ...) __attribute__((format(printf, 2, 3)));

// The last line of a text: before it, work under way may have said something.
const char *last_line(const char *text);

// The object that was printed last. The caller puts it.
struct json_object *printed_json(void);

// A field that must be there.
struct json_object *field(struct json_object *object, const char *key);
double number(struct json_object *object, const char *key);
const char *words(struct json_object *object, const char *key);

// All n files are there and hold something, or none of them is.
void assert_files(const char *const *paths, size_t n, bool there);
void assert_same_file(const char *a, const char *b);

// Writes a model with fresh weights, as of data with states from -1 to 1 and rates about rate_mean.
void write_untrained_model(const char *env_name, double rate_mean, const char *path);

#endif
