// The class-conditional DiT in diffusers' layout (DiTTransformer2DModel): every block embeds
// timestep and label for itself.
#pragma once

#include <cstdint>

#include "src/graph/graph.h"

namespace tmpq {

struct ClassDitConfig {
  int64_t image_height = 32;
  int64_t image_width = 32;
  int64_t channels = 4;
  int64_t output_channels = 8;  // with a learned variance
  int64_t patch = 2;
  int64_t width = 1152;
  int64_t depth = 28;
  int64_t heads = 16;
  int64_t classes = 1000;  // label `classes` is the null label
  double norm_epsilon = 1e-5;
};

// Inputs and output as BuildDit's.
Graph BuildClassDit(const ClassDitConfig& config);

}  // namespace tmpq
