#include "src/models/feature_net.h"

#include "src/models/conv_trunk.h"

namespace tmpq {

Graph BuildFeatureClassifier(const FeatureNetConfig& config) {
  GraphBuilder b("feature-classifier");
  const NodeId sample =
      SampleInput(b, config.frames, config.image_height, config.image_width, config.channels);
  const NodeId pooled = ConvTrunk(b, sample, config.width);
  const NodeId features = b.Silu(kFeatureNode, b.Linear("features", pooled, config.features));
  return b.Finish(b.Linear("classifier", features, config.classes));
}

}  // namespace tmpq
