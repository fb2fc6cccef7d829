// The stack machine. Opcodes and their meaning: Python's Lib/pickletools.py. Those that only write
// or read objects as text (protocols 0 and 1) and the extension registry are left out.
#include "policies/pickle.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

enum {
    STACK_MAX = 1 << 14,
    VALUES_MAX = 1 << 20, // values and items
    MEMO_MAX = 1 << 20,
    CHUNK_SIZE = 1 << 16,
    GLOBAL_MAX = 256, // bytes of a module and a name
    PROTOCOL_MAX = 5
};

// Memory of the values: chunks in a list, freed together.
typedef struct chunk {
    struct chunk *next;
    size_t size, used;
} chunk;

struct tz_pickle {
    chunk *chunks;
    const tz_pickle_value *root;
};

typedef struct machine {
    const unsigned char *bytes;
    size_t size, at;
    const char *const *names;
    size_t n_names;
    const char *path;
    tz_error *error;
    tz_pickle *pickle;
    int n_values;
    tz_pickle_value **stack; // (STACK_MAX); NULL is a mark
    int depth;
    tz_pickle_value **memo; // (memo_capacity)
    size_t n_memo, memo_capacity;
} machine;

// ---- trouble and memory

static tz_status broken(machine *m, const char *what) {
    return tz_fail(m->error, TZ_ERR_FORMAT, "%s: not a sound pickle at byte %zu: %s", m->path,
                   m->at, what);
}

static tz_status no_memory(machine *m) {
    return tz_fail(m->error, TZ_ERR_MEMORY, "%s: out of memory while reading", m->path);
}

static void *take(machine *m, size_t size) {
    size = (size + 15) / 16 * 16;
    chunk *c = m->pickle->chunks;
    const size_t head = (sizeof(chunk) + 15) / 16 * 16;
    if (c == NULL || c->size - c->used < size) {
        const size_t whole = head + (size > CHUNK_SIZE ? size : CHUNK_SIZE);
        c = tz_alloc(whole, 1);
        if (c == NULL) {
            return NULL;
        }
        *c = (chunk){.next = m->pickle->chunks, .size = whole, .used = head};
        m->pickle->chunks = c;
    }
    void *place = (char *)c + c->used;
    c->used += size;
    return place;
}

// ---- input

static tz_status need(machine *m, uint64_t n) {
    return n <= m->size - m->at ? TZ_OK : broken(m, "it is cut short");
}

static tz_status read_uint(machine *m, int n_bytes, uint64_t *x) {
    *x = 0;
    TZ_CHECK(need(m, (uint64_t)n_bytes));
    for (int i = n_bytes - 1; i >= 0; i--) {
        *x = *x << 8 | m->bytes[m->at + (size_t)i];
    }
    m->at += (size_t)n_bytes;
    return TZ_OK;
}

// ---- stack

static tz_status push(machine *m, tz_pickle_value *value) {
    if (m->depth == STACK_MAX) {
        return broken(m, "its objects are nested too deep");
    }
    m->stack[m->depth++] = value;
    return TZ_OK;
}

static tz_status count_value(machine *m) {
    return ++m->n_values <= VALUES_MAX ? TZ_OK : broken(m, "it holds too many objects");
}

static tz_status push_new(machine *m, tz_pickle_kind kind, tz_pickle_value **out) {
    *out = NULL;
    TZ_CHECK(count_value(m));
    tz_pickle_value *value = take(m, sizeof *value);
    if (value == NULL) {
        return no_memory(m);
    }
    value->kind = kind;
    *out = value;
    return push(m, value);
}

static tz_status pop(machine *m, tz_pickle_value **value) {
    *value = NULL;
    if (m->depth == 0 || m->stack[m->depth - 1] == NULL) {
        return broken(m, "its stack is empty");
    }
    *value = m->stack[--m->depth];
    return TZ_OK;
}

static tz_status top(machine *m, tz_pickle_value **value) {
    TZ_CHECK(pop(m, value));
    m->depth++;
    return TZ_OK;
}

// Where the values after the last mark begin on the stack.
static tz_status find_mark(machine *m, int *first) {
    *first = 0;
    for (int i = m->depth - 1; i >= 0; i--) {
        if (m->stack[i] == NULL) {
            *first = i + 1;
            return TZ_OK;
        }
    }
    return broken(m, "a mark is missing");
}

// ---- containers

