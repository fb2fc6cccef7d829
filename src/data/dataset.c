// Reading datasets. The file is hostile until checked: what it is, every link, type, shape and
// count before memory is asked for, then every value. A broken rule is either the sentence that
// ends the reading, or, for those who want to know them all, a call for each.
#include "data/dataset.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/run_folder.h"
#include "data/guarded.h"
#include "data/h5.h"
#include "envs/env_match.h"
#include "envs/mjcf_env.h"

#include <json-c/json_tokener.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

typedef enum column_class { COLUMN_REAL, COLUMN_FLAG } column_class;

// The five arrays of an episode, in the order in which they are read.
enum { OBSERVATIONS, ACTIONS, REWARDS, TERMINATIONS, TRUNCATIONS, N_COLUMNS };
static const struct {
    const char *name;
    column_class class;
    int ndim;
} columns[N_COLUMNS] = {
    [OBSERVATIONS] = {"observations", COLUMN_REAL, 2},
    [ACTIONS] = {"actions", COLUMN_REAL, 2},
    [REWARDS] = {"rewards", COLUMN_REAL, 1},
    [TERMINATIONS] = {"terminations", COLUMN_FLAG, 1},
    [TRUNCATIONS] = {"truncations", COLUMN_FLAG, 1},
};

typedef struct reader {
    const char *path;                              // as given
    char file[TZ_PATH_MAX];                        // the HDF5 file
    char metadata[TZ_PATH_MAX];                    // metadata.json beside it, or ""
    long long total_episodes;                      // as metadata.json says, or -1
    long long total_steps;                         // likewise
    char metadata_env[TZ_NAME_MAX];                // environment of metadata.json's env_spec, or ""
    char metadata_arguments[TZ_ENV_ARGUMENTS_MAX]; // its arguments there, or ""
    hid_t h5;
    bool knows_controls; // dataset->nu is said by the environment or the file
    double claim;        // bytes that the arrays so far claim to hold
    size_t room;         // transitions that the dataset's arrays have room for
    tz_dataset *dataset;
    tz_fault_fn fault; // NULL: the first broken rule ends the reading
    void *context;
    tz_error *error;
} reader;

// Tells a broken rule. Returns TZ_OK when the reading goes on.
static tz_status broken(const reader *r, const char *rule, int episode, long step,
                        const char *format, ...) __attribute__((format(printf, 5, 6)));
static tz_status broken(const reader *r, const char *rule, int episode, long step,
                        const char *format, ...) {
    tz_fault fault = {.rule = rule, .episode = episode, .step = step};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault.text, sizeof fault.text, format, arguments);
    va_end(arguments);
    if (r->fault) {
        r->fault(r->context, &fault);
        return TZ_OK;
    }
    if (episode < 0) {
        return tz_fail(r->error, TZ_ERR_FORMAT, "%s: %s", r->file, fault.text);
    }
    if (step < 0) {
        return tz_fail(r->error, TZ_ERR_FORMAT, "%s: episode %d: %s", r->file, episode, fault.text);
    }
    return tz_fail(r->error, TZ_ERR_FORMAT, "%s: episode %d, step %ld: %s", r->file, episode, step,
                   fault.text);
}

// ---- where the data is

// Writes an argument as text: a number, true or false, LOW:HIGH. False when it is nothing of these.
static bool argument_text(char *text, size_t size, struct json_object *value) {
    char low[TZ_DECIMALS_MAX], high[TZ_DECIMALS_MAX];
    struct json_object *ends[2] = {value, value};
    if (json_object_is_type(value, json_type_boolean)) {
        snprintf(text, size, "%s", json_object_get_boolean(value) ? "true" : "false");
        return true;
    }
    const bool is_range =
        json_object_is_type(value, json_type_array) && json_object_array_length(value) == 2;
    for (size_t i = 0; i < 2 && is_range; i++) {
        ends[i] = json_object_array_get_idx(value, i);
    }
    for (size_t i = 0; i < 2; i++) {
        if (!json_object_is_type(ends[i], json_type_double) &&
            !json_object_is_type(ends[i], json_type_int)) {
            return false;
        }
    }
    tz_decimals(low, json_object_get_double(ends[0]));
    tz_decimals(high, json_object_get_double(ends[1]));
    snprintf(text, size, is_range ? "%s:%s" : "%s", low, high);
    return true;
}

