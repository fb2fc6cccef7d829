// trapeze bench sac: whole updates of the SAC learner (drawing the batch, both critics, actor,
// temperature, Adam, slow critics) on a replay memory of random transitions.
//
// Work is counted from the products alone, without padding, and as if none of them were left out:
// the share of the peak can pass 1. The FMA peak is measured in the same run, all threads at once.
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/run_folder.h"
#include "base/sort.h"
#include "cli/bench.h"
#include "envs/env.h"
#include "envs/observation.h"
#include "train/sac.h"

#include <json-c/json.h>
#include <stdio.h>

enum { TRANSITIONS = 100000, WARM_UP = 20, BLOCK_UPDATES = 5, BLOCKS_MAX = 1000 };

typedef struct arguments {
    const char *env;
    int threads;
    double seconds;
    bool json;
    tz_sac_def learner;
} arguments;

typedef struct measurement {
    double update_ms, update_ms_median; // best and median block
    double gflop;                       // of an update
    double peak_gflops;                 // of all threads together
} measurement;

// Standard normal observations and rewards, uniform actions.
static tz_status fill_random(tz_replay *replay, tz_error *error) {
    const size_t D = (size_t)replay->n_obs, A = (size_t)replay->nu;
    float *block = tz_alloc(2 * D + A, sizeof *block);
    if (block == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a transition");
    }
    float *obs = block, *next_obs = obs + D, *action = next_obs + D;
    for (uint64_t i = 0; i < TRANSITIONS; i++) {
        tz_rng rng = tz_rng_stream(0, TZ_PURPOSE_TEST, i);
        tz_rng_fill_normal_f32(&rng, obs, D);
        tz_rng_fill_normal_f32(&rng, next_obs, D);
        for (size_t j = 0; j < A; j++) {
            action[j] = (float)(2.0 * tz_rng_uniform(&rng) - 1.0);
        }
        const tz_transition transition = {.obs = obs,
                                          .next_obs = next_obs,
                                          .action = action,
                                          .reward = tz_rng_normal(&rng),
                                          .terminated = i % 100 == 0};
        tz_replay_add(replay, &transition);
    }
    tz_free(block);
    return TZ_OK;
}

static void time_updates(measurement *m, tz_sac *sac, const tz_replay *replay, double seconds) {
    double block_ms[BLOCKS_MAX];
    int n = 0;
    for (int i = 0; i < WARM_UP; i++) {
        tz_sac_draw(sac, replay);
        tz_sac_update(sac, NULL, NULL);
    }
    const double end_s = tz_now_s() + seconds;
    do {
        const double start_s = tz_now_s();
        for (int i = 0; i < BLOCK_UPDATES; i++) {
            tz_sac_draw(sac, replay);
            tz_sac_update(sac, NULL, NULL);
        }
        block_ms[n++] = 1e3 * (tz_now_s() - start_s) / BLOCK_UPDATES;
    } while (n < BLOCKS_MAX && (n < 3 || tz_now_s() < end_s));
    tz_sort(block_ms, (size_t)n);
    m->update_ms = block_ms[0];
    m->update_ms_median = block_ms[n / 2];
    m->gflop = 1e-9 * tz_sac_update_flops(sac);
}

// Observation and control sizes of the environment.
static tz_status find_sizes(tz_sac_def *def, const char *name, tz_error *error) {
    tz_env_def env_def = tz_env_def_default();
    env_def.name = name;
    tz_env *env;
    TZ_CHECK(tz_env_create(&env, &env_def, error));
    const tz_task *task = tz_env_task(env);
    tz_observation_layout layout;
    if (!tz_observation_layout_gymnasium(&layout, task->name)) {
        tz_observation_layout_identity(&layout, tz_task_nz(task));
    }
    def->n_obs = layout.n;
    def->nu = task->nu;
    tz_env_destroy(env);
    if (def->nu == 0) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s has no controls; expected an environment with at least one", name);
    }
    return TZ_OK;
}

