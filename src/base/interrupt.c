#include "base/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

// Set by the handler on one thread and read on all; lock-free, as a handler needs it.
static atomic_int interrupted;
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a signal handler may only touch lock-free atomics");

static void on_interrupt(int signal_number) {
    (void)signal_number;
    atomic_store(&interrupted, 1);
}

void tz_catch_interrupts(void) {
    // system calls go on after it, except those that poll; the second one ends the process
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART | SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool tz_interrupted(void) {
    return atomic_load(&interrupted) != 0;
}
