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

}  // namespace

Graph BuildFeatureClassifier(const FeatureNetConfig& config) {
  GraphBuilder b("feature-classifier");
  NodeId x = b.Input("sample", {config.image_height, config.image_width, config.channels});
  x = ConvNormSilu(b, "stem.", x, config.width, 2);
  x = Residual(b, "stage1.", x, config.width);
  x = ConvNormSilu(b, "down2.", x, 2 * config.width, 2);
  x = Residual(b, "stage2.", x, 2 * config.width);
  x = ConvNormSilu(b, "down3.", x, 2 * config.width, 2);
  x = b.Silu(kFeatureNode, b.Linear("features", b.MeanPool("pool", x), config.features));
  return b.Finish(b.Linear("classifier", x, config.classes));
}

}  // namespace tmpq
