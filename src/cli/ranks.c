// Rank 0 keeps one number, of the next run. Its main thread answers the other ranks and a second
// thread of it takes runs as they do. All MPI calls are made by main threads; waiting is by looking
// and sleeping, because a blocking receive of MPI would keep a CPU busy that has runs to do.
#include "cli/ranks.h"

#include <stdlib.h>

#ifdef TZ_HAVE_MPI
#include "base/memory.h"

#include <mpi.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#endif

static int rank_of_process = 0, n_ranks = 1;

int tz_ranks_rank(void) {
    return rank_of_process;
}

int tz_ranks_size(void) {
    return n_ranks;
}

// Number of processes that mpirun (or Slurm through PMI) says it started; 1 without, also where
// PMIx says that there are some.
static int launched_ranks(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_SIZE"};
    for (size_t i = 0; i < TZ_COUNTOF(names); i++) {
        const char *text = getenv(names[i]);
        if (text != NULL && atoi(text) > 0) {
            return atoi(text);
        }
    }
    return 1;
}

#ifndef TZ_HAVE_MPI

tz_status tz_ranks_start(tz_error *error) {
    return launched_ranks() == 1
               ? TZ_OK
               : tz_fail(error, TZ_ERR_UNSUPPORTED,
                         "started as one of %d processes, but built without MPI: install "
                         "libopenmpi-dev and build again",
                         launched_ranks());
}

void tz_ranks_end(void) {
}

tz_status tz_ranks_agree(tz_status status, tz_error *error) {
    (void)error;
    return status;
}

tz_status tz_ranks_share(tz_run_list *list, tz_error *error) {
    (void)list;
    (void)error;
    return TZ_OK;
}

tz_status tz_ranks_work(const tz_work_def *def, tz_error *error) {
    return tz_work(def, error);
}

#else

enum { TAG_REQUEST = 1, TAG_RUN };

// What a rank tells rank 0: "I finished a run, give me another", or "I stop".
typedef struct request {
    int finished;     // run; -1: none
    int is_last;      // no answer is expected
    tz_status status; // with is_last
    char text[sizeof((tz_error *)0)->text];
} request;

tz_status tz_ranks_start(tz_error *error) {
    if (launched_ranks() == 1 && getenv("PMIX_RANK") == NULL) {
        return TZ_OK;
    }
    int provided = MPI_THREAD_SINGLE;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS ||
        provided < MPI_THREAD_FUNNELED) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "MPI does not start, or not beside other threads");
    }
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_of_process);
    MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
    return TZ_OK;
}

void tz_ranks_end(void) {
    int is_started = 0;
    MPI_Initialized(&is_started);
    if (is_started) {
        MPI_Finalize();
    }
}

