// Pictures of the states in a run folder: where trajectories go and what becomes of their energy.
#ifndef TRAPEZE_CLI_STATE_PLOTS_H
#define TRAPEZE_CLI_STATE_PLOTS_H

#include "base/status.h"
#include "cli/run_plots.h"

#include <json-c/json_object.h>

// Draws, for a folder of `collect` or `mpc` the first episodes of its dataset, for one
// of `train` or `eval` an episode held out from the model (eval: the first rollout) beside what the
// models predict open loop from its start:
//
//     phase-<i>        velocity over position of coordinate i, for systems of up to three
//     energy           the true energy, for physical systems
//     learned-energy   what Hamiltonian models take for the energy
//
// A folder of another command has no states. TZ_ERR_IO and others when the dataset or a model that
// its config.json names cannot be read.
tz_status tz_draw_states(const char *folder, struct json_object *config, tz_pictures *out,
                         tz_error *error);

#endif
