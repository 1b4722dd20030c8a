#include "src/metrics/estimate.h"

#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "src/core/error.h"

namespace tmpq {

double Mean(std::span<const double> values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double StudentT975(int64_t degrees_of_freedom) {
  TMPQ_CHECK(degrees_of_freedom >= 1, "a deviation needs two samples");
  return quantile(boost::math::students_t(static_cast<double>(degrees_of_freedom)), 0.975);
}

Estimate WithStandardError(double value, double standard_error, int64_t n) {
  if (!std::isfinite(value)) return {value, value, value, n};
  const double half = StudentT975(n - 1) * standard_error;
  return {value, value - half, value + half, n};
}

double StandardErrorOfMean(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  if (values.size() < 2) {
    throw Error(ErrorCode::kInput, "samples",
                "are too few for an interval: got " + std::to_string(values.size()),
                "at least 2 are needed");
  }
  const double mean = Mean(values);
  double squares = 0.0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / ((n - 1) * n));
}

Estimate EstimateMean(std::span<const double> values) {
  const double standard_error = StandardErrorOfMean(values);
  return WithStandardError(Mean(values), standard_error, static_cast<int64_t>(values.size()));
}

Estimate EstimatePairedDifference(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size()) {
    throw Error(
        ErrorCode::kInput, "paired samples",
        "differ in number: " + std::to_string(a.size()) + " against " + std::to_string(b.size()),
        "row i of both comes from the same noise");
  }
  std::vector<double> differences(a.begin(), a.end());
  for (size_t i = 0; i < b.size(); ++i) differences[i] -= b[i];
  return EstimateMean(differences);
}

}  // namespace tmpq
