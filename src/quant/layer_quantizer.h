// From float weights, a recipe and calibration to everything that one layer stores: packed integers
// at every bit-width, the vectors of its transforms, static scales.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "src/graph/graph.h"
#include "src/graph/parameters.h"
#include "src/quant/input_transform.h"
#include "src/quant/layer_statistics.h"
#include "src/quant/recipe.h"
#include "src/quant/weight_quantizer.h"

namespace tmpq {

// Scales of a static activation at one bit-width: [range][branch][token].
struct StaticScales {
  int64_t entries = 0, tokens = 0;  // ranges times branches; 1 token: one scale for all
  std::vector<float> scale;
  std::vector<int32_t> offset;  // empty: symmetric
};

// One set of weights: there are several where balancing differs by timestep range.
struct WeightSet {
  InputTransform transform;
  std::vector<float> down, up;           // float branch (rank, K) and (N, rank), or empty
  std::map<int, PackedWeights> weights;  // by bits; nested: panels of the widest alone
};

struct QuantizedLayer {
  std::vector<WeightSet> sets;
  std::map<int, StaticScales> activations;  // by bits; empty: dynamic
  std::vector<float> first_row;             // output of the first token, or empty
};

// Another rounding than the built-in ones: fills grid.q of a layer's set. Returns whether it knows
// that layer, set and bit-width.
using WeightRounder = std::function<bool(const std::string& layer, int set,
                                         std::span<const float> weights, QuantizedWeights& grid)>;

// Learned steps of a layer's static activations at a bit-width, or null where there are none.
using LearnedSteps = std::function<const StaticScales*(const std::string& layer, int bits)>;

struct LayerRequest {
  const Graph* graph;
  const ParameterSet* parameters;
  const QuantRecipe* recipe;
  const QuantScheme* scheme;
  const CalibrationStatistics* statistics;        // null unless the recipe needs it
  std::vector<int> weight_bits, activation_bits;  // ascending
  WeightRounder rounder = {};                     // may be empty
  LearnedSteps steps = {};                        // empty: static ranges from the statistics
};

// Throws kInput naming the layer for weights that are not finite, or a calibration that has not
// seen it; kUnsupported where AdaRound is asked for and `rounder` does not know the layer, or
// `steps` are there without those of a static activation.
QuantizedLayer QuantizeLayer(const LayerRequest& request, NodeId id);

}  // namespace tmpq
