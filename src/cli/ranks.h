// The processes of `mpirun -n N trapeze ...`: rank 0 hands out runs and computes too. Without MPI,
// or without mpirun, there is one rank and nothing to hand out.
#ifndef TRAPEZE_CLI_RANKS_H
#define TRAPEZE_CLI_RANKS_H

#include "paper/work.h"

// For --help.
#ifdef TZ_HAVE_MPI
#define TZ_RANKS_NOTE " (built with MPI)"
#else
#define TZ_RANKS_NOTE " (built without MPI)"
#endif

// TZ_ERR_UNSUPPORTED when mpirun started a program that was built without MPI.
tz_status tz_ranks_start(tz_error *error);
void tz_ranks_end(void);
int tz_ranks_rank(void);
int tz_ranks_size(void);

// Every rank tells how it fared and waits for the others: TZ_OK when all did well, else the status
// and sentence of the first that did not.
tz_status tz_ranks_agree(tz_status status, tz_error *error);

// Gives every rank the list of rank 0 in place of its own.
tz_status tz_ranks_share(tz_run_list *list, tz_error *error);

// tz_work over all ranks, one thread each; every rank calls it with the same list of runs. Rank 0
// returns the first failure anywhere.
tz_status tz_ranks_work(const tz_work_def *def, tz_error *error);

#endif
