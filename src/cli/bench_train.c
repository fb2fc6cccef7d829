// trapeze bench train: the trainer's own whole step (gathering, rollout, backward, sum of the
// tiles, clipping, Adam), on episodes of the environments under random controls, or on motions of a
// physical system with the study's form of the models for them.
//
// Work is counted without padding: 6 W per evaluation of the field and sequence for a network with
// W weights (2 W forward, 4 W backward), 12 W for one whose gradient is the field (tz_model_flops).
// The FMA peak is measured in the same run, all threads at once.
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/run_folder.h"
#include "base/sort.h"
#include "cli/bench.h"
#include "envs/hamiltonian/system.h"
#include "train/trainer.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EPISODES = 10,
    EPISODE_STEPS = 200,
    SEQUENCES = 40000,
    LENGTH = 3,
    SYSTEM_SEQUENCES = 800, // the study's
    SYSTEM_LENGTH = 5,
    WARM_UP = 20,    // steps before timing, whose weights are compared between thread counts
    BLOCK_STEPS = 25 // steps of one timing
};

typedef struct arguments {
    tz_text_list data, envs, systems, kinds;
    int threads, batch, tile, hidden;
    double seconds;
    bool json;
} arguments;

// One line of the result.
typedef struct measurement {
    char env[TZ_NAME_MAX];
    const char *kind;
    int batch, tile, transitions; // transitions of a sequence
    size_t n_parameters;
    double gflop;          // of a step
    double step_ms;        // best block at all threads
    double step_ms_1;      // best block at one thread
    double step_ms_median; // at all threads
} measurement;

typedef struct run {
    arguments arguments;
    int threads;
    double peak_gflops;   // of all threads together
    double peak_gflops_1; // of one thread alone
    measurement results[TZ_LIST_MAX];
    int n_results;
} run;

// ---- data

// Episodes of the environment under uniform random controls.
static tz_status simulate(tz_dataset **dataset, tz_env *env, tz_error *error) {
    const tz_task *task = tz_env_task(env);
    const size_t nz = (size_t)tz_task_nz(task), nu = (size_t)task->nu;
    tz_dataset *d = tz_alloc(1, sizeof *d);
    if (d == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: episodes");
    }
    snprintf(d->env, sizeof d->env, "%s", task->name);
    d->nq = task->nq;
    d->nv = task->nv;
    d->nu = task->nu;
    d->nz = (int)nz;
    d->dt_s = task->dt_s;
    d->n_episodes = EPISODES;
    d->n_steps = EPISODES * EPISODE_STEPS;
    d->step_offset = tz_alloc(EPISODES + 1, sizeof *d->step_offset);
    d->z = tz_alloc((d->n_steps + EPISODES) * nz, sizeof *d->z);
    d->u = tz_alloc(d->n_steps * nu, sizeof *d->u);
    *dataset = d;
    if (d->step_offset == NULL || d->z == NULL || d->u == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: episodes");
    }
    for (size_t e = 0; e < EPISODES; e++) {
        d->step_offset[e + 1] = (e + 1) * EPISODE_STEPS;
        double *z = d->z + (d->step_offset[e] + e) * nz, u[TZ_NU_MAX];
        float *u_file = d->u + d->step_offset[e] * nu;
        tz_rng rng = tz_rng_stream(0, TZ_PURPOSE_POLICY, e);
        tz_env_reset(env, z, 0, e);
        for (int t = 0; t < EPISODE_STEPS; t++, z += nz, u_file += nu) {
            for (size_t i = 0; i < nu; i++) {
                const double span = task->control_high[i] - task->control_low[i];
                u_file[i] = (float)(task->control_low[i] + span * tz_rng_uniform(&rng));
                u[i] = u_file[i];
            }
            tz_step step;
            tz_env_step(env, &step, z + nz, u);
            if (step.outcome != TZ_STEP_OK) {
                return tz_fail(error, TZ_ERR_NUMERIC, "%s: %s under random controls", task->name,
                               tz_step_trouble(step.outcome));
            }
        }
    }
    return TZ_OK;
}

// ---- timing

