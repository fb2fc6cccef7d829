// `trapeze doctor`: what this machine offers, what the program makes of it, and what is missing.
//
// All facts are gathered into one JSON object (docs/installing.md); the page for people is a view
// of it.
#include "base/blas.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/layer.h"
#include "base/parallel.h"
#include "base/run_folder.h"
#include "cli/cli.h"
#include "envs/env.h"
#include "envs/hamiltonian/system.h"
#include "view/offscreen.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// MPI hands out the runs of a study to several machines.
#ifdef TZ_HAVE_MPI
enum { HAS_MPI = true };
#else
enum { HAS_MPI = false };
#endif

// ---- gathering

// Notes something that is not as it should be: what, what for, and what to do about it.
static void put_missing(struct json_object *report, const char *what, const char *purpose,
                        const char *remedy) {
    struct json_object *entry = json_object_new_object();
    tz_json_add_text(entry, "what", what);
    tz_json_add_text(entry, "purpose", purpose);
    tz_json_add_text(entry, "remedy", remedy);
    json_object_array_add(json_object_object_get(report, "missing"), entry);
}

// First line that starts with `prefix` in what the stream holds, after the prefix, without line
// end.
static bool read_line_after(FILE *stream, const char *prefix, char *text, size_t size) {
    char line[512];
    while (fgets(line, sizeof line, stream) != NULL) {
        if (strncmp(line, prefix, strlen(prefix)) == 0) {
            line[strcspn(line, "\r\n")] = '\0';
            snprintf(text, size, "%.*s", (int)size - 1, line + strlen(prefix));
            return true;
        }
    }
    return false;
}

// Instruction sets that the kernels care about, in the words of __builtin_cpu_supports.
#define FEATURE_LIST(X)                                                                            \
    X("sse4.2") X("avx") X("avx2") X("fma") X("avx512f") X("avx512dq") X("avx512bw") X("avx512vl")

static void gather_cpu(struct json_object *report) {
    struct json_object *cpu = json_object_new_object();
    json_object_object_add(report, "cpu", cpu);

    char model[256] = "unknown";
    FILE *info = fopen("/proc/cpuinfo", "r");
    if (info != NULL) {
        read_line_after(info, "model name\t: ", model, sizeof model);
        fclose(info);
    }
    tz_json_add_text(cpu, "model", model);

    struct json_object *features = json_object_new_array();
    json_object_object_add(cpu, "features", features);
#if defined(__x86_64__)
#define ADD_FEATURE(name)                                                                          \
    if (__builtin_cpu_supports(name)) {                                                            \
        json_object_array_add(features, json_object_new_string(name));                             \
    }
    FEATURE_LIST(ADD_FEATURE)
#undef ADD_FEATURE
#endif

    tz_json_add_int(cpu, "cpus", (int)sysconf(_SC_NPROCESSORS_ONLN));
    tz_json_add_int(cpu, "usable_cpus", tz_cpu_count());
}

// GFLOP/s of the tile product that training lives on: C (64, 128) = A (64, 128) B (128, 128), one
// core.
enum { TILE_ROWS = 64, TILE_WIDTH = 128, TILE_CALLS = 200, TILE_TRIES = 32 };

static double measure_tile_gflops(void) {
    static float A[TILE_ROWS * TILE_WIDTH], B[TILE_WIDTH * TILE_WIDTH], C[TILE_ROWS * TILE_WIDTH];
    double best_s = INFINITY;
    for (int try = 0; try < TILE_TRIES; try++) {
        const double start_s = tz_now_s();
        for (int call = 0; call < TILE_CALLS; call++) {
            tz_gemm_nn(C, A, B, TILE_ROWS, TILE_WIDTH, TILE_WIDTH, TILE_WIDTH, TILE_WIDTH,
                       TILE_WIDTH, 0.0f);
        }
        best_s = fmin(best_s, tz_now_s() - start_s);
    }
    return 2.0 * TILE_ROWS * TILE_WIDTH * TILE_WIDTH * TILE_CALLS / best_s * 1e-9;
}

static void gather_products(struct json_object *report) {
    struct json_object *products = json_object_new_object();
    json_object_object_add(report, "products", products);
    const tz_blas_info info = tz_blas_describe();
    tz_json_add_text(products, "openblas_core", info.core);
    tz_json_add_text(products, "expected_core", info.expected_core);
    tz_json_add_text(products, "openblas_coretype", getenv("OPENBLAS_CORETYPE"));
    tz_json_add_bool(products, "core_mismatch", info.mismatch);
    tz_json_add_bool(products, "libxsmm_kernels", info.has_libxsmm);

    // the peak before and after, so that a passing load of the machine does not lower it alone
    const double peak_before = tz_measure_fma_peak_gflops();
    tz_json_add_text(products, "layer_kernels", tz_layer_instructions());
    tz_json_add_real(products, "tile_gflops", measure_tile_gflops());
    tz_json_add_real(products, "fma_peak_gflops", fmax(peak_before, tz_measure_fma_peak_gflops()));

    if (info.mismatch) {
        char remedy[128];
        snprintf(remedy, sizeof remedy, "export OPENBLAS_CORETYPE=%s", info.expected_core);
        put_missing(report, "OpenBLAS kernels for this CPU", "products at full speed", remedy);
    }
#if defined(__x86_64__)
    if (!info.has_libxsmm) {
        put_missing(report, "LIBXSMM", "small products at full speed",
                    "apt-get install libxsmm-dev, then build again");
    }
#endif
}

