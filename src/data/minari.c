#include "data/minari.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/run_folder.h"
#include "data/h5.h"

#include <json-c/json_tokener.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Largest chunk: HDF5's chunk cache holds 1 MiB per array.
enum { CHUNK_BYTES = 1 << 20 };
// The file in memory grows by this much.
enum { GROWTH_BYTES = 1 << 24 };
// For sentences about a file that is on no disk yet.
static const char *const FILE_NAME = "main_data.hdf5";

struct tz__minari_file {
    const tz_task *task;
    hid_t file, bool_type, group_plist;
    int n_episodes;
};

// ---- main_data.hdf5

// The file-wide attributes: what a reader must know to use the states.
static bool put_attributes(hid_t file, const tz_task *task, const char *mujoco,
                           const char *config_json) {
    return tz__h5_put_text(file, "program", tz_version()) &&
           tz__h5_put_text(file, "mujoco_version", mujoco) &&
           tz__h5_put_text(file, "env", task->name) && tz__h5_put_i64(file, "nq", task->nq) &&
           tz__h5_put_i64(file, "nv", task->nv) && tz__h5_put_i64(file, "nu", task->nu) &&
           tz__h5_put_f64(file, "dt", task->dt_s) &&
           tz__h5_put_i64(file, "max_episode_steps", task->max_episode_steps) &&
           tz__h5_put_bool(file, "ends_early", task->ends_early) &&
           (task->digest[0] == '\0' || tz__h5_put_text(file, "env_digest", task->digest)) &&
           (task->env_arguments[0] == '\0' ||
            tz__h5_put_text(file, "env_arguments", task->env_arguments)) &&
           tz__h5_put_text(file, "config", config_json);
}

tz_status tz__minari_create(tz__minari_file **file, const tz_task *task, const char *mujoco,
                            const char *config_json, tz_error *error) {
    tz__minari_file *f = *file = tz_alloc(1, sizeof *f);
    if (!f) {
        return tz_fail(error, TZ_ERR_MEMORY, "no memory to make %s", FILE_NAME);
    }
    tz__h5_begin();
    // Equal input gives equal bytes: no time stamps, and one version of the format for every HDF5:
    // the earliest, as h5py writes; the superblock of later ones has a checksum, which HDF5 1.10
    // spoils when it hands out the image.
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS), creation = H5Pcreate(H5P_FILE_CREATE);
    f->group_plist = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_fapl_core(access, GROWTH_BYTES, false);
    H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    H5Pset_obj_track_times(creation, false);
    H5Pset_obj_track_times(f->group_plist, false);
    f->task = task;
    f->bool_type = tz__h5_bool_type();
    f->file = H5Fcreate(FILE_NAME, H5F_ACC_TRUNC, creation, access);
    H5Pclose(creation);
    H5Pclose(access);
    if (f->file < 0 || !put_attributes(f->file, task, mujoco, config_json)) {
        tz__h5_fail(error, TZ_ERR_MEMORY, FILE_NAME, "cannot be made");
        tz__minari_destroy(f);
        *file = NULL;
        return TZ_ERR_MEMORY;
    }
    return TZ_OK;
}

