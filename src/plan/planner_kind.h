// What the kinds of planners share. Private to this room: a kind is one file with one ops table.
#ifndef TRAPEZE_PLAN_PLANNER_KIND_H
#define TRAPEZE_PLAN_PLANNER_KIND_H

#include "plan/candidates.h"

// The verb of one kind of planner, whose names are tz_planner_names.
typedef struct tz_planner_ops {
    // (required) from the candidates' start and the warm start `mean` to the controls `u`; counts
    // candidates with tz_planner_count after every draw
    void (*plan)(tz_planner *planner, tz_plan *plan);
} tz_planner_ops;

extern const tz_planner_ops tz_planner_random, tz_planner_cem, tz_planner_mppi;

struct tz_planner {
    tz_planner_def def;
    const tz_planner_ops *ops;
    const tz_task *task; // borrowed
    tz_task *sought;     // owned, Nullable: a copy whose weights were changed
    tz_candidates candidates;
    uint64_t episode, step; // of the next plan
    float *block;           // owned, holds the arrays below
    float *u, *z;           // the plan                           (T, nu), (T + 1, nz)
    float *mean, *std;      // of the candidates; mean is the warm start                (T, nu)
    float *fit_mean, *fit_square; // of the candidates under way in tz_planner_refit    (T, nu)
    float *best_u;                // best sound one of the last draw that had any, or mean (T, nu)
    float *weight;   // of the best ones; MPPI only                            (samples)
    float *given;    // sequences that are candidates as they are  (n_given_max, T, nu):
    int n_proposed;  // first those of the policy,
    int n_kept;      // then elites, then the mean
    bool has_mean;   // the warm start is that of a plan of this episode
    float *sample_z; // shown candidates                            (n_shown, T + 1, nz)
    int *best;       // owned, indices of the best candidates, best first:
                     // elites of CEM, all of MPPI                 (elites or samples)
};

// Number of a draw for tz_candidates_evaluate.
uint64_t tz_planner_draw(const tz_planner *planner, int iteration);

// Adds the outcomes of the last draw to the counters of the plan.
void tz_planner_count(const tz_planner *planner, tz_plan *plan);

// ---- for kinds that refine a Gaussian around the warm start

// In the first plan of an episode the policy's sequence is the warm start, if there is a policy.
// The warm start is best_u until a draw has a sound candidate.
void tz_planner_begin_mean(tz_planner *planner);

// Draw k of a plan, counted: the policy's candidates, kept elites, the mean, and draws around it.
// They are samples / sample_decay^k, but at least `least` and all given ones.
void tz_planner_draw_around(tz_planner *planner, tz_plan *plan, int k, int least);

// Moves mean and std towards those of the first n >= 1 of `best`, weighted by weight (n) > 0, or
// all alike where it is NULL:
//
//     mean <- (1 - a) m + a mean,   std <- (1 - a) s + a std,   a = smoothing
void tz_planner_refit(tz_planner *planner, const float *weight, int n);

#endif
