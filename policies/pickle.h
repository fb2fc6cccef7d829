// Python pickles as data. A pickle is a program for a stack machine that builds objects by calling
// what it names; here nothing is ever called or imported. A name (GLOBAL) becomes a value that
// holds its text, a call (REDUCE, NEWOBJ) a value that holds callable and arguments, and whoever
// reads the values gives meaning to the few calls it knows. Names outside the reader's list are
// refused.
#ifndef TRAPEZE_POLICIES_PICKLE_H
#define TRAPEZE_POLICIES_PICKLE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tz_pickle_kind {
    TZ_PICKLE_NONE,
    TZ_PICKLE_BOOL,
    TZ_PICKLE_INT, // an integer of more than 64 bits is TZ_PICKLE_BYTES, little-endian
    TZ_PICKLE_REAL,
    TZ_PICKLE_TEXT,
    TZ_PICKLE_BYTES,
    TZ_PICKLE_TUPLE,
    TZ_PICKLE_LIST, // sets too
    TZ_PICKLE_DICT,
    TZ_PICKLE_GLOBAL,    // text: "torch._utils _rebuild_tensor_v2"
    TZ_PICKLE_CALL,      // callable(*arguments), perhaps with items and state
    TZ_PICKLE_PERSISTENT // an object outside the pickle: arguments is its id
} tz_pickle_kind;

typedef struct tz_pickle_value tz_pickle_value;
typedef struct tz_pickle_item {
    const tz_pickle_value *key; // of a dict; NULL in tuples and lists
    const tz_pickle_value *value;
    const struct tz_pickle_item *next;
} tz_pickle_item;

struct tz_pickle_value {
    tz_pickle_kind kind;
    int64_t integer;   // INT, BOOL
    double real;       // REAL
    const char *bytes; // TEXT, BYTES, GLOBAL; followed by a NUL that size does not count
    size_t size;
    const tz_pickle_item *items; // TUPLE, LIST, DICT, CALL; in order
    tz_pickle_item *last;
    size_t n_items;
    const tz_pickle_value *callable, *arguments, *state; // Nullable
};

typedef struct tz_pickle tz_pickle;

// Reads a pickle of protocol 2 to 5. `names` (n_names) are the globals that may occur, "module
// name"; `path` names the pickle in sentences. TZ_ERR_FORMAT, TZ_ERR_UNSUPPORTED (a name, an
// opcode), TZ_ERR_MEMORY.
tz_status tz_pickle_read(tz_pickle **pickle, const void *bytes, size_t size,
                         const char *const *names, size_t n_names, const char *path,
                         tz_error *error);
void tz_pickle_destroy(tz_pickle *pickle); // Nullable

// The object, borrowed. Values may be shared, and may even contain themselves.
const tz_pickle_value *tz_pickle_root(const tz_pickle *pickle);

// ---- reading values; all take NULL, and give NULL or false where the value is of another kind

const tz_pickle_value *tz_pickle_at(const tz_pickle_value *list, size_t index); // NULL: absent
bool tz_pickle_is_text(const tz_pickle_value *value, const char *text);
bool tz_pickle_is_global(const tz_pickle_value *value, const char *name);
bool tz_pickle_get_int(const tz_pickle_value *value, int64_t *x);
bool tz_pickle_get_real(const tz_pickle_value *value, double *x); // integers too

// The value of a text key: of a dict, else of the state of an object that is a dict. NULL: absent.
const tz_pickle_value *tz_pickle_find(const tz_pickle_value *object, const char *key);

#endif
