// A run publishes (function, context, a range of tasks for each worker) and raises `generation`;
// each takes tasks from its own range, then from those of the others, until none is left; the
// caller waits until every worker has checked out of the run. Who waits looks at the counters for a
// while and then sleeps on a condition variable: runs often follow each other within less time than
// it takes to wake a thread.
#include "base/parallel.h"

#include "base/memory.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

enum { LOOKS = 4000 }; // about 120 us: longer than the serial part of an optimiser step

// Tasks of one worker that nobody has taken yet; workers share no cache line.
typedef struct task_range {
    _Alignas(64) atomic_int next;
    int end;
} task_range;

typedef struct tz_worker {
    tz_team *team;
    pthread_t thread;
    int index; // 1 .. n_threads - 1; the caller is 0
} tz_worker;

struct tz_team {
    int n_threads;
    int n_started;     // threads beside the caller that exist
    tz_worker *worker; // (n_threads)

    pthread_mutex_t lock; // for the condition variables; counters change under it
    pthread_cond_t start, done;
    atomic_uint generation; // runs published so far
    atomic_int n_busy;      // workers still in the current run
    bool stop;

    tz_task_fn fn;
    void *context;
    task_range *ranges; // (n_threads)
};

int tz_cpu_count(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return CPU_COUNT(&set);
    }
    // a machine of more CPUs than the set holds
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

static void run_tasks(tz_team *team, int worker) {
    for (int i = 0; i < team->n_threads; i++) {
        task_range *range = &team->ranges[(worker + i) % team->n_threads];
        for (;;) {
            const int task = atomic_fetch_add_explicit(&range->next, 1, memory_order_relaxed);
            if (task >= range->end) {
                break;
            }
            team->fn(team->context, task, worker);
        }
    }
}

// Lets the core's other thread work, where there is one.
static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// Looks for a new run for a while.
static bool started(tz_team *team, unsigned seen) {
    for (int i = 0; i < LOOKS; i++) {
        if (atomic_load_explicit(&team->generation, memory_order_acquire) != seen) {
            return true;
        }
        relax();
    }
    return false;
}

// Looks for the end of the run for a while.
static bool finished(tz_team *team) {
    for (int i = 0; i < LOOKS; i++) {
        if (atomic_load_explicit(&team->n_busy, memory_order_acquire) == 0) {
            return true;
        }
        relax();
    }
    return false;
}

static void *worker_main(void *argument) {
    const tz_worker *worker = argument;
    tz_team *team = worker->team;
    unsigned seen = 0;

    for (;;) {
        if (!started(team, seen)) {
            pthread_mutex_lock(&team->lock);
            while (team->generation == seen && !team->stop) {
                pthread_cond_wait(&team->start, &team->lock);
            }
            const bool stop = team->generation == seen;
            pthread_mutex_unlock(&team->lock);
            if (stop) {
                return NULL;
            }
        }
        seen++; // the caller waits for this worker in every run

        run_tasks(team, worker->index);

        pthread_mutex_lock(&team->lock);
        if (--team->n_busy == 0) {
            pthread_cond_signal(&team->done);
        }
        pthread_mutex_unlock(&team->lock);
    }
}

tz_status tz_team_create(tz_team **team_out, int n_threads, tz_error *error) {
    *team_out = NULL;
    if (n_threads <= 0) {
        n_threads = tz_cpu_count();
    }
    tz_team *team = tz_alloc(1, sizeof *team);
    if (team == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "no memory for a team of %d threads", n_threads);
    }
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->start, NULL);
    pthread_cond_init(&team->done, NULL);
    team->n_threads = n_threads;
    team->worker = tz_alloc((size_t)n_threads, sizeof *team->worker);
    team->ranges = tz_alloc((size_t)n_threads, sizeof *team->ranges);
    if (team->worker == NULL || team->ranges == NULL) {
        tz_team_destroy(team);
        return tz_fail(error, TZ_ERR_MEMORY, "no memory for a team of %d threads", n_threads);
    }

    // the caller is worker 0; start the others
    for (int i = 1; i < n_threads; i++) {
        team->worker[i] = (tz_worker){.team = team, .index = i};
        if (pthread_create(&team->worker[i].thread, NULL, worker_main, &team->worker[i]) != 0) {
            tz_team_destroy(team);
            return tz_fail(error, TZ_ERR_MEMORY, "cannot start thread %d of %d", i + 1, n_threads);
        }
        team->n_started++;
    }
    *team_out = team;
    return TZ_OK;
}

void tz_team_destroy(tz_team *team) {
    if (team == NULL) {
        return;
    }
    pthread_mutex_lock(&team->lock);
    team->stop = true;
    pthread_cond_broadcast(&team->start);
    pthread_mutex_unlock(&team->lock);
    for (int i = 1; i <= team->n_started; i++) {
        pthread_join(team->worker[i].thread, NULL);
    }
    pthread_cond_destroy(&team->done);
    pthread_cond_destroy(&team->start);
    pthread_mutex_destroy(&team->lock);
    tz_free(team->worker);
    tz_free(team->ranges);
    tz_free(team);
}

int tz_team_size(const tz_team *team) {
    return team->n_threads;
}

void tz_team_run(tz_team *team, int n_tasks, tz_task_fn fn, void *context) {
    // alone, or with one task: no meeting needed
    if (team->n_threads == 1 || n_tasks <= 1) {
        for (int task = 0; task < n_tasks; task++) {
            fn(context, task, 0);
        }
        return;
    }

    // publish the run
    pthread_mutex_lock(&team->lock);
    team->fn = fn;
    team->context = context;
    for (int i = 0; i < team->n_threads; i++) {
        const int64_t tasks = n_tasks, threads = team->n_threads;
        atomic_store_explicit(&team->ranges[i].next, (int)(tasks * i / threads),
                              memory_order_relaxed);
        team->ranges[i].end = (int)(tasks * (i + 1) / threads);
    }
    team->n_busy = team->n_threads - 1;
    team->generation++;
    pthread_cond_broadcast(&team->start);
    pthread_mutex_unlock(&team->lock);

    run_tasks(team, 0);

    // wait until all workers have left it
    if (!finished(team)) {
        pthread_mutex_lock(&team->lock);
        while (team->n_busy > 0) {
            pthread_cond_wait(&team->done, &team->lock);
        }
        pthread_mutex_unlock(&team->lock);
    }
}
