// Sets of weights: a layer has several where balancing differs by timestep range. And what tensors
// are called in supernets and plans (docs/formats.md).
#pragma once

#include <string>

#include "src/plan/quant_scheme.h"

namespace tmpq {

inline int WeightSetsOf(const QuantScheme& scheme, const std::string& layer) {
  return scheme.Of(layer).balanced ? scheme.weight_sets() : 1;
}

// What the names of a layer's set for a timestep range begin with: "<layer>", or "<layer>.s<range>"
// where there are several.
inline std::string WeightSetName(const QuantScheme& scheme, const std::string& layer, int range) {
  return WeightSetsOf(scheme, layer) > 1 ? layer + ".s" + std::to_string(range) : layer;
}

// What the names of a set's weights at a bit-width begin with.
inline std::string WeightName(const std::string& set, int bits) {
  return set + ".w" + std::to_string(bits);
}

// The same of a layer's activations.
inline std::string ActivationName(const std::string& layer, int bits) {
  return layer + ".a" + std::to_string(bits);
}

}  // namespace tmpq
