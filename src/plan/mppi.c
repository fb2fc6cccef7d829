// Model predictive path integral control. Let p be the distribution of the control sequences that
// the warm start and its noise give. Of all distributions q, the one that earns most for what it
// differs from p,
//
//     max_q  E_q[R(U)] - lambda KL(q || p),   is   q*(U) ~ p(U) exp(R(U) / lambda),
//
// and the Gaussian next to it, min KL(q* || .), has the mean and the variance of q*. Candidates
// U_i ~ p carry q* by weights (Williams et al. 2017, "Information theoretic MPC for model-based
// reinforcement learning"):
//
//     w_i = exp((R_i - max R) / lambda),   m = sum w_i U_i / sum w_i,
//     s^2 = sum w_i (U_i - m)^2 / sum w_i
//
// All of them count, by how good they are; the cross-entropy method gives equal weights to the best
// and none to the others. One iteration with m alone is the method of that paper (without the
// likelihood ratio for noise around zero controls: here the noise around the warm start costs
// nothing). Further iterations draw around m with the std s, as in TD-MPC2 (Hansen et al. 2024),
// and each moves mean and std as cem.c does, with `smoothing`.
//
// Returns differ by orders of magnitude between tasks, horizons and iterations, so lambda is
// counted in their spread, lambda = temperature * std(R), as in model-based diffusion (Pan et al.
// 2024) and DIAL-MPC (Xue et al. 2025). Two things differ from these. The spread is that of the
// better half: a few candidates that fall, or that a learned model sends almost to infinity, would
// make all others look alike. And it has no floor: the plan is the same when all returns are
// multiplied by a factor or shifted. Where the better half is equal, only candidates as good as
// that have a weight.
//
// A candidate that diverged has the weight 0, and so has one that left the data's range where such
// are rejected and another stayed inside (tz_candidates_select). When all diverged, the warm start
// stays.
#include "plan/planner_kind.h"

#include <float.h>
#include <math.h>
#include <string.h>

// How much worse candidate i of the best is than the first. Halves: no difference overflows.
static double half_regret(const tz_planner *planner, int i) {
    const tz_score *score = planner->candidates.score;
    return 0.5 * score[planner->best[0]].value - 0.5 * score[planner->best[i]].value;
}

// Writes the weights of the n >= 1 best candidates and returns how many of them have one. With x,
// regrets in units of the largest one in the better half, nothing overflows and no factor is left:
//
//     w = exp(-x / (temperature * std(x in the better half)))
static int weigh(tz_planner *planner, int n) {
    const int n_half = n / 2 + 1 < n ? n / 2 + 1 : n;
    const double unit = fmax(half_regret(planner, n_half - 1), DBL_MIN);
    double sum = 0.0, square = 0.0;
    for (int i = 0; i < n_half; i++) {
        const double x = half_regret(planner, i) / unit;
        sum += x;
        square += x * x;
    }
    const double mean = sum / n_half, variance = square / n_half - mean * mean;
    const double spread = variance > 0.0 ? sqrt(variance) : 1.0;

    // best first, so weights fall: after one that is no normal float all are
    for (int i = 0; i < n; i++) {
        const double x = half_regret(planner, i) / unit;
        planner->weight[i] = (float)exp(-x / (planner->def.temperature * spread));
        if (planner->weight[i] < FLT_MIN) {
            return i;
        }
    }
    return n;
}

static void plan_mppi(tz_planner *planner, tz_plan *plan) {
    tz_candidates *candidates = &planner->candidates;
    tz_planner_begin_mean(planner);
    for (int k = 0; k < planner->def.iterations; k++) {
        tz_planner_draw_around(planner, plan, k, 2);

        // a draw without a single finite rollout teaches nothing
        const int n = tz_candidates_select(candidates, planner->best, candidates->n);
        if (n == 0) {
            continue;
        }
        tz_candidates_controls(candidates, planner->best_u, planner->best[0]);
        tz_planner_refit(planner, planner->weight, weigh(planner, n));
    }
    memcpy(planner->u, planner->mean,
           (size_t)(candidates->T * candidates->nu) * sizeof *planner->u);
}

const tz_planner_ops tz_planner_mppi = {.plan = plan_mppi};
