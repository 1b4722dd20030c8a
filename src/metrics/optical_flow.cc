#include "src/metrics/optical_flow.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "src/core/error.h"
#include "src/metrics/sharpness.h"

namespace tmpq {
namespace {

constexpr int64_t kCoarsestSide = 16;  // below, textures of small frames alias
constexpr int kWarps = 8, kSweeps = 40;
// Weight of smoothness against squared brightness gradients of images in [-1, 1]. On the textures
// of tests/metrics/video_test.cc .002 diverges, .01 errs at 2 pixels, .03 and .1 are equally good.
constexpr double kSmoothness = 0.05;

struct Plane {
  int64_t height = 0, width = 0;
  std::vector<double> values;

  double At(int64_t y, int64_t x) const {  // the border repeats
    y = std::clamp<int64_t>(y, 0, height - 1), x = std::clamp<int64_t>(x, 0, width - 1);
    return values[y * width + x];
  }
};

Plane MakePlane(int64_t height, int64_t width) {
  return {height, width, std::vector<double>(height * width, 0.0)};
}

// Half the size, after a 1 4 6 4 1 filter along both axes.
Plane Halve(const Plane& plane) {
  constexpr double kBinomial[] = {1.0 / 16, 4.0 / 16, 6.0 / 16, 4.0 / 16, 1.0 / 16};
  Plane half = MakePlane((plane.height + 1) / 2, (plane.width + 1) / 2);
  for (int64_t y = 0; y < half.height; ++y) {
    for (int64_t x = 0; x < half.width; ++x) {
      double sum = 0.0;
      for (int i = 0; i < 5; ++i) {
        for (int j = 0; j < 5; ++j)
          sum += kBinomial[i] * kBinomial[j] * plane.At(2 * y + i - 2, 2 * x + j - 2);
      }
      half.values[y * half.width + x] = sum;
    }
  }
  return half;
}

// A flow of half the size on twice the grid: pixel (y, x) of it lies at (y / 2, x / 2).
FlowField Double(const FlowField& flow, int64_t height, int64_t width) {
  FlowField fine{height, width, std::vector<double>(height * width),
                 std::vector<double>(height * width)};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const double half_x = 0.5 * static_cast<double>(x), half_y = 0.5 * static_cast<double>(y);
      const auto sample = [&](const std::vector<double>& plane) {
        return 2.0 * SampleBilinear(plane, flow.height, flow.width, half_x, half_y);
      };
      fine.dx[y * width + x] = sample(flow.dx), fine.dy[y * width + x] = sample(flow.dy);
    }
  }
  return fine;
}

// Catmull-Rom weights of the pixels -1, 0, 1, 2 around a point `share` behind pixel 0.
void CubicWeights(double share, double weights[4]) {
  const double s = share, s2 = s * s, s3 = s2 * s;
  weights[0] = 0.5 * (-s3 + 2.0 * s2 - s);
  weights[1] = 0.5 * (3.0 * s3 - 5.0 * s2 + 2.0);
  weights[2] = 0.5 * (-3.0 * s3 + 4.0 * s2 + s);
  weights[3] = 0.5 * (s3 - s2);
}

double SampleBicubic(const Plane& plane, double x, double y) {
  const auto left = static_cast<int64_t>(std::floor(x)), top = static_cast<int64_t>(std::floor(y));
  double across[4], down[4], sum = 0.0;
  CubicWeights(x - static_cast<double>(left), across);
  CubicWeights(y - static_cast<double>(top), down);
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) sum += down[i] * across[j] * plane.At(top + i - 1, left + j - 1);
  }
  return sum;
}

// The linearised brightness constancy around a flow: dx * (u - u0) + dy * (v - v0) + dt = 0.
struct DataTerm {
  std::vector<double> dx, dy, dt;
};

