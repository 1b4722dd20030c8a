// Image resizing by name: feature networks see other numbers through another filter, and distances
// change with it (Parmar et al. 2022), so the filter is part of a metric's name.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "src/metrics/image_shape.h"

namespace tmpq {

enum class ResizeFilter {
  // Pillow's BICUBIC on float channels (a = -1/2, widened when shrinking), as clean-fid resizes.
  kBicubic,
  // torch.nn.functional.interpolate(mode="bilinear", align_corners=False) without antialiasing, as
  // pytorch-fid resizes: sources at (x + 1/2) in / out - 1/2, not below 0.
  kBilinear,
  // tf.image.resize_bilinear of TensorFlow 1 with align_corners=False, as the first FID code and
  // torch-fidelity resize: sources at x in / out.
  kBilinearTf1,
};

// "bicubic", "bilinear", "bilinear-tf1"; throws kUsage listing them.
ResizeFilter ParseResizeFilter(const std::string& name);

// Images (n, height, width, channels) of `from` -> the same of (height, width). Every channel
// alone, values are not clipped (a bicubic may overshoot). Sums in double.
std::vector<float> ResizeImages(std::span<const float> images, ImageShape from, int64_t height,
                                int64_t width, ResizeFilter filter);

}  // namespace tmpq
