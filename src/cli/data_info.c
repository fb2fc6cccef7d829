// trapeze data info: episodes, returns, ends and ranges of a dataset.
#include "cli/data.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/printable.h"
#include "data/check.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

// How fast the dataset was read, and how fast its bare bytes are read right after it (MB/s).
typedef struct speed {
    double dataset, bytes;
} speed;

static tz_status measure_bytes(const char *path, double dataset_s, speed *s, tz_error *error) {
    char file[TZ_PATH_MAX], *content;
    size_t size;
    const bool folder = tz_folder_exists(path);
    TZ_CHECK(tz_path_join(file, folder ? path : "", folder ? "data/main_data.hdf5" : path, error));
    const double start_s = tz_now_s();
    TZ_CHECK(tz_file_read(file, &content, &size, SIZE_MAX - 1, error));
    const double bytes_s = tz_now_s() - start_s;
    tz_free(content);
    *s = (speed){1e-6 * (double)size / dataset_s, 1e-6 * (double)size / bytes_s};
    return TZ_OK;
}

static struct json_object *range_json(const char *name, const tz_range *range) {
    struct json_object *object = json_object_new_object();
    tz_json_add_text(object, "name", name);
    tz_json_add_real(object, "low", range->low);
    tz_json_add_real(object, "high", range->high);
    tz_json_add_real(object, "mean", range->mean);
    tz_json_add_real(object, "std", range->std);
    return object;
}

static void print_info_json(const char *path, const tz_dataset *dataset, const tz_task *task,
                            const tz_dataset_summary *s, const speed *reading) {
    struct json_object *object = json_object_new_object(), *z = json_object_new_array(),
                       *u = json_object_new_array(), *episodes = json_object_new_array();
    char name[TZ_NAME_MAX + 8];
    for (int i = 0; i < dataset->nz; i++) {
        tz_data_coordinate_name(name, task, dataset->nq, i);
        json_object_array_add(z, range_json(name, &s->z[i]));
    }
    for (int i = 0; i < dataset->nu; i++) {
        snprintf(name, sizeof name, "u[%d]", i);
        json_object_array_add(u, range_json(name, &s->u[i]));
    }
    for (int e = 0; e < dataset->n_episodes; e++) {
        struct json_object *episode = json_object_new_object();
        tz_json_add_int(episode, "steps", tz_dataset_length(dataset, e));
        tz_json_add_real(episode, "return", tz_dataset_return(dataset, e));
        tz_json_add_int(episode, "policy", dataset->origin[e].policy);
        tz_json_add_real(episode, "noise", dataset->origin[e].noise);
        json_object_array_add(episodes, episode);
    }
    tz_json_add_text(object, "data", path);
    tz_json_add_text(object, "sha256", dataset->sha256);
    tz_json_add_env(object, dataset->env, dataset->env_arguments);
    tz_json_add_int(object, "nq", dataset->nq);
    tz_json_add_int(object, "nv", dataset->nv);
    tz_json_add_int(object, "nu", dataset->nu);
    tz_json_add_real(object, "dt", dataset->dt_s);
    tz_json_add_int(object, "episodes", s->episodes);
    tz_json_add_int(object, "steps", (long long)s->steps);
    tz_json_add_real(object, "return_mean", s->return_mean);
    tz_json_add_real(object, "return_std", s->return_std);
    tz_json_add_real(object, "return_low", s->return_low);
    tz_json_add_real(object, "return_high", s->return_high);
    tz_json_add_real(object, "length_mean", s->length_mean);
    tz_json_add_int(object, "length_low", s->length_low);
    tz_json_add_int(object, "length_high", s->length_high);
    tz_json_add_int(object, "terminated", s->terminated);
    tz_json_add_int(object, "truncated", s->truncated);
    tz_json_add_int(object, "unstable", s->unstable);
    tz_json_add_int(object, "bad_reward", s->bad_reward);
    tz_json_add_real(object, "read_mb_per_s", reading->dataset);
    tz_json_add_real(object, "bytes_mb_per_s", reading->bytes);
    json_object_object_add(object, "z", z);
    json_object_object_add(object, "u", u);
    json_object_object_add(object, "per_episode", episodes);
    json_object_object_add(object, "config", tz_data_config_of(dataset));
    tz_data_print(object);
}

