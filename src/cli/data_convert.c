// trapeze data convert: D4RL's files into a dataset; a dataset into Minari's own folder or into
// arrays for NumPy.
#include "cli/data.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/npy.h"
#include "data/d4rl.h"
#include "data/writer.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const sources[] = {"dataset", "d4rl", NULL};
static const char *const targets[] = {"dataset", "minari", "npy", NULL};
enum { FROM_DATASET, FROM_D4RL };
enum { TO_DATASET, TO_MINARI, TO_NPY };

typedef struct arguments {
    const char *env, *out;
    int from, to;
    bool json;
    int argc;
    char **argv;
} arguments;

// [namespace/]name-vN, what Minari lists and loads.
static tz_status check_id(const char *id, tz_error *error) {
    const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/";
    const char *version = strrchr(id, '-'), *last = strrchr(id, '/');
    const char *name = last != NULL ? last + 1 : id;
    const bool is_id = strspn(id, letters) == strlen(id) && id[0] != '/' &&
                       strstr(id, "//") == NULL && version > name && version[1] == 'v' &&
                       version[2] != '\0' &&
                       strspn(version + 2, "0123456789") == strlen(version + 2);
    return is_id ? TZ_OK
                 : tz_fail(error, TZ_ERR_ARGUMENT,
                           "--out %.200s: expected an id of Minari, such as mine/cheetah-v0", id);
}

// Where the result goes: for Minari the id's folder below its root, $MINARI_DATASETS_PATH or
// ~/.minari/datasets.
static tz_status choose_folder(char folder[TZ_PATH_MAX], const arguments *a, tz_error *error) {
    if (a->to != TO_MINARI) {
        return tz_path_join(folder, "", a->out, error);
    }
    TZ_CHECK(check_id(a->out, error));
    char root[TZ_PATH_MAX];
    const char *named = getenv("MINARI_DATASETS_PATH"), *home = getenv("HOME");
    if (named != NULL && named[0] != '\0') {
        return tz_path_join(folder, named, a->out, error);
    }
    if (home == NULL) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "neither MINARI_DATASETS_PATH nor HOME says where Minari keeps its data");
    }
    TZ_CHECK(tz_path_join(root, home, ".minari/datasets", error));
    return tz_path_join(folder, root, a->out, error);
}

// id: of Minari's, NULL for that of the folder's name.
static tz_status write_dataset(const tz_dataset *dataset, const tz_task *task, const char *folder,
                               const char *id, tz_error *error) {
    struct json_object *config = json_object_new_object();
    tz_json_add_text(config, "converted_sha256", dataset->sha256);
    tz_data_add_origin(config, dataset);
    tz_writer_def def = tz_writer_def_default();
    def.folder = folder;
    def.dataset_id = id;
    def.mujoco = tz_data_mujoco(dataset);
    def.config_json = json_object_to_json_string_ext(config, JSON_C_TO_STRING_PLAIN);
    def.description = "Converted from another file.";
    tz_writer *writer = NULL;
    tz_status status = tz_data_create_writer(&writer, &def, task, error);
    json_object_put(config);
    TZ_CHECK(status);
    for (int e = 0; e < dataset->n_episodes && status == TZ_OK; e++) {
        const tz_episode episode = tz_dataset_episode(dataset, e);
        status = tz_writer_put(writer, e, &episode, error);
    }
    status = status == TZ_OK ? tz_writer_finish(writer, dataset->n_episodes, error) : status;
    tz_writer_destroy(writer);
    return status;
}

typedef struct column {
    const char *name;
    tz_npy_type type;
    const void *values;
    size_t shape[2];
    int ndim;
} column;

// Episode e's steps are [step_offset[e], step_offset[e + 1]), its states begin at step_offset[e] +
// e.
static tz_status write_npy(const tz_dataset *d, const char *folder, tz_error *error) {
    const size_t n = d->n_steps, E = (size_t)d->n_episodes;
    const size_t nz = (size_t)d->nz, nu = (size_t)d->nu;
    int64_t *offset = tz_alloc(E + 1, sizeof *offset);
    if (offset == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for its arrays", folder);
    }
    for (size_t e = 0; e <= E; e++) {
        offset[e] = (int64_t)d->step_offset[e];
    }
    const column columns[] = {{"z.npy", TZ_NPY_F64, d->z, {n + E, nz}, 2},
                              {"u.npy", TZ_NPY_F32, d->u, {n, nu}, 2},
                              {"reward.npy", TZ_NPY_F64, d->reward, {n}, 1},
                              {"terminated.npy", TZ_NPY_U8, d->terminated, {n}, 1},
                              {"truncated.npy", TZ_NPY_U8, d->truncated, {n}, 1},
                              {"step_offset.npy", TZ_NPY_I64, offset, {E + 1}, 1}};
    tz_status status = tz_make_folders(folder, error);
    for (size_t i = 0; i < TZ_COUNTOF(columns) && status == TZ_OK; i++) {
        const column *c = &columns[i];
        char path[TZ_PATH_MAX];
        status = tz_path_join(path, folder, c->name, error);
        status = status == TZ_OK ? tz_npy_write(path, c->type, c->values, c->shape, c->ndim, error)
                                 : status;
    }
    tz_free(offset);
    return status;
}

