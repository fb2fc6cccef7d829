// The journal: one safetensors file per finished episode (tensors z, u, reward, terminated,
// truncated; the rest as metadata), each written beside its place and renamed, so that a kill or a
// full disk leaves finished episodes alone. Everything that is being made lives in <folder>/journal
// until it is whole; what stands in <folder>/data is finished.
#include "data/writer.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/safetensors.h"
#include "data/minari.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json_object.h>
#include <json-c/json_tokener.h>
#include <mujoco/mujoco.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

// A configuration of this size and depth, printed with its indents, is metadata that is read back.
enum { WRITER_COOKIE = 0x77726974, CONFIG_MAX = 1 << 20, CONFIG_DEPTH_MAX = 32 };

struct tz_writer {
    tz_task task;
    char folder[TZ_PATH_MAX];
    char journal[TZ_PATH_MAX];
    char *config_json, *mujoco, *dataset_id, *description, *algorithm_name; // owned
    bool resumed;  // it goes on from what stood in the folder
    bool complete; // resumed on a finished dataset: nothing is left to do
    int lock;      // descriptor of the folder while it is this writer's, else -1
};

tz_writer_def tz_writer_def_default(void) {
    return (tz_writer_def){.cookie = WRITER_COOKIE, .config_json = "{}"};
}

// ---- beginning

static char *copy_text(const char *text) {
    const size_t size = strlen(text) + 1;
    char *copy = tz_alloc(size, 1);
    return copy ? memcpy(copy, text, size) : NULL;
}

// Where two configurations begin to differ: at the start of that item of the object or list.
static size_t first_difference(const char *a, const char *b) {
    size_t item = 0;
    for (size_t i = 0; a[i] == b[i] && a[i] != '\0'; i++) {
        item = strchr("{[,", a[i]) != NULL ? i + 1 : item;
    }
    return item;
}

// Demands that `found`, the configuration of what stands in the folder, is the writer's own.
static tz_status expect_config(const tz_writer *writer, const char *found, tz_error *error) {
    const char *expected = writer->config_json;
    if (!found) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: has no configuration, so it cannot be resumed with these options",
                       writer->folder);
    }
    if (strcmp(found, expected) != 0) {
        const size_t from = first_difference(found, expected);
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: was begun with other options, so it cannot be resumed with these (it "
                       "has '%.150s', expected '%.150s')",
                       writer->folder, found + from, expected + from);
    }
    return TZ_OK;
}

// Demands one JSON object, and nothing behind it.
static tz_status expect_object(const tz_writer_def *def, tz_error *error) {
    const char *text = def->config_json != NULL ? def->config_json : "";
    struct json_tokener *tokener = json_tokener_new_ex(CONFIG_DEPTH_MAX);
    if (tokener == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory to check a configuration", def->folder);
    }
    const size_t size = strlen(text);
    struct json_object *object =
        size < CONFIG_MAX ? json_tokener_parse_ex(tokener, text, (int)size) : NULL;
    const size_t end = json_tokener_get_parse_end(tokener);
    const bool is_object = json_object_is_type(object, json_type_object) &&
                           end + strspn(text + end, " \t\r\n") == size;
    json_object_put(object);
    json_tokener_free(tokener);
    return is_object ? TZ_OK
                     : tz_fail(error, TZ_ERR_ARGUMENT,
                               "%s: its configuration is '%.60s', expected one JSON object of "
                               "less than %d bytes and at most %d levels",
                               def->folder, text, CONFIG_MAX, CONFIG_DEPTH_MAX);
}

static tz_status take_over_finished(tz_writer *writer, tz_error *error) {
    tz_dataset *dataset;
    TZ_CHECK(tz_dataset_read(&dataset, writer->folder, NULL, error));
    const tz_status status = expect_config(writer, dataset->config, error);
    tz_dataset_destroy(dataset);
    writer->complete = true;
    return status;
}

// Another MuJoCo makes other states of the same controls: the journal keeps the version of its own.
static tz_status expect_mujoco(const tz_writer *writer, const char *found, tz_error *error) {
    return strcmp(found, writer->mujoco) == 0
               ? TZ_OK
               : tz_fail(error, TZ_ERR_MISMATCH,
                         "%s: was begun with MuJoCo %.40s, so it cannot be resumed with %s",
                         writer->folder, found, writer->mujoco);
}