static tz_status append(machine *m, tz_pickle_value *to, const tz_pickle_value *key,
                        const tz_pickle_value *value) {
    TZ_CHECK(count_value(m));
    tz_pickle_item *item = take(m, sizeof *item);
    if (item == NULL) {
        return no_memory(m);
    }
    *item = (tz_pickle_item){.key = key, .value = value};
    if (to->last == NULL) {
        to->items = item;
    } else {
        to->last->next = item;
    }
    to->last = item;
    to->n_items++;
    return TZ_OK;
}

// Takes the values from stack place `first` on into a fresh tuple, which takes their place.
static tz_status make_tuple(machine *m, int first, int n_marks) {
    if (first < 0) {
        return broken(m, "its stack is empty");
    }
    TZ_CHECK(count_value(m));
    tz_pickle_value *tuple = take(m, sizeof *tuple);
    if (tuple == NULL) {
        return no_memory(m);
    }
    tuple->kind = TZ_PICKLE_TUPLE;
    for (int i = first; i < m->depth; i++) {
        if (m->stack[i] == NULL) {
            return broken(m, "a mark is where a value should be");
        }
        TZ_CHECK(append(m, tuple, NULL, m->stack[i]));
    }
    m->depth = first - n_marks;
    return push(m, tuple);
}

// Adds the values from `first` on to the container below them (and below n_marks marks): pairs to a
// dict, single ones to a list. Objects made by a call may be either.
static tz_status add_items(machine *m, int first, int n_marks, tz_pickle_kind kind) {
    const int place = first - n_marks - 1;
    tz_pickle_value *to = place < 0 ? NULL : m->stack[place];
    const int n = m->depth - first;
    if (to == NULL || (to->kind != kind && to->kind != TZ_PICKLE_CALL)) {
        return broken(m, "items are added to what cannot hold them");
    }
    if (kind == TZ_PICKLE_DICT && n % 2 != 0) {
        return broken(m, "a key has no value");
    }
    for (int i = first; i < m->depth; i++) {
        const tz_pickle_value *key = NULL;
        if (kind == TZ_PICKLE_DICT) {
            key = m->stack[i++];
        }
        if (m->stack[i] == NULL || (kind == TZ_PICKLE_DICT && key == NULL)) {
            return broken(m, "a mark is where a value should be");
        }
        TZ_CHECK(append(m, to, key, m->stack[i]));
    }
    m->depth = first - n_marks;
    return TZ_OK;
}

static tz_status add_marked_items(machine *m, tz_pickle_kind kind) {
    int first;
    TZ_CHECK(find_mark(m, &first));
    return add_items(m, first, 1, kind);
}

// ---- scalars and bytes

static tz_status push_bytes(machine *m, tz_pickle_kind kind, int n_size_bytes) {
    uint64_t size;
    TZ_CHECK(read_uint(m, n_size_bytes, &size));
    TZ_CHECK(need(m, size));
    tz_pickle_value *value;
    TZ_CHECK(push_new(m, kind, &value));
    char *bytes = take(m, (size_t)size + 1);
    if (bytes == NULL) {
        return no_memory(m);
    }
    memcpy(bytes, m->bytes + m->at, (size_t)size);
    m->at += (size_t)size;
    value->bytes = bytes;
    value->size = (size_t)size;
    return TZ_OK;
}

// An integer of up to 8 bytes, two's complement, little-endian; longer ones stay bytes.
static tz_status push_long(machine *m) {
    TZ_CHECK(push_bytes(m, TZ_PICKLE_BYTES, 1));
    tz_pickle_value *value = m->stack[m->depth - 1];
    if (value->size > 8) {
        return TZ_OK;
    }
    const unsigned char *bytes = (const unsigned char *)value->bytes;
    const bool negative = value->size > 0 && bytes[value->size - 1] >= 0x80;
    uint64_t x = negative ? UINT64_MAX : 0;
    for (size_t i = value->size; i-- > 0;) {
        x = x << 8 | bytes[i];
    }
    value->kind = TZ_PICKLE_INT;
    value->integer = (int64_t)x;
    return TZ_OK;
}

static tz_status push_int(machine *m, int n_bytes) {
    uint64_t x;
    tz_pickle_value *value;
    TZ_CHECK(read_uint(m, n_bytes, &x));
    TZ_CHECK(push_new(m, TZ_PICKLE_INT, &value));
    value->integer = n_bytes == 4 ? (int64_t)(int32_t)(uint32_t)x : (int64_t)x;
    return TZ_OK;
}

