// Measured values as JSON, one way for all programs: infinite and undefined numbers are null.
#pragma once

#include <cmath>

#include "src/core/json.h"
#include "src/metrics/estimate.h"

namespace tmpq {

inline Json NumberOrNull(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

inline Json EstimateToJson(const Estimate& estimate) {
  return {{"value", NumberOrNull(estimate.value)},
          {"low", NumberOrNull(estimate.low)},
          {"high", NumberOrNull(estimate.high)},
          {"n", estimate.n}};
}

}  // namespace tmpq
