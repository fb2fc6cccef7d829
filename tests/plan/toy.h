// A double integrator as a task and as a model, for which the best controls are known, with faults
// that can be switched on; and a look at the candidates of a planner.
#ifndef TRAPEZE_TESTS_PLAN_TOY_H
#define TRAPEZE_TESTS_PLAN_TOY_H

#include "models/model.h"
#include "plan/candidates.h"

typedef struct tz_toy {
    tz_model model; // first
    float z_low[2], z_high[2];
    float gain;           // of the control; 1
    float diverges_above; // a control above this makes the next states NaN
} tz_toy;

enum { TOY_NZ = 2 };
static const double TOY_DT_S = 0.1;

// q' = q + dt v + dt^2/2 g u, v' = v + dt g u with the gain g; the range of the data is [-1, 1].
tz_toy toy_model(void);

// |u| <= 2; reward -(q'^2 + v'^2 / 10 + u^2 / 100).
tz_task toy_task(void);

// The same with reward q': the further the better.
tz_task toy_race(void);

// The best discounted return of toy_task over T steps from z (controls unbounded), and its first
// control, by the Riccati recursion.
double toy_optimum(double *u, const double *z, int T);

// Copies the controls (T, nu) and the states (T + 1, nz) of candidate i of the last draw.
void candidate_controls(const tz_candidates *candidates, float *u, int i);
void candidate_states(const tz_candidates *candidates, float *z, int i);

#endif
