#include "src/eval/models/feature_space.h"

#include <cmath>

#include "kernels/include/kernels.h"
#include "src/core/error.h"
#include "src/core/random.h"
#include "src/models/feature_net.h"

namespace tmpq {
namespace {

constexpr uint64_t kRandomSeed = 20260;  // of the random features, part of what they are

// He's rule for SiLU networks; norms are ones and zeros.
ParameterSet RandomWeights(const Graph& graph) {
  ParameterSet parameters;
  uint64_t stream = 0;
  for (const Node& node : graph.nodes()) {
    for (const auto& [role, shape] : node.parameters) {
      std::vector<float> values(ElementsOf(shape));
      if (shape.size() > 1) {
        FillNormal(kRandomSeed, RandomPurpose::kInitialWeights, stream++, values);
        const double fan_in = static_cast<double>(values.size()) / static_cast<double>(shape[0]);
        for (float& value : values) value *= static_cast<float>(std::sqrt(2 / fan_in));
      } else if (node.kind == OpKind::kGroupNorm && role == "weight") {
        std::fill(values.begin(), values.end(), 1.0f);
      }
      parameters.Set(node.name + "." + role, std::move(values));
    }
  }
  return parameters;
}

FeatureSpace RandomSpace(const Shape& shape) {
  FeatureNetConfig config;
  if (shape.size() > 3) config.frames = shape[shape.size() - 4];
  config.image_height = shape[shape.size() - 3], config.image_width = shape[shape.size() - 2];
  config.channels = shape.back();
  config.classes = 1;
  const Graph graph = BuildFeatureClassifier(config).CutAfter(kFeatureNode);
  const Hash128 hash =
      HashString(graph.ToJson().dump() + kRandomFeatures + std::to_string(kRandomSeed));
  return {kRandomFeatures, std::make_unique<FeatureExtractor>(graph, RandomWeights(graph), hash,
                                                              kernels::BestKernels())};
}

}  // namespace

FeatureSpace OpenFeatureSpace(const std::string& name, const Shape& shape,
                              const std::filesystem::path& bundled) {
  if (name.empty() || name == kRandomFeatures) return RandomSpace(shape);
  const ModelFile model = ModelFile::Load(FindModel(name, bundled));
  const Graph graph = model.graph.CutAfter(kFeatureNode);
  const NodeId sample = graph.FindInput("sample");
  if (sample < 0 || graph.node(sample).shape != shape) {
    throw Error(ErrorCode::kInput, "feature network " + model.name,
                "does not take samples of " + ShapeText(shape),
                "name another with --feature-net, or " + std::string(kRandomFeatures));
  }
  return {model.name, std::make_unique<FeatureExtractor>(graph, model.parameters, model.hash,
                                                         kernels::BestKernels())};
}

std::filesystem::path StatisticsPath(const std::string& name,
                                     const std::filesystem::path& bundled) {
  return FindModel(name, bundled).parent_path() / "statistics.safetensors";
}

}  // namespace tmpq
