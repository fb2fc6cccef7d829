// A small task with generic statistics, and models of it with generic weights.
#ifndef TRAPEZE_TESTS_MODELS_FIXTURE_H
#define TRAPEZE_TESTS_MODELS_FIXTURE_H

#include "models/model.h"

// Three positions, the first of them cyclic, two controls.
tz_task fixture_task(void);

// A floating body with a hinge: positions [x (cyclic), a quaternion, an angle], two controls.
tz_task fixture_floating_task(void);
tz_model_statistics fixture_statistics(void);

// A model of this kind (mask on, 11 hidden units, 4 substeps) whose biases are moved away from
// zero, so that every derivative is generic. Fails the test on error.
tz_model *fixture_model(const char *kind);

// Whether a kind serves tz_model_def_synthetic: no step in its equations, angles may be embedded.
bool fixture_is_synthetic(const char *kind);

// The same from a definition (hidden units and seed are those of above) and a task.
tz_model *fixture_model_of(const tz_model_def *def, const tz_task *task);

// Fills x (n) with normals of this standard deviation from a stream of this number.
void fixture_fill(tz_real *x, int n, double std, int stream);

// ||a - b|| / ||b||, the relative error of a vector.
double fixture_error(const tz_real *a, const double *b, int n);

// cmocka's own comparison is in float.
void assert_near(double value, double expected, double tolerance);

#endif
