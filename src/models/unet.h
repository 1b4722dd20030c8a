// Denoising U-Nets as graphs: DDPM's (Ho et al., arXiv 2006.11239; TMPQ-DM's kind of network), and
// with cross-attention to a text (Rombach et al., arXiv 2112.10752; SDXL: Podell et al.,
// arXiv 2307.01952).
#pragma once

#include <cstdint>
#include <vector>

#include "src/graph/graph.h"

namespace tmpq {

// Nodes carry the module names of diffusers' UNet2DModel and UNet2DConditionModel, so that their
// checkpoints' tensors are found by name.
struct UnetConfig {
  int64_t image_height = 28;
  int64_t image_width = 28;
  int64_t channels = 1;
  int64_t output_channels = 1;
  std::vector<int> block_channels = {32, 64, 64};   // by level, finest first
  std::vector<int> attention = {0, 0, 1};           // by level: whether its resnets are followed
  std::vector<int> heads = {4, 4, 4};               // by level
  std::vector<int> transformer_layers = {1, 1, 1};  // by level, with a context only
  int64_t layers_per_block = 1;
  int64_t norm_groups = 8;
  double norm_epsilon = 1e-5;
  int64_t classes = 0;         // label `classes` is the null label; 0: no label
  int64_t context_tokens = 0;  // of the input encoder_hidden_states; 0: self-attention only
  int64_t context_features = 0;
  bool linear_projection = false;        // of a transformer's ends; else 1x1 convolutions
  bool end_padded_downsampling = false;  // zeros below and to the right only
  bool sin_first = false;                // timestep embedding
  double frequency_shift = 0;
  // SDXL's further conditions, both > 0 or none: a pooled text, and sizes that are embedded like
  // timesteps, each in size_features.
  int64_t pooled_features = 0;  // of the input text_embeds
  int64_t sizes = 0;            // of the input time_ids
  int64_t size_features = 256;

  template <typename V>
  void ForEachField(V&& visit) {
    visit("image_height", image_height, "pixels"), visit("image_width", image_width, "pixels");
    visit("channels", channels, "of the image"),
        visit("output_channels", output_channels, "of the prediction");
    visit("block_channels", block_channels, "by level, finest first");
    visit("attention", attention, "by level: 1 with attention, 0 without");
    visit("heads", heads, "by level: attention heads");
    visit("transformer_layers", transformer_layers, "by level, with a context");
    visit("layers_per_block", layers_per_block, "residual blocks a level");
    visit("norm_groups", norm_groups, "of the group norms");
    visit("norm_epsilon", norm_epsilon, "of the group norms");
    visit("classes", classes, "labels; one more is the null label; 0: unconditional");
    visit("context_tokens", context_tokens, "tokens of the text; 0: none");
    visit("context_features", context_features, "features of a text token");
    visit("linear_projection", linear_projection, "of a transformer's ends");
    visit("end_padded_downsampling", end_padded_downsampling, "zeros below and right only");
    visit("sin_first", sin_first, "timestep embedding: sines before cosines");
    visit("frequency_shift", frequency_shift, "timestep embedding");
    visit("pooled_features", pooled_features, "features of the pooled text; 0: none");
    visit("sizes", sizes, "size conditions; 0: none");
    visit("size_features", size_features, "sinusoids of a size condition");
  }
};

// Inputs: "sample" (height, width, channels), "timestep" scalar, with classes "label" scalar, with
// a context "encoder_hidden_states" (tokens, features), with sizes "text_embeds" (pooled_features)
// and "time_ids" (sizes). Output: (height, width, output_channels).
// Throws kInput where lists do not fit each other or sizes do not halve.
Graph BuildUnet(const UnetConfig& config);

}  // namespace tmpq