// Blocks of steps for about `seconds`: the best and the median time of a step (ms).
static void time_steps(tz_trainer *trainer, double seconds, double *best_ms, double *median_ms) {
    enum { BLOCKS_MAX = 1000 };
    double block_ms[BLOCKS_MAX];
    int n = 0;
    const double end_s = tz_now_s() + seconds;
    do {
        const double start_s = tz_now_s();
        for (int i = 0; i < BLOCK_STEPS; i++) {
            tz_trainer_step(trainer);
        }
        block_ms[n++] = 1e3 * (tz_now_s() - start_s) / BLOCK_STEPS;
    } while (n < BLOCKS_MAX && (n < 3 || tz_now_s() < end_s));
    tz_sort(block_ms, (size_t)n);
    *best_ms = block_ms[0];
    *median_ms = block_ms[n / 2];
}

// What is trained in one measurement.
typedef struct subject {
    const tz_task *task;
    const tz_model_statistics *statistics;
    const tz_sequences *sequences;
    const char *kind;
    bool is_synthetic; // the study's form for physical systems
} subject;

// Trains a fresh model at this number of threads. The weights after the warm-up go to `weights`
// (n_parameters) for one thread, and are compared with them for more.
static tz_status measure(const run *r, const subject *s, int threads, float **weights,
                         measurement *result, tz_error *error) {
    const arguments *a = &r->arguments;
    tz_model_def def = s->is_synthetic ? tz_model_def_synthetic() : tz_model_def_default();
    def.kind = s->kind;
    def.n_hidden = a->hidden;
    tz_trainer_def trainer_def = tz_trainer_def_default();
    trainer_def.batch = a->batch;
    trainer_def.tile = a->tile;
    tz_model *model = NULL;
    tz_team *team = NULL;
    tz_trainer *trainer = NULL;
    tz_status status = tz_model_create(&model, &def, s->task, s->statistics, error);
    if (status == TZ_OK) {
        status = tz_team_create(&team, threads, error);
    }
    if (status == TZ_OK) {
        status = tz_trainer_create(&trainer, &trainer_def, model, s->sequences, team, error);
    }
    for (int i = 0; status == TZ_OK && i < WARM_UP; i++) {
        if (tz_trainer_step(trainer).outcome != TZ_TRAIN_OK) {
            status = tz_fail(error, TZ_ERR_NUMERIC, "%s of %s: the loss is not finite", s->kind,
                             s->task->name);
        }
    }
    if (status == TZ_OK && *weights == NULL) {
        *weights = tz_alloc(model->n_parameters, sizeof **weights);
        if (*weights != NULL) {
            memcpy(*weights, model->parameters, model->n_parameters * sizeof **weights);
        } else {
            status = tz_fail(error, TZ_ERR_MEMORY, "out of memory: weights");
        }
    } else if (status == TZ_OK &&
               memcmp(*weights, model->parameters, model->n_parameters * sizeof **weights) != 0) {
        status = tz_fail(error, TZ_ERR_NUMERIC, "%s of %s: other weights at %d threads than at 1",
                         s->kind, s->task->name, threads);
    }
    if (status == TZ_OK) {
        time_steps(trainer, a->seconds, threads == 1 ? &result->step_ms_1 : &result->step_ms,
                   &result->step_ms_median);
        result->n_parameters = model->n_parameters;
        result->transitions = s->sequences->length - 1;
        result->gflop = 1e-9 * a->batch * tz_model_flops(model, result->transitions);
    }
    tz_trainer_destroy(trainer);
    tz_team_destroy(team);
    tz_model_destroy(model);
    return status;
}

static tz_status bench_kind(run *r, const subject *s, tz_error *error) {
    const arguments *a = &r->arguments;
    measurement *result = &r->results[r->n_results];
    snprintf(result->env, sizeof result->env, "%s", s->task->name);
    result->kind = s->kind;
    result->batch = a->batch;
    result->tile = a->tile;
    float *weights = NULL;
    tz_status status = measure(r, s, 1, &weights, result, error);
    if (status == TZ_OK && r->threads > 1) {
        status = measure(r, s, r->threads, &weights, result, error);
    } else if (status == TZ_OK) {
        result->step_ms = result->step_ms_1;
    }
    tz_free(weights);
    r->n_results += status == TZ_OK;
    return status;
}