// Demands that a text of the journal is what the writer says it is.
static tz_status expect_text(const tz_writer *writer, const char *file,
                             tz_status (*expect)(const tz_writer *, const char *, tz_error *),
                             tz_error *error) {
    char path[TZ_PATH_MAX], *text;
    size_t size;
    TZ_CHECK(tz_path_join(path, writer->journal, file, error));
    if (!tz_file_exists(path)) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: not there, expected what the run that is resumed began with: it is of "
                       "an earlier version of the program",
                       path);
    }
    TZ_CHECK(tz_file_read(path, &text, &size, CONFIG_MAX, error));
    const tz_status status = expect(writer, text, error);
    tz_free(text);
    return status;
}

static tz_status take_over_journal(const tz_writer *writer, tz_error *error) {
    TZ_CHECK(expect_text(writer, "config.json", expect_config, error));
    return expect_text(writer, "mujoco.txt", expect_mujoco, error);
}

static tz_status put_text(const tz_writer *writer, const char *file, const char *text,
                          tz_error *error) {
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, writer->journal, file, error));
    return tz_file_write(path, text, strlen(text), error);
}

// Empties the journal, if it is there; its configuration goes first, so that what is left by a kill
// is not taken for a journal.
static tz_status empty_journal(const tz_writer *writer, tz_error *error) {
    DIR *folder = opendir(writer->journal);
    if (!folder && errno == ENOENT) {
        return TZ_OK;
    }
    if (!folder) {
        return tz_fail(error, TZ_ERR_IO, "%s: cannot be opened: %s", writer->journal,
                       strerror(errno));
    }
    unlinkat(dirfd(folder), "config.json", 0);
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    closedir(folder);
    return TZ_OK;
}

// The configuration comes last: where it stands, the folder is a journal.
static tz_status begin_journal(const tz_writer *writer, tz_error *error) {
    TZ_CHECK(tz_make_folders(writer->journal, error));
    TZ_CHECK(empty_journal(writer, error)); // of what a removal that was killed left
    TZ_CHECK(put_text(writer, "mujoco.txt", writer->mujoco, error));
    return put_text(writer, "config.json", writer->config_json, error);
}

// Where the finished dataset of `folder` and the configuration of its journal stand.
static tz_status find_begun(const char *folder, char metadata[TZ_PATH_MAX],
                            char journal_config[TZ_PATH_MAX], tz_error *error) {
    TZ_CHECK(tz_path_join(metadata, folder, "data/metadata.json", error));
    return tz_path_join(journal_config, folder, "journal/config.json", error);
}

tz_status tz_writer_expect_unfinished(const char *folder, tz_error *error) {
    char metadata[TZ_PATH_MAX], journal_config[TZ_PATH_MAX];
    TZ_CHECK(find_begun(folder, metadata, journal_config, error));
    return tz_file_exists(metadata)
               ? tz_fail(error, TZ_ERR_ARGUMENT,
                         "%s: holds a finished dataset already (choose another folder)", folder)
               : TZ_OK;
}

tz_status tz_writer_expect_unused(const char *folder, tz_error *error) {
    char metadata[TZ_PATH_MAX], journal_config[TZ_PATH_MAX];
    TZ_CHECK(find_begun(folder, metadata, journal_config, error));
    if (tz_file_exists(journal_config)) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s: holds the journal of an unfinished dataset (resume it, or choose "
                       "another folder)",
                       folder);
    }
    return tz_writer_expect_unfinished(folder, error);
}

bool tz_writer_is_finished(const char *folder) {
    char metadata[TZ_PATH_MAX], journal_config[TZ_PATH_MAX];
    return find_begun(folder, metadata, journal_config, NULL) == TZ_OK &&
           tz_file_exists(metadata) && !tz_file_exists(journal_config);
}

