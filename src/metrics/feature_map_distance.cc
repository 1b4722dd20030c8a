#include "src/metrics/feature_map_distance.h"

#include <cmath>

#include "src/core/error.h"

namespace tmpq {
namespace {

// 1 / |vector|, 0 for a vector of zeros.
double InverseLength(std::span<const float> vector) {
  double squares = 0.0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  return squares == 0.0 ? 0.0 : 1.0 / std::sqrt(squares);
}

double DistanceOfUnits(std::span<const float> a, std::span<const float> b) {
  const double scale_a = InverseLength(a), scale_b = InverseLength(b);
  double sum = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = a[i] * scale_a - b[i] * scale_b;
    sum += difference * difference;
  }
  return sum;
}

}  // namespace

std::vector<double> FeatureMapDistances(std::span<const FeatureMaps> layers, int64_t count) {
  std::vector<double> distances(count, 0.0);
  for (const FeatureMaps& layer : layers) {
    const int64_t channels = layer.shape.channels, elements = layer.shape.elements();
    TMPQ_CHECK(elements > 0 && static_cast<int64_t>(layer.images.size()) == count * elements &&
                   layer.images.size() == layer.reference.size(),
               "feature maps differ in size");
    for (int64_t i = 0; i < count; ++i) {
      double sum = 0.0;
      for (int64_t at = i * elements; at < (i + 1) * elements; at += channels) {
        sum += DistanceOfUnits(layer.images.subspan(at, channels),
                               layer.reference.subspan(at, channels));
      }
      distances[i] += sum * static_cast<double>(channels) /
                      static_cast<double>(elements * static_cast<int64_t>(layers.size()));
    }
  }
  return distances;
}

}  // namespace tmpq
