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
  // Pillow's BILINEAR: a triangle, widened when shrinking; video networks are fed through it.
  kTriangle,
  // torch.nn.functional.interpolate(mode="bilinear", align_corners=False) without antialiasing, as
  // pytorch-fid resizes: sources at (x + 1/2) in / out - 1/2, not below 0.
  kBilinear,
  // tf.image.resize_bilinear of TensorFlow 1 with align_corners=False, as the first FID code and
  // torch-fidelity resize: sources at x in / out.
  kBilinearTf1,
};

// "bicubic", "triangle", "bilinear", "bilinear-tf1"; throws kUsage listing them.
ResizeFilter ParseResizeFilter(const std::string& name);
const char* NameOf(ResizeFilter filter);

// What values a pass of resizing ends in.
enum class PassValues {
  kFloats,  // any; a bicubic may overshoot
  kBytes,   // of [-1, 1], those that bytes have: rounded and clipped, as Pillow's on byte pictures
};

// The nearest of -1, -1 + 1 / 127.5, .., 1; NaN stays.
double NearestByteValue(double value);

// Images (n, height, width, channels) of `from` -> the same of (height, width). Every channel
// alone: along the width, then along the height. Sums in double.
std::vector<float> ResizeImages(std::span<const float> images, ImageShape from, int64_t height,
                                int64_t width, ResizeFilter filter,
                                PassValues values = PassValues::kFloats);

}  // namespace tmpq
