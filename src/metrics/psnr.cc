#include "src/metrics/psnr.h"

#include <cmath>
#include <limits>

#include "src/core/error.h"

namespace tmpq {

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
  if (mean_squared_error <= 0.0) return std::numeric_limits<double>::infinity();
  return 10.0 * std::log10(4.0 / mean_squared_error);
}

Estimate EstimatePsnr(std::span<const double> mean_squared_errors) {
  const Estimate error = EstimateMean(mean_squared_errors);
  if (!std::isfinite(error.value)) {
    const double nothing = -std::numeric_limits<double>::infinity();
    return {nothing, nothing, nothing, error.n};
  }
  return {PsnrOfMse(error.value), PsnrOfMse(error.high), PsnrOfMse(error.low), error.n};
}

}  // namespace tmpq
