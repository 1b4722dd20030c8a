#include "src/quant/weight_quantizer.h"

#include <algorithm>
#include <cmath>

#include "kernels/include/packing.h"
#include "src/core/error.h"
#include "src/quant/range.h"

namespace tmpq {

float QuantizedWeights::ValueAt(int64_t n, int64_t k) const {
  const int64_t at = GroupOf(k) * outputs + n;
  const int32_t zero = offset.empty() ? 0 : offset[at];
  return scale[at] * static_cast<float>(q[n * inputs + k] + zero);
}

QuantizedWeights FindWeightScales(const std::string& layer, std::span<const float> weights,
                                  int64_t outputs, int64_t inputs, BitWidth width,
                                  const WeightOptions& options) {
  TMPQ_CHECK(weights.size() == static_cast<size_t>(outputs * inputs),
             "weights do not fit " + layer);
  TMPQ_CHECK(width.bits() <= 8, "integer weights have 2 to 8 bits");
  for (size_t i = 0; i < weights.size(); ++i) {
    if (std::isfinite(weights[i])) continue;
    throw Error(ErrorCode::kInput, "layer " + layer,
                "weight of output " + std::to_string(static_cast<int64_t>(i) / inputs) +
                    " is NaN or infinite");
  }
  QuantizedWeights result{width.bits(), outputs, inputs, options.group, {}, {}, {}, {}};
  result.q.resize(weights.size());
  result.scale.resize(result.groups() * outputs);
  result.inverse.resize(result.groups() * outputs);
  if (!options.symmetric) result.offset.resize(result.groups() * outputs);
  const auto grid_of = [&](std::span<const float> values) {
    const ValueRange range =
        FindRange(values, result.bits, options.symmetric, options.range, options.percentile);
    return GridOf(range, result.bits, options.symmetric);
  };
  const Grid whole = options.per_tensor ? grid_of(weights) : Grid{};
  const int64_t group = options.group > 0 ? options.group : inputs;
  for (int64_t n = 0; n < outputs; ++n) {
    for (int64_t g = 0; g < result.groups(); ++g) {
      const int64_t begin = g * group, count = std::min(group, inputs - begin);
      const Grid grid =
          options.per_tensor ? whole : grid_of(weights.subspan(n * inputs + begin, count));
      result.scale[g * outputs + n] = grid.scale;
      result.inverse[g * outputs + n] = grid.inverse;
      if (!options.symmetric) result.offset[g * outputs + n] = grid.offset;
    }
  }
  return result;
}

int8_t RoundToGrid(const QuantizedWeights& grid, int64_t n, int64_t k, float value) {
  const int64_t at = grid.GroupOf(k) * grid.outputs + n;
  const bool symmetric = grid.offset.empty();
  return RoundToGrid(Grid{grid.scale[at], grid.inverse[at], symmetric ? 0 : grid.offset[at]},
                     grid.bits, symmetric, value);
}

QuantizedWeights QuantizeWeights(const std::string& layer, std::span<const float> weights,
                                 int64_t outputs, int64_t inputs, BitWidth width,
                                 const WeightOptions& options) {
  QuantizedWeights result = FindWeightScales(layer, weights, outputs, inputs, width, options);
  for (int64_t n = 0; n < outputs; ++n) {
    for (int64_t k = 0; k < inputs; ++k) {
      const int64_t at = n * inputs + k;
      result.q[at] = RoundToGrid(result, n, k, weights[at]);
    }
  }
  return result;
}

PackedWeights Pack(const QuantizedWeights& weights) {
  PackedWeights packed{
      weights.bits, weights.outputs, weights.inputs, {}, weights.scale, weights.offset, {}};
  packed.data.resize(kernels::PackedBytes(weights.outputs, weights.inputs, weights.bits));
  kernels::PackWeights(weights.q.data(), weights.outputs, weights.inputs, weights.bits,
                       packed.data.data());
  packed.sums.assign(weights.groups() * weights.outputs, 0);
  for (int64_t n = 0; n < weights.outputs; ++n) {
    for (int64_t k = 0; k < weights.inputs; ++k) {
      packed.sums[weights.GroupOf(k) * weights.outputs + n] += weights.q[n * weights.inputs + k];
    }
  }
  return packed;
}

}  // namespace tmpq
