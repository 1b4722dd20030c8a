// Temporal consistency of clips (clips, frames, height, width, channels) with values in [-1, 1].
//
// Each measure is one value a clip: estimate with EstimateOfDefined; a clip in which a measure
// looks at no pixel at all has NaN there and does not count. Estimand: the expected value over
// clips. Differences to the float model on the same noise ("delta flow" of ViDiT-Q for the flow
// score) are EstimateDefinedDifference's. Deterministic for any number of threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/metrics/estimate.h"
#include "src/metrics/image_shape.h"

namespace tmpq {

struct ClipShape {
  int64_t frames = 0;  // at least 2
  ImageShape frame;

  int64_t elements() const { return frames * frame.elements(); }
};

// Mean absolute difference of successive frames over all pixels and channels, on the scale [-1, 1]
// (2 at most). Motion raises it as flicker does.
std::vector<double> FrameDifferences(std::span<const float> clips, ClipShape shape);

// VBench's temporal flickering of such a difference: (255 - its size in grey levels) / 255, 1 is
// still. VBench takes it over static clips only.
double VbenchFlicker(double frame_difference);

// What optical flow between successive frames tells, one value a clip.
struct ClipMotion {
  // Mean over frames and pixels of the flow's length, in pixels: the "flow score".
  std::vector<double> flow_score;
  // Mean length of the difference of successive flows at the same pixel, in pixels: the second
  // difference of motion; smooth motion has little. 0 where there are only two frames.
  std::vector<double> flow_change;
  // Mean squared difference between a frame and the next one sampled along the flow, over pixels
  // that are not occluded (Lai et al. 2018). Falls with blur: read it beside flicker and sharpness.
  std::vector<double> warping_error;
  // FrameDifferences over pixels that the flow moves by less than kStaticPixels.
  std::vector<double> static_difference;
};

inline constexpr double kStaticPixels = 0.25;

// Occluded: the point leaves the frame, or the backward flow there does not lead back:
// |f + b|^2 > .01 (|f|^2 + |b|^2) + .5 (Sundaram et al. 2010). Frames of 8 x 8 pixels at least
// (kInput).
ClipMotion MeasureMotion(std::span<const float> clips, ClipShape shape);

// EstimateMean over the values that are no NaN. Throws kInput when fewer than two are left.
Estimate EstimateOfDefined(std::span<const double> values);
// EstimatePairedDifference over the clips where both values are defined.
Estimate EstimateDefinedDifference(std::span<const double> a, std::span<const double> b);

}  // namespace tmpq
