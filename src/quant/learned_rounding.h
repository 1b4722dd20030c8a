// What reconstruction has learned for a network under a recipe: which way each weight is rounded
// (AdaRound, Nagel et al., arXiv 2004.10568) and the steps of static activations (LSQ, Esser et
// al., arXiv 1902.08153). The file (docs/formats.md) is made by tmpq-reconstruct and read where
// weights are quantized.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "src/core/hash.h"
#include "src/core/json.h"
#include "src/quant/layer_quantizer.h"
#include "src/quant/recipe.h"

namespace tmpq {

// Const-safe.
class LearnedRounding {
 public:
  // What was quantized, and how. `settings` of the learning is provenance; files of other settings
  // are no checkpoint of each other.
  LearnedRounding(Hash128 model, const QuantRecipe& recipe, Json settings);

  // Of a layer's set of `weights` on `grid` (whose q do not matter): 1 where a weight goes to the
  // integer above, else 0.
  void SetWeights(const std::string& layer, int set, std::span<const float> weights,
                  const QuantizedWeights& grid, std::span<const uint8_t> up);
  void SetSteps(const std::string& layer, int bits, StaticScales steps);
  bool HasWeights(const std::string& layer, int set, int bits) const;
  bool HasSteps(const std::string& layer, int bits) const;

  // Fills grid.q. Returns false where nothing was learned for the layer, set and bit-width. Throws
  // kInput when it was learned for other weights or scales.
  bool Round(const std::string& layer, int set, std::span<const float> weights,
             QuantizedWeights& grid) const;
  // Null where nothing was learned.
  const StaticScales* Steps(const std::string& layer, int bits) const;

  // What the learning says of itself: an array.
  Json& report() { return report_; }
  const Json& report() const { return report_; }
  const Json& settings() const { return settings_; }

  void Save(const std::filesystem::path& path) const;
  // Throws kIo, kCorrupt; kInput when it was made for another model or recipe.
  static LearnedRounding Load(const std::filesystem::path& path, Hash128 model,
                              const QuantRecipe& recipe);

 private:
  struct Weights {
    std::string grid_hash;      // of weights, scales and zero points
    std::vector<uint8_t> bits;  // one a weight, the lowest bit of a byte first
  };

  std::string model_, recipe_;  // hashes
  Json settings_, report_ = Json::array();
  std::string where_ = "the learned rounding";                 // in errors
  std::map<std::string, Weights> weights_;                     // by tensor
  std::map<std::pair<std::string, int>, StaticScales> steps_;  // by layer and bit-width
};

// The ends of a grid in steps from 0, of its (group, n) number `at`.
struct StepLimits {
  float least, most;
};
StepLimits LimitsOf(const QuantizedWeights& grid, int64_t at);
// The integer below a value on the grid of (group, n), or above it; within the grid's ends.
int8_t RoundOneWay(const QuantizedWeights& grid, int64_t n, int64_t k, float value, bool up);

}  // namespace tmpq
