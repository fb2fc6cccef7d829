// trapeze data split: a dataset into two by whole episodes.
#include "cli/data.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "data/writer.h"

#include <json-c/json.h>
#include <stdio.h>
#include <unistd.h>

typedef struct split_arguments {
    const char *env, *out_train, *out_test;
    double test_fraction;
    uint64_t seed;
    bool json;
} split_arguments;

// What made a part: the split, and what made the whole.
static struct json_object *part_config(const tz_dataset *dataset, const split_arguments *a,
                                       const char *part) {
    struct json_object *config = json_object_new_object();
    tz_json_add_text(config, "part", part);
    tz_json_add_real(config, "test_fraction", a->test_fraction);
    tz_json_add_u64(config, "seed", a->seed);
    tz_json_add_text(config, "of_sha256", dataset->sha256);
    tz_data_add_origin(config, dataset);
    return config;
}

// Writes the episodes with is_test[e] == test.
static tz_status write_part(const tz_dataset *dataset, const tz_task *task,
                            const split_arguments *a, const unsigned char *is_test, bool test,
                            tz_error *error) {
    struct json_object *config = part_config(dataset, a, test ? "test" : "train");
    tz_writer_def def = tz_writer_def_default();
    def.folder = test ? a->out_test : a->out_train;
    def.mujoco = tz_data_mujoco(dataset);
    def.config_json = json_object_to_json_string_ext(config, JSON_C_TO_STRING_PLAIN);
    def.description = test ? "Held-out part of a dataset." : "Training part of a dataset.";
    tz_writer *writer;
    tz_status status = tz_data_create_writer(&writer, &def, task, error);
    json_object_put(config);
    TZ_CHECK(status);
    int n = 0;
    for (int e = 0; e < dataset->n_episodes && status == TZ_OK; e++) {
        if (is_test[e] == test) {
            const tz_episode episode = tz_dataset_episode(dataset, e);
            status = tz_writer_put(writer, n++, &episode, error);
        }
    }
    status = status == TZ_OK ? tz_writer_finish(writer, n, error) : status;
    tz_writer_destroy(writer);
    return status;
}

static tz_status write_config(const char *folder, int argc, char **argv, const split_arguments *a,
                              const tz_dataset *dataset, const char *path, tz_error *error) {
    struct json_object *config = tz_data_config_new(argc, argv, a->seed);
    tz_data_add_input(config, "data", path, dataset);
    tz_json_add_real(config, "test_fraction", a->test_fraction);
    return tz_data_write_config(folder, config, error);
}

static void print_split(const split_arguments *a, int n_train, int n_test) {
    if (!a->json) {
        printf("%s: %d episodes\n%s: %d episodes\n", a->out_train, n_train, a->out_test, n_test);
        return;
    }
    struct json_object *object = json_object_new_object();
    tz_json_add_text(object, "train", a->out_train);
    tz_json_add_int(object, "train_episodes", n_train);
    tz_json_add_text(object, "test", a->out_test);
    tz_json_add_int(object, "test_episodes", n_test);
    tz_data_print(object);
}

// Both parts are looked at before either is written. One folder may have two names.
static tz_status check_folders(const split_arguments *a, tz_error *error) {
    const char *const folders[] = {a->out_train, a->out_test};
    for (size_t i = 0; i < TZ_COUNTOF(folders); i++) {
        TZ_CHECK(tz_writer_expect_unfinished(folders[i], error));
        TZ_CHECK(tz_data_expect_no_run(folders[i], error));
    }
    TZ_CHECK(tz_make_folders(a->out_train, error));
    TZ_CHECK(tz_make_folders(a->out_test, error));
    if (tz_is_same_file(a->out_train, a->out_test)) {
        rmdir(a->out_train); // where it was made just now
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s: named by --out-train and --out-test, expected two folders",
                       a->out_train);
    }
    return TZ_OK;
}

static tz_status split(const tz_dataset *dataset, const tz_task *task, const split_arguments *a,
                       const char *path, int argc, char **argv, tz_error *error) {
    const int n = dataset->n_episodes;
    if (n < 2) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "%s: has 1 episode (a split needs at least 2)",
                       path);
    }
    TZ_CHECK(check_folders(a, error));
    unsigned char *is_test = tz_alloc((size_t)n, 1);
    if (!is_test) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory to split %d episodes", path, n);
    }
    tz_dataset_split(dataset, is_test, a->test_fraction, a->seed);
    int n_test = 0;
    for (int e = 0; e < n; e++) {
        n_test += is_test[e];
    }
    tz_status status = TZ_OK;
    for (int test = 0; test < 2 && status == TZ_OK; test++) {
        status = write_part(dataset, task, a, is_test, test, error);
        if (status == TZ_OK) {
            status = write_config(test ? a->out_test : a->out_train, argc, argv, a, dataset, path,
                                  error);
        }
    }
    tz_free(is_test);
    if (status == TZ_OK) {
        print_split(a, n - n_test, n_test);
    }
    return status;
}

static tz_status run_split(const char *path, const split_arguments *a, int argc, char **argv,
                           tz_error *error) {
    tz_dataset *dataset;
    tz_env *env;
    TZ_CHECK(tz_dataset_read(&dataset, path, a->env, error));
    tz_status status = tz_dataset_need_env(&env, dataset, path, error);
    if (status == TZ_OK) {
        status = split(dataset, tz_env_task(env), a, path, argc, argv, error);
    }
    tz_env_destroy(env);
    tz_dataset_destroy(dataset);
    return status;
}

static int split_main(int argc, char **argv);
const tz_command tz_command_data_split = {
    .name = "data split",
    .summary = "write two datasets, split by whole episodes",
    .usage = "trapeze data split D --out-train A --out-test B [--test-fraction X] [--seed K]",
    .example = "trapeze data split runs/cheetah-v0 --test-fraction 0.1 --out-train runs/train-v0 "
               "--out-test runs/test-v0",
    .run = split_main,
};

static int split_main(int argc, char **argv) {
    split_arguments a = {.test_fraction = 0.1};
    const char *path = NULL;
    bool help;
    tz_option options[] = {
        {"--out-train", TZ_OPTION_TEXT, &a.out_train, "A", .help = "folder of the larger part",
         .required = true},
        {"--out-test", TZ_OPTION_TEXT, &a.out_test, "B", .help = "folder of the held-out part",
         .required = true},
        {"--test-fraction", TZ_OPTION_REAL, &a.test_fraction, "X",
         .help = "share of the held-out episodes, which are one at least and not all", .max = 1},
        {"--seed", TZ_OPTION_U64, &a.seed, "K", .help = "seed of the choice"},
        {"--env", TZ_OPTION_TEXT, &a.env, "E",
         .help = "environment of a file that does not name its own"},
        {"--json", TZ_OPTION_FLAG, &a.json, .help = "print one JSON object"},
    };
    tz_text_list words = {0};
    tz_error error;
    tz_status status = tz_options_parse(&tz_command_data_split, options, TZ_COUNTOF(options), argc,
                                        argv, &words, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    status = status == TZ_OK ? tz_data_expect_one(&words, &path, &error) : status;
    status = status == TZ_OK ? run_split(path, &a, argc, argv, &error) : status;
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_data_split, &error);
}
