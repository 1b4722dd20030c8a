// Weights of a linear or convolution as integers, nearest rounding.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/plan/bit_width.h"
#include "src/quant/range.h"

namespace tmpq {

struct WeightOptions {
  bool symmetric = true;
  int64_t group = 0;        // inputs that share a scale; 0: all of an output
  bool per_tensor = false;  // one scale (and zero point) for everything
  RangeMethod range = RangeMethod::kMinMax;
  double percentile = 99.9;  // of kPercentile: of the magnitudes, or of either end
};

// q[n][k] in [-QMax(bits), QMax(bits)], with zero points in [-2^(bits-1), 2^(bits-1)); w[n][k] is
// about (q[n][k] + offset) * scale with the scale and offset of k's group: [group][n].
struct QuantizedWeights {
  int bits = 0;
  int64_t outputs = 0;          // N
  int64_t inputs = 0;           // K
  int64_t group = 0;            // inputs of a group; 0: one group
  std::vector<int8_t> q;        // (N, K)
  std::vector<float> scale;     // (groups, N)
  std::vector<float> inverse;   // (groups, N): what values are multiplied with to be rounded
  std::vector<int32_t> offset;  // (groups, N); empty: symmetric

  int64_t groups() const { return group > 0 ? (inputs + group - 1) / group : 1; }
  int64_t GroupOf(int64_t k) const { return group > 0 ? k / group : 0; }
  // The value that q[n][k] stands for.
  float ValueAt(int64_t n, int64_t k) const;
};

// `weights` (N, K) row-major, finite. `layer` names the layer in errors. Throws kInput on NaN or
// infinity.
QuantizedWeights QuantizeWeights(const std::string& layer, std::span<const float> weights,
                                 int64_t outputs, int64_t inputs, BitWidth width,
                                 const WeightOptions& options = {});

// Only the scales and offsets: q is left for another rounding (GPTQ, AdaRound).
QuantizedWeights FindWeightScales(const std::string& layer, std::span<const float> weights,
                                  int64_t outputs, int64_t inputs, BitWidth width,
                                  const WeightOptions& options);
// The integer of a value on the grid of (group, n).
int8_t RoundToGrid(const QuantizedWeights& grid, int64_t n, int64_t k, float value);

// The same weights in the packed layout that the kernels read (kernels/include/packing.h).
struct PackedWeights {
  int bits = 0;
  int64_t outputs = 0;
  int64_t inputs = 0;
  std::vector<uint8_t> data;
  std::vector<float> scale;     // (groups, N)
  std::vector<int32_t> offset;  // (groups, N) or empty
  std::vector<int32_t> sums;    // (groups, N): of q, what activations with zero points need
};

PackedWeights Pack(const QuantizedWeights& weights);

}  // namespace tmpq
