// Adding plain values to json-c objects.
#ifndef TRAPEZE_BASE_JSON_H
#define TRAPEZE_BASE_JSON_H

#include "base/export.h"

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A text as JSON may hold it: each byte that is not part of valid UTF-8 becomes U+FFFD. Paths and
// words of a command line can be any bytes. NULL without memory, like json-c's own.
TZ_API struct json_object *tz_json_text(const char *text);

// Whether `found`, read from JSON, is what that makes of the text.
TZ_API bool tz_json_text_is(const char *found, const char *text);

// Whether the objects of a text take a moderate part of memory. json-c spends 800 bytes on an empty
// object and 70 on a number, so that a hostile text of some MB could take all there is.
TZ_API bool tz_json_is_small(const char *text, size_t size);

// Parses a text of a file; NULL where it is no JSON or not small. The caller puts it.
TZ_API struct json_object *tz_json_parse(const char *text);

// A NULL text is added as null.
TZ_API void tz_json_add_text(struct json_object *object, const char *key, const char *value);
TZ_API void tz_json_add_int(struct json_object *object, const char *key, int64_t value);
TZ_API void tz_json_add_u64(struct json_object *object, const char *key, uint64_t value);
TZ_API void tz_json_add_bool(struct json_object *object, const char *key, bool value);

// Writes the fewest digits that read back as the same number: "0.1", not "0.10000000000000001".
enum { TZ_DECIMALS_MAX = 32 };
TZ_API void tz_decimals(char text[TZ_DECIMALS_MAX], double value);

// The same as JSON writes it: a whole number stays a real one ("1.0"); "Infinity", "NaN".
TZ_API void tz_json_decimals(char text[TZ_DECIMALS_MAX], double value);

// Printed by tz_json_decimals.
TZ_API void tz_json_add_real(struct json_object *object, const char *key, double value);
TZ_API struct json_object *tz_json_real(double value);

// NaN, what was not measured, is added as null.
TZ_API void tz_json_add_measured(struct json_object *object, const char *key, double value);

#endif
