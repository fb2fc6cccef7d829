#include "envs/hamiltonian/integrator.h"

#include "base/memory.h"

#include <arkode/arkode_arkstep.h>
#include <math.h>
#include <nvector/nvector_serial.h>

static const double TOLERANCE = 1e-12;
enum { ORDER = 8, STEPS_MAX = 1000000 };

struct tz_system_integrator {
    const tz_system *system; // borrowed
    SUNContext context;
    N_Vector x; // (nx)
    void *arkode;
    bool started;
};

static int rate(realtype t, N_Vector x, N_Vector dx, void *user) {
    (void)t;
    const tz_system_integrator *self = user;
    double *rates = N_VGetArrayPointer(dx);
    tz_system_rate(self->system, rates, N_VGetArrayPointer(x));
    bool finite = true;
    for (int i = 0; i < tz_system_nx(self->system); i++) {
        finite &= isfinite(rates[i]) != 0;
    }
    return finite ? 0 : 1; // 1: try a smaller step
}

// Errors come back as return values; the text on stderr is not wanted.
static void say_nothing(int code, const char *module, const char *function, char *text,
                        void *user) {
    (void)code, (void)module, (void)function, (void)text, (void)user;
}

tz_status tz_system_integrator_create(tz_system_integrator **integrator, const tz_system *system,
                                      tz_error *error) {
    tz_system_integrator *self = *integrator = tz_alloc(1, sizeof *self);
    if (self != NULL) {
        self->system = system;
        const bool made =
            SUNContext_Create(NULL, &self->context) == 0 &&
            (self->x = N_VNew_Serial(tz_system_nx(system), self->context)) != NULL &&
            (self->arkode = ARKStepCreate(rate, NULL, 0.0, self->x, self->context)) != NULL;
        if (made && ARKStepSetErrHandlerFn(self->arkode, say_nothing, NULL) == ARK_SUCCESS &&
            ARKStepSetUserData(self->arkode, self) == ARK_SUCCESS &&
            ARKStepSetOrder(self->arkode, ORDER) == ARK_SUCCESS &&
            ARKStepSStolerances(self->arkode, TOLERANCE, TOLERANCE) == ARK_SUCCESS &&
            ARKStepSetMaxNumSteps(self->arkode, STEPS_MAX) == ARK_SUCCESS) {
            return TZ_OK;
        }
    }
    tz_system_integrator_destroy(self);
    *integrator = NULL;
    return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for an integrator", system->name);
}

void tz_system_integrator_destroy(tz_system_integrator *integrator) {
    if (integrator == NULL) {
        return;
    }
    if (integrator->arkode != NULL) {
        ARKStepFree(&integrator->arkode);
    }
    if (integrator->x != NULL) {
        N_VDestroy(integrator->x);
    }
    if (integrator->context != NULL) {
        SUNContext_Free(&integrator->context);
    }
    tz_free(integrator);
}

double *tz_system_integrator_x(tz_system_integrator *integrator) {
    return N_VGetArrayPointer(integrator->x);
}

void tz_system_integrator_start(tz_system_integrator *integrator) {
    integrator->started =
        ARKStepReInit(integrator->arkode, rate, NULL, 0.0, integrator->x) == ARK_SUCCESS;
}

bool tz_system_integrator_move(tz_system_integrator *integrator, double t_s) {
    realtype reached = 0.0;
    return integrator->started && ARKStepSetStopTime(integrator->arkode, t_s) == ARK_SUCCESS &&
           ARKStepEvolve(integrator->arkode, t_s, integrator->x, &reached, ARK_NORMAL) >= 0;
}
