#include "src/eval/models/measured_space.h"

#include "src/core/tensor_file.h"

namespace tmpq {

MeasuredSpace OpenMeasuredSpace(std::string feature_net, const std::string& statistics,
                                const Json& sampling, const Shape& shape, const std::string& where,
                                const std::filesystem::path& bundled) {
  if (feature_net.empty() && sampling.contains("feature_net")) {
    feature_net = JsonGet<std::string>(sampling, "feature_net", where);
  }
  MeasuredSpace measured{OpenFeatureSpace(feature_net, shape, bundled), nullptr, "", ""};
  if (measured.space.name == kRandomFeatures && statistics.empty()) return measured;
  const auto path =
      statistics.empty() ? StatisticsPath(feature_net, bundled) : std::filesystem::path(statistics);
  const FeatureExtractor& features = measured.features();
  measured.statistics = std::make_unique<FrechetReference>(
      ReadFeatureStatistics(path, features.dimension(), features.hash()));
  measured.reference = statistics.empty() ? "training set" : path.string();
  measured.statistics_hash = TensorFile(path).hash().Hex();
  return measured;
}

}  // namespace tmpq
