// Random shooting: candidates around the middle of the control range, and what a policy proposes;
// the best one is the plan. No warm start. Each iteration is a fresh draw, so that its budget is
// that of CEM with the same settings.
#include "plan/planner_kind.h"

#include <string.h>

static void plan_random(tz_planner *planner, tz_plan *plan) {
    tz_candidates *candidates = &planner->candidates;
    const size_t size = (size_t)(candidates->T * candidates->nu) * sizeof(float);
    tz_score best = {.outcome = TZ_ROLLOUT_DIVERGED};
    memcpy(planner->u, planner->mean, size);
    for (int k = 0; k < planner->def.iterations; k++) {
        tz_candidates_evaluate(candidates, tz_planner_draw(planner, k), planner->mean, planner->std,
                               planner->given, planner->n_proposed, planner->def.samples);
        tz_planner_count(planner, plan);
        int i;
        if (tz_candidates_select(candidates, &i, 1) == 1 &&
            tz_score_better(&candidates->score[i], &best)) {
            best = candidates->score[i];
            tz_candidates_controls(candidates, planner->u, i);
        }
    }
    memcpy(planner->best_u, planner->u, size);
}

const tz_planner_ops tz_planner_random = {.plan = plan_random};
