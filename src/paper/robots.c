#include "paper/robots.h"

#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/memory.h"
#include "data/collect.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

enum { POLICIES_MAX = 3 };
// Noise on the collected episodes, so that states beside the policies' paths are seen.
static const double NOISE = 0.5, NOISE_COLOR = 0.9, TEST_FRACTION = 0.2;
// The study's test: that many stretches of that many transitions.
enum { N_ROLLOUTS = 200, HORIZON = 200 };

void tz_robots_destroy(tz_robot_data *robots, int n) {
    for (int i = 0; i < n; i++) {
        tz_dataset_destroy(robots[i].dataset);
        tz_free(robots[i].is_test);
        tz_rollouts_destroy(robots[i].rollouts);
    }
}

// ---- collecting

// The shipped policies of the environment, or random controls when there are none.
static tz_status make_policies(tz_policy *policies[POLICIES_MAX], int *n, const tz_task *task,
                               tz_error *error) {
    static const char *const grades[] = {"expert", "medium", "novice"};
    for (size_t i = 0; i < TZ_COUNTOF(grades); i++) {
        char relative[2 * TZ_NAME_MAX], path[TZ_PATH_MAX];
        snprintf(relative, sizeof relative, "policies/%s-%s.safetensors", task->name, grades[i]);
        if (tz_find_shipped(relative, path, NULL) == TZ_OK) {
            TZ_CHECK(tz_policy_create(&policies[*n], path, task, error));
            (*n)++;
        }
    }
    if (*n == 0) {
        TZ_CHECK(tz_policy_create(&policies[0], "random", task, error));
        *n = 1;
    }
    return TZ_OK;
}

// What made the episodes, as `trapeze collect` says it.
static tz_status create_writer(tz_writer **writer, const char *path, int episodes,
                               tz_policy *const *policies, int n_policies, const tz_env *env,
                               tz_error *error) {
    struct json_object *config = json_object_new_object(), *list = json_object_new_array();
    tz_json_add_text(config, "study", "figure 7");
    json_object_object_add(config, "policies", list);
    for (int p = 0; p < n_policies; p++) {
        struct json_object *policy = json_object_new_object();
        tz_json_add_text(policy, "name", tz_policy_name(policies[p]));
        tz_json_add_text(policy, "sha256", tz_policy_sha256(policies[p]));
        json_object_array_add(list, policy);
    }
    tz_json_add_int(config, "episodes", episodes);
    tz_json_add_real(config, "noise", NOISE);
    tz_json_add_real(config, "noise_color", NOISE_COLOR);
    tz_writer_def def = tz_writer_def_default();
    def.folder = path;
    def.config_json = json_object_to_json_string_ext(config, JSON_C_TO_STRING_PLAIN);
    def.description = "Episodes for figure 7 of the study";
    def.algorithm_name = "shipped policies with noise";
    def.resume = true;
    const tz_status status = tz_writer_create(writer, &def, tz_env_task(env), error);
    json_object_put(config);
    return status;
}

static bool stop(void *context) {
    (void)context;
    return tz_interrupted();
}

static tz_status collect(const char *env_name, const char *path, int episodes, int n_threads,
                         tz_error *error) {
    tz_env *env = NULL;
    tz_writer *writer = NULL;
    tz_team *team = NULL;
    tz_policy *policies[POLICIES_MAX] = {0};
    int n_policies = 0;
    tz_env_def env_def = tz_env_def_default();
    env_def.name = env_name;
    tz_status status = tz_env_create(&env, &env_def, error);
    if (status == TZ_OK) {
        status = make_policies(policies, &n_policies, tz_env_task(env), error);
    }
    if (status == TZ_OK) {
        status = tz_team_create(&team, n_threads, error);
    }
    if (status == TZ_OK) {
        status = create_writer(&writer, path, episodes, policies, n_policies, env, error);
    }
    if (status == TZ_OK) {
        tz_collect_result result;
        tz_collect_def def = tz_collect_def_default();
        def.episodes = episodes;
        def.noise = NOISE;
        def.noise_min = 0.0;
        def.noise_color = NOISE_COLOR;
        const tz_collect_progress progress = {.stop = stop};
        status = tz_collect(writer, env, (const tz_policy *const *)policies, n_policies, &def, team,
                            &progress, &result, error);
    }
    if (status == TZ_OK) {
        status = tz_writer_finish(writer, episodes, error);
    }
    tz_writer_destroy(writer);
    tz_team_destroy(team);
    for (int i = 0; i < n_policies; i++) {
        tz_policy_destroy(policies[i]);
    }
    tz_env_destroy(env);
    return status;
}

// ---- reading

const char *tz_robot_path(const char *named, const char *env) {
    const size_t length = strlen(env);
    return strncmp(named, env, length) == 0 && named[length] == '=' ? named + length + 1 : NULL;
}

// The path that is named for the environment, NULL when there is none.
static const char *find_named(const char *env, const char *const *named, int n_named) {
    const char *path = NULL;
    for (int i = 0; path == NULL && i < n_named; i++) {
        path = tz_robot_path(named[i], env);
    }
    return path;
}