static tz_status bench_kinds(run *r, const subject *s, tz_error *error) {
    for (int k = 0; k < r->arguments.kinds.n; k++) {
        if (r->n_results == TZ_LIST_MAX) {
            return tz_fail(error, TZ_ERR_ARGUMENT, "more than %d models to measure", TZ_LIST_MAX);
        }
        subject of_kind = *s;
        of_kind.kind = r->arguments.kinds.item[k];
        TZ_CHECK(bench_kind(r, &of_kind, error));
    }
    return TZ_OK;
}

static tz_status bench_data(run *r, const tz_dataset *dataset, const char *path, tz_env *env,
                            tz_error *error) {
    unsigned char *is_test = tz_alloc((size_t)dataset->n_episodes, 1);
    if (is_test == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a split");
    }
    const tz_source source = {.path = path, .dataset = dataset, .is_test = is_test};
    tz_model_statistics statistics;
    tz_sequences *sequences = NULL;
    tz_status status = tz_training_statistics(&statistics, &source, 1, error);
    if (status == TZ_OK) {
        const int n = SEQUENCES > r->arguments.batch ? SEQUENCES : r->arguments.batch;
        status = tz_sequences_draw(&sequences, &source, 1, TZ_PART_TRAIN, n, LENGTH, 0, error);
    }
    if (status == TZ_OK) {
        const subject s = {
            .task = tz_env_task(env), .statistics = &statistics, .sequences = sequences};
        status = bench_kinds(r, &s, error);
    }
    tz_sequences_destroy(sequences);
    tz_free(is_test);
    return status;
}

// Measures on a dataset, or without one (path NULL) on episodes of the environment.
static tz_status bench_one(run *r, const char *path, const char *env_name, tz_error *error) {
    tz_dataset *dataset = NULL;
    tz_env *env = NULL;
    tz_env_def def = tz_env_def_default();
    def.name = env_name;
    def.ends_early = false;
    tz_status status = TZ_OK;
    if (path != NULL) {
        status = tz_dataset_read(&dataset, path, NULL, error);
        def.name = status == TZ_OK ? dataset->env : "";
    }
    if (status == TZ_OK) {
        status = tz_env_create(&env, &def, error);
    }
    if (status == TZ_OK && path == NULL) {
        status = simulate(&dataset, env, error);
    }
    if (status == TZ_OK) {
        status = bench_data(r, dataset, path != NULL ? path : env_name, env, error);
    }
    tz_env_destroy(env);
    tz_dataset_destroy(dataset);
    return status;
}

// Sequences of a system from its own starts. How well they are integrated does not matter here.
static void fill_motions(tz_sequences *sequences, const tz_system *system) {
    const int n = system->n;
    float *z_out = sequences->z;
    for (int i = 0; i < sequences->n; i++) {
        double z[2 * TZ_SYSTEM_N_MAX], a[TZ_SYSTEM_N_MAX];
        tz_rng rng = tz_rng_stream(0, TZ_PURPOSE_SYSTEM, (uint64_t)i);
        tz_system_start(system, z, &rng);
        for (int t = 0; t < sequences->length; t++) {
            for (int k = 0; k < 2 * n; k++) {
                *z_out++ = (float)z[k];
            }
            tz_system_acceleration(system, a, z, z + n);
            for (int k = 0; k < n; k++) {
                z[n + k] += system->dt_s * a[k];
                z[k] += system->dt_s * z[n + k];
            }
        }
    }
}

