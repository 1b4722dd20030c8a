// Text-conditioned diffusion transformers as graphs: PixArt (Chen et al., arXiv 2310.00426 and
// 2403.04692) for images, STDiT (OpenSORA 1.0) for videos.
#pragma once

#include <cstdint>

#include "src/graph/graph.h"

namespace tmpq {

// Nodes carry the module names of diffusers' PixArtTransformer2DModel; a video's temporal attention
// is `attn_temp`. Unlike OpenSORA's, whose checkpoints src/models/stdit.h reads, a video's frame
// positions join the residual stream.
struct TextDitConfig {
  int64_t frames = 0;  // 0: an image
  int64_t image_height = 32;
  int64_t image_width = 32;
  int64_t channels = 3;
  int64_t output_channels = 3;
  int64_t patch = 4;
  int64_t width = 128;
  int64_t depth = 6;
  int64_t heads = 4;
  int64_t mlp_ratio = 4;
  int64_t frequency_features = 256;  // sinusoids of the timestep embedding
  int64_t caption_tokens = 8;
  int64_t caption_features = 64;  // of a caption token
  // > 0: the network embeds the tokens of the input "caption" itself, and adds their mean to the
  // timestep embedding; 0: the caption comes as "encoder_hidden_states".
  int64_t vocabulary = 0;
  bool caption_mask = false;  // without vocabulary: input "encoder_attention_mask"
  // Inputs "resolution" (height, width) and "aspect_ratio" (1) add to the timestep embedding
  // (PixArt-alpha at 1024); the width is then a multiple of 3.
  bool size_conditions = false;

  template <typename V>
  void ForEachField(V&& visit) {
    visit("frames", frames, "of a video; 0: an image");
    visit("image_height", image_height, "pixels"), visit("image_width", image_width, "pixels");
    visit("channels", channels, "of the image");
    visit("output_channels", output_channels, "of the prediction");
    visit("patch", patch, "side of a patch, pixels"), visit("width", width, "features of a token");
    visit("depth", depth, "transformer blocks"), visit("heads", heads, "attention heads");
    visit("mlp_ratio", mlp_ratio, "feed-forward width / width");
    visit("frequency_features", frequency_features, "sinusoids of the timestep embedding");
    visit("caption_tokens", caption_tokens, "tokens of a caption");
    visit("caption_features", caption_features, "features of a caption token");
    visit("vocabulary", vocabulary, "rows of the token table; 0: captions come encoded");
    visit("caption_mask", caption_mask, "captions come with a mask");
    visit("size_conditions", size_conditions, "resolution and aspect ratio are inputs");
  }
};

// Inputs: "sample" ([frames,] height, width, channels), "timestep" scalar, and the caption:
// "caption" (tokens) integers, or "encoder_hidden_states" (tokens, features) with, where asked for,
// "encoder_attention_mask" (tokens); with size conditions "resolution" (2) and "aspect_ratio" (1).
// Output: ([frames,] height, width, output_channels).
Graph BuildTextDit(const TextDitConfig& config);

}  // namespace tmpq
