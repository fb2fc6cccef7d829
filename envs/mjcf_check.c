#include "envs/mjcf_check.h"

#include "base/file.h"
#include "base/memory.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILE_BYTES_MAX = 1 << 26,
    INCLUDES_MAX = 64, // files in all
    DEPTH_MAX = 96,    // of elements
    ELEMENTS_MAX = 200000,
    WORD_MAX = 64,
    VALUE_MAX = 512,     // of an attribute that is looked at
    COPIES_MAX = 100000, // of an element, by all the counts around it
};

// Attributes that ask for an amount, and the largest that is granted.
static const struct {
    const char *name;
    double max;
} limits[] = {
    {"count", 1e4},        {"width", 16384.0},      {"height", 16384.0},   {"nrow", 4096.0},
    {"ncol", 4096.0},      {"nstack", 1e8},         {"njmax", 1e6},        {"nconmax", 1e6},
    {"nkey", 1e4},         {"nuserdata", 1e6},      {"memory", 1e9},       {"nuser_body", 1e3},
    {"nuser_jnt", 1e3},    {"nuser_geom", 1e3},     {"nuser_site", 1e3},   {"nuser_cam", 1e3},
    {"nuser_tendon", 1e3}, {"nuser_actuator", 1e3}, {"nuser_sensor", 1e3},
};

// ---- one attribute

// *copies is multiplied by the numbers of a "count".
static tz_status check_amount(const char *path, const char *name, const char *value, double *copies,
                              tz_error *error) {
    for (size_t i = 0; i < TZ_COUNTOF(limits); i++) {
        if (strcmp(name, limits[i].name) != 0) {
            continue;
        }
        if (strchr(value, '&')) {
            return tz_fail(error, TZ_ERR_UNSUPPORTED,
                           "%s: %s=\"%.40s\" is not a number in plain digits", path, name, value);
        }
        // several numbers, and letters for powers of 1024 in "memory"
        const char *cursor = value;
        for (char *end;; cursor = end) {
            double amount = strtod(cursor, &end);
            if (end == cursor) {
                break;
            }
            const char *const units = "KMGTPE";
            const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
            for (long k = unit ? unit - units + 1 : 0; k > 0; k--) {
                amount *= 1024.0;
            }
            end += unit != NULL;
            if (!(amount <= limits[i].max)) {
                return tz_fail(error, TZ_ERR_UNSUPPORTED,
                               "%s: %s=\"%.40s\" is too large (at most %.0f)", path, name, value,
                               limits[i].max);
            }
            *copies *= strcmp(name, "count") == 0 && amount > 1.0 ? amount : 1.0;
        }
    }
    return *copies <= COPIES_MAX
               ? TZ_OK
               : tz_fail(error, TZ_ERR_UNSUPPORTED,
                         "%s: %s=\"%.40s\" makes %g copies with the counts around it (at most %d)",
                         path, name, value, *copies, COPIES_MAX);
}

static bool names_a_file(const char *name) {
    return strncmp(name, "file", 4) == 0 || strcmp(name, "meshdir") == 0 ||
           strcmp(name, "texturedir") == 0 || strcmp(name, "assetdir") == 0;
}

// A file has to be in the folder of the MJCF file or below.
static tz_status check_file(const char *path, const char *name, const char *value,
                            tz_error *error) {
    bool leaves = value[0] == '/' || value[0] == '\\' || strchr(value, '&') || strchr(value, ':');
    for (const char *part = value; part && !leaves; part = strpbrk(part, "/\\")) {
        part += *part == '/' || *part == '\\';
        leaves = strncmp(part, "..", 2) == 0 && (part[2] == '\0' || strchr("/\\", part[2]));
    }
    return !leaves ? TZ_OK
                   : tz_fail(error, TZ_ERR_UNSUPPORTED,
                             "%s: %s=\"%.200s\" is outside the folder of the file (expected a path "
                             "within it)",
                             path, name, value);
}

// ---- one file

typedef struct scanner {
    const char *cursor, *end, *path;
    double copies; // of the present element
    tz_mjcf_reference_fn refer;
    void *context;
    tz_error *error;
} scanner;

static void skip_space(scanner *s) {
    while (s->cursor < s->end && isspace((unsigned char)*s->cursor)) {
        s->cursor++;
    }
}

// Moves behind the next `mark`; false when there is none.
static bool skip_to(scanner *s, const char *mark) {
    const char *found = strstr(s->cursor, mark);
    s->cursor = found ? found + strlen(mark) : s->end;
    return found != NULL;
}

static tz_status truncated(const scanner *s) {
    return tz_fail(s->error, TZ_ERR_FORMAT, "%s: the file ends inside a tag", s->path);
}

static void take_word(scanner *s, char word[WORD_MAX]) {
    size_t n = 0;
    for (; s->cursor < s->end && !isspace((unsigned char)*s->cursor) && !strchr("=/>", *s->cursor);
         s->cursor++) {
        if (n < WORD_MAX - 1) {
            word[n++] = *s->cursor;
        }
    }
    word[n] = '\0';
}

