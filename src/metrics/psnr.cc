#include "src/metrics/psnr.h"

#include <cmath>
#include <limits>

#include "src/core/error.h"

namespace tmpq {
namespace {
constexpr double kInfinity = std::numeric_limits<double>::infinity();
}  // namespace

std::vector<double> MeanSquaredErrors(std::span<const float> images,
                                      std::span<const float> reference, int64_t count) {
  TMPQ_CHECK(count > 0 && images.size() == reference.size() && images.size() % count == 0 &&
                 !images.empty(),
             "images to compare differ in size");
  const size_t elements = images.size() / count;
  std::vector<double> errors(count);
  for (int64_t sample = 0; sample < count; ++sample) {
    double sum = 0.0;
    for (size_t i = sample * elements; i < (sample + 1) * elements; ++i) {
      const double difference = static_cast<double>(images[i]) - reference[i];
      sum += difference * difference;
    }
    errors[sample] = sum / static_cast<double>(elements);
  }
  return errors;
}

double PsnrOfMse(double mean_squared_error) {
  if (mean_squared_error <= 0.0) return kInfinity;
  return 10.0 * std::log10(4.0 / mean_squared_error);
}

Estimate EstimatePsnr(std::span<const double> mean_squared_errors) {
  const Estimate error = EstimateMean(mean_squared_errors);
  if (!std::isfinite(error.value)) {
    return {-kInfinity, -kInfinity, -kInfinity, error.n};
  }
  return {PsnrOfMse(error.value), PsnrOfMse(error.high), PsnrOfMse(error.low), error.n};
}

Estimate EstimatePsnrDifference(std::span<const double> a, std::span<const double> b) {
  TMPQ_CHECK(a.size() == b.size(), "paired samples differ in number");
  const double first = EstimateMean(a).value, second = EstimateMean(b).value;
  const double value = PsnrOfMse(first) - PsnrOfMse(second);
  const auto count = static_cast<int64_t>(a.size());
  if (!std::isfinite(value)) return {value, value, value, count};
  std::vector<double> deviations(a.size());
  for (size_t i = 0; i < a.size(); ++i) deviations[i] = b[i] / second - a[i] / first;
  return WithStandardError(value, 10.0 / std::log(10.0) * StandardErrorOfMean(deviations), count);
}

Estimate EstimateSqnr(std::span<const float> values, std::span<const float> reference,
                      int64_t count) {
  const std::vector<double> errors = MeanSquaredErrors(values, reference, count);
  const std::vector<float> nothing(reference.size(), 0.0f);
  const std::vector<double> signals = MeanSquaredErrors(reference, nothing, count);
  const double error = EstimateMean(errors).value, signal = EstimateMean(signals).value;
  if (!std::isfinite(error)) return {-kInfinity, -kInfinity, -kInfinity, count};
  if (error == 0.0) return {kInfinity, kInfinity, kInfinity, count};
  if (signal == 0.0) return {-kInfinity, -kInfinity, -kInfinity, count};
  std::vector<double> deviations(count);
  for (int64_t i = 0; i < count; ++i) deviations[i] = signals[i] / signal - errors[i] / error;
  const double decibels = 10.0 / std::log(10.0);
  return WithStandardError(decibels * std::log(signal / error),
                           decibels * StandardErrorOfMean(deviations), count);
}

std::vector<Estimate> EstimateSqnrOfSteps(std::span<const float> values,
                                          std::span<const float> reference, int64_t steps,
                                          int64_t count) {
  TMPQ_CHECK(steps > 0 && values.size() == reference.size() && values.size() % steps == 0,
             "steps to compare differ in size");
  const size_t elements = values.size() / steps;
  std::vector<Estimate> estimates;
  for (int64_t step = 0; step < steps; ++step) {
    estimates.push_back(EstimateSqnr(values.subspan(step * elements, elements),
                                     reference.subspan(step * elements, elements), count));
  }
  return estimates;
}

}  // namespace tmpq
