#include "base/json.h"

#include "base/memory.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Bytes of the UTF-8 character at the start of s; 0 when there is none: a stray, missing or
// forbidden byte, a longer form than needed, a surrogate, more than U+10FFFF.
static size_t character_length(const unsigned char *s) {
    const size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (length < 2) {
        return length;
    }
    // the lead byte bounds the second one (Unicode, table 3-7)
    const unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    if (s[0] > 0xf4 || s[1] < low || s[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if (s[i] < 0x80 || s[i] > 0xbf) {
            return 0;
        }
    }
    return length;
}

struct json_object *tz_json_text(const char *text) {
    static const char replacement[] = "\xef\xbf\xbd"; // U+FFFD
    char *valid = tz_alloc(3 * strlen(text) + 1, 1);
    size_t used = 0;
    if (valid == NULL) {
        return NULL;
    }
    while (*text != '\0') {
        const size_t length = character_length((const unsigned char *)text);
        const size_t n = length > 0 ? length : sizeof replacement - 1;
        memcpy(valid + used, length > 0 ? text : replacement, n);
        used += n;
        text += length > 0 ? length : 1;
    }
    struct json_object *string = json_object_new_string_len(valid, (int)used);
    tz_free(valid);
    return string;
}

struct json_object *tz_json_parse(const char *text) {
    return tz_json_is_small(text, strlen(text)) ? json_tokener_parse(text) : NULL;
}

bool tz_json_text_is(const char *found, const char *text) {
    struct json_object *written = tz_json_text(text);
    const bool same = written != NULL && strcmp(found, json_object_get_string(written)) == 0;
    json_object_put(written);
    return same;
}

void tz_json_add_text(struct json_object *object, const char *key, const char *value) {
    json_object_object_add(object, key, value != NULL ? tz_json_text(value) : NULL);
}

void tz_json_add_int(struct json_object *object, const char *key, int64_t value) {
    json_object_object_add(object, key, json_object_new_int64(value));
}

void tz_json_add_u64(struct json_object *object, const char *key, uint64_t value) {
    json_object_object_add(object, key, json_object_new_uint64(value));
}

void tz_json_add_bool(struct json_object *object, const char *key, bool value) {
    json_object_object_add(object, key, json_object_new_boolean(value));
}

void tz_decimals(char text[TZ_DECIMALS_MAX], double value) {
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, TZ_DECIMALS_MAX, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
}

void tz_json_decimals(char text[TZ_DECIMALS_MAX], double value) {
    if (isnan(value)) {
        strcpy(text, "NaN");
    } else if (isinf(value)) {
        strcpy(text, value > 0.0 ? "Infinity" : "-Infinity");
    } else {
        tz_decimals(text, value);
        if (strpbrk(text, ".e") == NULL) {
            strcat(text, ".0");
        }
    }
}

struct json_object *tz_json_real(double value) {
    char text[TZ_DECIMALS_MAX];
    tz_json_decimals(text, value);
    return json_object_new_double_s(value, text);
}

void tz_json_add_real(struct json_object *object, const char *key, double value) {
    json_object_object_add(object, key, tz_json_real(value));
}

void tz_json_add_measured(struct json_object *object, const char *key, double value) {
    json_object_object_add(object, key, isnan(value) ? NULL : tz_json_real(value));
}

bool tz_json_is_small(const char *text, size_t size) {
    const size_t per_container = 800, per_value = 80, most = (size_t)256 << 20; // bytes
    size_t estimate = 0;
    for (size_t i = 0; i < size; i++) {
        estimate += text[i] == '{' || text[i] == '[' ? per_container : 0;
        estimate += text[i] == ',' || text[i] == ':' ? per_value : 0;
    }
    return estimate <= most;
}
