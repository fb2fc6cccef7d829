#include "envs/mjcf_check.h"

#include "base/file.h"
#include "base/memory.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    FILE_BYTES_MAX = 1 << 26,
    INCLUDES_MAX = 64, // files in all
    DEPTH_MAX = 96,    // of elements
    WORD_MAX = 64,
    VALUE_MAX = 512,          // of an attribute that is looked at
    COPIES_MAX = 100000,      // of all elements of all files, by the counts and models around them
    FLEX_COPIES_MAX = 8000,   // of a point of a soft body, whose compiling takes the square of them
    NUMERIC_MAX = 500,        // of a <numeric>: MuJoCo before 4 has room for as many
    BYTES_OF_ELEMENT = 10000, // of textures and height fields, which count as one element
};

#define BLANKS " \t\n\v\f\r"

// Attributes that ask for an amount, and the largest that is granted.
static const struct {
    const char *name;
    double max;
} limits[] = {
    {"count", 1e4},          {"width", 16384.0},
    {"height", 16384.0},     {"nrow", 4096.0},
    {"ncol", 4096.0},        {"nstack", 1e8},
    {"njmax", 1e6},          {"nconmax", 1e6},
    {"nkey", 1e4},           {"nuserdata", 1e6},
    {"memory", 1e9},         {"nuser_body", 1e3},
    {"nuser_jnt", 1e3},      {"nuser_geom", 1e3},
    {"nuser_site", 1e3},     {"nuser_cam", 1e3},
    {"nuser_tendon", 1e3},   {"nuser_actuator", 1e3},
    {"nuser_sensor", 1e3},   {"params", 200.0},
    {"resolution", 4096.0},  {"dim", 1e4},
    {"cellcount", 10.0},     {"num", 1e4},
    {"nsample", 1e4},        {"iterations", 1e4},
    {"ls_iterations", 1e4},  {"noslip_iterations", 1e4},
    {"ccd_iterations", 1e4}, {"sdf_iterations", 1e4},
    {"sdf_initpoints", 1e4}, {"subgrid", 100.0},
};

// ---- one attribute

static double limit_of(const char *name) {
    for (size_t i = 0; i < TZ_COUNTOF(limits); i++) {
        if (strcmp(name, limits[i].name) == 0) {
            return limits[i].max;
        }
    }
    return INFINITY;
}

// Numbers with blanks between them, and letters for powers of 1024 in "memory". *copies is
// multiplied by the numbers of a "count", up to copies_max.
static tz_status check_amount(const char *path, const char *name, const char *value, double *copies,
                              int copies_max, tz_error *error) {
    const double max = limit_of(name);
    const char *cursor = value;
    for (char *end; max < INFINITY; cursor = end) {
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
        if (!(amount <= max)) {
            return tz_fail(error, TZ_ERR_UNSUPPORTED,
                           "%s: %s=\"%.40s\" is too large (at most %.0f)", path, name, value, max);
        }
        *copies *= strcmp(name, "count") == 0 && amount > 1.0 ? amount : 1.0;
    }
    if (max < INFINITY && cursor[strspn(cursor, BLANKS)] != '\0') {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "%s: %s=\"%.40s\" is not a number in plain digits", path, name, value);
    }
    return *copies <= copies_max
               ? TZ_OK
               : tz_fail(error, TZ_ERR_UNSUPPORTED,
                         "%s: %s=\"%.40s\" makes %g copies with the counts around it (at most %d)",
                         path, name, value, *copies, copies_max);
}

static bool names_a_file(const char *name) {
    return strncmp(name, "file", 4) == 0 || strcmp(name, "meshdir") == 0 ||
           strcmp(name, "texturedir") == 0 || strcmp(name, "assetdir") == 0;
}

