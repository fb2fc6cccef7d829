// A fixed team of threads and one verb: run a function over tasks 0..n-1.
//
// Tasks are handed out dynamically, so a result must depend only on the task index, never on the
// worker (the worker index is for per-thread workspaces). A call returns when all tasks are done.
// The calling thread is worker 0 and takes part. Calls are not nested and not concurrent on one
// team.
#ifndef TRAPEZE_BASE_PARALLEL_H
#define TRAPEZE_BASE_PARALLEL_H

#include "base/export.h"
#include "base/status.h"

typedef struct tz_team tz_team;

// Runs one task. `worker` is in [0, n_threads).
typedef void (*tz_task_fn)(void *context, int task, int worker);

// Creates a team of `n_threads` (0: as many as this process may run on, see tz_cpu_count).
// TZ_ERR_MEMORY, also when the system starts no more threads. The caller destroys it.
TZ_API tz_status tz_team_create(tz_team **team, int n_threads, tz_error *error);
TZ_API void tz_team_destroy(tz_team *team); // Nullable

TZ_API int tz_team_size(const tz_team *team); // threads, the calling one included

// Runs fn(context, 0..n_tasks-1, worker). Allocates nothing.
TZ_API void tz_team_run(tz_team *team, int n_tasks, tz_task_fn fn, void *context);

// CPUs in this process's affinity mask.
TZ_API int tz_cpu_count(void);

#endif
