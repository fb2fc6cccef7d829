#include "base/run_folder.h"

#include "base/blas.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"

#include <hdf5.h>
#include <json-c/json.h>
#include <mujoco/mujoco.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#ifdef TZ_HAVE_LIBXSMM
#include <libxsmm.h>
#endif
#ifdef TZ_HAVE_SUNDIALS
#include <sundials/sundials_config.h>
#endif

// clang names itself in its version
#if defined(__clang__)
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

const char *tz_version(void) {
    return "trapeze " TZ_VERSION;
}

// ---- the configuration of a run

struct json_object *tz_config_new(int argc, char **argv, uint64_t seed) {
    struct json_object *config = json_object_new_object();
    tz_json_add_text(config, "program", "trapeze");
    tz_json_add_text(config, "version", TZ_VERSION);

    struct json_object *command = json_object_new_array();
    json_object_array_add(command, json_object_new_string("trapeze"));
    for (int i = 0; i < argc; i++) {
        json_object_array_add(command, tz_json_text(argv[i]));
    }
    json_object_object_add(config, "command", command);
    json_object_object_add(config, "seed", json_object_new_uint64(seed));

    // what the numbers may depend on
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    char hdf5[64];
    snprintf(hdf5, sizeof hdf5, "%u.%u.%u", major, minor, release);
    tz_json_add_text(config, "mujoco", mj_versionString());
    tz_json_add_text(config, "hdf5", hdf5);
    tz_json_add_text(config, "openblas", tz_blas_describe().library);
#ifdef TZ_HAVE_LIBXSMM
    tz_json_add_text(config, "libxsmm", LIBXSMM_VERSION);
#else
    json_object_object_add(config, "libxsmm", NULL);
#endif
#ifdef TZ_HAVE_SUNDIALS
    tz_json_add_text(config, "sundials", SUNDIALS_VERSION);
#else
    json_object_object_add(config, "sundials", NULL);
#endif
    tz_json_add_text(config, "compiler", COMPILER);
    return config;
}

tz_status tz_config_add_input(struct json_object *config, const char *name, const char *path,
                              tz_error *error) {
    char digest[65];
    TZ_CHECK(tz_file_sha256(path, digest, error));
    struct json_object *inputs = NULL;
    if (!json_object_object_get_ex(config, "inputs", &inputs)) {
        inputs = json_object_new_object();
        json_object_object_add(config, "inputs", inputs);
    }
    struct json_object *input = json_object_new_object();
    tz_json_add_text(input, "path", path);
    tz_json_add_text(input, "sha256", digest);
    json_object_object_add(inputs, name, input);
    return TZ_OK;
}

const char *tz_config_input(struct json_object *config, const char *name, const char *key) {
    struct json_object *inputs = NULL, *input = NULL;
    json_object_object_get_ex(config, "inputs", &inputs);
    json_object_object_get_ex(inputs, name, &input);
    return tz_config_text(input, key);
}

void tz_config_forget_paths(struct json_object *config) {
    struct json_object *inputs = NULL;
    if (json_object_object_get_ex(config, "inputs", &inputs)) {
        struct json_object_iter input;
        json_object_object_foreachC(inputs, input) {
            json_object_object_del(input.val, "path");
        }
    }
}

const char *tz_config_text(struct json_object *config, const char *key) {
    struct json_object *value = NULL;
    json_object_object_get_ex(config, key, &value);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

const char *tz_config_command(struct json_object *config) {
    struct json_object *words = NULL, *word = NULL;
    if (json_object_object_get_ex(config, "command", &words) &&
        json_object_is_type(words, json_type_array) && json_object_array_length(words) > 1) {
        word = json_object_array_get_idx(words, 1);
    }
    return json_object_is_type(word, json_type_string) ? json_object_get_string(word) : "";
}

tz_status tz_config_list_earlier(struct json_object **list, const char *path, const char *key,
                                 uint64_t asked, tz_error *error) {
    struct json_object *config, *options = NULL, *value = NULL, *before = NULL;
    *list = NULL;
    TZ_CHECK(tz_json_read(path, &config, error));
    json_object_object_get_ex(config, "options", &options);
    json_object_object_get_ex(options, key, &value);
    json_object_object_get_ex(config, "extended_from", &before);
    const uint64_t earlier = json_object_get_uint64(value);
    if (earlier != asked) {
        *list = json_object_is_type(before, json_type_array) ? json_object_get(before)
                                                             : json_object_new_array();
        json_object_array_add(*list, json_object_new_uint64(earlier));
    }
    json_object_put(config);
    return TZ_OK;
}

// ---- what may differ between equal runs

struct json_object *tz_side_new(int n_threads, double seconds) {
    char date[32];
    const time_t now = time(NULL);
    struct tm utc;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    struct json_object *side = json_object_new_object();
    tz_json_add_text(side, "finished", date);
    tz_json_add_int(side, "threads", n_threads);
    tz_json_add_real(side, "seconds", seconds);
    return side;
}

tz_status tz_side_write(const char *folder, struct json_object *side, bool did_work,
                        tz_error *error) {
    char path[TZ_PATH_MAX];
    tz_status status = tz_path_join(path, folder, "side.json", error);
    if (status == TZ_OK && (did_work || !tz_file_exists(path))) {
        status = tz_json_write(path, side, error);
    }
    json_object_put(side);
    return status;
}

// ---- JSON

static int print_double(struct json_object *object, struct printbuf *buffer, int level, int flags) {
    (void)level;
    (void)flags;
    char text[TZ_DECIMALS_MAX];
    tz_json_decimals(text, json_object_get_double(object));
    return printbuf_memappend(buffer, text, (int)strlen(text));
}

// Lets every double of the tree print itself by print_double.
static void shorten_doubles(struct json_object *object) {
    switch (json_object_get_type(object)) {
    case json_type_double:
        json_object_set_serializer(object, print_double, NULL, NULL);
        break;
    case json_type_array:
        for (size_t i = 0; i < json_object_array_length(object); i++) {
            shorten_doubles(json_object_array_get_idx(object, i));
        }
        break;
    case json_type_object:
        for (const struct lh_entry *entry = json_object_get_object(object)->head; entry != NULL;
             entry = entry->next) {
            shorten_doubles(lh_entry_v(entry));
        }
        break;
    case json_type_null:
    case json_type_boolean:
    case json_type_int:
    case json_type_string:
        break;
    }
}

tz_status tz_json_write(const char *path, struct json_object *object, tz_error *error) {
    shorten_doubles(object);
    const char *text = json_object_to_json_string_ext(
        object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
    if (text == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for its text", path);
    }
    const tz_file_part parts[] = {{text, strlen(text)}, {"\n", 1}};
    return tz_file_write_parts(path, parts, TZ_COUNTOF(parts), error);
}

void tz_json_print(struct json_object *object) {
    shorten_doubles(object);
    puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_NOSLASHESCAPE));
}

