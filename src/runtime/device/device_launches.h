// Private to DeviceNetwork: what its launches share.
#pragma once

#include <cstdint>

#include "kernels/cuda/elementwise.h"
#include "src/core/error.h"
#include "src/runtime/device/device.h"
#include "src/runtime/network.h"

namespace tmpq {

// A thread an element.
inline LaunchGrid Elements(int64_t count) { return {BlocksOf(count, gpu::kElementThreads)}; }

// Of inputs that have weight scales of their own.
inline int64_t GroupsOf(const PackedWeightView& weights, int64_t inputs) {
  return weights.group > 0 ? BlocksOf(inputs, weights.group) : 1;
}

// Whether a product's operands can be nibbles: not with scales of groups.
inline bool HasNibbles(const Device& device, const ActivePolicy::NodeBinding& binding) {
  constexpr int kNibbleBits = 4;
  return device.multiplies_nibbles() && binding.weights.group == 0 &&
         binding.bits[0] <= kNibbleBits && binding.weights.bits <= kNibbleBits;
}

// Dimensions, innermost last, in the order in which they are added.
struct CopyShape {
  gpu::CopyParams params;
  int rank = 0;

  void Add(int64_t size, int64_t from_stride, int64_t to_stride) {
    TMPQ_CHECK(rank < gpu::CopyParams::kRank, "a copy of too many dimensions");
    for (int d = gpu::CopyParams::kRank - rank - 1; d < gpu::CopyParams::kRank - 1; ++d) {
      params.dims[d] = params.dims[d + 1];
      params.from_strides[d] = params.from_strides[d + 1];
      params.to_strides[d] = params.to_strides[d + 1];
    }
    ++rank;
    params.dims[gpu::CopyParams::kRank - 1] = size;
    params.from_strides[gpu::CopyParams::kRank - 1] = from_stride;
    params.to_strides[gpu::CopyParams::kRank - 1] = to_stride;
  }
  int64_t Count() const {
    int64_t count = 1;
    for (const int64_t size : params.dims) count *= size;
    return count;
  }
};

}  // namespace tmpq
