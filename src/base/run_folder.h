// Output folders. Each holds config.json: command, versions, seed, hashes of the inputs. Dates,
// host threads and durations, which may differ between equal runs, go to side.json.
#ifndef TRAPEZE_BASE_RUN_FOLDER_H
#define TRAPEZE_BASE_RUN_FOLDER_H

#include "base/status.h"

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

// Fresh object {"program": "trapeze", "version": .., "command": [argv..], "seed": .., "mujoco":
// "4.0.1", "hdf5": .., "openblas": .., "libxsmm": .., "sundials": .., "compiler": ..} (null what
// the build does without). The caller adds its options, puts it, frees it (json_object_put).
TZ_API struct json_object *tz_config_new(int argc, char **argv, uint64_t seed);

// Adds {"path":, "sha256":} of an input file under config.inputs.<name>.
TZ_API tz_status tz_config_add_input(struct json_object *config, const char *name, const char *path,
                                     tz_error *error);

// "path" or "sha256" of an input, "" when there is none.
TZ_API const char *tz_config_input(struct json_object *config, const char *name, const char *key);

// Leaves of each input its digest alone.
TZ_API void tz_config_forget_paths(struct json_object *config);

// The command that made a folder, from its config.json: "train"; "" when it does not say.
TZ_API const char *tz_config_command(struct json_object *config);

// The text at `key`, "" when there is none.
TZ_API const char *tz_config_text(struct json_object *config, const char *key);

// What a run that is extended to `asked` (epochs, steps) was asked for before: `extended_from` of
// the configuration at `path` and its options.<key>, as a new list that the caller puts; NULL when
// it asks for `asked` already.
TZ_API tz_status tz_config_list_earlier(struct json_object **list, const char *path,
                                        const char *key, uint64_t asked, tz_error *error);

// Fresh object {"finished": the present date, UTC, "threads":, "seconds":} for tz_side_write. The
// caller adds what this run did.
TZ_API struct json_object *tz_side_new(int n_threads, double seconds);

// Writes a run's side.json, and puts the object. A run that found nothing to do (did_work false)
// leaves that of the one before it.
TZ_API tz_status tz_side_write(const char *folder, struct json_object *side, bool did_work,
                               tz_error *error);

// Writes an object to a file atomically, pretty-printed.
TZ_API tz_status tz_json_write(const char *path, struct json_object *object, tz_error *error);

// Parses a JSON file (Infinity and NaN accepted) of at most 64 MiB with bounded depth. The caller
// frees.
TZ_API tz_status tz_json_read(const char *path, struct json_object **object, tz_error *error);

// The same of a file in a run's folder: config.json, metrics.json.
TZ_API tz_status tz_run_json_read(const char *folder, const char *name, struct json_object **object,
                                  tz_error *error);

// Prints the object as one line on stdout (for --json).
TZ_API void tz_json_print(struct json_object *object);

// The version as text, static: "trapeze 0.1.0".
TZ_API const char *tz_version(void);

// A folder belongs to one command: TZ_ERR_ARGUMENT when it holds the config.json of another one, or
// a dataset where `command` ("train") does not write one there itself. Errors of reading
// config.json.
TZ_API tz_status tz_run_folder_expect(const char *folder, const char *command, bool writes_dataset,
                                      tz_error *error);

// A run is never written over another: TZ_ERR_ARGUMENT when the folder holds one of its files
// (n names relative to it), as a command without --resume must say.
TZ_API tz_status tz_run_folder_refuse(const char *folder, const char *const *files, size_t n,
                                      tz_error *error);

#endif
