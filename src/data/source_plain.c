// Our own reader of the plain layout: superblock of version 0 or 1, symbol tables, object headers
// of version 1, little-endian IEEE numbers, values in one piece or in chunks that all exist and are
// not filtered. So write HDF5's default settings, and with them h5py, Minari and we. References are
// to the HDF5 File Format Specification 1.0/1.1 (chapters "II.A", "III.A.1", ...).
//
// It has two purposes. Speed: HDF5 spends about a tenth of a millisecond on opening an array, which
// is longer than reading most of them. And safety: HDF5 1.10 does not survive every damaged file,
// while this file is short enough to be read against one question. Every byte of the file comes
// through `get`, which stays inside it; every loop over the file's structures takes from one
// budget.
//
// What is not understood sets `odd`, and everything after answers "unreadable".
#include "base/memory.h"
#include "data/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BLOCK = 4096,        // the file is looked at through a cache of blocks
    N_BLOCKS = 64,       // of the cache
    NAME_SIZE = 24,      // of links and attributes that a reader of datasets asks for, with NUL
    N_ATTRIBUTES = 48,   // of one object, at most
    N_LINKS = 16,        // of an episode, at most
    TEXT_MAX = 1 << 24,  // bytes of an attribute
    SCRATCH = 1 << 18,   // bytes of values that are converted at once
    MAX_TREE_DEPTH = 16, // of a B-tree
};

// Messages of object headers (IV.A.2).
enum {
    MESSAGE_NIL = 0x00,
    MESSAGE_DATASPACE = 0x01,
    MESSAGE_DATATYPE = 0x03,
    MESSAGE_OLD_FILL = 0x04,
    MESSAGE_FILL = 0x05,
    MESSAGE_LAYOUT = 0x08,
    MESSAGE_ATTRIBUTE = 0x0c,
    MESSAGE_COMMENT = 0x0d,
    MESSAGE_OLD_TIME = 0x0e,
    MESSAGE_CONTINUATION = 0x10,
    MESSAGE_SYMBOL_TABLE = 0x11,
    MESSAGE_TIME = 0x12,
};

typedef struct attribute {
    char name[NAME_SIZE];
    uint64_t type, space, data; // addresses
    uint64_t data_bytes;
} attribute;

// What an object header says; addresses of its messages, 0: it has none.
typedef struct object {
    uint64_t dataspace, datatype, layout, symbol_table;
    int n_attributes;
    attribute attribute[N_ATTRIBUTES];
} object;

typedef struct entry {
    char name[NAME_SIZE];
    uint64_t address; // of the object header
} entry;

typedef struct source_plain {
    tz__source base;
    int fd;
    uint64_t size;
    bool odd;
    uint64_t budget; // steps over structures that are left

    uint64_t tag[N_BLOCKS]; // number of the block that is kept, plus 1
    unsigned char block[N_BLOCKS][BLOCK];

    object root, episode;
    int n_links; // of the open episode
    entry link[N_LINKS];

    long long n_episodes;
    uint64_t *address; // of the episodes                                       (n_episodes)

    uint64_t layout; // message of the open array
    unsigned char scratch[SCRATCH];
} source_plain;

// ---- bytes

static bool read_at(int fd, void *to, size_t n, uint64_t address) {
    for (size_t done = 0; done < n;) {
        const ssize_t read = pread(fd, (char *)to + done, n - done, (off_t)(address + done));
        if (read == 0 || (read < 0 && errno != EINTR)) {
            return false;
        }
        done += read > 0 ? (size_t)read : 0;
    }
    return true;
}

static bool inside(const source_plain *s, uint64_t address, uint64_t n) {
    return address <= s->size && n <= s->size - address;
}

