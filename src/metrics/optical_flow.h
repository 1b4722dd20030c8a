// A small dense optical flow: Horn and Schunck (1981) with warping over an image pyramid.
//
// Brightness is the mean over channels. The pyramid halves (5-tap binomial filter) while both sides
// stay at 16 pixels or more. On each level, coarse to fine, the second image is warped by
// the flow so far (bicubic), the brightness constancy is linearised there, and smoothness is solved
// for by a fixed number of Jacobi sweeps. Points that leave the image have no data term. In double,
// one thread a pair, no randomness: the same bytes everywhere the contract of docs/numerics.md
// holds.
//
// Accuracy (tests/metrics): mean endpoint error below 0.05 pixels on textures translated by up to
// 3 pixels, fractions included, away from the border. It smooths over the edges of moving objects,
// and where nothing is textured the flow is that of the surroundings.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/metrics/image_shape.h"

namespace tmpq {

// The point (x, y) of the first image is at (x + dx, y + dy) in the second; pixels, (height,
// width).
struct FlowField {
  int64_t height = 0, width = 0;
  std::vector<double> dx, dy;
};

inline constexpr int64_t kSmallestFlowSide = 8;  // pixels
// Throws kInput for frames that are smaller.
void CheckFlowShape(ImageShape shape);

// Flow from `first` to `second`, images of `shape` in [-1, 1].
FlowField OpticalFlow(std::span<const float> first, std::span<const float> second,
                      ImageShape shape);

// Value of a plane (height, width) at a point that may lie between pixels, by bilinear
// interpolation; points outside count as the nearest border point.
double SampleBilinear(std::span<const double> plane, int64_t height, int64_t width, double x,
                      double y);

}  // namespace tmpq
