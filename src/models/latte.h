// Latte, the text-to-video transformer whose blocks take turns over space and over time (Ma et al.,
// arXiv 2401.03048), as a graph.
#pragma once

#include <cstdint>

#include "src/graph/graph.h"

namespace tmpq {

// Nodes carry the module names of diffusers' LatteTransformer3DModel.
struct LatteConfig {
  int64_t frames = 16;
  int64_t image_height = 64;
  int64_t image_width = 64;
  int64_t channels = 4;
  int64_t output_channels = 8;  // with a learned variance
  int64_t patch = 2;
  int64_t width = 1152;
  int64_t depth = 28;  // pairs of a spatial and a temporal block
  int64_t heads = 16;
  double norm_epsilon = 1e-6;  // of the blocks
  int64_t caption_tokens = 120;
  int64_t caption_features = 4096;
};

// Inputs: "sample" (frames, height, width, channels), "timestep" scalar, "encoder_hidden_states"
// (tokens, features). Output: (frames, height, width, output_channels). The parameters
// pos_embed.weight (tokens, width) and, of several frames, temp_pos_embed.weight (frames, width)
// are fixed positional embeddings. Throws kInput where sizes do not fit each other.
Graph BuildLatte(const LatteConfig& config);

}  // namespace tmpq
