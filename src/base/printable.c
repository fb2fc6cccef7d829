#include "base/printable.h"

#include <stdbool.h>

void tz_put_printable(FILE *stream, const char *text) {
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        // in UTF-8 U+0080 to U+009F begin with 0xc2
        const bool two_bytes = c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f;
        if (two_bytes) {
            fprintf(stream, "\\x%02x", *c++);
        }
        if (two_bytes || *c < 0x20 || *c == 0x7f) {
            fprintf(stream, "\\x%02x", *c);
        } else {
            fputc(*c, stream);
        }
    }
}
