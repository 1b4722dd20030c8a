// The quantization sites of a network: what a policy gives one bit-width each.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "src/plan/bit_width.h"

namespace tmpq {

// Values are part of file formats: never renumber.
enum class SiteKind : uint8_t {
  kWeight = 0,
  kActivation = 1,
  kQuery = 2,
  kKey = 3,
  kValue = 4,
  kSoftmax = 5
};
const char* NameOf(SiteKind kind);

// Kind of the layer that a site belongs to; sensitivities and metrics are grouped by it.
enum class LayerGroup : uint8_t {
  kSpatialAttention = 0,
  kTemporalAttention = 1,
  kCrossAttention = 2,
  kFeedForward = 3,
  kConvolution = 4,
  kModulation = 5,
  kEmbedding = 6,  // patch embedding and final layer
};
const char* NameOf(LayerGroup group);

// What a weight site stores beside its packed weights, in bytes; src/plan/quant_scheme.h fills it.
struct WeightStorage {
  int64_t scale_bytes = -1;  // once a bit-width and set: scales, zero points, sums; -1: 4 an output
  int64_t set_bytes = 0;  // once a set: the vector of its transform, a float branch, nested scales
  int64_t layer_bytes = 0;  // once
  bool by_range = false;    // each timestep range has a set of its own
  bool nested = false;      // only the widest bit-width in use is stored
};

// One quantizer. Sites come in the graph's order, which is part of the file formats.
struct QuantSite {
  std::string name;   // "blocks.0.qkv.weight", "blocks.0.attention.softmax"
  std::string layer;  // "blocks.0.qkv"
  SiteKind kind = SiteKind::kWeight;
  LayerGroup group = LayerGroup::kEmbedding;
  int64_t elements = 0;        // weight: number of weights; others: activations per sample and call
  int64_t input_features = 0;  // weight: K, activations: channels of a token
  int64_t output_features = 0;  // weight: N, else 0
  WeightStorage storage = {};
  bool keep_float = false;  // a recipe's choice: no policy has integers there
};

// A product of two operands, each with its own site: what BitOps are counted over.
// A linear is (weight site, activation site); attention is (query, key) and (softmax, value).
struct SiteProduct {
  int left_site = -1;  // -1: the operand is kept in float
  int right_site = -1;
  int64_t macs = 0;  // per sample and network call
  // Of a network that has been timed (src/eval/latency): what the layer takes of a sampling step,
  // by the operands' bits. Empty: not timed, or an attention's second product, counted at its
  // first.
  std::map<std::pair<int, int>, int64_t> nanoseconds = {};
};

// What the search and the cost formulas need to know of a network. Built by src/graph.
struct SiteTable {
  std::vector<QuantSite> sites;
  std::vector<SiteProduct> products;
  int64_t float_parameter_bytes = 0;    // biases, embedders, tables: always stored in float
  std::vector<int> range_begins = {0};  // first timestep of each range, ascending
  // Of a network that has been timed: what else a step takes, and the memory of activations.
  int64_t other_nanoseconds = 0;
  int64_t working_bytes = 0;
};

// Which range a timestep lies in.
int RangeOfTimestep(const std::vector<int>& range_begins, int timestep);

}  // namespace tmpq