enum { JSON_SIZE_MAX = 64 << 20, JSON_DEPTH_MAX = 64 };

tz_status tz_json_read(const char *path, struct json_object **object, tz_error *error) {
    *object = NULL;
    char *text = NULL;
    size_t size = 0;
    TZ_CHECK(tz_file_read(path, &text, &size, JSON_SIZE_MAX, error));
    if (!tz_json_is_small(text, size)) {
        tz_free(text);
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: holds more JSON values than any file of this program", path);
    }
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
    if (tokener == NULL) {
        tz_free(text);
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory to parse it", path);
    }

    // the whole file must be one value, apart from blanks; the NUL after it ends a number
    struct json_object *parsed = json_tokener_parse_ex(tokener, text, (int)size + 1);
    const enum json_tokener_error outcome = json_tokener_get_error(tokener);
    const size_t end = json_tokener_get_parse_end(tokener);
    tz_status status = TZ_OK;
    if (outcome != json_tokener_success) {
        status = tz_fail(error, TZ_ERR_FORMAT, "%s: not JSON at byte %zu: %s", path, end,
                         json_tokener_error_desc(outcome));
    } else if (end + strspn(text + end, " \t\r\n") != size) {
        status = tz_fail(error, TZ_ERR_FORMAT, "%s: more text after the JSON value, at byte %zu",
                         path, end);
    } else if (parsed == NULL) {
        status = tz_fail(error, TZ_ERR_FORMAT, "%s: holds null, expected an object", path);
    }
    json_tokener_free(tokener);
    tz_free(text);
    if (status != TZ_OK) {
        json_object_put(parsed);
        return status;
    }
    *object = parsed;
    return TZ_OK;
}

tz_status tz_run_json_read(const char *folder, const char *name, struct json_object **object,
                           tz_error *error) {
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, folder, name, error));
    return tz_json_read(path, object, error);
}

// ---- whose folder it is

static tz_status expect_config_of(const char *folder, const char *command, tz_error *error) {
    char path[TZ_PATH_MAX];
    struct json_object *config;
    TZ_CHECK(tz_path_join(path, folder, "config.json", error));
    if (!tz_file_exists(path)) {
        return TZ_OK;
    }
    TZ_CHECK(tz_json_read(path, &config, error));
    const char *owner = tz_config_command(config);
    tz_status status = TZ_OK;
    if (owner[0] == '\0') {
        status = tz_fail(error, TZ_ERR_ARGUMENT,
                         "%s already holds a config.json that no run of trapeze %s wrote: name "
                         "another folder",
                         folder, command);
    } else if (strcmp(owner, command) != 0) {
        status = tz_fail(error, TZ_ERR_ARGUMENT,
                         "%s already holds a run of trapeze %.32s (config.json): name another "
                         "folder",
                         folder, owner);
    }
    json_object_put(config);
    return status;
}

static tz_status expect_no_dataset(const char *folder, tz_error *error) {
    static const char *const files[] = {"data/main_data.hdf5", "data/metadata.json"};
    for (size_t i = 0; i < TZ_COUNTOF(files); i++) {
        char path[TZ_PATH_MAX];
        TZ_CHECK(tz_path_join(path, folder, files[i], error));
        if (tz_file_exists(path)) {
            return tz_fail(error, TZ_ERR_ARGUMENT,
                           "%s already holds a dataset (%s): name another folder", folder,
                           files[i]);
        }
    }
    return TZ_OK;
}

tz_status tz_run_folder_expect(const char *folder, const char *command, bool writes_dataset,
                               tz_error *error) {
    TZ_CHECK(writes_dataset ? TZ_OK : expect_no_dataset(folder, error));
    return expect_config_of(folder, command, error);
}

tz_status tz_run_folder_refuse(const char *folder, const char *const *files, size_t n,
                               tz_error *error) {
    for (size_t i = 0; i < n; i++) {
        char path[TZ_PATH_MAX];
        TZ_CHECK(tz_path_join(path, folder, files[i], error));
        if (tz_file_exists(path)) {
            return tz_fail(error, TZ_ERR_ARGUMENT,
                           "%s already holds a run (%s): continue it with --resume, or name "
                           "another folder",
                           folder, files[i]);
        }
    }
    return TZ_OK;
}
