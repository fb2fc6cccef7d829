// True trajectories of the systems, and the study's data: chunks of a few consecutive samples, one
// a trajectory.
//
// The integrator (integrator.h) stops at each sample, so nothing is interpolated.
#ifndef TRAPEZE_ENVS_HAMILTONIAN_TRAJECTORY_H
#define TRAPEZE_ENVS_HAMILTONIAN_TRAJECTORY_H

#include "base/parallel.h"
#include "envs/hamiltonian/system.h"

// z (T, 2 n): samples at t = 0, dt, ..., (T - 1) dt from z[0] on, which holds the start. Angles
// are continuous from the first, which is brought into (-pi, pi]. TZ_ERR_NUMERIC when the
// integrator gives up; TZ_ERR_MEMORY; TZ_ERR_UNSUPPORTED in a build without SUNDIALS.
TZ_API tz_status tz_system_trajectory(const tz_system *system, double *z, int T, double dt_s,
                                      tz_error *error);

// Which of the study's two sets: their streams of starts are apart.
typedef enum tz_chunk_part { TZ_CHUNKS_TRAIN, TZ_CHUNKS_TEST } tz_chunk_part;

// What the study takes: 10 s of each trajectory, cut into blocks of the chunk's length from the
// start on; one of them is drawn.
#define TZ_STUDY_SPAN_S 10.0

// z (N, C, 2 n): one chunk of C samples from each of N trajectories, in the learning coordinates,
// unwrapped within the chunk. Trajectory i of a part depends on (seed, part, i) alone, so a larger
// N begins with the same chunks, at any number of threads. A rest that does not fill a block is
// left out, and with it the last whole block, as in the study. TZ_ERR_ARGUMENT when a chunk is
// longer than the span, or N or C below 1; TZ_ERR_NUMERIC, TZ_ERR_MEMORY, TZ_ERR_UNSUPPORTED.
TZ_API tz_status tz_system_chunks(const tz_system *system, double *z, int N, int C,
                                  tz_chunk_part part, uint64_t seed, tz_team *team,
                                  tz_error *error);

#endif