// Path of the episodes: named, or collected into the folder where they are not finished there.
static tz_status find_episodes(char path[TZ_PATH_MAX], const char *env, const char *named,
                               int episodes, int n_threads, const char *folder, tz_error *error) {
    char relative[TZ_NAME_MAX + 32];
    if (named != NULL) {
        snprintf(path, TZ_PATH_MAX, "%s", named);
        return TZ_OK;
    }
    snprintf(relative, sizeof relative, "data/%s-%d", env, episodes);
    TZ_CHECK(tz_path_join(path, folder, relative, error));
    return tz_writer_is_finished(path) ? TZ_OK : collect(env, path, episodes, n_threads, error);
}

// Holds episodes out and picks the stretches of them that all runs are tested on; shorter ones
// where no held-out episode is long enough.
static tz_status hold_out(tz_robot_data *robot, const char *path, tz_error *error) {
    robot->is_test = tz_alloc((size_t)robot->dataset->n_episodes, 1);
    if (robot->is_test == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: the split of %s", path);
    }
    tz_dataset_split(robot->dataset, robot->is_test, TEST_FRACTION, 0);
    const int longest = tz_dataset_longest(robot->dataset, robot->is_test);
    return tz_rollouts_pick(&robot->rollouts, robot->dataset, robot->is_test, N_ROLLOUTS,
                            longest < HORIZON ? longest : HORIZON, path, error);
}

// "dataset d659a3d03eb4", with ", 40 tests of 60 steps" where they are not the study's.
static void describe(tz_robot_data *robot, const char *origin) {
    const tz_rollouts *tests = robot->rollouts;
    const int length =
        snprintf(robot->source, sizeof robot->source, "%s %.12s", origin, robot->dataset->sha256);
    if (tests->n < N_ROLLOUTS || tests->horizon < HORIZON) {
        snprintf(robot->source + length, sizeof robot->source - (size_t)length,
                 ", %d tests of %d steps", tests->n, tests->horizon);
    }
}

static tz_status get(tz_robot_data *robot, const char *env, const char *named, int episodes,
                     int n_threads, const char *folder, tz_error *error) {
    char path[TZ_PATH_MAX];
    snprintf(robot->env, sizeof robot->env, "%s", env);
    TZ_CHECK(find_episodes(path, env, named, episodes, n_threads, folder, error));
    TZ_CHECK(tz_dataset_read(&robot->dataset, path, env, error));
    if (strcmp(robot->dataset->env, env) != 0) {
        return tz_fail(error, TZ_ERR_MISMATCH, "%s: episodes of %s, expected %s", path,
                       robot->dataset->env, env);
    }
    if (robot->dataset->n_episodes < 2) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s: holds one episode, expected two or more, of which some are held out",
                       path);
    }
    TZ_CHECK(hold_out(robot, path, error));
    describe(robot, named != NULL ? "dataset" : "collected");
    return TZ_OK;
}

static bool is_known(const tz_robot_data *robots, int n, const char *env) {
    for (int i = 0; i < n; i++) {
        if (strcmp(robots[i].env, env) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_missing(const tz_run_list *missing, const char *env) {
    for (int i = 0; i < missing->n; i++) {
        if (strcmp(missing->run[i].system, env) == 0) {
            return true;
        }
    }
    return false;
}

tz_status tz_robots_get(tz_robot_data *robots, int *n, const tz_run_list *missing,
                        const tz_run_list *runs, const char *const *named, int n_named,
                        int episodes, int n_threads, const char *folder, tz_error *error) {
    *n = 0;
    for (int i = 0; i < runs->n; i++) {
        const tz_study_run *run = &runs->run[i];
        if (run->protocol != TZ_PROTOCOL_ROBOT || is_known(robots, *n, run->system)) {
            continue;
        }
        const char *path = find_named(run->system, named, n_named);
        if (path != NULL || is_missing(missing, run->system)) {
            tz_robot_data *robot = &robots[*n];
            *robot = (tz_robot_data){0};
            (*n)++;
            TZ_CHECK(get(robot, run->system, path, episodes, n_threads, folder, error));
        }
    }
    return TZ_OK;
}

tz_status tz_robots_check(const tz_robot_data *robots, int n, const char *folder,
                          const tz_run_list *runs, tz_error *error) {
    for (int i = 0; i < runs->n; i++) {
        for (int k = 0; k < n; k++) {
            const tz_study_run *run = &runs->run[i];
            char path[TZ_PATH_MAX];
            TZ_CHECK(tz_run_result_path(path, folder, run, error));
            if (strcmp(robots[k].env, run->system) != 0 || !tz_file_exists(path)) {
                continue;
            }
            tz_study_result result;
            TZ_CHECK(tz_result_read(path, &result, run, error));
            if (strcmp(result.source, robots[k].source) != 0) {
                return tz_fail(error, TZ_ERR_MISMATCH,
                               "%s: learned from %s, but the data of %s now are %s: name those "
                               "by --data, or another --out",
                               path, result.source, run->system, robots[k].source);
            }
        }
    }
    return TZ_OK;
}