// Copies n bytes at an address; zeros, and the file is odd, where it has none.
static void get(source_plain *s, uint64_t address, void *to, size_t n) {
    unsigned char *out = to;
    if (s->odd || !inside(s, address, n)) {
        s->odd = true;
        memset(to, 0, n);
        return;
    }
    while (n > 0) {
        const uint64_t number = address / BLOCK, from = address % BLOCK;
        const size_t slot = (size_t)(number % N_BLOCKS);
        if (s->tag[slot] != number + 1) {
            const uint64_t start = number * BLOCK, left = s->size - start;
            s->tag[slot] = number + 1;
            if (!read_at(s->fd, s->block[slot], left < BLOCK ? (size_t)left : BLOCK, start)) {
                s->tag[slot] = 0;
                s->odd = true;
                memset(out, 0, n);
                return;
            }
        }
        const size_t part = n < BLOCK - from ? n : (size_t)(BLOCK - from);
        memcpy(out, s->block[slot] + from, part);
        out += part;
        address += part;
        n -= part;
    }
}

// An unsigned little-endian number of n bytes, at most 8.
static uint64_t number(source_plain *s, uint64_t address, size_t n) {
    unsigned char bytes[8];
    uint64_t value = 0;
    get(s, address, bytes, n);
    for (size_t i = n; i > 0; i--) {
        value = value << 8 | bytes[i - 1];
    }
    return value;
}

static void demand(source_plain *s, bool condition) {
    s->odd = s->odd || !condition;
}

static void demand_bytes(source_plain *s, uint64_t address, const void *expected, size_t n) {
    unsigned char found[32];
    get(s, address, found, n);
    demand(s, memcmp(found, expected, n) == 0);
}

// One step over a structure of the file. False: stop.
static bool step(source_plain *s) {
    demand(s, s->budget > 0);
    s->budget -= s->budget > 0;
    return !s->odd;
}

// Copies a text that ends in NUL before `end`. A longer one is cut, and then none that we ask for.
static void get_name(source_plain *s, uint64_t address, uint64_t end, char name[NAME_SIZE]) {
    const uint64_t left = end > address ? end - address : 0;
    const size_t n = left < NAME_SIZE ? (size_t)left : NAME_SIZE;
    get(s, address, name, n);
    demand(s, memchr(name, '\0', n) != NULL || n == NAME_SIZE);
    name[n > 0 ? n - 1 : 0] = '\0';
}

// ---- object headers (IV.A.1.a)

// An attribute of version 1 or 3 (IV.A.2.m): sizes, then name, type, space and data.
static void take_attribute(source_plain *s, object *o, uint64_t at, uint64_t size) {
    const uint64_t version = number(s, at, 1), name_bytes = number(s, at + 2, 2),
                   type_bytes = number(s, at + 4, 2), space_bytes = number(s, at + 6, 2);
    demand(s, (version == 1 || version == 3) && o->n_attributes < N_ATTRIBUTES);
    demand(s, version == 1 || number(s, at + 1, 1) == 0); // no shared types
    // version 1 pads the three parts to words, version 3 has the encoding of the name before it
    const uint64_t word = version == 1 ? 7 : 0;
    const uint64_t name = at + (version == 1 ? 8 : 9), type = name + ((name_bytes + word) & ~word),
                   space = type + ((type_bytes + word) & ~word),
                   data = space + ((space_bytes + word) & ~word);
    demand(s, data <= at + size);
    if (!s->odd) {
        attribute *a = &o->attribute[o->n_attributes++];
        *a =
            (attribute){.type = type, .space = space, .data = data, .data_bytes = at + size - data};
        get_name(s, name, name + name_bytes, a->name);
    }
}

// Takes in one message of `size` bytes.
static void take_message(source_plain *s, object *o, uint64_t type, uint64_t at, uint64_t size) {
    uint64_t *place = NULL;
    switch (type) {
    case MESSAGE_NIL:
    case MESSAGE_OLD_FILL:
    case MESSAGE_FILL:
    case MESSAGE_COMMENT:
    case MESSAGE_OLD_TIME:
    case MESSAGE_TIME:
        return;
    case MESSAGE_ATTRIBUTE:
        take_attribute(s, o, at, size);
        return;
    case MESSAGE_DATASPACE:
        place = &o->dataspace;
        break;
    case MESSAGE_DATATYPE:
        place = &o->datatype;
        break;
    case MESSAGE_LAYOUT:
        place = &o->layout;
        break;
    case MESSAGE_SYMBOL_TABLE:
        place = &o->symbol_table;
        break;
    default: // filters, external files, links of later versions, ...
        s->odd = true;
        return;
    }
    demand(s, *place == 0);
    *place = at;
}