static tz_status bench_system(run *r, const char *name, tz_error *error) {
    tz_system system;
    TZ_CHECK(tz_system_find(&system, name, error));
    tz_task task = {.nq = system.n, .nv = system.n, .dt_s = system.dt_s};
    snprintf(task.name, sizeof task.name, "%s", system.name);
    tz_model_statistics statistics = {0};
    for (int i = 0; i < system.n; i++) {
        task.coordinate[i] = system.is_angle[i] ? TZ_COORDINATE_ANGLE : TZ_COORDINATE_LINEAR;
        statistics.z_std[i] = statistics.z_std[system.n + i] = 1.0;
    }
    const int batch = r->arguments.batch;
    tz_sequences sequences = {.n = batch > SYSTEM_SEQUENCES ? batch : SYSTEM_SEQUENCES,
                              .length = SYSTEM_LENGTH,
                              .nz = 2 * system.n};
    sequences.z =
        tz_alloc((size_t)sequences.n * SYSTEM_LENGTH * 2 * (size_t)system.n, sizeof(float));
    sequences.u = tz_alloc(1, sizeof(float)); // no controls
    tz_status status = sequences.z != NULL && sequences.u != NULL
                           ? TZ_OK
                           : tz_fail(error, TZ_ERR_MEMORY, "out of memory: motions");
    if (status == TZ_OK) {
        fill_motions(&sequences, &system);
        const subject s = {.task = &task,
                           .statistics = &statistics,
                           .sequences = &sequences,
                           .is_synthetic = true};
        status = bench_kinds(r, &s, error);
    }
    tz_free(sequences.z);
    tz_free(sequences.u);
    return status;
}

// ---- report

static double peak_fraction(const run *r, const measurement *result) {
    return result->gflop / (1e-3 * result->step_ms) / r->peak_gflops;
}

static struct json_object *result_json(const run *r, const measurement *result) {
    struct json_object *o = json_object_new_object();
    tz_json_add_text(o, "kind", result->kind);
    tz_json_add_text(o, "env", result->env);
    tz_json_add_int(o, "parameters", (int64_t)result->n_parameters);
    tz_json_add_int(o, "threads", r->threads);
    tz_json_add_int(o, "batch", result->batch);
    tz_json_add_int(o, "tile", result->tile);
    tz_json_add_real(o, "step_ms", result->step_ms);
    tz_json_add_real(o, "step_ms_median", result->step_ms_median);
    tz_json_add_real(o, "step_ms_1_thread", result->step_ms_1);
    tz_json_add_real(o, "scaling", result->step_ms_1 / result->step_ms);
    tz_json_add_real(o, "gflop", result->gflop);
    tz_json_add_real(o, "gflops", result->gflop / (1e-3 * result->step_ms));
    tz_json_add_real(o, "peak_fraction", peak_fraction(r, result));
    tz_json_add_real(o, "peak_fraction_1_thread",
                     result->gflop / (1e-3 * result->step_ms_1) / r->peak_gflops_1);
    tz_json_add_real(o, "transitions_per_s",
                     result->batch * result->transitions / (1e-3 * result->step_ms));
    return o;
}

static void print_json(const run *r) {
    struct json_object *o = json_object_new_object(), *models = json_object_new_array();
    tz_json_add_int(o, "threads", r->threads);
    tz_json_add_real(o, "peak_gflops", r->peak_gflops);
    tz_json_add_real(o, "peak_gflops_1_thread", r->peak_gflops_1);
    for (int i = 0; i < r->n_results; i++) {
        json_object_array_add(models, result_json(r, &r->results[i]));
    }
    json_object_object_add(o, "models", models);
    tz_json_print(o);
    json_object_put(o);
}

static void print_table(const run *r) {
    printf("FMA peak %.0f GFLOP/s with %d threads at once, %.0f with one\n\n", r->peak_gflops,
           r->threads, r->peak_gflops_1);
    printf("%-14s %-16s %9s %9s %9s %8s %8s %14s\n", "env", "kind", "step ms", "1 thread",
           "speed-up", "GFLOP/s", "of peak", "transitions/s");
    for (int i = 0; i < r->n_results; i++) {
        const measurement *s = &r->results[i];
        printf("%-14s %-16s %9.3f %9.3f %9.2f %8.0f %8.2f %14.0f\n", s->env, s->kind, s->step_ms,
               s->step_ms_1, s->step_ms_1 / s->step_ms, s->gflop / (1e-3 * s->step_ms),
               peak_fraction(r, s), s->batch * s->transitions / (1e-3 * s->step_ms));
    }
}

