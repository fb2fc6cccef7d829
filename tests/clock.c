#include "clock.h"

#include <time.h>

double clock_s = 1000.0;

// The program's own function stands before that of the library.
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *time) {
    (void)clock;
    time->tv_sec = (time_t)clock_s;
    time->tv_nsec = (long)((clock_s - (double)time->tv_sec) * 1e9);
    return 0;
}