static void nap(void) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void wait_for(MPI_Request *pending) {
    int done = 0;
    while (MPI_Test(pending, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && !done) {
        nap();
    }
}

tz_status tz_ranks_agree(tz_status status, tz_error *error) {
    if (n_ranks == 1) {
        return status;
    }
    // everyone's status and sentence
    request mine = {.status = status}, *all = malloc((size_t)n_ranks * sizeof *all);
    if (status != TZ_OK) {
        snprintf(mine.text, sizeof mine.text, "%s", error->text);
    }
    if (all == NULL) {
        MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
        return TZ_ERR_MEMORY;
    }
    MPI_Request pending;
    MPI_Iallgather(&mine, sizeof mine, MPI_BYTE, all, sizeof mine, MPI_BYTE, MPI_COMM_WORLD,
                   &pending);
    wait_for(&pending);
    for (int i = 0; i < n_ranks && status == TZ_OK; i++) {
        if (all[i].status != TZ_OK) {
            status = tz_fail(error, all[i].status, "%s", all[i].text);
        }
    }
    free(all);
    return status;
}

tz_status tz_ranks_share(tz_run_list *list, tz_error *error) {
    if (n_ranks == 1) {
        return TZ_OK;
    }
    MPI_Request pending;
    int n = list->n;
    MPI_Ibcast(&n, 1, MPI_INT, 0, MPI_COMM_WORLD, &pending);
    wait_for(&pending);
    if (rank_of_process > 0) {
        tz_run_list_destroy(list);
        *list = (tz_run_list){.run = tz_alloc((size_t)n, sizeof *list->run), .n = n, .capacity = n};
        if (list->run == NULL) {
            MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
            return tz_fail(error, TZ_ERR_MEMORY, "out of memory: %d runs", n);
        }
    }
    MPI_Ibcast(list->run, n * (int)sizeof *list->run, MPI_BYTE, 0, MPI_COMM_WORLD, &pending);
    wait_for(&pending);
    return TZ_OK;
}

// ---- a rank that asks

typedef struct asker {
    int finished; // since the last request; -1: none
    bool told_to_stop;
} asker;

static int ask(void *context) {
    asker *a = context;
    const request r = {.finished = a->finished};
    a->finished = -1;
    int run = -1;
    MPI_Request pending;
    MPI_Isend(&r, sizeof r, MPI_BYTE, 0, TAG_REQUEST, MPI_COMM_WORLD, &pending);
    wait_for(&pending);
    MPI_Irecv(&run, 1, MPI_INT, 0, TAG_RUN, MPI_COMM_WORLD, &pending);
    wait_for(&pending);
    a->told_to_stop = run < 0;
    return run;
}

static void note_finished(void *context, int run) {
    ((asker *)context)->finished = run;
}

static tz_status work_for_rank_0(const tz_work_def *def, tz_error *error) {
    asker a = {.finished = -1};
    const tz_run_source source = {&a, ask, note_finished};
    tz_work_def mine = *def;
    mine.threads = 1;
    mine.source = &source;
    mine.quiet = true;
    const tz_status status = tz_work(&mine, error);
    if (!a.told_to_stop) {
        request r = {.finished = a.finished, .is_last = true, .status = status};
        snprintf(r.text, sizeof r.text, "%s", status != TZ_OK ? error->text : "");
        MPI_Request pending;
        MPI_Isend(&r, sizeof r, MPI_BYTE, 0, TAG_REQUEST, MPI_COMM_WORLD, &pending);
        wait_for(&pending);
    }
    return status;
}

// ---- rank 0

typedef struct giver {
    const tz_work_def *def;
    atomic_int next;
    atomic_bool stop;            // someone failed
    atomic_bool *done_elsewhere; // (runs->n)

    atomic_bool computed; // the computing thread has ended, with:
    tz_status status;
    tz_error error;
} giver;

static int give(void *context) {
    giver *g = context;
    if (atomic_load(&g->stop)) {
        return -1;
    }
    const int run = atomic_fetch_add(&g->next, 1);
    return run < g->def->runs->n ? run : -1;
}

static void ignore_finished(void *context, int run) {
    (void)context;
    (void)run;
}

static void *compute(void *context) {
    giver *g = context;
    const tz_run_source source = {g, give, ignore_finished};
    tz_work_def mine = *g->def;
    mine.threads = 1;
    mine.source = &source;
    mine.done_elsewhere = g->done_elsewhere;
    g->status = tz_work(&mine, &g->error);
    if (g->status != TZ_OK) {
        atomic_store(&g->stop, true);
    }
    atomic_store(&g->computed, true);
    return NULL;
}

// Answers one request, if there is one. Returns whether a rank has left.
static bool answer(giver *g, tz_status *status, tz_error *error) {
    int waiting = 0;
    MPI_Status from;
    MPI_Iprobe(MPI_ANY_SOURCE, TAG_REQUEST, MPI_COMM_WORLD, &waiting, &from);
    if (!waiting) {
        nap();
        return false;
    }
    request r;
    MPI_Recv(&r, sizeof r, MPI_BYTE, from.MPI_SOURCE, TAG_REQUEST, MPI_COMM_WORLD,
             MPI_STATUS_IGNORE);
    if (r.finished >= 0 && r.finished < g->def->runs->n) {
        atomic_store(&g->done_elsewhere[r.finished], true);
    }
    if (r.is_last) {
        if (r.status != TZ_OK && *status == TZ_OK) {
            *status = tz_fail(error, r.status, "%s", r.text);
        }
        atomic_store(&g->stop, true);
        return true;
    }
    const int run = give(g);
    MPI_Send(&run, 1, MPI_INT, from.MPI_SOURCE, TAG_RUN, MPI_COMM_WORLD);
    return run < 0;
}

static tz_status hand_out(const tz_work_def *def, tz_error *error) {
    giver g = {.def = def};
    g.done_elsewhere = tz_alloc((size_t)def->runs->n, sizeof *g.done_elsewhere);
    pthread_t thread;
    if (g.done_elsewhere == NULL || pthread_create(&thread, NULL, compute, &g) != 0) {
        tz_free(g.done_elsewhere);
        g.stop = true;
        MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a second thread of rank 0");
    }
    tz_status status = TZ_OK;
    for (int n_left = n_ranks - 1; n_left > 0 || !atomic_load(&g.computed);) {
        n_left -= answer(&g, &status, error);
    }
    pthread_join(thread, NULL);
    tz_free(g.done_elsewhere);
    if (g.status != TZ_OK && status == TZ_OK) {
        status = tz_fail(error, g.status, "%s", g.error.text);
    }
    return status;
}

tz_status tz_ranks_work(const tz_work_def *def, tz_error *error) {
    return rank_of_process == 0 ? hand_out(def, error) : work_for_rank_0(def, error);
}

#endif
