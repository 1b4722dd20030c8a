#include "src/quant/range.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/include/numerics.h"
#include "src/core/error.h"

namespace tmpq {
namespace {

// Shares of the full range that kMse tries: 1, 0.99, .. 0.3.
constexpr int kMseTrials = 71;
constexpr double kMseStep = 0.01;

ValueRange FullRange(std::span<const float> values, bool symmetric) {
  ValueRange range;
  for (const float value : values) {
    if (value < range.low) range.low = value;
    if (value > range.high) range.high = value;
  }
  if (symmetric) {
    range.high = std::max(range.high, -range.low);
    range.low = -range.high;
  }
  return range;
}

// The value that `share` of `values` do not exceed; consumes their order.
float Quantile(std::vector<float>& values, double share) {
  const auto last = static_cast<double>(values.size() - 1);
  const auto index = static_cast<int64_t>(std::llround(share * last));
  std::nth_element(values.begin(), values.begin() + index, values.end());
  return values[index];
}

ValueRange PercentileRange(std::span<const float> values, bool symmetric, double percentile) {
  std::vector<float> sorted(values.begin(), values.end());
  for (float& value : sorted) {
    if (std::isnan(value)) value = 0;
    if (symmetric) value = std::fabs(value);
  }
  if (sorted.empty()) return {};
  const float high = std::max(0.0f, Quantile(sorted, percentile / 100));
  if (symmetric) return {-high, high};
  return {std::min(0.0f, Quantile(sorted, 1 - percentile / 100)), high};
}

double SquaredError(std::span<const float> values, ValueRange range, int bits, bool symmetric) {
  const Grid grid = GridOf(range, bits, symmetric);
  double sum = 0;
  for (const float value : values) {
    if (std::isnan(value)) continue;  // 0, which every grid has
    const int q = RoundToGrid(grid, bits, symmetric, value);
    const double error = static_cast<double>(value) -
                         static_cast<double>(grid.scale) * static_cast<double>(q + grid.offset);
    sum += error * error;
  }
  return sum;
}

}  // namespace

RangeMethod ParseRangeMethod(const std::string& name) {
  if (name == "minmax") return RangeMethod::kMinMax;
  if (name == "percentile") return RangeMethod::kPercentile;
  if (name == "mse") return RangeMethod::kMse;
  throw Error(ErrorCode::kUsage, "range", "is unknown: \"" + name + "\"",
              "minmax, percentile or mse");
}

ValueRange FindRange(std::span<const float> values, int bits, bool symmetric, RangeMethod method,
                     double percentile) {
  if (method == RangeMethod::kPercentile) return PercentileRange(values, symmetric, percentile);
  const ValueRange full = FullRange(values, symmetric);
  if (method == RangeMethod::kMinMax) return full;
  ValueRange best = full;
  double least = SquaredError(values, full, bits, symmetric);
  for (int trial = 1; trial < kMseTrials; ++trial) {
    const auto share = static_cast<float>(1 - trial * kMseStep);
    const ValueRange range = {full.low * share, full.high * share};
    const double error = SquaredError(values, range, bits, symmetric);
    if (error < least) least = error, best = range;
  }
  return best;
}

Grid GridOf(ValueRange range, int bits, bool symmetric) {
  if (symmetric) {
    const kernels::RowScale scale = kernels::ScaleOf(range.high, kernels::QMax(bits));
    return {scale.scale, scale.inverse, 0};
  }
  const kernels::RangeScale scale = kernels::ScaleOfRange(range.low, range.high, bits);
  return {scale.scale, scale.inverse, scale.offset};
}

int8_t RoundToGrid(const Grid& grid, int bits, bool symmetric, float value) {
  return symmetric ? kernels::QuantizeValue(value, grid.inverse, kernels::QMax(bits))
                   : kernels::QuantizeToRange(value, grid.inverse, grid.offset, bits);
}

}  // namespace tmpq
