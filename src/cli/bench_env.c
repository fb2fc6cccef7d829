// trapeze bench env: environment steps a second against a bare loop over mj_step.
//
// The bare loop writes the controls and calls mj_step frame_skip times, nothing else. Both sides
// run the same episodes (same initial states, same uniform controls), so they simulate the same
// contacts: a round is an episode of STEPS steps in each of some worlds; one after the other on one
// thread; on several threads, each with worlds of its own, as the collector does; and as a vector
// of environments, where the threads meet after every step. Resets are not timed. The best of
// several rounds counts, the sides in turns.
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "base/run_folder.h"
#include "cli/bench.h"
#include "envs/env.h"
#include "envs/env_vec.h"
#include "envs/mujoco_compat.h"

#include <json-c/json.h>
#include <math.h>
#include <mujoco/mujoco.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 100, ROUNDS_MIN = 3 };

typedef struct arguments {
    const char *env; // NULL: all
    tz_text_list env_arguments;
    int threads, worlds;
    double seconds;
    bool json;
} arguments;

// What a side did in its best round, environment steps a second.
typedef struct measurement {
    char env[TZ_NAME_MAX];
    double bare;  // mj_step alone, one thread
    double alone; // one environment, one thread
    double apart; // whole episodes on all threads
    double vec;   // a vector of environments on all threads
} measurement;

typedef struct bench {
    tz_team *team; // borrowed
    tz_env_vec *vec;
    const tz_task *task;
    int worlds;
    double *z0;              // states after the reset                          (worlds, nz)
    double *z;               // states                                          (worlds, nz)
    double *bare_z;          // last states of the bare loop                    (worlds, nz)
    double *u;               // controls                                 (STEPS, worlds, nu)
    tz_step *steps;          //                                                     (worlds)
    double *doubles;         // owns the arrays
    char complaint[256];     // MuJoCo's, of a fatal error; "": none
    atomic_bool is_unstable; // a step was not sound
} bench;

static void bench_free(bench *b) {
    tz_env_vec_destroy(b->vec);
    tz_free(b->doubles);
    tz_free(b->steps);
}

static tz_status bench_create(bench *b, const char *name, const arguments *a, tz_team *team,
                              tz_error *error) {
    const int worlds = a->worlds;
    *b = (bench){.team = team, .worlds = worlds};
    tz_env_def def = tz_env_def_default();
    char env_arguments[TZ_ENV_ARGUMENTS_MAX];
    TZ_CHECK(tz_join_env_arguments(env_arguments, &a->env_arguments, error));
    def.name = name;
    def.arguments = env_arguments;
    def.ends_early = false;
    TZ_CHECK(tz_env_vec_create(&b->vec, &def, worlds, team, error));
    b->task = tz_env_task(tz_env_vec_at(b->vec, 0));
    if (tz_env_mj_model(tz_env_vec_at(b->vec, 0)) == NULL) {
        bench_free(b);
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s is not simulated by MuJoCo: there is no bare mj_step to compare with",
                       name);
    }
    const size_t W = (size_t)worlds, nz = (size_t)tz_task_nz(b->task), nu = (size_t)b->task->nu;
    b->doubles = tz_alloc(3 * W * nz + STEPS * W * nu, sizeof *b->doubles);
    b->steps = tz_alloc(W, sizeof *b->steps);
    if (b->doubles == NULL || b->steps == NULL) {
        bench_free(b);
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: %d worlds of %s", worlds, name);
    }
    b->z0 = b->doubles;
    b->z = b->z0 + W * nz;
    b->bare_z = b->z + W * nz;
    b->u = b->bare_z + W * nz;
    tz_rng rng = tz_rng_stream(0, TZ_PURPOSE_TEST, 0);
    for (size_t i = 0; i < STEPS * W; i++) {
        for (size_t j = 0; j < nu; j++) {
            const double low = b->task->control_low[j], high = b->task->control_high[j];
            b->u[i * nu + j] = low + (high - low) * tz_rng_uniform(&rng);
        }
    }
    return TZ_OK;
}

static const double *controls(const bench *b, int t, int world) {
    return b->u + ((size_t)t * (size_t)b->worlds + (size_t)world) * (size_t)b->task->nu;
}

// What the bare loop does in one world.
typedef struct bare_episode {
    const bench *bench;
    int world;
} bare_episode;

