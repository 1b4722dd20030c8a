// GPTQ (Frantar et al., arXiv 2210.17323): rounds a layer's weights one input at a time and lets
// the inputs that come later make up for each error, weighted by how inputs move together.
#pragma once

#include <span>

#include "src/quant/weight_quantizer.h"

namespace tmpq {

// Fills grid.q. `weights` (N, K) as they are quantized, `rows` (n, K) inputs likewise transformed:
// their second moments are the Hessian, with `damping` of its mean diagonal added. The scales and
// offsets of `grid` (FindWeightScales) are kept. Inputs in order of their second moment.
void RoundByGptq(std::span<const float> weights, std::span<const float> rows, double damping,
                 QuantizedWeights& grid);

}  // namespace tmpq
