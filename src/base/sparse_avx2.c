// Products that leave out zeros, for processors with AVX2 and FMA.
#define GROUPS(X) X(8) X(4) X(2) X(1)
#include "base/sparse_rows.h"

const tz_sparse_kernels tz_sparse_avx2 = {LANES, 0.7, find_nonzeros, panel};
