#include "src/eval/files/metric_networks.h"

#include <algorithm>

namespace tmpq {

MetricNetworks::MetricNetworks(const MetricNetworkNames& names, const std::set<MetricNeeds>& needs,
                               const Shape& shape, const std::filesystem::path& bundled) {
  const auto needs_any = [&](std::initializer_list<MetricNeeds> kinds) {
    return std::any_of(kinds.begin(), kinds.end(),
                       [&](MetricNeeds kind) { return needs.count(kind) > 0; });
  };
  const auto open = [&](FeatureOutput output) {
    return OpenFeatureSpace(names.feature_net, shape, bundled, {names.resize, output});
  };
  const bool has_pictures = !shape.empty();
  if (!names.feature_net.empty()) {
    if (needs_any({MetricNeeds::kFeatures, MetricNeeds::kSpatialFeatures, MetricNeeds::kLogits,
                   MetricNeeds::kPairedFeatures})) {
      features_ = open(FeatureOutput::kFeatures);
      json_["feature_net"] = tmpq::ToJson(features_);
    }
    if (has_pictures && needs_any({MetricNeeds::kSpatialFeatures})) {
      spatial_ = open(FeatureOutput::kMaps);
    }
    if (has_pictures && needs_any({MetricNeeds::kLogits})) logits_ = open(FeatureOutput::kLogits);
    if (needs_any({MetricNeeds::kFeatureMaps})) {
      maps_ = std::make_unique<FeatureMapNet>(
          FeatureMapNet::Open(names.feature_net, bundled, names.resize));
      json_["feature_net"] = maps_->ToJson();
    }
  }
  const auto note = [&](const char* use, const auto& encoder) {
    json_[use] = {{"name", encoder.name()}, {"hash", encoder.hash().Hex()}};
  };
  if (!names.text_encoder.empty() && needs_any({MetricNeeds::kEncoder})) {
    encoder_ =
        std::make_unique<AlignmentEncoder>(AlignmentEncoder::Open(names.text_encoder, bundled));
    note("text_encoder", *encoder_);
  }
  if (!names.reward_model.empty() &&
      needs_any({MetricNeeds::kRewardModel, MetricNeeds::kRewardPairs})) {
    reward_model_ = OpenRewardModel(names.reward_model, bundled);
    note("reward_model", *reward_model_);
  }
  if (shape.size() > 3 && needs_any({MetricNeeds::kFrameFeatures})) {
    frames_ = OpenFeatureSpace(names.frame_net, Shape(shape.end() - 3, shape.end()), bundled);
    json_["frame_net"] = tmpq::ToJson(frames_);
  }
}

void MetricNetworks::LendTo(FileComparison& comparison) const {
  comparison.features = features_.features.get();
  comparison.published = features_.published;
  comparison.spatial = spatial_.features.get();
  comparison.logits = logits_.features.get();
  comparison.frames = frames_.features.get();
  comparison.maps = maps_.get();
  comparison.encoder = encoder_.get();
  comparison.reward_model = reward_model_.get();
}

}  // namespace tmpq