// Writes an array (rows), or (rows, cols) if ndim is 2, that can grow by rows. Without controls
// cols is 0, which a chunk cannot be.
static bool put_array(hid_t group, const char *name, hid_t file_type, hid_t memory_type, int ndim,
                      size_t rows, size_t cols, const void *values) {
    const size_t chunk_cols = cols > 0 ? cols : 1, row_bytes = H5Tget_size(file_type) * chunk_cols;
    // As few chunks as the limit allows, of nearly equal size.
    const size_t most_rows = row_bytes < CHUNK_BYTES ? CHUNK_BYTES / row_bytes : 1;
    const size_t n_chunks = (rows + most_rows - 1) / most_rows;
    const hsize_t dims[2] = {rows, cols},
                  max_dims[2] = {H5S_UNLIMITED, cols > 0 ? cols : H5S_UNLIMITED};
    const hsize_t chunk[2] = {(rows + n_chunks - 1) / n_chunks, chunk_cols};

    const hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(plist, false);
    H5Pset_fill_time(plist, H5D_FILL_TIME_ALLOC);
    H5Pset_chunk(plist, ndim, chunk);
    const hid_t space = H5Screate_simple(ndim, dims, max_dims);
    const hid_t array = H5Dcreate2(group, name, file_type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
    const bool ok = array >= 0 &&
                    H5Dwrite(array, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0 &&
                    H5Dclose(array) >= 0;
    H5Sclose(space);
    H5Pclose(plist);
    return ok;
}

// The attributes of Minari's collector (population standard deviation), then ours.
static bool put_episode_attributes(hid_t group, int id, const tz_episode *episode) {
    const int T = episode->T;
    double sum = 0, squares = 0, low = episode->reward[0], high = low;
    for (int t = 0; t < T; t++) {
        sum += episode->reward[t];
        low = fmin(low, episode->reward[t]);
        high = fmax(high, episode->reward[t]);
    }
    const double mean = sum / T;
    for (int t = 0; t < T; t++) {
        squares += (episode->reward[t] - mean) * (episode->reward[t] - mean);
    }
    return tz__h5_put_i64(group, "id", id) && tz__h5_put_i64(group, "total_steps", T) &&
           tz__h5_put_f64(group, "rewards_sum", sum) &&
           tz__h5_put_f64(group, "rewards_mean", mean) &&
           tz__h5_put_f64(group, "rewards_std", sqrt(squares / T)) &&
           tz__h5_put_f64(group, "rewards_max", high) &&
           tz__h5_put_f64(group, "rewards_min", low) &&
           (episode->unseeded || (tz__h5_put_u64(group, "reset_seed", episode->seed) &&
                                  tz__h5_put_u64(group, "reset_episode", episode->episode))) &&
           tz__h5_put_i64(group, "policy", episode->policy) &&
           tz__h5_put_f64(group, "noise", episode->noise) &&
           tz__h5_put_bool(group, "unstable", episode->unstable) &&
           (!episode->bad_reward || tz__h5_put_bool(group, "bad_reward", true));
}

static bool put_empty_group(hid_t group, const char *name, hid_t plist) {
    const hid_t made = H5Gcreate2(group, name, H5P_DEFAULT, plist, H5P_DEFAULT);
    return made >= 0 && H5Gclose(made) >= 0;
}

tz_status tz__minari_append(tz__minari_file *f, const tz_episode *episode, tz_error *error) {
    const size_t T = (size_t)episode->T, nz = (size_t)tz_task_nz(f->task), nu = (size_t)f->task->nu;
    const int id = f->n_episodes++;
    const hid_t flag = f->bool_type;
    char name[32];
    snprintf(name, sizeof name, "episode_%d", id);
    const hid_t group = H5Gcreate2(f->file, name, H5P_DEFAULT, f->group_plist, H5P_DEFAULT);
    const bool ok =
        group >= 0 && put_episode_attributes(group, id, episode) &&
        put_array(group, "observations", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 2, T + 1, nz,
                  episode->z) &&
        put_array(group, "actions", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, T, nu, episode->u) &&
        put_array(group, "rewards", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 1, T, 1, episode->reward) &&
        put_array(group, "terminations", flag, flag, 1, T, 1, episode->terminated) &&
        put_array(group, "truncations", flag, flag, 1, T, 1, episode->truncated) &&
        put_empty_group(group, "infos", f->group_plist) && H5Gclose(group) >= 0;
    return ok ? TZ_OK : tz__h5_fail(error, TZ_ERR_MEMORY, FILE_NAME, "episode %d does not fit", id);
}

tz_status tz__minari_write(const tz__minari_file *f, const char *path, size_t *bytes,
                           tz_error *error) {
    const ssize_t size =
        H5Fflush(f->file, H5F_SCOPE_LOCAL) < 0 ? -1 : H5Fget_file_image(f->file, NULL, 0);
    void *image = size > 0 ? tz_alloc((size_t)size, 1) : NULL;
    tz_status status;
    if (image && H5Fget_file_image(f->file, image, (size_t)size) == size) {
        status = tz_file_write(path, image, (size_t)size, error);
    } else {
        status = tz__h5_fail(error, TZ_ERR_MEMORY, path, "no memory to write it");
    }
    tz_free(image);
    *bytes = size > 0 ? (size_t)size : 0;
    return status;
}

void tz__minari_destroy(tz__minari_file *f) {
    if (!f) {
        return;
    }
    H5Tclose(f->bool_type);
    H5Pclose(f->group_plist);
    if (f->file >= 0) {
        H5Fclose(f->file);
    }
    tz__h5_end();
    tz_free(f);
}

// ---- metadata.json

// What Gymnasium's own observation of an environment is to the raw state [q, v].
typedef enum observation {
    OBSERVES_RAW,   // it is the raw state
    OBSERVES_LESS,  // with exclude_current_positions_from_observation = false
    OBSERVES_MORE,  // so, and with n_parts of the derived quantities switched off
    OBSERVES_OTHER, // other functions of the state: no option makes it raw
} observation;

// Derived quantities that an observation can hold, the humanoids' all and the ant's first.
static const char *const parts[] = {"include_cfrc_ext_in_observation",
                                    "include_cinert_in_observation", "include_cvel_in_observation",
                                    "include_qfrc_actuator_in_observation"};

// How Gymnasium registers an environment, but for the version.
typedef struct registration {
    const char *name, *module;
    double reward_threshold; // NAN: none
    observation observes_v4, observes_v5;
    int n_parts;
    bool clips_velocity;   // its observation clips v to [-10, 10] even then
    bool unhealthy_option; // early ends can be switched off by terminate_when_unhealthy
} registration;

// clang-format off
static const registration registrations[] = {
    {"HalfCheetah", "half_cheetah", 4800, OBSERVES_LESS, OBSERVES_LESS, 0, false, false},
    {"Hopper", "hopper", 3800, OBSERVES_LESS, OBSERVES_LESS, 0, true, true},
    {"Swimmer", "swimmer", 360, OBSERVES_LESS, OBSERVES_LESS, 0, false, false},
    {"Walker2d", "walker2d", NAN, OBSERVES_LESS, OBSERVES_LESS, 0, true, true},
    {"InvertedPendulum", "inverted_pendulum", 950, OBSERVES_RAW, OBSERVES_RAW, 0, false, false},
    {"InvertedDoublePendulum", "inverted_double_pendulum", 9100, OBSERVES_OTHER, OBSERVES_OTHER, 0, false, false},
    {"Reacher", "reacher", -3.75, OBSERVES_OTHER, OBSERVES_OTHER, 0, false, false},
    {"Pusher", "pusher", 0, OBSERVES_OTHER, OBSERVES_OTHER, 0, false, false},
    {"Ant", "ant", 6000, OBSERVES_LESS, OBSERVES_MORE, 1, false, true},
    {"Humanoid", "humanoid", NAN, OBSERVES_OTHER, OBSERVES_MORE, 4, false, true},
    {"HumanoidStandup", "humanoidstandup", NAN, OBSERVES_OTHER, OBSERVES_MORE, 4, false, false},
};
// clang-format on

static const registration *find_registration(const tz_task *task) {
    const size_t length = strcspn(task->gymnasium_id, "-");
    for (size_t i = 0; i < TZ_COUNTOF(registrations); i++) {
        const registration *known = &registrations[i];
        if (strlen(known->name) == length &&
            strncmp(known->name, task->gymnasium_id, length) == 0) {
            return known;
        }
    }
    return NULL;
}

static observation observation_of(const registration *known, const tz_task *task) {
    return task->version == 4 ? known->observes_v4 : known->observes_v5;
}

// Adds a JSON document inside a JSON string; takes the document over.
static void add_document(struct json_object *object, const char *key,
                         struct json_object *document) {
    tz_json_add_text(object, key, json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN));
    json_object_put(document);
}

// Arguments of Gymnasium's constructor that are not the default.
static void add_arguments(struct json_object *kwargs, const tz_task *task) {
    const tz_env_info *info = tz_env_info_find(task->name);
    for (int i = 0; info && i < info->n_arguments; i++) {
        const tz_argument *argument = &info->arguments[i];
        double value[2];
        if (argument->kind == TZ_ARGUMENT_FLAG || !tz_argument_get(argument, task, value)) {
            continue;
        }
        if (argument->kind == TZ_ARGUMENT_RANGE) {
            struct json_object *range = json_object_new_array();
            json_object_array_add(range, tz_json_real(value[0]));
            json_object_array_add(range, tz_json_real(value[1]));
            json_object_object_add(kwargs, argument->name, range);
        } else {
            tz_json_add_real(kwargs, argument->name, value[0]);
        }
    }
}

// Gymnasium's EnvSpec, or NULL where Gymnasium has no environment with this end.
static struct json_object *env_spec(const tz_task *task) {
    const registration *known = find_registration(task);
    if (!known || (task->terminated && !task->ends_early && !known->unhealthy_option)) {
        return NULL;
    }
    struct json_object *spec = json_object_new_object(), *kwargs = json_object_new_object();
    const observation observes = observation_of(known, task);
    if (observes == OBSERVES_LESS || observes == OBSERVES_MORE) {
        tz_json_add_bool(kwargs, "exclude_current_positions_from_observation", false);
    }
    for (int i = 0; observes == OBSERVES_MORE && i < known->n_parts; i++) {
        tz_json_add_bool(kwargs, parts[i], false);
    }
    if (task->terminated && !task->ends_early) {
        tz_json_add_bool(kwargs, "terminate_when_unhealthy", false);
    }
    add_arguments(kwargs, task);
    char entry_point[128];
    snprintf(entry_point, sizeof entry_point, "gymnasium.envs.mujoco.%s_v%d:%sEnv", known->module,
             task->version, known->name);
    tz_json_add_text(spec, "id", task->gymnasium_id);
    tz_json_add_text(spec, "entry_point", entry_point);
    json_object_object_add(spec, "reward_threshold",
                           isnan(known->reward_threshold) ? NULL
                                                          : tz_json_real(known->reward_threshold));
    tz_json_add_bool(spec, "nondeterministic", false);
    tz_json_add_int(spec, "max_episode_steps", task->max_episode_steps);
    tz_json_add_bool(spec, "disable_env_checker", false);
    json_object_object_add(spec, "kwargs", kwargs);
    json_object_object_add(spec, "additional_wrappers", json_object_new_array());
    json_object_object_add(spec, "vector_entry_point", NULL);
    return spec;
}

// A Box of n numbers; low and high (n) or, when NULL, unbounded.
static struct json_object *box(const char *dtype, int n, const double *low, const double *high) {
    struct json_object *space = json_object_new_object(), *shape = json_object_new_array(),
                       *lows = json_object_new_array(), *highs = json_object_new_array();
    json_object_array_add(shape, json_object_new_int(n));
    for (int i = 0; i < n; i++) {
        json_object_array_add(lows, tz_json_real(low ? low[i] : -INFINITY));
        json_object_array_add(highs, tz_json_real(high ? high[i] : INFINITY));
    }
    tz_json_add_text(space, "type", "Box");
    tz_json_add_text(space, "dtype", dtype);
    json_object_object_add(space, "shape", shape);
    json_object_object_add(space, "low", lows);
    json_object_object_add(space, "high", highs);
    return space;
}

// The name of a folder, also when it was given as "." or with a slash at the end.
static tz_status folder_name(char name[TZ_PATH_MAX], const char *folder, tz_error *error) {
    char *real = realpath(folder, NULL);
    if (!real) {
        return tz_fail(error, TZ_ERR_IO, "%s: no such folder", folder);
    }
    const char *slash = strrchr(real, '/');
    snprintf(name, TZ_PATH_MAX, "%s", slash && slash[1] != '\0' ? slash + 1 : "dataset");
    free(real);
    return TZ_OK;
}

// An id that Minari parses: letters, digits, '-' and '_', then "-v<number>".
static tz_status dataset_id(char id[TZ_PATH_MAX + 4], const char *folder, tz_error *error) {
    char name[TZ_PATH_MAX];
    TZ_CHECK(folder_name(name, folder, error));
    for (char *c = name; *c != '\0'; c++) {
        const bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                           (*c >= '0' && *c <= '9') || *c == '-' || *c == '_';
        *c = plain ? *c : '_';
    }
    const size_t length = strlen(name);
    size_t version = length;
    while (version > 0 && name[version - 1] >= '0' && name[version - 1] <= '9') {
        version--;
    }
    const bool has_version =
        version < length && version > 2 && strncmp(name + version - 2, "-v", 2) == 0;
    snprintf(id, TZ_PATH_MAX + 4, "%s%s", name, has_version ? "" : "-v0");
    return TZ_OK;
}

static void add_description(struct json_object *object, const tz__minari_metadata *m) {
    const registration *known = find_registration(m->task);
    const char *note = "";
    if (known && known->clips_velocity) {
        note = "; Gymnasium's own observation clips v to [-10, 10], so the two agree only inside";
    } else if (known && observation_of(known, m->task) == OBSERVES_OTHER) {
        note = "; the observation of Gymnasium's environment is another one";
    }
    char text[2048];
    snprintf(text, sizeof text,
             "%s%sObservations are the raw state [q, v] of MuJoCo %s, %d positions and %d "
             "velocities, unclipped%s.",
             m->description, m->description[0] ? " " : "", m->mujoco, m->task->nq, m->task->nv,
             note);
    tz_json_add_text(object, "description", text);
}

// What Minari does not know but a reader may ask for.
static void add_ours(struct json_object *object, const tz__minari_metadata *m) {
    const tz_task *task = m->task;
    struct json_object *ours = json_object_new_object();
    tz_json_add_text(ours, "program", tz_version());
    tz_json_add_text(ours, "mujoco", m->mujoco);
    tz_json_add_text(ours, "env", task->name);
    tz_json_add_int(ours, "nq", task->nq);
    tz_json_add_int(ours, "nv", task->nv);
    tz_json_add_int(ours, "nu", task->nu);
    tz_json_add_real(ours, "dt", task->dt_s);
    if (task->env_arguments[0] != '\0') {
        tz_json_add_text(ours, "env_arguments", task->env_arguments);
    }
    json_object_object_add(ours, "config", json_tokener_parse(m->config_json));
    json_object_object_add(object, "trapeze", ours);
}

// One version, not "unknown" nor a list of several.
static bool is_version(const char *text) {
    return text[strspn(text, "0123456789.")] == '\0';
}

tz_status tz__minari_write_metadata(const char *path, const tz__minari_metadata *m,
                                    tz_error *error) {
    char id[TZ_PATH_MAX + 4], requirement[64];
    if (m->dataset_id[0] != '\0') {
        snprintf(id, sizeof id, "%s", m->dataset_id);
    } else {
        TZ_CHECK(dataset_id(id, m->folder, error));
    }
    snprintf(requirement, sizeof requirement, "mujoco==%s", m->mujoco);

    struct json_object *object = json_object_new_object(), *spec = env_spec(m->task);
    tz_json_add_text(object, "dataset_id", id);
    tz_json_add_text(object, "minari_version", "0.5.3");
    tz_json_add_text(object, "data_format", "hdf5");
    tz_json_add_bool(object, "jpeg_encoding", false);
    tz_json_add_int(object, "total_episodes", m->n_episodes);
    tz_json_add_int(object, "total_steps", (int64_t)m->n_steps);
    tz_json_add_real(object, "dataset_size", round((double)m->file_bytes / 1e5) / 10);
    add_document(object, "observation_space", box("float64", tz_task_nz(m->task), NULL, NULL));
    add_document(object, "action_space",
                 box("float32", m->task->nu, m->task->control_low, m->task->control_high));
    if (spec) {
        add_document(object, "env_spec", spec);
    }
    tz_json_add_text(object, "algorithm_name", m->algorithm_name ? m->algorithm_name : "");
    add_description(object, m);
    struct json_object *requirements = json_object_new_array();
    json_object_array_add(requirements, json_object_new_string("gymnasium>=1.0"));
    if (is_version(m->mujoco)) {
        json_object_array_add(requirements, json_object_new_string(requirement));
    }
    json_object_object_add(object, "requirements", requirements);
    add_ours(object, m);
    const tz_status status = tz_json_write(path, object, error);
    json_object_put(object);
    return status;
}
