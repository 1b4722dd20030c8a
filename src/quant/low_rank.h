// SVDQuant's float branch (2411.05007): what of a matrix stays float beside its integers.
#pragma once

#include <cstdint>
#include <vector>

namespace tmpq {

struct FloatBranch {
  std::vector<float> down, up;  // (rank, inputs) and (outputs, rank)
};

// The best approximation of that rank, by singular values, whose roots both factors share;
// `weights` (outputs, inputs) keep the rest. 1 <= rank <= the smaller side.
FloatBranch TakeLowRank(std::vector<float>& weights, int64_t outputs, int64_t inputs, int64_t rank);

}  // namespace tmpq
