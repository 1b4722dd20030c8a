// A small residual classifier whose pooled features span the space of the distribution distance.
#pragma once

#include <cstdint>

#include "src/graph/graph.h"

namespace tmpq {

struct FeatureNetConfig {
  int64_t frames = 0;  // of a clip; 0: an image
  int64_t image_height = 28;
  int64_t image_width = 28;
  int64_t channels = 1;
  int64_t width = 32;     // channels of the first stage; doubled once and kept
  int64_t features = 64;  // dimension of the feature space
  int64_t classes = 10;   // logits: labels, or the values of all attributes

  template <typename V>
  void ForEachField(V&& visit) {
    visit("frames", frames, "of a clip; 0: an image");
    visit("image_height", image_height, "pixels"), visit("image_width", image_width, "pixels");
    visit("channels", channels, "of the image"),
        visit("width", width, "channels of the first stage");
    visit("features", features, "dimension of the feature space"),
        visit("classes", classes, "labels, or values of all attributes");
  }
};

// The penultimate layer's node: its (features) values are the feature space.
inline constexpr const char* kFeatureNode = "features_silu";

// Input "sample" ([frames,] height, width, channels) in [-1, 1]; output (classes) logits.
Graph BuildFeatureClassifier(const FeatureNetConfig& config);

}  // namespace tmpq