// One writer a folder: the system drops the lock of a process that ends, however it ends. Where a
// file system has no locks there is none.
static tz_status lock_folder(tz_writer *writer, tz_error *error) {
    TZ_CHECK(tz_make_folders(writer->folder, error));
    writer->lock = open(writer->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return writer->lock >= 0 && flock(writer->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK
               ? tz_fail(error, TZ_ERR_ARGUMENT,
                         "%s: another process is writing this dataset, expected one at a time",
                         writer->folder)
               : TZ_OK;
}

// Looks at what stands in the folder and goes on from it, refuses it, or begins a journal. Beside a
// journal a dataset holds only a part of its episodes.
static tz_status begin(tz_writer *writer, bool resume, tz_error *error) {
    char metadata[TZ_PATH_MAX], journal_config[TZ_PATH_MAX];
    TZ_CHECK(lock_folder(writer, error));
    if (!resume) {
        TZ_CHECK(tz_writer_expect_unused(writer->folder, error));
    }
    TZ_CHECK(find_begun(writer->folder, metadata, journal_config, error));
    writer->resumed = tz_file_exists(journal_config) || tz_file_exists(metadata);
    return tz_file_exists(journal_config) ? take_over_journal(writer, error)
           : tz_file_exists(metadata)     ? take_over_finished(writer, error)
                                          : begin_journal(writer, error);
}

tz_status tz_writer_create(tz_writer **writer, const tz_writer_def *def, const tz_task *task,
                           tz_error *error) {
    *writer = NULL;
    if (def->cookie != WRITER_COOKIE) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "the writer's definition was not made by tz_writer_def_default");
    }
    if (def->folder == NULL || def->folder[0] == '\0') {
        return tz_fail(error, TZ_ERR_ARGUMENT, "a dataset's folder is not named, expected a path");
    }
    TZ_CHECK(expect_object(def, error));
    tz_writer *w = tz_alloc(1, sizeof *w);
    if (w) {
        w->lock = -1;
        w->task = *task;
        w->config_json = copy_text(def->config_json);
        w->mujoco = copy_text(def->mujoco ? def->mujoco : mj_versionString());
        w->dataset_id = copy_text(def->dataset_id ? def->dataset_id : "");
        w->description = copy_text(def->description ? def->description : "");
        w->algorithm_name = copy_text(def->algorithm_name ? def->algorithm_name : "");
    }
    if (!w || !w->config_json || !w->mujoco || !w->dataset_id || !w->description ||
        !w->algorithm_name) {
        tz_writer_destroy(w);
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory to write a dataset", def->folder);
    }
    tz_status status = tz_path_join(w->folder, "", def->folder, error);
    if (status == TZ_OK) {
        status = tz_path_join(w->journal, w->folder, "journal", error);
    }
    if (status == TZ_OK) {
        status = begin(w, def->resume, error);
    }
    if (status != TZ_OK) {
        tz_writer_destroy(w);
        return status;
    }
    *writer = w;
    return TZ_OK;
}

void tz_writer_destroy(tz_writer *writer) {
    if (!writer) {
        return;
    }
    if (writer->lock >= 0) {
        close(writer->lock);
    }
    tz_free(writer->config_json);
    tz_free(writer->mujoco);
    tz_free(writer->dataset_id);
    tz_free(writer->description);
    tz_free(writer->algorithm_name);
    tz_free(writer);
}

// ---- episodes of the journal

tz_episode tz_dataset_episode(const tz_dataset *dataset, int e) {
    const size_t at = dataset->step_offset[e];
    const tz_origin *origin = &dataset->origin[e];
    return (tz_episode){.T = tz_dataset_length(dataset, e),
                        .z = tz_dataset_states(dataset, e),
                        .u = tz_dataset_controls(dataset, e),
                        .reward = dataset->reward + at,
                        .terminated = dataset->terminated + at,
                        .truncated = dataset->truncated + at,
                        .seed = origin->seed,
                        .episode = origin->episode,
                        .unseeded = !origin->known,
                        .policy = origin->policy,
                        .noise = origin->noise,
                        .unstable = origin->unstable,
                        .bad_reward = origin->bad_reward};
}

static tz_status slot_path(const tz_writer *writer, int slot, char path[TZ_PATH_MAX],
                           tz_error *error) {
    char name[48];
    snprintf(name, sizeof name, "episode-%06d.safetensors", slot);
    return tz_path_join(path, writer->journal, name, error);
}

bool tz_writer_was_resumed(const tz_writer *writer) {
    return writer->resumed;
}

bool tz_writer_has(const tz_writer *writer, int slot) {
    char path[TZ_PATH_MAX];
    return writer->complete ||
           (slot_path(writer, slot, path, NULL) == TZ_OK && tz_file_exists(path));
}

