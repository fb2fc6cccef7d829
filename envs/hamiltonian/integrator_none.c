// In the place of integrator.c where the library is built without SUNDIALS: systems are described,
// but none is integrated.
#include "envs/hamiltonian/integrator.h"

#include "base/assert.h"

tz_status tz_system_integrator_create(tz_system_integrator **integrator, const tz_system *system,
                                      tz_error *error) {
    *integrator = NULL;
    return tz_fail(error, TZ_ERR_UNSUPPORTED,
                   "%s: this build has no integrator for physical systems: install SUNDIALS "
                   "(apt-get install libsundials-dev) and build again",
                   system->name);
}

void tz_system_integrator_destroy(tz_system_integrator *integrator) {
    TZ_ASSERT(integrator == NULL);
}

double *tz_system_integrator_x(tz_system_integrator *integrator) {
    TZ_ASSERT(integrator != NULL);
    return NULL;
}

void tz_system_integrator_start(tz_system_integrator *integrator) {
    TZ_ASSERT(integrator != NULL);
}

bool tz_system_integrator_move(tz_system_integrator *integrator, double t_s) {
    TZ_ASSERT(integrator != NULL && t_s > 0.0);
    return false;
}
