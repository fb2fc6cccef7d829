// The cross-entropy method. A plan refines a Gaussian over control sequences, independent in each
// step and control up to the colour of the noise:
//
//     mean   <- the last plan's mean, shifted by one step, at the start of an episode the policy's
//               controls if there is a policy, else the middle of the control range
//     std    <- noise_std * half-range
//     repeat `iterations` times:
//         draw candidates around mean; roll out; score
//         m, s <- mean and standard deviation of the elites, the best candidates
//         mean <- (1 - a) m + a mean,   std <- (1 - a) s + a std,   a = smoothing
//
// The mean is what is applied, not the best candidate: the best of many is best partly because the
// model errs in its favour. From iCEM (Pinneri et al. 2020, "Sample-efficient cross-entropy method
// for real-time planning") come coloured noise, elites that are kept as candidates for the next
// iteration and, shifted, the next plan, the mean as a candidate, and populations that shrink.
#include "plan/planner_kind.h"

#include <string.h>

// The elites that stay candidates.
static void keep(tz_planner *planner, int n_elites) {
    const tz_candidates *candidates = &planner->candidates;
    const size_t size = (size_t)(candidates->T * candidates->nu);
    planner->n_kept = n_elites < planner->def.keep_elites ? n_elites : planner->def.keep_elites;
    float *kept = planner->given + (size_t)planner->n_proposed * size;
    for (int e = 0; e < planner->n_kept; e++) {
        tz_candidates_controls(candidates, kept + (size_t)e * size, planner->best[e]);
    }
}

static void plan_cem(tz_planner *planner, tz_plan *plan) {
    tz_candidates *candidates = &planner->candidates;
    const int size = candidates->T * candidates->nu;
    tz_planner_begin_mean(planner);
    for (int k = 0; k < planner->def.iterations; k++) {
        tz_planner_draw_around(planner, plan, k, 2 * planner->def.elites);

        // a draw without a single finite rollout teaches nothing
        const int n_elites = tz_candidates_select(candidates, planner->best, planner->def.elites);
        if (n_elites == 0) {
            continue;
        }
        tz_candidates_controls(candidates, planner->best_u, planner->best[0]);
        keep(planner, n_elites);
        tz_planner_refit(planner, NULL, n_elites);
    }
    memcpy(planner->u, planner->mean, (size_t)size * sizeof *planner->u);
}

const tz_planner_ops tz_planner_cem = {.plan = plan_cem};
