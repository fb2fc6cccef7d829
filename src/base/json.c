#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tz_json_add_text(struct json_object *object, const char *key, const char *value) {
    json_object_object_add(object, key, value != NULL ? json_object_new_string(value) : NULL);
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

struct json_object *tz_json_real(double value) {
    if (!isfinite(value)) {
        return json_object_new_double(value); // NaN, Infinity
    }
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    // A whole number stays recognisable as a real one.
    if (strspn(text, "-0123456789") == strlen(text)) {
        strcat(text, ".0");
    }
    return json_object_new_double_s(value, text);
}

void tz_json_add_real(struct json_object *object, const char *key, double value) {
    json_object_object_add(object, key, tz_json_real(value));
}