static void gather_environments(struct json_object *report) {
    struct json_object *environments = json_object_new_array();
    json_object_object_add(report, "environments", environments);
    for (int i = 0; i < tz_env_count(); i++) {
        tz_env_def def = tz_env_def_default();
        def.name = tz_env_info_at(i)->name;
        tz_env *env = NULL;
        tz_error error = {0};
        if (tz_env_create(&env, &def, &error) == TZ_OK) {
            json_object_array_add(environments, json_object_new_string(def.name));
            tz_env_destroy(env);
        } else {
            put_missing(report, def.name, "the environment of this name", error.text);
        }
    }
}

// Physical systems that load: none without an integrator for them.
static void gather_systems(struct json_object *report) {
    int n = 0;
    for (int i = 0; i < tz_system_count(); i++) {
        char name[32];
        tz_system_name_at(i, name);
        tz_env_def def = tz_env_def_default();
        def.name = name;
        tz_env *env = NULL;
        n += tz_env_create(&env, &def, NULL) == TZ_OK;
        tz_env_destroy(env);
    }
    tz_json_add_int(report, "systems", n);
}

static void gather_graphics(struct json_object *report) {
    struct json_object *graphics = json_object_new_object();
    json_object_object_add(report, "graphics", graphics);
    tz_offscreen *offscreen = NULL;
    if (tz_offscreen_create(&offscreen, NULL) == TZ_OK &&
        tz_offscreen_enter(offscreen, NULL) == TZ_OK) {
        tz_json_add_text(graphics, "renderer", tz_gl_renderer());
        tz_json_add_bool(graphics, "software", tz_gl_is_software());
    } else {
        tz_json_add_text(graphics, "renderer", NULL);
        tz_json_add_bool(graphics, "software", false);
        put_missing(report, "OpenGL without a display", "videos and pictures",
                    "apt-get install libegl1 libgl1-mesa-dri");
    }
    tz_offscreen_destroy(offscreen);
    tz_json_add_text(graphics, "display", getenv("DISPLAY"));
}

// Programs that run as child processes, and the line of their output that tells the version.
static const struct {
    const char *name, *version_command, *prefix, *purpose, *remedy;
} programs[] = {
    {"ffmpeg", "ffmpeg -version 2>/dev/null", "ffmpeg version ", "videos",
     "apt-get install ffmpeg"},
    {"gnuplot", "gnuplot --version 2>/dev/null", "gnuplot ", "plots",
     "apt-get install gnuplot-nox"},
};

static void gather_programs(struct json_object *report) {
    for (size_t i = 0; i < TZ_COUNTOF(programs); i++) {
        char version[128];
        FILE *output = popen(programs[i].version_command, "r");
        const bool found =
            output != NULL && read_line_after(output, programs[i].prefix, version, sizeof version);
        if (output != NULL) {
            pclose(output);
        }
        if (found) {
            // the number alone, not the copyright after it
            char *end = strstr(version, " Copyright");
            if (end != NULL) {
                *end = '\0';
            }
        } else {
            put_missing(report, programs[i].name, programs[i].purpose, programs[i].remedy);
        }
        tz_json_add_text(report, programs[i].name, found ? version : NULL);
    }
}

// Versions are the ones that every config.json records.
static struct json_object *gather(int argc, char **argv) {
    struct json_object *report = tz_config_new(argc, argv, 0);
    json_object_object_del(report, "command");
    json_object_object_del(report, "seed");
    tz_json_add_text(report, "json_c", json_c_version());
    tz_json_add_bool(report, "mpi", HAS_MPI);
    json_object_object_add(report, "missing", json_object_new_array());
    if (json_object_object_get(report, "sundials") == NULL) {
        put_missing(report, "SUNDIALS", "the physical systems and most of the study's figures",
                    "apt-get install libsundials-dev, then build again");
    }
    gather_cpu(report);
    gather_products(report);
    gather_environments(report);
    gather_systems(report);
    gather_graphics(report);
    gather_programs(report);
    return report;
}

// ---- the page

static const char *text_of(struct json_object *object, const char *key, const char *otherwise) {
    const char *text = json_object_get_string(json_object_object_get(object, key));
    return text != NULL ? text : otherwise;
}

