// Clean ends: SIGINT and SIGTERM ask long work to stop at its next safe point. tz_train and
// tz_control_loop poll for it; a loop of one's own does so with tz_interrupted.
#ifndef TRAPEZE_BASE_INTERRUPT_H
#define TRAPEZE_BASE_INTERRUPT_H

#include "base/export.h"

#include <stdbool.h>

// Installs the handlers of SIGINT and SIGTERM, which the library never does on its own: without
// this call the signals do what the program says. A second signal ends the process, unless it comes
// within a quarter of a second: then it is the first one, passed on twice.
TZ_API void tz_catch_interrupts(void);

// Whether one of the two came since. True until the process ends; any thread may ask.
TZ_API bool tz_interrupted(void);

#endif