static void run_bare_episode(void *context) {
    const bare_episode *e = context;
    tz_env *env = tz_env_vec_at(e->bench->vec, e->world);
    const size_t nu = (size_t)e->bench->task->nu;
    const mjModel *model = tz_env_mj_model(env);
    mjData *data = tz_env_mj_data(env);
    for (int t = 0; t < STEPS; t++) {
        memcpy(data->ctrl, controls(e->bench, t, e->world), nu * sizeof(double));
        for (int k = 0; k < e->bench->task->frame_skip; k++) {
            mj_step(model, data);
        }
    }
}

// Seconds of a round of the bare loop; NaN where MuJoCo met a fatal error. The world's own mjData
// is used, so both sides have the same memory.
static double round_bare(bench *b) {
    const size_t nq = (size_t)b->task->nq, nv = (size_t)b->task->nv, nz = nq + nv;
    double seconds = 0.0;
    for (int i = 0; i < b->worlds; i++) {
        const mjData *data = tz_env_mj_data(tz_env_vec_at(b->vec, i));
        bare_episode episode = {.bench = b, .world = i};
        const double start = tz_now_s();
        if (!tz_mujoco_try(run_bare_episode, &episode, b->complaint, sizeof b->complaint)) {
            return NAN;
        }
        seconds += tz_now_s() - start;
        memcpy(b->bare_z + (size_t)i * nz, data->qpos, nq * sizeof(double));
        memcpy(b->bare_z + (size_t)i * nz + nq, data->qvel, nv * sizeof(double));
    }
    return seconds;
}

// A step that is none makes numbers of another simulation.
static void note_outcome(bench *b, int world) {
    if (b->steps[world].outcome != TZ_STEP_OK) {
        atomic_store(&b->is_unstable, true);
    }
}

static void run_episode(void *context, int world, int worker) {
    (void)worker;
    bench *b = context;
    double *z = b->z + (size_t)world * (size_t)tz_task_nz(b->task);
    tz_env *env = tz_env_vec_at(b->vec, world);
    for (int t = 0; t < STEPS; t++) {
        tz_env_step(env, &b->steps[world], z, controls(b, t, world));
        note_outcome(b, world);
    }
}

static double round_alone(bench *b) {
    const double start = tz_now_s();
    for (int i = 0; i < b->worlds; i++) {
        run_episode(b, i, 0);
    }
    return tz_now_s() - start;
}

static double round_apart(bench *b) {
    const double start = tz_now_s();
    tz_team_run(b->team, b->worlds, run_episode, b);
    return tz_now_s() - start;
}

static double round_vec(bench *b) {
    const double start = tz_now_s();
    for (int t = 0; t < STEPS; t++) {
        tz_env_vec_step(b->vec, b->steps, b->z, controls(b, t, 0));
        for (int i = 0; i < b->worlds; i++) {
            note_outcome(b, i);
        }
    }
    return tz_now_s() - start;
}

static bool same_states(const bench *b) {
    const size_t n = (size_t)b->worlds * (size_t)tz_task_nz(b->task);
    return memcmp(b->z, b->bare_z, n * sizeof(double)) == 0;
}

static tz_status measure(measurement *m, const char *name, const arguments *a, tz_team *team,
                         tz_error *error) {
    bench b;
    TZ_CHECK(bench_create(&b, name, a, team, error));
    double (*const sides[])(bench *) = {round_bare, round_alone, round_apart, round_vec};
    enum { SIDES = TZ_COUNTOF(sides) };
    double best[SIDES] = {INFINITY, INFINITY, INFINITY, INFINITY};
    bool same = true, sound = true;
    const double end = tz_now_s() + a->seconds;
    for (int round = 0; sound && (round < ROUNDS_MIN || tz_now_s() < end); round++) {
        for (int side = 0; side < SIDES && sound; side++) {
            tz_env_vec_reset(b.vec, b.z0, 0, 0);
            best[side] = fmin(best[side], sides[side](&b));
            same = same && (side == 0 || same_states(&b));
            sound = b.complaint[0] == '\0' && !atomic_load(&b.is_unstable);
        }
    }
    const double n = (double)a->worlds * STEPS;
    snprintf(m->env, sizeof m->env, "%s", b.task->name);
    m->bare = n / best[0];
    m->alone = n / best[1];
    m->apart = n / best[2];
    m->vec = n / best[3];
    tz_status status = TZ_OK;
    if (!sound) {
        status = tz_fail(error, TZ_ERR_NUMERIC,
                         "%s: the simulation became unstable under random controls%s%s", name,
                         b.complaint[0] != '\0' ? ": " : "", b.complaint);
    }
    bench_free(&b);
    TZ_CHECK(status);
    return same ? TZ_OK
                : tz_fail(error, TZ_ERR_NUMERIC,
                          "%s: the environment and the bare loop ended in different states", name);
}