static tz_status convert(const tz_dataset *dataset, const char *path, const arguments *a,
                         tz_error *error) {
    char folder[TZ_PATH_MAX];
    tz_env *env = NULL;
    TZ_CHECK(choose_folder(folder, a, error));
    TZ_CHECK(tz_dataset_need_env(&env, dataset, path, error));
    tz_status status = a->to == TO_NPY ? tz_data_expect_no_run(folder, error) : TZ_OK;
    if (status == TZ_OK) {
        status = a->to == TO_NPY ? write_npy(dataset, folder, error)
                                 : write_dataset(dataset, tz_env_task(env), folder,
                                                 a->to == TO_MINARI ? a->out : NULL, error);
    }
    tz_env_destroy(env);
    TZ_CHECK(status);
    struct json_object *config = tz_data_config_new(a->argc, a->argv, 0);
    tz_data_add_input(config, "data", path, dataset);
    tz_json_add_env(config, dataset->env, dataset->env_arguments);
    TZ_CHECK(tz_data_write_config(folder, config, error));
    if (!a->json) {
        printf("%s: %d episodes, %zu steps\n", folder, dataset->n_episodes, dataset->n_steps);
        return TZ_OK;
    }
    struct json_object *object = json_object_new_object();
    tz_json_add_text(object, "out", folder);
    tz_json_add_int(object, "episodes", dataset->n_episodes);
    tz_json_add_int(object, "steps", (long long)dataset->n_steps);
    tz_data_print(object);
    return TZ_OK;
}

static tz_status run_convert(const char *path, const arguments *a, tz_error *error) {
    tz_dataset *dataset = NULL;
    if (a->from == FROM_D4RL && a->env == NULL) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s: a D4RL file does not say its environment: give it with --env", path);
    }
    TZ_CHECK(a->from == FROM_D4RL ? tz_d4rl_read(&dataset, path, a->env, error)
                                  : tz_dataset_read(&dataset, path, a->env, error));
    const tz_status status = convert(dataset, path, a, error);
    tz_dataset_destroy(dataset);
    return status;
}

static int convert_main(int argc, char **argv);
const tz_command tz_command_data_convert = {
    .name = "data convert",
    .summary = "from D4RL's files; to Minari's own folder or NumPy's arrays",
    .usage = "trapeze data convert FILE --out OUT [--from d4rl --env E] [--to minari|npy]",
    .example = "trapeze data convert halfcheetah_medium-v2.hdf5 --from d4rl --env half_cheetah "
               "--out runs/d4rl-v0",
    .run = convert_main,
};

static int convert_main(int argc, char **argv) {
    arguments a = {.argc = argc, .argv = argv};
    const char *path = NULL;
    bool help;
    tz_option options[] = {
        {"--out", TZ_OPTION_TEXT, &a.out, "OUT",
         .help = "folder of the result; with --to minari its id, such as mine/cheetah-v0",
         .required = true},
        {"--from", TZ_OPTION_CHOICE, &a.from, "F", .help = "what is read", .choices = sources},
        {"--to", TZ_OPTION_CHOICE, &a.to, "F", .help = "what is written", .choices = targets},
        {"--env", TZ_OPTION_TEXT, &a.env, "E",
         .help = "environment of a file that does not name its own"},
        {"--json", TZ_OPTION_FLAG, &a.json, .help = "print one JSON object"},
    };
    tz_text_list words = {0};
    tz_error error;
    tz_status status = tz_options_parse(&tz_command_data_convert, options, TZ_COUNTOF(options),
                                        argc, argv, &words, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    status = status == TZ_OK ? tz_data_expect_one(&words, &path, &error) : status;
    status = status == TZ_OK ? run_convert(path, &a, &error) : status;
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_data_convert, &error);
}
