// Reading datasets. The file is hostile until checked: what it is, every link, type, shape and
// count before memory is asked for, then every value. A broken rule is either the sentence that
// ends the reading, or, for those who want to know them all, a call for each.
//
// A file of the plain layout that breaks no rule is read by our own reader, at the speed of its
// bytes. Every other file is read by HDF5, which then also finds the words for what is wrong.
#include "data/dataset.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "base/run_folder.h"
#include "data/source.h"

#include <json-c/json_tokener.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

// The five arrays of an episode, in the order in which they are read.
enum { OBSERVATIONS, ACTIONS, REWARDS, TERMINATIONS, TRUNCATIONS, N_COLUMNS };
static const struct {
    const char *name;
    bool flag; // one byte instead of a real number
    int ndim;
} columns[N_COLUMNS] = {
    [OBSERVATIONS] = {"observations", false, 2}, [ACTIONS] = {"actions", false, 2},
    [REWARDS] = {"rewards", false, 1},           [TERMINATIONS] = {"terminations", true, 1},
    [TRUNCATIONS] = {"truncations", true, 1},
};

typedef struct reader {
    const char *path;               // as given
    char file[TZ_PATH_MAX];         // the HDF5 file
    char metadata[TZ_PATH_MAX];     // metadata.json beside it, or ""
    long long total_episodes;       // as metadata.json says, or -1
    long long total_steps;          // likewise
    char metadata_env[TZ_NAME_MAX]; // environment of metadata.json's env_spec, or ""
    tz__source *source;
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

// Reads what metadata.json says about the whole: counts, and the environment if it is one of ours.
static tz_status read_metadata(reader *r) {
    struct json_object *metadata, *value;
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
        struct json_object *spec = json_tokener_parse(json_object_get_string(value)), *id;
        if (spec && json_object_object_get_ex(spec, "id", &id) &&
            json_object_is_type(id, json_type_string)) {
            tz_env_task_name(r->metadata_env, json_object_get_string(id));
        }
        json_object_put(spec);
    }
    json_object_put(metadata);
    return TZ_OK;
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

// ---- what it is

// Dimensions as the environment has them. The environment is made for a moment to be asked.
static tz_status ask_environment(reader *r, const char *name, int64_t *nq, int64_t *nv) {
    tz_dataset *dataset = r->dataset;
    tz_env_def def = tz_env_def_default();
    def.name = name;
    tz_env *env;
    TZ_CHECK(tz_env_create(&env, &def, r->error));
    const tz_task *task = tz_env_task(env);
    tz_status status = TZ_OK;
    if ((*nq >= 0 && *nq != task->nq) || (*nv >= 0 && *nv != task->nv)) {
        status = tz_fail(r->error, TZ_ERR_MISMATCH,
                         "%s: nq = %lld, nv = %lld, but %s has nq = %d, nv = %d", r->file,
                         (long long)*nq, (long long)*nv, task->name, task->nq, task->nv);
    }
    snprintf(dataset->env, sizeof dataset->env, "%s", task->name);
    *nq = task->nq;
    *nv = task->nv;
    dataset->nu = task->nu;
    dataset->nz = tz_task_nz(task);
    dataset->dt_s = task->dt_s;
    dataset->max_episode_steps = task->max_episode_steps;
    dataset->ends_early = task->ends_early;
    tz_env_destroy(env);
    return status;
}

static tz__found get_number(const reader *r, tz__node node, const char *name, tz__number type,
                            void *value) {
    return r->source->ops->get_number(r->source, node, name, type, value);
}

// The attribute `env`, cut to the length of a name; "" if there is none.
static tz__found read_name(const reader *r, char name[TZ_NAME_MAX]) {
    char *text = NULL;
    const tz__found found = r->source->ops->get_text(r->source, TZ__ROOT, "env", &text);
    snprintf(name, TZ_NAME_MAX, "%s", text ? text : "");
    tz_free(text);
    return found;
}

// Finds the environment (the file's word, then metadata.json's, then the caller's) and dimensions.
static tz_status describe(reader *r, const char *env) {
    tz_dataset *dataset = r->dataset;
    char name[TZ_NAME_MAX];
    int64_t nq = -1, nv = -1, max_steps = 0;
    double dt_s = 0;
    bool ends_early = true;
    const tz__found found[] = {read_name(r, name),
                               get_number(r, TZ__ROOT, "nq", TZ__I64, &nq),
                               get_number(r, TZ__ROOT, "nv", TZ__I64, &nv),
                               get_number(r, TZ__ROOT, "dt", TZ__F64, &dt_s),
                               get_number(r, TZ__ROOT, "max_episode_steps", TZ__I64, &max_steps),
                               get_number(r, TZ__ROOT, "ends_early", TZ__BYTE, &ends_early)};
    for (size_t i = 0; i < TZ_COUNTOF(found); i++) {
        if (found[i] == TZ__UNREADABLE) {
            return tz_fail(r->error, TZ_ERR_FORMAT,
                           "%s: an attribute of the file is of a wrong type (expected env: text; "
                           "nq, nv, max_episode_steps: integers; dt: real; ends_early: bool)",
                           r->file);
        }
    }
    if (nq < -1 || nv < -1 || nq > TZ_NQ_MAX || nv > TZ_NQ_MAX || (nq < 0) != (nv < 0) ||
        !(dt_s >= 0 && dt_s < 1e6) || max_steps < 0 || max_steps > INT_MAX) {
        return tz_fail(r->error, TZ_ERR_FORMAT,
                       "%s: attributes nq = %lld, nv = %lld, dt = %g, max_episode_steps = %lld are "
                       "out of range",
                       r->file, (long long)nq, (long long)nv, dt_s, (long long)max_steps);
    }
    if (name[0] == '\0') {
        snprintf(name, sizeof name, "%s", r->metadata_env);
    }
    char asked[TZ_NAME_MAX];
    if (env && tz_env_task_name(asked, env) && name[0] != '\0' && strcmp(asked, name) != 0) {
        return tz_fail(r->error, TZ_ERR_MISMATCH, "%s: recorded in %s, but %s was asked for",
                       r->file, name, asked);
    }
    snprintf(dataset->env, sizeof dataset->env, "%s", name);
    if (env || tz_env_exists(name)) {
        TZ_CHECK(ask_environment(r, env ? env : name, &nq, &nv));
    }
    dataset->nq = (int)nq;
    dataset->nv = (int)nv;
    dataset->nz = nq < 0 ? 0 : (int)(nq + nv);
    if (found[3] == TZ__READ) {
        dataset->dt_s = dt_s;
    }
    if (found[4] == TZ__READ) {
        dataset->max_episode_steps = (int)max_steps;
    }
    if (found[5] == TZ__READ) {
        dataset->ends_early = ends_early;
    }
    return TZ_OK;
}

// ---- links, types, shapes

// "<file>: <what> (<the reason that the source gives>)".
static tz_status fail_reading(const reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static tz_status fail_reading(const reader *r, const char *format, ...) {
    char reason[256], what[256];
    r->source->ops->reason(r->source, reason, sizeof reason);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (reason[0] == '\0') {
        return tz_fail(r->error, TZ_ERR_FORMAT, "%s: %s", r->file, what);
    }
    return tz_fail(r->error, TZ_ERR_FORMAT, "%s: %s (HDF5: %s)", r->file, what, reason);
}

// Opens array `column` of an episode and checks all but its row count. *opened stays false when a
// rule is broken.
static tz_status open_column(const reader *r, tz__node group, int episode, int column,
                             tz__array *array, bool *opened) {
    const char *name = columns[column].name;
    *opened = false;
    switch (r->source->ops->open_array(r->source, group, name, array)) {
    case TZ__ABSENT:
        return broken(r, "missing", episode, -1, "%s is missing", name);
    case TZ__UNREADABLE:
        return broken(r, "type", episode, -1, "%s is not an array stored in the file", name);
    case TZ__READ:
        break;
    }
    const bool fits = columns[column].flag ? array->type == TZ__BYTE
                                           : array->type == TZ__F64 || array->type == TZ__F32;
    if (fits && array->ndim == columns[column].ndim) {
        *opened = true;
        return TZ_OK;
    }
    r->source->ops->close_array(r->source, array);
    if (!fits) {
        return broken(r, "type", episode, -1, "%s has the wrong type (expected %s)", name,
                      columns[column].flag ? "bool" : "float32 or float64");
    }
    return broken(r, "shape", episode, -1, "%s has %d dimensions (expected %d)", name, array->ndim,
                  columns[column].ndim);
}

// Checks the shapes of an episode against each other and the environment. The first episode fixes
// dimensions that nothing else says. *T stays 0 when a rule is broken.
static tz_status check_shapes(const reader *r, int episode, const tz__array found[N_COLUMNS],
                              int *T) {
    tz_dataset *dataset = r->dataset;
    const uint64_t rows = found[REWARDS].rows;
    const char *against = dataset->env[0] ? dataset->env : "the file";
    *T = 0;
    if (dataset->nz == 0 && found[OBSERVATIONS].cols <= 2 * TZ_NQ_MAX) {
        dataset->nz = (int)found[OBSERVATIONS].cols;
    }
    if (dataset->nu == 0 && found[ACTIONS].cols <= TZ_NU_MAX) {
        dataset->nu = (int)found[ACTIONS].cols;
    }
    if (found[OBSERVATIONS].cols != (uint64_t)dataset->nz || dataset->nz == 0) {
        return broken(r, "shape", episode, -1,
                      "observations have %llu columns (expected %d: the raw state [q, v] of %s)",
                      (unsigned long long)found[OBSERVATIONS].cols, dataset->nz, against);
    }
    if (found[ACTIONS].cols != (uint64_t)dataset->nu) {
        return broken(r, "shape", episode, -1, "actions have %llu columns (expected %d for %s)",
                      (unsigned long long)found[ACTIONS].cols, dataset->nu, against);
    }
    if (rows == 0 || rows >= INT_MAX) {
        return broken(r, "shape", episode, -1, "%llu rewards (expected at least 1)",
                      (unsigned long long)rows);
    }
    for (int c = 0; c < N_COLUMNS; c++) {
        const uint64_t expected = c == OBSERVATIONS ? rows + 1 : rows;
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

// Measures one episode: its number of transitions (0: a rule is broken) and its bytes.
static tz_status measure_episode(const reader *r, int episode, int *T, double *bytes) {
    *T = 0;
    const tz__node group = r->source->ops->open_episode(r->source, episode);
    if (group < 0) {
        return broken(r, "ids", episode, -1, "group episode_%d is missing (ids must be sequential)",
                      episode);
    }
    tz__array found[N_COLUMNS];
    tz_status status = TZ_OK;
    bool whole = true;
    for (int c = 0; c < N_COLUMNS && status == TZ_OK; c++) {
        bool opened;
        status = open_column(r, group, episode, c, &found[c], &opened);
        whole = whole && opened;
        if (opened) {
            *bytes += (double)found[c].rows * (double)found[c].cols * (double)found[c].item_bytes;
            r->source->ops->close_array(r->source, &found[c]);
        }
    }
    if (status == TZ_OK && whole) {
        status = check_shapes(r, episode, found, T);
    }
    r->source->ops->close_episode(r->source, group);
    return status;
}

// Refuses a file whose arrays claim more bytes than its size can hold, before memory is asked for.
static tz_status check_claim(const reader *r, double bytes) {
    struct stat status;
    if (stat(r->file, &status) != 0 || bytes > r->source->max_expansion * (double)status.st_size) {
        return tz_fail(r->error, TZ_ERR_FORMAT, "%s: claims %.3g bytes of data in a smaller file",
                       r->file, bytes);
    }
    return TZ_OK;
}

// Lays the episodes out: step_offset, and with it the size of everything.
static tz_status measure(reader *r) {
    tz_dataset *dataset = r->dataset;
    const long long n = r->source->ops->count_episodes(r->source);
    if (n < 0) {
        return fail_reading(r, "its list of episodes is damaged");
    }
    if (n == 0 || n >= INT_MAX) {
        return tz_fail(r->error, TZ_ERR_FORMAT,
                       "%s: holds no groups episode_0, episode_1, ... (expected Minari's layout)",
                       r->file);
    }
    dataset->n_episodes = (int)n;
    dataset->step_offset = tz_alloc((size_t)n + 1, sizeof *dataset->step_offset);
    dataset->origin = tz_alloc((size_t)n, sizeof *dataset->origin);
    if (!dataset->step_offset || !dataset->origin) {
        return tz_fail(r->error, TZ_ERR_MEMORY, "%s: no memory for %lld episodes", r->file, n);
    }
    double bytes = 0;
    for (int e = 0; e < dataset->n_episodes; e++) {
        int T;
        TZ_CHECK(measure_episode(r, e, &T, &bytes));
        dataset->step_offset[e + 1] = dataset->step_offset[e] + (size_t)T;
    }
    dataset->n_steps = dataset->step_offset[n];
    return check_claim(r, bytes);
}

static tz_status allocate(reader *r) {
    tz_dataset *dataset = r->dataset;
    const size_t steps = dataset->n_steps, states = steps + (size_t)dataset->n_episodes;
    dataset->z = tz_alloc(states * (size_t)dataset->nz, sizeof *dataset->z);
    dataset->u = tz_alloc(steps * (size_t)dataset->nu, sizeof *dataset->u);
    dataset->reward = tz_alloc(steps, sizeof *dataset->reward);
    dataset->terminated = tz_alloc(steps, sizeof *dataset->terminated);
    dataset->truncated = tz_alloc(steps, sizeof *dataset->truncated);
    if (steps > 0 && (!dataset->z || !dataset->u || !dataset->reward || !dataset->terminated ||
                      !dataset->truncated)) {
        return tz_fail(r->error, TZ_ERR_MEMORY, "%s: no memory for %zu transitions", r->file,
                       steps);
    }
    return TZ_OK;
}

// ---- values

// Reads array `column` into `values`, which has room for `rows` rows of `cols`.
static tz_status read_column(const reader *r, tz__node group, int episode, int column, void *values,
                             size_t rows, size_t cols, tz__number type) {
    tz__array array;
    bool opened;
    TZ_CHECK(open_column(r, group, episode, column, &array, &opened));
    // The shapes were measured before; the file must not have changed since.
    const bool ok = opened && array.rows == rows && array.cols == cols &&
                    r->source->ops->read_array(r->source, &array, type, values);
    if (opened) {
        r->source->ops->close_array(r->source, &array);
    }
    return ok ? TZ_OK
              : fail_reading(r, "episode %d: %s cannot be read", episode, columns[column].name);
}

// Checks the group's own numbers and takes over where the episode came from.
static tz_status read_attributes(const reader *r, tz__node group, int episode, int T) {
    int64_t id = episode, total_steps = T, policy = -1;
    tz_origin origin = {.policy = -1};
    const tz__found seed = get_number(r, group, "reset_seed", TZ__U64, &origin.seed);
    const tz__found index = get_number(r, group, "reset_episode", TZ__U64, &origin.episode);
    origin.known = seed == TZ__READ && index == TZ__READ;
    get_number(r, group, "policy", TZ__I64, &policy);
    get_number(r, group, "noise", TZ__F64, &origin.noise);
    get_number(r, group, "unstable", TZ__BYTE, &origin.unstable);
    origin.policy = policy >= 0 && policy <= INT_MAX ? (int)policy : -1;
    r->dataset->origin[episode] = origin;
    if (get_number(r, group, "id", TZ__I64, &id) == TZ__UNREADABLE || id != episode) {
        TZ_CHECK(broken(r, "ids", episode, -1, "attribute id is %lld (expected %d)", (long long)id,
                        episode));
    }
    if (get_number(r, group, "total_steps", TZ__I64, &total_steps) == TZ__UNREADABLE ||
        total_steps != T) {
        TZ_CHECK(broken(r, "total_steps", episode, -1,
                        "attribute total_steps is %lld (expected %d)", (long long)total_steps, T));
    }
    return TZ_OK;
}

static tz_status read_episode(const reader *r, int episode) {
    const tz_dataset *dataset = r->dataset;
    const int T = tz_dataset_length(dataset, episode);
    const size_t steps = (size_t)T, at = dataset->step_offset[episode];
    if (T == 0) {
        return TZ_OK; // its fault was told when it was measured
    }
    const tz__node group = r->source->ops->open_episode(r->source, episode);
    if (group < 0) {
        return fail_reading(r, "episode %d cannot be opened", episode);
    }
    double *z = dataset->z + (at + (size_t)episode) * (size_t)dataset->nz;
    float *u = dataset->u + at * (size_t)dataset->nu;
    tz_status status = read_attributes(r, group, episode, T);
    const struct {
        void *values;
        size_t rows, cols;
        tz__number type;
    } target[N_COLUMNS] = {
        [OBSERVATIONS] = {z, steps + 1, (size_t)dataset->nz, TZ__F64},
        [ACTIONS] = {u, steps, (size_t)dataset->nu, TZ__F32},
        [REWARDS] = {dataset->reward + at, steps, 1, TZ__F64},
        [TERMINATIONS] = {dataset->terminated + at, steps, 1, TZ__BYTE},
        [TRUNCATIONS] = {dataset->truncated + at, steps, 1, TZ__BYTE},
    };
    for (int c = 0; c < N_COLUMNS && status == TZ_OK; c++) {
        status = read_column(r, group, episode, c, target[c].values, target[c].rows, target[c].cols,
                             target[c].type);
    }
    r->source->ops->close_episode(r->source, group);
    return status;
}

// Whether n numbers of 8 or 4 bytes are finite: an exponent of all ones is an infinity or NaN.
static bool all_finite_f64(const double *x, size_t n) {
    const uint64_t exponent = 0x7ff0000000000000;
    uint64_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bad |= (bits & exponent) == exponent;
    }
    return bad == 0;
}

static bool all_finite_f32(const float *x, size_t n) {
    const uint32_t exponent = 0x7f800000;
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bad |= (bits & exponent) == exponent;
    }
    return bad == 0;
}

static bool all_flags(const unsigned char *x, size_t n) {
    unsigned char bits = 0;
    for (size_t i = 0; i < n; i++) {
        bits |= x[i];
    }
    return bits <= 1;
}

// Every value of an episode: first whether one is wrong, then which.
static tz_status check_values(const reader *r, int episode) {
    const tz_dataset *dataset = r->dataset;
    const int T = tz_dataset_length(dataset, episode), nz = dataset->nz, nu = dataset->nu;
    const size_t at = dataset->step_offset[episode];
    const double *z = tz_dataset_states(dataset, episode);
    const float *u = tz_dataset_controls(dataset, episode);
    const size_t n = (size_t)T;
    if (T == 0 ||
        (all_finite_f64(z, (n + 1) * (size_t)nz) && all_finite_f32(u, n * (size_t)nu) &&
         all_finite_f64(dataset->reward + at, n) && all_flags(dataset->terminated + at, n) &&
         all_flags(dataset->truncated + at, n))) {
        return TZ_OK;
    }
    for (int t = 0; t <= T; t++) {
        for (int i = 0; i < nz; i++) {
            const double value = z[(size_t)t * (size_t)nz + (size_t)i];
            if (!isfinite(value)) {
                TZ_CHECK(
                    broken(r, "finite", episode, t, "observations[%d][%d] is %g", t, i, value));
            }
        }
    }
    for (int t = 0; t < T; t++) {
        for (int i = 0; i < nu; i++) {
            const double value = (double)u[(size_t)t * (size_t)nu + (size_t)i];
            if (!isfinite(value)) {
                TZ_CHECK(broken(r, "finite", episode, t, "actions[%d][%d] is %g", t, i, value));
            }
        }
        const size_t step = at + (size_t)t;
        if (!isfinite(dataset->reward[step])) {
            TZ_CHECK(
                broken(r, "finite", episode, t, "rewards[%d] is %g", t, dataset->reward[step]));
        }
        if (dataset->terminated[step] > 1 || dataset->truncated[step] > 1) {
            TZ_CHECK(broken(r, "flags", episode, t,
                            "terminations is %d and truncations %d (expected 0 or 1)",
                            dataset->terminated[step], dataset->truncated[step]));
        }
    }
    return TZ_OK;
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

static tz_status read_all(reader *r, const char *env) {
    tz_dataset *dataset = r->dataset;
    if (r->source->ops->get_text(r->source, TZ__ROOT, "config", &dataset->config) ==
        TZ__UNREADABLE) {
        return fail_reading(r, "attribute config is not text");
    }
    TZ_CHECK(describe(r, env));
    TZ_CHECK(measure(r));
    TZ_CHECK(allocate(r));
    for (int e = 0; e < dataset->n_episodes; e++) {
        TZ_CHECK(read_episode(r, e));
        TZ_CHECK(check_values(r, e));
    }
    return check_totals(r);
}

// Reads a dataset from a source that was opened with this outcome.
static tz_status read_from(reader *r, tz_status opened, const char *env) {
    TZ_CHECK(opened);
    r->dataset = tz_alloc(1, sizeof *r->dataset);
    const tz_status status =
        r->dataset ? read_all(r, env)
                   : tz_fail(r->error, TZ_ERR_MEMORY, "%s: no memory for a dataset", r->path);
    r->source->ops->close(r->source);
    if (status != TZ_OK) {
        tz_dataset_destroy(r->dataset);
        r->dataset = NULL;
    }
    return status;
}

// The digest of the file and the attempt to read it as a plain one are made side by side.
typedef struct attempt {
    reader plain;
    const char *env;
    char sha256[65];
    tz_status digested, read;
    tz_error digest_error, plain_error;
} attempt;

static void attempt_part(void *context, int part, int worker) {
    (void)worker;
    attempt *a = context;
    if (part == 0) {
        a->digested = tz_file_sha256(a->plain.file, a->sha256, &a->digest_error);
    } else {
        reader *r = &a->plain;
        a->read = read_from(r, tz__source_open_plain(&r->source, r->file, r->error), a->env);
    }
}

static tz_status run_attempt(attempt *a, tz_error *error) {
    a->plain.error = &a->plain_error;
    tz_team *team;
    TZ_CHECK(tz_team_create(&team, 2, error));
    tz_team_run(team, 2, attempt_part, a);
    tz_team_destroy(team);
    if (a->digested != TZ_OK) {
        tz_dataset_destroy(a->plain.dataset);
        return tz_fail(error, a->digested, "%s", a->digest_error.text);
    }
    return TZ_OK;
}

tz_status tz_dataset_read_tolerant(tz_dataset **dataset, const char *path, const char *env,
                                   tz_fault_fn fault, void *context, tz_error *error) {
    *dataset = NULL;
    reader r = {.path = path, .fault = fault, .context = context, .error = error};
    TZ_CHECK(locate(&r));
    attempt a = {.plain = r, .env = env};
    a.plain.fault = NULL;
    TZ_CHECK(run_attempt(&a, error));
    r.dataset = a.plain.dataset;
    if (a.read != TZ_OK) {
        TZ_CHECK(read_from(&r, tz__source_open_hdf5(&r.source, r.file, r.error), env));
    }
    memcpy(r.dataset->sha256, a.sha256, sizeof a.sha256);
    *dataset = r.dataset;
    return TZ_OK;
}

tz_status tz_dataset_read(tz_dataset **dataset, const char *path, const char *env,
                          tz_error *error) {
    return tz_dataset_read_tolerant(dataset, path, env, NULL, NULL, error);
}

void tz_dataset_destroy(tz_dataset *dataset) {
    if (!dataset) {
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