static tz_status measure(measurement *m, arguments *a, tz_error *error) {
    TZ_CHECK(find_sizes(&a->learner, a->env, error));
    tz_team *team;
    tz_replay replay = {0};
    tz_sac *sac = NULL;
    TZ_CHECK(tz_team_create(&team, a->threads, error));
    tz_status status = tz_sac_create(&sac, &a->learner, team, error);
    if (status == TZ_OK) {
        status = tz_replay_create(&replay, a->learner.n_obs, a->learner.nu, 0, TRANSITIONS, error);
    }
    if (status == TZ_OK) {
        status = fill_random(&replay, error);
    }
    if (status == TZ_OK) {
        time_updates(m, sac, &replay, a->seconds);
    }
    tz_replay_destroy(&replay);
    tz_sac_destroy(sac);
    tz_team_destroy(team);
    return status == TZ_OK ? tz_bench_peak(a->threads, &m->peak_gflops, error) : status;
}

static void report(const arguments *a, const measurement *m) {
    const double gflops = m->gflop / (1e-3 * m->update_ms), fraction = gflops / m->peak_gflops;
    if (!a->json) {
        printf("%s: observation %d, controls %d, hidden %d, batch %d, threads %d\n"
               "update %.3f ms (median %.3f), %.0f a second, %.0f GFLOP/s, %.2f of the FMA peak of "
               "%.0f\n",
               a->env, a->learner.n_obs, a->learner.nu, a->learner.hidden, a->learner.batch,
               a->threads, m->update_ms, m->update_ms_median, 1e3 / m->update_ms, gflops, fraction,
               m->peak_gflops);
        return;
    }
    struct json_object *o = json_object_new_object();
    tz_json_add_text(o, "env", a->env);
    tz_json_add_int(o, "threads", a->threads);
    tz_json_add_int(o, "hidden", a->learner.hidden);
    tz_json_add_int(o, "batch", a->learner.batch);
    tz_json_add_real(o, "update_ms", m->update_ms);
    tz_json_add_real(o, "update_ms_median", m->update_ms_median);
    tz_json_add_real(o, "updates_per_s", 1e3 / m->update_ms);
    tz_json_add_real(o, "gflop", m->gflop);
    tz_json_add_real(o, "gflops", gflops);
    tz_json_add_real(o, "peak_gflops", m->peak_gflops);
    tz_json_add_real(o, "peak_fraction", fraction);
    tz_json_print(o);
    json_object_put(o);
}

static int bench_main(int argc, char **argv) {
    arguments a = {
        .env = "half_cheetah", .threads = 1, .seconds = 2.0, .learner = tz_sac_def_default()};
    // clang-format off
    tz_option options[] = {
        {"--env", TZ_OPTION_TEXT, &a.env, "E", .help = "environment whose sizes to use"},
        {"--threads", TZ_OPTION_INT, &a.threads, "N", .help = "threads", .min = 1, .max = 1024},
        {"--batch", TZ_OPTION_INT, &a.learner.batch, "N", .help = "transitions of an update", .min = 1, .max = 4096},
        {"--hidden", TZ_OPTION_INT, &a.learner.hidden, "N", .help = "units of a hidden layer, a multiple of 16", .min = 16, .max = 2048},
        {"--seconds", TZ_OPTION_REAL, &a.seconds, "S", .help = "time to measure", .min = 0.01, .max = 3600},
        {"--json", TZ_OPTION_FLAG, &a.json, .help = "print one JSON object"},
    };
    // clang-format on
    tz_error error;
    bool help = false;
    measurement m;
    tz_status status = tz_options_parse(&tz_bench_sac, options, TZ_COUNTOF(options), argc, argv,
                                        NULL, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    if (status == TZ_OK) {
        status = measure(&m, &a, &error);
    }
    if (status != TZ_OK) {
        return tz_cli_fail(&tz_bench_sac, &error);
    }
    report(&a, &m);
    return TZ_EXIT_OK;
}

const tz_command tz_bench_sac = {
    .name = "bench sac",
    .summary = "an update of soft actor-critic",
    .usage = "trapeze bench sac [--env E] [option...]",
    .example = "trapeze bench sac --env half_cheetah --threads 1",
    .run = bench_main,
};
