// The benchmarks of `trapeze bench NAME`: one file each, listed in bench.c.
#ifndef TRAPEZE_CLI_BENCH_H
#define TRAPEZE_CLI_BENCH_H

#include "cli/cli.h"

extern const tz_command tz_bench_train, tz_bench_sac, tz_bench_env;

// Sum of the FMA peaks of `threads` threads (GFLOP/s), each measured while the others run.
tz_status tz_bench_peak(int threads, double *gflops, tz_error *error);

#endif
