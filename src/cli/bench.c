// trapeze bench: measures on this machine. A table of benchmarks, and the peak they compare with.
#include "cli/bench.h"

#include "base/blas.h"
#include "base/memory.h"
#include "base/parallel.h"

#include <stdio.h>
#include <string.h>

static void measure_one(void *context, int task, int worker) {
    (void)worker;
    ((double *)context)[task] = tz_measure_fma_peak_gflops();
}

tz_status tz_bench_peak(int threads, double *gflops, tz_error *error) {
    tz_team *team = NULL;
    TZ_CHECK(tz_team_create(&team, threads, error));
    double *of_thread = tz_alloc((size_t)threads, sizeof *of_thread);
    if (of_thread == NULL) {
        tz_team_destroy(team);
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: %d threads", threads);
    }
    tz_team_run(team, threads, measure_one, of_thread);
    tz_team_destroy(team);
    *gflops = 0.0;
    for (int i = 0; i < threads; i++) {
        *gflops += of_thread[i];
    }
    tz_free(of_thread);
    return TZ_OK;
}

static const tz_command *const benchmarks[] = {&tz_bench_train, &tz_bench_sac, &tz_bench_env};

static int print_help(void) {
    printf("%s\n\nUsage:\n  %s\n\nBenchmarks:\n", tz_command_bench.summary, tz_command_bench.usage);
    for (size_t i = 0; i < TZ_COUNTOF(benchmarks); i++) {
        printf("  %-12s  %s\n", benchmarks[i]->name, benchmarks[i]->summary);
    }
    printf("\n`trapeze bench NAME --help` explains one of them.\n");
    return TZ_EXIT_OK;
}

static int run(int argc, char **argv) {
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        return print_help();
    }
    for (size_t i = 0; argc >= 2 && i < TZ_COUNTOF(benchmarks); i++) {
        // a benchmark's name is "bench NAME"
        if (strcmp(argv[1], strchr(benchmarks[i]->name, ' ') + 1) == 0) {
            return benchmarks[i]->run(argc - 1, argv + 1);
        }
    }
    tz_error error;
    if (argc >= 2) {
        tz_fail(&error, TZ_ERR_ARGUMENT, "no benchmark '%s', expected one of: train, sac, env",
                argv[1]);
    } else {
        tz_fail(&error, TZ_ERR_ARGUMENT,
                "a benchmark is missing, expected one of: train, sac, env");
    }
    return tz_cli_fail(&tz_command_bench, &error);
}

const tz_command tz_command_bench = {
    .name = "bench",
    .summary = "measure this machine at the work of the other commands",
    .usage = "trapeze bench NAME [option...]",
    .example = "trapeze bench train --threads 2",
    .run = run,
};
