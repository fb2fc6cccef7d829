// Numbers are put in rising order, infinities at the ends; none is nothing.
#include "base/sort.h"
#include "base/status.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void numbers_rise(void **state) {
    (void)state;
    double x[] = {3.0, INFINITY, -1.0, 3.0, -INFINITY, 1e-300, 0.0};
    const double rising[] = {-INFINITY, -1.0, 0.0, 1e-300, 3.0, 3.0, INFINITY};
    tz_sort(x, TZ_COUNTOF(x));
    assert_memory_equal(x, rising, sizeof x);
    tz_sort(NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_rise)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
