#include "src/quant/weight_quantizer.h"

#include <algorithm>
#include <cmath>

#include "kernels/include/numerics.h"
#include "kernels/include/packing.h"
#include "src/core/error.h"

namespace tmpq {

QuantizedWeights QuantizeWeights(const std::string& layer, std::span<const float> weights,
                                 int64_t outputs, int64_t inputs, BitWidth width) {
  TMPQ_CHECK(weights.size() == static_cast<size_t>(outputs * inputs),
             "weights do not fit " + layer);
  TMPQ_CHECK(width.bits() <= 8, "integer weights have 2 to 8 bits");
  QuantizedWeights result{width.bits(), outputs, inputs, {}, {}};
  result.q.resize(weights.size());
  result.scale.resize(outputs);
  const int qmax = kernels::QMax(width.bits());
  for (int64_t n = 0; n < outputs; ++n) {
    const float* row = weights.data() + n * inputs;
    float absmax = 0;
    for (int64_t k = 0; k < inputs; ++k) {
      if (!std::isfinite(row[k])) {
        throw Error(ErrorCode::kInput, "layer " + layer,
                    "weight of output " + std::to_string(n) + " is NaN or infinite");
      }
      absmax = std::max(absmax, std::fabs(row[k]));
    }
    // The same definition as for activations, so that a weight and an activation of equal range
    // agree.
    const kernels::RowScale scale = kernels::ScaleOf(absmax, qmax);
    result.scale[n] = scale.scale;
    for (int64_t k = 0; k < inputs; ++k) {
      result.q[n * inputs + k] = kernels::QuantizeValue(row[k], scale.inverse, qmax);
    }
  }
  return result;
}

PackedWeights Pack(const QuantizedWeights& weights) {
  PackedWeights packed{weights.bits, weights.outputs, weights.inputs, {}, weights.scale};
  packed.data.resize(kernels::PackedBytes(weights.outputs, weights.inputs, weights.bits));
  kernels::PackWeights(weights.q.data(), weights.outputs, weights.inputs, weights.bits,
                       packed.data.data());
  return packed;
}

}  // namespace tmpq