tz_status tz_writer_put(tz_writer *writer, int slot, const tz_episode *episode, tz_error *error) {
    TZ_ASSERT(slot >= 0 && episode->T >= 1);
    const size_t T = (size_t)episode->T, nz = (size_t)tz_task_nz(&writer->task);
    const tz_tensor tensors[] = {
        {"z", TZ_DTYPE_F64, 2, {T + 1, nz}, episode->z},
        {"u", TZ_DTYPE_F32, 2, {T, (size_t)writer->task.nu}, episode->u},
        {"reward", TZ_DTYPE_F64, 1, {T}, episode->reward},
        {"terminated", TZ_DTYPE_U8, 1, {T}, episode->terminated},
        {"truncated", TZ_DTYPE_U8, 1, {T}, episode->truncated},
    };
    char seed[24], index[24], policy[16], noise[32], path[TZ_PATH_MAX];
    snprintf(seed, sizeof seed, "%" PRIu64, episode->seed);
    snprintf(index, sizeof index, "%" PRIu64, episode->episode);
    snprintf(policy, sizeof policy, "%d", episode->policy);
    snprintf(noise, sizeof noise, "%.17g", episode->noise);
    const tz_metadata metadata[] = {
        {"seed", seed},
        {"episode", index},
        {"policy", policy},
        {"noise", noise},
        {"unstable", episode->unstable ? "1" : "0"},
        {"bad_reward", episode->bad_reward ? "1" : "0"},
        {"unseeded", episode->unseeded ? "1" : "0"},
    };
    TZ_CHECK(slot_path(writer, slot, path, error));
    return tz_safetensors_write(path, tensors, TZ_COUNTOF(tensors), metadata, TZ_COUNTOF(metadata),
                                error);
}

// Finds a tensor of the journal with shape (rows), or (rows, cols) if ndim is 2.
static tz_status find_tensor(const tz_safetensors *file, const char *name, tz_dtype dtype, int ndim,
                             size_t rows, size_t cols, const void **data, tz_error *error) {
    const tz_tensor *tensor = tz_safetensors_find(file, name);
    *data = NULL;
    if (!tensor || tensor->dtype != dtype || tensor->ndim != ndim || tensor->shape[0] != rows ||
        (ndim == 2 && tensor->shape[1] != cols)) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: not an episode of this journal (%s is missing or of another shape)",
                       tz_safetensors_path(file), name);
    }
    *data = tensor->data;
    return TZ_OK;
}

// A number of the metadata of an episode's file.
static const char *value_of(const tz_safetensors *file, const char *key) {
    const char *value = tz_safetensors_metadata(file, key);
    return value ? value : "0";
}

// The episode in an open file of the journal, borrowed from it.
static tz_status view_episode(const tz_writer *writer, const tz_safetensors *file,
                              tz_episode *episode, tz_error *error) {
    const tz_tensor *reward = tz_safetensors_find(file, "reward");
    const size_t nz = (size_t)tz_task_nz(&writer->task), nu = (size_t)writer->task.nu;
    const size_t T = reward && reward->ndim == 1 ? reward->shape[0] : 0;
    if (T == 0 || T > INT32_MAX - 1) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: not an episode of this journal (no rewards)",
                       tz_safetensors_path(file));
    }
    const void *z, *u, *rewards, *terminated, *truncated;
    TZ_CHECK(find_tensor(file, "z", TZ_DTYPE_F64, 2, T + 1, nz, &z, error));
    TZ_CHECK(find_tensor(file, "u", TZ_DTYPE_F32, 2, T, nu, &u, error));
    TZ_CHECK(find_tensor(file, "reward", TZ_DTYPE_F64, 1, T, 0, &rewards, error));
    TZ_CHECK(find_tensor(file, "terminated", TZ_DTYPE_U8, 1, T, 0, &terminated, error));
    TZ_CHECK(find_tensor(file, "truncated", TZ_DTYPE_U8, 1, T, 0, &truncated, error));
    *episode = (tz_episode){.T = (int)T,
                            .z = z,
                            .u = u,
                            .reward = rewards,
                            .terminated = terminated,
                            .truncated = truncated,
                            .seed = strtoull(value_of(file, "seed"), NULL, 10),
                            .episode = strtoull(value_of(file, "episode"), NULL, 10),
                            .unseeded = value_of(file, "unseeded")[0] == '1',
                            .policy = atoi(value_of(file, "policy")),
                            .noise = strtod(value_of(file, "noise"), NULL),
                            .unstable = value_of(file, "unstable")[0] == '1',
                            .bad_reward = value_of(file, "bad_reward")[0] == '1'};
    return TZ_OK;
}

// ---- the end

typedef struct totals {
    int n_episodes;
    size_t n_steps;
    size_t file_bytes;
} totals;

