// Reading D4RL's files (docs/formats.md): one flat table of steps in HDF5, whose raw states stand
// in infos/qpos and infos/qvel.
#ifndef TRAPEZE_DATA_D4RL_H
#define TRAPEZE_DATA_D4RL_H

#include "data/dataset.h"

// Reads a D4RL file of an environment (`env`, a registry name). Row i holds the state before step
// i; the state after it is that of row i + 1 of the same episode, so the last step of each episode,
// whose result the file does not hold, is left out, and the episode ends truncated there. Episodes
// end where `terminals` or `timeouts` say so. TZ_ERR_FORMAT names what is missing, of another type
// or shape, or not finite; TZ_ERR_MISMATCH when the columns are not the environment's.
TZ_API tz_status tz_d4rl_read(tz_dataset **dataset, const char *path, const char *env,
                              tz_error *error);

#endif
