// Batch norms as part of the convolution before them.
#pragma once

#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "src/core/error.h"
#include "src/graph/parameters.h"

namespace tmpq {

// What a module stores of its batch norm, as parameters without a role of their own.
inline constexpr const char* kNormParts[] = {"weight", "bias", "running_mean", "running_var"};

struct FoldedConvolution {
  std::vector<float> weights;  // as given
  std::vector<float> biases;
};

// y = (w x - mean) g + beta with g = weight / sqrt(variance + epsilon), as one convolution, in
// double. `norm`: the module's prefix of kNormParts in `stored`; `weights` (N, inputs). Throws
// kInput naming `where` for a negative variance.
inline FoldedConvolution FoldNorm(std::span<const float> weights, const ParameterSet& stored,
                                  const std::string& norm, double epsilon,
                                  const std::string& where) {
  const auto part = [&](const char* name) { return stored.Get(norm + name + ".weight"); };
  const auto scale = part("weight"), shift = part("bias"), mean = part("running_mean"),
             variance = part("running_var");
  FoldedConvolution folded{{weights.begin(), weights.end()}, std::vector<float>(scale.size())};
  const size_t inputs = weights.size() / scale.size();
  for (size_t n = 0; n < scale.size(); ++n) {
    if (variance[n] < 0) {
      throw Error(ErrorCode::kInput, where, norm + "running_var holds a negative variance");
    }
    const double factor = scale[n] / std::sqrt(variance[n] + epsilon);
    for (size_t k = 0; k < inputs; ++k) {
      folded.weights[n * inputs + k] = static_cast<float>(weights[n * inputs + k] * factor);
    }
    folded.biases[n] = static_cast<float>(shift[n] - mean[n] * factor);
  }
  return folded;
}

}  // namespace tmpq
