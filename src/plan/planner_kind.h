// What the kinds of planners share. Private to this room: a kind is one file with one ops table.
#ifndef TRAPEZE_PLAN_PLANNER_KIND_H
#define TRAPEZE_PLAN_PLANNER_KIND_H

#include "plan/candidates.h"

// The verb of one kind of planner.
typedef struct tz_planner_ops {
    const char *name;
    // (required) from the candidates' start and the warm start `mean` to the controls `u`; counts
    // candidates with tz_planner_count after every draw
    void (*plan)(tz_planner *planner, tz_plan *plan);
} tz_planner_ops;

extern const tz_planner_ops tz_planner_random, tz_planner_cem;

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
    float *elite_mean, *elite_square; // of the elites under way                        (T, nu)
    float *best_u;   // best sound candidate of the last draw that had one       (T, nu)
    float *given;    // sequences that are candidates as they are  (n_given_max, T, nu):
    int n_proposed;  // first those of the policy,
    int n_kept;      // then elites, then the mean
    float *sample_z; // shown candidates                            (n_shown, T + 1, nz)
    int *elite;      // owned                                                 (elites)
};

// Number of a draw for tz_candidates_evaluate.
uint64_t tz_planner_draw(const tz_planner *planner, int iteration);

// Adds the outcomes of the last draw to the counters of the plan.
void tz_planner_count(const tz_planner *planner, tz_plan *plan);

#endif
