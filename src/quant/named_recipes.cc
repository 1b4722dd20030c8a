// The methods of the papers as recipes. A description says what differs from the paper.
#include "src/quant/recipe.h"

namespace tmpq {
namespace {

QuantRecipe QDiffusion() {
  QuantRecipe recipe;
  recipe.weight_symmetric = false;
  recipe.rounding = "adaround";
  recipe.activation_scales = "static-tensor";
  recipe.activation_range = "mse";
  recipe.split_concatenations = true;
  return recipe;
}

QuantRecipe Ptq4Dit() {
  QuantRecipe recipe;
  recipe.activation_scales = "static-tensor";
  recipe.activation_symmetric = recipe.weight_symmetric = false;
  recipe.balance = "fixed";
  return recipe;
}

QuantRecipe QDit() {
  QuantRecipe recipe;
  recipe.weight_scales = "group-128";
  recipe.rounding = "gptq";
  recipe.weight_symmetric = recipe.activation_symmetric = false;
  return recipe;
}

QuantRecipe SmoothQuant() {
  QuantRecipe recipe;
  recipe.balance = "fixed";
  return recipe;
}

QuantRecipe QuaRot() {
  QuantRecipe recipe;
  recipe.rotate = true;
  return recipe;
}

QuantRecipe ViDiTQOne() {
  QuantRecipe recipe;
  recipe.weight_symmetric = recipe.activation_symmetric = false;
  recipe.balance = "fixed";
  recipe.balance_alpha = 0.11;
  recipe.timestep_ranges = 2;
  recipe.balance_by_range = true;
  return recipe;
}

QuantRecipe ViDiTQ() {
  QuantRecipe recipe;
  recipe.balance = "grid";
  recipe.rotate = true;
  return recipe;
}

// ViDiT-Q's way with activations, Q-DiT's with weights.
QuantRecipe Tmpq() {
  QuantRecipe recipe = ViDiTQ();
  recipe.weight_scales = "group-128";
  recipe.rounding = "gptq";
  recipe.weight_symmetric = recipe.activation_symmetric = false;
  return recipe;
}

QuantRecipe MixDq() {
  QuantRecipe recipe;
  recipe.activation_scales = "static-tensor";
  recipe.activation_symmetric = false;
  recipe.bos_aware = true;
  recipe.split_concatenations = true;
  return recipe;
}

QuantRecipe SvdQuant() {
  QuantRecipe recipe;
  recipe.weight_scales = "group-64";
  recipe.balance = "fixed";
  recipe.low_rank = 32;
  return recipe;
}

}  // namespace

const std::vector<NamedRecipe>& NamedRecipes() {
  static const std::vector<NamedRecipe> kRecipes = {
      {"naive", "round to nearest, weights per channel, activations per token at run time", {}},
      {"q-diffusion",
       "Q-Diffusion (Li et al. 2023): AdaRound and learned steps by tmpq-reconstruct, zero points, "
       "static activations per tensor, split shortcuts. Steps begin at ranges of least squared "
       "error, attention is quantized per token",
       QDiffusion()},
      {"ptq4dit",
       "PTQ4DiT (Wu et al. 2024): static activations and channel balancing. SmoothQuant's "
       "balancing "
       "over all timesteps instead of correlation-weighted salience, no reconstruction",
       Ptq4Dit()},
      {"q-dit",
       "Q-DiT (Chen et al. 2025): groups of 128 inputs, zero points, dynamic activations, GPTQ. "
       "One "
       "group size instead of a search over sizes; groups of activations are whole tokens",
       QDit()},
      {"smoothquant",
       "SmoothQuant (Xiao et al. 2023), alpha 0.5, with dynamic activations per token",
       SmoothQuant()},
      {"quarot",
       "QuaRot (Ashkboos et al. 2024): rotation of every layer's input at run time, none fused "
       "into "
       "neighbouring layers, nearest rounding",
       QuaRot()},
      {"vidit-q-v1",
       "ViDiT-Q of June 2024: zero points, dynamic activations, timestep-aware balancing with its "
       "published alpha 0.11 in two ranges",
       ViDiTQOne()},
      {"vidit-q",
       "ViDiT-Q (Zhao et al. 2025): dynamic activations per token, static-dynamic balancing. Alpha "
       "of "
       "each layer by measured error instead of by hand; symmetric integers",
       ViDiTQ()},
      {"vidit-q-mp",
       "ViDiT-Q with its metric-decoupled mixed precision: vidit-q's quantizers, bit-widths by "
       "tmpq-calibrate --sensitivity FILE --budget w4a8 (greedy, the budget divided by squared "
       "error, inside a group of layers its own metric). The metrics are this program's",
       ViDiTQ(), "vidit-q"},
      {"mixdq",
       "MixDQ (Zhao et al. 2024): static activations per tensor, first text token in float, split "
       "shortcuts. Its mixed precision: tmpq-calibrate --sensitivity FILE --decoupled mixdq",
       MixDq()},
      {"svdquant",
       "SVDQuant (Li et al. 2025): balancing, a float branch of rank 32, groups of 64 weights. "
       "Activations per token instead of groups of 64",
       SvdQuant()},
      {"tmpq-dm",
       "TMPQ-DM (Sun et al. 2024): Q-Diffusion's quantizers in a supernet. Each bit-width is "
       "learned "
       "by a run of its own with a fresh optimiser and schedule, where the released code goes on "
       "with one of both",
       QDiffusion()},
      {"tmpq",
       "this project's own: ViDiT-Q's balancing and rotation, Q-DiT's groups of 128 inputs, zero "
       "points and GPTQ",
       Tmpq()}};
  return kRecipes;
}

}  // namespace tmpq
