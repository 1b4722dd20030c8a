// What is folded into a layer's weights so that its inputs quantize well: channel balancing, random
// signs and rotation. The product does not change: (x diag(m) H) (w diag(1/m) H)' = x w'.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/quant/hadamard.h"

namespace tmpq {

// Of one layer and set of weights.
struct InputTransform {
  std::vector<float>
      multiply;  // (channels): balancing times signs, as the file stores it; or empty
  bool rotated = false;

  bool identity() const { return multiply.empty() && !rotated; }
};

// Balancing vectors. SmoothQuant (Xiao et al. 2023) divides x by s_j = a_j^alpha / w_j^(1 - alpha),
// a_j and w_j the largest magnitudes of channel j of inputs and weights: the vector is 1 / s.
// ViDiT-Q's alpha is 1 - SmoothQuant's. Channels without inputs or without weights have 1; vectors
// are scaled to a geometric mean of 1, which changes no quantization error.
std::vector<float> BalancingVector(std::span<const float> input_absmax,
                                   std::span<const float> weight_absmax, double alpha);

// (channels): largest magnitude of each input channel over outputs and, of convolutions, window
// positions. `weights` (.., channels).
std::vector<float> ChannelAbsMax(std::span<const float> weights, int64_t channels);

// Random signs of a layer's rotation: number i of the stream that the layer's name and the seed
// give.
std::vector<float> RotationSigns(const std::string& layer, int64_t channels, uint64_t seed);

// Rows of `channels`, such as weights: divided by the vector, then rotated; computed in double.
// Throws kUnsupported naming `layer` where the size cannot be rotated.
std::vector<float> TransformWeights(const std::string& layer, std::span<const float> weights,
                                    int64_t channels, const InputTransform& transform);

// Rows as the runtime transforms them: multiplied, then rotated, in float.
std::vector<float> TransformInputs(const std::string& layer, std::span<const float> inputs,
                                   int64_t channels, const InputTransform& transform);

// Largest over mean magnitude of all values: what rounding errors grow with (ViDiT-Q's
// incoherence). 0 for zeros.
double Incoherence(std::span<const float> values);

}  // namespace tmpq