static tz_status bench_all(run *r, tz_error *error) {
    arguments *a = &r->arguments;
    r->threads = a->threads > 0 ? a->threads : tz_cpu_count();
    if (a->kinds.n == 0 && a->systems.n == 0) {
        for (int k = 0; k < tz_model_kind_count(); k++) {
            a->kinds.item[a->kinds.n++] = tz_model_kind_at(k);
        }
    } else if (a->kinds.n == 0) {
        a->kinds = (tz_text_list){
            .n = 5, .item = {"node", "node-so-mass", "hnn", "hnn-nonseparable", "symoden-both"}};
    }
    if (a->envs.n == 0 && a->data.n == 0 && a->systems.n == 0) {
        a->envs = (tz_text_list){.n = 2, .item = {"hopper", "half_cheetah"}};
    }
    for (int i = 0; i < a->envs.n; i++) {
        TZ_CHECK(bench_one(r, NULL, a->envs.item[i], error));
    }
    for (int i = 0; i < a->data.n; i++) {
        TZ_CHECK(bench_one(r, a->data.item[i], NULL, error));
    }
    for (int i = 0; i < a->systems.n; i++) {
        TZ_CHECK(bench_system(r, a->systems.item[i], error));
    }
    TZ_CHECK(tz_bench_peak(1, &r->peak_gflops_1, error));
    return tz_bench_peak(r->threads, &r->peak_gflops, error);
}

static int bench_main(int argc, char **argv) {
    const tz_trainer_def def = tz_trainer_def_default();
    run r = {.arguments = {.batch = def.batch, .tile = def.tile, .hidden = 128, .seconds = 1.0}};
    arguments *a = &r.arguments;
    // clang-format off
    tz_option options[] = {
        {"--env", TZ_OPTION_LIST, &a->envs, "E", .help = "environment whose sizes and episodes to use; without one and without --data or --system: hopper, half_cheetah"},
        {"--system", TZ_OPTION_LIST, &a->systems, "S", .help = "physical system, chain-2, with the study's form of the models"},
        {"--data", TZ_OPTION_LIST, &a->data, "D", .help = "dataset to use"},
        {"--model", TZ_OPTION_LIST, &a->kinds, "KIND", .help = "kind of model; without one: all, for systems those of the study"},
        {"--hidden", TZ_OPTION_INT, &a->hidden, "N", .help = "units of a hidden layer", .min = 1, .max = 4096},
        {"--threads", TZ_OPTION_INT, &a->threads, "N", .help = "threads; 0: one a CPU", .min = 0, .max = 1024},
        {"--batch", TZ_OPTION_INT, &a->batch, "N", .help = "sequences of a step", .min = 1, .max = 1e6},
        {"--tile", TZ_OPTION_INT, &a->tile, "N", .help = "rows of a batch that one thread takes at a time", .min = 1, .max = 1000},
        {"--seconds", TZ_OPTION_REAL, &a->seconds, "S", .help = "time to measure each model at each number of threads", .min = 0.01, .max = 3600},
        {"--json", TZ_OPTION_FLAG, &a->json, .help = "print one JSON object"},
    };
    // clang-format on
    tz_error error;
    bool help = false;
    tz_status status = tz_options_parse(&tz_bench_train, options, TZ_COUNTOF(options), argc, argv,
                                        NULL, &help, &error);
    if (status == TZ_OK && help) {
        return TZ_EXIT_OK;
    }
    if (status == TZ_OK) {
        status = bench_all(&r, &error);
    }
    if (status != TZ_OK) {
        return tz_cli_fail(&tz_bench_train, &error);
    }
    if (a->json) {
        print_json(&r);
    } else {
        print_table(&r);
    }
    return TZ_EXIT_OK;
}

const tz_command tz_bench_train = {
    .name = "bench train",
    .summary = "the optimiser step of each kind of model",
    .usage = "trapeze bench train [--env E ...] [--model KIND ...] [option...]",
    .example = "trapeze bench train --env hopper --model node-so --threads 2",
    .run = bench_main,
};