static bool is_plain_name(const char *value) {
    const char *c = value;
    while (*c != '\0' && *c != '\\' && !iscntrl((unsigned char)*c)) {
        c++;
    }
    return *c == '\0';
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
//
// What is an element here has to be one for TinyXML2, MuJoCo's parser, and the other way round: an
// <include> that only one of the two sees is not checked. So the grammar is the part of XML on
// which both agree, and what is outside of it is refused, also where TinyXML2 would be content:
//
//     <name a="..." b='...'>   <name/>   </name>   <!-- ... -->   <? ... ?>   text
//
// with nothing between '<' and what follows it. A comment's "-->" comes after its "<!--": "<!-->"
// is open. End tags have no attributes: TinyXML2 reads those, with a '>' in them.

typedef struct scanner {
    const char *cursor, *end, *path;
    double copies;     // of the present element
    double extent[4];  // its width, height, nrow and ncol; 0: not given
    double n_attached; // copies of all <attach>: so often a model that the file names may come
    tz_mjcf_reference_fn refer;
    void *context;
    tz_error *error;
} scanner;

static void skip_space(scanner *s) {
    s->cursor += strspn(s->cursor, BLANKS);
}

// Moves behind `mark` if the cursor is at it.
static bool take(scanner *s, const char *mark) {
    const size_t n = strlen(mark);
    const bool is_there = strncmp(s->cursor, mark, n) == 0;
    s->cursor += is_there ? n : 0;
    return is_there;
}

static tz_status truncated(const scanner *s) {
    return tz_fail(s->error, TZ_ERR_FORMAT, "%s: the file ends inside a tag", s->path);
}

// Moves behind the next `mark`.
static tz_status skip_to(scanner *s, const char *mark) {
    const char *found = strstr(s->cursor, mark);
    s->cursor = found ? found + strlen(mark) : s->end;
    return found ? TZ_OK : truncated(s);
}

static tz_status unexpected(const scanner *s, const char *element, const char *expected) {
    return s->cursor == s->end
               ? truncated(s)
               : tz_fail(s->error, TZ_ERR_FORMAT, "%s: found '%.20s' in a tag <%s>; expected %s",
                         s->path, s->cursor, element, expected);
}

// An element's or attribute's name, made of the letters that TinyXML2 takes; empty when there is
// none. Those that are looked for are shorter than WORD_MAX.
static void take_word(scanner *s, char word[WORD_MAX]) {
    size_t n = 0;
    for (;; s->cursor++) {
        const unsigned char c = (unsigned char)*s->cursor;
        const bool begins = isalpha(c) || c == '_' || c == ':' || c >= 128;
        if (!begins && (n == 0 || (!isdigit(c) && c != '.' && c != '-'))) {
            break;
        }
        if (n < WORD_MAX - 1) {
            word[n++] = (char)c;
        }
    }
    word[n] = '\0';
}

// A list that stands in the text, up to its closing quote, and how many words it may have.
static tz_status check_list(const scanner *s, const char *element, const char *name,
                            const char *list, const char *close, int max) {
    int n = 0;
    for (const char *c = list; c < close && n <= max; n++) {
        c += strspn(c, BLANKS);
        n -= c >= close;
        c += c < close ? strcspn(c, BLANKS) : 0;
    }
    if (n > max || memchr(list, '&', (size_t)(close - list)) != NULL) {
        return tz_fail(s->error, TZ_ERR_UNSUPPORTED,
                       "%s: %s of <%s> has more than %d numbers, or not in plain digits", s->path,
                       name, element, max);
    }
    return TZ_OK;
}

// What is there as a list, or named, without its amount being said.
static tz_status check_unsaid(const scanner *s, const char *element, const char *name,
                              const char *list, const char *close) {
    const bool is_numeric = strcmp(element, "numeric") == 0;
    const bool is_flex = strcmp(element, "flexcomp") == 0;
    if (is_flex && strcmp(name, "file") == 0) {
        return tz_fail(s->error, TZ_ERR_UNSUPPORTED,
                       "%s: a <flexcomp> of a file is not supported, as nobody knows how many "
                       "points it has",
                       s->path);
    }
    return is_numeric && strcmp(name, "data") == 0
               ? check_list(s, element, name, list, close, NUMERIC_MAX)
           : is_flex && strcmp(name, "point") == 0
               ? check_list(s, element, name, list, close, 3 * FLEX_COPIES_MAX)
               : TZ_OK;
}

// Notes the extent of a picture or a height field, which stands in the check of amounts too.
static void note_extent(scanner *s, const char *name, const char *value) {
    static const char *const names[] = {"width", "height", "nrow", "ncol"};
    for (size_t i = 0; i < TZ_COUNTOF(names); i++) {
        s->extent[i] = strcmp(name, names[i]) == 0 ? strtod(value, NULL) : s->extent[i];
    }
}

// Bytes that the extents ask for: pixels of three, of a cube six squares in a column, and numbers
// of four.
static double bytes_of_extent(const double extent[4]) {
    const double height = extent[1] > 0.0 ? extent[1] : 6.0 * extent[0];
    return 3.0 * extent[0] * height + 4.0 * extent[2] * extent[3];
}

// What an attribute asks for.
static tz_status check_value(scanner *s, const char *element, const char *name, const char *value) {
    if (names_a_file(name)) {
        TZ_CHECK(check_file(s->path, name, value, s->error));
        const bool is_model = strcmp(element, "model") == 0;
        const double times = is_model && s->n_attached > 1.0 ? s->n_attached : 1.0;
        const tz_mjcf_reference reference = {
            .file = value, .is_model = is_model, .copies = s->copies * times};
        const bool is_include = strcasecmp(element, "include") == 0; // as MuJoCo before 4 reads it
        // MuJoCo reads a backslash as '/', and TinyXML2 one control character as another
        if ((is_model || is_include) && !is_plain_name(value)) {
            return tz_fail(s->error, TZ_ERR_UNSUPPORTED,
                           "%s: %s=\"%.200s\" has a backslash or a control character in it",
                           s->path, name, value);
        }
        if (s->refer && strcmp(name, "file") == 0 && (is_model || is_include)) {
            TZ_CHECK(s->refer(s->context, &reference, s->error));
        }
    }
    if (strcmp(element, "lengthrange") == 0 &&
        (strcmp(name, "inttotal") == 0 || strcmp(name, "timestep") == 0)) {
        return tz_fail(s->error, TZ_ERR_UNSUPPORTED,
                       "%s: %s of <lengthrange> is not supported: it serves muscles, which have a "
                       "state of their own",
                       s->path, name);
    }
    if (strcmp(element, "numeric") == 0 && strcmp(name, "size") == 0) {
        char *end;
        const double size = strtod(value, &end);
        if (end == value || end[strspn(end, BLANKS)] != '\0' || !(size <= NUMERIC_MAX)) {
            return tz_fail(s->error, TZ_ERR_UNSUPPORTED,
                           "%s: size=\"%.40s\" of <numeric>, expected at most %d in plain digits",
                           s->path, value, NUMERIC_MAX);
        }
    }
    note_extent(s, name, value);
    const int copies_max = strcmp(element, "flexcomp") == 0 ? FLEX_COPIES_MAX : COPIES_MAX;
    return check_amount(s->path, name, value, &s->copies, copies_max, s->error);
}

// name = "value"; the cursor is at the name.
static tz_status check_attribute(scanner *s, const char *element) {
    char name[WORD_MAX], value[VALUE_MAX];
    take_word(s, name);
    if (name[0] == '\0') {
        return unexpected(s, element, "an attribute, '/>' or '>'");
    }
    skip_space(s);
    if (!take(s, "=")) {
        return s->cursor == s->end
                   ? truncated(s)
                   : tz_fail(s->error, TZ_ERR_FORMAT, "%s: attribute %s of <%s> has no value",
                             s->path, name, element);
    }
    skip_space(s);
    const char quote = *s->cursor;
    if (quote != '"' && quote != '\'') {
        return unexpected(s, element, "a value in quotes");
    }
    const char *close = strchr(s->cursor + 1, quote);
    if (!close) {
        return truncated(s);
    }
    const size_t n = (size_t)(close - s->cursor - 1);
    if (n >= VALUE_MAX && (names_a_file(name) || limit_of(name) < INFINITY)) {
        return tz_fail(s->error, TZ_ERR_FORMAT, "%s: %s has %zu letters; expected at most %d",
                       s->path, name, n, VALUE_MAX - 1);
    }
    TZ_CHECK(check_unsaid(s, element, name, s->cursor + 1, close));
    snprintf(value, sizeof value, "%.*s", (int)(n < VALUE_MAX ? n : VALUE_MAX - 1), s->cursor + 1);
    s->cursor = close + 1;
    return check_value(s, element, name, value);
}

// A start tag; the cursor is behind '<'. *empty: it closes itself.
static tz_status check_start(scanner *s, char element[WORD_MAX], bool *empty) {
    take_word(s, element);
    if (element[0] == '\0') {
        return unexpected(s, element, "a name behind '<'");
    }
    for (;;) {
        skip_space(s);
        *empty = take(s, "/>");
        if (*empty || take(s, ">")) {
            return TZ_OK;
        }
        TZ_CHECK(check_attribute(s, element));
    }
}

// An end tag; the cursor is behind "</".
static tz_status check_end(scanner *s) {
    char element[WORD_MAX];
    take_word(s, element);
    skip_space(s);
    return element[0] != '\0' && take(s, ">")
               ? TZ_OK
               : unexpected(s, element, "a name alone in an end tag");
}

// Behind "<!": a comment.
static tz_status skip_comment(scanner *s) {
    return take(s, "--")
               ? skip_to(s, "-->")
               : tz_fail(s->error, TZ_ERR_UNSUPPORTED,
                         "%s: CDATA sections and document types are not supported", s->path);
}

// Where a walk through a text is, and what it has counted.
typedef struct walk {
    double around[DEPTH_MAX + 1]; // copies of what is at each depth
    int depth;
    double *n_elements; // of all files so far, with their copies
    double n_attached;  // of this file, with their copies
} walk;

// The element at the cursor, behind '<'.
static tz_status check_element(scanner *s, walk *w) {
    bool empty;
    char element[WORD_MAX];
    s->copies = w->around[w->depth];
    memset(s->extent, 0, sizeof s->extent);
    TZ_CHECK(check_start(s, element, &empty));
    *w->n_elements += s->copies * (1.0 + bytes_of_extent(s->extent) / BYTES_OF_ELEMENT);
    w->n_attached += strcmp(element, "attach") == 0 ? s->copies : 0.0;
    if (empty) {
        return TZ_OK;
    }
    if (w->depth == DEPTH_MAX) {
        return tz_fail(s->error, TZ_ERR_UNSUPPORTED, "%s: elements are nested more than %d deep",
                       s->path, DEPTH_MAX);
    }
    w->around[++w->depth] = s->copies;
    return TZ_OK;
}

// Walks through all elements; more than COPIES_MAX of them with those before are refused.
static tz_status check_elements(scanner *s, walk *w) {
    while ((s->cursor = strchr(s->cursor, '<'))) {
        s->cursor++;
        if (take(s, "/")) {
            TZ_CHECK(check_end(s));
            w->depth -= w->depth > 0;
        } else if (take(s, "!")) {
            TZ_CHECK(skip_comment(s));
        } else if (take(s, "?")) {
            TZ_CHECK(skip_to(s, "?>"));
        } else {
            TZ_CHECK(check_element(s, w));
        }
        if (!(*w->n_elements <= COPIES_MAX)) {
            return tz_fail(
                s->error, TZ_ERR_UNSUPPORTED,
                "%s: more than %d elements with their copies and those of the files that "
                "it is in, or textures and height fields of more than 1 GB",
                s->path, COPIES_MAX);
        }
    }
    return TZ_OK;
}

tz_status tz_mjcf_check_text(const char *text, size_t size, const char *path, double copies,
                             double *n_elements, tz_mjcf_reference_fn refer, void *context,
                             tz_error *error) {
    if (memchr(text, '\0', size)) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: not an XML file (it holds a zero byte)", path);
    }
    // a model is named before it is attached, so a walk ahead counts <attach>
    double n_ahead = *n_elements;
    scanner s = {
        .cursor = text, .end = text + size, .path = path, .context = context, .error = error};
    const scanner start = s;
    walk w = {.around = {copies}, .n_elements = &n_ahead};
    TZ_CHECK(check_elements(&s, &w));
    if (n_ahead == *n_elements) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: not an XML file (expected <mujoco>)", path);
    }

    // the files that it names count on from where they are named
    s = start;
    s.n_attached = copies > 0.0 ? w.n_attached / copies : 0.0;
    s.refer = refer;
    w = (walk){.around = {copies}, .n_elements = n_elements};
    return check_elements(&s, &w);
}

