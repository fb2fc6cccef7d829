// An actor: what it sees of an environment, a network, and how the network's head becomes a
// control.
#ifndef TRAPEZE_POLICIES_ACTOR_H
#define TRAPEZE_POLICIES_ACTOR_H

#include "envs/observation.h"
#include "policies/network.h"
#include "policies/numpy_pickle.h"

// The head is [mu, l] (2 nu); with e standard normal, or 0 for the deterministic control:
typedef enum tz_actor_output {
    TZ_ACTOR_SQUASHED, // a = tanh(mu + sigma e), then from [-1, 1] onto the control range
    TZ_ACTOR_CLIPPED   // u = mu + sigma e, kept in the control range
} tz_actor_output;

typedef enum tz_actor_sigma {
    TZ_ACTOR_SIGMA_CLAMP, // log sigma = l in [-20, 2]
    TZ_ACTOR_SIGMA_TANH,  // log sigma = -5 + 7/2 (tanh(l) + 1)
    TZ_ACTOR_SIGMA_FREE,  // log sigma = l
    TZ_ACTOR_SIGMA_NONE   // sigma = 0: no noise of its own
} tz_actor_sigma;

typedef struct tz_actor {
    tz_observation_layout layout; // what it sees; layout.n = net.n_in
    tz_normaliser normaliser;     // of the observation, before the network
    tz_network net;               // its head is 2 nu wide
    tz_actor_output output;
    tz_actor_sigma sigma;
    double control_low[TZ_NU_MAX];  // control of action -1                           (nu)
    double control_high[TZ_NU_MAX]; // control of action +1                           (nu)
} tz_actor;

// x (net.n_in) <- what the network takes of `source` (docs/policies.md), in float.
void tz_actor_observe(const tz_actor *actor, float *x, const double *source);

#endif
