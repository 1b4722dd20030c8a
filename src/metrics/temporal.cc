#include "src/metrics/temporal.h"

#include <cmath>
#include <limits>

#include "src/core/error.h"
#include "src/metrics/optical_flow.h"

namespace tmpq {
namespace {

// A sum that knows how many values it has.
struct RunningMean {
  double sum = 0;
  int64_t count = 0;

  void Add(double value) { sum += value, ++count; }
  double value() const {
    return count == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(count);
  }
};

int64_t CountOf(std::span<const float> clips, ClipShape shape) {
  TMPQ_CHECK(shape.frames >= 2 && shape.elements() > 0 && clips.size() % shape.elements() == 0,
             "clips do not fit their shape");
  return static_cast<int64_t>(clips.size()) / shape.elements();
}

double AbsoluteDifference(std::span<const float> a, std::span<const float> b, int64_t pixel,
                          int64_t channels) {
  double sum = 0.0;
  for (int64_t i = pixel * channels; i < (pixel + 1) * channels; ++i)
    sum += std::abs(static_cast<double>(a[i]) - b[i]);
  return sum / static_cast<double>(channels);
}

bool LeadsBack(const FlowField& forward, const FlowField& backward, int64_t pixel, double x,
               double y) {
  const double fx = forward.dx[pixel], fy = forward.dy[pixel];
  const double bx = SampleBilinear(backward.dx, backward.height, backward.width, x, y),
               by = SampleBilinear(backward.dy, backward.height, backward.width, x, y);
  const double gap = (fx + bx) * (fx + bx) + (fy + by) * (fy + by);
  return gap <= 0.01 * (fx * fx + fy * fy + bx * bx + by * by) + 0.5;
}

// Squared differences of `frame` and `next` sampled along the flow, over visible pixels.
void AddWarpingErrors(std::span<const float> frame, std::span<const float> next, ImageShape shape,
                      const FlowField& forward, const FlowField& backward, RunningMean& errors) {
  const int64_t pixels = shape.height * shape.width;
  std::vector<std::vector<double>> planes(shape.channels, std::vector<double>(pixels));
  for (int64_t i = 0; i < shape.elements(); ++i)
    planes[i % shape.channels][i / shape.channels] = next[i];
  for (int64_t i = 0; i < pixels; ++i) {
    const double x = static_cast<double>(i % shape.width) + forward.dx[i],
                 y = static_cast<double>(i / shape.width) + forward.dy[i];
    if (x < 0 || y < 0 || x > static_cast<double>(shape.width - 1) ||
        y > static_cast<double>(shape.height - 1) || !LeadsBack(forward, backward, i, x, y)) {
      continue;
    }
    for (int64_t c = 0; c < shape.channels; ++c) {
      const double difference = SampleBilinear(planes[c], shape.height, shape.width, x, y) -
                                frame[i * shape.channels + c];
      errors.Add(difference * difference);
    }
  }
}

struct MotionOfOne {
  RunningMean flow_score, flow_change, warping_error, static_difference;
};

MotionOfOne MeasureClip(std::span<const float> clip, ClipShape shape) {
  const int64_t elements = shape.frame.elements(), pixels = elements / shape.frame.channels;
  MotionOfOne motion;
  FlowField previous;
  for (int64_t f = 0; f + 1 < shape.frames; ++f) {
    const auto frame = clip.subspan(f * elements, elements),
               next = clip.subspan((f + 1) * elements, elements);
    FlowField forward = OpticalFlow(frame, next, shape.frame);
    AddWarpingErrors(frame, next, shape.frame, forward, OpticalFlow(next, frame, shape.frame),
                     motion.warping_error);
    for (int64_t i = 0; i < pixels; ++i) {
      const double length = std::hypot(forward.dx[i], forward.dy[i]);
      motion.flow_score.Add(length);
      if (length < kStaticPixels) {
        motion.static_difference.Add(AbsoluteDifference(frame, next, i, shape.frame.channels));
      }
      if (f > 0) {
        motion.flow_change.Add(
            std::hypot(forward.dx[i] - previous.dx[i], forward.dy[i] - previous.dy[i]));
      }
    }
    previous = std::move(forward);
  }
  if (shape.frames == 2) motion.flow_change.Add(0.0);
  return motion;
}

}  // namespace

std::vector<double> FrameDifferences(std::span<const float> clips, ClipShape shape) {
  const int64_t count = CountOf(clips, shape), elements = shape.frame.elements();
  std::vector<double> differences;
  for (int64_t i = 0; i < count; ++i) {
    const auto clip = clips.subspan(i * shape.elements(), shape.elements());
    double sum = 0.0;
    for (int64_t at = elements; at < shape.elements(); ++at)
      sum += std::abs(static_cast<double>(clip[at]) - clip[at - elements]);
    differences.push_back(sum / static_cast<double>(shape.elements() - elements));
  }
  return differences;
}

double VbenchFlicker(double frame_difference) {
  constexpr double kLevels = 255.0, kLevelsOfOne = 127.5;
  return (kLevels - kLevelsOfOne * frame_difference) / kLevels;
}

ClipMotion MeasureMotion(std::span<const float> clips, ClipShape shape) {
  const int64_t count = CountOf(clips, shape);
  CheckFlowShape(shape.frame);  // before the threads, which cannot throw
  ClipMotion motion;
  for (auto* values : {&motion.flow_score, &motion.flow_change, &motion.warping_error,
                       &motion.static_difference}) {
    values->resize(count);
  }
#pragma omp parallel for schedule(dynamic, 1)
  for (int64_t i = 0; i < count; ++i) {
    const MotionOfOne one =
        MeasureClip(clips.subspan(i * shape.elements(), shape.elements()), shape);
    motion.flow_score[i] = one.flow_score.value();
    motion.flow_change[i] = one.flow_change.value();
    motion.warping_error[i] = one.warping_error.value();
    motion.static_difference[i] = one.static_difference.value();
  }
  return motion;
}

Estimate EstimateOfDefined(std::span<const double> values) {
  std::vector<double> defined;
  for (const double value : values) {
    if (!std::isnan(value)) defined.push_back(value);
  }
  return EstimateMean(defined);
}

Estimate EstimateDefinedDifference(std::span<const double> a, std::span<const double> b) {
  TMPQ_CHECK(a.size() == b.size(), "paired clips differ in number");
  std::vector<double> differences(a.begin(), a.end());
  for (size_t i = 0; i < b.size(); ++i) differences[i] -= b[i];
  return EstimateOfDefined(differences);
}

}  // namespace tmpq