// ---- a file with those that it names

typedef struct visit {
    char folder[TZ_PATH_MAX]; // of the model's main file; "": where we are
    int *n_files;
    double *n_elements; // of all files, with their copies
    int n_around;       // files of the model that the present one is included in
} visit;

static tz_status check_model(const char *path, double copies, int *n_files, double *n_elements,
                             tz_error *error);
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
        tz_mjcf_check_text(text, size, path, copies, v->n_elements, check_reference, v, error);
    tz_free(text);
    return status;
}

// An include stands in the folder of its model's main file, a model may have a folder of its own.
static tz_status check_reference(void *context, const tz_mjcf_reference *reference,
                                 tz_error *error) {
    visit *v = context;
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, v->folder, reference->file, error));
    if (!reference->is_model) {
        v->n_around++;
        const tz_status status = check_file_text(v, path, reference->copies, error);
        v->n_around--;
        return status;
    }
    // MuJoCo looks for it where the program runs, and in the folder of the included file
    return v->n_around > 0
               ? tz_fail(error, TZ_ERR_UNSUPPORTED,
                         "%s: a <model> that an included file names is not supported, expected it "
                         "in the main file",
                         path)
               : check_model(path, reference->copies, v->n_files, v->n_elements, error);
}

static tz_status check_model(const char *path, double copies, int *n_files, double *n_elements,
                             tz_error *error) {
    visit v = {.n_files = n_files, .n_elements = n_elements};
    if (tz_path_split(path, v.folder) == path) {
        v.folder[0] = '\0';
    }
    return check_file_text(&v, path, copies, error);
}

tz_status tz_mjcf_check(const char *path, tz_error *error) {
    int n_files = 0;
    double n_elements = 0.0;
    return check_model(path, 1.0, &n_files, &n_elements, error);
}