static void print_row(const measurement *m) {
    printf("%-24s %8.0f %8.0f %8.3f %8.0f %8.2f %8.0f %8.2f\n", m->env, m->bare, m->alone,
           m->alone / m->bare, m->apart, m->apart / m->bare, m->vec, m->vec / m->bare);
    fflush(stdout);
}

static struct json_object *row_json(const measurement *m) {
    struct json_object *o = json_object_new_object();
    tz_json_add_text(o, "env", m->env);
    tz_json_add_real(o, "bare_steps_per_s", m->bare);
    tz_json_add_real(o, "steps_per_s", m->alone);
    tz_json_add_real(o, "of_bare", m->alone / m->bare);
    tz_json_add_real(o, "threads_steps_per_s", m->apart);
    tz_json_add_real(o, "threads_of_bare", m->apart / m->bare);
    tz_json_add_real(o, "vector_steps_per_s", m->vec);
    tz_json_add_real(o, "vector_of_bare", m->vec / m->bare);
    return o;
}

static tz_status run(const arguments *a, tz_error *error) {
    tz_team *team;
    TZ_CHECK(tz_team_create(&team, a->threads, error));
    struct json_object *rows = json_object_new_array();
    if (!a->json) {
        printf("environment steps a second, %d threads, %d worlds\n"
               "%-24s %8s %8s %8s %8s %8s %8s %8s\n",
               a->threads, a->worlds, "", "bare", "alone", "of bare", "threads", "of bare",
               "vector", "of bare");
    }
    tz_status status = TZ_OK;
    const int n = a->env == NULL ? tz_env_count() : 1;
    for (int i = 0; i < n && status == TZ_OK; i++) {
        const char *name = a->env == NULL ? tz_env_info_at(i)->name : a->env;
        measurement m;
        status = measure(&m, name, a, team, error);
        if (status == TZ_OK && a->json) {
            json_object_array_add(rows, row_json(&m));
        } else if (status == TZ_OK) {
            print_row(&m);
        }
    }
    if (status == TZ_OK && a->json) {
        struct json_object *o = json_object_new_object();
        tz_json_add_int(o, "threads", a->threads);
        tz_json_add_int(o, "worlds", a->worlds);
        json_object_object_add(o, "envs", json_object_get(rows));
        tz_json_print(o);
        json_object_put(o);
    }
    json_object_put(rows);
    tz_team_destroy(team);
    return status;
}

static int bench_main(int argc, char **argv) {
    arguments a = {.threads = 2, .worlds = 32, .seconds = 1.0};
    // clang-format off
    tz_option options[] = {
        {"--env", TZ_OPTION_TEXT, &a.env, "E", .help = "one environment; all without it"},
        TZ_ENV_ARG_OPTION(&a.env_arguments),
        {"--threads", TZ_OPTION_INT, &a.threads, "N", .help = "threads", .min = 1, .max = 1024},
        {"--worlds", TZ_OPTION_INT, &a.worlds, "N", .help = "environments", .min = 1, .max = 4096},
        {"--seconds", TZ_OPTION_REAL, &a.seconds, "S", .help = "time to measure each environment", .min = 0.0, .max = 3600},
        {"--json", TZ_OPTION_FLAG, &a.json, .help = "print one JSON object"},
    };
    // clang-format on
    tz_error error;
    bool help = false;
    tz_status status = tz_options_parse(&tz_bench_env, options, TZ_COUNTOF(options), argc, argv,
                                        NULL, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    if (status == TZ_OK && a.env_arguments.n > 0 && a.env == NULL) {
        status = tz_fail(&error, TZ_ERR_ARGUMENT,
                         "--env-arg: no environment is given, expected one by --env");
    }
    if (status == TZ_OK) {
        status = run(&a, &error);
    }
    return status == TZ_OK ? TZ_EXIT_OK : tz_cli_fail(&tz_bench_env, &error);
}

const tz_command tz_bench_env = {
    .name = "bench env",
    .summary = "environment steps a second against bare mj_step",
    .usage = "trapeze bench env [--env E] [option...]",
    .example = "trapeze bench env --threads 2",
    .run = bench_main,
};