static void read_object(source_plain *s, object *o, uint64_t address) {
    enum { N_PIECES = 8 };
    struct {
        uint64_t at, size;
    } piece[N_PIECES] = {{address + 16, number(s, address + 8, 4)}};
    int n_pieces = 1;
    o->dataspace = o->datatype = o->layout = o->symbol_table = 0;
    o->n_attributes = 0;
    demand(s, number(s, address, 1) == 1);
    for (int i = 0; i < n_pieces && !s->odd; i++) {
        const uint64_t end = piece[i].at + piece[i].size;
        demand(s, inside(s, piece[i].at, piece[i].size));
        for (uint64_t at = piece[i].at; end - at >= 8 && step(s);) {
            const uint64_t type = number(s, at, 2), size = number(s, at + 2, 2),
                           flags = number(s, at + 4, 1);
            at += 8;
            demand(s, size <= end - at && (flags & 2) == 0); // 2: the message is elsewhere
            if (s->odd) {
                break;
            }
            if (type == MESSAGE_CONTINUATION) {
                demand(s, size >= 16 && n_pieces < N_PIECES);
                if (!s->odd) {
                    piece[n_pieces].at = number(s, at, 8);
                    piece[n_pieces++].size = number(s, at + 8, 8);
                }
            } else {
                take_message(s, o, type, at, size);
            }
            at += size;
        }
    }
}

// ---- groups (III.A.1, III.B, III.D)

// Called for each link of a group.
typedef void (*link_fn)(source_plain *s, const char name[NAME_SIZE], uint64_t address);

typedef struct name_heap {
    uint64_t at, size; // of its segment of names
} name_heap;

// Symbols of a leaf: 40 bytes each.
static void walk_symbols(source_plain *s, uint64_t node, name_heap names, link_fn fn) {
    demand_bytes(s, node, "SNOD\1", 5);
    const uint64_t n = number(s, node + 6, 2);
    for (uint64_t i = 0; i < n && step(s); i++) {
        const uint64_t at = node + 8 + 40 * i, offset = number(s, at, 8);
        const uint64_t address = number(s, at + 8, 8), cache = number(s, at + 16, 4);
        char name[NAME_SIZE];
        demand(s, offset < names.size && cache <= 1); // 2: a soft link
        if (!s->odd) {
            get_name(s, names.at + offset, names.at + names.size, name);
            fn(s, name, address);
        }
    }
}

// Nodes of a tree over symbols, each level lower than the one before.
static void walk_group_tree(source_plain *s, uint64_t node, int level_max, name_heap names,
                            link_fn fn) {
    demand_bytes(s, node, "TREE\0", 5);
    const uint64_t level = number(s, node + 5, 1), n = number(s, node + 6, 2);
    demand(s, (int)level <= level_max);
    for (uint64_t i = 0; i < n && step(s); i++) {
        const uint64_t child = number(s, node + 32 + 16 * i, 8); // between two keys of 8 bytes
        if (level == 0) {
            walk_symbols(s, child, names, fn);
        } else {
            walk_group_tree(s, child, (int)level - 1, names, fn);
        }
    }
}

static void walk_group(source_plain *s, const object *group, link_fn fn) {
    demand(s, group->symbol_table != 0);
    const uint64_t tree = number(s, group->symbol_table, 8),
                   local = number(s, group->symbol_table + 8, 8);
    demand_bytes(s, local, "HEAP\0", 5);
    const name_heap names = {number(s, local + 24, 8), number(s, local + 8, 8)};
    demand(s, inside(s, names.at, names.size));
    if (!s->odd) {
        walk_group_tree(s, tree, MAX_TREE_DEPTH, names, fn);
    }
}