static bool is_true(struct json_object *object, const char *key) {
    return json_object_get_boolean(json_object_object_get(object, key));
}

static void print_words(const char *label, struct json_object *words) {
    printf("%-14s", label);
    for (size_t i = 0; i < json_object_array_length(words); i++) {
        printf(" %s", json_object_get_string(json_object_array_get_idx(words, i)));
    }
    printf("\n");
}

static void print_versions(struct json_object *report) {
    static const char *const rows[][2] = {{"trapeze", "version"}, {"compiler", "compiler"},
                                          {"MuJoCo", "mujoco"},   {"OpenBLAS", "openblas"},
                                          {"LIBXSMM", "libxsmm"}, {"SUNDIALS", "sundials"},
                                          {"HDF5", "hdf5"},       {"json-c", "json_c"},
                                          {"ffmpeg", "ffmpeg"},   {"gnuplot", "gnuplot"}};
    for (size_t i = 0; i < TZ_COUNTOF(rows); i++) {
        printf("%-14s %s\n", rows[i][0], text_of(report, rows[i][1], "missing"));
    }
    printf("%-14s %s\n", "MPI", is_true(report, "mpi") ? "built with it" : "built without it");
}

static void print_cpu(struct json_object *report) {
    struct json_object *cpu = json_object_object_get(report, "cpu");
    printf("%-14s %s\n", "CPU", text_of(cpu, "model", ""));
    print_words("", json_object_object_get(cpu, "features"));
    printf("%-14s %s (of %s in the machine)\n", "threads", text_of(cpu, "usable_cpus", ""),
           text_of(cpu, "cpus", ""));

    struct json_object *products = json_object_object_get(report, "products");
    const double peak = json_object_get_double(json_object_object_get(products, "fma_peak_gflops"));
    const double tile = json_object_get_double(json_object_object_get(products, "tile_gflops"));
    const bool mended = !is_true(products, "core_mismatch") &&
                        json_object_object_get(products, "openblas_coretype") != NULL;
    printf("%-14s %s; this CPU deserves %s%s\n", "OpenBLAS core",
           text_of(products, "openblas_core", ""), text_of(products, "expected_core", ""),
           mended ? " (by OPENBLAS_CORETYPE)" : "");
    printf("%-14s %s\n", "small products",
           is_true(products, "libxsmm_kernels") ? "LIBXSMM" : "OpenBLAS");
    printf("%-14s %s\n", "layer kernels", text_of(products, "layer_kernels", ""));
    printf("%-14s FMA peak %.0f GFLOP/s; a tile product of 64 x 128 x 128 %.0f (%.2f)\n",
           "one core", peak, tile, tile / peak);
}

static void print_graphics(struct json_object *report) {
    struct json_object *graphics = json_object_object_get(report, "graphics");
    printf("%-14s %s%s\n", "OpenGL", text_of(graphics, "renderer", "missing"),
           is_true(graphics, "software") ? ", on the CPU (so without shadows)" : "");
    printf("%-14s %s\n", "display", text_of(graphics, "display", "none: videos yes, windows no"));
}

static void print_missing(struct json_object *missing) {
    const size_t n = json_object_array_length(missing);
    printf("\n%s\n", n == 0 ? "Nothing is missing." : "Missing:");
    for (size_t i = 0; i < n; i++) {
        struct json_object *entry = json_object_array_get_idx(missing, i);
        printf("  %s (for %s): %s\n", text_of(entry, "what", ""), text_of(entry, "purpose", ""),
               text_of(entry, "remedy", ""));
    }
}

static int run(int argc, char **argv) {
    bool json = false;
    tz_option options[] = {
        {.name = "--json", .type = TZ_OPTION_FLAG, .value = &json, .help = "print one JSON object"},
    };
    bool help = false;
    tz_error error = {0};
    if (tz_options_parse(&tz_command_doctor, options, TZ_COUNTOF(options), argc, argv, NULL, &help,
                         &error) != TZ_OK) {
        return tz_cli_fail(&tz_command_doctor, &error);
    }
    if (help) {
        return TZ_EXIT_OK;
    }

    struct json_object *report = gather(argc, argv);
    struct json_object *missing = json_object_object_get(report, "missing");
    const bool complete = json_object_array_length(missing) == 0;
    if (json) {
        tz_json_print(report);
    } else {
        print_versions(report);
        print_cpu(report);
        print_words("environments", json_object_object_get(report, "environments"));
        printf("%-14s %s physical systems\n", "", text_of(report, "systems", "0"));
        print_graphics(report);
        print_missing(missing);
    }
    json_object_put(report);
    return complete ? TZ_EXIT_OK : TZ_EXIT_CHECK_FAILED;
}

const tz_command tz_command_doctor = {
    .name = "doctor",
    .summary = "say what this machine offers, what is missing and how to get it",
    .usage = "trapeze doctor [--json]",
    .example = "trapeze doctor",
    .run = run,
};
