// How an integer product is cut into blocks of a device, by its shape alone: results do not depend
// on it.
#pragma once

#include "kernels/cuda/gemm_parts.h"

namespace tmpq {

struct GemmTiling {
  int64_t rows, columns;  // of a block's outputs
  int64_t splits;         // of the inputs, summed up by FinishSplitKernel; 1: not split
};

// Of (m, k) x (k, n). Splits where the outputs alone are too few blocks for a GPU and the inputs
// are long enough to share; scales of groups are summed in order, so these are never split.
GemmTiling TilingOf(gpu::GemmKind kind, int64_t m, int64_t n, int64_t k);

}  // namespace tmpq
