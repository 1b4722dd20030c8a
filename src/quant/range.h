// Ranges of values that integers span: of a group of weights, or of a static activation.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace tmpq {

// What range of values the integers span.
enum class RangeMethod {
  kMinMax,      // all values
  kPercentile,  // but for a share of outliers, which are clamped
  kMse,         // the share of the range with the least squared error
};
RangeMethod ParseRangeMethod(const std::string& name);

// A range holds 0. Symmetric ranges have low = -high.
struct ValueRange {
  float low = 0, high = 0;
};

// `percentile`: of the magnitudes, or of either end. NaNs count as 0.
ValueRange FindRange(std::span<const float> values, int bits, bool symmetric, RangeMethod method,
                     double percentile);

// The grid of a range: scale (q + offset) is the value; symmetric grids have offset 0.
struct Grid {
  float scale = 0, inverse = 0;
  int32_t offset = 0;
};
Grid GridOf(ValueRange range, int bits, bool symmetric);
int8_t RoundToGrid(const Grid& grid, int bits, bool symmetric, float value);

}  // namespace tmpq
