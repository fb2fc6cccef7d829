#include "base/assert.h"
#include "base/rng.h"
#include "data/dataset.h"

#include <math.h>

void tz_dataset_split(const tz_dataset *dataset, unsigned char *is_test, double fraction,
                      uint64_t seed) {
    TZ_ASSERT(fraction >= 0 && fraction <= 1);
    const int n = dataset->n_episodes;
    int wanted = (int)lround(fraction * n);
    if (n > 1) {
        wanted = wanted < 1 ? 1 : wanted > n - 1 ? n - 1 : wanted;
    }
    // Selection sampling (Knuth, TAOCP 2, 3.4.2 S): episode e is taken with probability
    // (still wanted) / (still to see), which makes every choice of `wanted` episodes equally
    // likely.
    tz_rng rng = tz_rng_stream(seed, TZ_PURPOSE_SPLIT, 0);
    for (int e = 0; e < n; e++) {
        is_test[e] = tz_rng_below(&rng, (uint64_t)(n - e)) < (uint64_t)wanted;
        wanted -= is_test[e];
    }
}
