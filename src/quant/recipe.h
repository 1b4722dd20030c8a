// How a network is quantized: one composable description of quantizers, transforms and rounding,
// for every architecture. Named recipes reproduce the methods of the papers; a file or flags make
// others.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/graph/graph.h"
#include "src/plan/quant_scheme.h"
#include "src/quant/weight_quantizer.h"

namespace tmpq {

struct QuantRecipe {
  // Weights.
  std::string weight_scales = "channel";
  bool weight_symmetric = true;
  std::string weight_range = "minmax";
  std::string rounding = "nearest";
  // Activations of linears and convolutions.
  std::string activation_scales = "token";
  bool activation_symmetric = true;
  std::string activation_range = "minmax";
  double percentile = 99.9;
  std::string activation_storage = "float32";
  // Transforms folded into the weights.
  std::string balance = "none";
  double balance_alpha = 0.5;
  int balance_weight_bits = 4;
  int balance_activation_bits = 4;
  bool rotate = false;
  int low_rank = 0;
  // Time and conditions.
  int timestep_ranges = 1;
  bool balance_by_range = false;
  bool split_guidance = false;
  bool bos_aware = false;
  bool split_concatenations = false;
  // Exceptions.
  std::string keep_float;
  std::string transform_layers;
  bool nested = false;
  // Calibration.
  int calibration_samples = 16;
  int calibration_steps = 20;
  uint64_t rotation_seed = 0;

  template <typename V>
  void ForEachField(V&& visit) {
    visit("weight_scales", weight_scales, "tensor, channel, group-64 or group-128");
    visit("weight_symmetric", weight_symmetric, "false: a zero point for each scale");
    visit("weight_range", weight_range, "minmax, percentile or mse");
    visit("rounding", rounding, "nearest, gptq or adaround");
    visit("activation_scales", activation_scales,
          "token (dynamic; a convolution's is a picture), static-tensor or static-token");
    visit("activation_symmetric", activation_symmetric, "false: a zero point for each scale");
    visit("activation_range", activation_range, "of static scales: minmax, percentile or mse");
    visit("percentile", percentile, "of the percentile ranges, percent");
    visit("activation_storage", activation_storage,
          "between two layers: float32, float16 or bfloat16");
    visit("balance", balance, "channel balancing: none, fixed (balance_alpha) or grid (per layer)");
    visit("balance_alpha", balance_alpha, "SmoothQuant's; ViDiT-Q's is 1 minus it");
    visit("balance_weight_bits", balance_weight_bits, "at which the grid's errors are measured");
    visit("balance_activation_bits", balance_activation_bits, "likewise");
    visit("rotate", rotate, "Hadamard rotation with random signs, where the size has one");
    visit("low_rank", low_rank, "rank of a float branch beside the integers of linears; 0: none");
    visit("timestep_ranges", timestep_ranges, "equal ranges that static scales are calibrated for");
    visit("balance_by_range", balance_by_range, "balancing and weights for each range");
    visit("split_guidance", split_guidance, "static scales for each branch of guidance");
    visit("bos_aware", bos_aware, "store the output of a text's first token in float");
    visit("split_concatenations", split_concatenations,
          "quantize the inputs of a concatenation apart (U-Net shortcuts)");
    visit("keep_float", keep_float, "regular expression of the layers that stay float");
    visit("transform_layers", transform_layers,
          "regular expression of the layers with transforms (default: all)");
    visit("nested", nested,
          "store weights once, at 8 bits, and lower bit-widths as their high bits");
    visit("calibration_samples", calibration_samples, "float samples that are observed");
    visit("calibration_steps", calibration_steps, "sampling steps of each");
    visit("rotation_seed", rotation_seed, "of the rotation's signs");
  }

  // Throws kUsage naming the key.
  void Validate() const;
  // What files are bound to: the config's text, without keys that came later where they have their
  // default.
  std::string Text() const;
  // Whether it asks for statistics of the layers' inputs.
  bool NeedsCalibration() const;
  WeightOptions WeightOptionsOf(const LayerScheme& layer) const;
};

struct NamedRecipe {
  std::string name;
  std::string description;  // the paper, and what differs from it
  QuantRecipe recipe;
  // Of a method of mixed precision: which metrics its bit-widths are allocated by
  // (src/eval/sensitivity/mixed_precision.h); empty: bits are given.
  std::string decoupled = {};
};
// naive, q-diffusion, ptq4dit, q-dit, smoothquant, quarot, vidit-q-v1, vidit-q, vidit-q-mp, mixdq,
// svdquant, tmpq-dm.
const std::vector<NamedRecipe>& NamedRecipes();

// `name`: of a named recipe, or of an INI file whose key `base` may name one. Throws kUsage, kIo,
// kInput.
QuantRecipe FindRecipe(const std::string& name);

// What a recipe makes of each layer of a network: transforms where a size allows them, groups where
// there are more inputs than one holds. Throws kUsage when a regular expression is none.
QuantScheme SchemeOf(const QuantRecipe& recipe, const Graph& graph, int training_steps);

}  // namespace tmpq
