// The second half of a product whose inputs were split between blocks: exact sums of the parts,
// then what GemmKernel does with its own sums.
#pragma once

#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/gemm_parts.h"

namespace tmpq::gpu {

// A thread an output, of the GemmParams that the parts were summed with.
struct FinishSplitKernel {
  using Params = GemmParams;
  static constexpr int kThreads = kElementThreads;
  static constexpr const char* kName = "finish split";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t i = ElementIndex(), row = i / p.n, column = i % p.n;
    const bool inside = i < p.m * p.n;
    uint32_t sum = 0;
    for (int64_t split = 0; split < p.splits; ++split) {
      sum += static_cast<uint32_t>(LoadGlobalIf(inside, p.partial + split * p.m * p.n + i, 0));
    }
    const float value = OutputOf(p, static_cast<int32_t>(sum), LoadRowTerms(p, 0, row, inside),
                                 LoadColumnTerms(p, 0, column, inside));
    p.out.StoreIf(inside, row * p.out_stride + column, FinishOutput(p, value, row, column, inside));
  }
};

}  // namespace tmpq::gpu