// ---- types and shapes

// The little-endian types that are read (IV.A.2.d): class and version, bits, size, properties.
static const unsigned char type_f64[] = {0x11, 0x20, 63, 0,  8, 0,  0,    0, 0, 0,
                                         64,   0,    52, 11, 0, 52, 0xff, 3, 0, 0};
static const unsigned char type_f32[] = {0x11, 0x20, 31, 0, 4, 0,  0,   0, 0, 0,
                                         32,   0,    23, 8, 0, 23, 127, 0, 0, 0};

static bool is_type(source_plain *s, uint64_t at, const unsigned char expected[20]) {
    unsigned char found[20];
    get(s, at, found, sizeof found);
    return !s->odd && memcmp(found, expected, sizeof found) == 0;
}

// Bytes of an integer of plain layout, negative when it is signed; 0: it is something else.
static int integer_bytes(source_plain *s, uint64_t at) {
    const uint64_t head = number(s, at, 1), bits = number(s, at + 1, 3), n = number(s, at + 4, 4),
                   offset = number(s, at + 8, 2), precision = number(s, at + 10, 2);
    const bool plain = head == 0x10 && (bits & ~8ull) == 0 && offset == 0 && precision == 8 * n;
    if (s->odd || !plain || (n != 1 && n != 2 && n != 4 && n != 8)) {
        return 0;
    }
    return bits & 8 ? -(int)n : (int)n;
}

// An enumeration over an integer of one byte.
static bool is_byte_enumeration(source_plain *s, uint64_t at) {
    const int base =
        number(s, at, 1) == 0x18 && number(s, at + 4, 4) == 1 ? integer_bytes(s, at + 8) : 0;
    return base == 1 || base == -1;
}

typedef struct extent {
    int ndim;
    uint64_t dims[2]; // of at most two
    bool one;         // one value in all
} extent;

// A dataspace of version 1 or 2 (IV.A.2.b).
static extent get_extent(source_plain *s, uint64_t at) {
    const uint64_t version = number(s, at, 1), ndim = number(s, at + 1, 1);
    demand(s, (version == 1 && (number(s, at + 2, 1) & 2) == 0) || // 2: permuted indices
                  (version == 2 && number(s, at + 3, 1) <= 1));    // 2: no values at all
    extent e = {.ndim = (int)ndim, .dims = {1, 1}, .one = true};
    for (uint64_t i = 0; i < ndim; i++) {
        const uint64_t n = number(s, at + (version == 1 ? 8 : 4) + 8 * i, 8);
        e.one = e.one && n == 1;
        if (i < 2) {
            e.dims[i] = n;
        }
    }
    return e;
}

// ---- attributes

static const object *object_of(const source_plain *s, tz__node node) {
    return node == TZ__ROOT ? &s->root : &s->episode;
}

// Finds an attribute that is one value.
static tz__found find_attribute(source_plain *s, tz__node node, const char *name,
                                const attribute **found) {
    const object *o = object_of(s, node);
    *found = NULL;
    for (int i = 0; i < o->n_attributes && !s->odd; i++) {
        if (strcmp(o->attribute[i].name, name) == 0) {
            demand(s, *found == NULL && get_extent(s, o->attribute[i].space).one);
            *found = &o->attribute[i];
        }
    }
    return s->odd ? TZ__UNREADABLE : *found ? TZ__READ : TZ__ABSENT;
}

static bool get_integer(source_plain *s, const attribute *a, bool is_signed, void *value) {
    const int bytes = integer_bytes(s, a->type);
    const size_t n = (size_t)abs(bytes);
    uint64_t found = number(s, a->data, n);
    const bool negative = bytes < 0 && n > 0 && (found >> (8 * n - 1) & 1) == 1;
    if (negative && n < 8) {
        found |= ~0ull << (8 * n);
    }
    memcpy(value, &found, sizeof found);
    // what only one of the two kinds can hold HDF5 would clip
    const bool fits = is_signed ? negative || found <= INT64_MAX : !negative;
    return bytes != 0 && n <= a->data_bytes && fits;
}