// Takes what the constructor of metadata.json's environment was given and the environment knows.
// The rest is about pictures and observations, which are not read.
static tz_status read_arguments(reader *r, struct json_object *kwargs) {
    const tz_env_info *info = tz_env_info_find(r->metadata_env);
    size_t used = 0;
    for (int i = 0; info && i < info->n_arguments; i++) {
        const char *name = info->arguments[i].name;
        struct json_object *value;
        char text[TZ_ARGUMENT_TEXT_MAX];
        if (!json_object_object_get_ex(kwargs, name, &value)) {
            continue;
        }
        if (!argument_text(text, sizeof text, value)) {
            return tz_fail(r->error, TZ_ERR_FORMAT,
                           "%s: argument %s of env_spec is %.60s; expected a number, two numbers, "
                           "true or false",
                           r->metadata, name, json_object_get_string(value));
        }
        used += (size_t)snprintf(r->metadata_arguments + used, sizeof r->metadata_arguments - used,
                                 "%s%s=%s", used > 0 ? "," : "", name, text);
        if (used >= sizeof r->metadata_arguments) {
            return tz_fail(r->error, TZ_ERR_FORMAT, "%s: arguments of env_spec are too long",
                           r->metadata);
        }
    }
    return TZ_OK;
}

// Reads what metadata.json says about the whole: counts, and the environment if it is one of ours.
static tz_status read_metadata(reader *r) {
    struct json_object *metadata, *value;
    tz_status status = TZ_OK;
    TZ_CHECK(tz_json_read(r->metadata, &metadata, r->error));
    if (json_object_object_get_ex(metadata, "total_episodes", &value)) {
        r->total_episodes = json_object_get_int64(value);
    }
    if (json_object_object_get_ex(metadata, "total_steps", &value)) {
        r->total_steps = json_object_get_int64(value);
    }
    // env_spec is a JSON document inside a string.
    if (json_object_object_get_ex(metadata, "env_spec", &value) &&
        json_object_is_type(value, json_type_string)) {
        const char *text = json_object_get_string(value);
        struct json_object *spec = tz_json_parse(text), *id, *kwargs;
        if (spec && json_object_object_get_ex(spec, "id", &id) &&
            json_object_is_type(id, json_type_string)) {
            tz_env_task_name(r->metadata_env, json_object_get_string(id));
        }
        if (spec && json_object_object_get_ex(spec, "kwargs", &kwargs)) {
            status = read_arguments(r, kwargs);
        }
        json_object_put(spec);
    }
    json_object_put(metadata);
    return status;
}

// A folder is Minari's, anything else must be the HDF5 file itself.
static tz_status locate(reader *r) {
    r->total_episodes = r->total_steps = -1;
    if (!tz_folder_exists(r->path)) {
        TZ_CHECK(tz_path_join(r->file, "", r->path, r->error));
        if (!tz_file_exists(r->file)) {
            return tz_fail(r->error, TZ_ERR_IO,
                           "%s: no such dataset (expected a Minari folder or an HDF5 file)",
                           r->path);
        }
        return TZ_OK;
    }
    TZ_CHECK(tz_path_join(r->file, r->path, "data/main_data.hdf5", r->error));
    TZ_CHECK(tz_path_join(r->metadata, r->path, "data/metadata.json", r->error));
    char journal[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(journal, r->path, "journal", r->error));
    if (!tz_file_exists(r->metadata) && tz_folder_exists(journal)) {
        return tz_fail(r->error, TZ_ERR_FORMAT,
                       "%s: the dataset is not finished (its journal is still there); resume the "
                       "run that writes it",
                       r->path);
    }
    if (!tz_file_exists(r->file) || !tz_file_exists(r->metadata)) {
        return tz_fail(r->error, TZ_ERR_IO,
                       "%s: not a dataset (expected data/main_data.hdf5 and data/metadata.json)",
                       r->path);
    }
    return read_metadata(r);
}

