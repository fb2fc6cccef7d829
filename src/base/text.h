// A text that grows in memory while it is printed, and then is a string or a file: what did not fit
// into memory is an error, and not a text that ends early.
#ifndef TRAPEZE_BASE_TEXT_H
#define TRAPEZE_BASE_TEXT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct tz_text {
    FILE *stream; // to print to, from open to close
    char *text;   // after close, followed by a NUL that size does not count
    size_t size;

    size_t capacity; // of text
    bool is_cut;     // something found no memory
} tz_text;

// Begins a text; until it is closed the struct stays where it is. TZ_ERR_MEMORY.
TZ_API tz_status tz_text_open(tz_text *text, tz_error *error);

// Ends the printing. The caller frees text->text with tz_free; after TZ_ERR_MEMORY, when the text
// is not whole, there is none.
TZ_API tz_status tz_text_close(tz_text *text, tz_error *error);

// Ends the printing, replaces the file by the text and frees it, also after an error: TZ_ERR_MEMORY
// as above, or what tz_file_write says.
TZ_API tz_status tz_text_write(tz_text *text, const char *path, tz_error *error);

#endif
