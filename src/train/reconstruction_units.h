// What reconstruction learns at a time: a residual block of the graph, or a single layer.
#pragma once

#include <string>
#include <vector>

#include "src/graph/graph.h"
#include "src/plan/quant_scheme.h"

namespace tmpq {

struct ReconstructionUnit {
  std::string name;            // "blocks.0", or the layer's
  std::vector<NodeId> layers;  // its quantized layers, ascending
  std::vector<NodeId> inputs;  // values from outside that its nodes read, ascending
  NodeId output = -1;          // what is reconstructed
};

// Every layer that `scheme` quantizes is in one unit. A block is what shares a name up to its last
// number ("blocks.0", "down_blocks.1.resnets.0") and ends in the sum of a residual connection; the
// innermost such name counts. Layers outside of blocks, or of blocks with more than one output, are
// units of their own. In an order in which no unit reads what a later one computes.
std::vector<ReconstructionUnit> FindUnits(const Graph& graph, const QuantScheme& scheme);

}  // namespace tmpq
