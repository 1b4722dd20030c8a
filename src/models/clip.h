// The two towers of CLIP (Radford et al., arXiv 2103.00020) as graphs.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "src/graph/graph.h"

namespace tmpq {

// What both towers have.
struct ClipTowerConfig {
  int64_t width = 512;
  int64_t inner = 2048;  // of the feed-forward layers
  int64_t depth = 12;
  int64_t heads = 8;
  bool quick_gelu = true;  // else GELU with the error function
  double norm_epsilon = 1e-5;
  int64_t projection = 0;  // features of the embedding; 0: as wide as the tower, not projected
};

struct ClipTextConfig : ClipTowerConfig {
  int64_t vocabulary = 49408;
  int64_t tokens = 77;
};

struct ClipVisionConfig : ClipTowerConfig {
  int64_t channels = 3;
  int64_t image_size = 224;  // pixels, both sides
  int64_t patch = 32;
};

// Nodes carry the module names of transformers' CLIPModel. The hidden states are cut off by name.
inline constexpr const char* kClipLastHiddenState = "text_model.final_layer_norm";
inline constexpr const char* kClipPenultimateHiddenState = "penultimate_hidden_state";

// "input_ids" (tokens) and "eos_position", scalar -> the text's embedding (projection or width):
// the last hidden state at that token, projected. Causal; no quantization sites. Needs a depth
// of 2.
Graph BuildClipText(const ClipTextConfig& config);
// "pixel_values" (size, size, channels), normalised as the tower was trained -> the image's
// embedding (projection or width). No quantization sites.
Graph BuildClipVision(const ClipVisionConfig& config);

// Where BuildClipText's "eos_position" is: the first `eos_token`; configs of the first checkpoints
// say 2 and mean the largest token. 0 where there is none.
int64_t ClipEosPosition(std::span<const int32_t> token_ids, int64_t eos_token);

}  // namespace tmpq