static bool get_real(source_plain *s, const attribute *a, double *value) {
    if (is_type(s, a->type, type_f64)) {
        get(s, a->data, value, sizeof *value);
        return a->data_bytes >= sizeof *value;
    }
    float single;
    get(s, a->data, &single, sizeof single);
    *value = (double)single;
    return is_type(s, a->type, type_f32) && a->data_bytes >= sizeof single;
}

static bool get_bool(source_plain *s, const attribute *a, bool *value) {
    const int bytes = integer_bytes(s, a->type);
    const uint64_t found = number(s, a->data, 1);
    *value = found == 1;
    return (is_byte_enumeration(s, a->type) || bytes == 1 || bytes == -1) && a->data_bytes >= 1 &&
           found <= 1;
}

static tz__found get_number(tz__source *source, tz__node node, const char *name, tz__number type,
                            void *value) {
    source_plain *s = (source_plain *)source;
    const attribute *a;
    const tz__found found = find_attribute(s, node, name, &a);
    if (found != TZ__READ) {
        return found;
    }
    switch (type) {
    case TZ__I64:
    case TZ__U64:
        demand(s, get_integer(s, a, type == TZ__I64, value));
        break;
    case TZ__F64:
        demand(s, get_real(s, a, value));
        break;
    case TZ__BYTE:
        demand(s, get_bool(s, a, value));
        break;
    case TZ__F32:
    case TZ__OTHER:
        s->odd = true;
    }
    return s->odd ? TZ__UNREADABLE : TZ__READ;
}

// Copies `n` bytes of object `index` of a global heap (III.E) and a NUL into *text.
static void get_heap_text(source_plain *s, uint64_t heap, uint64_t index, uint64_t n, char **text) {
    demand_bytes(s, heap, "GCOL\1", 5);
    const uint64_t size = number(s, heap + 8, 8);
    demand(s, inside(s, heap, size) && index != 0 && n <= TEXT_MAX);
    for (uint64_t at = 16; !s->odd && at + 16 <= size && step(s);) {
        const uint64_t found = number(s, heap + at, 2), bytes = number(s, heap + at + 8, 8);
        demand(s, bytes <= size - at - 16 && found != 0); // 0: the free rest
        if (found == index && !s->odd) {
            demand(s, n <= bytes);
            *text = s->odd ? NULL : tz_alloc((size_t)n + 1, 1);
            if (*text) {
                get(s, heap + at + 16, *text, (size_t)n);
            }
            return;
        }
        at += 16 + (bytes + 7) / 8 * 8;
    }
}

// Texts of variable length, as h5py and we write them: their length, and their place in a heap.
static tz__found get_text(tz__source *source, tz__node node, const char *name, char **text) {
    source_plain *s = (source_plain *)source;
    const attribute *a;
    *text = NULL;
    const tz__found found = find_attribute(s, node, name, &a);
    if (found != TZ__READ) {
        return found;
    }
    demand(s, number(s, a->type, 1) == 0x19 && (number(s, a->type + 1, 1) & 15) == 1 &&
                  number(s, a->type + 4, 4) == 16 && a->data_bytes >= 16);
    get_heap_text(s, number(s, a->data + 4, 8), number(s, a->data + 12, 4), number(s, a->data, 4),
                  text);
    return *text ? TZ__READ : TZ__UNREADABLE;
}

// ---- episodes

// The number in "episode_17", -1 where it is written otherwise.
static long long episode_number(const char name[NAME_SIZE]) {
    char again[NAME_SIZE + 8];
    const long long episode = strtoll(name + 8, NULL, 10);
    snprintf(again, sizeof again, "episode_%lld", episode);
    return strcmp(again, name) == 0 ? episode : -1;
}

