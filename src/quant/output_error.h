// What quantizing does to a layer's outputs.
#pragma once

#include <cstdint>
#include <span>

#include "src/quant/weight_quantizer.h"

namespace tmpq {

// Squared error of the layer's outputs over the calibration's rows, relative to their squares, with
// weights of one set and dynamic activations at these bits: what alphas are chosen by.
double OutputError(std::span<const float> weights, std::span<const float> rows, int64_t outputs,
                   int64_t inputs, const QuantizedWeights& quantized, int activation_bits,
                   bool activation_symmetric);

}  // namespace tmpq
