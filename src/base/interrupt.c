#include "base/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

// Programs in between (timeout, make, uv run) pass a signal on that the terminal or they themselves
// send to the whole group too: what comes this soon after the first one is the same request.
static const long long SAME_REQUEST_NS = 250 * 1000 * 1000;

// When the first signal came, in ns, or 0. Set by the handler on one thread and read on all;
// lock-free, as a handler needs it.
static atomic_llong interrupted_ns;
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a signal handler may only touch lock-free atomics");

static void on_interrupt(int signal_number) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    const long long now_ns = 1 + t.tv_sec * 1000000000LL + t.tv_nsec;
    long long first_ns = 0;
    if (atomic_compare_exchange_strong(&interrupted_ns, &first_ns, now_ns) ||
        now_ns - first_ns < SAME_REQUEST_NS) {
        return;
    }
    // a second request: blocked while this handler runs, it ends the process on return
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

void tz_catch_interrupts(void) {
    // system calls go on after it, except those that poll
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool tz_interrupted(void) {
    return atomic_load(&interrupted_ns) != 0;
}
