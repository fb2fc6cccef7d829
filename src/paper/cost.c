// The work of a run. Source of the counts: one RK4 step a transition is four evaluations of the
// field; momenta take one evaluation of the mass network at the start of a rollout and one at every
// state that is put out.
#include "paper/plan.h"

#include <string.h>

enum { BATCH = 200 };

// Weights of a network with two hidden layers.
static double weights(int in, int h, int out) {
    return (double)in * h + (double)h * h + (double)h * out;
}

// Multiply-adds of one state: in an evaluation of the field (networks whose output is the field,
// and networks whose gradient is), and in a map between momenta and velocities.
typedef struct work {
    double plain, gradient, map;
} work;

static work work_of(const tz_study_run *run) {
    const tz_study_dims d = tz_system_dims(run->system);
    const int h = run->n_hidden, n = d.n, in_q = n + d.n_angles, in = in_q + n + d.nu;
    const double field = weights(in, h, 2 * n), force = weights(in, h, n);
    const double potential = weights(in_q, h, 1), mass = weights(in_q, h, n * n);
    const double energy = weights(in_q + n, h, 1);
    if (strcmp(run->model, TZ_STUDY_NODE) == 0) {
        return (work){.plain = field};
    }
    if (strcmp(run->model, TZ_ROBOT_NODE_SO) == 0) {
        return (work){.plain = force};
    }
    if (strcmp(run->model, TZ_STUDY_NODE_SO) == 0) {
        return (work){.plain = force + mass, .map = mass};
    }
    if (strcmp(run->model, TZ_STUDY_HNN_NONSEPARABLE) == 0) {
        return (work){.gradient = energy, .map = mass};
    }
    if (strcmp(run->model, TZ_STUDY_SYMODEN) == 0) {
        return (work){.plain = field, .gradient = potential + mass, .map = mass};
    }
    if (strcmp(run->model, TZ_ROBOT_SYMODEN_CODE) == 0) {
        return (work){.plain = force, .gradient = potential};
    }
    return (work){.plain = d.nu > 0 ? force : 0.0, .gradient = potential + mass, .map = mass};
}

double tz_run_flops(const tz_study_run *run) {
    const work w = work_of(run);
    const bool robot = run->protocol == TZ_PROTOCOL_ROBOT;
    const bool one_step = strcmp(run->model, TZ_ROBOT_SYMODEN_CODE) == 0;
    const int stages = robot ? (one_step ? 1 : 8) : 4;

    // training: transitions of a sequence, sequences of all epochs
    const double transitions = robot ? 2 : 4;
    const double sequences = (double)run->epochs * BATCH *
                             (robot ? run->n_systems / BATCH : (int)(0.8 * run->n_systems) / BATCH);
    double training = transitions * stages * (6.0 * w.plain + 12.0 * w.gradient) +
                      (transitions + 2.0) * 6.0 * w.map;
    if (run->symplectic > 0.0) {
        // the Jacobian at each of the 5 states: n gradients of each network (2 W), differentiated
        // again (4 W), and one forward and backward that they share (mlp_gradient.c)
        training += 5.0 * (6.0 * tz_system_dims(run->system).n + 6.0) * w.plain;
    }

    // testing: rollouts of 99 or 200 transitions at each evaluation
    const double rollouts = robot ? 200.0 : 0.2 * run->n_systems;
    const double steps = robot ? 200.0 : 99.0;
    const double testing =
        rollouts * steps * (stages * (2.0 * w.plain + 4.0 * w.gradient) + 2.0 * w.map);
    return sequences * training + tz_run_evaluations(run) * testing;
}