// Eight bytes, big-endian.
static tz_status push_real(machine *m) {
    TZ_CHECK(need(m, 8));
    uint64_t x = 0;
    for (int i = 0; i < 8; i++) {
        x = x << 8 | m->bytes[m->at++];
    }
    tz_pickle_value *value;
    TZ_CHECK(push_new(m, TZ_PICKLE_REAL, &value));
    memcpy(&value->real, &x, sizeof x);
    return TZ_OK;
}

static tz_status push_bool(machine *m, bool x) {
    tz_pickle_value *value;
    TZ_CHECK(push_new(m, TZ_PICKLE_BOOL, &value));
    value->integer = x;
    return TZ_OK;
}

// ---- names and calls

static bool is_allowed(const machine *m, const char *name) {
    for (size_t i = 0; i < m->n_names; i++) {
        if (strcmp(name, m->names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static tz_status push_global(machine *m, const char *module, size_t module_size, const char *name,
                             size_t name_size) {
    tz_pickle_value *value;
    TZ_CHECK(push_new(m, TZ_PICKLE_GLOBAL, &value));
    const size_t size = module_size + name_size + 2;
    if (size > GLOBAL_MAX) {
        return broken(m, "the name of a global is too long");
    }
    char *text = take(m, size);
    if (text == NULL) {
        return no_memory(m);
    }
    snprintf(text, size, "%.*s %.*s", (int)module_size, module, (int)name_size, name);
    value->bytes = text;
    value->size = strlen(text);
    for (size_t i = 0; i < value->size; i++) {
        if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] > '~') {
            return broken(m, "the name of a global is not plain text");
        }
    }
    if (!is_allowed(m, text)) {
        return tz_fail(m->error, TZ_ERR_UNSUPPORTED,
                       "%s: its pickle asks for '%.100s', which data of this kind does not need; "
                       "nothing was run",
                       m->path, text);
    }
    return TZ_OK;
}

// GLOBAL: two lines of text.
static tz_status read_global(machine *m) {
    const char *part[2];
    size_t size[2];
    for (int i = 0; i < 2; i++) {
        part[i] = (const char *)m->bytes + m->at;
        const char *end = memchr(part[i], '\n', m->size - m->at);
        if (end == NULL) {
            return broken(m, "it is cut short");
        }
        size[i] = (size_t)(end - part[i]);
        m->at += size[i] + 1;
    }
    return push_global(m, part[0], size[0], part[1], size[1]);
}

// STACK_GLOBAL: module and name are two texts on the stack.
static tz_status make_global(machine *m) {
    tz_pickle_value *name, *module;
    TZ_CHECK(pop(m, &name));
    TZ_CHECK(pop(m, &module));
    if (name->kind != TZ_PICKLE_TEXT || module->kind != TZ_PICKLE_TEXT) {
        return broken(m, "a global's name is no text");
    }
    return push_global(m, module->bytes, module->size, name->bytes, name->size);
}

static tz_status make_call(machine *m) {
    tz_pickle_value *arguments, *callable, *value;
    TZ_CHECK(pop(m, &arguments));
    TZ_CHECK(pop(m, &callable));
    if (arguments->kind != TZ_PICKLE_TUPLE || callable->kind != TZ_PICKLE_GLOBAL) {
        return broken(m, "a call is not a name with a tuple of arguments");
    }
    TZ_CHECK(push_new(m, TZ_PICKLE_CALL, &value));
    value->callable = callable;
    value->arguments = arguments;
    return TZ_OK;
}

static tz_status build(machine *m) {
    tz_pickle_value *state, *object;
    TZ_CHECK(pop(m, &state));
    TZ_CHECK(top(m, &object));
    if (object->kind != TZ_PICKLE_CALL) {
        return broken(m, "a state is given to what is no object");
    }
    object->state = state;
    return TZ_OK;
}

static tz_status make_persistent(machine *m) {
    tz_pickle_value *id, *value;
    TZ_CHECK(pop(m, &id));
    TZ_CHECK(push_new(m, TZ_PICKLE_PERSISTENT, &value));
    value->arguments = id;
    return TZ_OK;
}

// ---- memo

static tz_status memo_put(machine *m, uint64_t index) {
    tz_pickle_value *value;
    TZ_CHECK(top(m, &value));
    if (index >= MEMO_MAX) {
        return broken(m, "its memo is too large");
    }
    if (index >= m->memo_capacity) {
        size_t capacity = m->memo_capacity == 0 ? 256 : m->memo_capacity;
        while (capacity <= index) {
            capacity *= 2;
        }
        tz_pickle_value **memo = tz_alloc(capacity, sizeof(*memo));
        if (memo == NULL) {
            return no_memory(m);
        }
        if (m->memo != NULL) {
            memcpy(memo, m->memo, m->memo_capacity * sizeof(*memo));
        }
        tz_free(m->memo);
        m->memo = memo;
        m->memo_capacity = capacity;
    }
    m->n_memo += m->memo[index] == NULL;
    m->memo[index] = value;
    return TZ_OK;
}

static tz_status memo_put_at(machine *m, int n_bytes) {
    uint64_t index;
    TZ_CHECK(read_uint(m, n_bytes, &index));
    return memo_put(m, index);
}

static tz_status memo_get(machine *m, int n_bytes) {
    uint64_t index;
    TZ_CHECK(read_uint(m, n_bytes, &index));
    if (index >= m->memo_capacity || m->memo[index] == NULL) {
        return broken(m, "it recalls what was never kept");
    }
    return push(m, m->memo[index]);
}

// ---- the opcodes

static tz_status run_opcode(machine *m, unsigned char opcode) {
    tz_pickle_value *value;
    uint64_t number;
    int first;
    switch (opcode) {
    case 0x80: // PROTO
        TZ_CHECK(read_uint(m, 1, &number));
        return number <= PROTOCOL_MAX ? TZ_OK : broken(m, "it is of an unknown protocol");
    case 0x95: // FRAME
        return read_uint(m, 8, &number);
    case '(': // MARK
        return push(m, NULL);
    case '0': // POP
        return pop(m, &value);
    case 'N': // NONE
        return push_new(m, TZ_PICKLE_NONE, &value);
    case 0x88: // NEWTRUE
        return push_bool(m, true);
    case 0x89: // NEWFALSE
        return push_bool(m, false);
    case 'J': // BININT
        return push_int(m, 4);
    case 'K': // BININT1
        return push_int(m, 1);
    case 'M': // BININT2
        return push_int(m, 2);
    case 0x8a: // LONG1
        return push_long(m);
    case 'G': // BINFLOAT
        return push_real(m);
    case 'X': // BINUNICODE
        return push_bytes(m, TZ_PICKLE_TEXT, 4);
    case 0x8c: // SHORT_BINUNICODE
        return push_bytes(m, TZ_PICKLE_TEXT, 1);
    case 0x8d: // BINUNICODE8
        return push_bytes(m, TZ_PICKLE_TEXT, 8);
    case 'B': // BINBYTES
        return push_bytes(m, TZ_PICKLE_BYTES, 4);
    case 'C': // SHORT_BINBYTES
        return push_bytes(m, TZ_PICKLE_BYTES, 1);
    case 0x8e: // BINBYTES8
    case 0x96: // BYTEARRAY8
        return push_bytes(m, TZ_PICKLE_BYTES, 8);
    case ')': // EMPTY_TUPLE
        return make_tuple(m, m->depth, 0);
    case 0x85: // TUPLE1
    case 0x86: // TUPLE2
    case 0x87: // TUPLE3
        return make_tuple(m, m->depth - (opcode - 0x84), 0);
    case 't': // TUPLE
        TZ_CHECK(find_mark(m, &first));
        return make_tuple(m, first, 1);
    case ']':  // EMPTY_LIST
    case 0x8f: // EMPTY_SET
        return push_new(m, TZ_PICKLE_LIST, &value);
    case 'a': // APPEND
        return add_items(m, m->depth - 1, 0, TZ_PICKLE_LIST);
    case 'e':  // APPENDS
    case 0x90: // ADDITEMS
        return add_marked_items(m, TZ_PICKLE_LIST);
    case '}': // EMPTY_DICT
        return push_new(m, TZ_PICKLE_DICT, &value);
    case 's': // SETITEM
        return add_items(m, m->depth - 2, 0, TZ_PICKLE_DICT);
    case 'u': // SETITEMS
        return add_marked_items(m, TZ_PICKLE_DICT);
    case 'c': // GLOBAL
        return read_global(m);
    case 0x93: // STACK_GLOBAL
        return make_global(m);
    case 'R':  // REDUCE
    case 0x81: // NEWOBJ
        return make_call(m);
    case 'b': // BUILD
        return build(m);
    case 'Q': // BINPERSID
        return make_persistent(m);
    case 'q': // BINPUT
        return memo_put_at(m, 1);
    case 'r': // LONG_BINPUT
        return memo_put_at(m, 4);
    case 0x94: // MEMOIZE
        return memo_put(m, m->n_memo);
    case 'h': // BINGET
        return memo_get(m, 1);
    case 'j': // LONG_BINGET
        return memo_get(m, 4);
    default:
        return tz_fail(m->error, TZ_ERR_UNSUPPORTED,
                       "%s: its pickle has opcode 0x%02x at byte %zu; expected an opcode of plain "
                       "data",
                       m->path, opcode, m->at - 1);
    }
}

static tz_status run(machine *m) {
    for (;;) {
        TZ_CHECK(need(m, 1));
        const unsigned char opcode = m->bytes[m->at++];
        if (opcode == '.') {
            break;
        }
        TZ_CHECK(run_opcode(m, opcode));
    }
    tz_pickle_value *root;
    TZ_CHECK(pop(m, &root));
    m->pickle->root = root;
    return m->depth == 0 ? TZ_OK : broken(m, "it ends with several objects");
}

tz_status tz_pickle_read(tz_pickle **out, const void *bytes, size_t size, const char *const *names,
                         size_t n_names, const char *path, tz_error *error) {
    *out = NULL;
    machine m = {.bytes = bytes,
                 .size = size,
                 .names = names,
                 .n_names = n_names,
                 .path = path,
                 .error = error};
    m.pickle = tz_alloc(1, sizeof *m.pickle);
    m.stack = tz_alloc(STACK_MAX, sizeof(*m.stack));
    const tz_status status = m.pickle == NULL || m.stack == NULL ? no_memory(&m) : run(&m);
    tz_free(m.stack);
    tz_free(m.memo);
    if (status != TZ_OK) {
        tz_pickle_destroy(m.pickle);
        return status;
    }
    *out = m.pickle;
    return TZ_OK;
}

void tz_pickle_destroy(tz_pickle *pickle) {
    if (pickle != NULL) {
        for (chunk *c = pickle->chunks, *next; c != NULL; c = next) {
            next = c->next;
            tz_free(c);
        }
        tz_free(pickle);
    }
}

// ---- reading values

const tz_pickle_value *tz_pickle_root(const tz_pickle *pickle) {
    return pickle->root;
}

const tz_pickle_value *tz_pickle_at(const tz_pickle_value *list, size_t index) {
    if (list == NULL || (list->kind != TZ_PICKLE_TUPLE && list->kind != TZ_PICKLE_LIST)) {
        return NULL;
    }
    const tz_pickle_item *item = list->items;
    for (size_t i = 0; item != NULL && i < index; i++) {
        item = item->next;
    }
    return item == NULL ? NULL : item->value;
}

bool tz_pickle_is_text(const tz_pickle_value *value, const char *text) {
    return value != NULL && value->kind == TZ_PICKLE_TEXT && value->size == strlen(text) &&
           memcmp(value->bytes, text, value->size) == 0;
}

bool tz_pickle_is_global(const tz_pickle_value *value, const char *name) {
    return value != NULL && value->kind == TZ_PICKLE_GLOBAL && strcmp(value->bytes, name) == 0;
}

bool tz_pickle_get_int(const tz_pickle_value *value, int64_t *x) {
    *x = value != NULL && value->kind == TZ_PICKLE_INT ? value->integer : 0;
    return value != NULL && value->kind == TZ_PICKLE_INT;
}

bool tz_pickle_get_real(const tz_pickle_value *value, double *x) {
    int64_t integer;
    if (tz_pickle_get_int(value, &integer)) {
        *x = (double)integer;
        return true;
    }
    *x = value != NULL && value->kind == TZ_PICKLE_REAL ? value->real : 0.0;
    return value != NULL && value->kind == TZ_PICKLE_REAL;
}

const tz_pickle_value *tz_pickle_find(const tz_pickle_value *object, const char *key) {
    if (object != NULL && object->kind == TZ_PICKLE_CALL) {
        object = object->state;
    }
    if (object == NULL || object->kind != TZ_PICKLE_DICT) {
        return NULL;
    }
    for (const tz_pickle_item *item = object->items; item != NULL; item = item->next) {
        if (tz_pickle_is_text(item->key, key)) {
            return item->value;
        }
    }
    return NULL;
}
