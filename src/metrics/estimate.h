// A measured value with its 95 % interval.
#pragma once

#include <cstdint>

namespace tmpq {

// 1.96 standard errors on each side hold 95 % of a normal distribution.
inline constexpr double kNormal95 = 1.96;

struct Estimate {
  double value = 0;
  double low = 0;
  double high = 0;
  int64_t n = 0;  // samples
};

}  // namespace tmpq
