#include "src/quant/recipe.h"

#include <algorithm>
#include <regex>

#include "src/core/config.h"
#include "src/core/error.h"
#include "src/quant/hadamard.h"

namespace tmpq {
namespace {

void CheckOneOf(const char* key, const std::string& value,
                const std::vector<std::string>& allowed) {
  std::string list;
  for (const std::string& name : allowed) {
    if (name == value) return;
    list += (list.empty() ? "" : ", ") + name;
  }
  throw Error(ErrorCode::kUsage, key, "is unknown: \"" + value + "\"", list);
}

std::regex Pattern(const char* key, const std::string& text) {
  try {
    return std::regex(text, std::regex::ECMAScript);
  } catch (const std::regex_error& error) {
    throw Error(ErrorCode::kUsage, key,
                "\"" + text + "\" is no regular expression: " + error.what());
  }
}

int64_t GroupOf(const std::string& weight_scales) {
  return weight_scales == "group-64" ? 64 : weight_scales == "group-128" ? 128 : 0;
}

// A linear straight from a prompt's tokens: (tokens, features) from outside.
bool ReadsText(const Graph& graph, const Node& node) {
  const Node& input = graph.node(node.inputs[0]);
  return node.kind == OpKind::kLinear && input.kind == OpKind::kInput && input.name != "sample" &&
         input.shape.size() == 2;
}

}  // namespace

void QuantRecipe::Validate() const {
  CheckOneOf("weight_scales", weight_scales, {"tensor", "channel", "group-64", "group-128"});
  CheckOneOf("rounding", rounding, {"nearest", "gptq", "adaround"});
  CheckOneOf("balance", balance, {"none", "fixed", "grid"});
  ParseRangeMethod(weight_range);
  ParseRangeMethod(activation_range);
  ParseActivationScales(activation_scales);
  ParseActivationStorage(activation_storage);
  CheckRange("percentile", percentile, 50, 100);
  CheckRange("balance_alpha", balance_alpha, 0, 1);
  CheckRange("balance_weight_bits", balance_weight_bits, 2, 8);
  CheckRange("balance_activation_bits", balance_activation_bits, 2, 8);
  CheckRange("low_rank", low_rank, 0, 1024);
  CheckRange("timestep_ranges", timestep_ranges, 1, 64);
  CheckRange("calibration_samples", calibration_samples, 1, 1e6);
  CheckRange("calibration_steps", calibration_steps, 1, 1e4);
  if (nested && (!weight_symmetric || rounding != "nearest")) {
    throw Error(ErrorCode::kUsage, "nested", "shares one set of 8-bit integers",
                "symmetric weights and rounding = nearest");
  }
  if (rounding == "adaround" && balance_by_range) {
    throw Error(ErrorCode::kUsage, "rounding", "adaround learns one set of weights a layer",
                "balance_by_range = false, or rounding = nearest or gptq");
  }
  const bool is_static = activation_scales != "token";
  if (split_guidance && !is_static) {
    throw Error(ErrorCode::kUsage, "split_guidance", "is of static scales",
                "activation_scales = static-tensor or static-token");
  }
  if (timestep_ranges > 1 && !is_static && !balance_by_range) {
    throw Error(ErrorCode::kUsage, "timestep_ranges", "has no effect",
                "static activation_scales, or balance_by_range");
  }
  if (balance_by_range && balance == "none") {
    throw Error(ErrorCode::kUsage, "balance_by_range", "has nothing to do with balance = none");
  }
  if (activation_scales == "static-token" &&
      (balance != "none" || rotate || activation_range != "minmax")) {
    throw Error(ErrorCode::kUsage, "activation_scales",
                "static-token spans the extremes of the inputs as they come",
                "activation_range = minmax without balance and rotate");
  }
  Pattern("keep_float", keep_float);
  Pattern("transform_layers", transform_layers);
}

std::string QuantRecipe::Text() const {
  std::string text = ConfigText(*this);
  const std::string later = "activation_storage = float32\n";
  const size_t at = text.find(later);
  return at == std::string::npos ? text : text.erase(at, later.size());
}

bool QuantRecipe::NeedsCalibration() const {
  return balance != "none" || rounding != "nearest" || activation_scales != "token" || bos_aware;
}

WeightOptions QuantRecipe::WeightOptionsOf(const LayerScheme& layer) const {
  return {layer.weight_symmetric, layer.weight_group, weight_scales == "tensor",
          ParseRangeMethod(weight_range), percentile};
}

QuantScheme SchemeOf(const QuantRecipe& recipe, const Graph& graph, int training_steps) {
  recipe.Validate();
  CheckRange("timestep_ranges", recipe.timestep_ranges, 1, training_steps);
  const std::regex transformed = Pattern("transform_layers", recipe.transform_layers),
                   kept = Pattern("keep_float", recipe.keep_float);
  QuantScheme scheme;
  scheme.range_begins.clear();
  for (int r = 0; r < recipe.timestep_ranges; ++r) {
    scheme.range_begins.push_back(r * training_steps / recipe.timestep_ranges);
  }
  scheme.balanced_by_range = recipe.balance_by_range;
  scheme.split_guidance = recipe.split_guidance;
  scheme.nested = recipe.nested;
  scheme.activation_storage = ParseActivationStorage(recipe.activation_storage);
  for (const Node& node : graph.nodes()) {
    if (node.first_site < 0) continue;
    if (!recipe.keep_float.empty() && std::regex_search(node.name, kept)) {
      scheme.layers[node.name].keep_float = true;
      continue;
    }
    if (node.kind == OpKind::kAttention) continue;
    const QuantSite& weight = graph.sites().sites[node.first_site];
    const int64_t channels = graph.sites().sites[node.first_site + 1].input_features;
    const bool transforms = std::regex_search(node.name, transformed);
    const int64_t group = GroupOf(recipe.weight_scales);
    LayerScheme layer;
    layer.weight_symmetric = recipe.weight_symmetric;
    layer.weight_group = weight.input_features > group ? group : 0;
    layer.activation_scales = ParseActivationScales(recipe.activation_scales);
    if (node.kind == OpKind::kConv2d && layer.is_static()) {
      layer.activation_scales = ActivationScales::kStaticTensor;  // a sum over pixels has one scale
    }
    layer.activation_symmetric = recipe.activation_symmetric;
    layer.balanced = transforms && recipe.balance != "none";
    layer.rotated = transforms && recipe.rotate && HadamardOf(channels).has_value();
    if (transforms && node.kind == OpKind::kLinear) {
      layer.low_rank =
          std::min<int64_t>({recipe.low_rank, weight.input_features, weight.output_features});
    }
    layer.first_row = recipe.bos_aware && ReadsText(graph, node);
    if (!(layer == LayerScheme{})) scheme.layers[node.name] = layer;
  }
  return scheme;
}

QuantRecipe FindRecipe(const std::string& name) {
  std::string known;
  for (const NamedRecipe& named : NamedRecipes()) {
    if (named.name == name) return named.recipe;
    known += (known.empty() ? "" : ", ") + named.name;
  }
  if (!name.ends_with(".ini")) {
    throw Error(ErrorCode::kUsage, "recipe", "is unknown: \"" + name + "\"",
                known + ", or a file .ini");
  }
  std::map<std::string, std::string> values = ReadIni(name);
  QuantRecipe recipe;
  const auto base = values.find("base");
  if (base != values.end()) {
    if (base->second.ends_with(".ini")) {
      throw Error(ErrorCode::kUsage, name + ": base", "is a file: \"" + base->second + "\"",
                  "the name of a recipe");
    }
    recipe = FindRecipe(base->second);
    values.erase(base);
  }
  ApplyValues(recipe, std::move(values), name);
  recipe.Validate();
  return recipe;
}

}  // namespace tmpq
