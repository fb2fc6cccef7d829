// The cross-entropy method. A plan refines a Gaussian over control sequences, independent in each
// step and control up to the colour of the noise:
//
//     mean   <- the last plan's mean, shifted by one step, at the start of an episode the policy's
//               controls if there is a policy, else 0;  std <- noise_std * half-range
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

#include <math.h>
#include <string.h>

static int max_int(int a, int b) {
    return a > b ? a : b;
}

// Candidates of iteration k: samples / decay^k, but at least twice the elites, and all given ones.
static int population(const tz_planner *planner, int k) {
    const tz_planner_def *def = &planner->def;
    const int n = (int)lround(def->samples / pow(def->sample_decay, k));
    const int least = def->samples < 2 * def->elites ? def->samples : 2 * def->elites;
    return max_int(max_int(n, least), planner->n_proposed + planner->n_kept + 1);
}

// Moves mean and std towards those of the elites (n_elites >= 1).
static void refit(tz_planner *planner, int n_elites) {
    const tz_candidates *candidates = &planner->candidates;
    const int n = candidates->T * candidates->nu;
    const float a = (float)planner->def.smoothing;
    float *u = planner->u; // one elite at a time                                      (T, nu)
    float *m = planner->elite_mean, *s = planner->elite_square;
    memset(m, 0, (size_t)n * sizeof *m);
    memset(s, 0, (size_t)n * sizeof *s);
    for (int e = 0; e < n_elites; e++) {
        tz_candidates_controls(candidates, u, planner->elite[e]);
        for (int i = 0; i < n; i++) {
            // running mean and sum of squares about it (Welford)
            const float delta = u[i] - m[i];
            m[i] += delta / (float)(e + 1);
            s[i] += delta * (u[i] - m[i]);
        }
    }
    for (int i = 0; i < n; i++) {
        planner->mean[i] = (1.0f - a) * m[i] + a * planner->mean[i];
        planner->std[i] = (1.0f - a) * sqrtf(s[i] / (float)n_elites) + a * planner->std[i];
    }
}

// The elites that stay candidates.
static void keep(tz_planner *planner, int n_elites) {
    const tz_candidates *candidates = &planner->candidates;
    const int size = candidates->T * candidates->nu;
    planner->n_kept = n_elites < planner->def.keep_elites ? n_elites : planner->def.keep_elites;
    float *kept = planner->given + planner->n_proposed * size;
    for (int e = 0; e < planner->n_kept; e++) {
        tz_candidates_controls(candidates, kept + e * size, planner->elite[e]);
    }
}

static void plan_cem(tz_planner *planner, tz_plan *plan) {
    tz_candidates *candidates = &planner->candidates;
    const int size = candidates->T * candidates->nu;
    if (planner->step == 0 && planner->n_proposed > 0) {
        memcpy(planner->mean, planner->given, (size_t)size * sizeof *planner->mean);
    }
    for (int k = 0; k < planner->def.iterations; k++) {
        // candidates: the policy's, kept elites, the mean, and draws around it
        const int n_given = planner->n_proposed + planner->n_kept + 1;
        memcpy(planner->given + (n_given - 1) * size, planner->mean,
               (size_t)size * sizeof *planner->mean);
        tz_candidates_evaluate(candidates, tz_planner_draw(planner, k), planner->mean, planner->std,
                               planner->given, n_given, population(planner, k));
        tz_planner_count(planner, plan);

        // a draw without a single finite rollout teaches nothing
        const int n_elites = tz_candidates_select(candidates, planner->elite, planner->def.elites);
        if (n_elites == 0) {
            continue;
        }
        tz_candidates_controls(candidates, planner->best_u, planner->elite[0]);
        keep(planner, n_elites);
        refit(planner, n_elites);
    }
    memcpy(planner->u, planner->mean, (size_t)size * sizeof *planner->u);
}

const tz_planner_ops tz_planner_cem = {.name = "cem", .plan = plan_cem};
