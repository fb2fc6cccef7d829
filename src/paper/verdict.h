// The rules of docs/paper.md, section 2: what may be said of two models after a few seeds.
#ifndef TRAPEZE_PAPER_VERDICT_H
#define TRAPEZE_PAPER_VERDICT_H

#include "base/export.h"

// Two models are equal when the 95 % interval of their ratio lies inside this factor.
#define TZ_EQUAL_FACTOR 1.25

// Quantile 0.975 of Student's distribution with dof >= 1 degrees of freedom.
TZ_API double tz_student_975(int dof);

// Mean of x (n) and its 95 % interval; the interval is unbounded for n < 2, and where a value is
// not finite.
typedef struct tz_interval {
    double mean, low, high;
} tz_interval;
TZ_API tz_interval tz_mean_interval(const double *x, int n);

// Least squares y = a + b x with the slope's 95 % interval (unbounded for n < 3).
typedef struct tz_line {
    double intercept, r2;
    tz_interval slope;
} tz_line;
TZ_API tz_line tz_fit_line(const double *x, const double *y, int n);

typedef enum tz_verdict {
    TZ_UNDECIDED,
    TZ_EQUAL,  // A equals B
    TZ_BETTER, // A beats B: its errors are smaller
    TZ_WORSE,  // B beats A
    TZ_N_VERDICTS
} tz_verdict;

// From the interval of log e_A - log e_B.
TZ_API tz_verdict tz_judge(tz_interval log_ratio);

// What may be claimed of A and B.
typedef enum tz_claim {
    TZ_CLAIM_BEATS,    // A beats B
    TZ_CLAIM_EQUALS,   // A equals B
    TZ_CLAIM_NO_BETTER // A is no better than B: it equals B, or B beats it
} tz_claim;

typedef enum tz_outcome {
    TZ_FINDING_UNDECIDED,
    TZ_HOLDS,
    TZ_HOLDS_IN_PART,
    TZ_DOES_NOT_HOLD
} tz_outcome;
TZ_API const char *tz_outcome_text(tz_outcome outcome); // "holds"

// A finding over several data sets, from each seed's log-ratios.
enum { TZ_GROUPS_MAX = 16, TZ_SEEDS_MAX = 16 };
typedef struct tz_finding {
    tz_claim claim;
    int n_groups, n_seeds;
    double log_ratio[TZ_GROUPS_MAX][TZ_SEEDS_MAX]; // filled by the caller (n_groups, n_seeds)

    tz_interval group[TZ_GROUPS_MAX]; // (n_groups)
    tz_verdict group_verdict[TZ_GROUPS_MAX];
    tz_interval pooled; // of each seed's mean over the groups
    tz_verdict pooled_verdict;
    tz_outcome outcome;
} tz_finding;

// Fills the lower half of the finding from the upper one.
TZ_API void tz_decide(tz_finding *finding);

#endif
