#include "paper/work.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/progress.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

// What the workers share.
typedef struct shared {
    const tz_work_def *def;
    atomic_int next;     // without a source
    atomic_bool stopped; // a run failed

    pthread_mutex_t lock; // of all below
    tz_progress progress;
    double *share;    // of each run that is done                                  (runs->n)
    tz_status status; // of the first failure
    tz_error error;
} shared;

// A run in a worker's hands.
typedef struct current {
    shared *shared;
    int run;
} current;

static int next_run(shared *s) {
    if (atomic_load(&s->stopped) || tz_interrupted()) {
        return -1;
    }
    if (s->def->source != NULL) {
        return s->def->source->next(s->def->source->context);
    }
    const int run = atomic_fetch_add(&s->next, 1);
    return run < s->def->runs->n ? run : -1;
}

static void show_progress(shared *s) {
    double done = 0.0;
    int n_finished = 0;
    for (int i = 0; i < s->def->runs->n; i++) {
        const atomic_bool *elsewhere = s->def->done_elsewhere;
        const bool is_elsewhere = elsewhere != NULL && atomic_load(&elsewhere[i]);
        done += (is_elsewhere ? 1.0 : s->share[i]) * s->def->seconds[i];
        n_finished += is_elsewhere || s->share[i] == 1.0;
    }
    char note[64];
    snprintf(note, sizeof note, "%d of %d runs", n_finished, s->def->runs->n);
    tz_progress_update(&s->progress, done, note);
}

static bool on_epoch(void *context, double share) {
    const current *c = context;
    shared *s = c->shared;
    pthread_mutex_lock(&s->lock);
    s->share[c->run] = share;
    show_progress(s);
    pthread_mutex_unlock(&s->lock);
    return !atomic_load(&s->stopped) && !tz_interrupted();
}

static void on_end(shared *s, int run, tz_status status, const tz_error *error) {
    pthread_mutex_lock(&s->lock);
    if (status == TZ_OK) {
        s->share[run] = 1.0;
    } else {
        // a failure is told rather than the interruptions that follow it
        if (s->status == TZ_OK ||
            (s->status == TZ_ERR_INTERRUPTED && status != TZ_ERR_INTERRUPTED)) {
            s->status = status;
            s->error = *error;
        }
        atomic_store(&s->stopped, true);
    }
    pthread_mutex_unlock(&s->lock);
    if (status == TZ_OK && s->def->source != NULL) {
        s->def->source->finished(s->def->source->context, run);
    }
}

static void work(void *context, int task, int worker) {
    (void)task;
    (void)worker;
    shared *s = context;
    tz_team *team = NULL;
    tz_error error = {0};
    const tz_status status = tz_team_create(&team, 1, &error);
    if (status != TZ_OK) {
        on_end(s, 0, status, &error);
        return;
    }
    current c = {.shared = s};
    const tz_run_host host = {.folder = s->def->folder,
                              .team = team,
                              .robots = s->def->robots,
                              .n_robots = s->def->n_robots,
                              .progress = on_epoch,
                              .context = &c};
    while ((c.run = next_run(s)) >= 0) {
        on_end(s, c.run, tz_run_execute(&host, &s->def->runs->run[c.run], &error), &error);
    }
    tz_team_destroy(team);
}

tz_status tz_work(const tz_work_def *def, tz_error *error) {
    shared s = {.def = def, .lock = PTHREAD_MUTEX_INITIALIZER};
    double total = 0.0;
    for (int i = 0; i < def->runs->n; i++) {
        total += def->seconds[i];
    }
    s.progress = tz_progress_start(def->label, "s of work", 0.0, total, def->quiet);
    s.share = tz_alloc((size_t)def->runs->n, sizeof *s.share);
    tz_team *team = NULL;
    tz_status status = s.share == NULL
                           ? tz_fail(error, TZ_ERR_MEMORY, "out of memory: %d runs", def->runs->n)
                           : tz_team_create(&team, def->threads, error);
    if (status == TZ_OK) {
        tz_team_run(team, def->threads, work, &s);
        if (s.status == TZ_OK && tz_interrupted()) {
            s.status =
                tz_fail(&s.error, TZ_ERR_INTERRUPTED, "interrupted: the same command goes on");
        }
        status = s.status;
        if (status == TZ_OK) {
            tz_progress_finish(&s.progress, total, NULL);
        } else if (error != NULL) {
            *error = s.error;
        }
    }
    tz_team_destroy(team);
    tz_free(s.share);
    pthread_mutex_destroy(&s.lock);
    return status;
}

static int longer_first(const void *a, const void *b) {
    const double x = tz_run_flops(a), y = tz_run_flops(b);
    return (x < y) - (x > y);
}

void tz_sort_runs(tz_run_list *runs) {
    if (runs->n > 0) { // an empty list has no memory
        qsort(runs->run, (size_t)runs->n, sizeof *runs->run, longer_first);
    }
}