static tz_status open_file(reader *r) {
    if (H5Fis_hdf5(r->file) <= 0) {
        return tz_fail(r->error, TZ_ERR_FORMAT,
                       "%s: not an HDF5 file (expected Minari's main_data.hdf5)", r->file);
    }
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    r->h5 = H5Fopen(r->file, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    if (r->h5 < 0) {
        return tz__h5_fail(r->error, TZ_ERR_FORMAT, r->file, "cannot be opened as HDF5");
    }
    return TZ_OK;
}

// ---- what it is

// The digest of the MJCF that was recorded with, "" where the file has none: at first it stood in
// the configuration, with the version of MuJoCo apart.
static void read_digest(const reader *r, char digest[TZ_DIGEST_MAX]) {
    if (tz__h5_get_text(r->h5, "env_digest", digest, TZ_DIGEST_MAX) == TZ__H5_READ) {
        return;
    }
    const char *text = r->dataset->config;
    struct json_object *config = text ? json_tokener_parse(text) : NULL, *sha256;
    digest[0] = '\0';
    if (json_object_is_type(config, json_type_object) &&
        json_object_object_get_ex(config, "model_sha256", &sha256) &&
        json_object_is_type(sha256, json_type_string) && r->dataset->mujoco[0] != '\0') {
        tz_env_digest(digest, r->dataset->mujoco, json_object_get_string(sha256));
    }
    json_object_put(config);
}

// The sentence about an environment that was asked for and is not the file's.
static tz_status refuse(const reader *r, tz_env_match match, const tz_task *task) {
    const char *recorded = r->dataset->env;
    if (match == TZ_ENV_CHANGED) {
        return tz_env_fail_changed(r->file, "data", recorded, task->name, r->error);
    }
    return tz_fail(r->error, TZ_ERR_MISMATCH, "%s: recorded in %s, but %s was asked for", r->file,
                   recorded, task->name);
}

// Takes what the environment says.
static tz_status take_task(reader *r, const tz_task *task, int64_t *nq, int64_t *nv) {
    tz_dataset *dataset = r->dataset;
    tz_status status = TZ_OK;
    if ((*nq >= 0 && *nq != task->nq) || (*nv >= 0 && *nv != task->nv)) {
        status = tz_fail(r->error, TZ_ERR_MISMATCH,
                         "%s: nq = %lld, nv = %lld, but %s has nq = %d, nv = %d", r->file,
                         (long long)*nq, (long long)*nv, task->name, task->nq, task->nv);
    }
    snprintf(dataset->env, sizeof dataset->env, "%s", task->name);
    snprintf(dataset->env_digest, sizeof dataset->env_digest, "%s", task->digest);
    snprintf(dataset->env_arguments, sizeof dataset->env_arguments, "%s", task->env_arguments);
    *nq = task->nq;
    *nv = task->nv;
    dataset->nu = task->nu;
    r->knows_controls = true;
    dataset->nz = tz_task_nz(task);
    dataset->dt_s = task->dt_s;
    dataset->max_episode_steps = task->max_episode_steps;
    dataset->ends_early = task->ends_early;
    return status;
}

// Makes the environment with the file's arguments. What is wrong with these is wrong with the file.
static tz_status make_environment(const reader *r, tz_env **env, const char *name) {
    tz_env_def def = tz_env_def_default();
    tz_error cause;
    def.name = name;
    def.arguments = r->dataset->env_arguments;
    const tz_status status = tz_env_create(env, &def, &cause);
    if (status == TZ_ERR_ARGUMENT && def.arguments[0] != '\0' && tz_env_exists(name)) {
        return tz_fail(r->error, TZ_ERR_FORMAT, "%s: %s", r->file, cause.text);
    }
    return status == TZ_OK ? TZ_OK : tz_fail(r->error, status, "%s", cause.text);
}

// Dimensions as the environment has them, which is made for a moment to be asked. `asked` is the
// caller's name for it (Nullable). An MJCF that has changed says nothing of the file, which then
// speaks for itself.
static tz_status ask_environment(reader *r, const char *asked, int64_t *nq, int64_t *nv) {
    const tz_dataset *dataset = r->dataset;
    tz_env *env;
    TZ_CHECK(make_environment(r, &env, asked ? asked : dataset->env));
    const tz_task *task = tz_env_task(env);
    const tz_env_match match =
        dataset->env[0] == '\0'
            ? TZ_ENV_SAME
            : tz_env_compare(dataset->env, dataset->env_digest, task->name, task->digest);
    tz_status status = TZ_OK;
    if (asked && match != TZ_ENV_SAME) {
        status = refuse(r, match, task);
    } else if (match != TZ_ENV_CHANGED) {
        status = take_task(r, task, nq, nv);
    }
    tz_env_destroy(env);
    return status;
}

// Takes the arguments that the environment was made with: the file's word, else metadata.json's
// where that names the environment.
static tz__h5_found find_arguments(const reader *r, bool named_by_metadata) {
    char text[TZ_ENV_ARGUMENTS_MAX + 1]; // one more than may be: a longer text does not look whole
    tz__h5_found found = tz__h5_get_text(r->h5, "env_arguments", text, sizeof text);
    if (found == TZ__H5_READ && strlen(text) == sizeof text - 1) {
        found = TZ__H5_UNREADABLE;
    }
    const char *arguments = found == TZ__H5_READ ? text
                            : named_by_metadata  ? r->metadata_arguments
                                                 : "";
    snprintf(r->dataset->env_arguments, sizeof r->dataset->env_arguments, "%s", arguments);
    return found;
}

// Attributes of the file.
enum { ENV, NQ, NV, DT, MAX_STEPS, ENDS_EARLY, N_ATTRIBUTES };

typedef struct description {
    tz__h5_found found[N_ATTRIBUTES];
    char env[TZ_NAME_MAX];
    int64_t nq, nv, max_steps; // nq and nv -1: not there
    double dt_s;
    bool ends_early;
} description;

static tz_status read_description(const reader *r, description *a) {
    *a = (description){.nq = -1, .nv = -1, .ends_early = true};
    a->found[ENV] = tz__h5_get_text(r->h5, "env", a->env, sizeof a->env);
    a->found[NQ] = tz__h5_get_i64(r->h5, "nq", &a->nq);
    a->found[NV] = tz__h5_get_i64(r->h5, "nv", &a->nv);
    a->found[DT] = tz__h5_get_f64(r->h5, "dt", &a->dt_s);
    a->found[MAX_STEPS] = tz__h5_get_i64(r->h5, "max_episode_steps", &a->max_steps);
    a->found[ENDS_EARLY] = tz__h5_get_bool(r->h5, "ends_early", &a->ends_early);
    bool readable = find_arguments(r, a->env[0] == '\0') != TZ__H5_UNREADABLE;
    for (int i = 0; i < N_ATTRIBUTES; i++) {
        readable = readable && a->found[i] != TZ__H5_UNREADABLE;
    }
    if (!readable) {
        return tz_fail(r->error, TZ_ERR_FORMAT,
                       "%s: an attribute of the file is of a wrong type (expected env and "
                       "env_arguments: text; nq, nv, max_episode_steps: integers; dt: real; "
                       "ends_early: bool)",
                       r->file);
    }
    if (a->nq < -1 || a->nv < -1 || a->nq > TZ_NQ_MAX || a->nv > TZ_NQ_MAX ||
        (a->nq < 0) != (a->nv < 0) || a->nq + a->nv == 0 || !(a->dt_s >= 0 && a->dt_s < 1e6) ||
        a->max_steps < 0 || a->max_steps > INT_MAX) {
        return tz_fail(r->error, TZ_ERR_FORMAT,
                       "%s: attributes nq = %lld, nv = %lld, dt = %g, max_episode_steps = %lld are "
                       "out of range",
                       r->file, (long long)a->nq, (long long)a->nv, a->dt_s,
                       (long long)a->max_steps);
    }
    if (a->env[0] == '\0') {
        snprintf(a->env, sizeof a->env, "%s", r->metadata_env);
    }
    return TZ_OK;
}

// What the caller asked for (Nullable) must be what was recorded.
static tz_status expect_asked(const reader *r, const char *asked, const char *env) {
    char name[TZ_NAME_MAX];
    const bool is_place = asked && tz_is_mjcf_name(asked) && tz_is_mjcf_name(env); // of one's MJCF
    if (asked && !is_place && tz_env_task_name(name, asked) && env[0] != '\0' &&
        strcmp(name, env) != 0) {
        return tz_fail(r->error, TZ_ERR_MISMATCH, "%s: recorded in %s, but %s was asked for",
                       r->file, env, name);
    }
    return TZ_OK;
}

// Finds the environment (the file's word, then metadata.json's, then the caller's) and dimensions.
static tz_status describe(reader *r, const char *asked) {
    tz_dataset *dataset = r->dataset;
    description a;
    TZ_CHECK(read_description(r, &a));
    TZ_CHECK(expect_asked(r, asked, a.env));
    snprintf(dataset->env, sizeof dataset->env, "%s", a.env);
    if (tz__h5_get_text(r->h5, "mujoco_version", dataset->mujoco, sizeof dataset->mujoco) !=
        TZ__H5_READ) {
        dataset->mujoco[0] = '\0';
    }
    if (tz_is_mjcf_name(a.env)) {
        read_digest(r, dataset->env_digest);
    }
    int64_t nu = 0;
    r->knows_controls =
        tz__h5_get_i64(r->h5, "nu", &nu) == TZ__H5_READ && nu >= 0 && nu <= TZ_NU_MAX;
    dataset->nu = r->knows_controls ? (int)nu : 0;
    if (asked || tz_env_exists(a.env)) {
        TZ_CHECK(ask_environment(r, asked, &a.nq, &a.nv));
    }
    dataset->nq = (int)a.nq;
    dataset->nv = (int)a.nv;
    dataset->nz = a.nq < 0 ? 0 : (int)(a.nq + a.nv);

    // where the file and the environment both speak, the file
    if (a.found[DT] == TZ__H5_READ) {
        const double expected_s = dataset->dt_s; // of the environment, 0 where it is not known
        if (expected_s > 0.0 && fabs(a.dt_s - expected_s) > 1e-6 * expected_s) {
            return tz_fail(r->error, TZ_ERR_MISMATCH, "%s: dt = %g s, but %s has %g s", r->file,
                           a.dt_s, dataset->env, expected_s);
        }
        dataset->dt_s = a.dt_s;
    }
    if (a.found[MAX_STEPS] == TZ__H5_READ) {
        dataset->max_episode_steps = (int)a.max_steps;
    }
    if (a.found[ENDS_EARLY] == TZ__H5_READ) {
        dataset->ends_early = a.ends_early;
    }
    return TZ_OK;
}

// ---- links, types, shapes

static herr_t count_episode(hid_t group, const char *name, const H5L_info_t *info, void *context) {
    (void)group, (void)info;
    *(long long *)context += strncmp(name, "episode_", 8) == 0;
    return 0;
}

// The group of an episode, or -1.
static hid_t open_episode(const reader *r, int episode) {
    char name[32];
    snprintf(name, sizeof name, "episode_%d", episode);
    return tz__h5_is_hard_link(r->h5, name) ? H5Gopen2(r->h5, name, H5P_DEFAULT) : -1;
}

static bool type_fits(hid_t type, column_class class) {
    const H5T_class_t found = H5Tget_class(type);
    const size_t size = H5Tget_size(type);
    return class == COLUMN_REAL ? found == H5T_FLOAT && (size == 4 || size == 8)
                                : (found == H5T_ENUM || found == H5T_INTEGER) && size == 1;
}

typedef struct shape {
    hsize_t rows, cols;
    size_t item_bytes; // of the type in the file
} shape;

// Opens array `column` of an episode and checks all but its row count. *array stays -1 when a rule
// is broken.
static tz_status open_column(const reader *r, hid_t group, int episode, int column, hid_t *array,
                             shape *found) {
    const char *name = columns[column].name;
    *array = -1;
    if (!tz__h5_is_hard_link(group, name)) {
        return broken(r, "missing", episode, -1, "%s is missing", name);
    }
    const hid_t opened = H5Dopen2(group, name, H5P_DEFAULT);
    if (opened < 0 || !tz__h5_is_stored_here(opened)) {
        if (opened >= 0) {
            H5Dclose(opened);
        }
        return broken(r, "type", episode, -1, "%s is not an array stored in the file", name);
    }
    const hid_t type = H5Dget_type(opened), space = H5Dget_space(opened);
    const bool fits = type_fits(type, columns[column].class);
    const int ndim = H5Sget_simple_extent_ndims(space);
    hsize_t dims[2] = {0, 1};
    if (ndim == columns[column].ndim) {
        H5Sget_simple_extent_dims(space, dims, NULL);
    }
    *found = (shape){dims[0], dims[1], H5Tget_size(type)};
    H5Sclose(space);
    H5Tclose(type);
    if (fits && ndim == columns[column].ndim) {
        *array = opened;
        return TZ_OK;
    }
    H5Dclose(opened);
    if (!fits) {
        return broken(r, "type", episode, -1, "%s has the wrong type (expected %s)", name,
                      columns[column].class == COLUMN_REAL ? "float32 or float64" : "bool");
    }
    return broken(r, "shape", episode, -1, "%s has %d dimensions (expected %d)", name, ndim,
                  columns[column].ndim);
}

// Checks the shapes of an episode against each other and the environment. The first episode fixes
// dimensions that nothing else says. *T stays 0 when a rule is broken.
static tz_status check_shapes(reader *r, int episode, const shape found[N_COLUMNS], int *T) {
    tz_dataset *dataset = r->dataset;
    const hsize_t rows = found[REWARDS].rows;
    const char *against = dataset->env[0] ? dataset->env : "the file";
    *T = 0;
    if (dataset->nz == 0 && found[OBSERVATIONS].cols <= TZ_NZ_MAX) {
        dataset->nz = (int)found[OBSERVATIONS].cols;
    }
    if (!r->knows_controls && found[ACTIONS].cols <= TZ_NU_MAX) {
        dataset->nu = (int)found[ACTIONS].cols;
        r->knows_controls = true;
    }
    if (found[OBSERVATIONS].cols != (hsize_t)dataset->nz || dataset->nz == 0) {
        return broken(r, "shape", episode, -1,
                      "observations have %llu columns (expected %d: the raw state [q, v] of %s)",
                      (unsigned long long)found[OBSERVATIONS].cols, dataset->nz, against);
    }
    if (found[ACTIONS].cols != (hsize_t)dataset->nu) {
        return broken(r, "shape", episode, -1, "actions have %llu columns (expected %d for %s)",
                      (unsigned long long)found[ACTIONS].cols, dataset->nu, against);
    }
    if (rows == 0 || rows >= INT_MAX) {
        return broken(r, "shape", episode, -1, "%llu rewards (expected at least 1)",
                      (unsigned long long)rows);
    }
    for (int c = 0; c < N_COLUMNS; c++) {
        const hsize_t expected = c == OBSERVATIONS ? rows + 1 : rows;
        if (found[c].rows != expected) {
            return broken(r, "shape", episode, -1,
                          "%s has %llu rows (expected %llu for %llu rewards)", columns[c].name,
                          (unsigned long long)found[c].rows, (unsigned long long)expected,
                          (unsigned long long)rows);
        }
    }
    *T = (int)rows;
    return TZ_OK;
}

// ---- room

// Moves an array to one of `bytes`, of which the first `used` are kept.
static bool grow(void **array, size_t used, size_t bytes) {
    void *grown = tz_alloc(bytes, 1);
    if (grown && *array) {
        memcpy(grown, *array, used);
    }
    if (grown) {
        tz_free(*array);
        *array = grown;
    }
    return grown != NULL;
}

// Makes room for `steps` transitions, of which the first `used`, of `episodes` episodes, are read:
// at once for as many as metadata.json tells of, if the file can hold them, else twice as many as
// before.
static tz_status reserve(reader *r, size_t steps, size_t used, int episodes) {
    tz_dataset *d = r->dataset;
    if (d->z && steps <= r->room) {
        return TZ_OK;
    }
    const size_t n = (size_t)d->n_episodes, nz = (size_t)d->nz, nu = (size_t)d->nu;
    const double told = (double)r->total_steps * (double)(8 * nz + 4 * nu + 10);
    const bool believed = r->total_steps > 0 && (size_t)r->total_steps >= steps &&
                          tz__h5_check_claim(r->file, told, NULL) == TZ_OK;
    const size_t twice = 2 * r->room, room = believed        ? (size_t)r->total_steps
                                             : twice > steps ? twice
                                                             : steps;
    if (!grow((void **)&d->z, (used + (size_t)episodes) * nz * sizeof *d->z,
              (room + n) * nz * sizeof *d->z) ||
        !grow((void **)&d->u, used * nu * sizeof *d->u, room * nu * sizeof *d->u) ||
        !grow((void **)&d->reward, used * sizeof *d->reward, room * sizeof *d->reward) ||
        !grow((void **)&d->terminated, used, room) || !grow((void **)&d->truncated, used, room)) {
        return tz_fail(r->error, TZ_ERR_MEMORY, "%s: no memory for %zu transitions", r->file, room);
    }
    r->room = room;
    return TZ_OK;
}

// ---- episodes

// Opens the arrays of an episode and checks them against each other. *T stays 0 when a rule is
// broken; array[c] is -1 where there is nothing to close.
static tz_status open_arrays(reader *r, hid_t group, int episode, hid_t array[N_COLUMNS], int *T) {
    shape found[N_COLUMNS];
    bool whole = true;
    *T = 0;
    for (int c = 0; c < N_COLUMNS; c++) {
        array[c] = -1;
    }
    for (int c = 0; c < N_COLUMNS; c++) {
        TZ_CHECK(open_column(r, group, episode, c, &array[c], &found[c]));
        whole = whole && array[c] >= 0;
        if (array[c] >= 0) {
            r->claim += (double)found[c].rows * (double)found[c].cols * (double)found[c].item_bytes;
        }
    }
    return whole ? check_shapes(r, episode, found, T) : TZ_OK;
}

// Reads an array into `values`, which has room for it; as it stands in the file where the type is
// -1.
static bool read_array(hid_t array, hid_t memory_type, void *values) {
    if (memory_type >= 0) {
        return H5Dread(array, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
    }
    const hid_t type = H5Dget_type(array);
    const bool ok = H5Dread(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
    H5Tclose(type);
    return ok;
}

// Checks the group's own numbers and takes over where the episode came from.
static tz_status read_attributes(const reader *r, hid_t group, int episode, int T) {
    int64_t id = episode, total_steps = T, policy = -1;
    tz_origin origin = {.policy = -1};
    const tz__h5_found seed = tz__h5_get_u64(group, "reset_seed", &origin.seed);
    const tz__h5_found index = tz__h5_get_u64(group, "reset_episode", &origin.episode);
    origin.known = seed == TZ__H5_READ && index == TZ__H5_READ;
    tz__h5_get_i64(group, "policy", &policy);
    tz__h5_get_f64(group, "noise", &origin.noise);
    tz__h5_get_bool(group, "unstable", &origin.unstable);
    tz__h5_get_bool(group, "bad_reward", &origin.bad_reward);
    origin.policy = policy >= 0 && policy <= INT_MAX ? (int)policy : -1;
    r->dataset->origin[episode] = origin;
    if (tz__h5_get_i64(group, "id", &id) == TZ__H5_UNREADABLE || id != episode) {
        TZ_CHECK(broken(r, "ids", episode, -1, "attribute id is %lld (expected %d)", (long long)id,
                        episode));
    }
    if (tz__h5_get_i64(group, "total_steps", &total_steps) == TZ__H5_UNREADABLE ||
        total_steps != T) {
        TZ_CHECK(broken(r, "total_steps", episode, -1,
                        "attribute total_steps is %lld (expected %d)", (long long)total_steps, T));
    }
    return TZ_OK;
}

// Reads the values of T transitions to where the episode begins.
static tz_status read_arrays(reader *r, int episode, const hid_t array[N_COLUMNS], int T) {
    tz_dataset *dataset = r->dataset;
    const size_t at = dataset->step_offset[episode], steps = at + (size_t)T;
    TZ_CHECK(tz__h5_check_claim(r->file, r->claim, r->error));
    TZ_CHECK(reserve(r, steps, at, episode));
    const struct {
        void *values;
        hid_t type;
    } target[N_COLUMNS] = {
        [OBSERVATIONS] = {dataset->z + (at + (size_t)episode) * (size_t)dataset->nz,
                          H5T_NATIVE_DOUBLE},
        [ACTIONS] = {dataset->u + at * (size_t)dataset->nu, H5T_NATIVE_FLOAT},
        [REWARDS] = {dataset->reward + at, H5T_NATIVE_DOUBLE},
        [TERMINATIONS] = {dataset->terminated + at, -1},
        [TRUNCATIONS] = {dataset->truncated + at, -1},
    };
    for (int c = 0; c < N_COLUMNS; c++) {
        if (!read_array(array[c], target[c].type, target[c].values)) {
            return tz__h5_fail(r->error, TZ_ERR_FORMAT, r->file, "episode %d: %s cannot be read",
                               episode, columns[c].name);
        }
    }
    return TZ_OK;
}

// Reads one episode behind those before it; it keeps no transitions when a rule of its shape is
// broken.
static tz_status read_group(reader *r, hid_t group, int episode) {
    hid_t array[N_COLUMNS];
    int T;
    tz_status status = open_arrays(r, group, episode, array, &T);
    if (status == TZ_OK && T > 0) {
        status = read_arrays(r, episode, array, T);
    }
    for (int c = 0; c < N_COLUMNS; c++) {
        if (array[c] >= 0) {
            H5Dclose(array[c]);
        }
    }
    if (status != TZ_OK || T == 0) {
        return status;
    }
    r->dataset->step_offset[episode + 1] += (size_t)T;
    return read_attributes(r, group, episode, T);
}

static tz_status read_episode(reader *r, int episode) {
    size_t *offset = r->dataset->step_offset;
    offset[episode + 1] = offset[episode];
    const hid_t group = open_episode(r, episode);
    if (group < 0) {
        return broken(r, "ids", episode, -1, "group episode_%d is missing (ids must be sequential)",
                      episode);
    }
    const tz_status status = read_group(r, group, episode);
    H5Gclose(group);
    return status;
}

// ---- values

// Numbers of one array of an episode that are not finite.
typedef struct nonfinite {
    size_t n, first; // how many, and where the first stands
    double value;    // of the first
} nonfinite;

static void look_at(nonfinite *found, size_t at, double value) {
    if (!isfinite(value) && found->n++ == 0) {
        found->first = at;
        found->value = value;
    }
}

// One fault for an array, however many of its numbers are unsound. cols is 0 for a vector.
static tz_status tell_nonfinite(const reader *r, int episode, const char *name,
                                const nonfinite *found, size_t cols) {
    if (found->n == 0) {
        return TZ_OK;
    }
    char column[32] = "", more[64] = "";
    const size_t t = cols > 0 ? found->first / cols : found->first;
    if (cols > 0) {
        snprintf(column, sizeof column, "[%zu]", found->first % cols);
    }
    if (found->n > 1) {
        snprintf(more, sizeof more, ", the first of %zu that are not finite", found->n);
    }
    return broken(r, "finite", episode, (long)t, "%s[%zu]%s is %g%s", name, t, column, found->value,
                  more);
}

static tz_status check_finite(const reader *r, int episode) {
    const tz_dataset *dataset = r->dataset;
    const size_t T = (size_t)tz_dataset_length(dataset, episode);
    const size_t nz = (size_t)dataset->nz, nu = (size_t)dataset->nu;
    const double *z = tz_dataset_states(dataset, episode);
    const float *u = tz_dataset_controls(dataset, episode);
    const double *reward = dataset->reward + dataset->step_offset[episode];
    nonfinite states = {0}, controls = {0}, rewards = {0};
    for (size_t i = 0; i < (T + 1) * nz; i++) {
        look_at(&states, i, z[i]);
    }
    for (size_t i = 0; i < T * nu; i++) {
        look_at(&controls, i, (double)u[i]);
    }
    for (size_t t = 0; t < T; t++) {
        look_at(&rewards, t, reward[t]);
    }
    TZ_CHECK(tell_nonfinite(r, episode, "observations", &states, nz));
    TZ_CHECK(tell_nonfinite(r, episode, "actions", &controls, nu));
    return tell_nonfinite(r, episode, "rewards", &rewards, 0);
}

static tz_status check_flags(const reader *r, int episode) {
    const tz_dataset *dataset = r->dataset;
    const size_t at = dataset->step_offset[episode];
    const unsigned char *terminated = dataset->terminated + at;
    const unsigned char *truncated = dataset->truncated + at;
    const int T = tz_dataset_length(dataset, episode);
    int n = 0, first = 0;
    for (int t = T - 1; t >= 0; t--) {
        if (terminated[t] > 1 || truncated[t] > 1) {
            first = t;
            n++;
        }
    }
    char more[48] = "";
    if (n > 1) {
        snprintf(more, sizeof more, ", the first of %d such steps", n);
    }
    return n == 0 ? TZ_OK
                  : broken(r, "flags", episode, first,
                           "terminations is %d and truncations %d (expected 0 or 1)%s",
                           terminated[first], truncated[first], more);
}

static tz_status check_values(const reader *r, int episode) {
    TZ_CHECK(check_finite(r, episode));
    return check_flags(r, episode);
}

// The counts of metadata.json.
static tz_status check_totals(const reader *r) {
    const tz_dataset *dataset = r->dataset;
    if (r->total_episodes >= 0 && r->total_episodes != dataset->n_episodes) {
        TZ_CHECK(broken(r, "metadata", -1, -1, "%d episodes, but metadata.json says %lld",
                        dataset->n_episodes, r->total_episodes));
    }
    if (r->total_steps >= 0 && r->total_steps != (long long)dataset->n_steps) {
        TZ_CHECK(broken(r, "metadata", -1, -1, "%zu steps, but metadata.json says %lld",
                        dataset->n_steps, r->total_steps));
    }
    return TZ_OK;
}

// The number of episodes, and room for what there is one of for each.
static tz_status count_episodes(reader *r) {
    tz_dataset *dataset = r->dataset;
    long long n = 0;
    hsize_t from = 0;
    if (H5Literate(r->h5, H5_INDEX_NAME, H5_ITER_NATIVE, &from, count_episode, &n) < 0) {
        return tz__h5_fail(r->error, TZ_ERR_FORMAT, r->file, "its list of episodes is damaged");
    }
    if (n == 0 || n >= INT_MAX) {
        return tz_fail(r->error, TZ_ERR_FORMAT,
                       "%s: holds no groups episode_0, episode_1, ... (expected Minari's layout)",
                       r->file);
    }
    dataset->n_episodes = (int)n;
    dataset->step_offset = tz_alloc((size_t)n + 1, sizeof *dataset->step_offset);
    dataset->origin = tz_alloc((size_t)n, sizeof *dataset->origin);
    return dataset->step_offset && dataset->origin
               ? TZ_OK
               : tz_fail(r->error, TZ_ERR_MEMORY, "%s: no memory for %lld episodes", r->file, n);
}

static tz_status read_all(reader *r, const char *env) {
    tz_dataset *dataset = r->dataset;
    TZ_CHECK(open_file(r));
    TZ_CHECK(tz__h5_get_long_text(r->h5, "config", &dataset->config, r->file, r->error));
    if (dataset->config != NULL && !tz_json_is_small(dataset->config, strlen(dataset->config))) {
        return tz_fail(r->error, TZ_ERR_FORMAT,
                       "%s: its configuration holds more JSON values than any of this program",
                       r->file);
    }
    TZ_CHECK(describe(r, env));
    TZ_CHECK(count_episodes(r));
    for (int e = 0; e < dataset->n_episodes; e++) {
        TZ_CHECK(read_episode(r, e));
        if (tz_dataset_length(dataset, e) > 0) {
            TZ_CHECK(check_values(r, e));
        }
    }
    dataset->n_steps = dataset->step_offset[dataset->n_episodes];
    TZ_CHECK(reserve(r, dataset->n_steps, dataset->n_steps, dataset->n_episodes));
    return check_totals(r);
}

tz_status tz__dataset_read_hdf5(tz_dataset **dataset, const char *path, const char *env,
                                tz_fault_fn fault, void *context, tz_error *error) {
    *dataset = NULL;
    reader r = {.path = path, .h5 = -1, .fault = fault, .context = context, .error = error};
    TZ_CHECK(locate(&r));
    r.dataset = tz_alloc(1, sizeof *r.dataset);
    if (!r.dataset) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for a dataset", path);
    }
    tz__h5_begin();
    const tz_status status = read_all(&r, env);
    if (r.h5 >= 0) {
        H5Fclose(r.h5);
    }
    tz__h5_end();
    if (status != TZ_OK) {
        tz_dataset_destroy(r.dataset);
        return status;
    }
    *dataset = r.dataset;
    return TZ_OK;
}

tz_status tz_dataset_read_tolerant(tz_dataset **dataset, const char *path, const char *env,
                                   tz_fault_fn fault, void *context, tz_error *error) {
    *dataset = NULL;
    reader r = {.path = path, .error = error};
    TZ_CHECK(locate(&r));
    const tz__reading reading = {.layout = TZ__MINARI,
                                 .path = path,
                                 .env = env,
                                 .file = r.file,
                                 .fault = fault,
                                 .context = context};
    return tz__guarded_read(dataset, &reading, error);
}

tz_status tz_dataset_read(tz_dataset **dataset, const char *path, const char *env,
                          tz_error *error) {
    return tz_dataset_read_tolerant(dataset, path, env, NULL, NULL, error);
}

void tz_dataset_destroy(tz_dataset *dataset) {
    if (!dataset) {
        return;
    }
    if (dataset->mapped) {
        munmap(dataset->mapped, dataset->mapped_bytes);
        tz_free(dataset);
        return;
    }
    tz_free(dataset->step_offset);
    tz_free(dataset->z);
    tz_free(dataset->u);
    tz_free(dataset->reward);
    tz_free(dataset->terminated);
    tz_free(dataset->truncated);
    tz_free(dataset->origin);
    tz_free(dataset->config);
    tz_free(dataset);
}