DataTerm Linearise(const Plane& first, const Plane& second, const FlowField& flow) {
  const int64_t height = first.height, width = first.width, size = height * width;
  Plane warped = first;
  std::vector<char> inside(size, 0);
  for (int64_t i = 0; i < size; ++i) {
    const double x = static_cast<double>(i % width) + flow.dx[i],
                 y = static_cast<double>(i / width) + flow.dy[i];
    inside[i] = x >= 0 && y >= 0 && x <= static_cast<double>(width - 1) &&
                y <= static_cast<double>(height - 1);
    if (inside[i]) warped.values[i] = SampleBicubic(second, x, y);
  }
  DataTerm term{std::vector<double>(size, 0.0), std::vector<double>(size, 0.0),
                std::vector<double>(size, 0.0)};
  for (int64_t i = 0; i < size; ++i) {
    if (!inside[i]) continue;
    const int64_t y = i / width, x = i % width;
    const auto slope = [&](const Plane& plane, int64_t by_y, int64_t by_x) {
      return 0.5 * (plane.At(y + by_y, x + by_x) - plane.At(y - by_y, x - by_x));
    };
    term.dx[i] = 0.5 * (slope(first, 0, 1) + slope(warped, 0, 1));
    term.dy[i] = 0.5 * (slope(first, 1, 0) + slope(warped, 1, 0));
    term.dt[i] = warped.values[i] - first.values[i];
  }
  return term;
}

// Horn and Schunck's mean of the eight neighbours: 1/6 for sides, 1/12 for corners.
double NeighbourMean(const Plane& plane, int64_t y, int64_t x) {
  return (plane.At(y - 1, x) + plane.At(y + 1, x) + plane.At(y, x - 1) + plane.At(y, x + 1)) / 6.0 +
         (plane.At(y - 1, x - 1) + plane.At(y - 1, x + 1) + plane.At(y + 1, x - 1) +
          plane.At(y + 1, x + 1)) /
             12.0;
}

void Solve(const DataTerm& term, FlowField& flow) {
  const int64_t height = flow.height, width = flow.width;
  Plane u{height, width, flow.dx}, v{height, width, flow.dy};
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    const Plane old_u = u, old_v = v;
    for (int64_t i = 0; i < height * width; ++i) {
      const double mean_u = NeighbourMean(old_u, i / width, i % width),
                   mean_v = NeighbourMean(old_v, i / width, i % width);
      const double residual =
          term.dx[i] * (mean_u - flow.dx[i]) + term.dy[i] * (mean_v - flow.dy[i]) + term.dt[i];
      const double step =
          residual / (kSmoothness + term.dx[i] * term.dx[i] + term.dy[i] * term.dy[i]);
      u.values[i] = mean_u - term.dx[i] * step;
      v.values[i] = mean_v - term.dy[i] * step;
    }
  }
  flow.dx = std::move(u.values), flow.dy = std::move(v.values);
}

}  // namespace

double SampleBilinear(std::span<const double> plane, int64_t height, int64_t width, double x,
                      double y) {
  x = std::clamp(x, 0.0, static_cast<double>(width - 1));
  y = std::clamp(y, 0.0, static_cast<double>(height - 1));
  const auto left = static_cast<int64_t>(x), top = static_cast<int64_t>(y);
  const int64_t right = std::min(left + 1, width - 1), bottom = std::min(top + 1, height - 1);
  const double across = x - static_cast<double>(left), down = y - static_cast<double>(top);
  const double above =
      plane[top * width + left] * (1 - across) + plane[top * width + right] * across;
  const double below =
      plane[bottom * width + left] * (1 - across) + plane[bottom * width + right] * across;
  return above * (1 - down) + below * down;
}

void CheckFlowShape(ImageShape shape) {
  if (std::min(shape.height, shape.width) < kSmallestFlowSide) {
    throw Error(ErrorCode::kInput, "optical flow",
                "frames of " + std::to_string(shape.height) + " x " + std::to_string(shape.width) +
                    " are too small",
                "at least 8 x 8 pixels");
  }
}

FlowField OpticalFlow(std::span<const float> first, std::span<const float> second,
                      ImageShape shape) {
  CheckFlowShape(shape);
  std::vector<Plane> firsts = {{shape.height, shape.width, GreyOf(first, shape)}},
                     seconds = {{shape.height, shape.width, GreyOf(second, shape)}};
  while (std::min(firsts.back().height, firsts.back().width) >= 2 * kCoarsestSide) {
    firsts.push_back(Halve(firsts.back()));
    seconds.push_back(Halve(seconds.back()));
  }
  const Plane& coarsest = firsts.back();
  FlowField flow{coarsest.height, coarsest.width, std::vector<double>(coarsest.values.size(), 0.0),
                 std::vector<double>(coarsest.values.size(), 0.0)};
  for (size_t level = firsts.size(); level-- > 0;) {
    const Plane& plane = firsts[level];
    if (level + 1 < firsts.size()) flow = Double(flow, plane.height, plane.width);
    for (int warp = 0; warp < kWarps; ++warp) Solve(Linearise(plane, seconds[level], flow), flow);
  }
  return flow;
}

}  // namespace tmpq
