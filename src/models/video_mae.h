// VideoMAE (Tong et al., arXiv 2203.12602) as a graph: a transformer over tubelets of a clip, whose
// features stand in the place of an I3D's in distances of videos.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/graph/graph.h"

namespace tmpq {

struct VideoMaeConfig {
  int64_t frames = 16;
  int64_t image_size = 224;  // pixels, both sides
  int64_t channels = 3;
  int64_t tubelet = 2;  // frames of a token
  int64_t patch = 16;   // pixels of its sides
  int64_t width = 768;
  int64_t inner = 3072;  // of the feed-forward layers
  int64_t depth = 12;
  int64_t heads = 12;
  bool qv_bias = true;          // of queries and values; keys have none
  double norm_epsilon = 1e-12;  // of the layers' norms
  bool mean_pooling = true;     // no norm before the mean over tokens
  int64_t classes = 0;          // of the classifier, with its norm after the mean; 0: none
};

// Nodes carry the module names of transformers' VideoMAEModel. (width): the mean over tokens,
// normalised where the class does that.
inline constexpr const char* kVideoMaeFeatures = "video_embeds";
inline constexpr const char* kVideoMaeNormedFeatures = "fc_norm";
inline constexpr const char* kVideoMaePositions = "embeddings.position_embeddings";

// "pixel_values" (frames, size, size, channels), normalised as the network was trained ->
// (classes) logits, or features where it has none. No quantization sites. Throws kInput for frames
// that are no whole tubelets.
Graph BuildVideoMae(const VideoMaeConfig& config);

// (tokens, width): the fixed sines and cosines that are added to the tokens.
std::vector<float> VideoMaePositions(const VideoMaeConfig& config);

}  // namespace tmpq