static void print_range(const char *name, const tz_range *range) {
    const int n_blanks = 16 - (int)strlen(name);
    printf("  ");
    tz_put_printable(stdout, name);
    printf("%*s %12.4g %12.4g %12.4g %12.4g\n", n_blanks > 0 ? n_blanks : 0, "", range->low,
           range->high, range->mean, range->std);
}

static void print_info_text(const char *path, const tz_dataset *dataset, const tz_task *task,
                            const tz_dataset_summary *s) {
    printf("%s: ", path);
    tz_put_printable(stdout, dataset->env[0] ? dataset->env : "unknown environment");
    printf(", nq %d, nv %d, nu %d, dt %g s\n", dataset->nq, dataset->nv, dataset->nu,
           dataset->dt_s);
    if (dataset->env_arguments[0] != '\0') {
        printf("arguments ");
        tz_put_printable(stdout, dataset->env_arguments);
        printf("\n");
    }
    printf("episodes  %d, %zu steps, length %.1f (%d to %d)\n", s->episodes, s->steps,
           s->length_mean, s->length_low, s->length_high);
    printf("return    %.2f +- %.2f (%.2f to %.2f)\n", s->return_mean, s->return_std, s->return_low,
           s->return_high);
    printf("ends      %d terminated, %d truncated, %d cut where unstable", s->terminated,
           s->truncated, s->unstable);
    printf(s->bad_reward > 0 ? ", %d where the reward was not a finite number\n" : "\n",
           s->bad_reward);
    if (dataset->config) {
        printf("made by   ");
        tz_put_printable(stdout, dataset->config);
        printf("\n");
    }
    printf("\n  %-16s %12s %12s %12s %12s\n", "coordinate", "low", "high", "mean", "std");
    char name[TZ_NAME_MAX + 8];
    for (int i = 0; i < dataset->nz; i++) {
        tz_data_coordinate_name(name, task, dataset->nq, i);
        print_range(name, &s->z[i]);
    }
    for (int i = 0; i < dataset->nu; i++) {
        snprintf(name, sizeof name, "u[%d]", i);
        print_range(name, &s->u[i]);
    }
}

static tz_status run_info(const char *path, const char *env_name, bool json, tz_error *error) {
    tz_dataset *dataset;
    tz_env *env = NULL;
    const double start_s = tz_now_s();
    TZ_CHECK(tz_dataset_read(&dataset, path, env_name, error));
    const double read_s = tz_now_s() - start_s;
    speed reading = {0};
    tz_status status = tz_dataset_find_env(&env, dataset, error);
    status = status == TZ_OK && json ? measure_bytes(path, read_s, &reading, error) : status;
    if (status == TZ_OK) {
        const tz_task *task = env ? tz_env_task(env) : NULL;
        tz_dataset_summary summary;
        tz_dataset_summarise(dataset, &summary);
        if (json) {
            print_info_json(path, dataset, task, &summary, &reading);
        } else {
            print_info_text(path, dataset, task, &summary);
        }
    }
    tz_env_destroy(env);
    tz_dataset_destroy(dataset);
    return status;
}

static int info_main(int argc, char **argv);
const tz_command tz_command_data_info = {
    .name = "data info",
    .summary = "episodes, returns, lengths, ends, and the range of every coordinate",
    .usage = "trapeze data info D [--env E] [--json]",
    .example = "trapeze data info runs/cheetah-v0",
    .run = info_main,
};

static int info_main(int argc, char **argv) {
    const char *env = NULL, *path = NULL;
    bool json = false, help;
    tz_option options[] = {
        {"--env", TZ_OPTION_TEXT, &env, "E",
         .help = "environment of a file that does not name its own"},
        {"--json", TZ_OPTION_FLAG, &json, .help = "print one JSON object"},
    };
    tz_text_list words = {0};
    tz_error error;
    tz_status status = tz_options_parse(&tz_command_data_info, options, TZ_COUNTOF(options), argc,
                                        argv, &words, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    status = status == TZ_OK ? tz_data_expect_one(&words, &path, &error) : status;
    status = status == TZ_OK ? run_info(path, env, json, &error) : status;
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_data_info, &error);
}
