// The learned kinds written a second time: one row, plain loops, double precision, straight from
// docs/models.md. Derivatives of energies come from tangents (forward mode), so nothing is shared
// with the code under test but the formulas.
#ifndef TRAPEZE_TESTS_MODELS_REFERENCE_H
#define TRAPEZE_TESTS_MODELS_REFERENCE_H

#include "models/learned.h"

enum { REF_N_MAX = 16, REF_HIDDEN_MAX = 64, REF_OUT_MAX = REF_N_MAX * REF_N_MAX };

// dw (nz) = f(w, u) with parameters theta (n_parameters).
void ref_field(const tz_learned *model, const double *theta, double *dw, const double *w,
               const double *u);

// z (T + 1, nz) from z0 (nz) and u (T, nu).
void ref_rollout(const tz_learned *model, const double *theta, double *z, const double *z0,
                 const double *u, int T);

#endif
