#include "src/data/raster.h"

#include <cmath>

namespace tmpq {
namespace {

constexpr int kSubpixels = 4;
constexpr double kArm = 1.0 / 3;  // half the width of a cross's arms

// Whether a point is in a shape of half-side 1 around the origin; y grows downwards.
bool Inside(RasterShape shape, double x, double y) {
  switch (shape) {
    case RasterShape::kCircle:
      return x * x + y * y <= 1;
    case RasterShape::kSquare:
      return std::fabs(x) <= 1 && std::fabs(y) <= 1;
    case RasterShape::kTriangle:  // apex above
      return y <= 1 && y >= -1 && std::fabs(x) <= (y + 1) / 2;
    case RasterShape::kCross:
      return std::fabs(x) <= 1 && std::fabs(y) <= 1 &&
             (std::fabs(x) <= kArm || std::fabs(y) <= kArm);
  }
  return false;
}

}  // namespace

double CoverageOf(const PlacedShape& placed, int64_t column, int64_t row) {
  int hits = 0;
  for (int i = 0; i < kSubpixels * kSubpixels; ++i) {
    const double x = static_cast<double>(column) + (i % kSubpixels + 0.5) / kSubpixels;
    const double y = static_cast<double>(row) + (i / kSubpixels + 0.5) / kSubpixels;
    hits += Inside(placed.shape, (x - placed.x) / placed.half, (y - placed.y) / placed.half);
  }
  return static_cast<double>(hits) / (kSubpixels * kSubpixels);
}

void PaintShape(const PlacedShape& placed, std::span<const float, 3> colour, int64_t size,
                std::span<float> picture) {
  for (int64_t row = 0; row < size; ++row) {
    for (int64_t column = 0; column < size; ++column) {
      const auto alpha = static_cast<float>(CoverageOf(placed, column, row));
      float* pixel = picture.data() + (row * size + column) * 3;
      for (int c = 0; c < 3; ++c) pixel[c] += alpha * (colour[c] - pixel[c]);
    }
  }
}

int NearestColour(std::span<const double, 3> colour, std::span<const float[3]> colours) {
  int best = 0;
  double least = INFINITY;
  for (size_t i = 0; i < colours.size(); ++i) {
    double distance = 0;
    for (int c = 0; c < 3; ++c) distance += std::pow(colour[c] - colours[i][c], 2);
    if (distance < least) least = distance, best = static_cast<int>(i);
  }
  return best;
}

}  // namespace tmpq
