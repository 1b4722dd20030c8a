// Sets of weights: a layer has several where balancing differs by timestep range.
#pragma once

#include <string>

#include "src/plan/quant_scheme.h"

namespace tmpq {

inline int WeightSetsOf(const QuantScheme& scheme, const std::string& layer) {
  return scheme.Of(layer).balanced ? scheme.weight_sets() : 1;
}

// What the tensors of a layer's set for a timestep range are called in supernets and plans:
// "<layer>", or "<layer>.s<range>" where there are several.
inline std::string WeightSetName(const QuantScheme& scheme, const std::string& layer, int range) {
  return WeightSetsOf(scheme, layer) > 1 ? layer + ".s" + std::to_string(range) : layer;
}

}  // namespace tmpq
