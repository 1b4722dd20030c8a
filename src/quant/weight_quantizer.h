// Weights of a linear as integers: symmetric, one scale per output channel, nearest rounding,
// min-max range.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/plan/bit_width.h"

namespace tmpq {

// q[n][k] in [-QMax(bits), QMax(bits)]; w[n][k] is about q[n][k] * scale[n].
struct QuantizedWeights {
  int bits = 0;
  int64_t outputs = 0;       // N
  int64_t inputs = 0;        // K
  std::vector<int8_t> q;     // (N, K)
  std::vector<float> scale;  // (N)
};

// `weights` (N, K) row-major, finite. `layer` names the layer in errors. Throws kInput on NaN or
// infinity.
QuantizedWeights QuantizeWeights(const std::string& layer, std::span<const float> weights,
                                 int64_t outputs, int64_t inputs, BitWidth width);

// The same weights in the packed layout that the kernels read (kernels/include/packing.h).
struct PackedWeights {
  int bits = 0;
  int64_t outputs = 0;
  int64_t inputs = 0;
  std::vector<uint8_t> data;
  std::vector<float> scale;  // (N)
};

PackedWeights Pack(const QuantizedWeights& weights);

}  // namespace tmpq
