#include "paper/verdict.h"

#include <math.h>
#include <stdbool.h>

// P(|T| <= t) for Student's T with dof degrees of freedom: with tan theta = t / sqrt(dof), a finite
// sum of powers of cos theta (Abramowitz and Stegun, 26.7.3 and 26.7.4).
static double student_within(double t, int dof) {
    const double theta = atan2(t, sqrt(dof)), c = cos(theta), s = sin(theta);
    double term = dof % 2 == 1 ? c : 1.0, sum = dof == 1 ? 0.0 : term;
    for (int k = dof % 2 == 1 ? 3 : 2; k <= dof - 2; k += 2) {
        term *= c * c * (k - 1) / k;
        sum += term;
    }
    return dof % 2 == 1 ? 2.0 / M_PI * (theta + s * sum) : s * sum;
}

double tz_student_975(int dof) {
    double low = 1.0, high = 16.0; // the quantiles are 1.96 to 12.71
    for (int i = 0; i < 60; i++) {
        const double middle = 0.5 * (low + high);
        if (student_within(middle, dof) < 0.95) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return 0.5 * (low + high);
}

static double mean_of(const double *x, int n) {
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        sum += x[i];
    }
    return sum / n;
}

tz_interval tz_mean_interval(const double *x, int n) {
    const double mean = mean_of(x, n);
    double sum2 = 0.0;
    for (int i = 0; i < n; i++) {
        sum2 += (x[i] - mean) * (x[i] - mean);
    }
    if (n < 2 || !isfinite(sum2)) {
        return (tz_interval){mean, -INFINITY, INFINITY};
    }
    const double half = tz_student_975(n - 1) * sqrt(sum2 / (n - 1) / n);
    return (tz_interval){mean, mean - half, mean + half};
}

tz_line tz_fit_line(const double *x, const double *y, int n) {
    const double mean_x = mean_of(x, n), mean_y = mean_of(y, n);
    double xx = 0.0, xy = 0.0, yy = 0.0;
    for (int i = 0; i < n; i++) {
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        xy += (x[i] - mean_x) * (y[i] - mean_y);
        yy += (y[i] - mean_y) * (y[i] - mean_y);
    }
    const double b = xy / xx, residual = fmax(yy - b * xy, 0.0);
    tz_line line = {.intercept = mean_y - b * mean_x,
                    .r2 = 1.0 - residual / yy,
                    .slope = {b, -INFINITY, INFINITY}};
    if (n >= 3 && isfinite(b)) {
        const double half = tz_student_975(n - 2) * sqrt(residual / (n - 2) / xx);
        line.slope.low = b - half;
        line.slope.high = b + half;
    }
    return line;
}

tz_verdict tz_judge(tz_interval log_ratio) {
    const double equal = log(TZ_EQUAL_FACTOR);
    if (log_ratio.low > -equal && log_ratio.high < equal) {
        return TZ_EQUAL;
    }
    return log_ratio.high < 0.0 ? TZ_BETTER : log_ratio.low > 0.0 ? TZ_WORSE : TZ_UNDECIDED;
}

const char *tz_outcome_text(tz_outcome outcome) {
    static const char *const texts[] = {
        [TZ_FINDING_UNDECIDED] = "is undecided",
        [TZ_HOLDS] = "holds",
        [TZ_HOLDS_IN_PART] = "holds in part",
        [TZ_DOES_NOT_HOLD] = "does not hold",
    };
    return texts[outcome];
}

static bool is_claimed(tz_claim claim, tz_verdict verdict) {
    switch (claim) {
    case TZ_CLAIM_BEATS:
        return verdict == TZ_BETTER;
    case TZ_CLAIM_EQUALS:
        return verdict == TZ_EQUAL;
    case TZ_CLAIM_NO_BETTER:
        return verdict == TZ_EQUAL || verdict == TZ_WORSE;
    }
    return false;
}

// What is neither claimed nor undecided contradicts.
static bool is_contradiction(tz_claim claim, tz_verdict verdict) {
    return verdict != TZ_UNDECIDED && !is_claimed(claim, verdict);
}

void tz_decide(tz_finding *finding) {
    tz_finding *f = finding;
    double pooled[TZ_SEEDS_MAX] = {0};
    int n_contradictions = 0;
    for (int g = 0; g < f->n_groups; g++) {
        f->group[g] = tz_mean_interval(f->log_ratio[g], f->n_seeds);
        f->group_verdict[g] = tz_judge(f->group[g]);
        n_contradictions += is_contradiction(f->claim, f->group_verdict[g]);
        for (int s = 0; s < f->n_seeds; s++) {
            pooled[s] += f->log_ratio[g][s] / f->n_groups;
        }
    }
    f->pooled = tz_mean_interval(pooled, f->n_seeds);
    f->pooled_verdict = tz_judge(f->pooled);
    if (is_claimed(f->claim, f->pooled_verdict)) {
        f->outcome = n_contradictions == 0 ? TZ_HOLDS : TZ_HOLDS_IN_PART;
    } else {
        f->outcome =
            is_contradiction(f->claim, f->pooled_verdict) ? TZ_DOES_NOT_HOLD : TZ_FINDING_UNDECIDED;
    }
}
