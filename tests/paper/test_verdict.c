// The rules of decision, on numbers whose answer is known.
#include "paper/verdict.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void assert_near(double found, double expected, double tolerance) {
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("%.12g, expected %.12g", found, expected);
    }
}

// Printed tables of the quantile have five digits.
static void students_quantiles(void **state) {
    (void)state;
    static const struct {
        int dof;
        double quantile;
    } table[] = {{1, 12.7062}, {2, 4.3027},  {3, 3.1824},  {4, 2.7764},
                 {9, 2.2622},  {30, 2.0423}, {120, 1.9799}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_near(tz_student_975(table[i].dof), table[i].quantile, 5e-5);
    }
}

// Mean 2, standard deviation 1, three values: 2 +- 4.3027 / sqrt(3).
static void interval_of_a_mean(void **state) {
    (void)state;
    const tz_interval i = tz_mean_interval((double[]){1, 2, 3}, 3);
    assert_near(i.mean, 2.0, 1e-12);
    assert_near(i.low, 2.0 - 4.302653 / sqrt(3.0), 1e-5);
    assert_near(i.high, 2.0 + 4.302653 / sqrt(3.0), 1e-5);
    assert_true(isinf(tz_mean_interval((double[]){1}, 1).high));
    assert_true(tz_judge(tz_mean_interval((double[]){-5}, 1)) == TZ_UNDECIDED);
    assert_true(tz_judge(tz_mean_interval((double[]){-5, NAN, -5}, 3)) == TZ_UNDECIDED);
    assert_true(tz_judge(tz_mean_interval((double[]){-5, -INFINITY, -5}, 3)) == TZ_UNDECIDED);
}

// y = 1 + 2 x + (1, -2, 1): the slope stays 2, the residual is 6, x varies by 2.
static void line_through_three_points(void **state) {
    (void)state;
    const tz_line line = tz_fit_line((double[]){0, 1, 2}, (double[]){2, 1, 6}, 3);
    assert_near(line.slope.mean, 2.0, 1e-12);
    assert_near(line.intercept, 1.0, 1e-12);
    assert_near(line.r2, 1.0 - 6.0 / 14.0, 1e-12);
    assert_near(line.slope.high, 2.0 + 12.7062 * sqrt(6.0 / 2.0), 1e-3);
}

static tz_verdict verdict_of(double low, double high) {
    return tz_judge((tz_interval){0.5 * (low + high), low, high});
}

static void verdicts(void **state) {
    (void)state;
    assert_int_equal(verdict_of(-0.2, 0.2), TZ_EQUAL);
    assert_int_equal(verdict_of(-0.2, -0.1), TZ_EQUAL); // certain, but less than a quarter
    assert_int_equal(verdict_of(-0.3, -0.1), TZ_BETTER);
    assert_int_equal(verdict_of(0.1, 0.3), TZ_WORSE);
    assert_int_equal(verdict_of(-0.3, 0.1), TZ_UNDECIDED);
}

// Two data sets, three seeds each: log-ratios around a and around b.
static tz_outcome outcome_of(tz_claim claim, double a, double b) {
    tz_finding f = {.claim = claim, .n_groups = 2, .n_seeds = 3};
    for (int s = 0; s < 3; s++) {
        f.log_ratio[0][s] = a + 0.01 * (s - 1);
        f.log_ratio[1][s] = b + 0.01 * (s - 1);
    }
    tz_decide(&f);
    assert_near(f.pooled.mean, 0.5 * (a + b), 1e-12);
    return f.outcome;
}

static void findings(void **state) {
    (void)state;
    assert_int_equal(outcome_of(TZ_CLAIM_BEATS, -1, -1), TZ_HOLDS);
    assert_int_equal(outcome_of(TZ_CLAIM_BEATS, -1, 0), TZ_HOLDS_IN_PART);
    assert_int_equal(outcome_of(TZ_CLAIM_BEATS, 0, 0), TZ_DOES_NOT_HOLD);
    assert_int_equal(outcome_of(TZ_CLAIM_BEATS, 1, 1), TZ_DOES_NOT_HOLD);
    assert_int_equal(outcome_of(TZ_CLAIM_EQUALS, 0, 0.1), TZ_HOLDS);
    assert_int_equal(outcome_of(TZ_CLAIM_EQUALS, -1, -1), TZ_DOES_NOT_HOLD);
    assert_int_equal(outcome_of(TZ_CLAIM_NO_BETTER, 0, 1), TZ_HOLDS);
    assert_int_equal(outcome_of(TZ_CLAIM_NO_BETTER, -1, 2), TZ_HOLDS_IN_PART);
    assert_int_equal(outcome_of(TZ_CLAIM_NO_BETTER, -1, -1), TZ_DOES_NOT_HOLD);

    // seeds that disagree
    tz_finding f = {.claim = TZ_CLAIM_EQUALS, .n_groups = 1, .n_seeds = 3};
    f.log_ratio[0][0] = -1.0;
    f.log_ratio[0][2] = 1.0;
    tz_decide(&f);
    assert_int_equal(f.outcome, TZ_FINDING_UNDECIDED);
    assert_string_equal(tz_outcome_text(TZ_FINDING_UNDECIDED), "is undecided");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(students_quantiles),
        cmocka_unit_test(interval_of_a_mean),
        cmocka_unit_test(line_through_three_points),
        cmocka_unit_test(verdicts),
        cmocka_unit_test(findings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
