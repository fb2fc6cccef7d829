// A policy as one self-contained C99 file that needs nothing but libm: for robots, simulators and
// games that have no room for this library.
#ifndef TRAPEZE_POLICIES_EXPORT_C_H
#define TRAPEZE_POLICIES_EXPORT_C_H

#include "policies/actor.h"

// Writes `void policy_control(double *u, const double *source)`, the deterministic control of the
// actor, and its weights. `name` is the policy's, for the comment. It rounds where the library
// does, or they would differ by the rounding of long sums, a few 1e-6. TZ_ERR_IO.
TZ_API tz_status tz_actor_write_c(const char *path, const tz_actor *actor, const tz_task *task,
                                  const char *name, tz_error *error);

#endif
