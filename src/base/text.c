// The stream is one of fopencookie's and not open_memstream's, which does not tell, by its writes
// or by its end, that it found no memory (glibc 2.36).
#include "base/text.h"

#include "base/file.h"
#include "base/memory.h"

#include <string.h>
#include <sys/types.h>

enum { FIRST_CAPACITY = 4096 };

// Makes room for `more` bytes and a NUL.
static bool grow(tz_text *text, size_t more) {
    size_t capacity = text->capacity > 0 ? text->capacity : FIRST_CAPACITY;
    while (capacity < text->size + more + 1) {
        capacity *= 2;
    }
    if (capacity == text->capacity) {
        return true;
    }
    char *larger = tz_alloc(capacity, 1);
    if (larger == NULL) {
        return false;
    }
    if (text->text != NULL) {
        memcpy(larger, text->text, text->size);
        tz_free(text->text);
    }
    text->text = larger;
    text->capacity = capacity;
    return true;
}

// What stdio writes when its buffer is full; 0 is its error.
static ssize_t take(void *cookie, const char *bytes, size_t n) {
    tz_text *text = cookie;
    text->is_cut = text->is_cut || !grow(text, n);
    if (text->is_cut) {
        return 0;
    }
    memcpy(text->text + text->size, bytes, n);
    text->size += n;
    text->text[text->size] = '\0';
    return (ssize_t)n;
}

tz_status tz_text_open(tz_text *text, tz_error *error) {
    *text = (tz_text){0};
    if (grow(text, 0)) {
        text->stream = fopencookie(text, "w", (cookie_io_functions_t){.write = take});
    }
    if (text->stream == NULL) {
        tz_free(text->text);
        *text = (tz_text){0};
        return tz_fail(error, TZ_ERR_MEMORY, "no memory for a text");
    }
    return TZ_OK;
}

tz_status tz_text_close(tz_text *text, tz_error *error) {
    const bool is_whole = fclose(text->stream) == 0 && !text->is_cut;
    text->stream = NULL;
    if (!is_whole) {
        tz_free(text->text);
        *text = (tz_text){0};
        return tz_fail(error, TZ_ERR_MEMORY, "no memory for a text");
    }
    return TZ_OK;
}

tz_status tz_text_write(tz_text *text, const char *path, tz_error *error) {
    if (tz_text_close(text, NULL) != TZ_OK) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for its text", path);
    }
    const tz_status status = tz_file_write(path, text->text, text->size, error);
    tz_free(text->text);
    *text = (tz_text){0};
    return status;
}
