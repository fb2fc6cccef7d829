// The kernels of layers for processors with AVX-512.
#include "base/layer_blocks.h"

const tz_layer_kernels tz_layer_avx512 = {"AVX-512", forward, gradient};