static void count_link(source_plain *s, const char name[NAME_SIZE], uint64_t address) {
    (void)address;
    s->n_episodes += strncmp(name, "episode_", 8) == 0;
}

static void take_episode(source_plain *s, const char name[NAME_SIZE], uint64_t address) {
    if (strncmp(name, "episode_", 8) != 0) {
        return;
    }
    const long long episode = episode_number(name);
    demand(s, episode >= 0 && episode < s->n_episodes && address != 0);
    if (!s->odd) {
        demand(s, s->address[episode] == 0);
        s->address[episode] = address;
    }
}

static void take_link(source_plain *s, const char name[NAME_SIZE], uint64_t address) {
    demand(s, s->n_links < N_LINKS);
    if (!s->odd) {
        entry *l = &s->link[s->n_links++];
        memcpy(l->name, name, NAME_SIZE);
        l->address = address;
    }
}

static long long count_episodes(tz__source *source) {
    return ((source_plain *)source)->n_episodes;
}

static tz__node open_episode(tz__source *source, int episode) {
    source_plain *s = (source_plain *)source;
    s->n_links = 0;
    read_object(s, &s->episode, s->address[episode]);
    walk_group(s, &s->episode, take_link);
    return s->odd ? -1 : 1;
}

static void close_episode(tz__source *source, tz__node node) {
    (void)source, (void)node;
}

// ---- arrays

static tz__found open_array(tz__source *source, tz__node node, const char *name, tz__array *array) {
    source_plain *s = (source_plain *)source;
    const entry *found = NULL;
    for (int i = 0; i < s->n_links && node != TZ__ROOT; i++) {
        found = strcmp(s->link[i].name, name) == 0 ? &s->link[i] : found;
    }
    if (!found) {
        return TZ__ABSENT;
    }
    object o;
    read_object(s, &o, found->address);
    demand(s, o.dataspace != 0 && o.datatype != 0 && o.layout != 0);
    const extent e = get_extent(s, o.dataspace);
    demand(s, e.ndim == 1 || e.ndim == 2);
    const int integer = integer_bytes(s, o.datatype);
    *array = (tz__array){
        .type = TZ__OTHER, .ndim = e.ndim, .rows = e.dims[0], .cols = e.ndim == 2 ? e.dims[1] : 1};
    array->item_bytes = (size_t)number(s, o.datatype + 4, 4);
    if (is_type(s, o.datatype, type_f64)) {
        array->type = TZ__F64;
    } else if (is_type(s, o.datatype, type_f32)) {
        array->type = TZ__F32;
    } else if (is_byte_enumeration(s, o.datatype) || integer == 1 || integer == -1) {
        array->type = TZ__BYTE;
    }
    // no value is stored twice or left out, so the file must have room for all
    uint64_t bytes;
    demand(s, !__builtin_mul_overflow(array->rows, array->cols, &bytes) &&
                  !__builtin_mul_overflow(bytes, array->item_bytes, &bytes) && bytes <= s->size);
    s->layout = o.layout;
    return s->odd ? TZ__UNREADABLE : TZ__READ;
}

static void close_array(tz__source *source, const tz__array *array) {
    (void)source, (void)array;
}

// Where values go: an array (rows, cols) of type `to`.
typedef struct target {
    const tz__array *array;
    tz__number to;
    size_t to_bytes;
    unsigned char *values;
    uint64_t row, col; // of the next chunk
} target;

static void convert(const target *t, unsigned char *to, const unsigned char *from, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (t->to == TZ__F64) {
            float value;
            memcpy(&value, from + 4 * i, sizeof value);
            const double wide = (double)value;
            memcpy(to + 8 * i, &wide, sizeof wide);
        } else {
            double value;
            memcpy(&value, from + 8 * i, sizeof value);
            const float narrow = (float)value;
            memcpy(to + 4 * i, &narrow, sizeof narrow);
        }
    }
}

