// How sums of quantized weights are stored, which activations with zero points need.
#pragma once

#include <cstdint>

namespace tmpq {

// Bytes of the sum of a scale's integers: of groups that are small enough 16 bits hold it. `group`:
// inputs of a group, 0 where all of an output's share a scale.
inline int StoredSumBytes(int64_t group) {
  constexpr int64_t kMostMagnitude = 128, kMost = 32767;
  return group > 0 && group * kMostMagnitude <= kMost ? 2 : 4;
}

}  // namespace tmpq
