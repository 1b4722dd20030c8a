#include "src/models/feature_net.h"

#include <string>

#include "src/graph/graph_builder.h"

namespace tmpq {
namespace {

constexpr int64_t kNormGroups = 8;

NodeId ConvNormSilu(GraphBuilder& b, const std::string& p, NodeId x, int64_t channels,
                    int64_t stride) {
  x = b.Conv2d(p + "conv", x, channels, 3, stride, 1);
  return b.Silu(p + "silu", b.GroupNorm(p + "norm", x, kNormGroups));
}

NodeId Residual(GraphBuilder& b, const std::string& p, NodeId x, int64_t channels) {
  const NodeId h = ConvNormSilu(b, p + "a.", x, channels, 1);
  return b.Add(p + "add", x, ConvNormSilu(b, p + "b.", h, channels, 1));
}

NodeId Trunk(GraphBuilder& b, const FeatureNetConfig& config) {
  NodeId x = b.Input("sample", {config.image_height, config.image_width, config.channels});
  x = ConvNormSilu(b, "stem.", x, config.width, 2);
  x = Residual(b, "stage1.", x, config.width);
  x = ConvNormSilu(b, "down2.", x, 2 * config.width, 2);
  x = Residual(b, "stage2.", x, 2 * config.width);
  x = ConvNormSilu(b, "down3.", x, 2 * config.width, 2);
  return b.Silu("features_silu", b.Linear("features", b.MeanPool("pool", x), config.features));
}

}  // namespace

Graph BuildFeatureClassifier(const FeatureNetConfig& config) {
  GraphBuilder b("feature-classifier");
  const NodeId features = Trunk(b, config);
  return b.Finish(b.Linear("classifier", features, config.classes));
}

Graph BuildFeatureNet(const FeatureNetConfig& config) {
  GraphBuilder b("feature-net");
  const NodeId features = Trunk(b, config);
  return b.Finish(features);
}

}  // namespace tmpq
