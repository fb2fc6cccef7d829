// Products that leave out zeros, for processors with AVX-512. Against LIBXSMM, which runs at the
// FMA peak, they pay below about 70% of non-zeros (us for 64 x 256 x 256 on one core):
//
//   non-zeros     35%   50%   65%     LIBXSMM
//   us             28    36    45          47
#define GROUPS(X) X(16) X(8) X(4) X(2) X(1)
#include "base/sparse_rows.h"

const tz_sparse_kernels tz_sparse_avx512 = {LANES, 0.7, find_nonzeros, panel};
