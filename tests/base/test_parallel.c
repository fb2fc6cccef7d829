// Teams: every task exactly once, by workers in range, for 1 to 3 threads; the call is a barrier.
#include "base/memory.h"
#include "base/parallel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { TASKS_MAX = 1000, THREADS_MAX = 3 };

typedef struct record {
    atomic_int runs[TASKS_MAX];     // of each task
    atomic_int inside[THREADS_MAX]; // tasks that each worker is in
    int plain[TASKS_MAX];           // written without atomics: the call must order these
    int n_threads;
} record;

static void count_task(void *context, int task, int worker) {
    record *r = context;
    assert_in_range(worker, 0, r->n_threads - 1);
    assert_int_equal(atomic_fetch_add(&r->inside[worker], 1), 0);
    atomic_fetch_add(&r->runs[task], 1);
    r->plain[task]++;
    atomic_fetch_sub(&r->inside[worker], 1);
}

static void every_task_runs_once(void **state) {
    (void)state;
    static const int sizes[] = {0, 1, 2, 3, 7, TASKS_MAX};
    for (int n_threads = 1; n_threads <= THREADS_MAX; n_threads++) {
        tz_team *team = NULL;
        tz_error error = {0};
        assert_int_equal(tz_team_create(&team, n_threads, &error), TZ_OK);
        assert_int_equal(tz_team_size(team), n_threads);
        static record r;
        memset(&r, 0, sizeof r);
        r.n_threads = n_threads;
        const size_t allocations = tz_alloc_count();
        for (int run = 1; run <= 300; run++) {
            const int n = sizes[run % (int)TZ_COUNTOF(sizes)];
            for (int task = 0; task < TASKS_MAX; task++) {
                atomic_store(&r.runs[task], 0);
            }
            tz_team_run(team, n, count_task, &r);
            for (int task = 0; task < TASKS_MAX; task++) {
                assert_int_equal(atomic_load(&r.runs[task]), task < n);
            }
        }
        assert_int_equal(r.plain[TASKS_MAX - 1], 50);
        assert_int_equal(r.plain[0], 250);
        assert_int_equal(tz_alloc_count(), allocations);
        tz_team_destroy(team);
    }
}

// All workers are in their tasks at once: without a second thread this would never end.
static void meet(void *context, int task, int worker) {
    (void)task;
    (void)worker;
    atomic_int *here = context;
    atomic_fetch_add(here, 1);
    while (atomic_load(here) < THREADS_MAX) {
    }
}

static void workers_run_at_once(void **state) {
    (void)state;
    tz_team *team = NULL;
    tz_error error = {0};
    assert_int_equal(tz_team_create(&team, THREADS_MAX, &error), TZ_OK);
    for (int i = 0; i < 20; i++) {
        atomic_int here = 0;
        tz_team_run(team, THREADS_MAX, meet, &here);
        assert_int_equal(atomic_load(&here), THREADS_MAX);
    }
    tz_team_destroy(team);
}

static void a_team_fits_the_process(void **state) {
    (void)state;
    assert_true(tz_cpu_count() >= 1);
    tz_team *team = NULL;
    tz_error error = {0};
    assert_int_equal(tz_team_create(&team, 0, &error), TZ_OK);
    assert_int_equal(tz_team_size(team), tz_cpu_count());
    tz_team_destroy(team);
    tz_team_destroy(NULL);
}

static void survives_failing_memory(void **state) {
    (void)state;
    const size_t live = tz_alloc_live();
    for (size_t n = 1; n <= 2; n++) {
        tz_team *team = NULL;
        tz_error error = {0};
        tz_alloc_fail_after(n);
        assert_int_equal(tz_team_create(&team, 3, &error), TZ_ERR_MEMORY);
        tz_alloc_fail_after(0);
        assert_null(team);
        assert_int_equal(tz_alloc_live(), live);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(workers_run_at_once),
        cmocka_unit_test(a_team_fits_the_process),
        cmocka_unit_test(survives_failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
