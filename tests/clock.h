// A clock that stands still until the test moves it, in place of the system's for all of its
// program: what depends on time is then the same on a machine that is slow or busy. A test takes it
// by having clock.c among its sources.
#ifndef TRAPEZE_TESTS_CLOCK_H
#define TRAPEZE_TESTS_CLOCK_H

// What every clock shows (s).
extern double clock_s;

#endif