// Reads `rows` rows of a chunk (.., chunk_cols) at `address` to (t->row, t->col), as many columns
// of them as the array has.
static void read_chunk(source_plain *s, const target *t, uint64_t address, uint64_t rows,
                       uint64_t chunk_cols) {
    const tz__array *a = t->array;
    const uint64_t cols = chunk_cols < a->cols - t->col ? chunk_cols : a->cols - t->col;
    const size_t row_bytes = (size_t)chunk_cols * a->item_bytes;
    demand(s, inside(s, address, rows * row_bytes));
    if (s->odd) {
        return;
    }
    unsigned char *to = t->values + (t->row * a->cols + t->col) * t->to_bytes;
    const bool converts = t->to != a->type;
    if (!converts && cols == a->cols && chunk_cols == a->cols) {
        demand(s, read_at(s->fd, to, (size_t)rows * row_bytes, address));
        return;
    }
    demand(s, row_bytes > 0 && row_bytes <= SCRATCH);
    for (uint64_t done = 0; rows > 0 && !s->odd;) {
        const uint64_t most = SCRATCH / row_bytes, n = rows < most ? rows : most;
        demand(s, read_at(s->fd, s->scratch, (size_t)n * row_bytes, address));
        for (uint64_t i = 0; i < n; i++, done++) {
            unsigned char *place = to + done * a->cols * t->to_bytes;
            const unsigned char *from = s->scratch + i * row_bytes;
            if (converts) {
                convert(t, place, from, (size_t)cols);
            } else {
                memcpy(place, from, (size_t)cols * a->item_bytes);
            }
        }
        address += n * row_bytes;
        rows -= n;
    }
}

// Nodes of a tree over chunks (III.A.1, type 1): between two keys (size, filters left out, place
// and a 0) the address of a chunk. Chunks come in the order of their places and leave none out.
static void walk_chunk_tree(source_plain *s, uint64_t node, int level_max, target *t,
                            const uint64_t chunk[2]) {
    const tz__array *a = t->array;
    const size_t key_bytes = 8 + 8 * ((size_t)a->ndim + 1);
    demand_bytes(s, node, "TREE\1", 5);
    const uint64_t level = number(s, node + 5, 1), n = number(s, node + 6, 2);
    demand(s, (int)level <= level_max);
    for (uint64_t i = 0; i < n && step(s); i++) {
        const uint64_t key = node + 24 + i * (key_bytes + 8), child = number(s, key + key_bytes, 8);
        if (level > 0) {
            walk_chunk_tree(s, child, (int)level - 1, t, chunk);
            continue;
        }
        const uint64_t row = number(s, key + 8, 8), col = a->ndim == 2 ? number(s, key + 16, 8) : 0;
        demand(s, number(s, key, 4) == chunk[0] * chunk[1] * a->item_bytes &&
                      number(s, key + 4, 4) == 0 && row == t->row && col == t->col &&
                      t->row < a->rows);
        if (s->odd) {
            return;
        }
        read_chunk(s, t, child, chunk[0] < a->rows - row ? chunk[0] : a->rows - row, chunk[1]);
        t->col += chunk[1];
        if (t->col >= a->cols) {
            t->col = 0;
            t->row += chunk[0];
        }
    }
}

// The layout's message, of version 3 (IV.A.2.i).
static void read_layout(source_plain *s, target *t) {
    enum { COMPACT, CONTIGUOUS, CHUNKED };
    const tz__array *a = t->array;
    const uint64_t at = s->layout, class = number(s, at + 1, 1);
    const uint64_t bytes = a->rows * a->cols * a->item_bytes;
    demand(s, number(s, at, 1) == 3 && class <= CHUNKED);
    if (class == COMPACT) {
        demand(s, number(s, at + 2, 2) == bytes);
        read_chunk(s, t, at + 4, a->rows, a->cols);
    } else if (class == CONTIGUOUS) {
        demand(s, number(s, at + 10, 8) == bytes);
        read_chunk(s, t, number(s, at + 2, 8), a->rows, a->cols);
    } else if (!s->odd) {
        const uint64_t chunk[2] = {number(s, at + 11, 4), a->ndim == 2 ? number(s, at + 15, 4) : 1};
        demand(s, number(s, at + 2, 1) == (uint64_t)a->ndim + 1 && chunk[0] > 0 && chunk[1] > 0 &&
                      number(s, at + 11 + 4 * (uint64_t)a->ndim, 4) == a->item_bytes);
        demand(s, chunk[0] <= UINT32_MAX / a->item_bytes / chunk[1]);
        walk_chunk_tree(s, number(s, at + 3, 8), MAX_TREE_DEPTH, t, chunk);
        demand(s, t->row >= a->rows);
    }
}

