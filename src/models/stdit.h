// STDiT, the text-to-video transformer of OpenSORA 1.0 (github.com/hpcaitech/Open-Sora), as a
// graph: PixArt's blocks with an attention over the frames after the one over the tokens of a
// frame.
#pragma once

#include <cstdint>

#include "src/graph/graph.h"

namespace tmpq {

// Nodes carry the module names of the published checkpoints, so projections are fused as there: qkv
// of a self-attention, kv of a cross-attention.
struct StditConfig {
  int64_t frames = 16;
  int64_t image_height = 64;
  int64_t image_width = 64;
  int64_t channels = 4;
  int64_t output_channels = 8;  // with a learned variance
  int64_t patch = 2;            // side; a patch has one frame
  int64_t width = 1152;
  int64_t depth = 28;
  int64_t heads = 16;
  int64_t mlp_features = 4608;
  int64_t caption_tokens = 120;
  int64_t caption_features = 4096;
};

// Inputs: "sample" (frames, height, width, channels), "timestep" scalar, "encoder_hidden_states"
// (tokens, features), "encoder_attention_mask" (tokens). Output: (frames, height, width,
// output_channels). The parameters pos_embed.weight (tokens, width) and
// pos_embed_temporal.weight (frames, width) are fixed positional embeddings. Throws kInput where
// sizes do not fit each other.
Graph BuildStdit(const StditConfig& config);

}  // namespace tmpq