// name = "value"; the cursor is at the name.
static tz_status check_attribute(scanner *s, const char *element) {
    char name[WORD_MAX], value[VALUE_MAX];
    take_word(s, name);
    skip_space(s);
    if (s->cursor == s->end || *s->cursor != '=') {
        return s->cursor == s->end
                   ? truncated(s)
                   : tz_fail(s->error, TZ_ERR_FORMAT, "%s: attribute %s of <%s> has no value",
                             s->path, name, element);
    }
    s->cursor++;
    skip_space(s);
    const char quote = *s->cursor;
    const char *close = quote == '"' || quote == '\'' ? strchr(s->cursor + 1, quote) : NULL;
    if (!close) {
        return truncated(s);
    }
    const size_t n = (size_t)(close - s->cursor - 1);
    snprintf(value, sizeof value, "%.*s", (int)(n < VALUE_MAX ? n : VALUE_MAX - 1), s->cursor + 1);
    s->cursor = close + 1;
    if (names_a_file(name)) {
        if (n >= VALUE_MAX) {
            return tz_fail(s->error, TZ_ERR_FORMAT, "%s: %s has %zu letters; expected at most %d",
                           s->path, name, n, VALUE_MAX - 1);
        }
        TZ_CHECK(check_file(s->path, name, value, s->error));
        const tz_mjcf_reference reference = {
            .file = value, .is_model = strcmp(element, "model") == 0, .copies = s->copies};
        if (s->refer && strcmp(name, "file") == 0 &&
            (reference.is_model || strcmp(element, "include") == 0)) {
            TZ_CHECK(s->refer(s->context, &reference, s->error));
        }
    }
    return check_amount(s->path, name, value, &s->copies, s->error);
}

// A start tag; the cursor is behind '<'. *empty: it closes itself.
static tz_status check_tag(scanner *s, bool *empty) {
    char element[WORD_MAX];
    take_word(s, element);
    for (;;) {
        skip_space(s);
        if (s->cursor == s->end) {
            return truncated(s);
        }
        if (*s->cursor == '>' || *s->cursor == '/') {
            *empty = *s->cursor == '/';
            return skip_to(s, ">") ? TZ_OK : truncated(s);
        }
        const char *before = s->cursor;
        TZ_CHECK(check_attribute(s, element));
        if (s->cursor == before) {
            return truncated(s);
        }
    }
}

// What is not an element: behind '<', a comment, a declaration, an end tag. Each ends where
// MuJoCo's parser ends it; CDATA, which would hide elements from one of the two, is refused.
static tz_status skip_other(scanner *s) {
    const char *end = strncmp(s->cursor, "!--", 3) == 0 ? "-->" : *s->cursor == '?' ? "?>" : ">";
    if (strncmp(s->cursor, "![", 2) == 0) {
        return tz_fail(s->error, TZ_ERR_UNSUPPORTED, "%s: CDATA sections are not supported",
                       s->path);
    }
    return skip_to(s, end) ? TZ_OK : truncated(s);
}

tz_status tz_mjcf_check_text(const char *text, size_t size, const char *path, double copies,
                             tz_mjcf_reference_fn refer, void *context, tz_error *error) {
    scanner s = {text, text + size, path, copies, refer, context, error};
    if (memchr(text, '\0', size)) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: not an XML file (it holds a zero byte)", path);
    }
    double around[DEPTH_MAX + 1] = {copies}; // copies of what is at each depth
    int depth = 0;
    long n_elements = 0;
    while ((s.cursor = memchr(s.cursor, '<', (size_t)(s.end - s.cursor)))) {
        s.cursor++;
        if (strchr("!?/", *s.cursor)) {
            depth -= *s.cursor == '/' && depth > 0;
            TZ_CHECK(skip_other(&s));
            continue;
        }
        bool empty = false;
        s.copies = around[depth];
        TZ_CHECK(check_tag(&s, &empty));
        if (++n_elements > ELEMENTS_MAX || (!empty && depth == DEPTH_MAX)) {
            return tz_fail(error, TZ_ERR_UNSUPPORTED,
                           "%s: too many elements (at most %d, nested at most %d deep)", path,
                           ELEMENTS_MAX, DEPTH_MAX);
        }
        if (!empty) {
            around[++depth] = s.copies;
        }
    }
    if (n_elements == 0) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: not an XML file (expected <mujoco>)", path);
    }
    return TZ_OK;
}

// ---- a file with those that it names

typedef struct visit {
    char folder[TZ_PATH_MAX]; // of the model's main file
    int *n_files;
} visit;

static tz_status check_model(const char *path, double copies, int *n_files, tz_error *error);
static tz_status check_reference(void *context, const tz_mjcf_reference *reference,
                                 tz_error *error);

static tz_status check_file_text(visit *v, const char *path, double copies, tz_error *error) {
    if (++*v->n_files > INCLUDES_MAX) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED, "%s: more than %d files are included", path,
                       INCLUDES_MAX);
    }
    char *text;
    size_t size;
    TZ_CHECK(tz_file_read(path, &text, &size, FILE_BYTES_MAX, error));
    const tz_status status =
        tz_mjcf_check_text(text, size, path, copies, check_reference, v, error);
    tz_free(text);
    return status;
}

// An include stands in the folder of its model's main file, a model may have a folder of its own.
static tz_status check_reference(void *context, const tz_mjcf_reference *reference,
                                 tz_error *error) {
    visit *v = context;
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, v->folder, reference->file, error));
    return reference->is_model ? check_model(path, reference->copies, v->n_files, error)
                               : check_file_text(v, path, reference->copies, error);
}

static tz_status check_model(const char *path, double copies, int *n_files, tz_error *error) {
    visit v = {.n_files = n_files};
    TZ_CHECK(tz_path_join(v.folder, "", path, error));
    char *slash = strrchr(v.folder, '/');
    *(slash ? slash : v.folder) = '\0';
    return check_file_text(&v, path, copies, error);
}

tz_status tz_mjcf_check(const char *path, tz_error *error) {
    int n_files = 0;
    return check_model(path, 1.0, &n_files, error);
}
