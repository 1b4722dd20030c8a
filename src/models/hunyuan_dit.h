// HunyuanDiT, the text-to-image transformer with long skips and rotary positions (Li et al.,
// arXiv 2405.08748), as a graph.
#pragma once

#include <cstdint>

#include "src/graph/graph.h"

namespace tmpq {

// Nodes carry the module names of diffusers' HunyuanDiT2DModel. Two encoders describe the text: the
// blocks attend to both, one after the other.
struct HunyuanDitConfig {
  int64_t image_height = 128;
  int64_t image_width = 128;
  int64_t channels = 4;
  int64_t output_channels = 8;  // with a learned variance
  int64_t patch = 2;
  int64_t width = 1408;
  int64_t depth = 40;  // even: the last half reads what the first half left
  int64_t heads = 16;
  int64_t mlp_features = 6144;
  int64_t text_tokens = 77;  // of the first encoder
  int64_t text_features = 1024;
  int64_t t5_tokens = 256;  // of the second
  int64_t t5_features = 2048;
  int64_t pooled_features = 1024;
  bool size_conditions = false;  // versions up to 1.1: inputs image_meta_size and style
};

// Inputs: "sample" (height, width, channels), "timestep" scalar, "encoder_hidden_states"
// (text_tokens, text_features), "text_embedding_mask" (text_tokens), "encoder_hidden_states_t5"
// (t5_tokens, t5_features), "text_embedding_mask_t5" (t5_tokens); with size conditions
// "image_meta_size" (6) and "style", which is 0. Output: (height, width, output_channels). The
// parameter image_rotary_emb.weight is a fixed table, RotaryPositions2d's. Throws kInput where
// sizes do not fit each other.
Graph BuildHunyuanDit(const HunyuanDitConfig& config);

}  // namespace tmpq