static bool read_array(tz__source *source, const tz__array *array, tz__number type, void *values) {
    source_plain *s = (source_plain *)source;
    target t = {.array = array,
                .to = type,
                .to_bytes = type == TZ__F64   ? 8
                            : type == TZ__F32 ? 4
                                              : 1,
                .values = values};
    demand(s, (type == TZ__BYTE) == (array->type == TZ__BYTE) && array->type != TZ__OTHER);
    // without controls an array has no columns, and no bytes
    if (!s->odd && array->rows > 0 && array->cols > 0) {
        read_layout(s, &t);
    }
    return !s->odd;
}

// ---- the file

static void reason(tz__source *source, char *text, size_t size) {
    (void)source;
    snprintf(text, size, "%s", "");
}

static void close_source(tz__source *source) {
    source_plain *s = (source_plain *)source;
    if (s->fd >= 0) {
        close(s->fd);
    }
    tz_free(s->address);
    tz_free(s);
}

static const tz__source_ops ops = {
    .close = close_source,
    .count_episodes = count_episodes,
    .open_episode = open_episode,
    .close_episode = close_episode,
    .get_number = get_number,
    .get_text = get_text,
    .open_array = open_array,
    .close_array = close_array,
    .read_array = read_array,
    .reason = reason,
};

// Superblock (II.A): sizes of addresses and lengths, base address, and where the root is.
static void read_superblock(source_plain *s) {
    demand_bytes(s, 0, "\x89HDF\r\n\x1a\n", 8);
    const uint64_t version = number(s, 8, 1);
    // version 1 has four bytes more before the addresses
    const uint64_t at = version == 1 ? 28 : 24;
    demand(s, version <= 1 && number(s, 13, 1) == 8 && number(s, 14, 1) == 8 &&
                  number(s, at, 8) == 0 && number(s, at + 16, 8) <= s->size &&
                  number(s, at + 24, 8) == UINT64_MAX); // no information of a driver
    read_object(s, &s->root, number(s, at + 40, 8));
}

static void read_root(source_plain *s) {
    read_superblock(s);
    walk_group(s, &s->root, count_link);
    demand(s, s->n_episodes > 0 && s->n_episodes < INT_MAX);
    if (s->odd) {
        return;
    }
    s->address = tz_alloc((size_t)s->n_episodes, sizeof *s->address);
    demand(s, s->address != NULL);
    if (s->address) {
        walk_group(s, &s->root, take_episode);
    }
}

tz_status tz__source_open_plain(tz__source **source, const char *path, tz_error *error) {
    *source = NULL;
    source_plain *s = tz_alloc(1, sizeof *s);
    if (!s) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory to read it", path);
    }
    s->base = (tz__source){&ops, 1};
    s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (s->fd < 0 || fstat(s->fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close_source(&s->base);
        return tz_fail(error, TZ_ERR_IO, "%s: cannot be read", path);
    }
    s->size = (uint64_t)info.st_size;
    // a structure has 16 bytes and more, and is walked over when it is counted, measured and read
    s->budget = s->size / 4;
    read_root(s);
    if (s->odd) {
        close_source(&s->base);
        return tz_fail(error, TZ_ERR_UNSUPPORTED, "%s: not of the plain layout", path);
    }
    *source = &s->base;
    return TZ_OK;
}
