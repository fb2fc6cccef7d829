// trapeze data sample: the study's training and test sequences from a dataset, as arrays for NumPy.
#include "cli/data.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/npy.h"
#include "train/evaluation.h"
#include "train/sequences.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

typedef struct arguments {
    const char *env, *out;
    int n_sequences, length, n_tests, test_length;
    double test_fraction;
    uint64_t seed;
    bool json;
    int argc;
    char **argv;
} arguments;

static tz_status write_array(const char *folder, const char *name, const float *values, size_t n,
                             size_t rows, size_t cols, tz_error *error) {
    char path[TZ_PATH_MAX];
    const size_t shape[3] = {n, rows, cols};
    TZ_CHECK(tz_path_join(path, folder, name, error));
    return tz_npy_write(path, TZ_NPY_F32, values, shape, 3, error);
}

// Rollouts are time-major (T, n, dim); the arrays hold whole sequences (n, T, dim).
static float *sequence_major(const float *x, size_t T, size_t n, size_t dim) {
    float *y = tz_alloc(n * T * dim, sizeof *y);
    for (size_t i = 0; y != NULL && i < n; i++) {
        for (size_t t = 0; t < T; t++) {
            memcpy(y + (i * T + t) * dim, x + (t * n + i) * dim, dim * sizeof *y);
        }
    }
    return y;
}

static tz_status write_tests(const tz_rollouts *r, const char *folder, tz_error *error) {
    const size_t H = (size_t)r->horizon, n = (size_t)r->n;
    const size_t nz = (size_t)r->nz, nu = (size_t)r->nu;
    float *z = sequence_major(r->z, H + 1, n, nz), *u = sequence_major(r->u, H, n, nu);
    tz_status status =
        z != NULL && u != NULL
            ? write_array(folder, "test_z.npy", z, n, H + 1, nz, error)
            : tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for its sequences", folder);
    status = status == TZ_OK ? write_array(folder, "test_u.npy", u, n, H, nu, error) : status;
    tz_free(z);
    tz_free(u);
    return status;
}

static tz_status write_config(const arguments *a, const char *path, const tz_dataset *dataset,
                              const tz_rollouts *tests, tz_error *error) {
    struct json_object *config = tz_data_config_new(a->argc, a->argv, a->seed);
    tz_json_add_env(config, dataset->env, dataset->env_arguments);
    tz_json_add_real(config, "dt_s", dataset->dt_s);
    tz_json_add_int(config, "nq", dataset->nq);
    tz_json_add_int(config, "sequences", a->n_sequences);
    tz_json_add_int(config, "length", a->length);
    tz_json_add_int(config, "tests", tests->n);
    tz_json_add_int(config, "test_length", tests->horizon + 1);
    tz_json_add_real(config, "test_fraction", a->test_fraction);
    tz_data_add_input(config, "data", path, dataset);
    return tz_data_write_config(a->out, config, error);
}

static void report(const arguments *a, const tz_rollouts *tests) {
    if (!a->json) {
        printf("%s: %d training sequences of %d states, %d test sequences of %d\n", a->out,
               a->n_sequences, a->length, tests->n, tests->horizon + 1);
        return;
    }
    struct json_object *object = json_object_new_object();
    tz_json_add_text(object, "out", a->out);
    tz_json_add_int(object, "sequences", a->n_sequences);
    tz_json_add_int(object, "tests", tests->n);
    tz_data_print(object);
}

// A test sequence of N states is a rollout of N - 1 transitions.
static tz_status pick_tests(tz_rollouts **tests, const tz_dataset *dataset, const char *path,
                            const unsigned char *is_test, const arguments *a, tz_error *error) {
    tz_error cause;
    const tz_status status =
        tz_rollouts_pick(tests, dataset, is_test, a->n_tests, a->test_length - 1, path, &cause);
    return status == TZ_OK
               ? TZ_OK
               : tz_fail(error, status, "%s%s", cause.text,
                         status == TZ_ERR_ARGUMENT ? "; give a smaller --test-length" : "");
}

