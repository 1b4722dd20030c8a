// Class-conditional diffusion transformer with adaLN-zero (Peebles & Xie, "Scalable Diffusion
// Models with Transformers", arXiv 2212.09748) as a graph.
#pragma once

#include <cstdint>

#include "src/graph/graph.h"

namespace tmpq {

struct DitConfig {
  int64_t image_height = 28;
  int64_t image_width = 28;
  int64_t channels = 1;
  int64_t patch = 4;
  int64_t width = 128;
  int64_t depth = 6;
  int64_t heads = 4;
  int64_t mlp_ratio = 4;
  int64_t classes = 10;  // label `classes` is the null label of classifier-free guidance
  int64_t frequency_features = 128;  // sinusoids of the timestep embedding

  template <typename V>
  void ForEachField(V&& visit) {
    visit("image_height", image_height, "pixels"), visit("image_width", image_width, "pixels");
    visit("channels", channels, "of the image"), visit("patch", patch, "side of a patch, pixels");
    visit("width", width, "features of a token"), visit("depth", depth, "transformer blocks");
    visit("heads", heads, "attention heads"),
        visit("mlp_ratio", mlp_ratio, "feed-forward width / width");
    visit("classes", classes, "labels; one more is the null label");
    visit("frequency_features", frequency_features, "sinusoids of the timestep embedding");
  }
};

// Inputs: "sample" (height, width, channels), "timestep" scalar, "label" scalar in [0, classes].
// Output: the prediction, of the sample's shape.
Graph BuildDit(const DitConfig& config);

}  // namespace tmpq