static tz_status append_slot(const tz_writer *writer, tz__minari_file *file, int slot, totals *sum,
                             tz_error *error) {
    char path[TZ_PATH_MAX];
    TZ_CHECK(slot_path(writer, slot, path, error));
    tz_safetensors *stored;
    TZ_CHECK(tz_safetensors_read(&stored, path, error));
    tz_episode episode;
    tz_status status = view_episode(writer, stored, &episode, error);
    if (status == TZ_OK) {
        status = tz__minari_append(file, &episode, error);
        sum->n_episodes++;
        sum->n_steps += (size_t)episode.T;
    }
    tz_safetensors_destroy(stored);
    return status;
}

// Writes all slots, in order, into the HDF5 file `path`.
static tz_status assemble(const tz_writer *writer, const char *path, int n_slots, totals *sum,
                          tz_error *error) {
    tz__minari_file *file;
    TZ_CHECK(tz__minari_create(&file, &writer->task, writer->mujoco, writer->config_json, error));
    tz_status status = TZ_OK;
    for (int slot = 0; slot < n_slots && status == TZ_OK; slot++) {
        if (tz_writer_has(writer, slot)) {
            status = append_slot(writer, file, slot, sum, error);
        }
    }
    if (status == TZ_OK) {
        status = tz__minari_write(file, path, &sum->file_bytes, error);
    }
    tz__minari_destroy(file);
    return status;
}

// Moves the finished file from the journal into data/.
static tz_status put_in_place(const tz_writer *writer, const char *made, const char *place,
                              tz_error *error) {
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, writer->folder, place, error));
    return tz_file_commit(made, path, error);
}

static tz_status remove_journal(const tz_writer *writer, tz_error *error) {
    TZ_CHECK(empty_journal(writer, error));
    if (rmdir(writer->journal) != 0 && errno != ENOENT) {
        return tz_fail(error, TZ_ERR_IO, "%s: cannot be removed: %s", writer->journal,
                       strerror(errno));
    }
    return TZ_OK;
}

static tz_status assemble_and_publish(const tz_writer *writer, int n_slots, const char *file,
                                      const char *metadata, tz_error *error) {
    totals sum = {0};
    TZ_CHECK(assemble(writer, file, n_slots, &sum, error));
    const tz__minari_metadata content = {.task = &writer->task,
                                         .folder = writer->folder,
                                         .dataset_id = writer->dataset_id,
                                         .n_episodes = sum.n_episodes,
                                         .n_steps = sum.n_steps,
                                         .file_bytes = sum.file_bytes,
                                         .mujoco = writer->mujoco,
                                         .description = writer->description,
                                         .algorithm_name = writer->algorithm_name,
                                         .config_json = writer->config_json};
    TZ_CHECK(tz__minari_write_metadata(metadata, &content, error));
    // metadata.json goes first and comes last: where it stands, the file beside it is whole.
    char data[TZ_PATH_MAX], earlier[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(data, writer->folder, "data", error));
    TZ_CHECK(tz_path_join(earlier, writer->folder, "data/metadata.json", error));
    TZ_CHECK(tz_make_folders(data, error));
    unlink(earlier);
    TZ_CHECK(put_in_place(writer, file, "data/main_data.hdf5", error));
    return put_in_place(writer, metadata, "data/metadata.json", error);
}

static bool has_any(const tz_writer *writer, int n_slots) {
    for (int slot = 0; slot < n_slots; slot++) {
        if (tz_writer_has(writer, slot)) {
            return true;
        }
    }
    return false;
}

tz_status tz_writer_publish(tz_writer *writer, int n_slots, tz_error *error) {
    if (!has_any(writer, n_slots)) {
        return tz_fail(error, TZ_ERR_NUMERIC,
                       "%s: not one of %d episodes has a step that could be stored", writer->folder,
                       n_slots);
    }
    char file[TZ_PATH_MAX], metadata[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(file, writer->journal, "main_data.hdf5", error));
    TZ_CHECK(tz_path_join(metadata, writer->journal, "metadata.json", error));
    const tz_status status = assemble_and_publish(writer, n_slots, file, metadata, error);
    if (status != TZ_OK) {
        // Give back the room of the half-made file: the episodes are in the journal.
        unlink(file);
        unlink(metadata);
    }
    return status;
}

tz_status tz_writer_finish(tz_writer *writer, int n_slots, tz_error *error) {
    if (!writer->complete) {
        const tz_status status = tz_writer_publish(writer, n_slots, error);
        if (status != TZ_OK && !has_any(writer, n_slots)) {
            remove_journal(writer, NULL); // there is nothing in it to go on from
        }
        TZ_CHECK(status);
        writer->complete = true;
    }
    return remove_journal(writer, error);
}