// Draws from one split by whole episodes: training sequences with replacement from the larger part,
// test sequences evenly spaced over the other.
static tz_status sample(const tz_dataset *dataset, const char *path, unsigned char *is_test,
                        const arguments *a, tz_error *error) {
    const tz_source source = {.path = path, .dataset = dataset, .is_test = is_test};
    tz_sequences *train = NULL;
    tz_rollouts *tests = NULL;
    tz_dataset_split(dataset, is_test, a->test_fraction, a->seed);
    tz_status status = tz_sequences_draw(&train, &source, 1, TZ_PART_TRAIN, a->n_sequences,
                                         a->length, a->seed, error);
    status = status == TZ_OK ? pick_tests(&tests, dataset, path, is_test, a, error) : status;
    status = status == TZ_OK ? tz_make_folders(a->out, error) : status;
    if (status == TZ_OK) {
        status = write_array(a->out, "train_z.npy", train->z, (size_t)train->n,
                             (size_t)train->length, (size_t)train->nz, error);
    }
    if (status == TZ_OK) {
        status = write_array(a->out, "train_u.npy", train->u, (size_t)train->n,
                             (size_t)train->length - 1, (size_t)train->nu, error);
    }
    status = status == TZ_OK ? write_tests(tests, a->out, error) : status;
    status = status == TZ_OK ? write_config(a, path, dataset, tests, error) : status;
    if (status == TZ_OK) {
        report(a, tests);
    }
    tz_sequences_destroy(train);
    tz_rollouts_destroy(tests);
    return status;
}

static tz_status run_sample(const char *path, const arguments *a, tz_error *error) {
    TZ_CHECK(tz_data_expect_no_run(a->out, error));
    tz_dataset *dataset = NULL;
    TZ_CHECK(tz_dataset_read(&dataset, path, a->env, error));
    unsigned char *is_test = tz_alloc((size_t)dataset->n_episodes, 1);
    tz_status status = TZ_OK;
    if (is_test == NULL) {
        status = tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for its split", path);
    } else if (dataset->n_episodes < 2) {
        status =
            tz_fail(error, TZ_ERR_ARGUMENT, "%s: has 1 episode (a split needs at least 2)", path);
    }
    status = status == TZ_OK ? sample(dataset, path, is_test, a, error) : status;
    tz_free(is_test);
    tz_dataset_destroy(dataset);
    return status;
}

static int sample_main(int argc, char **argv);
const tz_command tz_command_data_sample = {
    .name = "data sample",
    .summary = "training and test sequences, split by episode, as arrays for NumPy",
    .usage = "trapeze data sample D --out FOLDER [options]",
    .example = "trapeze data sample runs/replay-v0 --out runs/study-hopper",
    .run = sample_main,
};

static int sample_main(int argc, char **argv) {
    arguments a = {.n_sequences = 40000,
                   .length = 3,
                   .n_tests = 200,
                   .test_length = 200,
                   .test_fraction = 0.1,
                   .argc = argc,
                   .argv = argv};
    const char *path = NULL;
    bool help;
    tz_option options[] = {
        {"--out", TZ_OPTION_TEXT, &a.out, "FOLDER",
         .help = "train_z, train_u, test_z, test_u (.npy) and config.json", .required = true},
        {"--sequences", TZ_OPTION_INT, &a.n_sequences, "N", .help = "training sequences", .min = 1,
         .max = 1e8},
        {"--length", TZ_OPTION_INT, &a.length, "N", .help = "their states", .min = 2,
         .max = 100000},
        {"--tests", TZ_OPTION_INT, &a.n_tests, "N", .help = "test sequences, fewer if there are",
         .min = 1, .max = 1e7},
        {"--test-length", TZ_OPTION_INT, &a.test_length, "N", .help = "their states", .min = 2,
         .max = 100000},
        {"--test-fraction", TZ_OPTION_REAL, &a.test_fraction, "X",
         .help = "share of the test episodes, which are one at least and not all", .max = 1},
        {"--seed", TZ_OPTION_U64, &a.seed, "K", .help = "seed of the split and the draws"},
        {"--env", TZ_OPTION_TEXT, &a.env, "E",
         .help = "environment of a file that does not name its own"},
        {"--json", TZ_OPTION_FLAG, &a.json, .help = "print one JSON object"},
    };
    tz_text_list words = {0};
    tz_error error;
    tz_status status = tz_options_parse(&tz_command_data_sample, options, TZ_COUNTOF(options), argc,
                                        argv, &words, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    status = status == TZ_OK ? tz_data_expect_one(&words, &path, &error) : status;
    status = status == TZ_OK ? run_sample(path, &a, &error) : status;
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_data_sample, &error);
}
