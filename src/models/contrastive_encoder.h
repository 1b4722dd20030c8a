// Two towers that send a sample and its caption to the same place of one space (CLIP: Radford et
// al., arXiv 2103.00020): what text alignment is measured with. As one graph, it is trained whole;
// Graph::CutAfter gives each tower for itself.
#pragma once

#include <cstdint>

#include "src/graph/graph.h"

namespace tmpq {

struct ContrastiveEncoderConfig {
  int64_t frames = 0;  // of a clip; 0: an image
  int64_t image_height = 32;
  int64_t image_width = 32;
  int64_t channels = 3;
  int64_t width = 32;      // channels of the first stage of convolutions; doubled once and kept
  int64_t embedding = 64;  // dimension of the common space
  int64_t caption_tokens = 5;
  int64_t vocabulary = 24;  // rows of the token table
  int64_t text_width = 64;  // features of a token
  int64_t text_layers = 1;
  int64_t text_heads = 4;

  template <typename V>
  void ForEachField(V&& visit) {
    visit("frames", frames, "of a clip; 0: an image");
    visit("image_height", image_height, "pixels"), visit("image_width", image_width, "pixels");
    visit("channels", channels, "of the image");
    visit("width", width, "channels of the first stage");
    visit("embedding", embedding, "dimension of the common space");
    visit("caption_tokens", caption_tokens, "tokens of a caption");
    visit("vocabulary", vocabulary, "rows of the token table");
    visit("text_width", text_width, "features of a token");
    visit("text_layers", text_layers, "transformer layers over the tokens");
    visit("text_heads", text_heads, "attention heads");
  }
};

// The towers' ends: (embedding) each, not normalised; alignment is the cosine between them.
inline constexpr const char* kSampleEmbeddingNode = "sample_embedding";
inline constexpr const char* kCaptionEmbeddingNode = "caption_embedding";

// Inputs "sample" ([frames,] height, width, channels) in [-1, 1] and "caption" (tokens) integers;
// output (2 embedding): the sample's, then the caption's.
Graph BuildContrastiveEncoder(const ContrastiveEncoderConfig& config);

}  // namespace tmpq
