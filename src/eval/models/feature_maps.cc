#include "src/eval/models/feature_maps.h"

#include <algorithm>

#include "kernels/include/kernels.h"
#include "src/core/error.h"
#include "src/metrics/feature_map_distance.h"
#include "src/models/conv_trunk.h"
#include "src/models/model_file.h"

namespace tmpq {

FeatureMapNet FeatureMapNet::Open(const std::string& name, const std::filesystem::path& bundled,
                                  std::optional<ResizeFilter> resize) {
  const ModelFile model = ModelFile::Load(FindModel(name, bundled));
  FeatureMapNet net;
  net.name_ = model.name;
  const Preprocessing preprocessing{.filter = resize.value_or(ResizeFilter::kBicubic)};
  for (const char* map : kTrunkMaps) {
    const auto& nodes = model.graph.nodes();
    if (std::none_of(nodes.begin(), nodes.end(),
                     [&](const Node& node) { return node.name == map; })) {
      throw Error(ErrorCode::kUnsupported, "network " + model.name,
                  std::string("has no map ") + map, "a feature network of tmpq-train has");
    }
    net.layers_.emplace_back(model.graph.CutAfter(map), model.parameters, model.hash,
                             kernels::BestKernels(), preprocessing);
  }
  return net;
}

std::vector<double> FeatureMapNet::Distances(std::span<const float> samples,
                                             std::span<const float> reference, const Shape& shape,
                                             int threads) const {
  layers_.front().CheckShape(shape);
  const auto count = static_cast<int64_t>(samples.size()) / ElementsOf(shape);
  std::vector<std::vector<float>> own, other;
  std::vector<FeatureMaps> maps;
  for (const FeatureExtractor& layer : layers_) {
    own.push_back(layer.Extract(samples, shape, threads));
    other.push_back(layer.Extract(reference, shape, threads));
  }
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Shape& map = layers_[i].feature_shape();
    maps.push_back({own[i], other[i], {map[0], map[1], map[2]}});
  }
  return FeatureMapDistances(maps, count);
}

}  // namespace tmpq
