#include "src/metrics/rank_correlation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr size_t kFewest = 5;
constexpr double kNormal975 = 1.959963984540054;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void CheckSides(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size() || a.size() < kFewest) {
    throw Error(ErrorCode::kInput, "rank correlation",
                "of " + std::to_string(a.size()) + " and " + std::to_string(b.size()) + " values",
                "both sides need the same candidates, at least " + std::to_string(kFewest));
  }
  for (const std::span<const double>& side : {a, b}) {
    if (std::any_of(side.begin(), side.end(), [](double value) { return std::isnan(value); })) {
      throw Error(ErrorCode::kInput, "rank correlation", "meets NaN, which has no rank");
    }
  }
}

// 1 for the smallest; equal values have the mean of their places.
std::vector<double> RanksOf(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t i, size_t j) { return values[i] < values[j]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) {
      ranks[order[i]] = static_cast<double>(begin + end + 1) / 2;
    }
  }
  return ranks;
}

double Sign(double a, double b) { return a < b ? -1.0 : a > b ? 1.0 : 0.0; }

// `step`: between 1 and the next value that the correlation can have.
Estimate WithFisher(double value, double step, double variance_of_z, int64_t n) {
  if (std::isnan(value)) return {kNan, kNan, kNan, n};
  value = std::clamp(value, -1.0, 1.0);
  const double inner = std::clamp(value, -1 + step, 1 - step);
  const double z = std::atanh(inner), half = kNormal975 * std::sqrt(variance_of_z);
  return {value, value == -1.0 ? -1.0 : std::tanh(z - half),
          value == 1.0 ? 1.0 : std::tanh(z + half), n};
}

}  // namespace

Estimate EstimateSpearman(std::span<const double> a, std::span<const double> b) {
  CheckSides(a, b);
  const std::vector<double> x = RanksOf(a), y = RanksOf(b);
  const auto n = static_cast<double>(x.size());
  const double mean = (n + 1) / 2;
  double xx = 0, yy = 0, xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
    xy += (x[i] - mean) * (y[i] - mean);
  }
  const double r = xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : kNan;
  return WithFisher(r, 12 / (n * (n * n - 1)), (1 + r * r / 2) / (n - 3),
                    static_cast<int64_t>(x.size()));
}

Estimate EstimateKendall(std::span<const double> a, std::span<const double> b) {
  CheckSides(a, b);
  double agreement = 0, ordered_a = 0, ordered_b = 0;
  for (size_t i = 1; i < a.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const double in_a = Sign(a[i], a[j]), in_b = Sign(b[i], b[j]);
      agreement += in_a * in_b;
      ordered_a += std::abs(in_a);
      ordered_b += std::abs(in_b);
    }
  }
  const auto n = static_cast<double>(a.size());
  const double tau =
      ordered_a > 0 && ordered_b > 0 ? agreement / std::sqrt(ordered_a * ordered_b) : kNan;
  return WithFisher(tau, 4 / (n * (n - 1)), 0.437 / (n - 4), static_cast<int64_t>(a.size()));
}

}  // namespace tmpq
