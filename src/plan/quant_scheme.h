// How each layer's operands become integers: the closed set of combinations that have integer
// kernels. What a policy's bit-widths mean is said here; which scheme a layer has is a recipe's
// choice (src/quant/recipe.h), and part of supernet and plan files.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/core/json.h"
#include "src/plan/quant_site.h"

namespace tmpq {

// Where the scale of an activation comes from. Values are part of file formats.
enum class ActivationScales {
  kDynamicToken,  // each token's own range, at run time
  kStaticTensor,  // one, calibrated
  kStaticToken,   // one for each position of a token, calibrated
};
const char* NameOf(ActivationScales scales);
ActivationScales ParseActivationScales(const std::string& name);

// What activations are stored as between two layers. Values' names are part of file formats.
enum class ActivationStorage { kFloat32, kFloat16, kBfloat16 };
const char* NameOf(ActivationStorage storage);
// Throws kUsage naming the key.
ActivationStorage ParseActivationStorage(const std::string& name);

// A linear, convolution or (keep_float only) attention. The default is ViDiT-Q's fine-grained
// scheme without transforms.
struct LayerScheme {
  bool weight_symmetric = true;  // else a zero point for each scale
  int64_t weight_group = 0;      // inputs that share a scale, a multiple of 4; 0: all of an output
  ActivationScales activation_scales = ActivationScales::kDynamicToken;
  bool activation_symmetric = true;
  bool balanced = false;   // inputs are multiplied by a stored vector, weights divided by it
  bool rotated = false;    // then rotated, as the weights are (Hadamard with random signs)
  int64_t low_rank = 0;    // rank of a float branch beside the integers (SVDQuant); 0: none
  bool first_row = false;  // the first token's output is stored (MixDQ's text embedding)
  bool keep_float = false;

  bool transformed() const { return balanced || rotated; }
  bool is_static() const { return activation_scales != ActivationScales::kDynamicToken; }
  bool operator==(const LayerScheme&) const = default;
};

struct QuantScheme {
  // First timestep of each range, ascending from 0: static scales are one a range.
  std::vector<int> range_begins = {0};
  bool balanced_by_range = false;  // balancing, and so the weights, too
  bool split_guidance = false;     // static scales of either branch of guidance apart
  bool nested = false;  // weights of all widths are the high bits of one stored at 8 bits
  ActivationStorage activation_storage = ActivationStorage::kFloat32;
  std::map<std::string, LayerScheme> layers;  // those that are not the default, by layer

  int ranges() const { return static_cast<int>(range_begins.size()); }
  // Sets of weights of a layer that is balanced.
  int weight_sets() const { return balanced_by_range ? ranges() : 1; }
  int RangeOf(int timestep) const { return RangeOfTimestep(range_begins, timestep); }
  const LayerScheme& Of(const std::string& layer) const;
  bool operator==(const QuantScheme&) const = default;
};

Json SchemeToJson(const QuantScheme& scheme);
// Throws kInput naming `where`.
QuantScheme SchemeFromJson(const Json& json, const std::string& where);

// The site table of a network whose layers have `scheme`: what is stored beside the packed weights,
// and float branches, are counted.
SiteTable WithScheme(SiteTable table, const QuantScheme& scheme);

}  // namespace tmpq
