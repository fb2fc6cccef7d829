// The benchmarks of `trapeze bench NAME`: one file each, listed in bench.c.
#ifndef TRAPEZE_CLI_BENCH_H
#define TRAPEZE_CLI_BENCH_H

#include "cli/cli.h"

extern const tz_command tz_bench_train;

#endif
