// trapeze data replay: every episode simulated again.
#include "cli/data.h"

#include "base/json.h"
#include "base/memory.h"
#include "data/check.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

static int compare_ints(const void *a, const void *b) {
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

// Least and median number of leading steps within bound b over all episodes.
static void steps_within(const tz_replayed *replays, int n, int b, int *scratch, int *least,
                         int *median) {
    for (int e = 0; e < n; e++) {
        scratch[e] = replays[e].steps_within[b];
    }
    qsort(scratch, (size_t)n, sizeof *scratch, compare_ints);
    *least = scratch[0];
    *median = scratch[n / 2];
}

typedef struct replay_summary {
    int from_reset, starts_equal, exact;
    double final_difference_max;
    int least[TZ_N_REPLAY_BOUNDS], median[TZ_N_REPLAY_BOUNDS];
} replay_summary;

static replay_summary summarise_replays(const tz_replayed *replays, int n, int *scratch) {
    replay_summary s = {0};
    for (int e = 0; e < n; e++) {
        s.from_reset += replays[e].from_reset;
        s.starts_equal += replays[e].start_equal;
        s.exact += replays[e].max_difference == 0;
        if (replays[e].final_difference > s.final_difference_max) {
            s.final_difference_max = replays[e].final_difference;
        }
    }
    for (int b = 0; b < TZ_N_REPLAY_BOUNDS; b++) {
        steps_within(replays, n, b, scratch, &s.least[b], &s.median[b]);
    }
    return s;
}

static struct json_object *replay_json(const tz_replayed *replay) {
    struct json_object *object = json_object_new_object(), *within = json_object_new_array();
    for (int b = 0; b < TZ_N_REPLAY_BOUNDS; b++) {
        json_object_array_add(within, json_object_new_int(replay->steps_within[b]));
    }
    tz_json_add_int(object, "steps", replay->T);
    tz_json_add_bool(object, "from_reset", replay->from_reset);
    tz_json_add_bool(object, "start_equal", replay->start_equal);
    json_object_object_add(object, "steps_within", within);
    tz_json_add_real(object, "max_difference", replay->max_difference);
    tz_json_add_real(object, "final_difference", replay->final_difference);
    return object;
}

static void print_replays_json(const char *path, const tz_replayed *replays, int n,
                               const replay_summary *s) {
    struct json_object *object = json_object_new_object(), *bounds = json_object_new_array(),
                       *least = json_object_new_array(), *median = json_object_new_array(),
                       *episodes = json_object_new_array();
    for (int b = 0; b < TZ_N_REPLAY_BOUNDS; b++) {
        json_object_array_add(bounds, tz_json_real(tz_replay_bounds[b]));
        json_object_array_add(least, json_object_new_int(s->least[b]));
        json_object_array_add(median, json_object_new_int(s->median[b]));
    }
    for (int e = 0; e < n; e++) {
        json_object_array_add(episodes, replay_json(&replays[e]));
    }
    tz_json_add_text(object, "data", path);
    tz_json_add_int(object, "episodes", n);
    tz_json_add_int(object, "from_reset", s->from_reset);
    tz_json_add_int(object, "starts_equal", s->starts_equal);
    tz_json_add_int(object, "exact", s->exact);
    json_object_object_add(object, "bounds", bounds);
    json_object_object_add(object, "steps_within_least", least);
    json_object_object_add(object, "steps_within_median", median);
    tz_json_add_real(object, "final_difference_max", s->final_difference_max);
    json_object_object_add(object, "per_episode", episodes);
    tz_data_print(object);
}

static void print_replays_text(const char *path, const tz_replayed *replays, int n,
                               const replay_summary *s) {
    printf("%-8s %-9s %7s %9s %9s %9s %11s\n", "episode", "start", "steps", "<= 1e-9", "<= 1e-6",
           "<= 1e-3", "final");
    for (int e = 0; e < n; e++) {
        const tz_replayed *replay = &replays[e];
        const char *start = !replay->from_reset ? "put" : replay->start_equal ? "reset" : "differs";
        printf("%-8d %-9s %7d %9d %9d %9d %11.3g\n", e, start, replay->T, replay->steps_within[0],
               replay->steps_within[1], replay->steps_within[2], replay->final_difference);
    }
    printf("%s: %d of %d episodes replay exactly; largest final difference %.3g\n", path, s->exact,
           n, s->final_difference_max);
}

static tz_status run_replay(const char *path, const char *env, int threads, bool json,
                            tz_error *error) {
    tz_dataset *dataset;
    tz_team *team = NULL;
    TZ_CHECK(tz_dataset_read(&dataset, path, env, error));
    const size_t n = (size_t)dataset->n_episodes;
    tz_replayed *replays = tz_alloc(n, sizeof *replays);
    int *scratch = tz_alloc(n, sizeof *scratch);
    tz_status status = replays && scratch
                           ? tz_team_create(&team, threads, error)
                           : tz_fail(error, TZ_ERR_MEMORY, "%s: no memory to replay it", path);
    status = status == TZ_OK ? tz_dataset_replay(dataset, path, replays, team, error) : status;
    if (status == TZ_OK) {
        const replay_summary summary = summarise_replays(replays, (int)n, scratch);
        if (json) {
            print_replays_json(path, replays, (int)n, &summary);
        } else {
            print_replays_text(path, replays, (int)n, &summary);
        }
    }
    tz_team_destroy(team);
    tz_free(scratch);
    tz_free(replays);
    tz_dataset_destroy(dataset);
    return status;
}

static int replay_main(int argc, char **argv);
const tz_command tz_command_data_replay = {
    .name = "data replay",
    .summary = "simulate every episode again and say for how many steps it agrees",
    .usage = "trapeze data replay D [--env E] [--threads N] [--json]",
    .example = "trapeze data replay runs/cheetah-v0",
    .run = replay_main,
};

static int replay_main(int argc, char **argv) {
    const char *env = NULL, *path = NULL;
    int threads = 0;
    bool json = false, help;
    tz_option options[] = {
        {"--env", TZ_OPTION_TEXT, &env, "E",
         .help = "environment of a file that does not name its own"},
        {"--threads", TZ_OPTION_INT, &threads, "N", .help = "threads, 0 is one per processor",
         .max = 1024},
        {"--json", TZ_OPTION_FLAG, &json, .help = "print one JSON object"},
    };
    tz_text_list words = {0};
    tz_error error;
    tz_status status = tz_options_parse(&tz_command_data_replay, options, TZ_COUNTOF(options), argc,
                                        argv, &words, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    status = status == TZ_OK ? tz_data_expect_one(&words, &path, &error) : status;
    status = status == TZ_OK ? run_replay(path, env, threads, json, &error) : status;
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_command_data_replay, &error);
}
