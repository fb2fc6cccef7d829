// The kernels of layers for processors with AVX2 and FMA.
#include "base/layer_blocks.h"

const tz_layer_kernels tz_layer_avx2 = {"AVX2", forward, gradient};
