#include "src/eval/models/measured_space.h"

#include "src/core/tensor_file.h"
#include "src/metrics/feature_statistics.h"
#include "src/models/model_file.h"

namespace tmpq {

std::string FeatureNetOf(const Json& sampling, const std::string& where) {
  return sampling.contains("feature_net") ? JsonGet<std::string>(sampling, "feature_net", where)
                                          : "";
}

namespace {

// The network that `sampling` names as `key`, or the bundled one of its world: "scenes" + `ending`.
std::string NamedOrBundled(const Json& sampling, const char* key, const std::string& ending,
                           const std::string& where, const std::filesystem::path& bundled) {
  if (sampling.contains(key)) return JsonGet<std::string>(sampling, key, where);
  const Json text = TextOf(sampling);
  const std::string judge = text.is_object() ? text.value("judge", "") : "";
  return !judge.empty() && std::filesystem::exists(bundled / (judge + ending)) ? judge + ending
                                                                               : "";
}

}  // namespace

std::string TextEncoderOf(const Json& sampling, const std::string& where,
                          const std::filesystem::path& bundled) {
  return NamedOrBundled(sampling, "text_encoder", "-encoder", where, bundled);
}

std::string RewardModelOf(const Json& sampling, const std::string& where,
                          const std::filesystem::path& bundled) {
  return NamedOrBundled(sampling, "reward_model", "-reward", where, bundled);
}

ReferenceDistribution OpenReference(const std::string& feature_net, const FeatureSpace& space,
                                    const std::filesystem::path& statistics,
                                    const std::filesystem::path& bundled) {
  std::filesystem::path path = statistics;
  if (path.empty() && space.name != kRandomFeatures) path = StatisticsPath(feature_net, bundled);
  if (path.empty()) return {};
  const FeatureExtractor& features = *space.features;
  return {std::make_unique<FrechetReference>(
              ReadFeatureStatistics(path, features.dimension(), features.hash())),
          statistics.empty() ? "training set" : path.string(), TensorFile(path).hash().Hex()};
}

MeasuredSpace OpenMeasuredSpace(std::string feature_net, const std::string& statistics,
                                const Json& sampling, const Shape& shape, const std::string& where,
                                const std::filesystem::path& bundled,
                                std::optional<ResizeFilter> resize) {
  if (feature_net.empty()) feature_net = FeatureNetOf(sampling, where);
  MeasuredSpace measured{OpenFeatureSpace(feature_net, shape, bundled, {.resize = resize}), {}};
  measured.reference = OpenReference(feature_net, measured.space, statistics, bundled);
  return measured;
}

}  // namespace tmpq
