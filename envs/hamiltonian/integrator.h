// Integrates one system with ARKODE's explicit method of order 8 (Fehlberg 13-7-8) at relative and
// absolute tolerance 1e-12. One thread at a time.
#ifndef TRAPEZE_ENVS_HAMILTONIAN_INTEGRATOR_H
#define TRAPEZE_ENVS_HAMILTONIAN_INTEGRATOR_H

#include "envs/hamiltonian/system.h"

typedef struct tz_system_integrator tz_system_integrator;

// An integrator of `system` (borrowed). TZ_ERR_MEMORY; TZ_ERR_UNSUPPORTED in a build without
// SUNDIALS. The caller destroys it.
tz_status tz_system_integrator_create(tz_system_integrator **integrator, const tz_system *system,
                                      tz_error *error);
void tz_system_integrator_destroy(tz_system_integrator *integrator); // Nullable

// Its integration state x (nx), borrowed: written before a start, read after a move.
double *tz_system_integrator_x(tz_system_integrator *integrator);

// Begins at t = 0 with the state in x, forgetting all before: what follows depends on x alone.
void tz_system_integrator_start(tz_system_integrator *integrator);

// Moves on to time t_s > 0, exactly, nothing interpolated. False when it gives up; x is then not to
// be used.
bool tz_system_integrator_move(tz_system_integrator *integrator, double t_s);

#endif
